//! Pushes that wait: approved or discarded by the operator, never by whoever pushed.

use super::lists::by_hand;
use super::{Desk, NotDone};
use crate::auth::rights::Operator;
use crate::domain::revision::{Revision, Subject, Topic};
use crate::domain::strategy::StrategyName;
use crate::ledger::{Deed, Receipt, Rejected};

impl Desk {
    /// Puts a push that waits in force; what is approved is what was seen, or nothing. With `expected`, only if the list that
    /// it replaces is at that revision.
    ///
    /// # Errors
    /// When it does not wait any more, its strategy is flat or closed, the list has moved on, or the store cannot write.
    pub async fn approve(
        &self,
        by: &Operator,
        hold: Revision,
        expected: Option<Revision>,
    ) -> Result<(StrategyName, Receipt), NotDone> {
        self.decide(by, hold, Deed::Approve(hold), expected).await
    }

    /// Drops a push that waits.
    ///
    /// # Errors
    /// When it does not wait any more, or the store cannot write.
    pub async fn discard(&self, by: &Operator, hold: Revision) -> Result<(StrategyName, Receipt), NotDone> {
        self.decide(by, hold, Deed::Discard(hold), None).await
    }

    async fn decide(
        &self,
        by: &Operator,
        hold: Revision,
        deed: Deed,
        expected: Option<Revision>,
    ) -> Result<(StrategyName, Receipt), NotDone> {
        let book = self.store.book();
        let found = book.settings().holds().find(|(_, waiting)| waiting.id == hold).map(|(name, _)| name.clone());
        let strategy = match found {
            Some(strategy) => strategy,
            None => self.whose(hold).await?.ok_or(Rejected::HoldGone { hold, waiting: None })?,
        };
        let receipt = self.store.submit(by_hand(by, strategy.clone(), deed, expected)).await?;
        Ok((strategy, receipt))
    }

    /// Whose push once waited under a number: what waits in its place is told to who still names the old one.
    async fn whose(&self, hold: Revision) -> Result<Option<StrategyName>, NotDone> {
        let subject = self.store.revision(hold).await?.map(|revision| revision.subject);
        Ok(match subject {
            Some(Subject::Document(Topic::Hold(strategy))) => Some(strategy),
            _ => None,
        })
    }
}
