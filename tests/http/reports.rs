//! What terminals report: taken, explained, and what of it changes the target.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{ALICE, Answer, App, add_bound_key, held, holding};
use crate::pages::Browser;

const REPORT: &str = "/api/v1/accounts/main/report";
const DRIFT: &str = "/api/v1/accounts/main/drift";

/// An account over two strategies, of which one wants 1,000 of 000001 and 500 of 600000, the other 300 of 000001; its
/// terminal, and what time it is there.
struct Desk {
    app: App,
    key: String,
}

fn fill(id: &str, code: &str, side: &str, volume: i64) -> Value {
    json!({"id": id, "order": "7", "code": code, "side": side, "volume": volume, "price": "11.31",
           "at": "2026-01-05T14:50:00+08:00", "fee": "5.00"})
}

impl Desk {
    async fn open() -> Self {
        let app = App::start().await;
        app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000, 10.0), held("600000.SH", 500, 10.0)])).await.ok();
        app.push(&ALICE, "beta", json!([held("000001.SZ", 300, 10.0)])).await.ok();
        let settings = json!({"strategies": [{"name": "alpha"}, {"name": "beta"}]});
        app.operate("PUT", "/api/v1/accounts/main", &[], &settings.to_string()).await.ok();
        let key = add_bound_key(&app, "qmt", "main").await;
        Self { app, key }
    }

    /// A report of this moment, with more members.
    async fn try_report(&self, holdings: Value, more: Value) -> Answer {
        let now = self.app.clock.now().as_micros() / 1000;
        let at = format!("{}", jiff::Timestamp::from_millisecond(now).unwrap());
        let mut report = json!({"at": at, "revision": 3, "cash": "12345.67", "holdings": holdings});
        for (name, value) in more.as_object().unwrap() {
            report[name] = value.clone();
        }
        self.app.post(REPORT, &[("x-api-key", &self.key)], report.to_string()).await
    }

    async fn report(&self, holdings: Value, more: Value) -> Value {
        self.try_report(holdings, more).await.ok()
    }

    /// Code, difference, and each reason with its shares.
    async fn drift(&self) -> Vec<(String, i64, Vec<(String, i64)>)> {
        let drift = self.app.get(DRIFT).await.ok();
        let part = |part: &Value| (part["reason"].as_str().unwrap().to_owned(), part["shares"].as_i64().unwrap());
        let line = |line: &Value| {
            let parts: Vec<_> = line["parts"].as_array().unwrap().iter().map(part).collect();
            assert_eq!(line["difference"].as_i64().unwrap(), parts.iter().map(|(_, shares)| shares).sum::<i64>());
            (line["code"].as_str().unwrap().to_owned(), line["difference"].as_i64().unwrap(), parts)
        };
        drift["lines"].as_array().unwrap().iter().map(line).collect()
    }

    /// Code, volume and the reason of the hold of each line of the target.
    async fn target(&self) -> Vec<(String, i64, Value)> {
        let target = self.app.get("/api/v1/accounts/main/target?code_format=qmt").await.ok();
        let line = |line: &Value| {
            (
                line["code"].as_str().unwrap().to_owned(),
                line["volume"].as_i64().unwrap(),
                line["hold"]["reason"].clone(),
            )
        };
        target["lines"].as_array().unwrap().iter().map(line).collect()
    }

    async fn locks(&self) -> Value {
        self.app.get("/api/v1/accounts/main/locks").await.ok()["locks"].clone()
    }
}

fn because(code: &str, difference: i64, parts: &[(&str, i64)]) -> (String, i64, Vec<(String, i64)>) {
    let parts = parts.iter().map(|(reason, shares)| ((*reason).to_owned(), *shares)).collect();
    (code.to_owned(), difference, parts)
}

fn line(code: &str, volume: i64, hold: Value) -> (String, i64, Value) {
    (code.to_owned(), volume, hold)
}

