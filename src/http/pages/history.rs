//! `/history`: every revision by day, a line each that opens in place, with filters in the address; and as CSV.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures::{StreamExt as _, stream};
use serde::Deserialize;
use strum::VariantArray as _;

use super::super::AppState;
use super::super::csv::{Rows, download};
use super::super::error::AppError;
use super::super::extract::{Query, Typed};
use super::changes::{ChangeLine, Entry, Flow, SHOWN, whole_entry};
use super::known::{self, Known};
use super::view::{Reading, View};
use super::{html, links};
use crate::domain::book::Book;
use crate::domain::calendar::{Calendar, Day, Weekday};
use crate::domain::changes::Changes;
use crate::domain::code::{Code, Instrument, Notation};
use crate::domain::moment::Moment;
use crate::domain::position::InstrumentChange;
use crate::domain::revision::{Revision, RevisionKind};
use crate::domain::strategy::StrategyName;
use crate::store::history::{Filter, RevisionInfo, within};
use crate::store::{Store, Unavailable};

/// How many revisions stand on a page, and how many of their changes are added up for it.
const PAGE: i64 = 50;
const PAGE_CHANGES: i64 = 20_000;

/// Among how many of the newest revisions those are looked for who may be filtered by.
const RECENT: i64 = 200;

/// How many revisions of a file, and how many of their changes, are held in memory at a time.
const EXPORTED: i64 = 200;
const EXPORTED_CHANGES: i64 = 5_000;

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    v: View,
    asked: Asked,
    suggested: Suggested,
    presets: Vec<Preset>,
    days: Vec<DayLines>,
    /// The query of this page without its place, for the links to other places and to CSV.
    base: String,
    older: Option<Revision>,
    /// Whether what is older than all of these is in the archive.
    is_folded: bool,
    at_newest: bool,
}

/// What filters are chosen from.
struct Suggested {
    strategies: Vec<StrategyName>,
    instruments: Vec<Known>,
    actors: Vec<String>,
}

/// Days that are often looked at.
struct Preset {
    label: &'static str,
    link: String,
    is_current: bool,
}

/// The revisions of a day, newest first.
struct DayLines {
    day: String,
    weekday: Option<Weekday>,
    lines: Vec<Line>,
}

/// A revision in a line.
struct Line {
    entry: Entry,
    /// What all of its changes come to, also of those that are not shown.
    flow: Flow,
    counts: Vec<(&'static str, usize)>,
    /// Whether its first change is the one that was asked for.
    is_match: bool,
}

impl Line {
    fn of(revision: RevisionInfo, changes: Option<&Changes>, wanted: Option<&Instrument>, v: &View) -> Self {
        let mut entry = whole_entry(revision, changes, v);
        let (flow, counts) = (Flow::of(&entry.lines), ChangeLine::counts(&entry.lines, v.t));
        let is_wanted = |line: &ChangeLine| wanted.is_some_and(|wanted| *wanted == line.code.instrument());
        entry.lines.sort_by_key(|line| !is_wanted(line));
        entry.lines.truncate(SHOWN);
        let is_match = entry.lines.first().is_some_and(is_wanted);
        Self { entry, flow, counts, is_match }
    }
}

impl DayLines {
    /// Lines under the days in which their revisions were made, by the clock that the page shows.
    fn all(lines: Vec<Line>, v: &View) -> Vec<Self> {
        let mut days: Vec<Self> = Vec::new();
        for line in lines {
            let day = v.day(&line.entry.revision.at);
            match days.last_mut() {
                Some(last) if last.day == day => last.lines.push(line),
                _ => {
                    let weekday = day.parse().ok().map(Day::weekday);
                    days.push(Self { day, weekday, lines: vec![line] });
                }
            }
        }
        days
    }
}

/// The filters, and from which revision back.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct HistoryQuery {
    strategy: Typed,
    instrument: Typed,
    actor: Typed,
    kind: Typed,
    from: Typed,
    to: Typed,
    before: Typed,
}

/// The filters as they were typed.
struct Asked {
    strategy: String,
    instrument: String,
    actor: String,
    kind: String,
    from: String,
    to: String,
    /// The filters that cannot be understood.
    faults: Vec<&'static str>,
}

