//! Crowds: whoever comes in numbers, or slowly, takes no place away from those who do something else.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use futures::future::join_all;
use jq2qmt::net::Application as _;
use jq2qmt::store::api_keys::Scope;
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};
use tokio::task::JoinSet;

use crate::app::{ALICE, Answer, App, INTERNAL, PASSWORD, TOTAL, UPDATE, add_key, held};

const BODY: &str = r#"{"strategy_name":"alpha","positions":[]}"#;
const FORM: &str = "application/x-www-form-urlencoded";

/// A request whose body never comes.
async fn endless(app: &App, address: [u8; 4], path: &str, headers: &[(&str, &str)]) -> Answer {
    let body = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    let request = headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
    app.send_from(address, request.body(body).unwrap()).await
}

/// So many requests whose bodies never come; those that are answered nevertheless have their statuses noted.
async fn crowd(
    app: &Arc<App>,
    count: u16,
    addresses: u8,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
) -> JoinSet<u16> {
    let mut crowd = JoinSet::new();
    for number in 0..count {
        let (app, headers) = (Arc::clone(app), headers.clone());
        let address = [192, 0, 2, u8::try_from(number % u16::from(addresses)).unwrap()];
        crowd.spawn(async move {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            endless(&app, address, path, &headers).await.status.as_u16()
        });
    }
    // Until each of them has been heard.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    crowd
}

/// An answer of which nothing was taken yet.
async fn untaken(app: &App, last: u8, path: &str) -> Response {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, last], 40_000))));
    app.application().answer(request).await
}

fn push_with(key: &str) -> Request<Body> {
    Request::post(UPDATE).header("x-api-key", key).header("content-type", "application/json").body(BODY.into()).unwrap()
}

async fn log_in(app: &App, address: [u8; 4], form: String) -> Answer {
    app.send_from(address, Request::post("/login").header("content-type", FORM).body(form.into()).unwrap()).await
}

