//! By how much each strategy's list differs from the one before it. What is past does not change, so each revision is read once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Desk;
use crate::domain::book::{Book, sums};
use crate::domain::changes::Changes;
use crate::domain::decimal::Amount;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyId;
use crate::store::Untold;
use crate::store::history::{Filter, within};

/// Among how many of the newest revisions all are looked for at once, how many older ones a look reads, and how many changes.
const NEWEST: i64 = 200;
const OLDER: usize = 20;
const CHANGES: i64 = 20_000;

/// What each strategy's newest revision moved: CNY.
#[derive(Debug, Clone, Default)]
pub(super) struct Moved(Arc<Mutex<HashMap<StrategyId, (Revision, Amount)>>>);

impl Moved {
    fn read(&self) -> MutexGuard<'_, HashMap<StrategyId, (Revision, Amount)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest revisions that were not read yet; what is of no strategy any more is forgotten.
    fn missing(&self, book: &Book) -> HashMap<Revision, StrategyId> {
        let mut read = self.read();
        read.retain(|id, _| book.by_id(*id).is_some());
        let is_new = |id: &StrategyId, at: Revision| read.get(id).is_none_or(|(of, _)| *of != at);
        let newest = book.strategies().map(|strategy| (strategy.mark.revision, strategy.id));
        newest.filter(|(at, id)| is_new(id, *at)).collect()
    }
}

impl Desk {
    /// What each list costs more than the one before it, below zero where less: CNY. Where very many are not known yet, each
    /// look reads some of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn moved(&self, book: &Book) -> Result<HashMap<StrategyId, Amount>, Untold> {
        let mut missing = self.moved.missing(book);
        if !missing.is_empty() {
            let mut found = self.store.revisions(&Filter::default(), None, NEWEST).await?;
            found.retain(|revision| missing.contains_key(&revision.id));
            let is_older = |id: &&Revision| !found.iter().any(|one| one.id == **id);
            let older: Vec<Revision> = missing.keys().filter(is_older).take(OLDER).copied().collect();
            for id in older {
                found.extend(self.store.revision(id).await?);
            }
            let found = within(found, CHANGES);
            let changes = self.store.changes(&found, usize::MAX).await?;
            let mut read = self.moved.read();
            for revision in &found {
                let lines = changes.get(&revision.id).map(Changes::in_list).unwrap_or_default();
                let mut moved = Amount::default();
                for line in lines {
                    moved += sums(&line.after).1;
                    moved -= sums(&line.before).1;
                }
                read.extend(missing.remove(&revision.id).map(|id| (id, (revision.id, moved))));
            }
        }
        Ok(self.moved.read().iter().map(|(id, (_, moved))| (*id, *moved)).collect())
    }
}
