//! Polls that wait for something new.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, join_all};
use jq2qmt::auth::rights::Reads;
use jq2qmt::store::Beside;
use jq2qmt::store::api_keys::Scope;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::app::{ALICE, Answer, App, TOTAL, add_key, held};

/// How many may wait, and how many from one address.
const PLACES: usize = 12_288;
const SHARE: usize = 10_240;

type Asked<'a> = LocalBoxFuture<'a, Answer>;

/// A question that is heard, and not answered yet.
fn waiting<'a>(app: &'a App, path: &str, headers: &[(&str, &str)]) -> Asked<'a> {
    waiting_from(app, [192, 0, 2, 7], path, headers)
}

fn waiting_from<'a>(app: &'a App, address: [u8; 4], path: &str, headers: &[(&str, &str)]) -> Asked<'a> {
    let mut asked = ask_from(app, address, path, headers);
    assert!(is_waiting(&mut asked), "{path} was answered at once");
    asked
}

fn ask_from<'a>(app: &'a App, address: [u8; 4], path: &str, headers: &[(&str, &str)]) -> Asked<'a> {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    app.send_from(address, request.body(Body::empty()).unwrap()).boxed_local()
}

fn is_waiting(asked: &mut Asked<'_>) -> bool {
    asked.now_or_never().is_none()
}

/// The path with which somebody waits for the longest.
fn patient(path: &str) -> String {
    format!("{path}{}wait=60", if path.contains('?') { '&' } else { '?' })
}

async fn tag(app: &App, path: &str) -> String {
    app.get(path).await.header("etag").to_owned()
}

async fn push(app: &App, strategy: &str, volume: i64) {
    app.push(&ALICE, strategy, json!([held("X", volume, 1.0)])).await.ok();
}

#[tokio::test]
async fn a_wait_ends_with_the_change_it_waited_for() {
    let app = App::start().await;
    push(&app, "alpha", 1).await;
    push(&app, "other", 1).await;
    for (path, strategy) in [
        (TOTAL.to_owned(), "alpha"),
        (format!("{TOTAL}?include_adjustments=false"), "alpha"),
        (format!("{TOTAL}?strategies=alpha,other"), "alpha"),
        (format!("{TOTAL}?strategies=ADJUSTMENT_X"), "ADJUSTMENT_X"),
        ("/api/v1/positions/all?code_format=qmt".to_owned(), "alpha"),
        ("/api/v1/positions/strategy/alpha".to_owned(), "alpha"),
        ("/api/v1/positions/strategy/newcomer".to_owned(), "newcomer"),
    ] {
        let known = tag(&app, &path).await;
        let wait = waiting(&app, &patient(&path), &[("if-none-match", &known)]);
        app.edit(strategy, json!([held("X", 2, 1.0)])).await.ok();
        let (heard, now) = (wait.await, app.get(&path).await);
        assert_eq!(heard.status, 200, "{path}");
        assert_ne!(heard.header("etag"), known, "{path}");
        assert_eq!((heard.header("etag"), &heard.bytes), (now.header("etag"), &now.bytes), "{path}");
        push(&app, "alpha", 1).await;
    }
}

#[tokio::test]
async fn what_changes_nothing_of_what_was_asked_for_ends_no_wait() {
    let app = App::start().await;
    push(&app, "alpha", 1).await;
    push(&app, "beta", 1).await;
    for path in [format!("{TOTAL}?strategies=alpha"), "/api/v1/positions/strategy/alpha".to_owned()] {
        let known = tag(&app, &path).await;
        let mut wait = waiting(&app, &patient(&path), &[("if-none-match", &known)]);
        // The same list once more, another strategy, and an overlay.
        push(&app, "alpha", 1).await;
        assert!(is_waiting(&mut wait));
        app.push(&ALICE, "beta", json!([])).await.ok();
        app.edit("ADJUSTMENT_X", json!([held("X", 1, 1.0)])).await.ok();
        assert!(is_waiting(&mut wait));
        app.edit("alpha", json!([])).await.ok();
        assert_eq!(wait.await.ok()["positions"], json!([]));
        push(&app, "alpha", 1).await;
    }
}

#[tokio::test]
async fn a_wait_without_news_is_a_304_at_its_end() {
    let app = App::start().await;
    push(&app, "alpha", 1).await;
    let known = tag(&app, TOTAL).await;
    tokio::time::pause();
    for seconds in [1, 31, 60] {
        let begun = Instant::now();
        let answer = app.get_with(&format!("{TOTAL}?wait={seconds}"), &[("if-none-match", &known)]).await;
        assert_eq!((answer.status.as_u16(), begun.elapsed().as_secs()), (304, seconds));
        assert_eq!((answer.header("etag"), answer.header("cache-control")), (&*known, "private, no-cache"));
        assert!(answer.bytes.is_empty());
    }
}

