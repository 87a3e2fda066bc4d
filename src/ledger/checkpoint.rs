//! Where a walk along the chain had come, written down: what is older need not be walked again.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::chain::{Head, beginning, read_hash};
use super::fields::Fields;
use super::replay::{Link, Replay, Replayed};
use super::{DocumentState, Unfolded, read_list, write_list};
use crate::domain::book::{Mark, Past};
use crate::domain::code::Code;
use crate::domain::moment::Moment;
use crate::domain::revision::{Revision, Topic};
use crate::domain::strategy::{StrategyId, StrategyName};

/// Where a walk had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last revision that was walked.
    pub head: Head,
    /// Where it had led: JSON.
    pub state: String,
}

#[derive(Serialize, Deserialize)]
struct WrittenState {
    length: u64,
    strategies: Vec<WrittenStrategy>,
    documents: Vec<WrittenDocument>,
    past: Vec<WrittenPast>,
}

#[derive(Serialize, Deserialize)]
struct WrittenStrategy {
    id: StrategyId,
    name: String,
    #[serde(flatten)]
    link: WrittenLink,
    revisions: u64,
    updated_at: Moment,
    list: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
struct WrittenDocument {
    id: i64,
    kind: String,
    name: String,
    #[serde(flatten)]
    link: WrittenLink,
    revisions: u64,
    at: Moment,
    body: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WrittenLink {
    revision: Revision,
    parent: String,
    hash: String,
}

#[derive(Serialize, Deserialize)]
struct WrittenPast {
    strategy: String,
    code: String,
    name: Option<String>,
    revision: Revision,
    at: Moment,
}

impl Snapshot {
    /// Where a walk has come.
    pub fn of(replay: &Replay) -> Self {
        let mut strategies: Vec<_> = replay.strategies.iter().map(|(id, one)| WrittenStrategy::of(*id, one)).collect();
        strategies.sort_by_key(|strategy| strategy.id);
        let mut documents: Vec<_> = replay.documents.values().map(WrittenDocument::of).collect();
        documents.sort_by_key(|document| document.id);
        let pasts =
            replay.past.iter().flat_map(|(name, all)| all.values().map(move |past| WrittenPast::of(name, past)));
        let mut past: Vec<_> = pasts.collect();
        past.sort_by(|one, two| (&one.strategy, &one.code).cmp(&(&two.strategy, &two.code)));
        let state = WrittenState { length: replay.length, strategies, documents, past };
        // No maps with other keys than text: it can always be written.
        Self { head: replay.head, state: serde_json::to_string(&state).unwrap_or_default() }
    }

    /// SHA-256 over all of it: what is read later is what was written, or is not believed.
    pub fn seal(&self) -> [u8; 32] {
        let mut fields = Fields::default();
        for number in [self.head.revision.get(), self.head.at.as_micros()] {
            fields.put(&number.to_be_bytes());
        }
        fields.put(&self.head.hash);
        fields.put(self.state.as_bytes());
        fields.digest()
    }

    /// The walk, to go on from here.
    ///
    /// # Errors
    /// What is wrong with a state that nobody wrote.
    pub fn replay(&self) -> Result<Replay, String> {
        let state: WrittenState = serde_json::from_str(&self.state).map_err(|error| error.to_string())?;
        let mut replay = Replay { head: self.head, length: state.length, ..Replay::default() };
        for strategy in state.strategies {
            replay.strategies.insert(strategy.id, strategy.read()?);
        }
        for document in state.documents {
            replay.documents.insert(document.id, document.read()?);
        }
        for past in state.past {
            let (strategy, past) = past.read()?;
            replay.past.entry(strategy).or_default().insert(past.code.instrument(), past);
        }
        Ok(replay)
    }
}

impl WrittenStrategy {
    fn of(id: StrategyId, Replayed { name, list, link, revisions }: &Replayed) -> Self {
        Self {
            id,
            name: name.to_string(),
            link: WrittenLink::of(link),
            revisions: *revisions,
            updated_at: list.updated_at().unwrap_or(Moment::from_micros(0)),
            // A list that was written is JSON.
            list: RawValue::from_string(write_list(&list.clone().list())).unwrap_or_default(),
        }
    }

    fn read(self) -> Result<Replayed, String> {
        let name = strategy_name(&self.name)?;
        let list = Unfolded::from_list(&read_list(name.kind(), self.list.get())?, self.updated_at);
        Ok(Replayed { name, list, link: self.link.read()?, revisions: self.revisions })
    }
}

impl WrittenDocument {
    fn of((document, link): &(DocumentState, Link)) -> Self {
        let DocumentState { id, topic, mark, revisions, body } = document;
        Self {
            id: *id,
            kind: topic.kind().to_owned(),
            name: topic.name().to_owned(),
            link: WrittenLink::of(link),
            revisions: *revisions,
            at: mark.updated_at,
            body: body.as_deref().map(str::to_owned),
        }
    }

    fn read(self) -> Result<(DocumentState, Link), String> {
        let topic = Topic::parse(&self.kind, &self.name).map_err(|error| error.to_string())?;
        let link = self.link.read()?;
        let mark = Mark { revision: link.revision, chain: beginning(&link.hash), updated_at: self.at };
        let body = self.body.map(Into::into);
        Ok((DocumentState { id: self.id, topic, mark, revisions: self.revisions, body }, link))
    }
}

impl WrittenLink {
    fn of(link: &Link) -> Self {
        Self { revision: link.revision, parent: hex::encode(link.parent), hash: hex::encode(link.hash) }
    }

    fn read(&self) -> Result<Link, String> {
        Ok(Link { revision: self.revision, parent: read_hash(&self.parent)?, hash: read_hash(&self.hash)? })
    }
}

impl WrittenPast {
    fn of(strategy: &StrategyName, past: &Past) -> Self {
        Self {
            strategy: strategy.to_string(),
            code: past.code.to_string(),
            name: past.name.as_deref().map(str::to_owned),
            revision: past.revision,
            at: past.at,
        }
    }

    fn read(self) -> Result<(StrategyName, Past), String> {
        let code = Code::parse(&self.code).map_err(|error| error.to_string())?;
        let name = self.name.map(Into::into);
        Ok((strategy_name(&self.strategy)?, Past { code, name, revision: self.revision, at: self.at }))
    }
}

fn strategy_name(text: &str) -> Result<StrategyName, String> {
    StrategyName::parse(text).map_err(|error| error.to_string())
}
