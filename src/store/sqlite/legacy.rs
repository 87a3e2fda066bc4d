//! The database of an existing jq2qmt, whose tables are its own.

use sqlx::SqlitePool;

use crate::store::legacy::LegacyList;

/// Every strategy's row.
pub(in crate::store) async fn lists(pool: &SqlitePool) -> Result<Vec<LegacyList>, sqlx::Error> {
    let rows: Vec<(Option<String>, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT CAST(strategy_name AS TEXT), CAST(positions AS TEXT), CAST(update_time AS TEXT) FROM strategy_positions
         ORDER BY update_time, rowid",
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(LegacyList::of).collect())
}
