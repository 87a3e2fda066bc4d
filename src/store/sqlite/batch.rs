//! The transaction of a batch, in two trips to the thread that SQLite works on: where the cores are busy, waiting for that
//! thread to be woken costs more than what it does.

use std::collections::HashSet;
use std::sync::LazyLock;

use sqlx::{Row as _, SqliteConnection};

use super::{
    attributed, attribution_events, channel_secrets, documents, fills, holding_changes, item_eras, kept_lists,
    past_instruments, reports, revisions, strategies, used_tokens,
};
use crate::domain::moment::Moment;
use crate::ledger::{Appended, FiledStep, UsedToken};

/// A plain BEGIN that reads and then writes could find that the command line has written in between.
static BEGIN: LazyLock<String> = LazyLock::new(|| ["BEGIN IMMEDIATE;\n", used_tokens::TAKE].concat());

/// Its statements share their parameters: each names by number those that it takes.
static WRITE: LazyLock<String> = LazyLock::new(|| {
    [
        strategies::REMOVE,
        strategies::WRITE,
        documents::WRITE,
        revisions::APPEND,
        kept_lists::KEEP,
        item_eras::NOTE,
        past_instruments::NOTE,
        used_tokens::GIVE_BACK,
    ]
    .concat()
});

static COMMIT: LazyLock<String> = LazyLock::new(|| [&WRITE, "COMMIT;\n"].concat());

/// The long texts and digests of a batch, one behind the other. Rows of numbers and short texts go to SQLite as JSON and
/// say where theirs begin: JSON within JSON would be escaped here and understood there for nothing.
#[derive(Debug, Default)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    /// Adds some, and says where they begin, from 1, and how long they are.
    pub(super) fn put(&mut self, bytes: &[u8]) -> (usize, usize) {
        let begin = self.0.len() + 1;
        self.0.extend_from_slice(bytes);
        (begin, bytes.len())
    }

    /// How many there are.
    fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    pub(super) fn into_inner(self) -> Vec<u8> {
        self.0
    }
}

/// Begins a transaction that writes, records tokens as used, and says which of them were not used before.
pub(in crate::store) async fn begin(
    connection: &mut SqliteConnection,
    tokens: &HashSet<UsedToken>,
) -> Result<HashSet<UsedToken>, sqlx::Error> {
    let taken = sqlx::query(BEGIN.as_str()).bind(used_tokens::rows(tokens)).fetch_all(connection).await?;
    let understood = |row: sqlx::sqlite::SqliteRow| {
        let (signed_at, digest): (i64, Vec<u8>) = (row.try_get("signed_at")?, row.try_get("digest")?);
        let digest = digest.try_into().map_err(|_| sqlx::Error::Decode("a digest has 32 bytes".into()))?;
        Ok(UsedToken { signed_at: Moment::from_micros(signed_at), digest })
    };
    taken.into_iter().map(understood).collect()
}

/// Writes what a batch appends, takes back the record of tokens that allowed nothing, and commits. Says about how long the
/// log has grown by it: bytes.
pub(in crate::store) async fn commit(
    connection: &mut SqliteConnection,
    appended: &Appended,
    unspent: &HashSet<UsedToken>,
) -> Result<u64, sqlx::Error> {
    run(connection, &COMMIT, appended, unspent).await
}

/// Writes what a draft appends into a transaction that goes on.
pub(in crate::store) async fn write(connection: &mut SqliteConnection, appended: &Appended) -> Result<(), sqlx::Error> {
    run(connection, &WRITE, appended, &HashSet::new()).await.map(|_| ())
}

async fn run(
    connection: &mut SqliteConnection,
    statements: &'static str,
    appended: &Appended,
    unspent: &HashSet<UsedToken>,
) -> Result<u64, sqlx::Error> {
    /// What a row takes with its indexes besides its texts: a page in each.
    const ROW: usize = 4 * 4096;
    // Pushes make no trip for them.
    if !appended.reports.is_empty() {
        reports::write(connection, &appended.reports).await?;
        holding_changes::append(connection, &appended.reports).await?;
        fills::append(connection, &appended.reports).await?;
        attributed::write(connection, &appended.reports).await?;
        attribution_events::append(connection, &appended.reports).await?;
    }
    for (channel, secrets) in &appended.secrets {
        channel_secrets::keep(connection, channel, secrets.as_ref()).await?;
    }
    let mut bytes = Bytes::default();
    let strategies = strategies::rows(appended.strategies.values(), &mut bytes);
    let revisions = revisions::rows(&appended.entries, &mut bytes);
    let kept = kept_lists::rows(appended.strategies.values().filter(|state| state.is_kept), &mut bytes);
    let documents = documents::rows(appended.documents.values(), &mut bytes);
    let entries: usize = appended.reports.iter().map(rows_of).sum();
    let about = bytes.len() + ROW * (1 + appended.strategies.len() + appended.entries.len() + entries);
    sqlx::query(statements)
        .bind(bytes.into_inner())
        .bind(strategies)
        .bind(revisions)
        .bind(kept)
        .bind(item_eras::range(&appended.entries))
        .bind(used_tokens::rows(unspent))
        .bind(documents)
        .bind(past_instruments::rows(&appended.entries))
        .execute(connection)
        .await?;
    Ok(u64::try_from(about).unwrap_or(u64::MAX))
}

/// About how many rows a report writes.
fn rows_of(filed: &FiledStep) -> usize {
    4 + filed.step.changes.len() + filed.step.fills.len() + filed.attributed.event.touches.len()
}

/// Whether a COMMIT that failed may have reached the disk all the same: when the failure came after the log was written (in
/// making sure that it was, or in telling the other connections), or from elsewhere than the database. After any other
/// error SQLite takes the transaction back.
pub(in crate::store) fn is_doubtful(error: &sqlx::Error) -> bool {
    /// `SQLITE_NOMEM`; `SQLITE_IOERR_` `FSYNC`, `DIR_FSYNC`, `SHMOPEN`, `SHMSIZE`, `SHMLOCK` and `SHMMAP`.
    const AFTER_THE_LOG: [&str; 7] = ["7", "1034", "1290", "4618", "4874", "5130", "5386"];
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_none_or(|code| AFTER_THE_LOG.contains(&&*code))
}

/// Ends a transaction that failed; what SQLite has ended by itself is not worth a word.
pub(in crate::store) async fn roll_back(connection: &mut SqliteConnection) {
    let _ = sqlx::query!("ROLLBACK").execute(connection).await;
}
