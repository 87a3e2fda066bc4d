//! The proof: the chain of revisions is whole, and the current state is what it leads to.

use std::fmt;
use std::path::Path;

use super::error::OpenError;
use super::sqlite;
use crate::domain::revision::Revision;
use crate::ledger::chain::{ChainHash, Head};
use crate::ledger::replay::Astray;

/// What a walk along the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every link holds, and the current state is what the chain leads to.
    Whole {
        /// How many revisions there are, with those that were folded.
        revisions: u64,
        /// Where the chain ends.
        head: Head,
        /// The checkpoint from which it was walked; None from the first revision on.
        since: Option<Since>,
    },
    /// A link does not hold.
    Broken {
        /// The first revision that does not.
        revision: Revision,
        /// What is wrong with it.
        reason: String,
    },
    /// The chain holds, but the current state is another one.
    Astray(Astray),
    /// The chain holds and leads to the current state, but what only repeats it, to make the past quick to reach, says
    /// something else: what.
    Misremembered(String),
}

/// From where a chain was walked of which an older part was folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// The last revision that was folded.
    pub checkpoint: Head,
    /// The revision that says what it led to: only whoever knows this one, or a later one, has witnessed that.
    pub told_in: Revision,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { revisions, head, since } => {
                f.write_str("unbroken")?;
                if let Some(since) = since {
                    write!(f, " since the checkpoint at revision {}", since.checkpoint.revision)?;
                }
                write!(f, ": {revisions} revisions, head {}", hex::encode(head.hash))
            }
            Self::Broken { revision, reason } => write!(f, "BROKEN at revision {revision}: {reason}"),
            Self::Astray(Astray { strategy, reason }) => {
                write!(f, "the history is unbroken, but strategy {strategy:?} is ASTRAY: {reason}")
            }
            Self::Misremembered(reason) => write!(
                f,
                "the history is unbroken and leads to the current state, but {reason}: questions about the past may be \
                 answered wrongly. To have what is made from the history made anew, stop the server, set is_unfolded to 0 in \
                 the table upkeep, and start it again"
            ),
        }
    }
}

/// Walks the whole chain of the database at `path`, as it stands at one moment; a server may go on writing beside it.
///
/// # Errors
/// When there is no database, or it cannot be read.
pub async fn verify(path: &Path) -> Result<Verdict, OpenError> {
    looked_at(path, |_| {}).await
}

/// The same; and the head with this hash, where the walk has come by it.
///
/// # Errors
/// As [`verify`].
pub async fn witnessed(path: &Path, hash: &ChainHash) -> Result<(Verdict, Option<Head>), OpenError> {
    // What `head` says of a history that has not begun.
    let mut found = Some(Head::START).filter(|head| head.hash == *hash);
    let verdict = looked_at(path, |head| found = found.or(Some(*head).filter(|head| head.hash == *hash))).await?;
    Ok((verdict, found))
}

async fn looked_at(path: &Path, look: impl FnMut(&Head)) -> Result<Verdict, OpenError> {
    let pool = sqlite::open_read_only(path)?;
    let verdict = sqlite::verify::verify(&pool, look).await;
    pool.close().await;
    verdict
}

/// Where the chain of the database at `path` ends, if its last link holds.
///
/// # Errors
/// As [`verify`], and when the link does not hold.
pub async fn newest(path: &Path) -> Result<Head, OpenError> {
    let pool = sqlite::open_read_only(path)?;
    let newest = sqlite::verify::newest(&pool).await;
    pool.close().await;
    newest
}
