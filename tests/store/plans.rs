//! How SQLite finds what it is asked for: what is asked often reads no table through that grows with the history.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use sqlx::{Executor as _, Row as _};

use crate::{open, raw};

/// Tables of one row, or of so many as there are keys, people logged in, and strategies of an account.
const SHORT: [&str; 6] = ["upkeep", "checkpoint", "operator", "api_keys", "sessions", "owners"];

/// Every query of the program, with the steps that SQLite takes for it.
async fn plans(path: &Path) -> Vec<(String, Vec<String>)> {
    open(path).await.close().await;
    let (mut connection, mut plans) = (raw(path).await, Vec::new());
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx")).unwrap() {
        let described: Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        let words: Vec<&str> = described["query"].as_str().unwrap().split_whitespace().collect();
        let query = words.join(" ");
        let plan = format!("EXPLAIN QUERY PLAN {query}");
        let steps = connection.fetch_all(sqlx::AssertSqlSafe(plan)).await.unwrap();
        plans.push((query, steps.iter().map(|step| step.get("detail")).collect()));
    }
    plans
}

#[tokio::test]
async fn only_a_start_and_the_proof_read_the_history_through() {
    let dir = tempfile::tempdir().unwrap();
    let mut read_through = BTreeSet::new();
    for (query, steps) in plans(&dir.path().join("db")).await {
        let scans = steps.iter().filter(|step| !step.contains("VIRTUAL TABLE"));
        for table in scans.filter_map(|step| step.strip_prefix("SCAN ")?.split(' ').next()) {
            if !SHORT.contains(&table) {
                let words: Vec<&str> = query.split(' ').take(3).collect();
                read_through.insert(format!("{}.. {table}", words.join(" ")));
            }
        }
    }
    let (at_a_start, by_the_proof) = (
        [
            "SELECT account, body,.. reports",
            "SELECT d.id, d.kind,.. d",
            "SELECT s.id, s.name,.. s",
            "SELECT strategy, item,.. past_instruments",
        ],
        ["SELECT revision, strategy_id.. kept_lists"],
    );
    // While no server runs.
    let by_folding =
        ["DELETE FROM kept_lists.. kept_lists", "SELECT (SELECT at.. CONSTANT", "SELECT (SELECT at.. kept_lists"];
    // A month of messages, for who looks at the channels.
    let of_channels = ["SELECT channel AS.. o"];
    // The book as of a revision begins with every strategy that there ever was.
    let looking_back = ["WITH subject AS.. strategies"];
    let expected = at_a_start.into_iter().chain(by_the_proof).chain(by_folding).chain(of_channels).chain(looking_back);
    assert_eq!(read_through, expected.map(str::to_owned).collect());
}

#[tokio::test]
async fn who_looks_back_goes_by_what_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let plans = plans(&dir.path().join("db")).await;
    for (part, step) in [
        (
            "FROM revisions WHERE id > ?1 AND id < ?2",
            "SEARCH revisions USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        ),
        (
            "FROM revisions WHERE strategy_id IN (",
            "SEARCH revisions USING INDEX revisions_by_strategy (strategy_id=? AND id>? AND id<?)",
        ),
        (
            "FROM revisions WHERE document_id IN (",
            "SEARCH revisions USING INDEX revisions_by_document (document_id=? AND id>? AND id<?)",
        ),
        ("FROM item_eras WHERE item = ?", "SEARCH item_eras USING PRIMARY KEY (era=? AND item=?)"),
        ("FROM json_each(?1) AS b CROSS JOIN", "SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (
            "FROM strategies AS s WHERE s.name = ?1",
            "SEARCH revisions USING COVERING INDEX revisions_by_strategy (strategy_id=? AND id<?)",
        ),
        (
            "FROM documents AS d WHERE d.kind = ?1",
            "SEARCH revisions USING COVERING INDEX revisions_by_document (document_id=? AND id>?)",
        ),
        ("FROM revisions WHERE at <= ?", "SEARCH revisions USING INDEX sqlite_autoindex_revisions_1 (at<?)"),
        (
            "SELECT min(owner) FROM attributed WHERE account = ?1 AND owner > owners.owner",
            "SEARCH attributed USING COVERING INDEX sqlite_autoindex_attributed_1 (account=? AND owner>?)",
        ),
        (
            "FROM owners JOIN attributed AS kept",
            "SEARCH attributed USING COVERING INDEX sqlite_autoindex_attributed_1 (account=? AND owner=? AND day<?)",
        ),
        (
            "FROM holding_changes WHERE account = ?",
            "SEARCH holding_changes USING INDEX holding_changes_by_account (account=? AND at>? AND at<?)",
        ),
        (
            "FROM fills WHERE account = ? AND day >= CAST",
            "SEARCH fills USING PRIMARY KEY (account=? AND day>? AND day<?)",
        ),
        ("WITH subject AS", "SEARCH r USING INDEX revisions_by_strategy (strategy_id=? AND id>? AND id<?)"),
        (
            "WITH subject AS",
            "SEARCH kept_lists USING COVERING INDEX sqlite_autoindex_kept_lists_1 (strategy_id=? AND revision<?)",
        ),
    ] {
        let (_, steps) = plans.iter().find(|(query, _)| query.contains(part)).expect(part);
        assert!(steps.iter().any(|taken| taken == step), "{part}: {steps:#?}");
    }
}
