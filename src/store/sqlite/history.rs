//! What was: revisions, their changes, and the book as of an earlier one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use sqlx::SqliteConnection;

use super::item_eras::BLOCK;
use super::revisions::{self, actor, chain_hash, strategy_name, subject};
use super::{item_eras, kept_lists};
use super::{json, parsed};
use crate::domain::book::{Book, Mark, Strategy, Told};
use crate::domain::changes::Changes;
use crate::domain::gist::Gist;
use crate::domain::moment::Moment;
use crate::domain::position::PositionList;
use crate::domain::revision::{Revision, RevisionKind, Subject};
use crate::domain::strategy::{StrategyId, StrategyName};
use crate::ledger::Unfolded;
use crate::ledger::chain::{Head, beginning};
use crate::store::Stored;
use crate::store::history::{Filter, ListAsOf, RevisionInfo};

/// A revision, before its texts are understood.
struct RevisionRecord {
    id: i64,
    strategy: Option<String>,
    document_kind: Option<String>,
    document: Option<String>,
    kind: String,
    at: i64,
    actor_kind: String,
    actor: String,
    address: Option<String>,
    note: Option<String>,
    hash: Vec<u8>,
    parent_hash: Option<Vec<u8>>,
    changes: i64,
}

impl TryFrom<RevisionRecord> for RevisionInfo {
    type Error = sqlx::Error;

    fn try_from(row: RevisionRecord) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: Revision::new(row.id),
            subject: subject(row.strategy.as_deref(), row.document_kind.as_deref().zip(row.document.as_deref()))?,
            kind: parsed(&row.kind)?,
            at: Moment::from_micros(row.at),
            actor: actor(&row.actor_kind, row.actor)?,
            address: row.address,
            note: row.note,
            changes: row.changes,
            hash: chain_hash(&row.hash)?,
            parent_hash: row.parent_hash.map_or(Ok(Head::START.hash), |hash| chain_hash(&hash))?,
        })
    }
}

/// The newest revisions after one and before another.
pub(in crate::store) async fn revisions(
    connection: &mut SqliteConnection,
    filter: &Filter,
    (after, before): (Revision, Revision),
    limit: i64,
) -> Result<Vec<RevisionInfo>, sqlx::Error> {
    let ids = json(&numbers(connection, filter, (after, before), limit).await?);
    let rows = sqlx::query_as!(
        RevisionRecord,
        r#"SELECT r.id, s.name AS "strategy?", d.kind AS "document_kind?", d.name AS "document?", r.kind, r.at,
                  r.actor_kind, r.actor, r.address, r.note, r.hash, p.hash AS "parent_hash?: Vec<u8>",
                  iif(r.document_id IS NULL, json_array_length(r.changes), 1) AS "changes!: i64"
           FROM revisions AS r LEFT JOIN strategies AS s ON s.id = r.strategy_id
                LEFT JOIN documents AS d ON d.id = r.document_id
                LEFT JOIN revisions AS p ON p.id = r.id - 1
           WHERE r.id IN (SELECT value FROM json_each(?)) ORDER BY r.id DESC"#,
        ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(RevisionInfo::try_from).collect()
}

/// The revisions about the same subject that are next to one.
pub(in crate::store) async fn neighbours(
    connection: &mut SqliteConnection,
    subject: &Subject,
    revision: Revision,
) -> Result<Vec<Revision>, sqlx::Error> {
    let (name, number) = (subject.name(), revision.get());
    let found = match subject {
        Subject::Strategy(_) => {
            sqlx::query_scalar!(
                "SELECT id FROM revisions WHERE id IN (
             (SELECT max((SELECT max(id) FROM revisions WHERE strategy_id = s.id AND id < ?2))
              FROM strategies AS s WHERE s.name = ?1),
             (SELECT min((SELECT min(id) FROM revisions WHERE strategy_id = s.id AND id > ?2))
              FROM strategies AS s WHERE s.name = ?1))
         ORDER BY id",
                name,
                number
            )
            .fetch_all(connection)
            .await?
        }
        Subject::Document(topic) => {
            let kind = topic.kind();
            sqlx::query_scalar!(
                "SELECT id FROM revisions WHERE id IN (
             (SELECT max((SELECT max(id) FROM revisions WHERE document_id = d.id AND id < ?3))
              FROM documents AS d WHERE d.kind = ?1 AND d.name = ?2),
             (SELECT min((SELECT min(id) FROM revisions WHERE document_id = d.id AND id > ?3))
              FROM documents AS d WHERE d.kind = ?1 AND d.name = ?2))
         ORDER BY id",
                kind,
                name,
                number
            )
            .fetch_all(connection)
            .await?
        }
    };
    Ok(found.into_iter().map(Revision::new).collect())
}

