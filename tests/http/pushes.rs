//! Pushing: what is kept, what is refused, and what a refusal says.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::app::{ALICE, App, UPDATE, held, lines};

#[tokio::test]
async fn a_push_answers_what_was_stored() {
    let app = App::start().await;
    let answer = app.push(&ALICE, "alpha", json!([held("000001.XSHE", 1000, 12.5)])).await.ok();
    insta::assert_json_snapshot!(answer, @r#"
    {
      "auth_type": "crypto",
      "changed": true,
      "client_id": "alice",
      "message": "持仓更新成功",
      "positions_count": 1,
      "revision": 1,
      "strategy_name": "alpha"
    }
    "#);
}

#[tokio::test]
async fn an_unchanged_push_moves_nothing_that_a_poller_sees() {
    let app = App::start().await;
    let list = json!([{"code": "000001.XSHE", "name": "平安银行", "volume": 1000, "cost": 12.5, "remark": "a"}]);
    app.push(&ALICE, "alpha", list.clone()).await.ok();
    let (before, poll) = (app.total("").await, app.get("/api/v1/positions/total").await);
    app.clock.advance(Duration::from_secs(1));
    let answer = app.push(&ALICE, "alpha", list).await.ok();
    assert_eq!((&answer["changed"], &answer["revision"]), (&json!(false), &json!(1)));
    assert_eq!(app.total("").await, before);
    assert_eq!(app.get("/api/v1/positions/total").await.header("etag"), poll.header("etag"));

    // The same numbers in another spelling are the same; a remark is stored, but sends nobody trading.
    let spelled = r#"{"strategy_name":"alpha","positions":[{"code":"000001.XSHE","name":"平安银行","volume":1e3,"cost":12.50,"remark":"a"}]}"#;
    assert_eq!(app.push_body(&ALICE, spelled).await.ok()["changed"], false);
    let remarked = json!([{"code": "000001.XSHE", "name": "平安银行", "volume": 1000, "cost": 12.5, "remark": "b"}]);
    let answer = app.push(&ALICE, "alpha", remarked).await.ok();
    assert_eq!((&answer["changed"], &answer["revision"]), (&json!(true), &json!(2)));
    assert_eq!(app.total("").await["update_time"], before["update_time"]);
    assert_eq!(app.get("/api/v1/positions/strategy/alpha").await.ok()["positions"][0]["remark"], "b");
}

#[tokio::test]
async fn the_price_and_the_time_of_a_decision_are_kept() {
    let app = App::start().await;
    let push = async |volume: i64, price: &str, decided_at: &str| {
        let body = format!(
            r#"{{"strategy_name":"alpha","decided_at":{decided_at},"positions":[
                {{"code":"000001.XSHE","volume":{volume},"cost":12.5,"price":{price}}},
                {{"code":"600000.XSHG","volume":100,"cost":9,"price":{price}}}]}}"#
        );
        app.push_body(&ALICE, &body).await.ok()
    };
    push(1_000, "12.61", "\"2026-01-05T14:49:58+08:00\"").await;
    push(2_000, "\"12.70\"", "\"2026-01-05T06:49:59.5Z\"").await;
    // Without another wish there is no other decision, whatever the price is by now.
    let (poll, list) = (app.get("/api/v1/positions/total").await, "/api/v1/positions/strategy/alpha");
    assert_eq!(push(2_000, "12.8", "null").await["changed"], false);
    assert_eq!(app.get("/api/v1/positions/total").await.header("etag"), poll.header("etag"));

    let prices = async |query: &str| -> Vec<Value> {
        let answer = app.get(&format!("{list}{query}")).await.ok();
        answer["positions"].as_array().unwrap().iter().map(|line| line["price"].clone()).collect()
    };
    assert_eq!(prices("").await, [json!(12.7), json!(12.61)]);
    assert_eq!(prices("?as_of=1").await, [json!(12.61), json!(12.61)]);
    let revision = app.get("/api/v1/revisions/2").await.ok();
    assert_eq!(revision["decided_at"], "2026-01-05T14:49:59.500000+08:00");
    let [change] = revision["changes"].as_array().unwrap().as_slice() else { panic!("{revision}") };
    assert_eq!((&change["before"][0]["price"], &change["after"][0]["price"]), (&json!(12.61), &json!(12.7)));

    // Who tells neither is answered as ever; and a list that the operator goes back to is decided by nobody's price.
    push(2_000, "null", "null").await;
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 5, 1.0)])).await.ok();
    let text = String::from_utf8(app.get(list).await.bytes.to_vec()).unwrap();
    assert!(text.starts_with(r#"{"positions":[{"code":"000001.XSHE","name":"","volume":5,"cost":1}]"#), "{text}");
    assert_eq!(app.get("/api/v1/revisions/3").await.ok()["decided_at"], Value::Null);
    let restored = app.operate("POST", "/api/v1/strategies/alpha/restore", &[], r#"{"revision": 2}"#).await;
    assert_eq!((restored.ok()["changed"].clone(), prices("").await), (json!(true), vec![Value::Null; 2]));

    for (price, decided_at, code) in [
        ("-1", "null", "invalid_position"),
        ("true", "null", "invalid_position"),
        ("1", "\"2026-01-05T14:50:00\"", "invalid_decided_at"),
        ("1", "1767595800", "invalid_decided_at"),
    ] {
        let body = format!(
            r#"{{"strategy_name":"alpha","decided_at":{decided_at},
                "positions":[{{"code":"X","volume":1,"cost":1,"price":{price}}}]}}"#
        );
        assert_eq!(app.push_body(&ALICE, &body).await.refusal(), (400, code.to_owned()), "{price} {decided_at}");
    }
}

