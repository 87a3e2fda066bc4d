//! Schedules: by when a strategy is expected to push, and whether it did.
//!
//! The due times of a day part it into slots: slot i goes from the due time before it, or from midnight, up to its own
//! due time. A push meets one slot: the one that it comes in, or, late, the one before, where that is still unmet and its
//! due time is the nearer one. So what was missed in the morning does not stand for what is due in the afternoon.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;

use super::calendar::{Calendar, Day, Openness, TimeOfDay};
use super::moment::Moment;

/// How many due times a day may have: their slots fit into one number.
pub const MAX_TIMES: usize = 48;

/// How many days are looked through for a due time: more than any holiday has.
const FARTHEST: usize = 31;

/// The days that a schedule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Days {
    /// Trading days.
    #[default]
    Trading,
    /// Every day.
    All,
}

impl Days {
    /// The days as they are written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether something is due on a day.
    fn count(self, day: Day, calendar: &Calendar) -> Openness {
        match self {
            Self::Trading => calendar.openness(day),
            Self::All => Openness::Open,
        }
    }
}

/// How a strategy keeps its schedule, looking at the latest due time of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Punctuality {
    /// It pushed in the slot that was due last.
    OnTime,
    /// It pushed, but only after the due time.
    Late,
    /// It has not pushed since that slot began.
    Silent,
    /// Nothing has been due today: it is no day for it, or too early. What was due yesterday is yesterday's matter.
    NotDue,
    /// It has not pushed since that slot began, and nothing is known of whether today is a day for it.
    Unknown,
}

impl Punctuality {
    /// Whether a push is late, or missing.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Late | Self::Silent)
    }

    /// The punctuality as it is written and answered.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Which slots of a day were met. It is kept for as long as the schedule stays the same: slots are known by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Met {
    day: Day,
    slots: u64,
    /// Those that were met late.
    #[serde(default, skip_serializing_if = "is_none")]
    late: u64,
}

impl Met {
    /// The day whose slots they are.
    pub const fn day(&self) -> Day {
        self.day
    }
}

/// By when pushes are expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(into = "Document", try_from = "Document")]
pub struct Schedule {
    /// In order, each time once.
    #[schema(min_items = 1, max_items = 48)]
    by: Vec<TimeOfDay>,
    #[schema(required = false)]
    days: Days,
}

/// A schedule as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    by: Vec<TimeOfDay>,
    #[serde(default)]
    days: Days,
}

/// Why due times make no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// There are none, or too many.
    #[error("by must hold 1 to 48 times")]
    Count,
    /// They do not follow each other.
    #[error("by must be in order, each time once: {1} does not come after {0}")]
    Order(TimeOfDay, TimeOfDay),
}

impl TryFrom<Document> for Schedule {
    type Error = ScheduleError;

    fn try_from(document: Document) -> Result<Self, ScheduleError> {
        Self::new(document.by, document.days)
    }
}

impl From<Schedule> for Document {
    fn from(Schedule { by, days }: Schedule) -> Self {
        Self { by, days }
    }
}

impl Schedule {
    /// The schedule of these due times.
    ///
    /// # Errors
    /// When there are none or too many, or they are not in order.
    pub fn new(by: Vec<TimeOfDay>, days: Days) -> Result<Self, ScheduleError> {
        if !(1..=MAX_TIMES).contains(&by.len()) {
            return Err(ScheduleError::Count);
        }
        match by.array_windows().find(|[one, next]| one >= next) {
            Some([one, next]) => Err(ScheduleError::Order(*one, *next)),
            None => Ok(Self { by, days }),
        }
    }

    /// The due times of a day, in order.
    pub fn by(&self) -> &[TimeOfDay] {
        &self.by
    }

    /// The days that they are about.
    pub const fn days(&self) -> Days {
        self.days
    }

    /// All that it says, for who tells of it: a member more is to be told as well.
    pub fn parts(&self) -> (&[TimeOfDay], Days) {
        let Self { by, days } = self;
        (by, *days)
    }

