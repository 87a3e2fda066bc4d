//! `GET /`: the merged total, the strategies, and what needs attention.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::{Query, Typed};
use super::chart::spark;
use super::links::strategy_path;
use super::sort::Sort;
use super::view::{Reading, View};
use super::{format, html, links};
use crate::desk::terminals::Holder;
use crate::desk::{Costs, Drift, drift_of};
use crate::domain::account::AccountName;
use crate::domain::book::{Book, Strategy};
use crate::domain::calendar::Day;
use crate::domain::code::{Code, Instrument, Notation};
use crate::domain::decimal::{Amount, Decimal, Volume};
use crate::domain::drift::DriftLine;
use crate::domain::moment::Moment;
use crate::domain::report::Reason;
use crate::domain::revision::Revision;
use crate::domain::schedule::Punctuality;
use crate::domain::since::{ListChange, Since};
use crate::domain::state::State as StrategyState;
use crate::domain::strategy::{Kind, StrategyId};
use crate::domain::total::{Selection, TotalLine};
use crate::domain::watch::{Attention, Expected, Hearing, attention, clock_behind};
use crate::log;

/// How many lines of a table stand on one page.
const PAGE: usize = 200;

/// How many targets that are no whole lots are named.
const ODD_LOTS_NAMED: usize = 3;

/// How many of the earlier closes are read with a look: none of them makes anybody wait for long.
const CLOSES_AT_A_LOOK: usize = 3;

/// How many colours strategies have in bars.
const COLOURS: usize = 8;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    v: View,
    warnings: Vec<Warning>,
    search: String,
    sort: Sort,
    known: bool,
    /// A command to try while nobody has pushed.
    first_push: Option<String>,
    demo: bool,
    invested: Amount,
    strip: Strip,
    sums: Sums,
    total: Vec<TotalRow>,
    total_pages: Pages,
    strategies: Vec<StrategyRow>,
    strategy_pages: Pages,
}

/// One line of the total.
struct TotalRow {
    code: Code,
    name: String,
    volume: Volume,
    average: f64,
    invested: Amount,
    share: f64,
    /// What has changed since yesterday's close; None where it is as it was, or that is not known.
    against: Option<Volume>,
    parts: Vec<Part>,
}

impl TotalRow {
    /// The bar's pieces: from where, how long, and which colour, in hundredths of the line.
    fn pieces(&self) -> Vec<(f64, f64, usize)> {
        let whole: f64 = self.parts.iter().map(|part| part.volume.approximate().max(0.0)).sum();
        let mut from = 0.0;
        let piece = |part: &Part| {
            let width = part.volume.approximate().max(0.0) / whole.max(f64::MIN_POSITIVE) * 100.0;
            from += width;
            (from - width, width, part.colour)
        };
        self.parts.iter().map(piece).collect()
    }

    fn is_negative(&self) -> bool {
        self.volume < Volume::default()
    }
}

/// What one strategy holds of an instrument.
struct Part {
    strategy: String,
    volume: Decimal,
    cost: Decimal,
    /// Which of the colours its strategy has.
    colour: usize,
}

/// One strategy's line.
#[expect(clippy::struct_excessive_bools, reason = "each is a mark beside the name")]
struct StrategyRow {
    name: String,
    is_adjustment: bool,
    is_demo: bool,
    positions: usize,
    invested: Amount,
    last_push_at: Option<Moment>,
    updated_at: Moment,
    is_silent: bool,
    state: StrategyState,
    /// Whether a push of it waits.
    waits: bool,
    punctuality: Option<Punctuality>,
    /// What has changed since yesterday's close.
    change: Option<ListChange>,
    /// What its list cost at the last closes, and now: the path of a line.
    spark: Option<String>,
}

