//! What contradicts what: in what strategies did lately, in the overlays, between accounts.

use std::time::Duration;

use super::NotDone;
use crate::domain::changes::Changes;
use crate::domain::conflict::{Conflict, Moves};
use crate::domain::moment::Moment;
use crate::domain::revision::Subject;
use crate::store::Store;
use crate::store::history::Filter;

/// How many revisions are looked at, the newest; and how many are held in memory at a time.
const LOOKED_AT: usize = 5_000;
const PAGE: usize = 200;

/// All that contradicts something else.
#[derive(Debug)]
pub struct Conflicts {
    /// Kind by kind.
    pub conflicts: Vec<Conflict>,
    /// Whether there were more revisions within the window than are looked at: then the newest of them were.
    pub is_cut: bool,
}

/// What contradicts what now, and in what strategies bought and sold since so long.
///
/// # Errors
/// When the store cannot be read.
pub async fn conflicts(store: &Store, window: Duration, now: Moment) -> Result<Conflicts, NotDone> {
    let filter = Filter { from: Some(now.minus(window)), ..Filter::default() };
    let most = i64::try_from(LOOKED_AT).unwrap_or(i64::MAX);
    let mut revisions = store.revisions(&filter, None, most + 1).await?;
    let is_cut = revisions.len() > LOOKED_AT;
    revisions.truncate(LOOKED_AT);
    let mut moves = Moves::default();
    for page in revisions.chunks(PAGE) {
        let changes = store.changes(page, usize::MAX).await?;
        for revision in page {
            if let (Subject::Strategy(name), Some(Changes::List(changes))) =
                (&revision.subject, changes.get(&revision.id))
            {
                moves.note(name, changes);
            }
        }
    }
    let book = store.book();
    // Every account's target is added up: on a thread that may be busy.
    let find = move || book.conflicts(&moves, now);
    let found = tokio::task::spawn_blocking(find).await;
    let conflicts = found.map_err(|error| NotDone::Fault(error.to_string()))?;
    Ok(Conflicts { conflicts, is_cut })
}
