//! Whether the server is at work and somebody works with it: for those who ask from outside.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Last, Query};
use super::health::all_at_work;
use super::json;
use crate::auth::rights::Reader;
use crate::domain::moment::Moment;

/// Of what the newest may be how old.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct HeartbeatQuery {
    /// Seconds; only the server itself is looked at where it is not said.
    #[param(value_type = Option<u64>)]
    max_age: Last<u64>,
    /// `push`, `poll` or `report`; any of them where it is not said.
    #[param(value_type = Option<String>)]
    of: Last<String>,
}

/// When somebody was last heard of.
#[derive(Serialize, ToSchema)]
struct Heard {
    status: &'static str,
    push: Option<String>,
    poll: Option<String>,
    report: Option<String>,
    /// Of the newest of what is asked for: seconds.
    age: Option<u64>,
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/heartbeat", "The store takes writes, incidents are looked for, and somebody was heard of")
            .query::<HeartbeatQuery>()
            .answers::<Heard>(),
    ]
}

/// `GET /api/v1/heartbeat`: 200 when the store takes writes, incidents are looked for and, with `max_age`, somebody was heard of
/// within it; else 503.
pub(crate) async fn heartbeat(
    State(state): State<AppState>,
    _: Reader,
    Query(query): Query<HeartbeatQuery>,
) -> Result<Response, AppError> {
    all_at_work(&state)?;
    state.store.probe().await?;
    if !state.incidents().is_kept() {
        return Err(AppError::NobodyLooks);
    }
    let book = state.store.book();
    let push = book.strategies().filter_map(|strategy| strategy.last_push_at).max();
    let poll = state.desk.terminals().last_heard_at();
    let report = book.reports().map(|(_, reported)| reported.heard_at).max();
    let newest: Option<Moment> = match query.of.0.as_deref() {
        None => [push, poll, report].into_iter().flatten().max(),
        Some("push") => push,
        Some("poll") => poll,
        Some("report") => report,
        Some(_) => return Err(Invalid::Query("of".into()).into()),
    };
    let age = newest.map(|newest| state.clock.now().since(newest));
    if let Some(most) = query.max_age.0.map(Duration::from_secs)
        && age.is_none_or(|age| age > most)
    {
        return Err(AppError::NobodyHeard(age));
    }
    let shown = |at: Option<Moment>| at.map(|at| state.zone.rfc3339(at));
    let age = age.map(|age| age.as_secs());
    Ok(json(&Heard { status: "ok", push: shown(push), poll: shown(poll), report: shown(report), age }))
}
