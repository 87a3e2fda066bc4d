//! The book on disk: SQLite, one writer, answers only after COMMIT, readers that never wait.

pub mod api_keys;
mod database;
pub mod operator;
mod positions;
mod revisions;
mod strategies;
mod used_tokens;
pub mod verify;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot};

use self::api_keys::ApiKey;
pub use self::database::{OpenError, open_existing, open_or_create, open_read_only};
use self::operator::Operator;
pub use self::used_tokens::UsedToken;
use self::writer::{Command, Writer};
use crate::clock::Clock;
use crate::domain::book::{Book, Revision};
use crate::domain::moment::Moment;
use crate::domain::position::Position;
use crate::domain::strategy::StrategyName;

/// How many changes may wait for the writer before new ones wait outside.
const QUEUE: usize = 1024;

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A client that signed its push.
    Client(String),
    /// An API key, by its name.
    Key(String),
    /// The operator.
    Operator,
    /// A program that filled the book, by what it read.
    Import(String),
}

/// A whole new list for one strategy, and what must hold for it to be taken.
#[derive(Debug, Clone)]
pub struct Change {
    /// Whose list it is.
    pub strategy: StrategyName,
    /// The list.
    pub positions: Vec<Position>,
    /// Who says so.
    pub actor: Actor,
    /// From where: an IP address.
    pub address: Option<String>,
    /// The signed token that allows it, good once.
    pub token: Option<UsedToken>,
    /// Must be greater than the last one accepted for the strategy.
    pub sequence: Option<i64>,
    /// Must be the strategy's revision; 0 for a strategy that does not exist.
    pub expected_revision: Option<Revision>,
}

/// What became of an accepted change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The strategy's newest revision.
    pub revision: Revision,
    /// Whether the list is another one than before.
    pub changed: bool,
    /// How many positions it holds.
    pub positions: usize,
}

/// Why a change was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The sequence is not greater than the last one.
    #[error("sequence is not greater than {last}, the last one accepted")]
    StaleSequence {
        /// The last one accepted.
        last: i64,
    },
    /// The strategy has moved on.
    #[error("the strategy is at revision {current}")]
    RevisionMoved {
        /// Where it is now; 0 when it does not exist.
        current: Revision,
    },
    /// The token was used before.
    #[error("the token was used before")]
    TokenReplayed,
    /// The token is so old that its use is no longer remembered.
    #[error("the token is too old")]
    TokenForgotten,
    /// The store cannot be written or read now; nothing was stored.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// The book, and the only way to change it.
#[derive(Debug, Clone)]
pub struct Store {
    book: Arc<ArcSwap<Book>>,
    queue: mpsc::Sender<Command>,
    readers: SqlitePool,
}

impl Store {
    /// Opens the database at `path`, creating it where there is none, and starts the writer.
    ///
    /// Tokens signed longer ago than `token_memory` are forgotten, and refused from then on.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, comes from a newer version or does not hold together.
    pub async fn open(path: &Path, clock: Clock, token_memory: Duration) -> Result<Self, OpenError> {
        let readers = open_or_create(path).await?;
        let book = Arc::new(ArcSwap::from_pointee(Book::default()));
        let writer = Writer::start(path.to_owned(), Arc::clone(&book), clock, token_memory).await?;
        let (queue, commands) = mpsc::channel(QUEUE);
        tokio::spawn(writer.run(commands));
        Ok(Self { book, queue, readers })
    }

    /// The book as it stands now; it stays so for whoever holds it.
    pub fn book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    /// Stores a change. When this returns a receipt the change is on disk, in the history, and in [`Self::book`].
    ///
    /// # Errors
    /// When a condition of the change does not hold, or the store cannot write.
    pub async fn submit(&self, change: Change) -> Result<Receipt, Refusal> {
        let (answer, receipt) = oneshot::channel();
        self.ask(Command::Change(Box::new(change), answer), receipt).await
    }

    /// Writes to the disk for no other reason than to see that it can be done.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn probe(&self) -> Result<(), Refusal> {
        let (answer, done) = oneshot::channel();
        self.ask(Command::Probe(answer), done).await
    }

    /// Sets the operator's password hash.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn set_password_hash(&self, hash: String) -> Result<(), Refusal> {
        let (answer, done) = oneshot::channel();
        self.ask(Command::Password(hash, answer), done).await
    }

    /// Notes that an API key was used. Nobody waits for it, and when the writer is busy it is dropped.
    pub fn note_key_use(&self, id: i64, at: Moment) {
        let _ = self.queue.try_send(Command::KeyUse { id, at });
    }

    /// The operator, if a password was ever set.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn operator(&self) -> Result<Option<Operator>, Refusal> {
        operator::find(&self.readers).await.map_err(|error| Refusal::Unavailable(error.to_string()))
    }

    /// The API key with that SHA-256, unless it was revoked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn api_key(&self, digest: &[u8; 32]) -> Result<Option<ApiKey>, Refusal> {
        api_keys::find(&self.readers, digest).await.map_err(|error| Refusal::Unavailable(error.to_string()))
    }

    /// Waits until the writer has finished what was queued, and closes the files.
    pub async fn close(self) {
        // The writer's connection goes last: only one that may write folds the log into the database.
        self.readers.close().await;
        let (answer, done) = oneshot::channel();
        if self.queue.send(Command::Close(answer)).await.is_ok() {
            let _ = done.await;
        }
    }

    async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<Result<T, Refusal>>) -> Result<T, Refusal> {
        let gone = || Refusal::Unavailable("the writer has stopped".to_owned());
        self.queue.send(command).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
