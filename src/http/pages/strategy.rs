//! One strategy: its list, and what became of it.

use std::convert::Infallible;
use std::sync::Arc;

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
use super::super::extract::{PathText, Query, Typed, strategy_name};
use super::changes::{Entry, entries};
use super::chart::{BarChart, LineChart, Point};
use super::html;
use super::links::strategy_path;
use super::paging::Pages;
use super::performance::Performance;
use super::push_calendar::PushCalendar;
use super::view::{Reading, View};
use crate::domain::account::AccountName;
use crate::domain::book::{Book, Strategy, sums};
use crate::domain::calendar::Day;
use crate::domain::changes::Changes;
use crate::domain::code::Code;
use crate::domain::decimal::{Amount, Decimal};
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::domain::schedule::{Days, Punctuality};
use crate::domain::state::State as StrategyState;
use crate::domain::strategy::{Kind, StrategyName};
use crate::domain::total::UnknownStrategy;
use crate::store::history::{Filter, RevisionInfo, within};

/// How many revisions a page of the timeline holds, and a chart at most.
const TIMELINE: i64 = 20;
const CHARTED: i64 = 200;
const CHARTED_CHANGES: i64 = 20_000;

/// How many rows of a file are made at a time.
const EXPORTED: usize = 500;

#[derive(Template)]
#[template(path = "strategy.html")]
struct StrategyPage {
    v: View,
    name: StrategyName,
    path: String,
    standing: Standing,
    /// None when the strategy was removed.
    now: Option<Now>,
    positions: Vec<PositionRow>,
    pages: Pages,
    pushes: PushCalendar,
    performance: Performance,
    chart: Option<LineChart>,
    composition: Option<BarChart>,
    entries: Vec<Entry>,
    older: Option<Revision>,
    /// Whether what is older than all of these is in the archive.
    is_folded: bool,
    at_newest: bool,
}

/// How the strategy stands now.
struct Now {
    invested: Amount,
    count: usize,
    revision: Revision,
    last_push_at: Option<Moment>,
    updated_at: Moment,
}

/// How it stands with the operator, and whether its pushes come as expected.
struct Standing {
    state: StrategyState,
    since: Option<Moment>,
    note: Option<String>,
    /// The push that waits: its number, and when it came.
    hold: Option<(Revision, Moment)>,
    schedule: Option<Keeping>,
    sequence: Option<i64>,
    /// While it is closed: the accounts that have no target because of it.
    stops: Vec<AccountName>,
}

/// A schedule, and how it is kept.
struct Keeping {
    times: String,
    days: Days,
    /// None while no push is expected.
    punctuality: Option<Punctuality>,
}

impl Standing {
    fn new(book: &Book, name: &StrategyName, at: Moment) -> Self {
        let (settings, strategy) = (book.settings(), book.strategy(name));
        let standing = settings.standing(name);
        let met = strategy.and_then(|strategy| strategy.told.met);
        let schedule = settings.schedule(name).map(|schedule| Keeping {
            times: schedule.by().iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            days: schedule.days(),
            punctuality: settings
                .expected_by(name)
                .map(|schedule| schedule.status(met, book.last_push_at(name), settings.calendar(), at)),
        });
        Self {
            state: settings.state(name),
            since: standing.map(|(_, mark)| mark.updated_at),
            note: standing.and_then(|(standing, _)| standing.note.clone()),
            hold: settings.hold(name).map(|hold| (hold.id, hold.at)),
            schedule,
            sequence: strategy.map_or_else(|| settings.sequence_taken(name), |strategy| strategy.sequence),
            stops: settings
                .accounts_of(name)
                .filter(|_| settings.state(name) == StrategyState::Closed)
                .cloned()
                .collect(),
        }
    }

    fn stops(&self, v: &View) -> String {
        let names: Vec<&str> = self.stops.iter().map(AccountName::as_str).collect();
        v.t.stops_accounts(&names.join(v.t.comma))
    }

    /// What the operator may make of it next.
    fn others(&self) -> &'static [StrategyState] {
        use StrategyState::{Flat, Frozen, Live};
        match self.state {
            Live => &[Frozen, Flat],
            Frozen => &[Live, Flat],
            Flat => &[Live, Frozen],
            StrategyState::Closed => &[Live],
        }
    }
}

struct PositionRow {
    code: Code,
    name: String,
    volume: Decimal,
    cost: Decimal,
    invested: Amount,
    share: f64,
    remark: String,
    until: Option<Day>,
}

/// Which page of the positions, which part of the timeline, which month of pushes, and performance over which days.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StrategyQuery {
    page: Typed,
    before: Typed,
    month: Typed,
    from: Typed,
    to: Typed,
}

