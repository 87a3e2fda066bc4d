//! The store below the router: what is on the disk, and what happens when the disk says no.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod compaction;
mod incidents;
mod plans;
mod targets;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use jq2qmt::clock::Clock;
use jq2qmt::domain::code::{Code, Instrument};
use jq2qmt::domain::decimal::Decimal;
use jq2qmt::domain::guard::Guards;
use jq2qmt::domain::moment::Moment;
use jq2qmt::domain::position::Position;
use jq2qmt::domain::revision::{Actor, Revision};
use jq2qmt::domain::strategy::{Kind, StrategyName};
use jq2qmt::domain::total::Selection;
use jq2qmt::ledger::replay::Astray;
use jq2qmt::ledger::{Change, Deed, Document, Put, Receipt, Rejected, UsedToken};
use jq2qmt::store::backups::{BackupError, back_up, put_back};
use jq2qmt::store::history::{Filter, RevisionInfo};
use jq2qmt::store::verify::{Verdict, verify};
use jq2qmt::store::{Beside, NotStored, OpenError, Store, Unavailable, Writer};
use serde_json::json;
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
async fn in_one_batch(
    path: &Path,
    changes: impl IntoIterator<Item = Change>,
) -> (Store, Vec<Result<Receipt, NotStored>>) {
    let (store, writer) = open_idle(path, START).await;
    let begin = async { std::thread::spawn(|| writer.run()) };
    let submitted = changes.into_iter().map(|change| store.submit(change));
    let (outcomes, _) = tokio::join!(join_all(submitted), begin);
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
            "SELECT id || ' ' || kind || ' ' || actor_kind || ':' || actor || ' ' || coalesce(address, '-') || ' ' || changes
                 AS line
             FROM revisions ORDER BY id",
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.try_get::<String, _>("line").unwrap()).collect()
}

/// Lets statements through that the database itself would refuse.
fn forced(statement: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(format!(
        "DROP TRIGGER revisions_are_not_updated; DROP TRIGGER revisions_are_not_deleted; {statement}"
    ))
}

/// A database of two strategies and four revisions, closed.
async fn two_strategies(path: &Path) {
    let store = open(path).await;
    for (strategy, volume) in [("alpha", "100"), ("beta", "200"), ("alpha", "300"), ("beta", "400")] {
        store.submit(change(strategy, &[("X", volume)])).await.unwrap();
    }
    store.close().await;
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
    for statement in ["UPDATE revisions SET actor = 'bob'", "DELETE FROM revisions"] {
        let error = raw(&path).await.execute(statement).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn verify_names_the_first_broken_link() {
    let cases = [
        ("SELECT 1", None),
        ("UPDATE revisions SET actor = 'bob' WHERE id = 2", Some(2)),
        ("UPDATE revisions SET address = NULL WHERE id = 3", Some(3)),
        ("UPDATE revisions SET at = at + 1 WHERE id = 4", Some(4)),
        ("UPDATE revisions SET note = '' WHERE id = 1", Some(1)),
        ("UPDATE revisions SET changes = replace(changes, '200', '999') WHERE id = 2", Some(2)),
        ("UPDATE revisions SET changes = '[]' WHERE id = 3", Some(3)),
        ("UPDATE revisions SET changes = 'none' WHERE id = 3", Some(3)),
        ("DELETE FROM revisions WHERE id = 2", Some(3)),
        ("UPDATE strategies SET name = 'omega'", Some(1)),
        (
            "UPDATE revisions SET changes = json_insert(changes, '$[#]', json('[\"NEW\",null,[[\"1\",\"1\",1]]]')) WHERE id = 2",
            Some(2),
        ),
    ];
    for (statement, broken) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let store = open(&path).await;
        for volume in ["100", "200", "300", "400"] {
            store.submit(change("alpha", &[("X", volume)])).await.unwrap();
        }
        store.close().await;
        raw(&path).await.execute(forced(statement)).await.unwrap();
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
        "UPDATE strategies SET list = replace(list, '300', '999')",
        "UPDATE strategies SET list = '[]'",
        "UPDATE strategies SET removed = 1",
        "UPDATE strategies SET revision = 1",
        "UPDATE strategies SET revisions = 3",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        two_strategies(&path).await;
        raw(&path).await.execute(sqlx::AssertSqlSafe(format!("{statement} WHERE name = 'alpha'"))).await.unwrap();
        let verdict = verify(&path).await.unwrap();
        assert!(
            matches!(&verdict, Verdict::Astray(Astray { strategy, .. }) if strategy == "alpha"),
            "{statement}: {verdict:?}"
        );
    }
}

#[tokio::test]
async fn verify_holds_what_repeats_the_history_against_it_and_it_can_be_made_anew() {
    for (statement, reason) in [
        ("DELETE FROM item_eras WHERE item = 'X'", "nothing says that revision 1 changed X"),
        ("UPDATE item_eras SET blocks = blocks << 1", "nothing says that revision 1 changed X"),
        ("UPDATE kept_lists SET list = replace(list, '64', '65')", "kept as of revision 64"),
        ("UPDATE kept_lists SET updated_at = updated_at + 1", "kept as of revision 64"),
        ("UPDATE kept_lists SET digest = x''", "kept as of revision 64"),
        ("UPDATE kept_lists SET revision = 63", "kept as of revision 63"),
        ("UPDATE kept_lists SET revision = 65", "kept as of revision 65"),
        ("UPDATE kept_lists SET strategy_id = 9", "kept as of revision 64"),
        ("INSERT INTO kept_lists SELECT strategy_id, 99, 0, x'', '' FROM kept_lists", "kept as of revision 99"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let store = open(&path).await;
        // Of two lines one changes: no list is kept before the 64th revision.
        for volume in 1..=65 {
            store.submit(change("alpha", &[("X", &volume.to_string()), ("Y", "1")])).await.unwrap();
        }
        store.close().await;
        raw(&path).await.execute(statement).await.unwrap();
        let verdict = verify(&path).await.unwrap();
        assert!(matches!(&verdict, Verdict::Misremembered(said) if said.contains(reason)), "{statement}: {verdict:?}");
        raw(&path).await.execute("UPDATE upkeep SET is_unfolded = 0").await.unwrap();
        open(&path).await.close().await;
        let verdict = verify(&path).await.unwrap();
        assert!(matches!(verdict, Verdict::Whole { revisions: 65, .. }), "{statement}: {verdict:?}");
    }
}

#[tokio::test]
async fn it_is_noted_of_every_revision_where_to_look_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    // Each with an instrument of its own, which the next one takes out; in batches that end several blocks, over the end of
    // an era.
    let last = 64 * 64 + 65;
    for first in (1..=last).step_by(300) {
        let some = first..=last.min(first + 299);
        let changes = some.map(|n| store.submit(change("alpha", &[(&format!("C{n}"), "1")])));
        assert!(futures::future::join_all(changes).await.iter().all(Result::is_ok));
    }
    let all = store.revisions(&Filter::default(), None, 5000).await.unwrap();
    let changes = store.changes(&all, usize::MAX).await.unwrap();
    for number in [1, 62, 63, 64, 127, 128, 4094, 4095, 4096, 4097, 4159, 4160] {
        let added = changes[&Revision::new(number)].in_list().iter().find(|change| !change.after.is_empty()).unwrap();
        let filter = Filter { instrument: Some(added.instrument.clone()), ..Filter::default() };
        let of_alpha = Filter { strategy: StrategyName::parse("alpha").ok(), ..filter.clone() };
        let both = [number + 1, number];
        // Pages end between what is noted and what is not, or before it, and may begin anywhere.
        for (before, limit, expected) in [
            (None, 10, &both[..]),
            (None, 1, &both[..1]),
            (Some(number + 1), 10, &both[1..]),
            (Some(number), 10, &[]),
            (Some(0), 10, &[]),
            (Some(i64::MIN), 10, &[]),
            (Some(i64::MAX), 10, &both),
        ] {
            for filter in [&filter, &of_alpha] {
                let found = store.revisions(filter, before.map(Revision::new), limit).await.unwrap();
                assert_eq!(found.iter().map(|one| one.id.get()).collect::<Vec<_>>(), expected, "{number} {before:?}");
            }
        }
    }
    store.close().await;
    assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 4161, .. }));
}

