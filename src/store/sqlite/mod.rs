//! The tables in SQLite: a file for each, with its SQL; functions over a connection, so that whoever calls owns the
//! transaction.

/// A statement of a batch, which takes its parameters by their numbers in the batch. It is described when compiling, like
/// every query, and there as text too, so that several go to the thread that SQLite works on in one trip.
macro_rules! statement {
    ($(#[$about:meta])* $name:ident($($parameter:ident),+) = $sql:literal) => {
        $(#[$about])*
        pub(super) const $name: &str = concat!($sql, ";\n");
        const _: fn($(statement!(@ $parameter)),+) = |$($parameter),+| drop(sqlx::query!($sql, $($parameter),+));
    };
    (@ $parameter:ident) => { String };
}

pub(super) mod api_keys;
pub(super) mod attributed;
mod attribution_events;
pub(super) mod batch;
pub(super) mod channel_secrets;
pub(super) mod checkpoint;
pub(super) mod copies;
pub(super) mod documents;
mod engine;
pub(super) mod fills;
pub(super) mod history;
pub(super) mod holding_changes;
pub(super) mod incidents;
mod item_eras;
mod kept_lists;
pub(super) mod legacy;
pub(super) mod operator;
pub(super) mod outbox;
mod past_instruments;
mod reports;
pub(super) mod revisions;
pub(super) mod sessions;
mod strategies;
mod unfolding;
pub(super) mod upkeep;
pub(super) mod used_tokens;
pub(super) mod verify;

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqliteConnection, SqlitePool};

pub(super) use self::engine::engine;
use self::strategies::Loaded;
use super::error::OpenError;
use crate::domain::book::Book;
use crate::domain::guard::Guards;
use crate::domain::settings::Settings;
use crate::ledger::Ledger;

/// How long the log stays once it was folded: bytes.
const LOG_KEPT: u32 = 64 << 20;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// What every connection is set to.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        // A 200 means on disk: FULL syncs the log at every COMMIT.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // The command line may write beside the server.
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging()
}

/// A connection that writes.
pub(super) async fn connect_writer(path: &Path) -> Result<SqliteConnection, OpenError> {
    let options = options(path)
        // The writer folds the log into the database itself, when nobody waits for it.
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", LOG_KEPT.to_string())
        // What a statement needs to take itself back; a file for it would be made for each.
        .pragma("temp_store", "MEMORY");
    Ok(options.connect().await?)
}

/// Folds the log into the database, as far as nobody reads what would be written over.
pub(super) async fn fold(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(connection).await.map(|_| ())
}

/// Creates the database where there is none, and brings it up to date.
pub(super) async fn create_or_migrate(path: &Path) -> Result<(), OpenError> {
    // A migration may put a copy in the place of a table that others refer to.
    let options = options(path).create_if_missing(true).foreign_keys(false);
    let mut connection = options.journal_mode(SqliteJournalMode::Wal).connect().await?;
    MIGRATIONS.run_direct(None, &mut connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => OpenError::Newer(version),
        MigrateError::Dirty(version) => OpenError::HalfMigrated(version),
        other => OpenError::Migration(other.to_string()),
    })?;
    upkeep::must_be_there(&mut connection).await?;
    unfolding::unfold(&mut connection).await.map_err(|error| match error {
        OpenError::Astray(astray) => OpenError::Unfolded(astray),
        other => other,
    })?;
    Ok(sqlx::Connection::close(connection).await?)
}

/// Connections that only read, so many at a time.
pub(super) fn readers(path: &Path, most: u32) -> SqlitePool {
    SqlitePoolOptions::new().max_connections(most).connect_lazy_with(options(path).read_only(true))
}

/// Opens the database of a server for reading and writing, beside that server.
pub(super) async fn open_existing(path: &Path) -> Result<SqlitePool, OpenError> {
    must_exist(path)?;
    create_or_migrate(path).await?;
    Ok(SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options(path)))
}

/// Opens the database of a server as it is, to look and not to touch.
pub(super) fn open_read_only(path: &Path) -> Result<SqlitePool, OpenError> {
    must_exist(path)?;
    Ok(readers(path, 1))
}

