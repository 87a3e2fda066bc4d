//! The exchange calendar: on which days Shanghai and Shenzhen trade, as far as that is known; and what days are.
//!
//! There are three answers. What an unknown day means is settled for each use so that nothing is traded for it, no alarm raised
//! and none silenced: see [`Openness::Unknown`].

mod closures;
mod day;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;

pub use self::closures::SOURCE;
use self::closures::{CLOSURES, KNOWN};
pub use self::day::{CLOSES, Day, DayError, OPENS, TimeError, TimeOfDay, Weekday, time_of_day};
use super::moment::Moment;

/// How many days the operator may settle, open and closed together.
pub const MAX_DAYS: usize = 1_000;

/// How many days lie at most between two trading days, from 2015 to 2026: eleven, in 2020, 2024, 2026.
const LONGEST_GAP: i64 = 11;

/// Whether the exchanges trade on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Openness {
    /// They trade.
    Open,
    /// They do not.
    Closed,
    /// Nobody has said: a weekday before or after what the calendar knows. Where a word of today is asked for, it counts as
    /// a trading day, so that a terminal trades nothing without one. Where somebody should have pushed, whether they
    /// should is unknown as well, and said to be.
    Unknown,
}

impl Openness {
    /// The answer as it is written.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Who says whether a day is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Source {
    /// The closures that this version knows.
    Data,
    /// The operator.
    Operator,
    /// It is a weekend, on which the exchanges never trade, also where people make up for a holiday.
    Weekend,
}

/// The closures that this version knows, and over them what the operator says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(into = "Document", try_from = "Document")]
pub struct Calendar {
    /// Days such as 2026-01-05 that are open though the data say otherwise.
    #[schema(value_type = Vec<String>)]
    open: BTreeSet<Day>,
    /// Days that are closed.
    #[schema(value_type = Vec<String>)]
    closed: BTreeSet<Day>,
    /// Up to when every day is known.
    #[schema(value_type = Option<String>)]
    known_through: Option<Day>,
}

/// What the operator says, as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    open: Vec<String>,
    closed: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known_through: Option<String>,
}

/// Why days make no calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// A text is no day.
    #[error("{0:?} {DayError}")]
    NoDay(String),
    /// There are too many.
    #[error("open and closed hold more than 1000 days")]
    Count,
    /// It lies before those of which this version knows, or could know.
    #[error("{0} is not a day from {from} on", from = KNOWN.0)]
    TooEarly(Day),
    /// It is said to be both.
    #[error("{0} is both open and closed")]
    Both(Day),
    /// The exchanges never trade then.
    #[error("{0} is a weekend: the exchanges do not trade")]
    Weekend(Day),
    /// A year is said to be known of which no closure is: it is more likely mistyped than without a holiday.
    #[error("known_through reaches into {0}, of which no weekday is closed: every year has holidays")]
    NoHoliday(i64),
}

impl TryFrom<Document> for Calendar {
    type Error = CalendarError;

    fn try_from(document: Document) -> Result<Self, CalendarError> {
        let day = |text: String| text.parse::<Day>().map_err(|_| CalendarError::NoDay(text));
        let days = |all: Vec<String>| all.into_iter().map(day).collect::<Result<BTreeSet<_>, _>>();
        let known_through = document.known_through.map(day).transpose()?;
        Self::new(days(document.open)?, days(document.closed)?, known_through)
    }
}

impl From<Calendar> for Document {
    fn from(Calendar { open, closed, known_through }: Calendar) -> Self {
        let texts = |days: BTreeSet<Day>| days.iter().map(Day::to_string).collect();
        Self { open: texts(open), closed: texts(closed), known_through: known_through.map(|day| day.to_string()) }
    }
}

impl Calendar {
    /// What the operator says over the data: these days are open and those closed, and up to another day every weekday that
    /// nobody calls closed is open.
    ///
    /// # Errors
    /// When what is said cannot be, or is more than may be said.
    pub fn new(open: BTreeSet<Day>, closed: BTreeSet<Day>, known_through: Option<Day>) -> Result<Self, CalendarError> {
        if open.len() + closed.len() > MAX_DAYS {
            return Err(CalendarError::Count);
        }
        if let Some(early) = open.iter().chain(&closed).chain(&known_through).find(|day| **day < KNOWN.0) {
            return Err(CalendarError::TooEarly(*early));
        }
        if let Some(both) = open.intersection(&closed).next() {
            return Err(CalendarError::Both(*both));
        }
        if let Some(weekend) = open.iter().find(|day| day.is_weekend()) {
            return Err(CalendarError::Weekend(*weekend));
        }
        let years = KNOWN.1.year() + 1..=known_through.map_or(KNOWN.1, |day| day).year();
        let has_holiday = |year: &i64| closed.iter().any(|day| day.year() == *year && !day.is_weekend());
        match years.into_iter().find(|year| !has_holiday(year)) {
            Some(year) => Err(CalendarError::NoHoliday(year)),
            None => Ok(Self { open, closed, known_through }),
        }
    }