#[tokio::test]
async fn a_push_that_waits_keeps_what_it_was_decided_at() {
    let mut app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("X", 1, 1.0)])).await.ok();
    app.operate("POST", "/api/v1/strategies/alpha/state", &[], r#"{"state": "frozen"}"#).await.ok();
    let push = async |app: &App, price: &str| {
        let body = format!(
            r#"{{"strategy_name":"alpha","decided_at":"2026-01-05T14:49:58+08:00",
                "positions":[{{"code":"X","volume":2,"cost":1,"price":{price}}}]}}"#
        );
        app.push_body(&ALICE, &body).await.json()["hold"].as_i64().unwrap()
    };
    let hold = push(&app, "1.5").await;
    assert_eq!(push(&app, "1.6").await, hold, "it is still the same push to decide about");
    app.restart().await;
    assert_eq!(app.get("/api/v1/holds").await.ok()["holds"][0]["positions"][0]["price"], 1.5);
    let revision = app.get(&format!("/api/v1/revisions/{hold}")).await.ok();
    assert_eq!(revision["decided_at"], "2026-01-05T14:49:58.000000+08:00");
    app.operate("POST", &format!("/api/v1/holds/{hold}/approve"), &[], "").await.ok();
    app.restart().await;
    let list = app.get("/api/v1/positions/strategy/alpha").await.ok();
    assert_eq!((&list["positions"][0]["volume"], &list["positions"][0]["price"]), (&json!(2), &json!(1.5)));
}

#[tokio::test]
async fn any_visible_difference_is_a_change() {
    let app = App::start().await;
    let a = json!({"code": "000001.XSHE", "name": "平安", "volume": 100, "cost": 1});
    let b = json!({"code": "600000.XSHG", "name": "浦发", "volume": 100, "cost": 1});
    let with = |field: &str, value: Value| {
        let mut position = a.clone();
        position[field] = value;
        position
    };
    let mut last = app.push(&ALICE, "alpha", json!([a, b])).await.ok()["revision"].as_i64().unwrap();
    for list in [
        json!([b, a]),
        json!([a, b]),
        json!([with("name", json!("平安银行")), b]),
        json!([with("code", json!("000001.SZ")), b]),
        json!([with("volume", json!(100.5)), b]),
        json!([with("cost", json!(1.000_000_1)), b]),
        json!([a]),
        json!([a, a]),
        json!([]),
    ] {
        let before = app.total("").await["update_time"].clone();
        let answer = app.push(&ALICE, "alpha", list.clone()).await.ok();
        assert_eq!(answer["changed"], true, "{list}");
        assert_eq!(answer["revision"], last + 1);
        assert_ne!(app.total("").await["update_time"], before, "{list}");
        last += 1;
    }
}

#[tokio::test]
async fn two_changes_never_share_a_time() {
    let app = App::start().await;
    let mut times = Vec::new();
    for volume in 1..=5 {
        // The clock stands still, and once it even runs backwards.
        app.push(&ALICE, "alpha", json!([held("000001.XSHE", volume, 1.0)])).await.ok();
        times.push(app.total("").await["update_time"].as_str().unwrap().to_owned());
    }
    assert_eq!(times[0], "2026-01-05 14:50:00.000000");
    assert!(times.is_sorted_by(|one, two| one < two), "{times:?}");
}

