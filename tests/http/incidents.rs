//! Incidents: each kind begins, is told once, is grouped, changes and ends; an ordinary day raises none.

use std::time::Duration;

use jq2qmt::auth::rights::Reads;
use jq2qmt::desk::daily::Queued;
use jq2qmt::desk::incidents::{Backup, Disk, Surroundings};
use jq2qmt::domain::moment::Moment;
use jq2qmt::store::api_keys::Scope;
use jq2qmt::store::inspect::inspect;
use serde_json::{Value, json};

use crate::app::{ALICE, App, Client, MALLORY, PASSWORD, START, UPDATE, add_bound_key, add_key, held, holding};
use crate::pages::Browser;
use crate::robot::Robot;

const TARGET: &str = "/api/v1/accounts/main/target";

/// Two strategies, an account over both of them, and its terminal.
struct Desk {
    app: App,
    key: String,
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

fn rfc3339(at: Moment) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros()).unwrap().to_string()
}

impl Desk {
    async fn open() -> Self {
        let app = App::start().await;
        let settings = json!({"strategies": [{"name": "alpha"}, {"name": "beta"}]}).to_string();
        let desk = Self { key: String::new(), app };
        desk.push().await;
        desk.app.operate("PUT", "/api/v1/accounts/main", &[], &settings).await.ok();
        let key = add_bound_key(&desk.app, "qmt", "main").await;
        Self { key, ..desk }
    }

    /// On the morning after, ten minutes after the opening, with everybody's word of the day.
    async fn in_the_morning() -> Self {
        let desk = Self::open().await;
        desk.pass(Duration::from_hours(18) + minutes(50));
        desk.push().await;
        desk.report(&[("000001.SZ", 1300), ("600000.SH", 500)], json!({})).await;
        desk
    }

    fn pass(&self, span: Duration) {
        self.app.clock.advance(span);
    }

    async fn push(&self) {
        self.app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000, 10.0), held("600000.SH", 500, 10.0)])).await.ok();
        self.app.push(&ALICE, "beta", json!([held("000001.SZ", 300, 10.0)])).await.ok();
    }

    async fn report(&self, holdings: &[(&str, i64)], more: Value) {
        let at = rfc3339(self.app.clock.now());
        let holdings: Vec<Value> = holdings.iter().map(|(code, volume)| holding(code, *volume)).collect();
        let mut report = json!({"at": at, "revision": 3, "cash": "12345.67", "holdings": holdings});
        report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = "/api/v1/accounts/main/report";
        self.app.post(path, &[("x-api-key", &self.key)], report.to_string()).await.ok();
    }

    /// Asks for the target as a terminal of that name.
    async fn ask(&self, name: &str) -> u16 {
        self.app.get_with(TARGET, &[("x-terminal", name)]).await.status.as_u16()
    }

    async fn look(&self) -> Vec<String> {
        look(&self.app, Surroundings::default()).await
    }
}

/// Looks, and says what is to be told.
async fn look(app: &App, surroundings: Surroundings) -> Vec<String> {
    let steps = app.state.incidents().look(surroundings).await.unwrap();
    let told = steps.iter().map(|step| {
        let change: &str = step.change.into();
        format!("{change} {}", step.concern.kind().as_str())
    });
    told.collect()
}

/// What stands, as the API tells it.
async fn open(app: &App) -> Value {
    app.get("/api/v1/incidents?open=true").await.ok()["incidents"].clone()
}