impl Asked {
    fn parse(query: &HistoryQuery, v: &View) -> (Self, Filter) {
        let mut asked = Self {
            strategy: query.strategy.to_string(),
            instrument: query.instrument.to_string(),
            actor: query.actor.to_string(),
            kind: query.kind.to_string(),
            from: query.from.to_string(),
            to: query.to.to_string(),
            faults: Vec::new(),
        };
        let mut faults = Vec::new();
        let mut check = |name, text: &str, known: bool| {
            if !text.is_empty() && !known {
                faults.push(name);
            }
        };
        let strategy = StrategyName::parse(&asked.strategy).ok();
        check("strategy", &asked.strategy, strategy.is_some());
        let code = Code::infer(&asked.instrument).or_else(|| Code::parse(&asked.instrument).ok());
        check("instrument", &asked.instrument, code.is_some());
        let kind = asked.kind.parse::<RevisionKind>().ok();
        check("kind", &asked.kind, kind.is_some());
        let (from, to) = (v.zone().parse(&asked.from), end(&asked.to, v));
        check("from", &asked.from, from.is_some());
        check("to", &asked.to, to.is_some());
        asked.faults = faults;
        let actor = Some(asked.actor.clone()).filter(|actor| !actor.is_empty());
        let instrument = code.map(|code| code.instrument());
        (asked, Filter { strategy, instrument, actor, kind, from, to })
    }

    fn fails(&self, name: &str) -> bool {
        self.faults.contains(&name)
    }

    fn base(&self) -> String {
        self.between(&self.from, &self.to)
    }

    /// The query of other days, with the other filters as they are.
    fn between(&self, from: &str, to: &str) -> String {
        links::query([
            ("strategy", self.strategy.as_str()),
            ("instrument", &self.instrument),
            ("actor", &self.actor),
            ("kind", &self.kind),
            ("from", from),
            ("to", to),
        ])
    }

    /// What kind of field shows an end of the span: a browser's own for days, unless it is finer than that.
    fn field_of(&self, name: &str) -> &'static str {
        let text = if name == "from" { &self.from } else { &self.to };
        if text.is_empty() || text.parse::<Day>().is_ok() { "date" } else { "text" }
    }
}

/// Before which moment it ends: a day that is named as the last one belongs to it.
fn end(text: &str, v: &View) -> Option<Moment> {
    let day = text.parse::<Day>().ok().map(|day| day.next().to_string());
    v.zone().parse(day.as_deref().unwrap_or(text))
}

/// When a day of Shanghai's begins, as the field has it: the day itself, where the zone that is shown begins it then as well.
fn begin_of(day: Day, v: &View) -> String {
    let begins = day.begins_at();
    if v.zone().parse(&day.to_string()) == Some(begins) { day.to_string() } else { v.time(&begins) }
}

/// Before when it ends, in the same way.
fn end_of(day: Day, v: &View) -> String {
    let ends = day.next().begins_at();
    if end(&day.to_string(), v) == Some(ends) { day.to_string() } else { v.time(&ends) }
}

/// Today, the trading day before, and the days since Monday: Shanghai's days, whichever zone is shown.
fn presets(asked: &Asked, calendar: &Calendar, v: &View) -> Vec<Preset> {
    let today = Day::of(v.now);
    let yesterday = calendar.trading_day_before(today);
    let mut monday = today;
    while monday.weekday() != Weekday::Monday {
        monday = monday.before();
    }
    let spans = [(v.t.today, today, today), (v.t.yesterday, yesterday, yesterday), (v.t.this_week, monday, today)];
    let preset = |(label, from, to): (&'static str, Day, Day)| {
        let (from, to) = (begin_of(from, v), end_of(to, v));
        let is_current = from == asked.from && to == asked.to;
        Preset { label, link: format!("/history?{}", asked.between(&from, &to)), is_current }
    };
    spans.map(preset).into()
}

impl Suggested {
    async fn of(store: &Store, book: &Book, lines: &[Line]) -> Result<Self, Unavailable> {
        let newest = store.revisions(&Filter::default(), None, RECENT).await?;
        let actors: BTreeSet<String> = newest.iter().map(|revision| revision.actor.name().to_owned()).collect();
        // All that there are would be thousands.
        let shown = lines.iter().flat_map(|line| &line.entry.lines);
        let instruments: BTreeMap<Instrument, &ChangeLine> = shown.map(|line| (line.code.instrument(), line)).collect();
        let known = |line: &ChangeLine| Known { code: line.code.to(Notation::Qmt), name: line.name.clone() };
        let instruments = instruments.into_values().map(known).collect();
        Ok(Self { strategies: known::strategies(book), instruments, actors: actors.into_iter().collect() })
    }
}

