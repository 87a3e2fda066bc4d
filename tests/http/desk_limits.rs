//! The desk under requests that are wrong, large, or made in the same moment.

use std::time::Duration;

use jq2qmt::store::verify::{Verdict, verify};
use serde_json::{Value, json};

use crate::app::{ALICE, Answer, App, DEFAULT, PASSWORD, add_bound_key};

fn held(code: &str, volume: i64) -> Value {
    json!({"code": code, "volume": volume, "cost": 10.0})
}

/// A strategy that has spoken, is frozen, and has a push that waits; the number of that.
async fn waiting() -> (App, i64) {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 100)])).await.ok();
    post(&app, "/api/v1/strategies/alpha/state", json!({"state": "frozen"})).await.ok();
    let hold = hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 200)])).await);
    (app, hold)
}

async fn post(app: &App, path: &str, body: Value) -> Answer {
    app.operate("POST", path, &[], &body.to_string()).await
}

async fn put(app: &App, path: &str, body: Value) -> Answer {
    app.operate("PUT", path, &[], &body.to_string()).await
}

fn hold(answer: &Answer) -> i64 {
    assert_eq!(answer.status, 202, "{:?}", answer.bytes);
    answer.json()["hold"].as_i64().unwrap()
}

async fn volume(app: &App) -> i64 {
    app.total("").await["positions"][0]["total_volume"].as_i64().unwrap()
}

async fn is_whole(app: &App) -> bool {
    matches!(verify(&app.database()).await.unwrap(), Verdict::Whole { .. })
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_a_reason_and_changes_nothing() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 100)])).await.ok();
    put(&app, "/api/v1/accounts/main", json!({"strategies": [{"name": "alpha"}]})).await.ok();
    let before = app.store.book().revision();
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let long = "注".repeat(501);
    let many: Vec<Value> = (0..1_001).map(|number| json!({"name": format!("s{number}")})).collect();
    let guards: Vec<Value> = (0..101).map(|_| json!({"strategies": "*", "rules": {}})).collect();
    let (state, schedule) = ("/api/v1/strategies/alpha/state", "/api/v1/strategies/alpha/schedule");
    let (sequence, account) = ("/api/v1/strategies/alpha/sequence", "/api/v1/accounts/other");
    let text = |value: Value| value.to_string();
    let wrong = [
        ("POST", state, "{}".to_owned()),
        ("POST", state, "[]".to_owned()),
        ("POST", state, text(json!({"state": "FROZEN"}))),
        ("POST", state, text(json!({"state": ["frozen"]}))),
        ("POST", state, text(json!({"state": "frozen", "note": 7}))),
        ("POST", state, text(json!({"state": "frozen", "note": long}))),
        ("POST", state, text(json!({"state": "frozen", "waiting": "both"}))),
        ("POST", state, text(json!({"state": "frozen", "wating": "apply"}))),
        ("POST", state, format!("{{\"state\": \"frozen\", \"note\": {deep}}}")),
        ("POST", sequence, text(json!({"last": -1}))),
        ("POST", sequence, text(json!({"last": "7"}))),
        ("POST", sequence, text(json!({"last": 1.5}))),
        ("POST", sequence, "{\"last\": 99999999999999999999}".to_owned()),
        ("PUT", schedule, text(json!({"by": []}))),
        ("PUT", schedule, text(json!({"by": ["25:00"]}))),
        ("PUT", schedule, text(json!({"by": "09:35"}))),
        ("PUT", schedule, text(json!({"by": ["09:35"], "days": "sundays"}))),
        ("POST", "/api/v1/pause", text(json!({"paused": "yes"}))),
        ("POST", "/api/v1/pause", text(json!({"account": 1, "paused": true}))),
        ("POST", "/api/v1/pause", text(json!({"account": "", "paused": true}))),
        ("POST", "/api/v1/pause", text(json!({"paused": true, "note": long}))),
        ("PUT", "/api/v1/guards", text(json!(guards))),
        ("PUT", "/api/v1/guards", deep.clone()),
        ("PUT", "/api/v1/guards", text(json!([{"strategies": "*"}]))),
        ("PUT", "/api/v1/guards", text(json!([{"strategies": "*", "rules": {"empty": {"then": "sell"}}}]))),
        (
            "PUT",
            "/api/v1/guards",
            text(json!([{"strategies": "*", "rules": {"grows": {"over": "x", "then": "hold"}}}])),
        ),
        ("PUT", account, text(json!({"strategies": []}))),
        ("PUT", account, text(json!({"strategies": many}))),
        ("PUT", account, text(json!({"strategies": [{"name": "a\u{0}b"}]}))),
        ("PUT", account, text(json!({"strategies": [{"name": "a", "scale": 0}]}))),
        ("PUT", account, text(json!({"strategies": [{"name": "a", "scale": "1e400"}]}))),
        ("PUT", account, "{\"strategies\": [{\"name\": \"a\", \"scale\": NaN}]}".to_owned()),
        ("PUT", account, text(json!({"strategies": [{"name": "ADJUSTMENT_A"}]}))),
        ("PUT", account, text(json!({"strategies": [{"name": "a"}], "adjustments": ["a"]}))),
        ("PUT", account, text(json!({"strategies": [{"name": "a"}], "scale": 2}))),
        ("PUT", "/api/v1/accounts/%00", text(json!({"strategies": [{"name": "a"}]}))),
        ("POST", "/api/v1/accounts/main/preview", deep.clone()),
        ("POST", "/api/v1/accounts/main/preview", "{}".to_owned()),
        ("POST", "/api/v1/guards/trial", "{}".to_owned()),
    ];
    for (method, path, body) in wrong {
        let answer = app.operate(method, path, &[], &body).await;
        let told: String = body.chars().take(80).collect();
        assert_eq!(answer.status, 400, "{method} {path} {told}: {:?}", answer.bytes);
        answer.refusal();
    }
    for (path, status) in [
        ("/api/v1/holds/0/approve", 409),
        ("/api/v1/holds/99999999999999999999/approve", 404),
        ("/api/v1/holds/-1/discard", 409),
        ("/api/v1/holds/x/discard", 404),
        ("/api/v1/holds/1/approve", 409),
        ("/api/v1/accounts/nobody/release", 404),
    ] {
        assert_eq!(app.operate("POST", path, &[], "").await.refusal().0, status, "{path}");
    }
    assert_eq!(app.store.book().revision(), before);
    assert!(is_whole(&app).await);
}

