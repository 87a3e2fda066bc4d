//! Today and an account's page: targets beside the last close and what is held, what a terminal will order; without JavaScript.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{ALICE, App, add_bound_key, held};
use crate::look_pages::{bank, operate, push};
use crate::pages::{Browser, text};

/// A book that was so at the last close, and has moved since: beta is in no account, and alpha gave one instrument up.
async fn desk() -> App {
    let app = App::start().await;
    push(&app, "alpha", json!([bank(1000, 10.0), held("600519.SH", 300, 1500.0), held("688981.SH", 250, 50.0)])).await;
    push(&app, "beta", json!([bank(500, 10.0)])).await;
    operate(&app, "PUT", "/api/v1/accounts/main", json!({"strategies": [{"name": "alpha", "scale": "0.5"}]})).await;
    app.clock.advance(Duration::from_hours(20));
    push(&app, "alpha", json!([bank(1600, 10.0), held("688981.SH", 250, 50.0), held("510300.SH", 4000, 4.0)])).await;
    app
}

async fn report(app: &App, what: Value) {
    let key = add_bound_key(app, &format!("qmt{}", app.clock.now().as_micros()), "main").await;
    let now = jiff::Timestamp::from_microsecond(app.clock.now().as_micros()).unwrap().to_string();
    let revision = app.get("/api/v1/accounts/main/target").await.ok()["revision"].clone();
    let mut report = json!({"at": now, "revision": revision});
    report.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    app.post("/api/v1/accounts/main/report", &[("x-api-key", &key)], report.to_string()).await.ok();
}

/// The rows of the table of targets: what stands in each, without tags.
fn rows(page: &str, part: &str) -> Vec<String> {
    let (_, table) = page.split_once(&format!("data-live=\"{part}\"")).unwrap();
    let body = table.split_once("<tbody>").unwrap().1.split("</tbody>").next().unwrap();
    body.split("<tr").skip(1).map(plain).collect()
}

fn plain(html: &str) -> String {
    let texts = html.split('<').filter_map(|piece| piece.split_once('>').map(|(_, text)| text.trim()));
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" | ")
}

fn row<'a>(rows: &'a [String], code: &str) -> &'a str {
    rows.iter().find(|row| row.starts_with(code)).unwrap_or_else(|| panic!("no {code} in {rows:#?}"))
}

#[tokio::test]
async fn today_shows_the_total_or_an_account_beside_the_last_close() {
    let app = desk().await;
    let mut browser = Browser::new(&app);
    let total = rows(&browser.page("/").await, "total");
    assert_eq!(total.len(), 3, "{total:#?}");
    assert!(row(&total, "000001.SZ").contains("2,100 | +600 | 10.0000 | 21,000.00"), "{total:#?}");
    assert!(row(&total, "688981.SH").contains("| 250 | 50.0000"), "nothing moved there: {total:#?}");

    let page = browser.page("/?account=main").await;
    let account = rows(&page, "total");
    assert!(row(&account, "000001.SZ").contains("| 800 | +300 | – |"), "nothing is reported: {account:#?}");
    assert!(row(&account, "600519.SH").contains("| 0 | −200 |"), "what was given up is still a line: {account:#?}");
    assert!(!page.contains("/strategies/beta\">beta</a> 500"), "{page}");
    for (link, here) in [("/#total", "目标总持仓"), ("/?account=main#total", "main")] {
        assert!(page.contains(&format!("<a href=\"{link}\"")) && page.contains(here), "{link}");
    }
    assert_eq!(browser.get("/?account=nobody").await.status, 404);
}

