//! The table `checkpoint`: where the chain had led when what is older was folded; and the folding.

use sqlx::SqliteConnection;

use super::item_eras::era;
use super::revisions::chain_hash;
use super::{json, kept_lists};
use crate::domain::checkpoint::Checkpoint;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::ledger::Snapshot;
use crate::ledger::chain::Head;
use crate::ledger::replay::Replay;
use crate::store::error::OpenError;

/// The trigger that keeps revisions from being deleted.
const GUARD: &str = "revisions_are_not_deleted";

/// About how many bytes a row takes beside its long texts, with its indexes.
const ROW: i64 = 150;

/// What folding would take out of the database.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Measured {
    /// When the first of them was made.
    pub(in crate::store) first_at: Moment,
    /// How many revisions would be folded.
    pub(in crate::store) revisions: u64,
    /// About how many bytes would become free.
    pub(in crate::store) freed: u64,
}

/// Refuses a checkpoint that is not the one of which the history speaks.
pub(super) async fn must_be(connection: &mut SqliteConnection, expected: Option<&Checkpoint>) -> Result<(), OpenError> {
    let row = sqlx::query!("SELECT revision, at, hash, seal FROM checkpoint").fetch_optional(connection).await?;
    let is_it = match (&row, expected) {
        (None, None) => true,
        (Some(row), Some(expected)) => {
            (row.revision, row.at) == (expected.revision.get(), expected.at.as_micros())
                && (hex::encode(&row.hash), hex::encode(&row.seal)) == (expected.hash.clone(), expected.seal.clone())
        }
        _ => false,
    };
    if is_it { Ok(()) } else { Err(unsound("is not the one of which the history speaks")) }
}

/// The walk along the chain, to be begun where it can be: at the checkpoint, or before the first revision.
pub(in crate::store) async fn begin(connection: &mut SqliteConnection) -> Result<Replay, OpenError> {
    let row = sqlx::query!("SELECT revision, at, hash, state, seal FROM checkpoint").fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(Replay::default()) };
    let (revision, at) = (Revision::new(row.revision), Moment::from_micros(row.at));
    let snapshot = Snapshot { head: Head { revision, at, hash: chain_hash(&row.hash)? }, state: row.state };
    if snapshot.seal().as_slice() != row.seal {
        return Err(unsound("is not what was written"));
    }
    snapshot.replay().map_err(|reason| unsound(&format!("cannot be understood: {reason}")))
}

fn unsound(reason: &str) -> OpenError {
    OpenError::Corrupt(format!("the checkpoint {reason}"))
}

/// What it would take out to fold all after one revision and up to another.
pub(in crate::store) async fn measure(
    connection: &mut SqliteConnection,
    after: Revision,
    until: Revision,
) -> Result<Measured, sqlx::Error> {
    let (after, until) = (after.get(), until.get());
    let row = sqlx::query!(
        r#"SELECT (SELECT at FROM revisions WHERE id = ?1 + 1) AS "first_at!: i64",
                  coalesce((SELECT sum(length(CAST(changes AS BLOB)) + ?3) FROM revisions WHERE id > ?1 AND id <= ?2), 0)
                  + coalesce((SELECT sum(length(CAST(list AS BLOB)) + ?3) FROM kept_lists WHERE revision <= ?2), 0)
                  AS "length!: i64""#,
        after,
        until,
        ROW
    )
    .fetch_one(connection)
    .await?;
    let first_at = Moment::from_micros(row.first_at);
    Ok(Measured { first_at, revisions: (until - after).unsigned_abs(), freed: row.length.unsigned_abs() })
}

/// Folds what a walk has led through: of each subject its newest revision stays, with the list that it leads to.
pub(in crate::store) async fn fold(
    connection: &mut SqliteConnection,
    walked: &Replay,
) -> Result<Snapshot, sqlx::Error> {
    let snapshot = Snapshot::of(walked);
    let guard: String = sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE name = ?")
        .bind(GUARD)
        .fetch_one(&mut *connection)
        .await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP TRIGGER {GUARD}"))).execute(&mut *connection).await?;
    delete(connection, walked).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(guard)).execute(&mut *connection).await?;
    for (strategy, revision, list, _) in walked.lists() {
        kept_lists::keep(connection, strategy, revision, list).await?;
    }
    keep(connection, &snapshot).await?;
    Ok(snapshot)
}

async fn delete(connection: &mut SqliteConnection, walked: &Replay) -> Result<(), sqlx::Error> {
    let until = walked.head().revision;
    let (number, first_era) = (until.get(), era(until.next()));
    let newest = json(&walked.links().iter().map(|link| link.revision).collect::<Vec<_>>());
    sqlx::query!("DELETE FROM kept_lists WHERE revision <= ?", number).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM revisions WHERE id <= ? AND id NOT IN (SELECT value FROM json_each(?))", number, newest)
        .execute(&mut *connection)
        .await?;
    // An era in which revisions stay may speak of one that is gone: whoever follows it looks into the revisions themselves.
    sqlx::query!("DELETE FROM item_eras WHERE era < ?", first_era).execute(connection).await?;
    Ok(())
}

async fn keep(connection: &mut SqliteConnection, snapshot: &Snapshot) -> Result<(), sqlx::Error> {
    let Snapshot { head, state } = snapshot;
    let (revision, at, hash, seal) =
        (head.revision.get(), head.at.as_micros(), head.hash.as_slice(), snapshot.seal().to_vec());
    sqlx::query!(
        "INSERT INTO checkpoint (id, revision, at, hash, state, seal) VALUES (1, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET
             revision = excluded.revision, at = excluded.at, hash = excluded.hash, state = excluded.state,
             seal = excluded.seal",
        revision,
        at,
        hash,
        state,
        seal
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How long the database is without its log, and how much of that is free: bytes.
pub(in crate::store) async fn sizes(connection: &mut SqliteConnection) -> Result<(u64, u64), sqlx::Error> {
    let mut pragma = async |name: &str| -> Result<u64, sqlx::Error> {
        let value: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("PRAGMA {name}"))).fetch_one(&mut *connection).await?;
        Ok(value.unsigned_abs())
    };
    let page = pragma("page_size").await?;
    Ok((pragma("page_count").await? * page, pragma("freelist_count").await? * page))
}

/// Gives free room back to the disk. What SQLite needs meanwhile lies in the folder of the database, where room was looked for.
pub(in crate::store) async fn shrink(connection: &mut SqliteConnection, folder: &str) -> Result<(), sqlx::Error> {
    const FOLD: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
    let quoted = folder.replace('\'', "''");
    let place = format!("PRAGMA temp_store = FILE; PRAGMA temp_store_directory = '{quoted}'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(place)).execute(&mut *connection).await?;
    sqlx::raw_sql(FOLD).execute(&mut *connection).await?;
    sqlx::raw_sql("VACUUM").execute(&mut *connection).await?;
    sqlx::raw_sql(FOLD).execute(connection).await?;
    Ok(())
}

/// Ends the transaction: what was folded is.
pub(in crate::store) async fn commit(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("COMMIT").execute(connection).await.map(|_| ())
}
