//! Channels: over which ways people are told of incidents. Addresses and secrets are taken and never shown.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod;

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::{OperatorRequest, PathText};
use super::{SavedAnswer, json, read_body};
use crate::clock::Zone;
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
#[derive(Deserialize, ToSchema)]
#[schema(as = SetChannel)]
#[serde(deny_unknown_fields)]
struct ChannelBody {
    kind: ChannelKind,
    /// Where it leads; kept where it is not said.
    url: Option<String>,
    secret: Option<String>,
    /// Of mail alone, as `from` and `to`.
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

#[derive(Serialize, ToSchema)]
#[schema(as = Channel)]
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
    /// How many messages wait.
    waiting: u64,
}

impl<'a> ChannelAnswer<'a> {
    fn new(
        name: &'a ChannelName,
        channel: &'a Channel,
        revision: Revision,
        standing: ChannelStanding,
        zone: &Zone,
    ) -> Self {
        let ChannelStanding { delivered_at, failed, waiting } = standing;
        Self {
            name: name.as_str(),
            kind: channel.kind,
            address: &channel.address,
            terms: &channel.terms,
            revision,
            last_success: delivered_at.map(|at| zone.rfc3339(at)),
            last_failure: failed.map(|(at, error)| FailureDto { at: zone.rfc3339(at), error }),
            waiting,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Channels)]
struct ChannelsAnswer<'a> {
    channels: Vec<ChannelAnswer<'a>>,
}

#[derive(Serialize, ToSchema)]
struct Delivered {
    /// In Chinese.
    message: &'static str,
    delivered: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChannelFailure)]
struct FailureDto {
    at: String,
    error: String,
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::operator(HttpMethod::Get, "/api/v1/channels", "Over which ways people are told of incidents")
            .answers::<ChannelsAnswer>(),
        Entry::operator(HttpMethod::Put, "/api/v1/channels/{name}", "Settle a channel")
            .takes::<ChannelBody>()
            .on_condition()
            .answers::<SavedAnswer>(),
        Entry::operator(HttpMethod::Delete, "/api/v1/channels/{name}", "Delete a channel")
            .on_condition()
            .answers::<SavedAnswer>()
            .fails(&[404]),
        Entry::operator(HttpMethod::Post, "/api/v1/channels/{name}/test", "Send a message over a channel now")
            .answers::<Delivered>()
            .fails(&[404, 502]),
    ]
}

/// `GET /api/v1/channels`
pub(crate) async fn all(State(state): State<AppState>, _: OperatorRequest) -> Result<Response, AppError> {
    let book = state.store.book();
    let mut standings: HashMap<String, ChannelStanding> = state.store.channel_standings().await?.into_iter().collect();
    let settings = book.settings();
    let channels = settings.channels().map(|(name, channel)| {
        let revision = settings.revision(&Topic::Channel(name.clone()));
        ChannelAnswer::new(name, channel, revision, standings.remove(name.as_str()).unwrap_or_default(), &state.zone)
    });
    Ok(json(&ChannelsAnswer { channels: channels.collect() }))
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
    Ok(json(&SavedAnswer::new("通知渠道已保存", &receipt)))
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
    Ok(json(&SavedAnswer::new("通知渠道已删除", &receipt)))
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
        None => Ok(json(&Delivered { message: "测试消息已送达", delivered: true })),
        Some(error) => Err(AppError::ChannelRefused(error.to_owned())),
    }
}

fn known(state: &AppState, name: &ChannelName) -> Result<std::sync::Arc<Channel>, AppError> {
    let book = state.store.book();
    book.settings().channel(name).cloned().ok_or_else(|| AppError::UnknownChannel(name.clone()))
}
