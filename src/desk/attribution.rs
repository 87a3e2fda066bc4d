//! What became of an account's and a strategy's days: holdings divided, gains, costs, shortfall.

use std::collections::BTreeMap;

use super::Desk;
use crate::domain::account::AccountName;
use crate::domain::attribution::{DayEnd, DayResult, Intent, Owner, OwnerDay};
use crate::domain::calendar::Day;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::store::Unavailable;
use crate::store::attributed::{DayKept, OwnerDays};

/// An account's day.
#[derive(Debug)]
pub struct AccountDay {
    /// The last day up to then of which something is known.
    pub known: Day,
    /// Each owner's part of it: strategies and overlays by name, what is nobody's last.
    pub owners: Vec<OwnerDay>,
    /// When programs say that they decided on their pushes, where they say it.
    pub decided: BTreeMap<Revision, Moment>,
}

impl AccountDay {
    /// What was counted over all owners.
    pub fn total(&self) -> DayResult {
        self.owners.iter().fold(DayResult::default(), |total, owner| total.with(&owner.result))
    }
}

impl Desk {
    /// What became of an account on a day; None where nothing is known of it up to then.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn account_day(&self, account: &AccountName, day: Day) -> Result<Option<AccountDay>, Unavailable> {
        let Some(now) = self.store.attributed(account, day).await? else { return Ok(None) };
        let before = self.store.attributed(account, day.before()).await?;
        let mut owners = owners_on(day, &now, before.as_ref());
        owners.sort_by(|one, two| (one.owner.is_none(), &one.owner).cmp(&(two.owner.is_none(), &two.owner)));
        let intents = owners.iter().flat_map(|owner| &owner.lines).filter_map(|line| line.part.intent.as_ref());
        let revisions: Vec<Revision> =
            intents.filter(|intent| is_of(intent, day)).map(|intent| intent.revision).collect();
        let decided = self.store.decided_at(&revisions).await?;
        Ok(Some(AccountDay { known: now.day, owners, decided }))
    }

    /// What became of an owner's part of an account on each day from one to another on which something was reported.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn performance(
        &self,
        account: &AccountName,
        owner: &Owner,
        from: Day,
        to: Day,
    ) -> Result<Vec<(Day, OwnerDay)>, Unavailable> {
        let (mut days, mut begin) = (Vec::new(), from);
        while begin <= to {
            // Some days at a time: those of ten years do not stand in memory at once.
            let end = (0..DAYS_AT_A_TIME).fold(begin, |day, _| day.next()).min(to);
            days.extend(days_from(begin, &self.store.owner_days(account, owner, begin, end).await?));
            begin = end.next();
        }
        Ok(days)
    }
}

/// Whether a decision is of a day.
pub fn is_of(intent: &Intent, day: Day) -> bool {
    Day::of(intent.pushed_at) == day
}

/// How many days are read at a time.
const DAYS_AT_A_TIME: u32 = 60;

/// The days from one on.
fn days_from(from: Day, OwnerDays { closes, shares }: &OwnerDays) -> Vec<(Day, OwnerDay)> {
    let (mut days, mut before) = (Vec::new(), None);
    for (day, close) in closes {
        let Some((changed, share)) = shares.range(..=*day).next_back() else { continue };
        let now = DayEnd { share, changed: *changed, close };
        if *day >= from {
            days.push((*day, OwnerDay::of(*day, now, before)));
        }
        before = Some(now);
    }
    days
}

fn owners_on(day: Day, now: &DayKept, before: Option<&DayKept>) -> Vec<OwnerDay> {
    let earlier: BTreeMap<&Owner, DayEnd<'_>> =
        before.into_iter().flat_map(day_ends).map(|end| (&end.share.owner, end)).collect();
    day_ends(now).map(|now| OwnerDay::of(day, now, earlier.get(&now.share.owner).copied())).collect()
}

fn day_ends(kept: &DayKept) -> impl Iterator<Item = DayEnd<'_>> {
    kept.shares.iter().map(|(changed, share)| DayEnd { share, changed: *changed, close: &kept.close })
}
