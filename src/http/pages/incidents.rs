//! `/incidents`: what stands, with what terminals do meanwhile and where to act, and below it what is over.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Query, Typed};
use super::super::incident_text::{kind_texts, severity_texts};
use super::form::CheckedForm;
use super::links::strategy_path;
use super::view::{Reading, View};
use super::{html, see_other};
use crate::alert::{Said, said};
use crate::domain::book::Book;
use crate::domain::channel::Language;
use crate::domain::incident::{Incident, IncidentId, Severity};
use crate::domain::moment::Moment;
use crate::domain::state::State as StrategyState;
use crate::domain::strategy::StrategyName;
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

/// An incident as it is shown.
pub(super) struct Shown {
    pub(super) id: i64,
    pub(super) kind: &'static str,
    pub(super) severity: &'static str,
    pub(super) is_alarm: bool,
    pub(super) what: String,
    pub(super) more: String,
    pub(super) meanwhile: &'static str,
    pub(super) place: String,
    pub(super) began_at: Moment,
    pub(super) ended_at: Option<Moment>,
    pub(super) acknowledged_at: Option<Moment>,
    /// What may be done about it at once.
    pub(super) acts: Option<Acts>,
}

/// What may be done with the strategy that an incident is about.
pub(super) struct Acts {
    pub(super) path: String,
    /// Whether it can be frozen.
    pub(super) is_live: bool,
}

impl Acts {
    /// None where there is no list to undo anything of.
    fn with(strategy: &StrategyName, book: &Book) -> Option<Self> {
        book.strategy(strategy)?;
        let is_live = book.settings().state(strategy) == StrategyState::Live;
        Some(Self { path: strategy_path(strategy.as_str()), is_live })
    }
}

impl Shown {
    pub(super) fn new(incident: &Incident, v: &View) -> Self {
        let kind = incident.concern.kind();
        let pick = |(zh, en)| v.t.pick(zh, en);
        let language = v.t.pick(Language::Zh, Language::En);
        let Said { what, more, meanwhile, path } = said(&incident.concern, language, v.zone());
        Self {
            id: incident.id.get(),
            kind: pick(kind_texts(kind)),
            severity: pick(severity_texts(kind.severity())),
            is_alarm: kind.severity() == Severity::Alarm,
            what,
            more,
            meanwhile,
            place: path,
            began_at: incident.began_at,
            ended_at: incident.ended_at,
            acknowledged_at: incident.acknowledged.as_ref().map(|seen| seen.at),
            acts: incident.concern.strategy().and_then(|strategy| Acts::with(strategy, v.book())),
        }
    }
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
    let over = over.iter().map(|one| Shown::new(one, &v)).collect();
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
