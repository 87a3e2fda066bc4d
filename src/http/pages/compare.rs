//! `/compare`: any two moments or revisions side by side: the merged total, a strategy's list, or an account's target.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::as_of::AsOf;
use super::super::csv::{Rows, file};
use super::super::error::{AppError, Invalid};
use super::super::extract::{Query, Typed};
use super::changes::{ChangeLine, Flow};
use super::paging::Pages;
use super::sheet::{Sheet, lines_between};
use super::sort::Sort;
use super::view::{Reading, View};
use super::{html, links};
use crate::clock::Zone;
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::calendar::{CLOSES, Calendar, Day, OPENS, Weekday};
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::domain::settings::Settled;
use crate::domain::strategy::StrategyName;
use crate::domain::target::Incomplete;
use crate::domain::total::{Selection, UnknownStrategy};
use crate::store::Store;

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    v: View,
    asked: Asked,
    strategies: Vec<StrategyName>,
    accounts: Vec<AccountName>,
    presets: Vec<Preset>,
    /// None where something that is asked is not understood.
    comparison: Option<Comparison>,
    sort: Sort,
    pages: Pages,
    csv: String,
}

/// Which moments, whose, in which order.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CompareQuery {
    from: Typed,
    to: Typed,
    strategy: Typed,
    account: Typed,
    sort: Typed,
    page: Typed,
}

/// What is asked, as it was typed.
struct Asked {
    from: String,
    to: String,
    strategy: String,
    account: String,
    /// What of it cannot be understood.
    faults: Vec<&'static str>,
}

impl Asked {
    fn fails(&self, name: &str) -> bool {
        self.faults.contains(&name)
    }

    /// Whether a browser's own field for moments can show it: a revision is typed as text.
    fn is_moment(&self, name: &str) -> bool {
        let text = if name == "from" { &self.from } else { &self.to };
        text.is_empty() || (text.len() >= 16 && text.as_bytes()[10] == b'T' && !text.contains(['Z', '+']))
    }

    /// The query of another pair of moments, of the same list.
    fn query(&self, from: &str, to: &str) -> String {
        links::query([("from", from), ("to", to), ("strategy", &self.strategy), ("account", &self.account)])
    }
}

/// What is asked, understood.
struct Wish {
    from: AsOf,
    to: Option<AsOf>,
    whose: Whose,
}

/// Whose list.
#[derive(Clone)]
enum Whose {
    Total,
    Strategy(StrategyName),
    Account(AccountName),
}

/// A pair of moments that is often wanted.
struct Preset {
    label: String,
    link: String,
    is_current: bool,
}

/// A point in the history.
#[derive(Clone, Copy)]
struct Point {
    revision: Revision,
    at: Moment,
}

struct Comparison {
    whose: Whose,
    from: Point,
    to: Point,
    lines: Vec<ChangeLine>,
    flow: Flow,
    /// Why there is nothing to compare: what was not known must not look like nothing.
    unknown: Option<Untold>,
}

/// Why it is not known what an account was to hold.
struct Untold {
    /// In words, with the time.
    text: String,
    error: AppError,
}

/// `GET /compare`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    Query(query): Query<CompareQuery>,
) -> Result<Response, AppError> {
    let (asked, wish) = understand(&query, book.settings().calendar(), &v);
    let base = asked.query(&asked.from, &asked.to);
    let sort = Sort::of_changes(&query.sort, &format!("/compare?{base}"));
    let mut comparison = match wish {
        Some(wish) => Some(compare(&state, &v, &book, wish, &sort).await?),
        None => None,
    };
    let lines = comparison.as_mut().map(|comparison| std::mem::take(&mut comparison.lines)).unwrap_or_default();
    let pages = Pages::new(&query.page, lines.len(), &sort.address(), "page", "difference");
    if let Some(comparison) = &mut comparison {
        comparison.lines = pages.of(lines);
    }
    let status = if comparison.is_some() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let page = ComparePage {
        strategies: book.strategies().map(|strategy| strategy.name.clone()).collect(),
        accounts: book.settings().accounts().map(|(name, _)| name.clone()).collect(),
        presets: presets(&asked, book.settings().calendar(), &v),
        csv: format!("/compare.csv?{base}"),
        v,
        asked,
        comparison,
        sort,
        pages,
    };
    Ok(html(status, &page))
}

