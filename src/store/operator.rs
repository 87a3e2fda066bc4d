//! The operator as he is stored: one password, as its hash.

use crate::domain::moment::Moment;

/// The operator's password as it is stored.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The PHC string.
    pub password_hash: String,
    /// When a password was first set.
    pub created_at: Moment,
    /// When it was last set.
    pub updated_at: Moment,
}
