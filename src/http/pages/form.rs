//! Forms that were sent: readable only with a session, and only if a page of that session made them.

use std::net::IpAddr;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};

use super::super::AppState;
use super::super::cookies::SessionCookie;
use super::super::error::AppError;
use super::super::extract::{body_of_form, body_of_login, peer_address, source};
use super::view::View;
use crate::auth::Denied;
use crate::auth::reach::Source;
use crate::auth::rights::{LoggedIn, Operator};

/// The name of the field that shows where a form comes from.
const TOKEN_FIELD: &str = "form_token";

/// What is never written into a page: it has to be typed again.
const SECRET_FIELDS: [&str; 2] = ["url", "secret"];

/// The fields of a form, in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn parse(body: &[u8]) -> Self {
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
        self.0.retain(|(name, _)| name != TOKEN_FIELD && !SECRET_FIELDS.contains(&name.as_str()));
        self.0
    }
}

/// A form that came after its session had ended. It may be kept, so that the login can show it again.
#[derive(Debug, Clone)]
pub(super) struct SessionEnded {
    /// Where it was sent to.
    pub(super) path: String,
    /// Whether a page of ours sent it, for all that is known.
    pub(super) source: Source,
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
        let source = source(&parts, state)?;
        let address = peer_address(&parts)?;
        let session = state.gate.session(SessionCookie::of(&parts, state).value()).await?;
        let fields = Fields::parse(&body_of_form(&parts, body, state, session.is_some()).await?);
        let Some(session) = session else {
            let path = parts.uri.path().to_owned();
            return Err(FormError::SessionEnded(SessionEnded { path, source, fields: fields.without_token() }));
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
    /// Whether a page of ours sent it, for all that is known.
    pub(super) source: Source,
    pub(super) fields: Fields,
}

impl FromRequest<AppState> for OpenForm {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, AppError> {
        let (parts, body) = request.into_parts();
        let source = source(&parts, state)?;
        let address = peer_address(&parts)?;
        let body = body_of_login(&parts, body, state).await?;
        Ok(Self { v: View::of(&parts, state).await?, address, source, fields: Fields::parse(&body) })
    }
}
