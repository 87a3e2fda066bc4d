//! What a client must know to sign.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::AppError;
use super::json;
use super::password::{PasswordInfo, password_info};

#[derive(Serialize, ToSchema)]
struct AuthInfo {
    /// Whether any key is known that verifies tokens.
    crypto_enabled: bool,
    /// `crypto`, or `simple` where only API keys are good.
    auth_type: &'static str,
    algorithm: &'static str,
    /// The public key of clients that have none of their own: PEM.
    public_key: Option<String>,
    internal_password_info: PasswordInfo,
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![Entry::for_anyone("/api/v1/auth/info", "How to sign, and the default public key").answers::<AuthInfo>()]
}

/// `GET /api/v1/auth/info`
pub(crate) async fn info(State(state): State<AppState>) -> Result<Response, AppError> {
    let keyring = state.gate.keyring().await;
    let crypto_enabled = !keyring.is_empty();
    Ok(json(&AuthInfo {
        crypto_enabled,
        auth_type: if crypto_enabled { "crypto" } else { "simple" },
        algorithm: "RSA-PSS-SHA256",
        public_key: keyring.default_pem(),
        internal_password_info: password_info(&state).await?,
    }))
}
