//! Lines of an overlay that end by a day: they count through it, and are then taken out by the server, once.

use std::time::Duration;

use jq2qmt::desk::expiry::Steadiness;
use jq2qmt::desk::incidents::Surroundings;
use jq2qmt::domain::moment::Moment;
use jq2qmt::ledger::{Line, Lines};
use jq2qmt::store::verify::{Verdict, verify};
use serde_json::{Value, json};

use crate::app::{ALICE, App, START, add_bound_key, held, holding};
use crate::pages::{Browser, text};

const MAIN: &str = "/api/v1/positions/strategy/ADJUSTMENT_MAIN";

/// The day of [`START`], and the one after it.
const TODAY: &str = "2026-01-05";
const TOMORROW: &str = "2026-01-06";

/// From [`START`] to the midnight after.
const TO_MIDNIGHT: Duration = Duration::from_mins(9 * 60 + 10);

fn until(code: &str, volume: i64, day: &str) -> Value {
    json!({"code": code, "volume": volume, "cost": 10, "until": day})
}

/// The server at work: what its task does every few seconds.
struct Sweeper(Steadiness);

impl Sweeper {
    fn new(app: &App) -> Self {
        Self(Steadiness::at_start(app.clock.running()))
    }

    /// Where nobody reports: after the while in which the clock might have been put right.
    async fn at_work(app: &App) -> Self {
        let mut sweeper = Self::new(app);
        sweeper.sweep(app).await;
        app.clock.advance(Duration::from_mins(5));
        sweeper
    }

    /// Looks for incidents, then for what is over; what the main overlay holds then.
    async fn sweep(&mut self, app: &App) -> Vec<String> {
        let incidents = app.state.incidents();
        incidents.look(Surroundings::default()).await.unwrap();
        app.state.desk().expire(&mut self.0, &app.clock, incidents).await.unwrap();
        codes(app).await
    }
}

async fn codes(app: &App) -> Vec<String> {
    let list = app.get(MAIN).await.ok();
    list["positions"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

async fn revision(app: &App) -> Value {
    app.get(MAIN).await.ok()["revision"].clone()
}

#[tokio::test]
async fn a_line_counts_through_its_last_day_and_is_then_zero() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 500, 10.0)])).await.ok();
    app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 300, TODAY), until("000001.SZ", -100, TOMORROW)])).await.ok();
    let account = json!({"strategies": [{"name": "alpha"}], "adjustments": "all", "fresh": "any"}).to_string();
    app.operate("PUT", "/api/v1/accounts/main", &[], &account).await.ok();
    let mut sweeper = Sweeper::new(&app);
    app.clock.advance(TO_MIDNIGHT.saturating_sub(Duration::from_micros(1)));
    assert_eq!(sweeper.sweep(&app).await, ["600000.SH", "000001.SZ"]);
    let before = app.get("/api/v1/positions/total").await;
    app.clock.advance(Duration::from_micros(1));
    assert_eq!(sweeper.sweep(&app).await, ["000001.SZ"]);

    // Whoever polls sees another total, and the account's target says that nothing is wanted any more.
    let after = app.get("/api/v1/positions/total").await;
    assert_ne!(before.header("etag"), after.header("etag"));
    assert_eq!(after.ok()["update_time"], "2026-01-06 00:00:00.000000");
    let target = app.get("/api/v1/accounts/main/target").await.ok();
    let line = |code: &str| target["lines"].as_array().unwrap().iter().find(|one| one["code"] == code).cloned();
    assert_eq!(line("600000.SH").unwrap()["volume"], 0, "{target}");
    assert_eq!(line("000001.SZ").unwrap()["volume"], 400);
    let made = app.get("/api/v1/revisions/4").await.ok();
    let who = (&made["kind"], &made["actor_kind"], &made["actor"], &made["address"]);
    assert_eq!(who, (&json!("expire"), &json!("server"), &json!("server"), &Value::Null));
    let before = &made["changes"][0]["before"][0];
    assert_eq!((&before["code"], &before["until"]), (&json!("600000.SH"), &json!(TODAY)));
    assert_eq!(made["changes"][0]["after"], json!([]));

    assert_eq!((sweeper.sweep(&app).await.len(), revision(&app).await), (1, json!(4)), "what is done is done");
    app.clock.advance(Duration::from_hours(24));
    assert_eq!(sweeper.sweep(&app).await.len(), 0);
    let empty = app.get(MAIN).await.ok();
    assert!(empty["update_time"].is_string(), "an overlay whose last line is over is an empty list, and stands");
    assert!(matches!(verify(&app.database()).await.unwrap(), Verdict::Whole { revisions: 5, .. }));
    let export = text(&app.get("/api/v1/revisions.jsonl").await);
    let lines =
        export.lines().fold(None, |before, line| Some(Lines::follow(before, &Line::read(line).unwrap()).unwrap()));
    assert_eq!(lines.unwrap().length, 5);
}

