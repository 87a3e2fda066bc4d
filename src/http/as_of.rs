//! A point in the history, as a query names it.

use super::error::{AppError, Invalid};
use super::extract::Last;
use crate::clock::Zone;
use crate::domain::moment::Moment;
use crate::domain::revision::Revision;
use crate::store::Store;

/// A revision, or a moment.
#[derive(Debug, Clone, Copy)]
pub(super) enum AsOf {
    Revision(Revision),
    Moment(Moment),
}

impl AsOf {
    /// Reads a revision's number, RFC 3339, or a local time.
    pub(super) fn parse(text: &str, zone: &Zone) -> Option<Self> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Self::Revision);
        }
        zone.parse(text).map(Self::Moment)
    }

    /// The point that a query's parameter names.
    pub(super) fn parameter(name: &'static str, text: &Last<String>, zone: &Zone) -> Result<Option<Self>, Invalid> {
        let text = text.0.as_deref();
        text.map(|text| Self::parse(text, zone).ok_or(Invalid::Query(name.into()))).transpose()
    }

    /// The revision that was the newest then; one that does not exist yet is an error, since what it will say is unknown.
    pub(super) async fn revision(self, store: &Store) -> Result<Revision, AppError> {
        match self {
            Self::Moment(moment) => Ok(store.revision_at(moment).await?),
            Self::Revision(revision) if revision > store.book().revision() => Err(AppError::UnknownRevision(revision)),
            Self::Revision(revision) => Ok(store.must_reach(revision).map(|()| revision)?),
        }
    }
}
