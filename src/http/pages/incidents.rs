//! `/incidents`: what stands, with what terminals do meanwhile and where to act, and below it what is over.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Query, Typed};
use super::form::CheckedForm;
use super::shown::Shown;
use super::view::{Reading, View};
use super::{html, see_other};
use crate::domain::incident::IncidentId;
use crate::store::incidents::Which;

/// How many that are over stand on one page.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "incidents.html")]
struct IncidentsPage {
    v: View,
    open: Vec<Shown>,
    over: Vec<Shown>,
    /// Before which number the page goes on.
    older: Option<i64>,
    at_newest: bool,
}

/// From where on those that are over are shown.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct IncidentsQuery {
    before: Typed,
}

/// `GET /incidents`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, .. }: Reading,
    Query(query): Query<IncidentsQuery>,
) -> Result<Response, AppError> {
    let before = query.before.parse().ok().map(IncidentId::new);
    let which = Which { is_open: Some(false), kind: None, before };
    let over = state.incidents.list(which, PAGE).await?;
    let older = over.last().filter(|_| u32::try_from(over.len()) == Ok(PAGE)).map(|last| last.id.get());
    let over = over.iter().map(|one| v.shown(one)).collect();
    let open = v.incidents();
    Ok(html(StatusCode::OK, &IncidentsPage { v, open, over, older, at_newest: before.is_none() }))
}

/// `POST /incidents/acknowledge`
pub(super) async fn acknowledge(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let id = form.fields.get("incident").parse().map(IncidentId::new);
    let id = id.map_err(|_| Invalid::Query("incident".into()))?;
    // Where it is over by now, the page says so.
    state.incidents.acknowledge(&form.operator, id).await?;
    Ok(see_other("/incidents"))
}
