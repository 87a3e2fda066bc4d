//! Extractors that refuse with our own errors, and the rights as extractors.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Deref;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_path_to_error::Segment;
use tokio::time::Instant;

use super::cookies::SessionCookie;
use super::error::{AppError, Fault, Invalid};
use super::places::Places;
use super::{AppState, MAX_BODY, MAX_LOGIN_BODY, Peer};
use crate::auth::Denied;
use crate::auth::reach::Source;
use crate::auth::rights::{
    AccountReader, Admission, CalendarReader, Claim, Operator, Pusher, Reader, Reporter, Sender, TotalReader,
};
use crate::auth::token::Bound;
use crate::domain::account::AccountName;
use crate::domain::calendar::Day;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// How much of a refused request's body is read and thrown away, and for how long.
const MAX_DISCARD: usize = 4 * MAX_BODY;
const DISCARD_TIME_LIMIT: Duration = Duration::from_secs(2);

/// Where the request comes from.
pub(super) fn peer_address(parts: &Parts) -> Result<IpAddr, AppError> {
    parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical()).ok_or(AppError::Internal)
}

fn sender<'a>(parts: &'a Parts, session: Option<&'a str>) -> Result<Sender<'a>, AppError> {
    Ok(Sender { headers: &parts.headers, session, query: parts.uri.query(), address: peer_address(parts)? })
}

/// From which page the request was sent, which must not be another site's.
pub(super) fn source(parts: &Parts, state: &AppState) -> Result<Source, AppError> {
    match state.gate.reach().source(&parts.headers) {
        Source::Foreign => Err(Denied::ForeignSite.into()),
        other => Ok(other),
    }
}

/// What a body may cost: bytes, and time to arrive.
#[derive(Debug, Clone, Copy)]
struct BodyLimit {
    bytes: usize,
    time: Duration,
}

/// The limit of every body but the login's.
const BODY: BodyLimit = BodyLimit { bytes: MAX_BODY, time: Duration::from_secs(15) };

/// The limit of the login's: a password, and perhaps a form that was kept meanwhile.
const LOGIN_BODY: BodyLimit = BodyLimit { bytes: MAX_LOGIN_BODY, time: Duration::from_secs(3) };

impl BodyLimit {
    /// Refuses a body whose announced length is beyond the limit.
    fn check(self, parts: &Parts) -> Result<(), AppError> {
        let announced = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > self.bytes) { Err(self.too_large()) } else { Ok(()) }
    }

    const fn too_large(self) -> AppError {
        AppError::BodyTooLarge { limit: self.bytes }
    }

    /// Takes a body in.
    async fn read(self, body: Body) -> Result<Bytes, AppError> {
        match tokio::time::timeout(self.time, Limited::new(body, self.bytes).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(self.too_large()),
            Ok(Err(_)) => Err(Invalid::Format("the body broke off".into()).into()),
            Err(_) => Err(AppError::SlowBody),
        }
    }
}

/// Takes in the rest of a refused request and throws it away: a sender who is still sending does not see the answer.
async fn discard(state: &AppState, address: IpAddr, mut body: Body) {
    let Some(_place) = state.capacity.strangers.of(address) else { return };
    let rest = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > MAX_DISCARD {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIME_LIMIT, rest).await;
}

fn has_content_type(parts: &Parts, wanted: &str) -> bool {
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

impl FromRequestParts<AppState> for Reader {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let session = SessionCookie::of(parts, state);
        Ok(state.gate.reader(sender(parts, session.value())?).await?)
    }
}

impl FromRequestParts<AppState> for CalendarReader {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let session = SessionCookie::of(parts, state);
        Ok(state.gate.calendar_reader(sender(parts, session.value())?).await?)
    }
}

/// Somebody who may read what an account is to hold.
pub(super) async fn account_reader(
    parts: &Parts,
    state: &AppState,
    account: &AccountName,
) -> Result<AccountReader, AppError> {
    let session = SessionCookie::of(parts, state);
    Ok(state.gate.account_reader(sender(parts, session.value())?, account).await?)
}

/// Somebody who may read a merged total.
pub(super) async fn total_reader(parts: &Parts, state: &AppState) -> Result<TotalReader, AppError> {
    let session = SessionCookie::of(parts, state);
    Ok(state.gate.total_reader(sender(parts, session.value())?).await?)
}

/// For how long somebody is believed to be still allowed to read.
const BELIEVED_FOR: Duration = Duration::from_secs(1);

/// By what a [`Reader`] was let in, and when that was looked at: an answer to them may go on for longer than they may read.
pub(super) struct Admitted {
    by: Admission,
    pub(super) at: Instant,
}

impl Admitted {
    /// For a request of which a [`Reader`] was extracted just now.
    pub(super) async fn of(parts: &Parts, state: &AppState) -> Result<Self, AppError> {
        let session = SessionCookie::of(parts, state);
        let by = state.gate.admission(sender(parts, session.value())?).await?;
        Ok(Self { by, at: Instant::now() })
    }

