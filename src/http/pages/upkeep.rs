//! `/strategies/{name}/settings`: by when a strategy is expected to push, and the last sequence that its pushes took.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::{PathText, Query, strategy_name};
use super::form::{CheckedForm, Fields};
use super::links::strategy_path;
use super::undo::AsOf;
use super::view::{Member, View};
use super::{html, links, see_other};
use crate::desk::NotDone;
use crate::domain::book::Book;
use crate::domain::calendar::TimeOfDay;
use crate::domain::revision::{Revision, Topic};
use crate::domain::schedule::{Days, MAX_TIMES, Schedule};
use crate::domain::settings::Setting;
use crate::domain::strategy::StrategyName;
use crate::domain::total::UnknownStrategy;
use crate::ledger::Receipt;

#[derive(Template)]
#[template(path = "upkeep.html")]
struct UpkeepPage {
    v: View,
    name: StrategyName,
    path: String,
    /// What the schedule is at, [`Revision::NONE`] where there is none.
    schedule_revision: Revision,
    /// The same of the list; None where there is no sequence to set back. There may be one of what is closed, or waits.
    list_revision: Option<Revision>,
    times: String,
    all_days: bool,
    sequence: String,
    times_fault: Option<String>,
    sequence_fault: Option<&'static str>,
    moved: bool,
    /// Whether the schedule is one that was settled before, to be looked at and saved.
    is_earlier: bool,
}

/// The times of a schedule, as they are typed.
fn words(schedule: &Schedule) -> String {
    schedule.by().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

impl UpkeepPage {
    /// The page as things stand.
    fn new(book: &Book, v: View, name: StrategyName) -> Result<Self, AppError> {
        let (settings, strategy) = (book.settings(), book.strategy(&name));
        let schedule = settings.schedule(&name);
        let taken = strategy.map_or_else(|| settings.sequence_taken(&name), |strategy| strategy.sequence);
        let has_sequence = strategy.is_some() || taken.is_some();
        if !has_sequence && schedule.is_none() && settings.standing(&name).is_none() {
            return Err(UnknownStrategy(name).into());
        }
        Ok(Self {
            path: strategy_path(name.as_str()),
            schedule_revision: settings.revision(&Topic::Schedule(name.clone())),
            list_revision: has_sequence.then(|| strategy.map_or(Revision::NONE, |strategy| strategy.mark.revision)),
            times: schedule.map(|schedule| words(schedule)).unwrap_or_default(),
            all_days: schedule.is_some_and(|schedule| schedule.days() == Days::All),
            sequence: taken.map(|last| last.to_string()).unwrap_or_default(),
            times_fault: None,
            sequence_fault: None,
            moved: false,
            is_earlier: false,
            v,
            name,
        })
    }

    fn has_schedule(&self) -> bool {
        self.schedule_revision != Revision::NONE
    }

    fn draw(self, status: StatusCode) -> Response {
        html(status, &self)
    }
}

/// `GET /strategies/{name}/settings`
pub(super) async fn page(
    State(state): State<AppState>,
    Member(v): Member,
    PathText(name): PathText,
    Query(query): Query<AsOf>,
) -> Result<Response, AppError> {
    let name = strategy_name(&name)?;
    let mut page = UpkeepPage::new(&state.store.book(), v, name.clone())?;
    if let Some(then) = query.revision()
        && let Some(Setting::Schedule(Some(earlier))) = state.store.setting_as_of(Topic::Schedule(name), then).await?
    {
        page.times = words(&earlier);
        page.all_days = earlier.days() == Days::All;
        page.is_earlier = true;
    }
    Ok(page.draw(StatusCode::OK))
}

/// Where a form's answer was, a reload or a language switch asks again.
pub(super) async fn to_page(PathText(name): PathText) -> Response {
    see_other(&format!("{}/settings", strategy_path(&name)))
}

fn expected(fields: &Fields) -> Result<Revision, Invalid> {
    fields.get("expected").parse().map_err(|_| Invalid::Query("expected".into()))
}

/// Times as people type them: parted by blanks or commas, in any order, with or without a leading zero. Else the one that
/// is none.
fn times(text: &str) -> Result<Vec<TimeOfDay>, String> {
    let words = text.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | '，' | '、' | ';' | '；'));
    let read = |word: &str| {
        let plain = word.replace('：', ":");
        let padded = if plain.find(':') == Some(1) { format!("0{plain}") } else { plain };
        padded.parse::<TimeOfDay>().map_err(|_| word.to_owned())
    };
    let mut times = words.filter(|word| !word.is_empty()).map(read).collect::<Result<Vec<_>, _>>()?;
    times.sort_unstable();
    times.dedup();
    Ok(times)
}

