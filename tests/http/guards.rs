//! Guards through the API: each rule, what it makes of a push, and whom it does not look at.

use std::time::Duration;

use jq2qmt::auth::token::{Bound, sign};
use serde_json::{Value, json};

use crate::app::{ALICE, Answer, App, UPDATE};

fn held(code: &str, volume: i64) -> Value {
    json!({"code": code, "volume": volume, "cost": 10.0})
}

async fn guard(app: &App, guards: Value) {
    app.operate("PUT", "/api/v1/guards", &[], &guards.to_string()).await.ok();
}

async fn push(app: &App, strategy: &str, positions: &Value, sequence: Option<i64>) -> Answer {
    let body = json!({"strategy_name": strategy, "positions": positions, "sequence": sequence});
    let mut body = body.as_object().unwrap().clone();
    body.retain(|_, value| !value.is_null());
    app.push_body(&ALICE, &json!(body).to_string()).await
}

/// 20,000 CNY in two instruments, pushed twenty minutes ago; another strategy with 7,000.
async fn guarded(rules: &Value) -> App {
    let app = App::start().await;
    guard(&app, json!([])).await;
    push(&app, "alpha", &json!([held("000001.SZ", 1000)]), Some(1)).await.ok();
    app.clock.advance(Duration::from_mins(1));
    push(&app, "alpha", &json!([held("000001.SZ", 1000), held("600000.SH", 1000)]), Some(2)).await.ok();
    push(&app, "beta", &json!([held("300750.SZ", 700)]), None).await.ok();
    app.clock.advance(Duration::from_mins(5));
    guard(&app, json!([{"strategies": "alpha", "rules": rules}])).await;
    app
}

#[tokio::test]
async fn each_rule_warns_holds_or_refuses() {
    let two = |one: i64, other: i64| json!([held("000001.SZ", one), held("600000.SH", other)]);
    let cases = [
        ("empty", json!({}), json!([]), "0"),
        ("empty", json!({}), json!([held("000001.SZ", 0)]), "0"),
        ("shrinks", json!({"over": 0.4}), two(1000, 100), "0.45"),
        ("grows", json!({"over": 3}), two(4000, 2001), "3.0005"),
        ("turnover", json!({"over": 0.8}), two(0, 1000), ""),
        ("turnover", json!({"over": 0.1}), two(1000, 700), "0.15"),
        ("instrument_share", json!({"over": 0.75}), two(4000, 1000), "0.8"),
        ("instrument_cost", json!({"over": 15000}), two(1501, 1000), "15010"),
        ("invested", json!({"over": 25000}), two(1501, 1000), "25010"),
        (
            "instruments",
            json!({"over": 2}),
            json!([held("000001.SZ", 1), held("600000.SH", 1), held("300750.SZ", 1)]),
            "3",
        ),
        ("unknown_code", json!({}), json!([held("600000", 100)]), "1"),
        ("flips", json!({"minutes": 10}), json!([held("000001.SZ", 1000)]), "5"),
        ("twin", json!({}), json!([held("300750.XSHE", 700)]), "beta"),
        ("hours", json!({"times": ["09:30-11:30"]}), two(1000, 999), "2026-01-05 14:56"),
    ];
    for (rule, limit, list, value) in cases {
        let app = guarded(&json!({})).await;
        let before = app.total("?strategies=alpha").await;
        for (then, status) in [("reject", 422), ("hold", 202), ("warn", 200)] {
            let mut settings = limit.clone();
            settings["then"] = json!(then);
            guard(&app, json!([{"strategies": "alpha", "rules": {rule: settings}}])).await;
            let answer = push(&app, "alpha", &list, None).await;
            if value.is_empty() {
                assert_eq!(answer.ok()["warnings"], Value::Null, "{rule} allows what is within its limit");
                break;
            }
            assert_eq!(answer.status, status, "{rule} {then}: {:?}", answer.bytes);
            let body = answer.json();
            let reasons = &body[if then == "warn" { "warnings" } else { "reasons" }];
            assert_eq!((&reasons[0]["rule"], &reasons[0]["value"]), (&json!(rule), &json!(value)), "{reasons}");
            assert!(
                !reasons[0]["text"].as_str().unwrap().is_empty() && !reasons[0]["message"].as_str().unwrap().is_empty()
            );
            let has_moved = app.total("?strategies=alpha").await != before;
            assert_eq!(has_moved, then == "warn", "{rule} {then}");
        }
    }
}