fn must_exist(path: &Path) -> Result<(), OpenError> {
    if path.exists() { Ok(()) } else { Err(OpenError::Missing(path.display().to_string())) }
}

/// Reads all that decides about the next change, where it is what was written.
pub(super) async fn load(connection: &mut SqliteConnection) -> Result<Ledger, OpenError> {
    let (mut ledger, revisions) = read(connection).await?;
    let newest = revisions::newest(connection).await?;
    if revisions != newest.get().unsigned_abs() {
        return Err(OpenError::Corrupt(format!(
            "strategies and documents have {revisions} revisions, and the newest is {newest}: some of them are missing"
        )));
    }
    ledger.head = verify::head(connection, newest).await?;
    ledger.forgotten = upkeep::forgotten(connection).await?;
    Ok(ledger)
}

/// Reads the book as it stands at one moment.
pub(super) async fn look(pool: &SqlitePool) -> Result<Book, OpenError> {
    let mut connection = pool.acquire().await?;
    must_be_current(&mut connection).await?;
    let mut snapshot = sqlx::Connection::begin_with(&mut *connection, "BEGIN DEFERRED").await?;
    Ok(load(&mut snapshot).await?.book)
}

/// Refuses a database of another version.
pub(super) async fn must_be_of_this_version(path: &Path) -> Result<(), OpenError> {
    let pool = open_read_only(path)?;
    let looked = async { must_be_current(&mut *pool.acquire().await?).await }.await;
    pool.close().await;
    looked
}

/// Refuses a database of another version: whoever looks and does not touch cannot bring it up to date, and would stumble over
/// what is not there yet, or over what is there by now.
async fn must_be_current(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let newest: Option<(i64, bool)> =
        sqlx::query_as("SELECT version, success FROM _sqlx_migrations ORDER BY version DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max();
    match newest {
        Some((version, false)) => Err(OpenError::HalfMigrated(version)),
        Some((version, true)) if Some(version) > known => Err(OpenError::Newer(version)),
        Some((version, true)) if Some(version) == known => Ok(()),
        _ => Err(OpenError::Older),
    }
}

/// Reads strategies and documents, each where it is what was written, and says how many revisions they have.
async fn read(connection: &mut SqliteConnection) -> Result<(Ledger, u64), OpenError> {
    let Loaded { book, next, revisions } = strategies::load(connection).await?;
    let mut ledger = Ledger { book, next_strategy: next, ..Ledger::default() };
    if upkeep::is_guarded(connection).await? {
        *ledger.book.settings_mut() = Settings::guarded_by(Guards::usual());
    }
    past_instruments::load(connection, &mut ledger.book).await?;
    let of_documents = documents::load(connection, &mut ledger).await?;
    reports::load(connection, &mut ledger.book).await?;
    fills::load(connection, &mut ledger.book).await?;
    attributed::load(connection, &mut ledger).await?;
    checkpoint::must_be(connection, ledger.book.settings().checkpoint()).await?;
    Ok((ledger, revisions + of_documents))
}

/// Rows as the JSON array that a statement unfolds again with `jsonb_each`: one statement for any number of rows.
fn json(rows: &impl Serialize) -> String {
    // Nothing that is written here can fail: no maps, no foreign types.
    serde_json::to_string(rows).unwrap_or_default()
}

/// What a column says, understood.
fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> Result<T, sqlx::Error> {
    text.parse().map_err(|error: T::Err| sqlx::Error::Decode(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_writer_waits_for_the_disk_at_every_commit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        create_or_migrate(&path).await.unwrap();
        let mut writer = connect_writer(&path).await.unwrap();
        let mut setting = async |name: &str| -> i64 {
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("PRAGMA {name}"))).fetch_one(&mut writer).await.unwrap()
        };
        // 2 is FULL.
        assert_eq!(setting("synchronous").await, 2);
        assert_eq!(setting("wal_autocheckpoint").await, 0);
        assert_eq!(setting("foreign_keys").await, 1);
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut writer).await.unwrap();
        assert_eq!(mode, "wal");
    }
}
