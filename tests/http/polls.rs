//! Polling: what a terminal is told, and what it is never told.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::app::{ALICE, App, TOTAL, held, lines};

#[tokio::test]
async fn a_server_that_knows_nothing_says_so() {
    let app = App::start().await;
    assert_eq!(app.total("").await, json!({"positions": [], "update_time": null, "revision": 0, "lineage": 1}));
    // A manual overlay alone is no strategy for those who leave overlays out.
    app.edit("ADJUSTMENT_MAIN", json!([held("000001.XSHE", 100, 1.0)])).await.ok();
    assert_eq!(app.total("?include_adjustments=false").await["update_time"], Value::Null);
    assert!(app.total("").await["update_time"].is_string());
    // A strategy that pushed nothing on purpose is known.
    app.push(&ALICE, "alpha", json!([])).await.ok();
    let flat = app.total("?include_adjustments=FALSE").await;
    assert_eq!(flat["positions"], json!([]));
    assert!(flat["update_time"].is_string());
}

#[tokio::test]
async fn an_unknown_strategy_is_never_an_empty_one() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 100, 1.0)])).await.ok();
    for query in ["?strategies=aplha", "?strategies=alpha,aplha", "?strategies=alpha,%20alpha", "?strategy=ALPHA"] {
        let answer = app.get(&format!("{TOTAL}{query}")).await;
        assert!(answer.json()["message"].as_str().unwrap().starts_with("there is no strategy \""));
        assert_eq!(answer.refusal(), (404, "unknown_strategy".to_owned()), "{query}");
    }
    for query in ["?strategies=alpha,", "?strategies=,", "?strategy=", "?code_format=xx"] {
        assert_eq!(app.get(&format!("{TOTAL}{query}")).await.refusal(), (400, "invalid_query".to_owned()), "{query}");
    }
    // An overlay that does not exist yet is empty, and alone it is nothing that is known.
    assert_eq!(lines(&app.total("?strategies=alpha,ADJUSTMENT_X").await).len(), 1);
    assert_eq!(app.total("?strategies=ADJUSTMENT_X").await["update_time"], Value::Null);
    // One strategy by its name: never pushed is no time.
    let nobody = app.get("/api/v1/positions/strategy/nobody").await.ok();
    assert_eq!(nobody, json!({"positions": [], "update_time": null, "revision": 0, "lineage": 1}));
}

#[tokio::test]
async fn a_selection_is_taken_as_asked() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 100, 10.0)])).await.ok();
    app.push(&ALICE, "b,c", json!([held("000001.XSHE", 300, 20.0)])).await.ok();
    app.edit("ADJUSTMENT_MAIN", json!([held("000001.XSHE", -50, 10.0)])).await.ok();
    let volume = async |query: &str| app.total(query).await["positions"][0]["total_volume"].clone();
    assert_eq!(volume("").await, 350);
    assert_eq!(volume("?strategies=").await, 350);
    assert_eq!(volume("?include_adjustments=false").await, 400);
    assert_eq!(volume("?include_adjustments=true").await, 350);
    assert_eq!(volume("?include_adjustments=no").await, 350);
    assert_eq!(volume("?strategies=alpha").await, 100);
    assert_eq!(volume("?strategies=alpha,alpha&strategy=alpha").await, 100);
    assert_eq!(volume("?strategy=alpha&strategy=b%2Cc").await, 400);
    assert_eq!(volume("?strategies=alpha,ADJUSTMENT_MAIN&include_adjustments=false").await, 50);
}

#[tokio::test]
async fn a_selection_moves_only_when_it_changes() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 100, 10.0)])).await.ok();
    let before = app.get(&format!("{TOTAL}?strategies=alpha")).await;
    app.push(&ALICE, "beta", json!([held("000001.XSHE", 300, 20.0)])).await.ok();
    let after = app.get(&format!("{TOTAL}?strategies=alpha")).await;
    assert_eq!(after.header("etag"), before.header("etag"));
    assert_eq!(after.ok(), before.ok());
}

