//! `/calendar`: the trading days of a year, and what the operator says over the data, as a form.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Query, Typed};
use super::form::{CheckedForm, Fields};
use super::settled::SettledLine;
use super::texts::Texts;
use super::view::{Reading, View};
use super::{html, links, see_other};
use crate::domain::book::Book;
use crate::domain::calendar::{Calendar, CalendarError, Day, Openness, Source};
use crate::domain::revision::{Revision, Topic};
use crate::domain::settings::Setting;

/// The years that can be looked at.
const YEARS: std::ops::RangeInclusive<i64> = 2015..=2099;

/// How many days a form settles at most, from the first to the last.
const LONGEST: i64 = 366;

#[derive(Template)]
#[template(path = "calendar.html")]
struct CalendarPage {
    v: View,
    year: i64,
    months: Vec<Month>,
    trading_days: usize,
    /// Up to when every day is known.
    known_through: Day,
    revision: Revision,
    typed: TypedDays,
    /// Up to when the operator calls the calendar complete, as typed.
    through: String,
    days_fault: Option<String>,
    through_fault: Option<String>,
    /// Why nothing was saved.
    notice: Option<&'static str>,
    /// As of which revision it is to be again, and what that changes.
    back: Option<(Revision, Vec<SettledLine>)>,
}

/// Days as they were typed, and what they are to be.
#[derive(Default)]
struct TypedDays {
    from: String,
    to: String,
    answer: String,
}

impl TypedDays {
    fn sent(fields: &Fields) -> Self {
        let field = |name| fields.get(name).trim().to_owned();
        Self { from: field("from"), to: field("to"), answer: field("answer") }
    }

    fn is(&self, answer: &str) -> bool {
        self.answer == answer
    }

    /// The weekdays that are meant, and what they are; None where the data decide.
    fn read(&self, t: &Texts) -> Result<(Vec<Day>, Option<Openness>), String> {
        let day = |text: &str| text.parse::<Day>().map_err(|_| t.no_day(text));
        let from = day(&self.from)?;
        let to = if self.to.is_empty() { from } else { day(&self.to)? };
        if !(0..LONGEST).contains(&to.since(from)) {
            return Err(t.days_span_bad.to_owned());
        }
        let answer = match &*self.answer {
            "closed" => Some(Openness::Closed),
            "open" => Some(Openness::Open),
            "data" => None,
            _ => return Err(t.choose_one.to_owned()),
        };
        let days: Vec<Day> = from.through(to).filter(|day| !day.is_weekend()).collect();
        if days.is_empty() { Err(t.days_weekend.to_owned()) } else { Ok((days, answer)) }
    }
}

/// A month of the year: what of it is not an ordinary weekday.
struct Month {
    name: String,
    trading_days: usize,
    /// Closures of the data; what the operator calls closed, and open; what is unknown.
    closed: Vec<Span>,
    operator_closed: Vec<Span>,
    operator_open: Vec<Span>,
    unknown: Vec<Span>,
}

/// Weekdays that follow each other.
struct Span {
    from: Day,
    to: Day,
}

impl Span {
    /// Days of a month, as few spans as they are.
    fn all(days: impl Iterator<Item = Day>) -> Vec<Self> {
        let mut spans: Vec<Self> = Vec::new();
        for day in days {
            match spans.last_mut() {
                Some(last) if last.to.next().through(day.before()).all(Day::is_weekend) => last.to = day,
                _ => spans.push(Self { from: day, to: day }),
            }
        }
        spans
    }

    fn words(&self) -> String {
        let short = |day: Day| day.to_string().split_off("2026-".len());
        if self.from == self.to { short(self.from) } else { format!("{} – {}", short(self.from), short(self.to)) }
    }
}

impl Month {
    /// Whether the operator says something of it.
    const fn is_settled(&self) -> bool {
        !self.operator_closed.is_empty() || !self.operator_open.is_empty()
    }

    fn all(calendar: &Calendar, year: i64) -> Vec<Self> {
        let days: Vec<Day> = Day::last_of(year - 1).next().through(Day::last_of(year)).collect();
        (1..=12).map(|month| Self::new(calendar, (year, month), &days)).collect()
    }

    fn new(calendar: &Calendar, (year, month): (i64, i64), days: &[Day]) -> Self {
        let of_month = || days.iter().copied().filter(|day| day.month() == month);
        let spans = |openness, source| Span::all(of_month().filter(|day| calendar.answer(*day) == (openness, source)));
        let operator_open = |day: &Day| calendar.open().contains(day);
        Self {
            name: format!("{year}-{month:02}"),
            trading_days: of_month().filter(|day| calendar.openness(*day) == Openness::Open).count(),
            closed: spans(Openness::Closed, Some(Source::Data)),
            operator_closed: spans(Openness::Closed, Some(Source::Operator)),
            operator_open: Span::all(of_month().filter(operator_open)),
            unknown: spans(Openness::Unknown, None),
        }
    }
}

/// Which year, or as of which revision the calendar is to be again.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CalendarQuery {
    year: Typed,
    as_of: Typed,
}

/// `GET /calendar`
pub(super) async fn page(
    State(state): State<AppState>,
    Reading { v, book }: Reading,
    Query(query): Query<CalendarQuery>,
) -> Result<Response, AppError> {
    let mut page = CalendarPage::new(&book, v, &query.year);
    if let Some(then) = query.as_of.parse().ok().filter(|_| page.v.logged_in()) {
        let (earlier, now) = (as_of(&state, then).await?, book.settings().calendar());
        page.back = Some((then, SettledLine::of_calendar(now, &earlier, &page.v)));
    }
    Ok(page.draw(StatusCode::OK))
}