#[tokio::test]
async fn pushes_at_once_lose_nothing() {
    let app = App::start().await;
    let pushes = (0..20).map(|n| {
        let app = &app;
        async move { app.push(&ALICE, &format!("strategy-{n}"), json!([held("000001.XSHE", 100 + n, 2.0)])).await.ok() }
    });
    let mut revisions: Vec<i64> =
        join_all(pushes).await.iter().map(|answer| answer["revision"].as_i64().unwrap()).collect();
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=20).collect::<Vec<_>>());
    assert_eq!(lines(&app.total("").await), [("000001.XSHE".to_owned(), (0..20).map(|n| 100 + n).sum(), 2.0)]);
}

#[tokio::test]
async fn costs_with_seventeen_digits_add_up_exactly() {
    let app = App::start().await;
    let push = |name: &str, cost: &str| {
        format!(r#"{{"strategy_name":"{name}","positions":[{{"code":"000001.XSHE","volume":300,"cost":{cost}}}]}}"#)
    };
    app.push_body(&ALICE, &push("alpha", "12.345678901234567")).await.ok();
    app.push_body(&ALICE, &push("beta", "12.345678901234569")).await.ok();
    assert_eq!(lines(&app.total("").await), [("000001.XSHE".to_owned(), 600, 12.345_678_901_234_568)]);
    // What was pushed is given back digit for digit.
    let text = String::from_utf8(app.get("/api/v1/positions/strategy/beta").await.bytes.to_vec()).unwrap();
    assert!(text.contains(r#""volume":300,"cost":12.345678901234569"#), "{text}");
}

#[tokio::test]
async fn a_stale_sequence_cannot_bring_an_old_list_back() {
    let app = App::start().await;
    let push = |strategy: &str, sequence: &str, volume: u32| {
        format!(
            r#"{{"strategy_name":"{strategy}","sequence":{sequence},"positions":[{{"code":"000001.XSHE","volume":{volume},"cost":1}}]}}"#
        )
    };
    app.push_body(&ALICE, &push("alpha", "7", 100)).await.ok();
    for stale in ["7", "6", "0"] {
        let answer = app.push_body(&ALICE, &push("alpha", stale, 200)).await;
        assert_eq!(answer.json()["last_sequence"], 7);
        assert_eq!(answer.refusal(), (409, "stale_sequence".to_owned()));
    }
    assert_eq!(app.total("").await["positions"][0]["total_volume"], 100);
    // Another strategy counts for itself; an unchanged list moves the sequence on as well; none is fine.
    app.push_body(&ALICE, &push("beta", "1", 100)).await.ok();
    assert_eq!(app.push_body(&ALICE, &push("alpha", "8", 100)).await.ok()["changed"], false);
    assert_eq!(app.push_body(&ALICE, &push("alpha", "8", 300)).await.refusal().0, 409);
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 400, 1.0)])).await.ok();
    assert_eq!(app.push_body(&ALICE, &push("alpha", "8", 300)).await.refusal().0, 409);
    for bad in ["-1", "1.5", "\"9\"", "true", "9223372036854775808", "1e3"] {
        let refusal = app.push_body(&ALICE, &push("alpha", bad, 200)).await.refusal();
        assert_eq!(refusal, (400, "invalid_sequence".to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_named_and_changes_nothing() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 100, 1.0)])).await.ok();
    let before = app.total("").await;
    let good = r#"{"code":"600000.XSHG","volume":1,"cost":1}"#;
    let list = |second: &str| format!(r#"{{"strategy_name":"alpha","positions":[{good},{second}]}}"#);
    let mut told = Vec::new();
    for second in [
        r#"{"volume":1,"cost":1}"#,
        r#"{"code":"","volume":1,"cost":1}"#,
        r#"{"code":1,"volume":1,"cost":1}"#,
        r#"{"code":null,"volume":1,"cost":1}"#,
        r#"{"code":"a\u0000b","volume":1,"cost":1}"#,
        r#"{"code":"000001.SZ","cost":1}"#,
        r#"{"code":"000001.SZ","volume":"100","cost":1}"#,
        r#"{"code":"000001.SZ","volume":true,"cost":1}"#,
        r#"{"code":"000001.SZ","volume":-1,"cost":1}"#,
        r#"{"code":"000001.SZ","volume":1e12,"cost":1}"#,
        r#"{"code":"000001.SZ","volume":1,"cost":1e-25}"#,
        r#"{"code":"000001.SZ","volume":1,"cost":0}"#,
        r#"{"code":"000001.SZ","volume":1,"cost":-3}"#,
        r#"{"code":"000001.SZ","volume":1,"cost":null}"#,
        r#"{"code":"000001.SZ","volume":1,"cost":1,"name":7}"#,
        r#"{"code":"000001.SZ","volume":1,"cost":1,"name":null}"#,
        r#"{"code":"000001.SZ","volume":1,"cost":1,"remark":[]}"#,
        r#"{"code":"000001.SZ","volume":1e11,"cost":1e11}"#,
        "[1]",
    ] {
        let answer = app.push_body(&ALICE, &list(second)).await;
        let body = answer.json();
        assert_eq!(answer.refusal(), (400, "invalid_position".to_owned()), "{second}");
        assert_eq!(body["position"], 1, "{second}");
        told.push(format!("{} | {}", body["error"].as_str().unwrap(), body["message"].as_str().unwrap()));
    }
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(app.total("").await, before);
    assert_eq!(app.get("/api/v1/positions/strategy/alpha").await.ok()["revision"], 1);
}

