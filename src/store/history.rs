//! What was: revisions, their changes, and the book as of an earlier one. Reads only, beside the writer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sqlx::{SqliteConnection, SqliteExecutor};

use super::positions::read_placed;
use super::revisions::fingerprint;
use super::{Refusal, Store, Stored, unreadable};
use crate::domain::book::{Book, Mark, Revision, Strategy, StrategyId};
use crate::domain::code::Instrument;
use crate::domain::moment::Moment;
use crate::domain::position::{InstrumentChange, Placed, PositionList};
use crate::domain::strategy::StrategyName;

/// A revision, without its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionInfo {
    /// Its number.
    pub id: Revision,
    /// Whose it is.
    pub strategy: StrategyName,
    /// `push`, `edit`, `restore`, `remove` or `import`.
    pub kind: String,
    /// When it was made.
    pub at: Moment,
    /// `client`, `key`, `operator` or `import`.
    pub actor_kind: String,
    /// The client's id, the key's name, `operator`, or where an import came from.
    pub actor: String,
    /// From where: an IP address.
    pub address: Option<String>,
    /// For a restore the revision that it went back to.
    pub note: Option<String>,
    /// How many instruments changed.
    pub changes: i64,
    /// Its chain hash.
    pub hash: Vec<u8>,
    /// The chain hash of the revision before it.
    pub parent_hash: Vec<u8>,
}

/// The revisions that come before so many changes are reached: what a page can hold in memory. At least one.
pub fn within(revisions: Vec<RevisionInfo>, most_changes: i64) -> Vec<RevisionInfo> {
    let mut sum = 0;
    let mut fits = |revision: &RevisionInfo| {
        let first = sum == 0;
        sum += revision.changes.max(1);
        first || sum <= most_changes
    };
    revisions.into_iter().take_while(|revision| fits(revision)).collect()
}

/// Which revisions are asked for; None asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of a strategy, of all that ever had the name.
    pub strategy: Option<StrategyName>,
    /// Those that changed an instrument.
    pub instrument: Option<Instrument>,
    /// Those of an actor.
    pub actor: Option<String>,
    /// Those from a moment on.
    pub from: Option<Moment>,
    /// Those before a moment.
    pub to: Option<Moment>,
}

/// A strategy as of a revision.
#[derive(Debug, Clone)]
pub struct ListAsOf {
    /// The revision that made it so.
    pub mark: Mark,
    /// Its list; None when that revision removed the strategy.
    pub list: Option<PositionList>,
}

/// A row, before its texts are understood.
struct Row {
    id: i64,
    strategy: String,
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

impl TryFrom<Row> for RevisionInfo {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            strategy: name(&row.strategy)?,
            kind: row.kind,
            at: Moment::from_micros(row.at),
            actor_kind: row.actor_kind,
            actor: row.actor,
            address: row.address,
            note: row.note,
            changes: row.changes,
            hash: row.hash,
            parent_hash: row.parent_hash,
        })
    }
}