#[tokio::test]
async fn where_to_look_is_taken_over_from_an_older_version() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    for n in 1..=130 {
        store.submit(change("alpha", &[(["X", "Y"][n / 70], &n.to_string())])).await.unwrap();
    }
    store.close().await;
    let eras = "SELECT group_concat(era || ' ' || item || ' ' || blocks) FROM item_eras";
    let look = async || -> Option<String> { raw(&path).await.fetch_one(eras).await.unwrap().get(0) };
    let (x, y) = (0b11, 0b10_u64);
    assert_eq!(look().await.unwrap(), format!("0 X {x},0 Y {y}"));
    // It noted the block that is open as well, and others that are far from here.
    raw(&path)
        .await
        .execute(
            "DROP TABLE item_eras; DELETE FROM _sqlx_migrations WHERE version = 11;
             CREATE TABLE item_blocks (item TEXT NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (item, block)) WITHOUT ROWID;
             INSERT INTO item_blocks VALUES ('X', 0), ('X', 1), ('Y', 1), ('Y', 2), ('Y', 63), ('Y', 64), ('Y', 127)",
        )
        .await
        .unwrap();
    open(&path).await.close().await;
    let y = y | 0b100 | 1 << 63;
    let (y, z) = (y.cast_signed(), (1_u64 | 1 << 63).cast_signed());
    assert_eq!(look().await.unwrap(), format!("0 X {x},0 Y {y},1 Y {z}"));
    assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 130, .. }));
}

#[tokio::test]
async fn a_store_that_lost_the_row_about_itself_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    two_strategies(&path).await;
    raw(&path).await.execute("DELETE FROM upkeep").await.unwrap();
    let opened = Store::open(&path, Clock::manual(START), Duration::from_mins(6)).await.map(|_| ());
    for error in [opened, verify(&path).await.map(|_| ()), Beside::open(&path).await.map(|_| ())] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("the table upkeep is gone") && error.contains("put the newest copy"), "{error}");
    }
}

