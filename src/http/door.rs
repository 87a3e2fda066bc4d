//! Before anything else is asked of a request: by whose hands it came, and whether it is meant for this server.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::AppError;
use super::{AppState, Peer};

/// Puts the client's address in the place of that of a proxy that is believed, so that limits, the history and the log
/// speak of the client.
pub(super) fn note_client(state: &AppState, request: &mut Request) {
    let reach = state.gate.reach();
    if reach.proxies.is_empty() {
        return;
    }
    if let Some(peer) = request.extensions().get::<Peer>().map(|peer| peer.0) {
        let client = reach.client(peer.ip(), request.headers());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, peer.port())));
    }
}

/// Answers what is meant for this server.
pub(super) async fn admit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match state.gate.reach().admit(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => AppError::from(refused).into_response(),
    }
}
