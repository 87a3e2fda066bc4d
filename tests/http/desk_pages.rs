//! The desk's pages: states, waiting pushes, rules for pushes, accounts; without JavaScript.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{ALICE, App, PASSWORD, add_key, held};
use crate::pages::{Browser, hidden_fields, text};
use jq2qmt::store::api_keys::Scope;

const EVIL: &str = "<img src=x onerror=alert(1)>\"'";

async fn push(app: &App, strategy: &str, volume: i64) -> Value {
    app.push(&ALICE, strategy, json!([held("600000.SH", volume, 10.0)])).await.json()
}

async fn state(app: &App, strategy: &str) -> Value {
    app.get(&format!("/api/v1/strategies/{strategy}/state")).await.ok()
}

async fn list(app: &App, strategy: &str) -> Value {
    app.get(&format!("/api/v1/positions/strategy/{strategy}")).await.ok()["positions"].clone()
}

/// Brings a strategy into a state by the API.
async fn put(app: &App, strategy: &str, state: &str) {
    let body = json!({"state": state, "waiting": "discard"}).to_string();
    let body = if state == "live" { body } else { json!({"state": state}).to_string() };
    app.operate("POST", &format!("/api/v1/strategies/{strategy}/state"), &[], &body).await.ok();
}

#[tokio::test]
async fn a_strategy_is_frozen_made_flat_and_let_live_after_a_look() {
    let app = App::start().await;
    push(&app, "alpha", 100).await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/strategies/alpha").await;
    assert!(page.contains("运行中") && page.contains("/strategies/alpha/state?to=frozen"), "{page}");
    assert!(!page.contains("state?to=live"));

    let ask = "/strategies/alpha/state?to=frozen";
    let asked = browser.page(ask).await;
    assert!(asked.contains("目标保持不变") && asked.contains("没有任何变化"), "{asked}");
    let done = browser.submit_from(&asked, "/strategies/alpha/state", &[("note", EVIL)]).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/strategies/alpha?done=2"));
    let page = browser.page("/strategies/alpha").await;
    assert!(page.contains("冻结") && page.contains("onerror=alert(1)") && !page.contains("<img"), "{page}");
    assert_eq!(push(&app, "alpha", 900).await["held"], true);

    let asked = browser.page("/strategies/alpha/state?to=flat").await;
    assert!(asked.contains("终端会卖出它的部分") && asked.contains("100 → 0"), "{asked}");
    browser.submit_from(&asked, "/strategies/alpha/state", &[]).await;
    assert_eq!(state(&app, "alpha").await["state"], "flat");
    assert_eq!(list(&app, "alpha").await, json!([]));

    // What waits is applied or discarded, and which is for the operator to say.
    let asked = browser.page("/strategies/alpha/state?to=live").await;
    assert!(asked.contains("0 → 900") && asked.contains("0 → 100"), "{asked}");
    let unsaid = browser.submit_from(&asked, "/strategies/alpha/state", &[("note", "kept")]).await;
    assert!(unsaid.status == 422 && text(&unsaid).contains("请选择一项") && text(&unsaid).contains("value=\"kept\""));
    let done = browser.submit_from(&asked, "/strategies/alpha/state", &[("waiting", "discard")]).await;
    assert_eq!(done.status, 303, "{}", text(&done));
    assert_eq!(list(&app, "alpha").await[0]["volume"], 100);
    let standing = state(&app, "alpha").await;
    assert_eq!((&standing["state"], &standing["hold"]), (&json!("live"), &Value::Null));
}

