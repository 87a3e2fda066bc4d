//! The store below the router: what is on the disk, and what happens when the disk says no.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use jq2qmt::clock::Clock;
use jq2qmt::domain::decimal::Decimal;
use jq2qmt::domain::moment::Moment;
use jq2qmt::domain::position::Position;
use jq2qmt::domain::revision::{Actor, Revision};
use jq2qmt::domain::strategy::StrategyName;
use jq2qmt::domain::total::Selection;
use jq2qmt::ledger::replay::Astray;
use jq2qmt::ledger::{Change, Deed, Receipt, Rejected, UsedToken};
use jq2qmt::store::history::Filter;
use jq2qmt::store::verify::{Verdict, verify};
use jq2qmt::store::{Beside, NotStored, OpenError, Store, Unavailable, Writer};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _, SqliteConnection};

const START: Moment = Moment::from_micros(1_767_595_800_000_000);

async fn open(path: &Path) -> Store {
    open_at(path, START).await
}

async fn open_at(path: &Path, now: Moment) -> Store {
    let (store, writer) = open_idle(path, now).await;
    std::thread::spawn(|| writer.run());
    store
}

/// A store whose writer does not work yet.
async fn open_idle(path: &Path, now: Moment) -> (Store, Writer) {
    Store::open(path, Clock::manual(now), Duration::from_mins(6)).await.unwrap()
}

/// What becomes of changes that are all queued before the writer looks.
async fn in_one_batch<const N: usize>(path: &Path, changes: [Change; N]) -> (Store, Vec<Result<Receipt, NotStored>>) {
    let (store, writer) = open_idle(path, START).await;
    let begin = async { std::thread::spawn(|| writer.run()) };
    let (outcomes, _) = tokio::join!(join_all(changes.map(|change| store.submit(change))), begin);
    (store, outcomes)
}

/// A connection as an attacker or a curious operator may have one: with no settings of ours.
async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).foreign_keys(false).connect().await.unwrap()
}

fn change(strategy: &str, rows: &[(&str, &str)]) -> Change {
    let strategy = StrategyName::parse(strategy).unwrap();
    let position = |(code, volume): &(&str, &str)| {
        let cost = Decimal::parse("12.345678901234567").unwrap();
        Position::new(strategy.kind(), code, Some("名"), Decimal::parse(volume).unwrap(), cost, None).unwrap()
    };
    let deed = Deed::Replace(rows.iter().map(position).collect());
    Change::new(strategy, deed, Actor::Client("alice".to_owned()), Some("192.0.2.7".to_owned()))
}

async fn history(path: &Path) -> Vec<String> {
    let rows = raw(path)
        .await
        .fetch_all(
            "SELECT r.id || ' ' || r.kind || ' ' || r.actor_kind || ':' || r.actor || ' ' || coalesce(r.address, '-')
                 || ' ' || c.item || ' ' || coalesce(c.before, '-') || ' > ' || coalesce(c.after, '-') AS line
             FROM revisions AS r LEFT JOIN changes AS c ON c.revision_id = r.id ORDER BY r.id, c.item",
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.try_get::<Option<String>, _>("line").unwrap().unwrap_or_default()).collect()
}

#[tokio::test]
async fn the_history_says_who_changed_what_from_what_to_what() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    store.submit(change("alpha", &[("000001.XSHE", "100"), ("600000.SH", "200")])).await.unwrap();
    store.submit(change("alpha", &[("000001.SZ", "150"), ("X", "1"), ("000001.SZ", "7")])).await.unwrap();
    let edit = Change { actor: Actor::Operator, address: None, ..change("alpha", &[]) };
    store.submit(edit).await.unwrap();
    insta::assert_snapshot!(history(&path).await.join("\n"));
}

