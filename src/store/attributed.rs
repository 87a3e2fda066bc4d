//! How what accounts hold is divided, looked back at.

use std::collections::BTreeMap;

use super::Store;
use super::error::Unavailable;
use super::sqlite::{attributed, revisions};
use crate::domain::account::AccountName;
use crate::domain::attribution::{Close, Owner, Share};
use crate::domain::calendar::Day;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;

/// An account's day: what each owner has at its end, and what else is known.
#[derive(Debug, Clone)]
pub struct DayKept {
    /// Which day.
    pub day: Day,
    /// What else is known.
    pub close: Close,
    /// What each owner has, with the day on which that changed last.
    pub shares: Vec<(Day, Share)>,
}

/// An owner's days in an account.
#[derive(Debug, Clone)]
pub struct OwnerDays {
    /// Every day of the span on which something was reported, and the last one before it.
    pub closes: BTreeMap<Day, Close>,
    /// What the owner had at the end of the days of the span on which that changed, and of the last one before it.
    pub shares: BTreeMap<Day, Share>,
}

impl Store {
    /// How an account was divided at the end of a day, or of the last one before of which something is known; None where
    /// nothing is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn attributed(&self, account: &AccountName, day: Day) -> Result<Option<DayKept>, Unavailable> {
        let mut historian = self.historians.one().await?;
        Ok(attributed::until(&mut historian, account, day).await?)
    }

    /// What an owner had in an account from one day to another.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn owner_days(
        &self,
        account: &AccountName,
        owner: &Owner,
        from: Day,
        to: Day,
    ) -> Result<OwnerDays, Unavailable> {
        let mut historian = self.historians.one().await?;
        let closes = attributed::closes(&mut historian, account, from, to).await?;
        let shares = attributed::shares(&mut historian, account, owner, from, to).await?;
        Ok(OwnerDays { closes, shares })
    }

    /// When programs say that they decided on the pushes of these revisions, where they say it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn decided_at(&self, revisions: &[Revision]) -> Result<BTreeMap<Revision, Moment>, Unavailable> {
        let mut historian = self.historians.one().await?;
        Ok(revisions::decided_at(&mut historian, revisions).await?)
    }
}
