//! The desk: what the operator lets strategies do, guards, pushes that wait, accounts and their terminals.

use std::time::Duration;

use jq2qmt::auth::rights::Reads;
use jq2qmt::domain::account::AccountName;
use jq2qmt::store::api_keys::Scope;
use serde_json::{Value, json};

use crate::app::{ALICE, Answer, App, TOTAL, add_bound_key, add_key};

/// A position of 000001 at 10 CNY.
fn held(code: &str, volume: i64) -> Value {
    json!({"code": code, "volume": volume, "cost": 10.0})
}

/// Three strategies that have spoken, and an account over two of them, the first at half its size.
async fn desk() -> App {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000), held("600000.SH", 500)])).await.ok();
    app.push(&ALICE, "beta", json!([held("000001.XSHE", 300)])).await.ok();
    app.push(&ALICE, "gamma", json!([held("300750.SZ", 100)])).await.ok();
    account(&app, json!({"strategies": [{"name": "alpha", "scale": "0.5"}, {"name": "beta"}]})).await.ok();
    app
}

async fn account(app: &App, settings: Value) -> Answer {
    app.operate("PUT", "/api/v1/accounts/main", &[], &settings.to_string()).await
}

async fn set_state(app: &App, strategy: &str, body: Value) -> Answer {
    app.operate("POST", &format!("/api/v1/strategies/{strategy}/state"), &[], &body.to_string()).await
}

async fn guard(app: &App, guards: Value) {
    app.operate("PUT", "/api/v1/guards", &[], &guards.to_string()).await.ok();
}

const TARGET: &str = "/api/v1/accounts/main/target?code_format=qmt";

/// Each line of the account's target: code, volume, exact, the reason of its hold.
async fn lines(app: &App) -> Vec<(String, i64, String, Value)> {
    let target = app.get(TARGET).await.ok();
    let line = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        (text("code"), line["volume"].as_i64().unwrap(), text("exact"), line["hold"]["reason"].clone())
    };
    target["lines"].as_array().unwrap().iter().map(line).collect()
}

fn line(code: &str, volume: i64, exact: &str) -> (String, i64, String, Value) {
    (code.to_owned(), volume, exact.to_owned(), Value::Null)
}

/// What the total holds of an instrument.
async fn total_of(app: &App, code: &str) -> i64 {
    let total = app.total("?code_format=qmt").await;
    let found = total["positions"].as_array().unwrap().iter().find(|position| position["code"] == code).cloned();
    found.map_or(0, |position| position["total_volume"].as_i64().unwrap())
}

/// The number of the push that waits.
fn hold(answer: &Answer) -> i64 {
    assert_eq!(answer.status, 202, "{:?}", answer.bytes);
    answer.json()["hold"].as_i64().unwrap()
}

#[tokio::test]
async fn a_frozen_strategy_keeps_its_target_and_its_pushes_wait() {
    let mut app = desk().await;
    set_state(&app, "alpha", json!({"state": "frozen", "note": "looking"})).await.ok();
    let answer = app.push(&ALICE, "alpha", json!([held("000001.SZ", 9000)])).await;
    let body = answer.json();
    assert_eq!(answer.status, 202);
    assert_eq!((&body["held"], &body["message"]), (&json!(true), &json!("推送已收到，等待批准")));
    assert_eq!(body["reasons"][0]["rule"], "frozen");
    assert_eq!(total_of(&app, "000001.SZ").await, 1300);
    // Nor is it forgotten when the server stops, or lost from the proof.
    app.restart().await;
    assert_eq!(total_of(&app, "000001.SZ").await, 1300);
    let holds = app.get("/api/v1/holds").await.ok();
    assert_eq!(holds["holds"][0]["positions"][0]["volume"], 9000);
    assert_eq!(holds["holds"][0]["client_id"], "alice");
    let verdict = jq2qmt::store::verify::verify(&app.database()).await.unwrap();
    assert!(matches!(verdict, jq2qmt::store::verify::Verdict::Whole { .. }), "{verdict:?}");
    // What is in force may be said again, and ends the waiting.
    let same = json!([held("000001.SZ", 1000), held("600000.SH", 500)]);
    assert_eq!(app.push(&ALICE, "alpha", same).await.ok()["changed"], false);
    assert_eq!(app.get("/api/v1/holds").await.ok()["holds"], json!([]));
    set_state(&app, "alpha", json!({"state": "live"})).await.ok();
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 9000)])).await.ok();
    assert_eq!(total_of(&app, "000001.SZ").await, 9300);
}

#[tokio::test]
async fn what_is_approved_is_what_was_seen_and_only_the_operator_approves() {
    let app = desk().await;
    guard(&app, json!([{"strategies": "alpha", "rules": {"grows": {"over": 3, "then": "hold"}}}])).await;
    let first = hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 90_000)])).await);
    let second = hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 80_000)])).await);
    let approve = |id: i64| format!("/api/v1/holds/{id}/approve");
    let gone = app.operate("POST", &approve(first), &[], "").await;
    assert_eq!(gone.json()["hold"], second, "the newer one is named");
    assert_eq!(gone.refusal(), (409, "hold_gone".to_owned()));
    let key = add_key(&app, "pusher", Scope::Write, &[]).await;
    assert_eq!(app.post(&approve(second), &[("x-api-key", &key)], "{}").await.refusal().0, 401);
    app.operate("POST", &approve(second), &[], "").await.ok();
    assert_eq!(total_of(&app, "000001.SZ").await, 80_300);
    assert_eq!(app.operate("POST", &approve(second), &[], "").await.refusal().0, 409);
}

