//! A change that somebody asks for, and what becomes of it.

use crate::domain::moment::Moment;
use crate::domain::position::Position;
use crate::domain::revision::{Actor, Revision};
use crate::domain::strategy::StrategyName;

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
    /// Must be the strategy's revision; [`Revision::NONE`] for a strategy that does not exist.
    pub expected_revision: Option<Revision>,
}

impl Change {
    /// A change under no further condition.
    pub fn new(strategy: StrategyName, deed: Deed, actor: Actor, address: Option<String>) -> Self {
        Self { strategy, deed, actor, address, token: None, sequence: None, expected_revision: None }
    }
}

/// A signed token: when it says that it was signed, and the SHA-256 of its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UsedToken {
    /// When it was signed.
    pub signed_at: Moment,
    /// SHA-256 of the signature.
    pub digest: [u8; 32],
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

/// Why a change is not taken: a condition of it does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The sequence is not greater than the last one.
    #[error("sequence is not greater than {last}, the last one accepted")]
    StaleSequence {
        /// The last one accepted.
        last: i64,
    },
    /// The strategy has moved on.
    #[error("the strategy is at revision {current}")]
    RevisionMoved {
        /// Where it is now; [`Revision::NONE`] when it does not exist.
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
}
