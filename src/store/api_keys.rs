//! API keys as they are stored: by the SHA-256 of each, told apart by a prefix.

use strum::{EnumString, IntoStaticStr};

use crate::domain::account::AccountName;
use crate::domain::moment::Moment;
use crate::domain::strategy::Pattern;

/// What an API key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// Reading positions.
    Read,
    /// Pushing positions.
    Write,
    /// Reading one account's target, and reporting for it.
    Account,
}

impl Scope {
    /// The scope's name.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An API key, without the key.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its number.
    pub id: i64,
    /// Its name, unique among those not revoked.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// Which strategies it may push to; empty for all.
    pub strategies: Vec<Pattern>,
    /// The account that it is bound to.
    pub account: Option<AccountName>,
    /// How the key begins.
    pub prefix: String,
    /// When it was made.
    pub created_at: Moment,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Moment>,
    /// When it was revoked.
    pub revoked_at: Option<Moment>,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// Which strategies it may push to; empty for all.
    pub strategies: Vec<Pattern>,
    /// The account that it is bound to.
    pub account: Option<AccountName>,
    /// How the key begins.
    pub prefix: String,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
}