#[tokio::test]
async fn a_state_is_changed_only_as_it_was_seen() {
    let app = desk().await;
    let path = "/api/v1/strategies/alpha/state";
    let change = async |tag: &str, state: &str| {
        app.operate("POST", path, &[("if-match", tag)], &json!({"state": state}).to_string()).await
    };
    let tag = async || app.get(path).await.header("etag").to_owned();
    let seen = tag().await;
    change(&seen, "frozen").await.ok();
    assert_eq!(tag().await, format!("\"{}\"", app.get(path).await.ok()["revision"]));
    // Its list is as it was, and somebody else has decided about it meanwhile.
    assert_eq!(change(&seen, "flat").await.refusal(), (412, "revision_moved".to_owned()));
    change(&tag().await, "live").await.ok();
    let seen = tag().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 900)])).await.ok();
    assert_eq!(change(&seen, "flat").await.refusal(), (412, "revision_moved".to_owned()));
    assert_eq!(app.get(path).await.ok()["state"], "live");
}

#[tokio::test]
async fn a_state_that_decides_about_a_push_decides_about_the_one_that_was_seen() {
    for state in ["live", "frozen", "flat", "closed"] {
        let app = desk().await;
        set_state(&app, "alpha", json!({"state": "frozen"})).await.ok();
        let first = hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 700)])).await);
        let second = hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 900)])).await);
        let decide = async |id: i64| {
            let body = match state {
                "flat" | "closed" => json!({"state": state, "hold": id}),
                _ => json!({"state": state, "hold": id, "waiting": "apply"}),
            };
            set_state(&app, "alpha", body).await
        };
        let gone = decide(first).await;
        assert_eq!(gone.json()["hold"], second, "the newer one is named");
        assert_eq!(gone.refusal(), (409, "hold_gone".to_owned()), "{state}");
        assert_eq!(app.get("/api/v1/strategies/alpha/state").await.ok()["state"], "frozen", "nothing was done");
        decide(second).await.ok();
        let expected = if matches!(state, "live" | "frozen") { 1_200 } else { 300 };
        assert_eq!(total_of(&app, "000001.SZ").await, expected, "{state}");
        if expected == 1_200 {
            assert_eq!(decide(second).await.refusal(), (409, "hold_gone".to_owned()), "it waits no more");
        }
    }
}

