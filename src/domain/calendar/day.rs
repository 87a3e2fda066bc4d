//! Days and times of day in Asia/Shanghai, by integer arithmetic from moments.
//!
//! China has kept UTC+8 without summer time since 1992, so no table of zones is asked.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::moment::Moment;

const MICROS_PER_MINUTE: i64 = 60_000_000;
const MINUTES_PER_DAY: i64 = 24 * 60;
const MICROS_PER_DAY: i64 = MINUTES_PER_DAY * MICROS_PER_MINUTE;

/// How far Shanghai's clocks are ahead of UTC: 8 hours.
const AHEAD_OF_UTC: i64 = 8 * 60 * MICROS_PER_MINUTE;

/// When continuous trading begins.
pub const OPENS: TimeOfDay = TimeOfDay::of(9, 30);

/// When the exchanges close.
pub const CLOSES: TimeOfDay = TimeOfDay::of(15, 0);

/// Why a text is not a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a day of the form 2026-01-05")]
pub struct DayError;

/// Why a text is not a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a time of day from 00:00 to 23:59")]
pub struct TimeError;

/// A day in Asia/Shanghai. Printed and read as `2026-01-05`; stored as days since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(i64);

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// From the day of the Unix epoch on, which was a Thursday.
    const FROM_EPOCH: [Self; 7] =
        [Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday, Self::Monday, Self::Tuesday, Self::Wednesday];
}

impl Day {
    /// The day that a moment lies in.
    pub const fn of(moment: Moment) -> Self {
        Self(moment.as_micros().saturating_add(AHEAD_OF_UTC).div_euclid(MICROS_PER_DAY))
    }

    /// The day of a date that exists: of a constant, mostly. What people send is read by [`str::parse`].
    ///
    /// Howard Hinnant's `days_from_civil`: years begin in March here, so that the leap day is the last.
    pub(in crate::domain) const fn of_date(year: i64, month: i64, day: i64) -> Self {
        let year = if month > 2 { year } else { year - 1 };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * 146_097 + day_of_era - 719_468)
    }

    /// Year, month and day of the month: `civil_from_days`, the inverse of [`Day::of_date`].
    const fn date(self) -> (i64, i64, i64) {
        let days = self.0 + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = era * 400 + year_of_era + if month > 2 { 0 } else { 1 };
        (year, month, day)
    }

    /// Which day of the week it is.
    pub fn weekday(self) -> Weekday {
        // What is left of a division by seven is one of seven.
        let index = usize::try_from(self.0.rem_euclid(7)).unwrap_or_default();
        Weekday::FROM_EPOCH[index]
    }

    /// Whether it is a Saturday or a Sunday.
    pub fn is_weekend(self) -> bool {
        self.weekday() >= Weekday::Saturday
    }

    /// Its midnight in Shanghai.
    pub const fn begins_at(self) -> Moment {
        Moment::from_micros(self.0.saturating_mul(MICROS_PER_DAY).saturating_sub(AHEAD_OF_UTC))
    }

    /// When it is that time on this day.
    pub fn at(self, time: TimeOfDay) -> Moment {
        self.begins_at().plus(time.since_midnight())
    }

    /// The day after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The day before.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The day so many days after.
    #[must_use]
    pub const fn after(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// How many days have passed since an earlier one.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The days from this one to another, both among them; none to an earlier one.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }

    /// The year that it lies in.
    pub const fn year(self) -> i64 {
        self.date().0
    }

    /// The month of the year that it lies in, from 1.
    pub const fn month(self) -> i64 {
        self.date().1
    }

    /// The last day of a year.
    pub const fn last_of(year: i64) -> Self {
        Self::of_date(year, 12, 31)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let number = |range| text.get(range).and_then(digits).ok_or(DayError);
        let day = Self::of_date(number(0..4)?, number(5..7)?, number(8..10)?);
        // A date that does not exist, or is spelled otherwise, is not what the day is called.
        if day.to_string() == text { Ok(day) } else { Err(DayError) }
    }
}

/// The time of day that it is in Shanghai: the minute that has begun.
pub fn time_of_day(moment: Moment) -> TimeOfDay {
    let passed = moment.as_micros().saturating_add(AHEAD_OF_UTC).rem_euclid(MICROS_PER_DAY);
    TimeOfDay(u16::try_from(passed / MICROS_PER_MINUTE).unwrap_or_default())
}

