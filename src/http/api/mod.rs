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
pub(super) mod ledger;
pub(super) mod metrics;
pub(super) mod openapi;
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
use utoipa::ToSchema;

use super::document::Entry;
use super::error::{AppError, Invalid};
use super::reason_text::ReasonDto;
use crate::domain::calendar::Day;
use crate::domain::position::Position;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;
use crate::ledger::Receipt;

/// The strategy and the list that a push's body says today, for who finds one elsewhere; else why not, in English.
///
/// # Errors
/// When it breaks a rule.
pub fn read_list(body: &[u8], today: Day) -> Result<(StrategyName, Vec<Position>), String> {
    let read = push_body::PushBody::parse(body, today).map(|push| (push.strategy, push.positions));
    read.map_err(|invalid| AppError::from(invalid).in_english())
}

/// How the operator is said to have shown who he is.
const OPERATOR_AUTH: &str = "internal_password";

/// The answer to a change that is in force.
#[derive(Serialize, ToSchema)]
#[schema(as = Changed)]
struct ChangeAnswer<'a> {
    /// In Chinese.
    message: &'a str,
    /// Who pushed: the client, or the API key's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    /// `crypto`, `simple` or `internal_password`.
    auth_type: &'a str,
    strategy_name: &'a str,
    positions_count: usize,
    /// The newest revision of the strategy.
    revision: Revision,
    /// False when the list was the same as before.
    changed: bool,
    /// That the token is bound to no body.
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
#[derive(Serialize, ToSchema)]
#[schema(as = Held)]
struct HeldAnswer<'a> {
    /// In Chinese.
    message: &'static str,
    held: bool,
    /// Its number, by which it is approved or discarded.
    hold: Revision,
    reasons: Vec<ReasonDto>,
    strategy_name: &'a str,
    client_id: &'a str,
    auth_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
}

/// The answer to something that the operator settles around the lists.
#[derive(Serialize, ToSchema)]
#[schema(as = Saved)]
struct SavedAnswer {
    /// In Chinese.
    message: &'static str,
    revision: Revision,
    /// False when it was so before.
    changed: bool,
}

impl SavedAnswer {
    const fn new(message: &'static str, receipt: &Receipt) -> Self {
        Self { message, revision: receipt.revision, changed: receipt.changed }
    }
}

/// What the document says of these endpoints.
pub(super) fn entries() -> Vec<Entry> {
    let of_lists =
        [positions::entries(), strategies::entries(), states::entries(), guards::entries(), holds::entries()];
    let of_accounts =
        [accounts::entries(), reports::entries(), drift::entries(), attribution::entries(), daily::entries()];
    let of_history = [revisions::entries(), ledger::entries(), conflicts::entries(), incidents::entries()];
    let around = [
        calendar::entries(),
        channels::entries(),
        boards::entries(),
        auth::entries(),
        password::entries(),
        health::entries(),
        heartbeat::entries(),
        metrics::entries(),
        openapi::entries(),
    ];
    of_lists.into_iter().chain(of_accounts).chain(of_history).chain(around).flatten().collect()
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