#[tokio::test]
async fn a_push_that_waits_has_used_its_token_and_its_sequence() {
    let app = desk().await;
    guard(&app, json!([{"strategies": "*", "rules": {"empty": {"then": "hold"}}}])).await;
    let push = |sequence: i64| json!({"strategy_name": "alpha", "positions": [], "sequence": sequence}).to_string();
    let held = app.push_body(&ALICE, &push(7)).await;
    let id = hold(&held);
    let stale = app.push_body(&ALICE, &push(7)).await;
    assert_eq!((stale.json()["last_sequence"].clone(), stale.refusal().1), (json!(7), "stale_sequence".to_owned()));
    // The same once more is the same push to decide about.
    assert_eq!(hold(&app.push_body(&ALICE, &push(8)).await), id);
    let reset = "/api/v1/strategies/alpha/sequence";
    app.operate("POST", reset, &[], r#"{"last": 3}"#).await.ok();
    assert_eq!(hold(&app.push_body(&ALICE, &push(4)).await), id);
    app.operate("POST", &format!("/api/v1/holds/{id}/discard"), &[], "").await.ok();
    assert_eq!(total_of(&app, "000001.SZ").await, 1300);
    assert_eq!(app.push_body(&ALICE, &push(4)).await.refusal().1, "stale_sequence", "what was discarded stays taken");
}

#[tokio::test]
async fn a_sequence_stays_taken_where_no_strategy_keeps_it() {
    for closed in [false, true] {
        let mut app = desk().await;
        guard(&app, json!([{"strategies": "*", "rules": {"unknown_code": {"then": "hold"}}}])).await;
        if closed {
            app.operate("DELETE", "/api/v1/strategies/gamma", &[], "").await.ok();
        }
        let name = if closed { "gamma" } else { "delta" };
        let push = async |app: &App, sequence: Option<i64>, code: &str| {
            let body = json!({"strategy_name": name, "positions": [held(code, 100)], "sequence": sequence});
            app.push_body(&ALICE, &body.to_string()).await
        };
        let last =
            async |app: &App| app.get(&format!("/api/v1/strategies/{name}/state")).await.ok()["sequence"].clone();
        hold(&push(&app, Some(8), "X").await);
        // One that has none takes none away, and neither does who drops it.
        let id = hold(&push(&app, None, "Y").await);
        app.operate("POST", &format!("/api/v1/holds/{id}/discard"), &[], "").await.ok();
        for _ in 0..2 {
            let stale = push(&app, Some(8), "600000.SH").await;
            assert_eq!(stale.json()["last_sequence"], 8, "{name}");
            assert_eq!(stale.refusal(), (409, "stale_sequence".to_owned()));
            assert_eq!((last(&app).await, app.get("/api/v1/holds").await.ok()["holds"].clone()), (json!(8), json!([])));
            app.restart().await;
        }
        // One that ran ahead is set back, and the strategy that begins goes on from there.
        let reset = format!("/api/v1/strategies/{name}/sequence");
        app.operate("POST", &reset, &[], r#"{"last": 5}"#).await.ok();
        if closed {
            set_state(&app, name, json!({"state": "live"})).await.ok();
        }
        assert_eq!(push(&app, Some(5), "600000.SH").await.refusal().1, "stale_sequence");
        app.edit(name, json!([held("600000.SH", 100)])).await.ok();
        assert_eq!((push(&app, Some(5), "600000.SH").await.status.as_u16(), last(&app).await), (409, json!(5)));
        push(&app, Some(6), "600000.SH").await.ok();
        let verdict = jq2qmt::store::verify::verify(&app.database()).await.unwrap();
        assert!(matches!(verdict, jq2qmt::store::verify::Verdict::Whole { .. }), "{verdict:?}");
    }
    let app = desk().await;
    let unknown = app.operate("POST", "/api/v1/strategies/nobody/sequence", &[], r#"{"last": 5}"#).await;
    assert_eq!(unknown.refusal(), (404, "unknown_strategy".to_owned()));
}

#[tokio::test]
async fn a_guard_refuses_holds_or_warns() {
    let app = desk().await;
    let wild = json!([held("600000", 100), held("000001.SZ", 100_000)]);
    guard(&app, json!([{"strategies": "alpha", "rules": {"grows": {"over": 3, "then": "reject"}}}])).await;
    let refused = app.push(&ALICE, "alpha", wild.clone()).await;
    assert_eq!(refused.json()["reasons"][0]["rule"], "grows");
    assert_eq!(refused.refusal(), (422, "guard".to_owned()));
    guard(&app, json!([{"strategies": "al*", "rules": {"unknown_code": {"then": "warn"}}}])).await;
    let warned = app.push(&ALICE, "alpha", wild).await.ok();
    assert_eq!(warned["warnings"][0]["rule"], "unknown_code");
    assert_eq!(app.push(&ALICE, "beta", json!([held("X", 1)])).await.ok()["warnings"], Value::Null, "not its rules");
    for (guards, part) in [
        (json!([{"strategies": "*", "rules": {"emty": {"then": "hold"}}}]), "emty"),
        (json!([{"strategies": "*", "rules": {"shrinks": {"over": 2, "then": "hold"}}}]), "below 1"),
        (json!({}), "sequence"),
    ] {
        let answer = app.operate("PUT", "/api/v1/guards", &[], &guards.to_string()).await;
        assert_eq!(answer.status, 400);
        assert!(answer.json()["message"].as_str().unwrap().contains(part), "{:?}", answer.bytes);
    }
    let then = app.get("/api/v1/guards?as_of=4").await.ok();
    assert_eq!(then, Value::Null, "before the first one that was settled");
    let tried = json!([{"strategies": "*", "rules": {"grows": {"over": 3, "then": "hold"}}}]).to_string();
    let trial = app.operate("POST", "/api/v1/guards/trial", &[], &tried).await.ok();
    assert_eq!((&trial["would_hold"], &trial["lines"][0]["strategy_name"]), (&json!(1), &json!("alpha")));
}

#[tokio::test]
async fn flat_is_zero_of_everything_until_the_operator_says_otherwise() {
    let app = desk().await;
    let before = app.total("").await["update_time"].clone();
    set_state(&app, "alpha", json!({"state": "flat"})).await.ok();
    assert_ne!(app.total("").await["update_time"], before, "terminals see it");
    assert_eq!((total_of(&app, "000001.SZ").await, total_of(&app, "600000.SH").await), (300, 0));
    assert_eq!(lines(&app).await, [line("000001.SZ", 300, "300"), line("600000.SH", 0, "0")]);
    let waiting = hold(&app.push(&ALICE, "alpha", json!([held("600000.SH", 700)])).await);
    assert_eq!(app.edit("alpha", json!([])).await.refusal(), (409, "wrong_state".to_owned()));
    let approve = format!("/api/v1/holds/{waiting}/approve");
    assert_eq!(app.operate("POST", &approve, &[], "").await.refusal(), (409, "wrong_state".to_owned()));
    let unsaid = set_state(&app, "alpha", json!({"state": "live"})).await;
    assert_eq!(unsaid.refusal(), (409, "waiting_unsaid".to_owned()));
    set_state(&app, "alpha", json!({"state": "live", "waiting": "discard"})).await.ok();
    assert_eq!(total_of(&app, "000001.SZ").await, 1300, "it goes back to what it had");
    assert_eq!(
        set_state(&app, "alpha", json!({"state": "live", "waiting": "apply"})).await.refusal().1,
        "nothing_waits"
    );
    assert_eq!(set_state(&app, "nobody", json!({"state": "flat"})).await.refusal().1, "unknown_strategy");
    assert_eq!(set_state(&app, "alpha", json!({"state": "gone"})).await.refusal().1, "invalid_format");
}

#[tokio::test]
async fn a_strategy_that_was_deleted_waits_and_its_account_sells_nothing() {
    let app = desk().await;
    app.operate("DELETE", "/api/v1/strategies/beta", &[], "").await.ok();
    let incomplete = app.get(TARGET).await;
    assert_eq!(incomplete.json()["strategies"], json!(["beta"]));
    assert_eq!(incomplete.refusal(), (503, "incomplete".to_owned()));
    hold(&app.push(&ALICE, "beta", json!([held("600000.SH", 100)])).await);
    assert_eq!(app.get(TARGET).await.refusal().1, "incomplete");
    set_state(&app, "beta", json!({"state": "live", "waiting": "apply"})).await.ok();
    let revived = lines(&app).await;
    assert_eq!(revived, [line("000001.SZ", 500, "500"), line("600000.SH", 400, "350")]);
    // Where the operator says so, the next push brings it back.
    app.operate("DELETE", "/api/v1/strategies/beta?then=revive", &[], "").await.ok();
    app.push(&ALICE, "beta", json!([held("600000.SH", 100)])).await.ok();
    assert_eq!(app.operate("DELETE", "/api/v1/strategies/beta?then=x", &[], "").await.refusal().1, "invalid_query");
}

#[tokio::test]
async fn a_restore_lasts() {
    let app = desk().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 5000)])).await.ok();
    let restore = "/api/v1/strategies/alpha/restore";
    app.operate("POST", restore, &[], r#"{"revision": 1}"#).await.ok();
    hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 5000)])).await);
    assert_eq!(total_of(&app, "000001.SZ").await, 1300);
    app.operate("POST", restore, &[], r#"{"revision": 1, "freeze": false}"#).await.ok();
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 5000)])).await.ok();
    assert_eq!(total_of(&app, "000001.SZ").await, 5300);
}