#[tokio::test]
async fn a_sequence_that_leaps_is_seen() {
    let app = guarded(&json!({"sequence_leap": {"then": "reject"}})).await;
    let list = json!([held("000001.SZ", 900)]);
    let leap = 2 + 86_400_000_000 + 5 * 60_000_000;
    assert_eq!(push(&app, "alpha", &list, Some(leap + 1)).await.refusal(), (422, "guard".to_owned()));
    push(&app, "alpha", &list, Some(leap)).await.ok();
}

#[tokio::test]
async fn what_is_refused_uses_up_neither_token_nor_sequence() {
    let app = guarded(&json!({"empty": {"then": "reject"}})).await;
    let body = r#"{"strategy_name": "alpha", "positions": [], "sequence": 9}"#;
    let bound = Bound { method: "POST", path: UPDATE, body: body.as_bytes() };
    let token = sign(&ALICE.key, ALICE.id, app.clock.now(), bound).unwrap();
    let send = async || app.post(UPDATE, &[("x-auth-token", &token)], body).await;
    assert_eq!(send().await.refusal(), (422, "guard".to_owned()));
    guard(&app, json!([{"strategies": "*", "rules": {"empty": {"then": "hold"}}}])).await;
    assert_eq!(send().await.status, 202);
    assert_eq!(send().await.refusal(), (401, "token_replayed".to_owned()));
}

#[tokio::test]
async fn the_first_pattern_that_matches_counts_alone() {
    let app = guarded(&json!({})).await;
    guard(
        &app,
        json!([
            {"strategies": "al*", "rules": {}},
            {"strategies": "*", "rules": {"empty": {"then": "reject"}, "twin": {"then": "warn"}}},
        ]),
    )
    .await;
    push(&app, "alpha", &json!([]), None).await.ok();
    assert_eq!(push(&app, "beta", &json!([]), None).await.refusal().0, 422);
}

#[tokio::test]
async fn nobody_guards_the_operator() {
    let app = guarded(&json!({"empty": {"then": "reject"}})).await;
    guard(&app, json!([{"strategies": "*", "rules": {"empty": {"then": "reject"}, "unknown_code": {"then": "hold"}}}]))
        .await;
    app.edit("alpha", json!([held("X", 1)])).await.ok();
    app.edit("ADJUSTMENT_A", json!([held("Y", -1)])).await.ok();
    app.edit("alpha", json!([])).await.ok();
}

#[tokio::test]
async fn a_first_start_warns_of_four_things_and_a_restart_still_does() {
    let mut app = App::start().await;
    let usual = json!([{"strategies": "*", "rules": {
        "unknown_code": {"then": "warn"}, "flips": {"minutes": 10, "then": "warn"}, "twin": {"then": "warn"},
        "sequence_leap": {"then": "warn"},
    }}]);
    for _ in 0..2 {
        assert_eq!(app.get("/api/v1/guards").await.ok(), usual);
        push(&app, "alpha", &json!([held("X", 100)]), None).await.ok();
        app.restart().await;
    }
    guard(&app, json!([])).await;
    app.restart().await;
    assert_eq!(app.get("/api/v1/guards").await.ok(), json!([]), "what was turned off stays off");
}

