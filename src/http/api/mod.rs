//! The JSON endpoints: a file for each noun.

pub(super) mod auth;
pub(super) mod health;
pub(super) mod password;
pub(super) mod positions;
mod push_body;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::AppError;

/// A 200 with a JSON body.
fn json(answer: &impl Serialize) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            (headers, Body::from(body)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be serialized");
            AppError::Internal.into_response()
        }
    }
}
