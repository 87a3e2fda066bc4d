//! The transaction of a batch, in two trips to the thread that SQLite works on: where the cores are busy, waiting for that
//! thread to be woken costs more than what it does.

use std::collections::HashSet;
use std::sync::LazyLock;

use sqlx::{Row as _, SqliteConnection};

use super::{positions, revisions, strategies, used_tokens};
use crate::domain::moment::Moment;
use crate::ledger::{Appended, UsedToken};

/// A plain BEGIN that reads and then writes could find that the command line has written in between.
static BEGIN: LazyLock<String> = LazyLock::new(|| ["BEGIN IMMEDIATE;\n", used_tokens::TAKE].concat());

static COMMIT: LazyLock<String> = LazyLock::new(|| {
    [
        strategies::WRITE,
        positions::CLEAR,
        positions::WRITE,
        revisions::APPEND,
        revisions::APPEND_CHANGES,
        used_tokens::GIVE_BACK,
        "COMMIT;\n",
    ]
    .concat()
});

/// Begins a transaction that writes, records tokens as used, and says which of them were not used before.
pub(in crate::store) async fn begin(
    connection: &mut SqliteConnection,
    tokens: &[UsedToken],
) -> Result<HashSet<UsedToken>, sqlx::Error> {
    let taken = sqlx::query(BEGIN.as_str()).bind(used_tokens::rows(tokens)).fetch_all(connection).await?;
    let understood = |row: sqlx::sqlite::SqliteRow| {
        let (signed_at, digest): (i64, Vec<u8>) = (row.try_get("signed_at")?, row.try_get("digest")?);
        let digest = digest.try_into().map_err(|_| sqlx::Error::Decode("a digest has 32 bytes".into()))?;
        Ok(UsedToken { signed_at: Moment::from_micros(signed_at), digest })
    };
    taken.into_iter().map(understood).collect()
}

/// Writes what a batch appends, takes back the record of tokens that allowed nothing, and commits.
pub(in crate::store) async fn commit(
    connection: &mut SqliteConnection,
    appended: &Appended,
    unspent: &HashSet<UsedToken>,
) -> Result<(), sqlx::Error> {
    let (gone, kept) = positions::rows(&appended.places);
    sqlx::query(COMMIT.as_str())
        .bind(strategies::rows(&appended.strategies))
        .bind(gone)
        .bind(kept)
        .bind(revisions::rows(&appended.entries))
        .bind(revisions::change_rows(&appended.entries))
        .bind(used_tokens::rows(unspent))
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a transaction that failed; what SQLite has ended by itself is not worth a word.
pub(in crate::store) async fn roll_back(connection: &mut SqliteConnection) {
    let _ = sqlx::query!("ROLLBACK").execute(connection).await;
}
