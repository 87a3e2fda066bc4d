//! Trading accounts: settled, and what a change of one, or of a strategy's list, would make its terminal trade.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Desk, NotDone};
use crate::auth::rights::Operator;
use crate::domain::account::{Account, AccountName};
use crate::domain::board::Board;
use crate::domain::book::{Book, Mark};
use crate::domain::calendar::Day;
use crate::domain::code::{Code, Instrument};
use crate::domain::decimal::{Scaled, Volume};
use crate::domain::guard::{Finding, Intended};
use crate::domain::moment::Moment;
use crate::domain::position::Position;
use crate::domain::report::Side;
use crate::domain::reported::Reported;
use crate::domain::revision::Revision;
use crate::domain::settings::Settled;
use crate::domain::strategy::StrategyName;
use crate::domain::target::{Incomplete, Target, TargetLine, TargetMark};
use crate::ledger::{Document, Receipt, former};

/// What each account is to hold, as it was added up last.
#[derive(Debug, Clone, Default)]
pub(super) struct Targets(Arc<Mutex<HashMap<AccountName, AddedUp>>>);

/// A target, and the state that it is of.
type AddedUp = (TargetMark, Arc<Target>);

/// What is supposed, to see what it would do.
#[derive(Debug)]
pub enum Supposed {
    /// A strategy had this list.
    List(StrategyName, Vec<Position>),
    /// The account were so.
    Account(Account),
}

/// What a terminal that holds today's target would trade to hold another.
#[derive(Debug, Clone)]
pub struct Order {
    /// The instrument, as it was spelled.
    pub code: Code,
    /// What it is called, where that was said.
    pub name: Option<String>,
    /// Which way.
    pub side: Side,
    /// How many shares.
    pub volume: Volume,
    /// What the strategies paid on average: CNY per share. The market may ask something else.
    pub price: Option<f64>,
    /// Whether the line carries a hold: then nothing of it is traded now.
    pub is_held: bool,
}

/// What something supposed would make a terminal trade.
#[derive(Debug)]
pub struct AccountPreview {
    /// Sales first; none where it is not known what the terminal holds now, or would hold.
    pub orders: Vec<Order>,
    /// What the orders need, at the prices above: CNY; below zero where sales bring more. None where they are not known.
    pub cash_needed: Option<f64>,
    /// Lines that lots keep from what is wanted: wanted exactly, and to be held.
    pub rounded: Vec<(Code, Scaled, Volume)>,
    /// What guards would say of the list.
    pub findings: Vec<Finding>,
    /// Strategies of which nothing is known: the target would not be answered at all.
    pub incomplete: Option<Incomplete>,
    /// Strategies of which nothing is known now: neither is what the terminal holds by its target, nor what it would trade.
    pub present_unknown: Option<Incomplete>,
}

impl Desk {
    /// Settles a trading account. With `expected`, only if it is at that revision.
    ///
    /// # Errors
    /// When the condition does not hold, or the store cannot write.
    pub async fn set_account(
        &self,
        by: &Operator,
        name: AccountName,
        account: Account,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        self.put(by, Document::Account(name, Some(account)), expected).await
    }

    /// Takes an account away: its terminal is answered nothing any more, and holds nothing. With `expected`, only if it is at
    /// that revision.
    ///
    /// # Errors
    /// When there is none, the condition does not hold, or the store cannot write.
    pub async fn remove_account(
        &self,
        by: &Operator,
        name: AccountName,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        let receipt = self.put(by, Document::Account(name.clone(), None), expected).await?;
        self.terminals.release(&name);
        Ok(receipt)
    }

    /// Frees an account from whichever terminal holds it; false when none did.
    pub fn release_terminal(&self, by: &Operator, account: &AccountName) -> bool {
        let released = self.terminals.release(account);
        if released {
            tracing::info!(address = %by.address(), %account, "an account's terminal was released");
        }
        released
    }

    /// What an account is to hold at `now`: added up once for each state of it.
    ///
    /// # Errors
    /// When nothing is known of what one of its strategies wants.
    pub fn target(&self, book: &Book, settled: &Settled, now: Moment) -> Result<Arc<Target>, Incomplete> {
        let mark = book.target_mark(settled, now)?;
        let kept = || self.targets.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().get(&settled.name).filter(|(of, _)| *of == mark).map(|(_, target)| Arc::clone(target));
        if let Some(target) = known {
            return Ok(target);
        }
        let target = Arc::new(book.target(settled, now)?);
        let mut kept = kept();
        if !kept.contains_key(&settled.name) {
            // Those of accounts that are no more go where one comes.
            kept.retain(|name, _| book.settings().account(name).is_some());
        }
        // Whoever holds an older book must not take its target away from the others.
        if kept.get(&settled.name).is_none_or(|(of, _)| of.mark.revision <= mark.mark.revision) {
            kept.insert(settled.name.clone(), (mark, Arc::clone(&target)));
        }
        Ok(target)
    }

