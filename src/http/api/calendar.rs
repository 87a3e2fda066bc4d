//! The exchange calendar: on which days the exchanges trade, and what the operator says over the data.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::openapi::path::HttpMethod;
use utoipa::{IntoParams, ToSchema};

use super::super::AppState;
use super::super::document::Entry;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Last, OperatorRequest, Query};
use super::super::scalars::DayText;
use super::{SavedAnswer, json, json_with_tag, read_body};
use crate::auth::rights::CalendarReader;
use crate::domain::calendar::{Calendar, Day, Openness, SOURCE, Source};
use crate::domain::revision::{Revision, Topic};

/// How many days are told where it is not said up to when, and how many at most: three years.
const USUAL_DAYS: i64 = 31;
const MOST_DAYS: i64 = 1_100;

/// From when to when, both days among them.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct DaysQuery {
    /// The first day; without it, today.
    #[param(value_type = Option<DayText>, inline)]
    from: Last<String>,
    /// The last day, at most three years later; without it, thirty days later.
    #[param(value_type = Option<DayText>, inline)]
    to: Last<String>,
}

impl DaysQuery {
    /// The first day and the last.
    fn days(&self, today: Day) -> Result<(Day, Day), Invalid> {
        let from = self.from.day("from")?.unwrap_or(today);
        let to = self.to.day("to")?.unwrap_or_else(|| from.after(USUAL_DAYS - 1));
        if (0..MOST_DAYS).contains(&to.since(from)) { Ok((from, to)) } else { Err(Invalid::Query("to".into())) }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = CalendarDays)]
struct CalendarAnswer<'a> {
    /// Of what the operator says: who changes it names it in `If-Match`.
    revision: Revision,
    /// From when to when every day is known.
    #[schema(value_type = DayText)]
    known_from: String,
    #[schema(value_type = DayText)]
    known_through: String,
    /// Where the data are from.
    source: &'static str,
    /// What the operator says over them.
    operator: &'a Calendar,
    days: Vec<DayDto>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CalendarDay)]
struct DayDto {
    #[schema(value_type = DayText)]
    day: String,
    answer: Openness,
    /// Null where nobody has said.
    source: Option<Source>,
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/calendar", "On which days the exchanges trade")
            .about("Also for a key that is bound to an account.")
            .query::<DaysQuery>()
            .answers_tagged::<CalendarAnswer>(),
        Entry::operator(HttpMethod::Put, "/api/v1/calendar", "Say over the data on which days the exchanges trade")
            .takes::<Calendar>()
            .on_condition()
            .answers::<SavedAnswer>(),
    ]
}

/// `GET /api/v1/calendar`
pub(crate) async fn days(
    State(state): State<AppState>,
    _: CalendarReader,
    Query(query): Query<DaysQuery>,
) -> Result<Response, AppError> {
    let (from, to) = query.days(Day::of(state.clock.now()))?;
    let book = state.store.book();
    let calendar = book.settings().calendar();
    let day = |day: Day| {
        let (answer, source) = calendar.answer(day);
        DayDto { day: day.to_string(), answer, source }
    };
    let revision = book.settings().revision(&Topic::Calendar);
    let answer = CalendarAnswer {
        revision,
        known_from: Calendar::known_from().to_string(),
        known_through: calendar.known_through().to_string(),
        source: SOURCE,
        operator: calendar,
        days: from.through(to).map(day).collect(),
    };
    Ok(json_with_tag(&answer, revision))
}

/// `PUT /api/v1/calendar`
pub(crate) async fn set(State(state): State<AppState>, request: OperatorRequest) -> Result<Response, AppError> {
    let calendar: Calendar = read_body(&request.body)?;
    let receipt = state.desk.set_calendar(&request.operator, calendar, request.if_match).await?;
    Ok(json(&SavedAnswer::new("交易日历已保存", &receipt)))
}
