//! API keys: made once, shown once, known by their SHA-256.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::Denied;
use crate::clock::Clock;
use crate::domain::account::AccountName;
use crate::domain::strategy::Pattern;
use crate::store::Store;
use crate::store::api_keys::{ApiKey, NewApiKey, Scope};

/// What every key begins with, so that a leaked one is recognised for what it is.
pub(super) const MARK: &str = "jq2qmt_";

/// How many characters of a key are kept to tell it from others.
const PREFIX_CHARS: usize = MARK.len() + 6;

/// For how long a key that was found is believed without looking again; one that the command line revokes works that long at most.
const BELIEVED_FOR: Duration = Duration::from_secs(1);

/// How exactly the last use is recorded.
const USE_RECORDED_EVERY: Duration = Duration::from_mins(1);

/// Why a key cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Its name cannot be taken.
    #[error("a key's name has 1 to 100 characters, none of them a control character")]
    Name,
    /// It narrows what cannot be narrowed.
    #[error("strategies narrow what a key may push to; a key for reading reads everything")]
    NarrowedReader,
    /// An account is named for a key of another scope, or missing for a bound one.
    #[error("a key is bound to an account, or it has a scope: read or write")]
    ScopeOrAccount,
}

/// A key that may be made.
#[derive(Debug)]
pub struct KeyWish {
    name: String,
    scope: Scope,
    strategies: Vec<Pattern>,
    account: Option<AccountName>,
}

impl KeyWish {
    /// Checks what a key is to be called and to allow.
    ///
    /// # Errors
    /// When it cannot be made so.
    pub fn new(name: &str, scope: Scope, strategies: Vec<Pattern>) -> Result<Self, KeyFault> {
        if name.is_empty() || name.chars().nth(100).is_some() || name.chars().any(char::is_control) {
            return Err(KeyFault::Name);
        }
        if scope == Scope::Read && !strategies.is_empty() {
            return Err(KeyFault::NarrowedReader);
        }
        if scope == Scope::Account {
            return Err(KeyFault::ScopeOrAccount);
        }
        Ok(Self { name: name.to_owned(), scope, strategies, account: None })
    }

    /// A key that is bound to an account.
    ///
    /// # Errors
    /// When it cannot be made so.
    pub fn bound(name: &str, account: AccountName) -> Result<Self, KeyFault> {
        let wish = Self::new(name, Scope::Read, Vec::new())?;
        Ok(Self { scope: Scope::Account, account: Some(account), ..wish })
    }

    /// The key to store for a secret.
    pub fn with(self, secret: &Secret) -> NewApiKey {
        let Self { name, scope, strategies, account } = self;
        NewApiKey { name, scope, strategies, account, prefix: secret.prefix().to_owned(), digest: secret.digest() }
    }
}

/// A new key, to be shown once.
pub struct Secret(String);

/// What is shown once stands in no log.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A key of 256 random bits.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn generate() -> anyhow::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The key.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// How it begins.
    pub fn prefix(&self) -> &str {
        &self.0[..PREFIX_CHARS]
    }

    /// What is stored of it.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.0)
    }
}

/// What a key is known by.
pub(super) fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// A key, when it was looked up, and when its use was last recorded; both by what the clock has run, so that a revoked
/// key is not believed for as long as somebody set the time back.
#[derive(Debug, Clone)]
struct Found {
    key: ApiKey,
    at: Duration,
    recorded: Option<Duration>,
}

/// The keys that were found, and how often all were forgotten: what was looked up before that is not believed after it.
#[derive(Debug, Default)]
struct Beliefs {
    keys: HashMap<[u8; 32], Found>,
    forgotten: u64,
}

/// How many look up keys at a time; of those who come together with the same key, one.
const LOOKING: usize = 64;

/// The keys in use, so that a poll need not ask the database.
#[derive(Debug)]
pub(super) struct ApiKeys {
    store: Store,
    clock: Clock,
    found: Mutex<Beliefs>,
    looking: [tokio::sync::Mutex<()>; LOOKING],
}

impl ApiKeys {
    pub(super) fn new(store: Store, clock: Clock) -> Self {
        let looking = std::array::from_fn(|_| tokio::sync::Mutex::default());
        Self { store, clock, found: Mutex::default(), looking }
    }

    fn found(&self) -> MutexGuard<'_, Beliefs> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Believes no key any more without looking: one was revoked.
    pub(super) fn forget(&self) {
        let mut found = self.found();
        found.keys.clear();
        found.forgotten += 1;
    }

    /// The key that somebody presents, by its [`digest`].
    pub(super) async fn check(&self, digest: [u8; 32]) -> Result<ApiKey, Denied> {
        let key = match self.believed(&digest) {
            Some(key) => key,
            None => self.look_up(digest).await?,
        };
        if self.is_use_due(&digest) {
            self.store.note_key_use(key.id, self.clock.now());
        }
        Ok(key)
    }

    /// A key that was found a moment ago.
    fn believed(&self, digest: &[u8; 32]) -> Option<ApiKey> {
        let found = self.found();
        let found = found.keys.get(digest)?;
        (self.clock.running().saturating_sub(found.at) < BELIEVED_FOR).then(|| found.key.clone())
    }

    /// Asks the database, once for all who come together: those who waited for the same change do.
    async fn look_up(&self, digest: [u8; 32]) -> Result<ApiKey, Denied> {
        let _turn = self.looking[usize::from(digest[0]) % LOOKING].lock().await;
        if let Some(key) = self.believed(&digest) {
            return Ok(key);
        }
        let (at, forgotten) = (self.clock.running(), self.found().forgotten);
        let key = self.store.api_key(&digest).await.map_err(|error| Denied::Unavailable(error.to_string()))?;
        let mut found = self.found();
        let Some(key) = key else {
            found.keys.remove(&digest);
            return Err(Denied::UnknownApiKey);
        };
        if found.forgotten == forgotten {
            let recorded = found.keys.get(&digest).and_then(|found| found.recorded);
            found.keys.insert(digest, Found { key: key.clone(), at, recorded });
        }
        Ok(key)
    }

    /// Whether the use of a key is to be recorded, which then counts as done.
    fn is_use_due(&self, digest: &[u8; 32]) -> bool {
        let (mut found, now) = (self.found(), self.clock.running());
        let Some(found) = found.keys.get_mut(digest) else { return false };
        let due = found.recorded.is_none_or(|recorded| now.saturating_sub(recorded) >= USE_RECORDED_EVERY);
        if due {
            found.recorded = Some(now);
        }
        due
    }
}
