//! The table `revisions`: append-only, each chained to the one before it by its hash.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::SqliteConnection;

use super::batch::Bytes;
use super::{json, parsed};
use crate::domain::changes::Changes;
use crate::domain::moment::Moment;
use crate::domain::revision::{Actor, ActorKind, Revision, Subject, Topic};
use crate::domain::strategy::StrategyName;
use crate::ledger::chain::{ChainHash, Entry, Head};
use crate::ledger::{read_changes, write_changes};

statement! {
    /// Appends revisions.
    APPEND(bytes, rows) = "INSERT INTO revisions
                              (id, strategy_id, kind, at, actor_kind, actor, address, note, hash, changes, document_id)
                          SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
                                 value ->> 6, value ->> 7,
                                 substr($1, value ->> '$[8][0]', value ->> '$[8][1]'),
                                 CAST(substr($1, value ->> '$[9][0]', value ->> '$[9][1]') AS TEXT),
                                 value ->> 10
                          FROM jsonb_each($3)"
}

/// The rows of revisions.
pub(super) fn rows(entries: &[Entry], bytes: &mut Bytes) -> String {
    json(&entries.iter().map(|entry| row(entry, bytes)).collect::<Vec<_>>())
}

fn row<'a>(entry: &'a Entry, bytes: &mut Bytes) -> impl Serialize + use<'a> {
    let record = &entry.record;
    let (strategy_id, document_id) = match record.subject {
        Subject::Strategy(_) => (Some(record.subject_id), None),
        Subject::Document(_) => (None, Some(record.subject_id)),
    };
    let (kind, actor_kind, actor) = (record.kind.as_str(), record.actor.kind().as_str(), record.actor.name());
    let (address, note) = (record.address.as_deref(), record.note.as_deref());
    let (hash, changes) = (bytes.put(&entry.hash), bytes.put(write_changes(&record.changes).as_bytes()));
    let (revision, at) = (entry.revision, entry.at.as_micros());
    (revision, strategy_id, kind, at, actor_kind, actor, address, note, hash, changes, document_id)
}

/// The newest revision.
pub(super) async fn newest(connection: &mut SqliteConnection) -> Result<Revision, sqlx::Error> {
    let newest = sqlx::query_scalar!(r#"SELECT max(id) AS "id?: i64" FROM revisions"#).fetch_one(connection).await?;
    Ok(newest.map_or(Revision::NONE, Revision::new))
}

/// A revision's hash, where there is such a revision; before the first there is nothing, and that has a hash as well.
pub(in crate::store) async fn hash(
    connection: &mut SqliteConnection,
    revision: Revision,
) -> Result<Option<ChainHash>, sqlx::Error> {
    if revision == Revision::NONE {
        return Ok(Some(Head::START.hash));
    }
    let number = revision.get();
    let hash =
        sqlx::query_scalar!("SELECT hash FROM revisions WHERE id = ?", number).fetch_optional(connection).await?;
    hash.map(|hash| chain_hash(&hash)).transpose()
}

/// When programs say that they decided on the pushes of some revisions, where they say it.
pub(in crate::store) async fn decided_at(
    connection: &mut SqliteConnection,
    revisions: &[Revision],
) -> Result<BTreeMap<Revision, Moment>, sqlx::Error> {
    let revisions = json(&revisions);
    let rows = sqlx::query!(
        r#"SELECT id, note AS "note!" FROM revisions
           WHERE id IN (SELECT value FROM json_each(?)) AND kind = 'push' AND note IS NOT NULL"#,
        revisions
    )
    .fetch_all(connection)
    .await?;
    let decided = rows.into_iter().filter_map(|row| Some((Revision::new(row.id), row.note.parse().ok()?)));
    Ok(decided.map(|(revision, micros)| (revision, Moment::from_micros(micros))).collect())
}

/// A hash as it is written.
pub(super) fn chain_hash(bytes: &[u8]) -> Result<ChainHash, sqlx::Error> {
    bytes.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// What a revision is about, by the name of its strategy, or kind and name of its document.
pub(super) fn subject(strategy: Option<&str>, document: Option<(&str, &str)>) -> Result<Subject, sqlx::Error> {
    match (strategy, document) {
        (Some(strategy), _) => strategy_name(strategy).map(Subject::Strategy),
        (None, Some((kind, name))) => {
            let topic = Topic::parse(kind, name).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            Ok(Subject::Document(topic))
        }
        (None, None) => Err(sqlx::Error::Decode("it is about nothing that is there".into())),
    }
}

/// A strategy's name as it is written.
pub(super) fn strategy_name(text: &str) -> Result<StrategyName, sqlx::Error> {
    StrategyName::parse(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Who made a revision.
pub(super) fn actor(kind: &str, name: String) -> Result<Actor, sqlx::Error> {
    Ok(Actor::new(parsed::<ActorKind>(kind)?, name))
}

/// What a revision changed in its subject.
pub(super) fn changes(subject: &Subject, text: &str) -> Result<Changes, sqlx::Error> {
    read_changes(subject, text).map_err(|error| sqlx::Error::Decode(error.into()))
}
