//! Signed tokens: good once, now, for one client, for one request.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jq2qmt::auth::token::{Bound, sign};
use serde_json::{Value, json};

use crate::app::{ALICE, Answer, App, DEFAULT, MALLORY, UPDATE, token_of};

const BODY: &str = r#"{"strategy_name":"alpha","positions":[]}"#;

async fn push(app: &App, token: &str) -> Answer {
    app.post(UPDATE, &[("x-auth-token", token)], BODY).await
}

fn seconds(app: &App) -> i64 {
    app.clock.now().as_micros() / 1_000_000
}

#[tokio::test]
async fn a_token_that_existing_clients_send_is_good_and_warned_about() {
    let app = App::start().await;
    let answer = push(&app, &ALICE.unbound_token(app.clock.now())).await.ok();
    assert_eq!(answer["client_id"], "alice");
    assert!(answer["warning"].as_str().unwrap().contains("body_sha256"));
}

#[tokio::test]
async fn two_lengths_of_salt_are_good() {
    let app = App::start().await;
    let data = format!(r#"{{"client_id": "alice", "timestamp": {}}}"#, seconds(&app));
    for salt in [32, 222] {
        push(&app, &ALICE.token_over(&data, salt)).await.ok();
    }
    for salt in [0, 20, 31, 33, 64, 221] {
        let refused = push(&app, &ALICE.token_over(&data, salt)).await.refusal();
        assert_eq!(refused, (401, "bad_signature".to_owned()), "{salt}");
    }
}

#[tokio::test]
async fn the_signature_covers_every_field_as_python_spells_it() {
    let app = App::start().await;
    let now = seconds(&app);
    let data = format!(
        r#"{{"alpha": 1e+22, "client_id": "alice", "neg": -0.0, "timestamp": {now}.25, "zeta": [1, {{"a": "\u00e9", "b": 1}}]}}"#
    );
    push(&app, &ALICE.token_over(&data, 222)).await.ok();
    // The same fields in another order and spacing are the same auth_data; a changed one is not.
    let token = ALICE.token_over(&data, 222);
    let text = String::from_utf8(STANDARD.decode(token).unwrap()).unwrap();
    let envelope: Value = serde_json::from_str(&text).unwrap();
    let signature = STANDARD.decode(envelope["signature"].as_str().unwrap()).unwrap();
    let shuffled = format!(
        "{{\"zeta\":[1,{{\"b\":1,\"a\":\"é\"}}],\n \"timestamp\":{now}.25,\"neg\":-0.0,\"client_id\":\"alice\",\"alpha\":1e+22}}"
    );
    push(&app, &token_of(&shuffled, &signature)).await.ok();
    for other in [shuffled.replace("1e+22", "1e22"), shuffled.replace("[1,", "[1.0,"), shuffled.replace("é", "e")] {
        assert_eq!(
            push(&app, &token_of(&other, &signature)).await.refusal(),
            (401, "bad_signature".to_owned()),
            "{other}"
        );
    }
}

#[tokio::test]
async fn a_token_is_good_for_five_minutes() {
    let app = App::start().await;
    let now = app.clock.now();
    let at = async |moment| push(&app, &ALICE.unbound_token(moment)).await;
    at(now.minus(Duration::from_mins(5))).await.ok();
    at(now.plus(Duration::from_mins(1))).await.ok();
    let expired = at(now.minus(Duration::from_secs(301))).await;
    assert_eq!(expired.json()["error"], "认证失败: 令牌已过期");
    assert_eq!(expired.refusal(), (401, "token_expired".to_owned()));
    assert_eq!(at(now.plus(Duration::from_secs(61))).await.refusal(), (401, "token_from_future".to_owned()));
    for (timestamp, code) in [("1e999", "token_from_future"), ("-1e999", "token_expired"), ("0", "token_expired")] {
        let data = format!(r#"{{"client_id": "alice", "timestamp": {timestamp}}}"#);
        assert_eq!(push(&app, &ALICE.token_over(&data, 32)).await.refusal(), (401, code.to_owned()), "{timestamp}");
    }
}

#[tokio::test]
async fn a_token_is_good_once_also_after_a_restart() {
    let mut app = App::start().await;
    let token = ALICE.unbound_token(app.clock.now());
    push(&app, &token).await.ok();
    let replayed = (401, "token_replayed".to_owned());
    assert_eq!(push(&app, &token).await.refusal(), replayed);
    // In another wrapping it is still the same signature.
    let text = STANDARD.decode(&token).unwrap();
    let wrapped = STANDARD.encode([b"  ", &text[..], b"\n"].concat());
    assert_eq!(push(&app, wrapped.trim_end_matches('=')).await.refusal(), replayed);
    app.restart().await;
    assert_eq!(push(&app, &token).await.refusal(), replayed);
    // Two at once: one of them.
    let token = ALICE.unbound_token(app.clock.now());
    let (one, two) = tokio::join!(push(&app, &token), push(&app, &token));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn what_is_forgotten_is_refused_even_when_tokens_live_longer_now() {
    let app = App::start().await;
    let token = ALICE.unbound_token(app.clock.now());
    push(&app, &token).await.ok();
    app.clock.advance(Duration::from_hours(1));
    // The sweep that comes with a later write forgets the token; a server with a longer memory must not take it.
    app.push(&ALICE, "beta", json!([])).await.ok();
    app.store.clone().close().await;
    let memory = Duration::from_hours(9);
    let (patient, writer) = jq2qmt::store::Store::open(&app.database(), app.clock.clone(), memory).await.unwrap();
    std::thread::spawn(|| writer.run());
    let day = Duration::from_hours(24);
    let reads = jq2qmt::auth::rights::Reads::Open;
    let gate = jq2qmt::auth::rights::Gate::new(&app.keys(), reads, day, app.clock.clone(), patient.clone()).unwrap();
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("x-auth-token", token.parse().unwrap());
    let sender =
        jq2qmt::auth::rights::Sender { headers: &headers, session: None, query: None, address: [192, 0, 2, 1].into() };
    let bound = Bound { method: "POST", path: UPDATE, body: BODY.as_bytes() };
    let name = jq2qmt::domain::strategy::StrategyName::parse("alpha").unwrap();
    let permit = gate.pusher(sender).await.unwrap().over(bound).unwrap().to(name.clone()).unwrap();
    let deed = jq2qmt::ledger::Deed::Replace(Vec::new());
    let change = jq2qmt::ledger::Change::new(name, deed, permit.actor, None);
    let change = jq2qmt::ledger::Change { token: permit.token, ..change };
    assert_eq!(patient.submit(change).await, Err(jq2qmt::ledger::Rejected::TokenForgotten.into()));
}

#[tokio::test]
async fn a_refused_push_stores_nothing_of_its_token() {
    let app = App::start().await;
    let token = ALICE.unbound_token(app.clock.now());
    assert_eq!(app.post(UPDATE, &[("x-auth-token", &token)], "{}").await.refusal().0, 400);
    push(&app, &token).await.ok();
}

#[tokio::test]
async fn a_bound_token_is_good_for_one_request() {
    let app = App::start().await;
    let token = |method, path, body: &str| {
        sign(&ALICE.key, "alice", app.clock.now(), Bound { method, path, body: body.as_bytes() }).unwrap()
    };
    for (token, field) in [
        (token("GET", UPDATE, BODY), "method"),
        (token("POST", "/api/v1/positions/update/internal", BODY), "path"),
        (token("POST", UPDATE, &BODY.replace("alpha", "beta")), "body_sha256"),
    ] {
        let answer = push(&app, &token).await;
        assert!(answer.json()["message"].as_str().unwrap().contains(field));
        assert_eq!(answer.refusal(), (401, "token_mismatch".to_owned()));
    }
    let query = format!("{UPDATE}?x=1");
    let with_query = app.post(&query, &[("x-auth-token", &token("POST", UPDATE, BODY))], BODY).await;
    assert_eq!(with_query.ok().get("warning"), None);
    // The hash may be spelled in capitals.
    let hash = hex::encode_upper(<sha2::Sha256 as sha2::Digest>::digest(BODY));
    let data = format!(r#"{{"body_sha256": "{hash}", "client_id": "alice", "timestamp": {}}}"#, seconds(&app));
    push(&app, &ALICE.token_over(&data, 32)).await.ok();
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let app = App::start().await;
    let now = seconds(&app);
    let missing = app.post(UPDATE, &[], BODY).await;
    assert_eq!(missing.json()["error"], "缺少认证令牌");
    assert_eq!(missing.refusal(), (401, "missing_token".to_owned()));
    let long = "x".repeat(65);
    for data in [
        "7".to_owned(),
        "{}".to_owned(),
        format!(r#"["alice", {now}, null, null, null, null]"#),
        format!(r#"{{"timestamp": {now}}}"#),
        r#"{"client_id": "alice"}"#.to_owned(),
        format!(r#"{{"client_id": 7, "timestamp": {now}}}"#),
        format!(r#"{{"client_id": "alice", "timestamp": "{now}"}}"#),
        r#"{"client_id": "alice", "timestamp": true}"#.to_owned(),
        r#"{"client_id": "alice", "timestamp": null}"#.to_owned(),
        format!(r#"{{"client_id": "alice", "client_id": "bob", "timestamp": {now}}}"#),
        format!(r#"{{"client_id": "alice", "timestamp": {now}, "x": 1, "x": 2}}"#),
        format!(r#"{{"client_id": "alice", "timestamp": {now}, "nonce": "short"}}"#),
        format!(r#"{{"client_id": "alice", "timestamp": {now}, "nonce": "{long}"}}"#),
        format!(r#"{{"client_id": "alice", "timestamp": {now}, "method": 1}}"#),
        format!(r#"{{"client_id": "\ud800", "timestamp": {now}}}"#),
    ] {
        let answer = push(&app, &ALICE.token_over(&data, 32)).await;
        assert_eq!(answer.json()["error"], "认证令牌格式错误", "{data}");
        assert_eq!(answer.refusal(), (401, "malformed_token".to_owned()), "{data}");
    }
    let nested =
        format!(r#"{{"client_id": "alice", "timestamp": {now}, "x": {}{}}}"#, "[".repeat(90_000), "]".repeat(90_000));
    let deep = format!("{{\"auth_data\": {nested}, \"signature\": \"\"}}");
    for token in
        ["", "e30=", "not base64!!", "bnVsbA==", &STANDARD.encode(deep), &STANDARD.encode("{\"auth_data\": {}}")]
    {
        assert_eq!(push(&app, token).await.refusal(), (401, "malformed_token".to_owned()), "{token:.40}");
    }
    assert_eq!(app.store.book().len(), 0);
}

#[tokio::test]
async fn a_signature_by_another_key_is_refused() {
    let app = App::start().await;
    let bad = (401, "bad_signature".to_owned());
    let forged = push(&app, &MALLORY.unbound_token(app.clock.now())).await;
    assert_eq!(forged.json()["error"], "认证失败: 签名验证失败");
    assert_eq!(forged.refusal(), bad);
    // The default key does not speak for a client with a key of its own, nor the other way round.
    let data = |id: &str| format!(r#"{{"client_id": "{id}", "timestamp": {}}}"#, seconds(&app));
    assert_eq!(push(&app, &DEFAULT.token_over(&data("alice"), 32)).await.refusal(), bad);
    assert_eq!(push(&app, &ALICE.token_over(&data("default"), 32)).await.refusal(), bad);
    push(&app, &DEFAULT.token_over(&data("anybody"), 32)).await.ok();
    for signature in [&[][..], &[0; 256], &[0xff; 256], &[1; 255], &[1; 2000]] {
        assert_eq!(push(&app, &token_of(&data("alice"), signature)).await.refusal(), bad);
    }
}

#[tokio::test]
async fn who_and_when_is_asked_before_the_work_is_done() {
    let app = App::start().await;
    let now = seconds(&app);
    let twice = r#""x": {"a": 1, "a": 2}"#;
    for (client, timestamp, code) in [
        ("alice", now, "malformed_token"),
        ("alice", 0, "token_expired"),
        ("alice", now + 1000, "token_from_future"),
        ("bob", now, "unknown_client"),
    ] {
        std::fs::remove_file(app.keys().join("default.pem")).ok();
        app.clock.advance(Duration::from_secs(1));
        let data = format!(r#"{{"client_id": "{client}", "timestamp": {timestamp}, {twice}}}"#);
        assert_eq!(push(&app, &ALICE.token_over(&data, 222)).await.refusal(), (401, code.to_owned()), "{client}");
    }
}

#[tokio::test]
async fn a_token_has_at_most_sixteen_kibibytes() {
    let app = App::start().await;
    let filled = |length: usize| {
        let data =
            format!(r#"{{"client_id": "alice", "timestamp": {}, "x": "{}"}}"#, seconds(&app), "x".repeat(length));
        ALICE.token_over(&data, 222)
    };
    let (fits, too_long) = (filled(11_000), filled(12_000));
    assert!(fits.len() <= 16 << 10 && too_long.len() > 16 << 10);
    push(&app, &fits).await.ok();
    let refused = push(&app, &too_long).await;
    assert_eq!(refused.json()["message"], "the token cannot be read: it is longer than 16 KiB");
    assert_eq!(refused.refusal(), (401, "malformed_token".to_owned()));
}
