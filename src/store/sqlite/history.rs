//! What was: revisions, their changes, and the book as of an earlier one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sqlx::{SqliteConnection, SqliteExecutor};

use super::revisions::{actor, chain_hash, strategy_name, subject};
use super::{json, parsed};
use crate::domain::book::{Book, Mark, Strategy};
use crate::domain::moment::Moment;
use crate::domain::position::{InstrumentChange, Placed, PositionList};
use crate::domain::revision::{Revision, RevisionKind, Subject};
use crate::domain::strategy::{StrategyId, StrategyName};
use crate::ledger::chain::beginning;
use crate::ledger::read_placed;
use crate::store::Stored;
use crate::store::history::{Filter, ListAsOf, RevisionInfo};

/// A revision, before its texts are understood.
struct RevisionRecord {
    id: i64,
    strategy: Option<String>,
    kind: String,
    at: i64,
    actor_kind: String,
    actor: String,
    address: Option<String>,
    note: Option<String>,
    hash: Vec<u8>,
    parent_hash: Vec<u8>,
    changes: i64,
}

impl TryFrom<RevisionRecord> for RevisionInfo {
    type Error = sqlx::Error;

    fn try_from(row: RevisionRecord) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: Revision::new(row.id),
            subject: subject(row.strategy.as_deref())?,
            kind: parsed(&row.kind)?,
            at: Moment::from_micros(row.at),
            actor: actor(&row.actor_kind, row.actor)?,
            address: row.address,
            note: row.note,
            changes: row.changes,
            hash: chain_hash(&row.hash)?,
            parent_hash: chain_hash(&row.parent_hash)?,
        })
    }
}