#[tokio::test]
async fn what_does_not_hold_together_is_not_served() {
    let cases = [
        ("DELETE FROM revisions WHERE id = 3", r#"strategy "alpha": its newest revision, 3, is not in the history"#),
        ("DELETE FROM revisions WHERE id = 4", r#"strategy "beta": its newest revision, 4, is not in the history"#),
        ("DELETE FROM revisions", r#"strategy "alpha": its newest revision, 3, is not in the history"#),
        ("DELETE FROM strategies WHERE id = 1", "strategies and documents have 2 revisions, and the newest is 4"),
        ("DELETE FROM strategies WHERE id = 2", "strategies and documents have 2 revisions, and the newest is 4"),
        ("DELETE FROM strategies", "strategies and documents have 0 revisions, and the newest is 4"),
        ("UPDATE revisions SET strategy_id = 2 WHERE id = 3", r#"strategy "alpha": its newest revision, 3, is not"#),
        ("UPDATE revisions SET hash = randomblob(32) WHERE id = 3", r#"strategy "alpha": what is stored of it is not"#),
        ("UPDATE revisions SET actor = 'bob' WHERE id = 4", "revision 4, the newest, is not what was written"),
        (
            "UPDATE strategies SET list = replace(list, '300', '301')",
            r#"strategy "alpha": what is stored of it is not"#,
        ),
        ("UPDATE strategies SET list = '[]'", r#"strategy "alpha": what is stored of it is not"#),
        ("UPDATE strategies SET list = '{' WHERE id = 2", r#"strategy "beta": "#),
        ("UPDATE strategies SET name = 'omega' WHERE id = 2", r#"strategy "omega": what is stored of it is not"#),
        ("UPDATE strategies SET removed = 1 WHERE id = 2", r#"strategy "beta": what is stored of it is not"#),
        ("UPDATE strategies SET sequence = 7 WHERE id = 2", r#"strategy "beta": what is stored of it is not"#),
        ("UPDATE strategies SET updated_at = 7 WHERE id = 2", r#"strategy "beta": what is stored of it is not"#),
        ("UPDATE strategies SET last_push_at = 7 WHERE id = 2", r#"strategy "beta": what is stored of it is not"#),
        ("UPDATE strategies SET seal = x'' WHERE id = 2", r#"strategy "beta": what is stored of it is not"#),
    ];
    for (statement, reason) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        two_strategies(&path).await;
        raw(&path).await.execute(forced(statement)).await.unwrap();
        let error = Store::open(&path, Clock::manual(START), Duration::from_mins(6)).await.unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("put the newest copy"), "{statement}: {error}");
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
        .execute("CREATE TRIGGER full BEFORE INSERT ON revisions BEGIN SELECT RAISE (ABORT, 'disk full'); END")
        .await
        .unwrap();
    let refused = store.submit(change("alpha", &[("X", "200")])).await.unwrap_err();
    assert!(
        matches!(&refused, NotStored::Unavailable(Unavailable(cause)) if cause.contains("disk full")),
        "{refused:?}"
    );
    assert_eq!(store.book().total(&Selection::All), book.total(&Selection::All));
    // Nothing is read anew for a statement that failed: that would be the whole book for every batch, as long as it lasts.
    raw(&path).await.execute("DROP TRIGGER full; UPDATE strategies SET seal = x''").await.unwrap();
    store.probe().await.unwrap();
    let receipt = store.submit(change("alpha", &[("X", "300")])).await.unwrap();
    assert_eq!((receipt.revision, receipt.changed, receipt.positions), (Revision::new(2), true, 1));
    store.close().await;
    let verdict = verify(&path).await.unwrap();
    assert!(matches!(verdict, Verdict::Whole { revisions: 2, .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_commit_that_fails_stores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    store.submit(change("alpha", &[("X", "100")])).await.unwrap();
    raw(&path)
        .await
        .execute(
            "CREATE TABLE late (id INTEGER REFERENCES strategies (id) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER late AFTER INSERT ON revisions BEGIN INSERT INTO late VALUES (99); END",
        )
        .await
        .unwrap();
    let mut heard = store.subscribe();
    let refused = store.submit(change("alpha", &[("X", "200")])).await.unwrap_err();
    assert!(
        matches!(&refused, NotStored::Unavailable(Unavailable(cause)) if cause.contains("FOREIGN KEY")),
        "{refused:?}"
    );
    raw(&path).await.execute("DROP TRIGGER late").await.unwrap();
    let receipt = store.submit(change("alpha", &[("X", "300")])).await.unwrap();
    assert_eq!(receipt.revision, Revision::new(2));
    let heard: Vec<i64> = heard.recv().await.unwrap().iter().map(|stored| stored.revision.get()).collect();
    assert_eq!(heard, [2]);
    store.close().await;
    assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 2, .. }));
}

#[tokio::test]
async fn when_the_writer_dies_nobody_is_told_what_is_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let (store, writer) = open_idle(&dir.path().join("db"), START).await;
    let dies = async { drop(writer) };
    let password = || store.set_password_hash("hash".to_owned());
    let (pushed, set, ()) = tokio::join!(store.submit(change("alpha", &[("X", "1")])), password(), dies);
    assert_eq!((pushed, set), (Err(NotStored::Unknown), Err(NotStored::Unknown)));
    for refused in [store.submit(change("alpha", &[("X", "1")])).await.map(|_| ()), password().await] {
        assert!(matches!(refused, Err(NotStored::Unavailable(_))), "{refused:?}");
    }
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
    let minutes = |minutes| START.plus(Duration::from_mins(minutes));
    assert_eq!(push(START, START).await, Ok(()));
    assert_eq!(push(START, START).await, Err(Rejected::TokenReplayed.into()));
    // A clock in the wrong zone, for seven minutes: long enough that the first of its tokens are forgotten.
    let ahead = minutes(8 * 60);
    assert_eq!(push(ahead, ahead).await, Ok(()));
    assert_eq!(push(minutes(8 * 60 + 7), minutes(8 * 60 + 7)).await, Ok(()));
    // Once it is right again: what was used stays used, and what is new is taken.
    assert_eq!(push(minutes(8), START).await, Err(Rejected::TokenForgotten.into()));
    assert_eq!(push(minutes(8), minutes(8)).await, Ok(()));
    assert_eq!(push(minutes(8), minutes(8)).await, Err(Rejected::TokenReplayed.into()));
    assert_eq!(push(minutes(8 * 60), ahead).await, Err(Rejected::TokenForgotten.into()));
    // Half an hour ahead for ten minutes, and back.
    for minute in [50, 57, 60] {
        assert_eq!(push(minutes(minute), minutes(minute)).await, Ok(()), "{minute}");
    }
    assert_eq!(push(minutes(15), minutes(15)).await, Ok(()));
    // A jump by decades, and back.
    let decades = START.plus(Duration::from_hours(80 * 365 * 24));
    assert_eq!(push(decades, decades).await, Ok(()));
    assert_eq!(push(decades.plus(Duration::from_mins(7)), decades.plus(Duration::from_mins(7))).await, Ok(()));
    assert_eq!(push(minutes(16), minutes(16)).await, Ok(()));
    assert_eq!(push(minutes(16), minutes(8)).await, Err(Rejected::TokenForgotten.into()));
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
async fn more_than_a_batch_takes_is_all_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let changes = (1..=600).map(|volume: u32| change("alpha", &[("X", &volume.to_string())]));
    let (store, receipts) = in_one_batch(&path, changes).await;
    let revisions: BTreeSet<i64> = receipts.into_iter().map(|receipt| receipt.unwrap().revision.get()).collect();
    assert!(revisions.into_iter().eq(1..=600), "each is a revision of its own");
    store.close().await;
    assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 600, .. }));
    let kept: i64 = raw(&path).await.fetch_one("SELECT count(*) FROM kept_lists").await.unwrap().get(0);
    assert_eq!(kept, 3, "one in each batch that stepped over where one is kept");
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
    raw(&path).await.execute("DELETE FROM _sqlx_migrations WHERE version = 9999").await.unwrap();
    raw(&path).await.execute("UPDATE _sqlx_migrations SET success = 0 WHERE version = 4").await.unwrap();
    let error = Store::open(&path, Clock::manual(START), Duration::from_mins(6)).await.unwrap_err();
    assert!(matches!(error, OpenError::HalfMigrated(4)) && error.to_string().contains("put the copy"), "{error}");
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

/// A database as the first release left it.
async fn write_first_release(path: &Path) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).foreign_keys(false);
    let mut old = options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    old.execute(include_str!("first_release.sql")).await.unwrap();
    old.close().await.unwrap();
}

#[tokio::test]
async fn an_upgraded_store_is_guarded_by_nothing_until_the_operator_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    write_first_release(&path).await;
    let guards = json!([{"strategies": "*", "rules": {"unknown_code": {"then": "warn"}}}]);
    let guards: Guards = serde_json::from_value(guards).unwrap();
    let warnings = async |store: &Store, volume: &str| {
        store.submit(change("beta", &[("X", volume)])).await.unwrap().warnings.len()
    };
    for volume in ["1", "2"] {
        let store = open(&path).await;
        assert!(store.book().settings().guards().is_none());
        assert_eq!(warnings(&store, volume).await, 0);
        store.close().await;
    }
    let store = open(&path).await;
    let document = Document::Guards(guards);
    store.settle(Put { document, actor: Actor::Operator, address: None, expected_revision: None }).await.unwrap();
    store.close().await;
    let store = open(&path).await;
    assert_eq!(store.book().settings().guards().map(|guards| guards.entries().len()), Some(1));
    assert_eq!(warnings(&store, "3").await, 1);
}

#[tokio::test]
async fn what_the_first_release_stored_is_all_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    write_first_release(&path).await;
    // Looking does not touch, and says what to do.
    assert!(matches!(verify(&path).await, Err(OpenError::Older)));
    let copied = back_up(&path, &dir.path().join("copy"), false).await;
    assert!(matches!(copied, Err(BackupError::Database(OpenError::Older))), "{copied:?}");

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
    let Verdict::Whole { revisions, head, .. } = verify(&path).await.unwrap() else { panic!("the chain is broken") };
    assert_eq!((revisions, hex::encode(head.hash)), (8, FIRST_RELEASE_HEAD.to_owned()));
    store.submit(change("beta", &[("X", "1")])).await.unwrap();
    store.close().await;
    assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 9, .. }));
    let mut connection = raw(&path).await;
    assert!(connection.fetch_all("PRAGMA foreign_key_check").await.unwrap().is_empty());
    for statement in ["UPDATE revisions SET actor = 'bob'", "DELETE FROM revisions"] {
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
    let remove = || Change { deed: Deed::Remove { revive: true }, ..change("alpha", &[]) };
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

#[tokio::test]
async fn a_last_day_is_kept_and_sealed_like_the_rest_of_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let overlay = |rows: &[(&str, &str)], day: &str| {
        let change = change("ADJUSTMENT_MAIN", rows);
        let Deed::Replace(positions) = change.deed else { unreachable!() };
        let until = day.parse().ok();
        let positions = positions.into_iter().map(|position| position.through(until)).collect();
        Change { deed: Deed::Replace(positions), ..change }
    };
    let store = open(&path).await;
    store.submit(overlay(&[("X", "100"), ("600000.SH", "-200")], "2026-01-05")).await.unwrap();
    store.submit(overlay(&[("X", "100"), ("600000.SH", "-200")], "2026-01-06")).await.unwrap();
    store.submit(overlay(&[("X", "150"), ("600000.SH", "-200")], "2026-01-06")).await.unwrap();
    let before = store.book();
    store.close().await;

    // The server is down over two midnights.
    let store = open_at(&path, START.plus(Duration::from_hours(48))).await;
    let name = StrategyName::parse("ADJUSTMENT_MAIN").unwrap();
    assert_eq!(store.book().strategy(&name).unwrap().list, before.strategy(&name).unwrap().list);
    let expire = || Change::new(name.clone(), Deed::Expire, Actor::Server, None);
    assert!(store.submit(expire()).await.unwrap().changed);
    store.close().await;
    let store = open_at(&path, START.plus(Duration::from_hours(48))).await;
    assert!(store.book().strategy(&name).unwrap().list.is_empty());
    assert!(!store.submit(expire()).await.unwrap().changed);
    let then = store.list_as_of(&name, Revision::new(2)).await.unwrap().unwrap().list.unwrap();
    assert!(then.iter().all(|position| position.until() == "2026-01-06".parse().ok()));
    store.close().await;
    assert!(history(&path).await[3].starts_with("4 expire server:server - "), "{:?}", history(&path).await);
    assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 4, .. }));

    // One who moves a last day by hand is found out.
    raw(&path)
        .await
        .execute(forced("UPDATE revisions SET changes = replace(changes, '01-05', '01-04')"))
        .await
        .unwrap();
    assert!(!matches!(verify(&path).await.unwrap(), Verdict::Whole { .. }));
}

