//! The lineage: a number that grows whenever an older copy of the database is put back, so that nobody takes the copy's
//! history for the one that he has seen.

use sqlx::SqliteConnection;

use super::error::OpenError;
use super::sqlite::{revisions, upkeep};
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
    let next = lineage.max(seen.lineage) + 1;
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
