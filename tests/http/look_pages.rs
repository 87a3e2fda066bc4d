//! Pages to look closely: a revision, two moments side by side, an instrument; without JavaScript.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{ALICE, App, add_bound_key, held};
use crate::pages::{Browser, text};

const EVIL: &str = "<img src=x onerror=alert(1)>\"'";

pub(crate) fn bank(volume: i64, cost: f64) -> Value {
    json!({"code": "000001.XSHE", "name": "平安银行", "volume": volume, "cost": cost})
}

pub(crate) async fn push(app: &App, strategy: &str, positions: Value) {
    app.push(&ALICE, strategy, positions).await.ok();
}

pub(crate) async fn operate(app: &App, method: &str, path: &str, body: Value) {
    app.operate(method, path, &[], &body.to_string()).await.ok();
}

/// Two strategies and an account that follows half of the one: revisions 1 to 4, the last a wrong push.
async fn desk() -> App {
    let app = App::start().await;
    push(&app, "alpha", json!([bank(1000, 10.0), held("600519.SH", 300, 1500.0)])).await;
    push(&app, "beta", json!([bank(500, 11.0)])).await;
    operate(&app, "PUT", "/api/v1/accounts/main", json!({"strategies": [{"name": "alpha", "scale": "0.5"}]})).await;
    app.clock.advance(Duration::from_mins(5));
    push(&app, "alpha", json!([bank(1600, 10.5), held("510300.SH", 2000, 4.0)])).await;
    app
}

pub(crate) async fn english(app: &App) -> Browser<'_> {
    let mut browser = Browser::operator(app).await;
    browser.get("/language?to=en").await;
    browser
}

