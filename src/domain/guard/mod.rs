//! Guards: what a push must not do unseen. The document that the operator keeps; [`judge`] is what it says of a push.

mod judge;

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

pub use self::judge::{Finding, Intended, Previous, Pushed, verdict};
use super::calendar::{TimeError, TimeOfDay};
use super::decimal::{Decimal, Volume, as_json_number};
use super::strategy::{Pattern, StrategyName};

/// How many entries the document may have.
pub const MAX_GUARDS: usize = 100;
/// How many characters an entry's pattern may have.
pub const MAX_PATTERN_CHARS: usize = 200;
/// How many spans of time `hours` may have.
pub const MAX_SPANS: usize = 48;
/// The longest span of `flips`: a day, in minutes.
pub const MAX_MINUTES: u32 = 24 * 60;

/// What happens to a push that a rule finds something in; the stricter, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Then {
    /// It is stored, and its sender told.
    Warn,
    /// It waits for the operator.
    Hold,
    /// It is refused.
    Reject,
}

impl Then {
    /// What happens as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A rule, in the order in which they are told.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, EnumString, IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RuleName {
    /// A list that wants nothing where the current one wants something.
    Empty,
    /// The invested cost falls by more than a part of the current.
    Shrinks,
    /// The invested cost grows by more than a factor.
    Grows,
    /// What is moved is more than a part of the larger of both invested costs.
    Turnover,
    /// One instrument is more than a part of the list's invested cost.
    InstrumentShare,
    /// One instrument's cost is above a sum: CNY.
    InstrumentCost,
    /// The invested cost is above a sum: CNY.
    Invested,
    /// There are more positions than that.
    Instruments,
    /// A code says nothing about exchange or board.
    UnknownCode,
    /// The list comes back to what was replaced a short while ago: two senders under one name.
    Flips,
    /// Another strategy wants the same: a renamed one, perhaps.
    Twin,
    /// The push comes outside of the hours for it.
    Hours,
    /// The push's sequence runs so far ahead that no other may get past it.
    SequenceLeap,
}

impl RuleName {
    /// The rule as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A rule that has no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// What happens.
    pub then: Then,
}

/// A rule with a limit: what is equal to it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Over {
    /// The limit, in the rule's own unit.
    #[serde(serialize_with = "as_json_number")]
    #[schema(value_type = Decimal)]
    pub over: Decimal,
    /// What happens.
    pub then: Then,
}

/// How soon a list may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Flips {
    /// After so many minutes it may.
    pub minutes: u32,
    /// What happens.
    pub then: Then,
}

/// When pushes may come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The times of a trading day at which they may.
    pub times: Vec<Span>,
    /// What happens.
    pub then: Then,
}

/// A span of a day in Asia/Shanghai, both minutes included. Printed and read as `09:15-11:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Span {
    from: TimeOfDay,
    to: TimeOfDay,
}

/// Why a text is not a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// There are not two times.
    #[error("is not a span of the form 09:15-11:30")]
    Form,
    /// One of its times is none.
    #[error("holds what {0}")]
    Time(#[from] TimeError),
    /// It would go over midnight.
    #[error("ends before it begins")]
    Backwards,
}

impl Span {
    /// From before the opening auction until a program that pushes at the close has done so: 09:00-15:05.
    const TRADING: Self = Self { from: TimeOfDay::of(9, 0), to: TimeOfDay::of(15, 5) };

    fn contains(self, time: TimeOfDay) -> bool {
        (self.from..=self.to).contains(&time)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let (from, to) = text.split_once('-').ok_or(SpanError::Form)?;
        let span = Self { from: from.parse()?, to: to.parse()? };
        if span.from > span.to { Err(SpanError::Backwards) } else { Ok(span) }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{text:?} {error}"))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

/// Which rules are on, and what each does. [`RuleName`] says what they look at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "their names are those of the rules")]
pub struct Rules {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty: Option<Plain>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "part")]
    pub shrinks: Option<Over>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "factor")]
    pub grows: Option<Over>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "positive")]
    pub turnover: Option<Over>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "part")]
    pub instrument_share: Option<Over>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "positive")]
    pub instrument_cost: Option<Over>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "positive")]
    pub invested: Option<Over>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "count")]
    pub instruments: Option<Over>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_code: Option<Plain>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "flips")]
    pub flips: Option<Flips>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twin: Option<Plain>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "hours")]
    pub hours: Option<Hours>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_leap: Option<Plain>,
}

