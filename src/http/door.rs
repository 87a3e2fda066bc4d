//! Before anything else is asked of a request: by whose hands it came, and whether it is meant for this server.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;

use axum::extract::{ConnectInfo, Request};
use axum::http::Extensions;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;

use super::error::AppError;
use super::{App, AppState, Peer};

/// A proxy that is believed was reached by HTTPS.
#[derive(Debug, Clone, Copy)]
struct HttpsAtProxy;

/// Whether the browser reaches the server, or the proxy before it, by HTTPS.
pub(super) fn is_https(state: &AppState, noted: &Extensions) -> bool {
    state.is_tls || noted.get::<HttpsAtProxy>().is_some()
}

/// Puts the client's address in the place of that of a proxy that is believed, so that limits, the history and the log
/// speak of the client; and notes how the client reached the proxy.
pub(super) fn note_client(state: &AppState, request: &mut Request) {
    let reach = state.gate.reach();
    if reach.proxies.is_empty() {
        return;
    }
    if let Some(peer) = request.extensions().get::<Peer>().map(|peer| peer.0) {
        let client = reach.client(peer.ip(), request.headers());
        if reach.is_https_at_proxy(peer.ip(), request.headers()) {
            request.extensions_mut().insert(HttpsAtProxy);
        }
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, peer.port())));
    }
}

/// Lets in what is meant for this server, and answers for a handler that panics.
pub(super) async fn admit(app: &App, request: Request) -> Response {
    if let Err(refused) = app.state.gate.reach().admit(request.uri(), request.headers()) {
        return AppError::from(refused).into_response();
    }
    caught(app.work(request)).await
}

/// Answers for work that panics; the panic itself is in the log already.
pub(super) async fn caught(work: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| AppError::Internal.into_response())
}