#[tokio::test]
async fn a_report_is_kept_and_answered_with_the_targets_revision() {
    let mut desk = Desk::open().await;
    assert_eq!(desk.app.get(REPORT).await.refusal(), (404, "nothing_reported".to_owned()));
    assert_eq!(desk.app.get(DRIFT).await.ok()["reported_at"], Value::Null);
    let answer = desk.report(json!([holding("000001.SZ", 1300), holding("600000.SH", 500)]), json!({})).await;
    assert_eq!(answer, json!({"stored": true, "target_revision": 3, "warnings": []}));
    desk.app.restart().await;
    let kept = desk.app.get(REPORT).await.ok();
    assert_eq!(
        (&kept["cash"], &kept["holdings"][0]["volume"], &kept["mode"]),
        (&json!("12345.67"), &json!(1300), &json!("live"))
    );
    assert_eq!(desk.drift().await, []);
    let csv = desk.app.get("/api/v1/accounts/main/holdings.csv").await;
    assert!(String::from_utf8_lossy(&csv.bytes).contains("000001.SZ,1300,1300,10,11.5"));
}

#[tokio::test]
async fn only_the_accounts_own_key_reports() {
    let desk = Desk::open().await;
    let app = &desk.app;
    let body = json!({"at": "2026-01-05T14:50:00+08:00", "holdings": []}).to_string();
    assert_eq!(app.post(REPORT, &[], body.clone()).await.refusal(), (401, "missing_bound_key".to_owned()));
    app.operate("PUT", "/api/v1/accounts/second", &[], r#"{"strategies": [{"name": "alpha"}]}"#).await.ok();
    let other = add_bound_key(app, "other", "second").await;
    assert_eq!(app.post(REPORT, &[("x-api-key", &other)], body.clone()).await.refusal(), (403, "bound_key".to_owned()));
    let operator = app.operate("POST", REPORT, &[], &body).await.refusal();
    assert_eq!(operator, (401, "missing_bound_key".to_owned()), "nobody reports for a terminal");
    let first = [("x-api-key", desk.key.as_str()), ("x-terminal", "one")];
    app.post(REPORT, &first, body.clone()).await.ok();
    let second = [("x-api-key", desk.key.as_str()), ("x-terminal", "two")];
    assert_eq!(app.post(REPORT, &second, body).await.refusal(), (409, "other_terminal".to_owned()));
}

#[tokio::test]
async fn an_older_report_and_one_from_the_future_are_refused() {
    let desk = Desk::open().await;
    desk.report(json!([holding("000001.SZ", 100)]), json!({})).await;
    let old = desk.try_report(json!([]), json!({"at": "2026-01-05T09:00:00+08:00"})).await;
    assert_eq!(old.refusal(), (409, "stale_report".to_owned()));
    let ahead = desk.try_report(json!([]), json!({"at": "2027-01-05T09:00:00+08:00"})).await;
    assert_eq!(ahead.refusal(), (400, "report_from_future".to_owned()));
    let mut tomorrow = fill("9", "000001.SZ", "buy", 100);
    tomorrow["at"] = json!("2026-05-01T10:00:00+08:00");
    let swapped = desk.try_report(json!([]), json!({"fills": [tomorrow]})).await;
    assert_eq!(swapped.refusal(), (400, "report_from_future".to_owned()));
    assert_eq!(desk.app.get(REPORT).await.ok()["holdings"][0]["volume"], 100);
}

#[tokio::test]
async fn what_is_wrong_in_a_report_is_named() {
    let desk = Desk::open().await;
    for (more, place) in [
        (json!({"holdings": null}), "holdings"),
        (json!({"holdings": [{"code": "1.SZ", "volume": 1.5}]}), "holdings[0].volume"),
        (
            json!({"holdings": [{"code": "000001.SZ", "volume": 1}, {"code": "000001.XSHE", "volume": 1}]}),
            "holdings[1].code",
        ),
        (
            json!({"fills": [{"id": "1", "code": "1.SZ", "side": "buy", "volume": 0, "price": 1, "at": "2026-01-05 10:00:00"}]}),
            "fills[0].volume",
        ),
        (
            json!({"fills": [{"id": "1", "code": "1.SZ", "side": "buy", "volume": 1, "price": 1, "at": "noon"}]}),
            "fills[0].at",
        ),
        (json!({"waiting": [{"code": "1.SZ", "shares": 1, "reason": "mood"}]}), "waiting[0].reason"),
        (json!({"at": "noon"}), "at"),
        (json!({"cash": -1}), "cash"),
    ] {
        let refused = desk.try_report(json!([]), more).await;
        let message = refused.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{place}: ")), "{message}");
        assert_eq!(refused.refusal(), (400, "invalid_report".to_owned()));
    }
    let nothing = desk.app.post(REPORT, &[("x-api-key", &desk.key)], r#"{"at": "2026-01-05T14:50:00+08:00"}"#).await;
    assert_eq!(nothing.refusal().1, "invalid_report", "a report that says nothing of holdings is not flat");
}

#[tokio::test]
async fn every_difference_has_its_reasons_to_the_share() {
    let desk = Desk::open().await;
    let order =
        json!({"id": "7", "code": "000001.SZ", "side": "buy", "volume": 200, "traded": 50, "status": "working"});
    let waiting = json!([{"code": "000001.SZ", "shares": 400, "reason": "limit_up", "text": "涨停，排队中"}]);
    desk.report(
        json!([holding("000001.SZ", 700), {"code": "600000.SH", "volume": 800, "sellable": 600}]),
        json!({"orders": [order], "waiting": waiting}),
    )
    .await;
    assert_eq!(
        desk.drift().await,
        [
            because("000001.SZ", -600, &[("in_flight", -150), ("limit_up", -400), ("below_lot", -50)]),
            because("600000.SH", 300, &[("t_plus_1", 200), ("unexplained", 100)]),
        ]
    );
    let drift = desk.app.get(DRIFT).await.ok();
    assert_eq!(drift["lines"][0]["parts"][1]["text"], "涨停，排队中", "in the terminal's own words");
    let csv = desk.app.get("/api/v1/accounts/main/drift.csv").await;
    assert_eq!(String::from_utf8_lossy(&csv.bytes).lines().count(), 6);
    // A terminal that is not heard of explains nothing any more.
    desk.app.clock.advance(Duration::from_secs(91));
    assert_eq!(desk.drift().await[1], because("600000.SH", 300, &[("terminal_silent", 300)]));
    // After the close nobody needs to hear of it.
    desk.app.clock.advance(Duration::from_hours(1));
    assert_eq!(desk.drift().await[1], because("600000.SH", 300, &[("closed_hours", 300)]));
}

#[tokio::test]
async fn a_dry_run_and_a_target_on_its_way_are_reasons() {
    let desk = Desk::open().await;
    let holdings = json!([holding("000001.SZ", 1300), holding("600000.SH", 500)]);
    desk.report(holdings.clone(), json!({})).await;
    desk.app.push(&ALICE, "beta", json!([held("000001.SZ", 500, 10.0)])).await.ok();
    assert_eq!(desk.drift().await, [because("000001.SZ", -200, &[("in_flight", -200)])]);
    desk.report(holdings, json!({"mode": "dry_run", "revision": 4})).await;
    assert_eq!(desk.drift().await, [because("000001.SZ", -200, &[("dry_run", -200)])]);
}

#[tokio::test]
async fn a_fill_counts_once_however_often_it_is_reported() {
    let mut desk = Desk::open().await;
    desk.report(json!([holding("000001.SZ", 1000)]), json!({})).await;
    let bought = json!({"fills": [fill("9", "000001.SZ", "buy", 300)]});
    for _ in 0..3 {
        let answer = desk.report(json!([holding("000001.SZ", 1300)]), bought.clone()).await;
        assert_eq!(answer["warnings"], json!([]));
    }
    desk.app.restart().await;
    desk.app.clock.advance(Duration::from_mins(5));
    let again = desk.report(json!([holding("000001.SZ", 1300)]), bought).await;
    assert_eq!((&again["warnings"], desk.locks().await), (&json!([]), json!([])));
    let other = json!({"fills": [fill("9", "000001.SZ", "buy", 400)]});
    assert_eq!(desk.report(json!([holding("000001.SZ", 1300)]), other).await["warnings"][0]["warning"], "fill_differs");
    let fills = desk.app.get("/api/v1/accounts/main/fills").await.ok();
    assert_eq!((fills["fills"].as_array().unwrap().len(), &fills["fills"][0]["volume"]), (1, &json!(300)));
    let changes = desk.app.get("/api/v1/accounts/main/holdings/changes").await.ok();
    let changes = changes["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (&changes[0]["before"], &changes[0]["after"], &changes[0]["filled"]),
        (&json!(1000), &json!(1300), &json!(300))
    );
}

#[tokio::test]
async fn a_change_that_no_fill_explains_locks_its_line_until_all_have_pushed_again() {
    let mut desk = Desk::open().await;
    desk.report(json!([holding("000001.SZ", 1300), holding("600000.SH", 500)]), json!({})).await;
    // A bonus share: at once nothing is traded, and after a minute without an explanation it is locked.
    let after = json!([holding("000001.SZ", 1690), holding("600000.SH", 500)]);
    desk.report(after.clone(), json!({})).await;
    assert_eq!(desk.target().await[0], line("000001.SZ", 1300, json!("unexplained_change")));
    assert_eq!(desk.locks().await, json!([]));
    desk.app.clock.advance(Duration::from_secs(61));
    let answer = desk.report(after.clone(), json!({})).await;
    assert_eq!(answer["warnings"][0]["warning"], "unexplained_change");
    assert_eq!(desk.locks().await[0]["shares"], 390);
    desk.app.restart().await;
    assert_eq!(desk.target().await[0], line("000001.SZ", 1300, json!("unexplained_change")));
    assert_eq!(desk.target().await[1], line("600000.SH", 500, Value::Null));
    assert_eq!(desk.drift().await, [because("000001.SZ", 390, &[("held_line", 390)])]);
    let verdict = jq2qmt::store::verify::verify(&desk.app.database()).await.unwrap();
    assert!(matches!(verdict, jq2qmt::store::verify::Verdict::Whole { .. }), "{verdict:?}");
    desk.app.clock.advance(Duration::from_secs(1));
    // One of both has pushed: not enough.
    let tag = desk.app.get("/api/v1/accounts/main/target").await.header("etag").to_owned();
    desk.app.push(&ALICE, "alpha", json!([held("000001.SZ", 1300, 10.0), held("600000.SH", 500, 10.0)])).await.ok();
    assert_eq!(desk.target().await[0].2, json!("unexplained_change"));
    // The same list again is a word, too.
    desk.app.push(&ALICE, "beta", json!([held("000001.SZ", 300, 10.0)])).await.ok();
    assert_eq!(desk.target().await[0], line("000001.SZ", 1600, Value::Null));
    assert_ne!(desk.app.get("/api/v1/accounts/main/target").await.header("etag"), tag);
}

#[tokio::test]
async fn what_the_operator_does_to_a_list_answers_no_lock_and_another_lock_hides_none() {
    let desk = Desk::open().await;
    let holdings = |first: i64, second: i64| json!([holding("000001.SZ", first), holding("600000.SH", second)]);
    desk.report(holdings(1300, 500), json!({})).await;
    desk.report(holdings(1690, 500), json!({})).await;
    desk.app.clock.advance(Duration::from_secs(61));
    desk.report(holdings(1690, 500), json!({})).await;
    desk.app.clock.advance(Duration::from_secs(1));
    for strategy in ["alpha", "beta"] {
        desk.app.edit(strategy, json!([held("000001.SZ", 700, 10.0), held("600000.SH", 250, 10.0)])).await.ok();
    }
    assert_eq!(desk.target().await[0], line("000001.SZ", 1400, json!("unexplained_change")));
    // What hides the lock does not release it.
    let never = json!({"strategies": [{"name": "alpha"}, {"name": "beta"}],
                       "protected": [{"code": "000001.SZ", "volume": null}]});
    desk.app.operate("PUT", "/api/v1/accounts/main", &[], &never.to_string()).await.ok();
    assert_eq!(desk.target().await[0].2, json!("protected"));
    desk.report(holdings(1690, 650), json!({})).await;
    desk.app.clock.advance(Duration::from_secs(61));
    desk.report(holdings(1690, 650), json!({})).await;
    let locked: Vec<Value> = desk.locks().await.as_array().unwrap().iter().map(|lock| lock["code"].clone()).collect();
    assert_eq!(locked, [json!("000001.SZ"), json!("600000.SH")]);
    let released = desk.app.operate("DELETE", "/api/v1/accounts/main/locks", &[], "").await.ok();
    assert_eq!((&released["locks"], desk.locks().await), (&json!(0), json!([])));
}

#[tokio::test]
async fn a_holding_that_vanishes_for_a_while_stays_listed() {
    let desk = Desk::open().await;
    let all = json!([holding("000001.SZ", 1300), holding("600000.SH", 500)]);
    desk.report(all.clone(), json!({})).await;
    desk.app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000, 10.0)])).await.ok();
    // It cannot be sold today; and then the terminal's list lacks it for a while.
    let lacking = json!([holding("000001.SZ", 1300)]);
    desk.report(all.clone(), json!({"revision": 4})).await;
    for _ in 0..3 {
        desk.report(lacking.clone(), json!({"revision": 4})).await;
        desk.app.clock.advance(Duration::from_secs(40));
    }
    assert_eq!(desk.locks().await[0]["shares"], -500);
    desk.report(all, json!({"revision": 5})).await;
    assert_eq!(desk.target().await[1], line("600000.SH", 0, json!("unexplained_change")));
}