    /// Looks again, unless that was done a moment ago.
    pub(super) async fn renew(&mut self, state: &AppState) -> Result<(), AppError> {
        if self.at.elapsed() >= BELIEVED_FOR {
            self.at = Instant::now();
            state.gate.still_reads(&self.by).await?;
        }
        Ok(())
    }
}

/// A push: who pushes, and the JSON that the credential was checked against.
pub(super) struct Pushed {
    pub(super) pusher: Pusher,
    pub(super) body: Bytes,
}

impl FromRequest<AppState> for Pushed {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, AppError> {
        let (parts, body) = request.into_parts();
        let claim = state.gate.pusher(sender(&parts, None)?);
        let (claim, body) = known_body(&parts, body, state, claim, Claim::credential).await?;
        let pusher = claim.over(Bound { method: parts.method.as_str(), path: parts.uri.path(), body: &body })?;
        if !has_content_type(&parts, JSON) {
            return Err(AppError::UnsupportedMediaType(JSON));
        }
        Ok(Self { pusher, body })
    }
}

/// Takes in the body of somebody who has shown a credential; a stranger's is thrown away.
async fn known_body<R>(
    parts: &Parts,
    body: Body,
    state: &AppState,
    right: impl Future<Output = Result<R, Denied>>,
    credential: impl Fn(&R) -> &str,
) -> Result<(R, Bytes), AppError> {
    let address = peer_address(parts)?;
    let right = match BODY.check(parts) {
        Ok(()) => right.await.map_err(AppError::from),
        Err(too_large) => Err(too_large),
    };
    let placed = right.and_then(|right| {
        let place = state.capacity.bodies.of_credential(credential(&right).to_owned(), address);
        Ok((place.ok_or(AppError::Overloaded)?, right))
    });
    match placed {
        Ok((_place, right)) => Ok((right, BODY.read(body).await?)),
        Err(refused) => {
            discard(state, address, body).await;
            Err(refused)
        }
    }
}

/// Who reports for an account, and what.
pub(super) async fn reporting(
    parts: &Parts,
    body: Body,
    state: &AppState,
    account: &AccountName,
) -> Result<(Reporter, Bytes), AppError> {
    let reporter = state.gate.reporter(sender(parts, None)?, account);
    let (reporter, body) = known_body(parts, body, state, reporter, |reporter| reporter.actor.name()).await?;
    if !has_content_type(parts, JSON) {
        return Err(AppError::UnsupportedMediaType(JSON));
    }
    Ok((reporter, body))
}

/// The operator's request: JSON, or a form whose fields become the members of an object.
pub(super) struct OperatorRequest {
    pub(super) operator: Operator,
    pub(super) body: Bytes,
    pub(super) if_match: Option<Revision>,
}

/// Where the password may stand in a body.
#[derive(Deserialize)]
struct PasswordInBody<'a> {
    #[serde(borrow)]
    internal_password: Option<Cow<'a, str>>,
}

impl FromRequest<AppState> for OperatorRequest {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, AppError> {
        let (parts, body) = request.into_parts();
        let address = peer_address(&parts)?;
        let is_form = has_content_type(&parts, FORM);
        if let Err(too_large) = BODY.check(&parts) {
            discard(state, address, body).await;
            return Err(too_large);
        }
        let header = parts.headers.get("x-internal-password").filter(|password| !password.is_empty());
        let (operator, body) = if let Some(header) = header {
            let password = String::from_utf8_lossy(header.as_bytes());
            match state.gate.operator(Some(&password), address).await {
                Ok(operator) => (operator, form_or_json(is_form, BODY.read(body).await?)),
                Err(refused) => {
                    discard(state, address, body).await;
                    return Err(refused.into());
                }
            }
        } else {
            // Only what a page can send without asking first comes without the header: another site's page could guess, and
            // lock out whoever looks at it.
            source(&parts, state)?;
            // The password is in the body, if anywhere, so a stranger's body must be taken in; not many at a time.
            let place = state.capacity.strangers.of(address).ok_or(AppError::Overloaded)?;
            let body = form_or_json(is_form, BODY.read(body).await?);
            drop(place);
            check_media_type(&parts, is_form, &body)?;
            let password = serde_json::from_slice(&body).ok().and_then(|body: PasswordInBody| body.internal_password);
            (state.gate.operator(password.as_deref(), address).await?, body)
        };
        check_media_type(&parts, is_form, &body)?;
        Ok(Self { operator, if_match: if_match(&parts)?, body })
    }
}

/// Refuses what is neither JSON nor a form. A DELETE has nothing to say in a body.
fn check_media_type(parts: &Parts, is_form: bool, body: &[u8]) -> Result<(), AppError> {
    let is_known = body.is_empty() || is_form || has_content_type(parts, JSON);
    if is_known { Ok(()) } else { Err(AppError::UnsupportedMediaType(JSON)) }
}

/// A form's body. A stranger's is taken in too, since its sender may only have to log in again; not many at a time.
pub(super) async fn body_of_form(parts: &Parts, body: Body, state: &AppState, known: bool) -> Result<Bytes, AppError> {
    let strangers = (!known).then_some(&state.capacity.strangers);
    form_within(BODY, strangers, parts, body).await
}

