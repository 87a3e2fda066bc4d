//! Revisions: every stored change has a number, a kind, somebody who made it, and something that it is about.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
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
}

impl ActorKind {
    /// The kind as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Actor {
    /// The actor of a kind and a name; there is one operator, whatever the name.
    pub fn new(kind: ActorKind, name: String) -> Self {
        match kind {
            ActorKind::Client => Self::Client(name),
            ActorKind::Key => Self::Key(name),
            ActorKind::Operator => Self::Operator,
            ActorKind::Import => Self::Import(name),
        }
    }

    /// What kind of somebody it is.
    pub const fn kind(&self) -> ActorKind {
        match self {
            Self::Client(_) => ActorKind::Client,
            Self::Key(_) => ActorKind::Key,
            Self::Operator => ActorKind::Operator,
            Self::Import(_) => ActorKind::Import,
        }
    }

    /// Its name; the operator's is `operator`.
    pub fn name(&self) -> &str {
        match self {
            Self::Client(name) | Self::Key(name) | Self::Import(name) => name,
            Self::Operator => ActorKind::Operator.as_str(),
        }
    }

    /// The kind of revision that a list of theirs makes.
    pub const fn kind_of_list(&self) -> RevisionKind {
        match self {
            Self::Client(_) | Self::Key(_) => RevisionKind::Push,
            Self::Operator => RevisionKind::Edit,
            Self::Import(_) => RevisionKind::Import,
        }
    }
}

/// What a revision is about. Whatever else the book comes to keep (accounts, guards, holds, locks) joins here as a
/// variant, and does not compile until every place that shows a revision knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A strategy, and its list.
    Strategy(StrategyName),
}

impl Subject {
    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::Strategy(name) => name.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_the_chain_has_always_had_them() {
        use RevisionKind::{Edit, Import, Push, Remove, Restore};
        for (kind, text) in
            [(Push, "push"), (Edit, "edit"), (Restore, "restore"), (Remove, "remove"), (Import, "import")]
        {
            assert_eq!((kind.as_str(), text.parse()), (text, Ok(kind)));
        }
        for text in ["client", "key", "operator", "import"] {
            let kind: ActorKind = text.parse().unwrap();
            let actor = Actor::new(kind, "operator".to_owned());
            assert_eq!((kind.as_str(), actor.kind(), actor.name()), (text, kind, "operator"));
        }
        assert!("Push".parse::<RevisionKind>().is_err() && "".parse::<ActorKind>().is_err());
    }
}