#[tokio::test]
async fn what_is_bought_by_hand_brings_no_line_back() {
    let desk = Desk::open().await;
    desk.report(json!([holding("000001.SZ", 1300), holding("600000.SH", 500)]), json!({})).await;
    desk.app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000, 10.0)])).await.ok();
    let sold = json!({"revision": 4, "fills": [fill("9", "600000.SH", "sell", 500)]});
    desk.report(json!([holding("000001.SZ", 1300)]), sold).await;
    assert_eq!(desk.target().await.len(), 1);
    // The trade is known before the order that somebody placed by hand is.
    let after = json!([holding("000001.SZ", 1300), holding("600000.SH", 100)]);
    let mut by_hand = fill("10", "600000.SH", "buy", 100);
    by_hand["order"] = json!("by hand");
    desk.report(after.clone(), json!({"revision": 4, "fills": [by_hand.clone()]})).await;
    assert_eq!(desk.target().await.len(), 1);
    let order = json!({"id": "by hand", "code": "600000.SH", "side": "buy", "volume": 100, "traded": 100,
                       "status": "filled", "ours": false});
    desk.report(after.clone(), json!({"revision": 4, "fills": [by_hand], "orders": [order]})).await;
    assert_eq!(desk.target().await.len(), 1);
    // An order of ours that came late is another matter: what it bought is sold again.
    let ours = json!({"id": "7", "code": "600000.SH", "side": "buy", "volume": 100, "traded": 100, "status": "filled"});
    let more = json!([holding("000001.SZ", 1300), holding("600000.SH", 200)]);
    let late = json!({"revision": 4, "fills": [fill("11", "600000.SH", "buy", 100)], "orders": [ours]});
    desk.report(more, late).await;
    assert_eq!(desk.target().await[1].0, "600000.SH");
}