#[tokio::test]
async fn a_new_server_on_which_one_of_three_has_pushed_sells_nothing() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000)])).await.ok();
    let three = json!({"strategies": [{"name": "alpha"}, {"name": "beta"}, {"name": "gamma"}]});
    account(&app, three).await.ok();
    let key = add_bound_key(&app, "qmt", "main").await;
    for path in [TARGET, TOTAL] {
        let answer = app.get_with(path, &[("x-api-key", &key)]).await;
        assert_eq!(answer.json()["strategies"], json!(["beta", "gamma"]));
        assert!(!answer.headers.contains_key("etag") && answer.headers.contains_key("retry-after"));
        assert_eq!(answer.refusal(), (503, "incomplete".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn targets_are_scaled_rounded_and_list_what_was_wanted() {
    let app = desk().await;
    assert_eq!(lines(&app).await, [line("000001.SZ", 800, "800"), line("600000.SH", 300, "250")]);
    let parts = &app.get(TARGET).await.ok()["lines"][0]["strategies"];
    assert_eq!(*parts, json!([{"name": "alpha", "volume": "500"}, {"name": "beta", "volume": "300"}]));
    // What is dropped is listed as zero, also when the account follows another strategy from then on.
    app.push(&ALICE, "beta", json!([held("430047.BJ", 150)])).await.ok();
    let dropped = [line("000001.SZ", 500, "500"), line("600000.SH", 300, "250"), line("430047.BJ", 150, "150")];
    assert_eq!(lines(&app).await, dropped);
    let settings = json!({"strategies": [{"name": "gamma", "scale": "0.37"}], "rounding": "down",
        "protected": [{"code": "300750.SZ", "volume": 7}, {"code": "600000.SH", "volume": null}]});
    account(&app, settings).await.ok();
    let mut never = line("600000.SH", 0, "0");
    never.3 = json!("protected");
    let expected = [line("300750.SZ", 7, "37"), line("000001.SZ", 0, "0"), line("430047.BJ", 0, "0"), never];
    assert_eq!(lines(&app).await, expected);
}

#[tokio::test]
async fn nothing_is_traded_on_yesterdays_word() {
    let app = desk().await;
    let tag = app.get(TARGET).await.header("etag").to_owned();
    // Midnight in Shanghai.
    app.clock.advance(Duration::from_hours(10));
    let stale = app.get_with(TARGET, &[("if-none-match", &tag)]).await;
    assert_eq!(stale.status, 200, "the day is another one");
    assert_eq!(stale.json()["lines"][0]["hold"]["reason"], "not_fresh");
    assert!(stale.json()["lines"][0]["hold"]["text"].as_str().unwrap().contains("alpha"));
    let alpha = json!([held("000001.SZ", 1000), held("600000.SH", 500)]);
    assert_eq!(app.push(&ALICE, "alpha", alpha).await.ok()["changed"], false);
    let reasons: Vec<Value> = lines(&app).await.into_iter().map(|line| line.3).collect();
    assert_eq!(reasons, [json!("not_fresh"), Value::Null], "beta is still silent, and wants the first");
    app.push(&ALICE, "beta", json!([held("000001.XSHE", 300)])).await.ok();
    let fresh = app.get(TARGET).await;
    assert_eq!(fresh.json()["lines"][0]["hold"], Value::Null);
    let unchanged = app.get_with(TARGET, &[("if-none-match", fresh.header("etag"))]).await;
    assert_eq!(unchanged.status, 304);
    // Others' pushes are none of its business.
    app.push(&ALICE, "gamma", json!([])).await.ok();
    assert_eq!(app.get_with(TARGET, &[("if-none-match", fresh.header("etag"))]).await.status, 304);
    account(&app, json!({"strategies": [{"name": "alpha"}], "fresh": "any"})).await.ok();
    app.clock.advance(Duration::from_hours(24));
    assert!(lines(&app).await.iter().all(|line| line.3.is_null()));
}

#[tokio::test]
async fn a_bound_key_reads_its_account_and_nothing_else() {
    for reads in [Reads::Open, Reads::Key] {
        let app = App::start_with(reads).await;
        app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000)])).await.ok();
        app.push(&ALICE, "gamma", json!([held("300750.SZ", 100)])).await.ok();
        account(&app, json!({"strategies": [{"name": "alpha", "scale": "0.5"}]})).await.ok();
        let key = add_bound_key(&app, "qmt", "main").await;
        let with_key = [("x-api-key", key.as_str())];
        let total = app.get_with(TOTAL, &with_key).await.ok();
        assert_eq!(
            total["positions"],
            json!([
                {"code": "000001.SZ", "name": "000001.SZ", "total_volume": 500, "avg_cost": 10.0}
            ])
        );
        assert_eq!(app.get_with(TARGET, &with_key).await.ok()["lines"][0]["volume"], 500);
        let all =
            ["/api/v1/positions/all", "/api/v1/strategies", "/api/v1/events", "/api/v1/accounts", "/api/v1/holds"];
        for path in all.into_iter().chain(["/api/v1/accounts/other/target", "/api/v1/positions/strategy/alpha"]) {
            assert_eq!(app.get_with(path, &with_key).await.refusal(), (403, "bound_key".to_owned()), "{path}");
        }
        assert_eq!(app.post("/api/v1/positions/update", &with_key, "{}").await.refusal().1, "wrong_scope");
        // Once it is revoked, it is nobody's, and not everybody's total either.
        let database = jq2qmt::store::Beside::open(&app.database()).await.unwrap();
        assert!(database.revoke_key("qmt", app.clock.now()).await.unwrap());
        app.clock.advance(Duration::from_secs(2));
        assert_eq!(app.get_with(TOTAL, &with_key).await.refusal(), (401, "unknown_api_key".to_owned()));
    }
}

