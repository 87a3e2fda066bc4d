//! Copies of the whole database in a file of their own.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection, SqlitePool};

use super::{connect_writer, create_or_migrate, upkeep};
use crate::store::error::OpenError;

/// Writes all that stands in a database at one moment into a file that is empty, though a server writes on meanwhile.
pub(in crate::store) async fn draw(pool: &SqlitePool, to: &Path) -> Result<(), OpenError> {
    let to = to.to_str().ok_or_else(|| OpenError::Unusable(format!("{} is no text", to.display())))?;
    sqlx::query("VACUUM INTO ?").bind(to).execute(pool).await?;
    Ok(())
}

/// Says what is damaged in the pages of a database, if anything is.
pub(in crate::store) async fn damage(pool: &SqlitePool) -> Result<Option<String>, sqlx::Error> {
    let found: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(pool).await?;
    Ok(Some(found).filter(|found| found != "ok"))
}

/// The same without its indexes, in a fraction of the time.
pub(in crate::store) async fn plain_damage(pool: &SqlitePool) -> Result<Option<String>, sqlx::Error> {
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(pool).await?;
    Ok(Some(found).filter(|found| found != "ok"))
}

/// Whether a database is one of this program: what is made of an empty one would be an empty book.
pub(in crate::store) async fn is_ours(pool: &SqlitePool) -> Result<bool, sqlx::Error> {
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('_sqlx_migrations', 'revisions', 'upkeep')",
    )
    .fetch_one(pool)
    .await?;
    Ok(tables == 3)
}

/// Brings a copy up to date, and leaves it as one file without a log beside it, open to write.
pub(in crate::store) async fn renew(path: &Path) -> Result<SqliteConnection, OpenError> {
    create_or_migrate(path).await?;
    alone(path).await
}

/// Notes in a copy that it is one.
pub(in crate::store) async fn mark(path: &Path) -> Result<(), OpenError> {
    let mut connection = alone(path).await?;
    upkeep::mark_copy(&mut connection).await?;
    close(connection).await
}

/// A copy as one file without a log beside it, open to write.
async fn alone(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut connection = connect_writer(path).await?;
    sqlx::query("PRAGMA journal_mode = DELETE").execute(&mut connection).await?;
    Ok(connection)
}

/// Closes a copy, with all that was written to it.
pub(in crate::store) async fn close(connection: SqliteConnection) -> Result<(), OpenError> {
    Ok(connection.close().await?)
}
