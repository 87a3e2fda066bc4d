//! The history: revisions, differences, the book as of an earlier moment, restore and delete.

use jq2qmt::clock::Clock;
use serde_json::{Value, json};

use crate::app::{ALICE, Answer, App, PASSWORD, START, held, lines};

async fn revisions(app: &App, strategy: &str, query: &str) -> Value {
    app.get(&format!("/api/v1/strategies/{strategy}/revisions{query}")).await.ok()
}

async fn restore(app: &App, strategy: &str, revision: i64) -> Answer {
    let body = json!({"revision": revision}).to_string();
    app.operate("POST", &format!("/api/v1/strategies/{strategy}/restore"), &[], &body).await
}

async fn delete(app: &App, strategy: &str) -> Answer {
    app.operate("DELETE", &format!("/api/v1/strategies/{strategy}"), &[], "").await
}

async fn volumes(app: &App, path: &str) -> Vec<(String, i64)> {
    let answer = app.get(path).await.ok();
    let volume = |line: &Value| line["volume"].as_i64().or(line["total_volume"].as_i64()).unwrap();
    let lines = answer["positions"].as_array().unwrap().iter();
    lines.map(|line| (line["code"].as_str().unwrap().to_owned(), volume(line))).collect()
}

fn one(code: &str, volume: i64) -> Vec<(String, i64)> {
    vec![(code.to_owned(), volume)]
}

/// Three revisions of alpha a minute apart, with one of beta in between.
async fn with_history() -> App {
    let app = App::start().await;
    let minute = std::time::Duration::from_mins(1);
    app.push(&ALICE, "alpha", json!([held("000001.XSHE", 100, 10.0)])).await.ok();
    app.clock.advance(minute);
    app.push(&ALICE, "beta", json!([held("X", 7, 1.0)])).await.ok();
    app.clock.advance(minute);
    app.push(&ALICE, "alpha", json!([held("000001.SZ", 300, 11.0), held("Y", 1, 1.0)])).await.ok();
    app.clock.advance(minute);
    app.edit("alpha", json!([])).await.ok();
    app
}

