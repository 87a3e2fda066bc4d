//! Login and logout.

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::cookies::SessionCookie;
use super::super::error::AppError;
use super::super::extract::{Query, Typed};
use super::super::{AppState, MAX_LOGIN_BODY};
use super::form::{CheckedForm, Fields, OpenForm, SessionEnded};
use super::links::own_path;
use super::resume::Resumed;
use super::view::View;
use super::{html, links, see_other};
use crate::auth::reach::Source;

/// The longest form that is kept over a login, as it is sent with it; beside it there is room for a password and a path.
const MAX_KEPT: usize = MAX_LOGIN_BODY - (8 << 10);

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    v: View,
    /// Where to go afterwards.
    next: String,
    /// What was being sent when the session ended: where to, and the fields.
    pending: Option<Pending>,
    notice: Option<&'static str>,
    error: Option<String>,
}

/// A form that waits for a login.
struct Pending {
    path: String,
    body: String,
}

/// Where to go after the login.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LoginQuery {
    next: Typed,
}

/// `GET /login`
pub(super) async fn page(v: View, Query(asked): Query<LoginQuery>) -> Response {
    let next = own_path(&asked.next).to_owned();
    if v.logged_in() {
        return see_other(&next);
    }
    html(StatusCode::OK, &LoginPage { v, next, pending: None, notice: None, error: None })
}

/// Sends a browser to the login, and from there back.
pub(super) fn redirect_to_login(uri: &Uri) -> Response {
    see_other(&format!("/login?{}", links::query([("next", &*links::without_key(uri))])))
}

/// The login page for a form whose session has ended; it keeps the form, if a page of ours sent one that can be shown again,
/// and if it can be sent along with a login.
pub(super) fn ask_to_go_on(v: View, ended: SessionEnded) -> Response {
    let SessionEnded { path, source, fields } = ended;
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let (keep, notice) = match (Resumed::sent_to(&path), source) {
        (None, _) => (false, v.t.session_over),
        (Some(_), Source::Own) if sent_length(&body) > MAX_KEPT => (false, v.t.too_long_to_keep),
        (Some(_), Source::Own) => (true, v.t.session_ended),
        (Some(_), _) => (false, v.t.not_kept),
    };
    let next = own_path(&path).to_owned();
    let pending = keep.then_some(Pending { path, body });
    html(StatusCode::UNAUTHORIZED, &LoginPage { v, next, pending, notice: Some(notice), error: None })
}

/// How long a text becomes as a form's field.
fn sent_length(text: &str) -> usize {
    form_urlencoded::byte_serialize(text.as_bytes()).map(str::len).sum()
}

/// `POST /login`
pub(super) async fn log_in(
    State(state): State<AppState>,
    cookie: SessionCookie,
    form: OpenForm,
) -> Result<Response, AppError> {
    let OpenForm { v, address, source, fields } = form;
    let next = own_path(fields.get("next")).to_owned();
    let path = Some(fields.get("pending_path")).filter(|path| source == Source::Own && !path.is_empty());
    let pending = path.map(|path| Pending { path: path.to_owned(), body: fields.get("pending").to_owned() });
    let secret = match state.gate.log_in(fields.get("password"), address).await {
        Ok(secret) => secret,
        Err(refused) => {
            let error = AppError::from(refused);
            let text = error.text();
            let (status, shown) = (text.status, v.t.of_error(text));
            let notice = pending.as_ref().map(|_| v.t.session_ended);
            let page = LoginPage { v, next, pending, notice, error: Some(shown) };
            let mut response = html(status, &page);
            if let Some(wait) = error.retry_after() {
                response
                    .headers_mut()
                    .insert(axum::http::header::RETRY_AFTER, super::super::error::whole_seconds(wait).into());
            }
            return Ok(response);
        }
    };
    tracing::info!(%address, "the operator logged in to the pages");
    let resumed = pending.and_then(|pending| Some((Resumed::sent_to(&pending.path)?, pending.body)));
    let response = match resumed {
        Some((resumed, body)) => {
            let v = v.member(&state.gate.known(&secret));
            let shown = resumed.show(&state, v, &Fields::parse(body.as_bytes())).await;
            // Logged in they are, whatever became of the form.
            shown.unwrap_or_else(IntoResponse::into_response)
        }
        None => see_other(&next),
    };
    Ok((cookie.begin(&secret), response).into_response())
}

/// `POST /logout`
pub(super) async fn log_out(State(state): State<AppState>, cookie: SessionCookie, form: CheckedForm) -> Response {
    if let Err(error) = state.gate.log_out(&form.session).await {
        return AppError::from(error).into_response();
    }
    (cookie.end(), see_other("/")).into_response()
}