#[tokio::test]
async fn a_deed_shows_what_it_does_to_each_account() {
    let app = App::start().await;
    push(&app, "alpha", 1000).await;
    push(&app, "alpha", 2000).await;
    let account = json!({"strategies": [{"name": "alpha", "scale": "0.4"}], "adjustments": "all"}).to_string();
    app.operate("PUT", "/api/v1/accounts/small", &[], &account).await.ok();
    let mut browser = Browser::operator(&app).await;
    let effect = |page: &str| {
        let (_, accounts) = page.split_once("<a href=\"/accounts/small\">small</a>").unwrap();
        accounts.split_once("</section>").unwrap().0.to_owned()
    };
    let flat = effect(&browser.page("/strategies/alpha/state?to=flat").await);
    assert!(flat.contains(">800</td>") && flat.contains("−800</td>"), "{flat}");
    let restored = effect(&browser.page("/strategies/alpha/restore?to=1").await);
    assert!(restored.contains(">400</td>") && restored.contains("−400</td>"), "{restored}");
    // Deleted, it leaves the account without a target: nothing is sold.
    let deleted = effect(&browser.page("/strategies/alpha/delete").await);
    assert!(deleted.contains("不会交易") && !deleted.contains("</td>"), "{deleted}");
    let row = [("code", "600519"), ("name", ""), ("volume", "300"), ("cost", "10"), ("remark", ""), ("until", "")];
    let row: Vec<_> = row.into_iter().chain([("action", "preview")]).collect();
    let added = effect(&text(&browser.submit("/adjustment", "/adjustment", &row).await));
    assert!(added.contains(">300</td>"), "{added}");
    // And back, it has one again.
    app.operate("DELETE", "/api/v1/strategies/alpha", &[], "").await.ok();
    let restored = effect(&browser.page("/strategies/alpha/restore?to=1").await);
    assert!(restored.contains("此后的目标如下") && restored.contains(">400</td>"), "{restored}");
}

#[tokio::test]
async fn what_is_applied_is_the_push_that_was_shown() {
    let app = App::start().await;
    push(&app, "alpha", 100).await;
    put(&app, "alpha", "frozen").await;
    push(&app, "alpha", 200).await;
    let mut browser = Browser::operator(&app).await;
    let asked = browser.page("/strategies/alpha/state?to=live").await;
    push(&app, "alpha", 300).await;
    let apply = [("waiting", "apply")];
    let moved = browser.submit_from(&asked, "/strategies/alpha/state", &apply).await;
    assert!(moved.status == 409 && text(&moved).contains("100 → 300"), "{}", text(&moved));
    assert_eq!(state(&app, "alpha").await["state"], "frozen");
    let done = browser.submit_from(&text(&moved), "/strategies/alpha/state", &apply).await;
    assert_eq!(done.status, 303);
    assert_eq!(list(&app, "alpha").await[0]["volume"], 300);
}

#[tokio::test]
async fn a_decision_over_somebody_elses_is_shown_anew() {
    let app = App::start().await;
    push(&app, "alpha", 100).await;
    let mut browser = Browser::operator(&app).await;
    let asked = browser.page("/strategies/alpha/state?to=flat").await;
    // The list has moved on; and then only the state.
    push(&app, "alpha", 200).await;
    let moved = browser.submit_from(&asked, "/strategies/alpha/state", &[("note", "mine")]).await;
    assert!(moved.status == 409 && text(&moved).contains("200 → 0") && text(&moved).contains("value=\"mine\""));
    put(&app, "alpha", "frozen").await;
    let moved = browser.submit_from(&text(&moved), "/strategies/alpha/state", &[]).await;
    assert_eq!(moved.status, 409);
    assert_eq!(list(&app, "alpha").await[0]["volume"], 200);
}

#[tokio::test]
async fn a_closed_strategy_says_so_and_can_be_let_live() {
    let app = App::start().await;
    push(&app, "alpha", 100).await;
    let mut browser = Browser::operator(&app).await;
    browser.submit("/strategies/alpha/delete", "/strategies/alpha/delete", &[]).await;
    let page = browser.page("/strategies/alpha").await;
    assert!(page.contains("该策略已删除") && page.contains("state?to=live"), "{page}");
    assert_eq!(push(&app, "alpha", 500).await["held"], true);
    assert_eq!(browser.get("/strategies/alpha/state?to=flat").await.status, 409);
    assert_eq!(browser.get("/strategies/nobody/state?to=flat").await.status, 404);
    assert_eq!(browser.get("/strategies/alpha/state?to=closed").await.status, 400);
    let asked = browser.page("/strategies/alpha/state?to=live").await;
    assert!(asked.contains("0 → 500"), "{asked}");
    browser.submit_from(&asked, "/strategies/alpha/state", &[("waiting", "apply")]).await;
    assert_eq!(list(&app, "alpha").await[0]["volume"], 500);
}

#[tokio::test]
async fn a_restore_freezes_unless_it_is_unticked() {
    let app = App::start().await;
    for volume in [100, 200] {
        push(&app, "alpha", volume).await;
    }
    let mut browser = Browser::operator(&app).await;
    let path = "/strategies/alpha/restore";
    for (fields, then) in [(&[("freeze", "on")][..], "frozen"), (&[], "live")] {
        let page = browser.page(&format!("{path}?to=1")).await;
        assert!(page.contains("name=\"freeze\" value=\"on\" checked"), "{page}");
        assert_eq!(browser.submit_from(&page, path, fields).await.status, 303);
        assert_eq!(state(&app, "alpha").await["state"], then);
    }
}

