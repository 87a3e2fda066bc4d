//! `/channels`: over which ways people are told of incidents. What is secret is typed here and never shown again.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use strum::VariantArray as _;

use super::super::AppState;
use super::super::api::channels::channel_name;
use super::super::error::{AppError, Invalid};
use super::super::extract::{Query, Typed};
use super::super::incident_text::{kind_texts, severity_texts};
use super::form::{CheckedForm, Fields};
use super::links;
use super::texts::Texts;
use super::view::{Member, View};
use super::{html, see_other};
use crate::desk::{ChannelWish, NotDone};
use crate::domain::channel::{Channel, ChannelKind, ChannelName, Terms};
use crate::domain::incident::{Kind, Severity};
use crate::domain::revision::{Revision, Topic};
use crate::domain::settings::Setting;
use crate::store::channels::ChannelStanding;

#[derive(Template)]
#[template(path = "channels.html")]
struct ChannelsPage {
    v: View,
    channels: Vec<ChannelRow>,
    typed: TypedChannel,
    fault: Option<String>,
    notice: Option<Notice>,
}

enum Notice {
    Good(String),
    Bad(String),
}

struct ChannelRow {
    name: ChannelName,
    channel: Channel,
    standing: ChannelStanding,
}

/// A channel as it was typed. What is secret is not kept for another look.
#[derive(Default)]
struct TypedChannel {
    name: String,
    /// Whether there is one of that name, which is changed.
    is_known: bool,
    revision: Revision,
    kind: String,
    incidents: Vec<String>,
    accounts: String,
    severity: String,
    quiet_from: String,
    quiet_to: String,
    language: String,
    escalate_to: String,
    escalate_after: String,
    daily: bool,
}

impl TypedChannel {
    /// The form of a new channel.
    fn empty() -> Self {
        let default = |text: &str| text.to_owned();
        Self {
            kind: default("wecom"),
            incidents: vec![default("*")],
            severity: default("notice"),
            language: default("zh"),
            escalate_after: default("10"),
            daily: true,
            ..Self::default()
        }
    }

    fn of(name: &ChannelName, channel: &Channel, revision: Revision) -> Self {
        let Terms { incidents, accounts, severity, quiet, language, escalate, daily } = channel.terms.clone();
        let quiet = quiet.map(|quiet| (quiet.from.to_string(), quiet.to.to_string())).unwrap_or_default();
        let escalate = escalate.map(|to| (to.to.to_string(), to.after.to_string()));
        let (escalate_to, escalate_after) = escalate.unwrap_or_else(|| (String::new(), "10".to_owned()));
        Self {
            name: name.to_string(),
            is_known: true,
            revision,
            kind: channel.kind.to_string(),
            incidents: incidents.into(),
            accounts: accounts.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            severity: severity.as_str().to_owned(),
            quiet_from: quiet.0,
            quiet_to: quiet.1,
            language: language.to_string(),
            escalate_to,
            escalate_after,
            daily,
        }
    }

    fn sent(fields: &Fields) -> Result<Self, Invalid> {
        let field = |name| fields.get(name).trim().to_owned();
        let revision: Revision = fields.get("revision").parse().map_err(|_| Invalid::Query("revision".into()))?;
        Ok(Self {
            name: field("name"),
            is_known: revision != Revision::NONE,
            revision,
            kind: field("kind"),
            incidents: fields.all("incidents").map(str::to_owned).collect(),
            accounts: fields.get("accounts").to_owned(),
            severity: field("severity"),
            quiet_from: field("quiet_from"),
            quiet_to: field("quiet_to"),
            language: field("language"),
            escalate_to: field("escalate_to"),
            escalate_after: field("escalate_after"),
            daily: !fields.get("daily").is_empty(),
        })
    }

    fn tells(&self, kind: &str) -> bool {
        self.incidents.iter().any(|told| told == kind)
    }

