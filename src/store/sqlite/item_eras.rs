//! The table `item_eras`: where in the history to look for an item. A row says of an era in which of its blocks the item
//! changed, and eras lie one behind the other: what is noted of the newest takes few pages, however long the history and
//! however many the items. A block is noted once it is whole; whoever looks goes through the open one himself.

use sqlx::SqliteConnection;

use super::{json, revisions};
use crate::domain::revision::Revision;
use crate::ledger::chain::Entry;

/// How many revisions make a block.
pub(super) const BLOCK: i64 = 64;

/// How many blocks make an era: as many as there are bits in a number.
const ERA: i64 = 64;

/// The era that a revision is in.
pub(super) const fn era(revision: Revision) -> i64 {
    revision.get() / BLOCK / ERA
}

/// From which revision on nothing is noted while a revision is the next.
const fn open_before(next: Revision) -> i64 {
    next.get() / BLOCK * BLOCK
}

/// From which revision on nothing is noted.
pub(super) async fn open_from(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    Ok(open_before(revisions::newest(connection).await?.next()))
}

statement! {
    /// Notes in which blocks items changed.
    NOTE(range) = "INSERT INTO item_eras (era, item, blocks)
                       SELECT DISTINCT r.id / ($5 ->> 2) / ($5 ->> 3), value ->> 0, 1 << (r.id / ($5 ->> 2) % ($5 ->> 3))
                       FROM revisions AS r CROSS JOIN json_each(r.changes)
                       WHERE r.id BETWEEN $5 ->> 0 AND $5 ->> 1 AND r.strategy_id IS NOT NULL
                       ON CONFLICT DO UPDATE SET blocks = blocks | excluded.blocks"
}

/// The revisions of the blocks that become whole when some are appended.
pub(super) fn range(entries: &[Entry]) -> String {
    let first = entries.first().map_or(0, |first| open_before(first.revision));
    let open = entries.last().map_or(0, |last| open_before(last.revision.next()));
    written(first, open)
}

/// Revisions to be noted, from one to before another, how many make a block, and how many of those an era.
fn written(first: i64, open: i64) -> String {
    json(&(first, open - 1, BLOCK, ERA))
}

/// Notes all of the history but the block that is open.
pub(super) async fn note_all(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let open = open_from(connection).await?;
    // The first four parameters are those of other statements of a batch.
    let statement = (0..4).fold(sqlx::query(NOTE), |statement, _| statement.bind(None::<&str>));
    statement.bind(written(0, open)).execute(connection).await?;
    Ok(())
}

/// The blocks in which an item may have changed, the newest first: the one that is open, and those of which it is noted, as far
/// as they reach between two revisions, both of which stay outside.
pub(super) async fn blocks_of(
    connection: &mut SqliteConnection,
    item: &str,
    (after, before): (i64, i64),
) -> Result<Vec<i64>, sqlx::Error> {
    let open = open_from(connection).await? / BLOCK;
    // Whoever asks may have typed any number.
    let (first, last) = (after.max(0) / BLOCK, (before.max(1) - 1) / BLOCK);
    let eras = json(&(first / ERA..=last.min(open) / ERA).collect::<Vec<_>>());
    let rows = sqlx::query!(
        "SELECT era, blocks FROM item_eras WHERE item = ? AND era IN (SELECT value FROM json_each(?)) ORDER BY era DESC",
        item,
        eras
    )
    .fetch_all(connection)
    .await?;
    let noted = rows.into_iter().flat_map(|row| {
        (0..ERA).rev().filter(move |bit| row.blocks >> bit & 1 == 1).map(move |bit| row.era * ERA + bit)
    });
    // Older versions noted of the open one as well.
    let blocks = std::iter::once(open).chain(noted.filter(|block| *block < open));
    Ok(blocks.filter(|block| (first..=last).contains(block)).collect())
}

/// The first revision after one of which it is not noted that it changed an item, though its block is whole, with that item. A
/// note too many does no harm: whoever follows it looks into the revisions themselves.
pub(super) async fn missing(
    connection: &mut SqliteConnection,
    after: Revision,
) -> Result<Option<(Revision, String)>, sqlx::Error> {
    let (after, open) = (after.get(), open_from(connection).await?);
    let missing = sqlx::query!(
        r#"SELECT r.id AS "id!: i64", value ->> 0 AS "item!: String" FROM revisions AS r CROSS JOIN json_each(r.changes)
           WHERE r.strategy_id IS NOT NULL AND r.id > ?1 AND r.id < ?2
             AND NOT EXISTS (SELECT 1 FROM item_eras AS e
                             WHERE e.era = r.id / ?3 / ?4 AND e.item = value ->> 0 AND e.blocks >> (r.id / ?3 % ?4) & 1)
           ORDER BY r.id LIMIT 1"#,
        after,
        open,
        BLOCK,
        ERA
    )
    .fetch_optional(connection)
    .await?;
    Ok(missing.map(|row| (Revision::new(row.id), row.item)))
}
