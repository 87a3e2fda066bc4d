//! The tables `revisions` and `changes`: append-only, each revision chained to the one before it by its hash.

use serde::Serialize;
use sqlx::SqliteConnection;

use super::{json, parsed};
use crate::domain::moment::Moment;
use crate::domain::revision::{Actor, ActorKind, Revision, Subject};
use crate::domain::strategy::StrategyName;
use crate::ledger::chain::{ChainHash, Entry, Head, ItemChange};

/// A revision's row, with its hashes in hexadecimal, which JSON can carry.
#[derive(Debug, Serialize)]
struct RevisionRecord<'a> {
    id: Revision,
    strategy_id: Option<i64>,
    kind: &'a str,
    at: i64,
    actor_kind: &'a str,
    actor: &'a str,
    address: Option<&'a str>,
    note: Option<&'a str>,
    parent_hash: String,
    hash: String,
}

impl<'a> From<&'a Entry> for RevisionRecord<'a> {
    fn from(entry: &'a Entry) -> Self {
        let record = &entry.record;
        let strategy_id = match record.subject {
            Subject::Strategy(_) => Some(record.subject_id),
        };
        Self {
            id: entry.revision,
            strategy_id,
            kind: record.kind.as_str(),
            at: entry.at.as_micros(),
            actor_kind: record.actor.kind().as_str(),
            actor: record.actor.name(),
            address: record.address.as_deref(),
            note: record.note.as_deref(),
            parent_hash: hex::encode_upper(entry.parent),
            hash: hex::encode_upper(entry.hash),
        }
    }
}

statement! {
    /// Appends revisions.
    APPEND = "INSERT INTO revisions (id, strategy_id, kind, at, actor_kind, actor, address, note, parent_hash, hash)
              SELECT value ->> 'id', value ->> 'strategy_id', value ->> 'kind', value ->> 'at', value ->> 'actor_kind',
                     value ->> 'actor', value ->> 'address', value ->> 'note',
                     unhex(value ->> 'parent_hash'), unhex(value ->> 'hash')
              FROM jsonb_each(?)"
}

statement! {
    /// Appends what revisions changed.
    APPEND_CHANGES = "INSERT INTO changes (revision_id, item, before, after)
                      SELECT value ->> 0, value ->> '$[1].item', value ->> '$[1].before', value ->> '$[1].after'
                      FROM jsonb_each(?)"
}

/// The rows of revisions.
pub(super) fn rows(entries: &[Entry]) -> String {
    json(&entries.iter().map(RevisionRecord::from).collect::<Vec<_>>())
}

/// The rows of what revisions changed.
pub(super) fn change_rows(entries: &[Entry]) -> String {
    json(&entries.iter().flat_map(items).collect::<Vec<_>>())
}

/// The items that a revision changed.
fn items(entry: &Entry) -> impl Iterator<Item = (Revision, &ItemChange)> {
    entry.record.changes.iter().map(|change| (entry.revision, change))
}

/// Where the chain ends.
pub(super) async fn head(connection: &mut SqliteConnection) -> Result<Head, sqlx::Error> {
    let newest =
        sqlx::query!("SELECT id, at, hash FROM revisions ORDER BY id DESC LIMIT 1").fetch_optional(connection).await?;
    newest.map_or(Ok(Head::START), |row| {
        Ok(Head { revision: Revision::new(row.id), at: Moment::from_micros(row.at), hash: chain_hash(&row.hash)? })
    })
}

/// A hash as it is written.
pub(super) fn chain_hash(bytes: &[u8]) -> Result<ChainHash, sqlx::Error> {
    bytes.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// What a revision is about, by the name of its strategy.
pub(super) fn subject(strategy: Option<&str>) -> Result<Subject, sqlx::Error> {
    let unknown = || sqlx::Error::Decode("it is about something that this version does not know".into());
    strategy_name(strategy.ok_or_else(unknown)?).map(Subject::Strategy)
}

/// A strategy's name as it is written.
pub(super) fn strategy_name(text: &str) -> Result<StrategyName, sqlx::Error> {
    StrategyName::parse(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Who made a revision.
pub(super) fn actor(kind: &str, name: String) -> Result<Actor, sqlx::Error> {
    Ok(Actor::new(parsed::<ActorKind>(kind)?, name))
}
