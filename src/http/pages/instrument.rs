//! `/instruments/{code}`: who wants how much of an instrument and since when, what each account is to hold, holds and trades.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::PathText;
use super::changes::{ChangeLine, Entry, days_text, last_days, list_entry};
use super::chart::{Point, StepChart};
use super::html;
use super::links::query;
use super::texts::Texts;
use super::view::{Reading, View};
use crate::desk::Desk;
use crate::domain::account::AccountName;
use crate::domain::book::{Book, Strategy, sums};
use crate::domain::calendar::Day;
use crate::domain::changes::Changes;
use crate::domain::code::{Code, Instrument, Notation};
use crate::domain::decimal::{Amount, Volume};
use crate::domain::drift::{DriftLine, drift_of_line};
use crate::domain::moment::Moment;
use crate::domain::money::Money;
use crate::domain::position::Placed;
use crate::domain::report::{Fill, Holding, Order, OrderStatus, Side};
use crate::domain::revision::Revision;
use crate::domain::settings::Settled;
use crate::domain::strategy::StrategyName;
use crate::domain::target::TargetLine;
use crate::store::Store;
use crate::store::history::{Filter, RevisionInfo, within};
use crate::store::reports::Span;

/// How far its history is looked through at once, how many of its changes are listed, and of how many strategies more it is
/// asked singly who set what they want.
const LOOKED_THROUGH: i64 = 200;
const CHANGES: i64 = 20_000;
const LISTED: usize = 20;
const ASKED: usize = 50;

/// How many of a strategy's changes are looked through for the last one of its volume.
const OF_STRATEGY: i64 = 20;

/// How many fills of a day are looked through, and how many of them are listed.
const FILLS: u32 = 10_000;
const FILLS_LISTED: usize = 50;

/// How many days, and how many moves of all of an account's holdings, are looked through for those of this one.
const HELD_DAYS: i64 = 30;
const HELD_MOVES: u32 = 5_000;

#[derive(Template)]
#[template(path = "instrument.html")]
struct InstrumentPage {
    v: View,
    code: Code,
    name: String,
    volume: Volume,
    invested: Amount,
    average: Option<f64>,
    wanters: Vec<Wanter>,
    accounts: Vec<Standing>,
    orders: Vec<(AccountName, Order)>,
    fills: Vec<(AccountName, Fill)>,
    chart: Option<StepChart>,
    moves: Vec<Move>,
    /// The history of the instrument, and the editor of adjustments with it filled in.
    history: String,
    adjust: String,
}

/// Where a bare code names several instruments.
#[derive(Template)]
#[template(path = "instrument_choice.html")]
struct ChoicePage {
    v: View,
    typed: String,
    choices: Vec<Code>,
}

/// A strategy that wants it.
struct Wanter {
    strategy: StrategyName,
    volume: Volume,
    cost: Option<f64>,
    invested: Amount,
    /// The last day of what it wants, the first where there are several.
    until: Vec<Option<Day>>,
    /// What set that volume, where it was found.
    since: Option<Entry>,
    /// Whether that was folded: all that is left was looked through.
    is_folded: bool,
}

impl Wanter {
    /// The last days on which its lines count.
    fn until(&self, t: &Texts) -> Option<String> {
        days_text(&self.until, t)
    }
}

/// A revision that changed how much of it a strategy wants, or at which cost.
struct Move {
    entry: Entry,
    strategy: StrategyName,
    line: ChangeLine,
}

/// How it stands in an account.
struct Standing {
    account: AccountName,
    line: Option<TargetLine>,
    /// Strategies of which nothing is known: then neither is the target.
    unknown: Vec<StrategyName>,
    /// What is held; None before any report.
    holding: Option<i64>,
    detail: Option<Holding>,
    drift: Option<DriftLine>,
    /// Whose the holding is.
    parts: Vec<OwnersPart>,
    orders: Vec<Order>,
}

struct OwnersPart {
    owner: Option<StrategyName>,
    volume: i64,
    wanted: i64,
    cost: Money,
}

impl InstrumentPage {
    fn unit(&self) -> &'static str {
        self.v.t.unit_of(&self.code)
    }
}

impl Texts {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates call methods, by reference")]
    pub(super) const fn of_order(&self, status: &OrderStatus) -> &'static str {
        match status {
            OrderStatus::Working => self.order_working,
            OrderStatus::Filled => self.order_filled,
            OrderStatus::Cancelled => self.order_cancelled,
            OrderStatus::Rejected => self.order_rejected,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates call methods, by reference")]
    pub(super) const fn of_side(&self, side: &Side) -> &'static str {
        match side {
            Side::Buy => self.buy,
            Side::Sell => self.sell,
        }
    }
}

