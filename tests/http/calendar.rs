//! The exchange calendar: told, settled, and what it decides: whose word is of today, who is silent, what is due, what is closed.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use jq2qmt::auth::rights::Reads;
use jq2qmt::domain::calendar::Day;
use jq2qmt::domain::moment::Moment;
use serde_json::{Value, json};

use crate::app::{ALICE, Answer, App, add_bound_key, held};
use crate::pages::{Browser, text};

const CALENDAR: &str = "/api/v1/calendar";

/// A time of a day in Shanghai.
fn at(text: &str) -> Moment {
    let (day, time) = text.split_once(' ').unwrap();
    day.parse::<Day>().unwrap().at(time.parse().unwrap())
}

/// The operator says nothing.
fn nothing() -> Value {
    json!({"open": [], "closed": []})
}

async fn put(app: &App, headers: &[(&str, &str)], calendar: &Value) -> Answer {
    app.operate("PUT", CALENDAR, headers, &calendar.to_string()).await
}

/// What is answered of one day: the answer, and who says so.
async fn answer(app: &App, day: &str) -> (Value, Value) {
    let told = app.get(&format!("{CALENDAR}?from={day}&to={day}")).await.ok();
    let days = told["days"].as_array().unwrap();
    assert_eq!((days.len(), &days[0]["day"]), (1, &json!(day)));
    (days[0]["answer"].clone(), days[0]["source"].clone())
}

async fn push(app: &App, strategy: &str) {
    app.push(&ALICE, strategy, json!([held("000001.SZ", 100, 10.0)])).await.ok();
}

/// A server on a day in autumn on which alpha pushed, the last before the holiday.
async fn before_the_holiday() -> App {
    let app = App::start().await;
    app.clock.set(at("2026-09-30 14:50"));
    push(&app, "alpha").await;
    app
}

#[tokio::test]
async fn days_are_told_with_who_says_so() {
    let app = App::start().await;
    let told = app.get(&format!("{CALENDAR}?from=2026-12-31&to=2027-01-02")).await;
    assert_eq!(told.header("etag"), "\"0\"");
    let mut told = told.ok();
    assert!(told["source"].as_str().unwrap().contains("SSE and SZSE"));
    told.as_object_mut().unwrap().remove("source");
    assert_eq!(
        told,
        json!({
            "revision": 0, "known_from": "2015-01-01", "known_through": "2026-12-31",
            "operator": {"open": [], "closed": []},
            "days": [
                {"day": "2026-12-31", "answer": "open", "source": "data"},
                {"day": "2027-01-01", "answer": "unknown", "source": null},
                {"day": "2027-01-02", "answer": "closed", "source": "weekend"},
            ],
        })
    );
    assert_eq!(answer(&app, "2026-10-01").await, (json!("closed"), json!("data")));
    // Without a word: from today on, for a month.
    let days = app.get(CALENDAR).await.ok()["days"].clone();
    let (first, last) = (days[0]["day"].clone(), days.as_array().unwrap().last().unwrap()["day"].clone());
    assert_eq!((first, last), (json!("2026-01-05"), json!("2026-02-04")));
    for (query, parameter) in [
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("to=2026-1-1", "to"),
        ("to=2026-01-04", "to"),
        ("from=2026-01-01&to=2029-01-05", "to"),
    ] {
        let refused = app.get(&format!("{CALENDAR}?{query}")).await;
        assert!(refused.json()["message"].as_str().unwrap().contains(parameter), "{query}");
        assert_eq!(refused.refusal(), (400, "invalid_query".to_owned()), "{query}");
    }
    let years = app.get(&format!("{CALENDAR}?from=2026-01-01&to=2029-01-04")).await.ok();
    assert_eq!(years["days"].as_array().unwrap().len(), 1_100);
}

