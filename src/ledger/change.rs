//! A change that somebody asks for, and what becomes of it.

use std::time::Duration;

use crate::domain::account::{Account, AccountName};
use crate::domain::calendar::Calendar;
use crate::domain::channel::{Channel, ChannelName, Secrets};
use crate::domain::checkpoint::Checkpoint;
use crate::domain::code::Code;
use crate::domain::decimal::Decimal;
use crate::domain::guard::{Finding, Guards};
use crate::domain::hold::Reason;
use crate::domain::moment::Moment;
use crate::domain::position::Position;
use crate::domain::revision::{Actor, Revision, RevisionKind, Topic};
use crate::domain::schedule::Schedule;
use crate::domain::state::{Pause, State};
use crate::domain::strategy::StrategyName;

/// What a change does to its strategy.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Puts a whole new list in the place of the old one. A program's is looked at first: it may have to wait.
    Replace(Vec<Position>),
    /// Goes back to the list of an earlier revision.
    Restore {
        /// The revision.
        to: Revision,
        /// The list as it was then.
        positions: Vec<Position>,
        /// Whether pushes wait from then on, so that the next one does not undo it.
        freeze: bool,
    },
    /// Takes the strategy out of lists and totals; its history stays.
    Remove {
        /// Whether the next push revives it; else pushes wait until the operator lets it live.
        revive: bool,
    },
    /// Settles what the operator lets it do; [`State::Closed`] removes it.
    SetState(SetState),
    /// Puts the push that waits in the place of the list, where it is still this one.
    Approve(Revision),
    /// Drops the push that waits, where it is still this one.
    Discard(Revision),
    /// Sets back the last sequence that was accepted.
    SetSequence(Option<i64>),
    /// Takes out the lines whose last day is over.
    Expire,
}

/// What the operator lets a strategy do from now on.
#[derive(Debug, Clone)]
pub struct SetState {
    /// What.
    pub state: State,
    /// Why, in the operator's words.
    pub note: Option<String>,
    /// What becomes of the push that waits; it must be said where the strategy is to live and one waits.
    pub waiting: Option<HoldAction>,
    /// The push that was seen to wait: with it, nothing is done when another one does.
    pub seen: Option<Revision>,
    /// For a strategy that was flat: the revision that it goes back to, and the list as it was then.
    pub back_to: Option<(Revision, Vec<Position>)>,
}

/// What becomes of a push that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldAction {
    /// It is in force.
    Apply,
    /// It is dropped.
    Discard,
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
    /// What is told beside a list.
    pub aside: Aside,
    /// Must be the strategy's revision, and for its state the newest of both; [`Revision::NONE`] for a strategy that does not
    /// exist.
    pub expected_revision: Option<Revision>,
}

impl Change {
    /// A change under no further condition.
    pub fn new(strategy: StrategyName, deed: Deed, actor: Actor, address: Option<String>) -> Self {
        let (token, aside, expected_revision) = (None, Aside::default(), None);
        Self { strategy, deed, actor, address, token, aside, expected_revision }
    }
}

/// What a push tells beside its list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Aside {
    /// Must be greater than the last one accepted for the strategy.
    pub sequence: Option<i64>,
    /// The strategy's own equity: CNY.
    pub total_value: Option<Decimal>,
    /// When the list was decided.
    pub decided_at: Option<Moment>,
}

/// Something that the operator settles around the lists.
#[derive(Debug, Clone)]
pub struct Put {
    /// What.
    pub document: Document,
    /// Who says so.
    pub actor: Actor,
    /// From where: an IP address.
    pub address: Option<String>,
    /// Must be the document's revision; [`Revision::NONE`] for one that does not exist.
    pub expected_revision: Option<Revision>,
}

/// A document as it is to stand; None to withdraw it.
#[derive(Debug, Clone)]
pub enum Document {
    /// A trading account.
    Account(AccountName, Option<Account>),
    /// What is looked at before a push counts.
    Guards(Guards),
    /// Whether polls of an account, or with None of everything, are answered.
    Pause(Option<AccountName>, Pause),
    /// By when a strategy's pushes are expected.
    Schedule(StrategyName, Option<Schedule>),
    /// What is locked of an account, without one instrument, or with None without any.
    Released(AccountName, Option<Code>),
    /// On which days the exchanges trade.
    Calendar(Calendar),
    /// Over which way somebody is told of incidents, and what of it is kept apart from the history.
    Channel(ChannelName, Option<(Channel, Secrets)>),
    /// Up to where the history is folded.
    Checkpoint(Checkpoint),
}