#[tokio::test]
async fn a_trade_by_hand_is_held_at_once_though_an_order_of_ours_rests() {
    let desk = Desk::open().await;
    let resting =
        json!({"id": "7", "code": "000001.SZ", "side": "buy", "volume": 300, "traded": 0, "status": "working"});
    desk.report(json!([holding("000001.SZ", 1000)]), json!({"orders": [resting]})).await;
    let by_hand = json!({"id": "8", "code": "000001.SZ", "side": "sell", "volume": 400, "traded": 400,
                         "status": "filled", "ours": false});
    let mut sold = fill("9", "000001.SZ", "sell", 400);
    sold["order"] = json!("8");
    let told = json!({"orders": [resting, by_hand], "fills": [sold]});
    desk.report(json!([holding("000001.SZ", 600)]), told.clone()).await;
    assert_eq!(desk.target().await[0].2, json!("unexplained_change"));
    desk.app.clock.advance(Duration::from_mins(5));
    desk.report(json!([holding("000001.SZ", 600)]), told).await;
    assert_eq!(desk.locks().await[0]["shares"], -400, "an order that rests explains nothing for ever");
}

#[tokio::test]
async fn the_operator_releases_what_is_locked() {
    let desk = Desk::open().await;
    desk.report(json!([holding("000001.SZ", 1300)]), json!({})).await;
    desk.report(json!([holding("000001.SZ", 1000)]), json!({})).await;
    desk.app.clock.advance(Duration::from_secs(61));
    desk.report(json!([holding("000001.SZ", 1000)]), json!({})).await;
    assert_eq!(desk.target().await[0].2, json!("unexplained_change"));
    let other = desk.app.operate("DELETE", "/api/v1/accounts/main/locks/600000.SH", &[], "").await;
    assert_eq!(other.refusal(), (404, "not_locked".to_owned()));
    let released = desk.app.operate("DELETE", "/api/v1/accounts/main/locks/000001.XSHE", &[], "").await.ok();
    assert_eq!(released["locks"], 0);
    assert_eq!(desk.target().await[0], line("000001.SZ", 1300, Value::Null));
    let revision = desk.app.get(&format!("/api/v1/revisions/{}", released["revision"])).await.ok();
    assert_eq!((&revision["kind"], &revision["actor_kind"]), (&json!("release"), &json!("operator")));
}

