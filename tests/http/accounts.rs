//! Accounts' targets in detail: their shape, what moves them, and whose word they wait for.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::app::{ALICE, App, add_bound_key};

const TARGET: &str = "/api/v1/accounts/main/target";

fn held(code: &str, volume: f64) -> Value {
    json!({"code": code, "volume": volume, "cost": 10.0})
}

async fn account(app: &App, name: &str, settings: Value) {
    app.operate("PUT", &format!("/api/v1/accounts/{name}"), &[], &settings.to_string()).await.ok();
}

/// Code, volume and the reason of the hold, line by line.
async fn lines(app: &App) -> Vec<(String, f64, Value)> {
    let target = app.get(TARGET).await.ok();
    let line = |line: &Value| {
        let code = line["code"].as_str().unwrap().to_owned();
        (code, line["volume"].as_f64().unwrap(), line["hold"]["reason"].clone())
    };
    target["lines"].as_array().unwrap().iter().map(line).collect()
}

fn free(code: &str, volume: f64) -> (String, f64, Value) {
    (code.to_owned(), volume, Value::Null)
}

#[tokio::test]
async fn a_target_has_the_shape_that_terminals_know() {
    let app = App::start().await;
    let named = json!([{"code": "000001.XSHE", "name": "平安银行", "volume": 1234.5, "cost": 10}]);
    app.push(&ALICE, "alpha", named.clone()).await.ok();
    app.push(&ALICE, "beta", named).await.ok();
    let strategies = json!([{"name": "alpha", "scale": "0.5"}, {"name": "beta", "scale": "0.5"}]);
    account(&app, "main", json!({"strategies": strategies})).await;
    insta::assert_json_snapshot!(app.get(&format!("{TARGET}?code_format=qmt")).await.ok(), @r#"
    {
      "account": "main",
      "lineage": 1,
      "lines": [
        {
          "code": "000001.SZ",
          "exact": "1234.5",
          "hold": null,
          "name": "平安银行",
          "strategies": [
            {
              "name": "alpha",
              "volume": "617.25"
            },
            {
              "name": "beta",
              "volume": "617.25"
            }
          ],
          "volume": 1200
        }
      ],
      "revision": 3,
      "updated_at": "2026-01-05T14:50:00.000002+08:00"
    }
    "#);
}

#[tokio::test]
async fn one_instrument_is_one_line_however_it_is_spelled() {
    let app = App::start().await;
    let twice = json!([held("000001.XSHE", 100.0), held("600000.SH", 1.0), held("000001.SZ", 30.0)]);
    app.push(&ALICE, "alpha", twice).await.ok();
    account(&app, "main", json!({"strategies": [{"name": "alpha"}]})).await;
    assert_eq!(lines(&app).await, [free("000001.XSHE", 130.0), free("600000.SH", 1.0)], "odd lots stay at scale 1");
    let codes =
        async |format: &str| app.get(&format!("{TARGET}?code_format={format}")).await.ok()["lines"][0]["code"].clone();
    assert_eq!((codes("qmt").await, codes("jq").await), (json!("000001.SZ"), json!("000001.XSHE")));
    assert_eq!(app.get(&format!("{TARGET}?code_format=x")).await.refusal().0, 400);
    // What no exchange can be told of is never traded.
    app.push(&ALICE, "alpha", json!([held("600000", 100.0)])).await.ok();
    let unknown = ("600000".to_owned(), 100.0, json!("unknown_code"));
    assert!(lines(&app).await.contains(&unknown), "{:?}", lines(&app).await);
}

#[tokio::test]
async fn lots_are_rounded_as_their_boards_trade() {
    let app = App::start().await;
    let codes = ["000001.SZ", "688981.SH", "430047.BJ"];
    app.push(&ALICE, "alpha", json!(codes.map(|code| held(code, 1000.0)))).await.ok();
    let volumes = async |scale: &str, rounding: &str| {
        let strategies = json!([{"name": "alpha", "scale": scale}]);
        account(&app, "main", json!({"strategies": strategies, "rounding": rounding})).await;
        lines(&app).await.into_iter().map(|line| line.1).collect::<Vec<_>>()
    };
    assert_eq!(volumes("0.37", "nearest").await, [400.0, 370.0, 370.0]);
    assert_eq!(volumes("0.37", "down").await, [300.0, 370.0, 370.0]);
    assert_eq!(volumes("0.05", "nearest").await, [100.0, 0.0, 100.0], "half of the least is that, a quarter nothing");
    assert_eq!(volumes("0.049", "nearest").await[..1], [0.0]);
    assert_eq!(volumes("1", "down").await, [1000.0, 1000.0, 1000.0]);
}

#[tokio::test]
async fn overlays_count_as_the_account_says_and_leave_zeros() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000.0)])).await.ok();
    app.edit("ADJUSTMENT_A", json!([held("000001.SZ", -300.0), held("600000.SH", 200.0)])).await.ok();
    app.edit("ADJUSTMENT_B", json!([held("000001.SZ", -2000.0)])).await.ok();
    let with = async |adjustments: Value| {
        account(&app, "main", json!({"strategies": [{"name": "alpha"}], "adjustments": adjustments})).await;
    };
    with(json!([])).await;
    assert_eq!(lines(&app).await, [free("000001.SZ", 1000.0)]);
    with(json!(["ADJUSTMENT_A"])).await;
    assert_eq!(lines(&app).await, [free("000001.SZ", 700.0), free("600000.SH", 200.0)]);
    with(json!("all")).await;
    assert_eq!(lines(&app).await, [free("000001.SZ", 0.0), free("600000.SH", 200.0)], "never below zero");
    assert_eq!(app.get(TARGET).await.ok()["lines"][0]["exact"], "-1300");
    app.operate("DELETE", "/api/v1/strategies/ADJUSTMENT_A", &[], "").await.ok();
    assert_eq!(
        lines(&app).await,
        [free("000001.SZ", 0.0), free("600000.SH", 0.0)],
        "a zero, until it is reported gone"
    );
    with(json!([])).await;
    assert_eq!(lines(&app).await, [free("000001.SZ", 1000.0), free("600000.SH", 0.0)]);
}