impl Document {
    /// What it is about.
    pub fn topic(&self) -> Topic {
        match self {
            Self::Account(name, _) => Topic::Account(name.clone()),
            Self::Guards(_) => Topic::Guards,
            Self::Pause(account, _) => Topic::Pause(account.clone()),
            Self::Schedule(strategy, _) => Topic::Schedule(strategy.clone()),
            Self::Released(account, _) => Topic::Locks(account.clone()),
            Self::Calendar(_) => Topic::Calendar,
            Self::Channel(name, _) => Topic::Channel(name.clone()),
            Self::Checkpoint(_) => Topic::Checkpoint,
        }
    }

    /// How the history calls it when it is written.
    pub(super) const fn revision_kind(&self) -> RevisionKind {
        match self {
            Self::Account(_, None) | Self::Schedule(_, None) | Self::Channel(_, None) => RevisionKind::Withdraw,
            Self::Released(..) => RevisionKind::Release,
            Self::Checkpoint(_) => RevisionKind::Compact,
            Self::Account(..)
            | Self::Guards(_)
            | Self::Pause(..)
            | Self::Schedule(..)
            | Self::Calendar(_)
            | Self::Channel(..) => RevisionKind::Set,
        }
    }
}

/// How far a token's clock may run ahead of ours.
pub const MAX_AHEAD: Duration = Duration::from_mins(1);

/// A signed token: when it says that it was signed, and the SHA-256 of its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UsedToken {
    /// When it was signed.
    pub signed_at: Moment,
    /// SHA-256 of the signature.
    pub digest: [u8; 32],
}

/// What became of an accepted change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The subject's newest revision; [`Revision::NONE`] for a strategy whose first push waits.
    pub revision: Revision,
    /// Whether the list, or the document, is another one than before.
    pub changed: bool,
    /// How many positions the list holds.
    pub positions: usize,
    /// Where a push waits now: until somebody approves it, under this number, for these reasons.
    pub held: Option<(Revision, Vec<Reason>)>,
    /// What guards warn of.
    pub warnings: Vec<Finding>,
}

impl Receipt {
    /// Of what is in force, without a warning.
    pub(super) const fn plain(revision: Revision, changed: bool, positions: usize) -> Self {
        Self { revision, changed, positions, held: None, warnings: Vec::new() }
    }
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
    /// The subject has moved on.
    #[error("it is at revision {current}")]
    RevisionMoved {
        /// Where it is now; [`Revision::NONE`] when it does not exist.
        current: Revision,
    },
    /// There is no such strategy.
    #[error("there is no strategy {:?}", .0.as_str())]
    UnknownStrategy(StrategyName),
    /// There is no such account.
    #[error("there is no account {:?}", .0.as_str())]
    UnknownAccount(AccountName),
    /// The token was used before.
    #[error("the token was used before")]
    TokenReplayed,
    /// The token is so old that its use is no longer remembered.
    #[error("the token is too old")]
    TokenForgotten,
    /// A guard says no.
    #[error("a guard refuses this push")]
    Guarded(Vec<Finding>),
    /// The push that was to be approved or discarded does not wait any more.
    #[error("push {hold} does not wait any more")]
    HoldGone {
        /// The one that was named.
        hold: Revision,
        /// The one that waits now, if any.
        waiting: Option<Revision>,
    },
    /// A push waits, and it was not said what becomes of it.
    #[error("push {0} waits: say whether to apply or to discard it")]
    WaitingUnsaid(Revision),
    /// There is no push to apply.
    #[error("no push waits")]
    NothingWaits,
    /// A terminal has reported something newer.
    #[error("a report of a later moment was taken before")]
    StaleReport {
        /// When the terminal looked for the last one that was taken.
        last: Moment,
    },
    /// A report of a moment that has not come yet.
    #[error("the report is from the future: the terminal's clock is ahead")]
    ReportFromFuture {
        /// What time it is here.
        now: Moment,
    },
    /// Nothing of that kind is locked.
    #[error("nothing is locked there")]
    NotLocked,
    /// The strategy's state does not allow it.
    #[error("the strategy is {}: set its state first", .0.as_str())]
    WrongState(State),
}
