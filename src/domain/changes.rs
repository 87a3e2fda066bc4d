//! What a revision changed.

use std::sync::Arc;

use super::position::InstrumentChange;

/// What a revision changed in its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// In a strategy's list, by instrument, in the order of what the instruments are called.
    List(Vec<InstrumentChange>),
    /// In a document: its whole body.
    Document(DocumentChange),
}

/// A document's body, JSON, before and after; None for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentChange {
    /// As it was.
    pub before: Option<Arc<str>>,
    /// As it is now.
    pub after: Option<Arc<str>>,
}

impl Changes {
    /// What changed in a list; nothing for a document.
    pub fn in_list(&self) -> &[InstrumentChange] {
        match self {
            Self::List(changes) => changes,
            Self::Document(_) => &[],
        }
    }
}