#[tokio::test]
async fn fridays_word_lasts_over_the_weekend_and_no_longer() {
    let app = App::start().await;
    // From Monday to Friday, ten to three.
    app.clock.advance(Duration::from_hours(4 * 24));
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000.0)])).await.ok();
    account(&app, "main", json!({"strategies": [{"name": "alpha"}]})).await;
    let reason = async || lines(&app).await.remove(0).2;
    app.clock.advance(Duration::from_hours(2 * 24));
    assert_eq!(reason().await, Value::Null, "Sunday, when nothing is traded");
    app.clock.advance(Duration::from_hours(9) + Duration::from_secs(9 * 60 + 59));
    assert_eq!(reason().await, Value::Null, "a second before Monday");
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(reason().await, "not_fresh");
    // What waits says nothing about the list in force.
    app.operate("POST", "/api/v1/strategies/alpha/state", &[], r#"{"state": "frozen"}"#).await.ok();
    assert_eq!(app.push(&ALICE, "alpha", json!([held("000001.SZ", 2000.0)])).await.status, 202);
    assert_eq!(reason().await, "not_fresh");
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000.0)])).await.ok();
    assert_eq!(reason().await, Value::Null);
}

#[tokio::test]
async fn an_answer_moves_when_something_of_it_does_and_never_else() {
    let app = App::start().await;
    let (alpha, beta) = (json!([held("000001.SZ", 1000.0)]), json!([held("600000.SH", 100.0)]));
    app.push(&ALICE, "alpha", alpha.clone()).await.ok();
    app.push(&ALICE, "beta", beta.clone()).await.ok();
    account(&app, "main", json!({"strategies": [{"name": "alpha"}]})).await;
    app.clock.advance(Duration::from_hours(24));
    let tag = async || app.get(TARGET).await.header("etag").to_owned();
    let mut seen = tag().await;
    for moves_nothing in 0..4 {
        match moves_nothing {
            0 => drop(app.push(&ALICE, "beta", beta.clone()).await.ok()),
            1 => account(&app, "other", json!({"strategies": [{"name": "alpha", "scale": 2}]})).await,
            2 => drop(app.edit("ADJUSTMENT_A", json!([held("000001.SZ", 5.0)])).await.ok()),
            _ => app.clock.advance(Duration::from_hours(1)),
        }
        assert_eq!(tag().await, seen, "{moves_nothing}");
    }
    assert_eq!(app.push(&ALICE, "alpha", alpha.clone()).await.ok()["changed"], false);
    assert_ne!(tag().await, seen, "a line became fresh");
    seen = tag().await;
    app.push(&ALICE, "alpha", alpha.clone()).await.ok();
    assert_eq!(tag().await, seen, "it was fresh already");
    account(
        &app,
        "main",
        json!({"strategies": [{"name": "alpha"}], "protected": [{"code": "000001.SZ", "volume": 1}]}),
    )
    .await;
    assert_ne!(tag().await, seen);
}

