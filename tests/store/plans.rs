//! How SQLite finds what it is asked for: what is asked often reads no table through that grows with the history.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::{Executor as _, Row as _};

use crate::{open, raw};

/// Tables of one row, or of so many as there are keys and people logged in.
const SHORT: [&str; 4] = ["upkeep", "operator", "api_keys", "sessions"];

#[tokio::test]
async fn only_a_start_and_the_proof_read_the_history_through() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    open(&path).await.close().await;
    let (mut connection, mut read_through, mut queries) = (raw(&path).await, BTreeSet::new(), 0);
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx")).unwrap() {
        let described: Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        let query = described["query"].as_str().unwrap();
        queries += 1;
        let plan = format!("EXPLAIN QUERY PLAN {query}");
        for step in connection.fetch_all(sqlx::AssertSqlSafe(plan)).await.unwrap() {
            let step: String = step.get("detail");
            let Some(table) = step.strip_prefix("SCAN ").filter(|step| !step.contains("VIRTUAL TABLE")) else {
                continue;
            };
            let table = table.split(' ').next().unwrap();
            if !SHORT.contains(&table) {
                let words: Vec<&str> = query.split_whitespace().take(3).collect();
                read_through.insert(format!("{}.. {table}", words.join(" ")));
            }
        }
    }
    assert!(queries > 50, "{queries} queries");
    let (at_a_start, by_the_proof) = (
        ["SELECT d.id, d.kind,.. d", "SELECT s.id, s.name,.. s", "SELECT strategy, item,.. past_instruments"],
        ["SELECT r.id AS.. r", "SELECT revision, strategy_id.. kept_lists"],
    );
    // The book as of a revision begins with every strategy that there ever was.
    let looking_back = ["WITH subject AS.. strategies"];
    let expected = at_a_start.into_iter().chain(by_the_proof).chain(looking_back);
    assert_eq!(read_through, expected.map(str::to_owned).collect());
}
