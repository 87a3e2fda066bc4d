//! The JSON endpoints: a file for each noun.

pub(super) mod accounts;
pub(super) mod attribution;
pub(super) mod auth;
pub(super) mod boards;
pub(super) mod calendar;
pub(super) mod channels;
pub(super) mod conflicts;
pub(super) mod daily;
pub(super) mod drift;
pub(super) mod guards;
pub(super) mod health;
pub(super) mod heartbeat;
pub(super) mod holds;
pub(super) mod incidents;
pub(super) mod password;
pub(super) mod positions;
mod push_body;
mod report_body;
pub(super) mod reports;
pub(super) mod revisions;
pub(super) mod states;
pub(super) mod strategies;

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::error::{AppError, Invalid};
use super::reason_text::ReasonDto;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;
use crate::ledger::Receipt;

/// How the operator is said to have shown who he is.
const OPERATOR_AUTH: &str = "internal_password";

/// The answer to a change that is in force.
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
    /// What guards warn of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<ReasonDto>,
}

impl<'a> ChangeAnswer<'a> {
    fn new(message: &'a str, auth_type: &'a str, strategy: &'a StrategyName, receipt: &Receipt) -> Self {
        Self {
            message,
            client_id: None,
            auth_type,
            strategy_name: strategy.as_str(),
            positions_count: receipt.positions,
            revision: receipt.revision,
            changed: receipt.changed,
            warning: None,
            warnings: receipt.warnings.iter().map(ReasonDto::of).collect(),
        }
    }
}

/// The answer to a push that waits: the target in force has not moved.
#[derive(Serialize)]
struct HeldAnswer<'a> {
    message: &'static str,
    held: bool,
    hold: Revision,
    reasons: Vec<ReasonDto>,
    strategy_name: &'a str,
    client_id: &'a str,
    auth_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
}

/// Reads an operator's body. The password may stand in it, and is not part of what it says.
fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Invalid> {
    let format = |error: serde_json::Error| Invalid::Format(error.to_string().into());
    if !body.trim_ascii_start().starts_with(b"{") {
        return serde_json::from_slice(body).map_err(format);
    }
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).map_err(format)?;
    if members.remove("internal_password").is_none() {
        return serde_json::from_slice(body).map_err(format);
    }
    serde_json::from_slice(&serde_json::to_vec(&members).map_err(format)?).map_err(format)
}

/// A 200 with a JSON body, tagged by the revision that made it so: what `If-Match` takes.
fn json_with_tag(answer: &impl Serialize, revision: Revision) -> Response {
    let mut response = json(answer);
    if let Ok(tag) = HeaderValue::try_from(format!("\"{revision}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// A JSON body under a status.
fn json_as(status: StatusCode, answer: &impl Serialize) -> Response {
    let mut response = json(answer);
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    response
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
