//! What older versions did not write, made from the history once: kept lists, blocks, counts and seals.

use std::collections::HashMap;

use futures::TryStreamExt as _;
use sqlx::SqliteConnection;

use super::verify::{EntryRecord, page_after};
use super::{checkpoint, item_eras, kept_lists, past_instruments, strategies};
use crate::domain::book::Strategy;
use crate::domain::changes::Changes;
use crate::domain::strategy::StrategyId;
use crate::ledger::chain::Entry;
use crate::ledger::replay::Astray;
use crate::ledger::{StrategyState, Unfolded, is_kept_at};
use crate::store::error::OpenError;

/// A strategy on its way through its history.
#[derive(Default)]
struct Walked {
    list: Unfolded,
    revisions: u64,
}

/// Unfolds the whole history, where that was not done before.
pub(super) async fn unfold(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let mut transaction = sqlx::Connection::begin_with(connection, "BEGIN IMMEDIATE").await?;
    if sqlx::query_scalar!("SELECT is_unfolded FROM upkeep").fetch_one(&mut *transaction).await? == 0 {
        // What is there of it may be why it is to be made anew.
        sqlx::query!("DELETE FROM kept_lists").execute(&mut *transaction).await?;
        sqlx::query!("DELETE FROM item_eras").execute(&mut *transaction).await?;
        let walked = walk(&mut transaction).await?;
        seal(&mut transaction, walked).await?;
        sqlx::query!("UPDATE upkeep SET is_unfolded = 1").execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

async fn walk(connection: &mut SqliteConnection) -> Result<HashMap<StrategyId, Walked>, OpenError> {
    let begin = checkpoint::begin(connection).await?;
    let mut walked: HashMap<StrategyId, Walked> = HashMap::new();
    for (id, revision, list, revisions) in begin.lists() {
        kept_lists::keep(connection, id, revision, list).await?;
        walked.insert(id, Walked { list: list.clone(), revisions });
    }
    let mut after = begin.head().revision;
    while let page = page_after(connection, after).await?
        && !page.is_empty()
    {
        let entries: Vec<Entry> = page.into_iter().map(EntryRecord::entry).collect::<Result<_, _>>()?;
        past_instruments::note(connection, &entries).await?;
        for entry in entries {
            after = entry.revision;
            let (id, subject) = (StrategyId::new(entry.record.subject_id), entry.record.subject);
            // Documents are of versions that left nothing to be made.
            let Changes::List(changes) = entry.record.changes else { continue };
            let strategy = walked.entry(id).or_default();
            let astray = |reason: &str| Astray {
                strategy: subject.name().to_owned(),
                reason: format!("revision {after}: {reason}"),
            };
            let many = changes.len();
            strategy.list.follow(entry.record.kind, entry.at, changes).map_err(astray)?;
            strategy.revisions += 1;
            if is_kept_at(strategy.revisions, many, strategy.list.lines()) {
                kept_lists::keep(connection, id, after, &strategy.list).await?;
            }
        }
    }
    item_eras::note_all(connection).await?;
    Ok(walked)
}

/// Seals what stands now, where it is what the history leads to.
async fn seal(connection: &mut SqliteConnection, mut walked: HashMap<StrategyId, Walked>) -> Result<(), OpenError> {
    let rows: Vec<strategies::StrategyRecord> = strategies::all(connection).try_collect().await?;
    for row in rows {
        let state = if row.is_sealed() { row.checked()? } else { row.state()? };
        let Walked { list, revisions } = walked.remove(&state.strategy.id).unwrap_or_default();
        if list.list() != state.strategy.list {
            let reason = "its positions are not those that the history leads to".to_owned();
            return Err(Astray { strategy: state.strategy.name.to_string(), reason }.into());
        }
        let strategy = Strategy { revisions, ..(*state.strategy).clone() }.into();
        strategies::rewrite(connection, &StrategyState { strategy, ..state }).await?;
    }
    Ok(())
}