/// `POST /strategies/{name}/schedule`
pub(super) async fn set_schedule(
    State(state): State<AppState>,
    PathText(name): PathText,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let CheckedForm { v, operator, fields, .. } = form;
    let (name, expected, typed) = (strategy_name(&name)?, expected(&fields)?, fields.get("times"));
    let all_days = fields.get("days") == "all";
    let days = if all_days { Days::All } else { Days::Trading };
    let schedule = if fields.get("action") == "remove" {
        Ok(None)
    } else {
        let times = times(typed).map_err(|word| v.t.no_time(&word));
        times.and_then(|times| Schedule::new(times, days).map(Some).map_err(|_| v.t.times_count(MAX_TIMES)))
    };
    let page = |v| -> Result<UpkeepPage, AppError> {
        let page = UpkeepPage::new(&state.store.book(), v, name.clone())?;
        Ok(UpkeepPage { times: typed.to_owned(), all_days, ..page })
    };
    let schedule = match schedule {
        Ok(schedule) => schedule,
        Err(fault) => {
            let page = UpkeepPage { times_fault: Some(fault), ..page(v)? };
            return Ok(page.draw(StatusCode::UNPROCESSABLE_ENTITY));
        }
    };
    match state.desk.set_schedule(&operator, name.clone(), schedule, Some(expected)).await {
        Err(not_done) if not_done.is_conflict() => {
            Ok(UpkeepPage { moved: true, ..page(v)? }.draw(StatusCode::CONFLICT))
        }
        done => settled(&name, done),
    }
}

/// `POST /strategies/{name}/sequence`
pub(super) async fn set_sequence(
    State(state): State<AppState>,
    PathText(name): PathText,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let CheckedForm { v, operator, fields, .. } = form;
    let (name, expected, typed) = (strategy_name(&name)?, expected(&fields)?, fields.get("last").trim());
    let last = if typed.is_empty() { Some(None) } else { typed.parse().ok().filter(|last| *last >= 0).map(Some) };
    let page = |v| -> Result<UpkeepPage, AppError> {
        Ok(UpkeepPage { sequence: typed.to_owned(), ..UpkeepPage::new(&state.store.book(), v, name.clone())? })
    };
    let Some(last) = last else {
        let page = UpkeepPage { sequence_fault: Some(v.t.sequence_bad), ..page(v)? };
        return Ok(page.draw(StatusCode::UNPROCESSABLE_ENTITY));
    };
    match state.desk.set_sequence(&operator, name.clone(), last, Some(expected)).await {
        Err(not_done) if not_done.is_conflict() => {
            Ok(UpkeepPage { moved: true, ..page(v)? }.draw(StatusCode::CONFLICT))
        }
        done => settled(&name, done),
    }
}

/// Back to the strategy.
fn settled(name: &StrategyName, done: Result<Receipt, NotDone>) -> Result<Response, AppError> {
    Ok(see_other(&links::done(&strategy_path(name.as_str()), &[], &done?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_type_them() {
        let read = |text| times(text).map(|times| times.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        assert_eq!(read("14:55, 9:35"), Ok("09:35 14:55".to_owned()));
        assert_eq!(read(" 9：35，09:35、14:55\n"), Ok("09:35 14:55".to_owned()));
        assert_eq!(read(""), Ok(String::new()));
        assert_eq!(read("09:35 later"), Err("later".to_owned()));
        assert_eq!(read("24:01"), Err("24:01".to_owned()));
    }
}
