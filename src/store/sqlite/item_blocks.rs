//! The table `item_blocks`: where in the history to look for an item.

use std::collections::BTreeSet;

use sqlx::SqliteConnection;

use super::json;
use crate::domain::revision::Revision;
use crate::ledger::chain::Entry;

/// How many revisions make a block.
pub(super) const BLOCK: i64 = 64;

/// The block that a revision is in.
pub(super) const fn block(revision: Revision) -> i64 {
    revision.get() / BLOCK
}

statement! {
    /// Notes in which blocks items changed.
    NOTE(rows) = "INSERT OR IGNORE INTO item_blocks (item, block)
                                SELECT value ->> 0, value ->> 1 FROM jsonb_each($5)"
}

/// The rows of what revisions changed.
pub(super) fn rows(entries: &[Entry]) -> String {
    let items = |entry: &Entry| {
        let block = block(entry.revision);
        entry
            .record
            .changes
            .in_list()
            .iter()
            .map(move |change| (change.instrument.to_string(), block))
            .collect::<Vec<_>>()
    };
    json(&entries.iter().flat_map(items).collect::<BTreeSet<_>>())
}

/// Notes in which blocks items changed, outside of a batch.
pub(super) async fn note(connection: &mut SqliteConnection, entries: &[Entry]) -> Result<(), sqlx::Error> {
    let rows = rows(entries);
    sqlx::query!(
        "INSERT OR IGNORE INTO item_blocks (item, block) SELECT value ->> 0, value ->> 1 FROM json_each(?)",
        rows
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The first revision after one of which it is not noted that it changed an item, with that item. A note too many does no harm: whoever
/// follows it looks into the revisions themselves.
pub(super) async fn missing(
    connection: &mut SqliteConnection,
    after: Revision,
) -> Result<Option<(Revision, String)>, sqlx::Error> {
    let after = after.get();
    let missing = sqlx::query!(
        r#"SELECT r.id AS "id!: i64", value ->> 0 AS "item!: String" FROM revisions AS r CROSS JOIN json_each(r.changes)
           WHERE r.strategy_id IS NOT NULL AND r.id > ?
             AND NOT EXISTS (SELECT 1 FROM item_blocks AS b WHERE b.item = value ->> 0 AND b.block = r.id / ?)
           ORDER BY r.id LIMIT 1"#,
        after,
        BLOCK
    )
    .fetch_optional(connection)
    .await?;
    Ok(missing.map(|row| (Revision::new(row.id), row.item)))
}
