//! Charts as SVG, drawn here; every one says in words what it shows.

use std::fmt::Write as _;

use serde::Serialize;

use super::axis::{HEIGHT, Tick, TimeAxis, WIDTH};
use super::view::View;
use crate::digits;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::store::history::RevisionInfo;

/// What something was from a moment on, and which revision made it so, where one did.
#[derive(Clone)]
pub(super) struct Point {
    at: Moment,
    value: f64,
    made_by: Option<(Revision, String)>,
}

impl Point {
    pub(super) fn of(revision: &RevisionInfo, value: f64) -> Self {
        let made_by = Some((revision.id, revision.actor.name().to_owned()));
        Self { at: revision.at, value, made_by }
    }
}

impl From<(Moment, f64)> for Point {
    fn from((at, value): (Moment, f64)) -> Self {
        Self { at, value, made_by: None }
    }
}

/// A point as the script reads it that says what stands under a pointer.
#[derive(Serialize)]
struct Told {
    x: f64,
    text: String,
}

/// Where values lie, from the lowest of them to the highest.
struct Heights {
    low: f64,
    high: f64,
}

impl Heights {
    fn of<'a>(points: impl Iterator<Item = &'a Point>) -> Self {
        let none = Self { low: 0.0, high: 0.0 };
        points.fold(none, |all, point| Self { low: all.low.min(point.value), high: all.high.max(point.value) })
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - (value - self.low) / (self.high - self.low).max(1e-9) * HEIGHT
    }
}

/// What was invested over time: a line that stays level until the next change.
pub(super) struct LineChart {
    /// The line, and the area below it.
    pub(super) line: String,
    pub(super) area: String,
    pub(super) zero: f64,
    pub(super) highest: String,
    pub(super) ticks: Vec<Tick>,
    /// What stands under a pointer, for the script.
    pub(super) told: String,
    /// What the chart shows, for who does not see it.
    pub(super) summary: String,
}

impl LineChart {
    /// Draws points in the order of time; None when there are too few for a line.
    pub(super) fn draw<P: Clone + Into<Point>>(points: &[P], v: &View) -> Option<Self> {
        let points: Vec<Point> = points.iter().cloned().map(Into::into).collect();
        let (first, last) = (points.first()?, points.last()?);
        if points.len() < 2 {
            return None;
        }
        let (axis, heights) = (TimeAxis::new(first.at, v.now.max(last.at), v.calendar()), Heights::of(points.iter()));
        let line = steps(&points, &axis, &heights);
        let zero = heights.y(0.0);
        let area = format!("{line}V{zero:.1}H0Z");
        let (first_time, last_time) = (v.time(&first.at), v.time(&v.now.max(last.at)));
        let (low, high, now) = (whole(heights.low), whole(heights.high), whole(last.value));
        let summary = v.t.invested_from_to(&first_time, &last_time, &low, &high, &now);
        let told = told(&[(String::new(), points)], &axis, v);
        Some(Self { line, area, zero, highest: v.yuan(heights.high), ticks: axis.ticks(), told, summary })
    }
}

/// A line of equal steps in a hundred by twenty, from nothing up; None where there are too few points, or nothing.
pub(super) fn spark(values: &[f64]) -> Option<String> {
    let high = values.iter().copied().fold(0.0, f64::max);
    let last = u32::try_from(values.len().checked_sub(1)?).ok().filter(|last| *last > 0 && high > 0.0)?;
    let mut path = String::new();
    for (n, value) in (0..).zip(values) {
        let (x, y) = (f64::from(n) / f64::from(last) * 100.0, 20.0 - value.max(0.0) / high * 20.0);
        // Writing to memory cannot fail.
        let _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { 'M' } else { 'L' });
    }
    Some(path)
}