#[tokio::test]
async fn a_schedule_and_a_sequence_are_set_by_forms() {
    let app = App::start().await;
    let body = json!({"strategy_name": "alpha", "positions": [], "sequence": 9_000_000}).to_string();
    app.push_body(&ALICE, &body).await.ok();
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/strategies/alpha/settings").await;
    let (schedule, sequence) = ("/strategies/alpha/schedule", "/strategies/alpha/sequence");
    let wrong = browser.submit_from(&page, schedule, &[("times", "9:35 soon"), ("days", "all")]).await;
    assert!(
        wrong.status == 422 && text(&wrong).contains("value=\"9:35 soon\"") && text(&wrong).contains("“soon”不是时间")
    );
    let none = browser.submit_from(&page, schedule, &[("times", "")]).await;
    assert!(none.status == 422 && text(&none).contains("1 到 48"));
    let saved = browser.submit_from(&page, schedule, &[("times", "14:55，9:35"), ("days", "trading")]).await;
    assert_eq!(saved.status, 303, "{}", text(&saved));
    let standing = state(&app, "alpha").await;
    assert_eq!(standing["schedule"], json!({"by": ["09:35", "14:55"], "days": "trading"}));
    let shown = browser.page("/strategies/alpha").await;
    assert!(shown.contains("09:35 14:55") && shown.contains("9000000"), "{shown}");
    // The page was made before there was one.
    let moved = browser.submit_from(&page, schedule, &[("times", "10:00")]).await;
    assert!(moved.status == 409 && text(&moved).contains("value=\"10:00\""));
    let removed = browser.submit_from(&text(&moved), schedule, &[("action", "remove")]).await;
    assert_eq!(removed.status, 303);
    assert_eq!(state(&app, "alpha").await["schedule"], Value::Null);
    assert_eq!(browser.submit("/strategies/alpha/settings", schedule, &[("times", "10:00")]).await.status, 303);

    let wrong = browser.submit_from(&page, sequence, &[("last", "-1")]).await;
    assert!(wrong.status == 422 && text(&wrong).contains("value=\"-1\""));
    assert_eq!(browser.submit_from(&page, sequence, &[("last", "12")]).await.status, 303);
    assert_eq!(state(&app, "alpha").await["sequence"], 12);
    assert_eq!(browser.submit_from(&page, sequence, &[("last", "13")]).await.status, 409);
    assert_eq!(browser.submit("/strategies/alpha/settings", sequence, &[("last", "")]).await.status, 303);
    assert_eq!(state(&app, "alpha").await["sequence"], Value::Null);
}

#[tokio::test]
async fn what_waits_is_seen_everywhere_and_decided_by_its_number() {
    let app = App::start().await;
    for name in ["alpha", EVIL] {
        app.push(&ALICE, name, json!([{"code": "600000.SH", "name": EVIL, "volume": 100, "cost": 10}])).await.ok();
    }
    put(&app, "alpha", "frozen").await;
    let mut browser = Browser::operator(&app).await;
    assert!(browser.page("/holds").await.contains("没有等待批准的推送"));
    push(&app, "alpha", 900).await;
    for path in ["/", "/keys", "/history", "/password"] {
        let page = browser.page(path).await;
        assert!(page.contains("等待批准<span data-live=\"waiting\"> (1)</span>"), "{path}");
    }
    assert!(browser.page("/").await.contains("策略 alpha 有一次推送等待批准"));
    let page = browser.page("/holds").await;
    for shown in ["alice", "192.0.2.7", "已冻结", "100 → 900", "1,000"] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(!page.contains("<img"));
    // A newer push came meanwhile.
    push(&app, "alpha", 500).await;
    for deed in ["/holds/approve", "/holds/discard"] {
        let answer = browser.submit_from(&page, deed, &[]).await;
        assert!(answer.status == 409 && text(&answer).contains("100 → 500"), "{}", text(&answer));
    }
    assert_eq!(list(&app, "alpha").await[0]["volume"], 100);
    let approved = browser.submit("/holds", "/holds/approve", &[]).await;
    assert_eq!((approved.status.as_u16(), approved.header("location")), (303, "/holds?done=7"));
    assert!(browser.page("/holds?done=7").await.contains("已完成：批准 alpha"));
    assert_eq!(browser.get("/revisions/7/undo").await.header("location"), "/strategies/alpha/restore?to=1");
    assert_eq!(list(&app, "alpha").await[0]["volume"], 500);
    // Long gone.
    let answer = browser.submit_from(&page, "/holds/approve", &[]).await;
    assert!(answer.status == 409 && text(&answer).contains("已不在等待"));
    push(&app, "alpha", 700).await;
    let discarded = browser.submit("/holds", "/holds/discard", &[]).await;
    let page = browser.page(discarded.header("location")).await;
    assert!(page.contains("已完成：丢弃 alpha") && !page.contains("/undo\""), "{page}");
    assert_eq!(list(&app, "alpha").await[0]["volume"], 500);
    assert!(browser.page("/").await.contains("<span data-live=\"waiting\"></span>"));
}

