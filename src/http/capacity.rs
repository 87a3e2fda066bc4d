//! What stands around every request: how many at a time, for how long, what a panic answers, what the log says.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::error::AppError;
use super::{AppState, Peer};
use crate::domain::excerpt::Excerpt;

/// How many requests are worked on at a time; more are answered 503 at once rather than piled up.
const MAX_CONCURRENT: usize = 512;

/// How long a request may take, its body's arrival included.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How many bodies of strangers are taken in at a time. They cost memory, and could be sent slowly on purpose.
const MAX_STRANGERS: usize = 16;

/// How many may listen to events at a time; each holds a connection.
const MAX_LISTENERS: usize = 256;

/// The places for requests, for the bodies of those who have not shown a credential, and for those who listen.
#[derive(Debug)]
pub(super) struct Capacity {
    requests: Semaphore,
    strangers: Semaphore,
    listeners: Arc<Semaphore>,
}

impl Capacity {
    /// A place for a request, for as long as it is held.
    pub(super) fn request(&self) -> Option<SemaphorePermit<'_>> {
        self.requests.try_acquire().ok()
    }

    /// A place for the body of somebody who has not shown a credential.
    pub(super) fn stranger(&self) -> Option<SemaphorePermit<'_>> {
        self.strangers.try_acquire().ok()
    }

    /// A place for somebody who listens, for as long as it is held.
    pub(super) fn listener(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.listeners).try_acquire_owned().ok()
    }
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            requests: Semaphore::new(MAX_CONCURRENT),
            strangers: Semaphore::new(MAX_STRANGERS),
            listeners: Arc::new(Semaphore::new(MAX_LISTENERS)),
        }
    }
}

/// Works on a request if there is a place, and only so long.
pub(super) async fn bounded(state: &AppState, request: Request, next: Next) -> Response {
    let Some(_place) = state.capacity.request() else { return AppError::Overloaded.into_response() };
    // Polls are the many and change nothing: only what could matter is worth a line.
    let told = (request.method() != Method::GET).then(|| {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        (request.method().clone(), request.uri().path().to_owned(), peer)
    });
    let answer = tokio::time::timeout(TIME_LIMIT, next.run(request)).await;
    let response = answer.unwrap_or_else(|_| AppError::Timeout.into_response());
    if let Some((method, path, peer)) = told {
        let (method, path) = (Excerpt(method.as_str()), Excerpt(&path));
        tracing::info!(%method, %path, ?peer, status = response.status().as_u16(), "answered");
    }
    response
}

/// What a panic answers; the panic itself is in the log already.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    AppError::Internal.into_response()
}
