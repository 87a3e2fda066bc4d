//! Revisions: every stored change has a number, a kind, somebody who made it, and something that it is about.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::account::AccountName;
use super::channel::ChannelName;
use super::strategy::StrategyName;

/// A stored change's number; grows over the whole server. 0 lies before the first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(i64);

impl Revision {
    /// Before the first change: also the revision of what does not exist.
    pub const NONE: Self = Self(0);

    /// After any change there will ever be.
    pub const END: Self = Self(i64::MAX);

    /// The revision of that number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The one before this.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Revision {
    type Err = ParseIntError;

    /// Reads a number; whether there is such a revision is another question.
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// What a change did to its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RevisionKind {
    /// A strategy's own program put a list in the place of the one before.
    Push,
    /// The operator put a list in the place of the one before.
    Edit,
    /// The operator went back to the list of an earlier revision.
    Restore,
    /// The operator took the strategy out of lists and totals.
    Remove,
    /// A program filled the book from elsewhere.
    Import,
    /// The operator approved a push that waited.
    Approve,
    /// The operator made the strategy's target zero of everything.
    Flat,
    /// The operator set back the last sequence that was accepted.
    Sequence,
    /// The operator settled something: an account, a guard, a state, a schedule, a pause, the calendar, a channel.
    Set,
    /// The operator took back what was settled.
    Withdraw,
    /// A push began to wait.
    Hold,
    /// The operator discarded a push that waited.
    Discard,
    /// A push that waited gave way to a newer one that is in force.
    Supersede,
    /// A holding changed, and no trade explains it.
    Lock,
    /// The operator looked at what had changed so.
    Release,
    /// The operator folded what is old into a checkpoint.
    Compact,
    /// The last day of lines of an overlay was over, and the server took them out.
    Expire,
}

impl RevisionKind {
    /// The kind as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A client that signed its push, by its id.
    Client(String),
    /// An API key, by its name.
    Key(String),
    /// The operator.
    Operator,
    /// A program that filled the book, by what it read.
    Import(String),
    /// The server itself, when a moment has come that somebody set before.
    Server,
}

/// What kind of somebody an [`Actor`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ActorKind {
    /// [`Actor::Client`].
    Client,
    /// [`Actor::Key`].
    Key,
    /// [`Actor::Operator`].
    Operator,
    /// [`Actor::Import`].
    Import,
    /// [`Actor::Server`].
    Server,
}

impl ActorKind {
    /// The kind as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Actor {
    /// The actor of a kind and a name; there is one operator and one server, whatever the name.
    pub fn new(kind: ActorKind, name: String) -> Self {
        match kind {
            ActorKind::Client => Self::Client(name),
            ActorKind::Key => Self::Key(name),
            ActorKind::Operator => Self::Operator,
            ActorKind::Import => Self::Import(name),
            ActorKind::Server => Self::Server,
        }
    }

    /// What kind of somebody it is.
    pub const fn kind(&self) -> ActorKind {
        match self {
            Self::Client(_) => ActorKind::Client,
            Self::Key(_) => ActorKind::Key,
            Self::Operator => ActorKind::Operator,
            Self::Import(_) => ActorKind::Import,
            Self::Server => ActorKind::Server,
        }
    }

    /// Its name; the operator's is `operator`, the server's `server`.
    pub fn name(&self) -> &str {
        match self {
            Self::Client(name) | Self::Key(name) | Self::Import(name) => name,
            Self::Operator | Self::Server => self.kind().as_str(),
        }
    }

    /// The kind of revision that a list of theirs makes.
    pub const fn kind_of_list(&self) -> RevisionKind {
        match self {
            Self::Client(_) | Self::Key(_) => RevisionKind::Push,
            Self::Operator => RevisionKind::Edit,
            Self::Import(_) => RevisionKind::Import,
            Self::Server => RevisionKind::Expire,
        }
    }
}

/// What a revision is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A strategy, and its list.
    Strategy(StrategyName),
    /// Something that is settled around the lists.
    Document(Topic),
}

impl Subject {
    /// What a strategy's kind is called.
    const STRATEGY: &'static str = "strategy";

    /// The subject of this kind that is called so.
    ///
    /// # Errors
    /// When there is no such subject.
    pub fn parse(kind: &str, name: &str) -> Result<Self, UnknownTopic> {
        if kind != Self::STRATEGY {
            return Topic::parse(kind, name).map(Self::Document);
        }
        let unknown = |_| UnknownTopic { kind: kind.to_owned(), name: name.to_owned() };
        StrategyName::parse(name).map(Self::Strategy).map_err(unknown)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::Strategy(name) => name.as_str(),
            Self::Document(topic) => topic.name(),
        }
    }

    /// What kind of thing it is, as it is answered.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Strategy(_) => Self::STRATEGY,
            Self::Document(topic) => topic.kind(),
        }
    }

    /// The strategy that it is about, if it is about one.
    pub const fn strategy(&self) -> Option<&StrategyName> {
        match self {
            Self::Strategy(name) | Self::Document(Topic::State(name) | Topic::Hold(name) | Topic::Schedule(name)) => {
                Some(name)
            }
            Self::Document(
                Topic::Account(_)
                | Topic::Pause(_)
                | Topic::Guards
                | Topic::Locks(_)
                | Topic::Calendar
                | Topic::Channel(_)
                | Topic::Checkpoint,
            ) => None,
        }
    }
}

