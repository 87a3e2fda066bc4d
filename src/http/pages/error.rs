//! Errors as people see them: a page, or the login.

use askama::Template;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::peer_address;
use super::super::rooms::Room;
use super::form::SessionEnded;
use super::view::View;
use super::{html, login};
use crate::auth::Denied;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    v: View,
    status: u16,
    text: String,
    other: String,
    code: &'static str,
    request: String,
}

/// An error as a page, or the way to the login where that is all that is missing.
pub(in crate::http) async fn draw_error(
    state: &AppState,
    asked: &Parts,
    error: &AppError,
    request: &str,
    mut as_json: Response,
) -> Response {
    if let Some(ended) = as_json.extensions_mut().remove::<SessionEnded>() {
        return login::ask_to_go_on(View::stranger(asked, state), ended);
    }
    if *error == AppError::Denied(Denied::NotLoggedIn) && asked.method == Method::GET {
        return login::redirect_to_login(&asked.uri);
    }
    let v = whose_view(state, asked, as_json.status()).await;
    draw(error, v, request, &as_json)
}

/// The view of who asked. It is not looked up for a fault of ours, which may be that nothing can be looked up, nor
/// beyond the number of requests that are worked on at a time: the request itself has given its place back.
async fn whose_view(state: &AppState, asked: &Parts, status: StatusCode) -> View {
    let stranger = View::stranger(asked, state);
    if status.is_server_error() {
        return stranger;
    }
    let Ok(address) = peer_address(asked) else { return stranger };
    let Some(_place) = state.capacity.place(Room::Pages, address) else { return stranger };
    View::of(asked, state).await.unwrap_or(stranger)
}

/// An error as a page, with the status and headers that it has anyway.
fn draw(error: &AppError, v: View, request: &str, as_json: &Response) -> Response {
    let text = error.text();
    let other = v.t.pick(text.english.clone(), text.chinese.clone()).into_owned();
    let (status, code, text) = (text.status, text.code, v.t.of_error(text));
    let page = ErrorPage { v, status: status.as_u16(), text, other, code, request: request.to_owned() };
    let mut response = html(status, &page);
    for (name, value) in as_json.headers() {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
    response
}
