//! The pages: server-rendered, whole without JavaScript, in two languages.

mod adjustment;
mod assets;
mod changes;
mod chart;
mod form;
mod format;
mod history;
mod keys;
mod login;
mod overview;
mod password;
mod strategy;
mod texts;
mod view;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use self::view::View;
use super::AppState;
use super::error::AppError;
use crate::auth::Refused;

/// Every page, with what stands around all of them.
pub(super) fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/", get(overview::page))
        .route("/strategies/{name}", get(strategy::page))
        .route("/strategies/{name}/positions.csv", get(strategy::csv))
        .route("/strategies/{name}/restore", get(strategy::ask_restore).post(strategy::restore))
        .route("/strategies/{name}/delete", get(strategy::ask_delete).post(strategy::delete))
        .route("/adjustment", get(adjustment::page).post(adjustment::edit))
        .route("/history", get(history::page))
        .route("/history.csv", get(history::csv))
        .route("/password", get(password::page).post(password::set))
        .route("/keys", get(keys::page))
        // Where a form's answer was, a reload or a language switch asks again.
        .route("/keys/create", get(async || see_other("/keys")).post(keys::create))
        .route("/keys/revoke", get(async || see_other("/keys")).post(keys::revoke))
        .route("/login", get(login::page).post(login::log_in))
        .route("/logout", get(async || see_other("/")).post(login::log_out))
        .route("/language", get(view::switch_language))
        .route("/static/{name}", get(assets::asset))
        .layer(middleware::from_fn_with_state(state.clone(), around))
}

/// What answers where there is nothing: a page for people, JSON below `/api`.
pub(super) fn elsewhere(state: &AppState) -> Router {
    Router::new()
        .fallback(async || AppError::NotFound)
        .layer(middleware::from_fn_with_state(state.clone(), around))
        .with_state(state.clone())
}

/// What stands around every page: errors are drawn as pages, and the browser is told what it may not do.
pub(super) async fn around(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/api") {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let kept = parts.clone();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(error) = response.extensions().get::<AppError>().cloned() {
        response = if error == AppError::Refused(Refused::NotLoggedIn) && kept.method == Method::GET {
            login::redirect_to_login(&kept.uri)
        } else {
            draw(&error, View::of(&kept, &state).await.unwrap_or_else(|_| View::stranger(&kept, &state)), &response)
        };
    }
    harden(&mut response, state.is_tls);
    response
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    v: View,
    status: u16,
    text: String,
    other: String,
    code: &'static str,
}

/// An error as a page, with the status and headers that it has anyway.
fn draw(error: &AppError, v: View, as_json: &Response) -> Response {
    let text = error.text();
    let (chinese, english) = (text.chinese.into_owned(), text.english.into_owned());
    let (text_here, other) = if v.is_chinese() { (chinese, english) } else { (english, chinese) };
    let page = ErrorPage { v, status: text.status.as_u16(), text: text_here, other, code: text.code };
    let mut response = html(text.status, &page);
    for (name, value) in as_json.headers() {
        if name != CONTENT_TYPE && name != axum::http::header::CONTENT_LENGTH {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
    response
}

/// A rendered page.
fn html(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => {
            let mut response = Response::new(Body::from(text));
            *response.status_mut() = status;
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be drawn");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Sends the browser on after a change, so that going back or reloading does not repeat it.
fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(path) = HeaderValue::try_from(path) {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}

/// A file to be saved.
fn download(name: &str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(axum::http::header::CONTENT_DISPOSITION, value);
    }
    response
}

/// Nothing from elsewhere, nothing inline, no frame around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn harden(response: &mut Response, is_tls: bool) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if is_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}