#[tokio::test]
async fn one_terminal_has_an_account_at_a_time() {
    let app = desk().await;
    let ask = async |name: &str| app.get_with(TARGET, &[("x-terminal", name)]).await;
    ask("one").await.ok();
    let other = ask("two").await;
    assert_eq!(other.json()["terminal"]["name"], "one");
    assert_eq!(other.refusal(), (409, "other_terminal".to_owned()));
    app.get(TARGET).await.ok();
    assert_eq!(app.get("/api/v1/accounts/main").await.ok()["terminal"]["name"], "one");
    app.clock.advance(Duration::from_mins(1));
    ask("two").await.ok();
    app.operate("POST", "/api/v1/accounts/main/release", &[], "").await.ok();
    ask("one").await.ok();
    // A bound key is the account's own terminal.
    let key = add_bound_key(&app, "qmt", "main").await;
    app.get_with(TARGET, &[("x-api-key", &key)]).await.ok();
    assert_eq!(ask("one").await.refusal().0, 409);
    assert_eq!(app.get_with(TARGET, &[("x-terminal", "")]).await.refusal().1, "invalid_terminal");
}

#[tokio::test]
async fn a_pause_answers_nobody_and_takes_pushes() {
    let app = desk().await;
    let pause = async |body: Value| app.operate("POST", "/api/v1/pause", &[], &body.to_string()).await;
    pause(json!({"account": "main", "paused": true})).await.ok();
    assert_eq!(app.get(TARGET).await.refusal(), (503, "paused".to_owned()));
    app.total("").await;
    pause(json!({"account": null, "paused": true, "note": "the broker is down"})).await.ok();
    for path in [TOTAL, "/api/v1/positions/all", "/api/v1/positions/strategy/alpha"] {
        let answer = app.get(path).await;
        assert!(answer.json()["message"].as_str().unwrap().contains("the broker is down"));
        assert_eq!(answer.refusal(), (503, "paused".to_owned()), "{path}");
    }
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 100)])).await.ok();
    assert_eq!(app.get("/api/v1/pause").await.ok()["paused"].as_array().unwrap().len(), 2);
    pause(json!({"account": null, "paused": false})).await.ok();
    assert_eq!(total_of(&app, "000001.SZ").await, 400);
    assert_eq!(pause(json!({"account": "nobody", "paused": true})).await.refusal().1, "unknown_account");
}

