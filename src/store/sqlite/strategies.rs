//! The table `strategies`: each as it stands now, with its list, under a seal.

use std::sync::Arc;

use futures::{Stream, TryStreamExt as _};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::batch::Bytes;
use super::json;
use crate::domain::book::{Book, Mark, Strategy, Told};
use crate::domain::decimal::Decimal;
use crate::domain::gist::Gist;
use crate::domain::moment::Moment;
use crate::domain::position::PositionList;
use crate::domain::revision::Revision;
use crate::domain::strategy::{StrategyId, StrategyName};
use crate::ledger::chain::beginning;
use crate::ledger::replay::Astray;
use crate::ledger::{StrategyState, read_list, seal, write_list, written_met};
use crate::store::error::OpenError;

/// What `last_push_at` holds for a strategy that only the operator ever wrote.
const NEVER: Moment = Moment::from_micros(0);

statement! {
    /// Takes strategies that are gone out of the index of names, before another begins with such a name.
    REMOVE(rows) = "UPDATE strategies SET removed = 1
                    WHERE id IN (SELECT value ->> 0 FROM jsonb_each($2) WHERE value ->> 7 = 1)"
}

statement! {
    /// Writes strategies as they stand now. It leaves to [`REMOVE`] what the index of names depends on: SQLite would write
    /// the index at every push.
    WRITE(bytes, rows) = "INSERT INTO strategies
                         (id, name, revision, revisions, updated_at, last_push_at, sequence, removed, seal, list,
                          spoken_at, met, total_value)
                     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                            value ->> 7,
                            substr($1, value ->> '$[8][0]', value ->> '$[8][1]'),
                            CAST(substr($1, value ->> '$[9][0]', value ->> '$[9][1]') AS TEXT),
                            value ->> 10, value ->> 11, value ->> 12
                     FROM jsonb_each($2) WHERE true
                     ON CONFLICT (id) DO UPDATE SET
                         revision = excluded.revision, revisions = excluded.revisions, updated_at = excluded.updated_at,
                         last_push_at = excluded.last_push_at, sequence = excluded.sequence, seal = excluded.seal,
                         list = excluded.list, spoken_at = excluded.spoken_at, met = excluded.met,
                         total_value = excluded.total_value"
}

/// The rows of strategies as they stand now.
pub(super) fn rows<'a>(states: impl Iterator<Item = &'a StrategyState>, bytes: &mut Bytes) -> String {
    json(&states.map(|state| row(state, bytes)).collect::<Vec<_>>())
}

fn row<'a>(StrategyState { strategy, removed, .. }: &'a StrategyState, bytes: &mut Bytes) -> impl Serialize + use<'a> {
    let Strategy { id, name, list, mark, revisions, last_push_at, sequence, told } = &**strategy;
    let list = write_list(list);
    let (seal, list) = (bytes.put(&seal(strategy, *removed, &list)), bytes.put(list.as_bytes()));
    let (updated_at, last_push_at) = (mark.updated_at.as_micros(), last_push_at.unwrap_or(NEVER).as_micros());
    let removed = u8::from(*removed);
    let (spoken_at, met) = (told.spoken_at.map(Moment::as_micros), told.met.as_ref().map(written_met));
    let (name, revision, total_value) = (name.as_str(), mark.revision, told.total_value);
    (
        id,
        name,
        revision,
        revisions,
        updated_at,
        last_push_at,
        sequence,
        removed,
        seal,
        list,
        spoken_at,
        met,
        total_value,
    )
}

/// A strategy's row, before its texts are understood, with what its newest revision says.
pub(super) struct StrategyRecord {
    id: i64,
    name: String,
    revision: i64,
    revisions: i64,
    updated_at: i64,
    last_push_at: i64,
    sequence: Option<i64>,
    removed: i64,
    seal: Vec<u8>,
    list: String,
    spoken_at: Option<i64>,
    met: Option<String>,
    total_value: Option<String>,
    /// Whose the newest revision is; None when it is missing.
    owner: Option<i64>,
    hash: Option<Vec<u8>>,
}

