//! The chain walked from its beginning: whether every link holds, and where it leads.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use imbl::OrdMap;

use super::chain::{ChainHash, Entry, Head, Record};
use super::{DocumentState, Unfolded};
use crate::domain::book::{Book, Mark, Past, Strategy};
use crate::domain::changes::Changes;
use crate::domain::code::Instrument;
use crate::domain::moment::Moment;
use crate::domain::position::InstrumentChange;
use crate::domain::revision::{Revision, Subject, Topic};
use crate::domain::strategy::{StrategyId, StrategyName};

/// Where a revision hangs in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub revision: Revision,
    /// The hash of the revision before it.
    pub parent: ChainHash,
    /// Its own hash.
    pub hash: ChainHash,
}

/// What the chain has said so far about a strategy.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) name: StrategyName,
    pub(super) list: Unfolded,
    /// The newest of its revisions.
    pub(super) link: Link,
    pub(super) revisions: u64,
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
    pub(super) head: Head,
    pub(super) length: u64,
    pub(super) strategies: HashMap<StrategyId, Replayed>,
    /// Each with the newest of its revisions.
    pub(super) documents: HashMap<i64, (DocumentState, Link)>,
    /// What strategies wanted once.
    pub(super) past: HashMap<StrategyName, BTreeMap<Instrument, Past>>,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            head: Head::START,
            length: 0,
            strategies: HashMap::new(),
            documents: HashMap::new(),
            past: HashMap::new(),
        }
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
        let link = entry.link();
        let Record { subject, subject_id, kind, changes, .. } = entry.record;
        match (subject, changes) {
            (Subject::Strategy(name), Changes::List(changes)) => {
                self.note_past(&name, entry.at, &changes);
                let new = || Replayed { name, list: Unfolded::default(), link, revisions: 0 };
                let strategy = self.strategies.entry(StrategyId::new(subject_id)).or_insert_with(new);
                strategy.link = link;
                strategy.revisions += 1;
                strategy.list.follow(kind, entry.at, changes)
            }
            (Subject::Document(topic), Changes::Document(change)) => {
                let start = DocumentState { id: subject_id, topic, mark: self.head.mark(), revisions: 0, body: None };
                let (document, newest) = self.documents.entry(subject_id).or_insert((start, link));
                if document.body != change.before {
                    return Err("a document's change does not start from what it said before");
                }
                document.body = change.after;
                document.mark = self.head.mark();
                document.revisions += 1;
                *newest = link;
                Ok(())
            }
            _ => Err("it changes something else than what it is about"),
        }
    }

    /// A strategy's list as it stands here, where this is its newest revision.
    pub fn list_at(&self, strategy: StrategyId, revision: Revision) -> Option<&Unfolded> {
        let strategy = self.strategies.get(&strategy).filter(|strategy| strategy.link.revision == revision);
        strategy.map(|strategy| &strategy.list)
    }

    /// Every strategy's list as it stands here, with its newest revision, and how many it has.
    pub fn lists(&self) -> impl Iterator<Item = (StrategyId, Revision, &Unfolded, u64)> {
        self.strategies.iter().map(|(id, strategy)| (*id, strategy.link.revision, &strategy.list, strategy.revisions))
    }

    /// The newest revision of everything that the chain is about, oldest first.
    pub fn links(&self) -> Vec<Link> {
        let of_strategies = self.strategies.values().map(|strategy| strategy.link);
        let mut links: Vec<Link> = of_strategies.chain(self.documents.values().map(|(_, link)| *link)).collect();
        links.sort_by_key(|link| link.revision);
        links
    }

    fn note_past(&mut self, name: &StrategyName, at: Moment, changes: &[InstrumentChange]) {
        let mark = Mark { updated_at: at, ..self.head.mark() };
        let left = changes.iter().filter_map(|change| Some((change.instrument.clone(), Past::of(change, mark)?)));
        for (instrument, past) in left {
            self.past.entry(name.clone()).or_default().insert(instrument, past);
        }
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

    /// The first strategy or document of the current state that is not as the chain leads to.
    pub fn compare(&self, book: &Book, documents: &OrdMap<Topic, Arc<DocumentState>>) -> Option<Astray> {
        let documents = || self.compare_documents(documents);
        self.compare_strategies(book).or_else(documents).or_else(|| self.compare_past(book))
    }

    fn compare_past(&self, book: &Book) -> Option<Astray> {
        let nothing = BTreeMap::new();
        let names = self.past.keys().chain(book.pasts());
        let differs = |name: &&StrategyName| {
            let stored: BTreeMap<_, _> = book.past(name).map(|(item, past)| (item.clone(), (**past).clone())).collect();
            stored != *self.past.get(*name).unwrap_or(&nothing)
        };
        let astray = names.into_iter().find(differs)?;
        let reason = "what it wanted once is not what the history says".to_owned();
        Some(Astray { strategy: astray.to_string(), reason })
    }

    fn compare_documents(&self, documents: &OrdMap<Topic, Arc<DocumentState>>) -> Option<Astray> {
        let astray = |document: &DocumentState| Astray {
            strategy: format!("{} {}", document.topic.kind(), document.topic.name()),
            reason: "it is not what the history leads to".to_owned(),
        };
        let differs = |document: &&DocumentState| documents.get(&document.topic).map(|one| &**one) != Some(*document);
        let lost = self.documents.values().map(|(document, _)| document).find(differs);
        let unknown = documents.values().map(|document| &**document).find(|one| !self.documents.contains_key(&one.id));
        lost.or(unknown).map(astray)
    }

    fn compare_strategies(&self, book: &Book) -> Option<Astray> {
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
            Some(strategy) if (strategy.mark.revision, strategy.revisions) != (self.link.revision, self.revisions) => {
                Err("its revision is not the newest of the history".to_owned())
            }
            None if !expected.is_empty() => Err("it is gone, and the history does not say so".to_owned()),
            _ => Ok(()),
        }
    }
}
