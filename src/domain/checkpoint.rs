//! The point of the history up to which revisions were folded: what is older is in an archive.

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::revision::Revision;

/// What the history says of the checkpoint from which it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The last revision that was folded.
    pub revision: Revision,
    /// When that was made.
    pub at: Moment,
    /// Its chain hash, in hexadecimal.
    pub hash: String,
    /// The seal on where it had led, in hexadecimal.
    pub seal: String,
    /// SHA-256 of the archive, in hexadecimal.
    pub archive: String,
    /// How many revisions are in it.
    pub revisions: u64,
}
