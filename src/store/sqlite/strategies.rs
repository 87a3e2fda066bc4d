//! The table `strategies`, and loading the book.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt as _;
use serde::Serialize;
use sqlx::SqliteConnection;

use super::json;
use crate::domain::book::{Book, Mark, Strategy};
use crate::domain::moment::Moment;
use crate::domain::position::PositionList;
use crate::domain::revision::Revision;
use crate::domain::strategy::{StrategyId, StrategyName};
use crate::ledger::chain::beginning;
use crate::ledger::{StrategyState, read_placed};
use crate::store::error::OpenError;

/// A strategy's row.
#[derive(Debug, Serialize)]
struct StrategyRecord<'a> {
    id: StrategyId,
    name: &'a str,
    revision: Revision,
    updated_at: i64,
    last_push_at: i64,
    sequence: Option<i64>,
    removed: u8,
}

impl<'a> From<&'a StrategyState> for StrategyRecord<'a> {
    fn from(StrategyState { strategy, removed }: &'a StrategyState) -> Self {
        Self {
            id: strategy.id,
            name: strategy.name.as_str(),
            revision: strategy.mark.revision,
            updated_at: strategy.mark.updated_at.as_micros(),
            last_push_at: strategy.last_push_at.as_micros(),
            sequence: strategy.sequence,
            removed: (*removed).into(),
        }
    }
}

statement! {
    /// Writes strategies as they stand now.
    WRITE = "INSERT INTO strategies (id, name, revision, updated_at, last_push_at, sequence, removed)
             SELECT value ->> 'id', value ->> 'name', value ->> 'revision', value ->> 'updated_at',
                    value ->> 'last_push_at', value ->> 'sequence', value ->> 'removed'
             FROM jsonb_each(?) WHERE true
             ON CONFLICT (id) DO UPDATE SET
                 revision = excluded.revision, updated_at = excluded.updated_at,
                 last_push_at = excluded.last_push_at, sequence = excluded.sequence, removed = excluded.removed"
}

/// The rows of strategies as they stand now.
pub(super) fn rows(strategies: &BTreeMap<StrategyId, StrategyState>) -> String {
    // Those that are gone first: they free their names.
    let (gone, here) = strategies.values().partition::<Vec<_>, _>(|state| state.removed);
    json(&gone.into_iter().chain(here).map(StrategyRecord::from).collect::<Vec<_>>())
}

/// Builds the book from the current state, and says the number that the next strategy gets.
pub(super) async fn load(connection: &mut SqliteConnection) -> Result<(Book, StrategyId), OpenError> {
    // One row for a strategy, its positions folded into JSON: a tenth of the time of one row for a position.
    let mut rows = sqlx::query!(
        r#"SELECT s.id, s.name, s.revision, s.updated_at, s.last_push_at, s.sequence, s.removed, r.hash,
                  (SELECT json_group_array(json_array(place, code, name, volume, cost, remark))
                   FROM positions WHERE strategy_id = s.id) AS "positions!: String"
           FROM strategies AS s JOIN revisions AS r ON r.id = s.revision ORDER BY s.id"#
    )
    // Row by row: while one is understood here, SQLite's own thread reads the next.
    .fetch(connection);
    let mut book = Book::default();
    let mut next = StrategyId::FIRST;
    while let Some(row) = rows.try_next().await? {
        let corrupt = |what: String| OpenError::Corrupt(format!("strategy {:?}: {what}", row.name));
        let name = StrategyName::parse(&row.name).map_err(|error| corrupt(error.to_string()))?;
        let mark = Mark {
            revision: Revision::new(row.revision),
            chain: beginning(&row.hash),
            updated_at: Moment::from_micros(row.updated_at),
        };
        let id = StrategyId::new(row.id);
        next = id.next();
        if row.removed != 0 {
            book.note_removal(name, mark);
            continue;
        }
        let list = PositionList::from_placed(read_placed(name.kind(), &row.positions).map_err(corrupt)?);
        let last_push_at = Moment::from_micros(row.last_push_at);
        book.add(Arc::new(Strategy { id, name, list, mark, last_push_at, sequence: row.sequence }));
    }
    Ok((book, next))
}