/// `GET /instruments/{code}`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    PathText(typed): PathText,
) -> Result<Response, AppError> {
    let typed = typed.trim().to_owned();
    let mut choices = meant(&book, &typed);
    if choices.len() > 1 {
        return Ok(html(StatusCode::OK, &ChoicePage { v, typed, choices }));
    }
    let instrument = choices.pop().ok_or(AppError::NotFound)?.instrument();
    let (moves, is_whole) = moves(&state.store, &instrument).await?;
    let accounts = standings(&state, &v, &book, &instrument).await?;
    let (code, name) = known(&book, &instrument, &moves, &accounts).ok_or(AppError::NotFound)?;
    let wanters = wanters(&state.store, &book, &instrument, &moves, is_whole).await?;
    let fills = fills(&state.store, &accounts, &instrument, v.now).await?;
    let mut lines = series(&wanters, &moves);
    lines.extend(held_over_time(&state.store, &accounts, &instrument, &v).await?);
    let (volume, invested) = book.sum(&instrument);
    let orders = accounts.iter().flat_map(|one| one.orders.iter().map(|order| (one.account.clone(), order.clone())));
    let spelled = code.to(Notation::Qmt).to_string();
    let page = InstrumentPage {
        volume,
        invested,
        average: invested.per(volume),
        chart: StepChart::draw(lines, &v),
        orders: orders.collect(),
        history: format!("/history?{}", query([("instrument", spelled.as_str())])),
        adjust: format!("/adjustment?{}", query([("code", spelled.as_str())])),
        v,
        code,
        name,
        wanters,
        accounts,
        fills,
        moves,
    };
    Ok(html(StatusCode::OK, &page))
}

/// What a code means: in any notation; bare, what the book knows by it, else what follows from the exchanges' ranges.
fn meant(book: &Book, typed: &str) -> Vec<Code> {
    let upper = typed.to_uppercase();
    if let Ok(code) = Code::parse(&upper)
        && code.instrument().exchange().is_some()
    {
        return vec![code];
    }
    let pasts = book.pasts().flat_map(|name| book.past(name)).map(|(instrument, _)| instrument);
    let held = book.reports().flat_map(|(_, reported)| reported.holdings.keys());
    let all = book.instruments().chain(pasts).chain(held);
    let mut known: Vec<&Instrument> = all.filter(|one| one.symbol().eq_ignore_ascii_case(typed)).collect();
    known.sort();
    known.dedup();
    if known.is_empty() {
        return Code::infer(typed).or_else(|| Code::parse(typed).ok()).into_iter().collect();
    }
    known.iter().filter_map(|instrument| Code::parse(&instrument.to_string()).ok()).collect()
}

/// How an instrument is spelled and called by whoever knows it; None for one that nobody ever wanted or held.
fn known(book: &Book, instrument: &Instrument, moves: &[Move], accounts: &[Standing]) -> Option<(Code, String)> {
    let holders = book.holders(instrument);
    let lists = holders.iter().flat_map(|strategy| strategy.list.iter());
    let wanted = lists.filter(|position| position.code().instrument() == *instrument);
    let wanted = wanted.map(|position| (position.code().clone(), position.name().unwrap_or_default().to_owned()));
    let once = moves.iter().map(|one| (one.line.code.clone(), one.line.name.clone()));
    let targets = accounts.iter().filter_map(|one| one.line.as_ref());
    let targets = targets.map(|line| (line.code.clone(), line.name.as_deref().unwrap_or_default().to_owned()));
    let held = accounts.iter().filter_map(|one| Some((one.detail.as_ref()?.code.clone(), String::new())));
    let mut all: Vec<(Code, String)> = wanted.chain(targets).chain(once).chain(held).collect();
    let named = all.iter().position(|(_, name)| !name.is_empty()).unwrap_or(0);
    (!all.is_empty()).then(|| all.swap_remove(named))
}

/// What changed of an instrument, newest first; and whether that is all there is.
async fn moves(store: &Store, instrument: &Instrument) -> Result<(Vec<Move>, bool), AppError> {
    let filter = Filter { instrument: Some(instrument.clone()), ..Filter::default() };
    let found = store.revisions(&filter, None, LOOKED_THROUGH).await?;
    let many = found.len();
    let revisions = within(found, CHANGES);
    let is_whole = revisions.len() == many && i64::try_from(many).unwrap_or(i64::MAX) < LOOKED_THROUGH;
    Ok((moves_in(store, revisions, instrument).await?, is_whole))
}

