//! Server-sent events.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::ConnectInfo;
use axum::http::Request;
use futures::StreamExt as _;
use jq2qmt::auth::password::NewPassword;
use jq2qmt::auth::rights::Reads;
use jq2qmt::net::Application as _;
use jq2qmt::store::Beside;
use jq2qmt::store::api_keys::Scope;
use serde_json::json;

use crate::app::{ALICE, App, PASSWORD, add_key, held};

/// Somebody who listens; the greeting is heard already.
async fn listen(app: &App, headers: &[(&str, &str)]) -> BodyDataStream {
    listen_at(app, "/api/v1/events", headers).await
}

async fn listen_at(app: &App, path: &str, headers: &[(&str, &str)]) -> BodyDataStream {
    let request = Request::get(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    listen_from(app, [192, 0, 2, 7], request.body(Body::empty()).unwrap()).await
}

async fn listen_from(app: &App, address: [u8; 4], mut request: Request<Body>) -> BodyDataStream {
    request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from((address, 40_000))));
    let response = app.application().answer(request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut events = response.into_body().into_data_stream();
    assert_eq!(next(&mut events).await, "retry: 2000\n\n");
    events
}

async fn next(events: &mut BodyDataStream) -> String {
    let chunk = tokio::time::timeout(Duration::from_mins(1), events.next()).await.unwrap();
    String::from_utf8(chunk.unwrap().unwrap().to_vec()).unwrap()
}

async fn push(app: &App, volume: i64) {
    app.push(&ALICE, "双均线", json!([held("X", volume, 1.0)])).await.ok();
}

#[tokio::test]
async fn a_push_is_told_once_and_an_unchanged_one_is_not() {
    let app = App::start().await;
    push(&app, 1).await;
    let mut events = listen(&app, &[]).await;
    push(&app, 1).await;
    push(&app, 2).await;
    let data = r#"{"revision":2,"strategy_name":"双均线","subject":"strategy","updated_at":"2026-01-05T14:50:00.000001+08:00","lineage":1}"#;
    assert_eq!(next(&mut events).await, format!("event: revision\nid: 2\ndata: {data}\n\n"));
}

#[tokio::test]
async fn who_comes_back_hears_what_was_missed() {
    let app = App::start().await;
    for volume in 1..=4 {
        push(&app, volume).await;
    }
    for (path, header) in [("/api/v1/events", "2"), ("/api/v1/events?after=2", ""), ("/api/v1/events?after=1", "2")] {
        let headers = if header.is_empty() { vec![] } else { vec![("last-event-id", header)] };
        let mut events = listen_at(&app, path, &headers).await;
        for revision in [3, 4] {
            let missed = next(&mut events).await;
            assert!(missed.starts_with(&format!("event: revision\nid: {revision}\ndata: ")), "{path}: {missed}");
        }
    }
    let mut events = listen_at(&app, "/api/v1/events?after=3", &[]).await;
    assert!(next(&mut events).await.contains("id: 4\n"));
    push(&app, 5).await;
    assert!(next(&mut events).await.contains("id: 5\n"));
}

