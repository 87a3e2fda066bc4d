//! The description of the interface.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use utoipa::openapi::ObjectBuilder;

use super::super::AppState;
use super::super::document::{self, Entry};

/// What the document says of itself.
pub(super) fn entries() -> Vec<Entry> {
    let entry = Entry::for_anyone("/api/v1/openapi.json", "This description of the interface, in OpenAPI 3.1");
    vec![entry.answers_content("application/json", ObjectBuilder::new().into(), "The document.")]
}

/// `GET /api/v1/openapi.json`
pub(crate) async fn document(State(state): State<AppState>) -> Response {
    let mut response = Response::new(Body::from(document::bytes(state.gate.reads())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
