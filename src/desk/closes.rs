//! How the book stood at the close of past trading days. What is past does not change, so each is read once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::Desk;
use crate::domain::account::AccountName;
use crate::domain::book::{Book, Strategy};
use crate::domain::calendar::{CLOSES, Calendar, Day};
use crate::domain::moment::Moment;
use crate::domain::settings::Settled;
use crate::domain::strategy::StrategyName;
use crate::store::Unavailable;

/// Over how many trading days it is shown how strategies have moved.
const DAYS: usize = 30;

/// What each strategy's list cost at the close of a trading day, for charts: CNY.
pub type Costs = HashMap<StrategyName, f64>;

/// What was read so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Closes(Arc<Mutex<Read>>);

#[derive(Debug, Default)]
struct Read {
    /// The whole book at the newest close that was asked for.
    newest: Option<(Day, Arc<Book>)>,
    costs: BTreeMap<Day, Arc<Costs>>,
    /// The book at the last close that the server lived to see, with all that was settled: in no past book is that.
    seen: Option<(Day, Arc<Book>)>,
}

impl Closes {
    fn with<T>(&self, look: impl FnOnce(&mut Read) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The trading day before the one that has begun last.
fn day_before(calendar: &Calendar, now: Moment) -> Day {
    calendar.trading_day_before(Day::of(calendar.trading_day_began(now)))
}

impl Desk {
    /// The book at the close of the trading day before the present one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn book_at_close(&self, now: Moment) -> Result<Arc<Book>, Unavailable> {
        let day = day_before(self.store.book().settings().calendar(), now);
        let known = self.closes.with(|read| read.newest.clone().filter(|(at, _)| *at == day));
        if let Some((_, book)) = known {
            return Ok(book);
        }
        let book = Arc::new(self.read_close(day).await?);
        self.closes.with(|read| read.newest = Some((day, Arc::clone(&book))));
        Ok(book)
    }

    /// Keeps the book of a close that has just been, as long as nothing has changed since. Asked for soon after each.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn see_close(&self, now: Moment) -> Result<(), Unavailable> {
        let (book, day) = (self.store.book(), Day::of(now));
        let is_seen = self.closes.with(|read| read.seen.as_ref().is_some_and(|(seen, _)| *seen == day));
        let is_over = now >= day.at(CLOSES) && book.settings().calendar().may_trade(day);
        if is_over && !is_seen && self.store.revision_at(day.at(CLOSES)).await? == book.revision() {
            self.closes.with(|read| read.seen = Some((day, book)));
        }
        Ok(())
    }

    /// The book at a day's close with all that was settled; None where that is not known any more.
    pub(super) fn seen_close(&self, day: Day) -> Option<Arc<Book>> {
        self.closes.with(|read| read.seen.clone()).filter(|(seen, _)| *seen == day).map(|(_, book)| book)
    }

    /// An account as it was settled at that close; None where there was none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn account_at_close(&self, account: &AccountName, now: Moment) -> Result<Option<Settled>, Unavailable> {
        let day = day_before(self.store.book().settings().calendar(), now);
        let revision = self.store.revision_at(day.at(CLOSES)).await?;
        self.store.account_as_of(account, revision).await
    }

    /// What the lists cost at the closes of the last trading days, oldest first; none before all were read by
    /// [`Self::read_earlier`].
    pub fn costs_at_closes(&self, now: Moment) -> Vec<Arc<Costs>> {
        let days = self.days(now);
        self.closes.with(|read| {
            read.costs = days.last().map(|first| read.costs.split_off(first)).unwrap_or_default();
            let known = days.iter().rev().map(|day| read.costs.get(day).cloned());
            known.collect::<Option<_>>().unwrap_or_default()
        })
    }

    /// Reads one more of the last closes, the newest first, as long as one is missing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read_earlier(&self, now: Moment) -> Result<(), Unavailable> {
        let days = self.days(now);
        let missing = self.closes.with(|read| days.into_iter().find(|day| !read.costs.contains_key(day)));
        match missing {
            Some(day) => self.read_close(day).await.map(drop),
            None => Ok(()),
        }
    }

    /// The book at a close; what its lists cost is kept.
    async fn read_close(&self, day: Day) -> Result<Book, Unavailable> {
        let revision = self.store.revision_at(day.at(CLOSES)).await?;
        let book = self.store.book_as_of(revision).await?;
        let cost = |strategy: &Arc<Strategy>| (strategy.name.clone(), strategy.list.amount().approximate());
        let costs = book.strategies().map(cost).collect();
        self.closes.with(|read| read.costs.insert(day, Arc::new(costs)));
        Ok(book)
    }

    /// The last trading days before the present one, newest first.
    fn days(&self, now: Moment) -> Vec<Day> {
        let book = self.store.book();
        let calendar = book.settings().calendar();
        let before = |day: &Day| Some(calendar.trading_day_before(*day));
        std::iter::successors(Some(day_before(calendar, now)), before).take(DAYS).collect()
    }
}