/// What a document is about. Whatever else comes to be settled joins here as a variant, and does not compile until every
/// place that shows a revision knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(test, derive(strum::EnumCount))]
pub enum Topic {
    /// What the operator lets a strategy do.
    State(StrategyName),
    /// A strategy's push that waits.
    Hold(StrategyName),
    /// By when a strategy's pushes are expected.
    Schedule(StrategyName),
    /// A trading account.
    Account(AccountName),
    /// Whether polls of an account, or with None of everything, are answered.
    Pause(Option<AccountName>),
    /// What is looked at before a push counts.
    Guards,
    /// Instruments of an account whose holdings changed by other than trades.
    Locks(AccountName),
    /// On which days the exchanges trade.
    Calendar,
    /// Over which way somebody is told of incidents.
    Channel(ChannelName),
    /// Up to where the history was folded.
    Checkpoint,
}

/// Why a document's kind and name are not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no document {kind:?} of {name:?} that this version knows")]
pub struct UnknownTopic {
    kind: String,
    name: String,
}

impl Topic {
    /// The topic as it is written: what kind of document it is, and what it is called.
    ///
    /// # Errors
    /// When there is no such topic.
    pub fn parse(kind: &str, name: &str) -> Result<Self, UnknownTopic> {
        let unknown = || UnknownTopic { kind: kind.to_owned(), name: name.to_owned() };
        let strategy = || StrategyName::parse(name).map_err(|_| unknown());
        let account = || AccountName::parse(name).map_err(|_| unknown());
        match kind {
            "state" => strategy().map(Self::State),
            "hold" => strategy().map(Self::Hold),
            "schedule" => strategy().map(Self::Schedule),
            "account" => account().map(Self::Account),
            "pause" if name.is_empty() => Ok(Self::Pause(None)),
            "pause" => account().map(|account| Self::Pause(Some(account))),
            "guards" if name.is_empty() => Ok(Self::Guards),
            "locks" => account().map(Self::Locks),
            "calendar" if name.is_empty() => Ok(Self::Calendar),
            "checkpoint" if name.is_empty() => Ok(Self::Checkpoint),
            "channel" => ChannelName::parse(name).map(Self::Channel).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }

    /// What kind of document it is.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Hold(_) => "hold",
            Self::Schedule(_) => "schedule",
            Self::Account(_) => "account",
            Self::Pause(_) => "pause",
            Self::Guards => "guards",
            Self::Locks(_) => "locks",
            Self::Calendar => "calendar",
            Self::Channel(_) => "channel",
            Self::Checkpoint => "checkpoint",
        }
    }

    /// What it is called; empty where there is only one.
    pub fn name(&self) -> &str {
        match self {
            Self::State(strategy) | Self::Hold(strategy) | Self::Schedule(strategy) => strategy.as_str(),
            Self::Account(account) | Self::Pause(Some(account)) | Self::Locks(account) => account.as_str(),
            Self::Channel(channel) => channel.as_str(),
            Self::Pause(None) | Self::Guards | Self::Calendar | Self::Checkpoint => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_the_chain_has_always_had_them() {
        use RevisionKind as K;
        for (kind, text) in [
            (K::Push, "push"),
            (K::Edit, "edit"),
            (K::Restore, "restore"),
            (K::Remove, "remove"),
            (K::Import, "import"),
            (K::Approve, "approve"),
            (K::Flat, "flat"),
            (K::Sequence, "sequence"),
            (K::Set, "set"),
            (K::Withdraw, "withdraw"),
            (K::Hold, "hold"),
            (K::Discard, "discard"),
            (K::Supersede, "supersede"),
            (K::Lock, "lock"),
            (K::Release, "release"),
            (K::Compact, "compact"),
            (K::Expire, "expire"),
        ] {
            assert_eq!((kind.as_str(), text.parse()), (text, Ok(kind)));
        }
        for text in ["client", "key", "operator", "import", "server"] {
            let kind: ActorKind = text.parse().unwrap();
            let actor = Actor::new(kind, text.to_owned());
            assert_eq!((kind.as_str(), actor.kind(), actor.name()), (text, kind, text));
        }
        assert!("Push".parse::<RevisionKind>().is_err() && "".parse::<ActorKind>().is_err());
    }

    #[test]
    fn topics_are_read_as_they_are_written() {
        let (alpha, main) = (StrategyName::parse("alpha").unwrap(), AccountName::parse("main").unwrap());
        for topic in [
            Topic::State(alpha.clone()),
            Topic::Hold(alpha.clone()),
            Topic::Schedule(alpha),
            Topic::Account(main.clone()),
            Topic::Pause(Some(main.clone())),
            Topic::Pause(None),
            Topic::Guards,
            Topic::Locks(main),
            Topic::Calendar,
            Topic::Channel(ChannelName::parse("desk").unwrap()),
            Topic::Checkpoint,
        ] {
            assert_eq!(Topic::parse(topic.kind(), topic.name()), Ok(topic));
        }
        for (kind, name) in [
            ("account", ""),
            ("guards", "x"),
            ("calendar", "x"),
            ("checkpoint", "x"),
            ("state", "\u{1}"),
            ("lock", "alpha"),
            ("", ""),
        ] {
            assert!(Topic::parse(kind, name).is_err(), "{kind} {name}");
        }
    }
}
