//! The chain: every revision carries a hash over itself and over the hash of the one before it.

use super::fields::Fields;
use super::replay::Link;
use super::written::hashed;
use crate::domain::book::Mark;
use crate::domain::changes::Changes;
use crate::domain::moment::Moment;
use crate::domain::revision::{Actor, Revision, RevisionKind, Subject};

/// A chain hash: SHA-256.
pub type ChainHash = [u8; 32];

/// Where the chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The newest revision.
    pub revision: Revision,
    /// When it was made.
    pub at: Moment,
    /// Its hash.
    pub hash: ChainHash,
}

impl Head {
    /// Where every chain begins.
    pub const START: Self = Self { revision: Revision::NONE, at: Moment::from_micros(0), hash: [0; 32] };

    /// The state of a subject that this revision was the last to change.
    pub fn mark(&self) -> Mark {
        Mark { revision: self.revision, chain: beginning(&self.hash), updated_at: self.at }
    }
}

/// The part of a chain hash that stands for it in a [`Mark`].
pub fn beginning(hash: &[u8]) -> [u8; 8] {
    hash.first_chunk().copied().unwrap_or_default()
}

/// A chain hash from hexadecimal.
///
/// # Errors
/// What is wrong with the text.
pub fn read_hash(text: &str) -> Result<ChainHash, String> {
    let mut hash = ChainHash::default();
    hex::decode_to_slice(text, &mut hash).map_err(|_| "a hash has 64 hexadecimal digits".to_owned())?;
    Ok(hash)
}

/// What a revision records, wherever it comes to stand in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is about.
    pub subject: Subject,
    /// The subject's number among those of its kind.
    pub subject_id: i64,
    /// What it did.
    pub kind: RevisionKind,
    /// Who made it.
    pub actor: Actor,
    /// From where: an IP address.
    pub address: Option<String>,
    /// For a restore the revision that it went back to; for an approval, and whatever else ends a push's waiting, the push; for
    /// a push when it was decided, where it told.
    pub note: Option<String>,
    /// What changed.
    pub changes: Changes,
}

/// A revision as it stands in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub revision: Revision,
    /// When it was made.
    pub at: Moment,
    /// The hash of the revision before it.
    pub parent: ChainHash,
    /// What it records.
    pub record: Record,
    /// Its own hash.
    pub hash: ChainHash,
}

impl Record {
    /// The entry that follows a head: with the next number, and later, whatever the wall clock says.
    pub fn follow(self, head: &Head, now: Moment) -> Entry {
        let (revision, at) = (head.revision.next(), now.max(head.at.next()));
        let hash = self.hash(revision, at, &head.hash);
        Entry { revision, at, parent: head.hash, record: self, hash }
    }

    /// The chain hash of this record at its place: over its parent's, each of its fields and each of its changes.
    fn hash(&self, revision: Revision, at: Moment, parent: &ChainHash) -> ChainHash {
        let mut fields = Fields::default();
        fields.put(parent);
        for number in [revision.get(), self.subject_id, at.as_micros()] {
            fields.put(&number.to_be_bytes());
        }
        for text in [self.subject.name(), self.kind.as_str(), self.actor.kind().as_str(), self.actor.name()] {
            fields.put(text.as_bytes());
        }
        for text in [&self.address, &self.note] {
            fields.put_or_none(text.as_deref().map(str::as_bytes));
        }
        match &self.changes {
            Changes::List(changes) => {
                for change in changes {
                    fields.put(change.instrument.to_string().as_bytes());
                    for side in [&change.before, &change.after] {
                        fields.put_or_none(hashed(side).as_deref().map(str::as_bytes));
                    }
                }
            }
            Changes::Document(change) => {
                // Four fields, which no number of threes looks like.
                fields.put(b"document");
                fields.put(self.subject.kind().as_bytes());
                for side in [&change.before, &change.after] {
                    fields.put_or_none(side.as_deref().map(str::as_bytes));
                }
            }
        }
        fields.digest()
    }
}

impl Entry {
    /// The head of a chain that ends with it.
    pub const fn head(&self) -> Head {
        Head { revision: self.revision, at: self.at, hash: self.hash }
    }

    /// Where it hangs in the chain.
    pub const fn link(&self) -> Link {
        Link { revision: self.revision, parent: self.parent, hash: self.hash }
    }

    /// Whether its hash is the one that its content has.
    pub fn is_intact(&self) -> bool {
        self.hash == self.record.hash(self.revision, self.at, &self.parent)
    }
}