#[tokio::test]
async fn a_last_day_alone_sends_nobody_trading() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([held("600000.SH", 300, 10.0)])).await.ok();
    let before = app.get(MAIN).await.ok();
    app.clock.advance(Duration::from_secs(1));
    let edited = app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 300, TOMORROW)])).await.ok();
    assert_eq!((&edited["changed"], &edited["revision"]), (&json!(true), &json!(2)));
    let after = app.get(MAIN).await.ok();
    assert_eq!(after["positions"][0]["until"], TOMORROW);
    assert_eq!(before["update_time"], after["update_time"]);
    assert!(before["positions"][0].get("until").is_none());
    let again = app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 300, TOMORROW)])).await.ok();
    assert_eq!(again["changed"], false);
    let back = app.edit("ADJUSTMENT_MAIN", json!([held("600000.SH", 300, 10.0)])).await.ok();
    assert_eq!(back["changed"], true);
    assert!(app.get(MAIN).await.ok()["positions"][0].get("until").is_none());
}

#[tokio::test]
async fn a_last_day_that_is_none_or_over_is_refused_with_today() {
    let app = App::start().await;
    for (wrong, says) in [
        (json!("2026-01-04"), "until must not be before today, 2026-01-05"),
        (json!("2026-02-30"), "until must be a day"),
        (json!("05.01.2026"), "until must be a day"),
        (json!(20_260_105), "until must be a day"),
        (json!(["2026-12-31"]), "until must be a day"),
    ] {
        let line = json!({"code": "600000.SH", "volume": 1, "cost": 1, "until": wrong});
        let answer = app.edit("ADJUSTMENT_MAIN", json!([held("000001.SZ", 1, 1.0), line])).await;
        let body = answer.json();
        assert_eq!(answer.refusal(), (400, "invalid_position".to_owned()), "{wrong}");
        assert_eq!((&body["position"], &body["field"]), (&json!(1), &json!("until")), "{wrong}");
        assert!(body["message"].as_str().unwrap().contains(says), "{body}");
    }
    assert!(app.store.book().is_empty());
    // Shanghai's midnight decides, and today still counts; null says that there is none.
    app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 1, TODAY)])).await.ok();
    let none = json!({"code": "600000.SH", "volume": 1, "cost": 1, "until": null});
    app.edit("ADJUSTMENT_MAIN", json!([none])).await.ok();
    assert!(app.get(MAIN).await.ok()["positions"][0].get("until").is_none());
    // A strategy's list knows no such field, and passes it over.
    app.push(&ALICE, "alpha", json!([until("600000.SH", 1, "nonsense")])).await.ok();
    let list = app.get("/api/v1/positions/strategy/alpha").await.ok();
    assert!(list["positions"][0].get("until").is_none());
}

