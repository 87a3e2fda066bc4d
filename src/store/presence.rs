//! Whether the database's files are still those that were opened: what is written to a deleted file is gone at the restart.

use std::io;
use std::path::{Path, PathBuf};

/// Which file stands at a path: device and inode.
#[cfg(unix)]
type Identity = (u64, u64);

/// A file that is open cannot be deleted here.
#[cfg(not(unix))]
type Identity = ();

/// The files of an open database.
#[derive(Debug)]
pub(super) struct Presence {
    files: [(PathBuf, Identity); 2],
}

impl Presence {
    /// The files as they are: the database, and the log in which it writes.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let file = |path: PathBuf| identity(&path).map(|(identity, _)| (path, identity));
        Ok(Self { files: [file(database.to_owned())?, file(log.into())?] })
    }

    /// Checks that they are still there, and says how long the log is: bytes.
    pub(super) fn check(&self) -> Result<u64, String> {
        let mut length = 0;
        for (path, was) in &self.files {
            match identity(path) {
                Ok((is, bytes)) if is == *was => length = bytes,
                Ok(_) => return Err(format!("{} is another file than the one that was opened", path.display())),
                Err(error) => return Err(format!("{} is gone: {error}", path.display())),
            }
        }
        Ok(length)
    }
}

/// Which file stands at a path, and how long it is.
fn identity(path: &Path) -> io::Result<(Identity, u64)> {
    let about = std::fs::metadata(path)?;
    #[cfg(unix)]
    let identity = (std::os::unix::fs::MetadataExt::dev(&about), std::os::unix::fs::MetadataExt::ino(&about));
    #[cfg(not(unix))]
    let identity = ();
    Ok((identity, about.len()))
}
