//! The table `upkeep`: one row about the store itself.

use sqlx::SqliteConnection;

use super::json;
use crate::domain::moment::Moment;
use crate::ledger::Forgotten;
use crate::store::error::OpenError;

/// Refuses a store whose row is gone.
pub(super) async fn must_be_there(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    if sqlx::query_scalar!("SELECT count(*) FROM upkeep").fetch_one(connection).await? == 1 {
        return Ok(());
    }
    Err(OpenError::Corrupt("the one row of the table upkeep is gone".to_owned()))
}

/// Writes for no other reason than to see that it can be done.
pub(in crate::store) async fn probe(connection: &mut SqliteConnection, now: Moment) -> Result<(), sqlx::Error> {
    let now = now.as_micros();
    sqlx::query!("UPDATE upkeep SET probed_at = ?", now).execute(connection).await?;
    Ok(())
}

/// Of which tokens it is no longer known whether they were used.
pub(in crate::store) async fn forgotten(connection: &mut SqliteConnection) -> Result<Forgotten, sqlx::Error> {
    let text = sqlx::query_scalar!("SELECT tokens_forgotten FROM upkeep").fetch_one(connection).await?;
    serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Keeps of which tokens it is no longer known.
pub(in crate::store) async fn keep_forgotten(
    connection: &mut SqliteConnection,
    forgotten: &Forgotten,
) -> Result<(), sqlx::Error> {
    let text = json(forgotten);
    sqlx::query!("UPDATE upkeep SET tokens_forgotten = ?", text).execute(connection).await?;
    Ok(())
}

/// Whether pushes are guarded though nobody settled a guard.
pub(in crate::store) async fn is_guarded(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(sqlx::query_scalar!("SELECT is_guarded FROM upkeep").fetch_one(connection).await? != 0)
}

/// The lineage: 1, and another one whenever an older copy was put back.
pub(in crate::store) async fn lineage(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!("SELECT lineage FROM upkeep").fetch_one(connection).await
}

/// Whether it is a copy that was never served from.
pub(in crate::store) async fn is_copy(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(sqlx::query_scalar!("SELECT is_copy FROM upkeep").fetch_one(connection).await? != 0)
}

/// Notes that it is one.
pub(in crate::store) async fn mark_copy(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE upkeep SET is_copy = 1").execute(connection).await?;
    Ok(())
}

/// Begins another lineage, with what is forgotten from then on.
pub(in crate::store) async fn begin_lineage(
    connection: &mut SqliteConnection,
    lineage: i64,
    forgotten: &Forgotten,
) -> Result<(), sqlx::Error> {
    let mut transaction = sqlx::Connection::begin_with(connection, "BEGIN IMMEDIATE").await?;
    keep_forgotten(&mut transaction, forgotten).await?;
    sqlx::query!("UPDATE upkeep SET lineage = ?, is_copy = 0", lineage).execute(&mut *transaction).await?;
    transaction.commit().await
}
