//! The server under test, and the people who talk to it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use jq2qmt::auth::api_key::{KeyWish, Secret};
use jq2qmt::auth::password::NewPassword;
use jq2qmt::auth::reach::Reach;
use jq2qmt::auth::rights::{Gate, Reads};
use jq2qmt::auth::token::{Bound, sign};
use jq2qmt::clock::{Clock, Zone};
use jq2qmt::domain::account::AccountName;
use jq2qmt::domain::moment::Moment;
use jq2qmt::domain::strategy::Pattern;
use jq2qmt::http::{self, AppState};
use jq2qmt::lifecycle::Lifecycle;
use jq2qmt::net::Application as _;
use jq2qmt::store::api_keys::{NewApiKey, Scope};
use jq2qmt::store::{Beside, Store};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
use rsa::pss::SigningKey;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::task::JoinSet;

pub(crate) const UPDATE: &str = "/api/v1/positions/update";
pub(crate) const INTERNAL: &str = "/api/v1/positions/update/internal";
pub(crate) const TOTAL: &str = "/api/v1/positions/total";
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// 2026-01-05 14:50:00 in Shanghai, a Monday.
pub(crate) const START: Moment = Moment::from_micros(1_767_595_800_000_000);

/// Somebody with a key.
pub(crate) struct Client {
    pub(crate) id: &'static str,
    pub(crate) key: RsaPrivateKey,
}

fn client(id: &'static str) -> Client {
    Client { id, key: RsaPrivateKey::new(&mut rand::rng(), 2048).unwrap() }
}

/// Has a key of her own in the keys folder.
pub(crate) static ALICE: LazyLock<Client> = LazyLock::new(|| client("alice"));
/// Holds the default key: whoever has no key of his own.
pub(crate) static DEFAULT: LazyLock<Client> = LazyLock::new(|| client("somebody"));
/// Has a key that the server does not know.
pub(crate) static MALLORY: LazyLock<Client> = LazyLock::new(|| client("alice"));

impl Client {
    pub(crate) fn public_pem(&self) -> String {
        self.key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap()
    }

    /// A token over exactly this `auth_data`, which must be spelled canonically.
    pub(crate) fn token_over(&self, auth_data: &str, salt: usize) -> String {
        let signer = SigningKey::<Sha256>::new_with_salt_len(self.key.clone(), salt);
        let signature = signer.sign_with_rng(&mut rand::rng(), auth_data.as_bytes()).to_bytes();
        token_of(auth_data, &signature)
    }

    /// A token such as existing clients send: bound to nothing, with the longest salt.
    pub(crate) fn unbound_token(&self, signed_at: Moment) -> String {
        let seconds = signed_at.as_micros() / 1_000_000;
        self.token_over(&format!(r#"{{"client_id": "{}", "timestamp": {seconds}}}"#, self.id), 256 - 32 - 2)
    }
}

/// The header's value for a signature over some `auth_data`.
pub(crate) fn token_of(auth_data: &str, signature: &[u8]) -> String {
    STANDARD.encode(format!(r#"{{"auth_data": {auth_data}, "signature": "{}"}}"#, STANDARD.encode(signature)))
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {:?}", self.bytes))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body of a success.
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{:?}", self.bytes);
        self.json()
    }

    /// Status and code of an error, which must be whole.
    pub(crate) fn refusal(self) -> (u16, String) {
        let body = self.json();
        let has_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(has_chinese(body["error"].as_str().unwrap()), "{body}");
        assert!(!body["message"].as_str().unwrap().is_empty(), "{body}");
        (self.status.as_u16(), body["code"].as_str().unwrap().to_owned())
    }
}

/// The server, its folder and its clock.
pub(crate) struct App {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) state: AppState,
    /// Its tasks are those that a test gives it.
    pub(crate) lifecycle: Lifecycle,
    served: http::App,
    reads: Reads,
    reach: Reach,
    is_tls: bool,
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::start_with(Reads::Open).await
    }

    pub(crate) async fn start_with(reads: Reads) -> Self {
        Self::start_as(reads, false, Reach::default()).await
    }

    /// A server that is reached in a certain way.
    pub(crate) async fn start_reached(reach: Reach) -> Self {
        Self::start_as(Reads::Open, false, reach).await
    }

    /// A server that browsers reach by HTTPS.
    pub(crate) async fn start_with_tls() -> Self {
        Self::start_as(Reads::Open, true, Reach::default()).await
    }

    async fn start_as(reads: Reads, is_tls: bool, reach: Reach) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        jq2qmt::first_start::create_keys_dir(&keys).unwrap();
        std::fs::write(keys.join("alice.pem"), ALICE.public_pem()).unwrap();
        std::fs::write(keys.join("default.pem"), DEFAULT.public_pem()).unwrap();
        let clock = Clock::manual(START);
        let lifecycle = Lifecycle::new();
        let (store, state) = Self::open(dir.path(), reads, &reach, &clock, is_tls, &lifecycle).await;
        let hash = NewPassword::parse(PASSWORD).unwrap().hash().unwrap();
        store.set_password_hash(hash).await.unwrap();
        let served = http::App::new(state.clone());
        Self { dir, clock, store, state, lifecycle, served, reads, reach, is_tls }
    }

