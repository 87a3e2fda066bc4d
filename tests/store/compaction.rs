//! A history that is folded, and found again from there on.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use jq2qmt::domain::code::Code;
use jq2qmt::domain::moment::Moment;
use jq2qmt::domain::revision::Revision;
use jq2qmt::store::Store;
use jq2qmt::store::compaction::compact;
use jq2qmt::store::history::Filter;
use jq2qmt::store::verify::{Verdict, verify};
use sqlx::{Executor as _, Row as _};

use crate::{START, change, open_at, raw};

/// How many changes are submitted at a time: of more the order is not kept.
const SOME: u32 = 30;

/// Revisions with an instrument of their own each, which the next one takes out.
async fn write(path: &Path, day: Moment, revisions: RangeInclusive<u32>) {
    let store = open_at(path, day).await;
    for first in revisions.clone().step_by(SOME as usize) {
        let some = first..=(first + SOME - 1).min(*revisions.end());
        let changes = some.map(|n| store.submit(change("alpha", &[(&format!("C{n}"), "1")])));
        assert!(join_all(changes).await.iter().all(Result::is_ok));
    }
    store.close().await;
}

async fn found(store: &Store, number: u32) -> Vec<u32> {
    let instrument = Some(Code::parse(&format!("C{number}")).unwrap().instrument());
    let filter = Filter { instrument, ..Filter::default() };
    store.revisions(&filter, None, 10).await.unwrap().iter().map(|one| u32::try_from(one.id.get()).unwrap()).collect()
}

#[tokio::test]
async fn what_is_left_is_found_where_whole_eras_are_folded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let later = |days: u64| START.plus(Duration::from_hours(24 * days));
    // Each fold ends within a block of a later era: some revisions of that block stay.
    let (era, block) = (64 * 64, 64);
    let (one, two) = (era + block + 10, 2 * era + 3 * block + 5);
    write(&path, START, 1..=one).await;
    write(&path, later(1), one + 1..=two).await;
    write(&path, later(2), two + 1..=two + 100).await;
    for (last, days) in [(one, 1), (two, 2)] {
        let (plan, ..) = compact(&path, later(days), None, later(3), |_| {}).await.unwrap().unwrap();
        assert_eq!(plan.last.revision, Revision::new(last.into()));
        let first: i64 = raw(&path).await.fetch_one("SELECT min(era) FROM item_eras").await.unwrap().get(0);
        assert_eq!(first, i64::from(last / era), "nothing is noted of what is gone");
        must_be_found(&path, last, two + 99).await;
        // Made anew from what is left, it leads to the same.
        raw(&path).await.execute("DELETE FROM item_eras; UPDATE upkeep SET is_unfolded = 0").await.unwrap();
        must_be_found(&path, last, two + 99).await;
    }
}

/// What is found of a history that is folded up to a revision.
async fn must_be_found(path: &Path, last: u32, newest: u32) {
    let store = open_at(path, START).await;
    for (number, revisions) in [(1, vec![]), (last - 1, vec![]), (last, vec![last + 1])] {
        assert_eq!(found(&store, number).await, revisions, "{number} of {last}");
    }
    for number in [last + 1, last + 52, last + 53, last + 54, newest] {
        assert_eq!(found(&store, number).await, [number + 1, number], "{number} of {last}");
    }
    let (gone, here) = (Revision::new(i64::from(last) - 1), Revision::new(i64::from(last) + 20));
    assert!(store.book_as_of(gone).await.is_err());
    assert_eq!(store.book_as_of(here).await.unwrap().revision(), here);
    store.close().await;
    assert!(matches!(verify(path).await.unwrap(), Verdict::Whole { .. }));
}
