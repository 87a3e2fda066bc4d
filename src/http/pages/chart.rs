//! Charts as SVG, drawn here; every one says in words what it shows.

use std::fmt::Write as _;

use super::view::View;
use crate::domain::moment::Moment;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;

/// What was invested over time: a line that stays level until the next change.
pub(super) struct LineChart {
    /// The line, and the area below it.
    pub(super) line: String,
    pub(super) area: String,
    pub(super) zero: f64,
    pub(super) highest: String,
    pub(super) first_time: String,
    pub(super) last_time: String,
    /// What the chart shows, for who does not see it.
    pub(super) summary: String,
}

impl LineChart {
    /// Draws points in the order of time; None when there are too few for a line.
    pub(super) fn draw(points: &[(Moment, f64)], v: &View) -> Option<Self> {
        let (first, last) = (points.first()?, points.last()?);
        if points.len() < 2 {
            return None;
        }
        let high = points.iter().map(|point| point.1).fold(0.0, f64::max);
        let low = points.iter().map(|point| point.1).fold(0.0, f64::min);
        let (span, height) = (seconds(first.0, v.now.max(last.0)).max(1.0), (high - low).max(1e-9));
        let x = |moment| seconds(first.0, moment) / span * WIDTH;
        let y = |value: f64| HEIGHT - (value - low) / height * HEIGHT;
        let line = steps(points, x, y);
        let zero = y(0.0);
        let area = format!("{line}V{zero:.1}H0Z");
        let (first_time, last_time) = (v.time(&first.0), v.time(&v.now.max(last.0)));
        let highest = whole(high);
        let summary = v.t.invested_from_to(&first_time, &last_time, &whole(low), &highest, &whole(last.1));
        Some(Self { line, area, zero, highest, first_time, last_time, summary })
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
fn steps(points: &[(Moment, f64)], x: impl Fn(Moment) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for (n, (moment, value)) in points.iter().enumerate() {
        let (x, y) = (x(*moment), y(*value));
        // Writing to memory cannot fail.
        let _ = if n == 0 { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
    }
    let _ = write!(path, "H{WIDTH:.1}");
    path
}

/// A number as an axis names it.
fn whole(value: f64) -> String {
    super::format::grouped(&super::format::rounded(&format!("{value:.4}"), 0))
}

fn seconds(from: Moment, to: Moment) -> f64 {
    to.since(from).as_secs_f64()
}

/// How much each of some wanted over time, on one pair of axes.
pub(super) struct StepChart {
    pub(super) lines: Vec<StepLine>,
    /// How many there is no room for.
    pub(super) hidden: usize,
    pub(super) zero: f64,
    pub(super) highest: String,
    pub(super) first_time: String,
    pub(super) last_time: String,
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
    pub(super) fn draw(mut series: Vec<(String, Vec<(Moment, f64)>)>, v: &View) -> Option<Self> {
        const MOST: usize = 6;
        let hidden = series.len().saturating_sub(MOST);
        series.truncate(MOST);
        let points = || series.iter().flat_map(|(_, points)| points);
        let first = points().map(|point| point.0).min()?;
        let last = points().map(|point| point.0).fold(v.now, Moment::max);
        let high = points().map(|point| point.1).fold(0.0, f64::max);
        let low = points().map(|point| point.1).fold(0.0, f64::min);
        let (span, height) = (seconds(first, last).max(1.0), (high - low).max(1e-9));
        let y = |value: f64| HEIGHT - (value - low) / height * HEIGHT;
        let line = |(label, points): &(String, Vec<(Moment, f64)>)| {
            let path = steps(points, |moment| seconds(first, moment) / span * WIDTH, y);
            let last = whole(points.last().map_or(0.0, |point| point.1));
            StepLine { label: label.clone(), path, last }
        };
        let lines: Vec<StepLine> = series.iter().map(line).collect();
        let words: Vec<String> = lines.iter().map(|line| format!("{} {}", line.label, line.last)).collect();
        let (first_time, last_time) = (v.time(&first), v.time(&last));
        let summary = words.join(v.t.comma);
        Some(Self { lines, hidden, zero: y(0.0), highest: whole(high), first_time, last_time, summary })
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
