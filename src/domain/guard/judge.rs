//! What the rules find in a push. Comparisons are exact and equal to a limit is allowed; what is told is for people.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::{Flips, Guards, Hours, Over, Plain, RuleName, Rules, Span, Then};
use crate::domain::board::Board;
use crate::domain::book::Book;
use crate::domain::calendar::{Calendar, Day, time_of_day};
use crate::domain::code::Instrument;
use crate::domain::decimal::{Amount, Decimal, Volume};
use crate::domain::gist::Gist;
use crate::domain::moment::Moment;
use crate::domain::position::{Position, PositionList};
use crate::domain::strategy::StrategyName;

/// How far a sequence may run ahead of the time that has passed: a day, in microseconds, of which sequences are made.
const FARTHEST_LEAP: i64 = 24 * 60 * 60 * 1_000_000;

/// The list that stood before the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Previous {
    /// What it wanted.
    pub gist: Gist,
    /// When the current list came in its place.
    pub replaced_at: Moment,
}

/// A push that has not counted yet, and what it would change.
#[derive(Debug, Clone, Copy)]
pub struct Pushed<'a> {
    /// Whose list it is.
    pub strategy: &'a StrategyName,
    /// The current list; None when there is no such strategy yet.
    pub before: Option<&'a PositionList>,
    /// Whether the strategy wanted something before it was removed; false where there is a current list.
    pub is_revived: bool,
    /// The list that was pushed.
    pub after: &'a [Position],
    /// When it came.
    pub at: Moment,
    /// On which days the exchanges trade.
    pub calendar: &'a Calendar,
    /// Its sequence, where it has one.
    pub sequence: Option<i64>,
    /// The last sequence that was accepted.
    pub last_sequence: Option<i64>,
    /// When the strategy was last heard of: meanwhile, sequences that are made of the time run on.
    pub last_push_at: Option<Moment>,
    /// The list before the current one, while it is remembered.
    pub previous: Option<Previous>,
    /// Another live strategy that wants the same, by the lists' gists.
    pub twin: Option<&'a StrategyName>,
}

/// What a rule found in a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule.
    pub rule: RuleName,
    /// What is to happen.
    pub then: Then,
    /// The instrument that it is about, in QMT's notation; None where it is about the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was found, by rule. Parts and factors are rounded to 4 decimals, half up; all other numbers are exact.
    ///
    /// `empty`: positions that want something, 0. `shrinks`, `instrument_share`, `turnover`: the part. `grows`: the
    /// factor. `instrument_cost`, `invested`: CNY. `instruments`: positions. `unknown_code`: how many codes, the first of
    /// which is `code`. `flips`: full minutes since the list was replaced. `twin`: the other strategy. `hours`: day and
    /// time in Shanghai. `sequence_leap`: how far it runs ahead, in microseconds.
    pub value: String,
    /// What would have been allowed, in the same unit; None where nothing would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
}

/// The strictest that is to happen; None when nothing was found.
pub fn verdict(findings: &[Finding]) -> Option<Then> {
    findings.iter().map(|finding| finding.then).max()
}

/// A list that somebody thinks of pushing.
#[derive(Debug, Clone, Copy)]
pub struct Intended<'a> {
    /// Whose list it is.
    pub strategy: &'a StrategyName,
    /// The list.
    pub positions: &'a [Position],
    /// When.
    pub at: Moment,
    /// Its sequence, and the last one that was accepted.
    pub sequences: (Option<i64>, Option<i64>),
}

impl Book {
    /// What guards find in a list that is pushed into this book.
    pub fn findings(&self, guards: &Guards, intended: Intended<'_>) -> Vec<Finding> {
        let Intended { strategy, positions, at, sequences: (sequence, last_sequence) } = intended;
        let current = self.strategy(strategy);
        guards.judge(&Pushed {
            strategy,
            before: current.map(|current| &current.list),
            is_revived: current.is_none() && self.past(strategy).next().is_some(),
            after: positions,
            at,
            calendar: self.settings().calendar(),
            sequence,
            last_sequence,
            last_push_at: self.last_push_at(strategy),
            previous: current.and_then(|current| current.told.previous),
            twin: self.twin(strategy, Gist::of(positions.iter())),
        })
    }
}

impl Guards {
    /// What the rules for its strategy find in a push, in the order of [`RuleName`].
    pub fn judge(&self, pushed: &Pushed) -> Vec<Finding> {
        self.rules_for(pushed.strategy).map_or_else(Vec::new, |rules| rules.judge(pushed))
    }
}

