//! `GET /`: the merged total, the strategies, and what needs attention.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::{Query, Typed, account_name};
use super::chart::spark;
use super::links::{account_path, strategy_path};
use super::paging::Pages;
use super::sort::Sort;
use super::target_rows::{self, Narrowed, OTHER_BOARD, TargetRow};
use super::view::{Reading, View};
use super::{format, html, links};
use crate::desk::terminals::Holder;
use crate::desk::{Costs, DriftLines};
use crate::domain::account::AccountName;
use crate::domain::board::boards;
use crate::domain::book::{Book, Strategy};
use crate::domain::calendar::Day;
use crate::domain::decimal::Amount;
use crate::domain::incident::Kind;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::domain::schedule::Punctuality;
use crate::domain::settings::Settled;
use crate::domain::since::{ListChange, Since};
use crate::domain::state::State as StrategyState;
use crate::domain::strategy::{self, StrategyId, StrategyName};
use crate::domain::total::{Selection, TotalLine};
use crate::domain::watch::{Attention, Expected, Hearing, attention, clock_behind};
use crate::log;

/// How many targets that are no whole lots are named.
const ODD_LOTS_NAMED: usize = 3;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    v: View,
    warnings: Vec<Warning>,
    search: String,
    /// What of the address a search keeps, and the address without one.
    kept: Vec<(&'static str, String)>,
    unfiltered: String,
    known: bool,
    /// A command to try while nobody has pushed.
    first_push: Option<String>,
    demo: bool,
    invested: Amount,
    strip: Strip,
    sums: Sums,
    targets: Targets,
    strategies: Vec<StrategyRow>,
    strategy_sort: Sort,
    strategy_pages: Pages,
}

/// The targets of the merged total, or of an account.
struct Targets {
    /// Whose, and boards: tabs.
    whose: Vec<Tab>,
    boards: Vec<Tab>,
    changed: Tab,
    /// Whether less than all of them is asked for.
    is_narrowed: bool,
    account: Option<AccountName>,
    /// Strategies of which nothing is known: the account's target is not answered.
    incomplete: Vec<StrategyName>,
    rows: Vec<TargetRow>,
    sort: Sort,
    pages: Pages,
    /// What all of them cost: CNY.
    cost: f64,
}

/// One of several things that may be looked at.
struct Tab {
    label: String,
    link: String,
    count: Option<usize>,
    is_here: bool,
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
    /// How each due time of today was kept: in words, and how many of those that have come.
    slots: String,
    kept: (usize, usize),
    /// What has changed since yesterday's close.
    change: Option<ListChange>,
    /// What it costs more than the list before it, below zero where less.
    moved: Option<Amount>,
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
    /// Its target's revision; None where that is not known.
    target: Option<Revision>,
    /// Strategies of which nothing is known: no target is answered.
    incomplete: Vec<StrategyName>,
    is_paused: bool,
    /// The revision that it goes by, where it reports.
    revision: Option<Revision>,
    is_silent: bool,
}

impl TerminalRow {
    /// Whether the terminal goes by an older revision than its target's.
    fn is_behind(&self) -> bool {
        self.revision.is_some_and(|revision| self.target.is_some_and(|target| revision < target))
    }

    /// Whether somebody should look.
    fn is_late(&self) -> bool {
        self.is_silent || self.holder.is_none() || self.is_stopped()
    }

    /// Whether its terminal is told no target.
    fn is_stopped(&self) -> bool {
        self.is_paused || !self.incomplete.is_empty()
    }
}

/// The numbers of the day.
struct Sums {
    /// How many strategies have spoken on the trading day, of how many.
    fresh: (usize, usize),
    /// The day of the last close.
    close: Day,
    /// What the lists cost now, less what they cost at it: CNY.
    against: Option<Amount>,
    /// What of the total is bought and sold since then: CNY.
    trades: Option<(f64, f64)>,
    /// Over all accounts: how many lines differ from what is held, and how many of them nothing explains.
    drift: Option<(usize, usize)>,
    /// Of how many accounts that report it is not known.
    drift_unknown: usize,
}