#[tokio::test]
async fn large_things_are_kept_whole() {
    let (mut app, _) = waiting().await;
    let list: Vec<Value> = (0..5_000).map(|number| held(&format!("{number:06}.SZ"), 100)).collect();
    let waits = hold(&app.push(&ALICE, "alpha", json!(list)).await);
    let named: Vec<Value> = (0..999).map(|number| json!({"name": format!("策略 {number}"), "scale": "0.37"})).collect();
    let strategies: Vec<Value> = named.into_iter().chain([json!({"name": "alpha"})]).collect();
    put(&app, "/api/v1/accounts/large", json!({"strategies": strategies})).await.ok();
    let incomplete = app.get("/api/v1/accounts/large/target").await;
    assert_eq!(incomplete.json()["strategies"].as_array().unwrap().len(), 999);
    assert_eq!(incomplete.refusal().1, "incomplete");
    let guards: Vec<Value> =
        (0..100).map(|n| json!({"strategies": format!("s{n}"), "rules": {"empty": {"then": "hold"}}})).collect();
    put(&app, "/api/v1/guards", json!(guards)).await.ok();
    let note = "\u{7}备\u{0}注\n".to_owned() + &"x".repeat(490);
    post(&app, "/api/v1/strategies/alpha/state", json!({"state": "frozen", "note": note})).await.ok();
    app.restart().await;
    assert!(is_whole(&app).await);
    assert_eq!(app.get("/api/v1/strategies/alpha/state").await.ok()["note"], json!(note.trim()));
    let holds = app.get("/api/v1/holds").await.ok();
    assert_eq!(
        (&holds["holds"][0]["hold"], holds["holds"][0]["positions"].as_array().unwrap().len()),
        (&json!(waits), 5_000)
    );
    assert_eq!(app.get(&format!("/api/v1/revisions/{waits}")).await.ok()["kind"], "hold");
    post(&app, &format!("/api/v1/holds/{waits}/approve"), json!({})).await.ok();
    assert_eq!(app.total("").await["positions"].as_array().unwrap().len(), 5_000);
    assert!(is_whole(&app).await);
}

#[tokio::test]
async fn names_of_any_letters_are_found_by_their_paths() {
    let app = App::start().await;
    for (name, path) in
        [("a/b", "a%2Fb"), ("100%", "100%25"), ("双 均?#", "%E5%8F%8C%20%E5%9D%87%3F%23"), ("..", "..%20")]
    {
        let name = if path == "..%20" { ".. " } else { name };
        app.push(&ALICE, name, json!([held("000001.SZ", 100)])).await.ok();
        post(&app, &format!("/api/v1/strategies/{path}/state"), json!({"state": "frozen"})).await.ok();
        assert_eq!(app.get(&format!("/api/v1/strategies/{path}/state")).await.ok()["strategy_name"], name);
        put(&app, &format!("/api/v1/strategies/{path}/schedule"), json!({"by": ["09:35"]})).await.ok();
        put(&app, &format!("/api/v1/accounts/{path}"), json!({"strategies": [{"name": name}]})).await.ok();
        let target = app.get(&format!("/api/v1/accounts/{path}/target")).await.ok();
        assert_eq!((&target["account"], &target["lines"][0]["volume"]), (&json!(name), &json!(100)));
        let id = hold(&app.push(&ALICE, name, json!([])).await);
        post(&app, &format!("/api/v1/holds/{id}/discard"), json!({})).await.ok();
    }
}

