//! The table `sessions`: who is logged in to the pages, known by the SHA-256 of what the cookie holds.

use sqlx::{SqliteConnection, SqliteExecutor};

use crate::domain::moment::Moment;
use crate::store::sessions::Session;

/// The session with that SHA-256.
pub(in crate::store) async fn find(
    executor: impl SqliteExecutor<'_>,
    digest: &[u8; 32],
) -> Result<Option<Session>, sqlx::Error> {
    let digest = digest.as_slice();
    let row = sqlx::query!("SELECT created_at, last_seen_at FROM sessions WHERE digest = ?", digest)
        .fetch_optional(executor)
        .await?;
    Ok(row.map(|row| Session {
        created_at: Moment::from_micros(row.created_at),
        last_seen_at: Moment::from_micros(row.last_seen_at),
    }))
}

/// Begins a session, and forgets those that nobody can use any more.
pub(in crate::store) async fn open(
    connection: &mut SqliteConnection,
    digest: &[u8; 32],
    now: Moment,
    useless_before: Moment,
) -> Result<(), sqlx::Error> {
    let (digest, now, useless_before) = (digest.as_slice(), now.as_micros(), useless_before.as_micros());
    sqlx::query!("DELETE FROM sessions WHERE created_at < ?", useless_before).execute(&mut *connection).await?;
    sqlx::query!("INSERT INTO sessions (digest, created_at, last_seen_at) VALUES (?1, ?2, ?2)", digest, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a session; false when there is none.
pub(in crate::store) async fn close(executor: impl SqliteExecutor<'_>, digest: &[u8; 32]) -> Result<bool, sqlx::Error> {
    let digest = digest.as_slice();
    let gone = sqlx::query!("DELETE FROM sessions WHERE digest = ?", digest).execute(executor).await?;
    Ok(gone.rows_affected() == 1)
}

/// Notes when a session was last used.
pub(in crate::store) async fn note_use(
    executor: impl SqliteExecutor<'_>,
    digest: &[u8; 32],
    at: Moment,
) -> Result<(), sqlx::Error> {
    let (digest, at) = (digest.as_slice(), at.as_micros());
    sqlx::query!("UPDATE sessions SET last_seen_at = ? WHERE digest = ?", at, digest).execute(executor).await?;
    Ok(())
}
