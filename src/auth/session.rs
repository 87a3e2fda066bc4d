//! Sessions of the pages: a cookie with 256 random bits, of which only the SHA-256 is stored.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::domain::moment::Moment;
use crate::store::sessions::Session;

/// A session ends when no page was asked for so long.
const IDLE: Duration = Duration::from_hours(12);

/// And at the latest so long after the login.
pub const LONGEST: Duration = Duration::from_hours(7 * 24);

/// How exactly the last use is recorded.
const USE_RECORDED_EVERY: Duration = Duration::from_mins(1);

/// What a session's cookie holds.
#[derive(Clone)]
pub struct SessionSecret(String);

impl SessionSecret {
    /// A new one, of 256 random bits.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub(super) fn generate() -> anyhow::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What a request's cookie holds.
    pub(super) fn presented(cookie: &str) -> Self {
        Self(cookie.to_owned())
    }

    /// The cookie's value.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    /// What every form must carry. It follows from the secret, which no other site can read.
    pub(super) fn form_token(&self) -> String {
        hex::encode(Sha256::digest(format!("form {}", self.0)))
    }
}

/// Whether a session still holds.
pub(super) fn holds(session: &Session, now: Moment) -> bool {
    now.since(session.created_at) < LONGEST && now.since(session.last_seen_at) < IDLE
}

/// Whether its use is to be recorded.
pub(super) fn is_due(session: &Session, now: Moment) -> bool {
    now.since(session.last_seen_at) >= USE_RECORDED_EVERY
}