#[tokio::test]
async fn the_push_of_a_flat_strategy_is_not_approved_past_its_state() {
    let app = App::start().await;
    push(&app, "alpha", 100).await;
    put(&app, "alpha", "frozen").await;
    push(&app, "alpha", 200).await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/holds").await;
    put(&app, "alpha", "flat").await;
    let answer = browser.submit_from(&page, "/holds/approve", &[]).await;
    assert!(answer.status == 409 && text(&answer).contains("请先恢复运行") && text(&answer).contains("state?to=live"));
    assert!(!text(&answer).contains("action=\"/holds/approve\""));
}

#[tokio::test]
async fn a_first_push_that_waits_has_a_page() {
    let app = App::start().await;
    let guards = json!([{"strategies": "*", "rules": {"invested": {"over": 1, "then": "hold"}}}]).to_string();
    app.operate("PUT", "/api/v1/guards", &[], &guards).await.ok();
    assert_eq!(push(&app, "alpha", 100).await["held"], true);
    let mut browser = Browser::operator(&app).await;
    assert!(browser.page("/strategies/alpha").await.contains("首次推送正在等待批准"));
    assert!(browser.page("/holds").await.contains("0 → 100"));
}

fn guard_fields(limit: &str) -> Vec<(&str, &str)> {
    vec![("pattern-0", "alpha*"), ("grows-then-0", "reject"), ("grows-limit-0", limit), ("empty-then-0", "hold")]
}

fn and<'a>(fields: &[(&'a str, &'a str)], action: &'a str) -> Vec<(&'a str, &'a str)> {
    fields.iter().copied().chain([("action", action)]).collect()
}

#[tokio::test]
async fn guards_are_tried_on_the_past_before_they_are_saved() {
    let app = App::start().await;
    for volume in [100, 1_000, 900] {
        push(&app, "alpha", volume).await;
        app.clock.advance(Duration::from_mins(30));
    }
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/guards").await;
    assert!(page.contains("最近三十天有 3 次"), "{page}");
    // What a first start turned on is there; here it gives way to one of our own.
    let wrong = browser.submit_from(&page, "/guards", &and(&guard_fields("0.5"), "try")).await;
    let shown = text(&wrong);
    assert!(wrong.status == 422 && shown.contains("value=\"0.5\"") && shown.contains("fault-grows-0"), "{shown}");
    let tried = browser.submit_from(&page, "/guards", &and(&guard_fields("5"), "try")).await;
    let shown = text(&tried);
    assert!(tried.status == 200 && shown.contains("放大") && shown.contains(">1</td>"), "{shown}");
    // Saved is what was tried.
    let other = browser.submit_from(&shown, "/guards", &and(&guard_fields("6"), "save")).await;
    assert!(other.status == 200 && text(&other).contains("试算之后内容又有改动"));
    let saved = browser.submit_from(&shown, "/guards", &and(&guard_fields("5"), "save")).await;
    assert_eq!(saved.status, 303, "{}", text(&saved));
    let guards = app.get("/api/v1/guards").await.ok();
    let rules = json!({"empty": {"then": "hold"}, "grows": {"over": 5, "then": "reject"}});
    assert_eq!(guards, json!([{"strategies": "alpha*", "rules": rules}]));
    // Saved over somebody else's.
    let moved = browser.submit_from(&shown, "/guards", &and(&guard_fields("7"), "save")).await;
    assert!(moved.status == 409 && text(&moved).contains("value=\"7\"") && text(&moved).contains("他人已修改规则"));
    let saved = browser.submit_from(&text(&moved), "/guards", &and(&guard_fields("7"), "save")).await;
    assert_eq!(saved.status, 303);
    assert!(browser.page("/history").await.contains("放大：持仓成本增加超过倍数 5 → 拒绝"));
}

