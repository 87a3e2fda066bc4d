//! What every page knows: language, who is logged in, the time, and how things are written.
#![expect(clippy::unused_self, clippy::trivially_copy_pass_by_ref, reason = "templates call methods, by reference")]

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, HeaderMap, REFERER};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::super::AppState;
use super::super::cookies::{self, SessionCookie};
use super::super::error::AppError;
use super::super::extract::{Query, Typed};
use super::assets::{HANDS, ICON, SCRIPT, STYLE, TELLER};
use super::links::own_path;
use super::shown::Shown;
use super::texts::{CHINESE, ENGLISH, Texts};
use super::{format, links, see_other};
use crate::auth::Denied;
use crate::auth::rights::{LoggedIn, Reads};
use crate::clock::Zone;
use crate::digits;
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::calendar::Calendar;
use crate::domain::code::{Code, Notation};
use crate::domain::decimal::{Amount, Volume};
use crate::domain::incident::{Incident, Key, Kind, Standing};
use crate::domain::moment::Moment;
use crate::domain::money::Money;
use crate::domain::revision::Revision;
use crate::domain::settings::Settings;
use crate::store::Untold;
use crate::store::history::RevisionInfo;

/// How many incidents a page carries for a browser to tell of.
const TOLD: usize = 20;

/// What a template is drawn with.
pub(super) struct View {
    pub(super) t: &'static Texts,
    /// Path and query of the page.
    pub(super) here: String,
    pub(super) now: Moment,
    /// The newest revision, from which the page hears on.
    pub(super) revision: Revision,
    /// The lineage that it belongs to.
    pub(super) lineage: i64,
    form_token: Option<String>,
    may_read: bool,
    is_roomy: bool,
    is_western: bool,
    zone: Zone,
    book: Arc<Book>,
    /// How many pushes wait.
    waiting: usize,
    standing: Arc<Standing>,
    /// Why and since when no poll is answered.
    pause: Option<Paused>,
    /// What was done just now.
    done: Option<Done>,
}

/// The revision that a form made, as the page says it to which it led; None where everything was as it should be already.
pub(super) type Done = Option<Box<RevisionInfo>>;

async fn done(parts: &Parts, state: &AppState) -> Result<Option<Done>, Untold> {
    let mut pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let Some((_, done)) = pairs.find(|(name, _)| name == "done") else { return Ok(None) };
    if done == "same" {
        return Ok(Some(None));
    }
    let Ok(id) = done.parse() else { return Ok(None) };
    Ok(state.store.revision(id).await?.map(|revision| Some(Box::new(revision))))
}

/// That polls are not answered, as a page says it.
pub(super) struct Paused {
    pub(super) note: Option<String>,
    pub(super) since: Moment,
}

impl Paused {
    /// The pause of an account itself, or with None of everything.
    pub(super) fn of(settings: &Settings, account: Option<&AccountName>) -> Option<Self> {
        let (pause, mark) = settings.paused_itself(account)?;
        Some(Self { note: pause.note.clone(), since: mark.updated_at })
    }
}

impl View {
    /// The view of a request.
    pub(super) async fn of(parts: &Parts, state: &AppState) -> Result<Self, AppError> {
        let member = state.gate.session(SessionCookie::of(parts, state).value()).await?;
        let form_token = member.as_ref().map(LoggedIn::form_token);
        let may_read = member.is_some() || state.gate.reads() == Reads::Open;
        let done = if member.is_some() { done(parts, state).await? } else { None };
        Ok(Self { form_token, may_read, done, ..Self::stranger(parts, state) })
    }

