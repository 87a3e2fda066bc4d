//! What people and programs do, once for API and pages. Whoever calls holds the right to it, as a value of
//! [`auth::rights`](crate::auth::rights), and is named in the history.

mod accounts;
mod attribution;
mod calendar;
mod channels;
mod closes;
mod conflicts;
mod credentials;
pub mod daily;
pub mod expiry;
mod guards;
mod holds;
pub mod incidents;
mod lists;
mod moved;
mod reports;
mod states;
pub mod terminals;

use self::accounts::Targets;
pub use self::accounts::{AccountPreview, Order, Supposed, orders_of};
pub use self::attribution::{AccountDay, is_of};
pub use self::channels::ChannelWish;
use self::closes::Closes;
pub use self::closes::Costs;
use self::conflicts::Standing;
pub use self::conflicts::{Conflicts, WINDOW, conflicts};
pub use self::guards::{Trial, TrialLine, try_guards};
pub use self::lists::{Preview, Proposal};
use self::moved::Moved;
use self::reports::Drifts;
pub use self::reports::{Drift, DriftLines};
pub use self::states::StateWish;
use self::terminals::Terminals;
use crate::domain::channel::ChannelError;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;
use crate::ledger::Rejected;
use crate::store::{NotStored, Store, Unavailable, Untold};

/// Where everything that changes something is done.
#[derive(Debug, Clone)]
pub struct Desk {
    store: Store,
    closes: Closes,
    drifts: Drifts,
    targets: Targets,
    conflicts: Standing,
    moved: Moved,
    terminals: Terminals,
}

/// Why something was not done; nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The store did not take it.
    #[error(transparent)]
    NotStored(#[from] NotStored),
    /// There is no such revision, or not yet.
    #[error("there is no revision {0}")]
    UnknownRevision(Revision),
    /// The strategy did not exist at the revision that it is to go back to: to hold nothing is another wish.
    #[error("strategy {:?} did not exist at revision {revision}", strategy.as_str())]
    NothingToRestore {
        /// The strategy.
        strategy: StrategyName,
        /// The revision.
        revision: Revision,
    },
    /// It asks for what was folded, up to this revision.
    #[error("what was before the checkpoint at revision {0} is in the archive")]
    Folded(Revision),
    /// An API key of that name is in use.
    #[error("there is a key of that name already")]
    KeyNameTaken,
    /// A channel cannot be so.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// A fault of the machine.
    #[error("{0}")]
    Fault(String),
}

impl From<Unavailable> for NotDone {
    fn from(unavailable: Unavailable) -> Self {
        Self::NotStored(unavailable.into())
    }
}

impl From<Untold> for NotDone {
    fn from(untold: Untold) -> Self {
        match untold {
            Untold::Unavailable(unavailable) => unavailable.into(),
            Untold::Folded(until) => Self::Folded(until),
        }
    }
}

impl From<Rejected> for NotDone {
    fn from(rejected: Rejected) -> Self {
        Self::NotStored(rejected.into())
    }
}

impl NotDone {
    /// Whether somebody else was faster: the strategy is no longer at the revision that was expected.
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::NotStored(NotStored::Rejected(Rejected::RevisionMoved { .. })))
    }

    /// Whether the push that was decided about is not the one that waits.
    pub const fn is_about_another_push(&self) -> bool {
        use Rejected::{HoldGone, NothingWaits, WaitingUnsaid};
        let Self::NotStored(NotStored::Rejected(rejected)) = self else { return false };
        matches!(rejected, HoldGone { .. } | WaitingUnsaid(_) | NothingWaits)
    }
}

impl Desk {
    /// The desk over a store.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.for_operators(),
            closes: Closes::default(),
            drifts: Drifts::default(),
            targets: Targets::default(),
            conflicts: Standing::default(),
            moved: Moved::default(),
            terminals: Terminals::default(),
        }
    }

    /// Which terminal holds which account.
    pub const fn terminals(&self) -> &Terminals {
        &self.terminals
    }
}
