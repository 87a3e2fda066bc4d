//! What contradicts what, as it is asked for.

use std::time::Duration;

use futures::future::join_all;
use jq2qmt::domain::decimal::Decimal;
use jq2qmt::domain::position::Position;
use jq2qmt::domain::revision::Actor;
use jq2qmt::domain::strategy::StrategyName;
use jq2qmt::ledger::{Change, Deed};
use serde_json::{Value, json};

use crate::app::{ALICE, App, held};

const CONFLICTS: &str = "/api/v1/conflicts";

async fn account(app: &App, name: &str, settings: Value) {
    app.operate("PUT", &format!("/api/v1/accounts/{name}"), &[], &settings.to_string()).await.ok();
}

#[tokio::test]
async fn what_contradicts_is_shown_and_counted() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 500, 10.0), held("600000.XSHG", 100, 8.0)])).await.ok();
    app.push(&ALICE, "beta", json!([held("600000.XSHG", 300, 8.0)])).await.ok();
    for (name, strategy) in [("one", "alpha"), ("two", "beta")] {
        account(&app, name, json!({"strategies": [{"name": strategy}], "adjustments": "all", "broker": "8800"})).await;
    }
    app.clock.advance(Duration::from_secs(700));
    app.edit("ADJUSTMENT_MAIN", json!([held("000001.SZ", -800, 10.0)])).await.ok();
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 600, 10.0)])).await.ok();
    app.push(&ALICE, "beta", json!([held("600000.XSHG", 350, 8.0)])).await.ok();

    let found = app.get(CONFLICTS).await.ok();
    assert_eq!((&found["window"], &found["is_cut"]), (&json!(600), &json!(false)));
    assert_eq!(found["counts"], json!({"crossing": 1, "negative": 3, "adjustment": 1, "shared": 1}));
    let parts = |kind: &str| -> Vec<Value> {
        let all = found["conflicts"].as_array().unwrap().iter().filter(|conflict| conflict["kind"] == kind).cloned();
        all.map(|mut conflict| {
            let (text, message) = (conflict["text"].take(), conflict["message"].take());
            let has_chinese = text.as_str().unwrap().chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            assert!(has_chinese && message.as_str().unwrap().is_ascii(), "{text} {message}");
            for key in ["kind", "text", "message", "name"] {
                conflict.as_object_mut().unwrap().remove(key);
            }
            conflict
        })
        .collect()
    };
    assert_eq!(
        parts("crossing"),
        [json!({
            "code": "600000.XSHG",
            "buys": [{"strategy_name": "beta", "volume": 50}],
            "sells": [{"strategy_name": "alpha", "volume": 100}],
            "volume": 50,
        })]
    );
    assert_eq!(
        parts("negative"),
        [
            json!({"code": "000001.XSHE", "account": null, "exact": "-200"}),
            json!({"code": "000001.XSHE", "account": "one", "exact": "-200"}),
            json!({"code": "000001.SZ", "account": "two", "exact": "-800"}),
        ]
    );
    assert_eq!(
        parts("adjustment"),
        [json!({
            "code": "000001.SZ",
            "strategy_name": "ADJUSTMENT_MAIN",
            "takes": 800,
            "wanted": 600,
            "bought": [{"strategy_name": "alpha", "volume": 100}],
        })]
    );
    assert_eq!(
        parts("shared"),
        [json!({
            "code": "600000.XSHG",
            "broker": "8800",
            "accounts": [{"account": "one", "volume": 0}, {"account": "two", "volume": 350}],
        })]
    );
}

#[tokio::test]
async fn only_the_window_is_looked_at() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 500, 10.0)])).await.ok();
    app.push(&ALICE, "beta", json!([])).await.ok();
    app.clock.advance(Duration::from_secs(100));
    app.push(&ALICE, "alpha", json!([])).await.ok();
    app.push(&ALICE, "beta", json!([held("000001.SZ", 200, 10.0)])).await.ok();
    app.clock.advance(Duration::from_secs(50));
    let crossing = async |query: &str| app.get(&format!("{CONFLICTS}{query}")).await.ok()["counts"]["crossing"].clone();
    // What alpha bought and sold within the longest time was no sale.
    assert_eq!(
        [crossing("?window=40").await, crossing("?window=60").await, crossing("?window=86400").await],
        [0, 1, 0]
    );
    let one = app.get(&format!("{CONFLICTS}?window=60&code_format=qmt")).await.ok();
    assert_eq!(one["conflicts"][0]["code"], "000001.SZ");
    for window in ["0", "86401", "-1", "soon", ""] {
        let refused = app.get(&format!("{CONFLICTS}?window={window}")).await.refusal();
        assert_eq!(refused.0, 400, "{window}");
    }
}

#[tokio::test]
async fn a_crowd_of_revisions_is_cut() {
    let app = App::start().await;
    let strategy = StrategyName::parse("alpha").unwrap();
    let change = |volume: u32| {
        let (volume, cost) = (Decimal::whole(volume), Decimal::whole(1));
        let position = Position::new(strategy.kind(), "000001.SZ", None, volume, cost, None).unwrap();
        Change::new(strategy.clone(), Deed::Replace(vec![position]), Actor::Client("alice".to_owned()), None)
    };
    let pushes = (1..=5_001).map(|volume| app.store.submit(change(volume)));
    assert!(join_all(pushes).await.iter().all(Result::is_ok));
    assert_eq!(app.get(CONFLICTS).await.ok()["is_cut"], true);
    app.clock.advance(Duration::from_secs(700));
    assert_eq!(app.get(CONFLICTS).await.ok()["is_cut"], false);
}