/// `GET /strategies/{name}`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    PathText(name): PathText,
    Query(asked): Query<StrategyQuery>,
) -> Result<Response, AppError> {
    let name = strategy_name(&name)?;
    let before: Option<Revision> = asked.before.parse().ok();
    let filter = Filter { strategy: Some(name.clone()), ..Filter::default() };
    let mut revisions = state.store.revisions(&filter, before, TIMELINE + 1).await?;
    let current = book.strategy(&name);
    if current.is_none() && revisions.is_empty() {
        must_be_known(&state, &book, &name).await?;
    }
    let more = i64::try_from(revisions.len()).unwrap_or(0) > TIMELINE;
    if more {
        revisions.pop();
    }
    let older = revisions.last().filter(|_| more).map(|last| last.id);
    let charted = within(state.store.revisions(&filter, None, CHARTED).await?, CHARTED_CHANGES);
    let chart = LineChart::draw(&invested_over_time(&state, current.map(|s| &**s), charted).await?, &v);
    let positions = current.map(|strategy| rows(strategy)).unwrap_or_default();
    let parts = positions.iter().map(|row| {
        let label = if row.name.is_empty() { row.code.to_string() } else { row.name.clone() };
        (label, row.invested.approximate())
    });
    let composition = BarChart::draw(parts.collect(), &v);
    let path = strategy_path(name.as_str());
    let pages = Pages::new(&asked.page, positions.len(), &path, "page", "positions");
    let positions = pages.of(positions);
    let now = current.map(|strategy| Now {
        invested: strategy.list.amount(),
        count: strategy.list.len(),
        revision: strategy.mark.revision,
        last_push_at: strategy.last_push_at,
        updated_at: strategy.mark.updated_at,
    });
    let pushes = PushCalendar::read(&state.store, &book, &name, &asked.month, &v).await?;
    let performance = Performance::read(&state, &book, &name, (&asked.from, &asked.to), &v).await?;
    let entries = entries(&state.store, revisions, &v).await?;
    let at_newest = before.is_none();
    Ok(html(
        StatusCode::OK,
        &StrategyPage {
            standing: Standing::new(&book, &name, v.now),
            v,
            name,
            path,
            now,
            positions,
            pages,
            pushes,
            performance,
            chart,
            composition,
            entries,
            older,
            is_folded: older.is_none() && state.store.folded() > Revision::NONE,
            at_newest,
        },
    ))
}

/// Refuses a name under which there is no list and no revision of one, unless something else is known of it.
async fn must_be_known(state: &AppState, book: &Book, name: &StrategyName) -> Result<(), AppError> {
    let settings = book.settings();
    let is_settled = settings.standing(name).is_some() || settings.hold(name).is_some();
    if is_settled || state.store.list_as_of(name, Revision::END).await?.is_some() {
        return Ok(());
    }
    Err(UnknownStrategy(name.clone()).into())
}

fn rows(strategy: &Strategy) -> Vec<PositionRow> {
    let whole = strategy.list.amount().approximate();
    let row = |position: &crate::domain::position::Position| {
        let invested = position.amount();
        PositionRow {
            code: position.code().clone(),
            name: position.name().unwrap_or_default().to_owned(),
            volume: position.volume(),
            cost: position.cost(),
            invested,
            share: if whole == 0.0 { 0.0 } else { invested.approximate() / whole },
            remark: position.remark().unwrap_or_default().to_owned(),
            until: position.until(),
        }
    };
    strategy.list.iter().map(row).collect()
}

/// What the list cost after each revision: from what it costs now, back through what each changed.
async fn invested_over_time(
    state: &AppState,
    current: Option<&Strategy>,
    revisions: Vec<RevisionInfo>,
) -> Result<Vec<Point>, AppError> {
    let changes = state.store.changes(&revisions, usize::MAX).await?;
    let mut then = current.map(|strategy| strategy.list.amount()).unwrap_or_default();
    let mut points = Vec::with_capacity(revisions.len());
    for revision in &revisions {
        points.push(Point::of(revision, then.approximate()));
        for change in changes.get(&revision.id).map(Changes::in_list).unwrap_or_default() {
            then += sums(&change.before).1;
            then -= sums(&change.after).1;
        }
    }
    points.reverse();
    Ok(points)
}

/// `GET /strategies/{name}/positions.csv`
pub(super) async fn csv(Reading { book, .. }: Reading, PathText(name): PathText) -> Result<Response, AppError> {
    let name = strategy_name(&name)?;
    let strategy = Arc::clone(book.strategy(&name).ok_or_else(|| UnknownStrategy(name.clone()))?);
    let begin = Rows::headed(&COLUMNS[..columns(&name)]).bytes();
    let rest = stream::iter((0..strategy.list.len()).step_by(EXPORTED)).map(move |from| rows_from(&strategy, from));
    let parts = stream::iter([begin]).chain(rest);
    Ok(download("positions.csv", parts.map(Ok::<_, Infallible>)))
}

const COLUMNS: [&str; 6] = ["code", "name", "volume", "cost", "remark", "until"];

/// How many columns a list has: only an overlay's lines have last days.
fn columns(name: &StrategyName) -> usize {
    if name.kind() == Kind::Adjustment { COLUMNS.len() } else { COLUMNS.len() - 1 }
}

/// Some of a list's rows.
fn rows_from(strategy: &Strategy, from: usize) -> Bytes {
    let mut rows = Rows::more();
    for position in strategy.list.iter().skip(from).take(EXPORTED) {
        let (code, volume, cost) =
            (position.code().to_string(), position.volume().to_string(), position.cost().to_string());
        let (name, remark) = (position.name().unwrap_or_default(), position.remark().unwrap_or_default());
        let until = position.until().map(|day| day.to_string()).unwrap_or_default();
        rows.add(&[&code, name, &volume, &cost, remark, &until][..columns(&strategy.name)]);
    }
    rows.bytes()
}
