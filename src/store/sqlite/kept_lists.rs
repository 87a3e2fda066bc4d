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

/// Keeps a list as of a revision.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    strategy: StrategyId,
    revision: Revision,
    unfolded: &Unfolded,
) -> Result<(), sqlx::Error> {
    let list = write_list(&unfolded.clone().list());
    let updated_at = unfolded.updated_at().unwrap_or(Moment::from_micros(0));
    let digest = seal_list(strategy, revision, updated_at, &list).to_vec();
    let (strategy, revision, updated_at) = (strategy.get(), revision.get(), updated_at.as_micros());
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
