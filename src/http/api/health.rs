//! Whether the process answers, and whether the store takes writes.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::super::AppState;
use super::super::error::AppError;
use super::json;

/// `GET /healthz`: the process answers, and all of it is at work; 503 otherwise.
pub(crate) async fn healthz(State(state): State<AppState>) -> Result<Response, AppError> {
    all_at_work(&state)?;
    Ok(json(&json!({"status": "ok"})))
}

/// `GET /readyz`: a write reached the disk just now; 503 otherwise.
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Response, AppError> {
    all_at_work(&state)?;
    state.store.probe().await?;
    Ok(json(&json!({"status": "ready", "revision": state.store.book().revision()})))
}

/// A server without one of its tasks must not look alive for the moment that it still is.
fn all_at_work(state: &AppState) -> Result<(), AppError> {
    match state.health.ended() {
        None => Ok(()),
        Some(ended) => Err(AppError::Failing(ended.task)),
    }
}
