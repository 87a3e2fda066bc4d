//! The folder `keys/`: which public keys verify a client's tokens, and what narrows the client.

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use serde::Deserialize;

use super::signature::VerifyingKey;
use crate::clock::Clock;
use crate::domain::excerpt::Excerpt;
use crate::domain::strategy::Pattern;

/// The client whose key verifies every client id that has no key of its own.
pub const DEFAULT_CLIENT: &str = "default";

/// The file that narrows clients.
const RULES_FILE: &str = "clients.toml";

/// How often the folder is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// No file in the folder is read beyond this.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A private key lies where only public ones belong.
    #[error(
        "{0} holds a private key. Only public keys belong in this folder: move the private key to the machine that \
         signs, and put the public key here"
    )]
    PrivateKey(PathBuf),
    /// Others than its owner can write into the folder.
    #[error(
        "{0:?} can be written by others than its owner: others could put a key of their own there, and push with it. \
         Mend it with\n    chmod go-w {0:?}"
    )]
    OpenToOthers(PathBuf),
    /// A file is not what its name says.
    #[error("{path}: {reason}")]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder or a file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What narrows a client.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    /// The strategies that it may push to; all when absent.
    strategies: Option<Vec<String>>,
    /// Whether its tokens may come without `body_sha256`.
    #[serde(default = "allowed")]
    unbound: bool,
}

/// What narrows whom.
type ClientRules = BTreeMap<String, Rules>;

const fn allowed() -> bool {
    true
}

/// A client: who verifies, and what it may.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) strategies: Option<Vec<Pattern>>,
    pub(super) unbound: bool,
}

/// A client, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its id.
    pub id: String,
    /// SHA-256 of each of its public keys (SPKI DER), in hexadecimal.
    pub fingerprints: Vec<String>,
    /// What it may push to; None for everything.
    pub strategies: Option<Vec<String>>,
    /// Whether its tokens may be bound to nothing.
    pub unbound: bool,
}

/// Everything in the folder at one moment.
#[derive(Debug, Default)]
struct Clients {
    by_id: HashMap<String, Arc<Client>>,
    rules: ClientRules,
    default_pem: Option<String>,
}

/// What tells that a file is another one than before. Length and time can be kept by who puts another one there; which
/// file it is, and when the system last saw it change, cannot.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and the time of the last change in seconds and nanoseconds.
    #[cfg(unix)]
    identity: (u64, u64, i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            identity: (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What is in the folder.
type Listing = BTreeMap<PathBuf, Stamp>;

/// The folder, read again when it changes.
#[derive(Debug)]
pub struct Keyring {
    dir: PathBuf,
    clock: Clock,
    clients: ArcSwap<Clients>,
    /// When the folder was last looked at, by what the clock has run, and what was there.
    looked: Mutex<(Duration, Listing)>,
    /// How often `clients` was replaced.
    changes: AtomicU64,
}

impl Keyring {
    /// Reads the folder, and refuses whatever does not belong there.
    ///
    /// # Errors
    /// When a file is a private key, is no key, or cannot be read.
    pub fn open(dir: &Path, clock: Clock) -> Result<Self, KeyringError> {
        let listing = list(dir)?;
        refuse_open_to_others(dir)?;
        let (clients, problems) = read(&listing, ClientRules::new());
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem);
        }
        let looked = Mutex::new((clock.running(), listing));
        Ok(Self {
            dir: dir.to_owned(),
            clock,
            clients: ArcSwap::from_pointee(clients),
            looked,
            changes: AtomicU64::new(0),
        })
    }

    /// The client that a token names: the one with keys of its own, or else the default one.
    pub(super) fn client(&self, client_id: &str) -> Option<Arc<Client>> {
        let clients = self.clients.load();
        clients.by_id.get(client_id).or_else(|| clients.by_id.get(DEFAULT_CLIENT)).cloned()
    }

    /// Every client, by id.
    pub fn infos(&self) -> Vec<ClientInfo> {
        let clients = self.clients.load();
        let mut infos: Vec<ClientInfo> = clients
            .by_id
            .iter()
            .map(|(id, client)| ClientInfo {
                id: id.clone(),
                fingerprints: client.keys.iter().map(VerifyingKey::fingerprint).collect(),
                strategies: client
                    .strategies
                    .as_ref()
                    .map(|patterns| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect()),
                unbound: client.unbound,
            })
            .collect();
        infos.sort_by(|one, two| one.id.cmp(&two.id));
        infos
    }

    /// Whether the folder was not looked at for a while; the one who is told so is to look.
    pub(super) fn is_due(&self) -> bool {
        let now = self.clock.running();
        let mut looked = match self.looked.try_lock() {
            Ok(looked) => looked,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody looks just now, at files: nobody who answers requests waits for that.
            Err(TryLockError::WouldBlock) => return false,
        };
        let due = now.saturating_sub(looked.0) >= LOOK_EVERY;
        if due {
            looked.0 = now;
        }
        due
    }

    /// The default client's public key as PEM.
    pub fn default_pem(&self) -> Option<String> {
        self.clients.load().default_pem.clone()
    }

    /// Whether any public key is known.
    pub fn is_empty(&self) -> bool {
        self.clients.load().by_id.is_empty()
    }

    /// How often the keys have changed since the start.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Looks at the folder at once: a key may have been put there just now. A file that has become unusable is left out
    /// and said so in the log; the others go on, and a key that was taken away is gone.
    pub(super) fn look_again(&self) {
        let now = self.clock.running();
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.0 = now;
        let listing = match list(&self.dir) {
            Ok(listing) => listing,
            Err(error) => {
                tracing::error!(%error, "the keys folder cannot be read; the keys stay as they were");
                return;
            }
        };
        if listing == looked.1 {
            return;
        }
        // A key that was taken away must be gone all the same.
        if let Err(error) = refuse_open_to_others(&self.dir) {
            tracing::error!(%error, "whoever changed the keys folder may not be its owner");
        }
        let (clients, problems) = read(&listing, self.clients.load().rules.clone());
        for problem in problems {
            tracing::error!(error = %Excerpt(&problem.to_string()), "left out of the keys folder");
        }
        tracing::info!(clients = clients.by_id.len(), "the keys folder was read again");
        self.clients.store(Arc::new(clients));
        self.changes.fetch_add(1, Ordering::Release);
        looked.1 = listing;
    }
}