/// How many blocks are looked through at once: a page is filled by few where an instrument changes often.
const BLOCKS: usize = 16;

/// Which revisions are wanted: after one and before another, an actor's or all, of a kind or all, so many at most.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    after: i64,
    before: i64,
    actor: Option<&'a str>,
    kind: Option<&'a str>,
    limit: i64,
}

/// The numbers of the newest revisions after one and before another: where to look first depends on what is asked for.
async fn numbers(
    connection: &mut SqliteConnection,
    filter: &Filter,
    (after, before): (Revision, Revision),
    limit: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    let after = match filter.from {
        Some(from) => last_before(connection, from).await?.max(after),
        None => after,
    };
    let before = match filter.to {
        Some(to) => last_before(connection, to).await?.next().min(before),
        None => before,
    };
    let (actor, kind) = (filter.actor.as_deref(), filter.kind.map(RevisionKind::as_str));
    let wanted = Wanted { after: after.get(), before: before.get(), actor, kind, limit };
    let instrument = filter.instrument.as_ref().map(ToString::to_string);
    match (filter.strategy.as_ref().map(StrategyName::as_str), instrument) {
        (None, None) => of_anything(connection, wanted).await,
        (None, Some(instrument)) => of_instrument(connection, &instrument, wanted).await,
        (Some(strategy), Some(instrument)) => of_strategy(connection, strategy, Some(&instrument), wanted).await,
        (Some(strategy), None) => {
            let mut ids = of_strategy(connection, strategy, None, wanted).await?;
            ids.extend(settled_about(connection, strategy, wanted).await?);
            ids.sort_unstable_by(|one, two| two.cmp(one));
            ids.truncate(usize::try_from(limit).unwrap_or(0));
            Ok(ids)
        }
    }
}

/// The numbers of revisions, whatever they are about.
async fn of_anything(connection: &mut SqliteConnection, wanted: Wanted<'_>) -> Result<Vec<i64>, sqlx::Error> {
    let Wanted { after, before, actor, kind, limit } = wanted;
    sqlx::query_scalar!(
        "SELECT id FROM revisions
         WHERE id > ?1 AND id < ?2 AND (?3 IS NULL OR actor = ?3) AND (?4 IS NULL OR kind = ?4) ORDER BY id DESC LIMIT ?5",
        after,
        before,
        actor,
        kind,
        limit
    )
    .fetch_all(connection)
    .await
}

/// The numbers of revisions that changed an instrument in any list.
async fn of_instrument(
    connection: &mut SqliteConnection,
    instrument: &str,
    wanted: Wanted<'_>,
) -> Result<Vec<i64>, sqlx::Error> {
    let Wanted { after, before, limit, .. } = wanted;
    let blocks = item_eras::blocks_of(connection, instrument, (after, before)).await?;
    let mut ids = Vec::new();
    for some in blocks.chunks(BLOCKS) {
        let left = limit - i64::try_from(ids.len()).unwrap_or(limit);
        if left == 0 {
            break;
        }
        ids.extend(of_instrument_in(connection, instrument, some, Wanted { limit: left, ..wanted }).await?);
    }
    Ok(ids)
}

/// The numbers of revisions in some blocks that changed an instrument in any list.
async fn of_instrument_in(
    connection: &mut SqliteConnection,
    instrument: &str,
    blocks: &[i64],
    Wanted { after, before, actor, kind, limit }: Wanted<'_>,
) -> Result<Vec<i64>, sqlx::Error> {
    let blocks = json(&blocks);
    sqlx::query_scalar!(
        "SELECT r.id FROM json_each(?1) AS b CROSS JOIN revisions AS r ON r.id BETWEEN b.value * ?2 AND b.value * ?2 + ?2 - 1
         WHERE r.id > ?3 AND r.id < ?4 AND (?5 IS NULL OR r.actor = ?5) AND (?6 IS NULL OR r.kind = ?6)
           AND r.strategy_id IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(r.changes) WHERE value ->> 0 = ?7)
         ORDER BY r.id DESC LIMIT ?8",
        blocks,
        BLOCK,
        after,
        before,
        actor,
        kind,
        instrument,
        limit
    )
    .fetch_all(connection)
    .await
}