impl Rules {
    /// What these rules find in a push, in the order of [`RuleName`].
    pub fn judge(&self, pushed: &Pushed) -> Vec<Finding> {
        let costs = Costs::of(pushed);
        let needs_lines = self.turnover.or(self.instrument_share).or(self.instrument_cost).is_some();
        let lines = if needs_lines { lines(pushed) } else { Lines::default() };
        let findings = [
            self.empty.and_then(|rule| empty(rule, pushed)),
            self.shrinks.and_then(|rule| shrinks(rule, costs)),
            self.grows.and_then(|rule| grows(rule, costs)),
            self.turnover.and_then(|rule| turnover(rule, costs, &lines)),
            self.instrument_share.and_then(|rule| instrument_share(rule, costs, &lines)),
            self.instrument_cost.and_then(|rule| instrument_cost(rule, &lines)),
            self.invested.and_then(|rule| invested(rule, costs)),
            self.instruments.and_then(|rule| instruments(rule, pushed)),
            self.unknown_code.and_then(|rule| unknown_code(rule, pushed)),
            self.flips.and_then(|rule| flips(rule, pushed)),
            self.twin.and_then(|rule| twin(rule, pushed)),
            self.hours.as_ref().and_then(|rule| hours(rule, pushed)),
            self.sequence_leap.and_then(|rule| sequence_leap(rule, pushed)),
        ];
        findings.into_iter().flatten().collect()
    }
}

/// The invested costs of both lists: CNY.
#[derive(Debug, Clone, Copy)]
struct Costs {
    /// None when there is no such strategy yet.
    before: Option<Amount>,
    after: Amount,
}

impl Costs {
    fn of(pushed: &Pushed) -> Self {
        let before = pushed.before.map(|list| list.iter().map(Position::amount).sum());
        Self { before, after: pushed.after.iter().map(Position::amount).sum() }
    }

    /// The current list's cost, where there is one to compare to.
    fn to_compare(self) -> Option<Amount> {
        self.before.filter(|before| !before.is_zero())
    }
}

/// What both lists hold of one instrument.
#[derive(Debug, Default)]
struct Line {
    before: Volume,
    after: Volume,
    /// The highest cost that either list gives: CNY per share.
    cost: Decimal,
    /// What the new list invests: CNY.
    invested: Amount,
}

type Lines = HashMap<Instrument, Line, FixedState>;

fn lines(pushed: &Pushed) -> Lines {
    let mut lines = Lines::default();
    for position in pushed.before.into_iter().flat_map(PositionList::iter) {
        let line = lines.entry(position.code().instrument()).or_default();
        line.before += position.volume().into();
        line.cost = line.cost.max(position.cost());
    }
    for position in pushed.after {
        let line = lines.entry(position.code().instrument()).or_default();
        line.after += position.volume().into();
        line.cost = line.cost.max(position.cost());
        line.invested += position.amount();
    }
    lines
}

/// The instrument that the new list invests most in; of equal ones the first by code.
fn largest(lines: &Lines) -> Option<(&Instrument, Amount)> {
    let invested = lines.iter().map(|(instrument, line)| (instrument, line.invested));
    invested.max_by(|one, two| one.1.cmp(&two.1).then_with(|| two.0.cmp(one.0)))
}

/// A finding about the whole list.
fn found(rule: RuleName, then: Then, value: String, limit: Option<String>) -> Finding {
    Finding { rule, then, code: None, value, limit }
}

/// A finding when a part of a whole is larger than the limit allows.
fn part(name: RuleName, rule: Over, part: Amount, whole: Amount) -> Option<Finding> {
    let is_over = part.cmp_times(rule.over, whole) == Ordering::Greater;
    let ratio = part.ratio(whole).filter(|_| is_over)?;
    Some(found(name, rule.then, ratio.to_string(), Some(rule.over.to_string())))
}

/// A finding when an amount is above the limit in CNY.
fn sum(name: RuleName, rule: Over, amount: Amount) -> Option<Finding> {
    let is_over = amount > rule.over.times(Decimal::ONE);
    is_over.then(|| found(name, rule.then, amount.to_string(), Some(rule.over.to_string())))
}

/// A list of nothing but zeros sells everything as one without positions does; so does the first one of a strategy that was
/// removed, of what terminals still hold for it.
fn empty(rule: Plain, pushed: &Pushed) -> Option<Finding> {
    let wants = |position: &Position| position.volume() > Decimal::ZERO;
    let wanted = pushed.is_revived || pushed.before.is_some_and(|list| list.iter().any(wants));
    (wanted && !pushed.after.iter().any(wants)).then(|| found(RuleName::Empty, rule.then, "0".to_owned(), None))
}