#[tokio::test]
async fn an_old_poller_is_given_its_account_by_its_address_alone() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000.0), held("600000.SH", 100.0)])).await.ok();
    account(&app, "main", json!({"strategies": [{"name": "alpha", "scale": "0.37"}]})).await;
    let key = add_bound_key(&app, "qmt", "main").await;
    let total = "/api/v1/positions/total";
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("qmt:{key}")));
    let bearer = format!("Bearer {key}");
    let by_header = app.get_with(total, &[("x-api-key", &key)]).await.ok();
    assert_eq!(by_header["positions"].as_array().unwrap().len(), 1, "old pollers sell what is not named: no zeros");
    assert_eq!(by_header["positions"][0]["total_volume"], 400);
    for headers in [[("authorization", basic.as_str())], [("authorization", bearer.as_str())]] {
        assert_eq!(app.get_with(&format!("{total}?strategies=beta"), &headers).await.ok(), by_header);
    }
    assert_eq!(app.get(&format!("{total}?api_key={key}&include_adjustments=false")).await.ok(), by_header);
    // It has no word for what is never to be traded, and these pollers sell what is not named.
    let own = |volume: Value| json!({"strategies": [{"name": "alpha"}], "protected": [{"code": "600519.SH", "volume": volume}]});
    account(&app, "main", own(Value::Null)).await;
    let refused = app.get_with(total, &[("x-api-key", &key), ("if-none-match", "\"0\"")]).await;
    assert!(!refused.headers.contains_key("etag") && refused.json()["message"].to_string().contains("600519.SH"));
    assert_eq!(refused.refusal(), (409, "never_traded".to_owned()));
    app.get_with(TARGET, &[("x-api-key", &key)]).await.ok();
    account(&app, "main", own(json!(100))).await;
    assert_eq!(app.get_with(total, &[("x-api-key", &key)]).await.ok()["positions"][2]["total_volume"], 100);
    app.operate("DELETE", "/api/v1/accounts/main", &[], "").await.ok();
    assert_eq!(app.get_with(total, &[("x-api-key", &key)]).await.refusal(), (404, "unknown_account".to_owned()));
    account(&app, "main", own(json!(100))).await;
    // Who asked for what was not there has not taken it.
    app.get_with(TARGET, &[("x-terminal", "another")]).await.ok();
}

#[tokio::test]
async fn an_account_that_comes_back_lists_what_it_listed_before() {
    let mut app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000.0)])).await.ok();
    app.push(&ALICE, "beta", json!([held("600000.SH", 200.0)])).await.ok();
    let follows = |name: &str| json!({"strategies": [{"name": name}]});
    let path = "/api/v1/accounts/main";
    account(&app, "main", follows("alpha")).await;
    let revision = app.get(path).await.ok()["revision"].clone();
    app.operate("DELETE", path, &[], "").await.ok();
    app.restart().await;
    for gone in [path, TARGET, &format!("{path}?as_of=4")] {
        assert_eq!(app.get(gone).await.refusal(), (404, "unknown_account".to_owned()), "{gone}");
    }
    assert_eq!(app.get(&format!("{path}?as_of=3")).await.ok()["revision"], revision);
    // Its terminal may still hold what alpha wanted, and is told to sell it.
    let preview = json!({"account": follows("beta")}).to_string();
    app.operate("POST", &format!("{path}/preview"), &[], &preview).await.ok();
    let new = [("if-none-match", "*")];
    app.operate("PUT", path, &new, &follows("beta").to_string()).await.ok();
    assert_eq!(lines(&app).await, [free("600000.SH", 200.0), free("000001.SZ", 0.0)]);
}

#[tokio::test]
async fn a_preview_sells_what_the_account_would_not_follow_any_more() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 1000.0)])).await.ok();
    app.push(&ALICE, "beta", json!([held("600000.SH", 200.0)])).await.ok();
    account(&app, "main", json!({"strategies": [{"name": "alpha"}, {"name": "beta"}]})).await;
    let other = json!({"account": {"strategies": [{"name": "beta"}]}}).to_string();
    let preview = app.operate("POST", "/api/v1/accounts/main/preview", &[], &other).await.ok();
    let order = &preview["orders"][0];
    assert_eq!((&order["side"], &order["code"], &order["volume"]), (&json!("sell"), &json!("000001.SZ"), &json!(1000)));
}