#[tokio::test]
async fn the_operator_says_otherwise_and_the_chain_remembers() {
    let mut app = App::start().await;
    let said = json!({"open": ["2026-10-07"], "closed": ["2026-10-08", "2027-01-01"], "known_through": "2027-12-31"});
    let told = put(&app, &[("if-match", "\"0\"")], &said).await.ok();
    assert_eq!((&told["revision"], &told["changed"]), (&json!(1), &json!(true)));
    app.restart().await;
    assert_eq!(answer(&app, "2026-10-07").await, (json!("open"), json!("operator")));
    assert_eq!(answer(&app, "2026-10-08").await, (json!("closed"), json!("operator")));
    assert_eq!(answer(&app, "2027-01-04").await, (json!("open"), json!("operator")));
    let told = app.get(CALENDAR).await.ok();
    assert_eq!((&told["operator"], &told["known_through"]), (&said, &json!("2027-12-31")));
    // What stood so already is nothing new, in whatever order it is said.
    let same = json!({"closed": ["2027-01-01", "2026-10-08"], "open": ["2026-10-07"], "known_through": "2027-12-31"});
    assert_eq!(put(&app, &[], &same).await.ok()["changed"], false);
    assert_eq!(put(&app, &[("if-match", "\"0\"")], &nothing()).await.refusal(), (412, "revision_moved".to_owned()));
    put(&app, &[("if-match", "\"1\"")], &nothing()).await.ok();
    assert_eq!(answer(&app, "2026-10-08").await, (json!("open"), json!("data")));
    let revision = app.get("/api/v1/revisions/2").await.ok();
    assert_eq!((&revision["subject"]["kind"], &revision["document"]["before"]), (&json!("calendar"), &said));
}

#[tokio::test]
async fn what_is_no_calendar_is_refused_and_only_the_operator_settles_one() {
    let app = App::start().await;
    for (calendar, words) in [
        (json!({"open": ["2027-01-02"], "closed": []}), "is a weekend"),
        (json!({"open": [], "closed": ["2027-1-1"]}), "is not a day"),
        (json!({"open": [], "closed": [], "known_through": "2027-12-31"}), "every year has holidays"),
        (json!({"days": []}), "unknown field"),
        (json!({}), "missing field `open`"),
        (json!([]), "invalid length 0"),
    ] {
        let refused = put(&app, &[], &calendar).await;
        assert!(refused.json()["message"].as_str().unwrap().contains(words), "{}", refused.json());
        assert_eq!(refused.refusal(), (400, "invalid_format".to_owned()));
    }
    for (password, code) in [("wrong", "wrong_password"), ("", "missing_password")] {
        let request = Request::put(CALENDAR).header("content-type", "application/json");
        let request = request.header("x-internal-password", password).body(Body::from(nothing().to_string())).unwrap();
        assert_eq!(app.send(request).await.refusal(), (401, code.to_owned()));
    }
    assert_eq!(app.get(CALENDAR).await.ok()["revision"], 0);
}

#[tokio::test]
async fn a_terminals_key_reads_the_calendar_and_a_stranger_does_not() {
    let app = App::start_with(Reads::Key).await;
    let key = add_bound_key(&app, "qmt", "main").await;
    assert_eq!(app.get(CALENDAR).await.refusal(), (401, "missing_api_key".to_owned()));
    app.get_with(CALENDAR, &[("x-api-key", &key)]).await.ok();
    let elsewhere = app.get_with("/api/v1/guards", &[("x-api-key", &key)]).await.refusal();
    assert_eq!(elsewhere, (403, "bound_key".to_owned()));
}

/// What the overview says of alpha: nothing, that it is silent, or that nobody knows.
async fn told_of_alpha(app: &App) -> &'static str {
    let page = text(&app.get("/").await);
    match (page.contains("策略 alpha 自上个交易日以来没有推送"), page.contains("策略 alpha 是否缺了推送无法判断"))
    {
        (false, false) => "nothing",
        (true, false) => "silent",
        (false, true) => "unknown",
        (true, true) => panic!("both: {page}"),
    }
}

#[tokio::test]
async fn the_first_morning_after_a_holiday_flags_nobody() {
    let app = before_the_holiday().await;
    for (now, told) in [
        ("2026-10-01 09:00", "nothing"),
        ("2026-10-05 15:00", "nothing"),
        ("2026-10-08 09:00", "nothing"),
        ("2026-10-09 00:00", "silent"),
    ] {
        app.clock.set(at(now));
        assert_eq!(told_of_alpha(&app).await, told, "{now}");
    }
    put(&app, &[], &json!({"open": [], "closed": ["2026-10-08"]})).await.ok();
    assert_eq!(told_of_alpha(&app).await, "nothing", "the operator says that there was no trading day in between");
}

