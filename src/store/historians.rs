//! Those who look far back, with connections of their own: they must not keep anybody from logging in, nor the log from
//! being folded into the database.

use std::ops::{AsyncFnOnce, Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::runtime::Handle;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::task::spawn_blocking;

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
    asker: Asker,
    connection: PoolConnection<Sqlite>,
    _pass: OwnedRwLockReadGuard<()>,
}

/// Whoever asked: the first of them to be dropped says that nobody waits any more.
#[derive(Clone)]
struct Asker {
    is_gone: Arc<AtomicBool>,
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
        Ok(Historian { asker: Asker { is_gone }, connection, _pass: pass })
    }

    /// Has the next who is free look, on a thread that may be busy with understanding what is found.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        look: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let mut historian = self.one().await?;
        let (_asker, runtime) = (historian.asker.clone(), Handle::current());
        let looking = spawn_blocking(move || runtime.block_on(look(&mut historian)));
        Ok(looking.await.map_err(Unavailable::because)??)
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

impl Drop for Asker {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::super::Store;
    use super::super::history::Filter;
    use crate::clock::Clock;
    use crate::domain::moment::Moment;

    /// What takes longer than this takes for ever.
    const HANGS: Duration = Duration::from_secs(20);

    async fn open(dir: &tempfile::TempDir) -> Store {
        let clock = Clock::manual(Moment::from_micros(1_767_595_800_000_000));
        let (store, writer) = Store::open(&dir.path().join("db"), clock, Duration::from_mins(6)).await.unwrap();
        std::thread::spawn(|| writer.run());
        store
    }

    /// Looks back over a connection of the store's historians.
    async fn look_back(store: &Store) -> bool {
        timeout(HANGS, store.revisions(&Filter::default(), None, 1)).await.is_ok_and(|found| found.is_ok())
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_ends() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir).await;
        let counting =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000) SELECT max(i) FROM n";
        let here = async {
            let mut historian = store.historians.one().await.unwrap();
            sqlx::query(counting).fetch_one(&mut *historian).await.map(|_| ())
        };
        let aside = store.historians.look(async move |one| sqlx::query(counting).fetch_one(one).await.map(|_| ()));
        // Long enough that each of them is at work.
        let both = async { tokio::join!(here, aside) };
        assert!(timeout(Duration::from_millis(200), both).await.is_err());
        let (one, other) = tokio::join!(look_back(&store), look_back(&store));
        assert!(one && other, "the connections are free again");
        assert!(timeout(HANGS, store.close()).await.is_ok());
    }

    #[tokio::test]
    async fn the_thread_that_asks_understands_nothing_of_the_past_itself() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir).await;
        let at_work = store.historians.look(async |_| Ok(std::thread::current().id())).await.unwrap();
        assert_ne!(at_work, std::thread::current().id());
    }

    #[tokio::test]
    async fn the_operator_and_who_listens_wait_behind_no_historian() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir).await;
        let (one, other) = (store.historians.one().await.unwrap(), store.historians.one().await.unwrap());
        assert!(look_back(&store.for_operators()).await);
        assert!(look_back(&store.for_listeners()).await);
        drop((one, other));
        assert!(look_back(&store).await);
    }
}
