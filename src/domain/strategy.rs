//! Strategies: their names, kinds, and the patterns that narrow who may push to which.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest strategy name, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// What the names of example strategies start with, and those of example overlays.
const DEMO_PREFIXES: [&str; 2] = ["DEMO_", "ADJUSTMENT_DEMO"];

/// What the name of a manual overlay starts with.
pub const ADJUSTMENT_PREFIX: &str = "ADJUSTMENT_";

/// A strategy's number; grows with creation, so it is also the order of the strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StrategyId(i64);

impl StrategyId {
    /// The first strategy's.
    pub const FIRST: Self = Self(1);

    /// The strategy of that number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The one that is created next.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Which rules a list of positions follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A strategy's targets: volumes are not negative, costs are positive.
    Ordinary,
    /// A manual overlay: any volume, any cost.
    Adjustment,
}

/// Why a text is not a strategy name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text is longer than [`MAX_NAME_CHARS`].
    #[error("is longer than 100 characters")]
    TooLong,
    /// The text holds a control character.
    #[error("contains a control character")]
    ControlCharacter,
}

/// A strategy's name: 1 to 100 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StrategyName(Arc<str>);

impl StrategyName {
    /// Reads a name.
    ///
    /// # Errors
    /// When the text is empty, too long or holds a control character.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.chars().nth(MAX_NAME_CHARS).is_some() {
            return Err(NameError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(NameError::ControlCharacter);
        }
        Ok(Self(text.into()))
    }

    /// Whether the name is a strategy's or a manual overlay's.
    pub fn kind(&self) -> Kind {
        if self.0.starts_with(ADJUSTMENT_PREFIX) { Kind::Adjustment } else { Kind::Ordinary }
    }

    /// Whether this is an example: nobody decided on its positions.
    pub fn is_demo(&self) -> bool {
        DEMO_PREFIXES.iter().any(|prefix| self.0.starts_with(prefix))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for StrategyName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<StrategyName> for String {
    fn from(name: StrategyName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for StrategyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A pattern over strategy names: `*` stands for any run of characters, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern; every text is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern covers the name.
    pub fn matches(&self, name: &StrategyName) -> bool {
        let name = name.as_str();
        let Some((head, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut open) = name.strip_prefix(head) else { return false };
        // The pieces between two stars are taken at their first place, which leaves the most for those behind.
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        for piece in middle.split('*') {
            match open.find(piece) {
                Some(at) => open = &open[at + piece.len()..],
                None => return false,
            }
        }
        open.ends_with(tail)
    }

    /// Whether who was given the pattern may push to the strategy. An overlay is the operator's, unless it was given away
    /// by its own name: `*` was written with strategies in mind.
    pub fn allows(&self, name: &StrategyName) -> bool {
        self.matches(name) && (name.kind() == Kind::Ordinary || self.0.starts_with(ADJUSTMENT_PREFIX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_to_a_hundred_characters() {
        assert_eq!(StrategyName::parse(""), Err(NameError::Empty));
        assert!(StrategyName::parse(&"策".repeat(100)).is_ok());
        assert_eq!(StrategyName::parse(&"策".repeat(101)), Err(NameError::TooLong));
        assert_eq!(StrategyName::parse("a\u{7f}"), Err(NameError::ControlCharacter));
        assert_eq!(StrategyName::parse("a\0b"), Err(NameError::ControlCharacter));
        assert!(StrategyName::parse(" 双均线, 😀/\\\"' ").is_ok());
    }

    #[test]
    fn the_prefix_makes_an_adjustment() {
        let kind = |text| StrategyName::parse(text).unwrap().kind();
        assert_eq!(kind("ADJUSTMENT_MAIN"), Kind::Adjustment);
        assert_eq!(kind("adjustment_main"), Kind::Ordinary);
        assert_eq!(kind("ADJUSTMENT"), Kind::Ordinary);
    }

    #[test]
    fn examples_are_known_by_their_names() {
        let is_demo = |text| StrategyName::parse(text).unwrap().is_demo();
        assert!(is_demo("DEMO_双均线") && is_demo("ADJUSTMENT_DEMO") && is_demo("ADJUSTMENT_DEMO_2"));
        assert!(!is_demo("demo") && !is_demo("MY_DEMO_") && !is_demo("ADJUSTMENT_MAIN"));
    }

    #[test]
    fn a_star_stands_for_any_run() {
        let matches = |pattern: &str, name| Pattern::new(pattern).matches(&StrategyName::parse(name).unwrap());
        assert!(matches("alpha", "alpha"));
        assert!(!matches("alpha", "alpha2"));
        assert!(matches("beta-*", "beta-"));
        assert!(matches("beta-*", "beta-策略"));
        assert!(!matches("beta-*", "abeta-1"));
        assert!(matches("*", "anything"));
        assert!(matches("a*b*c", "a1b2b3c"));
        assert!(!matches("a*b*c", "acb"));
        assert!(!matches("ab*ba", "aba"), "one character cannot serve both ends");
        assert!(matches("*a*a*", "aa"));
        assert!(!matches("*a*a*", "a"));
        assert!(!matches("", "a"));
    }
}