impl StrategyRow {
    /// Whether more than half of it is gone since yesterday, or it has more than doubled: somebody should look.
    fn has_leapt(&self) -> bool {
        self.change.as_ref().is_some_and(|change| {
            let (now, changed) = (self.invested.approximate(), change.amount.approximate());
            let before = now - changed;
            before > 0.0 && (now < before / 2.0 || now > before * 2.0)
        })
    }
}

/// What stands above everything: what terminals read, and who reads it.
struct Strip {
    revision: Revision,
    changed_at: Option<Moment>,
    phase: &'static str,
    terminals: Vec<TerminalRow>,
}

/// An account's terminal.
struct TerminalRow {
    account: String,
    /// Who holds the account, and when it was heard last.
    holder: Option<(String, Moment)>,
    /// The revision that it goes by, where it reports.
    revision: Option<Revision>,
    is_silent: bool,
}

/// The numbers of the day.
struct Sums {
    /// How many strategies have spoken on the trading day, of how many.
    fresh: (usize, usize),
    /// What the lists cost now, less what they cost at yesterday's close: CNY.
    against: Option<Amount>,
    /// What of the total is bought and sold since then: CNY.
    trades: Option<(f64, f64)>,
    /// Over all accounts: how many lines differ from what is held, and how many of them nothing explains.
    drift: Option<(usize, usize)>,
}

/// Something that the operator should look at.
struct Warning {
    text: String,
    link: String,
}

/// What is searched, how it is sorted, and which page of each table is wanted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OverviewQuery {
    q: Typed,
    sort: Typed,
    page: Typed,
    strategies: Typed,
}

impl OverviewQuery {
    /// The query without some parameters, ready for one more.
    fn without(&self, names: &[&str]) -> String {
        let all = [("q", &self.q), ("sort", &self.sort), ("page", &self.page), ("strategies", &self.strategies)];
        let kept = all.into_iter().filter(|(name, _)| !names.contains(name));
        let text = links::query(kept.map(|(name, value)| (name, &**value)));
        if text.is_empty() { text } else { format!("{text}&") }
    }
}

/// Which page of a table is shown.
struct Pages {
    number: usize,
    count: usize,
    lines: usize,
    base: String,
    parameter: &'static str,
}

impl Pages {
    fn new(query: &OverviewQuery, parameter: &'static str, asked: &str, lines: usize) -> Self {
        let count = lines.div_ceil(PAGE).max(1);
        let number = asked.parse().unwrap_or(1).clamp(1, count);
        Self { number, count, lines, base: query.without(&[parameter]), parameter }
    }

