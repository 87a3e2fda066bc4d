//! Guards: what is looked at before a push counts.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::openapi::path::HttpMethod;
use utoipa::{IntoParams, ToSchema};

use super::super::AppState;
use super::super::as_of::AsOf;
use super::super::document::Entry;
use super::super::error::AppError;
use super::super::extract::{Last, OperatorRequest, Query};
use super::super::reason_text::ReasonDto;
use super::{SavedAnswer, json, json_with_tag, read_body};
use crate::auth::rights::Reader;
use crate::domain::guard::{Guards, Then};
use crate::domain::revision::{Revision, Topic};

/// As of when.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct AsOfQuery {
    /// A revision, or a time.
    #[param(value_type = Option<String>)]
    pub(super) as_of: Last<String>,
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/guards", "What is looked at before a push counts")
            .about("With as_of: null where nobody had said it yet.")
            .query::<AsOfQuery>()
            .answers_tagged::<Option<Guards>>()
            .fails(&[404, 410]),
        Entry::operator(HttpMethod::Put, "/api/v1/guards", "Say what is looked at before a push counts")
            .takes::<Guards>()
            .on_condition()
            .answers::<SavedAnswer>(),
        Entry::operator(
            HttpMethod::Post,
            "/api/v1/guards/trial",
            "What guards would have done to the pushes of the last thirty days",
        )
        .about("Nothing is stored.")
        .takes::<Guards>()
        .answers::<TrialAnswer>(),
    ]
}

/// `GET /api/v1/guards`
pub(crate) async fn all(
    State(state): State<AppState>,
    _: Reader,
    Query(query): Query<AsOfQuery>,
) -> Result<Response, AppError> {
    if let Some(as_of) = AsOf::parameter("as_of", &query.as_of, &state.zone)? {
        let revision = as_of.revision(&state.store).await?;
        let then = state.store.document_as_of(&Topic::Guards, revision).await?;
        let guards = then.and_then(|then| then.body).map(serde_json::value::RawValue::from_string);
        let guards = guards.transpose().map_err(|_| AppError::Internal)?;
        return Ok(json(&guards));
    }
    let book = state.store.book();
    let nothing = Guards::default();
    let guards = book.settings().guards().map_or(&nothing, |guards| &**guards);
    Ok(json_with_tag(guards, book.settings().revision(&Topic::Guards)))
}

/// `PUT /api/v1/guards`
pub(crate) async fn set(State(state): State<AppState>, request: OperatorRequest) -> Result<Response, AppError> {
    let guards: Guards = read_body(&request.body)?;
    let receipt = state.desk.set_guards(&request.operator, guards, request.if_match).await?;
    Ok(json(&SavedAnswer::new("推送检查规则已保存", &receipt)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Trial)]
struct TrialAnswer {
    /// Pushes of the last thirty days that changed something.
    pushes: usize,
    /// Whether there were more than are looked at.
    is_cut: bool,
    would_reject: usize,
    would_hold: usize,
    would_warn: usize,
    lines: Vec<TrialLineDto>,
    /// What rules that are off would have said, as the stricter set has them.
    off: Vec<TrialLineDto>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TrialLine)]
struct TrialLineDto {
    revision: Revision,
    strategy_name: String,
    at: String,
    then: Then,
    #[serde(flatten)]
    reason: ReasonDto,
}

/// How many lines of a trial are answered.
const LINES: usize = 1_000;

/// `POST /api/v1/guards/trial`: what guards would have done to the pushes of the last thirty days; nothing is stored.
pub(crate) async fn trial(State(state): State<AppState>, request: OperatorRequest) -> Result<Response, AppError> {
    let guards: Guards = read_body(&request.body)?;
    let trial = state.desk.try_guards(guards, state.clock.now()).await?;
    let line = |line: &crate::desk::TrialLine| TrialLineDto {
        revision: line.revision,
        strategy_name: line.strategy.to_string(),
        at: state.zone.rfc3339(line.at),
        then: line.finding.then,
        reason: ReasonDto::of(&line.finding),
    };
    Ok(json(&TrialAnswer {
        pushes: trial.pushes,
        is_cut: trial.is_cut,
        would_reject: trial.count(Then::Reject),
        would_hold: trial.count(Then::Hold),
        would_warn: trial.count(Then::Warn),
        lines: trial.lines.iter().take(LINES).map(line).collect(),
        off: trial.off.iter().take(LINES).map(line).collect(),
    }))
}