#[tokio::test]
async fn the_past_is_as_it_was_at_every_revision() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    let names = ["alpha", "beta", "ADJUSTMENT_MAIN"].map(|name| StrategyName::parse(name).unwrap());
    let mut books = vec![store.book()];
    // Several kept lists of each strategy, and removals.
    for n in 0..300_u32 {
        let rows =
            [("000001.SZ", (n % 7).to_string()), ("X", (n % 31 / 30).to_string()), ("600000.SH", (n / 90).to_string())];
        let rows: Vec<(&str, &str)> = rows.iter().map(|(code, volume)| (*code, volume.as_str())).collect();
        let alpha = change("alpha", &rows[..(n % 4) as usize]);
        let beta = match n {
            100 | 230 => Change { deed: Deed::Remove { revive: true }, ..change("beta", &[]) },
            _ => change("beta", &rows),
        };
        store.submit(alpha).await.unwrap();
        books.push(store.book());
        store.submit(beta).await.unwrap();
        books.push(store.book());
    }
    books.dedup_by_key(|book| book.revision());
    let newest = store.book().revision().get();
    assert_eq!(books.len(), usize::try_from(newest).unwrap() + 1);
    for book in &books {
        let revision = book.revision();
        let then = store.book_as_of(revision).await.unwrap();
        assert_eq!(then.newest(), book.newest(), "{revision}");
        assert_eq!(then.total(&Selection::All), book.total(&Selection::All), "{revision}");
        for name in &names {
            let (then, now) = (store.list_as_of(name, revision).await.unwrap(), book.strategy(name));
            let list = then.as_ref().and_then(|then| then.list.as_ref());
            assert_eq!(list, now.map(|strategy| &strategy.list), "{name} at {revision}");
            assert_eq!(then.map(|then| then.mark), now.map(|now| now.mark).or_else(|| book.removal(name)));
        }
    }
    for code in ["X", "000001.SZ"] {
        let instrument = Some(Code::parse(code).unwrap().instrument());
        for (strategy, before) in [(None, None), (Some(names[0].clone()), Some(Revision::new(newest - 70)))] {
            let filter = Filter { instrument: instrument.clone(), strategy, ..Filter::default() };
            let found = store.revisions(&filter, before, 1000).await.unwrap();
            let found: Vec<i64> = found.iter().map(|revision| revision.id.get()).collect();
            let all = Filter { instrument: None, ..filter.clone() };
            let all = store.revisions(&all, before, 1000).await.unwrap();
            let changes = store.changes(&all, usize::MAX).await.unwrap();
            let touched = |id: &Revision| {
                changes[id].in_list().iter().any(|change| Some(&change.instrument) == filter.instrument.as_ref())
            };
            let expected: Vec<i64> =
                all.iter().map(|revision| revision.id).filter(touched).map(Revision::get).collect();
            assert_eq!(found, expected, "{code}");
            assert!(!found.is_empty() && found.len() < all.len());
        }
    }
    // A migration makes the same of the history alone.
    store.close().await;
    let derived = "SELECT group_concat(strategy_id || ' ' || revision || ' ' || updated_at || list) FROM kept_lists";
    let blocks = "SELECT group_concat(era || ' ' || item || ' ' || blocks) FROM item_eras";
    let look = async || {
        let mut connection = raw(&path).await;
        let kept: Option<String> = connection.fetch_one(derived).await.unwrap().get(0);
        let blocks: Option<String> = connection.fetch_one(blocks).await.unwrap().get(0);
        (kept.unwrap(), blocks.unwrap())
    };
    let before = look().await;
    raw(&path)
        .await
        .execute(
            "DELETE FROM kept_lists; DELETE FROM item_eras; UPDATE upkeep SET is_unfolded = 0;
             UPDATE strategies SET revisions = 0, seal = x''",
        )
        .await
        .unwrap();
    let store = open(&path).await;
    assert_eq!(look().await, before);
    assert_eq!(store.book().total(&Selection::All), books.last().unwrap().total(&Selection::All));
}

