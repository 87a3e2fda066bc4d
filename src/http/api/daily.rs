//! The daily report, as JSON.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::Query;
use super::attribution::{DayQuery, results};
use super::drift::DriftLineDto;
use super::incidents::IncidentDto;
use super::json;
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::desk::daily::{Daily, DailyAccount};
use crate::domain::calendar::Day;
use crate::domain::strategy::StrategyName;

/// `GET /api/v1/reports/daily?day=`: without a day, of today.
pub(crate) async fn daily(
    State(state): State<AppState>,
    _: Reader,
    Query(query): Query<DayQuery>,
) -> Result<Response, AppError> {
    let day = query.day()?.unwrap_or_else(|| Day::of(state.clock.now()));
    let Daily { day, accounts, incidents, head } = state.desk.daily(day).await?;
    let accounts: Vec<Value> = accounts.iter().map(|one| account(one, &state.zone)).collect();
    let incidents: Vec<_> = incidents.iter().map(|one| IncidentDto::new(one, &state.zone)).collect();
    let head = json!({"revision": head.revision, "hash": hex::encode(head.hash), "at": state.zone.rfc3339(head.at)});
    Ok(json(&json!({"day": day.to_string(), "accounts": accounts, "incidents": incidents, "head": head})))
}

fn account(one: &DailyAccount, zone: &Zone) -> Value {
    let traded = one.traded.iter().map(|(instrument, traded)| {
        json!({
            "code": instrument.to_string(),
            "bought_shares": traded.bought_shares, "bought": traded.bought.to_string(),
            "sold_shares": traded.sold_shares, "sold": traded.sold.to_string(),
        })
    });
    let owners = one.became.iter().flat_map(|became| &became.owners);
    let strategies = owners.map(|owner| results(owner.owner.as_ref().map(StrategyName::as_str), &owner.result));
    let drift =
        one.drift.as_ref().map(|lines| lines.iter().map(|line| DriftLineDto::new(line, zone)).collect::<Vec<_>>());
    json!({
        "account": one.account.as_str(),
        "reported": one.became.is_some(),
        "traded": traded.collect::<Vec<_>>(),
        "totals": one.became.as_ref().map(|became| results(None, &became.total())),
        "strategies": strategies.collect::<Vec<_>>(),
        "drift": drift,
    })
}