/// Something that the operator should look at.
struct Warning {
    text: String,
    link: String,
}

/// What is searched, narrowed and sorted, and which page of each table is wanted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OverviewQuery {
    q: Typed,
    account: Typed,
    board: Typed,
    changed: Typed,
    sort: Typed,
    page: Typed,
    order: Typed,
    strategies: Typed,
}

impl OverviewQuery {
    fn parameters(&self) -> [(&'static str, &str); 8] {
        [
            ("q", &*self.q),
            ("account", &*self.account),
            ("board", &*self.board),
            ("changed", &*self.changed),
            ("sort", &*self.sort),
            ("page", &*self.page),
            ("order", &*self.order),
            ("strategies", &*self.strategies),
        ]
    }

    /// The address of the page without some parameters.
    fn rest(&self, names: &[&str]) -> String {
        let query = links::query(self.parameters().into_iter().filter(|(name, _)| !names.contains(name)));
        if query.is_empty() { "/".to_owned() } else { format!("/?{query}") }
    }

    /// The address with another value of a parameter, at the top of the table; without it where the value is empty.
    fn with(&self, name: &str, value: &str) -> String {
        let kept = self.parameters().into_iter().filter(|(other, _)| *other != name && *other != "page");
        let query = links::query(kept.chain([(name, value)]));
        let link = if query.is_empty() { "/".to_owned() } else { format!("/?{query}") };
        link + "#total"
    }

    fn tab(&self, name: &str, value: &str, label: &str, count: Option<usize>) -> Tab {
        let here = self.parameters().into_iter().find(|(other, _)| *other == name).map(|(_, value)| value);
        Tab { label: label.to_owned(), link: self.with(name, value), count, is_here: here == Some(value) }
    }
}

/// The columns that strategies are sorted by; without one the oldest come first.
const STRATEGY_COLUMNS: [&str; 10] =
    ["name", "positions", "invested", "moved", "lines", "against", "days", "pushes", "push", "changed"];

/// What strategies are looked at beside.
struct Beside<'a> {
    since: Option<&'a Since>,
    closes: &'a [Arc<Costs>],
    moved: &'a HashMap<StrategyId, Amount>,
    expected: &'a Expected,
}

/// How much it matters how a schedule is kept: what is missing most.
const fn urgency(punctuality: Punctuality) -> u8 {
    match punctuality {
        Punctuality::NotDue => 0,
        Punctuality::OnTime => 1,
        Punctuality::Unknown => 2,
        Punctuality::Late => 3,
        Punctuality::Silent => 4,
    }
}

fn sort_strategies(
    sort: &Sort,
    strategies: &mut [&Arc<Strategy>],
    Beside { since, closes, moved, .. }: &Beside<'_>,
    book: &Book,
    now: Moment,
) {
    let change = |one: &Strategy| since.and_then(|since| since.strategies.get(&one.name)).copied().unwrap_or_default();
    let lines = |one: &Strategy| change(one).more + change(one).less;
    // A list is added up once, however often it is compared.
    let by_cost = matches!(sort.column(), "invested" | "days");
    let costs: HashMap<StrategyId, Amount> =
        strategies.iter().filter(|_| by_cost).map(|one| (one.id, one.list.amount())).collect();
    let cost = |one: &Strategy| costs.get(&one.id).copied().unwrap_or_default();
    let first = |one: &Strategy| closes.first().and_then(|costs| costs.get(&one.name)).copied().unwrap_or_default();
    let grown = |one: &Strategy| cost(one).approximate() - first(one);
    let last = |one: &Strategy| moved.get(&one.id).copied().unwrap_or_default();
    let kept = |one: &Strategy| punctuality(book, one, now).map(urgency);
    sort.by(strategies, |one, two| match sort.column() {
        "moved" => last(one).cmp(&last(two)),
        "days" => grown(one).total_cmp(&grown(two)),
        "pushes" => kept(one).cmp(&kept(two)),
        "changed" => one.mark.updated_at.cmp(&two.mark.updated_at),
        "name" => one.name.cmp(&two.name),
        "positions" => one.list.len().cmp(&two.list.len()),
        "invested" => cost(one).cmp(&cost(two)),
        "lines" => lines(one).cmp(&lines(two)),
        "against" => change(one).amount.cmp(&change(two).amount),
        "push" => one.last_push_at.cmp(&two.last_push_at),
        _ => Ordering::Equal,
    });
}

