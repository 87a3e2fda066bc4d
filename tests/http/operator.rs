//! The operator: the password, its throttle, and corrections with a condition.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use jq2qmt::domain::moment::Moment;
use serde_json::json;

use crate::app::{ALICE, App, INTERNAL, PASSWORD, held};
use crate::pages::Browser;

const SET: &str = "/api/v1/internal/password/set";
const BODY: &str = r#"{"strategy_name":"ADJUSTMENT_MAIN","positions":[]}"#;

#[tokio::test]
async fn an_edit_answers_what_was_stored() {
    let app = App::start().await;
    let answer = app.edit("ADJUSTMENT_MAIN", json!([held("600000.XSHG", -300, 8.7)])).await.ok();
    insta::assert_json_snapshot!(answer, @r#"
    {
      "auth_type": "internal_password",
      "changed": true,
      "message": "持仓更新成功（内部接口）",
      "positions_count": 1,
      "revision": 1,
      "strategy_name": "ADJUSTMENT_MAIN"
    }
    "#);
}

#[tokio::test]
async fn the_password_may_stand_in_header_body_or_form() {
    let app = App::start().await;
    app.post(INTERNAL, &[("x-internal-password", PASSWORD)], BODY).await.ok();
    let body = json!({"strategy_name": "ADJUSTMENT_MAIN", "positions": [], "internal_password": PASSWORD}).to_string();
    app.post(INTERNAL, &[], body).await.ok();
    let form = format!("internal_password={PASSWORD}&strategy_name=ADJUSTMENT_B&positions=%5B%5D");
    let request = axum::http::Request::post(INTERNAL).header("content-type", "application/x-www-form-urlencoded");
    let answer = app.send(request.body(form.into()).unwrap()).await.ok();
    assert_eq!(answer["strategy_name"], "ADJUSTMENT_B");

    let missing = app.post(INTERNAL, &[], BODY).await;
    assert_eq!(missing.json()["error"], "缺少内部密码");
    assert_eq!(missing.refusal(), (401, "missing_password".to_owned()));
    let wrong = app.post(INTERNAL, &[("x-internal-password", "wrong")], BODY).await;
    assert_eq!(wrong.json()["error"], "密码验证失败");
    assert_eq!(wrong.refusal(), (401, "wrong_password".to_owned()));
}

#[tokio::test]
async fn guessing_locks_the_address_out() {
    let app = App::start().await;
    let attempt = async |password: &str| app.post(INTERNAL, &[("x-internal-password", password)], BODY).await;
    // At once, so that no guess slips in before another one is counted.
    let answers = join_all(["1", "2", "3", "4", "5", "6"].map(attempt)).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
    // Now even the right one waits, and is told for how long.
    let locked = attempt(PASSWORD).await;
    assert_eq!(locked.header("retry-after"), "60");
    assert_eq!(locked.refusal(), (429, "locked_out".to_owned()));
    app.clock.advance(Duration::from_mins(1));
    attempt(PASSWORD).await.ok();
}

#[tokio::test]
async fn many_addresses_share_their_guesses_and_do_not_lock_the_operator_out() {
    let app = App::start().await;
    let attempt = async |address: [u8; 4], password: &str| {
        let request = axum::http::Request::post(INTERNAL).header("content-type", "application/json");
        app.send_from(address, request.header("x-internal-password", password).body(BODY.into()).unwrap()).await
    };
    let home = [192, 0, 2, 1];
    let mut logged_in = Browser::operator(&app).await;
    attempt(home, PASSWORD).await.ok();
    for host in 1..=20 {
        let (status, code) = attempt([198, 51, 100, host], "wrong").await.refusal();
        assert_eq!((status, code.as_str()), (401, "wrong_password"), "{host}");
    }
    for password in ["wrong", PASSWORD] {
        let crowded = attempt([198, 51, 100, 21], password).await;
        assert_eq!(crowded.header("retry-after"), "60");
        assert!(crowded.json()["message"].as_str().unwrap().contains("from everywhere"));
        assert_eq!(crowded.refusal(), (429, "locked_out".to_owned()));
    }
    // From where the right one came, and from this machine, it is still looked at, and bounded as ever.
    attempt(home, PASSWORD).await.ok();
    attempt([127, 0, 0, 1], PASSWORD).await.ok();
    for status in [401, 401, 401, 401, 401, 429] {
        assert_eq!(attempt(home, "wrong").await.status, status);
    }
    // So it is for who is logged in, wherever they are by now.
    let new = [("current", PASSWORD), ("new", "another-horse-battery"), ("again", "another-horse-battery")];
    logged_in.address = [203, 0, 113, 1];
    assert_eq!(logged_in.submit("/password", "/password", &new).await.status, 200);
    // What was refused was not counted: the minute ends.
    app.clock.advance(Duration::from_mins(1));
    attempt([198, 51, 100, 21], "another-horse-battery").await.ok();
}

#[tokio::test]
async fn a_foreign_page_cannot_lock_the_operator_out() {
    let app = App::start().await;
    let guess = async |headers: &[(&str, &str)], content_type: &str| {
        let body = match content_type {
            "application/x-www-form-urlencoded" => "internal_password=wrong&strategy_name=a&positions=[]",
            _ => r#"{"internal_password":"wrong","strategy_name":"a","positions":[]}"#,
        };
        let request = axum::http::Request::post(INTERNAL).header("content-type", content_type);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        app.send(request.body(body.into()).unwrap()).await.refusal()
    };
    let form = "application/x-www-form-urlencoded";
    for _ in 0..3 {
        for (name, value) in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "null")] {
            assert_eq!(guess(&[(name, value)], form).await, (403, "foreign_form".to_owned()), "{value}");
        }
        let foreign = [("origin", "http://evil.example"), ("host", "192.0.2.1:5366")];
        assert_eq!(guess(&foreign, form).await.0, 403);
        // What a page can send without asking first is a form in disguise.
        assert_eq!(guess(&foreign, "text/plain").await.0, 403);
        assert_eq!(guess(&[], "text/plain").await, (415, "unsupported_media_type".to_owned()));
    }
    // A program's guess, or that of a page of ours, counts.
    for _ in 0..5 {
        assert_eq!(guess(&[], form).await, (401, "wrong_password".to_owned()));
    }
    assert_eq!(guess(&[], form).await, (429, "locked_out".to_owned()));
}

