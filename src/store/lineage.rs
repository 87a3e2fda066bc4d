//! The lineage: a number that grows, by the clock, whenever an older copy of the database is put back, so that nobody takes the copy's
//! history for the one that he has seen.

use std::path::Path;

use sqlx::SqliteConnection;

use super::error::OpenError;
use super::sqlite::{self, revisions, upkeep};
use super::witness::Witnessed;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::ledger::{Forgotten, Ledger};

/// The database's lineage; another one than before when it is not the database that was seen last.
pub(super) async fn trace(
    connection: &mut SqliteConnection,
    ledger: &mut Ledger,
    seen: Option<Witnessed>,
    now: Moment,
) -> Result<i64, OpenError> {
    let lineage = upkeep::lineage(connection).await?;
    let Some(seen) = seen else { return Ok(lineage) };
    let newest = ledger.head.revision;
    if newest == Revision::NONE && seen.revision > Revision::NONE {
        return Err(OpenError::Emptied(seen.revision));
    }
    let hash = revisions::hash(connection, seen.revision).await?;
    if lineage == seen.lineage && hash.is_some_and(|hash| hex::encode(hash) == seen.hash) {
        return Ok(lineage);
    }
    let next = next([lineage, seen.lineage], now);
    tracing::warn!(
        lineage = next,
        "another copy of the database was put back: it is at revision {newest}, and revision {} was seen here. Terminals \
         and listeners are told by the lineage, and tokens signed before now are refused, because the copy does not know \
         which of them were used",
        seen.revision
    );
    begin(connection, next, &mut ledger.forgotten, seen.spent_until(now)).await?;
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
    spent_until: Moment,
) -> Result<(), OpenError> {
    forgotten.add(Moment::from_micros(0), spent_until);
    let mut transaction = sqlx::Connection::begin_with(connection, "BEGIN IMMEDIATE").await?;
    upkeep::keep_forgotten(&mut transaction, forgotten).await?;
    upkeep::begin_lineage(&mut transaction, next).await?;
    Ok(transaction.commit().await?)
}
