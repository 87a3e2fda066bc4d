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

/// A session that says to be from further ahead than this is from a clock that ran ahead: nobody knows how old it is.
const MOST_AHEAD: Duration = Duration::from_mins(1);

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
    pub(super) fn form_key(&self) -> FormKey {
        FormKey(Sha256::digest(format!("form {}", self.0)).into())
    }
}

/// What shows that a page of a session made a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FormKey([u8; 32]);

impl FormKey {
    /// The key as a page carries it: under a mask of its own each time. Pages are gzip-ed and hold what others wrote; the
    /// length of an answer must not tell whether that and the key have something in common.
    pub(super) fn masked(&self) -> String {
        let mask: [u8; 32] = rand::random();
        hex::encode(mask) + &hex::encode(xor(&self.0, &mask))
    }

    /// Whether this is the key, under whatever mask.
    pub(super) fn is_in(&self, token: &str) -> bool {
        let Ok(bytes) = hex::decode(token) else { return false };
        match bytes.split_first_chunk() {
            Some((mask, masked)) => masked.try_into().is_ok_and(|masked| xor(masked, mask) == self.0),
            None => false,
        }
    }
}

fn xor(one: &[u8; 32], two: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|at| one[at] ^ two[at])
}

/// Whether a session still holds.
pub(super) fn holds(session: &Session, now: Moment) -> bool {
    let within = |at: Moment, most: Duration| now.since(at) < most && at.since(now) <= MOST_AHEAD;
    within(session.created_at, LONGEST) && within(session.last_seen_at, IDLE)
}

/// Whether its use is to be recorded.
pub(super) fn is_due(session: &Session, now: Moment) -> bool {
    now.since(session.last_seen_at) >= USE_RECORDED_EVERY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_carries_another_token_each_time_and_each_is_good_for_its_session_alone() {
        let (mine, yours) = (SessionSecret::presented("mine").form_key(), SessionSecret::presented("yours").form_key());
        let (one, two) = (mine.masked(), mine.masked());
        assert_ne!(one, two);
        assert!(mine.is_in(&one) && mine.is_in(&two) && !yours.is_in(&one));
        let bare = hex::encode(mine.0);
        assert!(mine.is_in(&("00".repeat(32) + &bare)), "the mask may be anything");
        for token in ["", "0", &bare, &one[1..], &one[2..], &format!("{one}00"), &"00".repeat(64), "长"] {
            assert!(!mine.is_in(token), "{token}");
        }
    }
}