#[tokio::test]
async fn bounds_in_time_find_what_a_plain_filter_finds() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let (store, writer) = Store::open(&dir.path().join("db"), clock.clone(), Duration::from_mins(6)).await.unwrap();
    std::thread::spawn(|| writer.run());
    // One a second, and more of them than a block of the history has.
    for n in 1..=150 {
        clock.advance(Duration::from_secs(1));
        let (strategy, code) = (["alpha", "beta"][n % 2], ["X", "Y", "Z"][n % 3]);
        store.submit(change(strategy, &[(code, &n.to_string())])).await.unwrap();
    }
    let all = store.revisions(&Filter::default(), None, 1000).await.unwrap();
    let changes = store.changes(&all, usize::MAX).await.unwrap();
    let is_wanted = |filter: &Filter, revision: &RevisionInfo| {
        let touches =
            |item: &Instrument| changes[&revision.id].in_list().iter().any(|change| change.instrument == *item);
        filter.from.is_none_or(|from| revision.at >= from)
            && filter.to.is_none_or(|to| revision.at < to)
            && filter.strategy.as_ref().is_none_or(|strategy| revision.subject.name() == strategy.as_str())
            && filter.instrument.as_ref().is_none_or(touches)
    };
    let second = |second: i64, micros: i64| Moment::from_micros(START.as_micros() + second * 1_000_000 + micros);
    let moments = [(0, 0), (1, 0), (63, 1), (64, -1), (64, 0), (64, 1), (128, 0), (150, 0), (150, 1)];
    let bounds: Vec<_> = std::iter::once(None).chain(moments.map(|(at, micros)| Some(second(at, micros)))).collect();
    let strategies = [None, Some(StrategyName::parse("alpha").unwrap())];
    let instruments = [None, Some(Code::parse("X").unwrap().instrument())];
    for (from, to) in bounds.iter().flat_map(|from| bounds.iter().map(move |to| (*from, *to))) {
        for (strategy, instrument) in strategies.iter().flat_map(|one| instruments.iter().map(move |item| (one, item)))
        {
            let (strategy, instrument) = (strategy.clone(), instrument.clone());
            let filter = Filter { strategy, instrument, actor: None, kind: None, from, to };
            let found = store.revisions(&filter, None, 1000).await.unwrap();
            let expected: Vec<_> = all.iter().filter(|revision| is_wanted(&filter, revision)).cloned().collect();
            assert_eq!(found, expected, "{filter:?}");
        }
    }
}