/// `GET /history`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, AppError> {
    let (asked, filter) = Asked::parse(&query, &v);
    let before: Option<Revision> = query.before.parse().ok();
    // A filter that is not understood must not show everything as if it matched.
    let found =
        if asked.faults.is_empty() { state.store.revisions(&filter, before, PAGE + 1).await? } else { Vec::new() };
    let many = found.len();
    let mut revisions = within(found, PAGE_CHANGES);
    revisions.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
    let older = revisions.last().filter(|_| revisions.len() < many).map(|last| last.id);
    let status = if asked.faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let changes = state.store.changes(&revisions, usize::MAX).await?;
    let line = |revision: RevisionInfo| {
        let changes = changes.get(&revision.id);
        Line::of(revision, changes, filter.instrument.as_ref(), &v)
    };
    let lines: Vec<Line> = revisions.into_iter().map(line).collect();
    let page = HistoryPage {
        suggested: Suggested::of(&state.store, &book, &lines).await?,
        presets: presets(&asked, book.settings().calendar(), &v),
        days: DayLines::all(lines, &v),
        base: asked.base(),
        at_newest: before.is_none(),
        is_folded: older.is_none() && state.store.folded() > Revision::NONE,
        v,
        asked,
        older,
    };
    Ok(html(status, &page))
}

/// `GET /history.csv`: a line for each instrument that a revision changed.
pub(super) async fn csv(
    State(state): State<AppState>,
    Reading { v, .. }: Reading,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, AppError> {
    let (asked, filter) = Asked::parse(&query, &v);
    let before = asked.faults.is_empty().then_some(Revision::END);
    let mut export = Export { store: state.store.clone(), v, filter, before };
    let begin = Rows::headed(&COLUMNS).bytes();
    // What fails at once is answered as an error, not as a file that breaks off.
    let first = export.next().await.transpose()?;
    let rest = stream::unfold(export, async |mut export| Some((export.next().await?, export)));
    let start = stream::iter([Some(begin), first].into_iter().flatten().map(Ok));
    Ok(download("history.csv", start.chain(rest)))
}

/// The history as a file, a part at a time: how long it is does not matter to the server, nor how slowly it is taken.
struct Export {
    store: Store,
    v: View,
    filter: Filter,
    /// Before which revision it goes on; None at the end.
    before: Option<Revision>,
}

impl Export {
    /// The rows of some more revisions.
    async fn next(&mut self) -> Option<Result<Bytes, Unavailable>> {
        let before = self.before?;
        match self.rows(before).await {
            Ok(rows) => rows.map(Ok),
            Err(unavailable) => {
                self.before = None;
                Some(Err(unavailable))
            }
        }
    }

    async fn rows(&mut self, before: Revision) -> Result<Option<Bytes>, Unavailable> {
        let found = self.store.revisions(&self.filter, Some(before), EXPORTED).await?;
        let revisions = within(found, EXPORTED_CHANGES);
        self.before = revisions.last().map(|last| last.id);
        if revisions.is_empty() {
            return Ok(None);
        }
        let changes = self.store.changes(&revisions, usize::MAX).await?;
        let mut rows = Rows::more();
        for revision in &revisions {
            let changes = changes.get(&revision.id).map(Changes::in_list).unwrap_or_default();
            add_rows(&mut rows, &self.v, revision, changes, self.filter.instrument.as_ref());
        }
        Ok(Some(rows.bytes()))
    }
}

/// The columns of a CSV file: what every row says of its revision, and of an instrument.
const COLUMNS: [&str; 14] = [
    "revision",
    "time",
    "strategy",
    "kind",
    "actor_kind",
    "actor",
    "address",
    "code",
    "name",
    "volume_before",
    "volume_after",
    "cost_before",
    "cost_after",
    "subject",
];

/// A row for each instrument that a revision changed, or for the wanted one; one row for a revision that changed none.
fn add_rows(
    rows: &mut Rows,
    v: &View,
    revision: &RevisionInfo,
    changes: &[InstrumentChange],
    wanted: Option<&Instrument>,
) {
    let (id, time, subject) = (revision.id.to_string(), v.iso(&revision.at), revision.subject.kind());
    let head = [
        id.as_str(),
        &time,
        revision.subject.name(),
        revision.kind.as_str(),
        revision.actor.kind().as_str(),
        revision.actor.name(),
        revision.address.as_deref().unwrap_or_default(),
    ];
    let lines = ChangeLine::all(changes);
    if lines.is_empty() {
        rows.add(&[&head[..], &[""; 6], &[subject]].concat());
    }
    let cost = |cost: Option<f64>| cost.map(|cost| cost.to_string()).unwrap_or_default();
    for line in lines.iter().filter(|line| wanted.is_none_or(|wanted| *wanted == line.code.instrument())) {
        let (code, before, after) = (line.code.to_string(), line.before.to_string(), line.after.to_string());
        let (cost_before, cost_after) = (cost(line.cost_before), cost(line.cost_after));
        let tail = [code.as_str(), &line.name, &before, &after, &cost_before, &cost_after];
        rows.add(&[&head[..], &tail, &[subject]].concat());
    }
}