#[tokio::test]
async fn a_day_of_which_nothing_is_known_neither_raises_an_alarm_nor_silences_one() {
    let app = App::start().await;
    app.clock.set(at("2026-12-31 14:50"));
    push(&app, "alpha").await;
    app.clock.set(at("2027-01-04 09:00"));
    assert_eq!(told_of_alpha(&app).await, "unknown");
    let closed = json!({"open": [], "closed": ["2027-01-01"], "known_through": "2027-12-31"});
    let open = json!({"open": ["2027-01-01"], "closed": []});
    for (calendar, told) in [(closed, "nothing"), (open, "silent"), (nothing(), "unknown")] {
        put(&app, &[], &calendar).await.ok();
        assert_eq!(told_of_alpha(&app).await, told, "{calendar}");
    }
    // No closure was ever so long.
    app.clock.set(at("2027-01-15 09:00"));
    assert_eq!(told_of_alpha(&app).await, "silent");
}

#[tokio::test]
async fn the_coming_year_is_missed_from_december_on() {
    let app = App::start().await;
    let is_missed = async |now: &str| {
        app.clock.set(at(now));
        text(&app.get("/").await).contains("交易日历不知道 2027-01-01")
    };
    assert!(!is_missed("2026-11-30 23:59").await);
    assert!(is_missed("2026-12-01 00:00").await);
    put(&app, &[], &json!({"open": [], "closed": ["2027-01-01"], "known_through": "2027-12-31"})).await.ok();
    assert!(!is_missed("2026-12-02 00:00").await);
}

#[tokio::test]
async fn a_word_is_of_today_until_the_next_trading_day_begins() {
    let app = before_the_holiday().await;
    let settings = json!({"strategies": [{"name": "alpha"}]}).to_string();
    app.operate("PUT", "/api/v1/accounts/main", &[], &settings).await.ok();
    let target = async |now: &str| {
        app.clock.set(at(now));
        let answer = app.get("/api/v1/accounts/main/target").await;
        let tag = answer.header("etag").to_owned();
        let hold = answer.ok()["lines"][0]["hold"].clone();
        (hold["reason"].clone(), hold["since"].clone(), tag)
    };
    let (reason, _, tag) = target("2026-09-30 15:00").await;
    assert_eq!(reason, Value::Null);
    for now in ["2026-10-01 10:00", "2026-10-07 23:59"] {
        assert_eq!(target(now).await, (Value::Null, Value::Null, tag.clone()), "{now}");
    }
    let (reason, since, other) = target("2026-10-08 00:00").await;
    assert_eq!((reason, since), (json!("not_fresh"), json!("2026-10-08T00:00:00.000000+08:00")));
    assert_ne!(other, tag);
    // The operator says that it is a holiday still: the tag tells terminals so.
    put(&app, &[], &json!({"open": [], "closed": ["2026-10-08"]})).await.ok();
    let (reason, _, freed) = target("2026-10-08 09:00").await;
    assert_eq!(reason, Value::Null);
    assert_ne!(freed, other);
    // On a day of which nothing is known a word of that day is asked for.
    app.clock.set(at("2026-12-31 14:50"));
    push(&app, "alpha").await;
    assert_eq!(target("2027-01-01 09:30").await.0, json!("not_fresh"));
}

#[tokio::test]
async fn nothing_is_due_on_a_holiday() {
    let app = before_the_holiday().await;
    let schedule = json!({"by": ["09:35"], "days": "trading"}).to_string();
    app.operate("PUT", "/api/v1/strategies/alpha/schedule", &[], &schedule).await.ok();
    let punctuality = async |now: &str| {
        app.clock.set(at(now));
        app.get("/api/v1/strategies/alpha/state").await.ok()["punctuality"].clone()
    };
    assert_eq!(punctuality("2026-10-01 09:40").await, "not_due");
    assert_eq!(punctuality("2026-10-08 09:40").await, "silent");
    assert_eq!(punctuality("2027-01-04 09:34").await, "not_due");
    assert_eq!(punctuality("2027-01-04 09:40").await, "unknown");
    assert_eq!(app.get("/api/v1/strategies").await.ok()["strategies"][0]["punctuality"], "unknown");
    put(&app, &[], &json!({"open": [], "closed": ["2027-01-04"]})).await.ok();
    assert_eq!(punctuality("2027-01-04 09:41").await, "not_due");
    put(&app, &[], &json!({"open": ["2027-01-04"], "closed": []})).await.ok();
    assert_eq!(punctuality("2027-01-04 09:42").await, "silent");
    push(&app, "alpha").await;
    assert_eq!(punctuality("2027-01-04 09:43").await, "late");
}

