//! Copies of the database: made while a server writes on, looked through before they get their name, and put back.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tempfile::{NamedTempFile, TempDir, TempPath};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::error::OpenError;
use super::sqlite::{self, copies, upkeep};
use super::verify::{Verdict, verify};
use super::witness::{self, Witness, Witnessed};
use super::{Store, lineage};
use crate::clock::{Clock, stamp, stamped};
use crate::domain::moment::Moment;
use crate::files::{create_private_dir, folder_of, give_to_owner_of, sync_folder};
use crate::ledger::chain::Head;

/// What stands around the time in the name of a copy that the server makes: others in the folder are not its to delete.
const NAME: (&str, &str) = ("jq2qmt-", ".db");

/// What the name of an unfinished one of the server's begins with: whoever was killed leaves it behind.
const UNFINISHED: &str = ".jq2qmt-backup-";

/// What the name of a folder begins with to which a database went that a copy took the place of.
pub(super) const SET_ASIDE: &str = "before-restore-";

/// How long the maker of copies sleeps at most: somebody may set the clock meanwhile.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// After how long it tries again, where it was not to be much sooner anyway.
const RETRY_AFTER: Duration = Duration::from_mins(10);

/// Why there is no copy, or why one is not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of that name.
    #[error("{0} exists already and is not overwritten; choose another name, or say --force")]
    Exists(PathBuf),
    /// It would take the place of the server's own files.
    #[error("{0} is one of the server's own files; choose another name")]
    Own(PathBuf),
    /// There is no file of that name.
    #[error("there is no copy at {0}")]
    Missing(PathBuf),
    /// What was found in it does not hold together.
    #[error("the copy does not hold together, so nothing was changed: {0}")]
    Unsound(String),
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The file cannot be written.
    #[error("the file cannot be written: {0}")]
    Unwritable(io::Error),
    /// It cannot be written, and what was there before is not in its place any more.
    #[error("the file cannot be written: {error}; the database that was there before lies in {}", folder.display())]
    Aside {
        /// Why.
        error: io::Error,
        /// The folder to which the files went.
        folder: PathBuf,
    },
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::Unwritable(error)
    }
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A copy that was made and looked through.
#[derive(Debug, Clone)]
pub struct Backup {
    /// How many revisions it holds.
    pub revisions: u64,
    /// Where its history ends.
    pub head: Head,
    /// How long the file is.
    pub bytes: u64,
}

/// What was put back.
#[derive(Debug)]
pub struct Restored {
    /// The copy.
    pub backup: Backup,
    /// The lineage that begins with it.
    pub lineage: i64,
    /// The folder to which the files went that were there before, if any were.
    pub aside: Option<PathBuf>,
}

/// How the server makes copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How long after the newest one the next is made.
    pub every: Duration,
    /// How many are kept.
    pub keep: usize,
    /// Where.
    pub folder: PathBuf,
}

/// What became of the copies that the server makes.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// How often one is made; None where none are.
    pub every: Option<Duration>,
    /// When the newest was made, and how long it is: bytes. Of an earlier run of the server too.
    pub newest: Option<(Moment, u64)>,
    /// When one could not be made, and why; forgotten once one could.
    pub failure: Option<(Moment, String)>,
    /// How many were made since the start.
    pub made: u64,
    /// How many could not be made since the start.
    pub failed: u64,
}

/// What is known of the copies; a clone is the same knowledge.
#[derive(Debug, Clone, Default)]
pub struct Backups(Arc<ArcSwap<Told>>);

impl Backups {
    /// What became of them so far.
    pub fn told(&self) -> Arc<Told> {
        self.0.load_full()
    }

    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        let mut told = Told::clone(&self.0.load());
        tell(&mut told);
        self.0.store(Arc::new(told));
    }
}

/// Copies the database at `from` as it stands at one moment. The file gets its name when it was looked through and is on the
/// disk, and only its owner may read it.
///
/// # Errors
/// When the copy does not hold together, cannot be written, or would take the place of something.
pub async fn back_up(from: &Path, to: &Path, force: bool) -> Result<Backup, BackupError> {
    if is_own(from, to) {
        return Err(BackupError::Own(to.to_owned()));
    }
    if !force && to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let (draft, backup) = looked_through(from, folder_of(to), ".jq2qmt-").await?;
    name(draft, to, force)?;
    Ok(backup)
}

