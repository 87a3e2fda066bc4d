//! A revision as a line of an export, and lines held against their hashes, by nothing else than what stands in them.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::chain::{ChainHash, Entry, Head, Record, read_hash};
use super::fields::Fields;
use super::{hashed, read_hashed};
use crate::domain::changes::{Changes, DocumentChange};
use crate::domain::code::Instrument;
use crate::domain::moment::Moment;
use crate::domain::position::InstrumentChange;
use crate::domain::revision::{Actor, Revision, Subject};
use crate::domain::strategy::Kind;

/// A revision, as it is hashed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = HashedRevision)]
pub struct Line<'a> {
    revision: Revision,
    /// Microseconds since the Unix epoch.
    at: i64,
    subject_kind: Cow<'a, str>,
    subject: Cow<'a, str>,
    subject_id: i64,
    kind: Cow<'a, str>,
    actor_kind: Cow<'a, str>,
    actor: Cow<'a, str>,
    address: Option<Cow<'a, str>>,
    note: Option<Cow<'a, str>>,
    #[serde(flatten)]
    changes: LineChanges<'a>,
    parent_hash: String,
    hash: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = HashedChanges)]
#[serde(rename_all = "snake_case")]
enum LineChanges<'a> {
    Changes(Vec<LineChange>),
    Document { before: Option<Cow<'a, str>>, after: Option<Cow<'a, str>> },
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = HashedChange)]
struct LineChange {
    instrument: String,
    before: Option<String>,
    after: Option<String>,
}

impl<'a> Line<'a> {
    /// A revision as a line.
    pub fn new(entry: &'a Entry) -> Self {
        let record = &entry.record;
        let changes = match &record.changes {
            Changes::List(changes) => {
                let line = |change: &InstrumentChange| LineChange {
                    instrument: change.instrument.to_string(),
                    before: hashed(&change.before),
                    after: hashed(&change.after),
                };
                LineChanges::Changes(changes.iter().map(line).collect())
            }
            Changes::Document(change) => LineChanges::Document {
                before: change.before.as_deref().map(Cow::from),
                after: change.after.as_deref().map(Cow::from),
            },
        };
        Self {
            revision: entry.revision,
            at: entry.at.as_micros(),
            subject_kind: record.subject.kind().into(),
            subject: record.subject.name().into(),
            subject_id: record.subject_id,
            kind: record.kind.as_str().into(),
            actor_kind: record.actor.kind().as_str().into(),
            actor: record.actor.name().into(),
            address: record.address.as_deref().map(Cow::from),
            note: record.note.as_deref().map(Cow::from),
            changes,
            parent_hash: hex::encode(entry.parent),
            hash: hex::encode(entry.hash),
        }
    }

    /// Reads a line.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &'a str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("it is no revision: {error}"))
    }

    /// The revision that it is of.
    ///
    /// # Errors
    /// What of it cannot be understood.
    pub fn entry(&self) -> Result<Entry, String> {
        let subject = Subject::parse(&self.subject_kind, &self.subject).map_err(|error| error.to_string())?;
        let changes = match (&self.changes, &subject) {
            (LineChanges::Changes(changes), Subject::Strategy(name)) => {
                let change = |change: &LineChange| change.read(name.kind());
                Changes::List(changes.iter().map(change).collect::<Result<_, _>>()?)
            }
            (LineChanges::Document { before, after }, Subject::Document(_)) => {
                let [before, after] = [before, after].map(|side| side.as_deref().map(Arc::from));
                Changes::Document(DocumentChange { before, after })
            }
            _ => return Err("it changes something else than what it is about".to_owned()),
        };
        let unknown = |what: &str| format!("{what} is unknown");
        let record = Record {
            subject,
            subject_id: self.subject_id,
            kind: self.kind.parse().map_err(|_| unknown("its kind"))?,
            actor: Actor::new(self.actor_kind.parse().map_err(|_| unknown("its actor"))?, self.actor.to_string()),
            address: self.address.as_deref().map(str::to_owned),
            note: self.note.as_deref().map(str::to_owned),
            changes,
        };
        let (parent, hash) = (read_hash(&self.parent_hash)?, read_hash(&self.hash)?);
        Ok(Entry { revision: self.revision, at: Moment::from_micros(self.at), parent, record, hash })
    }

    /// The hash that what it says has, at this place.
    fn digest(&self, parent: &ChainHash) -> ChainHash {
        let mut fields = Fields::default();
        fields.put(parent);
        for number in [self.revision.get(), self.subject_id, self.at] {
            fields.put(&number.to_be_bytes());
        }
        for text in [&self.subject, &self.kind, &self.actor_kind, &self.actor] {
            fields.put(text.as_bytes());
        }
        for text in [&self.address, &self.note] {
            fields.put_or_none(text.as_deref().map(str::as_bytes));
        }
        match &self.changes {
            LineChanges::Changes(changes) => {
                for change in changes {
                    fields.put(change.instrument.as_bytes());
                    for side in [&change.before, &change.after] {
                        fields.put_or_none(side.as_deref().map(str::as_bytes));
                    }
                }
            }
            LineChanges::Document { before, after } => {
                fields.put(b"document");
                fields.put(self.subject_kind.as_bytes());
                for side in [before, after] {
                    fields.put_or_none(side.as_deref().map(str::as_bytes));
                }
            }
        }
        fields.digest()
    }
}

impl LineChange {
    fn read(&self, kind: Kind) -> Result<InstrumentChange, String> {
        let side = |side: &Option<String>| side.as_deref().map_or(Ok(Vec::new()), |text| read_hashed(kind, text));
        let instrument = Instrument::try_from(self.instrument.clone()).map_err(|error| error.to_string())?;
        Ok(InstrumentChange { instrument, before: side(&self.before)?, after: side(&self.after)? })
    }
}

/// Lines that follow from each other, as far as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// The hash that the first of them follows from.
    pub begin: ChainHash,
    /// The last of them.
    pub head: Head,
    /// How many they are.
    pub length: u64,
}

impl Lines {
    /// The lines so far, and one more.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn follow(before: Option<Self>, line: &Line) -> Result<Self, String> {
        let (parent, hash) = (read_hash(&line.parent_hash)?, read_hash(&line.hash)?);
        let head = Head { revision: line.revision, at: Moment::from_micros(line.at), hash };
        let fault = |reason: &str| Err(format!("revision {}: {reason}", line.revision));
        if let Some(Self { head: before, .. }) = before {
            if (head.revision, parent) != (before.revision.next(), before.hash) {
                return fault("it does not follow from the revision before it");
            }
            if head.at <= before.at {
                return fault("it is not later than the revision before it");
            }
        }
        if line.digest(&parent) != hash {
            return fault("its content does not match its hash");
        }
        let (begin, length) = before.map_or((parent, 0), |before| (before.begin, before.length));
        Ok(Self { begin, head, length: length + 1 })
    }
}
