//! The table `upkeep`: one row about the store itself.

use sqlx::SqliteConnection;

use crate::domain::moment::Moment;

/// Writes for no other reason than to see that it can be done.
pub(in crate::store) async fn probe(connection: &mut SqliteConnection, now: Moment) -> Result<(), sqlx::Error> {
    let now = now.as_micros();
    sqlx::query!("UPDATE upkeep SET probed_at = ?", now).execute(connection).await?;
    Ok(())
}
