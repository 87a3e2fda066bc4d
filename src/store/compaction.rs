//! The history folded up to a day: into an archive, and a checkpoint from which it goes on. Nothing else may have the database
//! open.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use sqlx::SqliteConnection;

use super::archive::{self, ArchiveError, Archived, Writing};
use super::backups::is_own;
use super::error::OpenError;
use super::sqlite::checkpoint::{self, Measured};
use super::sqlite::{self, batch, copies, history, verify};
use super::verify::Verdict;
use super::witness::Witnessed;
use super::writer::Begun;
use crate::domain::book::Book;
use crate::domain::checkpoint::Checkpoint;
use crate::domain::moment::Moment;
use crate::domain::revision::{Actor, Revision};
use crate::domain::state::State;
use crate::domain::strategy::StrategyName;
use crate::files::folder_of;
use crate::ledger::chain::Head;
use crate::ledger::replay::Replay;
use crate::ledger::{Document, Ledger, Put, Snapshot};

/// Why nothing is folded.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// What stands there is not what the history leads to.
    #[error("the history does not hold together, so nothing was changed: {0}")]
    Unsound(String),
    /// The list that a strategy goes back to would be gone.
    #[error(
        "strategy {:?} is flat and goes back to revision {revision}, which would be folded: let it live again or delete it first, or \
         fold up to an earlier day",
        strategy.as_str()
    )]
    Needed {
        /// The strategy.
        strategy: StrategyName,
        /// The revision.
        revision: Revision,
    },
    /// Something failed when the archive was there already.
    #[error(
        "{error}. The archive {} is left over: see with `jq2qmt verify` whether the history was folded, and delete it where it was not",
        archive.display()
    )]
    CutShort {
        /// The archive.
        archive: PathBuf,
        /// What failed.
        error: Box<Self>,
    },
    /// The archive would take the place of the server's own files.
    #[error("{0} is one of the server's own files; choose another name for the archive")]
    Own(PathBuf),
    /// There is too little room.
    #[error(
        "about {needed} bytes must be free in {} for the archive and for the database to be written anew, and {free} are: nothing was \
         changed",
        folder.display()
    )]
    Room {
        /// How many bytes.
        needed: u64,
        /// How many there are.
        free: u64,
        /// Where.
        folder: PathBuf,
    },
    /// The archive cannot be written, or is not what was to be written.
    #[error("nothing was folded: {0}")]
    Archive(#[from] ArchiveError),
    /// The database cannot be read or written.
    #[error(transparent)]
    Database(#[from] OpenError),
}

impl From<sqlx::Error> for CompactionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<std::io::Error> for CompactionError {
    fn from(error: std::io::Error) -> Self {
        Self::Archive(error.into())
    }
}

/// What would be folded.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The first revision, and when it was made.
    pub first: (Revision, Moment),
    /// The last.
    pub last: Head,
    /// How many there are.
    pub revisions: u64,
    /// The checkpoint that is folded with them: the last revision of the archive before.
    pub since: Option<Revision>,
    /// How long the database is: bytes.
    pub database: u64,
    /// About how much of it would become free.
    pub freed: u64,
}

/// What was folded.
#[derive(Debug)]
pub struct Compacted {
    /// The archive.
    pub archived: Archived,
    /// Where the history ends now: at the revision that speaks of the checkpoint.
    pub head: Head,
    /// How long the database was and is: bytes.
    pub sizes: (u64, u64),
    /// Why it was not made smaller, where that failed: what is free in it is used again.
    pub unshrunk: Option<String>,
    /// What a walk along the chain finds now.
    pub verdict: Verdict,
}

/// What is being done: with a history of years each of these takes minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The history is walked as it is.
    Verify,
    /// What is folded is written to the archive, and read back.
    Archive,
    /// It leaves the database, within a transaction.
    Fold,
    /// What is left is walked, and committed where it is whole.
    Prove,
    /// The database is written anew without what is free in it.
    Shrink,
    /// What was written is walked.
    VerifyAgain,
}

