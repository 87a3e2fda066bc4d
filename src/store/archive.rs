//! Archives of revisions that were folded: the lines of an export (docs/ledger.md), gzip-ed.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::files::{folder_of, sync_folder};
use crate::ledger::chain::Entry;
use crate::ledger::{Line, Lines};

/// Why an archive is not written, or not believed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// There is a file of that name.
    #[error(
        "{0} exists already and is not overwritten: it may be of a run that was cut short. See with `jq2qmt verify --archive` what \
         it holds, move it away, or name another file with --archive"
    )]
    Exists(PathBuf),
    /// What is in it does not hold together.
    #[error("line {line} of the archive: {reason}")]
    Unsound {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing in it.
    #[error("there is no revision in the archive")]
    Empty,
    /// It cannot be read or written.
    #[error("the archive: {0}")]
    Io(#[from] io::Error),
}

/// What is in an archive in which everything follows from what is before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archived {
    /// The revisions.
    pub lines: Lines,
    /// SHA-256 of the file.
    pub digest: [u8; 32],
}

/// An archive that is being written, without its name yet.
pub(super) struct Writing(GzEncoder<BufWriter<NamedTempFile>>);

impl Writing {
    /// Begins one that is to lie there. Only its owner may read it.
    pub(super) fn begin(path: &Path) -> Result<Self, ArchiveError> {
        if path.exists() {
            return Err(ArchiveError::Exists(path.to_owned()));
        }
        let file = tempfile::Builder::new().prefix(".jq2qmt-").suffix(".tmp").tempfile_in(folder_of(path))?;
        Ok(Self(GzEncoder::new(BufWriter::new(file), Compression::default())))
    }

    pub(super) fn add(&mut self, entry: &Entry) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, &Line::new(entry))?;
        self.0.write_all(b"\n")
    }

    /// Gives it its name once it is on the disk.
    pub(super) fn name(self, path: &Path) -> Result<(), ArchiveError> {
        let file = self.0.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path).map_err(|error| error.error) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(ArchiveError::Exists(path.to_owned())),
            named => Ok(named.and_then(|_| sync_folder(folder_of(path)))?),
        }
    }
}

/// Reads an archive, holds each of its lines against its hash and against the line before it, and shows it with those so far.
///
/// # Errors
/// What is wrong with it, or what whoever looks finds wrong.
pub fn read(path: &Path, mut look: impl FnMut(&Line, &Lines) -> Result<(), String>) -> Result<Archived, ArchiveError> {
    let mut file = Hashed { file: File::open(path)?, digest: Sha256::new() };
    let (mut lines, mut number) = (None, 0);
    for line in BufReader::new(MultiGzDecoder::new(&mut file)).lines() {
        number += 1;
        let unsound = |reason| ArchiveError::Unsound { line: number, reason };
        let text = line?;
        let line = Line::read(&text).map_err(unsound)?;
        let so_far = Lines::follow(lines, &line).map_err(unsound)?;
        look(&line, &so_far).map_err(unsound)?;
        lines = Some(so_far);
    }
    Ok(Archived { lines: lines.ok_or(ArchiveError::Empty)?, digest: file.digest.finalize().into() })
}

/// A file that is read to its end, with SHA-256 over what was read.
struct Hashed {
    file: File,
    digest: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.digest.update(&buffer[..length]);
        Ok(length)
    }
}
