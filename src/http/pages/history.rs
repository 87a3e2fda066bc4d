//! `/history`: every revision, with filters in the address, and as CSV.

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures::{StreamExt as _, stream};
use serde::Deserialize;

use super::super::AppState;
use super::super::csv::{Rows, download};
use super::super::error::AppError;
use super::super::extract::{Query, Typed};
use super::changes::{ChangeLine, Entry, entries};
use super::view::{Reading, View};
use super::{html, links};
use crate::domain::changes::Changes;
use crate::domain::code::{Code, Instrument};
use crate::domain::position::InstrumentChange;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;
use crate::store::history::{Filter, RevisionInfo, within};
use crate::store::{Store, Unavailable};

/// How many revisions stand on a page.
const PAGE: i64 = 50;

/// How many revisions of a file, and how many of their changes, are held in memory at a time.
const EXPORTED: i64 = 200;
const EXPORTED_CHANGES: i64 = 5_000;

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    v: View,
    asked: Asked,
    entries: Vec<Entry>,
    /// The query of this page without its place, for the links to other places and to CSV.
    base: String,
    older: Option<Revision>,
    at_newest: bool,
}

/// The filters, and from which revision back.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct HistoryQuery {
    strategy: Typed,
    instrument: Typed,
    actor: Typed,
    from: Typed,
    to: Typed,
    before: Typed,
}

/// The filters as they were typed.
struct Asked {
    strategy: String,
    instrument: String,
    actor: String,
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
        let (from, to) = (v.zone().parse(&asked.from), v.zone().parse(&asked.to));
        check("from", &asked.from, from.is_some());
        check("to", &asked.to, to.is_some());
        asked.faults = faults;
        let actor = Some(asked.actor.clone()).filter(|actor| !actor.is_empty());
        let instrument = code.map(|code| code.instrument());
        (asked, Filter { strategy, instrument, actor, from, to })
    }

    fn fails(&self, name: &str) -> bool {
        self.faults.contains(&name)
    }

    fn base(&self) -> String {
        links::query([
            ("strategy", self.strategy.as_str()),
            ("instrument", &self.instrument),
            ("actor", &self.actor),
            ("from", &self.from),
            ("to", &self.to),
        ])
    }
}

/// `GET /history`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, .. }: Reading,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, AppError> {
    let (asked, filter) = Asked::parse(&query, &v);
    let before: Option<Revision> = query.before.parse().ok();
    // A filter that is not understood must not show everything as if it matched.
    let mut revisions =
        if asked.faults.is_empty() { state.store.revisions(&filter, before, PAGE + 1).await? } else { Vec::new() };
    let more = i64::try_from(revisions.len()).unwrap_or(0) > PAGE;
    if more {
        revisions.pop();
    }
    let older = revisions.last().filter(|_| more).map(|last| last.id);
    let status = if asked.faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let (entries, base) = (entries(&state.store, revisions).await?, asked.base());
    Ok(html(status, &HistoryPage { v, asked, entries, base, older, at_newest: before.is_none() }))
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