impl Plan {
    /// Where the archive goes unless it is said: beside the database, named by its revisions.
    pub fn archive(&self, database: &Path) -> PathBuf {
        let stem = database.file_stem().and_then(|stem| stem.to_str()).unwrap_or("jq2qmt");
        let (first, last) = (self.first.0, self.last.revision);
        database.with_file_name(format!("{stem}-revisions-{first}-{last}.jsonl.gz"))
    }

    /// How many bytes must be free meanwhile: the log of what is deleted and the archive, later a copy of what stays and the log of
    /// that, are never longer together.
    const fn room(&self) -> u64 {
        2 * self.database
    }
}

/// What the history of the database at `path` says of the checkpoint from which it goes on; None where there is none, or no database.
///
/// # Errors
/// When it is of another version, or cannot be read.
pub async fn latest(path: &Path) -> Result<Option<Checkpoint>, OpenError> {
    if !path.exists() {
        return Ok(None);
    }
    let pool = sqlite::open_read_only(path)?;
    let book = sqlite::look(&pool).await;
    pool.close().await;
    Ok(book?.settings().checkpoint().cloned())
}

/// What would be folded of the database at `path`, of what was before a moment; None where there is nothing.
///
/// # Errors
/// When there is no database, it is of another version, it cannot be read, or what is needed would be folded.
pub async fn plan(path: &Path, before: Moment) -> Result<Option<Plan>, CompactionError> {
    let pool = sqlite::open_read_only(path)?;
    let planned = async {
        let book = sqlite::look(&pool).await?;
        let mut connection = pool.acquire().await?;
        plan_within(&mut connection, &book, before).await
    };
    let planned = planned.await;
    pool.close().await;
    planned
}

async fn plan_within(
    connection: &mut SqliteConnection,
    book: &Book,
    before: Moment,
) -> Result<Option<Plan>, CompactionError> {
    let since = book.settings().checkpoint().map(|checkpoint| checkpoint.revision);
    let last = history::head_at(connection, Moment::from_micros(before.as_micros() - 1)).await?;
    let folded = since.unwrap_or(Revision::NONE);
    if last.revision <= folded {
        return Ok(None);
    }
    must_be_needed_by_none(connection, book, last.revision).await?;
    let Measured { first_at, revisions, freed } = checkpoint::measure(connection, folded, last.revision).await?;
    let (database, _) = checkpoint::sizes(connection).await?;
    let first = (folded.next(), first_at);
    Ok(Some(Plan { first, last, revisions, since, database, freed: freed.min(database) }))
}

/// Refuses to fold the list that a strategy which is flat goes back to, unless it is the one that it had up to the end.
async fn must_be_needed_by_none(
    connection: &mut SqliteConnection,
    book: &Book,
    last: Revision,
) -> Result<(), CompactionError> {
    for strategy in book.strategies().map(|strategy| &strategy.name) {
        let standing = book.settings().standing(strategy).map(|(standing, _)| standing);
        let Some(revision) = standing.filter(|one| one.state == State::Flat).and_then(|one| one.target) else {
            continue;
        };
        let then = history::list_as_of(connection, strategy, last).await?;
        if then.is_some_and(|then| then.mark.revision > revision) {
            return Err(CompactionError::Needed { strategy: strategy.clone(), revision });
        }
    }
    Ok(())
}