#[tokio::test]
async fn what_is_locked_is_released_from_its_line() {
    let desk = Desk::open().await;
    desk.report(json!([holding("000001.SZ", 1300)]), json!({})).await;
    desk.report(json!([holding("000001.SZ", 1000)]), json!({})).await;
    desk.app.clock.advance(Duration::from_secs(61));
    desk.report(json!([holding("000001.SZ", 1000)]), json!({})).await;
    let stranger = Browser::new(&desk.app).page("/accounts/main").await;
    assert!(stranger.contains("000001.SZ") && !stranger.contains("/unlock"));
    let mut browser = Browser::operator(&desk.app).await;
    let page = browser.page("/accounts/main").await;
    assert_eq!(page.matches("action=\"/accounts/main/unlock\"").count(), 1, "600000 is not locked");
    let done = browser.submit_from(&page, "/accounts/main/unlock", &[]).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/accounts/main?done=5"));
    assert!(browser.page("/accounts/main?done=5").await.contains("已完成"));
    assert_eq!(desk.target().await[0], line("000001.SZ", 1300, Value::Null));
    // The second tab.
    assert_eq!(browser.submit_from(&page, "/accounts/main/unlock", &[]).await.header("location"), "/accounts/main");
}

#[tokio::test]
async fn lists_that_lag_behind_each_other_lock_nothing() {
    let desk = Desk::open().await;
    let order = |traded: i64, status: &str| json!([{"id": "7", "code": "000001.SZ", "side": "buy", "volume": 300, "traded": traded, "status": status}]);
    let (before, after) = (json!([holding("000001.SZ", 1000)]), json!([holding("000001.SZ", 1300)]));
    desk.report(before.clone(), json!({"orders": order(0, "working")})).await;
    let filled = json!({"orders": order(300, "filled"), "fills": [fill("9", "000001.SZ", "buy", 300)]});
    // The fill is known 80 s before the holding shows it.
    for _ in 0..2 {
        desk.report(before.clone(), filled.clone()).await;
        desk.app.clock.advance(Duration::from_secs(40));
    }
    assert_eq!(desk.target().await[0].2, Value::Null);
    desk.report(after.clone(), filled.clone()).await;
    desk.app.clock.advance(Duration::from_mins(10));
    desk.report(after, filled).await;
    assert_eq!(desk.locks().await, json!([]));
}