#[tokio::test]
async fn notations_are_merged_and_answered_as_asked() {
    let app = App::start().await;
    app.push(&ALICE, "one", json!([held("000001.XSHE", 100, 1.0), held("430047.BJ", 10, 1.0), held("IF2601", 1, 1.0)]))
        .await
        .ok();
    app.push(
        &ALICE,
        "two",
        json!([held("000001.SZ", 100, 2.0), held("430047.BJSE", 10, 1.0), held("600000.SH", 7, 1.0)]),
    )
    .await
    .ok();
    let codes = async |query: &str| {
        lines(&app.total(query).await)
            .into_iter()
            .map(|(code, volume, _)| format!("{code}={volume}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(codes("").await, ["000001.XSHE=200", "430047.BJ=20", "IF2601=1", "600000.SH=7"]);
    assert_eq!(codes("?code_format=qmt").await, ["000001.SZ=200", "430047.BJ=20", "IF2601=1", "600000.SH=7"]);
    assert_eq!(codes("?code_format=jq").await, ["000001.XSHE=200", "430047.XBSE=20", "IF2601=1", "600000.XSHG=7"]);
    let list = app.get("/api/v1/positions/strategy/two?code_format=jq").await.ok();
    assert_eq!(list["positions"][0]["code"], "000001.XSHE");
    let all = app.get("/api/v1/positions/all?code_format=qmt").await.ok();
    assert_eq!(all["strategies"][0]["positions"][0]["code"], "000001.SZ");
}

#[tokio::test]
async fn the_order_is_that_of_strategies_and_positions() {
    let app = App::start().await;
    let titled = |code: &str, name: &str| json!({"code": code, "name": name, "volume": 100, "cost": 1});
    app.push(&ALICE, "first", json!([held("B", 100, 1.0)])).await.ok();
    app.push(&ALICE, "second", json!([titled("A", "甲"), titled("B", "乙"), titled("C", "丙")])).await.ok();
    app.push(&ALICE, "first", json!([held("C", 100, 1.0), held("B", 100, 1.0)])).await.ok();
    let total = app.total("").await;
    let names: Vec<_> =
        total["positions"].as_array().unwrap().iter().map(|line| (&line["code"], &line["name"])).collect();
    // The first contributor gave no name, so its code stands there.
    assert_eq!(json!(names), json!([["C", "C"], ["B", "B"], ["A", "甲"]]));
}

#[tokio::test]
async fn a_poll_of_what_is_known_is_a_304() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 100, 10.0)])).await.ok();
    for path in
        [TOTAL, "/api/v1/positions/all", "/api/v1/positions/strategy/alpha", "/api/v1/positions/strategy/nobody"]
    {
        let etag = app.get(path).await.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        for header in [etag.clone(), format!("\"x\", {etag}"), format!("W/{etag}")] {
            let answer = app.get_with(path, &[("if-none-match", &header)]).await;
            assert_eq!(answer.status, 304, "{path} {header}");
            assert!(answer.bytes.is_empty());
            assert_eq!(answer.header("etag"), etag);
        }
        for header in ["\"x\"", "", etag.trim_matches('"')] {
            assert_eq!(app.get_with(path, &[("if-none-match", header)]).await.status, 200, "{path} {header}");
        }
    }
    let etag = app.get(TOTAL).await.header("etag").to_owned();
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 200, 10.0)])).await.ok();
    assert_eq!(app.get_with(TOTAL, &[("if-none-match", &etag)]).await.status, 200);
}

/// After a backup is put back, revision numbers come again with other content; the poller must not be told 304.
#[tokio::test]
async fn the_same_revision_of_another_history_has_another_tag() {
    let (one, two) = (App::start().await, App::start().await);
    one.push(&ALICE, "alpha", json!([held("000001.XSHE", 100, 10.0)])).await.ok();
    two.push(&ALICE, "alpha", json!([held("000001.XSHE", 200, 10.0)])).await.ok();
    let etag = one.get(TOTAL).await.header("etag").to_owned();
    assert!(etag.starts_with("\"1-") && two.get(TOTAL).await.header("etag").starts_with("\"1-"));
    assert_eq!(two.get_with(TOTAL, &[("if-none-match", &etag)]).await.status, 200);
}