/// How a strategy keeps its schedule, where it is expected to.
fn punctuality(book: &Book, strategy: &Strategy, now: Moment) -> Option<Punctuality> {
    let (settings, schedule) = (book.settings(), book.settings().expected_by(&strategy.name)?);
    Some(schedule.status(strategy.told.met, strategy.last_push_at, settings.calendar(), now))
}

/// `GET /`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    Query(query): Query<OverviewQuery>,
) -> Result<Response, AppError> {
    let account = if query.account.is_empty() { None } else { Some(account_name(&query.account)?) };
    // Without the past the present is still shown.
    let then = state.desk.book_at_close(v.now).await.ok();
    let settled_then = match &account {
        Some(name) => state.desk.account_at_close(name, v.now).await.ok().flatten(),
        None => None,
    };
    let moved = state.desk.moved(&book).await.unwrap_or_default();
    let operator = state.store.operator().await?;
    let is_first_password = operator.is_some_and(|operator| operator.created_at == operator.updated_at);
    let look = Look { state: state.clone(), v, book, query, account, then, settled_then, moved, is_first_password };
    // Totals, targets and drifts are added up: on a thread that may be busy.
    state.workshop.make(move || look.draw()).await
}

/// A look at Today, with what had to be waited for.
struct Look {
    state: AppState,
    v: View,
    book: Arc<Book>,
    query: OverviewQuery,
    /// Whose target is looked at, where it is not the merged total.
    account: Option<AccountName>,
    /// The book at the last close, and the account as it was settled then.
    then: Option<Arc<Book>>,
    settled_then: Option<Settled>,
    /// What each list's newest revision moved.
    moved: HashMap<StrategyId, Amount>,
    /// Whether the operator's password is that of the first start.
    is_first_password: bool,
}

impl Look {
    fn draw(self) -> Result<Response, AppError> {
        let (state, book, query, now) = (&self.state, &*self.book, &self.query, self.v.now);
        let total = book.total(&Selection::All)?;
        let invested = total.lines.iter().map(|line| line.amount).sum::<Amount>();
        let expected = Expected::at(book.settings().calendar(), now);
        let warnings = self.warnings(&total.lines, &expected);
        let since = self.then.as_deref().map(|then| state.desk.since(then, book));
        let since = since.as_deref();
        let sums = sums(state, book, now, since);
        let (known, demo) = (total.known, book.takes_demo(&Selection::All));
        let search = query.q.to_string();
        let wanted = search.to_lowercase();
        let is_found = |one: &&Arc<Strategy>| one.name.as_str().to_lowercase().contains(&wanted);
        let mut found: Vec<_> = book.strategies().filter(is_found).collect();
        let base = query.rest(&["order", "strategies"]);
        let strategy_sort = Sort::named("order", &query.order, &STRATEGY_COLUMNS, &base, "strategies");
        let closes = state.desk.costs_at_closes(now);
        let beside = Beside { since, closes: &closes, moved: &self.moved, expected: &expected };
        sort_strategies(&strategy_sort, &mut found, &beside, book, now);
        let base = query.rest(&["strategies"]);
        let strategy_pages = Pages::new(&query.strategies, found.len(), &base, "strategies", "strategies");
        let row = |one: &Arc<Strategy>| strategy_row(book, one, &beside, &self.v);
        let strategies = strategy_pages.of(found).into_iter().map(row).collect();
        let strip = strip(state, &self.v, book);
        let targets = self.targets(total.lines, since)?;
        let kept = query
            .parameters()
            .into_iter()
            .filter(|(name, value)| !matches!(*name, "q" | "page" | "strategies") && !value.is_empty());
        let kept = kept.map(|(name, value)| (name, value.to_owned())).collect();
        let unfiltered = query.rest(&["q", "page", "strategies"]);
        let first_push = state.first_push.get().filter(|_| book.is_empty() && search.is_empty()).cloned();
        let page = OverviewPage {
            v: self.v,
            warnings,
            search,
            kept,
            unfiltered,
            known,
            first_push,
            demo,
            invested,
            strip,
            sums,
            targets,
            strategies,
            strategy_sort,
            strategy_pages,
        };
        Ok(html(StatusCode::OK, &page))
    }

