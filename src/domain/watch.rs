//! What deserves somebody's attention.

use std::time::Duration;

use super::board::Board;
use super::book::{Book, Strategy};
use super::calendar::{Calendar, Day};
use super::decimal::Volume;
use super::hold::Hold;
use super::moment::Moment;
use super::settings::Settings;
use super::strategy::{Kind, StrategyName};
use super::total::{Selection, TotalLine};

/// How many of a kind are told: where there are more, it is no single one that is wrong.
const MOST_BELOW_ZERO: usize = 200;
const MOST_SILENT: usize = 20;
const MOST_WAITING: usize = 20;

/// How far the clock may be put back without a word: a time service does it by less.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// How far ahead a push may seem to lie: a clock in the wrong zone puts it there, and nobody missed one meanwhile.
const WRONG_ZONE: Duration = Duration::from_hours(24);

/// Something that deserves attention.
#[derive(Debug, Clone)]
pub enum Attention<'a> {
    /// Example strategies count in the total.
    Examples,
    /// More of it is taken away than there is: terminals take it as zero.
    BelowZero(&'a TotalLine),
    /// These cannot be bought to the share: terminals trade whole lots. Never empty.
    OddLots(Vec<&'a TotalLine>),
    /// The strategy should have pushed by now.
    Silent(&'a Strategy),
    /// Whether it should have is not known: it has not pushed since days of which the calendar says nothing.
    PerhapsSilent(&'a Strategy),
    /// A push waits for the operator.
    Waiting(&'a StrategyName, &'a Hold),
    /// Lines of the overlay count still, though by the clock their last day is over. They are taken out within seconds, unless
    /// the clock is doubted or not yet believed, or nothing can be written.
    StillCounting(&'a Strategy),
}

/// What deserves attention in a book on a day, whose whole total is given.
pub fn attention<'a>(book: &'a Book, total: &'a [TotalLine], expected: &Expected, today: Day) -> Vec<Attention<'a>> {
    let examples = book.takes_demo(&Selection::All).then_some(Attention::Examples);
    let below_zero = below_zero(total).map(Attention::BelowZero);
    let odd: Vec<&TotalLine> =
        total.iter().filter(|line| Board::is_odd(&line.code.instrument(), line.volume)).collect();
    let odd_lots = (!odd.is_empty()).then_some(Attention::OddLots(odd));
    let silent = book.strategies().filter_map(|strategy| match expected.of(strategy, book.settings()) {
        Hearing::InTime => None,
        Hearing::Silent => Some(Attention::Silent(strategy)),
        Hearing::Unknown => Some(Attention::PerhapsSilent(strategy)),
    });
    let waiting = book.settings().holds().map(|(name, hold)| Attention::Waiting(name, hold));
    let still_counting = book.overlays_with_lines_over(today).map(|overlay| Attention::StillCounting(overlay));
    waiting
        .take(MOST_WAITING)
        .chain(examples)
        .chain(below_zero.take(MOST_BELOW_ZERO))
        .chain(odd_lots)
        .chain(still_counting)
        .chain(silent.take(MOST_SILENT))
        .collect()
}

/// Lines of a total of which more is taken away than there is.
pub fn below_zero(total: &[TotalLine]) -> impl Iterator<Item = &TotalLine> {
    total.iter().filter(|line| line.volume < Volume::default())
}

/// Whether a strategy was heard when it should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// It was, or need not be.
    InTime,
    /// It was not.
    Silent,
    /// It was not since a day of which the calendar does not know whether the exchanges traded.
    Unknown,
}

/// Since when a strategy should have been heard: it may be silent since the last trading day before today, but not for all of
/// it.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// At the latest and at the earliest that day began: the calendar may not know which it was.
    perhaps_since: Moment,
    surely_since: Moment,
    /// A push that seems to lie beyond was stamped by a clock that is right again, and says nothing about when it came.
    until: Moment,
}

impl Expected {
    /// What is expected at `now`.
    pub fn at(calendar: &Calendar, now: Moment) -> Self {
        let today = Day::of(now);
        Self {
            perhaps_since: calendar.trading_day_before(today).begins_at(),
            surely_since: calendar.trading_day_surely_before(today).begins_at(),
            until: now.plus(WRONG_ZONE),
        }
    }

    /// Whether a strategy was heard. Never late are those that are not expected to push, and what people write: overlays, and
    /// strategies of which no program was ever heard.
    pub fn of(&self, strategy: &Strategy, settings: &Settings) -> Hearing {
        match strategy.last_push_at {
            Some(at) if strategy.name.kind() == Kind::Ordinary && settings.expects(&strategy.name) => {
                if at < self.surely_since || at >= self.until {
                    Hearing::Silent
                } else if at < self.perhaps_since {
                    Hearing::Unknown
                } else {
                    Hearing::InTime
                }
            }
            _ => Hearing::InTime,
        }
    }
}

/// How far the clock is behind the newest change of anything, when it is: it ran ahead once, and was put right. Until it has caught
/// up, changes follow each other by a microsecond, and their times say nothing about when they were made.
pub fn clock_behind(book: &Book, now: Moment) -> Option<Duration> {
    let behind = book.changed_at()?.since(now);
    (behind > CLOCK_TOLERANCE).then_some(behind)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::book::{Mark, Told};
    use super::super::decimal::Decimal;
    use super::super::position::{Position, PositionList};
    use super::super::revision::Revision;
    use super::super::strategy::StrategyId;
    use super::*;

    const NOW: Moment = Moment::from_micros(20);

    /// A strategy that holds these and was last pushed then.
    fn strategy(id: i64, name: &str, pushed_at: i64, holds: &[(&str, &str)]) -> Arc<Strategy> {
        let name = StrategyName::parse(name).unwrap();
        let (one, at) = (Decimal::parse("1").unwrap(), Moment::from_micros(pushed_at));
        let position = |(code, volume): &(&str, &str)| {
            Position::new(name.kind(), code, None, Decimal::parse(volume).unwrap(), one, None).unwrap()
        };
        let list = PositionList::default().followed_by(holds.iter().map(position).collect());
        let mark = Mark { revision: Revision::new(id), chain: [0; 8], updated_at: at };
        Arc::new(Strategy {
            id: StrategyId::new(id),
            name,
            list,
            mark,
            revisions: 1,
            last_push_at: Some(at),
            sequence: None,
            told: Told::default(),
        })
    }

    /// What is told of a book whose strategies should have pushed since moment 10.
    fn told(strategies: impl IntoIterator<Item = Arc<Strategy>>) -> Vec<String> {
        let mut book = Book::default();
        strategies.into_iter().for_each(|strategy| book.add(strategy));
        let total = book.total(&Selection::All).unwrap().lines;
        let words = |one: &Attention| match one {
            Attention::Examples => "examples".to_owned(),
            Attention::BelowZero(line) => format!("{} below zero", line.code),
            Attention::OddLots(lines) => {
                lines.iter().map(|line| format!("{}={}", line.code, line.volume)).collect::<Vec<_>>().join(" ")
            }
            Attention::Silent(strategy) => format!("{} silent", strategy.name),
            Attention::PerhapsSilent(strategy) => format!("{} perhaps silent", strategy.name),
            Attention::Waiting(name, _) => format!("{name} waits"),
            Attention::StillCounting(overlay) => format!("{} still counting", overlay.name),
        };
        let since = Moment::from_micros(10);
        let expected = Expected { perhaps_since: since, surely_since: since, until: NOW.plus(WRONG_ZONE) };
        attention(&book, &total, &expected, Day::of(NOW)).iter().map(words).collect()
    }

    #[test]
    fn what_is_as_it_should_be_is_not_told() {
        assert_eq!(told([]), [""; 0]);
        let quiet = strategy(2, "ADJUSTMENT_MAIN", 1, &[("600000.SH", "-100")]);
        assert_eq!(told([strategy(1, "alpha", 10, &[("600000.SH", "300"), ("IF2401.CCFX", "1")]), quiet]), [""; 0]);
    }

    #[test]
    fn who_never_pushed_is_not_silent() {
        let by_hand = Strategy { last_push_at: None, ..(*strategy(1, "alpha", 1, &[])).clone() };
        assert_eq!(told([Arc::new(by_hand)]), [""; 0]);
    }

    #[test]
    fn who_was_heard_on_the_trading_day_before_is_not_silent() {
        let calendar = Calendar::default();
        let at = |date: &str| date.parse::<Day>().unwrap().at("09:00".parse().unwrap());
        for (pushed, now, hearing) in [
            ("2026-01-09", "2026-01-12", Hearing::InTime),
            ("2026-01-08", "2026-01-12", Hearing::Silent),
            ("2026-01-09", "2026-01-11", Hearing::InTime),
            ("2026-01-09", "2026-01-13", Hearing::Silent),
            // The first morning after a holiday, and a day within it.
            ("2026-09-30", "2026-10-08", Hearing::InTime),
            ("2026-09-30", "2026-10-09", Hearing::Silent),
            ("2026-09-29", "2026-10-05", Hearing::Silent),
            ("2025-12-31", "2026-01-05", Hearing::InTime),
            // Nothing is known of the Friday in between.
            ("2026-12-31", "2027-01-04", Hearing::Unknown),
            ("2027-01-01", "2027-01-04", Hearing::InTime),
            ("2026-12-30", "2027-01-04", Hearing::Silent),
            // No closure was ever so long.
            ("2027-02-01", "2027-03-01", Hearing::Silent),
        ] {
            let heard = strategy(1, "alpha", at(pushed).as_micros(), &[]);
            assert_eq!(Expected::at(&calendar, at(now)).of(&heard, &Settings::default()), hearing, "{pushed} {now}");
        }
    }

    #[test]
    fn a_push_that_lies_ahead_hides_nobody_for_ever() {
        let day = 24 * 3_600_000_000;
        for (at, expected) in [(NOW.as_micros() + day - 1, vec![]), (NOW.as_micros() + day, vec!["alpha silent"])] {
            assert_eq!(told([strategy(1, "alpha", at, &[])]), expected, "{at}");
        }
    }

    #[test]
    fn a_clock_behind_the_newest_change_is_seen_and_one_ahead_of_it_is_right() {
        let mut book = Book::default();
        let behind = |book: &Book, seconds: i64| clock_behind(book, Moment::from_micros(seconds * 1_000_000));
        assert_eq!(behind(&book, -5), None, "there is nothing to be behind of");
        book.note_change(Moment::from_micros(100_000_000));
        let spans = [0, 98, 99, 100, 9_999_999].map(|seconds| behind(&book, seconds).map(|span| span.as_secs()));
        assert_eq!(spans, [Some(100), Some(2), None, None, None]);
    }

    #[test]
    fn examples_are_told_first() {
        let alpha = strategy(1, "alpha", 9, &[]);
        assert_eq!(told([alpha, strategy(2, "DEMO_a", 10, &[])]), ["examples", "alpha silent"]);
        assert_eq!(told([strategy(1, "ADJUSTMENT_DEMO", 10, &[])]), ["examples"]);
    }

    #[test]
    fn totals_below_zero_odd_lots_and_silence_are_told() {
        let alpha = strategy(1, "alpha", 10, &[("600000.SH", "100"), ("688981.SH", "150"), ("000001.SZ", "50")]);
        let beta = strategy(2, "beta", 9, &[("000001.XSHE", "50"), ("510300.SH", "1050")]);
        let overlay = strategy(3, "ADJUSTMENT_MAIN", 1, &[("600000.SH", "-150")]);
        // The odd halves of 000001 are a lot together: what counts is what terminals are told.
        assert_eq!(
            told([alpha, beta, overlay]),
            ["600000.SH below zero", "688981.SH=150 510300.SH=1050", "beta silent"]
        );
    }

    #[test]
    fn not_every_one_of_very_many_is_told() {
        let many: Vec<String> = (0..300).map(|n| format!("{n:06}.SZ")).collect();
        let below: Vec<_> = many.iter().map(|code| (code.as_str(), "-1")).collect();
        let silent = (2..40).map(|id| strategy(id, &format!("s{id}"), 1, &[]));
        let told = told(silent.chain([strategy(1, "ADJUSTMENT_MAIN", 1, &below)]));
        assert_eq!(told.iter().filter(|words| words.ends_with("below zero")).count(), 200);
        assert_eq!(told.iter().filter(|words| words.ends_with("silent")).count(), 20);
    }
}