#[tokio::test]
async fn what_was_over_while_the_server_was_down_is_taken_out_at_its_start() {
    let mut app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 300, TODAY), held("000001.SZ", 100, 10.0)])).await.ok();
    app.clock.advance(Duration::from_hours(18));
    app.restart().await;
    assert_eq!(codes(&app).await.len(), 2, "opening the book changes nothing");
    let mut sweeper = Sweeper::new(&app);
    for left in [2, 2, 1] {
        assert_eq!(sweeper.sweep(&app).await.len(), left, "a time service may put the clock right yet");
        app.clock.advance(Duration::from_mins(5).saturating_sub(Duration::from_secs(1)));
    }
    app.restart().await;
    let mut sweeper = Sweeper::at_work(&app).await;
    assert_eq!((sweeper.sweep(&app).await.len(), revision(&app).await), (1, json!(2)));
    assert!(matches!(verify(&app.database()).await.unwrap(), Verdict::Whole { revisions: 2, .. }));
}

/// A strategy, an overlay whose line ends today, and an account that a terminal reports of, with this key.
async fn followed() -> (App, String) {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 500, 10.0)])).await.ok();
    app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 300, TODAY)])).await.ok();
    let key = follow(&app, "main").await;
    (app, key)
}

/// The key of the terminal of an account that follows the strategy.
async fn follow(app: &App, account: &str) -> String {
    let follows = r#"{"strategies": [{"name": "alpha"}]}"#;
    app.operate("PUT", &format!("/api/v1/accounts/{account}"), &[], follows).await.ok();
    add_bound_key(app, account, account).await
}

/// The terminal reports, at this time by its own clock.
async fn report(app: &App, key: &str, at: Moment) {
    report_of(app, "main", key, at).await;
}

async fn report_of(app: &App, account: &str, key: &str, at: Moment) {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap().to_string();
    let report = json!({"at": at, "revision": 3, "cash": "0", "holdings": [holding("000001.SZ", 500)]});
    app.post(&format!("/api/v1/accounts/{account}/report"), &[("x-api-key", key)], report.to_string()).await.ok();
}

#[tokio::test]
async fn a_server_that_starts_with_a_wrong_clock_hears_the_terminals_first() {
    let (mut app, key) = followed().await;
    report(&app, &key, START).await;
    app.clock.set(START.plus(Duration::from_hours(48)));
    app.restart().await;
    let mut sweeper = Sweeper::new(&app);
    for hour in 0..=10 {
        assert_eq!(sweeper.sweep(&app).await.len(), 1, "terminals are off at night, hour {hour}");
        app.clock.advance(Duration::from_hours(1));
    }
    for minute in 1..=6 {
        report(&app, &key, START.plus(Duration::from_mins(minute))).await;
        assert_eq!(sweeper.sweep(&app).await.len(), 1, "minute {minute}");
        app.clock.advance(Duration::from_mins(1));
    }
    // It is put right, and goes on to the next day: once a terminal says so, the line is over.
    app.clock.set(START.plus(Duration::from_hours(24)));
    assert_eq!(sweeper.sweep(&app).await.len(), 1);
    app.clock.advance(Duration::from_mins(10));
    assert_eq!(sweeper.sweep(&app).await.len(), 1, "nobody has said so yet");
    report(&app, &key, app.clock.now()).await;
    assert_eq!(sweeper.sweep(&app).await.len(), 0);
}

#[tokio::test]
async fn a_terminal_that_says_the_same_is_not_believed_while_another_contradicts() {
    let (app, key) = followed().await;
    let other = follow(&app, "other").await;
    let mut sweeper = Sweeper::new(&app);
    app.clock.set(START.plus(Duration::from_hours(24)));
    for minute in 1..=10 {
        // One has the server's own clock, as on the same machine.
        report(&app, &key, app.clock.now()).await;
        report_of(&app, "other", &other, START.plus(Duration::from_mins(minute))).await;
        assert_eq!(sweeper.sweep(&app).await.len(), 1, "minute {minute}");
        app.clock.advance(Duration::from_mins(1));
    }
    report(&app, &key, app.clock.now()).await;
    report_of(&app, "other", &other, app.clock.now()).await;
    assert_eq!(sweeper.sweep(&app).await.len(), 0);
}

