//! The book on disk: SQLite, one writer, answers only after COMMIT, readers that never wait.

pub mod api_keys;
mod database;
pub mod history;
pub mod operator;
mod positions;
mod revisions;
pub mod sessions;
mod strategies;
mod used_tokens;
pub mod verify;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::SqlitePool;
use tokio::sync::{broadcast, mpsc, oneshot};

use self::api_keys::{ApiKey, NewApiKey};
pub use self::database::{OpenError, open_existing, open_or_create, open_read_only};
use self::operator::Operator;
use self::sessions::Session;
pub use self::used_tokens::UsedToken;
use self::writer::{Command, Writer};
use crate::clock::Clock;
use crate::domain::book::{Book, Revision};
use crate::domain::moment::Moment;
use crate::domain::position::Position;
use crate::domain::strategy::StrategyName;

/// How many changes may wait for the writer before new ones wait outside.
const QUEUE: usize = 1024;

/// How many look into the history at a time.
const HISTORIANS: u32 = 2;

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

/// What a change does to its strategy.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Puts a whole new list in the place of the old one.
    Replace(Vec<Position>),
    /// Goes back to the list of an earlier revision.
    Restore {
        /// The revision.
        to: Revision,
        /// The list as it was then.
        positions: Vec<Position>,
    },
    /// Takes the strategy out of lists and totals; its history stays.
    Remove,
}

/// A change of one strategy, and what must hold for it to be taken.
#[derive(Debug, Clone)]
pub struct Change {
    /// Which one.
    pub strategy: StrategyName,
    /// What becomes of it.
    pub deed: Deed,
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

impl Change {
    /// A change under no further condition.
    pub fn new(strategy: StrategyName, deed: Deed, actor: Actor, address: Option<String>) -> Self {
        Self { strategy, deed, actor, address, token: None, sequence: None, expected_revision: None }
    }
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
    /// There is no such strategy to remove.
    #[error("there is no strategy {:?}", .0.as_str())]
    UnknownStrategy(StrategyName),
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

/// A revision that was stored just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub revision: Revision,
    /// Whose it is.
    pub strategy: StrategyName,
    /// When it was made.
    pub at: Moment,
}

/// What is written besides the book.
#[derive(Debug, Clone)]
pub(crate) enum Errand {
    /// Sets the operator's password hash, and ends every session.
    SetPassword(String),
    /// Begins a session, and forgets those begun before a moment.
    OpenSession { digest: [u8; 32], useless_before: Moment },
    /// Ends a session.
    CloseSession([u8; 32]),
    /// Stores an API key.
    AddKey(NewApiKey),
    /// Revokes the API key of that name.
    RevokeKey(String),
}

/// The book, and the only way to change it.
#[derive(Debug, Clone)]
pub struct Store {
    book: Arc<ArcSwap<Book>>,
    queue: mpsc::Sender<Command>,
    stored: broadcast::Sender<Arc<[Stored]>>,
    readers: SqlitePool,
    /// Apart from `readers`: who looks far back must not keep anybody from logging in.
    historians: SqlitePool,
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
        let (stored, _) = broadcast::channel(QUEUE);
        let writer = Writer::start(path.to_owned(), Arc::clone(&book), stored.clone(), clock, token_memory).await?;
        let (queue, commands) = mpsc::channel(QUEUE);
        tokio::spawn(writer.run(commands));
        let historians = database::readers(path, HISTORIANS);
        Ok(Self { book, queue, stored, readers, historians })
    }

    /// The book as it stands now; it stays so for whoever holds it.
    pub fn book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    /// Hears of every revision from now on, once it is in [`Self::book`]; what is stored together comes together.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<[Stored]>> {
        self.stored.subscribe()
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
        self.run(Errand::SetPassword(hash)).await.map(|_| ())
    }

    /// Writes something besides the book, and says whether there was anything to do.
    pub(crate) async fn run(&self, errand: Errand) -> Result<bool, Refusal> {
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
    pub(crate) async fn session(&self, digest: &[u8; 32]) -> Result<Option<Session>, Refusal> {
        sessions::find(&self.readers, digest).await.map_err(unreadable)
    }

    /// Every API key that was ever made, by creation.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, Refusal> {
        api_keys::all(&self.readers).await.map_err(unreadable)
    }

    /// The operator, if a password was ever set.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn operator(&self) -> Result<Option<Operator>, Refusal> {
        operator::find(&self.readers).await.map_err(unreadable)
    }

    /// The API key with that SHA-256, unless it was revoked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn api_key(&self, digest: &[u8; 32]) -> Result<Option<ApiKey>, Refusal> {
        api_keys::find(&self.readers, digest).await.map_err(unreadable)
    }

    /// Waits until the writer has finished what was queued, and closes the files.
    pub async fn close(self) {
        // The writer's connection goes last: only one that may write folds the log into the database.
        self.readers.close().await;
        self.historians.close().await;
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

fn unreadable(error: impl std::fmt::Display) -> Refusal {
    Refusal::Unavailable(error.to_string())
}