#[tokio::test]
async fn strategies_are_listed_a_line_each() {
    let app = with_history().await;
    insta::assert_json_snapshot!(app.get("/api/v1/strategies").await.ok(), @r#"
    {
      "revision": 4,
      "strategies": [
        {
          "last_push_at": "2026-01-05T14:52:00.000000+08:00",
          "positions_count": 0,
          "revision": 4,
          "state": "live",
          "strategy_name": "alpha",
          "updated_at": "2026-01-05T14:53:00.000000+08:00"
        },
        {
          "last_push_at": "2026-01-05T14:51:00.000000+08:00",
          "positions_count": 1,
          "revision": 2,
          "state": "live",
          "strategy_name": "beta",
          "updated_at": "2026-01-05T14:51:00.000000+08:00"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn revisions_come_newest_first_in_pages_that_do_not_move() {
    let app = with_history().await;
    let first = revisions(&app, "alpha", "?limit=2").await;
    insta::assert_json_snapshot!(first, @r#"
    {
      "next_before": 3,
      "revisions": [
        {
          "actor": "operator",
          "actor_kind": "operator",
          "address": "192.0.2.7",
          "changes_count": 2,
          "kind": "edit",
          "revision": 4,
          "strategy_name": "alpha",
          "updated_at": "2026-01-05T14:53:00.000000+08:00"
        },
        {
          "actor": "alice",
          "actor_kind": "client",
          "address": "192.0.2.7",
          "changes_count": 2,
          "kind": "push",
          "revision": 3,
          "strategy_name": "alpha",
          "updated_at": "2026-01-05T14:52:00.000000+08:00"
        }
      ]
    }
    "#);
    app.push(&ALICE, "alpha", json!([held("Z", 1, 1.0)])).await.ok();
    let second = revisions(&app, "alpha", "?limit=2&before=3").await;
    assert_eq!((&second["revisions"][0]["revision"], &second["next_before"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn a_revision_tells_what_it_changed() {
    let app = with_history().await;
    let revision = app.get("/api/v1/revisions/3").await.ok();
    insta::assert_json_snapshot!(revision["changes"], @r#"
    [
      {
        "after": [
          {
            "code": "000001.SZ",
            "cost": 11,
            "name": "",
            "volume": 300
          }
        ],
        "before": [
          {
            "code": "000001.XSHE",
            "cost": 10,
            "name": "",
            "volume": 100
          }
        ],
        "instrument": "000001.SZ"
      },
      {
        "after": [
          {
            "code": "Y",
            "cost": 1,
            "name": "",
            "volume": 1
          }
        ],
        "before": [],
        "instrument": "Y"
      }
    ]
    "#);
    let parent = app.get("/api/v1/revisions/2").await.ok();
    assert_eq!(revision["parent_hash"], parent["hash"]);
    assert_eq!(revision["hash"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn a_list_and_the_total_as_they_were() {
    let app = with_history().await;
    let list = "/api/v1/positions/strategy/alpha?as_of=";
    assert_eq!(volumes(&app, &format!("{list}0")).await, []);
    assert_eq!(volumes(&app, &format!("{list}1")).await, one("000001.XSHE", 100));
    assert_eq!(volumes(&app, &format!("{list}2")).await, one("000001.XSHE", 100));
    assert_eq!(volumes(&app, &format!("{list}3")).await, [("000001.SZ".to_owned(), 300), ("Y".to_owned(), 1)]);
    assert_eq!(volumes(&app, &format!("{list}4")).await, []);
    let then = app.get(&format!("{list}2026-01-05T14:51:30%2B08:00")).await.ok();
    assert_eq!((&then["revision"], &then["update_time"]), (&json!(1), &json!("2026-01-05 14:50:00.000000")));

    let total = "/api/v1/positions/total?as_of=";
    let both = [("000001.XSHE".to_owned(), 100), ("X".to_owned(), 7)];
    assert_eq!(volumes(&app, &format!("{total}2")).await, both);
    assert_eq!(volumes(&app, &format!("{total}2026-01-05T14:51:30Z")).await, one("X", 7), "that is 22:51 here");
    assert_eq!(volumes(&app, &format!("{total}2026-01-05%2014:51:30")).await, both);
    assert_eq!(volumes(&app, &format!("{total}3&strategies=beta")).await, one("X", 7));
    assert_eq!(app.get(&format!("{total}1&strategies=beta")).await.refusal(), (404, "unknown_strategy".to_owned()));
}

#[tokio::test]
async fn before_the_first_push_the_total_is_not_flat_but_unknown() {
    let app = with_history().await;
    let then = app.get("/api/v1/positions/total?as_of=2026-01-05").await.ok();
    assert_eq!((&then["positions"], &then["update_time"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn what_was_does_not_change_and_need_not_be_sent_twice() {
    let app = with_history().await;
    let path = "/api/v1/positions/total?as_of=2";
    let first = app.get(path).await;
    app.push(&ALICE, "beta", json!([])).await.ok();
    let again = app.get_with(path, &[("if-none-match", first.header("etag"))]).await;
    assert_eq!(again.status, 304);
}

#[tokio::test]
async fn a_difference_between_any_two_points() {
    let app = with_history().await;
    let diff = async |query: &str| app.get(&format!("/api/v1/strategies/alpha/diff{query}")).await.ok();
    let instruments = |diff: &Value| -> Vec<String> {
        let changes = diff["changes"].as_array().unwrap().iter();
        changes.map(|change| change["instrument"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(instruments(&diff("?from=1&to=3").await), ["000001.SZ", "Y"]);
    assert_eq!(instruments(&diff("?from=3&to=1").await), ["000001.SZ", "Y"]);
    assert_eq!(instruments(&diff("?from=1").await), ["000001.SZ"], "the end is now, when nothing is held");
    assert_eq!(instruments(&diff("?to=1").await), ["000001.SZ"], "the beginning is before the first push");
    assert_eq!(instruments(&diff("").await), Vec::<String>::new());
}

#[tokio::test]
async fn restore_goes_back_and_is_a_revision_of_its_own() {
    let app = with_history().await;
    app.clock.advance(std::time::Duration::from_mins(1));
    let answer = restore(&app, "alpha", 3).await.ok();
    insta::assert_json_snapshot!(answer, @r#"
    {
      "auth_type": "internal_password",
      "changed": true,
      "message": "策略已恢复并冻结：之后的推送等待批准",
      "positions_count": 2,
      "revision": 5,
      "strategy_name": "alpha"
    }
    "#);
    assert_eq!(lines(&app.total("?strategies=alpha").await).len(), 2);
    let newest = &revisions(&app, "alpha", "?limit=2").await["revisions"];
    assert_eq!((&newest[1]["kind"], &newest[1]["restored_revision"]), (&json!("restore"), &json!(3)));
    assert_eq!((&newest[0]["kind"], &newest[0]["subject"]["kind"]), (&json!("set"), &json!("state")), "it lasts");
    // The same again changes nothing.
    assert_eq!(restore(&app, "alpha", 3).await.ok()["changed"], json!(false));
    // The strategy itself has said nothing: how fresh it is stays as it was.
    let listed = app.get("/api/v1/strategies").await.ok();
    assert_eq!(listed["strategies"][0]["last_push_at"], json!("2026-01-05T14:52:00.000000+08:00"));
}

async fn last_push_at(app: &App, strategy: &str) -> Value {
    let listed = app.get("/api/v1/strategies").await.ok();
    let lines = listed["strategies"].as_array().unwrap();
    lines.iter().find(|line| line["strategy_name"] == strategy).unwrap()["last_push_at"].clone()
}

async fn overview(app: &App) -> String {
    String::from_utf8(app.get("/").await.bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn what_the_operator_does_is_no_sign_of_life_of_a_strategy() {
    let mut app = with_history().await;
    let week = std::time::Duration::from_hours(7 * 24);
    let pushed = last_push_at(&app, "beta").await;
    app.clock.advance(week);
    app.edit("beta", json!([held("X", 2, 1.0)])).await.ok();
    assert_eq!(last_push_at(&app, "beta").await, pushed, "an edit");
    delete(&app, "beta").await.ok();
    restore(&app, "beta", 2).await.ok();
    assert_eq!(last_push_at(&app, "beta").await, pushed, "a removal and a restore");
    delete(&app, "beta").await.ok();
    app.restart().await;
    restore(&app, "beta", 2).await.ok();
    assert_eq!(last_push_at(&app, "beta").await, pushed, "and a restart in between");
    assert!(overview(&app).await.contains("策略 beta 自上个交易日以来没有推送（最近：7 天前）"));

    // Of one that only the operator ever wrote nothing was ever heard, and nothing is expected.
    app.edit("by hand", json!([held("X", 1, 1.0)])).await.ok();
    app.clock.advance(week);
    for _ in 0..2 {
        assert_eq!(last_push_at(&app, "by hand").await, Value::Null);
        let page = overview(&app).await;
        assert!(page.contains("从未（由操作员填写）") && !page.contains("策略 by hand 自上个交易日以来没有推送"));
        app.restart().await;
    }
    app.push(&ALICE, "by hand", json!([held("X", 1, 1.0)])).await.ok();
    assert_eq!(last_push_at(&app, "by hand").await, json!("2026-01-19T14:53:00.000000+08:00"));
}

#[tokio::test]
async fn the_past_says_the_update_time_that_pollers_saw() {
    let app = App::start().await;
    let position = |volume: i64, remark: &str| json!([{"code": "X", "volume": volume, "cost": 1, "remark": remark}]);
    let strategy = |query: &str| format!("/api/v1/positions/strategy/alpha{query}");
    let seen = async |path: &str| app.get(path).await.ok()["update_time"].clone();
    let mut known = Vec::new();
    for list in [
        json!([held("X", 1, 1.0)]),
        position(1, "a remark is for people"),
        position(1, "another"),
        position(2, "another"),
        json!([held("X", 2, 1.0)]),
        json!([]),
        position(2, "again"),
    ] {
        app.clock.advance(std::time::Duration::from_mins(1));
        let revision = app.push(&ALICE, "alpha", list).await.ok()["revision"].clone();
        let all = app.get("/api/v1/positions/all").await.ok();
        known.push((revision, seen(&strategy("")).await, seen("/api/v1/positions/total").await, all));
    }
    app.edit("ADJUSTMENT_A", json!([])).await.ok();
    for (revision, alone, total, all) in &known {
        assert_eq!(seen(&strategy(&format!("?as_of={revision}"))).await, *alone, "revision {revision}");
        assert_eq!(seen(&format!("/api/v1/positions/total?as_of={revision}")).await, *total, "revision {revision}");
        assert_eq!(app.get(&format!("/api/v1/positions/all?as_of={revision}")).await.ok(), *all, "revision {revision}");
    }
    let times: std::collections::BTreeSet<_> = known.iter().map(|(_, alone, ..)| alone.to_string()).collect();
    assert_eq!(times.len(), 4);
}

#[tokio::test]
async fn a_clock_that_was_put_back_is_told_until_it_has_caught_up() {
    let mut app = App::start().await;
    let (right, hours) = (app.clock.clone(), std::time::Duration::from_hours);
    // A hardware clock in local time: eight hours ahead until somebody sees it.
    app.clock = Clock::manual(START.plus(hours(8)));
    app.restart().await;
    app.push(&ALICE, "alpha", json!([held("X", 1, 1.0)])).await.ok();
    assert_eq!(app.get("/healthz").await.ok(), json!({"status": "ok"}), "ahead of nothing");
    app.clock = right;
    app.restart().await;
    app.edit("ADJUSTMENT_A", json!([held("X", 1, 1.0)])).await.ok();
    let strategy = "/api/v1/positions/strategy/ADJUSTMENT_A";
    let creeps = app.get(strategy).await.ok();
    assert_eq!(creeps["update_time"], "2026-01-05 22:50:00.000001", "later, whatever the clock says");
    let warned = app.get("/healthz").await.ok();
    assert_eq!((&warned["status"], &warned["warnings"][0]["code"]), (&json!("ok"), &json!("clock_behind")));
    assert!(overview(&app).await.contains("服务器时钟比最近一次变更晚了 8 小时"));
    // By the time that it was, the past cannot be asked for; by the revision it can.
    assert_eq!(app.get(&format!("{strategy}?as_of=2026-01-05T14:50:01")).await.ok()["update_time"], Value::Null);
    assert_eq!(app.get(&format!("{strategy}?as_of=2")).await.ok(), creeps);

    app.clock.advance(hours(8) + std::time::Duration::from_secs(1));
    assert_eq!(app.get("/healthz").await.ok(), json!({"status": "ok"}));
    assert!(!overview(&app).await.contains("服务器时钟"));
    app.edit("ADJUSTMENT_A", json!([])).await.ok();
    assert_eq!(app.get(strategy).await.ok()["update_time"], "2026-01-05 22:50:01.000000");

    // What is settled is a change too.
    let right = app.clock.now();
    app.clock.set(right.plus(hours(8)));
    let account = r#"{"strategies": [{"name": "alpha"}]}"#;
    app.operate("PUT", "/api/v1/accounts/main", &[], account).await.ok();
    app.clock.set(right);
    assert_eq!(app.get("/healthz").await.ok()["warnings"][0]["code"], "clock_behind");
}

#[tokio::test]
async fn a_deleted_strategy_leaves_totals_and_keeps_its_history() {
    let mut app = with_history().await;
    app.edit("ADJUSTMENT_MAIN", json!([held("X", -2, 1.0)])).await.ok();
    let before = app.get("/api/v1/positions/total").await;
    assert_eq!(delete(&app, "beta").await.ok()["message"], "策略已删除");
    assert_eq!(lines(&app.total("").await), [("X".to_owned(), -2, 1.0)]);
    let after = app.get_with("/api/v1/positions/total", &[("if-none-match", before.header("etag"))]).await;
    assert_eq!(after.status, 200, "a poller sees it go");
    assert_eq!(app.get("/api/v1/positions/total?strategies=beta").await.refusal().0, 404);
    assert_eq!(app.get("/api/v1/positions/strategy/beta").await.ok()["update_time"], Value::Null);
    assert_eq!(delete(&app, "beta").await.refusal(), (404, "unknown_strategy".to_owned()));
    let kinds: Vec<Value> = revisions(&app, "beta", "").await["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|revision| revision["kind"].clone())
        .collect();
    assert_eq!(kinds, ["set", "remove", "push"], "what the operator decided, and what it did");

    // So it stays after a restart, and the chain holds.
    let total = app.total("").await;
    app.restart().await;
    assert_eq!(app.total("").await, total);
    assert_eq!(app.get("/api/v1/positions/strategy/beta").await.ok()["update_time"], Value::Null);
    let verdict = jq2qmt::store::verify::verify(&app.database()).await.unwrap();
    assert!(matches!(verdict, jq2qmt::store::verify::Verdict::Whole { revisions: 7, .. }), "{verdict:?}");

    // Restored or pushed anew, it is a new strategy under the old name, with the whole history.
    assert_eq!(restore(&app, "beta", 2).await.ok()["revision"], json!(8));
    assert_eq!(volumes(&app, "/api/v1/positions/strategy/beta").await, one("X", 7));
    assert_eq!(revisions(&app, "beta", "").await["revisions"].as_array().unwrap().len(), 5);
    // While it was gone it was not flat: it was not there.
    let gone = app.get("/api/v1/positions/strategy/beta?as_of=6").await.ok();
    assert_eq!((&gone["positions"], &gone["update_time"]), (&json!([]), &Value::Null));
    assert_eq!(restore(&app, "beta", 6).await.refusal(), (404, "nothing_to_restore".to_owned()));
    assert_eq!(volumes(&app, "/api/v1/positions/total?as_of=6").await, one("X", -2));
    let path = "/api/v1/positions/total?as_of=6&strategies=beta";
    assert_eq!(app.get(path).await.refusal(), (404, "unknown_strategy".to_owned()));
    app.restart().await;
    assert_eq!(volumes(&app, "/api/v1/positions/strategy/beta").await, one("X", 7));
}

#[tokio::test]
async fn push_delete_and_push_in_one_moment() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", json!([held("X", 1, 1.0)])).await.ok();
    let positions = json!([held("Y", 2, 1.0)]);
    let (_, _, _) =
        tokio::join!(app.edit("alpha", positions.clone()), delete(&app, "alpha"), app.edit("alpha", positions));
    let all = app.get("/api/v1/positions/all").await.ok();
    let history = revisions(&app, "alpha", "").await;
    assert!(history["revisions"].as_array().unwrap().len() >= 3, "{history}");
    let verdict = jq2qmt::store::verify::verify(&app.database()).await.unwrap();
    assert!(matches!(verdict, jq2qmt::store::verify::Verdict::Whole { .. }), "{verdict:?} {all}");
}

#[tokio::test]
async fn only_the_operator_restores_and_deletes_and_under_his_condition() {
    let app = with_history().await;
    let nobody = app.post("/api/v1/strategies/alpha/restore", &[], json!({"revision": 1}).to_string()).await;
    assert_eq!(nobody.refusal(), (401, "missing_password".to_owned()));
    let moved = app.operate("DELETE", "/api/v1/strategies/alpha", &[("if-match", "\"3\"")], "").await;
    assert_eq!(moved.refusal(), (412, "revision_moved".to_owned()));
    app.operate("DELETE", "/api/v1/strategies/alpha", &[("if-match", "\"4\"")], "").await.ok();
    let in_body = json!({"revision": 1, "internal_password": PASSWORD}).to_string();
    app.post("/api/v1/strategies/alpha/restore", &[], in_body).await.ok();
}

#[tokio::test]
async fn what_there_is_not_is_named() {
    let app = with_history().await;
    let refusal = async |path: &str| app.get(path).await.refusal();
    let not = |code: &str| (404, code.to_owned());
    let bad = (400, "invalid_query".to_owned());
    assert_eq!(refusal("/api/v1/revisions/5").await, not("unknown_revision"));
    assert_eq!(refusal("/api/v1/revisions/9223372036854775807").await, not("unknown_revision"));
    assert_eq!(refusal("/api/v1/revisions/last").await, not("not_found"));
    assert_eq!(refusal("/api/v1/strategies/gamma/revisions").await, not("unknown_strategy"));
    assert_eq!(refusal("/api/v1/strategies/gamma/diff").await, not("unknown_strategy"));
    assert_eq!(refusal("/api/v1/strategies/alpha/revisions?limit=0").await, bad);
    assert_eq!(refusal("/api/v1/strategies/alpha/revisions?before=x").await, bad);
    assert_eq!(refusal("/api/v1/positions/total?as_of=5").await, not("unknown_revision"));
    assert_eq!(refusal("/api/v1/positions/total?as_of=yesterday").await, bad);
    assert_eq!(refusal("/api/v1/positions/strategy/alpha?as_of=").await, bad);
    assert_eq!(refusal("/api/v1/strategies/alpha/diff?from=99").await, not("unknown_revision"));
    assert_eq!(restore(&app, "alpha", 9).await.refusal(), not("unknown_revision"));
    assert_eq!(restore(&app, "alpha", 0).await.refusal(), not("unknown_revision"));
    assert_eq!(restore(&app, "beta", 1).await.refusal(), not("nothing_to_restore"));
    assert_eq!(app.operate("POST", "/api/v1/strategies/alpha/restore", &[], "{}").await.refusal().0, 400);
}

#[tokio::test]
async fn names_with_slashes_and_other_letters() {
    let app = App::start().await;
    app.push(&ALICE, "双/均 线?", json!([held("X", 1, 1.0)])).await.ok();
    let path = "%E5%8F%8C%2F%E5%9D%87%20%E7%BA%BF%3F";
    assert_eq!(revisions(&app, path, "").await["revisions"][0]["strategy_name"], "双/均 线?");
    delete(&app, path).await.ok();
    assert_eq!(app.get("/api/v1/strategies").await.ok()["strategies"], json!([]));
}

#[tokio::test]
async fn a_difference_is_none_when_both_sides_hold_the_same() {
    let app = App::start().await;
    let (one, two) = (held("000001.XSHE", 100, 10.0), held("600000.XSHG", 200, 5.0));
    for list in [json!([one, two]), json!([two, one]), json!([one, two])] {
        app.push(&ALICE, "alpha", list).await.ok();
    }
    let diff = app.get("/api/v1/strategies/alpha/diff?from=1&to=3").await.ok();
    assert_eq!(diff["changes"], json!([]));
}
