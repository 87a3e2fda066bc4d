//! Server-sent events: each revision told to whoever listens, as soon as reads show it.

use std::fmt;
use std::num::ParseIntError;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::header::HeaderMap;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::sleep_until;
use utoipa::IntoParams;

use super::document::Entry;
use super::error::{AppError, Invalid};
use super::extract::{Admitted, Query};
use super::places::Place;
use super::{AppState, Peer};
use crate::auth::rights::Reader;
use crate::clock::Zone;
use crate::domain::revision::Revision;
use crate::domain::strategy::StrategyName;
use crate::net::{Line, Lingering};
use crate::store::{Stored, Unavailable};

/// After how long without an event a comment shows both ends that the other is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many missed revisions are read from the history at a time.
const CATCH_UP: i64 = 500;

/// How soon a browser that lost the connection is to come back.
const COME_BACK: Duration = Duration::from_secs(2);

/// From where on somebody listens.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct EventsQuery {
    /// The id of the last event that was seen; a `Last-Event-ID` header knows better.
    #[param(value_type = Option<String>)]
    after: Vec<EventId>,
}

/// A place in the stream: a revision of a lineage, spelled `57`, or `57.2` once an older copy of the database was put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct EventId {
    revision: Revision,
    lineage: i64,
}

impl TryFrom<String> for EventId {
    type Error = ParseIntError;

    fn try_from(text: String) -> Result<Self, ParseIntError> {
        let (revision, lineage) = text.split_once('.').unwrap_or((&text, "1"));
        Ok(Self { revision: revision.parse()?, lineage: lineage.parse()? })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lineage {
            1 => self.revision.fmt(f),
            lineage => write!(f, "{}.{lineage}", self.revision),
        }
    }
}

/// What the document says of these.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::read("/api/v1/events", "A stream of events, one for each revision")
            .about(
                "Server-sent events: `revision` for each stored change, with its number as id, and `reset` where an older copy of \
                 the database was put back. A comment every 15 s says that the connection stands.",
            )
            .query::<EventsQuery>()
            .header("Last-Event-ID", "The id of the last event that was seen.")
            .answers_text("text/event-stream", "Events, until either side ends the connection."),
    ]
}