fn placed(strategy: &StrategyName, text: &str) -> Result<Vec<Placed>, sqlx::Error> {
    read_placed(strategy.kind(), text).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn mark(revision: i64, hash: &[u8], at: i64) -> Mark {
    Mark { revision: Revision::new(revision), chain: beginning(hash), updated_at: Moment::from_micros(at) }
}

/// The newest revisions before one.
pub(in crate::store) async fn revisions(
    executor: impl SqliteExecutor<'_>,
    filter: &Filter,
    before: Revision,
    limit: i64,
) -> Result<Vec<RevisionInfo>, sqlx::Error> {
    let instrument = filter.instrument.as_ref().map(ToString::to_string);
    let (from, to) = (filter.from.map(Moment::as_micros), filter.to.map(Moment::as_micros));
    let (actor, before) = (filter.actor.as_deref(), before.get());
    let rows =
        match &filter.strategy {
            // Apart, so that the index over a strategy's revisions serves.
            Some(strategy) => {
                let strategy = strategy.as_str();
                sqlx::query_as!(
                RevisionRecord,
                r#"SELECT r.id, s.name AS "strategy?", r.kind, r.at, r.actor_kind, r.actor, r.address, r.note, r.hash,
                          r.parent_hash,
                          (SELECT count(*) FROM changes AS c WHERE c.revision_id = r.id) AS "changes!: i64"
                   FROM revisions AS r JOIN strategies AS s ON s.id = r.strategy_id
                   WHERE r.strategy_id IN (SELECT id FROM strategies WHERE name = ?1) AND r.id < ?2
                     AND (?3 IS NULL OR EXISTS (SELECT 1 FROM changes WHERE revision_id = r.id AND item = ?3))
                     AND (?4 IS NULL OR r.actor = ?4) AND (?5 IS NULL OR r.at >= ?5) AND (?6 IS NULL OR r.at < ?6)
                   ORDER BY r.id DESC LIMIT ?7"#,
                strategy,
                before,
                instrument,
                actor,
                from,
                to,
                limit
            )
            .fetch_all(executor)
            .await?
            }
            None => sqlx::query_as!(
                RevisionRecord,
                r#"SELECT r.id, s.name AS "strategy?", r.kind, r.at, r.actor_kind, r.actor, r.address, r.note, r.hash,
                          r.parent_hash,
                          (SELECT count(*) FROM changes AS c WHERE c.revision_id = r.id) AS "changes!: i64"
                   FROM revisions AS r LEFT JOIN strategies AS s ON s.id = r.strategy_id
                   WHERE r.id < ?1
                     AND (?2 IS NULL OR EXISTS (SELECT 1 FROM changes WHERE revision_id = r.id AND item = ?2))
                     AND (?3 IS NULL OR r.actor = ?3) AND (?4 IS NULL OR r.at >= ?4) AND (?5 IS NULL OR r.at < ?5)
                   ORDER BY r.id DESC LIMIT ?6"#,
                before,
                instrument,
                actor,
                from,
                to,
                limit
            )
            .fetch_all(executor)
            .await?,
        };
    rows.into_iter().map(RevisionInfo::try_from).collect()
}

/// What revisions changed, by instrument.
pub(in crate::store) async fn changes(
    executor: impl SqliteExecutor<'_>,
    of: &[RevisionInfo],
    most: i64,
) -> Result<HashMap<Revision, Vec<InstrumentChange>>, sqlx::Error> {
    let names: HashMap<Revision, &StrategyName> = of
        .iter()
        .map(|revision| {
            let Subject::Strategy(name) = &revision.subject;
            (revision.id, name)
        })
        .collect();
    let ids = json(&names.keys().collect::<Vec<_>>());
    let rows = sqlx::query!(
        r#"SELECT revision_id AS "revision_id!: i64", item AS "item!: String",
                  before AS "before?: String", after AS "after?: String"
           FROM (SELECT revision_id, item, before, after,
                        row_number() OVER (PARTITION BY revision_id ORDER BY item) AS number
                 FROM changes WHERE revision_id IN (SELECT value FROM json_each(?1)))
           WHERE number <= ?2 ORDER BY revision_id, item"#,
        ids,
        most
    )
    .fetch_all(executor)
    .await?;
    let mut changes: HashMap<Revision, Vec<InstrumentChange>> = HashMap::new();
    for row in rows {
        let Some(strategy) = names.get(&Revision::new(row.revision_id)) else { continue };
        let side = |text: Option<String>| text.map_or(Ok(Vec::new()), |text| placed(strategy, &text));
        let (before, after) = (side(row.before)?, side(row.after)?);
        let Some(first) = after.first().or(before.first()) else { continue };
        let instrument = first.position.code().instrument();
        changes.entry(Revision::new(row.revision_id)).or_default().push(InstrumentChange { instrument, before, after });
    }
    Ok(changes)
}

/// A strategy as of a revision.
pub(in crate::store) async fn list_as_of(
    connection: &mut SqliteConnection,
    strategy: &StrategyName,
    revision: Revision,
) -> Result<Option<ListAsOf>, sqlx::Error> {
    let (name, revision) = (strategy.as_str(), revision.get());
    let newest = sqlx::query!(
        "SELECT id, strategy_id, kind, at, hash FROM revisions
         WHERE strategy_id IN (SELECT id FROM strategies WHERE name = ?) AND id <= ? ORDER BY id DESC LIMIT 1",
        name,
        revision
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(newest) = newest else { return Ok(None) };
    let mark = mark(newest.id, &newest.hash, newest.at);
    if parsed::<RevisionKind>(&newest.kind)? == RevisionKind::Remove {
        return Ok(Some(ListAsOf { mark, list: None }));
    }
    let rows = sqlx::query!(
        r#"SELECT after AS "after!: String"
           FROM (SELECT c.after, row_number() OVER (PARTITION BY c.item ORDER BY c.revision_id DESC) AS number
                 FROM changes AS c JOIN revisions AS r ON r.id = c.revision_id
                 WHERE r.strategy_id = ?1 AND r.id <= ?2)
           WHERE number = 1 AND after IS NOT NULL"#,
        newest.strategy_id,
        newest.id
    )
    .fetch_all(connection)
    .await?;
    let mut entries = Vec::new();
    for row in rows {
        entries.extend(placed(strategy, &row.after)?);
    }
    Ok(Some(ListAsOf { mark, list: Some(PositionList::from_placed(entries)) }))
}

/// The whole book as of a revision.
pub(in crate::store) async fn book_as_of(
    connection: &mut SqliteConnection,
    revision: Revision,
) -> Result<Book, sqlx::Error> {
    let revision = revision.get();
    let states = sqlx::query!(
        r#"SELECT s.id AS "id!: i64", s.name, r.id AS "revision!: i64", r.kind, r.at, r.hash
           FROM revisions AS r JOIN strategies AS s ON s.id = r.strategy_id
           WHERE r.id IN (SELECT max(id) FROM revisions WHERE id <= ?1 GROUP BY strategy_id) ORDER BY s.id"#,
        revision
    )
    .fetch_all(&mut *connection)
    .await?;
    let rows = sqlx::query!(
        r#"SELECT strategy_id AS "strategy_id!: i64", after AS "after!: String"
           FROM (SELECT r.strategy_id, c.after,
                        row_number() OVER (PARTITION BY r.strategy_id, c.item ORDER BY c.revision_id DESC) AS number
                 FROM changes AS c JOIN revisions AS r ON r.id = c.revision_id WHERE r.id <= ?1)
           WHERE number = 1 AND after IS NOT NULL"#,
        revision
    )
    .fetch_all(connection)
    .await?;
    let mut written: BTreeMap<StrategyId, Vec<String>> = BTreeMap::new();
    for row in rows {
        written.entry(StrategyId::new(row.strategy_id)).or_default().push(row.after);
    }
    let mut book = Book::default();
    for state in states {
        let (id, name) = (StrategyId::new(state.id), strategy_name(&state.name)?);
        let mark = mark(state.revision, &state.hash, state.at);
        if parsed::<RevisionKind>(&state.kind)? == RevisionKind::Remove {
            book.note_removal(name, mark);
            continue;
        }
        let mut entries = Vec::new();
        for text in written.remove(&id).unwrap_or_default() {
            entries.extend(placed(&name, &text)?);
        }
        let list = PositionList::from_placed(entries);
        book.add(Arc::new(Strategy { id, name, list, mark, last_push_at: mark.updated_at, sequence: None }));
    }
    Ok(book)
}

/// The revisions after one, oldest first.
pub(in crate::store) async fn stored_after(
    executor: impl SqliteExecutor<'_>,
    revision: Revision,
    limit: i64,
) -> Result<Vec<Stored>, sqlx::Error> {
    let after = revision.get();
    let rows = sqlx::query!(
        r#"SELECT r.id, s.name AS "strategy?", r.at
           FROM revisions AS r LEFT JOIN strategies AS s ON s.id = r.strategy_id
           WHERE r.id > ? ORDER BY r.id LIMIT ?"#,
        after,
        limit
    )
    .fetch_all(executor)
    .await?;
    let stored = rows.into_iter().map(|row| {
        let subject = subject(row.strategy.as_deref())?;
        Ok(Stored { revision: Revision::new(row.id), subject, at: Moment::from_micros(row.at) })
    });
    stored.collect()
}

/// The newest revision at a moment.
pub(in crate::store) async fn revision_at(
    executor: impl SqliteExecutor<'_>,
    moment: Moment,
) -> Result<Revision, sqlx::Error> {
    let at = moment.as_micros();
    let row = sqlx::query!("SELECT id FROM revisions WHERE at <= ? ORDER BY at DESC LIMIT 1", at)
        .fetch_optional(executor)
        .await?;
    Ok(row.map_or(Revision::NONE, |row| Revision::new(row.id)))
}
