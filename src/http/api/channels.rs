//! Channels: over which ways people are told of incidents. Addresses and secrets are taken and never shown.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::{OperatorRequest, PathText};
use super::{json, read_body};
use crate::desk::ChannelWish;
use crate::domain::account::AccountName;
use crate::domain::channel::{Channel, ChannelKind, ChannelName, Escalation, Incidents, Language, Quiet, Terms};
use crate::domain::incident::Severity;
use crate::domain::revision::{Revision, Topic};
use crate::store::channels::ChannelStanding;

/// The channel that a path names.
pub(crate) fn channel_name(text: &str) -> Result<ChannelName, Invalid> {
    ChannelName::parse(text).map_err(Invalid::ChannelName)
}

/// A channel as programs send it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelBody {
    kind: ChannelKind,
    url: Option<String>,
    secret: Option<String>,
    username: Option<String>,
    from: Option<String>,
    to: Option<Vec<String>>,
    #[serde(default)]
    incidents: Incidents,
    #[serde(default)]
    accounts: Vec<AccountName>,
    severity: Option<Severity>,
    quiet: Option<Quiet>,
    #[serde(default)]
    language: Language,
    escalate: Option<Escalation>,
    #[serde(default)]
    daily: bool,
}

impl From<ChannelBody> for ChannelWish {
    fn from(body: ChannelBody) -> Self {
        let ChannelBody { kind, url, secret, username, from, to, .. } = body;
        let ChannelBody { incidents, accounts, severity, quiet, language, escalate, daily, .. } = body;
        let severity = severity.unwrap_or(Severity::Notice);
        let terms = Terms { incidents, accounts, severity, quiet, language, escalate, daily };
        Self { kind, url, secret, username, from, to, terms }
    }
}

#[derive(Serialize)]
struct ChannelAnswer<'a> {
    name: &'a str,
    kind: ChannelKind,
    /// Without what is secret.
    address: &'a str,
    #[serde(flatten)]
    terms: &'a Terms,
    revision: Revision,
    last_success: Option<String>,
    last_failure: Option<FailureDto>,
    waiting: u64,
}

#[derive(Serialize)]
struct FailureDto {
    at: String,
    error: String,
}

/// `GET /api/v1/channels`
pub(crate) async fn all(State(state): State<AppState>, _: OperatorRequest) -> Result<Response, AppError> {
    let book = state.store.book();
    let mut standings: HashMap<String, ChannelStanding> = state.store.channel_standings().await?.into_iter().collect();
    let answer = |(name, channel): (&'_ ChannelName, &'_ std::sync::Arc<Channel>)| {
        let ChannelStanding { delivered_at, failed, waiting } = standings.remove(name.as_str()).unwrap_or_default();
        json!(ChannelAnswer {
            name: name.as_str(),
            kind: channel.kind,
            address: &channel.address,
            terms: &channel.terms,
            revision: book.settings().revision(&Topic::Channel(name.clone())),
            last_success: delivered_at.map(|at| state.zone.rfc3339(at)),
            last_failure: failed.map(|(at, error)| FailureDto { at: state.zone.rfc3339(at), error }),
            waiting,
        })
    };
    let channels: Vec<_> = book.settings().channels().map(answer).collect();
    Ok(json(&json!({"channels": channels})))
}

/// `PUT /api/v1/channels/{name}`
pub(crate) async fn set(
    State(state): State<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let name = channel_name(&name)?;
    let body: ChannelBody = read_body(&request.body)?;
    let receipt = state.desk.set_channel(&request.operator, name, body.into(), request.if_match).await?;
    Ok(json(&json!({"message": "通知渠道已保存", "revision": receipt.revision, "changed": receipt.changed})))
}

/// `DELETE /api/v1/channels/{name}`
pub(crate) async fn remove(
    State(state): State<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let name = channel_name(&name)?;
    known(&state, &name)?;
    let receipt = state.desk.remove_channel(&request.operator, name, request.if_match).await?;
    Ok(json(&json!({"message": "通知渠道已删除", "revision": receipt.revision, "changed": receipt.changed})))
}

/// `POST /api/v1/channels/{name}/test`: sends a message now, and says what became of it.
pub(crate) async fn test(
    State(state): State<AppState>,
    PathText(name): PathText,
    _: OperatorRequest,
) -> Result<Response, AppError> {
    let name = channel_name(&name)?;
    let channel = known(&state, &name)?;
    match state.messenger.test(&name, &channel).await?.error() {
        None => Ok(json(&json!({"message": "测试消息已送达", "delivered": true}))),
        Some(error) => Err(AppError::ChannelRefused(error.to_owned())),
    }
}

fn known(state: &AppState, name: &ChannelName) -> Result<std::sync::Arc<Channel>, AppError> {
    let book = state.store.book();
    book.settings().channel(name).cloned().ok_or_else(|| AppError::UnknownChannel(name.clone()))
}
