//! Today and an account's page: targets beside the last close and what is held, what a terminal will order; without JavaScript.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::{App, add_bound_key, held};
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