/// The login's body: a small one, soon, and from places of its own.
pub(super) async fn body_of_login(parts: &Parts, body: Body, state: &AppState) -> Result<Bytes, AppError> {
    form_within(LOGIN_BODY, Some(&state.capacity.logins), parts, body).await
}

async fn form_within(limit: BodyLimit, places: Option<&Places>, parts: &Parts, body: Body) -> Result<Bytes, AppError> {
    limit.check(parts)?;
    if !has_content_type(parts, FORM) {
        return Err(AppError::UnsupportedMediaType(FORM));
    }
    let address = peer_address(parts)?;
    let _place = places.map(|places| places.of(address).ok_or(AppError::Overloaded)).transpose()?;
    limit.read(body).await
}

fn form_or_json(is_form: bool, body: Bytes) -> Bytes {
    if is_form { form_to_json(&body) } else { body }
}

/// A form as JSON: `positions` is JSON text already, every other field is a string.
fn form_to_json(form: &[u8]) -> Bytes {
    let value = |name: &str, text: Cow<'_, str>| match serde_json::from_str(&text) {
        Ok(raw) if name == "positions" || name == "sequence" => raw,
        _ => serde_json::value::to_raw_value(&text).unwrap_or_else(|_| RawValue::NULL.to_owned()),
    };
    let members: std::collections::BTreeMap<_, Box<RawValue>> = form_urlencoded::parse(form)
        .map(|(name, text)| {
            let value = value(&name, text);
            (name, value)
        })
        .collect();
    serde_json::to_vec(&members).unwrap_or_default().into()
}

fn if_match(parts: &Parts) -> Result<Option<Revision>, AppError> {
    // To create, and not to change what is there.
    if parts.headers.get(IF_NONE_MATCH).is_some_and(|value| value == "*") {
        return Ok(Some(Revision::NONE));
    }
    let Some(value) = parts.headers.get(IF_MATCH) else { return Ok(None) };
    let quoted = value.to_str().ok().and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"'));
    let revision = quoted.and_then(|text| text.parse().ok()).filter(|revision| *revision >= Revision::NONE);
    revision.map(Some).ok_or(Invalid::IfMatch.into())
}

/// The one wildcard of a path, percent-decoded.
pub(super) struct PathText(pub(super) String);

impl FromRequestParts<AppState> for PathText {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| AppError::NotFound)?;
        let text = params.iter().next().map(|(_, value)| value.to_owned());
        text.map(Self).ok_or(AppError::NotFound)
    }
}

/// The wildcards of a path, percent-decoded.
pub(super) struct PathTexts<const N: usize>(pub(super) [String; N]);

impl<const N: usize> FromRequestParts<AppState> for PathTexts<N> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| AppError::NotFound)?;
        let texts: Vec<String> = params.iter().map(|(_, value)| value.to_owned()).collect();
        texts.try_into().map(Self).map_err(|_| AppError::NotFound)
    }
}

/// The strategy that a path, a body or a form names.
pub(super) fn strategy_name(text: &str) -> Result<StrategyName, Invalid> {
    StrategyName::parse(text).map_err(Invalid::Name)
}

/// The last day of a line, which is not over.
pub(super) fn last_day(text: &str, today: Day) -> Result<Day, Fault> {
    let day: Day = text.parse().map_err(|_| Fault::NotADay)?;
    if day < today { Err(Fault::Past(today)) } else { Ok(day) }
}

/// The account that a path, a body or a form names.
pub(super) fn account_name(text: &str) -> Result<AccountName, Invalid> {
    AccountName::parse(text).map_err(Invalid::AccountName)
}

/// What a query asks for. Parameters that nobody knows are ignored.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Query<T> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, AppError> {
        let query = parts.uri.query().unwrap_or_default();
        let understood = serde_path_to_error::deserialize(serde_html_form::Deserializer::from_bytes(query.as_bytes()));
        understood.map(Self).map_err(|error| {
            let parameter = match error.path().iter().next() {
                Some(Segment::Map { key }) => key.clone(),
                _ => "?".to_owned(),
            };
            Invalid::Query(parameter.into()).into()
        })
    }
}

/// A parameter of a program's, of which the last value counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Last<T>(pub(super) Option<T>);

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Last<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|mut values| Self(values.pop()))
    }
}

impl Last<String> {
    /// The day that the parameter of this name says.
    pub(super) fn day(&self, name: &'static str) -> Result<Option<Day>, Invalid> {
        let text = self.0.as_deref();
        text.map(|text| text.parse().map_err(|_| Invalid::Query(name.into()))).transpose()
    }
}

/// A parameter of a page's, which somebody may have typed: the first value without the blanks around it, else empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Typed(String);

impl Deref for Typed {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values: Vec<Cow<'de, str>> = Vec::deserialize(deserializer)?;
        Ok(Self(values.first().map(|text| text.trim().to_owned()).unwrap_or_default()))
    }
}
