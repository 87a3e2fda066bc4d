//! The book on disk: one writer, answers only after COMMIT, readers that never wait.
//!
//! The queue, the transaction and what is published are here; the tables and all SQL are in `sqlite`, and nothing above
//! this room knows what the database is.

mod ahead;
pub mod api_keys;
pub mod archive;
pub mod attributed;
pub mod backups;
mod beside;
pub mod channels;
pub mod chronicle;
pub mod compaction;
mod errands;
mod error;
pub mod figures;
mod historians;
pub mod history;
pub mod incidents;
pub mod inspect;
pub mod legacy;
mod lineage;
#[cfg(feature = "mysql")]
pub mod mysql;
pub mod operator;
mod presence;
pub mod reports;
pub mod sessions;
mod sqlite;
pub mod verify;
mod witness;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::SqlitePool;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use self::ahead::Command;
use self::api_keys::ApiKey;
use self::backups::Backups;
pub use self::beside::Beside;
pub(crate) use self::errands::Errand;
pub use self::error::{NotStored, OpenError, Unavailable, Untold};
use self::figures::StoreFigures;
use self::historians::Historians;
use self::operator::Operator;
use self::sessions::Session;
pub use self::writer::Writer;
use self::writer::{Folding, Opening, QUEUE};
use crate::clock::Clock;
use crate::domain::book::Book;
use crate::domain::moment::Moment;
use crate::domain::revision::{Revision, Subject};
use crate::ledger::{Change, Put, Receipt};

/// How many look into the history at a time.
const HISTORIANS: u32 = 2;

/// How many of the operator's looks into the history there are at a time, and of those who listen.
const OPERATORS: u32 = 2;
const LISTENERS: u32 = 1;

/// How many look at anything else at a time.
const READERS: u32 = 4;

/// Why nothing is written any more.
const STOPPED: &str = "the writer has stopped";

/// A revision that was stored just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub revision: Revision,
    /// What it is about.
    pub subject: Subject,
    /// When it was made.
    pub at: Moment,
}

/// The book, and the only way to change it.
#[derive(Debug, Clone)]
pub struct Store {
    book: Arc<ArcSwap<Book>>,
    lineage: i64,
    queue: mpsc::Sender<Command>,
    stored: broadcast::Sender<Arc<[Stored]>>,
    published: watch::Sender<()>,
    readers: SqlitePool,
    historians: Historians,
    /// Apart from `historians`: the operator's look back, and that of who listens, wait behind nobody's.
    operators: Historians,
    listeners: Historians,
    backups: Backups,
    path: Arc<Path>,
    clock: Clock,
    figures: StoreFigures,
}

/// The book of a database as it stands, to look at and not to touch; a server may go on writing beside it.
///
/// # Errors
/// When there is no database, it is of another version, or does not hold together.
pub async fn look(path: &Path) -> Result<Book, OpenError> {
    let pool = sqlite::open_read_only(path)?;
    let book = sqlite::look(&pool).await;
    pool.close().await;
    book
}

impl Store {
    /// Opens the database at `path`, creating it where there is none. Nothing is written until the writer
    /// [runs](Writer::run), on a thread of its own.
    ///
    /// Tokens signed longer ago than `token_memory` are forgotten, and refused from then on.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, comes from a newer version or does not hold together.
    pub async fn open(path: &Path, clock: Clock, token_memory: Duration) -> Result<(Self, Writer), OpenError> {
        witness::must_not_be_emptied(path)?;
        sqlite::create_or_migrate(path).await?;
        let book = Arc::new(ArcSwap::from_pointee(Book::default()));
        let (stored, published) = (broadcast::Sender::new(QUEUE), watch::Sender::new(()));
        let (queue, commands) = mpsc::channel(QUEUE);
        let historians = Historians::new(path, HISTORIANS);
        // Few and soon done: they need not pause.
        let (operators, listeners) = (Historians::new(path, OPERATORS), Historians::new(path, LISTENERS));
        let (folding, figures) = (Folding::new(historians.clone(), queue.downgrade()), StoreFigures::default());
        let opening = Opening {
            path,
            book: Arc::clone(&book),
            stored: stored.clone(),
            published: published.clone(),
            commands,
            folding,
            figures: figures.clone(),
        };
        let writer = Writer::open(opening, clock.clone(), token_memory).await?;
        let readers = sqlite::readers(path, READERS);
        let lineage = writer.lineage();
        let store = Self {
            book,
            lineage,
            queue,
            stored,
            published,
            readers,
            historians,
            operators,
            listeners,
            backups: Backups::default(),
            path: path.into(),
            clock,
            figures,
        };
        Ok((store, writer))
    }

    /// Lets the next [`Self::open`] begin with an empty book, though the database at `path` had one.
    ///
    /// # Errors
    /// When there is a book, or the file beside the database cannot be written.
    pub fn begin_anew(path: &Path, now: Moment) -> Result<(), OpenError> {
        witness::begin_anew(path, now)
    }

    /// The database's lineage: 1 at first, and another, greater number whenever an older copy is put back.
    pub const fn lineage(&self) -> i64 {
        self.lineage
    }

    /// What became of the copies that the server makes.
    pub const fn backups(&self) -> &Backups {
        &self.backups
    }