    /// The days that the operator calls open.
    pub const fn open(&self) -> &BTreeSet<Day> {
        &self.open
    }

    /// The days that the operator calls closed.
    pub const fn closed(&self) -> &BTreeSet<Day> {
        &self.closed
    }

    /// Up to when the operator calls every other weekday open; None where that was not said.
    pub const fn operators_end(&self) -> Option<Day> {
        self.known_through
    }

    /// All that the operator says, for who tells of it: a member more is to be told as well.
    pub const fn parts(&self) -> (&BTreeSet<Day>, &BTreeSet<Day>, Option<Day>) {
        let Self { open, closed, known_through } = self;
        (open, closed, *known_through)
    }

    /// Up to when every day is known, from [`Self::known_from`] on.
    pub fn known_through(&self) -> Day {
        self.known_through.map_or(KNOWN.1, |day| day.max(KNOWN.1))
    }

    /// From when on every day is known.
    pub const fn known_from() -> Day {
        KNOWN.0
    }

    /// Whether the exchanges trade on a day, and who says so; nobody where it is unknown.
    pub fn answer(&self, day: Day) -> (Openness, Option<Source>) {
        if day.is_weekend() {
            (Openness::Closed, Some(Source::Weekend))
        } else if self.closed.contains(&day) {
            (Openness::Closed, Some(Source::Operator))
        } else if self.open.contains(&day) {
            (Openness::Open, Some(Source::Operator))
        } else if (KNOWN.0..=KNOWN.1).contains(&day) {
            (if is_closure(day) { Openness::Closed } else { Openness::Open }, Some(Source::Data))
        } else if day > KNOWN.1 && Some(day) <= self.known_through {
            (Openness::Open, Some(Source::Operator))
        } else {
            (Openness::Unknown, None)
        }
    }

    /// Whether the exchanges trade on a day.
    pub fn openness(&self, day: Day) -> Openness {
        self.answer(day).0
    }

    /// Whether the exchanges trade on a day, for all that is known.
    pub fn may_trade(&self, day: Day) -> bool {
        self.openness(day) != Openness::Closed
    }

    /// The midnight in Shanghai with which the latest day began, up to `now`, on which the exchanges may trade.
    pub fn trading_day_began(&self, now: Moment) -> Moment {
        let today = Day::of(now);
        if self.may_trade(today) { today.begins_at() } else { self.trading_day_before(today).begins_at() }
    }

    /// Whether what was said at one moment is the word of the same trading day as what is said at another.
    pub fn is_same_trading_day(&self, one: Moment, other: Moment) -> bool {
        self.trading_day_began(one) == self.trading_day_began(other)
    }

    /// The day of the last close before today: on a Saturday it is Friday's.
    pub fn last_close(&self, now: Moment) -> Day {
        self.trading_day_before(Day::of(now))
    }

    /// The last day before another on which the exchanges may have traded: the latest that was the trading day before.
    pub fn trading_day_before(&self, day: Day) -> Day {
        days_before(day).find(|earlier| self.may_trade(*earlier)).unwrap_or(day)
    }

    /// The earliest that was the trading day before another: days of which nothing is known may have been closed, though
    /// not more in a row than the exchanges ever were.
    pub fn trading_day_surely_before(&self, day: Day) -> Day {
        let surely = |earlier: &Day| match self.openness(*earlier) {
            Openness::Open => true,
            Openness::Closed => false,
            Openness::Unknown => day.since(*earlier) >= LONGEST_GAP,
        };
        days_before(day).find(surely).unwrap_or(day)
    }

    /// The first weekday from a day on of which nothing is known, though it is near: within the year, and from 1 December on
    /// within the next, whose holidays are announced in November.
    pub fn unknown_soon(&self, day: Day) -> Option<Day> {
        let last = Day::last_of(if day.month() == 12 { day.year() + 1 } else { day.year() });
        day.through(last).find(|day| self.openness(*day) == Openness::Unknown)
    }

