//! The table `item_blocks`: where in the history to look for an item. Several blocks are noted at once, because every item has
//! a page of its own once the history is long, and a push would write as many as it has instruments; whoever looks goes
//! through what is not noted yet himself.

use sqlx::SqliteConnection;

use super::{json, revisions};
use crate::domain::revision::Revision;
use crate::ledger::chain::Entry;

/// How many revisions make a block.
pub(super) const BLOCK: i64 = 64;

/// How many revisions are noted at once: whole blocks.
const NOTED: i64 = 4 * BLOCK;

/// The block that a revision is in.
pub(super) const fn block(revision: Revision) -> i64 {
    revision.get() / BLOCK
}

/// From which revision on nothing is noted while a revision is the next.
const fn open_before(next: Revision) -> i64 {
    next.get() / NOTED * NOTED
}

/// From which revision on nothing is noted.
pub(super) async fn open_from(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    Ok(open_before(revisions::newest(connection).await?.next()))
}

statement! {
    /// Notes in which blocks items changed.
    NOTE(range) = "INSERT OR IGNORE INTO item_blocks (item, block)
                       SELECT DISTINCT value ->> 0, r.id / ($5 ->> 2) FROM revisions AS r CROSS JOIN json_each(r.changes)
                       WHERE r.id BETWEEN $5 ->> 0 AND $5 ->> 1 AND r.strategy_id IS NOT NULL
                       ORDER BY 1, 2"
}

/// The revisions that are to be noted once some are appended: the first and the last, and how many make a block.
pub(super) fn range(entries: &[Entry]) -> String {
    let first = entries.first().map_or(0, |first| open_before(first.revision));
    let open = entries.last().map_or(0, |last| open_before(last.revision.next()));
    json(&(first, open - 1, BLOCK))
}

/// Notes all of the history that is to be noted.
pub(super) async fn note_all(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let open = open_from(connection).await?;
    sqlx::query!(
        "INSERT OR IGNORE INTO item_blocks (item, block)
         SELECT value ->> 0, r.id / ? FROM revisions AS r CROSS JOIN json_each(r.changes)
         WHERE r.id < ? AND r.strategy_id IS NOT NULL",
        BLOCK,
        open
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The first revision after one of which it is not noted that it changed an item, though it is to be, with that item. A note too
/// many does no harm: whoever follows it looks into the revisions themselves.
pub(super) async fn missing(
    connection: &mut SqliteConnection,
    after: Revision,
) -> Result<Option<(Revision, String)>, sqlx::Error> {
    let (after, open) = (after.get(), open_from(connection).await?);
    let missing = sqlx::query!(
        r#"SELECT r.id AS "id!: i64", value ->> 0 AS "item!: String" FROM revisions AS r CROSS JOIN json_each(r.changes)
           WHERE r.strategy_id IS NOT NULL AND r.id > ? AND r.id < ?
             AND NOT EXISTS (SELECT 1 FROM item_blocks AS b WHERE b.item = value ->> 0 AND b.block = r.id / ?)
           ORDER BY r.id LIMIT 1"#,
        after,
        open,
        BLOCK
    )
    .fetch_optional(connection)
    .await?;
    Ok(missing.map(|row| (Revision::new(row.id), row.item)))
}
