//! The daily report, as JSON.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::AppError;
use super::super::extract::Query;
use super::super::scalars::DayText;
use super::attribution::{DayQuery, Results};
use super::drift::DriftLineDto;
use super::incidents::IncidentDto;
use super::json;
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::desk::AccountDay;
use crate::desk::daily::{Daily, DailyAccount, Traded};
use crate::domain::attribution::DayResult;
use crate::domain::calendar::Day;
use crate::domain::code::Instrument;
use crate::domain::drift::DriftLine;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;
use crate::ledger::chain::Head;

#[derive(Serialize, ToSchema)]
#[schema(as = Daily)]
struct DailyAnswer<'a> {
    #[schema(value_type = DayText)]
    day: String,
    accounts: Vec<AccountDto<'a>>,
    incidents: Vec<IncidentDto<'a>>,
    /// Null where that part of the history is in the archive.
    head: Option<HeadDto>,
}

/// Where the history ended with the day.
#[derive(Serialize, ToSchema)]
#[schema(as = Head)]
struct HeadDto {
    revision: Revision,
    /// SHA-256, in hexadecimal digits.
    hash: String,
    at: String,
}

impl HeadDto {
    fn new(head: &Head, zone: &Zone) -> Self {
        Self { revision: head.revision, hash: hex::encode(head.hash), at: zone.rfc3339(head.at) }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = DailyAccount)]
struct AccountDto<'a> {
    account: &'a str,
    /// Whether its terminal reported on that day.
    reported: bool,
    traded: Vec<TradedDto>,
    totals: Option<Results<'a>>,
    strategies: Vec<Results<'a>>,
    /// At the close; null where it is not known.
    drift: Option<Vec<DriftLineDto>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Traded)]
struct TradedDto {
    code: String,
    bought_shares: i64,
    /// CNY, as a decimal string.
    bought: String,
    sold_shares: i64,
    /// CNY, as a decimal string.
    sold: String,
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    let summary = "A day of every account: traded, drift at the close, strategies, incidents";
    vec![Entry::read("/api/v1/reports/daily", summary).query::<DayQuery>().answers::<DailyAnswer>()]
}

/// `GET /api/v1/reports/daily?day=`: without a day, of today.
pub(crate) async fn daily(
    State(state): State<AppState>,
    _: Reader,
    Query(query): Query<DayQuery>,
) -> Result<Response, AppError> {
    let day = query.day()?.unwrap_or_else(|| Day::of(state.clock.now()));
    let Daily { day, accounts, incidents, head } = state.desk.daily(day).await?;
    let totals: Vec<_> = accounts.iter().map(|one| one.became.as_ref().map(AccountDay::total)).collect();
    let account = |(one, totals)| AccountDto::new(one, totals, &state.zone);
    Ok(json(&DailyAnswer {
        day: day.to_string(),
        accounts: accounts.iter().zip(totals.iter().map(Option::as_ref)).map(account).collect(),
        incidents: incidents.iter().map(|one| IncidentDto::new(one, &state.zone)).collect(),
        head: head.map(|head| HeadDto::new(&head, &state.zone)),
    }))
}

impl<'a> AccountDto<'a> {
    fn new(one: &'a DailyAccount, totals: Option<&'a DayResult>, zone: &Zone) -> Self {
        let traded = |(instrument, traded): (&Instrument, &Traded)| TradedDto {
            code: instrument.to_string(),
            bought_shares: traded.bought_shares,
            bought: traded.bought.to_string(),
            sold_shares: traded.sold_shares,
            sold: traded.sold.to_string(),
        };
        let owners = one.became.iter().flat_map(|became| &became.owners);
        let drift = |lines: &Vec<DriftLine>| lines.iter().map(|line| DriftLineDto::new(line, zone)).collect();
        Self {
            account: one.account.as_str(),
            reported: one.became.is_some(),
            traded: one.traded.iter().map(traded).collect(),
            totals: totals.map(|totals| Results::new(None, totals)),
            strategies: owners
                .map(|owner| Results::new(owner.owner.as_ref().map(StrategyName::as_str), &owner.result))
                .collect(),
            drift: one.drift.as_ref().map(drift),
        }
    }
}
