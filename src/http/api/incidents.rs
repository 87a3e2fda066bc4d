//! Incidents: which stand, which are over, and that the operator has seen one.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::path::HttpMethod;
use utoipa::{IntoParams, ToSchema};

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Last, OperatorRequest, PathText, Query};
use super::super::reason_text::ReasonDto;
use super::json;
use crate::alert::said;
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::domain::account::AccountName;
use crate::domain::channel::Language;
use crate::domain::incident::{Concern, Incident, IncidentId};
use crate::domain::moment::Moment;
use crate::domain::strategy::StrategyName;
use crate::store::incidents::Which;

/// How many are told where nobody says, and how many at most.
const USUAL_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

/// Which incidents, and how many.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct IncidentsQuery {
    /// Only those that stand, or only those that are over.
    #[param(value_type = Option<bool>)]
    open: Last<bool>,
    /// Only those of a kind.
    #[param(value_type = Option<String>)]
    kind: Last<String>,
    /// How many: 100 where it is not said, 1000 at most.
    #[param(value_type = Option<u32>, minimum = 1)]
    limit: Last<u32>,
    /// Those before this one: `next_before` of the page before.
    #[param(value_type = Option<i64>)]
    before: Last<i64>,
}

impl IncidentsQuery {
    fn which(&self) -> Result<(Which, u32), Invalid> {
        let kind = self.kind.0.as_deref().map(|kind| kind.parse().map_err(|_| Invalid::Query("kind".into())));
        let limit = self.limit.0.unwrap_or(USUAL_LIMIT);
        if limit == 0 {
            return Err(Invalid::Query("limit".into()));
        }
        let before = self.before.0.map(IncidentId::new);
        Ok((Which { is_open: self.open.0, kind: kind.transpose()?, before }, limit.min(MAX_LIMIT)))
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = IncidentList)]
struct IncidentsAnswer<'a> {
    incidents: Vec<IncidentDto<'a>>,
    /// What `before` is to be for the ones that follow; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_before: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Incident)]
pub(super) struct IncidentDto<'a> {
    incident: i64,
    kind: &'static str,
    severity: &'static str,
    account: Option<&'a str>,
    strategy_name: Option<&'a str>,
    /// What else was found, by kind.
    #[schema(value_type = Object)]
    details: Value,
    began_at: String,
    changed_at: String,
    told_at: String,
    ended_at: Option<String>,
    acknowledged_at: Option<String>,
    acknowledged_by: Option<&'a str>,
    /// In Chinese and English: what is the matter, and what terminals do meanwhile.
    text: String,
    message: String,
    meanwhile: [&'static str; 2],
    /// The page on which something can be done about it.
    page: String,
}

impl<'a> IncidentDto<'a> {
    pub(super) fn new(incident: &'a Incident, zone: &Zone) -> Self {
        let (concern, time) = (&incident.concern, |at: Moment| zone.rfc3339(at));
        let kind = concern.kind();
        let (zh, en) = (said(concern, Language::Zh, zone), said(concern, Language::En, zone));
        let acknowledged = incident.acknowledged.as_ref();
        Self {
            incident: incident.id.get(),
            kind: kind.as_str(),
            severity: kind.severity().as_str(),
            account: concern.account().map(AccountName::as_str),
            strategy_name: concern.strategy().map(StrategyName::as_str),
            details: details(concern, zone),
            began_at: time(incident.began_at),
            changed_at: time(incident.changed_at),
            told_at: time(incident.told_at),
            ended_at: incident.ended_at.map(time),
            acknowledged_at: acknowledged.map(|seen| time(seen.at)),
            acknowledged_by: acknowledged.map(|seen| seen.by.as_str()),
            text: format!("{}：{}", zh.what, zh.more),
            message: format!("{}: {}", en.what, en.more),
            meanwhile: [zh.meanwhile, en.meanwhile],
            page: zh.path,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Acknowledged {
    /// In Chinese.
    message: &'static str,
    incident: i64,
}

/// What else was found, by kind.
fn details(concern: &Concern, zone: &Zone) -> Value {
    let time = |at: Moment| zone.rfc3339(at);
    match concern {
        Concern::StrategyLate { due, .. } => json!({"due": time(*due)}),
        Concern::StrategySilent { since, .. } | Concern::TerminalSilent { since, .. } => json!({"since": time(*since)}),
        Concern::Drift { instruments, count, since, .. } => {
            json!({"instruments": instruments, "count": count, "since": time(*since)})
        }
        Concern::PushHeld { hold, reasons, .. } => {
            json!({"hold": hold, "reasons": reasons.iter().map(ReasonDto::of_hold).collect::<Vec<_>>()})
        }
        Concern::Locked { instruments, count, .. } | Concern::BelowZero { instruments, count } => {
            json!({"instruments": instruments, "count": count})
        }
        Concern::RefusedSignatures { address, count } => json!({"address": address, "count": count}),
        Concern::OtherTerminal { address, .. } => json!({"address": address}),
        Concern::OrdersRejected { instrument, count, reason, .. } => {
            json!({"instrument": instrument, "count": count, "reason": reason})
        }
        Concern::Backup { made_at, error } => json!({"made_at": made_at.map(time), "error": error}),
        Concern::Certificate { expires_at } => json!({"expires_at": time(*expires_at)}),
        Concern::Disk { free, total } => json!({"free": free, "total": total}),
        Concern::Clock { ahead } => json!({"ahead_us": ahead}),
        Concern::CalendarUnknown { from } => json!({"from": from.to_string()}),
    }
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/incidents", "What somebody must know of, until it is over")
            .query::<IncidentsQuery>()
            .answers::<IncidentsAnswer>(),
        Entry::operator(HttpMethod::Post, "/api/v1/incidents/{id}/acknowledge", "Say that an incident was seen")
            .answers::<Acknowledged>()
            .fails(&[404]),
    ]
}

/// `GET /api/v1/incidents`
pub(crate) async fn all(
    State(state): State<AppState>,
    _: Reader,
    Query(query): Query<IncidentsQuery>,
) -> Result<Response, AppError> {
    let (which, limit) = query.which()?;
    let incidents = state.incidents.list(which, limit).await?;
    let more = u32::try_from(incidents.len()).is_ok_and(|count| count == limit);
    let next_before = incidents.last().filter(|_| more).map(|last| last.id.get());
    let incidents = incidents.iter().map(|one| IncidentDto::new(one, &state.zone)).collect();
    Ok(json(&IncidentsAnswer { incidents, next_before }))
}

/// `POST /api/v1/incidents/{id}/acknowledge`
pub(crate) async fn acknowledge(
    State(state): State<AppState>,
    PathText(id): PathText,
    request: OperatorRequest,
) -> Result<Response, AppError> {
    let id = id.parse().map(IncidentId::new).map_err(|_| AppError::NotFound)?;
    if !state.incidents.acknowledge(&request.operator, id).await? {
        return Err(AppError::UnknownIncident(id));
    }
    Ok(json(&Acknowledged { message: "已确认：不再重复提醒", incident: id.get() }))
}
