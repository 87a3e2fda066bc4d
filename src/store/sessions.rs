//! Sessions of the pages as they are stored: by the SHA-256 of what the cookie holds.

use crate::domain::moment::Moment;

/// A session as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// When somebody logged in.
    pub created_at: Moment,
    /// When a page was last asked for, to the minute.
    pub last_seen_at: Moment,
}
