//! How what is held is divided among strategies, and what became of each decision.

use jq2qmt::domain::moment::Moment;
use jq2qmt::store::verify::{Verdict, verify};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::app::{ALICE, App, add_bound_key};

const REPORT: &str = "/api/v1/accounts/main/report";
const DAY: &str = "/api/v1/accounts/main/attribution?day=2026-01-05";

/// The rules with the example that is recomputed here.
const DOCUMENT: &str = include_str!("../../docs/attribution.md");

/// An account of two strategies with its terminal.
struct Desk {
    app: App,
    key: String,
    fills: Vec<Value>,
}

impl Desk {
    /// Nothing is held yet, at 09:30.
    async fn open() -> Self {
        let app = App::start().await;
        let mut desk = Self { key: String::new(), fills: Vec::new(), app };
        desk.at("09:20:00");
        // The older one comes first.
        desk.push("alpha", json!([])).await;
        desk.push("beta", json!([])).await;
        let settings = json!({"strategies": [{"name": "alpha"}, {"name": "beta"}], "costs": {}});
        desk.app.operate("PUT", "/api/v1/accounts/main", &[], &settings.to_string()).await.ok();
        desk.key = add_bound_key(&desk.app, "qmt", "main").await;
        desk.at("09:30:00");
        desk.report(json!([])).await;
        desk
    }

    fn at(&self, time: &str) {
        self.on("2026-01-05", time);
    }

    fn on(&self, day: &str, time: &str) {
        let at: jiff::Timestamp = format!("{day}T{time}+08:00").parse().unwrap();
        self.app.clock.set(Moment::from_micros(at.as_microsecond()));
    }

    fn now(&self) -> String {
        jiff::Timestamp::from_microsecond(self.app.clock.now().as_micros()).unwrap().to_string()
    }

    async fn push(&self, strategy: &str, positions: Value) {
        self.app.push(&ALICE, strategy, positions).await.ok();
    }

    fn fill(&mut self, order: &str, side: &str, volume: i64, price: &str) {
        let id = (self.fills.len() + 1).to_string();
        self.fills.push(json!({"id": id, "order": order, "code": "000001.SZ", "side": side, "volume": volume,
                               "price": price, "at": self.now()}));
    }

    /// What the terminal says that knows the newest target.
    async fn report(&self, holdings: Value) {
        let revision = self.app.get("/api/v1/accounts/main/target").await.ok()["revision"].clone();
        let orders: Vec<Value> = self.fills.iter().map(order).collect();
        let report = json!({"at": self.now(), "revision": revision, "holdings": holdings, "orders": orders, "fills": self.fills});
        self.app.post(REPORT, &[("x-api-key", &self.key)], report.to_string()).await.ok();
    }

    async fn day(&self) -> Value {
        self.app.get(DAY).await.ok()
    }
}

/// The order that a fill belongs to.
fn order(fill: &Value) -> Value {
    json!({"id": fill["order"], "code": fill["code"], "side": fill["side"], "volume": 1000, "traded": 1000,
           "status": "filled", "placed_at": fill["at"]})
}

fn decided(volume: i64, price: &str) -> Value {
    json!([{"code": "000001.SZ", "name": "平安银行", "volume": volume, "cost": 10.0, "price": price}])
}

fn holding(volume: i64, price: &str) -> Value {
    json!([{"code": "000001.SZ", "volume": volume, "cost": "10.1", "price": price}])
}

/// The day of the document.
async fn example() -> Desk {
    let mut desk = Desk::open().await;
    desk.at("09:31:00");
    desk.push("alpha", decided(1000, "10.00")).await;
    desk.at("09:31:30");
    desk.report(json!([])).await;
    desk.at("09:31:40");
    desk.fill("7", "buy", 600, "10.02");
    desk.at("09:32:00");
    desk.fill("7", "buy", 400, "10.05");
    desk.at("09:32:10");
    desk.report(holding(1000, "10.04")).await;
    desk.at("13:00:00");
    desk.push("alpha", decided(400, "10.20")).await;
    desk.push("beta", decided(900, "10.20")).await;
    desk.at("13:00:30");
    desk.report(holding(1000, "10.22")).await;
    desk.at("13:00:40");
    desk.fill("8", "buy", 300, "10.25");
    desk.at("13:01:00");
    desk.report(holding(1300, "10.24")).await;
    desk.at("15:00:00");
    desk.report(holding(1300, "10.30")).await;
    desk
}

/// A number of the answer, as the document writes it.
fn figure(of: &Value, field: &str) -> String {
    let value = of.pointer(&format!("/{field}")).unwrap_or_else(|| panic!("no {field}"));
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[tokio::test]
async fn the_example_of_the_document_is_what_the_server_answers() {
    let day = example().await.day().await;
    let columns = [&day["strategies"][0], &day["strategies"][1], &day["totals"]];
    let mut compared = 0;
    for row in DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")) {
        let (field, rest) = row.split_once("` |").unwrap();
        for (column, written) in columns.iter().zip(rest.split('|').map(str::trim)).filter(|(_, text)| !text.is_empty())
        {
            assert_eq!(figure(column, field), written, "{field}");
            compared += 1;
        }
    }
    assert_eq!(compared, 46, "every number of the table");
    assert_eq!(day["strategies"].as_array().unwrap().len(), 2, "nothing is nobody's");
}