#[tokio::test]
async fn nobody_waits_for_the_terminal_of_an_account_that_is_gone() {
    let (app, key) = followed().await;
    report(&app, &key, START).await;
    app.clock.advance(TO_MIDNIGHT);
    let mut sweeper = Sweeper::at_work(&app).await;
    assert_eq!(sweeper.sweep(&app).await.len(), 1, "its terminal is off at night");
    app.operate("DELETE", "/api/v1/accounts/main", &[], "").await.ok();
    assert_eq!(sweeper.sweep(&app).await.len(), 0);
}

#[tokio::test]
async fn a_clock_that_ran_ahead_ends_nothing() {
    let (app, key) = followed().await;
    let mut sweeper = Sweeper::new(&app);
    report(&app, &key, START).await;
    assert_eq!(sweeper.sweep(&app).await.len(), 1);

    // Somebody sets the clock two days ahead: before anybody contradicts it, and once the terminal has.
    app.clock.set(START.plus(Duration::from_hours(48)));
    assert_eq!(sweeper.sweep(&app).await.len(), 1, "the time has jumped");
    for minute in 1..=6 {
        app.clock.advance(Duration::from_mins(1));
        report(&app, &key, START.plus(Duration::from_mins(minute))).await;
        assert_eq!(sweeper.sweep(&app).await.len(), 1, "minute {minute}");
    }
    assert!(app.state.incidents().doubt_clock());
    let still_counting = "ADJUSTMENT_MAIN 有的行最后一天已过，但仍计入目标";
    let mut browser = Browser::operator(&app).await;
    assert!(text(&browser.get("/").await).contains(still_counting));

    // It is put right, and the last day ends when it ends.
    let right = START.plus(Duration::from_mins(7));
    app.clock.set(right);
    assert_eq!(sweeper.sweep(&app).await.len(), 1);
    assert_eq!(revision(&app).await, 2, "nothing was written meanwhile");
    assert!(!text(&browser.get("/").await).contains(still_counting));
}

#[tokio::test]
async fn a_clock_that_was_put_right_ends_what_is_over_though_changes_lie_ahead() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 300, TODAY)])).await.ok();
    let mut sweeper = Sweeper::new(&app);
    sweeper.sweep(&app).await;
    app.clock.set(START.plus(Duration::from_hours(48)));
    app.edit("ADJUSTMENT_OTHER", json!([held("000001.SZ", 100, 10.0)])).await.ok();
    assert_eq!(sweeper.sweep(&app).await.len(), 1);
    app.clock.set(START);
    assert_eq!(sweeper.sweep(&app).await.len(), 1);
    app.clock.advance(TO_MIDNIGHT);
    assert_eq!(sweeper.sweep(&app).await.len(), 0);
    let told = app.get("/api/v1/incidents").await.ok();
    assert!(told.to_string().contains("\"clock\""), "the clock is behind the newest change all the while: {told}");
}

#[tokio::test]
async fn a_clock_that_was_set_and_that_nobody_contradicts_is_believed_in_the_end() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 300, TODAY)])).await.ok();
    let mut sweeper = Sweeper::new(&app);
    assert_eq!(sweeper.sweep(&app).await.len(), 1);
    app.clock.set(START.plus(Duration::from_hours(24)));
    assert_eq!(sweeper.sweep(&app).await.len(), 1);
    app.clock.advance(Duration::from_mins(5));
    assert_eq!(sweeper.sweep(&app).await.len(), 0);
}