#[tokio::test]
async fn of_two_who_decide_in_one_moment_one_is_told_that_it_was_decided() {
    for _ in 0..5 {
        let (app, id) = waiting().await;
        let (approve, discard) = (format!("/api/v1/holds/{id}/approve"), format!("/api/v1/holds/{id}/discard"));
        let (approved, discarded) = tokio::join!(post(&app, &approve, json!({})), post(&app, &discard, json!({})));
        let is_approved = approved.status == 200;
        let loser = if is_approved { discarded } else { approved };
        assert_eq!(loser.refusal(), (409, "hold_gone".to_owned()));
        assert_eq!(volume(&app).await, if is_approved { 200 } else { 100 });
        assert!(is_whole(&app).await);
    }
}

#[tokio::test]
async fn a_push_in_the_moment_of_approval_is_never_what_is_approved() {
    for _ in 0..5 {
        let (app, id) = waiting().await;
        let approve = format!("/api/v1/holds/{id}/approve");
        let newer = json!([held("000001.SZ", 300)]);
        let (approved, pushed) = tokio::join!(post(&app, &approve, json!({})), app.push(&ALICE, "alpha", newer));
        let newer = hold(&pushed);
        if approved.status == 200 {
            assert_eq!(volume(&app).await, 200);
        } else {
            assert_eq!(approved.json()["hold"], newer);
            assert_eq!(approved.refusal().1, "hold_gone");
            assert_eq!(volume(&app).await, 100);
        }
        assert_eq!(app.get("/api/v1/holds").await.ok()["holds"][0]["hold"], newer);
    }
}

#[tokio::test]
async fn one_of_two_who_change_what_both_have_seen_is_told_so() {
    let (app, _) = waiting().await;
    let tag = app.get("/api/v1/strategies/alpha/state").await.header("etag").to_owned();
    let settings = |scale: &str| json!({"strategies": [{"name": "alpha", "scale": scale}]}).to_string();
    let (one, two) = (settings("0.5"), settings("2"));
    let create = async |body: &str| app.operate("PUT", "/api/v1/accounts/main", &[("if-none-match", "*")], body).await;
    let (first, second) = tokio::join!(create(&one), create(&two));
    let statuses = [first.status.as_u16(), second.status.as_u16()];
    assert!(statuses == [200, 412] || statuses == [412, 200], "{statuses:?}");
    let restore =
        async |body: &str| app.operate("POST", "/api/v1/strategies/alpha/state", &[("if-match", &tag)], body).await;
    restore(r#"{"state": "flat"}"#).await.ok();
    assert_eq!(restore(r#"{"state": "live", "waiting": "apply"}"#).await.refusal(), (412, "revision_moved".to_owned()));
}

#[tokio::test]
async fn nobody_but_the_operator_decides() {
    let (app, id) = waiting().await;
    put(&app, "/api/v1/accounts/main", json!({"strategies": [{"name": "alpha"}]})).await.ok();
    let key = add_bound_key(&app, "qmt", "main").await;
    let token = DEFAULT.unbound_token(app.clock.now());
    let revision = app.store.book().revision();
    let paths = [
        ("POST", format!("/api/v1/holds/{id}/approve")),
        ("POST", format!("/api/v1/holds/{id}/discard")),
        ("POST", "/api/v1/strategies/alpha/state".to_owned()),
        ("POST", "/api/v1/strategies/alpha/sequence".to_owned()),
        ("PUT", "/api/v1/strategies/alpha/schedule".to_owned()),
        ("POST", "/api/v1/pause".to_owned()),
        ("PUT", "/api/v1/guards".to_owned()),
        ("POST", "/api/v1/guards/trial".to_owned()),
        ("PUT", "/api/v1/accounts/main".to_owned()),
        ("DELETE", "/api/v1/accounts/main".to_owned()),
        ("POST", "/api/v1/accounts/main/release".to_owned()),
        ("POST", "/api/v1/accounts/main/preview".to_owned()),
    ];
    for (method, path) in &paths {
        for (header, value) in [("x-api-key", key.as_str()), ("x-auth-token", &token), ("accept", "*/*")] {
            let request = axum::http::Request::builder().method(*method).uri(path).header(header, value);
            let request = request.header("content-type", "application/json").body("{}".into()).unwrap();
            assert_eq!(app.send(request).await.refusal().0, 401, "{method} {path} with {header}");
        }
    }
    assert_eq!(app.store.book().revision(), revision);
    assert_eq!(volume(&app).await, 100);
}

#[tokio::test]
async fn the_password_may_stand_in_the_body() {
    let (app, _) = waiting().await;
    for (method, path, body) in [
        ("POST", "/api/v1/strategies/alpha/state", json!({"state": "live", "waiting": "discard"})),
        ("POST", "/api/v1/strategies/alpha/sequence", json!({"last": 3})),
        ("PUT", "/api/v1/strategies/alpha/schedule", json!({"by": ["09:35"]})),
        ("POST", "/api/v1/pause", json!({"paused": false})),
        ("PUT", "/api/v1/accounts/main", json!({"strategies": [{"name": "alpha"}]})),
        ("POST", "/api/v1/accounts/main/preview", json!({"strategy_name": "alpha", "positions": []})),
    ] {
        let mut body = body;
        body["internal_password"] = json!(PASSWORD);
        let request =
            axum::http::Request::builder().method(method).uri(path).header("content-type", "application/json");
        app.send(request.body(body.to_string().into()).unwrap()).await.ok();
    }
}

#[tokio::test]
async fn a_state_alone_makes_no_list_todays_word() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 100)])).await.ok();
    put(&app, "/api/v1/accounts/main", json!({"strategies": [{"name": "alpha"}]})).await.ok();
    app.clock.advance(Duration::from_hours(10));
    for state in ["frozen", "live"] {
        post(&app, "/api/v1/strategies/alpha/state", json!({"state": state})).await.ok();
        let target = app.get("/api/v1/accounts/main/target").await.ok();
        assert_eq!(target["lines"][0]["hold"]["reason"], "not_fresh", "{state}");
    }
    app.edit("alpha", json!([held("000001.SZ", 100)])).await.ok();
    assert_eq!(app.get("/api/v1/accounts/main/target").await.ok()["lines"][0]["hold"], Value::Null);
}