/// The codes of a page's first table of differences, from the top.
fn order(page: &str) -> Vec<String> {
    let (_, table) = page.split_once("<tbody>").unwrap();
    let rows = table.split("</tbody>").next().unwrap().split("/instruments/").skip(1);
    rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_revision_says_what_was_done_by_whom_and_what_it_did_to_the_targets() {
    let app = desk().await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/revisions/4").await;
    for shown in [
        "版本 4",
        "新增 1、买入 1、清仓 1",
        "2026-01-05 14:55:00",
        "客户端 alice",
        "192.0.2.7",
        // 460,000 before; 1,600 × 10.5 and 2,000 × 4 after.
        "460,000.00 → 24,800.00",
        "−435,200.00",
        "清仓 −300",
        "−450,000.00",
        "1 · 450,000.00",
        "2 · 14,300.00",
        "href=\"/revisions/3\"",
        "href=\"/revisions/1\"",
        "/strategies/alpha/restore?to=1",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    // The largest first, until the address says otherwise; every heading leads to its order.
    assert_eq!(order(&page), ["600519.SH", "510300.SH", "000001.SZ"]);
    for (sort, first) in
        [("code", "000001.SZ"), ("-code", "600519.SH"), ("delta", "600519.SH"), ("-delta", "510300.SH")]
    {
        let page = browser.page(&format!("/revisions/4?sort={sort}")).await;
        assert_eq!(order(&page)[0], first, "{sort}");
        assert!(page.contains("\"/revisions/4?sort=-value#difference\""), "{page}");
    }
    // The account follows half of it, in lots: 500 become 800, and 100 become none.
    let (_, effect) = page.split_once("对目标的影响").unwrap();
    let (total, account) = effect.split_once("/accounts/main").unwrap();
    assert!(total.contains("1,500") && total.contains("2,100"), "{total}");
    assert!(
        account.contains("买入 +300") && account.contains("新增 +1,000") && account.contains("清仓 −2"),
        "{account}"
    );

    let page = english(&app).await.page("/revisions/4").await;
    assert!(
        page.contains("Revision 4") && page.contains("client alice") && page.contains("Undo this change"),
        "{page}"
    );
    assert!(!Browser::new(&app).page("/revisions/4").await.contains("/restore?to="), "a stranger undoes nothing");
}

#[tokio::test]
async fn what_an_overlay_takes_below_zero_counts_as_zero() {
    let app = App::start().await;
    push(&app, "alpha", json!([bank(1000, 10.0)])).await;
    app.edit("ADJUSTMENT_MAIN", json!([bank(-3000, 10.0)])).await.ok();
    let page = Browser::new(&app).page("/revisions/2").await;
    let (_, effect) = page.split_once("对目标的影响").unwrap();
    assert!(effect.contains("清仓 −1,000") && !effect.contains("3,000"), "{effect}");
}

#[tokio::test]
async fn a_change_is_undone_from_its_page_and_stays_so() {
    let app = desk().await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/revisions/4").await;
    assert!(!page.contains("也会一并撤销"));
    let asked = browser.page("/strategies/alpha/restore?to=1").await;
    assert!(asked.contains("0 → 300") && asked.contains("name=\"freeze\" value=\"on\" checked"), "{asked}");
    let done = browser.submit_from(&asked, "/strategies/alpha/restore", &[("freeze", "on")]).await;
    assert_eq!(done.status, 303);
    let pushed = app.push(&ALICE, "alpha", json!([])).await;
    assert_eq!(pushed.json()["held"], true, "the next push does not undo it");
    // The way back says that more than this change goes.
    assert!(browser.page("/revisions/4").await.contains("也会一并撤销"));
    // Before its first revision there was no strategy.
    assert!(browser.page("/revisions/2").await.contains("/strategies/beta/delete"));
    browser.submit("/strategies/beta/delete", "/strategies/beta/delete", &[]).await;
    let newest = app.store.book().revision();
    let removal = [newest.before(), newest].map(|id| format!("/revisions/{id}"));
    let pages = [browser.page(&removal[0]).await, browser.page(&removal[1]).await];
    assert!(pages.iter().any(|page| page.contains("/strategies/beta/restore?to=2")), "{pages:?}");
}

#[tokio::test]
async fn a_settled_revision_shows_its_members_and_its_page() {
    let app = desk().await;
    let changed = json!({"strategies": [{"name": "alpha", "scale": "1"}, {"name": "beta"}]});
    operate(&app, "PUT", "/api/v1/accounts/main", changed).await;
    let body = json!({"state": "frozen", "note": EVIL});
    operate(&app, "POST", "/api/v1/strategies/alpha/state", body).await;
    let mut browser = Browser::operator(&app).await;
    let account = browser.page("/revisions/5").await;
    assert!(account.contains("alpha × 0.5") && account.contains("alpha × 1、beta × 1"), "{account}");
    // 800 of the one become 1,600 of it and 500 of the other.
    let (_, effect) = account.split_once("对目标的影响").unwrap();
    assert!(effect.contains("买入 +1,300"), "{effect}");
    let state = browser.page("/revisions/6").await;
    assert!(state.contains("冻结") && state.contains("onerror=alert(1)") && !state.contains("<img"), "{state}");
    assert!(!state.contains("/restore?to="), "a state is set back on its own page");
}

#[tokio::test]
async fn lists_lead_to_revisions_and_what_is_no_revision_is_not_there() {
    let app = App::start().await;
    let many: Vec<Value> = (0..20).map(|n| held(&format!("6000{n:02}.SH"), 100, 10.0)).collect();
    push(&app, "alpha", json!(many)).await;
    let mut browser = Browser::new(&app);
    for path in ["/history", "/strategies/alpha"] {
        let page = browser.page(path).await;
        assert!(page.contains("href=\"/revisions/1\">版本 1</a>") && page.contains(">+8</a>"), "{page}");
        assert!(!page.contains("/api/v1/revisions"), "{page}");
    }
    for path in ["/revisions/2", "/revisions/0", "/revisions/-1", "/revisions/x", "/revisions/99999999999999999999"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(text(&answer).contains("<main"), "{path}");
    }
    let hostile = browser.page("/revisions/1?sort=%3Cimg%20src%3Dx%3E%22").await;
    assert!(!hostile.contains("<img"));
}

#[tokio::test]
async fn names_that_strangers_gave_are_only_text() {
    let app = App::start().await;
    for volume in [100, 200] {
        let position = json!({"code": "600000.SH", "name": EVIL, "volume": volume, "cost": 10, "remark": EVIL});
        push(&app, EVIL, json!([position])).await;
    }
    let name = form_urlencoded::byte_serialize(EVIL.as_bytes()).collect::<String>();
    let mut browser = Browser::new(&app);
    for path in
        ["/revisions/2", "/instruments/600000.SH", "/compare?from=1", &format!("/compare?from=1&strategy={name}")]
    {
        let page = browser.page(path).await;
        assert!(page.contains("onerror=alert(1)") && !page.contains("<img"), "{path}\n{page}");
    }
}

#[tokio::test]
async fn two_moments_are_compared_of_the_total_a_strategy_and_an_account() {
    let app = desk().await;
    let mut browser = Browser::new(&app);
    // From a revision, from a moment, from before everything.
    let page = browser.page("/compare?from=3&to=4").await;
    for shown in ["2026-01-05 14:50:00", "2026-01-05 14:55:00", "清仓 −300", "−450,000.00", "新增 +2,000", "买入 +600"]
    {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    assert_eq!(order(&page), ["600519.SH", "510300.SH", "000001.SZ"]);
    assert_eq!(order(&browser.page("/compare?from=3&to=4&sort=code").await)[0], "000001.SZ");
    let page = browser.page("/compare?from=2026-01-05T14:51&strategy=beta").await;
    assert!(
        page.contains("没有任何差别") && page.contains("value=\"2026-01-05T14:51\" type=\"datetime-local\""),
        "{page}"
    );
    let page = browser.page("/compare?from=0&strategy=beta").await;
    assert!(page.contains("新增 +500") && page.contains("5,500.00"), "{page}");
    let page = browser.page("/compare?from=3&account=main").await;
    assert!(page.contains("买入 +300") && page.contains("新增 +1,000"), "{page}");
    // Nothing was known of the account then: that is not nothing.
    let page = browser.page("/compare?from=1&account=main").await;
    assert!(page.contains("还没有该账户") && !page.contains("新增"), "{page}");
    let page = english(&app).await.page("/compare?from=3&to=4").await;
    assert!(page.contains("Yesterday&#39;s close → now") || page.contains("Yesterday's close → now"), "{page}");
    assert!(page.contains("gone −300"), "{page}");
}

#[tokio::test]
async fn the_last_close_is_compared_alike_however_often_and_by_whatever_name() {
    let mut app = desk().await;
    app.clock.advance(Duration::from_hours(19));
    push(&app, "beta", json!([bank(700, 11.0)])).await;
    let read = async |app: &App, path: &str| app.get(path).await.bytes;
    let first = read(&app, "/compare.csv").await;
    assert!(String::from_utf8_lossy(&first).contains("000001.XSHE,平安银行,2100,2300,200"), "{first:?}");
    for path in ["/compare.csv", "/compare.csv?from=4", "/compare.csv?from=2026-01-05T15:00:00"] {
        assert_eq!(read(&app, path).await, first, "{path}");
    }
    // The next day it is another close.
    app.clock.advance(Duration::from_hours(24));
    assert_eq!(String::from_utf8_lossy(&read(&app, "/compare.csv").await).lines().count(), 1);
    assert_eq!(read(&app, "/compare.csv?from=4").await, first);
    app.restart().await;
    assert_eq!(read(&app, "/compare.csv?from=4").await, first);
}

#[tokio::test]
async fn usual_spans_are_links_and_keep_whose_list_is_looked_at() {
    let app = desk().await;
    let page = Browser::new(&app).page("/compare?strategy=alpha").await;
    // A Monday after New Year: the last close was that of Wednesday.
    for link in [
        "/compare?from=2025-12-31T15%3A00%3A00&#38;strategy=alpha",
        "/compare?from=2026-01-05T09%3A30%3A00&#38;strategy=alpha",
        "/compare?from=2025-12-31T15%3A00%3A00&#38;to=2026-01-05T09%3A30%3A00&#38;strategy=alpha",
    ] {
        assert!(page.contains(link), "{link}\n{page}");
    }
    assert!(
        page.contains("value=\"2025-12-31T15:00:00\"") && page.contains("新增 +1,600"),
        "without a moment it begins with yesterday's close\n{page}"
    );
}

#[tokio::test]
async fn a_comparison_comes_as_a_file_with_the_same_query() {
    let app = desk().await;
    let answer = app.get("/compare.csv?from=3&to=4&sort=code").await;
    let file = String::from_utf8(answer.bytes.to_vec()).unwrap();
    assert_eq!(
        file.trim_start_matches('\u{feff}').lines().collect::<Vec<_>>(),
        [
            "code,name,volume_before,volume_after,difference,cost_before,cost_after,value_at_cost,revision_before,revision_after",
            "000001.XSHE,平安银行,1500,2100,600,10.333333333333334,10.619047619047619,6371.43,3,4",
            "510300.SH,,0,2000,2000,,4,8000.00,3,4",
            "600519.SH,,300,0,-300,1500,,-450000.00,3,4",
        ]
    );
    assert_eq!(app.get("/compare.csv?from=soon").await.status, 400);
    assert_eq!(app.get("/compare.csv?from=1&account=main").await.status, 404, "what is not known is no empty file");
}

#[tokio::test]
async fn what_cannot_be_compared_says_so_beside_what_was_typed() {
    let app = desk().await;
    let mut browser = Browser::new(&app);
    for query in ["from=soon", "to=%3Cimg%3E", "from=1&to=2026-13-01", "strategy=a&account=b", "account=%00"] {
        let answer = browser.get(&format!("/compare?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        let page = text(&answer);
        assert!(page.contains("aria-invalid=\"true\"") && !page.contains("<img>"), "{query}\n{page}");
    }
    assert!(text(&browser.get("/compare?from=soon").await).contains("请填写版本号"));
    for query in ["from=99", "strategy=nobody", "account=nobody", "from=99999999999999999999"] {
        let status = browser.get(&format!("/compare?{query}")).await.status.as_u16();
        assert!(matches!(status, 400 | 404), "{query}: {status}");
    }
}

/// What a terminal says that bought all but 300 of the bank's shares.
async fn report(app: &App) {
    let key = add_bound_key(app, "qmt", "main").await;
    let now = jiff::Timestamp::from_microsecond(app.clock.now().as_micros()).unwrap().to_string();
    let revision = app.get("/api/v1/accounts/main/target").await.ok()["revision"].clone();
    let empty = json!({"at": now, "revision": revision, "holdings": []});
    app.post("/api/v1/accounts/main/report", &[("x-api-key", &key)], empty.to_string()).await.ok();
    app.clock.advance(Duration::from_secs(20));
    let now = jiff::Timestamp::from_microsecond(app.clock.now().as_micros()).unwrap().to_string();
    let order = json!({"id": "A-7", "code": "000001.SZ", "side": "buy", "volume": 800, "traded": 500, "price": "10.6",
                       "status": "cancelled", "placed_at": now});
    let fill = json!({"id": "1", "order": "A-7", "code": "000001.SZ", "side": "buy", "volume": 500, "price": "10.58", "at": now});
    let holding = json!({"code": "000001.SZ", "volume": 500, "sellable": 0, "cost": "10.58", "price": "10.6"});
    let waiting = json!({"code": "000001.SZ", "shares": 300, "reason": "cash"});
    let report = json!({"at": now, "revision": revision, "holdings": [holding], "orders": [order], "fills": [fill],
                        "waiting": [waiting]});
    app.post("/api/v1/accounts/main/report", &[("x-api-key", &key)], report.to_string()).await.ok();
}

#[tokio::test]
async fn an_instrument_says_who_wants_it_since_when_and_what_became_of_it() {
    let app = desk().await;
    // A price moves no share: it is not what set the volume.
    push(&app, "beta", json!([bank(500, 11.5)])).await;
    report(&app).await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/instruments/000001.SZ").await;
    let section = |id: &str| {
        let (_, rest) = page.split_once(&format!("<h2 id=\"{id}\"")).unwrap_or_else(|| panic!("no {id}\n{page}"));
        rest.split("</section>").next().unwrap().to_owned()
    };
    let wanters = section("wanters");
    let (alpha, beta) = wanters.split_once("/strategies/beta").unwrap();
    assert!(alpha.contains("1,600") && alpha.contains("/revisions/4") && alpha.contains("14:55:00"), "{alpha}");
    assert!(beta.contains("500") && beta.contains("/revisions/2") && beta.contains("客户端 alice"), "{beta}");
    let accounts = section("accounts");
    for shown in ["/accounts/main", "800", "500", "−300", "资金不足", "/strategies/alpha"] {
        assert!(accounts.contains(shown), "{shown}\n{accounts}");
    }
    let trades = section("trades");
    for shown in ["A-7", "已撤", "10.58", "买入"] {
        assert!(trades.contains(shown), "{shown}\n{trades}");
    }
    let moves = section("moves");
    assert!(moves.contains("/revisions/5") && moves.contains("/revisions/1") && moves.contains("买入 +600"), "{moves}");
    assert!(section("over-time").contains("alpha 1,600、beta 500"), "{page}");
    assert!(section("over-time").contains("持仓 main 500"), "{page}");
    assert!(page.contains("平安银行") && page.contains("/adjustment?code=000001.SZ"), "{page}");
    let page = english(&app).await.page("/instruments/000001.SZ").await;
    assert!(page.contains("Who wants it") && page.contains("not enough cash") && page.contains("cancelled"), "{page}");
}

#[tokio::test]
async fn what_an_instruments_page_has_kept_is_what_it_would_add_up_afresh() {
    let mut app = desk().await;
    let accounts = async |app: &App| {
        let page = Browser::new(app).page("/instruments/000001.SZ").await;
        page.split_once("<h2 id=\"accounts\"").unwrap().1.split("</section>").next().unwrap().to_owned()
    };
    let mut seen = vec![accounts(&app).await];
    let account = |scale: &str, adjustments: &str| json!({"strategies": [{"name": "alpha", "scale": scale}], "adjustments": adjustments});
    for step in 0..6 {
        match step {
            1 => operate(&app, "PUT", "/api/v1/accounts/main", account("0.25", "all")).await,
            2 => drop(app.edit("ADJUSTMENT_MAIN", json!([bank(-300, 10.0)])).await.ok()),
            3 => report(&app).await,
            // Nobody has spoken on the next day: the line waits.
            4 => app.clock.advance(Duration::from_hours(19)),
            // First another list, and in the end the same once more, which ends that.
            _ => push(&app, "alpha", json!([bank(2600, 10.5)])).await,
        }
        let kept = accounts(&app).await;
        app.restart().await;
        assert_eq!(kept, accounts(&app).await, "{step}");
        assert!(!seen.contains(&kept), "{step}: {kept}");
        seen.push(kept);
    }
}

#[tokio::test]
async fn an_instrument_is_found_by_any_notation_and_a_bare_code_where_that_is_one() {
    let app = desk().await;
    let mut browser = Browser::new(&app);
    for path in ["000001.SZ", "000001.XSHE", "000001.sz", "000001", "%20000001%20"] {
        assert!(browser.page(&format!("/instruments/{path}")).await.contains("平安银行"), "{path}");
    }
    // An index has the same number.
    push(&app, "gamma", json!([held("000001.XSHG", 100, 3000.0)])).await;
    let choice = browser.page("/instruments/000001").await;
    assert!(choice.contains("/instruments/000001.SH") && choice.contains("/instruments/000001.SZ"), "{choice}");
    assert!(!browser.page("/instruments/000001.SH").await.contains("平安银行"));
    // What was sold long ago is known by its history.
    assert!(browser.page("/instruments/600519").await.contains("现在没有策略要持有"));
    for path in ["600036.SH", "nothing", "%3Cimg%3E", "a%2Fb", "%00"] {
        let answer = browser.get(&format!("/instruments/{path}")).await;
        assert!(answer.status == 404 && !text(&answer).contains("<img>"), "{path}: {}", answer.status);
    }
    assert!(browser.page("/").await.contains("href=\"/instruments/510300.SH\""));
}

#[tokio::test]
async fn an_adjustment_begins_with_what_the_book_knows_of_a_code() {
    let app = desk().await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/adjustment?code=000001").await;
    for value in ["value=\"000001.XSHE\"", "value=\"平安银行\"", "value=\"10.6190\""] {
        assert!(page.contains(value), "{value}\n{page}");
    }
    app.edit("ADJUSTMENT_MAIN", json!([bank(-100, 10.0)])).await.ok();
    let page = browser.page("/adjustment?code=000001.SZ").await;
    assert_eq!(page.matches("value=\"平安银行\"").count(), 1, "it stands there already\n{page}");
    assert!(!browser.page("/adjustment?code=%3Cimg%3E.X").await.contains("<img>"));
    assert!(!Browser::new(&app).page("/adjustment?code=600519").await.contains("value=\"600519"));
}

#[tokio::test]
async fn the_history_is_a_line_a_revision_under_its_day_and_a_match_stands_in_it() {
    let app = desk().await;
    let mut many: Vec<Value> = (0..20).map(|n| held(&format!("6000{n:02}.SH"), 100, 10.0)).collect();
    many.push(bank(2000, 10.0));
    app.clock.advance(Duration::from_hours(24));
    push(&app, "alpha", json!(many)).await;
    operate(&app, "POST", "/api/v1/strategies/beta/state", json!({"state": "frozen"})).await;
    let mut browser = Browser::new(&app);
    let page = browser.page("/history").await;
    let (newest, before) = page.split_once("<h2>2026-01-05 <span class=\"count\">周一</span></h2>").unwrap();
    assert!(newest.contains("<h2>2026-01-06 <span class=\"count\">周二</span></h2>"), "{page}");
    assert_eq!((newest.matches("id=\"r").count(), before.matches("id=\"r").count()), (2, 4));
    // 21 are bought for 20,000 and 400 × 10, and one is sold that had cost 8,000.
    let yesterday = "href=\"/history?from=2026-01-05&#38;to=2026-01-05\"";
    for shown in [">+21</span>", ">−1</span>", ">+1.60万<", "状态 – → 冻结", yesterday] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    // In the order of the list it would be the last of 22, behind what a line shows.
    let found = browser.page("/history?instrument=000001&kind=push&from=2026-01-06&to=2026-01-06").await;
    assert_eq!(found.matches("id=\"r").count(), 1);
    let (_, shown) = found.split_once("class=\"match buy\"").unwrap();
    assert!(shown.split("</summary>").next().unwrap().contains("1,600 → 2,000"), "{shown}");
    for (query, many) in
        [("kind=set", 2), ("kind=push&strategy=beta", 1), ("kind=set&strategy=beta", 1), ("to=2026-01-05", 4)]
    {
        assert_eq!(browser.page(&format!("/history?{query}")).await.matches("id=\"r").count(), many, "{query}");
    }
    assert_eq!(browser.get("/history?kind=gift").await.status, 400);
    let suggested = [">平安银行</option>", "<option value=\"beta\">", "<option value=\"alice\">"];
    assert!(suggested.iter().all(|one| page.contains(one)), "{page}");
}

#[tokio::test]
async fn what_is_looked_for_is_found_and_a_single_answer_is_gone_to() {
    let app = desk().await;
    push(&app, "gamma", json!([held("600520.SH", 100, 10.0)])).await;
    operate(&app, "DELETE", "/api/v1/strategies/gamma", json!({})).await;
    let mut browser = Browser::new(&app);
    for (typed, path) in [
        ("alpha", "/strategies/alpha"),
        ("ALPH", "/strategies/alpha"),
        ("gamma", "/strategies/gamma"),
        ("000001", "/instruments/000001.SZ"),
        ("600519.XSHG", "/instruments/600519.SH"),
        ("payh", "/instruments/000001.SZ"),
        ("%E5%B9%B3%E5%AE%89", "/instruments/000001.SZ"),
        ("4", "/revisions/4"),
        ("%234", "/revisions/4"),
        ("main", "/accounts/main"),
        ("ls", "/history"),
        ("%E5%8E%86%E5%8F%B2", "/history"),
    ] {
        let answer = browser.get(&format!("/search?q={typed}")).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, path), "{typed}");
    }
    let many = browser.page("/search?q=6005").await;
    assert!(many.contains("/instruments/600519.SH") && many.contains("/instruments/600520.SH"), "{many}");
    let none = browser.page("/search?q=%3Cimg%20src%3Dx%3E").await;
    assert!(none.contains("没有符合条件的内容") && !none.contains("<img"), "{none}");
    assert!(browser.page("/search").await.contains("拼音首字母"));
}
