//! What a client must know to sign.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::super::AppState;
use super::super::error::AppError;
use super::json;
use super::password::password_info;

/// `GET /api/v1/auth/info`
pub(crate) async fn info(State(state): State<AppState>) -> Result<Response, AppError> {
    let keyring = state.gate.keyring().await;
    let crypto_enabled = !keyring.is_empty();
    Ok(json(&json!({
        "crypto_enabled": crypto_enabled,
        "auth_type": if crypto_enabled { "crypto" } else { "simple" },
        "algorithm": "RSA-PSS-SHA256",
        "public_key": keyring.default_pem(),
        "internal_password_info": password_info(&state).await?,
    })))
}