#[tokio::test]
async fn a_copy_that_is_put_back_begins_another_lineage() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("db"), dir.path().join("copy"));
    let later = START.plus(Duration::from_mins(1));
    let signed = |strategy, signed_at| {
        let token = UsedToken { signed_at, digest: [9; 32] };
        Change { token: Some(token), ..change(strategy, &[("X", "1")]) }
    };
    two_strategies(&path).await;
    std::fs::copy(&path, &copy).unwrap();
    let store = open(&path).await;
    assert_eq!((store.lineage(), store.book().revision()), (1, Revision::new(4)));
    store.submit(signed("gamma", START)).await.unwrap();
    store.close().await;
    assert_eq!(open(&path).await.lineage(), 1, "an ordinary restart");

    std::fs::copy(&copy, &path).unwrap();
    let store = open_at(&path, later).await;
    let second = store.lineage();
    assert!(second > 1 && store.book().revision() == Revision::new(4));
    // The copy does not know that this token was used.
    assert_eq!(store.submit(signed("gamma", START)).await, Err(Rejected::TokenForgotten.into()));
    // By a clock that runs ahead of the server's.
    let ahead = later.plus(Duration::from_secs(50));
    store.submit(signed("gamma", ahead)).await.unwrap();
    store.submit(change("beta", &[])).await.unwrap();
    store.close().await;
    assert_eq!(open_at(&path, later).await.lineage(), second);

    // Nor does the copy know of that one, which lies in the future still.
    std::fs::copy(&copy, &path).unwrap();
    let store = open_at(&path, later).await;
    assert!(store.lineage() > second);
    assert_eq!(store.submit(signed("gamma", ahead)).await, Err(Rejected::TokenForgotten.into()));
    store.submit(signed("gamma", ahead.plus(Duration::from_micros(1)))).await.unwrap();
    store.submit(change("beta", &[])).await.unwrap();
    store.close().await;

    // As far as the one before, but another history.
    let other = dir.path().join("other");
    two_strategies(&other).await;
    let store = open(&other).await;
    for volume in ["1", "2"] {
        store.submit(change("alpha", &[("Y", volume)])).await.unwrap();
    }
    store.close().await;
    std::fs::copy(&other, &path).unwrap();
    let store = open_at(&path, later).await;
    assert!(store.lineage() > second + 1 && store.book().revision() == Revision::new(6));
    store.close().await;
    assert!(matches!(verify(&path).await.unwrap(), Verdict::Whole { revisions: 6, .. }));
}