#[tokio::test]
async fn what_is_over_does_not_come_back_with_an_earlier_list() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 300, TODAY), held("000001.SZ", 100, 10.0)])).await.ok();
    app.clock.advance(TO_MIDNIGHT);
    assert_eq!(Sweeper::at_work(&app).await.sweep(&app).await, ["000001.SZ"]);
    let mut browser = Browser::operator(&app).await;
    let undo = browser.get("/strategies/ADJUSTMENT_MAIN/undo").await;
    assert_eq!(undo.header("location"), "/strategies/ADJUSTMENT_MAIN/delete", "past what the server did");
    app.edit("ADJUSTMENT_MAIN", json!([])).await.ok();

    let asked = browser.page("/strategies/ADJUSTMENT_MAIN/restore?to=1").await;
    assert!(asked.contains("有 1 行已过有效期，不会恢复"), "{asked}");
    assert!(asked.contains("0 → 100") && !asked.contains("0 → 300"), "{asked}");
    assert_eq!(
        browser.page("/revisions/2").await.matches("/restore?to=").count(),
        0,
        "a day that is over is not undone"
    );
    let body = r#"{"revision": 1, "freeze": false}"#;
    let restored = app.operate("POST", "/api/v1/strategies/ADJUSTMENT_MAIN/restore", &[], body).await.ok();
    assert_eq!((&restored["positions_count"], codes(&app).await), (&json!(1), vec!["000001.SZ".to_owned()]));
}

fn row<'a>([code, volume, until]: [&'a str; 3], action: &'a str) -> Vec<(&'static str, &'a str)> {
    let fields = [("code", code), ("name", ""), ("volume", volume), ("cost", "10"), ("remark", ""), ("until", until)];
    fields.into_iter().chain([("action", action)]).collect()
}

#[tokio::test]
async fn a_last_day_is_typed_previewed_and_shown_where_the_line_is() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    for (wrong, says) in [("2026-01-04", "不能早于今天（2026-01-05）"), ("tomorrow", "必须是日期")] {
        let seen = browser.submit("/adjustment", "/adjustment", &row(["600000", "300", wrong], "preview")).await;
        assert_eq!(seen.status, 422);
        let page = text(&seen);
        assert!(page.contains(says) && page.contains(&format!("value=\"{wrong}\"")), "{page}");
    }
    let typed = ["600000", "300", TOMORROW];
    let seen = browser.submit("/adjustment", "/adjustment", &row(typed, "preview")).await;
    assert!(text(&seen).contains("有效至 2026-01-06"), "{}", text(&seen));
    // Another day than the one that was previewed is not saved.
    let other = browser.submit_from(&text(&seen), "/adjustment", &row(["600000", "300", TODAY], "save")).await;
    assert_eq!((other.status.as_u16(), app.store.book().is_empty()), (200, true));
    assert_eq!(browser.submit_from(&text(&seen), "/adjustment", &row(typed, "save")).await.status, 303);

    let editor = browser.page("/adjustment").await;
    assert!(editor.contains("name=\"until\" value=\"2026-01-06\" type=\"date\""), "{editor}");
    for path in ["/strategies/ADJUSTMENT_MAIN", "/instruments/600000.SH", "/history", "/revisions/1"] {
        assert!(browser.page(path).await.contains("有效至 2026-01-06"), "{path}");
    }
    let csv = text(&browser.get("/strategies/ADJUSTMENT_MAIN/positions.csv").await);
    assert!(csv.contains("remark,until\n") && csv.ends_with(",2026-01-06\n"), "{csv}");

    app.edit("ADJUSTMENT_MAIN", json!([until("600000.XSHG", 300, TODAY)])).await.ok();
    let changed = browser.page("/revisions/2").await;
    assert!(changed.contains("有效期变更") && changed.contains("有效至 2026-01-06 → 2026-01-05"), "{changed}");
    app.clock.advance(TO_MIDNIGHT);
    assert_eq!(Sweeper::at_work(&app).await.sweep(&app).await.len(), 0);
    let expired = browser.page("/revisions/3").await;
    assert!(expired.contains("到期") && expired.contains("服务器"), "{expired}");
    assert!(browser.page("/history?kind=expire").await.contains("id=\"r3\""));
    browser.get("/language?to=en").await;
    assert!(browser.page("/revisions/2").await.contains("until 2026-01-06 → 2026-01-05"));
}

