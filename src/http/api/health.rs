//! Whether the process answers, and whether the store takes writes.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::super::AppState;
use super::super::error::AppError;
use super::json;

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> Response {
    json(&json!({"status": "ok"}))
}

/// `GET /readyz`: a write reached the disk just now; 503 otherwise.
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Response, AppError> {
    state.store.probe().await?;
    Ok(json(&json!({"status": "ready", "revision": state.store.book().newest().map_or(0, |mark| mark.revision)})))
}