/// `GET /compare.csv`: a line for each instrument that differs.
pub(super) async fn csv(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    Query(query): Query<CompareQuery>,
) -> Result<Response, AppError> {
    let (asked, wish) = understand(&query, book.settings().calendar(), &v);
    let fault = || Invalid::Query(asked.faults.first().copied().unwrap_or("from").into());
    let sort = Sort::of_changes(&query.sort, "");
    let Comparison { from, to, lines, unknown, .. } =
        compare(&state, &v, &book, wish.ok_or_else(fault)?, &sort).await?;
    if let Some(unknown) = unknown {
        return Err(unknown.error);
    }
    let mut rows = Rows::headed(&COLUMNS);
    let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
    let (from, to) = (from.revision.to_string(), to.revision.to_string());
    for line in &lines {
        let (code, before, after, delta) =
            (line.code.to_string(), line.before.to_string(), line.after.to_string(), line.delta.to_string());
        let (cost_before, cost_after) = (number(line.cost_before), number(line.cost_after));
        let value = format!("{:.2}", line.value());
        rows.add(&[&code, &line.name, &before, &after, &delta, &cost_before, &cost_after, &value, &from, &to]);
    }
    Ok(file("compare.csv", rows))
}

const COLUMNS: [&str; 10] = [
    "code",
    "name",
    "volume_before",
    "volume_after",
    "difference",
    "cost_before",
    "cost_after",
    "value_at_cost",
    "revision_before",
    "revision_after",
];

/// What is asked; with yesterday's close for what is not said, and now.
fn understand(query: &CompareQuery, calendar: &Calendar, v: &View) -> (Asked, Option<Wish>) {
    let mut faults = Vec::new();
    let mut point = |name, text: &Typed| {
        let read = (!text.is_empty()).then(|| AsOf::parse(text, v.zone()));
        if read.is_some_and(|read| read.is_none()) {
            faults.push(name);
        }
        read.flatten()
    };
    let (from, to) = (point("from", &query.from), point("to", &query.to));
    let close = calendar.last_close(v.now).at(CLOSES);
    let whose = match (&*query.strategy, &*query.account) {
        ("", "") => Some(Whose::Total),
        (strategy, "") => StrategyName::parse(strategy).map(Whose::Strategy).map_err(|_| faults.push("strategy")).ok(),
        ("", account) => AccountName::parse(account).map(Whose::Account).map_err(|_| faults.push("account")).ok(),
        _ => {
            faults.push("account");
            None
        }
    };
    let wish = whose.filter(|_| faults.is_empty());
    let wish = wish.map(|whose| Wish { from: from.unwrap_or(AsOf::Moment(close)), to, whose });
    let text = |text: &Typed| text.to_string();
    let from = if query.from.is_empty() { local(v.zone(), close) } else { text(&query.from) };
    let (to, strategy, account) = (text(&query.to), text(&query.strategy), text(&query.account));
    (Asked { from, to, strategy, account, faults }, wish)
}

/// Yesterday's close, today's open and last Friday's close, each against now, and the night between.
fn presets(asked: &Asked, calendar: &Calendar, v: &View) -> Vec<Preset> {
    let today = Day::of(v.now);
    let yesterday = calendar.last_close(v.now);
    let mut friday = today.before();
    while friday.weekday() != Weekday::Friday {
        friday = friday.before();
    }
    let open = if calendar.may_trade(today) { today } else { yesterday }.at(OPENS);
    let (close, last_week) = (yesterday.at(CLOSES), friday.at(CLOSES));
    let t = v.t;
    let pairs = [
        (t.yesterdays_close, close, t.until_now, None),
        (t.todays_open, open, t.until_now, None),
        (t.last_fridays_close, last_week, t.until_now, None),
        (t.yesterdays_close, close, t.todays_open, Some(open)),
    ];
    let text = |moment| local(v.zone(), moment);
    let preset = |(one, from, two, to): (&str, Moment, &str, Option<Moment>)| {
        let (from, to) = (text(from), to.map(text).unwrap_or_default());
        let is_current = from == asked.from && to == asked.to;
        Preset { label: format!("{one} → {two}"), link: format!("/compare?{}", asked.query(&from, &to)), is_current }
    };
    pairs.into_iter().map(preset).collect()
}

