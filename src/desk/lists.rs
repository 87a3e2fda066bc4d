//! Strategies' lists: pushed, corrected, restored, removed; and what that would change.

use std::sync::Arc;

use super::{Desk, NotDone};
use crate::auth::rights::{Operator, Permit};
use crate::domain::book::Book;
use crate::domain::calendar::Day;
use crate::domain::position::{InstrumentChange, Position, PositionList};
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;
use crate::ledger::{Aside, Change, Deed, Receipt, Rejected};
use crate::store::NotStored;
use crate::store::history::ListAsOf;

/// What somebody thinks of doing to a strategy.
#[derive(Debug)]
pub enum Proposal {
    /// To put this list in the place of its own.
    Correct(Vec<Position>),
    /// To go back to the list of a revision.
    Restore(Revision),
    /// To take it out of lists and totals.
    Remove,
}

/// What a proposal would change.
#[derive(Debug)]
pub struct Preview {
    /// The revision that the strategy is at: what was seen is done only if it still is.
    pub expected: Revision,
    /// The book as it is.
    pub before: Arc<Book>,
    /// The book as it would be.
    pub after: Book,
    /// What would change in the strategy's list.
    pub changes: Vec<InstrumentChange>,
    /// How many lines of the list are left out, because their last day is over.
    pub over: usize,
}

impl Desk {
    /// Puts a list in the place of the one that a program pushed before.
    ///
    /// # Errors
    /// When a condition of the push does not hold, or the store cannot write.
    pub async fn push(&self, permit: Permit, positions: Vec<Position>, aside: Aside) -> Result<Receipt, NotStored> {
        let Permit { actor, strategy, address, token, .. } = permit;
        let change = Change::new(strategy, Deed::Replace(positions), actor, Some(address.to_string()));
        self.store.submit(Change { token, aside, ..change }).await
    }

    /// Puts a list in the place of a strategy's own, by hand. With `expected`, only if it is at that revision.
    ///
    /// # Errors
    /// When a condition does not hold, or the store cannot write.
    pub async fn correct(
        &self,
        by: &Operator,
        strategy: StrategyName,
        positions: Vec<Position>,
        expected: Option<Revision>,
        sequence: Option<i64>,
    ) -> Result<Receipt, NotDone> {
        let aside = Aside { sequence, ..Aside::default() };
        let change = Change { aside, ..by_hand(by, strategy, Deed::Replace(positions), expected) };
        Ok(self.store.submit(change).await?)
    }

    /// Goes back to the list of a revision, and lets pushes wait from then on if `freeze`. With `expected`, only if the
    /// strategy is at that revision.
    ///
    /// # Errors
    /// When there is nothing to go back to, a condition does not hold, or the store cannot be read or written.
    pub async fn restore(
        &self,
        by: &Operator,
        strategy: StrategyName,
        to: Revision,
        freeze: bool,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        let deed = Deed::Restore { to, positions: self.positions_to_restore(&strategy, to).await?, freeze };
        Ok(self.store.submit(by_hand(by, strategy, deed, expected)).await?)
    }

    /// Takes a strategy out of lists and totals; later pushes wait, unless the next one may `revive` it. With `expected`,
    /// only if it is at that revision.
    ///
    /// # Errors
    /// When there is none, a condition does not hold, or the store cannot write.
    pub async fn remove(
        &self,
        by: &Operator,
        strategy: StrategyName,
        revive: bool,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        Ok(self.store.submit(by_hand(by, strategy, Deed::Remove { revive }, expected)).await?)
    }

    /// What a proposal would change; nothing is stored.
    ///
    /// # Errors
    /// When there is nothing to remove or to go back to, or the store cannot be read.
    pub async fn preview(&self, strategy: &StrategyName, proposal: Proposal) -> Result<Preview, NotDone> {
        let before = self.store.book();
        let mut list = match proposal {
            Proposal::Correct(positions) => Some(positions),
            Proposal::Restore(to) => Some(self.positions_to_restore(strategy, to).await?),
            Proposal::Remove if before.strategy(strategy).is_none() => {
                return Err(Rejected::UnknownStrategy(strategy.clone()).into());
            }
            Proposal::Remove => None,
        };
        let mut over = 0;
        if let Some(list) = &mut list {
            let (given, today) = (list.len(), Day::of(self.store.now()));
            // As it would be written.
            list.retain(|position| !position.is_over(today));
            over = given - list.len();
        }
        let expected = before.list_revision(strategy);
        let (after, changes) = before.supposing(strategy, list);
        Ok(Preview { expected, before, after, changes, over })
    }

    /// A strategy's list as an edit of it found it at a revision.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list_at(&self, strategy: &StrategyName, revision: Revision) -> Result<PositionList, NotDone> {
        Ok(self.store.list_as_of(strategy, revision).await?.and_then(|then| then.list).unwrap_or_default())
    }

    pub(super) async fn positions_to_restore(
        &self,
        strategy: &StrategyName,
        revision: Revision,
    ) -> Result<Vec<Position>, NotDone> {
        if revision > self.store.book().revision() || revision <= Revision::NONE {
            return Err(NotDone::UnknownRevision(revision));
        }
        match self.store.list_as_of(strategy, revision).await? {
            Some(ListAsOf { list: Some(list), .. }) => {
                // It is decided anew, at a price that nobody told.
                Ok(list.iter().map(|position| position.clone().at_price(None)).collect())
            }
            _ => Err(NotDone::NothingToRestore { strategy: strategy.clone(), revision }),
        }
    }
}

pub(super) fn by_hand(by: &Operator, strategy: StrategyName, deed: Deed, expected: Option<Revision>) -> Change {
    let change = Change::new(strategy, deed, by.actor(), Some(by.address().to_string()));
    Change { expected_revision: expected, ..change }
}
