//! A digest over fields, each behind its length, so that no two sequences of fields look alike.

use sha2::{Digest as _, Sha256};

/// SHA-256 over fields.
#[derive(Debug, Default)]
pub(super) struct Fields(Sha256);

impl Fields {
    /// Adds a field.
    pub(super) fn put(&mut self, field: &[u8]) {
        self.0.update([1]);
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field);
    }

    /// Adds a field that may be missing, which is something else than an empty one.
    pub(super) fn put_or_none(&mut self, field: Option<&[u8]>) {
        match field {
            Some(field) => self.put(field),
            None => self.0.update([0]),
        }
    }

    /// The digest.
    pub(super) fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
