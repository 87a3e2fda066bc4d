//! Server-sent events: each revision told to whoever listens, as soon as reads show it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::AppState;
use super::api::newest;
use super::error::{AppError, Invalid};
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::domain::book::Revision;
use crate::store::{Refusal, Stored};

/// After how long without an event a comment shows both ends that the other is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many missed revisions are read from the history at a time.
const CATCH_UP: i64 = 500;

/// `GET /api/v1/events`
pub(crate) async fn events(
    State(state): State<AppState>,
    _: Reader,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, AppError> {
    let place = state.capacity.listener().ok_or(AppError::Overloaded)?;
    let stored = state.store.subscribe();
    let (seen, behind) = match last_seen(&headers, query.as_deref())? {
        Some(revision) => (revision, true),
        None => (newest(&state.store), false),
    };
    let closing = state.closing.subscribe();
    let listener = Listener { stored, closing, seen, behind, greeted: false, state, _place: place };
    let body = stream::unfold(listener, |mut listener| async {
        let chunk = listener.next().await?;
        Some((chunk, listener))
    });
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response())
}

/// After which revision somebody wants to go on. A browser's first request cannot carry the header; its later ones
/// do, and know better than the address.
fn last_seen(headers: &HeaderMap, query: Option<&str>) -> Result<Option<Revision>, Invalid> {
    if let Some(id) = headers.get("last-event-id") {
        let id = id.to_str().ok().and_then(|text| text.parse().ok());
        return id.map(Some).ok_or(Invalid::Query("Last-Event-ID"));
    }
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let after = pairs.find(|(name, _)| name == "after");
    after.map(|(_, text)| text.parse().map_err(|_| Invalid::Query("after"))).transpose()
}

/// Somebody who listens.
struct Listener {
    state: AppState,
    stored: Receiver<Arc<[Stored]>>,
    closing: watch::Receiver<bool>,
    /// The newest revision that was told.
    seen: Revision,
    /// Whether there may be revisions that only the history knows of.
    behind: bool,
    greeted: bool,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// What to send next; None when there is nothing more to come.
    async fn next(&mut self) -> Option<Result<Bytes, Refusal>> {
        if !self.greeted {
            self.greeted = true;
            // At once, so that a browser knows that it is connected, and how soon to come back.
            return Some(Ok(Bytes::from_static(b"retry: 2000\n\n")));
        }
        loop {
            if self.behind {
                match self.state.store.stored_after(self.seen, CATCH_UP).await {
                    Ok(missed) if missed.is_empty() => self.behind = false,
                    Ok(missed) => return Some(Ok(self.tell(&missed))),
                    // The connection ends with an error, and the listener comes back with what it has seen.
                    Err(refusal) => return Some(Err(refusal)),
                }
            }
            let heard = tokio::select! {
                heard = tokio::time::timeout(KEEP_ALIVE, self.stored.recv()) => heard,
                _ = self.closing.wait_for(|closing| *closing) => return None,
            };
            match heard {
                Err(_) => return Some(Ok(Bytes::from_static(b":\n\n"))),
                Ok(Ok(batch)) if batch.last().is_some_and(|last| last.revision > self.seen) => {
                    return Some(Ok(self.tell(&batch)));
                }
                Ok(Ok(_)) => {}
                Ok(Err(RecvError::Lagged(_))) => self.behind = true,
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }

    /// Those revisions that were not told before, as events.
    fn tell(&mut self, stored: &[Stored]) -> Bytes {
        let mut text = String::new();
        for one in stored.iter().filter(|one| one.revision > self.seen) {
            let event = EventDto::new(one, &self.state.zone);
            // Neither serializing nor writing to memory can fail here.
            let data = serde_json::to_string(&event).unwrap_or_default();
            let _ = write!(text, "event: revision\nid: {}\ndata: {data}\n\n", one.revision);
        }
        self.seen = stored.last().map_or(self.seen, |last| last.revision);
        text.into()
    }
}

#[derive(Serialize)]
struct EventDto<'a> {
    revision: Revision,
    strategy_name: &'a str,
    updated_at: String,
}

impl<'a> EventDto<'a> {
    fn new(stored: &'a Stored, zone: &Zone) -> Self {
        Self { revision: stored.revision, strategy_name: stored.strategy.as_str(), updated_at: zone.rfc3339(stored.at) }
    }
}