#[tokio::test]
async fn a_decision_tells_how_far_it_has_come() {
    let day = example().await.day().await;
    let decision = &day["strategies"][1]["lines"][0]["decision"];
    let times = ["pushed_at", "seen_at", "ordered_at", "filled_at"]
        .map(|step| decision[step].as_str().unwrap()[11..19].to_owned());
    assert_eq!(times, ["13:00:00", "13:00:30", "13:00:40", "13:00:40"]);
    assert_eq!((&decision["price"], &decision["arrival"]), (&json!("10.2"), &json!("10.22")));
    assert_eq!(day["strategies"][1]["latency"]["ordered"], json!(10.0));
}

#[tokio::test]
async fn what_is_not_got_counts_at_the_last_price_and_the_day_after_from_there() {
    let desk = Desk::open().await;
    desk.at("09:31:00");
    desk.push("alpha", decided(1000, "10.00")).await;
    desk.at("09:31:30");
    desk.report(holding(100, "10.10")).await;
    // 100 lie there.
    let day = desk.day().await;
    assert_eq!(figure(&day["totals"], "shortfall/unfilled"), "100");
    assert_eq!(figure(&day["strategies"][0], "lines/0/volume"), "0", "they may be a trade that is not reported yet");
    desk.at("09:40:00");
    desk.report(holding(100, "10.10")).await;
    assert_eq!(figure(&desk.day().await["strategies"][0], "lines/0/volume"), "0", "the line is locked");
    desk.at("09:40:30");
    desk.push("alpha", decided(1000, "10.00")).await;
    desk.at("09:41:00");
    desk.report(holding(100, "10.10")).await;
    let day = desk.day().await;
    assert_eq!(figure(&day["strategies"][0], "lines/0/volume"), "100");
    // They are alpha's now; 900 are missing.
    assert_eq!(
        (figure(&day["totals"], "shortfall/unfilled"), figure(&day["totals"], "entered")),
        ("90".into(), "1010".into())
    );
    desk.on("2026-01-06", "15:00:00");
    desk.report(holding(100, "10.00")).await;
    let path = "/api/v1/strategies/alpha/performance?from=2026-01-05&to=2026-01-06";
    let performance = desk.app.get(path).await.ok();
    let unfilled: Vec<_> =
        performance["days"].as_array().unwrap().iter().map(|day| figure(day, "shortfall/unfilled")).collect();
    assert_eq!(unfilled, ["90", "-90"], "day by day what has changed");
    let profits: Vec<_> = performance["days"].as_array().unwrap().iter().map(|day| figure(day, "profit")).collect();
    assert_eq!(
        (profits, figure(&performance, "totals/value")),
        (vec!["0".to_owned(), "-10".to_owned()], "1000".to_owned())
    );
}

#[tokio::test]
async fn books_are_kept_and_follow_from_the_first_report() {
    let mut desk = example().await;
    let before = desk.day().await;
    desk.app.restart().await;
    assert_eq!(desk.day().await, before);
    desk.at("15:01:00");
    desk.report(holding(1300, "10.30")).await;
    assert_eq!(desk.day().await["totals"], before["totals"], "a report that says the same counts nothing");
    let verdict = verify(&desk.app.database()).await.unwrap();
    assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
    let mut raw =
        sqlx::SqliteConnection::connect(&format!("sqlite://{}", desk.app.database().display())).await.unwrap();
    sqlx::query("UPDATE attributed SET parts = replace(parts, '900', '901')").execute(&mut raw).await.unwrap();
    let verdict = verify(&desk.app.database()).await.unwrap();
    assert!(matches!(verdict, Verdict::Misremembered(_)), "{verdict:?}");
}

#[tokio::test]
async fn files_have_a_line_for_each_part_and_each_day() {
    let desk = example().await;
    let csv = desk.app.get("/api/v1/accounts/main/attribution.csv?day=2026-01-05").await;
    let text = String::from_utf8_lossy(&csv.bytes).into_owned();
    assert_eq!(text.lines().count(), 3);
    assert!(
        text.lines()
            .nth(2)
            .unwrap()
            .starts_with("beta,000001.SZ,平安银行,900,900,10.23,10.3,2026-01-05 13:00:00.000001,"),
        "{text}"
    );
    let csv = desk.app.get("/api/v1/strategies/beta/performance.csv?from=2026-01-01&to=2026-01-31").await;
    let text = String::from_utf8_lossy(&csv.bytes).into_owned();
    assert!(text.lines().nth(1).unwrap().starts_with("2026-01-05,main,29.999999,10,0,9270,63,0,57.97,3075,"), "{text}");
}

#[tokio::test]
async fn days_of_which_nothing_is_known_and_days_that_are_none() {
    let desk = example().await;
    let path = "/api/v1/accounts/main/attribution?day=2026-01-02";
    assert_eq!(desk.app.get(path).await.refusal(), (404, "nothing_reported".to_owned()));
    let after = desk.app.get("/api/v1/accounts/main/attribution?day=2026-01-10").await.ok();
    assert_eq!((&after["known"], figure(&after["totals"], "bought")), (&json!("2026-01-05"), "0".to_owned()));
    assert_eq!((figure(&after["totals"], "profit"), figure(&after["totals"], "value")), ("0".into(), "13390".into()));
    for path in [
        "/api/v1/accounts/main/attribution?day=today",
        "/api/v1/strategies/beta/performance?from=2026-02-01&to=2026-01-01",
        "/api/v1/strategies/beta/performance?from=1999-02-01&to=2026-01-01",
    ] {
        assert_eq!(desk.app.get(path).await.refusal(), (400, "invalid_query".to_owned()), "{path}");
    }
    let unknown = desk.app.get("/api/v1/strategies/beta/performance?account=other").await.refusal();
    assert_eq!(unknown, (404, "unknown_account".to_owned()));
}