/// Points in the order of time as a line that stays level until the next of them, and to the end.
fn steps(points: &[Point], axis: &TimeAxis, heights: &Heights) -> String {
    let mut path = String::new();
    for (n, point) in points.iter().enumerate() {
        let (x, y) = (axis.x(point.at), heights.y(point.value));
        // Writing to memory cannot fail.
        let _ = if n == 0 { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
    }
    // What the last change led to is seen, also where it was made just now, or after the close.
    let _ = write!(path, "H{WIDTH:.1}");
    path
}

/// What lines are at each of their points, in words.
fn told(lines: &[(String, Vec<Point>)], axis: &TimeAxis, v: &View) -> String {
    let point = |label: &str, point: &Point| {
        let made_by = point.made_by.as_ref().map(|(id, by)| format!(" · {} {id} · {by}", v.t.revision));
        let (blank, value) = (if label.is_empty() { "" } else { " " }, whole(point.value));
        let text = format!("{label}{blank}{value} · {}{}", v.time(&point.at), made_by.unwrap_or_default());
        Told { x: axis.x(point.at), text }
    };
    let line = |(label, points): &(String, Vec<Point>)| points.iter().map(|one| point(label, one)).collect::<Vec<_>>();
    serde_json::to_string(&lines.iter().map(line).collect::<Vec<_>>()).unwrap_or_default()
}

/// A number as an axis names it.
fn whole(value: f64) -> String {
    digits::grouped(&digits::rounded(&format!("{value:.4}"), 0))
}

/// How much each of some wanted over time, on one pair of axes.
pub(super) struct StepChart {
    pub(super) lines: Vec<StepLine>,
    /// How many there is no room for.
    pub(super) hidden: usize,
    pub(super) zero: f64,
    pub(super) highest: String,
    pub(super) ticks: Vec<Tick>,
    /// What stands under a pointer, for the script.
    pub(super) told: String,
    pub(super) summary: String,
}

/// One of them.
pub(super) struct StepLine {
    pub(super) label: String,
    pub(super) path: String,
    /// What it comes to.
    pub(super) last: String,
}

impl StepChart {
    /// Draws the first few series, each in the order of time and level between its points; None without any.
    pub(super) fn draw<P: Into<Point>>(series: Vec<(String, Vec<P>)>, v: &View) -> Option<Self> {
        const MOST: usize = 6;
        let hidden = series.len().saturating_sub(MOST);
        let own =
            |(label, points): (String, Vec<P>)| (label, points.into_iter().map(Into::into).collect::<Vec<Point>>());
        let series: Vec<(String, Vec<Point>)> = series.into_iter().take(MOST).map(own).collect();
        let points = || series.iter().flat_map(|(_, points)| points);
        let first = points().map(|point| point.at).min()?;
        let last = points().map(|point| point.at).fold(v.now, Moment::max);
        let (axis, heights) = (TimeAxis::new(first, last, v.calendar()), Heights::of(points()));
        let line = |(label, points): &(String, Vec<Point>)| {
            let last = whole(points.last().map_or(0.0, |point| point.value));
            StepLine { label: label.clone(), path: steps(points, &axis, &heights), last }
        };
        let lines: Vec<StepLine> = series.iter().map(line).collect();
        let words: Vec<String> = lines.iter().map(|line| format!("{} {}", line.label, line.last)).collect();
        let (summary, told) = (words.join(v.t.comma), told(&series, &axis, v));
        let (zero, highest) = (heights.y(0.0), whole(heights.high));
        Some(Self { lines, hidden, zero, highest, ticks: axis.ticks(), told, summary })
    }
}

/// One part of a whole.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) share: f64,
    /// The bar's length and place.
    pub(super) width: f64,
    pub(super) y: usize,
}

/// How a list is composed.
pub(super) struct BarChart {
    pub(super) bars: Vec<Bar>,
    pub(super) height: usize,
    pub(super) summary: String,
}

impl BarChart {
    /// Draws the largest parts, and the rest as one.
    pub(super) fn draw(mut parts: Vec<(String, f64)>, v: &View) -> Option<Self> {
        const MOST: usize = 8;
        const STEP: usize = 26;
        parts.retain(|(_, size)| *size > 0.0);
        parts.sort_by(|one, two| two.1.total_cmp(&one.1));
        let whole: f64 = parts.iter().map(|part| part.1).sum();
        if whole <= 0.0 {
            return None;
        }
        if parts.len() > MOST {
            let rest = parts.split_off(MOST - 1);
            parts.push((v.t.others.to_owned(), rest.iter().map(|part| part.1).sum()));
        }
        let longest = parts.iter().map(|part| part.1).fold(0.0, f64::max);
        let bar = |(n, (label, size)): (usize, (String, f64))| Bar {
            label,
            share: size / whole,
            width: size / longest * 360.0,
            y: n * STEP,
        };
        let bars: Vec<Bar> = parts.into_iter().enumerate().map(bar).collect();
        let words: Vec<String> = bars.iter().map(|bar| format!("{} {}", bar.label, v.percent(&bar.share))).collect();
        Some(Self { height: bars.len() * STEP, summary: words.join(", "), bars })
    }
}