#[tokio::test]
async fn entries_come_and_go_and_a_stricter_set_is_offered() {
    let app = App::start().await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/guards").await;
    let entries =
        |page: &str| hidden_fields(page, "/guards").iter().find(|(name, _)| name == "entries").unwrap().1.clone();
    let before: usize = entries(&page).parse().unwrap();
    let more = text(&browser.submit_from(&page, "/guards", &[("action", "add")]).await);
    assert_eq!(entries(&more), (before + 1).to_string());
    let last = format!("remove-{before}");
    let fewer = text(&browser.submit_from(&more, "/guards", &[("action", "try"), (&last, "on")]).await);
    assert_eq!(entries(&fewer), before.to_string());
    let strict = browser.submit_from(&page, "/guards", &[("action", "stricter")]).await;
    assert!(strict.status == 200 && text(&strict).contains("value=\"0.8\"") && text(&strict).contains("尚未保存"));
}

const ACCOUNT: [(&str, &str); 6] = [
    ("strategy", "alpha"),
    ("scale", "0.5"),
    ("adjustments", "none"),
    ("code", "600519"),
    ("protected", ""),
    ("broker", EVIL),
];

async fn saved(browser: &mut Browser<'_>, path: &str, fields: &[(&str, &str)]) {
    let page = browser.page(path).await;
    let preview = browser.submit_from(&page, path, &and(fields, "preview")).await;
    assert_eq!(preview.status, 200, "{}", text(&preview));
    let saved = browser.submit_from(&text(&preview), path, &and(fields, "save")).await;
    assert_eq!(saved.status, 303, "{}", text(&saved));
}

#[tokio::test]
async fn an_account_is_made_looked_at_and_changed_after_its_orders_were_seen() {
    let app = App::start().await;
    let body = json!({"strategy_name": "alpha", "positions": [held("600000.SH", 1_000, 10.0)], "total_value": 200_000});
    app.push_body(&ALICE, &body.to_string()).await.ok();
    let mut browser = Browser::operator(&app).await;
    assert!(browser.page("/accounts").await.contains("还没有账户"));
    let made = browser.get("/account?name=%E4%B8%BB%2F1").await;
    let path = "/accounts/%E4%B8%BB%2F1";
    assert_eq!(made.header("location"), format!("{path}/settings"));
    let settings = format!("{path}/settings");
    let page = browser.page(&settings).await;
    assert_eq!(browser.get(path).await.status, 404);

    let wrong = [
        ("strategy", "alpha"),
        ("scale", "-1"),
        ("strategy", "alpha"),
        ("scale", "1"),
        ("code", "x"),
        ("protected", "1.5"),
    ];
    let answer = browser.submit_from(&page, &settings, &and(&wrong, "preview")).await;
    let shown = text(&answer);
    assert_eq!(answer.status, 422);
    for fault in
        ["fault-scale-0", "fault-strategy-1", "fault-code-0", "fault-protected-0", "value=\"-1\"", "value=\"1.5\""]
    {
        assert!(shown.contains(fault), "{fault}\n{shown}");
    }
    let preview = text(&browser.submit_from(&page, &settings, &and(&ACCOUNT, "preview")).await);
    for shown in ["600000.SH", "500", "5,000.00", "从空仓算起", "alpha × 0.5"] {
        assert!(preview.contains(shown), "{shown}\n{preview}");
    }
    assert!(app.get("/api/v1/accounts").await.ok()["accounts"].as_array().unwrap().is_empty());
    // Saved is what was seen.
    let other: Vec<_> =
        ACCOUNT.iter().map(|(name, value)| (*name, if *name == "scale" { "0.6" } else { *value })).collect();
    let answer = browser.submit_from(&preview, &settings, &and(&other, "save")).await;
    assert!(answer.status == 200 && text(&answer).contains("再看一遍"));
    let done = browser.submit_from(&preview, &settings, &and(&ACCOUNT, "save")).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, &*format!("{path}?done=2")));
    let page = browser.page(path).await;
    for shown in ["600000.SH", "500", "从不交易", "100,000.00", "四舍五入到整手"] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert!(!page.contains("<img"));
    assert!(browser.page(&format!("{path}?strategy=alpha&wanted=50,000")).await.contains("<b>0.25</b>"));
    assert_eq!(browser.get(&format!("{path}?strategy=alpha&wanted=much")).await.status, 400);

    // Somebody else was faster: what was typed stays, and what they changed is shown.
    let moved = browser.submit_from(&preview, &settings, &and(&ACCOUNT, "save")).await;
    let shown = text(&moved);
    assert!(moved.status == 409 && shown.contains("他人的改动") && shown.contains("value=\"0.5\""), "{shown}");
    saved(&mut browser, &settings, &other).await;
    let account = app.get(&format!("/api/v1{path}")).await.ok();
    assert_eq!(account["strategies"][0]["scale"], "0.6");
}

