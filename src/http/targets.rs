//! Answers about what accounts are to hold: made once for each state of an account, as those about the total are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::AppState;
use super::api::accounts::TargetAnswer;
use super::api::positions::AccountTotalAnswer;
use super::asking::{Making, Question};
use super::cache::Prepared;
use super::error::AppError;
use super::making::Once;
use crate::clock::Clock;
use crate::desk::terminals::WaitingPoll;
use crate::domain::account::AccountName;
use crate::domain::book::{Book, Mark};
use crate::domain::code::Notation;
use crate::domain::settings::Settled;
use crate::domain::target::TargetMark;

/// How a target is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// Line by line, with holds.
    Lines(Notation),
    /// As a merged total, for terminals that know nothing else.
    Total(Notation),
}

#[derive(Debug, Clone)]
struct Kept {
    mark: Mark,
    answer: Arc<Once<Arc<Prepared>>>,
}

/// The newest answers about accounts' targets.
#[derive(Debug, Default)]
pub(super) struct Targets(Mutex<HashMap<(AccountName, Shape), Kept>>);

impl Targets {
    /// The answer about a state of an account's target in a book, made or to be made.
    pub(super) fn of(&self, book: &Book, account: &AccountName, shape: Shape, mark: Mark) -> Arc<Once<Arc<Prepared>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.clone(), shape);
        match kept.get(&key) {
            Some(kept) if kept.mark == mark => Arc::clone(&kept.answer),
            // Whoever holds an older book must not take its answers away from the others.
            Some(kept) if kept.mark.revision > mark.revision => Arc::default(),
            _ => {
                let answer = Arc::new(Once::default());
                if !kept.contains_key(&key) {
                    // Those about accounts that are no more go where one comes.
                    kept.retain(|(name, _), _| book.settings().account(name).is_some());
                }
                kept.insert(key, Kept { mark, answer: Arc::clone(&answer) });
                answer
            }
        }
    }
}

/// What the entity tag of a target is made from: also who has spoken, because holds depend on it.
fn tagged(mark: TargetMark) -> Mark {
    let chain = u64::from_be_bytes(mark.mark.chain) ^ mark.spoken.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Mark { chain: chain.to_be_bytes(), ..mark.mark }
}

/// What an account is to hold, unless its polls are paused or what it should hold is not known.
pub(super) struct OfTarget {
    account: AccountName,
    shape: Shape,
    clock: Clock,
    /// Keeps the account for the terminal that asks, also while it waits.
    _seat: Option<WaitingPoll>,
}

impl OfTarget {
    pub(super) fn new(state: &AppState, account: AccountName, shape: Shape, seat: Option<WaitingPoll>) -> Self {
        Self { account, shape, clock: state.clock.clone(), _seat: seat }
    }

    fn settled<'a>(&self, book: &'a Book) -> Result<&'a Arc<Settled>, AppError> {
        let settled = book.settings().account(&self.account);
        settled.ok_or_else(|| AppError::UnknownAccount(self.account.clone()))
    }
}

/// Refuses the old shape to an account that holds what is never to be traded: nobody knows how much of it there is, and
/// terminals of old sell what is not named.
fn unless_never_traded(settled: &Settled, notation: Notation) -> Result<(), AppError> {
    let never = settled.account.protected.iter().filter(|own| own.volume.is_none());
    let codes: Vec<_> = never.map(|own| own.code.to(notation)).collect();
    if codes.is_empty() { Ok(()) } else { Err(AppError::NeverTraded(codes)) }
}

impl Question for OfTarget {
    fn mark(&self, book: &Book) -> Result<Option<Mark>, AppError> {
        let settled = self.settled(book)?;
        if let Some((pause, _)) = book.settings().paused(Some(&self.account)) {
            return Err(AppError::Paused(pause.note.clone()));
        }
        if let Shape::Total(notation) = self.shape {
            unless_never_traded(settled, notation)?;
        }
        Ok(Some(tagged(book.target_mark(settled, self.clock.now())?)))
    }

    fn making(&self) -> Making {
        Making::Target(self.account.clone(), self.shape)
    }

    fn make(&self, book: &Book, state: &AppState) -> Result<Prepared, AppError> {
        let target = state.desk.target(book, self.settled(book)?, self.clock.now())?;
        match self.shape {
            Shape::Lines(notation) => {
                state.answers.prepare(&TargetAnswer::new(&self.account, &target, notation, &state.zone))
            }
            Shape::Total(notation) => state.answers.prepare(&AccountTotalAnswer::new(&target, notation, &state.zone)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::revision::{Revision, Topic};
    use crate::domain::settings::Setting;

    fn name(text: &str) -> AccountName {
        AccountName::parse(text).unwrap()
    }

    fn mark(revision: i64) -> Mark {
        Mark { revision: Revision::new(revision), ..Mark::START }
    }

    /// A book with these accounts.
    fn book(accounts: &[&str]) -> Book {
        let mut book = Book::default();
        for account in accounts.iter().copied().map(name) {
            let settings = serde_json::from_str(r#"{"strategies": [{"name": "alpha"}]}"#).unwrap();
            let settled = Settled { name: account.clone(), account: settings, former: Vec::new(), mark: mark(1) };
            book.settings_mut().settle(Topic::Account(account), Setting::Account(settled), mark(1));
        }
        book
    }

    #[test]
    fn answers_are_kept_as_long_as_their_account_and_no_older_book_takes_them() {
        let (targets, shape) = (Targets::default(), Shape::Lines(Notation::Qmt));
        let (both, one) = (book(&["main", "other"]), book(&["other"]));
        let kept = targets.of(&both, &name("main"), shape, mark(3));
        assert!(Arc::ptr_eq(&kept, &targets.of(&both, &name("main"), shape, mark(3))));
        assert!(!Arc::ptr_eq(&kept, &targets.of(&both, &name("main"), shape, mark(2))));
        assert!(Arc::ptr_eq(&kept, &targets.of(&both, &name("main"), shape, mark(3))), "an older book took it");
        // Once main is deleted, the next answer about another account lets go of those about it.
        targets.of(&one, &name("other"), shape, mark(4));
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}
