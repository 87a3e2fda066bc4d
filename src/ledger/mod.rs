//! What a change is, what decides about it, and what it appends to the chain. Pure: it knows neither disk nor clock.
//!
//! The store asks the [`Ledger`] for a [`Draft`], gives it the changes of a batch one by one, writes what they
//! [append](Appended), and puts the ledger of the draft in the place of the old one once that is on disk.

mod admit;
mod attributed;
pub mod chain;
mod change;
mod checkpoint;
mod document;
mod draft;
mod fields;
mod forgotten;
mod line;
pub mod replay;
mod report;
mod settle;
mod state;
#[cfg(test)]
mod tests;
mod unfold;
mod written;

pub use self::attributed::Attributed;
pub use self::change::{
    Aside, Change, Deed, Document, HoldAction, MAX_AHEAD, Put, Receipt, Rejected, SetState, UsedToken,
};
pub use self::checkpoint::Snapshot;
pub use self::document::{DocumentState, read_setting};
pub use self::draft::{Appended, Draft, is_kept_at};
pub use self::forgotten::Forgotten;
pub use self::line::{Line, Lines};
pub use self::report::{Filed, FiledStep, Filing, seal_reported};
pub use self::settle::former;
pub use self::state::{StrategyState, seal, seal_list, seal_past, written_met};
pub use self::unfold::Unfolded;
pub use self::written::{hashed, read_changes, read_hashed, read_list, write_changes, write_list};
use std::sync::Arc;

use crate::domain::account::AccountName;
use crate::domain::attribution::Attribution;
use crate::domain::book::Book;
use crate::domain::revision::Topic;
use crate::domain::strategy::StrategyId;
use chain::Head;
use imbl::OrdMap;

/// All that decides about the next change. A clone costs nothing, so a batch works on its own.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Every strategy's current list.
    pub book: Book,
    /// Where the chain ends.
    pub head: Head,
    /// The number that the next strategy gets.
    pub next_strategy: StrategyId,
    /// What is settled, as it is written; what it says is in the book.
    pub documents: OrdMap<Topic, Arc<DocumentState>>,
    /// The number that the next document gets.
    pub next_document: i64,
    /// What accounts hold, divided among those who want it.
    pub attributions: OrdMap<AccountName, Arc<Attribution>>,
    /// Of which tokens it is no longer known whether they were used.
    pub forgotten: Forgotten,
}

impl Default for Ledger {
    /// Before the first change.
    fn default() -> Self {
        Self {
            book: Book::default(),
            head: Head::START,
            next_strategy: StrategyId::FIRST,
            documents: OrdMap::new(),
            next_document: 1,
            attributions: OrdMap::new(),
            forgotten: Forgotten::default(),
        }
    }
}