    /// What was typed as the document has it, read by the document's own rules.
    fn terms(&self) -> Result<Terms, serde_json::Error> {
        let lines =
            |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let accounts: Vec<String> = lines(&self.accounts);
        let is_quiet = !(self.quiet_from.is_empty() && self.quiet_to.is_empty());
        let quiet = is_quiet.then(|| json!({"from": self.quiet_from, "to": self.quiet_to}));
        let after = self.escalate_after.parse::<u16>().map_or_else(|_| Value::from(&*self.escalate_after), Value::from);
        let escalate = (!self.escalate_to.is_empty()).then(|| json!({"to": self.escalate_to, "after": after}));
        serde_json::from_value(json!({
            "incidents": self.incidents,
            "accounts": accounts,
            "severity": self.severity,
            "quiet": quiet,
            "language": self.language,
            "escalate": escalate,
            "daily": self.daily,
        }))
    }

    fn wish(&self, fields: &Fields, t: &Texts) -> Result<ChannelWish, String> {
        let said = |name| Some(fields.get(name).trim().to_owned()).filter(|text| !text.is_empty());
        let to = said("to").map(|to| {
            to.split([',', '，', ' ', '\n']).map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
        });
        Ok(ChannelWish {
            kind: self.kind.parse().map_err(|_| t.choose_one.to_owned())?,
            url: said("url"),
            secret: said("secret"),
            username: said("username"),
            from: said("from"),
            to,
            terms: self.terms().map_err(|_| t.channel_terms_bad.to_owned())?,
        })
    }
}

/// Which channel is changed, and as of which revision what it tells is to be again.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ChannelsQuery {
    edit: Typed,
    as_of: Typed,
}

impl ChannelsPage {
    async fn new(state: &AppState, v: View) -> Result<Self, AppError> {
        let book = state.store.book();
        let mut standings: HashMap<String, ChannelStanding> =
            state.store.channel_standings().await?.into_iter().collect();
        let channels = book.settings().channels().map(|(name, channel)| ChannelRow {
            name: name.clone(),
            channel: (**channel).clone(),
            standing: standings.remove(name.as_str()).unwrap_or_default(),
        });
        Ok(Self { channels: channels.collect(), v, typed: TypedChannel::empty(), fault: None, notice: None })
    }

    /// Channels that the one in the form can lead to.
    fn others(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|row| row.name.as_str()).filter(|name| *name != self.typed.name)
    }

    fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        ChannelKind::VARIANTS.iter().map(|kind| ((*kind).into(), self.v.t.of_channel_kind(kind)))
    }

    fn incident_kinds(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        Kind::VARIANTS.iter().map(|kind| (kind.as_str(), self.in_words(kind_texts(*kind))))
    }

    fn severities(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let all = [Severity::Notice, Severity::Warning, Severity::Alarm];
        all.into_iter().map(|severity| (severity.as_str(), self.in_words(severity_texts(severity))))
    }

    fn in_words(&self, (chinese, english): (&'static str, &'static str)) -> &'static str {
        self.v.t.pick(chinese, english)
    }

    fn draw(self, status: StatusCode) -> Response {
        html(status, &self)
    }
}

/// `GET /channels`
pub(super) async fn page(
    State(state): State<AppState>,
    Member(v): Member,
    Query(query): Query<ChannelsQuery>,
) -> Result<Response, AppError> {
    let mut page = ChannelsPage::new(&state, v).await?;
    if let Some(row) = page.channels.iter().find(|row| row.name.as_str() == &*query.edit) {
        let revision = state.store.book().settings().revision(&Topic::Channel(row.name.clone()));
        page.typed = TypedChannel::of(&row.name, &row.channel, revision);
        if let Some(then) = query.as_of.parse().ok()
            && let Some(Setting::Channel(Some(earlier))) =
                state.store.setting_as_of(Topic::Channel(row.name.clone()), then).await?
        {
            page.typed = TypedChannel::of(&row.name, &earlier, revision);
            page.notice = Some(Notice::Good(page.v.t.earlier_filled_in.to_owned()));
        }
    }
    Ok(page.draw(StatusCode::OK))
}

/// The form as it was sent by a session that had ended. What is secret was not kept with it.
pub(super) async fn resume(state: &AppState, v: View, fields: &Fields) -> Result<Response, AppError> {
    let mut page = ChannelsPage::new(state, v).await?;
    page.typed = TypedChannel::sent(fields)?;
    page.notice = Some(Notice::Good(page.v.t.resumed_without_secrets.to_owned()));
    Ok(page.draw(StatusCode::OK))
}