    /// What is met after a push: to be asked at each, with what was met before it.
    pub fn note(&self, met: Option<Met>, at: Moment) -> Met {
        let day = Day::of(at);
        let met = met.filter(|met| met.day == day).unwrap_or(Met { day, slots: 0, late: 0 });
        let slot = self.by.partition_point(|due| day.at(*due) < at);
        let due = |slot: usize| self.by.get(slot).map(|due| day.at(*due));
        let is_late = |missed: usize| {
            let is_nearer = due(slot).is_none_or(|next| due(missed).is_some_and(|due| at.since(due) <= next.since(at)));
            is_nearer && (met.slots | met.late) & bit(missed) == 0
        };
        match slot.checked_sub(1).filter(|missed| is_late(*missed)) {
            Some(missed) => Met { late: met.late | bit(missed), ..met },
            // After the last due time there is no slot to meet.
            None => Met { slots: met.slots | due(slot).map_or(0, |_| bit(slot)), ..met },
        }
    }

    /// How the strategy keeps the schedule, by what its pushes met and when the last of them came.
    pub fn status(
        &self,
        met: Option<Met>,
        last_push_at: Option<Moment>,
        calendar: &Calendar,
        now: Moment,
    ) -> Punctuality {
        let today = Day::of(now);
        let due = self.due_times(today, calendar).enumerate().take_while(|(_, due)| *due <= now).last();
        let Some((slot, due)) = due else { return Punctuality::NotDue };
        if met.is_some_and(|met| met.day == today && met.slots & bit(slot) != 0) {
            Punctuality::OnTime
        } else if last_push_at.is_some_and(|at| at > due && at <= now) {
            Punctuality::Late
        } else if self.days.count(today, calendar) == Openness::Unknown {
            Punctuality::Unknown
        } else {
            Punctuality::Silent
        }
    }

    /// The last due time up to `now`, where no push met it and none came late: it is missed until one comes, or perhaps
    /// missed, where nothing is known of whether that was a day for it.
    pub fn missed(
        &self,
        met: Option<Met>,
        last_push_at: Option<Moment>,
        calendar: &Calendar,
        now: Moment,
    ) -> Option<(Moment, Openness)> {
        let due = self.last_due(calendar, now)?;
        let day = Day::of(due);
        let slot = self.by.iter().position(|time| day.at(*time) == due)?;
        let is_met = met.is_some_and(|met| met.day == day && met.slots & bit(slot) != 0);
        let came_late = last_push_at.is_some_and(|at| at > due && at <= now);
        (!is_met && !came_late).then(|| (due, self.days.count(day, calendar)))
    }

    /// How each due time of today was kept, in their order; none on a day that the schedule is not about.
    pub fn slots(
        &self,
        met: Option<Met>,
        last_push_at: Option<Moment>,
        calendar: &Calendar,
        now: Moment,
    ) -> Vec<(TimeOfDay, Punctuality)> {
        let today = Day::of(now);
        let (on_time, late) = met.filter(|met| met.day == today).map_or((0, 0), |met| (met.slots, met.late));
        let due: Vec<Moment> = self.due_times(today, calendar).collect();
        let latest = due.iter().rposition(|due| *due <= now);
        let kept = |(slot, due): (usize, &Moment)| match self.days.count(today, calendar) {
            _ if latest == Some(slot) => self.status(met, last_push_at, calendar, now),
            _ if on_time & bit(slot) != 0 => Punctuality::OnTime,
            _ if late & bit(slot) != 0 => Punctuality::Late,
            _ if *due > now => Punctuality::NotDue,
            Openness::Unknown => Punctuality::Unknown,
            Openness::Open | Openness::Closed => Punctuality::Silent,
        };
        self.by.iter().copied().zip(due.iter().enumerate().map(kept)).collect()
    }

    /// The last due time up to `now`, also on a day of which nothing is known; None when there was none for a month.
    pub fn last_due(&self, calendar: &Calendar, now: Moment) -> Option<Moment> {
        let days = std::iter::successors(Some(Day::of(now)), |day| Some(day.before())).take(FARTHEST);
        days.flat_map(|day| self.due_times(day, calendar).rev()).find(|due| *due <= now)
    }

    /// When something is due on a day, for all that is known, in order.
    fn due_times(
        &self,
        day: Day,
        calendar: &Calendar,
    ) -> impl DoubleEndedIterator<Item = Moment> + ExactSizeIterator + use<'_> {
        let by = if self.days.count(day, calendar) == Openness::Closed { &[] } else { &*self.by };
        by.iter().map(move |due| day.at(*due))
    }
}

