//! Whether the process answers, and whether the store takes writes.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::AppError;
use super::json;
use crate::domain::watch::clock_behind;
use crate::log;

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::for_anyone("/healthz", "The process answers, and each of its tasks is at work")
            .answers::<HealthAnswer>(),
        Entry::for_anyone("/readyz", "The store takes writes").answers::<ReadyAnswer>(),
    ]
}

/// `GET /healthz`: the process answers, and all of it is at work, with what it warns of; 503 otherwise.
pub(crate) async fn healthz(State(state): State<AppState>) -> Result<Response, AppError> {
    all_at_work(&state)?;
    Ok(json(&HealthAnswer { status: "ok", warnings: warnings(&state) }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
struct HealthAnswer {
    status: &'static str,
    /// Absent when there is nothing to warn of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

/// What is no failure, and should not stay so.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthWarning)]
struct Warning {
    code: &'static str,
    message: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Ready)]
struct ReadyAnswer {
    status: &'static str,
}

fn warnings(state: &AppState) -> Vec<Warning> {
    let behind = clock_behind(&state.store.book(), state.clock.now()).map(|span| {
        let message = format!("the clock is {} s behind the newest change: it ran ahead once", span.as_secs());
        Warning { code: "clock_behind", message }
    });
    let lost = log::lost_lines();
    let lost = (lost > 0).then(|| {
        let message = format!("{lost} lines are missing in the log file since the start");
        Warning { code: "log_lines_lost", message }
    });
    behind.into_iter().chain(lost).collect()
}

/// `GET /readyz`: a write reached the disk within the last second; 503 otherwise.
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Response, AppError> {
    all_at_work(&state)?;
    state.store.probe().await?;
    Ok(json(&ReadyAnswer { status: "ready" }))
}

/// A server without one of its tasks must not look alive for the moment that it still is.
pub(super) fn all_at_work(state: &AppState) -> Result<(), AppError> {
    match state.health.ended() {
        None => Ok(()),
        Some(ended) => Err(AppError::Failing(ended.task)),
    }
}