    fn of<T>(&self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip((self.number - 1) * PAGE).take(PAGE).collect()
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn link(&self, number: &usize) -> String {
        format!("/?{}{}={number}", self.base, self.parameter)
    }

    fn next(&self) -> Option<usize> {
        (self.number < self.count).then(|| self.number + 1)
    }

    fn previous(&self) -> Option<usize> {
        (self.number > 1).then(|| self.number - 1)
    }
}

/// The columns that the total is sorted by; without one it keeps its order.
const COLUMNS: [&str; 6] = ["code", "volume", "against", "invested", "share", "holders"];

fn sort_total(sort: &Sort, lines: &mut [TotalLine], book: &Book, since: Option<&Since>) {
    let was = |line: &TotalLine| since.and_then(|since| since.instruments.get(&line.code.instrument())).copied();
    let moved = |line: &TotalLine| was(line).map(|was| line.volume.distance(was)).unwrap_or_default();
    let holders = |line: &TotalLine| book.holders(&line.code.instrument()).len();
    sort.by(lines, |one, two| match sort.column() {
        "code" => one.code.instrument().cmp(&two.code.instrument()),
        "volume" => one.volume.cmp(&two.volume),
        "against" => moved(one).cmp(&moved(two)),
        "invested" | "share" => one.amount.cmp(&two.amount),
        "holders" => holders(one).cmp(&holders(two)),
        _ => Ordering::Equal,
    });
}

/// `GET /`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    Query(query): Query<OverviewQuery>,
) -> Result<Response, AppError> {
    let rest = format!("/?{}", query.without(&["sort", "page"]));
    let sort = Sort::parse(&query.sort, &COLUMNS, rest.trim_end_matches(['?', '&']));
    let search = query.q.to_string();
    let total = book.total(&Selection::All)?;
    let invested = total.lines.iter().map(|line| line.amount).sum::<Amount>();
    let expected = Expected::at(book.settings().calendar(), v.now);
    let warnings = warnings(&state, &v, &book, &total.lines, &expected).await?;

    // Without the past the present is still shown.
    let then = state.desk.book_at_close(v.now).await.ok();
    // Some more of the earlier closes are read with every look.
    for _ in 0..CLOSES_AT_A_LOOK {
        let _ = state.desk.read_earlier(v.now).await;
    }
    let (since, sums) = compared(&state, &book, then, v.now).await?;
    let wanted = search.to_lowercase();
    let says = |text: &str| text.to_lowercase().contains(&wanted);
    let mut lines = total.lines;
    lines.retain(|line| {
        wanted.is_empty()
            || [Notation::Jq, Notation::Qmt].iter().any(|notation| says(&line.code.to(*notation).to_string()))
            || line.name.as_deref().is_some_and(says)
            || book.holders(&line.code.instrument()).iter().any(|holder| says(holder.name.as_str()))
    });
    sort_total(&sort, &mut lines, &book, since.as_ref());
    let total_pages = Pages::new(&query, "page", &query.page, lines.len());
    let whole: f64 = invested.approximate();
    let rows = total_rows(&book, total_pages.of(lines), whole, since.as_ref());

    let found: Vec<_> =
        book.strategies().filter(|strategy| wanted.is_empty() || says(strategy.name.as_str())).collect();
    let strategy_pages = Pages::new(&query, "strategies", &query.strategies, found.len());
    let closes = state.desk.costs_at_closes(v.now);
    let row = |strategy: &Arc<Strategy>| strategy_row(&book, strategy, &expected, since.as_ref(), &closes, v.now);
    let strategies = strategy_pages.of(found).into_iter().map(row).collect();
    let strip = strip(&state, &v, &book);
    let (known, demo) = (total.known, book.takes_demo(&Selection::All));
    let first_push = state.first_push.get().filter(|_| book.is_empty() && search.is_empty()).cloned();
    let page = OverviewPage {
        v,
        warnings,
        search,
        sort,
        known,
        first_push,
        demo,
        invested,
        strip,
        sums,
        total: rows,
        total_pages,
        strategies,
        strategy_pages,
    };
    Ok(html(StatusCode::OK, &page))
}

/// What has changed since a close, and the numbers of the day: every account's target is added up for them.
async fn compared(
    state: &AppState,
    book: &Arc<Book>,
    then: Option<Arc<Book>>,
    now: Moment,
) -> Result<(Option<Since>, Sums), AppError> {
    let book = Arc::clone(book);
    let make = move || {
        let since = then.map(|then| Since::new(&then, &book));
        let sums = sums(&book, now, since.as_ref());
        Ok((since, sums))
    };
    state.workshop.make(make).await
}

/// The rows of some lines, each with what every strategy holds of it. Each list is walked once, however many of its
/// instruments are shown.
fn total_rows(book: &Book, lines: Vec<TotalLine>, whole: f64, since: Option<&Since>) -> Vec<TotalRow> {
    let mut parts: HashMap<Instrument, Vec<Part>> =
        lines.iter().map(|line| (line.code.instrument(), Vec::new())).collect();
    let holders: BTreeMap<_, _> = parts
        .keys()
        .flat_map(|instrument| book.holders(instrument))
        .map(|strategy| (strategy.id, Arc::clone(strategy)))
        .collect();
    let colours: HashMap<StrategyId, usize> =
        book.strategies().enumerate().map(|(n, strategy)| (strategy.id, n % COLOURS)).collect();
    for strategy in holders.values() {
        let colour = colours.get(&strategy.id).copied().unwrap_or_default();
        for position in strategy.list.iter() {
            if let Some(parts) = parts.get_mut(&position.code().instrument()) {
                let (volume, cost) = (position.volume(), position.cost());
                parts.push(Part { strategy: strategy.name.to_string(), volume, cost, colour });
            }
        }
    }
    let row = |line: TotalLine| {
        let parts = parts.remove(&line.code.instrument()).unwrap_or_default();
        let was = since.and_then(|since| since.instruments.get(&line.code.instrument()));
        let against = was.map(|was| line.volume - *was);
        total_row(line, parts, whole, against)
    };
    lines.into_iter().map(row).collect()
}