fn name(text: &str) -> Result<StrategyName, sqlx::Error> {
    StrategyName::parse(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn placed(strategy: &StrategyName, text: &str) -> Result<Vec<Placed>, sqlx::Error> {
    read_placed(strategy.kind(), text).map_err(|error| sqlx::Error::Decode(error.into()))
}

impl Store {
    /// The newest revisions before one, newest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revisions(
        &self,
        filter: &Filter,
        before: Option<Revision>,
        limit: i64,
    ) -> Result<Vec<RevisionInfo>, Refusal> {
        revisions(&self.historians, filter, before.unwrap_or(i64::MAX), limit).await.map_err(unreadable)
    }

    /// One revision.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revision(&self, id: Revision) -> Result<Option<RevisionInfo>, Refusal> {
        let Some(next) = id.checked_add(1) else { return Ok(None) };
        let newest = self.revisions(&Filter::default(), Some(next), 1).await?;
        Ok(newest.into_iter().next().filter(|revision| revision.id == id))
    }

    /// What revisions changed, by instrument; of each at most `most`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn changes(
        &self,
        of: &[RevisionInfo],
        most: i64,
    ) -> Result<HashMap<Revision, Vec<InstrumentChange>>, Refusal> {
        changes(&self.historians, of, most).await.map_err(unreadable)
    }

    /// A strategy as of a revision: None when nobody had pushed it by then.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list_as_of(&self, strategy: &StrategyName, revision: Revision) -> Result<Option<ListAsOf>, Refusal> {
        let mut connection = self.historians.acquire().await.map_err(unreadable)?;
        list_as_of(&mut connection, strategy, revision).await.map_err(unreadable)
    }

    /// The whole book as of a revision.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn book_as_of(&self, revision: Revision) -> Result<Book, Refusal> {
        let mut connection = self.historians.acquire().await.map_err(unreadable)?;
        book_as_of(&mut connection, revision).await.map_err(unreadable)
    }

    /// The revisions after one, oldest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn stored_after(&self, revision: Revision, limit: i64) -> Result<Vec<Stored>, Refusal> {
        let rows = sqlx::query!(
            "SELECT r.id, s.name, r.at FROM revisions AS r JOIN strategies AS s ON s.id = r.strategy_id
             WHERE r.id > ? ORDER BY r.id LIMIT ?",
            revision,
            limit
        )
        .fetch_all(&self.historians)
        .await
        .map_err(unreadable)?;
        let stored = rows.into_iter().map(|row| {
            let strategy = name(&row.name)?;
            Ok(Stored { revision: row.id, strategy, at: Moment::from_micros(row.at) })
        });
        stored.collect::<Result<_, sqlx::Error>>().map_err(unreadable)
    }

    /// The newest revision at a moment; 0 before the first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn revision_at(&self, moment: Moment) -> Result<Revision, Refusal> {
        let at = moment.as_micros();
        let row = sqlx::query!("SELECT id FROM revisions WHERE at <= ? ORDER BY at DESC LIMIT 1", at)
            .fetch_optional(&self.historians)
            .await
            .map_err(unreadable)?;
        Ok(row.map_or(0, |row| row.id))
    }
}