/// Whether no slot is among them.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it may skip so")]
const fn is_none(slots: &u64) -> bool {
    *slots == 0
}

/// The bit of a slot, of which there are fewer than bits.
fn bit(slot: usize) -> u64 {
    u32::try_from(slot).ok().and_then(|slot| 1_u64.checked_shl(slot)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const DAY: &str = r#"{"by":["09:35","14:55"],"days":"trading"}"#;

    fn schedule(document: &str) -> Schedule {
        serde_json::from_str(document).unwrap()
    }

    fn refused(document: &str) -> String {
        serde_json::from_str::<Schedule>(document).unwrap_err().to_string()
    }

    /// A moment of January 2026, whose 5th is a Monday.
    fn moment(day: u32, time: &str) -> Moment {
        let (time, micros) = time.split_once('+').unwrap_or((time, "0"));
        let day: Day = format!("2026-01-{day:02}").parse().unwrap();
        Moment::from_micros(day.at(time.parse().unwrap()).as_micros() + micros.parse::<i64>().unwrap())
    }

    /// The status at a time of Monday, after pushes at these.
    fn status(pushes: &[(u32, &str)], now: &str) -> &'static str {
        let schedule = schedule(DAY);
        let (mut met, mut last) = (None, None);
        for (day, time) in pushes {
            let at = moment(*day, time);
            (met, last) = (Some(schedule.note(met, at)), Some(at));
        }
        schedule.status(met, last, &Calendar::default(), moment(5, now)).as_str()
    }

    #[test]
    fn a_push_by_the_due_time_is_on_time() {
        for time in ["00:00", "09:34", "09:35"] {
            assert_eq!(status(&[(5, time)], "09:35"), "on_time", "{time}");
            assert_eq!(status(&[(5, time)], "14:54"), "on_time", "{time}");
            assert_eq!(status(&[(5, time)], "14:55"), "silent", "{time}");
        }
        assert_eq!(status(&[(5, "09:30"), (5, "14:50")], "23:59"), "on_time");
        assert_eq!(status(&[(5, "09:30"), (5, "14:50"), (5, "15:30")], "23:59"), "on_time");
    }

    #[test]
    fn a_push_after_the_due_time_meets_one_slot_only() {
        assert_eq!(status(&[(5, "09:35+1")], "10:00"), "late");
        assert_eq!(status(&[(5, "14:54")], "14:54"), "late");
        assert_eq!(status(&[(5, "09:35+1")], "14:55"), "silent", "it was late for the one before");
        assert_eq!(status(&[(5, "12:15")], "14:55"), "silent", "halfway");
        assert_eq!(status(&[(5, "12:16")], "14:55"), "on_time", "nearer to what is due then");
        assert_eq!(status(&[(5, "09:36"), (5, "09:37")], "14:55"), "on_time", "what was missed is met late once");
        assert_eq!(status(&[(5, "09:30"), (5, "09:36")], "14:55"), "on_time", "nothing was missed");
        assert_eq!(status(&[(5, "09:30"), (5, "14:55+1")], "15:00"), "late");
    }

    #[test]
    fn every_due_time_of_the_day_says_how_it_was_kept() {
        let calendar = Calendar::default();
        let slots = |document: &str, day, pushes: &[&str], now| {
            let schedule = schedule(document);
            let met = pushes.iter().fold(None, |met, time| Some(schedule.note(met, moment(day, time))));
            let last = pushes.last().map(|time| moment(day, time));
            let slots = schedule.slots(met, last, &calendar, moment(day, now));
            slots.iter().map(|(by, kept)| format!("{by} {}", kept.as_str())).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(slots(DAY, 5, &[], "09:00"), "09:35 not_due, 14:55 not_due");
        assert_eq!(slots(DAY, 5, &["09:30"], "10:00"), "09:35 on_time, 14:55 not_due");
        assert_eq!(slots(DAY, 5, &["10:00", "14:50"], "14:52"), "09:35 late, 14:55 on_time");
        assert_eq!(slots(DAY, 5, &["14:50"], "15:00"), "09:35 silent, 14:55 on_time");
        assert_eq!(slots(DAY, 5, &["09:35"], "15:00"), "09:35 on_time, 14:55 silent");
        assert_eq!(slots(DAY, 3, &[], "15:00"), "", "a Saturday");
    }

    #[test]
    fn who_says_nothing_is_silent() {
        assert_eq!(status(&[], "09:35"), "silent");
        assert_eq!(status(&[(2, "09:30"), (2, "14:50")], "09:35"), "silent", "Friday's pushes are Friday's");
        assert_eq!(status(&[(4, "23:59")], "09:35"), "silent", "a push on Sunday meets nothing of Monday");
        assert_eq!(status(&[(5, "09:30")], "23:59"), "silent");
        assert_eq!(status(&[(6, "09:30")], "09:35"), "silent", "a clock that is right again");
    }

    #[test]
    fn before_the_first_due_time_and_on_other_days_nothing_is_due() {
        assert_eq!(status(&[], "00:00"), "not_due");
        assert_eq!(status(&[(2, "09:30")], "09:34"), "not_due");
        let (trading, all) = (schedule(DAY), schedule(r#"{"by": ["09:35"], "days": "all"}"#));
        let sunday = moment(4, "10:00");
        let status = |schedule: &Schedule, met, now| schedule.status(met, None, &Calendar::default(), now);
        assert_eq!(status(&trading, None, sunday), Punctuality::NotDue);
        assert_eq!(status(&trading, None, moment(2, "10:00")), Punctuality::NotDue, "a holiday");
        assert_eq!(status(&all, None, sunday), Punctuality::Silent);
        assert_eq!(status(&all, Some(all.note(None, moment(4, "09:00"))), sunday), Punctuality::OnTime);
    }

    #[test]
    fn on_a_day_of_which_nothing_is_known_a_push_is_what_it_is_and_silence_is_neither() {
        let (trading, all, calendar) =
            (schedule(DAY), schedule(r#"{"by": ["09:35"], "days": "all"}"#), Calendar::default());
        let at = |time: &str| "2027-01-04".parse::<Day>().unwrap().at(time.parse().unwrap());
        for (pushed, now, told) in [
            (None, "09:34", "not_due"),
            (None, "09:35", "unknown"),
            (Some("09:30"), "09:35", "on_time"),
            (Some("09:40"), "10:00", "late"),
            (Some("09:30"), "14:55", "unknown"),
        ] {
            let met = pushed.map(|time| trading.note(None, at(time)));
            let status = trading.status(met, pushed.map(at), &calendar, at(now));
            assert_eq!(status.as_str(), told, "{pushed:?} {now}");
        }
        assert_eq!(all.status(None, None, &calendar, at("09:35")), Punctuality::Silent);
        assert_eq!(trading.last_due(&calendar, at("14:54")), Some(at("09:35")));
    }

    #[test]
    fn due_times_are_found_over_days_without_any() {
        let (trading, all) = (schedule(DAY), schedule(r#"{"by": ["09:35", "14:55"], "days": "all"}"#));
        let calendar = Calendar::default();
        for (now, last) in [
            ((5, "09:35"), (5, "09:35")),
            ((6, "00:00"), (5, "14:55")),
            ((6, "09:34"), (5, "14:55")),
            ((5, "14:55"), (5, "14:55")),
            ((9, "23:59"), (9, "14:55")),
            ((11, "12:00"), (9, "14:55")),
        ] {
            let at = moment(now.0, now.1);
            assert_eq!(trading.last_due(&calendar, at), Some(moment(last.0, last.1)), "{now:?}");
        }
        assert_eq!(trading.last_due(&calendar, moment(5, "00:00")), trading.last_due(&calendar, moment(1, "00:00")));
        assert_eq!(all.last_due(&calendar, moment(5, "00:00")), Some(moment(4, "14:55")));
    }

    #[test]
    fn a_schedule_written_and_read_again_is_the_same() {
        assert_eq!(serde_json::to_string(&schedule(DAY)).unwrap(), DAY);
        assert_eq!(schedule(r#"{"by": ["09:35", "14:55"]}"#), schedule(DAY));
        assert_eq!(schedule(r#"{"by": ["00:00"], "days": "all"}"#).days().as_str(), "all");
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_a_sentence() {
        for (document, reason) in [
            (r#"{"by": []}"#, "by must hold 1 to 48 times"),
            (r#"{"by": ["14:55", "09:35"]}"#, "by must be in order, each time once: 09:35 does not come after 14:55"),
            (r#"{"by": ["09:35", "09:35"]}"#, "by must be in order, each time once: 09:35 does not come after 09:35"),
            (r#"{"by": ["9:35"]}"#, "\"9:35\" is not a time of day from 00:00 to 23:59"),
            (r#"{"by": ["09:35"], "days": "weekends"}"#, "unknown variant `weekends`, expected `trading` or `all`"),
            (r#"{"by": ["09:35"], "day": "all"}"#, "unknown field `day`, expected `by` or `days`"),
            (r#"{"days": "all"}"#, "missing field `by`"),
        ] {
            let refused = refused(document);
            assert!(refused.starts_with(reason), "{refused}");
        }
        let times: Vec<TimeOfDay> =
            (0..49).map(|n| format!("{:02}:{:02}", n / 2, n % 2 * 30)).map_while(|text| text.parse().ok()).collect();
        assert!(Schedule::new(times.clone(), Days::All).is_ok());
        assert_eq!((times.len(), bit(47)), (MAX_TIMES, 1 << 47));
        assert_eq!(Schedule::new([times, vec![TimeOfDay::of(23, 59)]].concat(), Days::All), Err(ScheduleError::Count));
    }

    proptest! {
        #[test]
        fn the_status_is_what_the_slots_say(
            by in prop::collection::btree_set(0..1440_u16, 1..48),
            pushes in prop::collection::btree_set(0..1440_u16, 0..5),
            now in 0..1440_u16,
        ) {
            let time = |minutes: u16| TimeOfDay::of(0, minutes);
            let schedule = Schedule::new(by.iter().copied().map(time).collect(), Days::Trading).unwrap();
            let monday: Day = "2026-01-05".parse().unwrap();
            let (mut met, mut last) = (None, None);
            for push in pushes.range(..=now) {
                let at = monday.at(time(*push));
                (met, last) = (Some(schedule.note(met, at)), Some(at));
            }
            let told = schedule.status(met, last, &Calendar::default(), monday.at(time(now)));
            // The due time that each push is for, in order: nobody is met twice by one, nor late by two.
            let mut expected_of: BTreeMap<u16, u16> = BTreeMap::new();
            for push in pushes.range(..=now) {
                let (before, next) = (by.range(..push).next_back(), by.range(push..).next());
                let missed = before.filter(|due| {
                    !expected_of.contains_key(due) && next.is_none_or(|next| push - *due <= next - push)
                });
                if let Some(due) = missed.or(next) {
                    expected_of.entry(*due).or_insert(*push);
                }
            }
            let expected = match by.range(..=now).next_back() {
                None => Punctuality::NotDue,
                Some(due) => {
                    if expected_of.get(due).is_some_and(|push| push <= due) {
                        Punctuality::OnTime
                    } else if pushes.range(due + 1..).next().is_some_and(|push| *push <= now) {
                        Punctuality::Late
                    } else {
                        Punctuality::Silent
                    }
                }
            };
            prop_assert_eq!(told, expected);
            let missed = schedule.missed(met, last, &Calendar::default(), monday.at(time(now)));
            let due = by.range(..=now).next_back().map(|due| monday.at(time(*due)));
            // Before the first due time, Friday's is missed until somebody pushes.
            let is_missed = if due.is_some() { told == Punctuality::Silent } else { pushes.range(..=now).next().is_none() };
            prop_assert_eq!(missed.is_some(), is_missed);
            prop_assert!(missed.is_none() || due.is_none() || missed.map(|missed| missed.0) == due);
        }

        #[test]
        fn the_last_due_time_is_the_last_of_all_up_to_now(by in prop::collection::btree_set(0..1440_u16, 1..5), minutes in 0..14 * 1440_i64) {
            let by = by.into_iter().map(|minutes| TimeOfDay::of(0, minutes)).collect();
            let schedule = Schedule::new(by, Days::Trading).unwrap();
            let now = Moment::from_micros(moment(5, "00:00").as_micros() + minutes * 60_000_000);
            let calendar = Calendar::default();
            let days = Day::of(moment(1, "00:00")).before().before().through(Day::of(now));
            let open = days.filter(|day| calendar.openness(*day) == Openness::Open);
            let due = open.flat_map(|day| schedule.by().iter().map(move |time| day.at(*time)));
            prop_assert_eq!(schedule.last_due(&calendar, now), due.filter(|due| *due <= now).max());
        }
    }
}