#[tokio::test]
async fn a_last_day_that_somebody_else_typed_is_merged_like_any_field() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([held("600000.XSHG", 300, 10.0)])).await.ok();
    let mut browser = Browser::operator(&app).await;
    let seen = browser.submit("/adjustment", "/adjustment", &row(["600000.XSHG", "300", ""], "preview")).await;
    app.edit("ADJUSTMENT_MAIN", json!([until("600000.XSHG", 300, TOMORROW)])).await.ok();
    let conflict = browser.submit_from(&text(&seen), "/adjustment", &row(["600000.XSHG", "300", ""], "save")).await;
    assert_eq!(conflict.status, 409);
    let page = text(&conflict);
    assert!(page.contains("300 × 10 有效至 2026-01-06"), "{page}");
    assert!(page.contains("name=\"until\" value=\"2026-01-06\""), "theirs is taken where only they changed it");
}

#[tokio::test]
async fn an_editor_that_was_left_open_over_midnight_brings_nothing_back() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 300, TODAY), held("000001.SZ", 100, 10.0)])).await.ok();
    let mut browser = Browser::operator(&app).await;
    let seen = browser.page("/adjustment").await;
    app.clock.advance(TO_MIDNIGHT);
    assert_eq!(Sweeper::at_work(&app).await.sweep(&app).await, ["000001.SZ"]);
    let typed = |day| [row(["600000.SH", "300", day], "preview"), row(["000001.SZ", "200", ""], "preview")].concat();
    let merged = browser.submit_from(&seen, "/adjustment", &typed(TODAY)).await;
    let page = text(&merged);
    assert!(merged.status == 409 && page.contains("100 → 200") && !page.contains("0 → 300"), "{page}");
    // A day that is over is a fault where it was typed just now.
    let typed = browser.submit_from(&seen, "/adjustment", &typed("2026-01-04")).await;
    assert!(typed.status == 422 && text(&typed).contains("不能早于今天"));
}

#[tokio::test]
async fn each_last_day_of_an_instrument_is_shown() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([until("600000.SH", 300, TODAY), held("600000.SH", 100, 10.0)])).await.ok();
    let mut browser = Browser::new(&app);
    for path in ["/instruments/600000.SH", "/revisions/1"] {
        let page = browser.page(path).await;
        assert!(page.contains("有效至 2026-01-05、"), "{page}");
    }
}

#[tokio::test]
async fn a_push_of_an_overlay_that_waited_leaves_out_what_is_over_by_then() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([])).await.ok();
    std::fs::write(app.keys().join("clients.toml"), "[alice]\nstrategies = [\"ADJUSTMENT_*\"]\n").unwrap();
    app.clock.advance(Duration::from_secs(2));
    app.operate("POST", "/api/v1/strategies/ADJUSTMENT_MAIN/state", &[], r#"{"state": "frozen"}"#).await.ok();
    let body = json!({"strategy_name": "ADJUSTMENT_MAIN",
                      "positions": [until("600000.SH", 300, TODAY), held("000001.SZ", 100, 10.0)]});
    let held_push = app.push_body(&ALICE, &body.to_string()).await;
    assert_eq!(held_push.status, 202);
    let hold = held_push.json()["hold"].as_i64().unwrap();
    app.clock.advance(TO_MIDNIGHT);
    let page = Browser::new(&app).page("/holds").await;
    assert!(page.contains("000001.SZ") && !page.contains("600000.SH"), "{page}");
    assert!(page.contains("有 1 行已过有效期"), "{page}");
    let told = app.get("/api/v1/holds").await.ok();
    assert_eq!(told["holds"][0]["changes"].as_array().unwrap().len(), 1, "{told}");
    app.operate("POST", &format!("/api/v1/holds/{hold}/approve"), &[], "").await.ok();
    assert_eq!(codes(&app).await, ["000001.SZ"]);
}
