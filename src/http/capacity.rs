//! What stands around every request: how many at a time, for how long, what a panic answers, what the log says.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::api::positions::UPDATE;
use super::error::AppError;
use super::places::{Place, Places};
use super::rooms::Room;
use super::{AppState, Peer};
use crate::domain::excerpt::Excerpt;
use crate::net::held::Held;

/// How long a request may take, its body's arrival included.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The places in every room, for bodies, and for those who listen.
#[derive(Debug)]
pub(super) struct Capacity {
    rooms: [Places; Room::ALL.len()],
    /// For the bodies of those who have shown a credential.
    pub(super) bodies: Places,
    /// For the bodies of those who have not. They cost memory, and could be sent slowly on purpose.
    pub(super) strangers: Places,
    /// For the login, so that it can be reached whoever else is there.
    pub(super) logins: Places,
    /// For answers to polls that are made for one asker, while they wait to be taken, and for all other answers: so many KiB.
    answers: [Places; 2],
    /// For those who listen to events; each holds a connection.
    pub(super) listeners: Places,
    /// For those who wait for something new, one for each KiB that they asked.
    pub(super) waiting: Places,
}

impl Capacity {
    /// A place in a room.
    pub(super) fn place(&self, room: Room, address: IpAddr) -> Option<Place> {
        self.rooms[room as usize].of(address)
    }
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            rooms: Room::ALL.map(Room::places),
            bodies: Places::new("the bodies of pushes", 256, 128),
            strangers: Places::new("the bodies of strangers", 32, 8),
            logins: Places::new("logins", 32, 4),
            answers: ["answers to polls that are not taken", "answers that are not taken"]
                .map(|what| Places::new(what, 128 << 10, 64 << 10)),
            // All of them may come through one proxy.
            listeners: Places::new("listeners to events", 12_288, 10_240),
            waiting: Places::new("those who wait", 12_288, 10_240),
        }
    }
}

/// Marks an answer that is kept for everybody: it costs nothing to send it once more.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptForAll;

/// Answers up to this many bytes are not weighed: what a push is answered never has to wait.
const LIGHT: u64 = 64 << 10;

impl Capacity {
    /// Weighs an answer, so that those who do not take theirs cannot fill the memory.
    fn weighed(&self, room: Room, response: Response, address: IpAddr) -> Response {
        let bytes = response.body().size_hint().lower();
        if bytes <= LIGHT || response.extensions().get::<KeptForAll>().is_some() {
            return response;
        }
        let answers = &self.answers[usize::from(room != Room::Polls)];
        match answers.weighing(usize::try_from(bytes >> 10).unwrap_or(usize::MAX), address) {
            Some(place) => response.map(|body| Held::until_sent(body, place)),
            None => AppError::Overloaded.into_response(),
        }
    }
}

/// What is left of a request that waits for something to happen. It is the whole answer of its handler; the request's
/// place is given back, and its time begins anew.
#[derive(Clone)]
pub(super) struct Later {
    longest: Duration,
    work: Arc<Mutex<Option<BoxFuture<'static, Response>>>>,
}

impl Later {
    /// Goes on with `work`, which may take so long without doing anything.
    pub(super) fn response<E: IntoResponse>(
        longest: Duration,
        work: impl Future<Output = Result<Response, E>> + Send + 'static,
    ) -> Response {
        let work = work.map(|outcome| outcome.unwrap_or_else(E::into_response)).boxed();
        let mut response = Response::default();
        response.extensions_mut().insert(Self { longest, work: Arc::new(Mutex::new(Some(work))) });
        response
    }

    async fn answer(self) -> Response {
        // Nobody else has it.
        let Some(work) = self.work.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return AppError::Internal.into_response();
        };
        within(self.longest + TIME_LIMIT, work).await
    }
}

async fn within(limit: Duration, work: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| AppError::Timeout.into_response())
}

/// Works on a request of a room if there is a place, and only so long.
pub(super) async fn bounded<F>(
    state: &AppState,
    room: Room,
    request: Request,
    work: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let Some(peer) = request.extensions().get::<Peer>().map(|peer| peer.0.ip()) else {
        return AppError::Internal.into_response();
    };
    let Some(place) = state.capacity.place(room, peer) else {
        if request.uri().path() == UPDATE {
            state.figures.pushed("", AppError::Overloaded.code());
        }
        return AppError::Overloaded.into_response();
    };
    // Polls are the many and change nothing: only what could matter is worth a line.
    let is_safe = request.method().is_safe();
    let told = (request.method() != Method::GET).then(|| (request.method().clone(), request.uri().path().to_owned()));
    let mut response = within(TIME_LIMIT, work(request)).await;
    if let Some(later) = response.extensions_mut().remove::<Later>() {
        drop(place);
        return state.capacity.weighed(room, later.answer().await, peer);
    }
    if let Some((method, path)) = told {
        let (method, path) = (Excerpt(method.as_str()), Excerpt(&path));
        tracing::info!(%method, %path, ?peer, status = response.status().as_u16(), "answered");
    }
    // What has been done is told in any case.
    let response = if is_safe { state.capacity.weighed(room, response, peer) } else { response };
    if room == Room::Exports { response.map(|body| Held::until_sent(body, place)) } else { response }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// As many places as there are, each for another address.
    fn all(place: impl Fn(IpAddr) -> Option<Place>) -> Vec<Place> {
        (0..1000).map_while(|address| place(Ipv4Addr::from_bits(address).into())).collect()
    }

    #[test]
    fn those_who_are_slow_to_say_who_they_are_leave_room_for_the_operator() {
        let capacity = Capacity::default();
        let (strangers, logins) = (all(|from| capacity.strangers.of(from)), all(|from| capacity.logins.of(from)));
        let operators = all(|from| capacity.place(Room::Operators, from));
        assert!(operators.len() > strangers.len() + logins.len());
    }
}