#[tokio::test]
async fn what_stood_so_already_is_no_change() {
    let (app, _) = waiting().await;
    let frozen =
        async || post(&app, "/api/v1/strategies/alpha/state", json!({"state": "frozen", "note": "why"})).await.ok();
    assert_eq!(frozen().await["changed"], true);
    let revision = app.store.book().revision();
    assert_eq!(frozen().await["changed"], false);
    assert_eq!(app.store.book().revision(), revision);
}

#[tokio::test]
async fn a_push_that_waits_of_a_strategy_nobody_knew_keeps_its_order() {
    let app = App::start().await;
    put(&app, "/api/v1/guards", json!([{"strategies": "*", "rules": {"unknown_code": {"then": "hold"}}}])).await.ok();
    let push = async |sequence: i64, volume: i64| {
        let body = json!({"strategy_name": "new", "positions": [held("X", volume)], "sequence": sequence});
        app.push_body(&ALICE, &body.to_string()).await
    };
    hold(&push(7, 100).await);
    let newer = hold(&push(9, 100).await);
    // A retry that was delayed must not take the place of what was sent after it.
    assert_eq!(push(8, 900).await.refusal(), (409, "stale_sequence".to_owned()));
    post(&app, &format!("/api/v1/holds/{newer}/approve"), json!({})).await.ok();
    assert_eq!(volume(&app).await, 100);
    assert_eq!(push(9, 900).await.refusal().1, "stale_sequence");
}

#[tokio::test]
async fn a_pause_is_told_also_to_who_has_the_newest() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 100)])).await.ok();
    put(&app, "/api/v1/accounts/main", json!({"strategies": [{"name": "alpha"}]})).await.ok();
    let key = add_bound_key(&app, "qmt", "main").await;
    let total = "/api/v1/positions/total";
    let key = [("x-api-key", key.as_str())];
    let tag = app.get_with(total, &key).await.header("etag").to_owned();
    let known = [key[0], ("if-none-match", tag.as_str())];
    assert_eq!(app.get_with(total, &known).await.status, 304);
    post(&app, "/api/v1/pause", json!({"account": "main", "paused": true})).await.ok();
    for path in [total, "/api/v1/accounts/main/target"] {
        let answer = app.get_with(path, &known).await;
        assert!(!answer.header("retry-after").is_empty());
        assert_eq!(answer.refusal(), (503, "paused".to_owned()), "{path}");
    }
}