/// Puts a copy in the place of the database, which goes aside. Nothing else may have the database open.
///
/// # Errors
/// When the copy is none, does not hold together, or comes from a newer version, and nothing is changed then; or when the
/// disk fails, which says where the database is if it could not be left where it was.
pub async fn put_back(copy: &Path, database: &Path, now: Moment) -> Result<Restored, BackupError> {
    if !copy.exists() {
        return Err(BackupError::Missing(copy.to_owned()));
    }
    let draft = drawn(copy, folder_of(database), ".jq2qmt-").await?;
    let pool = sqlite::open_read_only(&draft.copy)?;
    let is_ours = copies::is_ours(&pool).await?;
    pool.close().await;
    if !is_ours {
        return Err(BackupError::Unsound(format!("{} is no database of jq2qmt", copy.display())));
    }
    let mut connection = copies::renew(&draft.copy).await?;
    let seen = witness::seen(database);
    let known = [upkeep::lineage(&mut connection).await?, lineage::of(database).await];
    let next = lineage::next(known.into_iter().chain(seen.as_ref().map(|seen| seen.lineage)), now);
    let mut forgotten = upkeep::forgotten(&mut connection).await?;
    lineage::begin(&mut connection, next, &mut forgotten, seen.as_ref(), now).await?;
    copies::close(connection).await?;
    let backup = look_through(&draft.copy).await?;

    // On the disk before the other one goes: from there on nothing is left to fail but names.
    File::options().write(true).open(&draft.copy)?.sync_all()?;
    let owner = if database.exists() { database } else { folder_of(database) };
    give_to_owner_of(&draft.copy, owner)?;
    let aside = change_places(draft, database, now)?;
    remember(database, &Witnessed::new(next, &backup.head));
    Ok(Restored { backup, lineage: next, aside })
}

/// Notes what was put back beside it. Without it the next start sees another database than was seen last, which is no harm.
fn remember(database: &Path, newest: &Witnessed) {
    let noted = Witness::open(database).and_then(|(mut witness, _)| {
        witness.note(newest);
        give_to_owner_of(&witness::beside(database), database)
    });
    if let Err(error) = noted {
        tracing::warn!(%error, "what was put back could not be noted beside the database");
    }
}

/// Makes copies as planned, for ever. One that fails is told, and does not end the server.
pub(crate) async fn keep_making(store: Store, database: PathBuf, plan: Plan, clock: Clock) -> Result<(), Infallible> {
    let newest = made_before(&plan.folder).pop().map(|(at, path)| (at, length(&path).unwrap_or(0)));
    let backups = store.backups();
    backups.tell(|told| (told.every, told.newest) = (Some(plan.every), newest));
    loop {
        let now = clock.now();
        let wait = until_due(&backups.told(), plan.every, now);
        if !wait.is_zero() {
            sleep(wait.min(LOOK_EVERY)).await;
            continue;
        }
        match make(&database, &plan, now).await {
            Ok((path, backup)) => {
                let (revisions, head) = (backup.revisions, hex::encode(backup.head.hash));
                tracing::info!(path = %path.display(), revisions, %head, bytes = backup.bytes, "a copy was made");
                backups.tell(|told| {
                    (told.newest, told.failure, told.made) = (Some((now, backup.bytes)), None, told.made + 1);
                });
            }
            Err(error) => {
                tracing::error!(%error, folder = %plan.folder.display(), "a copy of the database could not be made");
                backups.tell(|told| (told.failure, told.failed) = (Some((now, error.to_string())), told.failed + 1));
            }
        }
    }
}

