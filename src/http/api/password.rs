//! The operator's password.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod;

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::OperatorRequest;
use super::json;
use crate::auth::password::NewPassword;

/// What anybody may know about the password.
#[derive(Debug, Serialize, ToSchema)]
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

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::for_anyone("/api/v1/internal/password/info", "Whether a password is set, and since when")
            .answers::<PasswordInfo>(),
        Entry::operator(HttpMethod::Post, "/api/v1/internal/password/set", "Set another password")
            .about("It ends every session.")
            .takes::<SetBody>()
            .answers::<PasswordSet>(),
    ]
}

/// `GET /api/v1/internal/password/info`
pub(crate) async fn info(State(state): State<AppState>) -> Result<Response, AppError> {
    Ok(json(&password_info(&state).await?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SetPassword)]
struct SetBody<'a> {
    /// One that is not easily guessed.
    #[serde(borrow)]
    #[schema(value_type = String, required, min_length = 10, max_length = 1000)]
    new_password: Option<&'a RawValue>,
}

#[derive(Serialize, ToSchema)]
struct PasswordSet {
    /// In Chinese.
    message: &'static str,
    timestamp: String,
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
    Ok(json(&PasswordSet { message: "密码设置成功", timestamp: state.zone.local(state.clock.now()) }))
}
