//! An entry of the guards as it is typed, and how it is understood.

use serde_json::{Map, Value, json};

use super::form::Fields;
use super::texts::Texts;
use crate::domain::decimal::{Decimal, Volume};
use crate::domain::guard::{Guard, MAX_MINUTES, MAX_PATTERN_CHARS, MAX_SPANS, RuleName, Span};

/// The rules, in the order in which they are told.
const RULES: [RuleName; 13] = [
    RuleName::Empty,
    RuleName::Shrinks,
    RuleName::Grows,
    RuleName::Turnover,
    RuleName::InstrumentShare,
    RuleName::InstrumentCost,
    RuleName::Invested,
    RuleName::Instruments,
    RuleName::UnknownCode,
    RuleName::Flips,
    RuleName::Twin,
    RuleName::Hours,
    RuleName::SequenceLeap,
];

/// What may happen to a push; empty for a rule that is off.
const THENS: [&str; 4] = ["", "warn", "hold", "reject"];

/// What a rule's limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    None,
    Part,
    Factor,
    Positive,
    Count,
    Minutes,
    Times,
}

impl Limit {
    const fn of(rule: RuleName) -> Self {
        match rule {
            RuleName::Empty | RuleName::UnknownCode | RuleName::Twin | RuleName::SequenceLeap => Self::None,
            RuleName::Shrinks | RuleName::InstrumentShare => Self::Part,
            RuleName::Grows => Self::Factor,
            RuleName::Turnover | RuleName::InstrumentCost | RuleName::Invested => Self::Positive,
            RuleName::Instruments => Self::Count,
            RuleName::Flips => Self::Minutes,
            RuleName::Hours => Self::Times,
        }
    }

    /// The member of the document that holds it.
    const fn member(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Times => "times",
            _ => "over",
        }
    }

    const fn hint(self, t: &Texts) -> &'static str {
        match self {
            Self::None => "",
            Self::Part => t.limit_part,
            Self::Factor => t.limit_factor,
            Self::Positive => t.limit_positive,
            Self::Count => t.limit_count,
            Self::Minutes => t.limit_minutes,
            Self::Times => t.limit_times,
        }
    }

    /// The limit as the document writes it; None when the text is none.
    fn read(self, text: &str) -> Option<Value> {
        if self == Self::Times {
            return spans(text);
        }
        let plain: String = text.trim().chars().filter(|letter| !matches!(letter, ',' | '，')).collect();
        let number = Decimal::parse(&plain).ok()?;
        let makes_sense = match self {
            Self::Part => number > Decimal::ZERO && number < Decimal::ONE,
            Self::Factor => number > Decimal::ONE,
            Self::Positive => number > Decimal::ZERO,
            Self::Count => number > Decimal::ZERO && Volume::from(number).is_multiple_of(1),
            Self::Minutes => plain.parse().is_ok_and(|minutes| (1..=MAX_MINUTES).contains(&minutes)),
            Self::None | Self::Times => false,
        };
        let value =
            || if self == Self::Minutes { plain.parse::<u32>().ok().map(Value::from) } else { Some(json!(plain)) };
        makes_sense.then(value).flatten()
    }
}

/// Spans as people type them: parted by blanks or commas.
fn spans(text: &str) -> Option<Value> {
    let words = text.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | '，' | '、' | ';' | '；'));
    let words =
        words.filter(|word| !word.is_empty()).map(|word| word.replace('：', ":").replace(['–', '—', '－'], "-"));
    let spans = words.map(|word| word.parse::<Span>().ok().map(|span| span.to_string())).collect::<Option<Vec<_>>>()?;
    (1..=MAX_SPANS).contains(&spans.len()).then(|| json!(spans))
}

/// A rule as it was typed.
pub(super) struct TypedRule {
    pub(super) rule: RuleName,
    /// What is to happen; empty when the rule is off.
    pub(super) then: String,
    pub(super) limit: String,
    pub(super) is_faulty: bool,
}

impl TypedRule {
    pub(super) fn has_limit(&self) -> bool {
        Limit::of(self.rule) != Limit::None
    }

    /// What its limit is.
    pub(super) fn hint(&self, t: &Texts) -> &'static str {
        Limit::of(self.rule).hint(t)
    }

    pub(super) fn is_then(&self, then: &str) -> bool {
        self.then == then
    }

    /// The rule as the document writes it; None when it is off, or wrong, which is then noted.
    fn read(&mut self) -> Option<Value> {
        if self.then.is_empty() {
            return None;
        }
        let (limit, mut value) = (Limit::of(self.rule), json!({"then": self.then}));
        if limit != Limit::None {
            let Some(read) = limit.read(&self.limit) else {
                self.is_faulty = true;
                return None;
            };
            value[limit.member()] = read;
        }
        Some(value)
    }
}