#[tokio::test]
async fn a_copy_is_put_back_under_a_number_that_nobody_else_gave() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, copy) = (dir.path().join("db"), dir.path().join("copy"));
    two_strategies(&path).await;
    std::fs::copy(&path, &copy).unwrap();
    let (later, ahead) = (START.plus(Duration::from_mins(1)), Duration::from_mins(1));
    let here = put_back(&copy, &path, START).await.unwrap().lineage;
    let there = put_back(&copy, &elsewhere.path().join("db"), later).await.unwrap().lineage;
    assert!(1 < here && here < there, "{here} {there}");

    // By a clock that ran ahead, and what remembered it beside the database is gone.
    raw(&path).await.execute("UPDATE upkeep SET lineage = 4000000000").await.unwrap();
    std::fs::remove_file(path.with_extension("head")).unwrap();
    assert_eq!(put_back(&copy, &path, later).await.unwrap().lineage, 4_000_000_001);
    // Nothing says until when tokens were signed that were used, so that it may be as far ahead as they are accepted.
    let store = open_at(&path, later).await;
    assert_eq!(store.lineage(), 4_000_000_001);
    let signed = |signed_at| {
        let token = UsedToken { signed_at, digest: [9; 32] };
        Change { token: Some(token), ..change("gamma", &[("X", "1")]) }
    };
    assert_eq!(store.submit(signed(later.plus(ahead))).await, Err(Rejected::TokenForgotten.into()));
    store.submit(signed(later.plus(ahead + Duration::from_micros(1)))).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_book_that_is_gone_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    two_strategies(&path).await;
    for lose in [|path: &Path| std::fs::remove_file(path).unwrap(), |path: &Path| std::fs::write(path, "").unwrap()] {
        lose(&path);
        for _ in 0..2 {
            let error = Store::open(&path, Clock::manual(START), Duration::from_mins(6)).await.unwrap_err();
            assert!(matches!(error, OpenError::Emptied(revision) if revision.get() == 4), "{error}");
        }
    }
    // What the log alone holds is not taken for a left-over of the empty file.
    std::fs::write(dir.path().join("db-wal"), "pushes that were answered").unwrap();
    assert!(Store::open(&path, Clock::manual(START), Duration::from_mins(6)).await.is_err());
    assert!(Beside::open(&path).await.is_err());
    assert_eq!(std::fs::read(dir.path().join("db-wal")).unwrap(), b"pushes that were answered");
    std::fs::remove_file(dir.path().join("db-wal")).unwrap();

    Store::begin_anew(&path, START).unwrap();
    let store = open(&path).await;
    assert!(store.book().is_empty() && store.lineage() > 1);
    assert!(matches!(Store::begin_anew(&path, START), Err(OpenError::NotEmpty(_))));
    store.submit(change("alpha", &[("X", "1")])).await.unwrap();
    store.close().await;
    assert_eq!(open(&path).await.book().revision(), Revision::new(1));
}

#[tokio::test]
async fn what_is_written_to_a_deleted_file_is_not_said_to_be_kept() {
    for file in ["db", "db-wal"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let (store, writer) = open_idle(&path, START).await;
        let writer = std::thread::spawn(|| writer.run());
        store.submit(change("alpha", &[("X", "1")])).await.unwrap();
        std::fs::remove_file(dir.path().join(file)).unwrap();
        assert_eq!(store.submit(change("alpha", &[("X", "2")])).await, Err(NotStored::Unknown), "{file}");
        // The server ends with its writer, rather than to answer from a book that nobody keeps.
        let error = writer.join().unwrap().unwrap_err().to_string();
        assert!(error.contains("is gone"), "{error}");
    }
}

