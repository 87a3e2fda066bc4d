//! Requests that are wrong as requests, and the server's own state.

use axum::body::{Body, Bytes};
use axum::http::Request;
use jq2qmt::store::api_keys::Scope;
use serde_json::json;

use crate::app::{ALICE, Answer, App, INTERNAL, PASSWORD, TOTAL, UPDATE, add_key};

#[tokio::test]
async fn unknown_paths_and_methods_are_said_so() {
    let app = App::start().await;
    for path in ["/api/v1/nope", "/api/", "/api/v1/positions/strategy/", "/api/v1/positions/strategy/%ff"] {
        assert_eq!(app.get(path).await.refusal(), (404, "not_found".to_owned()), "{path}");
    }
    assert_eq!(app.get(UPDATE).await.refusal(), (405, "method_not_allowed".to_owned()));
    assert_eq!(app.post(TOTAL, &[], "").await.refusal(), (405, "method_not_allowed".to_owned()));
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let app = App::start().await;
    let body = r#"{"strategy_name":"alpha","positions":[]}"#;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let token = ALICE.unbound_token(app.clock.now());
        let request = Request::post(UPDATE).header("x-auth-token", token).header("content-type", content_type);
        let answer = app.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.refusal(), (415, "unsupported_media_type".to_owned()), "{content_type}");
    }
    let request = Request::post(INTERNAL).header("x-internal-password", PASSWORD).header("content-type", "text/plain");
    assert_eq!(app.send(request.body(Body::from(body)).unwrap()).await.refusal().0, 415);
    let token = ALICE.unbound_token(app.clock.now());
    let request =
        Request::post(UPDATE).header("x-auth-token", token).header("content-type", "Application/JSON; charset=utf-8");
    app.send(request.body(Body::from(body)).unwrap()).await.ok();
}

#[tokio::test]
async fn a_body_beyond_four_mebibytes_is_refused() {
    let app = App::start().await;
    let limit = 4 << 20;
    let frame = r#"{"strategy_name":"alpha","positions":[],"x":""}"#;
    let filled =
        |length: usize| frame.replace("\"x\":\"\"", &format!("\"x\":\"{}\"", "x".repeat(length - frame.len())));
    app.push_body(&ALICE, &filled(limit)).await.ok();
    assert_eq!(app.push_body(&ALICE, &filled(limit + 1)).await.refusal(), (413, "body_too_large".to_owned()));
    // Announced or not, and whoever sends it.
    let token = ALICE.unbound_token(app.clock.now());
    let request = Request::post(UPDATE).header("x-auth-token", token).header("content-length", limit + 1);
    assert_eq!(app.send(request.body(Body::empty()).unwrap()).await.refusal().0, 413);
}

#[tokio::test]
async fn a_list_has_at_most_five_thousand_positions() {
    let app = App::start().await;
    let list = |count| (0..count).map(|n| json!({"code": format!("{n}.SH"), "volume": n, "cost": 1.5})).collect();
    let (fits, too_many): (Vec<_>, Vec<_>) = (list(5_000), list(5_001));
    let answer = app.push(&ALICE, "alpha", json!(fits)).await.ok();
    assert_eq!(answer["positions_count"], 5_000);
    // The one of them without shares is held, but not in the total.
    assert_eq!(app.total("").await["positions"].as_array().unwrap().len(), 4_999);
    let refused = (400, "too_many_positions".to_owned());
    assert_eq!(app.push(&ALICE, "alpha", json!(too_many)).await.refusal(), refused);
    assert_eq!(app.edit("ADJUSTMENT_MAIN", json!(too_many)).await.refusal(), refused);
    // Whatever the elements are.
    let brackets = format!(r#"{{"strategy_name":"alpha","positions":[{}{{}}]}}"#, "{},".repeat(1_000_000));
    assert_eq!(app.push_body(&ALICE, &brackets).await.refusal(), refused);
    let broken = brackets.replace("{}]}", "{}]");
    assert_eq!(app.push_body(&ALICE, &broken).await.refusal(), (400, "invalid_format".to_owned()));
}

/// A push by somebody who is known, whose body never comes.
async fn endless_push(app: &App, key: &str) -> Answer {
    let body = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    let request = Request::post(UPDATE).header("x-api-key", key).header("content-type", "application/json");
    app.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn a_body_that_never_comes_is_given_up() {
    let app = App::start().await;
    let key = add_key(&app, "writer", Scope::Write, &[]).await;
    app.post(UPDATE, &[("x-api-key", &key)], r#"{"strategy_name":"alpha","positions":[]}"#).await.ok();
    // From here on time passes whenever nothing else happens; the key is believed without asking the database.
    tokio::time::pause();
    assert_eq!(endless_push(&app, &key).await.refusal(), (408, "slow_request".to_owned()));
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let app = App::start().await;
    assert_eq!(app.get("/healthz").await.ok(), json!({"status": "ok"}));
    assert_eq!(app.get("/readyz").await.ok(), json!({"status": "ready"}));
    app.store.clone().close().await;
    let refused = app.get("/readyz").await;
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.refusal(), (503, "store_unavailable".to_owned()));
    // What is known is still told.
    app.get("/healthz").await.ok();
    app.get(TOTAL).await.ok();
}

#[tokio::test]
async fn a_server_that_lost_a_task_is_not_healthy() {
    let app = App::start().await;
    app.lifecycle.thread("the writer", || -> Result<(), String> { panic!("no more") }).unwrap();
    assert_eq!(app.lifecycle.failure().await.to_string(), "the writer has stopped: it panicked (no more)");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(app.get(path).await.refusal(), (503, "failing".to_owned()), "{path}");
    }
}
