//! The operator's password.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::OperatorRequest;
use super::json;
use crate::auth::password::NewPassword;

/// What anybody may know about the password.
#[derive(Debug, Serialize)]
pub(super) struct PasswordInfo {
    has_password: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_time: Option<String>,
}

pub(super) async fn password_info(state: &AppState) -> Result<PasswordInfo, AppError> {
    let operator = state.store.operator().await?;
    Ok(PasswordInfo {
        has_password: operator.is_some(),
        created_time: operator.as_ref().map(|operator| state.zone.local(operator.created_at)),
        updated_time: operator.as_ref().map(|operator| state.zone.local(operator.updated_at)),
    })
}

/// `GET /api/v1/internal/password/info`
pub(crate) async fn info(State(state): State<AppState>) -> Result<Response, AppError> {
    Ok(json(&password_info(&state).await?))
}

#[derive(Deserialize)]
struct SetBody<'a> {
    #[serde(borrow)]
    new_password: Option<&'a RawValue>,
}

/// `POST /api/v1/internal/password/set`
pub(crate) async fn set(State(state): State<AppState>, request: OperatorRequest) -> Result<Response, AppError> {
    let body: SetBody =
        serde_json::from_slice(&request.body).map_err(|error| Invalid::Format(error.to_string().into()))?;
    let text: String = body
        .new_password
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .filter(|text: &String| !text.is_empty())
        .ok_or(Invalid::MissingNewPassword)?;
    let password = NewPassword::parse(&text).map_err(Invalid::WeakPassword)?;
    state.desk.set_password(&request.operator, password).await?;
    Ok(json(&json!({"message": "密码设置成功", "timestamp": state.zone.local(state.clock.now())})))
}