    /// The view of somebody of whom nothing is known.
    pub(super) fn stranger(parts: &Parts, state: &AppState) -> Self {
        let book = state.store.book();
        let settings = book.settings();
        let jar = CookieJar::from_headers(&parts.headers);
        let chosen = cookies::is_english(&jar);
        Self {
            t: if chosen.unwrap_or_else(|| prefers_english(&parts.headers)) { &ENGLISH } else { &CHINESE },
            here: here(parts),
            now: state.clock.now(),
            revision: book.revision(),
            lineage: state.store.lineage(),
            form_token: None,
            may_read: state.gate.reads() == Reads::Open,
            is_roomy: cookies::is_roomy(&jar),
            is_western: cookies::is_western(&jar),
            zone: state.zone.clone(),
            waiting: settings.holds().len(),
            standing: state.incidents.standing(),
            pause: Paused::of(settings, None),
            done: None,
            book: Arc::clone(&book),
        }
    }

    /// The same, as of a session that has just begun.
    pub(super) fn member(self, member: &LoggedIn) -> Self {
        Self { form_token: Some(member.form_token()), may_read: true, ..self }
    }

    pub(super) const fn logged_in(&self) -> bool {
        self.form_token.is_some()
    }

    pub(super) const fn may_read(&self) -> bool {
        self.may_read
    }

    /// How many pushes wait, as far as who looks may know.
    pub(super) const fn waiting(&self) -> usize {
        if self.may_read { self.waiting } else { 0 }
    }

    /// The incidents that stand, the most urgent first, as far as who looks may know.
    pub(super) fn incidents(&self) -> Vec<Shown> {
        let mut standing: Vec<_> = self.standing.incidents().filter(|_| self.may_read).collect();
        standing.sort_by_key(|one| (one.acknowledged.is_some(), Reverse(one.concern.kind().severity()), one.id));
        standing.into_iter().map(|one| self.shown(one)).collect()
    }

    /// An incident as it is shown.
    pub(super) fn shown(&self, incident: &Incident) -> Shown {
        Shown::new(incident, &self.book, &self.zone, self.t)
    }

    /// Whether an incident of that kind and subject is among them.
    pub(super) fn stands(&self, kind: Kind, subject: &str) -> bool {
        self.may_read && self.standing.get(&Key::new(kind, subject)).is_some()
    }

    /// How many of them nobody has acknowledged.
    pub(super) fn unseen(&self) -> usize {
        self.standing.incidents().filter(|one| self.may_read && one.acknowledged.is_none()).count()
    }

    /// The newest of those that nobody has acknowledged, as a script reads them: what tells one from any other, what it is,
    /// and where it stands.
    pub(super) fn news(&self) -> String {
        let mut unseen: Vec<_> =
            self.standing.incidents().filter(|one| self.may_read && one.acknowledged.is_none()).collect();
        unseen.sort_by_key(|one| Reverse(one.id));
        let news = unseen.into_iter().take(TOLD).map(|one| {
            let (id, shown) = (one.id.get(), self.shown(one));
            (format!("{id}@{}", one.began_at.as_micros()), shown.what, format!("/incidents#i{id}"))
        });
        serde_json::to_string(&news.collect::<Vec<_>>()).unwrap_or_default()
    }

    /// The pause of everything.
    pub(super) fn pause(&self) -> Option<&Paused> {
        self.pause.as_ref().filter(|_| self.may_read)
    }

    /// What was done just now.
    pub(super) const fn done(&self) -> Option<&Done> {
        self.done.as_ref()
    }

    /// What a form of this page carries.
    pub(super) fn form_token(&self) -> &str {
        self.form_token.as_deref().unwrap_or_default()
    }

    /// Where the same page comes anew.
    pub(super) fn reload_link(&self) -> &str {
        own_path(&self.here)
    }

    /// Where the other language is chosen.
    pub(super) fn language_link(&self) -> String {
        format!("/language?{}", links::query([("to", self.t.other_in_link), ("back", &self.here)]))
    }

    pub(super) const fn is_roomy(&self) -> bool {
        self.is_roomy
    }

    pub(super) const fn is_western(&self) -> bool {
        self.is_western
    }