/// `POST /channels`: settles a channel.
pub(super) async fn set(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let CheckedForm { v, operator, fields, .. } = form;
    let mut page = ChannelsPage::new(&state, v).await?;
    page.typed = TypedChannel::sent(&fields)?;
    let wish = page.typed.wish(&fields, page.v.t);
    let name = channel_name(&page.typed.name).map_err(|invalid| page.v.t.of_error(AppError::from(invalid).text()));
    let (name, wish) = match name.and_then(|name| Ok((name, wish?))) {
        Ok(both) => both,
        Err(fault) => {
            page.fault = Some(fault);
            return Ok(page.draw(StatusCode::UNPROCESSABLE_ENTITY));
        }
    };
    match state.desk.set_channel(&operator, name, wish, Some(page.typed.revision)).await {
        Ok(receipt) => Ok(see_other(&links::done("/channels", &[], &receipt))),
        Err(not_done) if not_done.is_conflict() => {
            page.fault = Some(page.v.t.channel_moved.to_owned());
            Ok(page.draw(StatusCode::CONFLICT))
        }
        Err(NotDone::Channel(error)) => {
            page.fault = Some(page.v.t.of_error(AppError::from(Invalid::Channel(error)).text()));
            Ok(page.draw(StatusCode::UNPROCESSABLE_ENTITY))
        }
        Err(not_done) => Err(not_done.into()),
    }
}

/// `POST /channels/test`
pub(super) async fn test(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let name = channel_name(form.fields.get("name"))?;
    let channel = state.store.book().settings().channel(&name).cloned();
    let channel = channel.ok_or_else(|| AppError::UnknownChannel(name.clone()))?;
    let outcome = state.messenger.test(&name, &channel).await?;
    let mut page = ChannelsPage::new(&state, form.v).await?;
    page.notice = Some(match outcome.error() {
        None => Notice::Good(page.v.t.channel_tested(name.as_str())),
        Some(error) => Notice::Bad(page.v.t.channel_refused(name.as_str(), error)),
    });
    Ok(page.draw(StatusCode::OK))
}

/// The question that comes before a channel is removed.
#[derive(Template)]
#[template(path = "channel_delete.html")]
struct DeletePage {
    v: View,
    row: ChannelRow,
    /// What the channel is at; it is not removed when it has moved on.
    expected: Revision,
    moved: bool,
}

async fn draw_delete(state: &AppState, v: View, name: ChannelName, moved: bool) -> Result<Response, AppError> {
    let expected = state.store.book().settings().revision(&Topic::Channel(name.clone()));
    let ChannelsPage { channels, v, .. } = ChannelsPage::new(state, v).await?;
    Ok(match channels.into_iter().find(|row| row.name == name) {
        Some(row) => {
            let status = if moved { StatusCode::CONFLICT } else { StatusCode::OK };
            html(status, &DeletePage { v, row, expected, moved })
        }
        // A reload or a language switch after it was removed asks again.
        None => see_other("/channels"),
    })
}

/// Which channel is meant.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NameQuery {
    name: Typed,
}

/// `GET /channels/delete?name=`
pub(super) async fn ask_delete(
    State(state): State<AppState>,
    Member(v): Member,
    Query(query): Query<NameQuery>,
) -> Result<Response, AppError> {
    draw_delete(&state, v, channel_name(&query.name)?, false).await
}

/// `POST /channels/delete`
pub(super) async fn delete(State(state): State<AppState>, form: CheckedForm) -> Result<Response, AppError> {
    let name = channel_name(form.fields.get("name"))?;
    let expected = form.fields.get("expected").parse().map_err(|_| Invalid::Query("expected".into()))?;
    match state.desk.remove_channel(&form.operator, name.clone(), Some(expected)).await {
        Ok(receipt) => Ok(see_other(&links::done("/channels", &[], &receipt))),
        Err(not_done) if not_done.is_conflict() => draw_delete(&state, form.v, name, true).await,
        Err(not_done) => Err(not_done.into()),
    }
}