/// How long it is until the next copy is to be made. A time in the future tells nothing: the clock ran ahead.
fn until_due(told: &Told, every: Duration, now: Moment) -> Duration {
    let left = |at: Moment, span: Duration| if at > now { Duration::ZERO } else { span.saturating_sub(now.since(at)) };
    let after_newest = told.newest.map_or(Duration::ZERO, |(at, _)| left(at, every));
    let after_failure = told.failure.as_ref().map_or(Duration::ZERO, |(at, _)| left(*at, every.min(RETRY_AFTER)));
    after_newest.max(after_failure)
}

/// Makes the copy of a moment, and deletes the oldest beyond those that are kept.
async fn make(database: &Path, plan: &Plan, now: Moment) -> Result<(PathBuf, Backup), BackupError> {
    create_private_dir(&plan.folder)?;
    for entry in std::fs::read_dir(&plan.folder)?.filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    let path = plan.folder.join(format!("{}{}{}", NAME.0, stamp(now), NAME.1));
    let (draft, backup) = looked_through(database, &plan.folder, UNFINISHED).await?;
    name(draft, &path, false)?;
    let older: Vec<PathBuf> =
        made_before(&plan.folder).into_iter().map(|(_, old)| old).filter(|old| *old != path).collect();
    for old in &older[..older.len().saturating_sub(plan.keep.saturating_sub(1))] {
        // The new copy is there: to count it as failed would make another in minutes, and so on until the disk is full.
        if let Err(error) = std::fs::remove_file(old) {
            tracing::error!(%error, path = %old.display(), "an old copy could not be deleted");
        }
    }
    Ok((path, backup))
}

/// The copies that the server made in a folder, oldest first.
fn made_before(folder: &Path) -> Vec<(Moment, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let when = |path: &Path| stamped(path.file_name()?.to_str()?.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?);
    let mut made: Vec<(Moment, PathBuf)> =
        entries.map(|entry| entry.path()).filter_map(|path| Some((when(&path)?, path))).collect();
    made.sort();
    made
}

/// The newest copy that the server made in a folder, and when.
pub fn newest_in(folder: &Path) -> Option<(Moment, PathBuf)> {
    made_before(folder).pop()
}

/// A copy without its name yet, in a folder of its own: SQLite may lay files beside it, and all are gone unless it gets one.
struct Draft {
    copy: TempPath,
    _folder: TempDir,
}

/// A copy without its name yet, looked through on a thread of its own: the chain may be long.
async fn looked_through(from: &Path, folder: &Path, prefix: &str) -> Result<(Draft, Backup), BackupError> {
    sqlite::must_be_of_this_version(from).await?;
    let draft = drawn(from, folder, prefix).await?;
    copies::mark(&draft.copy).await?;
    let runtime = Handle::current();
    let looking = spawn_blocking(move || {
        let found = runtime.block_on(look_through(&draft.copy))?;
        Ok((draft, found))
    });
    looking.await.map_err(io::Error::other)?
}

/// What a database holds at one moment, in a file that nobody else may read.
async fn drawn(from: &Path, folder: &Path, prefix: &str) -> Result<Draft, BackupError> {
    let folder = tempfile::Builder::new().prefix(prefix).suffix(".tmp").tempdir_in(folder)?;
    let copy = NamedTempFile::new_in(&folder)?.into_temp_path();
    let pool = sqlite::open_read_only(from)?;
    let drawn = copies::draw(&pool, &copy).await;
    pool.close().await;
    drawn?;
    Ok(Draft { copy, _folder: folder })
}

/// Looks through pages, chain and current state of a database.
async fn look_through(path: &Path) -> Result<Backup, BackupError> {
    let pool = sqlite::open_read_only(path)?;
    let damage = copies::damage(&pool).await;
    pool.close().await;
    if let Some(damage) = damage? {
        return Err(BackupError::Unsound(damage));
    }
    match verify(path).await? {
        Verdict::Whole { revisions, head, .. } => Ok(Backup { revisions, head, bytes: length(path)? }),
        other => Err(BackupError::Unsound(other.to_string())),
    }
}