/// `GET /api/v1/events`
pub(crate) async fn events(
    State(state): State<AppState>,
    ConnectInfo(peer): Peer,
    _: Reader,
    Query(query): Query<EventsQuery>,
    asked: Parts,
) -> Result<Response, AppError> {
    let place = state.capacity.listeners.of(peer.ip()).ok_or(AppError::Overloaded)?;
    let (stored, closing) = (state.store.subscribe(), state.closing.subscribe());
    let (last_seen, newest) = (last_seen(&asked.headers, &query)?, state.store.book().revision());
    let lineage = state.store.lineage();
    // Revisions that are not there any more: an older database was put back, or they were folded. To wait for later ones could
    // take for ever, and what has their numbers now is something else.
    let is_astray =
        last_seen.is_some_and(|id| id.lineage != lineage || id.revision > newest || id.revision < state.store.folded());
    let reset = is_astray.then(|| reset(newest, lineage));
    let (seen, behind) = last_seen.filter(|_| !is_astray).map_or((newest, false), |id| (id.revision, true));
    let admitted = Admitted::of(&asked, &state).await?;
    let lingering = asked.extensions.get().and_then(Line::linger);
    let listener = Listener { state, stored, closing, seen, behind, admitted, _place: place, _lingering: lingering };
    let batches = stream::unfold(listener, async |mut listener| Some((listener.next().await?, listener)));
    // At once, so that a browser knows that it is connected, and how soon to come back.
    let greeting = std::iter::once(Event::default().retry(COME_BACK)).chain(reset).collect();
    let greeting = stream::iter([Ok(greeting)]);
    let events =
        greeting.chain(batches).map_ok(|batch| stream::iter(batch.into_iter().map(Ok::<_, Unavailable>))).try_flatten();
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// After which revision somebody wants to go on. A browser's first request cannot carry the header; its later ones
/// do, and know better than the address.
fn last_seen(headers: &HeaderMap, query: &EventsQuery) -> Result<Option<EventId>, Invalid> {
    let Some(id) = headers.get("last-event-id") else { return Ok(query.after.first().copied()) };
    let id = id.to_str().ok().and_then(|text| EventId::try_from(text.to_owned()).ok());
    id.map(Some).ok_or(Invalid::Query("Last-Event-ID".into()))
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
    admitted: Admitted,
    _place: Place,
    _lingering: Option<Lingering>,
}

impl Listener {
    /// What to send next; None when there is nothing more to come.
    async fn next(&mut self) -> Option<Result<Vec<Event>, Unavailable>> {
        loop {
            let heard = if self.behind { None } else { self.hear().await? };
            // Their key may have been revoked, or the password set anew.
            if self.admitted.renew(&self.state).await.is_err() {
                return None;
            }
            if let Some(batch) = heard {
                return Some(Ok(self.tell(&batch)));
            }
            if self.behind {
                match self.state.store.for_listeners().stored_after(self.seen, CATCH_UP).await {
                    Ok(missed) if missed.is_empty() => self.behind = false,
                    Ok(missed) => return Some(Ok(self.tell(&missed))),
                    // The connection ends with an error, and the listener comes back with what it has seen.
                    Err(unavailable) => return Some(Err(unavailable)),
                }
            }
        }
    }

    /// Waits for revisions: for a while, and `Some(None)` when there were none, or more than could be followed. None when
    /// the server is to stop.
    async fn hear(&mut self) -> Option<Option<Arc<[Stored]>>> {
        let heard = tokio::select! {
            heard = self.stored.recv() => heard,
            _ = self.closing.wait_for(|closing| *closing) => return None,
            () = sleep_until(self.admitted.at + KEEP_ALIVE) => return Some(None),
        };
        match heard {
            Ok(batch) => Some(Some(batch)),
            Err(RecvError::Lagged(_)) => {
                self.behind = true;
                Some(None)
            }
            Err(RecvError::Closed) => None,
        }
    }

    /// Those revisions that were not told before, as events.
    fn tell(&mut self, stored: &[Stored]) -> Vec<Event> {
        let new = stored.iter().filter(|one| one.revision > self.seen);
        let events = new.map(|one| event(one, &self.state.zone, self.state.store.lineage())).collect();
        self.seen = stored.last().map_or(self.seen, |last| last.revision.max(self.seen));
        events
    }
}

fn event(stored: &Stored, zone: &Zone, lineage: i64) -> Event {
    // Serializing cannot fail here; nor can an id or a line of JSON hold a line's end, which an event must not.
    let data = serde_json::to_string(&EventDto::new(stored, zone, lineage)).unwrap_or_default();
    Event::default().event("revision").id(EventId { revision: stored.revision, lineage }.to_string()).data(data)
}

/// What a listener knows of is not there any more; `newest` is.
fn reset(newest: Revision, lineage: i64) -> Event {
    let id = EventId { revision: newest, lineage };
    Event::default().event("reset").id(id.to_string()).data(format!(r#"{{"revision":{newest},"lineage":{lineage}}}"#))
}

#[derive(Serialize)]
struct EventDto<'a> {
    revision: Revision,
    /// Null where it is about no strategy.
    strategy_name: Option<&'a str>,
    /// What it is about: `strategy`, `account`, `guards`, …
    subject: &'static str,
    updated_at: String,
    lineage: i64,
}

impl<'a> EventDto<'a> {
    fn new(stored: &'a Stored, zone: &Zone, lineage: i64) -> Self {
        Self {
            revision: stored.revision,
            strategy_name: stored.subject.strategy().map(StrategyName::as_str),
            subject: stored.subject.kind(),
            updated_at: zone.rfc3339(stored.at),
            lineage,
        }
    }
}
