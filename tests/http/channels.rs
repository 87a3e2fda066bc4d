//! Channels: settled without a word of what is secret, and what they tell, to a robot that listens on this machine.

use std::time::Duration;

use jq2qmt::desk::incidents::Surroundings;
use jq2qmt::domain::account::AccountName;
use jq2qmt::domain::calendar::Day;
use jq2qmt::domain::incident::{Acknowledged, Change, Concern, IncidentId, Step};
use jq2qmt::domain::strategy::StrategyName;
use serde_json::{Value, json};

use crate::app::{Answer, App, START, held};
use crate::pages::{Browser, text};
use crate::robot::{GOOD, LIMIT, Robot};

const CHANNELS: &str = "/api/v1/channels";
async fn put(app: &App, name: &str, channel: &Value) -> Answer {
    app.operate("PUT", &format!("{CHANNELS}/{name}"), &[], &channel.to_string()).await
}

async fn all(app: &App) -> Value {
    app.operate("GET", CHANNELS, &[], "").await.ok()["channels"].clone()
}

/// A server with one channel, over which a robot is told everything.
async fn with_robot(more: &Value) -> (App, Robot) {
    let (app, robot) = (App::start().await, Robot::start());
    let mut channel = json!({"kind": "wecom", "url": robot.url});
    channel.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    put(&app, "desk", &channel).await.ok();
    app.state.messenger().pages_at("https://qmt.example.com".to_owned());
    (app, robot)
}

fn step(app: &App, id: i64, change: Change, concern: Concern) -> Step {
    let at = app.clock.now();
    Step { id: IncidentId::new(id), change, concern, began_at: at, at }
}

fn held_push(strategy: &str) -> Concern {
    let strategy = StrategyName::parse(strategy).unwrap();
    Concern::StrategySilent { strategy, since: crate::app::START }
}

fn silent() -> Concern {
    Concern::TerminalSilent { account: AccountName::parse("main").unwrap(), since: crate::app::START }
}

const DISK: Concern = Concern::Disk { free: 1 << 30, total: 100 << 30 };

/// What becomes of an incident, kept as it is found.
async fn post(app: &App, step: &Step) {
    app.store.keep_incidents(vec![step.clone()]).await.unwrap();
}

/// Lets time pass, and the messenger look.
async fn pass(app: &App, span: Duration) {
    app.clock.advance(span);
    app.carry().await;
}

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn what_is_secret_is_written_and_never_shown() {
    let app = App::start().await;
    let url = "https://oapi.dingtalk.com/robot/send?access_token=pl4nted-token";
    let channel = json!({"kind": "dingtalk", "url": url, "secret": "SECpl4nted", "incidents": ["drift", "disk"],
        "accounts": ["main"], "severity": "warning", "quiet": {"from": "22:00", "to": "08:00"}, "language": "en"});
    assert_eq!(put(&app, "desk", &channel).await.ok()["changed"], true);
    assert_eq!(put(&app, "desk", &channel).await.ok()["changed"], false, "the same again");
    let shown = all(&app).await;
    assert_eq!(
        shown,
        json!([{"name": "desk", "kind": "dingtalk", "address": "https://oapi.dingtalk.com/robot/send?access_token=…",
            "incidents": ["drift", "disk"], "accounts": ["main"], "severity": "warning",
            "quiet": {"from": "22:00", "to": "08:00"}, "language": "en", "revision": 1, "last_success": null,
            "last_failure": null, "waiting": 0}])
    );

    // A new secret is a change that the history knows, and nothing else of it.
    let changed = json!({"kind": "dingtalk", "secret": "SECpl4nted-too", "language": "en"});
    assert_eq!(put(&app, "desk", &changed).await.ok()["revision"], 2);
    let history = app.get("/api/v1/revisions/2").await.ok();
    assert_eq!((&history["kind"], &history["actor"]), (&json!("set"), &json!("operator")), "{history}");
    let mut browser = Browser::operator(&app).await;
    let mut told = history.to_string() + &shown.to_string();
    for path in ["/channels", "/channels?edit=desk", "/history", "/revisions/1", "/revisions/2"] {
        told += &browser.page(path).await;
    }
    assert!(!told.contains("pl4nted"), "{told}");
    assert_eq!(app.get(CHANNELS).await.status, 401);
}

