//! Forms that were sent: readable only with a session, and only if a page of that session made them.

use std::net::IpAddr;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use super::super::AppState;
use super::super::cookies;
use super::super::error::AppError;
use super::super::extract::{body_of_form, peer_address};
use super::view::View;
use crate::auth::Denied;
use crate::auth::rights::{LoggedIn, Operator};

/// The name of the field that shows where a form comes from.
const TOKEN_FIELD: &str = "form_token";

/// The fields of a form, in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first value of a field; empty when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Every value of a field.
    pub(super) fn all<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What can be sent again under another session.
    fn without_token(mut self) -> Vec<(String, String)> {
        self.0.retain(|(name, _)| name != TOKEN_FIELD);
        self.0
    }
}

/// A form that came after its session had ended. It is kept, so that the login can offer it again.
#[derive(Debug, Clone)]
pub(super) struct SessionEnded {
    /// Where it was sent to.
    pub(super) path: String,
    /// What is in it.
    pub(super) fields: Vec<(String, String)>,
}

/// Why a form was not taken.
pub(super) enum FormError {
    Denied(AppError),
    SessionEnded(SessionEnded),
}

impl<E: Into<AppError>> From<E> for FormError {
    fn from(error: E) -> Self {
        Self::Denied(error.into())
    }
}

impl IntoResponse for FormError {
    fn into_response(self) -> Response {
        match self {
            Self::Denied(error) => error.into_response(),
            Self::SessionEnded(ended) => {
                let mut response = AppError::from(Denied::NotLoggedIn).into_response();
                // For who draws it as a page.
                response.extensions_mut().insert(ended);
                response
            }
        }
    }
}

/// A form of the operator's: there is no other way to read one that changes something.
pub(super) struct CheckedForm {
    pub(super) v: View,
    pub(super) operator: Operator,
    pub(super) session: LoggedIn,
    pub(super) fields: Fields,
}

impl FromRequest<AppState> for CheckedForm {
    type Rejection = FormError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, FormError> {
        let (parts, body) = request.into_parts();
        check_origin(&parts)?;
        let address = peer_address(&parts)?;
        let jar = CookieJar::from_headers(&parts.headers);
        let session = state.gate.session(cookies::session(&jar, state.is_tls)).await?;
        let fields = Fields::parse(&body_of_form(&parts, body, state, session.is_some()).await?);
        let Some(session) = session else {
            let path = parts.uri.path().to_owned();
            return Err(FormError::SessionEnded(SessionEnded { path, fields: fields.without_token() }));
        };
        let operator = session.over_form(fields.get(TOKEN_FIELD), address)?;
        let v = View::stranger(&parts, state).member(&session);
        Ok(Self { v, operator, session, fields })
    }
}

/// A form that changes nothing yet and needs no session: the login.
pub(super) struct OpenForm {
    pub(super) v: View,
    pub(super) address: IpAddr,
    pub(super) fields: Fields,
}

impl FromRequest<AppState> for OpenForm {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, AppError> {
        let (parts, body) = request.into_parts();
        check_origin(&parts)?;
        let address = peer_address(&parts)?;
        let body = body_of_form(&parts, body, state, false).await?;
        Ok(Self { v: View::of(&parts, state).await?, address, fields: Fields::parse(&body) })
    }
}

/// Refuses a form that another site's page sent, where the browser says so. Unlike `Origin`, this holds behind a proxy
/// that does not hand on the name under which it is reached.
fn check_origin(parts: &Parts) -> Result<(), AppError> {
    match parts.headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Denied::ForeignForm.into()),
    }
}