#[tokio::test]
async fn pushes_that_wait_for_the_disk_hold_up_nobody_else() {
    let app = Arc::new(App::start().await);
    let key = add_key(&app, "writer", Scope::Write, &[]).await;
    app.send(push_with(&key)).await.ok();
    let mut other = SqliteConnection::connect(&format!("sqlite://{}", app.database().display())).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let mut pushes = JoinSet::new();
    for _ in 0..600 {
        let (app, key) = (Arc::clone(&app), key.clone());
        pushes.spawn(async move { app.send(push_with(&key)).await });
    }
    // More than there are places for are sent away, and with the first of them all places are taken.
    let first = pushes.join_next().await.unwrap().unwrap();
    assert_eq!(first.header("retry-after"), "1");
    assert_eq!(first.refusal(), (503, "overloaded".to_owned()));
    app.get("/healthz").await.ok();
    app.total("").await;
    assert_eq!(app.get("/history").await.status, 200);
    assert_eq!(app.get("/").await.status, 200);
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    let answers = pushes.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 384);
    let figures = String::from_utf8(app.get("/metrics").await.bytes.to_vec()).unwrap();
    assert!(figures.contains(r#"jq2qmt_pushes_total{client="",outcome="overloaded"} 216"#), "{figures}");
}

#[tokio::test]
async fn a_crowd_in_the_history_holds_up_no_poll_and_no_push() {
    let app = App::start().await;
    for volume in 1..=20 {
        app.push(&ALICE, "alpha", json!([held("X", volume, 1.0)])).await.ok();
    }
    let totals = ["?as_of=10", "?as_of=5&strategies=alpha", "?%61s_of=2"].map(|query| format!("{TOTAL}{query}"));
    let guards = "/api/v1/guards?as_of=0".to_owned();
    let queries = [totals, [guards.clone(), guards.clone(), guards]].concat();
    let looks = (0..600).map(|number| app.get(&queries[number % 6]));
    let polls = (0..100).map(|_| app.get(TOTAL)).chain((0..20).map(|_| app.get("/api/v1/guards")));
    let push = app.push(&ALICE, "alpha", json!([]));
    let restore = app.operate("POST", "/api/v1/strategies/alpha/restore", &[], r#"{"revision":1}"#);
    let (looks, polls, pushed, restored) = tokio::join!(join_all(looks), join_all(polls), push, restore);
    assert!(polls.iter().all(|poll| poll.status == 200));
    pushed.ok();
    restored.ok();
    let (seen, refused): (Vec<_>, Vec<_>) = looks.into_iter().partition(|look| look.status == 200);
    assert!(!seen.is_empty() && refused.len() > 500, "{} were let in at a time", seen.len());
    for answer in refused {
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.refusal(), (503, "overloaded".to_owned()));
    }
    app.get(&queries[0]).await.ok();
}

#[tokio::test]
async fn slow_bodies_are_bounded_by_credential_and_address() {
    let app = Arc::new(App::start().await);
    let (slow, quick) =
        (add_key(&app, "slow", Scope::Write, &[]).await, add_key(&app, "quick", Scope::Write, &[]).await);
    // From here on the key is believed without asking the database.
    app.send(push_with(&slow)).await.ok();
    let headers = vec![("x-api-key", slow.clone()), ("content-type", "application/json".to_owned())];
    let mut pushes = crowd(&app, 200, 1, UPDATE, headers).await;
    let mut turned_away = 0;
    while let Some(status) = pushes.try_join_next() {
        assert_eq!(status.unwrap(), 503);
        turned_away += 1;
    }
    // Of some that are turned away the rest is heard first, so that they hear the answer.
    assert_eq!(turned_away, 200 - 64 - 8, "one credential has only so many");
    // Another one through the same proxy, and those from elsewhere.
    app.send_from([192, 0, 2, 0], push_with(&quick)).await.ok();
    app.push(&ALICE, "alpha", json!([])).await.ok();
    app.total("").await;
    pushes.shutdown().await;
    app.send(push_with(&slow)).await.ok();
}

#[tokio::test]
async fn slow_strangers_do_not_lock_the_operator_out() {
    let app = Arc::new(App::start().await);
    let edits = crowd(&app, 200, 100, INTERNAL, vec![("content-type", "application/json".to_owned())]).await;
    let logins = crowd(&app, 40, 1, "/login", vec![("content-type", FORM.to_owned())]).await;
    let elsewhere = [198, 51, 100, 1];
    assert_eq!(log_in(&app, elsewhere, format!("password={PASSWORD}")).await.status, 303);
    // Logins from so many addresses leave no place to another, but with the password in the header there is one.
    let more_logins = crowd(&app, 40, 40, "/login", vec![("content-type", FORM.to_owned())]).await;
    assert_eq!(log_in(&app, elsewhere, format!("password={PASSWORD}")).await.status, 503);
    let edit =
        Request::post(INTERNAL).header("x-internal-password", PASSWORD).header("content-type", "application/json");
    let body = r#"{"strategy_name":"ADJUSTMENT_MAIN","positions":[]}"#;
    app.send_from(elsewhere, edit.body(body.into()).unwrap()).await.ok();
    app.push(&ALICE, "alpha", json!([])).await.ok();
    app.total("").await;
    drop((edits, logins, more_logins));
}

#[tokio::test]
async fn a_login_is_small_and_soon() {
    let app = App::start().await;
    let padded = |length: usize| format!("password={PASSWORD}&x={}", "x".repeat(length));
    assert_eq!(log_in(&app, [192, 0, 2, 7], padded(60_000)).await.status, 303);
    let refused = log_in(&app, [192, 0, 2, 7], padded(65_600)).await;
    assert_eq!(refused.status, 413);
    assert!(String::from_utf8(refused.bytes.to_vec()).unwrap().contains("64 KiB"));
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    assert_eq!(endless(&app, [192, 0, 2, 7], "/login", &[("content-type", FORM)]).await.status, 408);
    assert_eq!(before.elapsed().as_secs(), 3);
}

#[tokio::test]
async fn a_form_that_is_too_long_for_a_login_is_not_kept() {
    let app = App::start().await;
    let form = |length: usize| format!("overlay=ADJUSTMENT_MAIN&revision=0&remark={}", "x".repeat(length));
    for (length, kept) in [(50_000, true), (60_000, false)] {
        let request = Request::post("/adjustment").header("content-type", FORM).header("sec-fetch-site", "same-origin");
        let request = request.body(form(length).into()).unwrap();
        let answer = app.send(request).await;
        let page = String::from_utf8(answer.bytes.to_vec()).unwrap();
        assert_eq!((answer.status.as_u16(), page.contains("xxxxx")), (401, kept), "{length}");
        assert_eq!(page.contains("无法保留"), !kept);
    }
}

#[tokio::test]
async fn exports_have_places_until_they_are_taken() {
    let app = App::start().await;
    for volume in 1..=300 {
        app.push(&ALICE, "alpha", json!([held("X", volume, 1.0)])).await.ok();
    }
    let export = async |last| untaken(&app, last, "/history.csv").await;
    let begun = [export(1).await, export(1).await, export(2).await, export(2).await];
    assert!(begun.iter().all(|one| one.status() == 200));
    assert_eq!(export(3).await.status(), 503);
    assert_eq!(app.get("/history").await.status, 200);
    drop(begun);
    let whole = app.get("/history.csv").await;
    let text = String::from_utf8(whole.bytes.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 301, "no line is left out between two parts");
    assert!(text.lines().nth(300).unwrap().starts_with("1,"));
}

#[tokio::test]
async fn answers_that_are_not_taken_fill_only_so_much() {
    let app = App::start().await;
    let remark = "x".repeat(700);
    let long = |n| json!({"code": format!("{n}.SH"), "volume": 1, "cost": 1, "remark": remark});
    let list: Vec<_> = (0..5_000).map(long).collect();
    app.push(&ALICE, "alpha", json!(list)).await.ok();
    // Nearly 4 MiB each, and 64 MiB for one address.
    let path = "/api/v1/positions/strategy/alpha";
    let mut waiting = Vec::new();
    let refused = loop {
        let answer = untaken(&app, 1, path).await;
        if answer.status() != 200 {
            break answer;
        }
        waiting.push(answer);
        assert!(waiting.len() < 100, "nobody stops it");
    };
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    assert!((16..20).contains(&waiting.len()), "{}", waiting.len());
    // What was is weighed apart from what is.
    assert_eq!(untaken(&app, 1, "/api/v1/positions/strategy/alpha?as_of=1").await.status(), 200);
    // What is kept for everybody, what is small, and what somebody else asks for.
    assert_eq!(untaken(&app, 1, "/api/v1/positions/all").await.status(), 200);
    assert_eq!(untaken(&app, 1, TOTAL).await.status(), 200);
    assert_eq!(untaken(&app, 2, path).await.status(), 200);
    app.push(&ALICE, "alpha", json!([])).await.ok();
    waiting.pop();
    app.push(&ALICE, "alpha", json!(list)).await.ok();
    assert_eq!(untaken(&app, 1, path).await.status(), 200);
}