/// What is in the folder, for people to look at before a start would refuse it.
#[derive(Debug)]
pub struct Inspection {
    /// How many keys can be used.
    pub keys: usize,
    /// The size of the weakest of them.
    pub weakest: Option<u32>,
    /// Whether a default key may push to every strategy.
    pub is_default_wide: bool,
    /// The clients that `clients.toml` narrows and that have no key.
    pub keyless: Vec<String>,
    /// What is wrong.
    pub problems: Vec<KeyringError>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

/// Looks at everything in a folder, and uses nothing.
///
/// # Errors
/// When it cannot be read.
pub fn inspect(dir: &Path) -> Result<Inspection, KeyringError> {
    let listing = list(dir)?;
    let (clients, mut problems) = read(&listing, ClientRules::new());
    problems.extend(refuse_open_to_others(dir).err());
    let bits = clients.by_id.values().flat_map(|client| &client.keys).map(VerifyingKey::bits);
    let default = clients.by_id.get(DEFAULT_CLIENT);
    Ok(Inspection {
        keys: bits.clone().count(),
        weakest: bits.min(),
        is_default_wide: default.is_some_and(|default| !default.keys.is_empty() && default.strategies.is_none()),
        keyless: clients.rules.keys().filter(|id| !clients.by_id.contains_key(*id)).cloned().collect(),
        problems,
        files: listing.into_keys().collect(),
    })
}

fn list(dir: &Path) -> Result<Listing, KeyringError> {
    let failed = |source| KeyringError::Io { path: dir.to_owned(), source };
    let mut listing = Listing::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let known = path.extension().is_some_and(|extension| extension == "pem") || path.ends_with(RULES_FILE);
        // A file that vanishes in between is no longer in the folder; whoever reads a pipe waits for ever.
        if let (true, Ok(metadata)) = (known, std::fs::metadata(&path))
            && metadata.is_file()
        {
            listing.insert(path, Stamp::of(&metadata));
        }
    }
    Ok(listing)
}

#[cfg(unix)]
fn refuse_open_to_others(dir: &Path) -> Result<(), KeyringError> {
    let metadata = std::fs::metadata(dir).map_err(|source| KeyringError::Io { path: dir.to_owned(), source })?;
    if metadata.mode() & 0o022 == 0 { Ok(()) } else { Err(KeyringError::OpenToOthers(dir.to_owned())) }
}

/// On Windows a folder takes over who may write from the one above it.
#[cfg(not(unix))]
fn refuse_open_to_others(_: &Path) -> Result<(), KeyringError> {
    Ok(())
}

