//! What a change does to what terminals are told: to the merged total, and to accounts' targets.

use std::sync::Arc;

use super::super::AppState;
use super::super::error::AppError;
use super::changes::ChangeLine;
use super::sheet::{Sheet, lines_between};
use super::sort::Sort;
use crate::desk::Preview;
use crate::domain::account::{Account, AccountName, Adjustments};
use crate::domain::book::Book;
use crate::domain::moment::Moment;
use crate::domain::position::InstrumentChange;
use crate::domain::settings::Settled;
use crate::domain::strategy::{Kind, StrategyName};
use crate::domain::target::Incomplete;

/// How many lines of what it does to a target are shown.
const LINES: usize = 500;

/// Of how many accounts it is shown before a change is made.
const ACCOUNTS: usize = 20;

/// What it did to an account's target, or with None to the merged total.
pub(super) struct Effect {
    pub(super) account: Option<AccountName>,
    pub(super) lines: Vec<ChangeLine>,
    pub(super) hidden: usize,
    /// Strategies of which nothing is known afterwards: then no target is told.
    pub(super) unknown: Vec<StrategyName>,
    /// Whether no target was told before.
    pub(super) begins: bool,
}

/// Whether a strategy or an overlay counts in an account.
pub(super) fn follows(account: &Account, name: &StrategyName) -> bool {
    let is_taken = match &account.adjustments {
        Adjustments::All => name.kind() == Kind::Adjustment,
        Adjustments::Named(names) => names.contains(name),
    };
    is_taken || account.strategies.iter().any(|share| share.name == *name)
}

/// What changed, apart from whose target did not.
pub(super) fn parted(effects: Vec<Effect>) -> (Vec<Effect>, Vec<AccountName>) {
    let (changed, same): (Vec<_>, Vec<_>) =
        effects.into_iter().partition(|effect| !effect.lines.is_empty() || !effect.unknown.is_empty());
    (changed, same.into_iter().filter_map(|effect| effect.account).collect())
}

impl Effect {
    /// What the merged total became, as terminals take it: never below zero.
    pub(super) fn on_total(before: &Book, after: &Book, changes: &[InstrumentChange]) -> Self {
        let instruments = || {
            changes.iter().filter_map(|change| {
                let entry = change.after.first().or(change.before.first())?;
                Some((&change.instrument, &entry.position))
            })
        };
        Self::new(None, lines_between(Sheet::of_sums(before, instruments()), Sheet::of_sums(after, instruments())))
    }

    pub(super) fn between(
        account: Option<AccountName>,
        before: Result<Sheet, Incomplete>,
        after: Result<Sheet, Incomplete>,
    ) -> Self {
        match (before, after) {
            (Ok(before), Ok(after)) => Self::new(account, lines_between(before, after)),
            (Err(_), Ok(after)) => Self { begins: true, ..Self::new(account, lines_between(Sheet::default(), after)) },
            (_, Err(unknown)) => Self { account, lines: Vec::new(), hidden: 0, unknown: unknown.0, begins: false },
        }
    }

    fn new(account: Option<AccountName>, mut lines: Vec<ChangeLine>) -> Self {
        // A price that was paid elsewhere moves no share.
        lines.retain(|line| !line.delta.is_zero());
        Sort::of_changes("", "").apply(&mut lines);
        let hidden = lines.len().saturating_sub(LINES);
        lines.truncate(LINES);
        Self { account, lines, hidden, unknown: Vec::new(), begins: false }
    }
}

/// What a change would do to the targets that the accounts which follow a strategy have now.
#[derive(Default)]
pub(super) struct OnAccounts {
    pub(super) effects: Vec<Effect>,
    /// Of how many more it is not shown.
    pub(super) hidden: usize,
}

impl OnAccounts {
    /// Of what is proposed for a strategy. Made where other sums are, and not on the threads that answer.
    pub(super) async fn of(state: &AppState, preview: &Preview, name: &StrategyName) -> Result<Self, AppError> {
        let (before, after) = (Arc::clone(&preview.before), preview.after.clone());
        let (name, now) = (name.clone(), state.clock.now());
        state.workshop.make(move || Ok(Self::between(&before, &after, &name, now))).await
    }

    pub(super) fn between(before: &Book, after: &Book, name: &StrategyName, now: Moment) -> Self {
        let mut accounts = before.settings().accounts().filter(|(_, settled)| follows(&settled.account, name));
        let effect = |(account, settled): (&AccountName, &Arc<Settled>)| {
            let sheet = |book| Sheet::of_target(book, settled, now);
            Effect::between(Some(account.clone()), sheet(before), sheet(after))
        };
        Self { effects: accounts.by_ref().take(ACCOUNTS).map(effect).collect(), hidden: accounts.count() }
    }
}