#[tokio::test]
async fn a_guess_counts_though_its_sender_hangs_up() {
    let app = App::start().await;
    let attempt = async |password: &str| app.post(INTERNAL, &[("x-internal-password", password)], BODY).await;
    for wrong in ["1", "2", "3", "4", "5"] {
        assert!(attempt(wrong).now_or_never().is_none(), "the connection ends while the password is checked");
    }
    assert_eq!(attempt(PASSWORD).await.refusal(), (429, "locked_out".to_owned()));
}

#[tokio::test]
async fn the_right_password_costs_nothing_and_does_not_buy_more_guesses() {
    let app = App::start().await;
    let attempt = async |password: &str| app.post(INTERNAL, &[("x-internal-password", password)], BODY).await;
    for _ in 0..10 {
        attempt(PASSWORD).await.ok();
    }
    for wrong in ["1", "2", "3", "4"] {
        assert_eq!(attempt(wrong).await.refusal().0, 401);
    }
    attempt(PASSWORD).await.ok();
    assert_eq!(attempt("5").await.refusal().0, 401);
    assert_eq!(attempt("6").await.refusal().0, 429);
}

#[tokio::test]
async fn a_lock_out_lasts_as_long_as_it_says_however_the_clock_is_set() {
    for jump in [-86_400, 86_400].map(|seconds: i64| seconds * 1_000_000) {
        let app = App::start().await;
        let attempt = async |password: &str| app.post(INTERNAL, &[("x-internal-password", password)], BODY).await;
        for wrong in ["1", "2", "3", "4", "5"] {
            assert_eq!(attempt(wrong).await.refusal().0, 401);
        }
        app.clock.set(Moment::from_micros(app.clock.now().as_micros() + jump));
        assert_eq!(attempt(PASSWORD).await.header("retry-after"), "60", "{jump}");
        app.clock.advance(Duration::from_mins(1));
        attempt(PASSWORD).await.ok();
    }
}