/// Reads what is listed. Rules that cannot be read stay as they were: a typing error must not widen anybody.
fn read(listing: &Listing, old_rules: ClientRules) -> (Clients, Vec<KeyringError>) {
    let mut clients = Clients { rules: old_rules, ..Clients::default() };
    let mut by_id = HashMap::<String, Client>::new();
    let mut problems = Vec::new();
    if !listing.keys().any(|path| path.ends_with(RULES_FILE)) {
        clients.rules.clear();
    }
    for (path, stamp) in listing {
        let text = read_file(path, stamp.length);
        if path.ends_with(RULES_FILE) {
            match text.and_then(|text| read_rules(path, &text)) {
                Ok(rules) => clients.rules = rules,
                Err(problem) => problems.push(problem),
            }
            continue;
        }
        // Up to the first dot: `alice.pem` and `alice.2026.pem` are both alice's.
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let client_id = name.split('.').next().unwrap_or_default();
        if client_id.is_empty() {
            problems.push(bad_file(path, "the file name begins with no client id"));
            continue;
        }
        // A client whose file is unusable, or cannot even be read, is still not the default client.
        let unlimited = || Client { keys: Vec::new(), strategies: None, unbound: true };
        let client = by_id.entry(client_id.to_owned()).or_insert_with(unlimited);
        match text.and_then(|text| Ok((read_key(path, &text)?, text))) {
            Ok((key, text)) => {
                client.keys.push(key);
                if name == format!("{DEFAULT_CLIENT}.pem") {
                    clients.default_pem = Some(text);
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    for (id, rules) in &clients.rules {
        let Some(client) = by_id.get_mut(id) else {
            tracing::warn!(client = %Excerpt(id), "clients.toml narrows a client that has no key in the folder");
            continue;
        };
        client.strategies = rules.strategies.as_ref().map(|patterns| patterns.iter().map(Pattern::new).collect());
        client.unbound = rules.unbound;
    }
    clients.by_id = by_id.into_iter().map(|(id, client)| (id, Arc::new(client))).collect();
    (clients, problems)
}

/// The rules in a file. One that says nothing is being written, or was emptied by mistake: nobody makes it to narrow nobody.
fn read_rules(path: &Path, text: &str) -> Result<ClientRules, KeyringError> {
    let rules: ClientRules = toml::from_str(text).map_err(|error| bad_file(path, &error.to_string()))?;
    if rules.is_empty() {
        let reason =
            "it narrows nobody. While the server runs, the narrowing stays as it was; to end it, delete the file";
        return Err(bad_file(path, reason));
    }
    Ok(rules)
}

fn bad_file(path: &Path, reason: &str) -> KeyringError {
    KeyringError::BadFile { path: path.to_owned(), reason: reason.to_owned() }
}

fn read_file(path: &Path, length: u64) -> Result<String, KeyringError> {
    if length > MAX_FILE_BYTES {
        return Err(bad_file(path, "it is larger than 1 MiB"));
    }
    std::fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData => bad_file(path, "it is not text; a public key in PEM form is wanted"),
        _ => KeyringError::Io { path: path.to_owned(), source },
    })
}

fn read_key(path: &Path, text: &str) -> Result<VerifyingKey, KeyringError> {
    if text.contains("PRIVATE KEY-----") {
        return Err(KeyringError::PrivateKey(path.to_owned()));
    }
    VerifyingKey::from_pem(text).map_err(|error| bad_file(path, &error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use proptest::sample::Index;
    use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
    use rsa::{BoxedUint, RsaPublicKey};

    use super::*;
    use crate::domain::moment::Moment;

    const RULES: &str = "[alice]\nstrategies = [\"alpha*\", \"双均线\"]\nunbound = false\n\n[\"b b\"]\n";

    static KEY: LazyLock<String> = LazyLock::new(|| {
        let modulus = BoxedUint::from_be_slice_vartime(&[0xff; 256]);
        let key = RsaPublicKey::new_unchecked(modulus, 65_537_u32.into());
        key.to_public_key_pem(LineEnding::LF).unwrap()
    });

    /// A text in which some characters are others, are gone, or stand twice; or none that it was made of.
    fn nearly(text: &'static str) -> impl Strategy<Value = String> {
        let edit = (any::<Index>(), prop::collection::vec(any::<char>(), 0..3));
        let edited = prop::collection::vec(edit, 0..4).prop_map(move |edits| {
            let mut letters: Vec<char> = text.chars().collect();
            for (place, others) in edits {
                let at = place.index(letters.len() + 1);
                letters.splice(at..(at + 1).min(letters.len()), others);
            }
            letters.into_iter().collect()
        });
        prop_oneof![9 => edited, 1 => any::<String>()]
    }

    proptest! {
        #[test]
        fn no_text_in_the_folder_is_a_panic(rules in nearly(RULES), key in nearly(&KEY)) {
            if let Ok(rules) = read_rules(Path::new(RULES_FILE), &rules) {
                prop_assert!(!rules.is_empty(), "rules that narrow nobody");
            }
            if let Ok(key) = read_key(Path::new("alice.pem"), &key) {
                prop_assert!(!key.verify(b"", &[0; 256]));
            }
        }
    }

    #[test]
    fn what_is_changed_above_is_good_as_it_stands() {
        assert_eq!(read_rules(Path::new(RULES_FILE), RULES).unwrap().len(), 2);
        assert_eq!(read_key(Path::new("alice.pem"), &KEY).unwrap().bits(), 2048);
    }

    #[test]
    fn nobody_waits_for_a_look_at_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Moment::from_micros(0));
        let keyring = Keyring::open(dir.path(), clock.clone()).unwrap();
        clock.advance(LOOK_EVERY);
        let looking = keyring.looked.lock().unwrap();
        assert!(!keyring.is_due());
        drop(looking);
        assert!(keyring.is_due() && !keyring.is_due());
    }
}