async fn revisions(
    executor: impl SqliteExecutor<'_>,
    filter: &Filter,
    before: Revision,
    limit: i64,
) -> Result<Vec<RevisionInfo>, sqlx::Error> {
    let instrument = filter.instrument.as_ref().map(ToString::to_string);
    let (from, to) = (filter.from.map(Moment::as_micros), filter.to.map(Moment::as_micros));
    let actor = filter.actor.as_deref();
    let rows = match &filter.strategy {
        // Apart, so that the index over a strategy's revisions serves.
        Some(strategy) => {
            let strategy = strategy.as_str();
            sqlx::query_as!(
                Row,
                r#"SELECT r.id, s.name AS strategy, r.kind, r.at, r.actor_kind, r.actor, r.address, r.note, r.hash,
                          r.parent_hash,
                          (SELECT count(*) FROM changes AS c WHERE c.revision_id = r.id) AS "changes!: i64"
                   FROM revisions AS r JOIN strategies AS s ON s.id = r.strategy_id
                   WHERE r.strategy_id IN (SELECT id FROM strategies WHERE name = ?1) AND r.id < ?2
                     AND (?3 IS NULL OR EXISTS (SELECT 1 FROM changes WHERE revision_id = r.id AND instrument = ?3))
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
        None => {
            sqlx::query_as!(
                Row,
                r#"SELECT r.id, s.name AS strategy, r.kind, r.at, r.actor_kind, r.actor, r.address, r.note, r.hash,
                          r.parent_hash,
                          (SELECT count(*) FROM changes AS c WHERE c.revision_id = r.id) AS "changes!: i64"
                   FROM revisions AS r JOIN strategies AS s ON s.id = r.strategy_id
                   WHERE r.id < ?1
                     AND (?2 IS NULL OR EXISTS (SELECT 1 FROM changes WHERE revision_id = r.id AND instrument = ?2))
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
            .await?
        }
    };
    rows.into_iter().map(RevisionInfo::try_from).collect()
}

async fn changes(
    executor: impl SqliteExecutor<'_>,
    of: &[RevisionInfo],
    most: i64,
) -> Result<HashMap<Revision, Vec<InstrumentChange>>, sqlx::Error> {
    let names: HashMap<Revision, &StrategyName> = of.iter().map(|revision| (revision.id, &revision.strategy)).collect();
    let ids = super::positions::json(&names.keys().collect::<Vec<_>>());
    let rows = sqlx::query!(
        r#"SELECT revision_id AS "revision_id!: i64", instrument AS "instrument!: String",
                  before AS "before?: String", after AS "after?: String"
           FROM (SELECT revision_id, instrument, before, after,
                        row_number() OVER (PARTITION BY revision_id ORDER BY instrument) AS number
                 FROM changes WHERE revision_id IN (SELECT value FROM json_each(?1)))
           WHERE number <= ?2 ORDER BY revision_id, instrument"#,
        ids,
        most
    )
    .fetch_all(executor)
    .await?;
    let mut changes: HashMap<Revision, Vec<InstrumentChange>> = HashMap::new();
    for row in rows {
        let Some(strategy) = names.get(&row.revision_id) else { continue };
        let side = |text: Option<String>| text.map_or(Ok(Vec::new()), |text| placed(strategy, &text));
        let (before, after) = (side(row.before)?, side(row.after)?);
        let Some(first) = after.first().or(before.first()) else { continue };
        let instrument = first.position.code().instrument();
        changes.entry(row.revision_id).or_default().push(InstrumentChange { instrument, before, after });
    }
    Ok(changes)
}

async fn list_as_of(
    connection: &mut SqliteConnection,
    strategy: &StrategyName,
    revision: Revision,
) -> Result<Option<ListAsOf>, sqlx::Error> {
    let name = strategy.as_str();
    let newest = sqlx::query!(
        "SELECT id, strategy_id, kind, at, hash FROM revisions
         WHERE strategy_id IN (SELECT id FROM strategies WHERE name = ?) AND id <= ? ORDER BY id DESC LIMIT 1",
        name,
        revision
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(newest) = newest else { return Ok(None) };
    let mark = Mark {
        revision: newest.id,
        fingerprint: fingerprint(&newest.hash),
        updated_at: Moment::from_micros(newest.at),
    };
    if newest.kind == "remove" {
        return Ok(Some(ListAsOf { mark, list: None }));
    }
    let rows = sqlx::query!(
        r#"SELECT after AS "after!: String"
           FROM (SELECT c.after, row_number() OVER (PARTITION BY c.instrument ORDER BY c.revision_id DESC) AS number
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

async fn book_as_of(connection: &mut SqliteConnection, revision: Revision) -> Result<Book, sqlx::Error> {
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
                        row_number() OVER (PARTITION BY r.strategy_id, c.instrument ORDER BY c.revision_id DESC) AS number
                 FROM changes AS c JOIN revisions AS r ON r.id = c.revision_id WHERE r.id <= ?1)
           WHERE number = 1 AND after IS NOT NULL"#,
        revision
    )
    .fetch_all(connection)
    .await?;
    let mut written: BTreeMap<StrategyId, Vec<String>> = BTreeMap::new();
    for row in rows {
        written.entry(row.strategy_id).or_default().push(row.after);
    }
    let mut book = Book::default();
    for state in states {
        let name = name(&state.name)?;
        let at = Moment::from_micros(state.at);
        let mark = Mark { revision: state.revision, fingerprint: fingerprint(&state.hash), updated_at: at };
        if state.kind == "remove" {
            book.note_removal(name, mark);
            continue;
        }
        let mut entries = Vec::new();
        for text in written.remove(&state.id).unwrap_or_default() {
            entries.extend(placed(&name, &text)?);
        }
        let list = PositionList::from_placed(entries);
        book.add(Arc::new(Strategy { id: state.id, name, list, mark, last_push_at: at, sequence: None }));
    }
    Ok(book)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_the_newest_and_at_least_one() {
        let revision = |id, changes| RevisionInfo {
            id,
            strategy: StrategyName::parse("alpha").unwrap(),
            kind: "push".to_owned(),
            at: Moment::from_micros(id),
            actor_kind: "client".to_owned(),
            actor: "alice".to_owned(),
            address: None,
            note: None,
            changes,
            hash: Vec::new(),
            parent_hash: Vec::new(),
        };
        let fits = |most| within(vec![revision(3, 4), revision(2, 0), revision(1, 5)], most).len();
        assert_eq!([fits(1), fits(4), fits(5), fits(9), fits(10)], [1, 1, 2, 2, 3]);
    }
}
