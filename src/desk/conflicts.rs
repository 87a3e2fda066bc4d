//! What contradicts what: in what strategies did lately, in the overlays, between accounts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Desk, NotDone};
use crate::domain::book::Book;
use crate::domain::changes::Changes;
use crate::domain::conflict::{Conflict, Matter, Moves, Short};
use crate::domain::moment::Moment;
use crate::domain::revision::{Revision, Subject};
use crate::store::Store;
use crate::store::history::Filter;

/// How many revisions are looked at, the newest; and how many are held in memory at a time.
const LOOKED_AT: usize = 5_000;
const PAGE: usize = 200;

/// Within how long what one buys and another sells contradicts, where nobody says otherwise.
pub const WINDOW: Duration = Duration::from_mins(10);

/// For how long what stands in the lists themselves is not looked for anew.
const FOUND_FOR: Duration = Duration::from_mins(1);

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

/// How much of what stands in the lists contradicts something else, as it was counted last.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing(Arc<Mutex<Option<(Revision, Moment, usize)>>>);

impl Desk {
    /// How many contradictions stand in the lists, whatever moved lately; but for totals below zero, which are told anyway.
    pub fn standing_conflicts(&self, book: &Book, now: Moment) -> usize {
        let last = || self.conflicts.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |(of, at, _): &(Revision, Moment, usize)| *of == book.revision() && now.since(*at) < FOUND_FOR;
        if let Some((_, _, count)) = last().filter(is_new) {
            return count;
        }
        let found = book.conflicts(&Moves::default(), now);
        let count = found.iter().filter(|one| !matches!(one.matter, Matter::Negative(Short::Total(_)))).count();
        *last() = Some((book.revision(), now, count));
        count
    }
}