#[tokio::test]
async fn a_zero_stays_listed_until_it_is_reported_gone_and_what_is_bought_by_hand_is_never_sold() {
    let mut desk = Desk::open().await;
    let all = json!([holding("000001.SZ", 1300), holding("600000.SH", 500)]);
    desk.report(all.clone(), json!({})).await;
    desk.app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000, 10.0)])).await.ok();
    assert_eq!(desk.target().await[1], line("600000.SH", 0, Value::Null));
    // Not seen yet by the terminal, or not sold yet: it stays.
    desk.report(json!([holding("000001.SZ", 1300)]), json!({"revision": 3})).await;
    assert_eq!(desk.target().await.len(), 2, "the terminal did not know yet that nothing is wanted");
    let desk2 = Desk::open().await;
    desk2.report(all, json!({})).await;
    desk2.app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000, 10.0)])).await.ok();
    let sold = json!({"revision": 4, "fills": [fill("9", "600000.SH", "sell", 500)]});
    desk2.report(json!([holding("000001.SZ", 1300)]), sold).await;
    assert_eq!(desk2.target().await, [line("000001.SZ", 1300, Value::Null)]);
    // Bought by hand after that: it is not listed, so that nobody sells it; nor after a change of the account.
    let by_hand = json!([holding("000001.SZ", 1300), holding("600000.SH", 200)]);
    desk2.report(by_hand.clone(), json!({"revision": 4})).await;
    let settings = json!({"strategies": [{"name": "beta"}]});
    desk2.app.operate("PUT", "/api/v1/accounts/main", &[], &settings.to_string()).await.ok();
    assert_eq!(desk2.target().await, [line("000001.SZ", 300, Value::Null)]);
    desk.app.restart().await;
}
