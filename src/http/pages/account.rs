//! `/accounts/{name}`: what an account is to hold and why, which terminal holds it; paused, released, deleted.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::{PathText, Query, Typed, account_name};
use super::account_report::{AccountReport, Because, LISTED, because, fills_of_today, orders_now};
use super::accounts::pause_of;
use super::form::CheckedForm;
use super::links::{self, account_path, done};
use super::paging::Pages;
use super::sort::Sort;
use super::target_rows::{self, TargetRow};
use super::view::{Member, Paused, Reading, View};
use super::{html, see_other};
use crate::desk::terminals::Holder;
use crate::desk::{Desk, NotDone, Order};
use crate::domain::account::{Account, AccountName, Adjustments};
use crate::domain::book::{Book, Mark};
use crate::domain::code::Code;
use crate::domain::decimal::{Amount, Decimal};
use crate::domain::moment::Moment;
use crate::domain::report::{Fill, Side};
use crate::domain::revision::Revision;
use crate::domain::settings::Settled;
use crate::domain::strategy::StrategyName;
use crate::domain::target::Target;
use crate::ledger::Rejected;
use crate::store::NotStored;

/// The largest scale that an account may have.
const LARGEST_SCALE: f64 = 1_000.0;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    v: View,
    name: AccountName,
    path: String,
    account: Account,
    mark: Mark,
    pause: Option<Paused>,
    standing: Standing,
    sort: Sort,
    pages: Pages,
    fills: Vec<Fill>,
    holder: Option<Holder>,
    capital: Vec<Capital>,
    wanted: Wanted,
}

/// What the account is to hold, and what it does.
#[derive(Default)]
struct Standing {
    rows: Vec<TargetRow>,
    is_demo: bool,
    /// Strategies of which nothing is known: the target is not answered.
    incomplete: Vec<StrategyName>,
    /// What the terminal reported last; None before any report.
    report: Option<AccountReport>,
    because: Vec<Because>,
    /// What the terminal would order now; None where that is not known.
    orders: Option<Vec<Order>>,
}

impl Standing {
    fn new(desk: &Desk, book: &Book, settled: &Settled, before: Option<&Target>, now: Moment) -> Self {
        let account = &settled.name;
        match desk.target(book, settled, now) {
            Ok(target) => {
                let report = AccountReport::of(book, account, Some(&target), now);
                let orders = orders_now(book, account, &target, now);
                let is_demo = target.is_demo;
                let mut rows = target_rows::of_account(book, settled, &target, before, now);
                rows.retain(|row| !row.is_gone);
                Self { because: because(&rows), rows, is_demo, incomplete: Vec::new(), report, orders }
            }
            Err(incomplete) => Self {
                incomplete: incomplete.0,
                report: AccountReport::of(book, account, None, now),
                ..Self::default()
            },
        }
    }
}

/// A strategy that the account follows, and what of its equity that is.
struct Capital {
    name: StrategyName,
    scale: Decimal,
    /// The strategy's own equity and the account's part of it, where its pushes tell that: CNY.
    equity: Option<(Decimal, Amount)>,
}

/// The capital that somebody wants a strategy to have, and at which scale it would.
#[derive(Default)]
struct Wanted {
    strategy: String,
    amount: String,
    scale: Option<String>,
    is_faulty: bool,
}

impl AccountPage {
    /// Whether any of its strategies tells its own equity.
    fn tells_equity(&self) -> bool {
        self.capital.iter().any(|one| one.equity.is_some())
    }
}

impl Wanted {
    fn new(asked: &AccountQuery, capital: &[Capital]) -> Self {
        let (strategy, amount) = (asked.strategy.to_string(), asked.wanted.to_string());
        if strategy.is_empty() && amount.is_empty() {
            return Self::default();
        }
        let equity = capital.iter().find(|one| one.name.as_str() == strategy).and_then(|one| one.equity);
        let plain: String = amount.chars().filter(|letter| !matches!(letter, ',' | '，' | ' ')).collect();
        let scale = equity.and_then(|(equity, _)| scale_for(Decimal::parse(&plain).ok()?, equity));
        Self { strategy, amount, is_faulty: scale.is_none(), scale }
    }
}