fn total_row(line: TotalLine, parts: Vec<Part>, whole: f64, against: Option<Volume>) -> TotalRow {
    TotalRow {
        name: line.name.map(String::from).unwrap_or_default(),
        average: line.average,
        share: if whole == 0.0 { 0.0 } else { line.amount.approximate() / whole },
        against,
        parts,
        code: line.code,
        volume: line.volume,
        invested: line.amount,
    }
}

fn strategy_row(
    book: &Book,
    strategy: &Strategy,
    expected: &Expected,
    since: Option<&Since>,
    closes: &[Arc<Costs>],
    now: Moment,
) -> StrategyRow {
    let (name, settings) = (&strategy.name, book.settings());
    let invested = strategy.list.amount();
    let costs = closes.iter().map(|costs| costs.get(name).copied().unwrap_or_default());
    StrategyRow {
        name: name.to_string(),
        is_adjustment: name.kind() == Kind::Adjustment,
        is_demo: name.is_demo(),
        positions: strategy.list.len(),
        last_push_at: strategy.last_push_at,
        updated_at: strategy.mark.updated_at,
        is_silent: expected.of(strategy) == Hearing::Silent,
        state: settings.state(name),
        waits: settings.hold(name).is_some(),
        punctuality: settings
            .schedule(name)
            .map(|schedule| schedule.status(strategy.told.met, strategy.last_push_at, settings.calendar(), now)),
        change: since.map(|since| since.strategies.get(name).copied().unwrap_or_default()),
        spark: spark(&costs.chain([invested.approximate()]).collect::<Vec<_>>()),
        invested,
    }
}

/// What terminals read, and who reads it.
fn strip(state: &AppState, v: &View, book: &Book) -> Strip {
    let terminal = |name: &AccountName| {
        let holder = state.terminals.holder(name, state.clock.running());
        let reported = book.reported(name);
        let called = |holder: Holder| {
            (holder.terminal.name.unwrap_or_else(|| holder.terminal.address.to_string()), holder.heard_at)
        };
        TerminalRow {
            account: name.to_string(),
            holder: holder.map(called),
            revision: reported.and_then(|reported| reported.revision),
            is_silent: reported.is_some_and(|reported| reported.is_silent(v.now)),
        }
    };
    let calendar = book.settings().calendar();
    let phase = if calendar.is_trading_time(v.now) {
        v.t.phase_open
    } else if calendar.may_trade(Day::of(v.now)) {
        v.t.phase_between
    } else {
        v.t.phase_closed
    };
    let mark = book.newest();
    Strip {
        revision: mark.map(|mark| mark.revision).unwrap_or_default(),
        changed_at: mark.map(|mark| mark.updated_at),
        phase,
        terminals: book.settings().accounts().map(|(name, _)| terminal(name)).collect(),
    }
}