#[tokio::test]
async fn the_database_refuses_to_rewrite_history() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    open(&path).await.submit(change("alpha", &[("X", "1")])).await.unwrap();
    for statement in [
        "UPDATE revisions SET actor = 'bob'",
        "DELETE FROM revisions",
        "UPDATE changes SET after = NULL",
        "DELETE FROM changes",
    ] {
        let error = raw(&path).await.execute(statement).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn verify_names_the_first_broken_link() {
    let with_triggers_off = |statement: &str| {
        format!(
            "DROP TRIGGER revisions_are_not_updated; DROP TRIGGER revisions_are_not_deleted;
             DROP TRIGGER changes_are_not_updated; DROP TRIGGER changes_are_not_deleted; {statement}"
        )
    };
    let cases = [
        ("SELECT 1", None),
        ("UPDATE revisions SET actor = 'bob' WHERE id = 2", Some(2)),
        ("UPDATE revisions SET address = NULL WHERE id = 3", Some(3)),
        ("UPDATE revisions SET at = at + 1 WHERE id = 4", Some(4)),
        ("UPDATE revisions SET note = '' WHERE id = 1", Some(1)),
        ("UPDATE changes SET after = replace(after, '200', '999') WHERE revision_id = 2", Some(2)),
        ("DELETE FROM changes WHERE revision_id = 3", Some(3)),
        ("DELETE FROM changes WHERE revision_id = 2; DELETE FROM revisions WHERE id = 2", Some(3)),
        ("UPDATE strategies SET name = 'omega'", Some(1)),
        ("INSERT INTO changes VALUES (2, 'NEW', NULL, '[[1,\"NEW\",null,\"1\",\"1\",null]]')", Some(2)),
    ];
    for (statement, broken) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let store = open(&path).await;
        for volume in ["100", "200", "300", "400"] {
            store.submit(change("alpha", &[("X", volume)])).await.unwrap();
        }
        store.close().await;
        let statements = with_triggers_off(statement);
        raw(&path).await.execute(sqlx::AssertSqlSafe(statements)).await.unwrap();
        let verdict = verify(&path).await.unwrap();
        match broken {
            None => assert!(matches!(verdict, Verdict::Whole { revisions: 4, .. }), "{verdict:?}"),
            Some(expected) => {
                assert!(
                    matches!(verdict, Verdict::Broken { revision, .. } if revision.get() == expected),
                    "{statement}: {verdict:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn verify_holds_the_current_state_against_the_history() {
    for statement in [
        "UPDATE positions SET volume = '999'",
        "DELETE FROM positions",
        "INSERT INTO positions SELECT strategy_id, place + 1, 'NEW', NULL, '1', '1', NULL FROM positions",
        "UPDATE strategies SET removed = 1",
        "UPDATE strategies SET revision = 1",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let store = open(&path).await;
        for volume in ["100", "200"] {
            store.submit(change("alpha", &[("X", volume)])).await.unwrap();
        }
        store.close().await;
        raw(&path).await.execute(statement).await.unwrap();
        let verdict = verify(&path).await.unwrap();
        assert!(
            matches!(&verdict, Verdict::Astray(Astray { strategy, .. }) if strategy == "alpha"),
            "{statement}: {verdict:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_written_changes_nothing_and_writing_goes_on_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    store.submit(change("alpha", &[("X", "100")])).await.unwrap();
    let book = store.book();
    // A trigger stands in for a disk that fails in the middle of a transaction.
    raw(&path)
        .await
        .execute("CREATE TRIGGER full BEFORE INSERT ON changes BEGIN SELECT RAISE (ABORT, 'disk full'); END")
        .await
        .unwrap();
    let refused = store.submit(change("alpha", &[("X", "200")])).await.unwrap_err();
    assert!(
        matches!(&refused, NotStored::Unavailable(Unavailable(cause)) if cause.contains("disk full")),
        "{refused:?}"
    );
    assert_eq!(store.book().total(&Selection::All), book.total(&Selection::All));
    raw(&path).await.execute("DROP TRIGGER full").await.unwrap();
    store.probe().await.unwrap();
    let receipt = store.submit(change("alpha", &[("X", "300")])).await.unwrap();
    assert_eq!(receipt, Receipt { revision: Revision::new(2), changed: true, positions: 1 });
    store.close().await;
    let verdict = verify(&path).await.unwrap();
    assert!(matches!(verdict, Verdict::Whole { revisions: 2, .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_clock_that_ran_ahead_keeps_no_token_out_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let push = async |now: Moment, signed_at: Moment| {
        let store = open_at(&path, now).await;
        let token = UsedToken { signed_at, digest: [7; 32] };
        let pushed = store.submit(Change { token: Some(token), ..change("alpha", &[("X", "100")]) }).await;
        store.close().await;
        pushed.map(|_| ())
    };
    assert_eq!(push(START, START).await, Ok(()));
    assert_eq!(push(START, START).await, Err(Rejected::TokenReplayed.into()));
    let tomorrow = START.plus(Duration::from_hours(24));
    assert_eq!(push(tomorrow, tomorrow).await, Ok(()));
    assert_eq!(push(START, START).await, Err(Rejected::TokenForgotten.into()));
    let later = START.plus(Duration::from_secs(1));
    assert_eq!(push(later, later).await, Ok(()));
}

#[tokio::test]
async fn one_refused_change_takes_no_other_down() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let stale = Change { expected_revision: Some(Revision::new(99)), ..change("beta", &[("X", "1")]) };
    let batch = [change("alpha", &[("X", "1")]), stale, change("gamma", &[("X", "1")])];
    let (store, outcomes) = in_one_batch(&path, batch).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert_eq!(outcomes[1], Err(Rejected::RevisionMoved { current: Revision::NONE }.into()));
    assert_eq!(store.book().len(), 2);
}

#[tokio::test]
async fn several_changes_of_one_strategy_in_a_batch_follow_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let lists: [&[(&str, &str)]; 5] =
        [&[("A", "1"), ("B", "1")], &[("B", "1")], &[("C", "1"), ("B", "2")], &[], &[("B", "3"), ("A", "1")]];
    let (store, receipts) = in_one_batch(&path, lists.map(|list| change("alpha", list))).await;
    let revisions: Vec<i64> = receipts.into_iter().map(|receipt| receipt.unwrap().revision.get()).collect();
    assert_eq!(revisions, [1, 2, 3, 4, 5]);
    let total = store.book().total(&Selection::All).unwrap();
    store.close().await;
    let store = open(&path).await;
    assert_eq!(store.book().total(&Selection::All).unwrap(), total);
    let verdict = verify(&path).await.unwrap();
    assert!(matches!(verdict, Verdict::Whole { revisions: 5, .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_database_that_is_none_of_ours_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    assert!(matches!(Beside::open(&path).await, Err(OpenError::Missing(_))));
    open(&path).await.close().await;
    raw(&path)
        .await
        .execute("INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time FROM _sqlx_migrations LIMIT 1")
        .await
        .unwrap();
    let error = Store::open(&path, Clock::manual(START), Duration::from_mins(6)).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer(9999)), "{error}");
    assert!(error.to_string().contains("newer version"));
    std::fs::write(&path, "this is no database, but a letter to somebody").unwrap();
    let error = Store::open(&path, Clock::manual(START), Duration::from_mins(6)).await.unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");
}

#[tokio::test]
async fn migrations_run_twice_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    store.submit(change("alpha", &[("X", "100")])).await.unwrap();
    store.close().await;
    let before = history(&path).await;
    open(&path).await.close().await;
    assert_eq!(history(&path).await, before);
    let mut connection = raw(&path).await;
    let check: String = connection.fetch_one("PRAGMA integrity_check").await.unwrap().get(0);
    assert_eq!(check, "ok");
    assert!(connection.fetch_all("PRAGMA foreign_key_check").await.unwrap().is_empty());
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_the_first_release_stored_is_all_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true).foreign_keys(false);
    let mut old = options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    old.execute(include_str!("first_release.sql")).await.unwrap();
    old.close().await.unwrap();
    // Looking does not touch, and says what to do.
    assert!(matches!(verify(&path).await, Err(OpenError::Older)));

    let store = open(&path).await;
    let book = store.book();
    let total = book.total(&Selection::All).unwrap();
    let lines: Vec<String> = total.lines.iter().map(|line| format!("{} {}", line.code, line.volume)).collect();
    assert_eq!(lines, ["000001.XSHE 3700", "600519.XSHG 100"]);
    assert_eq!((book.len(), book.revision()), (4, Revision::new(8)));
    let revisions = store.revisions(&Filter::default(), None, 100).await.unwrap();
    let told: Vec<String> = revisions
        .iter()
        .map(|r| format!("{} {} {} {} {}", r.id, r.subject.name(), r.kind.as_str(), r.actor.name(), r.changes))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    // The chain was not touched, and goes on.
    let Verdict::Whole { revisions, head } = verify(&path).await.unwrap() else { panic!("the chain is broken") };
    assert_eq!((revisions, hex::encode(head)), (8, FIRST_RELEASE_HEAD.to_owned()));
    store.submit(change("beta", &[("X", "1")])).await.unwrap();
    store.close().await;
    assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 9, .. }));
    let mut connection = raw(&path).await;
    assert!(connection.fetch_all("PRAGMA foreign_key_check").await.unwrap().is_empty());
    for statement in ["UPDATE revisions SET actor = 'bob'", "DELETE FROM revisions", "DELETE FROM changes"] {
        let error = connection.execute(statement).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
}

/// Where the chain of `first_release.sql` ends, as that release said itself.
const FIRST_RELEASE_HEAD: &str = "17cbc563b1d563841b66e860c0ab5e96b23af2413a5fa7391191b8fe608c823f";

#[tokio::test]
async fn a_name_is_freed_and_taken_again_in_one_batch() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    store.submit(change("alpha", &[("X", "1")])).await.unwrap();
    store.close().await;
    let remove = || Change { deed: Deed::Remove, ..change("alpha", &[]) };
    let deeds = [remove(), change("alpha", &[("Y", "2")]), remove(), remove(), change("alpha", &[("Z", "3")])];
    let (store, outcomes) = in_one_batch(&path, deeds).await;
    let alpha = StrategyName::parse("alpha").unwrap();
    assert_eq!(outcomes[3], Err(Rejected::UnknownStrategy(alpha.clone()).into()));
    assert!([0, 1, 2, 4].iter().all(|n| outcomes[*n].is_ok()), "{outcomes:?}");
    store.close().await;
    let store = open(&path).await;
    let held: Vec<String> = store.book().strategy(&alpha).unwrap().list.iter().map(|p| p.code().to_string()).collect();
    assert_eq!(held, ["Z"]);
    assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 5, .. }));
}