#[tokio::test]
async fn a_channel_is_taken_whole_or_not_at_all() {
    let app = App::start().await;
    for (channel, words) in [
        (json!({"kind": "wecom"}), "url is missing"),
        (json!({"kind": "wecom", "url": "qyapi.weixin.qq.com"}), "the whole address"),
        (json!({"kind": "webhook", "url": "https://example.com/x"}), "needs a secret"),
        (json!({"kind": "mail", "url": "smtps://example.com", "from": "a@b.c"}), "from and to"),
        (json!({"kind": "wecom", "url": "https://a/x", "escalate": {"to": "boss", "after": 5}}), "names no channel"),
        (json!({"kind": "wecom", "url": "https://a/x", "escalate": {"to": "desk", "after": 5}}), "another channel"),
        (json!({"kind": "wecom", "url": "https://a/x", "quiet": {"from": "08:00", "to": "08:00"}}), "must differ"),
    ] {
        let answer = put(&app, "desk", &channel).await;
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert_eq!(answer.refusal(), (400, "invalid_channel".to_owned()), "{channel}");
        assert!(message.contains(words), "{message}");
    }
    for channel in [json!({"kind": "pager"}), json!({"kind": "wecom", "url": "https://a/x", "incidents": ["x"]})] {
        assert_eq!(put(&app, "desk", &channel).await.refusal(), (400, "invalid_format".to_owned()));
    }
    assert_eq!(all(&app).await, json!([]));
    let gone = app.operate("DELETE", &format!("{CHANNELS}/desk"), &[], "").await;
    assert_eq!(gone.refusal(), (404, "unknown_channel".to_owned()));

    let channel = |more: &Value| json!({"kind": "wecom", "url": "https://a/x", "escalate": more});
    put(&app, "boss", &channel(&Value::Null)).await.ok();
    put(&app, "desk", &channel(&json!({"to": "boss", "after": 5}))).await.ok();
    let needed = app.operate("DELETE", &format!("{CHANNELS}/boss"), &[], "").await;
    assert_eq!(needed.refusal(), (400, "invalid_channel".to_owned()), "desk leads there");
    app.operate("DELETE", &format!("{CHANNELS}/desk"), &[], "").await.ok();
    app.operate("DELETE", &format!("{CHANNELS}/boss"), &[], "").await.ok();
    assert_eq!(all(&app).await, json!([]));
}

#[tokio::test]
async fn a_test_says_at_once_what_became_of_it() {
    let (app, robot) = with_robot(&json!({})).await;
    let path = format!("{CHANNELS}/desk/test");
    app.operate("POST", &path, &[], "").await.ok();
    let heard = robot.heard();
    assert!(heard.len() == 1 && heard[0].starts_with("jq2qmt 测试：desk\n"), "{heard:?}");
    robot.answers(r#"{"errcode":93000,"errmsg":"invalid key pl4nted"}"#);
    let refused = app.operate("POST", &path, &[], "").await;
    assert_eq!(refused.json()["message"], "the channel did not take the message: code 93000: invalid key …");
    assert_eq!(refused.refusal(), (502, "channel_refused".to_owned()));
    let channel = all(&app).await[0].clone();
    assert_eq!(channel["last_failure"]["error"], "code 93000: invalid key …");
    assert!(channel["last_success"].is_string() && channel["waiting"] == 0, "{channel}");
}

#[tokio::test]
async fn an_incident_is_told_in_words_that_a_lock_screen_shows() {
    let (app, robot) = with_robot(&json!({})).await;
    post(&app, &step(&app, 1, Change::Begun, silent())).await;
    pass(&app, Duration::from_secs(29)).await;
    assert_eq!(robot.heard(), [""; 0], "more of the same may come");
    pass(&app, Duration::from_secs(1)).await;
    assert_eq!(
        robot.heard(),
        [
            "【警报】账户 main 的终端没有来查询目标\n自 2026-01-05 14:50:00 起。\n最近一次收到它的消息：2026-01-05 14:50:00。\n\
          在它恢复之前不会下单，持仓保持不变，目标的变化不会成交。\nhttps://qmt.example.com/accounts/main"
        ]
    );
    put(&app, "desk", &json!({"kind": "wecom", "language": "en"})).await.ok();
    post(&app, &step(&app, 1, Change::Ended, silent())).await;
    pass(&app, HALF_A_MINUTE).await;
    assert_eq!(
        robot.heard(),
        ["[Over] The terminal of account main does not ask\nFrom 2026-01-05 14:50:30 to 2026-01-05 14:50:30.\n\
          Last heard of at 2026-01-05 14:50:00.\nhttps://qmt.example.com/accounts/main"]
    );
    pass(&app, Duration::from_hours(25)).await;
    assert_eq!(robot.heard(), [""; 0], "each is told once");
}

#[tokio::test]
async fn what_is_alike_is_told_together() {
    let (app, robot) = with_robot(&json!({})).await;
    for (n, name) in ["alpha", "beta", "gamma"].iter().enumerate() {
        post(&app, &step(&app, i64::try_from(n).unwrap(), Change::Begun, held_push(name))).await;
        app.clock.advance(Duration::from_secs(5));
    }
    post(&app, &step(&app, 9, Change::Begun, DISK)).await;
    pass(&app, HALF_A_MINUTE).await;
    let heard = robot.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].starts_with("jq2qmt：3 件事需要知道\n· 【警告】策略 alpha 今天没有推送\n"), "{}", heard[0]);
    assert!(heard[1].starts_with("【警报】数据库所在磁盘将满\n"), "{}", heard[1]);
}

