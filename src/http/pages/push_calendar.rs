//! A strategy's pushes of a month, day by day: whether they came by their times, and how much they moved.

use std::collections::BTreeMap;

use super::changes::ChangeLine;
use super::links::{query, strategy_path};
use super::texts::Texts;
use super::view::View;
use crate::domain::book::Book;
use crate::domain::calendar::{Calendar, Day, Openness, Weekday};
use crate::domain::changes::Changes;
use crate::domain::moment::Moment;
use crate::domain::revision::RevisionKind;
use crate::domain::schedule::{Met, Punctuality, Schedule};
use crate::domain::strategy::StrategyName;
use crate::store::history::{Filter, within};
use crate::store::{Store, Untold};

/// How many revisions and changes of a month are looked through.
const REVISIONS: i64 = 1_000;
const CHANGES: i64 = 50_000;

/// A month of pushes.
pub(super) struct PushCalendar {
    /// Such as 2026-01.
    pub(super) month: String,
    /// The month before and the one after, with where they are shown; None where nothing can have been pushed yet.
    pub(super) before: (String, String),
    pub(super) after: Option<(String, String)>,
    /// From Monday to Friday; None outside of the month.
    pub(super) weeks: Vec<Vec<Option<Cell>>>,
    /// How many revisions are counted, where the month has more.
    pub(super) cut: Option<usize>,
}

/// A weekday.
pub(super) struct Cell {
    pub(super) number: String,
    pub(super) kept: Kept,
    /// What its revisions moved, at cost: CNY; and that in hundredths of the month's most.
    pub(super) turnover: f64,
    pub(super) strength: f64,
    /// Its revisions; None where there are none.
    pub(super) link: Option<String>,
}

/// How a day's pushes came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// By their times.
    OnTime,
    /// After them.
    Late,
    /// Some came, and none was expected by a time.
    Pushed,
    /// None came, or none for one of the day's times.
    Missing,
    /// None that changed anything: whether one said the same again is not in the history.
    Unknown,
    /// The exchanges are closed.
    Closed,
    /// It is not over, or the strategy was not there.
    Blank,
}

impl Kept {
    /// The same as a class.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::OnTime => "on-time",
            Self::Late => "came-late",
            Self::Pushed => "pushed",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Closed => "shut",
            Self::Blank => "blank",
        }
    }

    /// In words, with a mark for who sees no colours.
    pub(super) const fn word(self, t: &Texts) -> &'static str {
        match self {
            Self::OnTime => t.kept_on_time,
            Self::Late => t.kept_late,
            Self::Pushed => t.kept_pushed,
            Self::Missing => t.kept_missing,
            Self::Unknown => t.kept_unknown,
            Self::Closed => t.kept_closed,
            Self::Blank => "",
        }
    }
}

/// What a day brought.
#[derive(Default)]
struct Brought {
    pushes: Vec<Moment>,
    turnover: f64,
    is_any: bool,
}

/// What is known of a strategy's pushes beside its revisions.
struct Known<'a> {
    schedule: Option<&'a Schedule>,
    calendar: &'a Calendar,
    /// How each of today's due times was kept.
    today: Vec<Punctuality>,
    last_push_at: Option<Moment>,
    /// What was met on the day of the last push, also by those that changed nothing.
    met: Option<Met>,
    /// Since when nothing is expected any more.
    excused: Option<Day>,
    /// The first day on which the strategy was there, as far as the month tells.
    first: Option<Day>,
    now: Moment,
}