#[tokio::test]
async fn whoever_asks_whether_writes_are_taken_has_something_written_once_a_second_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let (path, clock) = (dir.path().join("db"), Clock::manual(START));
    let (store, writer) = Store::open(&path, clock.clone(), Duration::from_mins(6)).await.unwrap();
    std::thread::spawn(|| writer.run());
    let probed_at = async || {
        store.probe().await.unwrap();
        let row = raw(&path).await.fetch_one("SELECT probed_at FROM upkeep").await.unwrap();
        (row.get::<i64, _>("probed_at") - START.as_micros()) / 1_000
    };
    assert_eq!(probed_at().await, 0);
    let seen = [(999, 0), (1, 1_000), (1, 1_000), (998, 1_000), (1, 2_000), (1_000, 3_000)];
    for (passes, at) in seen {
        clock.advance(Duration::from_millis(passes));
        assert_eq!(probed_at().await, at);
    }
    // What is written for another reason shows it as well.
    clock.advance(Duration::from_secs(2));
    store.submit(change("alpha", &[("X", "1")])).await.unwrap();
    assert_eq!(probed_at().await, 3_000);
    // What is rejected is written nowhere, and shows nothing.
    clock.advance(Duration::from_secs(2));
    let stale = || Change { expected_revision: Some(Revision::new(9)), ..change("alpha", &[("X", "2")]) };
    assert!(matches!(store.submit(stale()).await, Err(NotStored::Rejected(_))));
    assert_eq!(probed_at().await, 7_000);
    // Nor does it take away what was shown within the second.
    clock.advance(Duration::from_millis(500));
    assert!(store.submit(stale()).await.is_err());
    assert_eq!(probed_at().await, 7_000);
    // A token that was used before is not recorded again.
    let token = Some(UsedToken { signed_at: clock.now(), digest: [7; 32] });
    store.submit(Change { token, ..change("alpha", &[("X", "3")]) }).await.unwrap();
    clock.advance(Duration::from_secs(2));
    assert!(store.submit(Change { token, ..change("alpha", &[("X", "4")]) }).await.is_err());
    assert_eq!(probed_at().await, 9_500);
    store.close().await;
}

#[tokio::test]
async fn a_copy_made_beside_the_server_is_verified_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("db"), dir.path().join("copy"));
    two_strategies(&path).await;
    let vacuum = format!("VACUUM INTO '{}'", copy.display());
    raw(&path).await.execute(sqlx::AssertSqlSafe(vacuum)).await.unwrap();
    let before = std::fs::read(&copy).unwrap();
    assert!(matches!(verify(&copy).await.unwrap(), Verdict::Whole { revisions: 4, .. }));
    assert_eq!(std::fs::read(&copy).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_begins_anew_though_somebody_always_reads_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await;
    // Long remarks, so that a push of 50 positions writes 150 kB, and so many lists that
    // reading them takes long.
    let list = |strategy: &str, positions: u32, volume: u32| {
        let (volume, cost) = (Decimal::parse(&volume.to_string()).unwrap(), Decimal::parse("1").unwrap());
        let remark: String = volume.to_string().repeat(1000).chars().take(1000).collect();
        let position = |n: u32| {
            let code = format!("{n:06}.SZ");
            Position::new(Kind::Ordinary, &code, None, volume, cost, Some(&remark)).unwrap()
        };
        Change { deed: Deed::Replace((0..positions).map(position).collect()), ..change(strategy, &[]) }
    };
    for n in 0..400 {
        store.submit(list(&format!("strategy {n}"), 20, n)).await.unwrap();
    }
    let reading = Arc::new(AtomicBool::new(true));
    let readers = [0, 1, 2].map(|_| {
        let (store, reading) = (store.clone(), Arc::clone(&reading));
        tokio::spawn(async move {
            while reading.load(Ordering::Relaxed) {
                store.book_as_of(Revision::END).await.unwrap();
            }
        })
    });
    let mut longest = 0;
    for volume in 0..800 {
        store.submit(list("beta", 50, volume)).await.unwrap();
        longest = longest.max(std::fs::metadata(dir.path().join("db-wal")).unwrap().len());
    }
    reading.store(false, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(longest < 80 << 20, "{longest} bytes");
}

#[tokio::test]
async fn no_bit_of_the_book_turns_unseen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    two_strategies(&path).await;
    let (whole, damaged) = (std::fs::read(&path).unwrap(), dir.path().join("damaged"));
    let store = open(&path).await;
    let total = store.book().total(&Selection::All);
    store.close().await;
    let mut seen = 0;
    // Every 1009th bit: of pages, their headers and the schema, wherever they lie.
    for bit in (0..whole.len() * 8).step_by(1009) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&damaged, bytes).unwrap();
        for file in ["damaged-wal", "damaged-shm", "damaged.head"] {
            let _ = std::fs::remove_file(dir.path().join(file));
        }
        match Store::open(&damaged, Clock::manual(START), Duration::from_mins(6)).await {
            Ok((store, _)) => assert_eq!(store.book().total(&Selection::All), total, "bit {bit}"),
            Err(_) => seen += 1,
        }
    }
    assert!(seen > 0);
}

#[tokio::test]
async fn no_bit_of_a_list_turns_unseen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    two_strategies(&path).await;
    let whole = std::fs::read(&path).unwrap();
    let row = br#"[["300","12.345678901234567","#;
    let list = whole.windows(row.len()).position(|bytes| bytes == row).unwrap();
    for bit in list * 8..(list + row.len()) * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, bytes).unwrap();
        let opened = Store::open(&path, Clock::manual(START), Duration::from_mins(6)).await;
        assert!(opened.is_err(), "bit {bit}");
    }
}
