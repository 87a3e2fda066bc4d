//! The pages: server-rendered, whole without JavaScript, in two languages.

mod account;
mod account_form;
mod account_report;
mod account_settings;
mod accounts;
mod adjustment;
mod assets;
mod axis;
mod calendar;
mod changes;
mod channels;
mod chart;
mod compare;
mod confirm;
mod conflicts;
mod daily;
mod doctor;
mod effect;
mod error;
mod form;
mod format;
mod guard_entry;
mod guards;
mod history;
mod holds;
mod incidents;
mod initials;
mod instrument;
mod interface;
mod keys;
mod known;
mod links;
mod lists;
mod login;
mod overlay_merge;
mod overlay_row;
mod overview;
mod paging;
mod password;
mod performance;
mod push_calendar;
mod resume;
mod revision;
mod search;
mod settled;
mod sheet;
mod shown;
mod sort;
mod state;
mod strategy;
mod target_rows;
mod texts;
mod undo;
mod upkeep;
mod view;
mod words;

use askama::Template;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, LOCATION};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use axum::middleware::map_request;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

pub(super) use self::error::draw_error;
use super::rooms::{Room, Routes};

/// Every page.
pub(super) fn routes() -> Routes {
    let pages = Routes::of(Room::Pages)
        .route("/", get(overview::page))
        .route("/adjustment", get(adjustment::page))
        .route("/password", get(password::page))
        .route("/keys", get(keys::page))
        // Where a form's answer was, a reload or a language switch asks again.
        .route("/keys/create", get(async || see_other("/keys")))
        .route("/keys/revoke", get(keys::ask_revoke))
        .route("/accounts", get(accounts::page))
        .route("/api", get(interface::page))
        .route("/account", get(accounts::create))
        .route("/pause", get(async || see_other("/accounts")))
        .route("/accounts/{name}", get(account::page))
        .route("/accounts/{name}/settings", get(account_settings::page))
        .route("/accounts/{name}/delete", get(account::ask_delete))
        .route("/accounts/{name}/pause", get(account::to_page))
        .route("/accounts/{name}/release", get(account::to_page))
        .route("/accounts/{name}/unlock", get(account::to_page))
        .route("/calendar", get(calendar::page))
        .route("/channels", get(channels::page))
        .route("/channels/test", get(async || see_other("/channels")))
        .route("/channels/delete", get(channels::ask_delete))
        .route("/conflicts", get(conflicts::page))
        .route("/doctor", get(doctor::page))
        .route("/holds", get(holds::page))
        .route("/holds/approve", get(async || see_other("/holds")))
        .route("/incidents", get(incidents::page))
        .route("/incidents/acknowledge", get(async || see_other("/incidents")))
        .route("/holds/discard", get(async || see_other("/holds")))
        .route("/strategies/{name}/settings", get(upkeep::page))
        .route("/strategies/{name}/schedule", get(upkeep::to_page))
        .route("/strategies/{name}/sequence", get(upkeep::to_page))
        .route("/login", get(login::page))
        .route("/logout", get(async || see_other("/")))
        .route("/search", get(search::page))
        .route("/language", get(view::switch_language))
        .route("/look", get(view::switch_look))
        .route("/static/{name}", get(assets::asset));
    let operators = Routes::of(Room::Operators)
        .route("/strategies/{name}/restore", get(confirm::ask_restore).post(confirm::restore))
        .route("/strategies/{name}/undo", get(confirm::ask_undo))
        .route("/strategies/{name}/delete", get(confirm::ask_delete).post(confirm::delete))
        .route("/strategies/{name}/state", get(state::ask).post(state::set))
        .route("/strategies/{name}/schedule", post(upkeep::set_schedule))
        .route("/strategies/{name}/sequence", post(upkeep::set_sequence))
        .route("/holds/approve", post(holds::approve))
        .route("/holds/discard", post(holds::discard))
        .route("/incidents/acknowledge", post(incidents::acknowledge))
        .route("/adjustment", post(adjustment::edit))
        .route("/calendar", post(calendar::edit))
        .route("/channels", post(channels::set))
        .route("/channels/test", post(channels::test))
        .route("/channels/delete", post(channels::delete))
        .route("/guards", post(guards::edit))
        .route("/pause", post(accounts::pause))
        .route("/accounts/{name}/settings", post(account_settings::edit))
        .route("/accounts/{name}/delete", post(account::delete))
        .route("/accounts/{name}/pause", post(account::pause))
        .route("/accounts/{name}/release", post(account::release))
        .route("/accounts/{name}/unlock", post(account::unlock))
        .route("/password", post(password::set))
        .route("/keys/create", post(keys::create))
        .route("/keys/revoke", post(keys::revoke))
        .route("/login", post(login::log_in))
        .route("/logout", post(login::log_out));
    let history = Routes::of(Room::History)
        .route("/strategies/{name}", get(strategy::page))
        .route("/history", get(history::page))
        .route("/revisions/{id}", get(revision::page))
        .route("/revisions/{id}/undo", get(undo::ask))
        .route("/compare", get(compare::page))
        .route("/reports", get(daily::newest))
        .route("/reports/{day}", get(daily::page))
        .route("/instruments/{code}", get(instrument::page))
        .route("/guards", get(guards::page));
    let exports = Routes::of(Room::Exports)
        .route("/strategies/{name}/positions.csv", get(strategy::csv))
        .route("/compare.csv", get(compare::csv))
        .route("/history.csv", get(history::csv));
    pages.merge(operators).merge(history).merge(exports).within(|pages| {
        pages
            .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_compressed))
            .layer(map_request(plain_for_foreign_pages))
    })
}

/// Whether an answer is gzip-ed for those who ask: pages and what belongs to them. Files for download go as they are made.
fn is_compressed(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    matches!(essence, "text/html" | "text/css" | "text/javascript" | "image/svg+xml")
}

/// Leaves a request without gzip that another site's page began. Such a page could ask for the same page again and again,
/// each time with another guess in the address, and somebody who watches the line would see by the length of the
/// compressed answers which guess stands in the page. (Form tokens are masked; positions are not.)
async fn plain_for_foreign_pages(mut request: Request) -> Request {
    let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    request
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