/// A time of day in Asia/Shanghai, in whole minutes. Printed and read as `09:35`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// A time of a constant: hours below 24, minutes below 60.
    pub(in crate::domain) const fn of(hours: u16, minutes: u16) -> Self {
        Self(hours * 60 + minutes)
    }

    /// How long after midnight it is.
    pub fn since_midnight(self) -> Duration {
        Duration::from_secs(u64::from(self.0) * 60)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let (hours, minutes) = text.split_once(':').filter(|_| text.len() == 5).ok_or(TimeError)?;
        match (digits(hours), digits(minutes)) {
            (Some(hours @ 0..24), Some(minutes @ 0..60)) if text.as_bytes()[2] == b':' => {
                Ok(Self(u16::try_from(hours * 60 + minutes).map_err(|_| TimeError)?))
            }
            _ => Err(TimeError),
        }
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{text:?} {error}"))
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

/// A number of digits alone: `str::parse` takes signs as well.
fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_begins_at_shanghais_midnight() {
        // 2026-01-05T00:00:00+08:00, as `date -d` has it.
        let midnight = Moment::from_micros(1_767_542_400_000_000);
        assert_eq!(day("2026-01-05").begins_at(), midnight);
        assert_eq!(Day::of(midnight), day("2026-01-05"));
        assert_eq!(Day::of(Moment::from_micros(midnight.as_micros() - 1)), day("2026-01-04"));
        assert_eq!(Day::of(Moment::from_micros(0)), day("1970-01-01"));
        assert_eq!(Day::of(Moment::from_micros(-AHEAD_OF_UTC - 1)), day("1969-12-31"));
    }

    #[test]
    fn a_week_begins_on_monday_and_has_a_weekend() {
        let week: Vec<Day> = day("2026-01-05").through(day("2026-01-11")).collect();
        assert_eq!((week.len(), week[0].weekday(), week[6].weekday()), (7, Weekday::Monday, Weekday::Sunday));
        let weekend: Vec<bool> = week.iter().map(|day| day.is_weekend()).collect();
        assert_eq!(weekend, [false, false, false, false, false, true, true]);
        assert_eq!(week[0].through(week[0].before()).count(), 0);
    }

    #[test]
    fn days_are_counted_over_the_turn_of_a_year() {
        let (eve, new_year) = (day("2026-12-31"), day("2027-01-01"));
        assert_eq!((eve.after(1), new_year.since(eve), new_year.after(-1)), (new_year, 1, eve));
        assert_eq!((eve.year(), eve.month(), new_year.year(), new_year.month()), (2026, 12, 2027, 1));
        assert_eq!(Day::last_of(2026), eve);
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["", "2026-1-5", "2026-02-29", "2026-00-01", "2026-13-01", "2026-01-00", "2026-01-32", "2026/01/05"]
        {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
        for text in ["+026-01-05", "2026-01-05 ", "2026-01-0五", "20260105", "12026-01-05"] {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
        assert_eq!(day("2024-02-29").next(), day("2024-03-01"));
        assert_eq!(day("2000-03-01").before(), day("2000-02-29"));
    }

    #[test]
    fn what_is_no_time_of_day_is_refused() {
        for text in ["", "9:35", "09:60", "24:00", "-1:00", "+9:35", "09:35:00", "0935", "09.35", "009:5", "零9:35"] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(TimeError), "{text}");
        }
        let refused = serde_json::from_str::<TimeOfDay>("\"9:35\"").unwrap_err().to_string();
        assert!(refused.starts_with("\"9:35\" is not a time of day from 00:00 to 23:59"), "{refused}");
        let time: TimeOfDay = serde_json::from_str("\"09:35\"").unwrap();
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"09:35\"");
    }

    proptest! {
        #[test]
        fn every_moment_lies_in_its_day_and_its_minute(micros in -62_000_000_000_000_000..250_000_000_000_000_000_i64) {
            let at = Moment::from_micros(micros);
            let day = Day::of(at);
            prop_assert!(day.begins_at() <= at && at < day.next().begins_at());
            let minute = day.at(time_of_day(at));
            prop_assert!(minute <= at && at.since(minute) < Duration::from_mins(1));
        }

        #[test]
        fn a_day_printed_and_read_again_is_the_same(days in -700_000..2_900_000_i64) {
            let day = Day(days);
            prop_assert_eq!(day.to_string().parse(), Ok(day));
            let (one, next) = (day.weekday(), day.next().weekday());
            prop_assert!(next > one || (one, next) == (Weekday::Sunday, Weekday::Monday));
        }

        #[test]
        fn a_time_printed_and_read_again_is_the_same(minutes in 0..1440_u16) {
            prop_assert_eq!(TimeOfDay(minutes).to_string().parse(), Ok(TimeOfDay(minutes)));
        }
    }
}
