//! Those who look far back, with connections of their own: they must not keep anybody from logging in, nor the log from
//! being folded into the database.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::error::Unavailable;
use super::sqlite;

/// After how many of SQLite's steps a reader is asked whether somebody still waits for it.
const STEPS: i32 = 10_000;

/// The connections of those who look far back.
#[derive(Debug, Clone)]
pub(super) struct Historians {
    pool: SqlitePool,
    pass: Arc<RwLock<()>>,
}

/// One who looks far back. When whoever asked is gone, also the query ends, and not only the waiting for it.
pub(super) struct Historian {
    connection: PoolConnection<Sqlite>,
    is_gone: Arc<AtomicBool>,
    _pass: OwnedRwLockReadGuard<()>,
}

impl Historians {
    /// So many connections at most.
    pub(super) fn new(path: &Path, most: u32) -> Self {
        Self { pool: sqlite::readers(path, most), pass: Arc::default() }
    }

    /// The next who is free.
    pub(super) async fn one(&self) -> Result<Historian, Unavailable> {
        let pass = Arc::clone(&self.pass).read_owned().await;
        let mut connection = self.pool.acquire().await?;
        let is_gone = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&is_gone);
        connection.lock_handle().await?.set_progress_handler(STEPS, move || !watched.load(Ordering::Relaxed));
        Ok(Historian { connection, is_gone, _pass: pass })
    }

    /// Waits until none of them reads, and keeps them from it.
    pub(super) async fn pause(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.pass).write_owned().await
    }

    /// Closes the files.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Drop for Historian {
    fn drop(&mut self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }
}

impl Deref for Historian {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Historian {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
