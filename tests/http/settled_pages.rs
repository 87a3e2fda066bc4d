//! What was settled, as the pages tell it: every member in words of both languages.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{ALICE, App, held};
use crate::look_pages::{bank, english, operate, push};
use crate::pages::{Browser, text};

/// What a revision's page says was settled otherwise: what, before, after.
async fn members(browser: &mut Browser<'_>, revision: i64) -> Vec<[String; 3]> {
    let page = browser.page(&format!("/revisions/{revision}")).await;
    let (_, table) = page.split_once("<table class=\"cards\">").unwrap_or_default();
    let rows = table.split_once("</table>").unwrap_or_default().0.split("<tr>").skip(2);
    let cell = |text: &str| text.split_once('>').unwrap().1.split('<').next().unwrap().to_owned();
    let row = |row: &str| {
        let mut cells = row.split("<td").map(cell);
        let (_, word) = row.split_once("<th scope=\"row\"").unwrap();
        cells.next();
        [cell(word), cells.next().unwrap(), cells.next().unwrap()]
    };
    rows.map(row).collect()
}

fn lines<const N: usize>(expected: [[&str; 3]; N]) -> Vec<[String; 3]> {
    expected.map(|line| line.map(str::to_owned)).to_vec()
}

#[tokio::test]
async fn a_channel_is_told_in_words() {
    let app = App::start().await;
    let mut channel = json!({"kind": "wecom", "url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k",
        "severity": "warning", "language": "zh"});
    operate(&app, "PUT", "/api/v1/channels/boss", channel.clone()).await;
    operate(&app, "PUT", "/api/v1/channels/desk", channel.clone()).await;
    for (member, value) in [
        ("severity", json!("alarm")),
        ("language", json!("en")),
        ("daily", json!(true)),
        ("incidents", json!(["drift", "disk"])),
        ("accounts", json!(["main"])),
        ("quiet", json!({"from": "22:00", "to": "08:00"})),
        ("escalate", json!({"to": "boss", "after": 10})),
    ] {
        channel[member] = value;
    }
    operate(&app, "PUT", "/api/v1/channels/desk", channel).await;
    let mut browser = Browser::operator(&app).await;
    let first = members(&mut browser, 2).await;
    for line in [["类型", "–", "企业微信"], ["最低级别", "–", "警告"], ["语言", "–", "中文"], ["日报", "–", "否"]]
    {
        assert!(first.contains(&line.map(str::to_owned)), "{line:?} {first:?}");
    }
    // Address and secret were typed again, which their mark says.
    let changed = |all: Vec<[String; 3]>| all.into_iter().filter(|line| line[1].len() < 32).collect::<Vec<_>>();
    assert_eq!(
        changed(members(&mut browser, 3).await),
        lines([
            ["告知哪些异常", "全部", "持仓偏差、磁盘"],
            ["日报", "否", "是"],
            ["最低级别", "警告", "警报"],
            ["语言", "中文", "English"],
            ["账户", "–", "main"],
            ["免打扰（上海时间；警报除外）", "–", "22:00 – 08:00"],
            ["无人确认时转到", "–", "boss · 10 分钟后"],
        ])
    );
    let mut browser = english(&app).await;
    assert_eq!(
        changed(members(&mut browser, 3).await),
        lines([
            ["Incidents that it tells of", "all", "drift, disk"],
            ["Daily report", "no", "yes"],
            ["From which severity on", "warning", "alarm"],
            ["Language", "中文", "English"],
            ["Accounts", "–", "main"],
            ["Quiet hours (Shanghai; alarms come through)", "–", "22:00 – 08:00"],
            ["When nobody acknowledges, tell", "–", "boss · 10 minutes later"],
        ])
    );
    let history = browser.page("/history").await;
    assert!(history.contains("drift, disk") && !history.contains("daily") && !history.contains("wecom"), "{history}");
}

#[tokio::test]
async fn a_flat_strategy_is_told_with_the_time_of_its_target() {
    let app = App::start().await;
    push(&app, "alpha", json!([bank(100, 10.0)])).await;
    app.clock.advance(Duration::from_mins(1));
    operate(&app, "POST", "/api/v1/strategies/alpha/state", json!({"state": "flat", "note": "<b>"})).await;
    let mut chinese = Browser::operator(&app).await;
    let at = "2026-01-05 14:50:00";
    let told = members(&mut chinese, 3).await;
    assert!(told.contains(&["状态", "–", "清零"].map(str::to_owned)), "{told:?}");
    assert!(told.contains(&["该目标推送于", "–", at].map(str::to_owned)), "{told:?}");
    assert!(told.iter().any(|line| line[2] == "&#60;b&#62;"), "{told:?}");
    let told = members(&mut english(&app).await, 3).await;
    assert!(told.contains(&["that target was pushed", "–", at].map(str::to_owned)), "{told:?}");
}

async fn push_of(app: &App, sequence: i64, volume: i64) -> Value {
    let list = json!([held("600000.SH", volume, 10.0)]);
    let body = json!({"strategy_name": "alpha", "positions": list, "sequence": sequence}).to_string();
    app.push_body(&ALICE, &body).await.json()
}

