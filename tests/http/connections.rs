//! Connections over real sockets, with time that passes whenever nothing else happens.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use futures::stream;
use jq2qmt::net::{Application, Bounds, serve};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::app::{ALICE, App, TOTAL, held};

const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// What takes longer than this, on a clock that leaps, takes for ever.
const LONG: Duration = Duration::from_hours(1);

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

/// Routes without anything around them.
struct Routed(Router);

impl Application for Routed {
    async fn answer(&self, request: Request) -> Response {
        self.0.clone().oneshot(request).await.unwrap()
    }
}

fn serving_app(bounds: Bounds, app: impl Application) -> Server {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let serving = tokio::spawn(serve(listener, bounds, None, app, stop.clone()));
    Server { address, stop, serving }
}

/// A server of its own; from here on nobody waits in earnest.
fn serving(bounds: Bounds) -> Server {
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 16_384])));
    let app = Router::new()
        .route("/healthz", get(async || "ok").post(async |body: Bytes| body))
        .route("/never", get(std::future::pending::<()>).post(std::future::pending::<()>))
        .route("/endless", get(async || Body::from_stream(endless)));
    let server = serving_app(bounds, Routed(app));
    tokio::time::pause();
    server
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection that has sent something.
    async fn with(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        stream
    }
}

async fn is_answered(stream: &mut TcpStream) -> bool {
    stream.write_all(ASK).await.is_ok() && hears(stream).await
}

async fn hears(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 1024];
    matches!(stream.read(&mut answer).await, Ok(length) if answer[..length].starts_with(b"HTTP/1.1 200 OK"))
}

/// After how many seconds the server has closed a connection from which nothing is read.
async fn closed_after(mut stream: TcpStream) -> u64 {
    let begun = Instant::now();
    let mut byte = [0];
    match stream.read(&mut byte).await {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
    begun.elapsed().as_secs()
}

#[tokio::test]
async fn who_says_nothing_or_half_a_head_leaves_after_ten_seconds() {
    let server = serving(Bounds::default());
    assert_eq!(closed_after(server.connect().await).await, 10);
    assert_eq!(closed_after(server.with(&ASK[..20]).await).await, 10);
    // Another protocol is not waited for.
    let mut http2 = server.with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let mut answer = String::new();
    let _ = timeout(LONG, http2.read_to_string(&mut answer)).await.expect("it ends");
    assert!(answer.starts_with("HTTP/1.1 4") || answer.is_empty(), "{answer}");
    // Nor is the second head, however slowly it comes.
    let mut slow = server.connect().await;
    assert!(is_answered(&mut slow).await);
    tokio::time::sleep(Duration::from_secs(30)).await;
    for byte in ASK[..8].chunks(1) {
        slow.write_all(byte).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(closed_after(slow).await <= 3);
}

#[tokio::test]
async fn a_poller_finds_its_connection_again() {
    let server = serving(Bounds::default());
    let mut poller = server.connect().await;
    for pause in [10, 30, 70, 74] {
        assert!(is_answered(&mut poller).await, "{pause}");
        tokio::time::sleep(Duration::from_secs(pause)).await;
    }
    assert!(is_answered(&mut poller).await);
    assert!((75..=76).contains(&closed_after(poller).await));
}

#[tokio::test]
async fn who_does_not_read_is_not_written_to_for_ever() {
    let server = serving(Bounds::default());
    let mut deaf = server.with(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut byte = [0];
    deaf.read_exact(&mut byte).await.unwrap();
    // Who reads, however slowly, is written to.
    let mut some = vec![0; 16 << 20];
    for _ in 0..5 {
        deaf.read_exact(&mut some).await.unwrap();
        tokio::time::sleep(Duration::from_secs(8)).await;
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    // What is on its way still comes, less than sockets hold, and then the end.
    let most = 256 << 20;
    let rest = async { copy(&mut deaf.take(most), &mut sink()).await };
    let rest = timeout(LONG, rest).await.expect("the end comes");
    assert!(rest.is_err() || rest.is_ok_and(|rest| rest < most), "it is still written to");
}

#[tokio::test]
async fn newcomers_get_the_seats_of_the_silent() {
    let server = serving(Bounds { all: 8, each: 4, lingering: 0 });
    let mut poller = server.connect().await;
    assert!(is_answered(&mut poller).await);
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(server.connect().await);
        assert!(is_answered(&mut server.connect().await).await);
    }
    // Whoever said something once stays while there are others.
    assert!(is_answered(&mut poller).await);
    drop(silent);
    // Those who wait for an answer keep theirs.
    let mut busy = Vec::new();
    for _ in 0..4 {
        busy.push(server.with(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n").await);
        // Until nothing happens any more: it was heard.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(closed_after(server.connect().await).await, 0);
    busy.pop();
    while !is_answered(&mut server.connect().await).await {}
}

#[tokio::test]
async fn who_waits_or_listens_takes_nobody_s_seat() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([])).await.ok();
    let tag = app.get(TOTAL).await.header("etag").to_owned();
    let server = serving_app(Bounds { all: 8, each: 4, lingering: 40 }, app.application());
    let wait = format!("GET {TOTAL}?wait=60 HTTP/1.1\r\nHost: 127.0.0.1\r\nIf-None-Match: {tag}\r\n\r\n");
    let listen = "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_owned();
    let ask = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let mut crowd = Vec::new();
    for request in [wait, listen] {
        for _ in 0..20 {
            crowd.push(server.with(request.as_bytes()).await);
            assert!(hears(&mut server.with(ask).await).await, "by then the others were heard");
        }
    }
    app.push(&ALICE, "alpha", json!([held("X", 1, 1.0)])).await.ok();
    for one in &mut crowd {
        assert!(hears(one).await, "nobody had to leave");
    }
    // Answered, those that waited sit again, more of them than there are seats for.
    assert!(hears(&mut server.with(ask).await).await);
    app.state.close();
    server.stop.cancel();
    server.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_waits_for_changes_and_five_seconds_for_others() {
    for (ask, seconds) in [("GET /never", 5), ("POST /never", 30), ("GET /endless", 5)] {
        let server = serving(Bounds::default());
        let idle = server.connect().await;
        let mut asking =
            server.with(format!("{ask} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        let mut polite = server.with(b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\no").await;
        assert!(is_answered(&mut server.connect().await).await, "by then the others were heard");
        server.stop.cancel();
        let begun = Instant::now();
        polite.write_all(b"k").await.unwrap();
        assert!(hears(&mut polite).await, "{ask}");
        server.serving.await.unwrap().unwrap();
        assert!((seconds..=seconds + 1).contains(&begun.elapsed().as_secs()), "{ask}: {:?}", begun.elapsed());
        let _ = asking.read(&mut [0]).await;
        drop(idle);
        tokio::time::resume();
    }
}
