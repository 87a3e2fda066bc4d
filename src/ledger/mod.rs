//! What a change is, what decides about it, and what it appends to the chain. Pure: it knows neither disk nor clock.
//!
//! The store asks the [`Ledger`] for a [`Draft`], gives it the changes of a batch one by one, writes what they
//! [append](Appended), and puts the ledger of the draft in the place of the old one once that is on disk.

pub mod chain;
mod change;
mod draft;
mod fields;
mod forgotten;
pub mod replay;
mod state;
#[cfg(test)]
mod tests;
mod unfold;
mod written;

pub use self::change::{Change, Deed, Receipt, Rejected, UsedToken};
pub use self::draft::{Appended, Draft, KEPT_EVERY};
pub use self::forgotten::Forgotten;
pub use self::state::{StrategyState, seal, seal_list};
pub use self::unfold::Unfolded;
pub use self::written::{read_changes, read_list, write_changes, write_list};
use crate::domain::book::Book;
use crate::domain::strategy::StrategyId;
use chain::Head;

/// All that decides about the next change. A clone costs nothing, so a batch works on its own.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Every strategy's current list.
    pub book: Book,
    /// Where the chain ends.
    pub head: Head,
    /// The number that the next strategy gets.
    pub next_strategy: StrategyId,
    /// Of which tokens it is no longer known whether they were used.
    pub forgotten: Forgotten,
}
