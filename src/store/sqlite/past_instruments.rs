//! The table `past_instruments`: what left a list, by the name of the strategy, each row under a short seal.

use futures::TryStreamExt as _;
use smol_str::SmolStr;
use sqlx::SqliteConnection;

use super::json;
use crate::domain::book::{Book, Mark, Past};
use crate::domain::code::{Code, Instrument};
use crate::domain::moment::Moment;
use crate::domain::revision::{Revision, Subject};
use crate::domain::strategy::StrategyName;
use crate::ledger::chain::Entry;
use crate::ledger::replay::Astray;
use crate::ledger::seal_past;
use crate::store::error::OpenError;

statement! {
    /// Notes what left a list.
    NOTE(rows) = "INSERT INTO past_instruments (strategy, item, code, name, revision, at, seal)
                  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, unhex(value ->> 6)
                  FROM jsonb_each($8) WHERE true
                  ON CONFLICT (strategy, item) DO UPDATE SET
                      code = excluded.code, name = excluded.name, revision = excluded.revision, at = excluded.at,
                      seal = excluded.seal"
}

/// The rows of what left lists by some revisions.
pub(super) fn rows(entries: &[Entry]) -> String {
    let left = |entry: &Entry| {
        let Subject::Strategy(strategy) = &entry.record.subject else { return Vec::new() };
        let mark = Mark { updated_at: entry.at, ..entry.head().mark() };
        let changes = entry.record.changes.in_list().iter();
        let past = changes.filter_map(|change| Some((&change.instrument, Past::of(change, mark)?)));
        past.map(|(instrument, past)| row(strategy, instrument, &past)).collect::<Vec<_>>()
    };
    json(&entries.iter().flat_map(left).collect::<Vec<_>>())
}

type PastRow = (String, String, String, Option<String>, Revision, i64, String);

fn row(strategy: &StrategyName, instrument: &Instrument, past: &Past) -> PastRow {
    let seal = hex::encode_upper(seal_past(strategy, instrument, past));
    let (code, at) = (past.code.to_string(), past.at.as_micros());
    let name = past.name.as_deref().map(str::to_owned);
    (strategy.to_string(), instrument.to_string(), code, name, past.revision, at, seal)
}

/// Notes what left lists by some revisions, outside of a batch.
pub(super) async fn note(connection: &mut SqliteConnection, entries: &[Entry]) -> Result<(), sqlx::Error> {
    let statement = NOTE.replace("$8", "$1");
    sqlx::query(sqlx::AssertSqlSafe(statement)).bind(rows(entries)).execute(connection).await.map(|_| ())
}

/// Adds to a book what strategies wanted once.
pub(super) async fn load(connection: &mut SqliteConnection, book: &mut Book) -> Result<(), OpenError> {
    let mut rows =
        sqlx::query!("SELECT strategy, item, code, name, revision, at, seal FROM past_instruments ORDER BY strategy")
            .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let astray = |reason: String| Astray { strategy: row.strategy.clone(), reason };
        let strategy = StrategyName::parse(&row.strategy).map_err(|error| astray(error.to_string()))?;
        let code = Code::parse(&row.code).map_err(|error| astray(error.to_string()))?;
        let (instrument, name) = (code.instrument(), row.name.as_deref().map(SmolStr::from));
        let past = Past { code, name, revision: Revision::new(row.revision), at: Moment::from_micros(row.at) };
        if seal_past(&strategy, &instrument, &past).as_slice() != row.seal || instrument.to_string() != row.item {
            let reason = format!("what is stored of {}, which it wanted once, is not what was written", row.item);
            return Err(astray(reason).into());
        }
        book.note_past(&strategy, instrument, past);
    }
    Ok(())
}