#[tokio::test]
async fn an_account_that_is_incomplete_or_paused_says_that_nothing_is_traded() {
    let app = App::start().await;
    push(&app, "alpha", 1_000).await;
    let mut browser = Browser::operator(&app).await;
    let both = [("strategy", "alpha"), ("scale", "1"), ("strategy", EVIL), ("scale", "2")];
    saved(&mut browser, "/accounts/main/settings", &both).await;
    for path in ["/accounts", "/accounts/main"] {
        let page = browser.page(path).await;
        assert!(page.contains("目标不完整") && page.contains("onerror=alert(1)") && !page.contains("<img"), "{page}");
    }
    let settings = browser.page("/accounts/main/settings").await;
    let fields = and(&both[..2], "preview");
    let preview = text(&browser.submit_from(&settings, "/accounts/main/settings", &fields).await);
    assert!(preview.contains("现在的目标不完整") && !preview.contains("从空仓算起"), "{preview}");
    assert!(
        !preview.contains("1,000") && !preview.contains("约需资金"),
        "what it holds is not bought again\n{preview}"
    );
    saved(&mut browser, "/accounts/main/settings", &both[..2]).await;
    let pause = [("note", "故障排查")];
    assert_eq!(browser.submit("/accounts/main", "/accounts/main/pause", &pause).await.status, 303);
    assert_eq!(app.get("/api/v1/accounts/main/target").await.refusal().0, 503);
    let page = browser.page("/accounts/main").await;
    assert!(page.contains("此账户已暂停") && page.contains("故障排查") && page.contains("恢复此账户"), "{page}");
    assert!(!browser.page("/").await.contains("全部查询已暂停"));
    assert_eq!(browser.submit("/accounts/main", "/accounts/main/pause", &[]).await.status, 303);
    assert_eq!(browser.submit("/accounts", "/pause", &[("note", EVIL)]).await.status, 303);
    for path in ["/", "/accounts/main", "/keys", "/holds"] {
        let page = browser.page(path).await;
        assert!(
            page.contains("全部查询已暂停") && page.contains("onerror=alert(1)") && !page.contains("<img"),
            "{path}"
        );
    }
    assert_eq!(app.get("/api/v1/positions/total").await.refusal().0, 503);
    assert_eq!(browser.submit("/accounts", "/pause", &[]).await.status, 303);
    app.get("/api/v1/accounts/main/target").await.ok();
}

#[tokio::test]
async fn a_terminal_is_seen_and_released_and_an_account_deleted() {
    let app = App::start().await;
    push(&app, "alpha", 1_000).await;
    let mut browser = Browser::operator(&app).await;
    saved(&mut browser, "/accounts/main/settings", &[("strategy", "alpha"), ("scale", "1")]).await;
    let poll = async |name| app.get_with("/api/v1/accounts/main/target", &[("x-terminal", name)]).await.status.as_u16();
    assert_eq!((poll("first").await, poll("second").await), (200, 409));
    assert!(browser.page("/accounts").await.contains("first"));
    let page = browser.page("/accounts/main").await;
    assert!(page.contains("<b>first · 192.0.2.7</b>"), "{page}");
    assert_eq!(browser.submit_from(&page, "/accounts/main/release", &[]).await.status, 303);
    assert_eq!(poll("second").await, 200);

    let (delete, settings) = ("/accounts/main/delete", "/accounts/main/settings");
    let asked = browser.page(delete).await;
    assert!(asked.contains("终端得不到目标"), "{asked}");
    saved(&mut browser, settings, &[("strategy", "alpha"), ("scale", "2")]).await;
    let moved = browser.submit_from(&asked, delete, &[]).await;
    assert_eq!(moved.status, 409);
    assert_eq!(browser.submit_from(&text(&moved), delete, &[]).await.header("location"), "/accounts?done=4");
    assert_eq!(browser.get("/accounts/main").await.status, 404);
}