    /// Where the rows become the other height, and where the colours change sides.
    pub(super) fn rows_link(&self) -> String {
        self.look_link("rows", if self.is_roomy { "dense" } else { "roomy" })
    }

    pub(super) fn colours_link(&self) -> String {
        self.look_link("colours", if self.is_western { "china" } else { "west" })
    }

    fn look_link(&self, what: &str, choice: &str) -> String {
        format!("/look?{}", links::query([(what, choice), ("back", &self.here)]))
    }

    pub(super) fn style(&self) -> &'static str {
        &STYLE.path
    }

    pub(super) fn script(&self) -> &'static str {
        &SCRIPT.path
    }

    pub(super) fn hands(&self) -> &'static str {
        &HANDS.path
    }

    pub(super) fn teller(&self) -> &'static str {
        &TELLER.path
    }

    pub(super) fn icon(&self) -> &'static str {
        &ICON.path
    }

    /// Whether a link of the navigation leads to this page.
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.here.split('?').next() == Some(path)
    }

    /// An exact number, grouped.
    pub(super) fn number(&self, number: &impl ToString) -> String {
        digits::grouped(&number.to_string())
    }

    /// Money, to the cent.
    pub(super) fn money(&self, amount: &Amount) -> String {
        digits::grouped(&digits::rounded(&amount.to_string(), 2))
    }

    /// An average, to four decimals.
    pub(super) fn average(&self, cost: &f64) -> String {
        let text = digits::rounded(&format!("{cost}"), 4);
        digits::grouped(text.trim_end_matches('0').trim_end_matches('.'))
    }

    /// An average in a column of them: all with four decimals.
    pub(super) fn price(&self, cost: &f64) -> String {
        digits::grouped(&digits::rounded(&format!("{cost}"), 4))
    }

    /// Money that was reckoned up, to the fen and with one minus sign.
    pub(super) fn fen(&self, money: impl Borrow<Money>) -> String {
        digits::grouped(&digits::rounded(&money.borrow().to_string(), 2))
    }

    /// Whether money was gained or lost, as a class; neither where it is nothing.
    pub(super) fn gain(&self, money: impl Borrow<Money>) -> &'static str {
        match money.borrow().cmp(&Money::ZERO) {
            std::cmp::Ordering::Less => "sell",
            std::cmp::Ordering::Equal => "",
            std::cmp::Ordering::Greater => "buy",
        }
    }

    /// Money that is an estimate, to the cent.
    pub(super) fn cash(&self, cash: &f64) -> String {
        digits::grouped(&digits::rounded(&format!("{cash}"), 2))
    }

    /// Money at a glance: in ten thousands and hundred millions, or in thousands and millions.
    pub(super) fn yuan(&self, amount: impl Borrow<f64>) -> String {
        let amount = *amount.borrow();
        let steps = self.t.pick([(1e8, "亿"), (1e4, "万")], [(1e6, " M"), (1e3, " k")]);
        let step = steps.into_iter().find(|(size, _)| amount.abs() >= *size);
        let (size, word) = step.unwrap_or((1.0, ""));
        format!("{}{word}", digits::grouped(&digits::rounded(&format!("{}", amount / size), 2)).replace('-', "−"))
    }

    /// The same with its sign.
    pub(super) fn signed_yuan(&self, amount: impl Borrow<f64>) -> String {
        let amount = *amount.borrow();
        let sign = if amount > 0.0 { "+" } else { "" };
        format!("{sign}{}", self.yuan(amount))
    }

    /// A volume with its sign.
    pub(super) fn signed(&self, volume: &Volume) -> String {
        digits::signed(&volume.to_string())
    }

    /// Whether something became more or less, as a class.
    pub(super) fn direction(&self, amount: impl Borrow<f64>) -> &'static str {
        if *amount.borrow() < 0.0 { "sell" } else { "buy" }
    }

    /// A part of a whole, in per cent.
    pub(super) fn percent(&self, part: &f64) -> String {
        format!("{:.1}%", part * 100.0).replace('-', "\u{2212}")
    }

    pub(super) fn age(&self, moment: &Moment) -> String {
        format::age(self.now.since(*moment), self.t)
    }

    /// Local time to the second.
    pub(super) fn time(&self, moment: &Moment) -> String {
        self.zone.seconds(*moment)
    }

    /// The day that it is then.
    pub(super) fn day(&self, moment: &Moment) -> String {
        self.zone.day(*moment)
    }

    /// The time of that day, to the second.
    pub(super) fn clock(&self, moment: &Moment) -> String {
        self.zone.clock(*moment)
    }

    /// RFC 3339, for machines.
    pub(super) fn iso(&self, moment: &Moment) -> String {
        self.zone.rfc3339(*moment)
    }

    pub(super) fn jq(&self, code: &Code) -> Code {
        code.to(Notation::Jq)
    }

    pub(super) fn qmt(&self, code: &Code) -> Code {
        code.to(Notation::Qmt)
    }

    pub(super) fn calendar(&self) -> &Calendar {
        self.book.settings().calendar()
    }

    pub(super) const fn zone(&self) -> &Zone {
        &self.zone
    }
}