impl Rules {
    /// Of other rules those that are off here.
    fn those_off(&self, others: &Self) -> Self {
        fn off<T: Clone>(here: Option<&T>, other: Option<&T>) -> Option<T> {
            other.filter(|_| here.is_none()).cloned()
        }
        Self {
            empty: off(self.empty.as_ref(), others.empty.as_ref()),
            shrinks: off(self.shrinks.as_ref(), others.shrinks.as_ref()),
            grows: off(self.grows.as_ref(), others.grows.as_ref()),
            turnover: off(self.turnover.as_ref(), others.turnover.as_ref()),
            instrument_share: off(self.instrument_share.as_ref(), others.instrument_share.as_ref()),
            instrument_cost: off(self.instrument_cost.as_ref(), others.instrument_cost.as_ref()),
            invested: off(self.invested.as_ref(), others.invested.as_ref()),
            instruments: off(self.instruments.as_ref(), others.instruments.as_ref()),
            unknown_code: off(self.unknown_code.as_ref(), others.unknown_code.as_ref()),
            flips: off(self.flips.as_ref(), others.flips.as_ref()),
            twin: off(self.twin.as_ref(), others.twin.as_ref()),
            hours: off(self.hours.as_ref(), others.hours.as_ref()),
            sequence_leap: off(self.sequence_leap.as_ref(), others.sequence_leap.as_ref()),
        }
    }
}

/// Reads a rule and refuses it with a sentence unless it makes sense.
fn checked<'de, D, T>(deserializer: D, makes_sense: fn(&T) -> bool, sentence: &str) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    match Option::<T>::deserialize(deserializer)? {
        Some(rule) if !makes_sense(&rule) => Err(D::Error::custom(sentence)),
        rule => Ok(rule),
    }
}

fn part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Over>, D::Error> {
    let between = |rule: &Over| Decimal::ZERO < rule.over && rule.over < Decimal::ONE;
    checked(deserializer, between, "over must be above 0 and below 1: it is a part of the whole")
}