    /// When the exchanges match orders all the time, on the days from one to another on which they may trade.
    pub fn sessions(&self, first: Day, last: Day) -> impl Iterator<Item = (Moment, Moment)> {
        const SESSIONS: [(TimeOfDay, TimeOfDay); 2] = [(OPENS, TimeOfDay::of(11, 30)), (TimeOfDay::of(13, 0), CLOSES)];
        let open = first.through(last).filter(|day| self.may_trade(*day));
        open.flat_map(|day| SESSIONS.map(|(from, until)| (day.at(from), day.at(until))))
    }

    /// Whether the exchanges take and match orders: the opening auction from 09:15 on, both sessions, the closing auction. On a
    /// day of which nothing is known they may: what differs on it is explained as on any other.
    pub fn is_trading_time(&self, now: Moment) -> bool {
        const SESSIONS: [(TimeOfDay, TimeOfDay); 2] =
            [(TimeOfDay::of(9, 15), TimeOfDay::of(11, 30)), (TimeOfDay::of(13, 0), TimeOfDay::of(15, 0))];
        let time = time_of_day(now);
        self.may_trade(Day::of(now)) && SESSIONS.iter().any(|(from, until)| (*from..*until).contains(&time))
    }

    /// Whether the exchanges have traded for so long in all between two moments, without the auction before: what was to be
    /// bought in the lunch break is not late after it. On a day of which nothing is known they may have.
    pub fn have_traded_for(&self, span: Duration, since: Moment, now: Moment) -> bool {
        const SESSIONS: [(TimeOfDay, TimeOfDay); 2] = [(OPENS, TimeOfDay::of(11, 30)), (TimeOfDay::of(13, 0), CLOSES)];
        let (first, mut traded) = (Day::of(since), Duration::ZERO);
        let days = std::iter::once(Day::of(now)).chain(days_before(Day::of(now)));
        let days = days.take_while(|day| *day >= first).filter(|day| self.may_trade(*day));
        days.flat_map(|day| SESSIONS.map(|(from, until)| (day.at(from), day.at(until)))).any(|(from, until)| {
            traded += until.min(now).since(from.max(since));
            traded >= span
        })
    }
}

/// The days before a day, backwards.
fn days_before(day: Day) -> impl Iterator<Item = Day> {
    std::iter::successors(Some(day.before()), |day| Some(day.before()))
}

