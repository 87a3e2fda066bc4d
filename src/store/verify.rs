//! The proof: the chain of revisions is whole, and the current state is what it leads to.

use std::path::Path;

use super::error::OpenError;
use super::sqlite;
use crate::domain::revision::Revision;
use crate::ledger::chain::ChainHash;
use crate::ledger::replay::Astray;

/// What a walk along the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every link holds, and the current state is what the chain leads to.
    Whole {
        /// How many revisions there are.
        revisions: u64,
        /// The hash at the end of the chain.
        head: ChainHash,
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

/// Walks the whole chain of the database at `path`, as it stands at one moment; a server may go on writing beside it.
///
/// # Errors
/// When there is no database, or it cannot be read.
pub async fn verify(path: &Path) -> Result<Verdict, OpenError> {
    let pool = sqlite::open_read_only(path)?;
    let verdict = sqlite::verify::verify(&pool).await;
    pool.close().await;
    verdict
}