impl PushCalendar {
    /// The month that is asked for, else the present one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn read(
        store: &Store,
        book: &Book,
        name: &StrategyName,
        asked: &str,
        v: &View,
    ) -> Result<Self, Untold> {
        let first = format!("{asked}-01").parse().unwrap_or_else(|_| first_of(Day::of(v.now)));
        let (first, end) = (first.min(first_of(Day::of(v.now))), first_of(first.after(31)));
        let of_strategy = Filter { strategy: Some(name.clone()), ..Filter::default() };
        let filter = Filter { from: Some(first.begins_at()), to: Some(end.begins_at()), ..of_strategy.clone() };
        let found = store.revisions(&filter, None, REVISIONS + 1).await?;
        let many = found.len();
        let mut revisions = within(found, CHANGES);
        revisions.truncate(usize::try_from(REVISIONS).unwrap_or(usize::MAX));
        let cut = Some(revisions.len()).filter(|counted| *counted < many);
        let earlier = Filter { to: Some(first.begins_at()), ..of_strategy };
        let folded = book.settings().checkpoint();
        // Of the days up to the checkpoint nothing is known.
        let from = folded.map_or(first, |folded| first.max(Day::of(folded.at).next()));
        let is_older = match folded {
            Some(folded) if store.list_as_of(name, folded.revision).await?.is_some() => true,
            _ => !store.revisions(&earlier, None, 1).await?.is_empty(),
        };
        let changes = store.changes(&revisions, usize::MAX).await?;
        let mut days: BTreeMap<Day, Brought> = BTreeMap::new();
        for revision in revisions.iter().rev() {
            let day = days.entry(Day::of(revision.at)).or_default();
            let lines = ChangeLine::all(changes.get(&revision.id).map(Changes::in_list).unwrap_or_default());
            day.turnover += lines.iter().map(|line| line.value().abs()).sum::<f64>();
            day.is_any = true;
            day.pushes.extend(Some(revision.at).filter(|_| revision.kind == RevisionKind::Push));
        }
        let (settings, strategy) = (book.settings(), book.strategy(name));
        let schedule = settings.schedule(name).map(|schedule| &**schedule);
        let last_push_at = book.last_push_at(name);
        let met = strategy.and_then(|strategy| strategy.told.met);
        let slots = |schedule: &Schedule| schedule.slots(met, last_push_at, settings.calendar(), v.now);
        let known = Known {
            schedule,
            calendar: settings.calendar(),
            today: schedule.map(slots).unwrap_or_default().into_iter().map(|(_, kept)| kept).collect(),
            last_push_at,
            met,
            excused: settings
                .standing(name)
                .filter(|(standing, _)| !standing.state.is_expected())
                .map(|(_, mark)| Day::of(mark.updated_at)),
            first: if is_older { Some(from) } else { days.keys().next().copied() },
            now: v.now,
        };
        Ok(Self { cut, ..Self::draw(first, end, &days, &known, (name, v)) })
    }

    fn draw(
        first: Day,
        end: Day,
        days: &BTreeMap<Day, Brought>,
        known: &Known<'_>,
        (name, v): (&StrategyName, &View),
    ) -> Self {
        let most = days.values().map(|day| day.turnover).fold(0.0, f64::max);
        let nothing = Brought::default();
        let cell = |day: Day| {
            let brought = days.get(&day).unwrap_or(&nothing);
            let (from, to) = (v.time(&day.begins_at()), v.time(&day.next().begins_at()));
            let link = || format!("/history?{}", query([("strategy", name.as_str()), ("from", &from), ("to", &to)]));
            Cell {
                number: day.to_string().split_off(8),
                kept: known.kept(day, &brought.pushes),
                turnover: brought.turnover,
                strength: brought.turnover / most.max(f64::MIN_POSITIVE) * 100.0,
                link: brought.is_any.then(link),
            }
        };
        let is_monday = |day: &Day| day.weekday() == Weekday::Monday;
        let monday = std::iter::successors(Some(first), |day| Some(day.before())).find(is_monday).unwrap_or(first);
        let mondays = std::iter::successors(Some(monday), |day| Some(day.after(7))).take_while(|day| *day < end);
        let in_month = |day: &Day| (first..end).contains(day);
        let week = |monday: Day| (0..5).map(|n| Some(monday.after(n)).filter(in_month).map(cell)).collect();
        let weeks: Vec<Vec<Option<Cell>>> = mondays.map(week).collect();
        Self {
            month: month(first),
            before: linked(name, first.before()),
            after: (end <= Day::of(known.now)).then(|| linked(name, end)),
            weeks: weeks.into_iter().filter(|week| week.iter().any(Option::is_some)).collect(),
            cut: None,
        }
    }
}

impl Known<'_> {
    fn kept(&self, day: Day, pushes: &[Moment]) -> Kept {
        match self.as_expected(day, pushes) {
            Kept::Missing if self.excused.is_some_and(|since| day >= since) => Kept::Blank,
            kept => kept,
        }
    }

    /// The same, as if a push were expected on every day.
    fn as_expected(&self, day: Day, pushes: &[Moment]) -> Kept {
        let today = Day::of(self.now);
        let openness = self.calendar.openness(day);
        let last = self.last_push_at.map(Day::of);
        if day == today {
            return self.kept_today(last == Some(today), openness);
        }
        match (self.schedule, pushes.last()) {
            _ if day > today => Kept::Blank,
            (Some(schedule), Some(last)) => self.kept_by(schedule, day, pushes, *last),
            (None, Some(_)) => Kept::Pushed,
            _ if self.first.is_none_or(|first| day < first) => Kept::Blank,
            _ if openness == Openness::Closed => Kept::Closed,
            _ if openness == Openness::Open && last.is_none_or(|last| last < day) => Kept::Missing,
            _ => Kept::Unknown,
        }
    }

    /// How a day that is over and had pushes was kept. One time that was kept does not make up for another that was not.
    fn kept_by(&self, schedule: &Schedule, day: Day, pushes: &[Moment], last: Moment) -> Kept {
        let told = self.met.filter(|met| met.day() == day);
        let in_history = || pushes.iter().fold(None, |met, at| Some(schedule.note(met, *at)));
        let last = self.last_push_at.filter(|at| told.is_some() && Day::of(*at) == day).unwrap_or(last);
        let end = day.next().begins_at().minus(std::time::Duration::from_micros(1));
        let slots = schedule.slots(told.or_else(in_history), Some(last), self.calendar, end);
        let is_any = |wanted| slots.iter().any(|(_, kept)| *kept == wanted);
        if is_any(Punctuality::Silent) {
            // What said the same again is in no history: of the day of the last push alone it is known.
            if told.is_some() { Kept::Missing } else { Kept::Unknown }
        } else if is_any(Punctuality::Late) {
            Kept::Late
        } else {
            Kept::OnTime
        }
    }

    fn kept_today(&self, has_pushed: bool, openness: Openness) -> Kept {
        let is_any = |kept| self.today.contains(&kept);
        // One time that was kept does not make up for another that was not.
        if is_any(Punctuality::Silent) {
            Kept::Missing
        } else if is_any(Punctuality::Late) {
            Kept::Late
        } else if is_any(Punctuality::Unknown) {
            Kept::Unknown
        } else if is_any(Punctuality::OnTime) {
            Kept::OnTime
        } else if has_pushed {
            Kept::Pushed
        } else if openness == Openness::Closed {
            Kept::Closed
        } else {
            Kept::Blank
        }
    }
}

fn first_of(day: Day) -> Day {
    format!("{}-01", month(day)).parse().unwrap_or(day)
}

/// A day's month, and where it is shown.
fn linked(name: &StrategyName, day: Day) -> (String, String) {
    let month = month(day);
    let link = format!("{}?month={month}#pushes", strategy_path(name.as_str()));
    (month, link)
}

fn month(day: Day) -> String {
    let mut text = day.to_string();
    text.truncate(7);
    text
}