/// Folds what was before a moment into an archive and a checkpoint, and says what begins; None where there is nothing. What was cut
/// short by a crash leaves the database as it was or as it is to be, and nothing between.
///
/// # Errors
/// When the history does not hold together, there is too little room, or something cannot be written.
pub async fn compact(
    path: &Path,
    before: Moment,
    archive: Option<&Path>,
    now: Moment,
    begins: impl Fn(Step),
) -> Result<Option<(Plan, PathBuf, Compacted)>, CompactionError> {
    sqlite::create_or_migrate(path).await?;
    let Begun { mut connection, ledger, mut witness, lineage } = Begun::at(path, now).await?;
    let Some(plan) = plan_within(&mut connection, &ledger.book, before).await? else { return Ok(None) };
    let archive = archive.map_or_else(|| plan.archive(path), Path::to_owned);
    if is_own(path, &archive) {
        return Err(CompactionError::Own(archive));
    }
    must_have_room(path, &plan)?;
    begins(Step::Verify);
    must_be_whole(&verify::verify_within(&mut connection).await?)?;

    begins(Step::Archive);
    let (walked, archived) = write_archive(&mut connection, &plan, &archive).await?;
    let head = match fold(&mut connection, &ledger, &walked, &archived, now, &begins).await {
        Ok(head) => head,
        Err(error) => {
            batch::roll_back(&mut connection).await;
            return Err(CompactionError::CutShort { archive, error: Box::new(error) });
        }
    };
    witness.note(&Witnessed::new(lineage, &head));

    begins(Step::Shrink);
    let folder = folder_of(path).to_str().ok_or_else(|| OpenError::Unusable(format!("{} is no text", path.display())));
    let unshrunk = checkpoint::shrink(&mut connection, folder?).await.err().map(|error| error.to_string());
    let (size, _) = checkpoint::sizes(&mut connection).await?;
    copies::close(connection).await?;
    let sizes = (plan.database, size);
    begins(Step::VerifyAgain);
    let verdict = super::verify::verify(path).await?;
    Ok(Some((plan, archive, Compacted { archived, head, sizes, unshrunk, verdict })))
}

fn must_have_room(database: &Path, plan: &Plan) -> Result<(), CompactionError> {
    let (needed, folder) = (plan.room(), folder_of(database).to_owned());
    let free = fs4::available_space(&folder)?;
    if free < needed { Err(CompactionError::Room { needed, free, folder }) } else { Ok(()) }
}

fn must_be_whole(verdict: &Verdict) -> Result<(), CompactionError> {
    match verdict {
        Verdict::Whole { .. } => Ok(()),
        other => Err(CompactionError::Unsound(other.to_string())),
    }
}

/// Writes the archive and reads it back; and says where its revisions lead.
async fn write_archive(
    connection: &mut SqliteConnection,
    plan: &Plan,
    path: &Path,
) -> Result<(Replay, Archived), CompactionError> {
    let mut writing = Writing::begin(path)?;
    let mut walked = checkpoint::begin(connection).await?;
    let begin = walked.head().hash;
    while walked.head().revision < plan.last.revision {
        let entries = verify::entries_after(connection, walked.head().revision).await?;
        for entry in entries.into_iter().take_while(|entry| entry.revision <= plan.last.revision) {
            writing.add(&entry)?;
            walked.follow(entry).map_err(|reason| CompactionError::Unsound(reason.to_owned()))?;
        }
    }
    writing.name(path)?;
    let archived = archive::read(path, |_, _| Ok(()))?;
    let lines = archived.lines;
    if (lines.begin, lines.head, lines.length) != (begin, plan.last, plan.revisions) {
        return Err(CompactionError::Unsound(format!("{} does not hold what was written to it", path.display())));
    }
    Ok((walked, archived))
}

/// Folds what a walk has led through, in one transaction, where the history is whole after it.
async fn fold(
    connection: &mut SqliteConnection,
    ledger: &Ledger,
    walked: &Replay,
    archived: &Archived,
    now: Moment,
    begins: impl Fn(Step),
) -> Result<Head, CompactionError> {
    begins(Step::Fold);
    batch::begin(connection, &HashSet::new()).await?;
    let snapshot = checkpoint::fold(connection, walked).await?;
    let mut draft = ledger.draft(now, HashSet::new());
    let document = Document::Checkpoint(said_of(&snapshot, archived));
    let put = Put { document, actor: Actor::Operator, address: None, expected_revision: None };
    draft.settle(put).map_err(|rejected| OpenError::Unusable(rejected.to_string()))?;
    let (ledger, appended, _) = draft.finish();
    batch::write(connection, &appended).await?;
    begins(Step::Prove);
    must_be_whole(&verify::verify_within(connection).await?)?;
    checkpoint::commit(connection).await?;
    Ok(ledger.head)
}

/// What the history says of a checkpoint: whoever witnesses a later head has witnessed it.
fn said_of(snapshot: &Snapshot, archived: &Archived) -> Checkpoint {
    let Head { revision, at, hash } = snapshot.head;
    let [hash, seal, archive] = [hash, snapshot.seal(), archived.digest].map(hex::encode);
    Checkpoint { revision, at, hash, seal, archive, revisions: archived.lines.length }
}
