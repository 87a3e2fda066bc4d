//! The tables `revisions` and `changes`: append-only, each revision chained to the one before it by its hash.

use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;

use super::Actor;
use super::positions::{json, write_placed};
use crate::domain::book::{Revision, StrategyId};
use crate::domain::moment::Moment;
use crate::domain::position::InstrumentChange;

/// A chain hash: SHA-256.
pub(super) type ChainHash = [u8; 32];

/// Where the chain ends now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) revision: Revision,
    pub(super) at: Moment,
    pub(super) hash: ChainHash,
}

impl Head {
    /// Where every chain begins.
    pub(super) const START: Self = Self { revision: 0, at: Moment::from_micros(0), hash: [0; 32] };
}

/// The part of a chain hash that stands for it in an `ETag`.
pub(super) fn fingerprint(hash: &[u8]) -> [u8; 8] {
    hash.first_chunk().copied().unwrap_or_default()
}

/// One instrument's change, as it is written.
#[derive(Debug, Serialize)]
pub(super) struct ChangeRow {
    pub(super) instrument: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl From<&InstrumentChange> for ChangeRow {
    fn from(change: &InstrumentChange) -> Self {
        Self {
            instrument: change.instrument.to_string(),
            before: write_placed(&change.before),
            after: write_placed(&change.after),
        }
    }
}

/// A revision as it is hashed and written.
#[derive(Debug, Serialize)]
pub(super) struct RevisionRow<'a> {
    pub(super) id: Revision,
    pub(super) strategy_id: StrategyId,
    pub(super) strategy: &'a str,
    pub(super) kind: &'a str,
    pub(super) at: i64,
    pub(super) actor_kind: &'a str,
    pub(super) actor: &'a str,
    pub(super) address: Option<&'a str>,
    pub(super) note: Option<&'a str>,
}

impl RevisionRow<'_> {
    /// The revision's chain hash: over its parent's, each of its fields and each of its changes, by instrument.
    ///
    /// Every field goes in behind its length, so no two revisions look alike.
    pub(super) fn hash(&self, parent: &ChainHash, changes: &[ChangeRow]) -> ChainHash {
        let mut hasher = Sha256::new();
        let mut put = |field: Option<&[u8]>| match field {
            Some(bytes) => {
                hasher.update([1]);
                hasher.update((bytes.len() as u64).to_be_bytes());
                hasher.update(bytes);
            }
            None => hasher.update([0]),
        };
        put(Some(parent));
        for number in [self.id, self.strategy_id, self.at] {
            put(Some(&number.to_be_bytes()));
        }
        for text in
            [Some(self.strategy), Some(self.kind), Some(self.actor_kind), Some(self.actor), self.address, self.note]
        {
            put(text.map(str::as_bytes));
        }
        for change in changes {
            for text in [Some(&change.instrument), change.before.as_ref(), change.after.as_ref()] {
                put(text.map(String::as_bytes));
            }
        }
        hasher.finalize().into()
    }
}

impl Actor {
    /// The kind of actor and its name, as they are written.
    pub(super) fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Client(name) => ("client", name),
            Self::Key(name) => ("key", name),
            Self::Operator => ("operator", "operator"),
            Self::Import(name) => ("import", name),
        }
    }

    /// The kind of revision that the actor's changes are.
    pub(super) const fn revision_kind(&self) -> &'static str {
        match self {
            Self::Client(_) | Self::Key(_) => "push",
            Self::Operator => "edit",
            Self::Import(_) => "import",
        }
    }
}

/// A row with its hashes in hexadecimal, which JSON can carry.
#[derive(Debug, Serialize)]
pub(super) struct ChainedRow<'a> {
    #[serde(flatten)]
    pub(super) row: RevisionRow<'a>,
    pub(super) parent_hash: String,
    pub(super) hash: String,
}

/// Appends revisions and their changes.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    revisions: &[ChainedRow<'_>],
    changes: &[(Revision, ChangeRow)],
) -> Result<(), sqlx::Error> {
    let (revisions, changes) = (json(&revisions), json(&changes));
    sqlx::query!(
        "INSERT INTO revisions (id, strategy_id, kind, at, actor_kind, actor, address, note, parent_hash, hash)
         SELECT value ->> 'id', value ->> 'strategy_id', value ->> 'kind', value ->> 'at', value ->> 'actor_kind',
                value ->> 'actor', value ->> 'address', value ->> 'note',
                unhex(value ->> 'parent_hash'), unhex(value ->> 'hash')
         FROM jsonb_each(?)",
        revisions
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO changes (revision_id, instrument, before, after)
         SELECT value ->> 0, value ->> '$[1].instrument', value ->> '$[1].before', value ->> '$[1].after'
         FROM jsonb_each(?)",
        changes
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Where the chain ends.
pub(super) async fn head(connection: &mut SqliteConnection) -> Result<Head, sqlx::Error> {
    let newest =
        sqlx::query!("SELECT id, at, hash FROM revisions ORDER BY id DESC LIMIT 1").fetch_optional(connection).await?;
    Ok(newest.map_or(Head::START, |row| Head {
        revision: row.id,
        at: Moment::from_micros(row.at),
        hash: row.hash.as_slice().try_into().unwrap_or_default(),
    }))
}