#[tokio::test]
async fn who_lacks_what_there_is_does_not_wait() {
    let app = App::start().await;
    push(&app, "alpha", 1).await;
    let past = tag(&app, TOTAL).await;
    push(&app, "alpha", 2).await;
    let begun = Instant::now();
    for path in [TOTAL, "/api/v1/positions/all", "/api/v1/positions/strategy/alpha", "/api/v1/positions/total?as_of=2"]
    {
        assert_eq!(app.get(&patient(path)).await.status, 200, "{path}");
        assert_eq!(app.get_with(&patient(path), &[("if-none-match", &past)]).await.status, 200, "{path}");
    }
    // The past does not change.
    for path in ["/api/v1/positions/total?as_of=1", "/api/v1/positions/strategy/alpha?as_of=1"] {
        assert_eq!(app.get_with(&patient(path), &[("if-none-match", &past)]).await.status, 304, "{path}");
    }
    assert!(begun.elapsed() < Duration::from_mins(1), "nobody waited");
}

#[tokio::test]
async fn a_wait_that_is_none_is_refused() {
    let app = App::start().await;
    push(&app, "alpha", 1).await;
    let known = tag(&app, TOTAL).await;
    for path in [TOTAL, "/api/v1/positions/all", "/api/v1/positions/strategy/alpha"] {
        for wait in
            ["wait=0", "wait=61", "wait=x", "wait=", "wait", "wait=1.5", "wait=-1", "wait=x&wait=1", "wait=1&wait=0"]
        {
            for known in ["", &known] {
                let answer = app.get_with(&format!("{path}?{wait}"), &[("if-none-match", known)]).await;
                assert_eq!(answer.json()["message"], "the query parameter wait cannot be understood", "{path} {wait}");
                assert_eq!(answer.refusal(), (400, "invalid_query".to_owned()));
            }
        }
    }
}

#[tokio::test]
async fn a_strategy_that_leaves_ends_the_waits_for_it() {
    let app = App::start().await;
    push(&app, "alpha", 1).await;
    let (total, list) = (format!("{TOTAL}?strategies=alpha"), "/api/v1/positions/strategy/alpha");
    let known = tag(&app, &total).await;
    let waits = [&*total, list].map(|path| waiting(&app, &patient(path), &[("if-none-match", &known)]));
    app.operate("DELETE", "/api/v1/strategies/alpha", &[], "").await.ok();
    let [total, list] = waits;
    assert_eq!(total.await.refusal(), (404, "unknown_strategy".to_owned()));
    assert_eq!(list.await.ok()["update_time"], Value::Null, "missing is not flat");
}

#[tokio::test]
async fn who_waits_takes_no_place_of_who_polls() {
    let app = App::start().await;
    push(&app, "alpha", 1).await;
    let known = tag(&app, TOTAL).await;
    let wait = || waiting(&app, &patient(TOTAL), &[("if-none-match", &known)]);
    let waits: Vec<_> = (0..2_000).map(|_| wait()).collect();
    let polls = join_all((0..200).map(|_| app.get(TOTAL))).await;
    assert!(polls.iter().all(|poll| poll.status == 200));
    assert_eq!(app.get("/").await.status, 200);
    push(&app, "alpha", 2).await;
    let now = app.get(TOTAL).await;
    for heard in join_all(waits).await {
        assert_eq!((heard.status.as_u16(), &heard.bytes), (200, &now.bytes));
    }
}

#[tokio::test]
async fn waits_have_places_of_their_own_until_the_client_hangs_up() {
    let app = App::start().await;
    push(&app, "alpha", 1).await;
    let known = tag(&app, TOTAL).await;
    let headers = [("if-none-match", &*known)];
    let wait = |last| ask_from(&app, [192, 0, 2, last], &patient(TOTAL), &headers);
    let mut waits = Vec::new();
    for (last, count) in [(1, SHARE), (2, PLACES - SHARE)] {
        waits.extend((0..count).map(|_| wait(last)));
        assert!(waits.iter_mut().all(is_waiting));
        let refused = wait(last).await;
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.refusal(), (503, "overloaded".to_owned()));
    }
    waits.pop();
    waits.push(wait(3));
    assert!(waits.last_mut().is_some_and(is_waiting), "who hung up has left a place");
    // Who asks a lot takes as many places as it needs to be remembered.
    waits.truncate(SHARE - 10);
    let long = format!("{TOTAL}?strategies=alpha{}", ",ADJUSTMENT_X".repeat(800));
    let known = tag(&app, &long).await;
    let long = || ask_from(&app, [192, 0, 2, 1], &patient(&long), &[("if-none-match", &known)]);
    assert_eq!(long().await.refusal(), (503, "overloaded".to_owned()));
    waits.pop();
    assert!(is_waiting(&mut long()));
    assert_eq!(app.get_with(TOTAL, &headers).await.status, 304);
}