#[tokio::test]
async fn a_holiday_is_closed_hours_to_a_drift_and_no_hours_to_a_guard() {
    let app = before_the_holiday().await;
    let settings = json!({"strategies": [{"name": "alpha"}]}).to_string();
    app.operate("PUT", "/api/v1/accounts/main", &[], &settings).await.ok();
    let key = add_bound_key(&app, "qmt", "main").await;
    let report = json!({"at": "2026-09-30T14:50:00+08:00", "revision": 2, "holdings": []}).to_string();
    app.post("/api/v1/accounts/main/report", &[("x-api-key", &key)], report).await.ok();
    let reason = async |now: &str| {
        app.clock.set(at(now));
        app.get("/api/v1/accounts/main/drift").await.ok()["lines"][0]["parts"][0]["reason"].clone()
    };
    assert_eq!(reason("2026-10-01 10:00").await, "closed_hours");
    put(&app, &[], &json!({"open": ["2026-10-01"], "closed": []})).await.ok();
    assert_eq!(reason("2026-10-01 10:01").await, "terminal_silent");
    put(&app, &[], &nothing()).await.ok();
    let guards = json!([{"strategies": "*", "rules": {"hours": {"times": ["09:15-15:00"], "then": "warn"}}}]);
    app.operate("PUT", "/api/v1/guards", &[], &guards.to_string()).await.ok();
    let warned = async |now: &str, volume: i64| {
        app.clock.set(at(now));
        let pushed = app.push(&ALICE, "alpha", json!([held("000001.SZ", volume, 10.0)])).await.ok();
        pushed["warnings"][0]["rule"].clone()
    };
    assert_eq!(warned("2026-10-01 10:02", 200).await, "hours");
    // What guards would have done to it is judged by what the operator says now.
    let would_warn = async || {
        let trial = app.operate("POST", "/api/v1/guards/trial", &[], &guards.to_string()).await.ok();
        trial["would_warn"].clone()
    };
    assert_eq!(would_warn().await, 1);
    put(&app, &[], &json!({"open": ["2026-10-01"], "closed": ["2026-09-30"]})).await.ok();
    assert_eq!(would_warn().await, 1, "the push of the day before");
    put(&app, &[], &json!({"open": ["2026-10-01"], "closed": []})).await.ok();
    assert_eq!(would_warn().await, 0);
    put(&app, &[], &nothing()).await.ok();
    assert_eq!(warned("2026-10-08 10:00", 300).await, Value::Null);
    assert_eq!(warned("2027-01-04 10:00", 400).await, Value::Null, "nothing is known of that day");
    assert_eq!(reason("2027-01-04 10:01").await, "terminal_silent");
}