#[tokio::test]
async fn targets_are_narrowed_by_board_and_to_what_has_changed() {
    let app = desk().await;
    let mut browser = Browser::new(&app);
    let page = browser.page("/").await;
    assert!(page.contains("/?board=sse_star#total") && page.contains("/?changed=1#total"), "{page}");
    let codes = |page: &str| -> Vec<String> {
        rows(page, "total").iter().map(|row| row.split(" | ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&browser.page("/?board=sse_star").await), ["688981.SH"]);
    assert_eq!(codes(&browser.page("/?board=nowhere").await).len(), 3, "what is not known narrows nothing");
    // Also what nobody wants any more.
    let page = browser.page("/?changed=1&sort=code").await;
    assert_eq!(codes(&page), ["000001.SZ", "510300.SH", "600519.SH"]);
    assert!(row(&rows(&page, "total"), "600519.SH").contains("| 0 | −300 |"), "{page}");
    let page = browser.page("/?account=main&changed=1&board=szse_main&sort=-against").await;
    assert_eq!(codes(&page), ["000001.SZ"]);
    for kept in ["account=main&#38;board=szse_main&#38;sort=-against#total", "name=\"account\" value=\"main\""] {
        assert!(page.contains(kept), "{kept}\n{page}");
    }
    assert!(browser.page("/?changed=1&board=bse").await.contains("没有符合条件的内容"));
}

#[tokio::test]
async fn an_account_says_what_it_holds_why_that_differs_and_what_will_be_ordered() {
    let app = desk().await;
    let holding = |code: &str, volume: i64, sellable: i64| json!({"code": code, "volume": volume, "sellable": sellable, "price": "10"});
    let now = jiff::Timestamp::from_microsecond(app.clock.now().as_micros()).unwrap().to_string();
    report(&app, json!({"cash": "12345.67", "total_asset": "1234567.89", "mode": "live", "holdings": [
        holding("000001.SZ", 150, 150), holding("600519.SH", 200, 100), holding("688981.SH", 200, 0),
        holding("510300.SH", 500, 0), holding("600036.SH", 7, 7)],
        "orders": [{"id": "B-1", "code": "510300.SH", "side": "buy", "volume": 2000, "traded": 500, "price": "4",
                    "status": "working", "placed_at": now}],
        "fills": [{"id": "1", "order": "B-1", "code": "510300.SH", "side": "buy", "volume": 500, "price": "3.99", "at": now}]})).await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/accounts/main").await;
    for shown in ["12,345.67", "1,234,567.89", "实盘", "600036.SH", "3.99", "B-1", "已报单或终端即将报单"] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
    let target = rows(&page, "target");
    assert!(row(&target, "000001.SZ").contains("800 | +300 | 150 | −650"), "{target:#?}");
    assert!(row(&target, "600519.SH").contains("0 | −200 | 200 | +200"), "{target:#?}");
    // Sales first, no more than may be sold; buys in lots, beside what is ordered.
    let orders = rows(&page, "orders-now");
    assert_eq!(
        orders.iter().map(|row| row.split(" | ").next().unwrap()).collect::<Vec<_>>(),
        ["600519.SH", "000001.SZ"]
    );
    assert!(orders[0].contains("卖出 | 100") && orders[1].contains("买入 | 600"), "{orders:#?}");
    let today = rows(&browser.page("/?account=main").await, "total");
    assert!(row(&today, "000001.SZ").contains("| 150 | −650"), "{today:#?}");

    browser.get("/language?to=en").await;
    let page = browser.page("/accounts/main").await;
    assert!(
        page.contains("Orders to come") && page.contains("Fills of today") && page.contains("Cash (CNY)"),
        "{page}"
    );
}

#[tokio::test]
async fn nothing_reported_is_said_and_promises_no_orders() {
    let app = desk().await;
    let mut browser = Browser::new(&app);
    let page = browser.page("/accounts/main").await;
    assert!(page.contains("终端尚未上报") && page.contains("<h2 id=\"orders-now\">"), "{page}");
    assert!(
        !page.split_once("data-live=\"orders-now\"").unwrap().1.split("</section>").next().unwrap().contains("<table")
    );
}

#[tokio::test]
async fn a_strategy_is_frozen_or_undone_from_its_row() {
    let app = desk().await;
    let schedule = json!({"by": ["09:35", "14:55"], "days": "all"});
    operate(&app, "PUT", "/api/v1/strategies/alpha/schedule", schedule).await;
    assert!(!Browser::new(&app).page("/").await.contains("/undo"), "only who may act");
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/").await;
    assert!(page.contains("/strategies/alpha/state?to=frozen") && page.contains("1/1"), "{page}");
    let undo = browser.get("/strategies/alpha/undo").await;
    assert_eq!((undo.status.as_u16(), undo.header("location")), (303, "/strategies/alpha/restore?to=1"));
    assert!(browser.page("/strategies/alpha/restore?to=1").await.contains("1,600 → 1,000"));
    // There was nothing before it.
    assert_eq!(browser.get("/strategies/beta/undo").await.header("location"), "/strategies/beta/delete");
    assert_eq!(browser.get("/strategies/nobody/undo").await.status, 404);
    let stranger = Browser::new(&app).get("/strategies/alpha/undo").await;
    assert!(stranger.header("location").starts_with("/login") || text(&stranger).contains("password"));
    let order = |page: &str| page.find("/strategies/beta\"").unwrap() < page.find("/strategies/alpha\"").unwrap();
    assert!(!order(&page) && order(&browser.page("/?order=invested").await));
}

/// Each weekday of the month that a page shows, with how its pushes came.
fn month(page: &str) -> Vec<(String, String)> {
    let (_, table) = page.split_once("class=\"month\"").unwrap();
    let cells = table.split("</table>").next().unwrap().split("<td class=\"").skip(1);
    let read = |cell: &str| {
        let (class, rest) = cell.split_once('"').unwrap();
        (plain(rest.split("</td>").next().unwrap()).chars().take(2).collect(), class.to_owned())
    };
    cells.map(read).collect()
}

#[tokio::test]
async fn a_months_pushes_are_on_time_late_missing_or_not_known() {
    let app = App::start().await;
    push(&app, "alpha", json!([bank(100, 10.0)])).await;
    operate(&app, "PUT", "/api/v1/strategies/alpha/schedule", json!({"by": ["14:55"]})).await;
    app.clock.advance(Duration::from_mins(24 * 60 + 10));
    push(&app, "alpha", json!([bank(1100, 10.0)])).await;
    app.clock.advance(Duration::from_hours(48));
    push(&app, "alpha", json!([bank(600, 10.0)])).await;
    app.clock.advance(Duration::from_hours(24));
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/strategies/alpha").await;
    let days = month(&page);
    let of = |day: &str| days.iter().find(|(number, _)| number == day).map(|(_, class)| class.as_str());
    let week = ["02", "05", "06", "07", "08", "09", "12"].map(of).map(Option::unwrap);
    assert_eq!(week, ["blank", "on-time", "came-late", "unknown", "came-late", "missing", "blank"], "{days:?}");
    // What was moved: 1,000 × 10 is the most, and 500 × 10 half of it.
    assert!(page.contains("rect width=\"100\"") && page.contains("rect width=\"50\""), "{page}");
    assert!(page.contains("month=2025-12#pushes") && !page.contains("month=2026-02"), "{page}");
    // On Monday it is certain that nothing came on Friday, and not that nothing came on Wednesday.
    app.clock.advance(Duration::from_hours(72));
    let days = month(&browser.page("/strategies/alpha?month=2026-01").await);
    assert!(
        days.contains(&("09".into(), "missing".into())) && days.contains(&("07".into(), "unknown".into())),
        "{days:?}"
    );
    let days = month(&browser.page("/strategies/alpha?month=2025-12").await);
    assert!(days.iter().all(|(_, class)| class == "blank"), "there was no strategy: {days:?}");
    for odd in ["month=9999-99", "month=%3Cimg%3E", "month=2030-01", "from=x&to=y", "from=2030-01-01&to=1990-01-01"] {
        let page = browser.page(&format!("/strategies/alpha?{odd}")).await;
        assert!(page.contains("2026-01</span>") && !page.contains("<img>"), "{odd}");
    }
}

#[tokio::test]
async fn a_strategy_shows_what_became_of_its_wishes_and_acts_from_the_top() {
    let app = desk().await;
    report(&app, json!({"holdings": []})).await;
    app.clock.advance(Duration::from_secs(20));
    let now = jiff::Timestamp::from_microsecond(app.clock.now().as_micros()).unwrap().to_string();
    report(&app, json!({"holdings": [{"code": "000001.SZ", "volume": 800, "sellable": 0, "cost": "10.5", "price": "11"}],
        "orders": [{"id": "7", "code": "000001.SZ", "side": "buy", "volume": 800, "traded": 800, "price": "10.5", "status": "filled"}],
        "fills": [{"id": "1", "order": "7", "code": "000001.SZ", "side": "buy", "volume": 800, "price": "10.5", "at": now, "fee": "5.25"}]}))
    .await;
    let mut browser = Browser::operator(&app).await;
    let page = browser.page("/strategies/alpha").await;
    let performance = rows(&page, "performance");
    // 800 × (11 − 10.5) less the fee.
    assert!(performance[0].starts_with("main | 394.75 | 5.25 | 0.00 | 8,400.00"), "{performance:#?}");
    assert!(performance[0].ends_with("8,800.00"), "{performance:#?}");
    assert!(page.contains("归属盈亏 394.75 元") && page.contains("/performance.csv?from="), "{page}");
    let earlier = browser.page("/strategies/alpha?from=2025-12-01&to=2025-12-31").await;
    assert!(earlier.contains("没有账户为此策略上报过"), "{earlier}");
    let top = page.split("data-live=\"facts\"").next().unwrap();
    for action in ["state?to=frozen", "state?to=flat", "/undo", "#timeline", "/settings"] {
        assert!(top.contains(action), "{action}\n{top}");
    }
}

#[tokio::test]
async fn an_account_that_stands_still_is_named_on_today_and_before_a_deletion() {
    let app = desk().await;
    let mut browser = Browser::operator(&app).await;
    let asked = browser.page("/strategies/alpha/delete").await;
    assert!(asked.contains("账户 main 列出了该策略") && asked.contains("终端什么都不做"), "{asked}");
    assert!(asked.contains("只有直接读取它的终端据此交易"), "{asked}");
    // The button and the sum come before the lists.
    assert!(asked.find("确认删除").unwrap() < asked.find("策略持仓的变化").unwrap(), "{asked}");
    // 1,600 × 10, 250 × 50 and 4,000 × 4.
    assert!(asked.contains("3 · 44,500.00"), "{asked}");
    assert!(!browser.page("/strategies/beta/delete").await.contains("列出了该策略"), "no account follows it");
    browser.submit_from(&asked, "/strategies/alpha/delete", &[]).await;
    let closed = browser.page("/strategies/alpha").await;
    assert!(closed.contains("账户 main 列出了该策略"), "{closed}");

    operate(&app, "POST", "/api/v1/pause", json!({"account": "main", "paused": true})).await;
    let today = browser.page("/").await;
    let strip = today.split("data-live=\"strip\"").nth(1).unwrap().split("</div>").next().unwrap();
    assert!(strip.contains("目标不完整：alpha") && strip.contains("已暂停"), "{strip}");
    let attention = today.split("data-live=\"attention\"").nth(1).unwrap().split("</section>").next().unwrap();
    for said in ["账户 main 已停：alpha 从未推送或已删除", "账户 main 已暂停（", "href=\"/accounts/main\""]
    {
        assert!(attention.contains(said), "{said}\n{attention}");
    }
    browser.get("/language?to=en").await;
    assert!(browser.page("/").await.contains("Account main stands still: alpha"));
}

#[tokio::test]
async fn a_terminal_is_held_against_its_own_accounts_target() {
    let app = desk().await;
    report(&app, json!({"holdings": [], "revision": 1})).await;
    // Of no account: the list's newest revision is none that the terminal could follow.
    push(&app, "beta", json!([bank(600, 10.0)])).await;
    let today = Browser::new(&app).page("/").await;
    let strip = plain(today.split("data-live=\"strip\"").nth(1).unwrap().split("</div>").next().unwrap());
    assert!(strip.contains("目标总持仓 | 版本 5"), "{strip}");
    assert!(strip.contains("main | 版本 4 ←"), "{strip}");
    assert!(strip.contains("终端按版本 1 | 未跟上"), "{strip}");
}

#[tokio::test]
async fn nobody_is_nagged_about_what_is_flat() {
    let app = App::start().await;
    for strategy in ["alpha", "beta"] {
        push(&app, strategy, json!([bank(100, 10.0)])).await;
        operate(&app, "PUT", &format!("/api/v1/strategies/{strategy}/schedule"), json!({"by": ["14:55"]})).await;
    }
    operate(&app, "POST", "/api/v1/strategies/alpha/state", json!({"state": "flat"})).await;
    app.clock.advance(Duration::from_mins(2 * 24 * 60 + 10));
    let mut browser = Browser::operator(&app).await;
    let today = browser.page("/").await;
    let sums = plain(today.split("data-live=\"sums\"").nth(1).unwrap().split("</dl>").next().unwrap());
    assert!(sums.contains("今日已推送的策略 | 0 / 1"), "{sums}");
    let attention = today.split("data-live=\"attention\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(attention.contains("策略 beta 自上个交易日") && !attention.contains("策略 alpha"), "{attention}");
    let strategies = rows(&today, "strategies");
    assert!(
        row(&strategies, "beta").contains("未推送") && !row(&strategies, "alpha").contains("未推送"),
        "{strategies:#?}"
    );
    let page = browser.page("/strategies/alpha").await;
    assert!(!page.contains("未推送</span>"), "{page}");
    let missing = |page: &str| month(page).iter().filter(|(_, class)| class == "missing").count();
    assert_eq!(missing(&page), 0, "{:?}", month(&page));
    assert!(missing(&browser.page("/strategies/beta").await) > 0);
}

#[tokio::test]
async fn the_owners_own_shares_cost_no_strategy_anything() {
    let app = App::start().await;
    push(&app, "alpha", json!([held("600519.SH", 100, 1600.0), bank(1000, 1.0)])).await;
    let protected = json!([{"code": "600519.SH", "volume": 1000}]);
    operate(&app, "PUT", "/api/v1/accounts/main", json!({"strategies": [{"name": "alpha"}], "protected": protected}))
        .await;
    let account = rows(&Browser::new(&app).page("/?account=main").await, "total");
    let line = row(&account, "600519.SH");
    assert!(line.contains("1,100") && line.contains("160,000.00 | 99.4%"), "{account:#?}");
}

#[tokio::test]
async fn today_finds_a_push_of_today_in_any_zone() {
    let mut app = App::start().await;
    app.show_zone("America/New_York");
    app.clock.advance(Duration::from_hours(20));
    push(&app, "alpha", json!([bank(100, 10.0)])).await;
    let mut browser = Browser::new(&app);
    let page = browser.page("/history").await;
    let of = |label: &str| {
        let (before, _) = page.rsplit_once(&format!(">{label}</a>")).unwrap();
        before.rsplit_once("href=\"").unwrap().1.split('"').next().unwrap().replace("&#38;", "&")
    };
    let found = browser.page(&of("今日")).await;
    assert!(found.contains("/revisions/1\""), "{found}");
    assert!(found.contains("aria-current=\"true\">今日") || found.contains("aria-current=\"page\">今日"), "{found}");
    assert!(!browser.page(&of("昨日")).await.contains("/revisions/1\""));
}

#[tokio::test]
async fn on_a_saturday_the_last_close_is_fridays() {
    let app = App::start().await;
    // Thursday, Friday and Saturday.
    for (hours, volume) in [(72, 100), (24, 300)] {
        app.clock.advance(Duration::from_hours(hours));
        push(&app, "alpha", json!([bank(volume, 10.0)])).await;
    }
    app.clock.advance(Duration::from_hours(20));
    let mut browser = Browser::new(&app);
    let today = browser.page("/").await;
    assert!(today.contains("datetime=\"2026-01-09\">2026-01-09</time>"), "{today}");
    let total = rows(&today, "total");
    assert!(!row(&total, "000001.SZ").contains("+200"), "Friday's list stood at Friday's close: {total:#?}");
    assert!(browser.page("/compare").await.contains("value=\"2026-01-09T15:00:00\""));
}

#[tokio::test]
async fn a_push_for_one_time_does_not_make_up_for_another() {
    let app = App::start().await;
    push(&app, "alpha", json!([bank(100, 10.0)])).await;
    let schedule = json!({"by": ["09:35", "14:55"]});
    operate(&app, "PUT", "/api/v1/strategies/alpha/schedule", schedule).await;
    app.clock.advance(Duration::from_hours(24));
    push(&app, "alpha", json!([bank(200, 10.0)])).await;
    app.clock.advance(Duration::from_hours(24));
    let mut browser = Browser::new(&app);
    let days = month(&browser.page("/strategies/alpha").await);
    assert!(days.contains(&("06".into(), "missing".into())), "{days:?}");
    // What said the same again is in no history: of an earlier day it is not known.
    push(&app, "alpha", json!([bank(300, 10.0)])).await;
    app.clock.advance(Duration::from_hours(24));
    let days = month(&browser.page("/strategies/alpha").await);
    assert!(
        days.contains(&("06".into(), "unknown".into())) && days.contains(&("07".into(), "missing".into())),
        "{days:?}"
    );
}

#[tokio::test]
async fn an_incident_about_a_strategy_is_acted_on_where_it_is_told() {
    let app = desk().await;
    let guards = json!([{"strategies": "*", "rules": {"empty": {"then": "hold"}}}]);
    operate(&app, "PUT", "/api/v1/guards", guards).await;
    app.push(&ALICE, "alpha", json!([])).await;
    app.state.incidents().look(jq2qmt::desk::incidents::Surroundings::default()).await.unwrap();
    let mut browser = Browser::operator(&app).await;
    let today = browser.page("/").await;
    let attention = today.split("data-live=\"attention\"").nth(1).unwrap().split("</section>").next().unwrap();
    for link in ["href=\"/strategies/alpha/undo\"", "href=\"/strategies/alpha/state?to=frozen\"", "href=\"/holds"] {
        assert!(attention.contains(link), "{link}\n{attention}");
    }
    let today = Browser::new(&app).page("/").await;
    let attention = today.split("data-live=\"attention\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(!attention.contains("/undo"), "only who may act: {attention}");
}

#[tokio::test]
async fn a_long_list_is_made_flat_from_the_top_with_what_it_comes_to() {
    let app = desk().await;
    let mut browser = Browser::operator(&app).await;
    let asked = browser.page("/strategies/alpha/state?to=flat").await;
    let (sum, button, list) =
        (asked.find("44,500.00"), asked.find("<button class=\"danger\""), asked.find("策略持仓的变化"));
    assert!(sum.unwrap() < button.unwrap() && button.unwrap() < list.unwrap(), "{asked}");
    let asked = browser.page("/adjustment?code=000001.SZ").await;
    let rows = [
        ("code", "000001.SZ"),
        ("name", ""),
        ("volume", "-100"),
        ("target", ""),
        ("cost", ""),
        ("remark", ""),
        ("action", "preview"),
    ];
    let seen = text(&browser.submit_from(&asked, "/adjustment", &rows).await);
    assert!(seen.find("value=\"save\"").unwrap() < seen.find("目标总持仓的变化").unwrap(), "{seen}");
}

#[tokio::test]
async fn a_sequence_is_set_back_of_what_is_closed_and_a_preview_says_what_cash_there_is() {
    let app = desk().await;
    let body = json!({"strategy_name": "alpha", "sequence": 7, "positions": [bank(100, 10.0)]});
    app.push_body(&ALICE, &body.to_string()).await.ok();
    report(&app, json!({"cash": "12345.67", "holdings": []})).await;
    app.clock.advance(Duration::from_mins(3));
    let mut browser = Browser::operator(&app).await;
    let asked = browser.page("/accounts/main/settings").await;
    let fields = [
        ("strategy", "alpha"),
        ("scale", "1"),
        ("adjustments", "none"),
        ("rounding", "nearest"),
        ("fresh", "any"),
        ("action", "preview"),
    ];
    let seen = text(&browser.submit_from(&asked, "/accounts/main/settings", &fields).await);
    assert!(seen.contains("可用资金（元）：<b>12,345.67</b> (") && seen.contains("3 分钟前"), "{seen}");

    app.operate("DELETE", "/api/v1/strategies/alpha", &[], "").await.ok();
    // What a push took that waits for somebody who deleted the strategy.
    let late = json!({"strategy_name": "alpha", "sequence": 9, "positions": [bank(200, 10.0)]});
    assert_eq!(app.push_body(&ALICE, &late.to_string()).await.json()["held"], true);
    let asked = browser.page("/strategies/alpha/settings").await;
    assert!(asked.contains("name=\"last\" value=\"9\""), "{asked}");
    let done = browser.submit_from(&asked, "/strategies/alpha/sequence", &[("last", "3")]).await;
    assert_eq!(done.status.as_u16(), 303, "{done:?}");
    assert!(browser.page("/strategies/alpha/settings").await.contains("name=\"last\" value=\"3\""));
    // A file of what is not known says why.
    let refused = app.get("/compare.csv?account=main").await;
    assert!(refused.status == 503 && text(&refused).contains("尚未收到这些策略的持仓"), "{}", text(&refused));
    assert_eq!(browser.get("/search?q=%E4%BD%93%E6%A3%80").await.header("location"), "/doctor");
}

#[tokio::test]
async fn conflicts_have_a_page_a_line_on_today_and_a_figure() {
    let app = desk().await;
    for (name, strategies) in
        [("one", json!([{"name": "alpha"}, {"name": "nobody"}])), ("two", json!([{"name": "beta"}]))]
    {
        operate(&app, "PUT", &format!("/api/v1/accounts/{name}"), json!({"strategies": strategies, "broker": "8800"}))
            .await;
    }
    let mut browser = Browser::new(&app);
    assert!(browser.page("/").await.contains("<a href=\"/conflicts\">目标之间有 1 处矛盾。</a>"));
    let page = browser.page("/conflicts").await;
    assert!(page.contains("共用券商账户") && page.contains("（8800）") && page.contains("000001.SZ"), "{page}");
    let figures = String::from_utf8(app.get("/metrics").await.bytes.to_vec()).unwrap();
    for line in ["jq2qmt_conflicts{kind=\"shared\"} 1.0", "jq2qmt_conflicts{kind=\"crossing\"} 0.0"] {
        assert!(figures.contains(line), "{figures}");
    }
}

#[tokio::test]
async fn a_list_stands_beside_the_one_before_it_and_every_column_sorts() {
    let app = desk().await;
    let schedule = json!({"by": ["09:35"], "days": "all"});
    operate(&app, "PUT", "/api/v1/strategies/beta/schedule", schedule).await;
    push(&app, "alpha", json!([bank(1700, 10.0), held("688981.SH", 250, 50.0), held("510300.SH", 4000, 4.0)])).await;
    let mut browser = Browser::new(&app);
    let strategies = rows(&browser.page("/").await, "strategies");
    // 100 × 10 more than before; 300 × 1,500 is gone since the close.
    assert!(
        row(&strategies, "alpha").contains("+1,000.00 | +2") && row(&strategies, "alpha").contains("−42.70万"),
        "{strategies:#?}"
    );
    for (order, first) in [
        ("-changed", "alpha"),
        ("changed", "beta"),
        ("-moved", "beta"),
        ("moved", "alpha"),
        ("-pushes", "beta"),
        ("-days", "alpha"),
        ("days", "beta"),
    ] {
        let strategies = rows(&browser.page(&format!("/?order={order}")).await, "strategies");
        assert!(strategies[0].starts_with(first), "{order} {strategies:#?}");
    }
}