#[tokio::test]
async fn an_answer_is_gzip_ed_for_those_who_ask() {
    let app = App::start().await;
    let many: Vec<Value> = (0..100).map(|n| held(&format!("{}.SH", 600_000 + n), 100, 1.5)).collect();
    app.push(&ALICE, "alpha", json!(many)).await.ok();
    let plain = app.get(TOTAL).await;
    assert_eq!(plain.header("vary"), "accept-encoding");
    let zipped = app.get_with(TOTAL, &[("accept-encoding", "deflate, gzip;q=0.5")]).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert_ne!(zipped.header("etag"), plain.header("etag"));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&zipped.bytes[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.bytes);
    let again = app.get_with(TOTAL, &[("accept-encoding", "gzip"), ("if-none-match", zipped.header("etag"))]).await;
    assert_eq!(again.status, 304);
    for refused in ["identity", "gzip;q=0", ""] {
        assert_eq!(
            app.get_with(TOTAL, &[("accept-encoding", refused)]).await.header("content-encoding"),
            "",
            "{refused}"
        );
    }
}

#[tokio::test]
async fn of_a_repeated_parameter_the_last_counts_and_an_unknown_one_does_not() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 100, 10.0)])).await.ok();
    app.edit("ADJUSTMENT_MAIN", json!([held("000001.XSHE", -50, 10.0)])).await.ok();
    let line = async |query: &str| lines(&app.total(query).await).remove(0);
    for (query, code, volume) in [
        ("?code_format=jq&code_format=qmt", "000001.SZ", 50),
        ("?include_adjustments=false&include_adjustments=true", "000001.XSHE", 50),
        ("?include_adjustments=true&include_adjustments=False", "000001.XSHE", 100),
        ("?strategies=alpha&strategies=&strategies=ADJUSTMENT_MAIN", "000001.XSHE", 50),
        ("?strategies=alpha&strategy=ADJUSTMENT_MAIN", "000001.XSHE", 50),
        ("?as_of=2&as_of=1", "000001.XSHE", 100),
        ("?x=1&x=2&_=%ff&&=", "000001.XSHE", 50),
        ("?strategies", "000001.XSHE", 50),
    ] {
        assert_eq!(line(query).await, (code.to_owned(), volume, 10.0), "{query}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_not_understood_is_named() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([])).await.ok();
    for (path, parameter) in [
        ("/api/v1/positions/total?strategies=,", "strategies"),
        ("/api/v1/positions/total?strategy=", "strategy"),
        ("/api/v1/positions/total?code_format=QMT", "code_format"),
        ("/api/v1/positions/all?code_format=xx&code_format=jq", "code_format"),
        ("/api/v1/positions/strategy/alpha?as_of=soon", "as_of"),
        ("/api/v1/positions/total?as_of=", "as_of"),
        ("/api/v1/strategies/alpha/revisions?limit=0", "limit"),
        ("/api/v1/strategies/alpha/revisions?before=-1", "before"),
        ("/api/v1/strategies/alpha/revisions?limit=5&before=x", "before"),
        ("/api/v1/strategies/alpha/diff?from=1&to=soon", "to"),
        ("/api/v1/events?after=1.x", "after"),
    ] {
        let answer = app.get(path).await;
        let body = answer.json();
        assert_eq!(body["message"], format!("the query parameter {parameter} cannot be understood"), "{path}");
        assert_eq!(body["error"], format!("查询参数 {parameter} 无效"), "{path}");
        assert_eq!(answer.refusal(), (400, "invalid_query".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_total_of_examples_says_so() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 100, 1.0)])).await.ok();
    assert_eq!(app.total("").await.get("demo"), None);
    app.push(&ALICE, "DEMO_beta", json!([held("000002.XSHE", 100, 1.0)])).await.ok();
    app.edit("ADJUSTMENT_DEMO", json!([])).await.ok();
    for (query, marked) in [
        ("", true),
        ("?include_adjustments=false", true),
        ("?strategies=alpha", false),
        ("?strategies=alpha,DEMO_beta", true),
        ("?strategies=alpha,ADJUSTMENT_DEMO", true),
        ("?strategies=alpha,ADJUSTMENT_DEMO_2", false),
        ("?as_of=1", false),
        ("?as_of=2", true),
    ] {
        let total = app.total(query).await;
        assert_eq!(total.get("demo"), marked.then_some(&json!(true)), "{query}");
    }
    app.operate("DELETE", "/api/v1/strategies/DEMO_beta", &[], "").await.ok();
    assert_eq!(app.total("?include_adjustments=false").await.get("demo"), None, "it follows what is taken");
    assert_eq!(app.total("").await["demo"], true);
}
