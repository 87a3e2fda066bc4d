//! Strategies: which there are, what became of each, and back to what one was.

use axum::extract::State as Shared;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::openapi::path::HttpMethod;
use utoipa::{IntoParams, ToSchema};

use super::super::AppState;
use super::super::as_of::AsOf;
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Last, OperatorRequest, PathText, Query, strategy_name};
use super::revisions::{ChangeDto, RevisionDto};
use super::{ChangeAnswer, OPERATOR_AUTH, json};
use crate::auth::rights::Reader;
use crate::domain::position::PositionList;
use crate::domain::revision::Revision;
use crate::domain::schedule::Punctuality;
use crate::domain::state::State;
use crate::domain::strategy::StrategyName;
use crate::domain::total::UnknownStrategy;
use crate::store::Store;
use crate::store::history::Filter;

/// How many revisions a page holds when nothing is said, and at most.
const USUAL_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 500;

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/strategies", "Every strategy in a line").answers::<StrategiesAnswer>(),
        Entry::read("/api/v1/strategies/{name}/revisions", "What became of a strategy, newest first")
            .query::<PageQuery>()
            .answers::<RevisionsAnswer>()
            .fails(&[404]),
        Entry::read("/api/v1/strategies/{name}/diff", "What changed in a strategy's list between two points")
            .query::<DiffQuery>()
            .answers::<DiffAnswer>()
            .fails(&[404, 410]),
        Entry::operator(
            HttpMethod::Post,
            "/api/v1/strategies/{name}/restore",
            "Bring a strategy back to an earlier revision",
        )
        .takes::<RestoreBody>()
        .on_condition()
        .answers::<ChangeAnswer>()
        .fails(&[404, 409, 410]),
        Entry::operator(
            HttpMethod::Delete,
            "/api/v1/strategies/{name}",
            "Take a strategy out of lists and totals; its history stays",
        )
        .query::<RemoveQuery>()
        .on_condition()
        .answers::<ChangeAnswer>()
        .fails(&[404, 409]),
    ]
}

#[derive(Serialize, ToSchema)]
#[schema(as = Strategies)]
struct StrategiesAnswer<'a> {
    strategies: Vec<StrategyLine<'a>>,
    revision: Revision,
}

#[derive(Serialize, ToSchema)]
struct StrategyLine<'a> {
    strategy_name: &'a str,
    positions_count: usize,
    revision: Revision,
    updated_at: String,
    /// Null for a strategy that only the operator ever wrote.
    last_push_at: Option<String>,
    state: State,
    /// The push that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<Revision>,
    /// Only where it has a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    punctuality: Option<Punctuality>,
}

/// `GET /api/v1/strategies`
pub(crate) async fn all(Shared(state): Shared<AppState>, _: Reader) -> Response {
    let book = state.store.book();
    let (settings, now) = (book.settings(), state.clock.now());
    let strategies = book.strategies().map(|strategy| StrategyLine {
        state: settings.state(&strategy.name),
        hold: settings.hold(&strategy.name).map(|hold| hold.id),
        punctuality: settings
            .schedule(&strategy.name)
            .map(|schedule| schedule.status(strategy.told.met, strategy.last_push_at, settings.calendar(), now)),
        strategy_name: strategy.name.as_str(),
        positions_count: strategy.list.len(),
        revision: strategy.mark.revision,
        updated_at: state.zone.rfc3339(strategy.mark.updated_at),
        last_push_at: strategy.last_push_at.map(|at| state.zone.rfc3339(at)),
    });
    let revision = book.revision();
    json(&StrategiesAnswer { strategies: strategies.collect(), revision })
}

#[derive(Serialize, ToSchema)]
#[schema(as = Revisions)]
struct RevisionsAnswer<'a> {
    revisions: Vec<RevisionDto<'a>>,
    /// What `before` is to be for the ones that follow; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_before: Option<Revision>,
    /// At the end, where older ones were folded: those up to this revision are in the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<Revision>,
}

/// Which page of the revisions.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct PageQuery {
    /// How many: 50 where it is not said, 500 at most.
    #[param(value_type = Option<i64>, minimum = 1)]
    limit: Last<Positive>,
    /// Those before this revision: `next_before` of the page before.
    #[param(value_type = Option<i64>, minimum = 1)]
    before: Last<Positive>,
}

/// A whole number above zero.
#[derive(Deserialize)]
#[serde(try_from = "i64")]
struct Positive(i64);

impl TryFrom<i64> for Positive {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        if number > 0 { Ok(Self(number)) } else { Err("must be above zero") }
    }
}

