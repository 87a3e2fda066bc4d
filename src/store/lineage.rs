//! The lineage: a number that grows, by the clock, whenever an older copy of the database is put back, so that nobody takes the copy's
//! history for the one that he has seen.

use std::path::Path;

use sqlx::SqliteConnection;

use super::error::OpenError;
use super::sqlite::{self, revisions, upkeep};
use super::witness::Witnessed;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::ledger::{Forgotten, Ledger, MAX_AHEAD};

/// The database's lineage; another one than before when it is not the database that was seen last.
pub(super) async fn trace(
    connection: &mut SqliteConnection,
    ledger: &mut Ledger,
    seen: Option<Witnessed>,
    now: Moment,
) -> Result<i64, OpenError> {
    let (lineage, newest) = (upkeep::lineage(connection).await?, ledger.head.revision);
    let is_known = match &seen {
        Some(seen) if newest == Revision::NONE && seen.revision > Revision::NONE => {
            return Err(OpenError::Emptied(seen.revision));
        }
        Some(seen) => {
            let hash = revisions::hash(connection, seen.revision).await?;
            lineage == seen.lineage && hash.is_some_and(|hash| hex::encode(hash) == seen.hash)
        }
        None => true,
    };
    if is_known && !upkeep::is_copy(connection).await? {
        return Ok(lineage);
    }
    let next = next([lineage].into_iter().chain(seen.as_ref().map(|seen| seen.lineage)), now);
    let known_by = seen
        .as_ref()
        .map_or("says itself that it is one".to_owned(), |seen| format!("revision {} was seen here", seen.revision));
    tracing::warn!(
        lineage = next,
        "another copy of the database was put back: it is at revision {newest}, and {known_by}. Terminals and listeners are \
         told by the lineage, and tokens signed before now are refused, because the copy does not know which of them were used",
    );
    begin(connection, next, &mut ledger.forgotten, seen.as_ref(), now).await?;
    Ok(next)
}

/// The number of a lineage that begins: above all that are known, and no less than the seconds of the clock, because another
/// machine that was given the same copy knows none of them.
pub(super) fn next(known: impl IntoIterator<Item = i64>, now: Moment) -> i64 {
    known.into_iter().map(|lineage| lineage.saturating_add(1)).fold(now.as_micros() / 1_000_000, i64::max)
}

/// The lineage of the database at a path, in whatever state it is; 0 where it does not say.
pub(super) async fn of(path: &Path) -> i64 {
    let Ok(pool) = sqlite::open_read_only(path) else { return 0 };
    let lineage = match pool.acquire().await {
        Ok(mut connection) => upkeep::lineage(&mut connection).await.unwrap_or(0),
        Err(_) => 0,
    };
    pool.close().await;
    lineage
}

/// Begins a lineage. Which tokens were used since the copy was made is not in it: those signed until then are forgotten.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    next: i64,
    forgotten: &mut Forgotten,
    seen: Option<&Witnessed>,
    now: Moment,
) -> Result<(), OpenError> {
    // Where nothing says how far ahead the latest token was signed, it may be as far as it could.
    let spent_until = seen.map_or(now.plus(MAX_AHEAD), |seen| seen.spent_until(now));
    forgotten.add(Moment::from_micros(0), spent_until);
    Ok(upkeep::begin_lineage(connection, next, forgotten).await?)
}