#[tokio::test]
async fn a_stop_is_not_held_up_by_who_waits() {
    let app = App::start().await;
    push(&app, "alpha", 1).await;
    let known = tag(&app, TOTAL).await;
    let wait = || ask_from(&app, [192, 0, 2, 7], &patient(TOTAL), &[("if-none-match", &known)]);
    tokio::time::pause();
    let (begun, mut waits) = (Instant::now(), (0..100).map(|_| wait()).collect::<Vec<_>>());
    assert!(waits.iter_mut().all(is_waiting));
    app.state.close();
    // And one that comes too late to be told.
    waits.push(wait());
    for answer in join_all(waits).await {
        assert_eq!((answer.status.as_u16(), answer.header("etag")), (304, &*known));
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn who_may_not_read_any_more_is_told_nothing() {
    let app = App::start_with(Reads::Key).await;
    push(&app, "alpha", 1).await;
    let (kept, gone) = (add_key(&app, "kept", Scope::Read, &[]).await, add_key(&app, "gone", Scope::Read, &[]).await);
    let known = app.get_with(TOTAL, &[("x-api-key", &kept)]).await.header("etag").to_owned();
    app.get_with(TOTAL, &[("x-api-key", &gone)]).await.ok();
    let condition = ("if-none-match", &*known);
    let by_key = |key| waiting(&app, &patient(TOTAL), &[("x-api-key", key), condition]);
    let (by_kept, by_gone, at_the_end) = (by_key(&kept), by_key(&gone), by_key(&gone));
    let database = Beside::open(&app.database()).await.unwrap();
    assert!(database.revoke_key("gone", app.clock.now()).await.unwrap());
    app.clock.advance(Duration::from_secs(2));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    push(&app, "alpha", 2).await;
    assert_eq!(by_kept.await.ok()["revision"], 2);
    assert_eq!(by_gone.await.refusal(), (401, "unknown_api_key".to_owned()));
    assert_eq!(at_the_end.await.refusal(), (401, "unknown_api_key".to_owned()));
    assert_eq!(app.get(&patient(TOTAL)).await.refusal(), (401, "missing_api_key".to_owned()));
}

#[tokio::test]
async fn what_was_waited_for_is_gzip_ed_for_those_who_ask() {
    let app = App::start().await;
    let many = |volume| json!((0..100).map(|n| held(&format!("{}.SH", 600_000 + n), volume, 1.5)).collect::<Vec<_>>());
    app.push(&ALICE, "alpha", many(100)).await.ok();
    let paths = [TOTAL, "/api/v1/positions/total?strategies=alpha", "/api/v1/positions/strategy/alpha"];
    let mut waits = Vec::new();
    for path in paths {
        let known = app.get_with(path, &[("accept-encoding", "gzip")]).await.header("etag").to_owned();
        assert!(known.ends_with("-gz\""), "{known}");
        waits.push(waiting(&app, &patient(path), &[("if-none-match", &known), ("accept-encoding", "gzip")]));
    }
    app.push(&ALICE, "alpha", many(200)).await.ok();
    for (path, heard) in paths.into_iter().zip(join_all(waits).await) {
        let plain = app.get(path).await;
        assert_eq!(heard.header("content-encoding"), "gzip", "{path}");
        assert_eq!(heard.header("etag").replace("-gz", ""), plain.header("etag"), "{path}");
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&heard.bytes[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain.bytes, "{path}");
    }
}

/// A change that comes between the look at the book and the wait must not be slept through.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_change_is_missed_however_it_falls() {
    let app = Arc::new(App::start().await);
    push(&app, "alpha", 1).await;
    let paths = [TOTAL, "/api/v1/positions/total?strategies=alpha", "/api/v1/positions/strategy/alpha"];
    let follow = |path: &'static str| {
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            let mut known = tag(&app, path).await;
            let mut seen = 0;
            while seen < 300 {
                let heard = app.get_with(&patient(path), &[("if-none-match", &known)]).await;
                known = heard.header("etag").to_owned();
                let revision = heard.ok()["revision"].as_i64().unwrap();
                assert!(revision > seen, "{path}: {revision} after {seen}");
                seen = revision;
            }
        })
    };
    let followers: Vec<_> = paths.into_iter().cycle().take(12).map(follow).collect();
    for volume in 2..=300 {
        push(&app, "alpha", volume).await;
    }
    for follower in followers {
        timeout(Duration::from_secs(30), follower).await.unwrap().unwrap();
    }
}
