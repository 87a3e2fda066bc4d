//! Opening the SQLite file: settings, migrations, and errors that say what to do.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer program wrote it.
    #[error("the database was written by a newer version of jq2qmt (migration {0} is unknown here); use that version")]
    Newer(i64),
    /// There is no such file.
    #[error("there is no database at {0}; start the server once to create it")]
    Missing(String),
    /// A row does not say what it should.
    #[error("the database does not hold together: {0}")]
    Corrupt(String),
    /// A migration could not be carried out.
    #[error("the database cannot be brought up to date: {0}")]
    Migration(MigrateError),
    /// SQLite refused.
    #[error("the database cannot be used: {0}")]
    Sqlite(#[from] sqlx::Error),
}

/// What every connection is set to.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // A 200 means on disk: FULL syncs the log at every COMMIT.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // The command line may write beside the server.
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging()
}

/// A connection that writes.
pub(super) async fn connect_writer(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    options(path).connect().await
}

/// Creates the database where there is none, brings it up to date, and opens it for reading.
///
/// # Errors
/// When the file cannot be opened or created, or comes from a newer version.
pub async fn open_or_create(path: &Path) -> Result<SqlitePool, OpenError> {
    let mut connection = options(path).create_if_missing(true).connect().await?;
    MIGRATIONS.run_direct(None, &mut connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => OpenError::Newer(version),
        other => OpenError::Migration(other),
    })?;
    sqlx::Connection::close(connection).await?;
    Ok(readers(path, 4))
}

/// Connections that only read, so many at a time.
pub(super) fn readers(path: &Path, most: u32) -> SqlitePool {
    SqlitePoolOptions::new().max_connections(most).connect_lazy_with(options(path).read_only(true))
}

/// Opens the database of a server for reading and writing, beside that server.
///
/// # Errors
/// When there is none, or as [`open_or_create`].
pub async fn open_existing(path: &Path) -> Result<SqlitePool, OpenError> {
    must_exist(path)?;
    open_or_create(path).await?.close().await;
    Ok(SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options(path)))
}

/// Opens the database of a server as it is, to look and not to touch.
///
/// # Errors
/// When there is none.
pub fn open_read_only(path: &Path) -> Result<SqlitePool, OpenError> {
    must_exist(path)?;
    Ok(readers(path, 1))
}

fn must_exist(path: &Path) -> Result<(), OpenError> {
    if path.exists() { Ok(()) } else { Err(OpenError::Missing(path.display().to_string())) }
}
