//! `/password`: set another operator's password.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::AppState;
use super::super::cookies::SessionCookie;
use super::super::error::{AppError, Invalid};
use super::form::CheckedForm;
use super::html;
use super::view::{Member, View};
use crate::auth::password::NewPassword;

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    v: View,
    done: bool,
    current_fault: Option<String>,
    new_fault: Option<String>,
}

/// `GET /password`
pub(super) async fn page(Member(v): Member) -> Response {
    html(StatusCode::OK, &PasswordPage { v, done: false, current_fault: None, new_fault: None })
}

/// `POST /password`
pub(super) async fn set(
    State(state): State<AppState>,
    cookie: SessionCookie,
    form: CheckedForm,
) -> Result<Response, AppError> {
    let CheckedForm { v, operator, fields, .. } = form;
    let words = |error: &AppError| v.t.of_error(error.text());
    // The session alone is not enough: a browser may be left open.
    if let Err(refused) = state.gate.operator_again(fields.get("current"), &operator).await {
        let error = AppError::from(refused);
        let (status, fault) = (error.text().status, words(&error));
        return Ok(html(status, &PasswordPage { v, done: false, current_fault: Some(fault), new_fault: None }));
    }
    let fault = match NewPassword::parse(fields.get("new")) {
        Err(weak) => Some(words(&Invalid::WeakPassword(weak).into())),
        Ok(_) if fields.get("new") != fields.get("again") => Some(v.t.passwords_differ.to_owned()),
        Ok(password) => {
            state.desk.set_password(&operator, password).await?;
            None
        }
    };
    if fault.is_some() {
        let page = PasswordPage { v, done: false, current_fault: None, new_fault: fault };
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    // Every session has ended, this one too: here is a new one.
    let secret = state.gate.open_session().await?;
    let v = v.member(&state.gate.known(&secret));
    let page = PasswordPage { v, done: true, current_fault: None, new_fault: None };
    Ok((cookie.begin(&secret), html(StatusCode::OK, &page)).into_response())
}