fn sums(book: &Book, now: Moment, since: Option<&Since>) -> Sums {
    let began = book.settings().calendar().trading_day_began(now);
    let ordinary = || book.strategies().filter(|strategy| strategy.name.kind() == Kind::Ordinary);
    let has_spoken = |strategy: &&Arc<Strategy>| strategy.told.spoken_at.is_some_and(|at| at >= began);
    let drifts = book.settings().accounts().filter_map(|(_, settled)| drift_of(book, settled, now).ok());
    let drifts: Vec<Drift> = drifts.filter(|drift| drift.reported_at.is_some()).collect();
    let lines = || drifts.iter().flat_map(|drift| &drift.lines);
    let unexplained = |line: &&DriftLine| line.parts.iter().any(|part| part.reason == Reason::Unexplained);
    Sums {
        fresh: (ordinary().filter(has_spoken).count(), ordinary().count()),
        against: since.map(|since| since.amount),
        trades: since.map(|since| (since.bought, since.sold)),
        drift: (!drifts.is_empty()).then(|| (lines().count(), lines().filter(unexplained).count())),
    }
}

/// What deserves attention: in the book, at the door, and of the operator's.
async fn warnings(
    state: &AppState,
    v: &View,
    book: &Book,
    total: &[TotalLine],
    expected: &Expected,
) -> Result<Vec<Warning>, AppError> {
    let mut warnings: Vec<Warning> = attention(book, total, expected).iter().map(|one| Warning::of(one, v)).collect();
    let unknown = book.settings().calendar().unknown_soon(Day::of(v.now));
    warnings.extend(unknown.map(|day| Warning::new(v.t.calendar_unknown(day), "/calendar")));
    let behind = clock_behind(book, v.now).map(|span| v.t.clock_is_behind(&format::span(span, v.t)));
    warnings.extend(behind.map(|text| Warning::new(text, "/history")));
    let lost = log::lost_lines();
    warnings.extend((lost > 0).then(|| Warning::new(v.t.log_lines_lost(lost), "/healthz")));
    let unbound: Vec<String> = state.unbound.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
    warnings.extend(unbound.iter().map(|client| Warning::new(v.t.client_is_unbound(client), "/keys")));
    let operator = state.store.operator().await?;
    if operator.is_some_and(|operator| operator.created_at == operator.updated_at) {
        warnings.push(Warning::new(v.t.first_password, "/password"));
    }
    Ok(warnings)
}

impl Warning {
    fn new(text: impl Into<String>, link: impl Into<String>) -> Self {
        Self { text: text.into(), link: link.into() }
    }

    fn of(attention: &Attention<'_>, v: &View) -> Self {
        match attention {
            Attention::Examples => Self::new(v.t.demo_counts.to_owned(), "/#strategies"),
            Attention::BelowZero(line) => {
                let text = v.t.total_below_zero(&v.qmt(&line.code), &v.number(&line.volume));
                Self::new(text, "/adjustment")
            }
            Attention::OddLots(lines) => Self::new(odd_lots(lines, v), "/#total"),
            Attention::Silent(strategy) => {
                let last = strategy.last_push_at.map_or_else(|| v.t.never.to_owned(), |at| v.age(&at));
                let text = v.t.strategy_is_silent(&strategy.name, &last);
                Self::new(text, strategy_path(strategy.name.as_str()))
            }
            Attention::PerhapsSilent(strategy) => {
                let last = strategy.last_push_at.map_or_else(|| v.t.never.to_owned(), |at| v.age(&at));
                let text = v.t.strategy_is_perhaps_silent(&strategy.name, &last);
                Self::new(text, strategy_path(strategy.name.as_str()))
            }
            Attention::Waiting(name, hold) => Self::new(v.t.push_waits(name, &v.age(&hold.at)), "/holds"),
        }
    }
}

fn odd_lots(lines: &[&TotalLine], v: &View) -> String {
    let named = lines.iter().take(ODD_LOTS_NAMED);
    let named: Vec<String> = named.map(|line| v.t.odd_lot(&v.qmt(&line.code), &v.number(&line.volume))).collect();
    let rest = if lines.len() > named.len() { v.t.and_others } else { "" };
    v.t.odd_lots(lines.len(), &(named.join(v.t.comma) + rest))
}