#[tokio::test]
async fn a_key_is_bound_to_an_account_from_the_page() {
    let app = App::start().await;
    push(&app, "alpha", 1_000).await;
    let mut browser = Browser::operator(&app).await;
    let wish = [("name", "qmt"), ("scope", "account"), ("account", "main")];
    let answer = browser.submit("/keys", "/keys/create", &wish).await;
    assert!(answer.status == 422 && text(&answer).contains("没有这个账户"));
    saved(&mut browser, "/accounts/main/settings", &[("strategy", "alpha"), ("scale", "0.5")]).await;
    let made = text(&browser.submit("/keys", "/keys/create", &wish).await);
    let secret = made.split("class=\"secret\">").nth(1).unwrap().split('<').next().unwrap();
    let total = app.get_with("/api/v1/positions/total", &[("x-api-key", secret)]).await.ok();
    assert_eq!(total["positions"][0]["total_volume"], 500);
    let then = app.get_with("/api/v1/positions/total?as_of=1", &[("x-api-key", secret)]).await;
    assert_eq!(then.refusal(), (400, "invalid_query".to_owned()), "it is not answered with what is wanted now");
    assert!(browser.page("/keys").await.contains("<a href=\"/accounts/main\">main</a>"));
}

#[tokio::test]
async fn the_desks_forms_are_the_operators_alone() {
    let app = App::start().await;
    push(&app, "alpha", 100).await;
    let forms = [
        "/strategies/alpha/state",
        "/strategies/alpha/schedule",
        "/strategies/alpha/sequence",
        "/holds/approve",
        "/holds/discard",
        "/guards",
        "/pause",
        "/accounts/main/settings",
        "/accounts/main/delete",
        "/accounts/main/pause",
        "/accounts/main/release",
    ];
    let fields =
        [("to", "flat"), ("expected", "1"), ("state", "0"), ("hold", "0"), ("paused", "yes"), ("revision", "0")];
    let mut stranger = Browser::new(&app);
    let mut browser = Browser::operator(&app).await;
    for path in forms {
        assert_eq!(stranger.post(path, &fields).await.status, 401, "{path}");
        assert_eq!(browser.post(path, &fields).await.status, 403, "{path}: no page of the session made it");
    }
    for path in
        ["/strategies/alpha/state?to=flat", "/strategies/alpha/settings", "/accounts/main/settings", "/account?name=x"]
    {
        assert_eq!(stranger.get(path).await.status, 303, "{path}");
    }
    assert_eq!(state(&app, "alpha").await["state"], "live");
    // A key of a program's opens no page that changes anything.
    let key = add_key(&app, "reader", Scope::Read, &[]).await;
    assert_eq!(app.post("/pause", &[("x-api-key", &key)], "paused=yes").await.status, 415);
}

/// A page, where its form is sent, what is in it, and what is shown of that afterwards.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn the_desks_forms_outlive_their_session() {
    let app = App::start().await;
    push(&app, "alpha", 100).await;
    let mut browser = Browser::operator(&app).await;
    let account = and(&[("strategy", "alpha"), ("scale", "0.25")], "save");
    let guards = and(&guard_fields("5"), "save");
    let cases: [Case<'_>; 3] = [
        ("/strategies/alpha/state?to=flat", "/strategies/alpha/state", &[("note", "why-not")], "why-not"),
        ("/guards", "/guards", &guards, "alpha*"),
        ("/accounts/main/settings", "/accounts/main/settings", &account, "0.25"),
    ];
    for (page, action, fields, shown) in cases {
        let page = browser.page(page).await;
        browser.cookies.clear();
        let login = text(&browser.submit_from(&page, action, fields).await);
        assert!(login.contains("您的输入已保留"), "{action}");
        let back = browser.submit_from(&login, "/login", &[("password", PASSWORD)]).await;
        let back_text = text(&back);
        assert!(
            back.status == 200 && back_text.contains("尚未提交") && back_text.contains(shown),
            "{action} {back_text}"
        );
        // From there it goes on.
        let done = browser.submit_from(&back_text, action, fields).await;
        assert_eq!(done.status, 303, "{action} {}", text(&done));
    }
    assert_eq!(state(&app, "alpha").await["state"], "flat");
}

