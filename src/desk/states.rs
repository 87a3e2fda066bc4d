//! What the operator lets strategies do, by when their pushes are expected, and whether polls are answered.

use super::lists::by_hand;
use super::{Desk, NotDone};
use crate::auth::rights::Operator;
use crate::domain::account::AccountName;
use crate::domain::position::Position;
use crate::domain::revision::Revision;
use crate::domain::schedule::Schedule;
use crate::domain::state::{Pause, State};
use crate::domain::strategy::StrategyName;
use crate::ledger::{Deed, Document, HoldAction, Put, Receipt, SetState};

/// What a strategy is to be let do.
#[derive(Debug, Clone)]
pub struct StateWish {
    /// What.
    pub state: State,
    /// Why.
    pub note: Option<String>,
    /// What becomes of a push that waits.
    pub waiting: Option<HoldAction>,
    /// The push that was seen to wait: with it, nothing is done when another one does.
    pub seen: Option<Revision>,
}

impl Desk {
    /// Settles what a strategy may do. With `expected`, only if the newest of its list and of its state is that revision.
    ///
    /// # Errors
    /// When a condition does not hold, or the store cannot be read or written.
    pub async fn set_state(
        &self,
        by: &Operator,
        strategy: StrategyName,
        wish: StateWish,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        let StateWish { state, note, waiting, seen } = wish;
        let back_to = self.list_before_flat(&strategy).await?;
        let deed = Deed::SetState(SetState { state, note, waiting, seen, back_to });
        Ok(self.store.submit(by_hand(by, strategy, deed, expected)).await?)
    }

    /// The list that a strategy goes back to when it is flat no more.
    pub(super) async fn list_before_flat(
        &self,
        strategy: &StrategyName,
    ) -> Result<Option<(Revision, Vec<Position>)>, NotDone> {
        let book = self.store.book();
        let standing = book.settings().standing(strategy).map(|(standing, _)| standing);
        match standing.filter(|standing| standing.state == State::Flat).and_then(|standing| standing.target) {
            Some(target) => Ok(Some((target, self.positions_to_restore(strategy, target).await?))),
            None => Ok(None),
        }
    }

    /// Sets back the last sequence that a strategy's pushes took; with None any is accepted.
    ///
    /// # Errors
    /// As [`Self::set_state`].
    pub async fn set_sequence(
        &self,
        by: &Operator,
        strategy: StrategyName,
        last: Option<i64>,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        Ok(self.store.submit(by_hand(by, strategy, Deed::SetSequence(last), expected)).await?)
    }

    /// Settles by when a strategy's pushes are expected; None when that is not said any more.
    ///
    /// # Errors
    /// As [`Self::set_state`].
    pub async fn set_schedule(
        &self,
        by: &Operator,
        strategy: StrategyName,
        schedule: Option<Schedule>,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        self.put(by, Document::Schedule(strategy, schedule), expected).await
    }

    /// Settles whether the polls of an account, or with None of everything, are answered.
    ///
    /// # Errors
    /// As [`Self::set_state`].
    pub async fn pause(&self, by: &Operator, account: Option<AccountName>, pause: Pause) -> Result<Receipt, NotDone> {
        self.put(by, Document::Pause(account, pause), None).await
    }

    /// Settles something around the lists.
    pub(super) async fn put(
        &self,
        by: &Operator,
        document: Document,
        expected_revision: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        let address = Some(by.address().to_string());
        Ok(self.store.settle(Put { document, actor: by.actor(), address, expected_revision }).await?)
    }
}
