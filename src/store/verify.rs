//! Walks the chain of revisions from its beginning and holds the current state against it.

use std::collections::{BTreeMap, HashMap};

use sqlx::{SqliteConnection, SqlitePool};

use super::positions::read_placed;
use super::revisions::{ChainHash, ChangeRow, Head, RevisionRow};
use super::strategies;
use crate::domain::book::{Revision, StrategyId};
use crate::domain::position::PositionList;
use crate::domain::strategy::StrategyName;

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every link holds, and the current state is what the chain leads to.
    Whole {
        /// How many revisions there are.
        revisions: u64,
        /// The hash at the end of the chain.
        head: [u8; 32],
    },
    /// A link does not hold.
    Broken {
        /// The first revision that does not.
        revision: Revision,
        /// What is wrong with it.
        reason: String,
    },
    /// The chain holds, but the current state is another one.
    Astray {
        /// The strategy.
        strategy: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What the chain has said so far about a strategy: what it holds of each instrument, and its newest revision.
#[derive(Default)]
struct Replayed {
    name: String,
    holdings: BTreeMap<String, String>,
    revision: Revision,
}

/// Walks the whole chain.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify(pool: &SqlitePool) -> Result<Verdict, super::OpenError> {
    let mut connection = pool.acquire().await?;
    // One read transaction, so that a server which goes on writing is seen at one moment.
    let mut snapshot = sqlx::Connection::begin_with(&mut *connection, "BEGIN DEFERRED").await?;
    let (end, strategies, count) = match walk(&mut snapshot).await? {
        Ok(walked) => walked,
        Err(broken) => return Ok(broken),
    };
    Ok(match compare(&mut snapshot, &strategies).await? {
        Some(astray) => astray,
        None => Verdict::Whole { revisions: count, head: end.hash },
    })
}

type Walked = (Head, HashMap<StrategyId, Replayed>, u64);

async fn walk(connection: &mut SqliteConnection) -> Result<Result<Walked, Verdict>, sqlx::Error> {
    const PAGE: i64 = 1000;
    let (mut end, mut count) = (Head::START, 0);
    let mut strategies: HashMap<StrategyId, Replayed> = HashMap::new();
    loop {
        let rows = sqlx::query!(
            r#"SELECT r.id, r.strategy_id, s.name AS strategy, r.kind, r.at, r.actor_kind, r.actor, r.address, r.note,
                      r.parent_hash, r.hash,
                      (SELECT json_group_array(json_array(instrument, before, after) ORDER BY instrument)
                       FROM changes WHERE revision_id = r.id) AS "changes!: String"
               FROM revisions AS r JOIN strategies AS s ON s.id = r.strategy_id
               WHERE r.id > ? ORDER BY r.id LIMIT ?"#,
            end.revision,
            PAGE
        )
        .fetch_all(&mut *connection)
        .await?;
        if rows.is_empty() {
            return Ok(Ok((end, strategies, count)));
        }
        for row in rows {
            let broken = |reason: &str| Ok(Err(Verdict::Broken { revision: row.id, reason: reason.to_owned() }));
            let Ok(changes) = serde_json::from_str::<Vec<(String, Option<String>, Option<String>)>>(&row.changes)
            else {
                return broken("its changes cannot be read");
            };
            let changes: Vec<ChangeRow> = changes
                .into_iter()
                .map(|(instrument, before, after)| ChangeRow { instrument, before, after })
                .collect();
            let revision = RevisionRow {
                id: row.id,
                strategy_id: row.strategy_id,
                strategy: &row.strategy,
                kind: &row.kind,
                at: row.at,
                actor_kind: &row.actor_kind,
                actor: &row.actor,
                address: row.address.as_deref(),
                note: row.note.as_deref(),
            };
            if row.id != end.revision + 1 {
                return broken("the revision before it is missing");
            }
            if row.parent_hash != end.hash {
                return broken("it does not follow from the revision before it");
            }
            if row.at <= end.at.as_micros() {
                return broken("it is not later than the revision before it");
            }
            let hash: ChainHash = revision.hash(&end.hash, &changes);
            if row.hash != hash {
                return broken("its content does not match its hash");
            }
            let strategy = strategies.entry(row.strategy_id).or_default();
            for change in changes {
                let before = match change.after {
                    Some(after) => strategy.holdings.insert(change.instrument, after),
                    None => strategy.holdings.remove(&change.instrument),
                };
                if before != change.before {
                    return broken("a change does not start from what was there before it");
                }
            }
            strategy.name.clone_from(&row.strategy);
            strategy.revision = row.id;
            end = Head { revision: row.id, at: crate::domain::moment::Moment::from_micros(row.at), hash };
            count += 1;
        }
    }
}

async fn compare(
    connection: &mut SqliteConnection,
    replayed: &HashMap<StrategyId, Replayed>,
) -> Result<Option<Verdict>, super::OpenError> {
    let (book, _) = strategies::load(connection).await?;
    let astray = |strategy: &str, reason: &str| {
        Ok(Some(Verdict::Astray { strategy: strategy.to_owned(), reason: reason.to_owned() }))
    };
    for (id, replayed) in replayed {
        let mut placed = Vec::new();
        let Ok(name) = StrategyName::parse(&replayed.name) else { return astray(&replayed.name, "its name is none") };
        for text in replayed.holdings.values() {
            match read_placed(name.kind(), text) {
                Ok(entries) => placed.extend(entries),
                Err(reason) => return astray(&replayed.name, &reason),
            }
        }
        let expected = PositionList::from_placed(placed);
        match book.by_id(*id) {
            Some(strategy) if strategy.list != expected => {
                return astray(&replayed.name, "its positions are not those that the history leads to");
            }
            Some(strategy) if strategy.mark.revision != replayed.revision => {
                return astray(&replayed.name, "its revision is not the newest of the history");
            }
            None if !expected.is_empty() => {
                return astray(&replayed.name, "it is gone, and the history does not say so");
            }
            _ => {}
        }
    }
    match book.strategies().find(|strategy| !replayed.contains_key(&strategy.id)) {
        Some(strategy) => astray(strategy.name.as_str(), "the history does not know it"),
        None => Ok(None),
    }
}
