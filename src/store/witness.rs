//! A small file beside the database that remembers the newest revision: whoever puts an older copy of the database back,
//! by hand, or takes it away, is noticed at the next start.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::backups::SET_ASIDE;
use super::error::OpenError;
use super::lineage;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::files::folder_of;
use crate::ledger::chain::Head;

/// The length of what stands in the file: writing it anew takes no new room, which a full disk would not give.
const LENGTH: usize = 160;

/// The newest that was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Witnessed {
    pub(super) lineage: i64,
    pub(super) revision: Revision,
    /// The revision's hash, in hexadecimal.
    pub(super) hash: String,
    /// When the latest of the tokens that were used was signed: one may be dated ahead, and a copy does not know it.
    #[serde(default)]
    pub(super) spent: i64,
}

impl Witnessed {
    pub(super) fn new(lineage: i64, head: &Head) -> Self {
        Self { lineage, revision: head.revision, hash: hex::encode(head.hash), spent: 0 }
    }

    /// Until when tokens were signed that may have been used.
    pub(super) fn spent_until(&self, now: Moment) -> Moment {
        now.max(Moment::from_micros(self.spent))
    }
}

/// Lets a database that is empty stand beside a file that has seen more.
pub(super) fn begin_anew(database: &Path, now: Moment) -> Result<(), OpenError> {
    if !is_empty(database) {
        return Err(OpenError::NotEmpty(database.display().to_string()));
    }
    let (mut witness, seen) = Witness::open(database)?;
    // Whatever comes is of another lineage.
    let lineage = seen.map_or(1, |seen| lineage::next([seen.lineage], now));
    witness.note(&Witnessed::new(lineage, &Head::START));
    Ok(())
}

/// Refuses a database that is gone or was emptied, before SQLite looks at it: to SQLite a log beside an empty file is a
/// left-over, and it deletes what the log alone may hold.
pub(super) fn must_not_be_emptied(database: &Path) -> Result<(), OpenError> {
    if !is_empty(database) {
        return Ok(());
    }
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    match seen(database) {
        Some(Witnessed { revision, .. }) if revision > Revision::NONE => Err(OpenError::Emptied(revision)),
        Some(_) => Ok(()),
        None if !is_empty(Path::new(&log)) => {
            Err(OpenError::Corrupt(format!("{} is gone or empty, but its log is there", database.display())))
        }
        // A restore was cut off between the two.
        None => set_aside(database).map_or(Ok(()), |folder| Err(OpenError::SetAside(folder.display().to_string()))),
    }
}

/// The newest of the folders beside a database to which one went that a copy was to take the place of.
fn set_aside(database: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder_of(database)).into_iter().flatten().filter_map(Result::ok);
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(SET_ASIDE)).map(|entry| entry.path()).max()
}

/// The file that belongs to a database.
pub(super) fn beside(database: &Path) -> PathBuf {
    database.with_extension("head")
}

/// What it says; None where it says nothing, or is not there.
pub(super) fn seen(database: &Path) -> Option<Witnessed> {
    serde_json::from_str(std::fs::read_to_string(beside(database)).ok()?.trim()).ok()
}

/// Whether there is no such file, or nothing in it.
fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |about| about.len() == 0)
}

/// The file, open.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    path: PathBuf,
    spent: Moment,
}

impl Witness {
    /// Opens the file that belongs to a database, and reads what it says; a file that says nothing has seen nothing.
    pub(super) fn open(database: &Path) -> io::Result<(Self, Option<Witnessed>)> {
        let path = beside(database);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        // That it is there must outlast a power cut; what it says may be older.
        file.sync_all()?;
        let mut text = String::new();
        if file.read_to_string(&mut text).is_err() {
            text.clear();
        }
        let seen: Option<Witnessed> = serde_json::from_str(text.trim()).ok();
        if seen.is_none() && !text.is_empty() {
            tracing::warn!(path = %path.display(), "what remembers the newest revision cannot be read; it begins anew");
        }
        let spent = Moment::from_micros(seen.as_ref().map_or(0, |seen| seen.spent));
        Ok((Self { file, path, spent }, seen))
    }

    /// Takes notice of a token that is used, to be remembered with the next note.
    pub(super) fn spend(&mut self, signed_at: Moment) {
        self.spent = self.spent.max(signed_at);
    }

    /// Remembers what is the newest now. It is not waited for that it reaches the disk: an older memory is no harm.
    pub(super) fn note(&mut self, newest: &Witnessed) {
        let newest = Witnessed { spent: self.spent.as_micros(), ..newest.clone() };
        let text = serde_json::to_string(&newest).unwrap_or_default();
        // In one piece: writing it down with its blanks straight to the file takes a call to the system for each of them.
        let text = format!("{text:<LENGTH$}\n");
        let written = self.file.rewind().and_then(|()| self.file.write_all(text.as_bytes()));
        if let Err(error) = written {
            tracing::warn!(%error, path = %self.path.display(), "the newest revision could not be noted beside the database");
        }
    }
}
