//! Who may read, and API keys.

use std::pin::pin;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use jq2qmt::auth::rights::Reads;
use jq2qmt::domain::moment::Moment;
use jq2qmt::store::Beside;
use jq2qmt::store::api_keys::Scope;
use serde_json::json;
use tokio::runtime::Builder;

use crate::app::{ALICE, App, PASSWORD, TOTAL, UPDATE, add_key, held};

#[tokio::test]
async fn reading_needs_a_key_where_it_is_said() {
    let app = App::start_with(Reads::Key).await;
    let key = add_key(&app, "qmt", Scope::Read, &[]).await;
    for path in [TOTAL, "/api/v1/positions/all", "/api/v1/positions/strategy/alpha"] {
        let refused = app.get(path).await;
        assert!(refused.header("www-authenticate").starts_with("Basic"));
        assert_eq!(refused.refusal(), (401, "missing_api_key".to_owned()));
        let basic = format!("Basic {}", STANDARD.encode(format!("qmt:{key}")));
        let bearer = format!("bearer {key}");
        app.get_with(path, &[("x-api-key", &key)]).await.ok();
        app.get_with(path, &[("authorization", &basic)]).await.ok();
        app.get_with(path, &[("authorization", &bearer)]).await.ok();
        app.get(&format!("{path}?x=1&api_key={key}")).await.ok();
        app.get_with(path, &[("x-internal-password", PASSWORD)]).await.ok();
        for (name, value) in [("x-api-key", "wrong"), ("x-api-key", ""), ("authorization", "Basic cW10Og==")] {
            assert_eq!(app.get_with(path, &[(name, value)]).await.refusal(), (401, "unknown_api_key".to_owned()));
        }
        for value in ["Basic !", "Digest x", "Basic"] {
            assert_eq!(app.get_with(path, &[("authorization", value)]).await.refusal().0, 401, "{value}");
        }
        assert_eq!(app.get_with(path, &[("x-internal-password", "wrong")]).await.refusal().0, 401);
    }
    // What is for anyone stays for anyone.
    for path in ["/healthz", "/readyz", "/api/v1/auth/info", "/api/v1/internal/password/info"] {
        app.get(path).await.ok();
    }
}

#[tokio::test]
async fn a_key_has_one_scope() {
    let app = App::start_with(Reads::Key).await;
    let read = add_key(&app, "reader", Scope::Read, &[]).await;
    let write = add_key(&app, "writer", Scope::Write, &["alpha", "beta-*"]).await;
    assert_eq!(app.get_with(TOTAL, &[("x-api-key", &write)]).await.refusal(), (403, "wrong_scope".to_owned()));
    let push = async |key: &str, strategy: &str| {
        app.post(UPDATE, &[("x-api-key", key)], json!({"strategy_name": strategy, "positions": []}).to_string()).await
    };
    assert_eq!(push(&read, "alpha").await.refusal(), (403, "wrong_scope".to_owned()));
    let answer = push(&write, "alpha").await.ok();
    assert_eq!((&answer["auth_type"], &answer["client_id"]), (&json!("simple"), &json!("writer")));
    push(&write, "beta-1").await.ok();
    assert_eq!(push(&write, "gamma").await.refusal(), (403, "strategy_forbidden".to_owned()));
    assert_eq!(push("wrong", "alpha").await.refusal(), (401, "unknown_api_key".to_owned()));
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_a_second() {
    let app = App::start_with(Reads::Key).await;
    let key = add_key(&app, "qmt", Scope::Read, &[]).await;
    app.get_with(TOTAL, &[("x-api-key", &key)]).await.ok();
    let database = Beside::open(&app.database()).await.unwrap();
    assert!(database.revoke_key("qmt", app.clock.now()).await.unwrap());
    assert!(!database.revoke_key("qmt", app.clock.now()).await.unwrap());
    for _ in 0..3 {
        // A poller that never rests does not keep its key alive.
        app.clock.advance(Duration::from_millis(400));
        app.get_with(TOTAL, &[("x-api-key", &key)]).await;
    }
    assert_eq!(app.get_with(TOTAL, &[("x-api-key", &key)]).await.refusal(), (401, "unknown_api_key".to_owned()));
    // The name is free again.
    add_key(&app, "qmt", Scope::Read, &[]).await;
    // Uses are noted behind whoever asked; this waits behind them.
    app.store.probe().await.unwrap();
    let keys = database.api_keys().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0].last_used_at, Some(crate::app::START));
    assert!(keys[0].revoked_at.is_some() && keys[1].revoked_at.is_none());
    assert!(key.starts_with(&keys[0].prefix));
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_a_second_however_the_clock_is_set() {
    for jump in [-10, 10].map(|hours: i64| hours * 3_600_000_000) {
        let app = App::start_with(Reads::Key).await;
        let key = add_key(&app, "qmt", Scope::Read, &[]).await;
        app.get_with(TOTAL, &[("x-api-key", &key)]).await.ok();
        let database = Beside::open(&app.database()).await.unwrap();
        assert!(database.revoke_key("qmt", app.clock.now()).await.unwrap());
        app.clock.set(Moment::from_micros(app.clock.now().as_micros() + jump));
        app.clock.advance(Duration::from_secs(1));
        let refused = app.get_with(TOTAL, &[("x-api-key", &key)]).await.refusal();
        assert_eq!(refused, (401, "unknown_api_key".to_owned()), "{jump}");
    }
}

#[test]
fn the_thread_that_is_asked_hands_its_work_on() {
    // A single thread for work, and that one is busy.
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let app = App::start().await;
        app.push(&ALICE, "alpha", json!([held("000001.SZ", 100, 1.0)])).await.ok();
        app.clock.advance(Duration::from_secs(2));
        for path in ["/api/v1/auth/info", "/api/v1/positions/total?strategies=alpha"] {
            let (free, busy) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || busy.recv());
            let mut asking = pin!(app.get(path));
            for _ in 0..1000 {
                assert!(asking.as_mut().now_or_never().is_none(), "{path}");
                tokio::task::yield_now().await;
            }
            drop(free);
            asking.await.ok();
            assert!(busy.await.unwrap().is_err());
        }
    });
}