#[tokio::test]
async fn an_account_is_changed_only_as_it_was_seen() {
    let app = desk().await;
    let settings = json!({"strategies": [{"name": "beta"}]}).to_string();
    let put = async |headers: &[(&str, &str)]| app.operate("PUT", "/api/v1/accounts/main", headers, &settings).await;
    assert_eq!(put(&[("if-none-match", "*")]).await.refusal(), (412, "revision_moved".to_owned()));
    assert_eq!(put(&[("if-match", "\"1\"")]).await.refusal().0, 412);
    let tag = app.get("/api/v1/accounts/main").await.header("etag").to_owned();
    put(&[("if-match", &tag)]).await.ok();
    let then = app.get("/api/v1/accounts/main?as_of=4").await.ok();
    assert_eq!(then["settings"]["strategies"][0]["name"], "alpha");
    app.operate("DELETE", "/api/v1/accounts/main", &[], "").await.ok();
    assert_eq!(app.get(TARGET).await.refusal(), (404, "unknown_account".to_owned()));
    assert_eq!(app.operate("DELETE", "/api/v1/accounts/main", &[], "").await.refusal().0, 404);
    put(&[("if-none-match", "*")]).await.ok();
    assert!(AccountName::parse("main").is_ok());
}

#[tokio::test]
async fn a_schedule_says_whether_pushes_come_in_time() {
    let mut app = desk().await;
    let path = "/api/v1/strategies/alpha/schedule";
    app.operate("PUT", path, &[], r#"{"by": ["09:35", "14:55"]}"#).await.ok();
    let punctuality = async |app: &App| app.get("/api/v1/strategies/alpha/state").await.ok()["punctuality"].clone();
    // It is ten to three; what was pushed before the schedule was settled met none of it.
    app.push(&ALICE, "alpha", json!([])).await.ok();
    app.clock.advance(Duration::from_mins(6));
    assert_eq!(punctuality(&app).await, "on_time");
    app.clock.advance(Duration::from_hours(19));
    assert_eq!(punctuality(&app).await, "silent");
    app.push(&ALICE, "alpha", json!([])).await.ok();
    assert_eq!(punctuality(&app).await, "late");
    // What came late in the morning is not what is due in the afternoon.
    app.restart().await;
    app.clock.advance(Duration::from_hours(5));
    assert_eq!(punctuality(&app).await, "silent");
    app.operate("DELETE", path, &[], "").await.ok();
    assert_eq!(punctuality(&app).await, Value::Null);
}

#[tokio::test]
async fn a_preview_says_what_would_be_traded() {
    let app = desk().await;
    let path = "/api/v1/accounts/main/preview";
    let list = json!({"strategy_name": "beta", "positions": [held("600000.SH", 400)]}).to_string();
    let preview = app.operate("POST", path, &[], &list).await.ok();
    let orders: Vec<(Value, Value, Value)> = preview["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| (order["side"].clone(), order["code"].clone(), order["volume"].clone()))
        .collect();
    let order = |side: &str, code: &str, volume: i64| (json!(side), json!(code), json!(volume));
    assert_eq!(orders, [order("sell", "000001.SZ", 300), order("buy", "600000.SH", 400)]);
    assert_eq!(preview["cash_needed"], 1000.0);
    let other = json!({"account": {"strategies": [{"name": "nobody"}]}}).to_string();
    let incomplete = app.operate("POST", path, &[], &other).await.ok();
    assert_eq!((&incomplete["incomplete"], &incomplete["cash_needed"]), (&json!(["nobody"]), &Value::Null));
    assert_eq!(lines(&app).await[0].1, 800, "nothing was stored");
    // What is not known to be held is not bought again.
    app.operate("DELETE", "/api/v1/strategies/beta", &[], "").await.ok();
    let alone = json!({"account": {"strategies": [{"name": "alpha"}]}}).to_string();
    let unknown = app.operate("POST", path, &[], &alone).await.ok();
    assert_eq!((&unknown["present_unknown"], &unknown["incomplete"]), (&json!(["beta"]), &json!([])));
    assert_eq!((&unknown["orders"], &unknown["cash_needed"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn a_push_that_is_approved_on_the_day_after_is_yesterdays_word() {
    let app = desk().await;
    guard(&app, json!([{"strategies": "alpha", "rules": {"grows": {"over": 3, "then": "hold"}}}])).await;
    let waiting = hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 90_000)])).await);
    app.clock.advance(Duration::from_hours(24));
    app.push(&ALICE, "beta", json!([held("000001.XSHE", 300)])).await.ok();
    app.operate("POST", &format!("/api/v1/holds/{waiting}/approve"), &[], "").await.ok();
    assert_eq!(total_of(&app, "000001.SZ").await, 90_300, "it is in force");
    assert_eq!(lines(&app).await[0].3, json!("not_fresh"));
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 90_000)])).await.ok();
    assert_eq!(lines(&app).await[0].3, Value::Null);
}

