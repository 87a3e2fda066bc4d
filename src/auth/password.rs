//! The operator's password: Argon2id, strength, and one check at a time.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

/// The shortest password, in characters.
pub const MIN_CHARS: usize = 10;
/// The longest password, in characters.
pub const MAX_CHARS: usize = 1000;

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// It is too short.
    #[error("the password must have at least 10 characters")]
    TooShort,
    /// It is too long.
    #[error("the password must have at most 1000 characters")]
    TooLong,
}

/// A password that is strong enough to be set.
#[derive(Clone)]
pub struct NewPassword(String);

impl NewPassword {
    /// Checks a password's strength.
    ///
    /// # Errors
    /// When it is too short or too long.
    pub fn parse(text: &str) -> Result<Self, WeakPassword> {
        match text.chars().count() {
            ..MIN_CHARS => Err(WeakPassword::TooShort),
            MIN_CHARS..=MAX_CHARS => Ok(Self(text.to_owned())),
            _ => Err(WeakPassword::TooLong),
        }
    }

    /// A password of 120 random bits, in groups that can be read aloud and typed.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn generate() -> anyhow::Result<Self> {
        // 32 letters and digits, none of which looks like another.
        const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789A";
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes)?;
        let letters: Vec<char> = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
        Ok(Self(letters.chunks(6).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")))
    }

    /// The password, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The Argon2id hash to store, with a salt of its own. Takes some 20 ms of CPU and 19 MiB.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn hash(&self) -> anyhow::Result<String> {
        let hash = Argon2::default().hash_password(self.0.as_bytes());
        Ok(hash.map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))?.to_string())
    }
}

/// Whether a password is the one that was hashed. Takes some 20 ms of CPU and 19 MiB.
pub(super) fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}