    async fn open(
        dir: &Path,
        reads: Reads,
        reach: &Reach,
        clock: &Clock,
        is_tls: bool,
        lifecycle: &Lifecycle,
    ) -> (Store, AppState) {
        let max_age = Duration::from_mins(5);
        let memory = max_age + Duration::from_mins(1);
        let (store, writer) = Store::open(&dir.join("jq2qmt.db"), clock.clone(), memory).await.unwrap();
        std::thread::spawn(|| writer.run());
        let gate = Gate::new(&dir.join("keys"), reads, max_age, clock.clone(), store.clone()).unwrap();
        let gate = gate.reached(reach.clone());
        let zone = Zone::named("Asia/Shanghai").unwrap();
        (store.clone(), AppState::new(store, gate, clock.clone(), zone, is_tls, lifecycle.health()))
    }

    /// Stops the server and starts it anew over the same folder.
    pub(crate) async fn restart(&mut self) {
        self.store.clone().close().await;
        (self.store, self.state) =
            Self::open(self.dir.path(), self.reads, &self.reach, &self.clock, self.is_tls, &self.lifecycle).await;
        self.served = http::App::new(self.state.clone());
    }

    /// Shows times in another zone.
    pub(crate) fn show_zone(&mut self, name: &str) {
        let (store, zone) = (self.store.clone(), Zone::named(name).unwrap());
        let max_age = Duration::from_mins(5);
        let gate = Gate::new(&self.keys(), self.reads, max_age, self.clock.clone(), store.clone()).unwrap();
        self.state = AppState::new(store, gate, self.clock.clone(), zone, self.is_tls, self.lifecycle.health());
        self.served = http::App::new(self.state.clone());
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("jq2qmt.db")
    }

    /// Lets the messenger carry what is due now, and waits until it is there.
    pub(crate) async fn carry(&self) {
        let mut journeys = JoinSet::new();
        self.state.messenger().carry_due(&mut journeys).await.unwrap();
        journeys.join_all().await;
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from([192, 0, 2, 7], request).await
    }