async fn moves_in(store: &Store, revisions: Vec<RevisionInfo>, instrument: &Instrument) -> Result<Vec<Move>, AppError> {
    let mut changes = store.changes(&revisions, usize::MAX).await?;
    let read = |revision: RevisionInfo| {
        let Some(Changes::List(mut all)) = changes.remove(&revision.id) else { return None };
        all.retain(|change| change.instrument == *instrument);
        let mut entry = list_entry(revision, &all);
        Some(Move { strategy: entry.strategy()?.clone(), line: entry.lines.pop()?, entry })
    };
    Ok(revisions.into_iter().filter_map(read).collect())
}

/// Who wants it, the largest first, and which revision set what each wants.
async fn wanters(
    store: &Store,
    book: &Book,
    instrument: &Instrument,
    moves: &[Move],
    is_whole: bool,
) -> Result<Vec<Wanter>, AppError> {
    let mut wanters: Vec<Wanter> = book.holders(instrument).into_iter().map(|one| wanter(one, instrument)).collect();
    wanters.sort_by_key(|wanter| Reverse(wanter.volume));
    let mut asked = 0;
    for wanter in &mut wanters {
        let set = |one: &&Move| one.strategy == wanter.strategy && !one.line.delta.is_zero();
        if let Some(found) = moves.iter().find(set) {
            wanter.since = Some(list_entry(found.entry.revision.clone(), &[]));
        } else if is_whole {
            wanter.is_folded = store.folded() > Revision::NONE;
        } else if asked < ASKED {
            asked += 1;
            let strategy = Some(wanter.strategy.clone());
            let filter = Filter { strategy, instrument: Some(instrument.clone()), ..Filter::default() };
            let all = store.revisions(&filter, None, OF_STRATEGY).await?;
            let many = all.len();
            let found = within(all, CHANGES);
            let is_all = found.len() == many && i64::try_from(many).unwrap_or(i64::MAX) < OF_STRATEGY;
            let own = moves_in(store, found, instrument).await?;
            wanter.since = own.into_iter().find(|one| !one.line.delta.is_zero()).map(|one| one.entry);
            wanter.is_folded = wanter.since.is_none() && is_all && store.folded() > Revision::NONE;
        }
    }
    Ok(wanters)
}

fn wanter(strategy: &Arc<Strategy>, instrument: &Instrument) -> Wanter {
    let placed = strategy.list.placed().iter().filter(|placed| placed.position.code().instrument() == *instrument);
    let placed: Vec<Placed> = placed.cloned().collect();
    let (volume, invested) = sums(&placed);
    Wanter {
        strategy: strategy.name.clone(),
        volume,
        cost: invested.per(volume),
        invested,
        until: last_days(&placed),
        since: None,
        is_folded: false,
    }
}

/// How it stands in every account that is concerned with it.
async fn standings(
    state: &AppState,
    v: &View,
    book: &Arc<Book>,
    instrument: &Instrument,
) -> Result<Vec<Standing>, AppError> {
    let (now, make_of, book, desk) = (v.now, instrument.clone(), Arc::clone(book), state.desk.clone());
    let make = move || Ok(all_standings(&desk, &book, &make_of, now));
    let mut standings = state.workshop.make(make).await?;
    for standing in standings.iter_mut().filter(|standing| standing.holding.is_some()) {
        let Some(day) = state.desk.account_day(&standing.account, Day::of(now)).await? else { continue };
        let parts = day.owners.into_iter().filter_map(|owner| {
            let line = owner.lines.into_iter().find(|line| line.instrument == *instrument)?;
            let (volume, wanted, cost) = (line.part.volume, line.part.wanted, line.part.cost);
            (volume != 0 || wanted != 0).then_some(OwnersPart { owner: owner.owner, volume, wanted, cost })
        });
        standing.parts = parts.collect();
    }
    standings.retain(|one| {
        let is_held = one.holding.is_some_and(|held| held != 0);
        one.line.is_some() || is_held || !one.parts.is_empty() || !one.orders.is_empty() || !one.unknown.is_empty()
    });
    Ok(standings)
}