/// `GET /api/v1/strategies/{name}/revisions`
pub(crate) async fn revisions(
    Shared(state): Shared<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(page): Query<PageQuery>,
) -> Result<Response, AppError> {
    let strategy = strategy_name(&name)?;
    let limit = page.limit.0.map_or(USUAL_LIMIT, |Positive(limit)| limit.min(MAX_LIMIT));
    let before = page.before.0.map(|Positive(before)| Revision::new(before));
    let filter = Filter { strategy: Some(strategy.clone()), ..Filter::default() };
    let mut revisions = state.store.revisions(&filter, before, limit + 1).await?;
    if revisions.is_empty() && state.store.list_as_of(&strategy, Revision::END).await?.is_none() {
        return Err(UnknownStrategy(strategy).into());
    }
    let more = revisions.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        revisions.pop();
    }
    Ok(json(&RevisionsAnswer {
        next_before: revisions.last().filter(|_| more).map(|last| last.id),
        checkpoint: Some(state.store.folded()).filter(|folded| !more && *folded > Revision::NONE),
        revisions: revisions.iter().map(|revision| RevisionDto::new(revision, &state.zone)).collect(),
    }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Diff)]
struct DiffAnswer<'a> {
    strategy_name: &'a str,
    from: Revision,
    to: Revision,
    changes: Vec<ChangeDto<'a>>,
}

/// Between which points of the history.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct DiffQuery {
    /// A revision or a time; without it, before the first revision.
    #[param(value_type = Option<String>)]
    from: Last<String>,
    /// A revision or a time; without it, now.
    #[param(value_type = Option<String>)]
    to: Last<String>,
}

/// `GET /api/v1/strategies/{name}/diff`
pub(crate) async fn diff(
    Shared(state): Shared<AppState>,
    _: Reader,
    PathText(name): PathText,
    Query(ends): Query<DiffQuery>,
) -> Result<Response, AppError> {
    let strategy = strategy_name(&name)?;
    // Before the first revision nothing was held.
    let from = AsOf::parameter("from", &ends.from, &state.zone)?.unwrap_or(AsOf::Revision(Revision::NONE));
    let to = AsOf::parameter("to", &ends.to, &state.zone)?.unwrap_or(AsOf::Revision(state.store.book().revision()));
    let (from, to) = (from.revision(&state.store).await?, to.revision(&state.store).await?);
    let (before, after) = (list_at(&state.store, &strategy, from).await?, list_at(&state.store, &strategy, to).await?);
    if before.is_none() && after.is_none() && state.store.list_as_of(&strategy, Revision::END).await?.is_none() {
        return Err(UnknownStrategy(strategy).into());
    }
    let changes = before.unwrap_or_default().compared_to(&after.unwrap_or_default());
    let changes = changes.iter().map(ChangeDto::new).collect();
    Ok(json(&DiffAnswer { strategy_name: strategy.as_str(), from, to, changes }))
}

async fn list_at(store: &Store, strategy: &StrategyName, at: Revision) -> Result<Option<PositionList>, AppError> {
    Ok(store.list_as_of(strategy, at).await?.and_then(|then| then.list))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Restore)]
struct RestoreBody {
    /// Back to what the strategy was at it.
    revision: Revision,
    /// Whether pushes wait from then on; they do unless it is said.
    freeze: Option<bool>,
}

/// `POST /api/v1/strategies/{name}/restore`
pub(crate) async fn restore(
    Shared(state): Shared<AppState>,
    PathText(name): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let strategy = strategy_name(&name)?;
    let RestoreBody { revision, freeze } =
        serde_json::from_slice(&request.body).map_err(|error| Invalid::Format(error.to_string().into()))?;
    let freeze = freeze.unwrap_or(true);
    let receipt = state.desk.restore(&request.operator, strategy.clone(), revision, freeze, request.if_match).await?;
    let message = if freeze { "策略已恢复并冻结：之后的推送等待批准" } else { "策略已恢复" };
    Ok(json(&ChangeAnswer::new(message, OPERATOR_AUTH, &strategy, &receipt)))
}

/// What comes after a strategy was deleted.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct RemoveQuery {
    /// Without it, pushes wait from then on.
    #[param(value_type = Option<Then>, inline)]
    then: Last<Then>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = RemoveThen)]
#[serde(rename_all = "lowercase")]
enum Then {
    /// The next push revives it.
    Revive,
}

/// `DELETE /api/v1/strategies/{name}`
pub(crate) async fn remove(
    Shared(state): Shared<AppState>,
    PathText(name): PathText,
    Query(query): Query<RemoveQuery>,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let strategy = strategy_name(&name)?;
    let revive = query.then.0.is_some();
    let receipt = state.desk.remove(&request.operator, strategy.clone(), revive, request.if_match).await?;
    Ok(json(&ChangeAnswer::new("策略已删除", OPERATOR_AUTH, &strategy, &receipt)))
}
