//! Inputs that nobody would write: what stands in `corpus/`, changed at random in ways that parsers trip over. Whatever comes,
//! the server answers what was wrong with it, never a 500; what it refuses has changed nothing; what it takes can be read back,
//! and the history stays whole.
//!
//! `make fuzz` runs many more. An input that was found stands in the corpus from then on.

use std::path::Path;
use std::time::Duration;

use jq2qmt::auth::keyring;
use jq2qmt::domain::code::Code;
use jq2qmt::store::verify::{Verdict, verify};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::app::{ALICE, Answer, App, PASSWORD, UPDATE, add_bound_key, held};

/// What parsers trip over.
const TOKENS: [&[u8]; 34] = [
    b"null",
    b"true",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\ud800",
    b"\\u0000",
    b"0",
    b"-",
    b"-0",
    b"1e999",
    b"1e-400",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"1000000000000",
    b"0.0000000000000000000000001",
    b"NaN",
    b"\"\"",
    b"[]",
    b"{}",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\x00",
    b"%00",
    b"%zz",
    b"&",
    b"\"code\":",
    "\u{202e}".as_bytes(),
    b"2026-02-30T25:61:61+99:99",
];

/// A change of a text, at places that are parts of its length.
#[derive(Debug, Clone)]
enum Mutation {
    Flip(Index, u8),
    Delete(Index, usize),
    Insert(Index, usize),
    Repeat(Index, usize, usize),
    /// A piece of another text.
    Graft(Index, Index, usize),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let place = any::<Index>;
    let one = prop_oneof![
        1 => (place(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        1 => (place(), 1..30_usize).prop_map(|(at, length)| Mutation::Delete(at, length)),
        4 => (place(), 0..TOKENS.len()).prop_map(|(at, token)| Mutation::Insert(at, token)),
        1 => (place(), 1..60_usize, 2..200_usize).prop_map(|(at, length, times)| Mutation::Repeat(at, length, times)),
        1 => (place(), place(), 1..60_usize).prop_map(|(at, from, length)| Mutation::Graft(at, from, length)),
    ];
    prop::collection::vec(one, 0..5)
}

fn piece(text: &[u8], from: usize, length: usize) -> Vec<u8> {
    text[from.min(text.len())..(from + length).min(text.len())].to_vec()
}

fn changed(seed: &[u8], other: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut text = seed.to_vec();
    for mutation in mutations {
        let place = |index: &Index| index.index(text.len() + 1);
        match mutation {
            Mutation::Flip(at, bit) => {
                let at = place(at);
                if let Some(byte) = text.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Mutation::Delete(at, length) => {
                let at = place(at);
                text.drain(at..(at + length).min(text.len()));
            }
            Mutation::Insert(at, token) => {
                let at = place(at);
                // Also in the place of what stands there, so that what is around it stays as it should be.
                let end = (at + token % 3).min(text.len());
                text.splice(at..end, TOKENS[*token].iter().copied());
            }
            Mutation::Repeat(at, length, times) => {
                let at = place(at);
                let again = piece(&text, at, *length).repeat(*times);
                text.splice(at..at, again);
            }
            Mutation::Graft(at, from, length) => {
                let (at, graft) = (place(at), piece(other, from.index(other.len() + 1), *length));
                text.splice(at..at, graft);
            }
        }
    }
    text
}

/// The texts of the corpus for something.
fn corpus(of: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/corpus").join(of);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Texts of the corpus for something, some of them as they are.
fn texts(of: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds = corpus(of);
    assert!(!seeds.is_empty(), "{of} has no corpus");
    (any::<Index>(), any::<Index>(), mutations()).prop_map(move |(one, other, mutations)| {
        let [one, other] = [one, other].map(|index| &*seeds[index.index(seeds.len())]);
        changed(one, other, &mutations)
    })
}

/// A server with two strategies, an account and its terminal's key.
struct Fuzzed {
    app: App,
    key: String,
    runtime: tokio::runtime::Runtime,
}

impl Fuzzed {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (app, key) = runtime.block_on(async {
            let app = App::start().await;
            for strategy in ["alpha", "beta"] {
                app.push(&ALICE, strategy, json!([held("000001.SZ", 1000, 10.0)])).await.ok();
            }
            let account = r#"{"strategies": [{"name": "alpha"}, {"name": "beta"}]}"#;
            app.operate("PUT", "/api/v1/accounts/main", &[], account).await.ok();
            let key = add_bound_key(&app, "qmt", "main").await;
            (app, key)
        });
        Self { app, key, runtime }
    }

    /// Sends a corpus as it is and what comes of it, and looks at the history then.
    fn hold(self, of: &str, send: &impl AsyncFn(&Self, &[u8]) -> Answer) {
        self.takes(of, send);
        self.run(of, send);
        self.check();
    }

    /// What the corpus begins with is taken: what follows is about texts that are nearly right.
    fn takes(&self, of: &str, send: &impl AsyncFn(&Self, &[u8]) -> Answer) {
        for body in corpus(of) {
            let answer = self.runtime.block_on(send(self, &body));
            assert!(answer.status.is_success(), "{}: {}", String::from_utf8_lossy(&body), answer.status);
        }
    }

    /// Sends what comes of a corpus, and holds what every answer must hold.
    fn run(&self, of: &str, send: &impl AsyncFn(&Self, &[u8]) -> Answer) {
        // What fails is printed in its smallest form, to be put into the corpus; a file of seeds would say less.
        let config = Config { failure_persistence: None, ..Config::default() };
        let one = |text: Vec<u8>| {
            let before = self.app.store.book().revision();
            let answer = self.runtime.block_on(send(self, &text));
            let shown = String::from_utf8_lossy(&text);
            prop_assert!(answer.status.as_u16() < 500, "{} {shown}", answer.status);
            if !answer.status.is_success() {
                let told: Result<Value, _> = serde_json::from_slice(&answer.bytes);
                prop_assert!(told.is_ok_and(|told| told["error"].is_string() || told["code"].is_string()), "{shown}");
                prop_assert_eq!(
                    self.app.store.book().revision(),
                    before,
                    "it was refused and changed something: {}",
                    shown
                );
            }
            Ok(())
        };
        TestRunner::new(config).run(&texts(of), one).unwrap_or_else(|error| panic!("{of}: {error}"));
    }

    /// Whatever was taken can be read, and the history is whole.
    fn check(self) {
        self.runtime.block_on(async {
            self.app.operate("POST", "/api/v1/pause", &[], r#"{"account": null, "paused": false}"#).await.ok();
            for path in ["/api/v1/positions/total", "/api/v1/strategies", "/api/v1/accounts", "/", "/history"] {
                assert_eq!(self.app.get(path).await.status, 200, "{path}");
            }
            let path = self.app.database();
            assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { .. }));
        });
    }
}

/// Bodies of one kind, each by whoever may send it.
fn bodies(of: &str, method: &'static str, path: &'static str) {
    let fuzzed = Fuzzed::start();
    let send = async |fuzzed: &Fuzzed, body: &[u8]| {
        let request = axum::http::Request::builder().method(method).uri(path);
        let request = request.header("content-type", "application/json");
        let request = match path {
            "/api/v1/accounts/main/report" => request.header("x-api-key", &fuzzed.key),
            _ => request.header("x-internal-password", PASSWORD),
        };
        fuzzed.app.send(request.body(body.to_vec().into()).unwrap()).await
    };
    fuzzed.hold(of, &send);
}

#[test]
fn pushes() {
    let fuzzed = Fuzzed::start();
    // Each is signed as it is: what the client's own code would never send is signed as well.
    let send = async |fuzzed: &Fuzzed, body: &[u8]| fuzzed.app.push_bytes(&ALICE, body).await;
    fuzzed.hold("push", &send);
}

#[test]
fn edits() {
    bodies("edit", "POST", "/api/v1/positions/update/internal");
}

#[test]
fn reports() {
    bodies("report", "POST", "/api/v1/accounts/main/report");
}

#[test]
fn accounts() {
    bodies("account", "PUT", "/api/v1/accounts/main");
}

#[test]
fn guards() {
    bodies("guards", "PUT", "/api/v1/guards");
}

#[test]
fn schedules() {
    bodies("schedule", "PUT", "/api/v1/strategies/alpha/schedule");
}

#[test]
fn calendars() {
    bodies("calendar", "PUT", "/api/v1/calendar");
}

#[test]
fn channels() {
    bodies("channel", "PUT", "/api/v1/channels/desk");
}

#[test]
fn states() {
    bodies("state", "POST", "/api/v1/strategies/alpha/state");
}

#[test]
fn pauses() {
    bodies("pause", "POST", "/api/v1/pause");
}

#[test]
fn tokens() {
    use base64::Engine as _;
    let fuzzed = Fuzzed::start();
    fuzzed.run("token", &async |fuzzed: &Fuzzed, token: &[u8]| {
        let token = base64::engine::general_purpose::STANDARD.encode(token);
        let answer =
            fuzzed.app.post(UPDATE, &[("x-auth-token", &token)], r#"{"strategy_name":"alpha","positions":[]}"#).await;
        assert!(!answer.status.is_success(), "nobody has signed it");
        answer
    });
    fuzzed.check();
}

#[test]
fn canonical_json() {
    let fuzzed = Fuzzed::start();
    // Each stands in what is signed, as it is: only one that is spelled as Python spells it can be what the server verifies.
    let send = async |fuzzed: &Fuzzed, text: &[u8]| {
        let (now, text) = (fuzzed.app.clock.now().as_micros() / 1_000_000, String::from_utf8_lossy(text));
        let auth_data = format!(r#"{{"client_id": "alice", "timestamp": {now}, "x": {text}}}"#);
        let token = ALICE.token_over(&auth_data, 32);
        let body = r#"{"strategy_name":"alpha","positions":[]}"#;
        let answer = fuzzed.app.post(UPDATE, &[("x-auth-token", &token)], body).await;
        let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        assert!(is_plain || !answer.status.is_success(), "{text}");
        answer
    };
    fuzzed.hold("canonical_json", &send);
}

#[test]
fn codes() {
    let fuzzed = Fuzzed::start();
    let send = async |fuzzed: &Fuzzed, code: &[u8]| {
        let code = String::from_utf8_lossy(code).into_owned();
        let answer = fuzzed.app.push(&ALICE, "alpha", json!([held(&code, 100, 10.0)])).await;
        if answer.status.is_success() {
            let sent = Code::parse(&code).unwrap().instrument();
            for notation in ["", "code_format=jq", "code_format=qmt"] {
                let total = fuzzed.app.get(&format!("/api/v1/positions/total?strategies=alpha&{notation}")).await.ok();
                let told = total["positions"][0]["code"].as_str().unwrap();
                assert_eq!(Code::parse(told).unwrap().instrument(), sent, "{code:?} is told as {told:?} {notation}");
            }
        }
        answer
    };
    fuzzed.hold("code", &send);
}

#[test]
fn clients() {
    let fuzzed = Fuzzed::start();
    let push = async |fuzzed: &Fuzzed, strategy: &str| {
        fuzzed.app.push(&ALICE, strategy, json!([held("000001.SZ", 1000, 10.0)])).await
    };
    let send = async |fuzzed: &Fuzzed, rules: &[u8]| {
        let before = [push(fuzzed, "alpha").await.status, push(fuzzed, "beta").await.status];
        std::fs::write(fuzzed.app.keys().join("clients.toml"), rules).unwrap();
        fuzzed.app.clock.advance(Duration::from_secs(1));
        let (alpha, beta) = (push(fuzzed, "alpha").await, push(fuzzed, "beta").await);
        assert!([&alpha, &beta].into_iter().all(|answer| [200, 403].contains(&answer.status.as_u16())), "{beta:?}");
        if !keyring::inspect(&fuzzed.app.keys()).unwrap().problems.is_empty() {
            assert_eq!([alpha.status, beta.status], before, "a mistake leaves the narrowing as it was");
        }
        alpha
    };
    fuzzed.hold("clients", &send);
}

#[test]
fn queries() {
    const PATHS: [&str; 8] = [
        "/api/v1/positions/total",
        "/api/v1/positions/strategy/alpha",
        "/api/v1/strategies/alpha/revisions",
        "/api/v1/strategies/alpha/diff",
        "/api/v1/accounts/main/attribution",
        "/api/v1/incidents",
        "/api/v1/calendar",
        "/api/v1/reports/daily",
    ];
    let fuzzed = Fuzzed::start();
    fuzzed.run("query", &async |fuzzed: &Fuzzed, query: &[u8]| {
        // What cannot stand in an address never reaches the server.
        let percent = |byte: &u8| match byte {
            b'&' | b'=' | b'%' | b',' | b'+' => char::from(*byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        let query: String = query.iter().take(4_000).map(percent).collect();
        // A change ends no wait here.
        let query = query.replace("wait=", "wait=0");
        let path = PATHS[query.len() % PATHS.len()];
        fuzzed.app.get(&format!("{path}?{query}")).await
    });
    fuzzed.check();
}