/// The numbers of revisions that changed a strategy's list, or an instrument in it.
async fn of_strategy(
    connection: &mut SqliteConnection,
    strategy: &str,
    instrument: Option<&str>,
    wanted: Wanted<'_>,
) -> Result<Vec<i64>, sqlx::Error> {
    let Wanted { after, before, actor, kind, limit } = wanted;
    let blocks = match instrument {
        Some(instrument) => item_eras::blocks_of(connection, instrument, (after, before)).await?,
        None => Vec::new(),
    };
    let blocks = json(&blocks);
    sqlx::query_scalar!(
        "SELECT id FROM revisions
         WHERE strategy_id IN (SELECT id FROM strategies WHERE name = ?1) AND id > ?2 AND id < ?3
           AND (?4 IS NULL OR actor = ?4) AND (?7 IS NULL OR kind = ?7)
           AND (?5 IS NULL OR (id / ?6 IN (SELECT value FROM json_each(?9))
                               AND EXISTS (SELECT 1 FROM json_each(changes) WHERE value ->> 0 = ?5)))
         ORDER BY id DESC LIMIT ?8",
        strategy,
        after,
        before,
        actor,
        instrument,
        BLOCK,
        kind,
        limit,
        blocks
    )
    .fetch_all(connection)
    .await
}

/// The numbers of revisions by which something was settled about a strategy: its states, schedules, pushes that waited.
async fn settled_about(
    connection: &mut SqliteConnection,
    strategy: &str,
    wanted: Wanted<'_>,
) -> Result<Vec<i64>, sqlx::Error> {
    let Wanted { after, before, actor, kind, limit } = wanted;
    sqlx::query_scalar!(
        "SELECT id FROM revisions
         WHERE document_id IN (SELECT id FROM documents WHERE kind IN ('state', 'hold', 'schedule') AND name = ?1)
           AND id > ?2 AND id < ?3 AND (?4 IS NULL OR actor = ?4) AND (?5 IS NULL OR kind = ?5)
         ORDER BY id DESC LIMIT ?6",
        strategy,
        after,
        before,
        actor,
        kind,
        limit
    )
    .fetch_all(connection)
    .await
}

/// The last revision before a moment.
async fn last_before(connection: &mut SqliteConnection, moment: Moment) -> Result<Revision, sqlx::Error> {
    revision_at(connection, moment.minus(Duration::from_micros(1))).await
}

/// What revisions changed, by instrument.
pub(in crate::store) async fn changes(
    connection: &mut SqliteConnection,
    of: &[RevisionInfo],
    most: usize,
) -> Result<HashMap<Revision, Changes>, sqlx::Error> {
    let subjects: HashMap<i64, &Subject> = of.iter().map(|revision| (revision.id.get(), &revision.subject)).collect();
    let ids = json(&subjects.keys().collect::<Vec<_>>());
    let rows = sqlx::query!("SELECT id, changes FROM revisions WHERE id IN (SELECT value FROM json_each(?))", ids)
        .fetch_all(connection)
        .await?;
    let mut all = HashMap::with_capacity(rows.len());
    for row in rows {
        let Some(subject) = subjects.get(&row.id) else { continue };
        let mut changes = revisions::changes(subject, &row.changes)?;
        if let Changes::List(changes) = &mut changes {
            changes.truncate(most);
        }
        all.insert(Revision::new(row.id), changes);
    }
    Ok(all)
}

/// A strategy as of a revision.
pub(in crate::store) async fn list_as_of(
    connection: &mut SqliteConnection,
    strategy: &StrategyName,
    revision: Revision,
) -> Result<Option<ListAsOf>, sqlx::Error> {
    let states = states_as_of(connection, Some(strategy), revision).await?;
    Ok(states.into_iter().next_back().map(|state| ListAsOf { mark: state.mark(), list: state.kept_list() }))
}

/// The whole book as of a revision.
pub(in crate::store) async fn book_as_of(
    connection: &mut SqliteConnection,
    revision: Revision,
) -> Result<Book, sqlx::Error> {
    let mut book = Book::default();
    for state in states_as_of(connection, None, revision).await? {
        let (id, name, mark, revisions) = (state.id, state.name.clone(), state.mark(), 0);
        match state.kept_list() {
            None => book.note_removal(name, mark, None),
            Some(list) => {
                let (last_push_at, sequence) = (None, None);
                // By it a list that stands as it did is known without being walked.
                let told = Told { gist: Gist::of(list.iter()), ..Told::default() };
                book.add(Arc::new(Strategy { id, name, list, mark, revisions, last_push_at, sequence, told }));
            }
        }
    }
    Ok(book)
}

/// A strategy on its way to a revision.
struct StateAsOf {
    id: StrategyId,
    name: StrategyName,
    list: Unfolded,
    revision: Revision,
    hash: Vec<u8>,
    kind: RevisionKind,
}

impl StateAsOf {
    fn mark(&self) -> Mark {
        let updated_at = self.list.updated_at().unwrap_or(Moment::from_micros(0));
        Mark { revision: self.revision, chain: beginning(&self.hash), updated_at }
    }

    /// The list, unless the strategy was removed.
    fn kept_list(self) -> Option<PositionList> {
        (self.kind != RevisionKind::Remove).then(|| self.list.list())
    }
}