impl FromRequestParts<AppState> for View {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        Self::of(parts, state).await
    }
}

/// A view of somebody who may read, and the book that is read.
pub(super) struct Reading {
    pub(super) v: View,
    pub(super) book: Arc<Book>,
}

impl FromRequestParts<AppState> for Reading {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let v = View::of(parts, state).await?;
        if !v.may_read() {
            return Err(Denied::NotLoggedIn.into());
        }
        Ok(Self { v, book: state.store.book() })
    }
}

/// A view of somebody who is logged in.
pub(super) struct Member(pub(super) View);

impl FromRequestParts<AppState> for Member {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let v = View::of(parts, state).await?;
        if v.logged_in() { Ok(Self(v)) } else { Err(Denied::NotLoggedIn.into()) }
    }
}

/// Whether a browser asks for English rather than Chinese; whoever asks for neither gets Chinese, as most of our readers want.
fn prefers_english(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    let weighed = offers.flat_map(|value| value.split(',')).filter_map(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let language = parts.next()?.split('-').next()?.to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        Some((language, weight.ok()?))
    });
    let (mut chinese, mut english) = (0.0_f32, 0.0_f32);
    for (language, weight) in weighed {
        match &*language {
            "zh" => chinese = chinese.max(weight),
            "en" => english = english.max(weight),
            _ => {}
        }
    }
    english > chinese
}

/// Where the reader is: path and query, for an answer to a form those of the page with the form.
fn here(parts: &Parts) -> String {
    let form = parts.headers.get(REFERER).filter(|_| parts.method == Method::POST);
    let form = form.and_then(|referer| referer.to_str().ok()?.parse::<Uri>().ok());
    links::without_key(form.as_ref().unwrap_or(&parts.uri))
}

/// Which language, and where to go back to.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LanguageQuery {
    to: Typed,
    back: Typed,
}

/// `GET /language`
pub(super) async fn switch_language(jar: CookieJar, Query(asked): Query<LanguageQuery>) -> Response {
    let language = if &*asked.to == "en" { "en" } else { "zh" };
    (jar.add(cookies::language_cookie(language)), see_other(own_path(&asked.back))).into_response()
}

/// How pages shall look, and where to go back to.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LookQuery {
    rows: Typed,
    colours: Typed,
    back: Typed,
}

/// `GET /look`
pub(super) async fn switch_look(mut jar: CookieJar, Query(asked): Query<LookQuery>) -> Response {
    if !asked.rows.is_empty() {
        jar = jar.add(cookies::rows_cookie(&*asked.rows == "roomy"));
    }
    if !asked.colours.is_empty() {
        jar = jar.add(cookies::colours_cookie(&*asked.colours == "west"));
    }
    (jar, see_other(own_path(&asked.back))).into_response()
}
