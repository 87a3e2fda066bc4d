//! The table `kept_lists`: a strategy's whole list every so many of its revisions, each with a digest.

use sqlx::SqliteConnection;

use super::batch::Bytes;
use super::json;
use crate::domain::moment::Moment;
use crate::domain::position::PositionList;
use crate::domain::revision::Revision;
use crate::domain::strategy::{Kind, StrategyId};
use crate::ledger::{StrategyState, Unfolded, read_list, seal_list, write_list};

statement! {
    /// Keeps the lists of strategies as they stand now.
    KEEP(bytes, rows) = "INSERT INTO kept_lists (strategy_id, revision, updated_at, digest, list)
                         SELECT s.id, s.revision, s.updated_at,
                                substr($1, kept.value ->> '$[1][0]', kept.value ->> '$[1][1]'), s.list
                         FROM jsonb_each($4) AS kept JOIN strategies AS s ON s.id = kept.value ->> 0"
}

/// The rows of lists to be kept.
pub(super) fn rows<'a>(states: impl Iterator<Item = &'a StrategyState>, bytes: &mut Bytes) -> String {
    let row = |StrategyState { strategy, .. }: &StrategyState| {
        let (mark, list) = (strategy.mark, write_list(&strategy.list));
        (strategy.id, bytes.put(&seal_list(strategy.id, mark.revision, mark.updated_at, &list)))
    };
    json(&states.map(row).collect::<Vec<_>>())
}

/// The revisions as of which lists are kept, oldest first, each with its strategy.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<(Revision, StrategyId)>, sqlx::Error> {
    let rows =
        sqlx::query!("SELECT revision, strategy_id FROM kept_lists ORDER BY revision").fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (Revision::new(row.revision), StrategyId::new(row.strategy_id))).collect())
}

/// Whether the list that is kept as of a revision is the one that the history leads to.
pub(super) async fn is_true(
    connection: &mut SqliteConnection,
    strategy: StrategyId,
    revision: Revision,
    unfolded: &Unfolded,
) -> Result<bool, sqlx::Error> {
    let (updated_at, digest, list) = row(strategy, revision, unfolded);
    let (strategy, revision) = (strategy.get(), revision.get());
    let kept = sqlx::query!(
        "SELECT updated_at, digest, list FROM kept_lists WHERE strategy_id = ? AND revision = ?",
        strategy,
        revision
    )
    .fetch_one(connection)
    .await?;
    Ok((kept.updated_at, kept.digest, kept.list) == (updated_at, digest, list))
}

/// The row of a list as the history leads to it.
fn row(strategy: StrategyId, revision: Revision, unfolded: &Unfolded) -> (i64, Vec<u8>, String) {
    let list = write_list(&unfolded.clone().list());
    let updated_at = unfolded.updated_at().unwrap_or(Moment::from_micros(0));
    (updated_at.as_micros(), seal_list(strategy, revision, updated_at, &list).to_vec(), list)
}

/// Keeps a list as of a revision.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    strategy: StrategyId,
    revision: Revision,
    unfolded: &Unfolded,
) -> Result<(), sqlx::Error> {
    let (updated_at, digest, list) = row(strategy, revision, unfolded);
    let (strategy, revision) = (strategy.get(), revision.get());
    sqlx::query!(
        "INSERT INTO kept_lists (strategy_id, revision, updated_at, digest, list) VALUES (?, ?, ?, ?, ?)",
        strategy,
        revision,
        updated_at,
        digest,
        list
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A kept list, when it is what was written.
pub(super) fn read(
    (strategy, kind): (StrategyId, Kind),
    revision: Revision,
    updated_at: Moment,
    digest: &[u8],
    list: &str,
) -> Result<PositionList, sqlx::Error> {
    if seal_list(strategy, revision, updated_at, list).as_slice() != digest {
        return Err(sqlx::Error::Decode(
            format!("the list kept at revision {revision} is not what was written").into(),
        ));
    }
    read_list(kind, list).map_err(|error| sqlx::Error::Decode(error.into()))
}