#[tokio::test]
async fn a_list_that_repeats_takes_no_sequence_that_leaps() {
    let app = desk().await;
    guard(&app, json!([{"strategies": "alpha", "rules": {"sequence_leap": {"then": "reject"}}}])).await;
    let list = json!([held("000001.SZ", 1000), held("600000.SH", 500)]);
    let push = |sequence: i64| json!({"strategy_name": "alpha", "positions": list, "sequence": sequence}).to_string();
    app.push_body(&ALICE, &push(7)).await.ok();
    let leap = app.push_body(&ALICE, &push(i64::MAX)).await;
    assert_eq!(leap.json()["reasons"][0]["rule"], "sequence_leap");
    assert_eq!(leap.refusal(), (422, "guard".to_owned()));
    app.push_body(&ALICE, &push(8)).await.ok();
}

#[tokio::test]
async fn what_waits_goes_as_it_is_said_also_where_nothing_is_wanted_any_more() {
    let app = desk().await;
    set_state(&app, "alpha", json!({"state": "frozen"})).await.ok();
    let first = hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 9000)])).await);
    for state in ["flat", "closed"] {
        let applied = set_state(&app, "alpha", json!({"state": state, "waiting": "apply"})).await;
        assert_eq!(applied.refusal(), (409, "wrong_state".to_owned()));
    }
    set_state(&app, "alpha", json!({"state": "flat", "waiting": "discard", "hold": first})).await.ok();
    assert_eq!(app.get("/api/v1/holds").await.ok()["holds"], json!([]));
    // A list that the operator chose gives way to nothing that waited before.
    hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 9000)])).await);
    app.operate("POST", "/api/v1/strategies/alpha/restore", &[], r#"{"revision": 1, "freeze": false}"#).await.ok();
    assert_eq!(app.get("/api/v1/holds").await.ok()["holds"], json!([]));
}

#[tokio::test]
async fn an_overlay_that_a_program_pushes_meets_the_guard_that_names_it() {
    let app = desk().await;
    let key = add_key(&app, "overlays", Scope::Write, &["ADJUSTMENT_*"]).await;
    let push = async |volume: i64| {
        let body = json!({"strategy_name": "ADJUSTMENT_A", "positions": [held("000001.SZ", volume)]});
        app.post("/api/v1/positions/update", &[("x-api-key", &key)], body.to_string()).await
    };
    let limits = json!({"instrument_cost": {"over": 100_000, "then": "reject"}});
    guard(&app, json!([{"strategies": "*", "rules": limits}])).await;
    push(20_000).await.ok();
    guard(&app, json!([{"strategies": "ADJUSTMENT_*", "rules": limits}])).await;
    assert_eq!(push(30_000).await.refusal(), (422, "guard".to_owned()));
}

#[tokio::test]
async fn a_preview_begins_with_what_the_terminal_holds_and_a_list_is_said_when_it_is_supposed() {
    let app = desk().await;
    let key = add_bound_key(&app, "qmt", "main").await;
    app.clock.advance(Duration::from_hours(24));
    let at = jiff::Timestamp::from_microsecond(app.clock.now().as_micros()).unwrap().to_string();
    let report = json!({"at": at, "cash": "100", "holdings": [{"code": "000001.SZ", "volume": 700}]});
    app.post("/api/v1/accounts/main/report", &[("x-api-key", &key)], report.to_string()).await.ok();
    app.push(&ALICE, "beta", json!([held("000001.XSHE", 300)])).await.ok();
    let supposed = json!({"strategy_name": "alpha", "positions": [held("000001.SZ", 1000)]});
    let preview = app.operate("POST", "/api/v1/accounts/main/preview", &[], &supposed.to_string()).await.ok();
    let order = &preview["orders"][0];
    assert_eq!((&order["side"], &order["volume"], &order["held"]), (&json!("buy"), &json!(100), &json!(false)));
    assert_eq!((&preview["cash_needed"], &preview["cash"]), (&json!(1000.0), &json!("100")));
}

