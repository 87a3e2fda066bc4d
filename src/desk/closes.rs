//! How the book stood at the close of past trading days. What is past does not change, so each is read once.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::Desk;
use crate::clock::Clock;
use crate::domain::account::AccountName;
use crate::domain::book::{Book, Strategy};
use crate::domain::calendar::{CLOSES, Day};
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::domain::settings::Settled;
use crate::domain::since::Since;
use crate::domain::strategy::StrategyName;
use crate::domain::target::Target;
use crate::store::Untold;

/// Over how many trading days it is shown how strategies have moved.
const DAYS: usize = 30;

/// What each strategy's list cost at the close of a trading day, for charts: CNY.
pub type Costs = HashMap<StrategyName, f64>;

/// What was read so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Closes(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    read: Mutex<Read>,
    /// Held by the one who reads the newest close; the others wait for it.
    reading: tokio::sync::Mutex<()>,
    /// Somebody looks at how strategies have moved.
    looked_at: Notify,
}

/// What an account's target at a close depends on: the book's revision and the account's, and by the rules of which day.
type AtClose = (Revision, Revision, Day);

#[derive(Debug, Default)]
struct Read {
    /// The whole book at the newest close that was asked for.
    newest: Option<(Day, Arc<Book>)>,
    /// Each with the revision that it was then: days without a change are read once.
    costs: BTreeMap<Day, (Revision, Arc<Costs>)>,
    /// What each account was to hold at the newest close, as it is reckoned on a day, by the account's revision of then.
    targets: HashMap<AccountName, (AtClose, Arc<Target>)>,
    /// What had changed between the newest close and a later revision, as somebody looked last.
    since: Option<((Revision, Revision), Arc<Since>)>,
    /// The book at the last close that the server lived to see, with all that was settled: in no past book is that. None where
    /// something had changed before it was looked at.
    seen: Option<(Day, Option<Arc<Book>>)>,
}

impl Closes {
    fn with<T>(&self, look: impl FnOnce(&mut Read) -> T) -> T {
        look(&mut self.0.read.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn newest(&self, day: Day) -> Option<Arc<Book>> {
        self.with(|read| read.newest.as_ref().filter(|(at, _)| *at == day).map(|(_, book)| Arc::clone(book)))
    }
}

fn costs(book: &Book) -> Costs {
    let cost = |strategy: &Arc<Strategy>| (strategy.name.clone(), strategy.list.amount().approximate());
    book.strategies().map(cost).collect()
}

impl Desk {
    /// The book at the last close before today.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn book_at_close(&self, now: Moment) -> Result<Arc<Book>, Untold> {
        let day = self.store.book().settings().calendar().last_close(now);
        if let Some(book) = self.closes.newest(day) {
            return Ok(book);
        }
        let _reading = self.closes.0.reading.lock().await;
        if let Some(book) = self.closes.newest(day) {
            return Ok(book);
        }
        let revision = self.store.revision_at(day.at(CLOSES)).await?;
        let book = Arc::new(self.store.book_as_of(revision).await?);
        self.closes.with(|read| read.newest = Some((day, Arc::clone(&book))));
        Ok(book)
    }

    /// The book as of a revision. That of the last close is often asked for, and is kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn book_as_of(&self, revision: Revision, now: Moment) -> Result<Arc<Book>, Untold> {
        let close = self.store.book().settings().calendar().last_close(now).at(CLOSES);
        if self.store.revision_at(close).await? == revision {
            return self.book_at_close(now).await;
        }
        self.store.book_as_of(revision).await.map(Arc::new)
    }

