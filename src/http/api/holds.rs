//! Pushes that wait: which there are, approved, discarded.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod;

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::AppError;
use super::super::extract::{OperatorRequest, PathText};
use super::super::reason_text::ReasonDto;
use super::positions::{PositionDto, WrittenPosition, positions};
use super::revisions::ChangeDto;
use super::{ChangeAnswer, OPERATOR_AUTH, json};
use crate::auth::rights::Reader;
use crate::domain::calendar::Day;
use crate::domain::code::Notation;
use crate::domain::position::PositionList;
use crate::domain::revision::{ActorKind, Revision};

#[derive(Serialize, ToSchema)]
#[schema(as = Holds)]
struct HoldsAnswer<'a> {
    holds: Vec<HoldDto<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Hold)]
struct HoldDto<'a> {
    /// Its number, by which it is approved or discarded.
    hold: Revision,
    strategy_name: &'a str,
    /// The revision of the list that it would replace, 0 where there is none: whoever approves names it in `If-Match`.
    revision: Revision,
    at: String,
    /// The client, or the API key's name.
    client_id: &'a str,
    auth_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    reasons: Vec<ReasonDto>,
    #[schema(value_type = Vec<WrittenPosition>)]
    positions: Vec<PositionDto<'a>>,
    /// What approving it would change in the strategy's list.
    #[schema(value_type = Vec<ChangeDto>)]
    changes: Vec<serde_json::Value>,
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/holds", "Pushes that wait").answers::<HoldsAnswer>(),
        Entry::operator(HttpMethod::Post, "/api/v1/holds/{id}/approve", "Let a push that waits count")
            .on_condition()
            .answers::<ChangeAnswer>()
            .fails(&[404, 409]),
        Entry::operator(HttpMethod::Post, "/api/v1/holds/{id}/discard", "Discard a push that waits")
            .answers::<ChangeAnswer>()
            .fails(&[404, 409]),
    ]
}

/// `GET /api/v1/holds`
pub(crate) async fn all(State(state): State<AppState>, _: Reader) -> Result<Response, AppError> {
    let book = state.store.book();
    let make = {
        let (state, book) = (state.clone(), book);
        move || {
            let (nothing, today) = (PositionList::default(), Day::of(state.clock.now()));
            let holds = book.settings().holds().map(|(name, hold)| {
                let current = book.strategy(name).map_or(&nothing, |strategy| &strategy.list);
                let changes = current.compared_to(&PositionList::default().followed_by(hold.counting(today)));
                HoldDto {
                    hold: hold.id,
                    strategy_name: name.as_str(),
                    revision: book.list_revision(name),
                    at: state.zone.rfc3339(hold.at),
                    client_id: hold.actor.name(),
                    auth_type: if hold.actor.kind() == ActorKind::Key { "simple" } else { "crypto" },
                    address: hold.address.as_deref(),
                    reasons: hold.reasons.iter().map(ReasonDto::of_hold).collect(),
                    positions: positions(&hold.list, Notation::AsPushed),
                    changes: changes
                        .iter()
                        .map(ChangeDto::new)
                        .filter_map(|dto| serde_json::to_value(dto).ok())
                        .collect(),
                }
            });
            Ok(json(&HoldsAnswer { holds: holds.collect() }))
        }
    };
    state.workshop.make(make).await
}

fn hold_id(text: &str) -> Result<Revision, AppError> {
    text.parse().map_err(|_| AppError::NotFound)
}

/// `POST /api/v1/holds/{id}/approve`
pub(crate) async fn approve(
    State(state): State<AppState>,
    PathText(id): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let (strategy, receipt) = state.desk.approve(&request.operator, hold_id(&id)?, request.if_match).await?;
    Ok(json(&ChangeAnswer::new("已批准：该推送已生效", OPERATOR_AUTH, &strategy, &receipt)))
}

/// `POST /api/v1/holds/{id}/discard`
pub(crate) async fn discard(
    State(state): State<AppState>,
    PathText(id): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let (strategy, receipt) = state.desk.discard(&request.operator, hold_id(&id)?).await?;
    Ok(json(&ChangeAnswer::new("已丢弃：目标保持不变", OPERATOR_AUTH, &strategy, &receipt)))
}
