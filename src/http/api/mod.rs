//! The JSON endpoints: a file for each noun.

mod as_of;
pub(super) mod auth;
pub(super) mod health;
pub(super) mod password;
pub(super) mod positions;
mod push_body;
pub(super) mod revisions;
pub(super) mod strategies;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::AppError;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;
use crate::ledger::Receipt;

/// How the operator is said to have shown who he is.
const OPERATOR_AUTH: &str = "internal_password";

/// The answer to a change that was stored.
#[derive(Serialize)]
struct ChangeAnswer<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    auth_type: &'a str,
    strategy_name: &'a str,
    positions_count: usize,
    revision: Revision,
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
}

impl<'a> ChangeAnswer<'a> {
    fn new(message: &'a str, auth_type: &'a str, strategy: &'a StrategyName, receipt: Receipt) -> Self {
        Self {
            message,
            client_id: None,
            auth_type,
            strategy_name: strategy.as_str(),
            positions_count: receipt.positions,
            revision: receipt.revision,
            changed: receipt.changed,
            warning: None,
        }
    }
}

/// A 200 with a JSON body.
fn json(answer: &impl Serialize) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => {
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be serialized");
            AppError::Internal.into_response()
        }
    }
}
