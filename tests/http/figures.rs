//! `GET /metrics` where there is very much to tell, and where the history cannot be read.

use std::time::Duration;

use futures::future::join_all;
use jq2qmt::store::api_keys::Scope;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::app::{ALICE, App, UPDATE, add_key, held};

async fn figures(app: &App) -> String {
    let answer = app.get("/metrics").await;
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn of_very_many_strategies_those_that_are_silent_longest_are_told() {
    let app = App::start().await;
    let key = add_key(&app, "anybody", Scope::Write, &[]).await;
    let push = async |name: String| {
        let body = format!(r#"{{"strategy_name":"{name}","positions":[]}}"#);
        app.post(UPDATE, &[("X-API-Key", &key)], body).await.ok();
    };
    push("the-oldest".to_owned()).await;
    app.clock.advance(Duration::from_mins(1));
    for begin in [0, 250, 500, 750] {
        join_all((begin..begin + 250).map(|number| push(format!("made-up-{number}")))).await;
    }
    let figures = figures(&app).await;
    assert_eq!(figures.matches("jq2qmt_strategy_age_seconds{").count(), 1_000);
    assert!(figures.contains("jq2qmt_strategy_age_seconds{strategy=\"the-oldest\"} 60.0"), "{figures}");
    assert!(figures.contains("\njq2qmt_strategies 1001.0\n"), "so that it is seen that one is missing");
}

#[tokio::test]
async fn what_needs_no_history_is_told_where_that_cannot_be_read() {
    let app = App::start().await;
    app.push(&ALICE, "alpha", serde_json::json!([held("000001.XSHE", 100, 10.0)])).await;
    assert!(figures(&app).await.contains("jq2qmt_conflicts{"));
    let mut database = SqliteConnection::connect(app.database().to_str().unwrap()).await.unwrap();
    database.execute("ALTER TABLE revisions RENAME TO gone").await.unwrap();
    let figures = figures(&app).await;
    assert!(figures.contains("\njq2qmt_revision 1.0\n") && !figures.contains("jq2qmt_conflicts"), "{figures}");
}