/// Whether this version knows of a closure on a day.
fn is_closure(day: Day) -> bool {
    let next = CLOSURES.partition_point(|(from, _)| *from <= day);
    next.checked_sub(1).is_some_and(|last| day <= CLOSURES[last].1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn moment(date: &str, time: &str) -> Moment {
        day(date).at(time.parse().unwrap())
    }

    fn calendar(document: &str) -> Calendar {
        serde_json::from_str(document).unwrap()
    }

    #[test]
    fn only_trading_time_passes() {
        let calendar = Calendar::default();
        let (monday, tuesday) = ("2026-01-05", "2026-01-06");
        for ((day, since), (until, now), minutes) in [
            ((monday, "10:00"), (monday, "10:10"), 10),
            ((monday, "11:25"), (monday, "13:05"), 10),
            ((monday, "09:00"), (monday, "09:40"), 10),
            ((monday, "14:58"), (tuesday, "09:38"), 10),
            (("2025-12-31", "14:59"), (monday, "09:31"), 2),
            ((monday, "10:00"), (tuesday, "10:00"), 240),
            ((monday, "10:00"), (monday, "09:50"), 0),
            // The whole of a session, and none of the weekend.
            (("2026-01-09", "15:00"), ("2026-01-12", "11:30"), 120),
        ] {
            let (since, now) = (moment(day, since), moment(until, now));
            let have = |minutes: u64| calendar.have_traded_for(Duration::from_mins(minutes), since, now);
            assert!(have(minutes) && !have(minutes + 1), "{since:?} {now:?}");
        }
    }

    fn told(calendar: &Calendar, date: &str) -> (&'static str, Option<&'static str>) {
        let (openness, source) = calendar.answer(day(date));
        (openness.as_str(), source.map(Into::into))
    }

    #[test]
    fn a_year_has_as_many_trading_days_as_it_had() {
        let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
        for day in KNOWN.0.through(KNOWN.1).filter(|day| Calendar::default().openness(*day) == Openness::Open) {
            *counts.entry(day.year()).or_default() += 1;
        }
        let expected = [244, 244, 244, 243, 244, 243, 243, 242, 242, 242, 243, 242];
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), (2015..=2026).zip(expected).collect::<Vec<_>>());
    }

    #[test]
    fn closures_are_in_order_between_weekdays() {
        assert!(CLOSURES.is_sorted_by(|one, next| one.1 < next.0));
        assert!(CLOSURES.iter().all(|(from, to)| from <= to && !from.is_weekend() && !to.is_weekend()));
        let open: Vec<Day> = KNOWN.0.through(KNOWN.1).filter(|day| Calendar::default().may_trade(*day)).collect();
        assert_eq!(open.array_windows().map(|[one, next]| next.since(*one)).max(), Some(LONGEST_GAP));
    }

    #[test]
    fn known_days_are_as_they_were() {
        let plain = Calendar::default();
        for closed in [
            "2015-09-03", // announced for that year alone
            "2016-02-08",
            "2018-12-31",
            "2020-01-31", // a Spring Festival that was made longer
            "2024-02-09", // a working day, on which the exchanges were closed
            "2025-10-08",
            "2026-01-02",
            "2026-02-16",
            "2026-02-23",
            "2026-04-06",
            "2026-05-05",
            "2026-06-19",
            "2026-09-25",
            "2026-10-07",
        ] {
            assert_eq!(told(&plain, closed), ("closed", Some("data")), "{closed}");
        }
        for open in ["2015-01-05", "2020-02-03", "2024-02-08", "2025-10-09", "2026-02-13", "2026-02-24", "2026-12-31"] {
            assert_eq!(told(&plain, open), ("open", Some("data")), "{open}");
        }
        // People work to make up for holidays; the exchanges do not.
        for weekend in ["2026-01-04", "2026-02-14", "2026-02-28", "2014-12-28", "2027-01-03"] {
            assert_eq!(told(&plain, weekend), ("closed", Some("weekend")), "{weekend}");
        }
        for unknown in ["2014-12-31", "2027-01-01", "2027-01-04", "9999-12-31", "0000-01-03"] {
            assert_eq!(told(&plain, unknown), ("unknown", None), "{unknown}");
        }
    }

    #[test]
    fn the_operator_says_otherwise_and_more() {
        let document =
            r#"{"open":["2026-10-07"],"closed":["2026-11-02","2027-01-01","2027-01-02"],"known_through":"2027-06-30"}"#;
        let over = calendar(document);
        assert_eq!(serde_json::to_string(&over).unwrap(), document);
        for (date, answer) in [
            ("2026-10-06", ("closed", Some("data"))),
            ("2026-10-07", ("open", Some("operator"))),
            ("2026-11-02", ("closed", Some("operator"))),
            ("2026-11-03", ("open", Some("data"))),
            ("2027-01-01", ("closed", Some("operator"))),
            ("2027-01-02", ("closed", Some("weekend"))),
            ("2027-01-04", ("open", Some("operator"))),
            ("2027-06-30", ("open", Some("operator"))),
            ("2027-07-01", ("unknown", None)),
        ] {
            assert_eq!(told(&over, date), answer, "{date}");
        }
        assert_eq!(over.known_through(), day("2027-06-30"));
        let early = calendar(r#"{"open": [], "closed": [], "known_through": "2020-06-30"}"#);
        assert_eq!(early.known_through(), day("2026-12-31"), "what the data know stays known");
        assert_eq!(calendar(r#"{"open": [], "closed": []}"#), Calendar::default());
    }

    #[test]
    fn what_is_no_calendar_is_refused_with_a_sentence() {
        let many: Vec<String> = KNOWN.0.through(KNOWN.0.after(1_000)).map(|day| day.to_string()).collect();
        let many = serde_json::json!({"open": [], "closed": many}).to_string();
        for (document, reason) in [
            (r#"{"open": [], "closed": ["2027-2-5"]}"#, r#""2027-2-5" is not a day of the form 2026-01-05"#),
            (
                r#"{"open": [], "closed": [], "known_through": "2027-02-30"}"#,
                r#""2027-02-30" is not a day of the form 2026-01-05"#,
            ),
            (r#"{"open": ["2027-01-02"], "closed": []}"#, "2027-01-02 is a weekend: the exchanges do not trade"),
            (r#"{"open": ["2027-01-04"], "closed": ["2027-01-04"]}"#, "2027-01-04 is both open and closed"),
            (r#"{"open": [], "closed": ["2014-12-31"]}"#, "2014-12-31 is not a day from 2015-01-01 on"),
            (
                r#"{"open": [], "closed": ["2027-01-01", "2029-01-01"], "known_through": "2029-12-31"}"#,
                "known_through reaches into 2028, of which no weekday is closed: every year has holidays",
            ),
            (
                r#"{"open": [], "closed": ["2027-01-02"], "known_through": "2027-01-29"}"#,
                "known_through reaches into 2027, of which no weekday is closed: every year has holidays",
            ),
            (
                r#"{"open": [], "closed": [], "close": []}"#,
                "unknown field `close`, expected one of `open`, `closed`, `known_through`",
            ),
            (&many, "open and closed hold more than 1000 days"),
        ] {
            let refused = serde_json::from_str::<Calendar>(document).unwrap_err().to_string();
            assert!(refused.starts_with(reason), "{refused}");
        }
    }

    #[test]
    fn the_trading_day_of_a_weekend_or_a_holiday_is_the_one_before() {
        let plain = Calendar::default();
        for (date, time, began) in [
            ("2026-01-05", "00:00", "2026-01-05"),
            ("2026-01-05", "23:59", "2026-01-05"),
            ("2026-01-10", "00:00", "2026-01-09"),
            ("2026-01-11", "23:59", "2026-01-09"),
            ("2026-10-01", "00:00", "2026-09-30"),
            ("2026-10-07", "23:59", "2026-09-30"),
            ("2026-10-08", "00:00", "2026-10-08"),
            // Nothing is known of the Friday: a word of it is asked for.
            ("2027-01-01", "09:00", "2027-01-01"),
            ("2027-01-03", "09:00", "2027-01-01"),
        ] {
            assert_eq!(plain.trading_day_began(moment(date, time)), day(began).begins_at(), "{date} {time}");
        }
    }

    #[test]
    fn the_trading_day_before_is_told_at_its_latest_and_at_its_earliest() {
        let plain = Calendar::default();
        for (date, latest, earliest) in [
            ("2026-01-06", "2026-01-05", "2026-01-05"),
            ("2026-01-05", "2025-12-31", "2025-12-31"),
            ("2026-10-08", "2026-09-30", "2026-09-30"),
            ("2026-02-24", "2026-02-13", "2026-02-13"),
            ("2027-01-01", "2026-12-31", "2026-12-31"),
            ("2027-01-04", "2027-01-01", "2026-12-31"),
            ("2027-01-05", "2027-01-04", "2026-12-31"),
            ("2027-01-12", "2027-01-11", "2027-01-01"),
            ("2027-01-14", "2027-01-13", "2027-01-01"),
        ] {
            let of = day(date);
            let told = (plain.trading_day_before(of), plain.trading_day_surely_before(of));
            assert_eq!(told, (day(latest), day(earliest)), "{date}");
        }
    }

    #[test]
    fn a_year_that_nobody_told_of_is_missed_from_december_on() {
        let plain = Calendar::default();
        for (date, first) in [
            ("2026-11-30", None),
            ("2026-12-01", Some("2027-01-01")),
            ("2027-01-01", Some("2027-01-01")),
            ("2027-03-06", Some("2027-03-08")),
        ] {
            assert_eq!(plain.unknown_soon(day(date)), first.map(day), "{date}");
        }
        let told = calendar(r#"{"open": [], "closed": ["2027-01-01"], "known_through": "2027-12-31"}"#);
        assert_eq!(told.unknown_soon(day("2026-12-01")), None);
        assert_eq!(told.unknown_soon(day("2027-11-30")), None);
        assert_eq!(told.unknown_soon(day("2027-12-01")), Some(day("2028-01-03")));
    }

    #[test]
    fn the_exchanges_trade_within_their_hours() {
        let plain = Calendar::default();
        for (time, is_open) in [
            ("09:14", false),
            ("09:15", true),
            ("11:29", true),
            ("11:30", false),
            ("13:00", true),
            ("14:59", true),
            ("15:00", false),
        ] {
            assert_eq!(plain.is_trading_time(moment("2026-01-05", time)), is_open, "{time}");
            assert_eq!(plain.is_trading_time(moment("2027-01-04", time)), is_open, "{time}, of which nothing is known");
            for closed in ["2026-01-10", "2026-10-07"] {
                assert!(!plain.is_trading_time(moment(closed, time)), "{closed} {time}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_trading_day_is_never_far(days in -20_000..40_000_i64, minutes in 0..1440_u64) {
            let (plain, of) = (Calendar::default(), Day::of(Moment::from_micros(0)).after(days));
            let now = of.begins_at().plus(Duration::from_secs(60 * minutes));
            let began = plain.trading_day_began(now);
            prop_assert!(began <= now && plain.may_trade(Day::of(began)));
            let (latest, earliest) = (plain.trading_day_before(of), plain.trading_day_surely_before(of));
            prop_assert!(earliest <= latest && latest < of);
            // A weekend or a whole closure may lie before the unknown days.
            prop_assert!(of.since(earliest) <= 2 * LONGEST_GAP);
            prop_assert!(latest.next().through(of.before()).all(|between| !plain.may_trade(between)));
        }
    }
}
