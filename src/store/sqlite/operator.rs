//! The table `operator`: the one password, as its Argon2id hash.

use sqlx::{SqliteConnection, SqliteExecutor};

use crate::domain::moment::Moment;
use crate::store::operator::Operator;

/// The operator, if a password was ever set.
pub(in crate::store) async fn find(executor: impl SqliteExecutor<'_>) -> Result<Option<Operator>, sqlx::Error> {
    let row =
        sqlx::query!("SELECT password_hash, created_at, updated_at FROM operator").fetch_optional(executor).await?;
    Ok(row.map(|row| Operator {
        password_hash: row.password_hash,
        created_at: Moment::from_micros(row.created_at),
        updated_at: Moment::from_micros(row.updated_at),
    }))
}

/// Sets the password's hash. Whoever logged in with the one before is out.
pub(in crate::store) async fn set(
    connection: &mut SqliteConnection,
    password_hash: &str,
    now: Moment,
) -> Result<(), sqlx::Error> {
    let now = now.as_micros();
    sqlx::query!(
        "INSERT INTO operator (id, password_hash, created_at, updated_at) VALUES (1, ?1, ?2, ?2)
         ON CONFLICT (id) DO UPDATE SET password_hash = excluded.password_hash, updated_at = excluded.updated_at",
        password_hash,
        now
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("DELETE FROM sessions").execute(connection).await?;
    Ok(())
}
