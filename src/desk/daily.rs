//! The daily report: what each account bought and sold, what differed at the close and why, what each strategy did and cost, and
//! what somebody had to be told of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{AccountDay, Desk, NotDone};
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::calendar::{CLOSES, Day};
use crate::domain::channel::{ChannelName, REPORT_AT};
use crate::domain::code::Instrument;
use crate::domain::drift::{DriftLine, drift};
use crate::domain::incident::Incident;
use crate::domain::moment::Moment;
use crate::domain::money::Money;
use crate::domain::reported::{Reported, SILENT_AFTER};
use crate::ledger::chain::Head;
use crate::store::Untold;

/// How many incidents a report names.
const INCIDENTS: u32 = 200;

/// Moments are told apart by this.
const LEAST: Duration = Duration::from_micros(1);

/// How long before the close it is looked at what differs: the exchanges still trade.
const BEFORE_THE_CLOSE: Duration = Duration::from_secs(1);

/// A day of every account.
#[derive(Debug)]
pub struct Daily {
    /// Which day.
    pub day: Day,
    /// By name.
    pub accounts: Vec<DailyAccount>,
    /// What stood at any time of the day.
    pub incidents: Vec<Incident>,
    /// Where the history ended with the day: whoever keeps this can tell whether it was rebuilt since. None where the archive
    /// knows it.
    pub head: Option<Head>,
}

/// An account's day.
#[derive(Debug)]
pub struct DailyAccount {
    /// Which account.
    pub account: AccountName,
    /// What became of it; None where nothing was reported that day.
    pub became: Option<AccountDay>,
    /// What was traded, by instrument.
    pub traded: BTreeMap<Instrument, Traded>,
    /// What differed from the target at the close, and why; None where that is not known, as of days past.
    pub drift: Option<Vec<DriftLine>>,
}

/// What was traded of an instrument, over all strategies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traded {
    /// Shares.
    pub bought_shares: i64,
    /// CNY, without fees.
    pub bought: Money,
    /// Shares.
    pub sold_shares: i64,
    /// CNY, before fees.
    pub sold: Money,
}

/// For which day which channels were told to tell of it: what need not be asked of the disk again.
#[derive(Debug, Default)]
pub struct Queued(Option<(Day, Vec<ChannelName>)>);

impl Desk {
    /// Takes notice of the close, and later has channels tell what the day was like. Called every few seconds; what was done is not
    /// done again, also after a restart.
    ///
    /// # Errors
    /// When the store cannot be read or written: the next call does it.
    pub async fn end_day(&self, queued: &mut Queued, now: Moment) -> Result<(), NotDone> {
        self.see_close(now).await?;
        let (book, day) = (self.store.book(), Day::of(now));
        let is_over = now >= day.at(REPORT_AT) && book.settings().calendar().may_trade(day);
        let wanted = book.settings().channels().filter(|(_, channel)| channel.terms.daily);
        let wanted: Vec<ChannelName> = wanted.map(|(name, _)| name.clone()).collect();
        if is_over && !wanted.is_empty() && queued.0.as_ref() != Some(&(day, wanted.clone())) {
            self.store.queue_report(day).await?;
            queued.0 = Some((day, wanted));
        }
        Ok(())
    }

    /// The report of a day, of the accounts that there are now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn daily(&self, day: Day) -> Result<Daily, NotDone> {
        let book = self.store.book();
        let close = day.at(CLOSES);
        let is_as_then = told(self.store.revision_at(close).await)? == Some(book.revision());
        let then = if is_as_then { Some(Arc::clone(&book)) } else { self.seen_close(day) };
        let mut accounts = Vec::new();
        for (account, _) in book.settings().accounts() {
            let became = self.account_day(account, day).await?.filter(|became| became.known == day);
            let traded = became.as_ref().map(traded).unwrap_or_default();
            let reported = book.reported(account).filter(|one| Day::of(one.heard_at) == day);
            let drift =
                then.as_ref().zip(reported).and_then(|(then, reported)| at_the_close(then, account, reported, day));
            accounts.push(DailyAccount { account: account.clone(), became, traded, drift });
        }
        let (from, to) = (day.begins_at(), day.next().begins_at());
        let incidents = self.store.incidents_within(from, to, INCIDENTS).await?;
        let head = told(self.store.head_at(to.minus(LEAST)).await)?;
        Ok(Daily { day, accounts, incidents, head })
    }
}

/// What is told of the past; None where it was folded.
fn told<T>(past: Result<T, Untold>) -> Result<Option<T>, NotDone> {
    match past {
        Err(Untold::Folded(_)) => Ok(None),
        past => Ok(past.map(Some)?),
    }
}

/// What was bought and sold of each instrument.
fn traded(became: &AccountDay) -> BTreeMap<Instrument, Traded> {
    let mut all: BTreeMap<Instrument, Traded> = BTreeMap::new();
    for line in became.owners.iter().flat_map(|owner| &owner.lines) {
        let figures = line.result.figures;
        if figures.bought_shares != 0 || figures.sold_shares != 0 {
            let traded = all.entry(line.instrument.clone()).or_default();
            traded.bought_shares += figures.bought_shares;
            traded.bought += figures.bought;
            traded.sold_shares += figures.sold_shares;
            traded.sold += figures.sold;
        }
    }
    all
}

/// What differed from the target at the close of the day that the last report is of. None while it is not over, and where there
/// was no target. What was reported after the close says how it was then.
fn at_the_close(book: &Book, account: &AccountName, reported: &Reported, day: Day) -> Option<Vec<DriftLine>> {
    let close = day.at(CLOSES).minus(BEFORE_THE_CLOSE);
    if reported.heard_at < close.minus(SILENT_AFTER) {
        return None;
    }
    let target = book.target(book.settings().account(account)?, close).ok()?;
    let reported = Reported { heard_at: reported.heard_at.min(close), ..reported.clone() };
    Some(drift(&target, &reported, book.settings().calendar(), close))
}