#[tokio::test]
async fn silence_is_filled_with_comments() {
    let app = App::start().await;
    tokio::time::pause();
    let mut events = listen(&app, &[]).await;
    let before = tokio::time::Instant::now();
    assert_eq!(next(&mut events).await, ":\n\n");
    assert_eq!(before.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn a_hundred_listeners_hear_every_push_of_a_burst() {
    let app = App::start().await;
    let mut listeners = Vec::new();
    for _ in 0..100 {
        listeners.push(listen(&app, &[]).await);
    }
    for volume in 1..=30 {
        push(&app, volume).await;
    }
    for events in &mut listeners {
        let mut heard = String::new();
        while !heard.contains("id: 30\n") {
            heard.push_str(&next(events).await);
        }
        assert_eq!(heard.matches("event: revision").count(), 30);
    }
}

#[tokio::test]
async fn the_end_of_the_server_ends_it() {
    let app = App::start().await;
    let mut events = listen(&app, &[]).await;
    app.state.close();
    assert!(tokio::time::timeout(Duration::from_secs(10), events.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn who_knows_more_than_there_is_is_told_to_begin_anew() {
    let app = App::start().await;
    push(&app, 1).await;
    push(&app, 2).await;
    for (path, header) in [
        ("/api/v1/events", "7"),
        ("/api/v1/events?after=7", ""),
        ("/api/v1/events?after=1", "3"),
        ("/api/v1/events", "1.2"),
    ] {
        let headers = if header.is_empty() { vec![] } else { vec![("last-event-id", header)] };
        let mut events = listen_at(&app, path, &headers).await;
        assert_eq!(next(&mut events).await, "event: reset\nid: 2\ndata: {\"revision\":2,\"lineage\":1}\n\n", "{path}");
    }
    let mut events = listen_at(&app, "/api/v1/events?after=7", &[]).await;
    next(&mut events).await;
    push(&app, 3).await;
    assert!(next(&mut events).await.starts_with("event: revision\nid: 3\n"), "and hears what comes");
    let mut events = listen_at(&app, "/api/v1/events?after=3", &[]).await;
    push(&app, 4).await;
    assert!(next(&mut events).await.starts_with("event: revision\nid: 4\n"), "who knows the newest is not reset");
}

/// All that is told until the end.
async fn listened(events: BodyDataStream) -> String {
    let chunks = tokio::time::timeout(Duration::from_mins(1), events.collect::<Vec<_>>()).await.unwrap();
    chunks.into_iter().map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap()).collect()
}

/// Lets the time pass in which somebody is believed.
async fn later(app: &App) {
    app.clock.advance(Duration::from_secs(2));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_stream_ends_with_the_right_to_it() {
    let app = App::start_with(Reads::Key).await;
    let (kept, key) = (add_key(&app, "kept", Scope::Read, &[]).await, add_key(&app, "gone", Scope::Read, &[]).await);
    let log_in = Request::post("/login").header("content-type", "application/x-www-form-urlencoded");
    let logged_in = app.send(log_in.body(format!("password={PASSWORD}").into()).unwrap()).await;
    let cookie = logged_in.header("set-cookie").split(';').next().unwrap().to_owned();
    let (mut stays, by_key) = (listen(&app, &[("x-api-key", &kept)]).await, listen(&app, &[("x-api-key", &key)]).await);
    let by_password = listen(&app, &[("x-internal-password", PASSWORD)]).await;
    let by_session = listen(&app, &[("cookie", &cookie)]).await;
    let mut silent = listen(&app, &[("x-api-key", &key)]).await;

    later(&app).await;
    push(&app, 1).await;
    assert!(next(&mut stays).await.contains("id: 1\n"), "who may goes on");
    assert!(next(&mut silent).await.contains("id: 1\n"));
    let database = Beside::open(&app.database()).await.unwrap();
    assert!(database.revoke_key("gone", app.clock.now()).await.unwrap());
    let hash = NewPassword::parse("another-long-password").unwrap().hash().unwrap();
    database.set_password(&hash, app.clock.now().plus(Duration::from_secs(1))).await.unwrap();
    later(&app).await;
    push(&app, 2).await;
    let mut heard = String::new();
    while !heard.contains("id: 2\n") {
        heard.push_str(&next(&mut stays).await);
    }
    for (events, by) in [(by_password, "password"), (by_session, "session"), (by_key, "key"), (silent, "key, heard")] {
        assert!(!listened(events).await.contains("id: 2\n"), "{by}");
    }
    // A changed password is not taken for a guess at it.
    assert_eq!(app.get_with("/api/v1/events", &[("x-internal-password", "wrong-password")]).await.refusal().0, 401);
}

#[tokio::test]
async fn a_stream_without_a_right_ends_though_nothing_happens() {
    let app = App::start_with(Reads::Key).await;
    let key = add_key(&app, "gone", Scope::Read, &[]).await;
    let events = listen(&app, &[("x-api-key", &key)]).await;
    let database = Beside::open(&app.database()).await.unwrap();
    assert!(database.revoke_key("gone", app.clock.now()).await.unwrap());
    app.clock.advance(Duration::from_secs(2));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(16)).await;
    tokio::time::resume();
    assert!(!listened(events).await.contains("event:"));
}

#[tokio::test]
async fn listening_is_reading_and_has_its_places() {
    let app = App::start_with(Reads::Key).await;
    assert_eq!(app.get("/api/v1/events").await.refusal().0, 401);
    let app = App::start().await;
    assert_eq!(app.get_with("/api/v1/events", &[("last-event-id", "x")]).await.refusal().0, 400);
    assert_eq!(app.get("/api/v1/events?after=x").await.refusal().0, 400);
    let mut listeners = Vec::new();
    for _ in 0..10_240 {
        listeners.push(listen(&app, &[]).await);
    }
    // So many from one address, and so many in all.
    let ask = || Request::get("/api/v1/events").body(Body::empty()).unwrap();
    assert_eq!(app.get("/api/v1/events").await.refusal(), (503, "overloaded".to_owned()));
    for _ in 0..2_048 {
        listeners.push(listen_from(&app, [192, 0, 2, 8], ask()).await);
    }
    assert_eq!(app.send_from([192, 0, 2, 9], ask()).await.refusal(), (503, "overloaded".to_owned()));
    listeners.pop();
    listeners.push(listen_from(&app, [192, 0, 2, 9], ask()).await);
    // They take no place away from anybody else.
    app.total("").await;
}