#[tokio::test]
async fn only_a_push_is_in_time_be_it_in_force_or_wait() {
    let app = desk().await;
    for strategy in ["alpha", "beta"] {
        let schedule = format!("/api/v1/strategies/{strategy}/schedule");
        app.operate("PUT", &schedule, &[], r#"{"by": ["14:55"], "days": "trading"}"#).await.ok();
    }
    app.edit("alpha", json!([held("000001.SZ", 1)])).await.ok();
    set_state(&app, "beta", json!({"state": "frozen"})).await.ok();
    hold(&app.push(&ALICE, "beta", json!([held("000001.SZ", 1)])).await);
    app.clock.advance(Duration::from_mins(10));
    for (strategy, told) in [("alpha", "silent"), ("beta", "on_time")] {
        let state = app.get(&format!("/api/v1/strategies/{strategy}/state")).await.ok();
        assert_eq!(state["punctuality"], told, "{strategy}");
    }
}

#[tokio::test]
async fn what_was_flat_stays_zero_when_it_is_frozen_and_comes_back_as_old_as_it_was() {
    let app = desk().await;
    set_state(&app, "alpha", json!({"state": "flat"})).await.ok();
    app.clock.advance(Duration::from_hours(24));
    app.push(&ALICE, "beta", json!([held("000001.XSHE", 300)])).await.ok();
    assert_eq!(lines(&app).await, [line("000001.SZ", 300, "300"), line("600000.SH", 0, "0")]);
    set_state(&app, "alpha", json!({"state": "frozen"})).await.ok();
    assert_eq!((total_of(&app, "000001.SZ").await, total_of(&app, "600000.SH").await), (300, 0), "its target stays");
    set_state(&app, "alpha", json!({"state": "live"})).await.ok();
    assert_eq!(total_of(&app, "000001.SZ").await, 300, "also once it lives, until it pushes");

    app.push(&ALICE, "alpha", json!([held("600000.SH", 500)])).await.ok();
    set_state(&app, "alpha", json!({"state": "flat"})).await.ok();
    set_state(&app, "alpha", json!({"state": "live"})).await.ok();
    let bank = async || lines(&app).await.into_iter().find(|line| line.0 == "600000.SH").unwrap();
    assert_eq!(bank().await, line("600000.SH", 300, "250"), "what was said today is today's word");
    set_state(&app, "alpha", json!({"state": "flat"})).await.ok();
    app.clock.advance(Duration::from_hours(24));
    set_state(&app, "alpha", json!({"state": "flat", "note": "still"})).await.ok();
    set_state(&app, "alpha", json!({"state": "live"})).await.ok();
    let (total, target) = (total_of(&app, "600000.SH").await, bank().await);
    assert_eq!((total, target.1, target.3), (500, 300, json!("not_fresh")));
    app.push(&ALICE, "alpha", json!([held("600000.SH", 500)])).await.ok();
    assert_eq!(bank().await, line("600000.SH", 300, "250"));
}

#[tokio::test]
async fn a_push_that_waits_and_is_said_again_today_is_todays_word() {
    let app = desk().await;
    guard(&app, json!([{"strategies": "alpha", "rules": {"grows": {"over": 3, "then": "hold"}}}])).await;
    let wanted = json!([held("000001.SZ", 90_000)]);
    let waiting = hold(&app.push(&ALICE, "alpha", wanted.clone()).await);
    app.clock.advance(Duration::from_hours(24));
    app.push(&ALICE, "beta", json!([held("000001.XSHE", 300)])).await.ok();
    for _ in 0..3 {
        assert_eq!(hold(&app.push(&ALICE, "alpha", wanted.clone()).await), waiting, "it is the same push");
        app.clock.advance(Duration::from_mins(1));
    }
    let written = app.get("/api/v1/revisions.json").await.ok();
    let kinds = written.as_array().unwrap().iter().filter(|one| one["kind"] == "hold");
    assert_eq!(kinds.count(), 2, "once for each day");
    app.operate("POST", &format!("/api/v1/holds/{waiting}/approve"), &[], "").await.ok();
    let line = lines(&app).await[0].clone();
    assert_eq!((line.2.as_str(), line.3), ("45300", Value::Null));
}

#[tokio::test]
async fn a_reason_that_tells_the_time_makes_no_other_push_of_the_same() {
    let app = desk().await;
    guard(&app, json!([{"strategies": "alpha", "rules": {"hours": {"times": ["09:30-10:00"], "then": "hold"}}}])).await;
    let first = hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 2000)])).await);
    app.clock.advance(Duration::from_mins(2));
    assert_eq!(hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 2000)])).await), first);
    // Another reason is another thing to decide.
    set_state(&app, "alpha", json!({"state": "frozen"})).await.ok();
    assert_ne!(hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 2000)])).await), first);
}

#[tokio::test]
async fn what_is_approved_replaces_the_list_that_was_seen() {
    let app = desk().await;
    set_state(&app, "alpha", json!({"state": "frozen"})).await.ok();
    let waiting = hold(&app.push(&ALICE, "alpha", json!([held("000001.SZ", 1200)])).await);
    let seen = app.get("/api/v1/holds").await.ok()["holds"][0]["revision"].as_i64().unwrap();
    app.edit("alpha", json!([held("000001.SZ", 1000), held("600036.SH", 700)])).await.ok();
    let approve = format!("/api/v1/holds/{waiting}/approve");
    let condition = format!("\"{seen}\"");
    let moved = app.operate("POST", &approve, &[("if-match", &condition)], "").await;
    assert_eq!(moved.refusal(), (412, "revision_moved".to_owned()));
    assert_eq!(total_of(&app, "600036.SH").await, 700);
    let condition = format!("\"{}\"", app.get("/api/v1/holds").await.ok()["holds"][0]["revision"]);
    app.operate("POST", &approve, &[("if-match", &condition)], "").await.ok();
    assert_eq!(total_of(&app, "600036.SH").await, 0);
}

#[tokio::test]
async fn an_empty_list_revives_nothing_past_the_guard() {
    let app = desk().await;
    guard(&app, json!([{"strategies": "*", "rules": {"empty": {"then": "hold"}}}])).await;
    app.operate("DELETE", "/api/v1/strategies/alpha?then=revive", &[], "").await.ok();
    let held_back = app.push(&ALICE, "alpha", json!([])).await;
    hold(&held_back);
    assert_eq!(held_back.json()["reasons"][0]["rule"], "empty");
    assert_eq!(app.get(TARGET).await.refusal().1, "incomplete", "nothing is sold");
    // Who never wanted anything may begin with nothing.
    app.push(&ALICE, "delta", json!([])).await.ok();
}