    /// What was counted of its work.
    pub const fn figures(&self) -> &StoreFigures {
        &self.figures
    }

    /// How many commands wait for the writer.
    pub fn waiting(&self) -> usize {
        QUEUE - self.queue.capacity() + usize::try_from(self.figures.ahead.get()).unwrap_or_default()
    }

    /// How long the database and its log are, in bytes.
    pub fn sizes(&self) -> Vec<(&'static str, u64)> {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        let length = |name, path: &Path| std::fs::metadata(path).ok().map(|about| (name, about.len()));
        [length("database", &self.path), length("log", log.as_ref())].into_iter().flatten().collect()
    }

    /// The same store, whose history is read over the operator's own connections.
    #[must_use]
    pub fn for_operators(&self) -> Self {
        Self { historians: self.operators.clone(), ..self.clone() }
    }

    /// The same store, whose history is read over the connections of those who listen.
    #[must_use]
    pub fn for_listeners(&self) -> Self {
        Self { historians: self.listeners.clone(), ..self.clone() }
    }

    /// What time it is by the clock that is written by.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The book as it stands now; it stays so for whoever holds it.
    pub fn book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    /// Hears of every revision from now on, once it is in [`Self::book`]; what is stored together comes together.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<[Stored]>> {
        self.stored.subscribe()
    }

    /// Hears of every state that [`Self::book`] takes from now on, also where no list changed in it.
    pub fn published(&self) -> watch::Receiver<()> {
        self.published.subscribe()
    }

    /// Stores a change. When this returns a receipt the change is on disk, in the history, and in [`Self::book`].
    ///
    /// # Errors
    /// When a condition of the change does not hold, the store cannot write, or the disk failed in between.
    pub async fn submit(&self, change: Change) -> Result<Receipt, NotStored> {
        let (answer, receipt) = oneshot::channel();
        self.ask(Command::Change(Box::new(change), answer), receipt).await
    }

    /// Settles something around the lists; as [`Self::submit`].
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn settle(&self, put: Put) -> Result<Receipt, NotStored> {
        let (answer, receipt) = oneshot::channel();
        self.ask(Command::Put(Box::new(put), answer), receipt).await
    }

    /// Sees that writes are taken: something was written within the last second, or is for this alone.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn probe(&self) -> Result<(), Unavailable> {
        let (answer, done) = oneshot::channel();
        let gone = || Unavailable::because(STOPPED);
        self.queue.send(Command::Probe(answer)).await.map_err(|_| gone())?;
        done.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Sets the operator's password hash.
    ///
    /// # Errors
    /// When the store cannot write, or the disk failed in between.
    pub async fn set_password_hash(&self, hash: String) -> Result<(), NotStored> {
        self.run(Errand::SetPassword(hash)).await.map(|_| ())
    }

    /// Writes something besides the book, and says whether there was anything to do.
    pub(crate) async fn run(&self, errand: Errand) -> Result<bool, NotStored> {
        let (answer, done) = oneshot::channel();
        self.ask(Command::Errand(errand, answer), done).await
    }

    /// Notes that an API key was used. Nobody waits for it, and when the writer is busy it is dropped.
    pub fn note_key_use(&self, id: i64, at: Moment) {
        let _ = self.queue.try_send(Command::KeyUse { id, at });
    }

    /// Notes that a session was used; as [`Self::note_key_use`].
    pub(crate) fn note_session_use(&self, digest: [u8; 32], at: Moment) {
        let _ = self.queue.try_send(Command::SessionUse { digest, at });
    }

    /// The session with that SHA-256.
    pub(crate) async fn session(&self, digest: &[u8; 32]) -> Result<Option<Session>, Unavailable> {
        Ok(sqlite::sessions::find(&self.readers, digest).await?)
    }

    /// Every API key that was ever made, by creation.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, Unavailable> {
        Ok(sqlite::api_keys::all(&self.readers).await?)
    }

    /// The operator, if a password was ever set.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn operator(&self) -> Result<Option<Operator>, Unavailable> {
        Ok(sqlite::operator::find(&self.readers).await?)
    }

    /// The API key with that SHA-256, unless it was revoked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn api_key(&self, digest: &[u8; 32]) -> Result<Option<ApiKey>, Unavailable> {
        Ok(sqlite::api_keys::find(&self.readers, digest).await?)
    }

    /// Waits until the writer has finished what was queued, and closes the files.
    pub async fn close(self) {
        // The writer's connection goes last: only one that may write folds the log into the database.
        self.readers.close().await;
        for historians in [&self.historians, &self.operators, &self.listeners] {
            historians.close().await;
        }
        let (answer, done) = oneshot::channel();
        if self.queue.send(Command::Close(answer)).await.is_ok() {
            let _ = done.await;
        }
    }

    /// Has something written. What the writer had taken when it died may be on the disk.
    async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<Result<T, NotStored>>) -> Result<T, NotStored> {
        let begun = self.clock.running();
        self.queue.send(command).await.map_err(|_| Unavailable::because(STOPPED))?;
        let answer = answer.await.unwrap_or(Err(NotStored::Unknown));
        figures::observe(&self.figures.answers, self.clock.running().saturating_sub(begun));
        answer
    }
}