#[tokio::test]
async fn above_fifteen_a_minute_one_digest_tells_the_rest() {
    let (app, robot) = with_robot(&json!({})).await;
    for _ in 0..13 {
        app.operate("POST", &format!("{CHANNELS}/desk/test"), &[], "").await.ok();
    }
    assert_eq!(robot.heard().len(), 13);
    let concerns = [silent(), held_push("alpha"), Concern::Backup { made_at: None, error: None }, DISK];
    for (n, concern) in (1..).zip(concerns) {
        post(&app, &step(&app, n, Change::Begun, concern)).await;
    }
    pass(&app, HALF_A_MINUTE).await;
    let heard = robot.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].starts_with("【警报】账户 main"), "{heard:?}");
    assert!(heard[1].starts_with("jq2qmt：3 件事需要知道\n· 【警报】"), "the most urgent first: {heard:?}");
    let limited = app.operate("POST", &format!("{CHANNELS}/desk/test"), &[], "").await;
    assert_eq!(limited.refusal(), (502, "channel_refused".to_owned()));
    assert_eq!(robot.heard(), [""; 0], "the robot is left alone");
}

#[tokio::test]
async fn what_is_refused_is_tried_again_for_a_day() {
    let (app, robot) = with_robot(&json!({})).await;
    robot.answers("<html>");
    post(&app, &step(&app, 1, Change::Begun, DISK)).await;
    let mut attempts = Vec::new();
    for look in 0..130 {
        pass(&app, HALF_A_MINUTE).await;
        attempts.extend(robot.heard().iter().map(|_| look));
    }
    assert_eq!(attempts, [0, 1, 3, 7, 15, 31, 63, 123], "twice as long each time, up to half an hour");
    for _ in 0..60 {
        pass(&app, Duration::from_mins(30)).await;
    }
    let channel = all(&app).await[0].clone();
    assert_eq!((robot.heard().len() < 50, &channel["waiting"]), (true, &json!(0)), "after a day it is given up");
    let figures = String::from_utf8(app.get("/metrics").await.bytes.to_vec()).unwrap();
    assert!(figures.contains(r#"jq2qmt_alerts_total{channel="desk",outcome="given_up"} 1"#), "{figures}");
    assert!(figures.contains(r#"jq2qmt_alerts_total{channel="desk",outcome="delivered"} 0"#), "{figures}");
    assert_eq!(channel["last_failure"]["error"], "HTTP 200, and no answer of this robot's");

    // What comes in time is told.
    post(&app, &step(&app, 2, Change::Begun, silent())).await;
    pass(&app, HALF_A_MINUTE).await;
    robot.answers(GOOD);
    robot.heard();
    pass(&app, HALF_A_MINUTE).await;
    assert_eq!(robot.heard().len(), 1);
}

#[tokio::test]
async fn a_message_that_cannot_be_made_is_one_that_is_refused() {
    let (app, robot) = with_robot(&json!({"daily": true})).await;
    // A day that no calendar reaches: whoever adds to it panics.
    let bad = serde_json::from_str(&i64::MAX.to_string()).unwrap();
    // So many that the last of them go into one message with it.
    for day in std::iter::successors(Some(Day::of(START)), |day| Some(day.next())).take(16).chain([bad]) {
        app.store.queue_report(day).await.unwrap();
    }
    pass(&app, HALF_A_MINUTE).await;
    assert_eq!(robot.heard().len(), 15, "no more than in any minute");
    pass(&app, Duration::from_mins(1)).await;
    assert_eq!(robot.heard().len(), 1, "no other is kept by it, nor for longer than the minute's room");
    let channel = all(&app).await[0].clone();
    assert_eq!(
        (&channel["waiting"], &channel["last_failure"]["error"]),
        (&json!(1), &json!("making the message failed"))
    );
    post(&app, &step(&app, 1, Change::Begun, DISK)).await;
    pass(&app, HALF_A_MINUTE).await;
    assert_eq!(robot.heard().len(), 1, "what comes after it is told");
    for _ in 0..60 {
        pass(&app, Duration::from_mins(30)).await;
    }
    assert_eq!(all(&app).await[0]["waiting"], 0, "after a day it is given up");
    let figures = String::from_utf8(app.get("/metrics").await.bytes.to_vec()).unwrap();
    assert!(figures.contains(r#"jq2qmt_alerts_total{channel="desk",outcome="given_up"} 1"#), "{figures}");
    assert!(!figures.contains(r#"jq2qmt_alerts_total{channel="desk",outcome="refused"} 0"#), "{figures}");
}

#[tokio::test]
async fn a_robot_that_has_enough_is_left_alone_with_the_rest() {
    let (app, robot) = with_robot(&json!({})).await;
    robot.answers(LIMIT);
    post(&app, &step(&app, 1, Change::Begun, DISK)).await;
    post(&app, &step(&app, 2, Change::Begun, silent())).await;
    pass(&app, HALF_A_MINUTE).await;
    assert_eq!(robot.heard().len(), 1);
    robot.answers(GOOD);
    pass(&app, Duration::from_secs(599)).await;
    assert_eq!((robot.heard(), all(&app).await[0]["waiting"].clone()), (vec![], json!(2)));
    pass(&app, Duration::from_secs(1)).await;
    assert_eq!((robot.heard().len(), all(&app).await[0]["waiting"].clone()), (2, json!(0)));
}

#[tokio::test]
async fn by_night_only_an_alarm_comes_through() {
    let (app, robot) = with_robot(&json!({"quiet": {"from": "14:00", "to": "16:00"}})).await;
    post(&app, &step(&app, 1, Change::Begun, held_push("alpha"))).await;
    post(&app, &step(&app, 2, Change::Begun, DISK)).await;
    pass(&app, HALF_A_MINUTE).await;
    let heard = robot.heard();
    assert!(heard.len() == 1 && heard[0].starts_with("【警报】数据库所在磁盘将满"), "{heard:?}");
    pass(&app, Duration::from_mins(69)).await;
    assert_eq!(robot.heard(), [""; 0]);
    pass(&app, HALF_A_MINUTE).await;
    assert!(robot.heard()[0].starts_with("【警告】策略 alpha 今天没有推送"));
}

#[tokio::test]
async fn who_sleeps_is_followed_by_another_channel() {
    let (app, robot) = (App::start().await, Robot::start());
    let boss = json!({"kind": "wecom", "url": robot.url, "incidents": ["backup"]});
    put(&app, "boss", &boss).await.ok();
    let desk = Robot::start();
    put(&app, "desk", &json!({"kind": "wecom", "url": desk.url, "escalate": {"to": "boss", "after": 10}})).await.ok();
    post(&app, &step(&app, 1, Change::Begun, DISK)).await;
    pass(&app, HALF_A_MINUTE).await;
    assert_eq!((desk.heard().len(), robot.heard().len()), (1, 0));
    pass(&app, Duration::from_secs(599)).await;
    assert_eq!(robot.heard(), [""; 0], "not before its time");
    pass(&app, Duration::from_secs(1)).await;
    let heard = robot.heard();
    assert!(heard.len() == 1 && heard[0].starts_with("【无人确认】数据库所在磁盘将满"), "{heard:?}");

    post(&app, &step(&app, 2, Change::Begun, silent())).await;
    pass(&app, HALF_A_MINUTE).await;
    let by = Acknowledged { at: app.clock.now(), by: "192.0.2.7".to_owned() };
    assert!(app.store.acknowledge(IncidentId::new(2), by).await.unwrap());
    pass(&app, Duration::from_hours(1)).await;
    assert_eq!((desk.heard().len(), robot.heard().len()), (1, 0), "somebody has seen it");
    let boss = all(&app).await[0].clone();
    assert_eq!(
        (&boss["name"], &boss["last_failure"], &boss["waiting"]),
        (&json!("boss"), &Value::Null, &json!(0)),
        "no fault of the channel"
    );
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let (mut app, robot) = with_robot(&json!({})).await;
    post(&app, &step(&app, 1, Change::Begun, DISK)).await;
    app.restart().await;
    pass(&app, HALF_A_MINUTE).await;
    assert_eq!(robot.heard().len(), 1);
    app.restart().await;
    pass(&app, HALF_A_MINUTE).await;
    assert_eq!(robot.heard(), [""; 0]);
}

#[tokio::test]
async fn the_heartbeat_says_who_was_heard_of() {
    let app = App::start().await;
    let refused = app.get("/api/v1/heartbeat?max_age=60").await;
    assert_eq!(refused.refusal(), (503, "nobody_heard".to_owned()), "nobody ever");
    assert_eq!(app.get("/api/v1/heartbeat").await.ok()["age"], Value::Null);
    app.push(&crate::app::ALICE, "alpha", json!([held("000001.SZ", 100, 10.0)])).await.ok();
    app.clock.advance(Duration::from_mins(1));
    // Who finds nothing any more has nothing to tell either.
    assert_eq!(app.get("/api/v1/heartbeat").await.refusal(), (503, "nobody_looks".to_owned()));
    app.state.incidents().look(Surroundings::default()).await.unwrap();
    let heard = app.get("/api/v1/heartbeat?max_age=60").await.ok();
    assert_eq!((&heard["status"], &heard["age"], &heard["poll"]), (&json!("ok"), &json!(60), &Value::Null));
    assert_eq!(app.get("/api/v1/heartbeat?max_age=60&of=report").await.status, 503);
    app.clock.advance(Duration::from_secs(1));
    let old = app.get("/api/v1/heartbeat?max_age=60&of=push").await;
    assert_eq!(old.json()["message"], "nobody was heard of in time: the last was 61 s ago");
    for query in ["max_age=soon", "of=sleep"] {
        assert_eq!(app.get(&format!("/api/v1/heartbeat?{query}")).await.refusal(), (400, "invalid_query".to_owned()));
    }
}

#[tokio::test]
async fn the_page_settles_tests_and_removes_a_channel() {
    let (app, robot) = (App::start().await, Robot::start());
    let mut browser = Browser::operator(&app).await;
    let fields = |url: &'static str| -> Vec<(&str, &str)> {
        vec![
            ("name", "desk"),
            ("kind", "wecom"),
            ("url", url),
            ("incidents", "*"),
            ("severity", "notice"),
            ("language", "zh"),
            ("escalate_after", "10"),
        ]
    };
    let bad = browser.submit("/channels", "/channels", &fields("pl4nted")).await;
    assert_eq!(bad.status, 422);
    assert!(text(&bad).contains("请填写完整地址") && !text(&bad).contains("pl4nted"));
    let url: &'static str = Box::leak(robot.url.clone().into_boxed_str());
    assert_eq!(browser.submit("/channels", "/channels", &fields(url)).await.status, 303);
    let tested = browser.submit("/channels", "/channels/test", &[("name", "desk")]).await;
    assert!(text(&tested).contains("测试消息已由渠道 desk 收下") && robot.heard().len() == 1);
    let known = browser.page("/channels?edit=desk").await;
    assert!(known.contains("修改渠道 desk") && known.contains("key=…") && !known.contains("pl4nted"));
    assert_eq!(browser.submit("/channels", "/channels", &fields(url)).await.status, 409, "somebody was faster");
    let asked = browser.page("/channels/delete?name=desk").await;
    assert!(asked.contains("等待发送的消息一并丢弃") && asked.contains("key=…") && !asked.contains("pl4nted"));
    let other = fields("https://example.com/robot?key=another");
    assert_eq!(browser.submit("/channels?edit=desk", "/channels", &other).await.status, 303);
    let removed = browser.submit_from(&asked, "/channels/delete", &[]).await;
    assert!(removed.status == 409 && text(&removed).contains("他人已修改该渠道"), "not what was looked at");
    assert_eq!(browser.submit_from(&text(&removed), "/channels/delete", &[]).await.status, 303);
    assert_eq!(browser.get("/channels/delete?name=desk").await.header("location"), "/channels");
    assert!(browser.page("/channels").await.contains("还没有通知渠道"));
}
