//! Forms that were sent: readable only with a session, and only if a page of that session made them.

use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::super::AppState;
use super::super::error::AppError;
use super::super::extract::{body_of_form, peer_address};
use super::login;
use super::view::View;
use crate::auth::Refused;
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
    pub(super) fn without_token(&self) -> Vec<(String, String)> {
        self.0.iter().filter(|(name, _)| name != TOKEN_FIELD).cloned().collect()
    }
}

/// A form of the operator's: there is no other way to read one that changes something.
pub(super) struct CheckedForm {
    pub(super) v: View,
    pub(super) operator: Operator,
    pub(super) session: LoggedIn,
    pub(super) address: IpAddr,
    pub(super) fields: Fields,
}

impl FromRequest<AppState> for CheckedForm {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let refuse = |error: AppError| error.into_response();
        check_origin(&parts).map_err(refuse)?;
        let address = peer_address(&parts).map_err(refuse)?;
        let session = state.gate.session(&parts.headers).await.map_err(|error| refuse(error.into()))?;
        let body: Bytes = body_of_form(&parts, body, state, session.is_some()).await.map_err(refuse)?;
        let fields = Fields::parse(&body);
        let v = View::stranger(&parts, state);
        let Some(session) = session else {
            return Err(login::ask_to_go_on(v, parts.uri.path(), &fields));
        };
        let v = v.member(&session);
        let operator = session.over_form(fields.get(TOKEN_FIELD)).map_err(|error| refuse(error.into()))?;
        Ok(Self { v, operator, session, address, fields })
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
        Some(_) => Err(Refused::ForeignForm.into()),
    }
}