    /// The targets that are looked at. Only of that account is anything reckoned.
    fn targets(&self, total: Vec<TotalLine>, since: Option<&Since>) -> Result<Targets, AppError> {
        let rows = match &self.account {
            None => {
                let gone = self.then.as_deref().filter(|_| !self.query.changed.is_empty());
                (target_rows::of_total(&self.book, total, gone, since), Vec::new())
            }
            Some(name) => self.account_rows(name)?,
        };
        Ok(Targets::new(&self.v, &self.query, &self.book, self.account.clone(), rows))
    }

    /// An account's target beside what it was at the last close, as the account was settled then.
    fn account_rows(&self, name: &AccountName) -> Result<Rows, AppError> {
        let (book, now) = (&self.book, self.v.now);
        let settled = book.settings().account(name).ok_or_else(|| AppError::UnknownAccount(name.clone()))?;
        let then = self.then.as_deref().zip(self.settled_then.as_ref());
        let before = then.and_then(|(then, settled)| self.state.desk.target_at_close(then, settled, now));
        Ok(match self.state.desk.target(book, settled, now) {
            Ok(target) => (target_rows::of_account(book, settled, &target, before.as_deref(), now), Vec::new()),
            Err(incomplete) => (Vec::new(), incomplete.0),
        })
    }
}

type Rows = (Vec<TargetRow>, Vec<StrategyName>);

impl Targets {
    fn new(
        v: &View,
        query: &OverviewQuery,
        book: &Book,
        account: Option<AccountName>,
        (mut rows, incomplete): Rows,
    ) -> Self {
        let cost = rows.iter().map(|row| row.cost).sum();
        // A board that is not known asks for all.
        let board = &*query.board;
        let board = if board == OTHER_BOARD || boards().iter().any(|known| known.id == board) { board } else { "" };
        let narrowed = Narrowed { search: &query.q, changed: !query.changed.is_empty(), board };
        let is_narrowed = narrowed.is_narrow();
        let counts = narrowed.apply(&mut rows, book, v);
        let sort = Sort::parse(&query.sort, &target_rows::COLUMNS, &query.rest(&["sort", "page"]), "total");
        target_rows::sort(&sort, &mut rows, book);
        let pages = Pages::new(&query.page, rows.len(), &query.rest(&["page"]), "page", "total");
        let mut rows = pages.of(rows);
        target_rows::fill_parts(book, &mut rows);
        let names: Vec<&AccountName> = book.settings().accounts().map(|(name, _)| name).collect();
        let mut whose = Vec::new();
        if !names.is_empty() {
            whose.push(query.tab("account", "", v.t.total, None));
            whose.extend(names.iter().map(|name| query.tab("account", name.as_str(), name.as_str(), None)));
        }
        let all = query.tab("board", "", v.t.all_boards, Some(counts.iter().map(|(_, _, count)| count).sum()));
        let one = |(id, name, count): &(&str, &str, usize)| query.tab("board", id, name, Some(*count));
        let boards = [all].into_iter().chain(counts.iter().map(one)).collect();
        let turned = if query.changed.is_empty() { "1" } else { "" };
        let changed = Tab { is_here: turned.is_empty(), ..query.tab("changed", turned, v.t.only_changed, None) };
        Self { whose, boards, changed, is_narrowed, account, incomplete, rows, sort, pages, cost }
    }
}