#[tokio::test]
async fn what_is_approved_on_the_page_replaces_the_list_that_it_showed() {
    let app = App::start().await;
    push(&app, "alpha", 100).await;
    put(&app, "alpha", "frozen").await;
    push(&app, "alpha", 300).await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/holds").await;
    assert!(!page.contains("更早的交易日"));
    app.edit("alpha", json!([{"code": "600036.SH", "volume": 700, "cost": 10}])).await.ok();
    let answer = browser.submit_from(&page, "/holds/approve", &[]).await;
    assert!(answer.status == 409 && text(&answer).contains("尚未执行任何操作") && text(&answer).contains("700 → 0"));
    assert_eq!(list(&app, "alpha").await[0]["volume"], 700);
    app.clock.advance(Duration::from_hours(24));
    let mut browser = Browser::operator(&app).await;
    assert!(browser.page("/holds").await.contains("更早的交易日"), "accounts would not trade it at once");
    assert_eq!(browser.submit("/holds", "/holds/approve", &[]).await.status, 303);
    assert_eq!(list(&app, "alpha").await[0]["volume"], 300);
}

#[tokio::test]
async fn to_undo_twice_is_to_undo_two_pushes() {
    let app = App::start().await;
    for volume in [100, 200, 300] {
        push(&app, "alpha", volume).await;
    }
    app.edit("alpha", json!([{"code": "000001.SZ", "volume": 333, "cost": 10}])).await.ok();
    let mut browser = Browser::operator(&app).await;
    for to in [2, 1] {
        let asked = browser.get("/strategies/alpha/undo").await.header("location").to_owned();
        assert_eq!(asked, format!("/strategies/alpha/restore?to={to}"));
        assert_eq!(browser.submit(&asked, "/strategies/alpha/restore", &[]).await.status, 303);
        assert_eq!(list(&app, "alpha").await[0]["volume"], 100 * to);
    }
    assert_eq!(browser.get("/strategies/alpha/undo").await.header("location"), "/strategies/alpha/delete");
}

#[tokio::test]
async fn a_push_that_waits_shows_what_it_does_to_each_account() {
    let app = App::start().await;
    push(&app, "alpha", 1000).await;
    for (name, strategies) in
        [("half", json!([{"name": "alpha", "scale": "0.5"}])), ("none", json!([{"name": "beta"}]))]
    {
        let settings = json!({"strategies": strategies}).to_string();
        app.operate("PUT", &format!("/api/v1/accounts/{name}"), &[], &settings).await.ok();
    }
    let both = json!({"strategies": [{"name": "alpha"}, {"name": "beta"}]}).to_string();
    app.operate("PUT", "/api/v1/accounts/unknown", &[], &both).await.ok();
    put(&app, "alpha", "frozen").await;
    push(&app, "alpha", 3000).await;
    let page = Browser::operator(&app).await.page("/holds").await;
    assert!(page.contains("half") && page.contains("data-label=\"之前\">500<"), "{page}");
    assert!(page.contains("data-label=\"之后\">1,500<") && !page.contains(">none<"), "{page}");
    assert!(page.contains("目标不完整") && page.contains("/strategies/beta"), "{page}");
}

#[tokio::test]
async fn what_a_deletion_or_a_restore_drops_is_said_and_is_what_was_seen() {
    let app = App::start().await;
    push(&app, "alpha", 100).await;
    put(&app, "alpha", "frozen").await;
    let mut browser = Browser::operator(&app).await;
    let delete = "/strategies/alpha/delete";
    let page = browser.page(delete).await;
    assert!(!page.contains("正在等待批准"), "{page}");
    let waiting = push(&app, "alpha", 300).await["hold"].to_string();
    let moved = browser.submit_from(&page, delete, &[]).await;
    assert!(moved.status == 409 && text(&moved).contains(&format!("推送 {waiting} 正在等待批准：删除会丢弃它")));
    let restore = "/strategies/alpha/restore?to=1";
    let page = browser.page(restore).await;
    assert!(page.contains("如果不同时冻结"), "{page}");
    push(&app, "alpha", 500).await;
    let unfrozen = browser.submit_from(&page, "/strategies/alpha/restore", &[("freeze", "")]).await;
    assert_eq!(unfrozen.status, 409, "another push waits now");
    let frozen = browser.submit_from(&page, "/strategies/alpha/restore", &[("freeze", "on")]).await;
    assert_eq!(frozen.status, 303, "frozen, it stays");
    assert_eq!(browser.submit(delete, delete, &[]).await.status, 303);
    assert_eq!(app.get("/api/v1/holds").await.ok()["holds"], json!([]));
}
