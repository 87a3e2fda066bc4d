//! Who may do what with the files and folders that nobody but the server's user is to touch.

use std::path::{Path, PathBuf};

use super::Setup;
use crate::auth::keyring::Inspection;

/// What a file or folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// The folder of the database.
    DataFolder,
    /// A file in the keys folder.
    Key,
    /// The private key of the certificate.
    CertificateKey,
    /// The configuration file, in which nothing is secret.
    Settings,
    /// The configuration file, in which the heartbeat's address stands.
    SecretSettings,
}

/// A file or folder as it stands.
#[derive(Debug, Clone)]
pub struct Held {
    /// Where.
    pub path: PathBuf,
    /// What for.
    pub thing: Thing,
    /// Who may do what, as Unix writes it.
    pub mode: u32,
}

/// Looks at all of them that are there; None where nothing can be seen that way.
pub(super) fn look(setup: &Setup, keys: Option<&Inspection>) -> Option<Vec<Held>> {
    let data = (setup.places.data_dir.clone(), Thing::DataFolder);
    let keys = keys.into_iter().flat_map(|keys| &keys.files).map(|path| (path.clone(), Thing::Key));
    let file = setup
        .file
        .iter()
        .map(|file| (file.path.clone(), if file.holds_secret { Thing::SecretSettings } else { Thing::Settings }));
    let certificate = setup.tls.iter().map(|tls| (tls.key.clone(), Thing::CertificateKey));
    let there = std::iter::once(data).chain(keys).chain(certificate).chain(file);
    let held = |(path, thing): (PathBuf, Thing)| mode(&path).map(|mode| Held { path, thing, mode });
    cfg!(unix).then(|| there.filter_map(held).collect())
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|about| std::os::unix::fs::MetadataExt::mode(&about) & 0o777)
}

/// On Windows a file takes over its rights from its folder, and who has which is asked for in another way.
#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}
