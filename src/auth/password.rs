//! The operator's password: Argon2id, strength, and one check at a time.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

/// The shortest password, in characters.
pub const MIN_CHARS: usize = 10;
/// The longest password, in characters.
pub const MAX_CHARS: usize = 1000;

/// How many guesses a password must withstand at least. A stranger has some 120 a day; who stole the hash has more.
const MIN_GUESSES: u64 = 1_000_000;

/// How much of a password is looked at for its strength: the time for it grows with the square.
const JUDGED_CHARS: usize = 60;

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// It is too short.
    #[error("the password must have at least 10 characters")]
    TooShort,
    /// It is too long.
    #[error("the password must have at most 1000 characters")]
    TooLong,
    /// It begins or ends with a blank, which a header cannot carry, or holds nothing else.
    #[error("the password must not begin or end with a blank")]
    Blank,
    /// It is among the first that anybody would try.
    #[error(
        "the password is easy to guess: it is a common word, a row of keys, a date or a repetition. A few unrelated \
         words are strong"
    )]
    Guessable,
}

/// A password that is strong enough to be set.
#[derive(Clone)]
pub struct NewPassword(String);

impl NewPassword {
    /// Checks a password's strength.
    ///
    /// # Errors
    /// When it is too short, too long or easy to guess, or could not be sent in a header.
    pub fn parse(text: &str) -> Result<Self, WeakPassword> {
        match text.chars().count() {
            ..MIN_CHARS => Err(WeakPassword::TooShort),
            MIN_CHARS..=MAX_CHARS if text.trim() != text => Err(WeakPassword::Blank),
            MIN_CHARS..=MAX_CHARS if is_guessable(text) => Err(WeakPassword::Guessable),
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

fn is_guessable(text: &str) -> bool {
    let judged: String = text.chars().take(JUDGED_CHARS).collect();
    // What somebody who knows the server would try as well.
    zxcvbn::zxcvbn(&judged, &["jq2qmt", "joinquant", "qmt", "miniqmt", "operator"]).guesses() < MIN_GUESSES
}

/// Whether a password is the one that was hashed. Takes some 20 ms of CPU and 19 MiB.
pub(super) fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_would_try_first_is_refused_with_a_reason() {
        use WeakPassword::{Blank, Guessable, TooLong, TooShort};
        for (text, fault) in [
            ("", TooShort),
            ("九个字符的密码不行", TooShort),
            (&*"x".repeat(1001), TooLong),
            (&*" ".repeat(12), Blank),
            ("\u{3000}ten characters", Blank),
            ("1234567890", Guessable),
            ("0987654321", Guessable),
            ("aaaaaaaaaaaaaaaa", Guessable),
            ("abababababab", Guessable),
            ("qwertyuiop", Guessable),
            ("1qaz2wsx3edc", Guessable),
            ("password123", Guessable),
            ("P@ssw0rd123", Guessable),
            ("2026-01-05", Guessable),
            ("jq2qmtjq2qmt", Guessable),
        ] {
            assert_eq!(NewPassword::parse(text).err(), Some(fault), "{text}");
        }
    }

    #[test]
    fn what_is_hard_to_guess_is_taken_at_any_length() {
        for text in ["correct-horse-battery", "三只猫在雨里看股票", "k3Xq9-vTz2w", "a few unrelated words"] {
            let long = format!("{text} {}", "and so on ".repeat(90));
            assert_eq!(NewPassword::parse(long.trim()).err(), None, "{text}");
        }
        for text in ["correct-horse-battery", "两只猫在雨里看着股票", "k3Xq9-vTz2w", "a few unrelated words"]
        {
            assert_eq!(NewPassword::parse(text).err(), None, "{text}");
        }
        for _ in 0..20 {
            let generated = NewPassword::generate().unwrap();
            assert_eq!(NewPassword::parse(generated.reveal()).err(), None, "{}", generated.reveal());
        }
    }
}
