//! What terminals report: filed, and looked back at.

use tokio::sync::oneshot;

use super::Store;
use super::ahead::Command;
use super::error::{NotStored, Unavailable};
use super::sqlite::{fills, holding_changes};
use crate::domain::account::AccountName;
use crate::domain::moment::Moment;
use crate::domain::report::Fill;
use crate::domain::reported::HoldingChange;
use crate::ledger::{Filed, Filing};

/// From a moment on, and before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From when on.
    pub from: Moment,
    /// Before when.
    pub to: Moment,
}

/// How a holding moved once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldThen {
    /// When the server heard of it.
    pub at: Moment,
    /// How.
    pub change: HoldingChange,
}

impl Store {
    /// Files what a terminal reports; as [`Self::submit`].
    ///
    /// # Errors
    /// When the report is older than the last one, there is no such account, or as [`Self::submit`].
    pub async fn file(&self, filing: Filing) -> Result<Filed, NotStored> {
        let (answer, filed) = oneshot::channel();
        self.ask(Command::Report(Box::new(filing), answer), filed).await
    }

    /// The trades of an account within a span, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fills(&self, account: &AccountName, span: Span, limit: u32) -> Result<Vec<Fill>, Unavailable> {
        let mut historian = self.historians.one().await?;
        Ok(fills::within(&mut historian, account, span, limit).await?)
    }

    /// How an account's holdings moved within a span, newest first, at most `limit` times.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn holding_changes(
        &self,
        account: &AccountName,
        span: Span,
        limit: u32,
    ) -> Result<Vec<HeldThen>, Unavailable> {
        let mut historian = self.historians.one().await?;
        Ok(holding_changes::within(&mut historian, account, span, limit).await?)
    }
}
