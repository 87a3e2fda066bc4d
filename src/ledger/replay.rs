//! The chain walked from its beginning: whether every link holds, and where it leads.

use std::collections::HashMap;

use super::Unfolded;
use super::chain::{Entry, Head};
use crate::domain::book::{Book, Strategy};
use crate::domain::revision::{Revision, Subject};
use crate::domain::strategy::{StrategyId, StrategyName};

/// What the chain has said so far about a strategy.
#[derive(Debug)]
struct Replayed {
    name: StrategyName,
    list: Unfolded,
    revision: Revision,
    revisions: u64,
}

/// The current state of a strategy, where it is not the one that the chain leads to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("strategy {strategy:?}: {reason}")]
pub struct Astray {
    /// The strategy.
    pub strategy: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A walk along the chain.
#[derive(Debug)]
pub struct Replay {
    head: Head,
    length: u64,
    strategies: HashMap<StrategyId, Replayed>,
}

impl Default for Replay {
    fn default() -> Self {
        Self { head: Head::START, length: 0, strategies: HashMap::new() }
    }
}

impl Replay {
    /// How far the walk has come.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// How many revisions were walked.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Walks one link.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn follow(&mut self, entry: Entry) -> Result<(), &'static str> {
        self.check_link(&entry)?;
        self.head = entry.head();
        self.length += 1;
        let Subject::Strategy(name) = entry.record.subject;
        let id = StrategyId::new(entry.record.subject_id);
        let new = || Replayed { name, list: Unfolded::default(), revision: Revision::NONE, revisions: 0 };
        let strategy = self.strategies.entry(id).or_insert_with(new);
        strategy.revision = entry.revision;
        strategy.revisions += 1;
        strategy.list.follow(entry.record.kind, entry.at, entry.record.changes)
    }

    fn check_link(&self, entry: &Entry) -> Result<(), &'static str> {
        let checks = [
            (entry.revision == self.head.revision.next(), "the revision before it is missing"),
            (entry.parent == self.head.hash, "it does not follow from the revision before it"),
            (entry.at > self.head.at, "it is not later than the revision before it"),
            (entry.is_intact(), "its content does not match its hash"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, reason)| Err(reason))
    }

    /// The first strategy of the current state that is not as the chain leads to.
    pub fn compare(&self, book: &Book) -> Option<Astray> {
        let astray = |strategy: &StrategyName, reason: String| Astray { strategy: strategy.to_string(), reason };
        for (id, replayed) in &self.strategies {
            if let Err(reason) = replayed.compare(book.by_id(*id).map(|strategy| &**strategy)) {
                return Some(astray(&replayed.name, reason));
            }
        }
        let unknown = book.strategies().find(|strategy| !self.strategies.contains_key(&strategy.id))?;
        Some(astray(&unknown.name, "the history does not know it".to_owned()))
    }
}

impl Replayed {
    fn compare(&self, current: Option<&Strategy>) -> Result<(), String> {
        let expected = self.list.clone().list();
        match current {
            Some(strategy) if strategy.list != expected => {
                Err("its positions are not those that the history leads to".to_owned())
            }
            Some(strategy) if (strategy.mark.revision, strategy.revisions) != (self.revision, self.revisions) => {
                Err("its revision is not the newest of the history".to_owned())
            }
            None if !expected.is_empty() => Err("it is gone, and the history does not say so".to_owned()),
            _ => Ok(()),
        }
    }
}