/// An entry as it was typed.
pub(super) struct GuardEntry {
    pub(super) pattern: String,
    pub(super) rules: Vec<TypedRule>,
    pub(super) removed: bool,
    pub(super) fault: Option<&'static str>,
}

impl Default for GuardEntry {
    fn default() -> Self {
        let rule = |rule| TypedRule { rule, then: String::new(), limit: String::new(), is_faulty: false };
        Self { pattern: String::new(), rules: RULES.map(rule).into(), removed: false, fault: None }
    }
}

impl GuardEntry {
    /// An entry as it stands.
    pub(super) fn of(guard: &Guard) -> Self {
        let written = serde_json::to_value(&guard.rules).unwrap_or_default();
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        };
        let rule = |rule: RuleName| {
            let one = &written[rule.as_str()];
            let then = one["then"].as_str().unwrap_or_default().to_owned();
            let limit = one.get(Limit::of(rule).member()).map(text).unwrap_or_default();
            TypedRule { rule, then, limit, is_faulty: false }
        };
        Self {
            pattern: guard.strategies.as_str().to_owned(),
            rules: RULES.map(rule).into(),
            removed: false,
            fault: None,
        }
    }

    /// The n-th entry of a form.
    pub(super) fn sent(fields: &Fields, n: usize) -> Self {
        let rule = |rule: RuleName| {
            let field = |part: &str| fields.get(&format!("{}-{part}-{n}", rule.as_str()));
            let then = THENS.into_iter().find(|then| *then == field("then")).unwrap_or_default();
            TypedRule { rule, then: then.to_owned(), limit: field("limit").to_owned(), is_faulty: false }
        };
        Self {
            pattern: fields.get(&format!("pattern-{n}")).to_owned(),
            rules: RULES.map(rule).into(),
            removed: fields.get(&format!("remove-{n}")) == "on",
            fault: None,
        }
    }

    /// The entry that is described; None when something is wrong, which is then noted.
    pub(super) fn read(&mut self, t: &'static Texts) -> Option<Guard> {
        let pattern = self.pattern.trim().to_owned();
        if !(1..=MAX_PATTERN_CHARS).contains(&pattern.chars().count()) {
            self.fault = Some(t.pattern_bad);
        }
        let rules: Map<String, Value> = self
            .rules
            .iter_mut()
            .filter_map(|rule| rule.read().map(|value| (rule.rule.as_str().to_owned(), value)))
            .collect();
        if self.fault.is_some() || self.rules.iter().any(|rule| rule.is_faulty) {
            return None;
        }
        let read = serde_json::from_value(json!({"strategies": pattern, "rules": rules}));
        read.inspect_err(|_| self.fault = Some(t.pattern_bad)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::texts::CHINESE;
    use super::*;
    use crate::domain::guard::Guards;

    #[test]
    fn what_stands_is_read_as_it_was() {
        for guards in [Guards::stricter(), Guards::usual()] {
            let mut typed: Vec<_> = guards.entries().iter().map(GuardEntry::of).collect();
            let read: Option<Vec<_>> = typed.iter_mut().map(|entry| entry.read(&CHINESE)).collect();
            assert_eq!(read.unwrap(), guards.entries());
        }
    }

    #[test]
    fn a_limit_that_makes_no_sense_is_noted_at_its_field() {
        for (rule, wrong, right) in [
            (RuleName::Shrinks, ["1", "", "x"], "0.8"),
            (RuleName::Grows, ["1", "0", "-1"], "3"),
            (RuleName::Turnover, ["0", "-1", "1e"], "1.5"),
            (RuleName::InstrumentCost, ["0", "", "."], "1,000,000"),
            (RuleName::Instruments, ["0", "1.5", "-2"], "50"),
            (RuleName::Flips, ["0", "1441", "1.5"], "10"),
            (RuleName::Hours, ["", "09:00", "11:00-10:00"], "09:15-11:30，13:00–15:00"),
        ] {
            let read = |limit: &str| {
                let mut entry = GuardEntry { pattern: "*".to_owned(), ..GuardEntry::default() };
                let typed = entry.rules.iter_mut().find(|typed| typed.rule == rule).unwrap();
                (typed.then, typed.limit) = ("hold".to_owned(), limit.to_owned());
                (entry.read(&CHINESE).is_some(), entry.rules.iter().filter(|rule| rule.is_faulty).count())
            };
            for limit in wrong {
                assert_eq!(read(limit), (false, 1), "{rule:?} {limit:?}");
            }
            assert_eq!(read(right), (true, 0), "{rule:?}");
        }
    }
}
