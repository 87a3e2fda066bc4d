//! What accounts are to hold, as the desk adds it up.

use std::sync::Arc;

use jq2qmt::desk::{Desk, Supposed};
use jq2qmt::domain::account::{Account, AccountName};
use jq2qmt::domain::book::Book;
use jq2qmt::domain::revision::Actor;
use jq2qmt::ledger::{Document, Put};

use crate::{START, change, open};

#[tokio::test]
async fn a_target_is_added_up_once_and_an_older_book_does_not_take_it_away() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("db")).await;
    let (desk, main) = (Desk::new(&store), AccountName::parse("main").unwrap());
    let target = |book: &Book| desk.target(book, book.settings().account(&main).unwrap(), START).unwrap();
    store.submit(change("alpha", &[("600000.SH", "100")])).await.unwrap();
    let account = serde_json::from_str(r#"{"strategies": [{"name": "alpha"}]}"#).unwrap();
    let document = Document::Account(main.clone(), Some(account));
    store.settle(Put { document, actor: Actor::Operator, address: None, expected_revision: None }).await.unwrap();

    let older = store.book();
    let before = target(&older);
    assert!(Arc::ptr_eq(&before, &target(&older)));
    store.submit(change("alpha", &[("600000.SH", "200")])).await.unwrap();
    let newer = store.book();
    let after = target(&newer);
    assert_ne!(after.lines, before.lines);
    assert_eq!(target(&older).lines, before.lines, "whoever holds an older book is answered by it");
    assert!(Arc::ptr_eq(&after, &target(&newer)), "it is not added up again");

    // Whoever previews may have looked the account up before it was changed: what he asks about is told to no terminal.
    let before = newer.settings().account(&main).unwrap();
    let account: Account = serde_json::from_str(r#"{"strategies": [{"name": "alpha", "scale": "0.5"}]}"#).unwrap();
    let document = Document::Account(main.clone(), Some(account.clone()));
    store.settle(Put { document, actor: Actor::Operator, address: None, expected_revision: None }).await.unwrap();
    store.submit(change("alpha", &[("600000.SH", "400")])).await.unwrap();
    desk.preview_account(before, Supposed::Account(account), START);
    let now = store.book();
    assert_eq!(target(&now).lines, now.target(now.settings().account(&main).unwrap(), START).unwrap().lines);
    store.close().await;
}