/// The scale at which an equity becomes a capital, to six decimals and never above it.
fn scale_for(capital: Decimal, equity: Decimal) -> Option<String> {
    const MILLION: f64 = 1_000_000.0;
    let scale = (capital.approximate() / equity.approximate() * MILLION).floor() / MILLION;
    let text = format!("{scale:.6}");
    (scale > 0.0 && scale <= LARGEST_SCALE).then(|| text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

fn capital(book: &Book, account: &Account) -> Vec<Capital> {
    let strategies = account.strategies.iter();
    let one = strategies.map(|share| {
        let equity = book.strategy(&share.name).and_then(|strategy| strategy.told.total_value);
        let equity = equity.map(|equity| (equity, equity.times(share.scale)));
        Capital { name: share.name.clone(), scale: share.scale, equity }
    });
    one.collect()
}

/// In which order, which page of it, and which capital is wanted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AccountQuery {
    sort: Typed,
    page: Typed,
    strategy: Typed,
    wanted: Typed,
}

/// `GET /accounts/{name}`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    PathText(name): PathText,
    Query(asked): Query<AccountQuery>,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let settled = book.settings().account(&name).ok_or_else(|| AppError::UnknownAccount(name.clone()))?.clone();
    let capital = capital(&book, &settled.account);
    let pause = Paused::of(book.settings(), Some(&name));
    let now = v.now;
    let then = state.desk.book_at_close(now).await.ok();
    let settled_then = state.desk.account_at_close(&name, now).await.ok().flatten();
    let path = account_path(name.as_str());
    let wanted = Wanted::new(&asked, &capital);
    let address = |sort| {
        let query = links::query([("strategy", &*asked.strategy), ("wanted", &*asked.wanted), ("sort", sort)]);
        if query.is_empty() { path.clone() } else { format!("{path}?{query}") }
    };
    let sort = Sort::parse(&asked.sort, &target_rows::COLUMNS, &address(""), "target");
    let in_order = address(&asked.sort);
    let make = {
        let (settled, desk) = (settled.clone(), state.desk.clone());
        move || {
            let then = then.as_deref().zip(settled_then.as_ref());
            let before = then.and_then(|(then, settled)| desk.target_at_close(then, settled, now));
            let mut standing = Standing::new(&desk, &book, &settled, before.as_deref(), now);
            target_rows::sort(&sort, &mut standing.rows, &book);
            let pages = Pages::new(&asked.page, standing.rows.len(), &in_order, "page", "target");
            standing.rows = pages.of(standing.rows);
            target_rows::fill_parts(&book, &mut standing.rows);
            Ok((standing, sort, pages))
        }
    };
    let (standing, sort, pages) = state.workshop.make(make).await?;
    let page = AccountPage {
        path,
        account: settled.account.clone(),
        mark: settled.mark,
        pause,
        standing,
        sort,
        pages,
        fills: fills_of_today(&state.store, &name, now).await?,
        holder: state.desk.terminals().holder(&name, state.clock.running()),
        wanted,
        capital,
        v,
        name,
    };
    let status = if page.wanted.is_faulty { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(html(status, &page))
}

/// `POST /accounts/{name}/pause`
pub(super) async fn pause(
    State(state): State<AppState>,
    PathText(name): PathText,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let receipt = state.desk.pause(&form.operator, Some(name.clone()), pause_of(&form.fields)?).await?;
    Ok(see_other(&done(&account_path(name.as_str()), &[], &receipt)))
}

/// `POST /accounts/{name}/release`: whichever terminal holds the account holds it no more.
pub(super) async fn release(
    State(state): State<AppState>,
    PathText(name): PathText,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    state.desk.release_terminal(&form.operator, &name);
    Ok(see_other(&account_path(name.as_str())))
}

/// `POST /accounts/{name}/unlock`: one of its lines is traded again though nothing explains how its holding changed.
pub(super) async fn unlock(
    State(state): State<AppState>,
    PathText(name): PathText,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let code = Code::parse(form.fields.get("code")).map_err(|_| Invalid::Query("code".into()))?;
    let path = account_path(name.as_str());
    match state.desk.release(&form.operator, name, Some(code)).await {
        Ok(receipt) => Ok(see_other(&done(&path, &[], &receipt))),
        // The strategies have answered it, or somebody was faster.
        Err(NotDone::NotStored(NotStored::Rejected(Rejected::NotLocked))) => Ok(see_other(&path)),
        Err(not_done) => Err(not_done.into()),
    }
}

/// Where a form's answer was, a reload or a language switch asks again.
pub(super) async fn to_page(PathText(name): PathText) -> Response {
    see_other(&account_path(&name))
}

#[derive(Template)]
#[template(path = "account_delete.html")]
struct DeletePage {
    v: View,
    name: AccountName,
    path: String,
    /// What the account is at; the change is refused when it has moved on.
    expected: Revision,
    moved: bool,
}

fn draw_delete(state: &AppState, v: View, name: AccountName, moved: bool) -> Result<Response, AppError> {
    let book = state.store.book();
    let settled = book.settings().account(&name).ok_or_else(|| AppError::UnknownAccount(name.clone()))?;
    let (path, expected) = (account_path(name.as_str()), settled.mark.revision);
    let status = if moved { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok(html(status, &DeletePage { v, name, path, expected, moved }))
}

/// `GET /accounts/{name}/delete`
pub(super) async fn ask_delete(
    State(state): State<AppState>,
    Member(v): Member,
    PathText(name): PathText,
) -> Result<Response, AppError> {
    draw_delete(&state, v, account_name(&name)?, false)
}

/// `POST /accounts/{name}/delete`
pub(super) async fn delete(
    State(state): State<AppState>,
    PathText(name): PathText,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let name = account_name(&name)?;
    let expected = form.fields.get("expected").parse().map_err(|_| Invalid::Query("expected".into()))?;
    match state.desk.remove_account(&form.operator, name.clone(), Some(expected)).await {
        Ok(receipt) => Ok(see_other(&done("/accounts", &[], &receipt))),
        Err(not_done) if not_done.is_conflict() => draw_delete(&state, form.v, name, true),
        Err(not_done) => Err(not_done.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_gives_no_more_than_the_capital_that_is_wanted() {
        let scale =
            |capital: &str, equity: &str| scale_for(Decimal::parse(capital).unwrap(), Decimal::parse(equity).unwrap());
        assert_eq!(scale("500000", "1000000").as_deref(), Some("0.5"));
        assert_eq!(scale("100000", "300000").as_deref(), Some("0.333333"));
        for (capital, equity) in [("0", "1"), ("-1", "1"), ("1", "0"), ("1", "-1"), ("1001", "1"), ("0.0000001", "1")] {
            assert_eq!(scale(capital, equity), None, "{capital} of {equity}");
        }
    }
}