#[tokio::test]
async fn a_trial_follows_deletions_and_restores() {
    let app = guarded(&json!({})).await;
    let (alpha, one) = ("/api/v1/strategies/alpha", json!([held("000001.SZ", 100)]));
    app.operate("DELETE", &format!("{alpha}?then=revive"), &[], "").await.ok();
    push(&app, "alpha", &one, None).await.ok();
    app.operate("POST", &format!("{alpha}/restore"), &[], r#"{"revision": 3, "freeze": false}"#).await.ok();
    let shrunk = push(&app, "alpha", &one, None).await.ok()["revision"].clone();
    let rules = json!([{"strategies": "*", "rules": {"shrinks": {"over": 0.5, "then": "hold"}}}]).to_string();
    let trial = app.operate("POST", "/api/v1/guards/trial", &[], &rules).await.ok();
    assert_eq!(trial["lines"].as_array().unwrap().len(), 1, "{trial}");
    assert_eq!(
        (&trial["lines"][0]["revision"], &trial["would_hold"], &trial["pushes"]),
        (&shrunk, &json!(1), &json!(5))
    );
    app.clock.advance(Duration::from_hours(31 * 24));
    let trial = app.operate("POST", "/api/v1/guards/trial", &[], &rules).await.ok();
    assert_eq!(trial["pushes"], 0, "thirty days are looked at");
}

#[tokio::test]
async fn a_trial_also_says_what_rules_that_are_off_would_have_done() {
    let app = guarded(&json!({})).await;
    let emptied = push(&app, "alpha", &json!([]), None).await.ok()["revision"].clone();
    let tried = async |rules: Value| {
        let rules = json!([{"strategies": "al*", "rules": rules}]).to_string();
        app.operate("POST", "/api/v1/guards/trial", &[], &rules).await.ok()
    };
    let met = |lines: &Value| -> Vec<(Value, Value)> {
        let lines = lines.as_array().unwrap().iter();
        lines
            .filter(|line| line["revision"] == emptied)
            .map(|line| (line["rule"].clone(), line["then"].clone()))
            .collect()
    };
    let off = tried(json!({})).await;
    assert_eq!((met(&off["lines"]), off["would_hold"].clone()), (vec![], json!(0)), "what is off holds nothing");
    assert!(met(&off["off"]).contains(&(json!("empty"), json!("hold"))), "{off}");
    let on = tried(json!({"empty": {"then": "warn"}})).await;
    assert_eq!(met(&on["lines"]), [(json!("empty"), json!("warn"))]);
    assert!(met(&on["off"]).iter().all(|(rule, _)| rule != "empty"), "what is on is not told twice: {on}");
    let others = json!([{"strategies": "beta", "rules": {}}]).to_string();
    let others = app.operate("POST", "/api/v1/guards/trial", &[], &others).await.ok();
    assert!(met(&others["off"]).contains(&(json!("empty"), json!("hold"))), "whom no entry covers is tried as well");
}

#[tokio::test]
async fn a_trial_counts_what_waited_whatever_became_of_it() {
    let app = guarded(&json!({"empty": {"then": "hold"}})).await;
    let decide =
        async |id: &Value, what: &str| app.operate("POST", &format!("/api/v1/holds/{id}/{what}"), &[], "").await.ok();
    let rules = json!([{"strategies": "*", "rules": {"empty": {"then": "reject"}}}]).to_string();
    let trial = async || app.operate("POST", "/api/v1/guards/trial", &[], &rules).await.ok();
    let emptied = async |sequence: i64| push(&app, "alpha", &json!([]), Some(sequence)).await.json()["hold"].clone();
    let waits = emptied(3).await;
    assert_eq!(emptied(4).await, waits, "it is still the same push");
    let tried = trial().await;
    assert_eq!(
        (&tried["pushes"], &tried["would_reject"], &tried["lines"][0]["revision"]),
        (&json!(4), &json!(1), &waits)
    );
    decide(&waits, "discard").await;
    let again = emptied(5).await;
    decide(&again, "approve").await;
    let tried = trial().await;
    assert_eq!((&tried["pushes"], &tried["would_reject"]), (&json!(5), &json!(2)), "what is approved is no other push");
    assert_eq!(tried["lines"][0]["revision"], again);
}

#[tokio::test]
async fn a_push_that_waits_is_answered_as_it_is_listed() {
    let app = guarded(&json!({"empty": {"then": "hold"}})).await;
    let answer = push(&app, "alpha", &json!([]), Some(12)).await;
    assert_eq!(answer.status, 202);
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "auth_type": "crypto",
      "client_id": "alice",
      "held": true,
      "hold": 6,
      "message": "推送已收到，等待批准",
      "reasons": [
        {
          "limit": null,
          "message": "the list is empty, and the current one, or the one before it was deleted, is not",
          "rule": "empty",
          "text": "推送了空列表，而当前（或删除前）的持仓不为空",
          "value": "0"
        }
      ],
      "strategy_name": "alpha"
    }
    "#);
    insta::assert_json_snapshot!(app.get("/api/v1/holds").await.ok(), @r#"
    {
      "holds": [
        {
          "address": "192.0.2.7",
          "at": "2026-01-05T14:56:00.000000+08:00",
          "auth_type": "crypto",
          "changes": [
            {
              "after": [],
              "before": [
                {
                  "code": "000001.SZ",
                  "cost": 10,
                  "name": "",
                  "volume": 1000
                }
              ],
              "instrument": "000001.SZ"
            },
            {
              "after": [],
              "before": [
                {
                  "code": "600000.SH",
                  "cost": 10,
                  "name": "",
                  "volume": 1000
                }
              ],
              "instrument": "600000.SH"
            }
          ],
          "client_id": "alice",
          "hold": 6,
          "positions": [],
          "reasons": [
            {
              "limit": null,
              "message": "the list is empty, and the current one, or the one before it was deleted, is not",
              "rule": "empty",
              "text": "推送了空列表，而当前（或删除前）的持仓不为空",
              "value": "0"
            }
          ],
          "revision": 3,
          "strategy_name": "alpha"
        }
      ]
    }
    "#);
}
