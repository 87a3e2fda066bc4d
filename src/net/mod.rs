//! Who is connected: HTTP/1.1 over TCP or TLS, with a bound on everything that a connection can hold on to.

mod client;
pub(crate) mod held;
mod pulse;
mod seats;
pub mod tls;
mod wire;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::client::client;
use self::held::Held;
use self::pulse::{Order, Sending};
pub(crate) use self::seats::{Line, Lingering};
use self::seats::{Seat, Seats};
use self::tls::Certificate;
use self::wire::Wire;

/// The largest head of a request: the longest path that HTTP libraries take, a token, and what else is usual.
const MAX_HEAD: usize = 128 << 10;

/// How often it is looked for connections whose time is over.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How long to wait when no connection can be taken, for want of files or memory.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// How much may hang together: connections in all, and those of one address (of an IPv6 address, its /64).
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections in all.
    pub all: usize,
    /// Connections of one address.
    pub each: usize,
    /// Connections besides, of whoever waits for something to happen; see [`Line::linger`].
    pub lingering: usize,
}

impl Bounds {
    /// What is not needed for connections: the database's files, the keys', what libraries open.
    const OTHER_FILES: u64 = 128;

    /// How many files the usual bounds take.
    pub fn usual_files() -> u64 {
        u64::try_from(Self::default().all).unwrap_or(u64::MAX).saturating_add(Self::OTHER_FILES)
    }

    /// As much as this process may have open, after raising that as far as it goes.
    pub fn of_this_process() -> Self {
        let files = raise_file_limit();
        let most = usize::try_from(files.saturating_sub(Self::OTHER_FILES)).unwrap_or(usize::MAX);
        let usual = Self::default();
        if most < usual.all {
            tracing::warn!(files, "few files may be open (ulimit -n), so fewer clients can be connected than usual");
        }
        // A poller and a push must find room in any case.
        let all = most.clamp(16, usual.all);
        let lingering = most.saturating_sub(all).min(usual.lingering);
        Self { all, each: usual.each.min(all / 2), lingering }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self { all: 2048, each: 512, lingering: 24_576 }
    }
}

/// Raises the soft limit of open files to the hard one, and says what holds now.
#[cfg(unix)]
fn raise_file_limit() -> u64 {
    const WANTED: u64 = 32_768;
    rlimit::increase_nofile_limit(WANTED).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files cannot be raised");
        256
    })
}

/// How many files a process that is started from here may have open; None without a limit.
#[cfg(unix)]
pub(crate) fn most_files() -> Option<u64> {
    rlimit::getrlimit(rlimit::Resource::NOFILE).ok().map(|(_, hard)| hard)
}

/// Windows has no such limit for sockets.
#[cfg(not(unix))]
pub(crate) const fn most_files() -> Option<u64> {
    None
}

/// Windows has no such limit for sockets.
#[cfg(not(unix))]
const fn raise_file_limit() -> u64 {
    u64::MAX
}

/// What answers requests.
pub trait Application: Send + Sync + 'static {
    /// Answers one.
    fn answer(&self, request: Request) -> impl Future<Output = Response> + Send;
}

/// What every connection shares.
#[derive(Debug)]
struct Shared<A> {
    app: A,
    certificate: Option<Certificate>,
    seats: Arc<Seats>,
}

/// Answers whoever connects, until `stop`: then requests in flight are finished, each for only so long as
/// [`Pulse::is_overdue`] gives it.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    bounds: Bounds,
    certificate: Option<Certificate>,
    app: impl Application,
    stop: CancellationToken,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let shared = Arc::new(Shared { app, certificate, seats: Seats::new(bounds) });
    let mut connections = JoinSet::new();
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            _ = ticks.tick() => shared.seats.sweep(),
            accepted = listener.accept() => welcome(&shared, &mut connections, accepted).await,
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    shared.seats.stop();
    while !connections.is_empty() {
        tokio::select! {
            _ = ticks.tick() => shared.seats.sweep(),
            _ = connections.join_next() => {}
        }
    }
    Ok(())
}

/// Gives who has just connected a seat, if there is one.
async fn welcome(
    shared: &Arc<Shared<impl Application>>,
    connections: &mut JoinSet<()>,
    accepted: std::io::Result<(TcpStream, SocketAddr)>,
) {
    match accepted {
        Ok((stream, peer)) => {
            if let Some(seat) = shared.seats.take(peer.ip()) {
                connections.spawn(attend(Arc::clone(shared), stream, peer, seat));
            }
        }
        Err(error) => {
            shared.seats.complain(&format!("no connection can be taken: {error}"));
            tokio::time::sleep(ACCEPT_AGAIN).await;
        }
    }
}

/// Attends to a connection until its end, or until its seat is taken away.
async fn attend(shared: Arc<Shared<impl Application>>, stream: TcpStream, peer: SocketAddr, seat: Seat) {
    // Answers are small and wanted at once.
    let _ = stream.set_nodelay(true);
    let wire = Wire::new(stream, Arc::clone(seat.pulse()));
    let talk = async {
        match &shared.certificate {
            None => converse(&shared, wire, peer, &seat).await,
            Some(certificate) => {
                if let Ok(wire) = certificate.accept(wire).await {
                    converse(&shared, wire, peer, &seat).await;
                }
            }
        }
    };
    tokio::select! {
        () = talk => {}
        () = seat.taken_away() => {}
    }
}

/// Answers the requests of a connection.
async fn converse(
    shared: &Shared<impl Application>,
    wire: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    seat: &Seat,
) {
    let service = service_fn(|request| answer(&shared.app, peer, seat, request));
    let mut builder = http1::Builder::new();
    // All times are the pulse's: a timer would be set and taken back with every request.
    builder.header_read_timeout(None).max_buf_size(MAX_HEAD);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(wire), service));
    tokio::select! {
        _ = connection.as_mut() => {}
        () = seat.pulse().told(Order::Finish) => {
            connection.as_mut().graceful_shutdown();
            // How it ended is the client's business.
            let _ = connection.await;
        }
    }
}

async fn answer(
    app: &impl Application,
    peer: SocketAddr,
    seat: &Seat,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    let pulse = seat.pulse();
    pulse.asked(request.method());
    let mut request: Request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(seat.line());
    let response = app.answer(request).await;
    pulse.answering();
    let sending = Sending(Arc::clone(pulse));
    Ok(response.map(|body| Held::until_sent(body, sending)))
}
