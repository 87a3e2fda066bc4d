//! The axis of time under a chart: trading sessions side by side, without the nights and days on which nothing can be done.

use crate::domain::calendar::{Calendar, Day, time_of_day};
use crate::domain::moment::Moment;

pub(super) const WIDTH: f64 = 640.0;
pub(super) const HEIGHT: f64 = 180.0;

/// Up to where time is drawn: behind it the last value stays level, so that a change of just now is seen.
pub(super) const PLOT: f64 = WIDTH - 10.0;

/// How far apart ticks are at least, for their labels.
const APART: f64 = 84.0;

/// From a first moment to a last.
pub(super) struct TimeAxis {
    first: Moment,
    last: Moment,
    /// The sessions, and how many seconds of trading were over when each began.
    sessions: Vec<(Moment, Moment, f64)>,
}

/// A mark on the axis.
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) label: String,
}

impl TimeAxis {
    pub(super) fn new(first: Moment, last: Moment, calendar: &Calendar) -> Self {
        let mut over = 0.0;
        let session = |(from, until): (Moment, Moment)| {
            let before = over;
            over += seconds(from, until);
            (from, until, before)
        };
        let sessions = calendar.sessions(Day::of(first), Day::of(last)).map(session).collect();
        Self { first, last, sessions }
    }

    /// Where a moment lies. What is done outside of the sessions lies between them.
    pub(super) fn x(&self, moment: Moment) -> f64 {
        let (from, until) = (self.traded(self.first), self.traded(self.last));
        let part = if until > from {
            (self.traded(moment) - from) / (until - from)
        } else {
            // No session lies between: all there is are the hours.
            seconds(self.first, moment) / seconds(self.first, self.last).max(1.0)
        };
        part.clamp(0.0, 1.0) * PLOT
    }

    /// How many seconds were traded by then.
    fn traded(&self, moment: Moment) -> f64 {
        let begun = self.sessions.partition_point(|(from, ..)| *from <= moment);
        let Some((from, until, before)) = begun.checked_sub(1).and_then(|n| self.sessions.get(n)) else { return 0.0 };
        before + seconds(*from, moment.min(*until))
    }

    /// Days by their first session; within a single day the sessions by their beginning.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let within = Day::of(self.first) == Day::of(self.last);
        let mut ticks: Vec<Tick> = Vec::new();
        let mut day = None;
        for (from, ..) in self.sessions.iter().filter(|(from, ..)| *from <= self.last) {
            let is_new = day.replace(Day::of(*from)) != Some(Day::of(*from));
            let x = self.x(*from);
            if (is_new || within) && ticks.last().is_none_or(|last| x - last.x >= APART) && x <= WIDTH - APART {
                let label =
                    if within { time_of_day(*from).to_string() } else { Day::of(*from).to_string()[5..].to_owned() };
                ticks.push(Tick { x, label });
            }
        }
        ticks
    }
}

fn seconds(from: Moment, to: Moment) -> f64 {
    to.since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{CLOSES, OPENS};

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn axis(first: Moment, last: Moment) -> TimeAxis {
        TimeAxis::new(first, last, &Calendar::default())
    }

    #[test]
    fn nights_lunches_and_weekends_take_no_room() {
        // A Friday, and the Monday after it.
        let (friday, monday) = (day("2026-01-09"), day("2026-01-12"));
        let axis = axis(friday.at(OPENS), monday.at(CLOSES));
        let near = |moment, x: f64| assert!((axis.x(moment) - x).abs() < 0.1, "{} {x}", axis.x(moment));
        near(friday.at(OPENS), 0.0);
        near(friday.at("11:30".parse().unwrap()), PLOT / 4.0);
        near(friday.at("13:00".parse().unwrap()), PLOT / 4.0);
        near(friday.at(CLOSES), PLOT / 2.0);
        near(day("2026-01-10").at(OPENS), PLOT / 2.0);
        near(monday.at(OPENS), PLOT / 2.0);
        near(monday.at("23:00".parse().unwrap()), PLOT);
        let labels: Vec<String> = axis.ticks().into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, ["01-09", "01-12"]);
    }

    #[test]
    fn a_span_without_sessions_goes_by_the_clock() {
        let saturday = day("2026-01-10");
        let axis = axis(saturday.at(OPENS), saturday.at(CLOSES));
        assert!((axis.x(saturday.at("12:15".parse().unwrap())) - PLOT / 2.0).abs() < 0.1);
        assert!(axis.ticks().is_empty());
    }
}
