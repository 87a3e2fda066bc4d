//! `/reports/{day}`: what was traded on a day, what differed at the close and why, what each strategy did and cost, and what
//! somebody had to be told of.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::PathText;
use super::shown::Shown;
use super::view::{Reading, View};
use super::{html, see_other};
use crate::desk::daily::{Daily, DailyAccount, Traded};
use crate::domain::attribution::DayResult;
use crate::domain::calendar::Day;
use crate::domain::code::Instrument;
use crate::domain::drift::{DriftLine, DriftPart};
use crate::domain::strategy::StrategyName;
use crate::ledger::chain::Head;

#[derive(Template)]
#[template(path = "daily.html")]
struct DailyPage {
    v: View,
    day: Day,
    /// The trading days around it.
    before: Day,
    after: Option<Day>,
    accounts: Vec<AccountRows>,
    incidents: Vec<Shown>,
    head: Option<Head>,
}

/// An account's part of the page.
struct AccountRows {
    name: String,
    is_reported: bool,
    traded: Vec<(Instrument, Traded)>,
    total: DayResult,
    strategies: Vec<(String, DayResult)>,
    drift: Option<Vec<DriftLine>>,
}

impl AccountRows {
    fn new(account: DailyAccount, v: &View) -> Self {
        let became = account.became;
        let owners = became.iter().flat_map(|became| &became.owners);
        let name = |owner: Option<&StrategyName>| owner.map_or_else(|| v.t.nobodys.to_owned(), ToString::to_string);
        Self {
            name: account.account.to_string(),
            is_reported: became.is_some(),
            traded: account.traded.into_iter().collect(),
            strategies: owners.map(|owner| (name(owner.owner.as_ref()), owner.result)).collect(),
            total: became.as_ref().map(crate::desk::AccountDay::total).unwrap_or_default(),
            drift: account.drift,
        }
    }

    fn difference(line: &DriftLine, v: &View) -> String {
        v.signed(&line.difference())
    }

    /// Why a line differs, with how much of it.
    fn why(line: &DriftLine, v: &View) -> String {
        let part = |part: &DriftPart| format!("{} {}", v.signed(&part.shares), v.t.of_drift_reason(&part.reason));
        line.parts.iter().map(part).collect::<Vec<_>>().join(v.t.comma)
    }
}

/// `GET /reports`: the day that was traded on last.
pub(super) async fn newest(Reading { v, book }: Reading) -> Response {
    let day = Day::of(book.settings().calendar().trading_day_began(v.now));
    see_other(&format!("/reports/{day}"))
}

/// `GET /reports/{day}`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    PathText(day): PathText,
) -> Result<Response, AppError> {
    let day: Day = day.parse().map_err(|_| AppError::NotFound)?;
    let Daily { accounts, incidents, head, .. } = state.desk.daily(day).await?;
    let calendar = book.settings().calendar();
    let mut later = day.next().through(Day::of(v.now));
    let after = later.find(|later| calendar.may_trade(*later));
    let accounts = accounts.into_iter().map(|one| AccountRows::new(one, &v)).collect();
    let incidents = incidents.iter().map(|one| v.shown(one)).collect();
    let before = calendar.trading_day_before(day);
    Ok(html(StatusCode::OK, &DailyPage { v, day, before, after, accounts, incidents, head }))
}