#[tokio::test]
async fn an_ordinary_day_raises_none() {
    let desk = Desk::open().await;
    for strategy in ["alpha", "beta"] {
        let path = format!("/api/v1/strategies/{strategy}/schedule");
        desk.app.operate("PUT", &path, &[], r#"{"by": ["09:35", "14:55"]}"#).await.ok();
    }
    desk.push().await;
    // From ten to three on Monday to the same time on Wednesday; the terminal is off from close to opening.
    for step in 0..48 * 12 {
        let of_day = (14 * 60 + 50 + step * 5) % (24 * 60);
        let at = |hour: u64, minute: u64| of_day == hour * 60 + minute;
        if at(9, 30) || at(14, 50) {
            desk.push().await;
        }
        if (9 * 60..=15 * 60).contains(&of_day) {
            desk.report(&[("000001.SZ", 1300), ("600000.SH", 500)], json!({})).await;
        }
        assert_eq!(desk.look().await, [""; 0], "{}", rfc3339(desk.app.clock.now()));
        desk.pass(minutes(5));
    }
}

#[tokio::test]
async fn a_strategy_is_late_until_it_pushes() {
    let desk = Desk::open().await;
    desk.app.operate("PUT", "/api/v1/strategies/alpha/schedule", &[], r#"{"by": ["14:55"]}"#).await.ok();
    assert_eq!(desk.look().await, [""; 0], "what was due on Friday was not due by this schedule");
    desk.pass(minutes(6));
    assert_eq!(desk.look().await, ["begun strategy_late"]);
    assert_eq!(desk.look().await, [""; 0]);
    let told = open(&desk.app).await;
    assert_eq!(told[0]["details"]["due"], "2026-01-05T14:55:00.000000+08:00");
    assert_eq!((&told[0]["strategy_name"], &told[0]["severity"]), (&json!("alpha"), &json!("warning")));
    desk.pass(Duration::from_hours(24));
    assert_eq!(desk.look().await, ["changed strategy_late"], "it is due again");
    desk.push().await;
    assert_eq!(desk.look().await, ["ended strategy_late"]);
    assert_eq!(desk.look().await, [""; 0]);
}

#[tokio::test]
async fn a_strategy_that_is_silent_is_told_in_the_morning() {
    let desk = Desk::open().await;
    desk.pass(Duration::from_hours(40));
    assert_eq!(desk.look().await, [""; 0], "it is the second morning, before the opening");
    desk.pass(Duration::from_hours(3));
    assert_eq!(desk.look().await, ["begun strategy_silent", "begun strategy_silent"]);
    desk.app.operate("POST", "/api/v1/strategies/beta/state", &[], r#"{"state": "flat"}"#).await.ok();
    assert_eq!(desk.look().await, ["ended strategy_silent"], "nobody expects a word of beta");
    desk.push_alpha_and_see_it_end().await;
}

impl Desk {
    async fn push_alpha_and_see_it_end(&self) {
        self.app.push(&ALICE, "alpha", json!([])).await.ok();
        assert_eq!(self.look().await, ["ended strategy_silent"]);
    }
}

#[tokio::test]
async fn a_terminal_that_is_gone_is_told_while_the_exchanges_trade() {
    let mut desk = Desk::in_the_morning().await;
    desk.pass(Duration::from_secs(90));
    assert_eq!(desk.look().await, [""; 0]);
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.look().await, ["begun terminal_silent"]);
    desk.app.restart().await;
    assert_eq!(desk.look().await, [""; 0], "it is known after a restart, and may just not have come back");
    desk.pass(minutes(2));
    assert_eq!(desk.look().await, [""; 0]);
    desk.app.get_with(TARGET, &[("x-api-key", &desk.key)]).await.ok();
    assert_eq!(desk.look().await, ["ended terminal_silent"], "it asks, though it does not report");
    desk.pass(minutes(110));
    assert_eq!(desk.look().await, [""; 0], "the lunch break");
}

#[tokio::test]
async fn a_terminal_that_never_reports_is_not_back_because_the_server_is() {
    let mut desk = Desk::open().await;
    desk.app.get_with(TARGET, &[("x-api-key", &desk.key)]).await.ok();
    desk.pass(Duration::from_secs(91));
    assert_eq!(desk.look().await, ["begun terminal_silent"]);
    desk.app.restart().await;
    desk.pass(minutes(2));
    assert_eq!(desk.look().await, [""; 0], "nobody has heard of it");
    desk.app.get_with(TARGET, &[("x-api-key", &desk.key)]).await.ok();
    assert_eq!(desk.look().await, ["ended terminal_silent"]);
}

#[tokio::test]
async fn what_is_late_stays_so_on_days_of_which_nothing_is_known() {
    let desk = Desk::open().await;
    desk.app.operate("PUT", "/api/v1/strategies/alpha/schedule", &[], r#"{"by": ["14:55"]}"#).await.ok();
    let at = |text: &str| Moment::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let has = |told: Vec<String>, word: &str| told.iter().any(|one| one == word);
    desk.app.clock.set(at("2026-12-31T14:56:00+08:00"));
    assert!(has(desk.look().await, "begun strategy_late"));
    desk.app.clock.set(at("2027-01-04T14:56:00+08:00"));
    assert!(!has(desk.look().await, "ended strategy_late"));
    desk.push().await;
    assert!(has(desk.look().await, "ended strategy_late"));
}

#[tokio::test]
async fn drift_is_told_once_for_an_account_after_ten_minutes_of_trading() {
    let desk = Desk::in_the_morning().await;
    desk.report(&[], json!({})).await;
    // What is bought today is on its way; the locks that this makes are another matter.
    desk.app.operate("DELETE", "/api/v1/accounts/main/locks", &[], "").await;
    for _ in 0..9 {
        desk.pass(minutes(1));
        desk.report(&[], json!({})).await;
        desk.app.operate("DELETE", "/api/v1/accounts/main/locks", &[], "").await;
        assert_eq!(desk.look().await, [""; 0]);
    }
    desk.pass(minutes(1));
    desk.report(&[], json!({})).await;
    assert_eq!(desk.look().await, ["begun drift"]);
    let told = open(&desk.app).await;
    assert_eq!(told[0]["details"]["instruments"], json!(["000001.SZ", "600000.SH"]));
    desk.report(&[("000001.SZ", 1300)], json!({})).await;
    assert_eq!(desk.look().await, [""; 0], "it is less than was told");
    desk.pass(minutes(3));
    assert_eq!(desk.look().await, ["begun terminal_silent"], "the drift of who does not report is not known");
    let all = [("000001.SZ", 1300), ("600000.SH", 500)];
    desk.report(&all, json!({})).await;
    let told = desk.look().await;
    assert_eq!(told, ["ended terminal_silent", "ended drift", "begun locked"], "no trade explains what is held");
}

#[tokio::test]
async fn what_waits_for_the_operator_is_told_until_it_is_decided() {
    let desk = Desk::open().await;
    desk.app.operate("POST", "/api/v1/strategies/alpha/state", &[], r#"{"state": "frozen"}"#).await.ok();
    let push = async |volume: i64| {
        let held = desk.app.push(&ALICE, "alpha", json!([held("000001.SZ", volume, 10.0)])).await.json();
        held["hold"].as_i64().unwrap()
    };
    push(100).await;
    assert_eq!(desk.look().await, ["begun push_held"]);
    desk.pass(minutes(10));
    let newer = push(200).await;
    assert_eq!(desk.look().await, ["changed push_held"]);
    let told = open(&desk.app).await;
    assert_eq!(
        (&told[0]["details"]["hold"], &told[0]["details"]["reasons"][0]["rule"]),
        (&json!(newer), &json!("frozen"))
    );
    assert_eq!((&told[0]["page"], &told[0]["incident"]), (&json!("/holds"), &json!(1)));
    desk.app.operate("POST", &format!("/api/v1/holds/{newer}/approve"), &[], "").await.ok();
    assert_eq!(desk.look().await, ["ended push_held"]);
}

#[tokio::test]
async fn locks_of_an_account_are_one_incident() {
    let desk = Desk::in_the_morning().await;
    let astray = [("000001.SZ", 1400), ("600000.SH", 600)];
    for _ in 0..4 {
        desk.report(&astray, json!({})).await;
        desk.pass(minutes(1));
    }
    desk.report(&astray, json!({})).await;
    assert_eq!(desk.look().await, ["begun locked"]);
    assert_eq!(open(&desk.app).await[0]["details"]["count"], 2);
    desk.app.operate("DELETE", "/api/v1/accounts/main/locks", &[], "").await.ok();
    assert_eq!(desk.look().await, ["ended locked"]);
}

#[tokio::test]
async fn totals_below_zero_are_one_incident_that_changes_with_another_instrument() {
    let desk = Desk::open().await;
    desk.app.edit("ADJUSTMENT_MAIN", json!([held("000001.SZ", -1400, 10.0)])).await.ok();
    assert_eq!(desk.look().await, ["begun below_zero"]);
    desk.pass(minutes(10));
    desk.app.edit("ADJUSTMENT_MAIN", json!([held("600000.SH", -600, 10.0)])).await.ok();
    assert_eq!(desk.look().await, ["changed below_zero"]);
    desk.app.edit("ADJUSTMENT_MAIN", json!([])).await.ok();
    assert_eq!(desk.look().await, ["ended below_zero"]);
}

#[tokio::test]
async fn many_refused_signatures_from_one_address_are_told_and_a_few_are_not() {
    let mut desk = Desk::open().await;
    for n in 0..11 {
        assert_eq!(desk.app.push(&MALLORY, "alpha", json!([])).await.status, 401);
        assert_eq!(desk.look().await.is_empty(), n != 9, "{n}");
    }
    assert_eq!(open(&desk.app).await[0]["details"], json!({"address": "192.0.2.7", "count": 11}));
    desk.app.restart().await;
    assert_eq!(desk.look().await, [""; 0], "they were counted by the one before");
    desk.pass(minutes(11));
    assert_eq!(desk.look().await, ["ended refused_signatures"]);
}

#[tokio::test]
async fn a_second_terminal_is_told_and_one_that_begins_anew_is_not() {
    let mut desk = Desk::open().await;
    for _ in 0..7 {
        assert_eq!((desk.ask("one").await, desk.ask("two").await).0, 200);
        assert_eq!(desk.look().await, [""; 0]);
        desk.pass(Duration::from_secs(10));
    }
    desk.ask("one").await;
    assert_eq!(desk.ask("two").await, 409);
    assert_eq!(desk.look().await, ["begun other_terminal"]);
    desk.app.restart().await;
    for _ in 0..18 {
        desk.ask("one").await;
        assert_eq!(desk.look().await, [""; 0], "the other one may ask again");
        desk.pass(Duration::from_secs(10));
    }
    assert_eq!(desk.look().await, ["ended other_terminal"]);
}

#[tokio::test]
async fn orders_that_are_rejected_again_and_again_are_told() {
    let desk = Desk::in_the_morning().await;
    let report = async |count: usize, placed_at: Option<&str>| {
        let order = |n: usize| {
            json!({"id": n.to_string(), "code": "600000.SH", "side": "buy", "volume": 100, "traded": 0, "price": "10",
                   "status": "rejected", "ours": true, "placed_at": placed_at})
        };
        let orders: Vec<Value> = (0..count).map(order).collect();
        let waiting = json!([{"code": "600000.SH", "shares": 100, "reason": "rejected", "text": "废单：资金不足"}]);
        let all = [("000001.SZ", 1300), ("600000.SH", 500)];
        desk.report(&all, json!({"orders": orders, "waiting": waiting})).await;
        desk.look().await
    };
    let yesterday = rfc3339(desk.app.clock.now().minus(Duration::from_hours(20)));
    assert_eq!(report(3, Some(&yesterday)).await, [""; 0], "the counter still shows them");
    assert_eq!(report(2, None).await, [""; 0]);
    assert_eq!(report(3, None).await, ["begun orders_rejected"]);
    assert_eq!(open(&desk.app).await[0]["details"]["reason"], "废单：资金不足");
    desk.pass(minutes(11));
    assert_eq!(report(5, None).await, [""; 0]);
    assert_eq!(report(6, None).await, ["changed orders_rejected"]);
    desk.pass(Duration::from_hours(15));
    assert_eq!(desk.look().await, ["ended orders_rejected"], "it is another day");
}

#[tokio::test]
async fn the_machine_is_looked_at_as_well() {
    let app = App::start().await;
    let fine = || Surroundings {
        certificate_ends: Some(START.plus(Duration::from_hours(24 * 365))),
        disk: Some(Disk { free: 50 << 30, total: 100 << 30 }),
        backup: Some(Backup { every: Duration::from_hours(12), made_at: Some(START), error: None }),
        ..Surroundings::default()
    };
    assert_eq!(look(&app, fine()).await, [""; 0]);
    let full = |mebibytes: u64| Some(Disk { free: mebibytes << 20, total: 100 << 30 });
    let failed = fine().backup.map(|backup| Backup { error: Some("no space".to_owned()), ..backup });
    let certificate_ends = Some(START.plus(Duration::from_hours(24 * 14)));
    let ill = Surroundings { certificate_ends, disk: full(1000), backup: failed, ..fine() };
    assert_eq!(look(&app, ill.clone()).await, ["begun backup", "begun certificate", "begun disk"]);
    assert_eq!(look(&app, ill.clone()).await, [""; 0]);
    assert_eq!(look(&app, Surroundings { disk: full(1100), ..ill.clone() }).await, [""; 0], "it is hardly better");
    assert_eq!(look(&app, Surroundings { disk: None, ..ill }).await, [""; 0], "nothing is known of it");
    assert_eq!(look(&app, fine()).await, ["ended backup", "ended certificate", "ended disk"]);
    app.clock.advance(Duration::from_hours(27));
    assert_eq!(look(&app, fine()).await, ["begun backup"], "it is too old");
}

#[tokio::test]
async fn a_clock_by_which_no_push_is_in_time_is_told() {
    let app = App::start().await;
    let pushed = async |signed_at: Moment, who: &Client| {
        let body = json!({"strategy_name": "alpha", "positions": []}).to_string();
        app.post(UPDATE, &[("x-auth-token", &who.unbound_token(signed_at))], body).await.status.as_u16()
    };
    let behind = || app.clock.now().minus(minutes(10));
    // What a terminal reported of an account that is gone keeps nothing from ending.
    app.operate("PUT", "/api/v1/accounts/main", &[], r#"{"strategies": [{"name": "alpha"}]}"#).await.ok();
    let key = add_bound_key(&app, "qmt", "main").await;
    let report = json!({"at": rfc3339(app.clock.now()), "revision": 0, "cash": "0", "holdings": []}).to_string();
    app.post("/api/v1/accounts/main/report", &[("x-api-key", &key)], report).await.ok();
    app.operate("DELETE", "/api/v1/accounts/main", &[], "").await.ok();
    assert_eq!(pushed(behind(), &MALLORY).await, 401);
    app.clock.advance(minutes(1));
    assert_eq!(look(&app, Surroundings::default()).await, [""; 0], "of a stranger's it is not known who signed it");
    assert_eq!(pushed(behind(), &ALICE).await, 401);
    assert_eq!(look(&app, Surroundings::default()).await, [""; 0], "another may be in time yet");
    app.clock.advance(minutes(1));
    assert_eq!(look(&app, Surroundings::default()).await, ["begun clock"]);
    assert_eq!(open(&app).await[0]["details"]["ahead_us"].as_i64().unwrap(), 600_000_000);
    // The doctor says so as well, and what to do.
    let found = inspect(&app.database()).await.unwrap();
    assert_eq!(found.clock_ahead, Some(600_000_000));
    assert_eq!(pushed(app.clock.now(), &ALICE).await, 200);
    assert_eq!(look(&app, Surroundings::default()).await, ["ended clock"]);
    // Who is refused while another is accepted has a wrong clock himself.
    pushed(behind(), &ALICE).await;
    app.clock.advance(minutes(2));
    assert_eq!(look(&app, Surroundings::default()).await, [""; 0]);
}

#[tokio::test]
async fn it_is_known_whether_anybody_looks() {
    let app = App::start().await;
    let is_looked = || (app.state.incidents().is_looked(), app.state.incidents().is_kept());
    assert_eq!(is_looked(), (true, true), "the first look is still to come");
    app.clock.advance(minutes(1));
    assert_eq!(is_looked(), (false, false));
    look(&app, Surroundings::default()).await;
    assert_eq!(is_looked(), (true, true));
}

#[tokio::test]
async fn a_clock_that_others_contradict_is_told() {
    let desk = Desk::open().await;
    let now = desk.app.clock.now();
    desk.app.clock.set(now.minus(minutes(30)));
    assert_eq!(desk.look().await, ["begun clock"]);
    assert_eq!(open(&desk.app).await[0]["details"]["ahead_us"].as_i64().unwrap() / 1_000_000, -1_800);
    desk.app.clock.set(now);
    assert_eq!(desk.look().await, ["ended clock"]);
    let at = rfc3339(now.minus(minutes(2)));
    desk.report(&[("000001.SZ", 1300), ("600000.SH", 500)], json!({"at": at})).await;
    assert_eq!(desk.look().await, ["begun clock"]);
    let at = rfc3339(now.minus(Duration::from_secs(45)));
    desk.report(&[("000001.SZ", 1300), ("600000.SH", 500)], json!({"at": at})).await;
    assert_eq!(desk.look().await, [""; 0], "it is hardly better");
    desk.pass(minutes(2));
    assert_eq!(desk.look().await, ["begun terminal_silent"], "nobody says what time it is");
    desk.push().await;
    assert_eq!(desk.look().await, [""; 0], "whoever signed may have the server's own clock");
    desk.report(&[("000001.SZ", 1300), ("600000.SH", 500)], json!({})).await;
    assert_eq!(desk.look().await, ["ended terminal_silent", "ended clock"]);
}

#[tokio::test]
async fn a_calendar_that_ends_is_told_in_december() {
    let app = App::start().await;
    let at = |text: &str| Moment::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    app.clock.set(at("2026-11-30T12:00:00+08:00"));
    assert_eq!(look(&app, Surroundings::default()).await, [""; 0]);
    app.clock.set(at("2026-12-01T00:00:00+08:00"));
    assert_eq!(look(&app, Surroundings::default()).await, ["begun calendar_unknown"]);
    let said = json!({"open": [], "closed": ["2027-01-01"], "known_through": "2027-12-31"}).to_string();
    app.operate("PUT", "/api/v1/calendar", &[], &said).await.ok();
    assert_eq!(look(&app, Surroundings::default()).await, ["ended calendar_unknown"]);
}

#[tokio::test]
async fn what_is_acknowledged_is_not_told_again_and_what_is_over_cannot_be() {
    let mut desk = Desk::open().await;
    desk.app.operate("PUT", "/api/v1/strategies/alpha/schedule", &[], r#"{"by": ["14:55"]}"#).await.ok();
    desk.pass(minutes(6));
    assert_eq!(desk.look().await, ["begun strategy_late"]);
    let path = "/api/v1/incidents/1/acknowledge";
    assert_eq!(desk.app.post(path, &[], "{}").await.refusal().0, 401);
    desk.app.operate("POST", path, &[], "").await.ok();
    assert_eq!(open(&desk.app).await[0]["acknowledged_by"], "192.0.2.7");
    desk.app.restart().await;
    // The morning after, before it is due again.
    desk.pass(Duration::from_hours(19));
    assert_eq!(desk.look().await, [""; 0]);
    assert_eq!(open(&desk.app).await[0]["acknowledged_by"], "192.0.2.7", "a restart does not forget it");
    desk.push().await;
    assert_eq!(desk.look().await, ["ended strategy_late"]);
    assert_eq!(desk.app.operate("POST", path, &[], "").await.refusal(), (404, "unknown_incident".to_owned()));
    let over = desk.app.get("/api/v1/incidents?open=false&kind=strategy_late&limit=1").await.ok();
    assert_eq!((&over["incidents"][0]["incident"], &over["next_before"]), (&json!(1), &json!(1)));
    assert_eq!(desk.app.get("/api/v1/incidents?before=1").await.ok(), json!({"incidents": []}));
    for query in ["kind=nothing", "limit=0", "open=perhaps", "before=x"] {
        assert_eq!(desk.app.get(&format!("/api/v1/incidents?{query}")).await.refusal().0, 400, "{query}");
    }
}

#[tokio::test]
async fn who_may_not_read_is_told_of_no_incident() {
    let app = App::start_with(Reads::Key).await;
    app.edit("ADJUSTMENT_MAIN", json!([held("000001.SZ", -1, 10.0)])).await.ok();
    assert_eq!(look(&app, Surroundings::default()).await, ["begun below_zero"]);
    assert_eq!(app.get("/api/v1/incidents").await.refusal().0, 401);
    let key = add_key(&app, "reader", Scope::Read, &[]).await;
    let told = app.get_with("/api/v1/incidents", &[("x-api-key", &key)]).await.ok();
    assert_eq!(told["incidents"][0]["kind"], "below_zero");
    let page = String::from_utf8(app.get("/login").await.bytes.to_vec()).unwrap();
    assert!(!page.contains("(1)"), "{page}");
}

#[tokio::test]
async fn the_pages_show_what_stands_and_the_title_says_how_much() {
    let desk = Desk::open().await;
    desk.app.edit("ADJUSTMENT_MAIN", json!([held("000001.SZ", -1400, 10.0)])).await.ok();
    assert_eq!(desk.look().await, ["begun below_zero"]);
    let page = async |path: &str| {
        let answer = desk.app.get_with(path, &[("accept-language", "en")]).await;
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.bytes.to_vec()).unwrap()
    };
    let text = "The merged total is below zero: 1";
    for path in ["/", "/incidents"] {
        let page = page(path).await;
        assert!(page.contains("<title>(1) ") && page.contains(text), "{page}");
    }
    assert!(page("/incidents").await.contains("Terminals take it as zero"));
    desk.app.edit("ADJUSTMENT_MAIN", json!([])).await.ok();
    assert_eq!(desk.look().await, ["ended below_zero"]);
    let page = page("/incidents").await;
    assert!(page.contains("<title>Incidents") && page.contains("Nothing stands.") && page.contains(text), "{page}");
    let log_in = format!("password={PASSWORD}");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    assert_ne!(desk.app.post("/incidents/acknowledge", &headers, log_in).await.status, 303, "nobody is logged in");
}

/// The last minutes of a trading day: something is bought, and something is never.
async fn trade(desk: &Desk) {
    desk.report(&[], json!({})).await;
    desk.app.edit("ADJUSTMENT_MAIN", json!([held("430047.BJ", -100, 10.0)])).await.ok();
    assert_eq!(desk.look().await, ["begun below_zero"]);
    desk.pass(minutes(2));
    let at = rfc3339(desk.app.clock.now());
    let fill = json!({"id": "1", "order": "7", "code": "000001.SZ", "side": "buy", "volume": 1300, "price": "11.5",
                      "at": at, "fee": "5.00"});
    let order = json!({"id": "7", "code": "000001.SZ", "side": "buy", "volume": 1300, "traded": 1300, "price": "11.5",
                       "status": "filled", "ours": true});
    desk.report(&[("000001.SZ", 1300)], json!({"fills": [fill], "orders": [order]})).await;
    // Half past three: the terminal was last heard of at the close.
    desk.pass(minutes(8));
    desk.report(&[("000001.SZ", 1300)], json!({})).await;
}

#[tokio::test]
async fn a_day_is_reported_with_what_was_traded_what_differs_and_what_had_to_be_told() {
    let desk = Desk::open().await;
    trade(&desk).await;
    desk.pass(minutes(30));
    let daily = desk.app.get("/api/v1/reports/daily?day=2026-01-05").await.ok();
    let main = &daily["accounts"][0];
    assert_eq!(
        main["traded"],
        json!([{"code": "000001.SZ", "bought_shares": 1300, "bought": "14950", "sold_shares": 0, "sold": "0"}])
    );
    assert_eq!((&main["totals"]["fees"], &main["strategies"][0]["strategy"]), (&json!("5"), &json!("alpha")));
    let drift = &main["drift"][0];
    assert_eq!((&drift["code"], &drift["difference"]), (&json!("600000.SH"), &json!(-500)));
    assert_eq!(drift["parts"][0]["reason"], "unexplained", "at the close, and not since it is closed");
    assert_eq!(daily["incidents"][0]["kind"], "below_zero");
    let answer = desk.app.get_with("/reports/2026-01-05", &[("accept-language", "en")]).await;
    let page = String::from_utf8(answer.bytes.to_vec()).unwrap();
    for text in ["Daily report 2026-01-05", "14,950", "\u{2212}500", "The merged total is below zero: 1"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert_eq!(daily["head"]["revision"], 4);
    assert!(page.contains(daily["head"]["hash"].as_str().unwrap()), "{page}");
    let none = desk.app.get("/api/v1/reports/daily?day=2026-01-02").await.ok();
    assert_eq!((&none["accounts"][0]["reported"], &none["accounts"][0]["drift"]), (&json!(false), &Value::Null));
    assert_eq!(desk.app.get("/reports").await.header("location"), "/reports/2026-01-05");
    assert_eq!(desk.app.get("/reports/yesterday").await.status, 404);
}

/// The messages of a day, as the document shows them, without where the history ended.
const REPORT: [(&str, &str); 2] = [("zh", "账本：修订 "), ("en", "The ledger: revision ")];

#[tokio::test]
async fn a_channel_that_wants_it_tells_once_what_the_day_was_like() {
    let desk = Desk::open().await;
    let robots = REPORT.map(|(language, _)| (language, Robot::start()));
    for (language, robot) in &robots {
        let channel = json!({"kind": "wecom", "url": robot.url, "language": language, "daily": true,
            "incidents": ["disk"]});
        let path = format!("/api/v1/channels/{language}");
        desk.app.operate("PUT", &path, &[], &channel.to_string()).await.ok();
    }
    let other = Robot::start();
    let channel = json!({"kind": "wecom", "url": other.url, "incidents": ["disk"]}).to_string();
    desk.app.operate("PUT", "/api/v1/channels/other", &[], &channel).await.ok();
    desk.app.state.messenger().pages_at("https://qmt.example.com".to_owned());
    trade(&desk).await;
    let queue = async |queued: &mut Queued| {
        desk.app.state.desk().end_day(queued, desk.app.clock.now()).await.unwrap();
    };
    let mut queued = Queued::default();
    queue(&mut queued).await;
    desk.app.carry().await;
    assert!(robots.iter().all(|(_, robot)| robot.heard().is_empty()), "it is not yet half past three");
    // What is pushed after the close changes nothing of how it was.
    desk.pass(minutes(5));
    desk.app.push(&ALICE, "beta", json!([held("000001.SZ", 900, 10.0)])).await.ok();
    desk.pass(minutes(25));
    // The second time as after a restart.
    for _ in 0..2 {
        queue(&mut queued).await;
        desk.pass(minutes(1));
        desk.app.carry().await;
        queued = Queued::default();
    }
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/alerts.md")).unwrap();
    for ((_, robot), (language, ledger)) in robots.iter().zip(REPORT) {
        let heard = robot.heard();
        let [message] = &heard[..] else { panic!("{language}: {heard:?}") };
        let told: Vec<&str> = message.lines().filter(|line| !line.starts_with(ledger)).collect();
        assert_eq!(told.len() + 1, message.lines().count(), "{message}");
        assert!(
            document.contains(&format!("```text\n{}\n```", told.join("\n"))),
            "docs/alerts.md must hold:\n{message}"
        );
    }
    assert!(other.heard().is_empty(), "it did not want it");
    // A Saturday.
    desk.pass(Duration::from_hours(5 * 24));
    queue(&mut queued).await;
    desk.pass(minutes(1));
    desk.app.carry().await;
    assert!(robots.iter().all(|(_, robot)| robot.heard().is_empty()));
}

#[tokio::test]
async fn today_says_each_matter_once() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("600000.SH", 100, 10.0)])).await.ok();
    app.operate("POST", "/api/v1/strategies/alpha/state", &[], r#"{"state": "frozen"}"#).await.ok();
    app.push(&ALICE, "alpha", json!([held("600000.SH", 200, 10.0)])).await;
    app.edit("ADJUSTMENT_MAIN", json!([held("600000.SH", -300, 10.0)])).await.ok();
    let mut browser = Browser::new(&app);
    let page = browser.page("/").await;
    let [held, below_zero] = ["），目标保持不变。", "600000.SH 的目标总持仓为负"];
    assert!(page.contains(held) && page.contains(below_zero), "{page}");
    assert_eq!(look(&app, Surroundings::default()).await.len(), 2);
    let page = browser.page("/").await;
    assert!(!page.contains(held) && !page.contains(below_zero), "{page}");
    assert_eq!((page.matches("class=\"attention\"").count(), page.matches("/incidents#i").count()), (1, 4), "{page}");
}