/// How strategies stood as of a revision, by creation: from the last list that was kept by then, change by change.
async fn states_as_of(
    connection: &mut SqliteConnection,
    strategy: Option<&StrategyName>,
    revision: Revision,
) -> Result<Vec<StateAsOf>, sqlx::Error> {
    let (strategy, revision) = (strategy.map(StrategyName::as_str), revision.get());
    let mut rows = sqlx::query!(
        r#"WITH subject AS (
               SELECT s.id, s.name,
                      coalesce((SELECT max(revision) FROM kept_lists
                                WHERE strategy_id = s.id AND revision <= ?1), 0) AS since
               FROM strategies AS s WHERE s.id IN (SELECT id FROM strategies WHERE ?2 IS NULL OR name = ?2)
           )
           SELECT s.id AS "strategy_id!: i64", s.name, r.id AS "id!: i64", r.kind, r.at, r.hash, r.changes,
                  k.updated_at AS "updated_at?: i64", k.digest AS "digest?: Vec<u8>", k.list AS "list?: String"
           FROM subject AS s CROSS JOIN revisions AS r ON r.strategy_id = s.id AND r.id BETWEEN s.since AND ?1
                LEFT JOIN kept_lists AS k ON k.strategy_id = s.id AND k.revision = r.id
           ORDER BY s.id, r.id"#,
        revision,
        strategy
    )
    .fetch(connection);
    let mut states: Vec<StateAsOf> = Vec::new();
    while let Some(row) = rows.try_next().await? {
        let (id, kind, at) = (StrategyId::new(row.strategy_id), parsed(&row.kind)?, Moment::from_micros(row.at));
        if states.last().is_none_or(|state| state.id != id) {
            let (name, list) = (strategy_name(&row.name)?, Unfolded::default());
            states.push(StateAsOf { id, name, list, revision: Revision::NONE, hash: Vec::new(), kind });
        }
        let Some(state) = states.last_mut() else { continue };
        if let Some(((list, digest), updated_at)) = row.list.zip(row.digest).zip(row.updated_at) {
            let (updated_at, of) = (Moment::from_micros(updated_at), (id, state.name.kind()));
            let list = kept_lists::read(of, Revision::new(row.id), updated_at, &digest, &list)?;
            state.list = Unfolded::from_list(&list, updated_at);
        } else {
            let subject = Subject::Strategy(state.name.clone());
            let Changes::List(changes) = revisions::changes(&subject, &row.changes)? else { continue };
            state.list.follow(kind, at, changes).map_err(|error| sqlx::Error::Decode(error.into()))?;
        }
        (state.revision, state.hash, state.kind) = (Revision::new(row.id), row.hash, kind);
    }
    Ok(states)
}

/// The revisions after one, oldest first.
pub(in crate::store) async fn stored_after(
    connection: &mut SqliteConnection,
    revision: Revision,
    limit: i64,
) -> Result<Vec<Stored>, sqlx::Error> {
    let after = revision.get();
    let rows = sqlx::query!(
        r#"SELECT r.id, s.name AS "strategy?", d.kind AS "document_kind?", d.name AS "document?", r.at
           FROM revisions AS r LEFT JOIN strategies AS s ON s.id = r.strategy_id
                LEFT JOIN documents AS d ON d.id = r.document_id
           WHERE r.id > ? ORDER BY r.id LIMIT ?"#,
        after,
        limit
    )
    .fetch_all(connection)
    .await?;
    let stored = rows.into_iter().map(|row| {
        let document = row.document_kind.as_deref().zip(row.document.as_deref());
        let subject = subject(row.strategy.as_deref(), document)?;
        Ok(Stored { revision: Revision::new(row.id), subject, at: Moment::from_micros(row.at) })
    });
    stored.collect()
}

/// The newest revision at a moment.
pub(in crate::store) async fn revision_at(
    connection: &mut SqliteConnection,
    moment: Moment,
) -> Result<Revision, sqlx::Error> {
    Ok(head_at(connection, moment).await?.revision)
}

/// Where the chain ended at a moment.
pub(in crate::store) async fn head_at(connection: &mut SqliteConnection, moment: Moment) -> Result<Head, sqlx::Error> {
    let at = moment.as_micros();
    let row = sqlx::query!("SELECT id, at, hash FROM revisions WHERE at <= ? ORDER BY at DESC LIMIT 1", at)
        .fetch_optional(connection)
        .await?;
    let head = |row: (i64, i64, Vec<u8>)| {
        let (revision, at) = (Revision::new(row.0), Moment::from_micros(row.1));
        Ok(Head { revision, at, hash: revisions::chain_hash(&row.2)? })
    };
    row.map_or(Ok(Head::START), |row| head((row.id, row.at, row.hash)))
}