    /// A request from an address.
    pub(crate) async fn send_from(&self, address: [u8; 4], mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 40_000))));
        let is_head = request.method() == Method::HEAD;
        let response = self.served.answer(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        if let Some(length) = parts.headers.get(CONTENT_LENGTH).filter(|_| !is_head) {
            assert_eq!(length, bytes.len().to_string().as_str(), "what is announced is what is sent");
        }
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(body.into()).unwrap()).await
    }

    /// A push with a fresh token that is bound to it.
    pub(crate) async fn push_body(&self, client: &Client, body: &str) -> Answer {
        self.push_bytes(client, body.as_bytes()).await
    }

    /// The same of what may be no text.
    pub(crate) async fn push_bytes(&self, client: &Client, body: &[u8]) -> Answer {
        let bound = Bound { method: "POST", path: UPDATE, body };
        let token = sign(&client.key, client.id, self.clock.now(), bound).unwrap();
        self.post(UPDATE, &[("x-auth-token", &token)], body.to_vec()).await
    }

    pub(crate) async fn push(&self, client: &Client, strategy: &str, positions: Value) -> Answer {
        self.push_body(client, &json!({"strategy_name": strategy, "positions": positions}).to_string()).await
    }

    /// The operator's own push.
    pub(crate) async fn edit(&self, strategy: &str, positions: Value) -> Answer {
        let body = json!({"strategy_name": strategy, "positions": positions}).to_string();
        self.post(INTERNAL, &[("x-internal-password", PASSWORD)], body).await
    }

    /// A request by the operator, with or without a body.
    pub(crate) async fn operate(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header("x-internal-password", PASSWORD);
        let request = if body.is_empty() { request } else { request.header("content-type", "application/json") };
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// The application itself, for answers that do not end.
    pub(crate) fn application(&self) -> http::App {
        self.served.clone()
    }

    /// What the router itself knows: every path, with each method that it takes there. HEAD goes where GET does.
    pub(crate) async fn routes(&self) -> BTreeSet<(String, &'static str)> {
        let mut routes = BTreeSet::new();
        for path in self.served.paths() {
            let some = path.replace(['{', '}', '*'], "");
            let asked = self.send(Request::builder().method("BREW").uri(some).body(Body::empty()).unwrap()).await;
            assert_eq!(asked.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
            let methods = asked.header("allow").split(',').filter(|method| *method != "HEAD");
            routes.extend(methods.map(|method| (method.to_owned(), *path)));
        }
        routes
    }

    pub(crate) async fn total(&self, query: &str) -> Value {
        self.get(&format!("{TOTAL}{query}")).await.ok()
    }
}

/// Makes a key that is bound to an account, as the command line does.
pub(crate) async fn add_bound_key(app: &App, name: &str, account: &str) -> String {
    let secret = Secret::generate().unwrap();
    let wish = KeyWish::bound(name, AccountName::parse(account).unwrap()).unwrap();
    let database = Beside::open(&app.database()).await.unwrap();
    assert!(database.add_key(&wish.with(&secret), app.clock.now()).await.unwrap());
    secret.reveal().to_owned()
}

/// Makes a key as the command line does: beside the running server.
pub(crate) async fn add_key(app: &App, name: &str, scope: Scope, strategies: &[&str]) -> String {
    let secret = Secret::generate().unwrap();
    let strategies: Vec<Pattern> = strategies.iter().copied().map(Pattern::new).collect();
    let key = NewApiKey {
        name: name.to_owned(),
        scope,
        account: None,
        strategies,
        prefix: secret.prefix().to_owned(),
        digest: secret.digest(),
    };
    let database = Beside::open(&app.database()).await.unwrap();
    assert!(database.add_key(&key, app.clock.now()).await.unwrap());
    assert!(!database.add_key(&key, app.clock.now()).await.unwrap(), "the name is taken");
    secret.reveal().to_owned()
}

/// A holding as a terminal reports it.
pub(crate) fn holding(code: &str, volume: i64) -> Value {
    json!({"code": code, "volume": volume, "sellable": volume, "cost": "10", "price": "11.5"})
}

/// One position as it is pushed.
pub(crate) fn held(code: &str, volume: i64, cost: f64) -> Value {
    json!({"code": code, "volume": volume, "cost": cost})
}

/// The total's lines as (code, volume, average cost).
pub(crate) fn lines(total: &Value) -> Vec<(String, i64, f64)> {
    let line = |line: &Value| {
        (
            line["code"].as_str().unwrap().to_owned(),
            line["total_volume"].as_i64().unwrap(),
            line["avg_cost"].as_f64().unwrap(),
        )
    };
    total["positions"].as_array().unwrap().iter().map(line).collect()
}
