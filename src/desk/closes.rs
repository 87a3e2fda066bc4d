//! How the book stood at the close of past trading days. What is past does not change, so each is read once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::Desk;
use crate::domain::book::Book;
use crate::domain::calendar::{CLOSES, Calendar, Day};
use crate::domain::moment::Moment;
use crate::domain::strategy::StrategyName;
use crate::store::Unavailable;

/// Over how many trading days it is shown how strategies have moved.
const DAYS: usize = 30;

/// What the lists cost at the close of a trading day.
#[derive(Debug)]
pub struct Close {
    /// Which day.
    pub day: Day,
    /// What each strategy's list cost, for charts: CNY.
    pub costs: HashMap<StrategyName, f64>,
}

/// What was read so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Closes(Arc<Mutex<Read>>);

#[derive(Debug, Default)]
struct Read {
    /// The whole book at the newest close that was asked for.
    newest: Option<(Day, Arc<Book>)>,
    closes: BTreeMap<Day, Arc<Close>>,
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

    /// What the lists cost at the closes of the last trading days, oldest first; none before all were read by
    /// [`Self::read_closes`].
    pub fn closes(&self, now: Moment) -> Vec<Arc<Close>> {
        let first = self.days(now).last().copied();
        self.closes.with(|read| {
            read.closes = first.map(|first| read.closes.split_off(&first)).unwrap_or_default();
            if read.closes.len() < DAYS { Vec::new() } else { read.closes.values().cloned().collect() }
        })
    }

    /// Reads one more of the last closes, the newest first; false where all of them are read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read_closes(&self, now: Moment) -> Result<bool, Unavailable> {
        let days = self.days(now);
        let missing = self.closes.with(|read| days.into_iter().find(|day| !read.closes.contains_key(day)));
        let Some(day) = missing else { return Ok(false) };
        let book = self.read_close(day).await?;
        let costs = book.strategies().map(|strategy| (strategy.name.clone(), strategy.list.amount().approximate()));
        let costs = costs.collect();
        self.closes.with(|read| read.closes.insert(day, Arc::new(Close { day, costs })));
        Ok(true)
    }

    async fn read_close(&self, day: Day) -> Result<Book, Unavailable> {
        let revision = self.store.revision_at(day.at(CLOSES)).await?;
        self.store.book_as_of(revision).await
    }

    /// The last trading days before the present one, newest first.
    fn days(&self, now: Moment) -> Vec<Day> {
        let book = self.store.book();
        let calendar = book.settings().calendar();
        let before = |day: &Day| Some(calendar.trading_day_before(*day));
        std::iter::successors(Some(day_before(calendar, now)), before).take(DAYS).collect()
    }
}