    /// What something supposed would make an account's terminal trade; nothing is stored.
    pub fn preview_account(&self, settled: &Settled, supposed: Supposed, now: Moment) -> AccountPreview {
        let book = self.store.book();
        // An account that is not there yet holds nothing. Not among the targets that are kept: the book may know another account by now.
        let before = (settled.mark.revision != Revision::NONE).then(|| book.target(settled, now)).transpose();
        let (after, findings) = match supposed {
            Supposed::List(name, positions) => {
                let findings = findings(&book, &name, &positions, now);
                let (after, _) = book.supposing(&name, Some(positions));
                (after.supposing_said(&name, now).target(settled, now), findings)
            }
            Supposed::Account(account) => {
                let mark = Mark { revision: book.revision(), ..settled.mark };
                let before = Some(&settled.account);
                let former = former(&book, &settled.former, before, Some(&account));
                let supposed = Settled { name: settled.name.clone(), account, former, mark };
                (book.target(&supposed, now), Vec::new())
            }
        };
        AccountPreview::new(book.reported(&settled.name).map(|reported| &**reported), before, after, findings)
    }
}

/// What guards would say of a list that is pushed now.
fn findings(book: &Book, strategy: &StrategyName, positions: &[Position], at: Moment) -> Vec<Finding> {
    let intended = Intended { strategy, positions, at, sequences: (None, None) };
    book.settings().guards().map(|guards| book.findings(guards, intended)).unwrap_or_default()
}

impl AccountPreview {
    fn new(
        reported: Option<&Reported>,
        before: Result<Option<Target>, Incomplete>,
        after: Result<Target, Incomplete>,
        findings: Vec<Finding>,
    ) -> Self {
        // What the terminal has reported is what it holds, whatever was wanted.
        let (before, present_unknown) = match before {
            Ok(before) => (before, None),
            Err(incomplete) => (None, reported.is_none().then_some(incomplete)),
        };
        let known = after.as_ref().ok().filter(|_| present_unknown.is_none());
        let orders = known.map(|after| orders(reported, before.as_ref(), after));
        let signed = |order: &Order| {
            let value = order.volume.approximate() * order.price.unwrap_or_default();
            if order.side == Side::Sell { -value } else { value }
        };
        let odd =
            |line: &&TargetLine| !line.exact.is_negative() && line.exact.floor() + line.protected.into() != line.volume;
        let lines = after.as_ref().map(|after| after.lines.as_slice()).unwrap_or_default();
        Self {
            cash_needed: orders.as_ref().map(|orders| orders.iter().filter(|order| !order.is_held).map(signed).sum()),
            orders: orders.unwrap_or_default(),
            rounded: lines.iter().filter(odd).map(|line| (line.code.clone(), line.exact, line.volume)).collect(),
            findings,
            incomplete: after.err(),
            present_unknown,
        }
    }
}

/// What leads to a target: from what was reported, or else from another target, or from nothing.
fn orders(reported: Option<&Reported>, before: Option<&Target>, after: &Target) -> Vec<Order> {
    let held: HashMap<Instrument, &TargetLine> =
        before.into_iter().flat_map(|before| &before.lines).map(|line| (line.code.instrument(), line)).collect();
    let order = |line: &TargetLine| {
        let instrument = line.code.instrument();
        let before = held.get(&instrument).copied();
        // A line that was not there was not held by the account's strategies.
        let by_target = || before.map_or_else(|| line.protected.into(), |line| line.volume);
        let volume = reported.map_or_else(by_target, |reported| reported.held(&instrument).into());
        order(volume, before, line)
    };
    let mut orders: Vec<Order> = after.lines.iter().filter_map(order).collect();
    orders.sort_by_key(|order| order.side == Side::Buy);
    orders
}

/// What a terminal would order now to hold a target, beside what it has ordered: as much as it may sell and the exchange
/// takes, sales first.
pub fn orders_of(target: &Target, reported: &Reported, day: Day) -> Vec<Order> {
    // Orders of another day are over.
    let is_of_the_day = Day::of(reported.at) == day;
    let in_flight = Some(reported).filter(|_| is_of_the_day).map(Reported::in_flight).unwrap_or_default();
    let rest = |order: Order| {
        let instrument = order.code.instrument();
        let ordered: Volume = in_flight.get(&(instrument.clone(), order.side)).copied().unwrap_or_default().into();
        let sellable = reported.holdings.get(&instrument).map_or(0, |holding| holding.sellable);
        let volume = order.volume - ordered.min(order.volume);
        let volume = if order.side == Side::Sell { volume.min(sellable.into()) } else { volume };
        let held = reported.held(&instrument).into();
        let board = Board::of_at(&instrument, day);
        let volume = board.map_or(volume, |board| board.tradable(order.side, volume, held));
        (volume > Volume::default()).then_some(Order { volume, ..order })
    };
    orders(Some(reported), None, target).into_iter().filter_map(rest).collect()
}

/// What leads from what is held to a line.
fn order(held: Volume, before: Option<&TargetLine>, after: &TargetLine) -> Option<Order> {
    if held == after.volume {
        return None;
    }
    let (side, volume) =
        if held > after.volume { (Side::Sell, held - after.volume) } else { (Side::Buy, after.volume - held) };
    let price = after.average.or_else(|| before.and_then(|line| line.average));
    let name = after.name.as_deref().map(str::to_owned);
    Some(Order { code: after.code.clone(), name, side, volume, price, is_held: after.hold.is_some() })
}
