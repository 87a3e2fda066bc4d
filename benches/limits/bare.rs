//! The limits: axum with the least that the work can be done with.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPssSaltLength};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, stream};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

/// Existing clients sign with the longest salt there is.
static PSS: RsaParameters = RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);

async fn serve(app: Router) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// `GET /bytes` answers the file's bytes, `GET /304` an empty 304.
#[tokio::main]
pub(crate) async fn bytes(file: &Path) -> anyhow::Result<()> {
    let body = Bytes::from(std::fs::read(file)?);
    let app = Router::new()
        .route("/bytes", get(async move || ([(CONTENT_TYPE, "application/json")], body.clone())))
        .route("/304", get(async || StatusCode::NOT_MODIFIED));
    serve(app).await
}

/// Those who wait for a change of what `GET /total` answers, or listen to changes at `GET /events`.
struct Crowd {
    body: Bytes,
    changes: watch::Sender<u64>,
}

/// Answers a file's bytes, with `wait` once something was changed by `POST /change`.
#[tokio::main]
pub(crate) async fn crowd(file: &Path) -> anyhow::Result<()> {
    let crowd = Arc::new(Crowd { body: std::fs::read(file)?.into(), changes: watch::Sender::new(0) });
    let routes = Router::new().route("/total", get(total)).route("/events", get(events)).route("/change", post(change));
    serve(routes.with_state(crowd)).await
}

async fn total(State(crowd): State<Arc<Crowd>>, headers: HeaderMap) -> impl IntoResponse {
    let mut changes = crowd.changes.subscribe();
    let tag = |change: u64| format!("\"{change}\"");
    let known = tag(*changes.borrow_and_update());
    if headers.get(IF_NONE_MATCH).is_some_and(|value| value == known.as_str()) {
        // The sender lives as long as the crowd.
        let _ = changes.changed().await;
    }
    let now = tag(*changes.borrow());
    ([(ETAG, now), (CONTENT_TYPE, "application/json".to_owned())], crowd.body.clone())
}

async fn events(State(crowd): State<Arc<Crowd>>) -> Body {
    let mut changes = crowd.changes.subscribe();
    let told = async move {
        let _ = changes.changed().await;
        format!("event: revision\nid: {}\ndata: {{}}\n\n", *changes.borrow())
    };
    let opening = stream::once(async { "retry: 2000\n\n".to_owned() });
    // It goes on, as the server's does.
    let events = opening.chain(stream::once(told)).chain(stream::pending());
    Body::from_stream(events.map(Ok::<_, Infallible>))
}

async fn change(State(crowd): State<Arc<Crowd>>) -> String {
    let mut revision = 0;
    crowd.changes.send_modify(|change| {
        *change += 1;
        revision = *change;
    });
    format!("{{\"changed\":true,\"revision\":{revision},\"message\":\"\"}}")
}

/// A push that waits for its commit: its body, and who is to be told.
type Waiting = (Bytes, oneshot::Sender<()>);

struct Pushes {
    key: ParsedPublicKey,
    queue: mpsc::Sender<Waiting>,
}

/// Answers 200 when the signature is good and the body is on disk: less than that would not be kept.
#[tokio::main]
pub(crate) async fn pushes(key: &Path, database: &Path) -> anyhow::Result<()> {
    let key = ParsedPublicKey::new(&PSS, std::fs::read(key)?).context("the key")?;
    // As the server sets it.
    let options = SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let mut connection = options.connect().await?;
    sqlx::query("CREATE TABLE pushes (body TEXT NOT NULL) STRICT").execute(&mut connection).await?;
    let (queue, waiting) = mpsc::channel(1024);
    let app = Router::new().route("/api/v1/positions/update", post(push)).with_state(Arc::new(Pushes { key, queue }));
    // Without the writer every push would wait for ever.
    tokio::select! {
        served = serve(app) => served,
        written = write(connection, waiting) => written,
    }
}

async fn push(State(pushes): State<Arc<Pushes>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_signed(&pushes.key, &headers) {
        return StatusCode::UNAUTHORIZED;
    }
    let (stored, answer) = oneshot::channel();
    if pushes.queue.send((body, stored)).await.is_err() || answer.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::OK
}

/// Whether the token is signed. Its JSON is cut, not parsed: what was signed stands in it as it was signed.
fn is_signed(key: &ParsedPublicKey, headers: &HeaderMap) -> bool {
    let verify = || {
        let token = STANDARD.decode(headers.get("x-auth-token")?).ok()?;
        let token = std::str::from_utf8(&token).ok()?.strip_prefix("{\"auth_data\": ")?.strip_suffix("\"}")?;
        let (message, signature) = token.split_once(", \"signature\": \"")?;
        key.verify_sig(message.as_bytes(), &STANDARD.decode(signature).ok()?).ok()
    };
    verify().is_some()
}

/// The one writer: a commit for all that wait.
async fn write(mut connection: SqliteConnection, mut waiting: mpsc::Receiver<Waiting>) -> anyhow::Result<()> {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, 256).await > 0 {
        let bodies: Vec<&[u8]> = batch.iter().map(|(body, _)| &**body).collect();
        // Each is JSON, and so is a list of them.
        let list = ["[", std::str::from_utf8(&bodies.join(&b','))?, "]"].concat();
        // One statement is one transaction, and one trip to the thread that SQLite works on.
        sqlx::query("INSERT INTO pushes (body) SELECT value FROM json_each(?)")
            .bind(list)
            .execute(&mut connection)
            .await?;
        for (_, stored) in batch.drain(..) {
            // Whoever has hung up is not told.
            let _ = stored.send(());
        }
    }
    Ok(())
}
