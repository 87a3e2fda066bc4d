//! Why the store does not do what it is asked.

use crate::domain::revision::Revision;
use crate::ledger::Rejected;
use crate::ledger::replay::Astray;

/// The store cannot be read or written now; the cause is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store is unavailable: {0}")]
pub struct Unavailable(pub String);

impl Unavailable {
    pub(super) fn because(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl From<sqlx::Error> for Unavailable {
    fn from(error: sqlx::Error) -> Self {
        Self::because(error)
    }
}

impl From<OpenError> for Unavailable {
    fn from(error: OpenError) -> Self {
        Self::because(error)
    }
}

/// The past is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// The store cannot be read now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// It was folded, up to this revision: only the archive still knows it.
    #[error("what was before the checkpoint at revision {0} is in the archive")]
    Folded(Revision),
}

impl From<sqlx::Error> for Untold {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// A change, or what is written besides the book, was not stored, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// A condition of the change does not hold.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The store cannot be written now; nothing was changed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The disk failed, or the writer died, while the change was written.
    #[error("whether the change was stored is not known")]
    Unknown,
}

/// What to do with a database that does not hold together.
const ADVICE: &str = "Nothing is served from it, and nothing in it was changed: keep it, put the newest copy that you have in \
its place, and see with `jq2qmt verify` how far the history of each holds";

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer program wrote it.
    #[error("the database was written by a newer version of jq2qmt (migration {0} is unknown here); use that version")]
    Newer(i64),
    /// An older program wrote it, and nothing may be changed in it here.
    #[error(
        "the database is of an older version of jq2qmt: copy it with the program of that version, then start the server on it once, which \
         brings it up to date"
    )]
    Older,
    /// There is no such file.
    #[error("there is no database at {0}; start the server once to create it")]
    Missing(String),
    /// There was a book, and now there is none.
    #[error(
        "the database is empty, and revision {0} was seen beside it: its file was lost, emptied or replaced. Put the newest \
         copy that you have in its place; to begin with an empty book on purpose, start once with --new"
    )]
    Emptied(Revision),
    /// A copy was to take the place of the database, which went aside for it, and did not.
    #[error(
        "there is no database, and {0} holds one that `jq2qmt restore` moved aside before it was cut off: restore the copy \
         again, or move the files of that folder back; to begin with an empty book on purpose, start once with --new"
    )]
    SetAside(String),
    /// An empty book was asked for, and there is one that is not.
    #[error(
        "--new begins with an empty book, and there is a database at {0}: move it away first, with its -wal and -shm files, or \
         start without --new"
    )]
    NotEmpty(String),
    /// A database of an older version was brought up to date, and what stood in it is not what its history leads to.
    #[error(
        "the database was brought up to date, but it does not hold together, and did not before: {0}. Nothing is served from \
         it; put the copy in its place that was made before the new version was started"
    )]
    Unfolded(Astray),
    /// What stands now is not what the history leads to, or not what was written.
    #[error("the database does not hold together: {0}. {ADVICE}")]
    Astray(#[from] Astray),
    /// Something that was written is gone, or is not what was written.
    #[error("the database does not hold together: {0}. {ADVICE}")]
    Corrupt(String),
    /// A migration was interrupted, by something that does not take a transaction back.
    #[error(
        "the database was brought up to date half-way only (migration {0}), and what it holds is uncertain: put the copy in \
         its place that was made before the new version was started, and start again"
    )]
    HalfMigrated(i64),
    /// A migration could not be carried out.
    #[error("the database cannot be brought up to date: {0}")]
    Migration(String),
    /// It cannot be read or written.
    #[error("the database cannot be used: {0}")]
    Unusable(String),
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}