fn strategy_row(book: &Book, strategy: &Strategy, beside: &Beside<'_>, v: &View) -> StrategyRow {
    let Beside { since, closes, moved, expected } = beside;
    let (name, settings) = (&strategy.name, book.settings());
    let invested = strategy.list.amount();
    let costs = closes.iter().map(|costs| costs.get(name).copied().unwrap_or_default());
    let slots = settings
        .expected_by(name)
        .map(|schedule| schedule.slots(strategy.told.met, strategy.last_push_at, settings.calendar(), v.now));
    let slots = slots.unwrap_or_default();
    let has_come = |kept: Punctuality| kept != Punctuality::NotDue;
    let was_met = |kept: Punctuality| matches!(kept, Punctuality::OnTime | Punctuality::Late);
    let words: Vec<String> = slots.iter().map(|(by, kept)| format!("{by} {}", v.t.of_punctuality(kept))).collect();
    StrategyRow {
        slots: words.join(v.t.comma),
        kept: (
            slots.iter().filter(|(_, kept)| was_met(*kept)).count(),
            slots.iter().filter(|(_, kept)| has_come(*kept)).count(),
        ),
        name: name.to_string(),
        is_adjustment: name.kind() == strategy::Kind::Adjustment,
        is_demo: name.is_demo(),
        positions: strategy.list.len(),
        last_push_at: strategy.last_push_at,
        updated_at: strategy.mark.updated_at,
        is_silent: expected.of(strategy, settings) == Hearing::Silent,
        state: settings.state(name),
        waits: settings.hold(name).is_some(),
        punctuality: punctuality(book, strategy, v.now),
        moved: moved.get(&strategy.id).copied().filter(|moved| !moved.is_zero()),
        change: since.map(|since| since.strategies.get(name).copied().unwrap_or_default()),
        spark: spark(&costs.chain([invested.approximate()]).collect::<Vec<_>>()),
        invested,
    }
}