#[tokio::test]
async fn a_year_is_looked_at_and_its_days_are_settled_on_the_page() {
    let app = App::start().await;
    let mut reader = Browser::new(&app);
    let page = reader.page("/calendar").await;
    for words in [
        "交易日历 2026",
        "交易日数 <b>242</b>",
        ">2026-10</th>",
        "10-01 – 10-07",
        "02-16 – 02-23",
        "year=2027",
        "year=2025",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("<form method=\"post\" action=\"/calendar\""), "only the operator settles days");
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/calendar?year=2027").await;
    assert!(page.contains("日历不知道其中一些工作日是否休市") && page.contains("交易日数 <b>0</b>"), "{page}");

    let days = |from, to, answer| [("from", from), ("to", to), ("answer", answer), ("action", "days")];
    for (from, to, answer, words) in [
        ("2027-02-30", "", "closed", "不是日期"),
        ("2027-02-12", "2027-02-05", "closed", "结束日期不能早于开始日期"),
        ("2027-01-01", "2028-01-02", "closed", "一次最多填写一年"),
        ("2027-01-02", "2027-01-03", "open", "周末总是休市"),
        ("2014-12-31", "", "closed", "日期不能早于 2015-01-01"),
        ("2027-02-05", "", "", "请选择一项"),
    ] {
        let wrong = browser.submit_from(&page, "/calendar", &days(from, to, answer)).await;
        let shown = text(&wrong);
        assert!(wrong.status == 422 && shown.contains(words) && shown.contains(from), "{from} {to} {answer}: {shown}");
    }
    let through = [("through", "2027-12-31"), ("action", "through")];
    let wrong = browser.submit_from(&page, "/calendar", &through).await;
    assert!(wrong.status == 422 && text(&wrong).contains("2027 年还没有填写任何休市日"), "{}", text(&wrong));
    assert_eq!(app.get(CALENDAR).await.ok()["revision"], 0);

    // A closure over a weekend: its weekdays are kept.
    let saved = browser.submit_from(&page, "/calendar", &days("2027-02-05", "2027-02-11", "closed")).await;
    assert_eq!((saved.status.as_u16(), saved.header("location")), (303, "/calendar?year=2027&done=1"));
    let page = browser.page("/calendar?year=2027&done=1").await;
    assert!(
        page.contains("已完成：设置") && page.contains("/revisions/1/undo") && page.contains("休市日 02-05 – 02-11"),
        "{page}"
    );
    let closed = json!(["2027-02-05", "2027-02-08", "2027-02-09", "2027-02-10", "2027-02-11"]);
    assert_eq!(app.get(CALENDAR).await.ok()["operator"]["closed"], closed);
    let saved = browser.submit_from(&page, "/calendar", &through).await;
    assert_eq!(saved.header("location"), "/calendar?year=2027&done=2");
    let page = browser.page("/calendar?year=2027").await;
    assert!(page.contains("日历完整到: <b>2027-12-31</b>") && page.contains("交易日数 <b>256</b>"), "{page}");
    assert!(!page.contains("日历不知道其中一些工作日是否休市"));

    // Somebody else is faster; what was typed stays.
    put(&app, &[], &json!({"open": [], "closed": ["2026-12-31"]})).await.ok();
    let late = browser.submit_from(&page, "/calendar", &days("2027-02-05", "", "open")).await;
    let shown = text(&late);
    assert!(
        late.status == 409 && shown.contains("他人已修改日历") && shown.contains("value=\"2027-02-05\""),
        "{shown}"
    );
    let saved = browser.submit_from(&shown, "/calendar", &days("2027-02-05", "", "open")).await;
    assert_eq!(saved.status, 303, "{}", text(&saved));
    let said = json!({"open": ["2027-02-05"], "closed": ["2026-12-31"]});
    assert_eq!(app.get(CALENDAR).await.ok()["operator"], said);
    // Back to what the data say.
    let page = browser.page("/calendar").await;
    browser.submit_from(&page, "/calendar", &days("2026-12-31", "", "data")).await;
    assert_eq!(app.get(CALENDAR).await.ok()["operator"]["closed"], json!([]));
    let history = browser.page("/history").await;
    assert!(
        history.contains("交易日历") && history.contains("href=\"/calendar\"") && history.contains("休市日"),
        "{history}"
    );
}

#[tokio::test]
async fn the_page_speaks_english_too_and_a_form_out_of_its_session_changes_nothing() {
    let app = App::start().await;
    let english = app.get_with("/calendar?year=2026", &[("accept-language", "en")]).await;
    let shown = text(&english);
    assert!(shown.contains("Calendar 2026") && shown.contains("Trading days <b>242</b>"), "{shown}");
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/calendar").await;
    app.clock.advance(Duration::from_hours(24 * 40));
    let fields = [("from", "2026-12-31"), ("to", ""), ("answer", "closed"), ("action", "days")];
    let late = browser.submit_from(&page, "/calendar", &fields).await;
    assert_ne!(late.status, 303, "{}", text(&late));
    assert_eq!(app.get(CALENDAR).await.ok()["revision"], 0);
}