/// A moment as browsers' fields have it.
fn local(zone: &Zone, moment: Moment) -> String {
    zone.seconds(moment).replace(' ', "T")
}

impl Point {
    async fn find(store: &Store, as_of: AsOf) -> Result<Self, AppError> {
        let revision = as_of.revision(store).await?;
        let at = match as_of {
            AsOf::Moment(moment) => moment,
            AsOf::Revision(Revision::NONE) => Moment::from_micros(0),
            AsOf::Revision(revision) if revision == store.folded() => {
                store.book().settings().checkpoint().map_or(Moment::from_micros(0), |checkpoint| checkpoint.at)
            }
            AsOf::Revision(revision) => match store.revision(revision).await? {
                Some(info) => info.at,
                None => return Err(AppError::UnknownRevision(revision)),
            },
        };
        Ok(Self { revision, at })
    }
}

async fn compare(
    state: &AppState,
    v: &View,
    book: &Arc<Book>,
    wish: Wish,
    sort: &Sort,
) -> Result<Comparison, AppError> {
    let from = Point::find(&state.store, wish.from).await?;
    let to = match wish.to {
        Some(to) => Point::find(&state.store, to).await?,
        None => Point { revision: book.revision(), at: v.now },
    };
    let whose = wish.whose;
    let (before, after) = (sheet(state, v, book, &whose, from).await?, sheet(state, v, book, &whose, to).await?);
    let (mut lines, unknown) = match (before, after) {
        (Ok(before), Ok(after)) => (lines_between(before, after), None),
        (Err(unknown), _) | (_, Err(unknown)) => (Vec::new(), Some(unknown)),
    };
    sort.apply(&mut lines);
    Ok(Comparison { whose, from, to, flow: Flow::of(&lines), lines, unknown })
}

/// The book as of a point.
async fn book_at(state: &AppState, now: &Arc<Book>, point: Point) -> Result<Arc<Book>, AppError> {
    if point.revision == now.revision() {
        return Ok(Arc::clone(now));
    }
    Ok(state.desk.book_as_of(point.revision, state.clock.now()).await?)
}

/// What was wanted at a point; or why that is not known.
async fn sheet(
    state: &AppState,
    v: &View,
    now: &Arc<Book>,
    whose: &Whose,
    point: Point,
) -> Result<Result<Sheet, Untold>, AppError> {
    match whose {
        Whose::Total => {
            let total = book_at(state, now, point).await?.total(&Selection::All)?;
            Ok(Ok(Sheet::of_total(total.lines)))
        }
        Whose::Strategy(name) => {
            let then = state.store.list_as_of(name, point.revision).await?;
            if then.is_none() && state.store.list_as_of(name, Revision::END).await?.is_none() {
                return Err(UnknownStrategy(name.clone()).into());
            }
            // Before its first push, and while it was deleted, a strategy adds nothing to what terminals hold.
            Ok(Ok(then.and_then(|then| then.list).map(|list| Sheet::of_list(&list)).unwrap_or_default()))
        }
        Whose::Account(name) => {
            let Some(settled) = state.store.account_as_of(name, point.revision).await? else {
                let is_known = now.settings().account(name).is_some();
                let (text, error) = (v.t.no_account_then(&v.time(&point.at)), AppError::UnknownAccount(name.clone()));
                return if is_known { Ok(Err(Untold { text, error })) } else { Err(error) };
            };
            let book = book_at(state, now, point).await?;
            Ok(target_sheet(state, book, settled, point).await?.map_err(|incomplete| {
                let names: Vec<&str> = incomplete.0.iter().map(StrategyName::as_str).collect();
                let text = v.t.incomplete_then(&v.time(&point.at), &names.join(v.t.comma));
                Untold { text, error: incomplete.into() }
            }))
        }
    }
}

async fn target_sheet(
    state: &AppState,
    book: Arc<Book>,
    settled: Settled,
    point: Point,
) -> Result<Result<Sheet, Incomplete>, AppError> {
    let make = move || Ok(Sheet::of_target(&book, &settled, point.at));
    state.workshop.make(make).await
}