/// Gives a file its name once it is on the disk, and lets a power cut keep the name.
fn name(draft: Draft, to: &Path, force: bool) -> Result<(), BackupError> {
    File::options().write(true).open(&draft.copy)?.sync_all()?;
    let named = if force { draft.copy.persist(to) } else { draft.copy.persist_noclobber(to) };
    match named.map_err(|error| error.error) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(BackupError::Exists(to.to_owned())),
        named => Ok(named.and_then(|()| sync_folder(folder_of(to)))?),
    }
}

/// Gives a draft the database's name, and lets what had it go into a folder beside it. Where that fails the database is back.
fn change_places(draft: Draft, database: &Path, now: Moment) -> Result<Option<PathBuf>, BackupError> {
    let files = files_of(database);
    let folder = (!files.is_empty()).then(|| folder_of(database).join(format!("{SET_ASIDE}{}", stamp(now))));
    let moved = folder.as_ref().map_or(Ok(()), |folder| set_aside(&files, folder));
    let named = moved.and_then(|()| draft.copy.persist_noclobber(database).map_err(|error| error.error));
    if let Err(error) = named {
        return Err(match folder {
            Some(folder) if bring_back(&files, &folder).is_err() => BackupError::Aside { error, folder },
            _ => error.into(),
        });
    }
    match (sync_folder(folder_of(database)), folder) {
        (Err(error), Some(folder)) => Err(BackupError::Aside { error, folder }),
        (synced, folder) => Ok(synced.map(|()| folder)?),
    }
}

/// A database and its log, as far as they are there.
fn files_of(database: &Path) -> Vec<PathBuf> {
    let beside = |end: &str| {
        let mut path = database.as_os_str().to_owned();
        path.push(end);
        PathBuf::from(path)
    };
    ["", "-wal", "-shm"].map(beside).into_iter().filter(|file| file.exists()).collect()
}

/// Moves a database and its log into a folder. The database goes first: a log without it stops a start, and a database
/// without its log would look whole.
fn set_aside(files: &[PathBuf], folder: &Path) -> io::Result<()> {
    create_private_dir(folder)?;
    give_to_owner_of(folder, &files[0])?;
    for file in files {
        std::fs::rename(file, within(folder, file))?;
    }
    sync_folder(folder)?;
    sync_folder(folder_of(folder))
}

/// Moves them back, the database last.
fn bring_back(files: &[PathBuf], folder: &Path) -> io::Result<()> {
    for file in files.iter().rev().filter(|file| within(folder, file).exists()) {
        std::fs::rename(within(folder, file), file)?;
    }
    std::fs::remove_dir(folder)
}

/// Where a file lies in a folder.
fn within(folder: &Path, file: &Path) -> PathBuf {
    folder.join(file.file_name().unwrap_or_default())
}

/// Whether a file would lie among those that the server keeps beside its database.
pub(super) fn is_own(database: &Path, file: &Path) -> bool {
    let place = |path: &Path| folder_of(path).canonicalize().ok();
    // Some file systems do not tell large letters from small ones.
    let stem = |path: &Path| path.file_name().and_then(|name| name.to_str()?.split('.').next().map(str::to_lowercase));
    place(database).is_some() && place(database) == place(file) && stem(database) == stem(file)
}

fn length(path: &Path) -> io::Result<u64> {
    std::fs::metadata(path).map(|about| about.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_copy_is_due_by_the_newest_and_sooner_after_a_failure() {
        let (hour, minute) = (Duration::from_hours(1), Duration::from_mins(1));
        let now = Moment::from_micros(1_767_595_800_000_000);
        let due = |newest: Option<Moment>, failure: Option<Moment>| {
            let told = Told {
                newest: newest.map(|at| (at, 1)),
                failure: failure.map(|at| (at, "full".to_owned())),
                ..Told::default()
            };
            until_due(&told, hour, now)
        };
        assert_eq!(due(None, None), Duration::ZERO);
        assert_eq!(due(Some(now.minus(20 * minute)), None), 40 * minute);
        assert_eq!(due(Some(now.minus(hour)), None), Duration::ZERO);
        assert_eq!(due(Some(now.minus(2 * hour)), Some(now.minus(minute))), 9 * minute);
        assert_eq!(due(Some(now.plus(hour)), None), Duration::ZERO, "the clock ran ahead");
    }
}