#[tokio::test]
async fn the_password_is_set_and_never_shown() {
    let app = App::start().await;
    let info = app.get("/api/v1/internal/password/info").await.ok();
    let time = "2026-01-05 14:50:00.000000";
    assert_eq!(info, json!({"has_password": true, "created_time": time, "updated_time": time}));
    app.clock.advance(Duration::from_secs(5));
    let set =
        async |password: &str, body: &str| app.post(SET, &[("x-internal-password", password)], body.to_owned()).await;
    for body in ["{}", r#"{"new_password":""}"#, r#"{"new_password":null}"#, r#"{"new_password":1234567890}"#] {
        let answer = set(PASSWORD, body).await;
        assert_eq!(answer.json()["error"], "缺少新密码");
        assert_eq!(answer.refusal(), (400, "missing_new_password".to_owned()), "{body}");
    }
    for (weak, why) in [
        ("short", "太短"),
        ("九个字符的密码不行", "太短"),
        (&"x".repeat(1001), "太长"),
        ("          ", "空白"),
        (" leading-and-long", "空白"),
        ("trailing-and-long\u{3000}", "空白"),
        ("1234567890", "容易猜到"),
        ("aaaaaaaaaaaa", "容易猜到"),
        ("qwertyuiop", "容易猜到"),
        ("Password123", "容易猜到"),
        ("jq2qmtjq2qmt", "容易猜到"),
    ] {
        let answer = set(PASSWORD, &json!({"new_password": weak}).to_string()).await;
        let said = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(said.contains(why), "{weak}: {said}");
        assert_eq!(answer.refusal(), (400, "weak_password".to_owned()), "{weak}");
    }
    let answer = set(PASSWORD, r#"{"new_password":"another-password"}"#).await.ok();
    assert_eq!(answer, json!({"message": "密码设置成功", "timestamp": "2026-01-05 14:50:05.000000"}));
    assert_eq!(set(PASSWORD, r#"{"new_password":"another-password"}"#).await.refusal().0, 401);
    set("another-password", r#"{"new_password":"a-third-password"}"#).await.ok();
    let info = app.get("/api/v1/internal/password/info").await.ok();
    assert_eq!((&info["created_time"], &info["updated_time"]), (&json!(time), &json!("2026-01-05 14:50:05.000000")));
    let auth = app.get("/api/v1/auth/info").await.ok();
    assert_eq!(auth["internal_password_info"], info);
    assert!(auth["public_key"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----"));
}

#[tokio::test]
async fn an_edit_over_somebody_elses_change_is_refused() {
    let app = App::start().await;
    let edit = async |strategy: &str, if_match: &str, volume: i64| {
        let body = json!({"strategy_name": strategy, "positions": [held("000001.SZ", volume, 1.0)]}).to_string();
        app.post(INTERNAL, &[("x-internal-password", PASSWORD), ("if-match", if_match)], body).await
    };
    edit("ADJUSTMENT_MAIN", "\"0\"", 1).await.ok();
    app.push(&ALICE, "alpha", json!([])).await.ok();
    edit("ADJUSTMENT_MAIN", "\"1\"", 2).await.ok();
    for moved in ["\"0\"", "\"1\"", "\"2\"", "\"99\""] {
        let answer = edit("ADJUSTMENT_MAIN", moved, 3).await;
        assert_eq!(answer.json()["current_revision"], 3);
        assert_eq!(answer.refusal(), (412, "revision_moved".to_owned()), "{moved}");
    }
    for bad in ["1", "\"x\"", "\"-1\"", "\"1\", \"3\"", "*"] {
        assert_eq!(edit("ADJUSTMENT_MAIN", bad, 3).await.refusal(), (400, "invalid_if_match".to_owned()), "{bad}");
    }
    // Two operators at once: one of them is told.
    let (one, two) = tokio::join!(edit("ADJUSTMENT_MAIN", "\"3\"", 4), edit("ADJUSTMENT_MAIN", "\"3\"", 5));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}
