//! The table `kept_lists`: a strategy's whole list every so many of its revisions.

use sqlx::SqliteConnection;

use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyId;
use crate::ledger::{Unfolded, write_list};

statement! {
    /// Keeps the lists of strategies as they stand now.
    KEEP(ids) = "INSERT INTO kept_lists (strategy_id, revision, updated_at, list)
                            SELECT id, revision, updated_at, list FROM strategies
                            WHERE id IN (SELECT value FROM json_each($4))"
}

/// Keeps a list as of a revision.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    strategy: StrategyId,
    revision: Revision,
    unfolded: &Unfolded,
) -> Result<(), sqlx::Error> {
    let (strategy, revision) = (strategy.get(), revision.get());
    let (updated_at, list) = (unfolded.updated_at().map(Moment::as_micros), write_list(&unfolded.clone().list()));
    sqlx::query!(
        "INSERT INTO kept_lists (strategy_id, revision, updated_at, list) VALUES (?, ?, ?, ?)",
        strategy,
        revision,
        updated_at,
        list
    )
    .execute(connection)
    .await?;
    Ok(())
}