fn factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Over>, D::Error> {
    checked(deserializer, |rule: &Over| rule.over > Decimal::ONE, "over must be above 1: it is a factor")
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Over>, D::Error> {
    checked(deserializer, |rule: &Over| rule.over > Decimal::ZERO, "over must be above 0")
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Over>, D::Error> {
    let whole = |rule: &Over| rule.over > Decimal::ZERO && Volume::from(rule.over).is_multiple_of(1);
    checked(deserializer, whole, "over must be a whole number above 0")
}

fn flips<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Flips>, D::Error> {
    let bounded = |rule: &Flips| (1..=MAX_MINUTES).contains(&rule.minutes);
    checked(deserializer, bounded, "minutes must be a number from 1 to 1440")
}

fn hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Hours>, D::Error> {
    let bounded = |rule: &Hours| (1..=MAX_SPANS).contains(&rule.times.len());
    checked(deserializer, bounded, "times must hold 1 to 48 spans")
}

/// One entry of the document: rules for the strategies of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Whose pushes the rules look at.
    #[serde(deserialize_with = "pattern")]
    pub strategies: Pattern,
    /// The rules.
    pub rules: Rules,
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pattern, D::Error> {
    let pattern = Pattern::deserialize(deserializer)?;
    if (1..=MAX_PATTERN_CHARS).contains(&pattern.as_str().chars().count()) {
        Ok(pattern)
    } else {
        Err(D::Error::custom("strategies must have 1 to 200 characters"))
    }
}

/// The guards document. Of the entries whose pattern covers a strategy the first counts, alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(into = "Vec<Guard>", try_from = "Vec<Guard>")]
pub struct Guards(Vec<Guard>);

impl TryFrom<Vec<Guard>> for Guards {
    type Error = &'static str;

    fn try_from(entries: Vec<Guard>) -> Result<Self, Self::Error> {
        if entries.len() > MAX_GUARDS { Err("there may be at most 100 entries") } else { Ok(Self(entries)) }
    }
}

impl From<Guards> for Vec<Guard> {
    fn from(guards: Guards) -> Self {
        guards.0
    }
}

impl Guards {
    /// What a first start turns on: what is hardly ever meant, told and let through.
    pub fn usual() -> Self {
        let warn = Some(Plain { then: Then::Warn });
        Self::for_all(Rules {
            unknown_code: warn,
            flips: Some(Flips { minutes: 10, then: Then::Warn }),
            twin: warn,
            sequence_leap: warn,
            ..Rules::default()
        })
    }

    /// A stricter set to start from: what looks like a mistake waits for the operator, what is merely unusual is told.
    pub fn stricter() -> Self {
        let hold = Some(Plain { then: Then::Hold });
        let over = |thousandths, then| Some(Over { over: Decimal::thousandths(thousandths), then });
        Self::for_all(Rules {
            empty: hold,
            shrinks: over(800, Then::Hold),
            grows: over(3_000, Then::Hold),
            turnover: over(1_500, Then::Warn),
            instrument_share: over(500, Then::Warn),
            unknown_code: hold,
            flips: Some(Flips { minutes: 10, then: Then::Hold }),
            twin: hold,
            hours: Some(Hours { times: vec![Span::TRADING], then: Then::Warn }),
            sequence_leap: hold,
            ..Rules::default()
        })
    }

    /// For each entry the rules that are off in it, as the stricter set has them: to see what they would do.
    #[must_use]
    pub fn those_off(&self) -> Self {
        let Some(stricter) = Self::stricter().0.pop() else { return Self::default() };
        let off = |guard: &Guard| Guard { rules: guard.rules.those_off(&stricter.rules), ..guard.clone() };
        // Whom no entry covers, no rule looks at.
        Self(self.0.iter().map(off).chain([stricter.clone()]).collect())
    }

    fn for_all(rules: Rules) -> Self {
        Self(vec![Guard { strategies: Pattern::new("*"), rules }])
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[Guard] {
        &self.0
    }

    /// The rules for a strategy. An overlay has none but where an entry names it as one: `*` was written with strategies in
    /// mind.
    pub fn rules_for(&self, name: &StrategyName) -> Option<&Rules> {
        self.0.iter().find(|guard| guard.strategies.allows(name)).map(|guard| &guard.rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a document that is refused, with the place in it.
    fn refused(document: &str) -> String {
        let mut deserializer = serde_json::Deserializer::from_str(document);
        serde_path_to_error::deserialize::<_, Guards>(&mut deserializer).unwrap_err().to_string()
    }

    fn refused_rules(rules: &str) -> String {
        refused(&format!(r#"[{{"strategies": "*", "rules": {rules}}}]"#))
    }

    #[test]
    fn a_document_written_and_read_again_is_the_same() {
        let document = r#"[{"strategies":"alpha*","rules":{"empty":{"then":"hold"},"shrinks":{"over":0.8,"then":"hold"},"grows":{"over":3,"then":"reject"},"turnover":{"over":1.5,"then":"warn"},"instrument_share":{"over":0.100000000000000000000001,"then":"warn"},"instrument_cost":{"over":100000,"then":"warn"},"invested":{"over":999999999999.99,"then":"hold"},"instruments":{"over":50,"then":"warn"},"unknown_code":{"then":"hold"},"flips":{"minutes":10,"then":"warn"},"twin":{"then":"warn"},"hours":{"times":["09:15-11:30","13:00-15:00"],"then":"reject"},"sequence_leap":{"then":"warn"}}},{"strategies":"*","rules":{}}]"#;
        let guards: Guards = serde_json::from_str(document).unwrap();
        assert_eq!(serde_json::to_string(&guards).unwrap(), document);
        for guards in [Guards::usual(), Guards::stricter(), Guards::default()] {
            let written = serde_json::to_string(&guards).unwrap();
            assert_eq!(serde_json::from_str::<Guards>(&written).unwrap(), guards, "{written}");
        }
    }

    #[test]
    fn a_limit_is_read_from_a_number_or_a_text() {
        let over = |limit: &str| -> Decimal {
            let rules = format!(r#"{{"turnover": {{"over": {limit}, "then": "warn"}}}}"#);
            serde_json::from_str::<Rules>(&rules).unwrap().turnover.unwrap().over
        };
        assert_eq!(over("1.5"), over("\"1.50\""));
        assert_eq!(over("0.30000000000000000001").to_string(), "0.30000000000000000001");
    }

    #[test]
    fn what_is_mistyped_is_refused_by_its_name() {
        for (rules, reason) in [
            (r#"{"emtpy": {"then": "hold"}}"#, "unknown field `emtpy`, expected one of `empty`, `shrinks`"),
            (r#"{"empty": {"then": "hold", "over": 1}}"#, "[0].rules.empty.over: unknown field `over`"),
            (r#"{"empty": {"then": "stop"}}"#, "[0].rules.empty.then: unknown variant `stop`, expected one of"),
            (r#"{"grows": {"then": "hold"}}"#, "[0].rules.grows: missing field `over`"),
            (r#"{"grows": {"over": 3}}"#, "[0].rules.grows: missing field `then`"),
            (r#"{"grows": {"over": "3x", "then": "hold"}}"#, "[0].rules.grows.over: \"3x\" is not a number"),
            (r#"{"flips": {"minutes": 1.5, "then": "warn"}}"#, "[0].rules.flips.minutes: invalid type: floating point"),
            (
                r#"{"hours": {"times": ["9:15-11:30"], "then": "warn"}}"#,
                "[0].rules.hours.times[0]: \"9:15-11:30\" holds",
            ),
        ] {
            let refused = refused_rules(rules);
            assert!(refused.contains(reason), "{refused}");
        }
        assert!(refused(r#"[{"strategy": "*", "rules": {}}]"#).contains("unknown field `strategy`"));
        assert!(refused(r#"[{"strategies": "*"}]"#).contains("missing field `rules`"));
    }

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        let of_a_part = "over must be above 0 and below 1: it is a part of the whole";
        for (rule, limits, reason) in [
            ("shrinks", &["0", "1", "-0.5", "80"][..], of_a_part),
            ("instrument_share", &["0", "1", "50"], of_a_part),
            ("grows", &["1", "0.5", "0", "-3"], "over must be above 1: it is a factor"),
            ("turnover", &["0", "-1"], "over must be above 0"),
            ("instrument_cost", &["0", "-1"], "over must be above 0"),
            ("invested", &["0", "\"-0.01\""], "over must be above 0"),
            ("instruments", &["0", "-1", "1.5"], "over must be a whole number above 0"),
        ] {
            for limit in limits {
                let refused = refused_rules(&format!(r#"{{"{rule}": {{"over": {limit}, "then": "hold"}}}}"#));
                assert!(refused.starts_with(&format!("[0].rules.{rule}: {reason}")), "{refused}");
            }
        }
        for minutes in [0, 1441] {
            let refused = refused_rules(&format!(r#"{{"flips": {{"minutes": {minutes}, "then": "warn"}}}}"#));
            assert!(refused.contains("minutes must be a number from 1 to 1440"), "{refused}");
        }
        let no_times = refused_rules(r#"{"hours": {"times": [], "then": "warn"}}"#);
        assert!(no_times.contains("times must hold 1 to 48 spans"), "{no_times}");
    }

    #[test]
    fn a_document_has_its_bounds() {
        let entry = Guards::usual().entries()[0].clone();
        assert!(Guards::try_from(vec![entry.clone(); 100]).is_ok());
        let many = serde_json::to_string(&vec![entry; 101]).unwrap();
        assert!(refused(&many).contains("there may be at most 100 entries"));
        for pattern in [String::new(), "策".repeat(201)] {
            let refused = refused(&format!(r#"[{{"strategies": "{pattern}", "rules": {{}}}}]"#));
            assert!(refused.contains("strategies must have 1 to 200 characters"), "{refused}");
        }
    }

    #[test]
    fn a_span_is_two_times_in_their_order() {
        for (text, error) in [
            ("09:15", SpanError::Form),
            ("", SpanError::Form),
            ("09:15-24:00", SpanError::Time(TimeError)),
            ("09:15 - 11:30", SpanError::Time(TimeError)),
            ("11:30-09:15", SpanError::Backwards),
        ] {
            assert_eq!(text.parse::<Span>(), Err(error), "{text}");
        }
        assert_eq!("09:35-09:35".parse::<Span>().unwrap().to_string(), "09:35-09:35");
    }

    #[test]
    fn the_first_pattern_that_covers_a_strategy_counts() {
        let guards: Guards = serde_json::from_str(
            r#"[{"strategies": "alpha", "rules": {"twin": {"then": "warn"}}}, {"strategies": "a*", "rules": {"twin": {"then": "hold"}}}]"#,
        )
        .unwrap();
        let then = |text: &str| {
            let rules = guards.rules_for(&StrategyName::parse(text).unwrap());
            rules.and_then(|rules| rules.twin).map(|rule| rule.then)
        };
        assert_eq!(["alpha", "alpha2", "beta"].map(then), [Some(Then::Warn), Some(Then::Hold), None]);
        let of_all = Guards::usual();
        assert!(of_all.rules_for(&StrategyName::parse("beta").unwrap()).is_some());
        assert!(of_all.rules_for(&StrategyName::parse("ADJUSTMENT_MAIN").unwrap()).is_none());
    }

    #[test]
    fn names_are_written_in_snake_case_and_read_again() {
        assert_eq!(RuleName::InstrumentShare.as_str(), "instrument_share");
        assert_eq!("sequence_leap".parse(), Ok(RuleName::SequenceLeap));
        assert_eq!(Then::Reject.as_str(), "reject");
        assert!(Then::Reject > Then::Hold && Then::Hold > Then::Warn);
    }
}