/// The calendar as it was settled; what the data say, where nothing was.
async fn as_of(state: &AppState, then: Revision) -> Result<Calendar, AppError> {
    Ok(match state.store.setting_as_of(Topic::Calendar, then).await? {
        Some(Setting::Calendar(calendar)) => calendar,
        _ => Calendar::default(),
    })
}

/// `POST /calendar`
pub(super) async fn edit(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let CheckedForm { v, operator, fields, .. } = form;
    let expected: Revision = fields.get("revision").parse().map_err(|_| Invalid::Query("revision".into()))?;
    let book = state.store.book();
    let mut page = CalendarPage::new(&book, v, fields.get("year"));
    if expected != page.revision {
        return Ok(page.moved(&fields));
    }
    let calendar = match fields.get("action") {
        "days" => {
            page.typed = TypedDays::sent(&fields);
            let said = page.typed.read(page.v.t).and_then(|said| page.with_days(book.settings().calendar(), said));
            said.map_err(|fault| page.days_fault = Some(fault))
        }
        "through" => {
            fields.get("through").trim().clone_into(&mut page.through);
            let said = page.with_through(book.settings().calendar());
            said.map_err(|fault| page.through_fault = Some(fault))
        }
        "back" => {
            let then = fields.get("to").parse().map_err(|_| Invalid::Query("to".into()))?;
            Ok(as_of(&state, then).await?)
        }
        _ => return Err(Invalid::Query("action".into()).into()),
    };
    let Ok(calendar) = calendar else { return Ok(page.draw(StatusCode::UNPROCESSABLE_ENTITY)) };
    match state.desk.set_calendar(&operator, calendar, Some(expected)).await {
        Ok(receipt) => Ok(see_other(&links::done("/calendar", &[("year", &page.year.to_string())], &receipt))),
        Err(not_done) if not_done.is_conflict() => {
            Ok(CalendarPage::new(&state.store.book(), page.v, fields.get("year")).moved(&fields))
        }
        Err(not_done) => Err(not_done.into()),
    }
}

impl CalendarPage {
    /// The page as things stand, of a year that may be typed.
    fn new(book: &Book, v: View, year: &str) -> Self {
        let calendar = book.settings().calendar();
        let year = year.parse().ok().filter(|year| YEARS.contains(year)).unwrap_or(Day::of(v.now).year());
        let months = Month::all(calendar, year);
        Self {
            v,
            year,
            trading_days: months.iter().map(|month| month.trading_days).sum(),
            months,
            known_through: calendar.known_through(),
            revision: book.settings().revision(&Topic::Calendar),
            typed: TypedDays { answer: "closed".to_owned(), ..TypedDays::default() },
            through: calendar.operators_end().map(|day| day.to_string()).unwrap_or_default(),
            days_fault: None,
            through_fault: None,
            notice: None,
            back: None,
        }
    }

    /// A year that can be looked at as well.
    fn other_year(&self, ahead: i64) -> Option<i64> {
        Some(self.year + ahead).filter(|year| YEARS.contains(year))
    }

    fn is_unknown(&self) -> bool {
        self.months.iter().any(|month| !month.unknown.is_empty())
    }

    /// The calendar with some days otherwise.
    fn with_days(&self, calendar: &Calendar, (days, answer): (Vec<Day>, Option<Openness>)) -> Result<Calendar, String> {
        let without = |all: &BTreeSet<Day>| all.iter().copied().filter(|day| !days.contains(day)).collect();
        let (mut open, mut closed): (BTreeSet<Day>, BTreeSet<Day>) =
            (without(calendar.open()), without(calendar.closed()));
        match answer {
            Some(Openness::Open) => open.extend(&days),
            Some(_) => closed.extend(&days),
            None => {}
        }
        Calendar::new(open, closed, calendar.operators_end()).map_err(|error| self.v.t.of_calendar_error(&error))
    }

    /// The calendar, complete up to the day that was typed.
    fn with_through(&self, calendar: &Calendar) -> Result<Calendar, String> {
        let day = |text: &str| text.parse::<Day>().map_err(|_| self.v.t.no_day(text));
        let through = (!self.through.is_empty()).then(|| day(&self.through)).transpose()?;
        let over = Calendar::new(calendar.open().clone(), calendar.closed().clone(), through);
        over.map_err(|error| self.v.t.of_calendar_error(&error))
    }

    /// Somebody else was faster: what was typed stands over theirs.
    fn moved(self, fields: &Fields) -> Response {
        let through = if fields.get("action") == "through" { fields.get("through").to_owned() } else { self.through };
        let typed = if fields.get("action") == "days" { TypedDays::sent(fields) } else { self.typed };
        let notice = Some(self.v.t.calendar_moved);
        Self { typed, through, notice, ..self }.draw(StatusCode::CONFLICT)
    }

    fn draw(self, status: StatusCode) -> Response {
        html(status, &self)
    }
}

impl Texts {
    /// Why days make no calendar.
    fn of_calendar_error(&self, error: &CalendarError) -> String {
        match error {
            CalendarError::NoDay(text) => self.no_day(text),
            CalendarError::Count => self.days_too_many.to_owned(),
            CalendarError::TooEarly(_) => self.days_too_early(Calendar::known_from()),
            CalendarError::Both(_) | CalendarError::Weekend(_) => self.days_weekend.to_owned(),
            CalendarError::NoHoliday(year) => self.no_holiday(*year),
        }
    }
}