#[tokio::test]
async fn an_adjustment_takes_any_number() {
    let app = App::start().await;
    app.edit("ADJUSTMENT_MAIN", json!([held("000001.XSHE", -100, -1.5), held("000002.XSHE", 5, 0.0)])).await.ok();
    assert_eq!(
        lines(&app.total("").await),
        [("000001.XSHE".to_owned(), -100, -1.5), ("000002.XSHE".to_owned(), 5, 0.0)]
    );
}

#[tokio::test]
async fn a_body_that_is_no_push_is_refused() {
    let app = App::start().await;
    for body in [
        "",
        "null",
        "7",
        "[]",
        "{}",
        "{",
        "\"x\"",
        r#"["a",[],1]"#,
        r#"{"strategy_name":"a"}"#,
        r#"{"positions":[]}"#,
        r#"{"strategy_name":"a","positions":{}}"#,
        r#"{"strategy_name":"a","positions":null}"#,
        r#"{"strategy_name":"a","positions":"[]"}"#,
        r#"{"strategy_name":"a","positions":[],"positions":[]}"#,
        r#"{"strategy_name":"a","positions":[{"code":"1","volume":NaN,"cost":1}]}"#,
        "{\"strategy_name\":\"\u{0}\",\"positions\":[]}",
    ] {
        let answer = app.push_body(&ALICE, body).await;
        assert_eq!(answer.json()["error"], "无效的数据格式", "{body}");
        assert_eq!(answer.refusal(), (400, "invalid_format".to_owned()), "{body}");
    }
    for name in [json!(""), json!(7), json!("策".repeat(101)), json!("a\tb"), json!(["a"])] {
        let body = json!({"strategy_name": name, "positions": []}).to_string();
        assert_eq!(app.push_body(&ALICE, &body).await.refusal(), (400, "invalid_strategy_name".to_owned()), "{name}");
    }
    let invalid_utf8 = b"{\"strategy_name\":\"\xff\",\"positions\":[]}".to_vec();
    let token = ALICE.unbound_token(app.clock.now());
    assert_eq!(app.post(UPDATE, &[("x-auth-token", &token)], invalid_utf8).await.refusal().0, 400);
    assert_eq!(app.get("/api/v1/positions/all").await.ok(), json!({"strategies": [], "revision": 0, "lineage": 1}));
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let mut app = App::start().await;
    app.push(&ALICE, "策略/一", json!([held("000001.XSHE", 100, 1.5), held("000001.SZ", 50, 3.0)])).await.ok();
    app.edit("ADJUSTMENT_MAIN", json!([{"code": "000001.XSHE", "volume": -10, "cost": 2, "remark": "手工"}]))
        .await
        .ok();
    let questions = [
        "/api/v1/positions/total",
        "/api/v1/positions/all",
        "/api/v1/positions/strategy/%E7%AD%96%E7%95%A5%2F%E4%B8%80",
    ];
    let mut before = Vec::new();
    for question in questions {
        let answer = app.get(question).await;
        before.push((answer.header("etag").to_owned(), answer.ok()));
    }
    app.restart().await;
    for (question, (etag, body)) in questions.iter().zip(before) {
        let answer = app.get(question).await;
        assert_eq!(answer.header("etag"), etag);
        assert_eq!(answer.ok(), body);
    }
    // Numbers and times go on from where they were.
    let answer = app.push(&ALICE, "策略/一", json!([])).await.ok();
    assert_eq!(answer["revision"], 3);
}