    /// Keeps the book of a close that has just been, as long as nothing has changed since. Asked for soon after each.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn see_close(&self, now: Moment) -> Result<(), Untold> {
        let (book, day) = (self.store.book(), Day::of(now));
        let is_seen = self.closes.with(|read| read.seen.as_ref().is_some_and(|(seen, _)| *seen == day));
        let is_over = now >= day.at(CLOSES) && book.settings().calendar().may_trade(day);
        if is_over && !is_seen {
            let is_as_then = self.store.revision_at(day.at(CLOSES)).await? == book.revision();
            self.closes.with(|read| read.seen = Some((day, is_as_then.then_some(book))));
        }
        Ok(())
    }

    /// The book at a day's close with all that was settled; None where that is not known any more.
    pub(super) fn seen_close(&self, day: Day) -> Option<Arc<Book>> {
        self.closes.with(|read| read.seen.clone()).filter(|(seen, _)| *seen == day).and_then(|(_, book)| book)
    }

    /// An account as it was settled at that close; None where there was none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn account_at_close(&self, account: &AccountName, now: Moment) -> Result<Option<Settled>, Untold> {
        let day = self.store.book().settings().calendar().last_close(now);
        let revision = self.store.revision_at(day.at(CLOSES)).await?;
        self.store.account_as_of(account, revision).await
    }

    /// What an account was to hold by a close's book, as it was settled then; None where that is not known.
    pub fn target_at_close(&self, then: &Book, settled: &Settled, now: Moment) -> Option<Arc<Target>> {
        let of = (then.revision(), settled.mark.revision, Day::of(now));
        let known = self.closes.with(|read| read.targets.get(&settled.name).filter(|(is, _)| *is == of).cloned());
        if let Some((_, target)) = known {
            return Some(target);
        }
        let target = Arc::new(then.target(settled, now).ok()?);
        self.closes.with(|read| read.targets.insert(settled.name.clone(), (of, Arc::clone(&target))));
        Some(target)
    }

    /// What has changed in a book since a close: made once for each of its revisions.
    pub fn since(&self, then: &Book, book: &Book) -> Arc<Since> {
        let revisions = (then.revision(), book.revision());
        let known = self.closes.with(|read| read.since.clone().filter(|(of, _)| *of == revisions));
        if let Some((_, since)) = known {
            return since;
        }
        let since = Arc::new(Since::new(then, book));
        self.closes.with(|read| read.since = Some((revisions, Arc::clone(&since))));
        since
    }

    /// What the lists cost at the closes of the last trading days, oldest first; none before all were read by
    /// [`Self::keep_closes`].
    pub fn costs_at_closes(&self, now: Moment) -> Vec<Arc<Costs>> {
        self.closes.0.looked_at.notify_one();
        let days = self.days(now);
        self.closes.with(|read| {
            read.costs = days.last().map(|first| read.costs.split_off(first)).unwrap_or_default();
            let known = days.iter().rev().map(|day| read.costs.get(day).map(|(_, costs)| Arc::clone(costs)));
            known.collect::<Option<_>>().unwrap_or_default()
        })
    }

    /// Reads what is missing of the last closes whenever somebody has looked, for ever: nobody waits for it.
    ///
    /// # Errors
    /// Never.
    pub async fn keep_closes(self, clock: Clock) -> Result<(), Infallible> {
        loop {
            self.closes.0.looked_at.notified().await;
            // What cannot be read now is read after the next look.
            while let Ok(true) = self.read_earlier(clock.now()).await {}
        }
    }

    /// Reads one more of the last closes, the newest first; false where none is missing.
    async fn read_earlier(&self, now: Moment) -> Result<bool, Untold> {
        let days = self.days(now);
        let missing = self.closes.with(|read| days.into_iter().find(|day| !read.costs.contains_key(day)));
        let Some(day) = missing else { return Ok(false) };
        let revision = self.store.revision_at(day.at(CLOSES)).await?;
        let known = self.closes.with(|read| read.costs.values().find(|(of, _)| *of == revision).cloned());
        let costs = match known {
            Some((_, costs)) => costs,
            None => Arc::new(costs(&self.store.book_as_of(revision).await?)),
        };
        self.closes.with(|read| read.costs.insert(day, (revision, costs)));
        Ok(true)
    }

    /// The last trading days before today, newest first.
    fn days(&self, now: Moment) -> Vec<Day> {
        let book = self.store.book();
        let calendar = book.settings().calendar();
        let before = |day: &Day| Some(calendar.trading_day_before(*day));
        std::iter::successors(Some(calendar.last_close(now)), before).take(DAYS).collect()
    }
}