/// What terminals read, and who reads it.
fn strip(state: &AppState, v: &View, book: &Book) -> Strip {
    let terminal = |(name, settled): (&AccountName, &Arc<Settled>)| {
        let target = book.target_mark(settled, v.now);
        let holder = state.desk.terminals().holder(name, state.clock.running());
        let reported = book.reported(name);
        let called = |holder: Holder| {
            (holder.terminal.name.unwrap_or_else(|| holder.terminal.address.to_string()), holder.heard_at)
        };
        TerminalRow {
            account: name.to_string(),
            holder: holder.map(called),
            revision: reported.and_then(|reported| reported.revision),
            target: target.as_ref().ok().map(|target| target.mark.revision),
            incomplete: target.err().map(|incomplete| incomplete.0).unwrap_or_default(),
            is_paused: book.settings().paused_itself(Some(name)).is_some(),
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
        terminals: book.settings().accounts().map(terminal).collect(),
    }
}

fn sums(state: &AppState, book: &Book, now: Moment, since: Option<&Since>) -> Sums {
    let began = book.settings().calendar().trading_day_began(now);
    let is_ordinary = |strategy: &&Arc<Strategy>| strategy.name.kind() == strategy::Kind::Ordinary;
    let ordinary = || book.strategies().filter(is_ordinary).filter(|one| book.settings().expects(&one.name));
    let has_spoken = |strategy: &&Arc<Strategy>| strategy.told.spoken_at.is_some_and(|at| at >= began);
    let drifts = book.settings().accounts().map(|(_, settled)| state.desk.drift_lines(book, settled, now));
    let (known, unknown): (Vec<_>, Vec<_>) = drifts.partition(Result::is_ok);
    let known: Vec<DriftLines> = known.into_iter().flatten().flatten().collect();
    let lines = |count: fn(&DriftLines) -> usize| known.iter().map(count).sum();
    Sums {
        fresh: (ordinary().filter(has_spoken).count(), ordinary().count()),
        close: book.settings().calendar().last_close(now),
        against: since.map(|since| since.amount),
        trades: since.map(|since| (since.bought, since.sold)),
        drift: (!known.is_empty()).then(|| (lines(|one| one.all), lines(|one| one.unexplained))),
        drift_unknown: unknown.len(),
    }
}

impl Look {
    /// What deserves attention beside the incidents that stand: in the book, at the door, and of the operator's.
    fn warnings(&self, total: &[TotalLine], expected: &Expected) -> Vec<Warning> {
        let (v, book) = (&self.v, &*self.book);
        let untold = attention(book, total, expected, Day::of(v.now)).into_iter().filter(|one| !is_told(one, v));
        let mut warnings: Vec<Warning> = untold.map(|one| Warning::of(&one, v)).collect();
        let unknown = book.settings().calendar().unknown_soon(Day::of(v.now));
        let unknown = unknown.filter(|_| !v.stands(Kind::CalendarUnknown, ""));
        warnings.extend(unknown.map(|day| Warning::new(v.t.calendar_unknown(day), "/calendar")));
        let behind = clock_behind(book, v.now).filter(|_| !v.stands(Kind::Clock, ""));
        let behind = behind.map(|span| v.t.clock_is_behind(&format::span(span, v.t)));
        warnings.extend(behind.map(|text| Warning::new(text, "/history")));
        let lost = log::lost_lines();
        warnings.extend((lost > 0).then(|| Warning::new(v.t.log_lines_lost(lost), "/healthz")));
        let unbound = self.state.unbound.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.extend(unbound.iter().map(|client| Warning::new(v.t.client_is_unbound(client), "/keys")));
        warnings.extend(self.stopped());
        let conflicts = self.state.desk.standing_conflicts(book, v.now);
        warnings.extend((conflicts > 0).then(|| Warning::new(v.t.conflicts_stand(conflicts), "/conflicts")));
        warnings.extend(self.is_first_password.then(|| Warning::new(v.t.first_password, "/password")));
        warnings
    }

    /// Accounts whose terminals are told no target.
    fn stopped(&self) -> Vec<Warning> {
        let (v, settings) = (&self.v, self.book.settings());
        let mut warnings = Vec::new();
        for (name, settled) in settings.accounts() {
            let link = account_path(name.as_str());
            if let Err(incomplete) = self.book.target_mark(settled, v.now) {
                let names: Vec<&str> = incomplete.0.iter().map(StrategyName::as_str).collect();
                warnings.push(Warning::new(v.t.account_incomplete(name, &names.join(v.t.comma)), link.clone()));
            }
            if let Some((_, mark)) = settings.paused_itself(Some(name)) {
                warnings.push(Warning::new(v.t.account_is_paused(name, &v.age(&mark.updated_at)), link));
            }
        }
        warnings
    }
}

/// Whether an incident says the same.
fn is_told(attention: &Attention<'_>, v: &View) -> bool {
    match attention {
        Attention::BelowZero(_) => v.stands(Kind::BelowZero, ""),
        Attention::Waiting(name, _) => v.stands(Kind::PushHeld, name.as_str()),
        Attention::Silent(strategy) => {
            let name = strategy.name.as_str();
            v.stands(Kind::StrategySilent, name) || v.stands(Kind::StrategyLate, name)
        }
        Attention::Examples | Attention::OddLots(_) | Attention::PerhapsSilent(_) | Attention::StillCounting(_) => {
            false
        }
    }
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
            Attention::StillCounting(overlay) => {
                Self::new(v.t.still_counting(&overlay.name), strategy_path(overlay.name.as_str()))
            }
        }
    }
}

fn odd_lots(lines: &[&TotalLine], v: &View) -> String {
    let named = lines.iter().take(ODD_LOTS_NAMED);
    let named: Vec<String> = named.map(|line| v.t.odd_lot(&v.qmt(&line.code), &v.number(&line.volume))).collect();
    let rest = if lines.len() > named.len() { v.t.and_others } else { "" };
    v.t.odd_lots(lines.len(), &(named.join(v.t.comma) + rest))
}