fn all_standings(desk: &Desk, book: &Book, instrument: &Instrument, now: Moment) -> Vec<Standing> {
    let is_it = |code: &Code| code.instrument() == *instrument;
    let wanters = book.holders(instrument);
    let standing = |(account, settled): (&AccountName, &Arc<Settled>)| {
        let reported = book.reported(account);
        let target = desk.target(book, settled, now);
        let line =
            target.as_ref().ok().and_then(|all| Some((&**all, all.lines.iter().find(|line| is_it(&line.code))?)));
        let drift = line
            .zip(reported)
            .and_then(|(line, reported)| drift_of_line(line, reported, book.settings().calendar(), now));
        let follows = |name: &StrategyName| settled.account.strategies.iter().any(|share| share.name == *name);
        let is_concerned = wanters.iter().any(|strategy| follows(&strategy.name));
        let unknown = target.as_ref().err().filter(|_| is_concerned).map(|incomplete| incomplete.0.clone());
        let orders = reported.into_iter().flat_map(|reported| reported.orders_on(Day::of(now)));
        Standing {
            account: account.clone(),
            line: line.map(|(_, line)| line.clone()),
            unknown: unknown.unwrap_or_default(),
            holding: reported.map(|reported| reported.held(instrument)),
            detail: reported.and_then(|reported| reported.holdings.get(instrument)).cloned(),
            drift,
            parts: Vec::new(),
            orders: orders.filter(|order| is_it(&order.code)).cloned().collect(),
        }
    };
    book.settings().accounts().map(standing).collect()
}

/// The day's trades of it, newest first.
async fn fills(
    store: &Store,
    accounts: &[Standing],
    instrument: &Instrument,
    now: Moment,
) -> Result<Vec<(AccountName, Fill)>, AppError> {
    let today = Day::of(now);
    let span = Span { from: today.begins_at(), to: today.next().begins_at() };
    let mut found = Vec::new();
    for one in accounts.iter().filter(|one| one.holding.is_some()) {
        let fills = store.fills(&one.account, span, FILLS).await?;
        let fills = fills.into_iter().filter(|fill| fill.code.instrument() == *instrument);
        found.extend(fills.map(|fill| (one.account.clone(), fill)));
    }
    found.sort_by_key(|(_, fill)| Reverse(fill.at));
    found.truncate(FILLS_LISTED);
    Ok(found)
}

/// How much accounts held over time, as far as what they reported in the last days goes back: each in the order of time.
async fn held_over_time(
    store: &Store,
    accounts: &[Standing],
    instrument: &Instrument,
    v: &View,
) -> Result<Vec<(String, Vec<Point>)>, AppError> {
    let today = Day::of(v.now);
    let span = Span { from: today.after(-HELD_DAYS).begins_at(), to: today.next().begins_at() };
    let shares = |volume: i64| Volume::from(volume).approximate();
    let mut series = Vec::new();
    for one in accounts.iter().filter(|one| one.holding.is_some()) {
        let mut moved = store.holding_changes(&one.account, span, HELD_MOVES).await?;
        moved.retain(|then| then.change.code.instrument() == *instrument);
        let first = match (moved.last(), one.holding) {
            (Some(oldest), _) => (oldest.at, shares(oldest.change.before)),
            // What has not changed was held all the time.
            (None, Some(held)) if held != 0 => (span.from, shares(held)),
            (None, _) => continue,
        };
        let rest = moved.iter().rev().map(|then| (then.at, shares(then.change.after)));
        let points = [first].into_iter().chain(rest).map(Point::from).collect();
        series.push((v.t.held_in(&one.account), points));
    }
    Ok(series)
}

/// How much each strategy wanted over time, as far as the changes go back: in the order of time.
fn series(wanters: &[Wanter], moves: &[Move]) -> Vec<(String, Vec<Point>)> {
    let Some(first) = moves.last().map(|oldest| oldest.entry.revision.at) else { return Vec::new() };
    let mut lines: BTreeMap<&StrategyName, Vec<Point>> = BTreeMap::new();
    for one in moves.iter().rev() {
        let line = lines.entry(&one.strategy).or_insert_with(|| vec![(first, one.line.before.approximate()).into()]);
        line.push(Point::of(&one.entry.revision, one.line.after.approximate()));
    }
    for wanter in wanters {
        lines.entry(&wanter.strategy).or_insert_with(|| vec![(first, wanter.volume.approximate()).into()]);
    }
    let now: HashMap<&StrategyName, Volume> = wanters.iter().map(|wanter| (&wanter.strategy, wanter.volume)).collect();
    let mut series: Vec<_> = lines.into_iter().collect();
    series.sort_by_key(|(name, _)| Reverse(now.get(name).copied().unwrap_or_default()));
    series.into_iter().map(|(name, points)| (name.to_string(), points)).collect()
}