fn shrinks(rule: Over, costs: Costs) -> Option<Finding> {
    let before = costs.to_compare()?;
    part(RuleName::Shrinks, rule, before - costs.after, before)
}

/// From nothing, every growth is beyond any factor: a strategy that begins is for `invested` to look at.
fn grows(rule: Over, costs: Costs) -> Option<Finding> {
    part(RuleName::Grows, rule, costs.after, costs.to_compare()?)
}

/// A first push moves all that it holds, and is not looked at. Costs differ between lists when prices moved; what is
/// moved counts at the highest.
fn turnover(rule: Over, costs: Costs, lines: &Lines) -> Option<Finding> {
    let larger = costs.before?.max(costs.after);
    let moved = lines.values().map(|line| line.after.distance(line.before).times(line.cost)).sum();
    part(RuleName::Turnover, rule, moved, larger)
}

fn instrument_share(rule: Over, costs: Costs, lines: &Lines) -> Option<Finding> {
    let (instrument, invested) = largest(lines)?;
    let finding = part(RuleName::InstrumentShare, rule, invested, costs.after)?;
    Some(Finding { code: Some(instrument.to_string()), ..finding })
}

fn instrument_cost(rule: Over, lines: &Lines) -> Option<Finding> {
    let (instrument, invested) = largest(lines)?;
    let finding = sum(RuleName::InstrumentCost, rule, invested)?;
    Some(Finding { code: Some(instrument.to_string()), ..finding })
}

fn invested(rule: Over, costs: Costs) -> Option<Finding> {
    sum(RuleName::Invested, rule, costs.after)
}

fn instruments(rule: Over, pushed: &Pushed) -> Option<Finding> {
    let count = u32::try_from(pushed.after.len()).unwrap_or(u32::MAX);
    let is_over = Volume::whole(count) > rule.over.into();
    is_over.then(|| found(RuleName::Instruments, rule.then, count.to_string(), Some(rule.over.to_string())))
}

fn unknown_code(rule: Plain, pushed: &Pushed) -> Option<Finding> {
    let today = Day::of(pushed.at);
    let is_unknown = |position: &&Position| Board::of_at(&position.code().instrument(), today).is_none();
    let mut unknown = pushed.after.iter().filter(is_unknown);
    let first = unknown.next()?;
    let count = unknown.count() + 1;
    let finding = found(RuleName::UnknownCode, rule.then, count.to_string(), None);
    Some(Finding { code: Some(first.code().instrument().to_string()), ..finding })
}

/// A list that came back, and was not simply sent again.
fn flips(rule: Flips, pushed: &Pushed) -> Option<Finding> {
    let (previous, current) = (pushed.previous?, pushed.before?);
    let passed = pushed.at.since(previous.replaced_at);
    let is_soon = passed < Duration::from_mins(u64::from(rule.minutes));
    // A list stays for a while, mostly: what it wants is looked at last.
    let came_back =
        is_soon && Gist::of(pushed.after.iter()) == previous.gist && Gist::of(current.iter()) != previous.gist;
    let minutes = passed.as_secs() / 60;
    came_back.then(|| found(RuleName::Flips, rule.then, minutes.to_string(), Some(rule.minutes.to_string())))
}

/// Strategies that want nothing are no twins.
fn twin(rule: Plain, pushed: &Pushed) -> Option<Finding> {
    let other = pushed.twin.filter(|other| *other != pushed.strategy)?;
    let wants_something = Gist::of(pushed.after.iter()) != Gist::NOTHING;
    wants_something.then(|| found(RuleName::Twin, rule.then, other.to_string(), None))
}

fn hours(rule: &Hours, pushed: &Pushed) -> Option<Finding> {
    let (day, time) = (Day::of(pushed.at), time_of_day(pushed.at));
    let is_open = pushed.calendar.may_trade(day) && rule.times.iter().any(|span| span.contains(time));
    let times = || rule.times.iter().map(Span::to_string).collect::<Vec<_>>().join(", ");
    (!is_open).then(|| found(RuleName::Hours, rule.then, format!("{day} {time}"), Some(times())))
}

