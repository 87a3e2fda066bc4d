//! Folders that are their owner's alone, and names that outlast a power cut.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// Creates a folder that only its owner may enter; one that is there stays as it is.
///
/// # Errors
/// When it cannot be created.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    create_dir(path, 0o700)
}

/// Creates a folder with those rights, whatever else the shell would allow; one that is there stays as it is.
pub(crate) fn create_dir(path: &Path, mode: u32) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    // On Windows a folder takes over who may enter from the one above it.
    #[cfg(not(unix))]
    let _ = mode;
    builder.create(path)
}

/// The file in a data folder that its server keeps locked.
pub(crate) const LOCK: &str = "jq2qmt.lock";

/// Whether a server uses a data folder.
///
/// # Errors
/// When that cannot be seen.
pub(crate) fn is_in_use(data_dir: &Path) -> io::Result<bool> {
    let file = match File::open(data_dir.join(LOCK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    // Shared, and given back at once: it is in nobody's way but for that moment.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The folder in which a file lies.
pub(crate) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Gives a file or folder to whoever owns another one: what root makes beside a server's files, the server could not open.
pub(crate) fn give_to_owner_of(path: &Path, other: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let (own, wanted) = (std::fs::metadata(path)?, std::fs::metadata(other)?);
        if own.uid() != wanted.uid() {
            std::os::unix::fs::chown(path, Some(wanted.uid()), Some(wanted.gid()))?;
        }
    }
    // On Windows a file takes over its rights from its folder.
    #[cfg(not(unix))]
    let _ = (path, other);
    Ok(())
}

/// Lets a power cut keep the names in a folder. A Windows folder cannot be opened for it, and needs it not.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