#[tokio::test]
async fn a_push_that_waits_is_told_by_its_reasons_and_one_that_waits_no_more_by_nothing() {
    let app = App::start().await;
    let guards = json!([{"strategies": "*", "rules": {"invested": {"over": 1, "then": "hold"}}}]);
    operate(&app, "PUT", "/api/v1/guards", guards).await;
    assert_eq!(push_of(&app, 5, 100).await["held"], true);
    // The same once more is still the same push, and another with as many lines is not.
    push_of(&app, 6, 100).await;
    push_of(&app, 7, 200).await;
    let mut browser = Browser::operator(&app).await;
    let first = members(&mut browser, 2).await;
    let told: Vec<&str> = first.iter().map(|line| &*line[0]).collect();
    assert_eq!(told, ["持仓数", "等待的原因", "最近的 sequence"], "{first:?}");
    assert_eq!((&*first[0][2], &*first[2][2]), ("1", "5"));
    assert_eq!(members(&mut browser, 3).await, lines([["最近的 sequence", "5", "6"], ["自此版本起等待", "–", "2"]]));
    let other = members(&mut browser, 4).await;
    assert_eq!(other[0], ["持仓数", "1", "1（内容不同）"], "another list");
    assert_eq!(
        members(&mut english(&app).await, 3).await,
        lines([["Last sequence", "5", "6"], ["waits since revision", "–", "2"]])
    );
    browser.submit("/holds", "/holds/discard", &[]).await;
    assert_eq!(members(&mut browser, 5).await, lines([]));
}

#[tokio::test]
async fn every_other_kind_has_its_words() {
    let app = App::start().await;
    push(&app, "alpha", json!([bank(100, 10.0)])).await;
    operate(&app, "PUT", "/api/v1/strategies/alpha/schedule", json!({"by": ["09:35", "14:55"], "days": "all"})).await;
    operate(&app, "POST", "/api/v1/pause", json!({"paused": true, "note": "n"})).await;
    operate(&app, "PUT", "/api/v1/calendar", json!({"open": [], "closed": ["2026-03-02"], "known_through": null}))
        .await;
    let rules = json!([{"strategies": "a*", "rules": {"hours": {"times": ["09:15-11:30"], "then": "warn"},
        "grows": {"over": 3, "then": "hold"}}}, {"strategies": "b", "rules": {}}]);
    operate(&app, "PUT", "/api/v1/guards", rules).await;
    let account = json!({"strategies": [{"name": "alpha", "scale": "0.5"}], "adjustments": "all",
        "protected": [{"code": "600000.SH", "volume": null}, {"code": "600001.SH", "volume": "200"}], "costs": {},
        "broker": "b1"});
    operate(&app, "PUT", "/api/v1/accounts/main", account).await;
    let mut browser = english(&app).await;
    assert_eq!(
        members(&mut browser, 2).await,
        lines([["Times (Shanghai)", "–", "09:35, 14:55"], ["On", "–", "every day"]])
    );
    assert_eq!(members(&mut browser, 3).await, lines([["pause", "–", "yes"], ["Note", "–", "n"]]));
    assert_eq!(members(&mut browser, 4).await, lines([["closed", "–", "2026-03-02"]]));
    let guards = members(&mut browser, 5).await;
    assert!(guards.iter().any(|line| line[0] == "2. b" && line[2] == "no rule"), "{guards:?}");
    assert!(
        guards.iter().any(|line| line[0] == "1. a*"
            && line[2] == "grows: invested cost grows by more than a factor 3 → hold, pushed outside of these times 09:15-11:30 → warn"),
        "{guards:?}"
    );
    assert_eq!(
        members(&mut browser, 6).await,
        lines([
            ["Strategies", "–", "alpha × 0.5"],
            ["Adjustments", "–", "all"],
            ["Protected shares", "–", "600000.SH never traded, 600001.SH 200"],
            ["Rounding", "–", "to the nearest lot"],
            ["Freshness", "–", "only what was said today"],
            ["Costs", "–", "Commission 0.00025, Least commission (CNY) 5, Stamp duty 0.0005, Transfer fee 0.00001"],
            ["Broker account", "–", "b1"],
        ])
    );
}

#[tokio::test]
async fn what_another_changed_in_an_account_is_that_and_nothing_else() {
    let app = App::start().await;
    push(&app, "alpha", json!([bank(100, 10.0)])).await;
    push(&app, "beta", json!([held("600519.SH", 100, 1500.0)])).await;
    let of = |names: &[(&str, &str)]| {
        let share = |(name, scale): &(&str, &str)| json!({"name": name, "scale": scale});
        json!({"strategies": names.iter().map(share).collect::<Vec<_>>()})
    };
    operate(&app, "PUT", "/api/v1/accounts/main", of(&[("alpha", "1"), ("beta", "1")])).await;
    // From now on the ledger remembers what beta had wanted.
    operate(&app, "PUT", "/api/v1/accounts/main", of(&[("alpha", "1")])).await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/accounts/main/settings").await;
    operate(&app, "PUT", "/api/v1/accounts/main", of(&[("alpha", "2")])).await;
    let fields = [("strategy", "alpha"), ("scale", "3"), ("rounding", "nearest"), ("fresh", "today")];
    let fields: Vec<_> = fields.into_iter().chain([("action", "preview")]).collect();
    let moved = browser.submit_from(&page, "/accounts/main/settings", &fields).await;
    let (shown, status) = (text(&moved), moved.status);
    let (_, theirs) = shown.split_once("他人的改动").unwrap();
    let theirs = theirs.split_once("</ul>").unwrap().0;
    assert!(status == 409 && theirs.contains("alpha × 1 → alpha × 2"), "{theirs}");
    assert_eq!(theirs.matches("<li>").count(), 1, "{theirs}");
    // As of then it is answered as it was settled, without what is remembered beside.
    let then = app.get("/api/v1/accounts/main?as_of=4").await.ok();
    assert_eq!(then["settings"]["strategies"], json!([{"name": "alpha", "scale": "1"}]), "{then}");
    assert_eq!((&then["revision"], then["settings"].get("former")), (&json!(4), None));
}