/// Most programs count in microseconds since 1970: their sequences grow with the time between two pushes, which is no leap.
fn sequence_leap(rule: Plain, pushed: &Pushed) -> Option<Finding> {
    let (sequence, last) = (pushed.sequence?, pushed.last_sequence?);
    let passed = pushed.last_push_at.map_or(Duration::ZERO, |last| pushed.at.since(last));
    let passed = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
    let leap = sequence.saturating_sub(last).saturating_sub(passed);
    (leap > FARTHEST_LEAP)
        .then(|| found(RuleName::SequenceLeap, rule.then, leap.to_string(), Some(FARTHEST_LEAP.to_string())))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::strategy::Kind;

    static CALENDAR: LazyLock<Calendar> = LazyLock::new(Calendar::default);

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn name(text: &str) -> StrategyName {
        StrategyName::parse(text).unwrap()
    }

    fn moment(date: &str, time: &str) -> Moment {
        date.parse::<Day>().unwrap().at(time.parse().unwrap())
    }

    /// Positions from code, volume and cost.
    fn positions(entries: &[(&str, &str, &str)]) -> Vec<Position> {
        let position = |(code, volume, cost): &(&str, &str, &str)| {
            Position::new(Kind::Ordinary, code, None, number(volume), number(cost), None).unwrap()
        };
        entries.iter().map(position).collect()
    }

    fn list(entries: &[(&str, &str, &str)]) -> PositionList {
        PositionList::default().followed_by(positions(entries))
    }

    fn rules(rules: &serde_json::Value) -> Rules {
        serde_json::from_str(&rules.to_string()).unwrap()
    }

    fn every_rule() -> Rules {
        rules(&json!({
            "empty": {"then": "hold"},
            "shrinks": {"over": "0.8", "then": "hold"},
            "grows": {"over": 3, "then": "reject"},
            "turnover": {"over": "1.5", "then": "warn"},
            "instrument_share": {"over": "0.5", "then": "warn"},
            "instrument_cost": {"over": 100_000, "then": "warn"},
            "invested": {"over": 200_000, "then": "hold"},
            "instruments": {"over": 3, "then": "warn"},
            "unknown_code": {"then": "hold"},
            "flips": {"minutes": 10, "then": "warn"},
            "twin": {"then": "warn"},
            "hours": {"times": ["09:15-11:30", "13:00-15:00"], "then": "reject"},
            "sequence_leap": {"then": "warn"},
        }))
    }

    /// A push of `after` on a Monday morning.
    fn push<'a>(strategy: &'a StrategyName, before: Option<&'a PositionList>, after: &'a [Position]) -> Pushed<'a> {
        let at = moment("2026-01-05", "09:35");
        let (sequence, last_sequence, last_push_at, previous, twin) = (None, None, None, None, None);
        let (calendar, is_revived) = (&*CALENDAR, false);
        Pushed {
            strategy,
            before,
            is_revived,
            after,
            at,
            calendar,
            sequence,
            last_sequence,
            last_push_at,
            previous,
            twin,
        }
    }

    /// Rule, code, value and limit of each finding, as words.
    fn told(findings: &[Finding]) -> Vec<String> {
        let words = |finding: &Finding| {
            let code = finding.code.iter().map(|code| format!(" {code}"));
            let limit = finding.limit.iter().map(|limit| format!(" > {limit}"));
            format!(
                "{}{}: {}{}",
                finding.rule.as_str(),
                code.collect::<String>(),
                finding.value,
                limit.collect::<String>()
            )
        };
        findings.iter().map(words).collect()
    }

    /// What these rules find when one list follows another.
    fn found_in(
        these: &serde_json::Value,
        before: Option<&[(&str, &str, &str)]>,
        after: &[(&str, &str, &str)],
    ) -> Vec<String> {
        let (alpha, before, after) = (name("alpha"), before.map(list), positions(after));
        told(&rules(these).judge(&push(&alpha, before.as_ref(), &after)))
    }

    const A: &str = "600000.SH";
    const B: &str = "000001.SZ";
    const HAIR: &str = "0.000000000000000000000001";

    #[test]
    fn an_empty_list_is_found_where_the_current_one_is_not() {
        let rule = json!({"empty": {"then": "hold"}});
        let full = [(A, "100", "10")];
        assert_eq!(found_in(&rule, Some(&full), &[]), ["empty: 0"]);
        assert_eq!(found_in(&rule, Some(&full), &[(A, "0", "10")]), ["empty: 0"]);
        assert_eq!(found_in(&rule, Some(&full), &[(B, HAIR, "10")]), [""; 0]);
        assert_eq!(found_in(&rule, Some(&[]), &[]), [""; 0]);
        assert_eq!(found_in(&rule, Some(&[(A, "0", "10")]), &[]), [""; 0]);
        assert_eq!(found_in(&rule, None, &[]), [""; 0]);
    }

    #[test]
    fn shrinking_is_found_beyond_its_part() {
        let rule = json!({"shrinks": {"over": "0.8", "then": "hold"}});
        let before = [(A, "500", "10"), (B, "500", "10")];
        let shrunk_to = |after: &[(&str, &str, &str)]| found_in(&rule, Some(&before), after);
        assert_eq!(shrunk_to(&[(A, "200", "10")]), [""; 0]);
        assert_eq!(shrunk_to(&[(A, "200", "10"), (B, "1", HAIR)]), [""; 0]);
        assert_eq!(shrunk_to(&[(A, "199.999999999999999999999999", "10")]), ["shrinks: 0.8 > 0.8"]);
        assert_eq!(shrunk_to(&[(A, "150", "10")]), ["shrinks: 0.85 > 0.8"]);
        assert_eq!(shrunk_to(&[]), ["shrinks: 1 > 0.8"]);
        assert_eq!(shrunk_to(&[(A, "5000", "10")]), [""; 0]);
        assert_eq!(found_in(&rule, Some(&[]), &[]), [""; 0]);
        assert_eq!(found_in(&rule, None, &[]), [""; 0]);
    }

    #[test]
    fn growth_is_found_beyond_its_factor() {
        let rule = json!({"grows": {"over": 3, "then": "reject"}});
        let before = [(A, "100", "10")];
        let grown_to = |after: &[(&str, &str, &str)]| found_in(&rule, Some(&before), after);
        assert_eq!(grown_to(&[(A, "300", "10")]), [""; 0]);
        assert_eq!(grown_to(&[(A, "100", "10"), (A, "200", "10")]), [""; 0]);
        assert_eq!(grown_to(&[(A, "300", "10"), (B, HAIR, HAIR)]), ["grows: 3 > 3"]);
        assert_eq!(grown_to(&[(A, "299.999999999999999999999999", "10")]), [""; 0]);
        assert_eq!(grown_to(&[(A, "1000", "10"), (B, "1", "1")]), ["grows: 10.001 > 3"]);
        assert_eq!(found_in(&rule, Some(&[]), &[(A, "100", "10")]), [""; 0], "from nothing");
        assert_eq!(found_in(&rule, None, &[(A, "100", "10")]), [""; 0]);
    }

    #[test]
    fn turnover_is_found_beyond_its_part_of_the_larger_list() {
        let rule = json!({"turnover": {"over": "0.5", "then": "warn"}});
        let before = [(A, "100", "10"), (B, "100", "10")];
        let turned_to = |after: &[(&str, &str, &str)]| found_in(&rule, Some(&before), after);
        assert_eq!(turned_to(&[(A, "150", "10"), (B, "50", "10")]), [""; 0]);
        assert_eq!(turned_to(&[(A, "151", "10"), (B, "49", "10")]), ["turnover: 0.51 > 0.5"]);
        assert_eq!(turned_to(&[(A, "149", "10"), (B, "51", "10")]), [""; 0]);
        assert_eq!(turned_to(&[("600000.XSHG", "50", "10"), (B, "100", "10"), (A, "50", "10")]), [""; 0]);
        assert_eq!(turned_to(&[("688981.SH", "200", "10")]), ["turnover: 2 > 0.5"]);
        assert_eq!(turned_to(&[]), ["turnover: 1 > 0.5"]);
        // 60 of A are sold at the 30 that the old list gives, of 2000 in the old and 3400 in the new list.
        let dearer = found_in(&rule, Some(&[(A, "60", "30"), (B, "20", "10")]), &[(B, "340", "10")]);
        assert_eq!(dearer, ["turnover: 1.4706 > 0.5"]);
        assert_eq!(found_in(&rule, Some(&[]), &[(A, "100", "10")]), ["turnover: 1 > 0.5"]);
        assert_eq!(found_in(&rule, Some(&[]), &[]), [""; 0]);
        assert_eq!(found_in(&rule, None, &[(A, "100", "10")]), [""; 0]);
    }

    #[test]
    fn an_instruments_part_is_found_whatever_its_notation() {
        let rule = json!({"instrument_share": {"over": "0.5", "then": "warn"}});
        let found = |after: &[(&str, &str, &str)]| found_in(&rule, None, after);
        assert_eq!(found(&[(A, "100", "10"), (B, "100", "10")]), [""; 0]);
        assert_eq!(found(&[(A, "60", "10"), (B, "100", "10"), ("600000.XSHG", "40", "10")]), [""; 0]);
        let twice = found(&[(A, "60", "10"), (B, "100", "10"), ("600000.XSHG", "41", "10")]);
        assert_eq!(twice, ["instrument_share 600000.SH: 0.5025 > 0.5"]);
        assert_eq!(found(&[("CASH", "100", "10")]), ["instrument_share CASH: 1 > 0.5"]);
        assert_eq!(found(&[(A, "0", "10")]), [""; 0]);
        assert_eq!(found(&[]), [""; 0]);
        let a_fifth = json!({"instrument_share": {"over": "0.2", "then": "warn"}});
        let equal = found_in(&a_fifth, None, &[(A, "100", "10"), (B, "100", "10"), ("300750.SZ", "100", "10")]);
        assert_eq!(equal, ["instrument_share 000001.SZ: 0.3333 > 0.2"]);
    }

    #[test]
    fn sums_of_money_are_found_above_their_limits() {
        let both =
            json!({"instrument_cost": {"over": 1000, "then": "warn"}, "invested": {"over": "1500.5", "then": "warn"}});
        let found = |after: &[(&str, &str, &str)]| found_in(&both, None, after);
        assert_eq!(found(&[(A, "100", "10"), (B, "50.05", "10")]), [""; 0]);
        assert_eq!(
            found(&[(A, "100", "10.000000000000000000000001"), (B, "50.05", "10")]),
            [
                "instrument_cost 600000.SH: 1000.0000000000000000000001 > 1000",
                "invested: 1500.5000000000000000000001 > 1500.5",
            ]
        );
        assert_eq!(found(&[(A, "50", "10"), ("600000.XSHG", "51", "10")]), ["instrument_cost 600000.SH: 1010 > 1000"]);
        assert_eq!(found(&[(A, "99", "10"), (B, "99", "10")]), ["invested: 1980 > 1500.5"]);
        assert_eq!(found(&[]), [""; 0]);
    }

    #[test]
    fn positions_are_counted() {
        let rule = json!({"instruments": {"over": 2, "then": "warn"}});
        let one = (A, "100", "10");
        assert_eq!(found_in(&rule, None, &[one, one]), [""; 0]);
        assert_eq!(found_in(&rule, None, &[one, one, one]), ["instruments: 3 > 2"]);
        assert_eq!(found_in(&rule, None, &[]), [""; 0]);
    }

    #[test]
    fn codes_of_no_board_are_found() {
        let rule = json!({"unknown_code": {"then": "warn"}});
        let found =
            |codes: &[&str]| found_in(&rule, None, &codes.iter().map(|code| (*code, "100", "10")).collect::<Vec<_>>());
        assert_eq!(found(&[A, "688981.XSHG", "159915.SZ", "920002.BJ", "113050.SH"]), [""; 0]);
        assert_eq!(found(&[A, "600000"]), ["unknown_code 600000: 1"]);
        assert_eq!(found(&["204001.XSHG", "IF2401.CCFX", A]), ["unknown_code 204001.SH: 2"]);
        assert_eq!(found(&[]), [""; 0]);
    }

    #[test]
    fn a_list_that_soon_comes_back_flips() {
        let (alpha, one, two) = (name("alpha"), [(A, "100", "10")], [(B, "100", "10")]);
        let rule = rules(&json!({"flips": {"minutes": 10, "then": "warn"}}));
        let flips =
            |previous: &[(&str, &str, &str)], current: &[(&str, &str, &str)], after: &[(&str, &str, &str)], micros| {
                let (before, after) = (list(current), positions(after));
                let at = moment("2026-01-05", "09:35");
                let gist = Gist::of(positions(previous).iter());
                let previous = Some(Previous { gist, replaced_at: at.minus(Duration::from_micros(micros)) });
                told(&rule.judge(&Pushed { at, previous, ..push(&alpha, Some(&before), &after) }))
            };
        assert_eq!(flips(&one, &two, &one, 0), ["flips: 0 > 10"]);
        assert_eq!(flips(&one, &two, &[("600000.XSHG", "100.0", "9.9")], 599_999_999), ["flips: 9 > 10"]);
        assert_eq!(flips(&one, &two, &one, 600_000_000), [""; 0]);
        assert_eq!(flips(&one, &two, &two, 0), [""; 0], "sent again");
        assert_eq!(flips(&one, &one, &one, 0), [""; 0], "sent again, after a change of costs");
        assert_eq!(flips(&one, &two, &[(A, "101", "10")], 0), [""; 0]);
        assert_eq!(flips(&[], &two, &[], 0), ["flips: 0 > 10"]);
        let (before, after) = (list(&two), positions(&one));
        assert_eq!(told(&rule.judge(&push(&alpha, Some(&before), &after))), [""; 0], "nothing came before");
    }

    #[test]
    fn a_twin_wants_something() {
        let (alpha, beta, rule) = (name("alpha"), name("beta"), rules(&json!({"twin": {"then": "warn"}})));
        let twins = |twin, after: &[(&str, &str, &str)]| {
            told(&rule.judge(&Pushed { twin, ..push(&alpha, None, &positions(after)) }))
        };
        let full = [(A, "100", "10")];
        assert_eq!(twins(Some(&beta), &full), ["twin: beta"]);
        assert_eq!(twins(Some(&alpha), &full), [""; 0]);
        assert_eq!(twins(None, &full), [""; 0]);
        assert_eq!(twins(Some(&beta), &[]), [""; 0]);
        assert_eq!(twins(Some(&beta), &[(A, "0", "10")]), [""; 0]);
    }

    #[test]
    fn hours_are_minutes_of_trading_days() {
        let alpha = name("alpha");
        let rule = rules(&json!({"hours": {"times": ["09:15-11:30", "13:00-15:00"], "then": "warn"}}));
        let told_at = |date, time, seconds| {
            let at = moment(date, time).plus(Duration::from_secs(seconds));
            told(&rule.judge(&Pushed { at, ..push(&alpha, None, &[]) }))
        };
        for time in ["09:15", "11:30", "13:00", "15:00"] {
            assert_eq!(told_at("2026-01-05", time, 59), [""; 0], "{time}");
        }
        for time in ["00:00", "09:14", "11:31", "12:59", "15:01", "23:59"] {
            let expected = format!("hours: 2026-01-05 {time} > 09:15-11:30, 13:00-15:00");
            assert_eq!(told_at("2026-01-05", time, 59), [expected], "{time}");
        }
        for closed in ["2026-01-04", "2026-10-01"] {
            let expected = format!("hours: {closed} 09:35 > 09:15-11:30, 13:00-15:00");
            assert_eq!(told_at(closed, "09:35", 0), [expected], "{closed}");
        }
        assert_eq!(told_at("2027-01-04", "09:35", 0), [""; 0], "nothing is known of the day");
    }

    #[test]
    fn a_sequence_leaps_when_it_outruns_the_time_by_more_than_a_day() {
        const DAY: i64 = 86_400_000_000;
        let (alpha, rule) = (name("alpha"), rules(&json!({"sequence_leap": {"then": "warn"}})));
        let leaps = |last_sequence, sequence, days: Option<u64>| {
            let at = moment("2026-01-05", "09:35");
            let last_push_at = days.map(|days| at.minus(Duration::from_hours(24 * days)));
            told(&rule.judge(&Pushed { at, sequence, last_sequence, last_push_at, ..push(&alpha, None, &[]) }))
        };
        assert_eq!(leaps(Some(5), Some(5 + DAY), None), [""; 0]);
        assert_eq!(leaps(Some(5), Some(6 + DAY), None), ["sequence_leap: 86400000001 > 86400000000"]);
        assert_eq!(leaps(Some(5), Some(6), Some(0)), [""; 0]);
        assert_eq!(leaps(Some(5), Some(5 + 4 * DAY), Some(3)), [""; 0], "a sequence of the time, over a weekend");
        assert_eq!(leaps(Some(5), Some(6 + 4 * DAY), Some(3)), ["sequence_leap: 86400000001 > 86400000000"]);
        assert_eq!(leaps(Some(5), Some(4), Some(3)), [""; 0]);
        assert_eq!(leaps(Some(0), Some(i64::MAX), None), [format!("sequence_leap: {} > {DAY}", i64::MAX)]);
        assert_eq!(leaps(None, Some(i64::MAX), None), [""; 0], "the first one");
        assert_eq!(leaps(Some(5), None, Some(0)), [""; 0]);
    }

    #[test]
    fn findings_come_in_order_and_the_strictest_counts() {
        let (alpha, beta) = (name("alpha"), name("beta"));
        let before = list(&[(A, "100", "10")]);
        let after = positions(&[("CASH", "1000", "300"), (A, "1", "1"), (B, "1", "1"), (B, "1", "1")]);
        let at = moment("2026-01-04", "09:35");
        let previous = Some(Previous { gist: Gist::of(after.iter()), replaced_at: at });
        let (sequence, last_sequence, twin) = (Some(i64::MAX), Some(0), Some(&beta));
        let pushed = Pushed { at, sequence, last_sequence, previous, twin, ..push(&alpha, Some(&before), &after) };
        let findings = every_rule().judge(&pushed);
        let names: Vec<RuleName> = findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(names.len(), 10);
        assert!(names.is_sorted());
        assert_eq!(verdict(&findings), Some(Then::Reject));
        let mild: Vec<_> = findings.into_iter().filter(|finding| finding.then != Then::Reject).collect();
        assert_eq!(verdict(&mild), Some(Then::Hold));
        assert_eq!(verdict(&[]), None);
        let emptied = told(&every_rule().judge(&push(&alpha, Some(&before), &[])));
        assert_eq!(emptied, ["empty: 0", "shrinks: 1 > 0.8"]);
    }

    #[test]
    fn a_guard_looks_at_its_own_strategies() {
        let guards: Guards = serde_json::from_str(
            r#"[{"strategies": "alpha*", "rules": {}}, {"strategies": "*", "rules": {"unknown_code": {"then": "warn"}}}]"#,
        )
        .unwrap();
        let after = positions(&[("600000", "100", "10")]);
        let told_of = |strategy: &str| told(&guards.judge(&push(&name(strategy), None, &after)));
        assert_eq!(told_of("beta"), ["unknown_code 600000: 1"]);
        assert_eq!(told_of("alpha2"), [""; 0], "its own rules are none");
        assert_eq!(told_of("ADJUSTMENT_MAIN"), [""; 0], "an overlay is the operator's");
        assert_eq!(Guards::default().judge(&push(&name("beta"), None, &after)), []);
    }

    type Entries = Vec<(&'static str, u32, u32)>;

    /// Lists of up to five positions, some instruments twice.
    fn entries() -> impl proptest::strategy::Strategy<Value = Entries> {
        let code = prop::sample::select(vec![A, B, "600000.XSHG", "688981.SH", "CASH"]);
        prop::collection::vec((code, 0..1000_u32, 1..100_u32), 0..6)
    }

    fn positions_of(entries: &Entries) -> Vec<Position> {
        let texts: Vec<_> =
            entries.iter().map(|(code, volume, cost)| (*code, volume.to_string(), cost.to_string())).collect();
        positions(&texts.iter().map(|(code, volume, cost)| (*code, &**volume, &**cost)).collect::<Vec<_>>())
    }

    /// The value of the first finding when one list follows another.
    fn value_of(these: &serde_json::Value, before: &Entries, after: &Entries) -> Option<String> {
        let before = PositionList::default().followed_by(positions_of(before));
        let findings = rules(these).judge(&push(&name("alpha"), Some(&before), &positions_of(after)));
        findings.into_iter().next().map(|finding| finding.value)
    }

    proptest! {
        #[test]
        fn an_unchanged_push_changes_nothing(list in entries(), reversed: bool) {
            let changes = json!({
                "empty": {"then": "hold"},
                "shrinks": {"over": HAIR, "then": "hold"},
                "grows": {"over": "1.000000000000000000000001", "then": "hold"},
                "turnover": {"over": HAIR, "then": "hold"},
            });
            let mut again = list.clone();
            if reversed {
                again.reverse();
            }
            prop_assert_eq!(value_of(&changes, &list, &again), None);
        }

        #[test]
        fn turnover_is_the_same_both_ways(one in entries(), two in entries()) {
            let rule = json!({"turnover": {"over": HAIR, "then": "hold"}});
            prop_assert_eq!(value_of(&rule, &one, &two), value_of(&rule, &two, &one));
        }

        #[test]
        fn growing_and_shrinking_are_told_by_the_sums_alone(one in entries(), two in entries()) {
            let invested = |entries: &Entries| entries.iter().map(|(_, volume, cost)| volume * cost).sum::<u32>();
            prop_assume!(invested(&two) > 0);
            let grows = value_of(&json!({"grows": {"over": 3, "then": "hold"}}), &two, &one).is_some();
            prop_assert_eq!(grows, invested(&one) > 3 * invested(&two));
            let shrinks = value_of(&json!({"shrinks": {"over": "0.75", "then": "hold"}}), &one, &two).is_some();
            prop_assert_eq!(shrinks, invested(&one) > 4 * invested(&two));
        }

        #[test]
        fn a_limit_that_is_met_is_allowed_and_a_lower_one_is_not(list in entries()) {
            let invested: u32 = list.iter().map(|(_, volume, cost)| volume * cost).sum();
            prop_assume!(invested > 1);
            let over = |limit: u32| value_of(&json!({"invested": {"over": limit, "then": "hold"}}), &list, &list);
            prop_assert_eq!(over(invested), None);
            prop_assert_eq!(over(invested - 1), Some(invested.to_string()));
        }
    }
}
