//! Locks: a holding that changed by other than trades of ours is not traded until somebody has looked at it.

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::moment::Moment;

/// An instrument of an account whose holding changed without a trade of ours: a bonus share, a split, a trade by hand.
///
/// It holds its line until every strategy that wants it has pushed again, or the operator releases it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The instrument, as the terminal spells it.
    pub code: Code,
    /// By how much more is held than trades explain: shares, below zero where less is.
    pub shares: i64,
    /// When the server took it for unexplained.
    pub at: Moment,
}