/// Every strategy that ever was, by creation.
pub(super) fn all(connection: &mut SqliteConnection) -> impl Stream<Item = Result<StrategyRecord, sqlx::Error>> {
    sqlx::query_as!(
        StrategyRecord,
        r#"SELECT s.id, s.name, s.revision, s.revisions, s.updated_at, s.last_push_at, s.sequence, s.removed, s.seal,
                  s.list, s.spoken_at, s.met, s.total_value, r.strategy_id AS "owner?: i64", r.hash AS "hash?: Vec<u8>"
           FROM strategies AS s LEFT JOIN revisions AS r ON r.id = s.revision ORDER BY s.id"#
    )
    // Row by row: while one is understood here, SQLite's own thread reads the next.
    .fetch(connection)
}

impl StrategyRecord {
    /// What the row says, whatever its seal, and whether the strategy was taken out of lists and totals.
    pub(super) fn state(&self) -> Result<StrategyState, Astray> {
        let astray = |reason: String| Astray { strategy: self.name.clone(), reason };
        let name = StrategyName::parse(&self.name).map_err(|error| astray(error.to_string()))?;
        let hash = self.hash.as_deref().filter(|_| self.owner == Some(self.id));
        let hash =
            hash.ok_or_else(|| astray(format!("its newest revision, {}, is not in the history", self.revision)))?;
        let list = match self.list.as_str() {
            // The sort is for nothing where there is nothing.
            "[]" => PositionList::default(),
            text => read_list(name.kind(), text).map_err(astray)?,
        };
        let mark = Mark {
            revision: Revision::new(self.revision),
            chain: beginning(hash),
            updated_at: Moment::from_micros(self.updated_at),
        };
        let (id, last_push_at) = (StrategyId::new(self.id), Moment::from_micros(self.last_push_at));
        let last_push_at = (last_push_at != NEVER).then_some(last_push_at);
        let revisions = self.revisions.unsigned_abs();
        let told = self.told(&list).map_err(astray)?;
        let strategy = Strategy { id, name, list, mark, revisions, last_push_at, sequence: self.sequence, told };
        Ok(StrategyState { strategy: Arc::new(strategy), removed: self.removed != 0, is_kept: false })
    }

    fn told(&self, list: &PositionList) -> Result<Told, String> {
        let met = self.met.as_deref().map(serde_json::from_str).transpose().map_err(|error| error.to_string())?;
        let total_value =
            self.total_value.as_deref().map(Decimal::parse).transpose().map_err(|error| error.to_string())?;
        Ok(Told {
            spoken_at: self.spoken_at.map(Moment::from_micros),
            met,
            total_value,
            gist: Gist::of(list.iter()),
            previous: None,
        })
    }

    /// Whether the row was ever sealed.
    pub(super) const fn is_sealed(&self) -> bool {
        !self.seal.is_empty()
    }

    /// What the row says, when it is what was written.
    pub(super) fn checked(&self) -> Result<StrategyState, Astray> {
        let state = self.state()?;
        if seal(&state.strategy, state.removed, &self.list).as_slice() == self.seal {
            return Ok(state);
        }
        Err(Astray { strategy: self.name.clone(), reason: "what is stored of it is not what was written".to_owned() })
    }
}

/// The book as it stands now, and what the strategies say about the chain.
pub(super) struct Loaded {
    pub(super) book: Book,
    /// The number that the next strategy gets.
    pub(super) next: StrategyId,
    /// How many revisions all strategies have, also those that are gone.
    pub(super) revisions: u64,
}

/// Builds the book from what stands now.
pub(super) async fn load(connection: &mut SqliteConnection) -> Result<Loaded, OpenError> {
    let mut loaded = Loaded { book: Book::default(), next: StrategyId::FIRST, revisions: 0 };
    let mut rows = std::pin::pin!(all(connection));
    while let Some(row) = rows.try_next().await? {
        let StrategyState { strategy, removed, .. } = row.checked()?;
        loaded.next = strategy.id.next();
        loaded.revisions += strategy.revisions;
        if removed {
            loaded.book.note_removal(strategy.name.clone(), strategy.mark, strategy.last_push_at);
        } else {
            loaded.book.add(strategy);
        }
    }
    Ok(loaded)
}

/// Writes a strategy as it stands now, outside of a batch.
pub(super) async fn rewrite(connection: &mut SqliteConnection, state: &StrategyState) -> Result<(), sqlx::Error> {
    let mut bytes = Bytes::default();
    let row = rows(std::iter::once(state), &mut bytes);
    sqlx::query(WRITE).bind(bytes.into_inner()).bind(row).execute(connection).await?;
    Ok(())
}
