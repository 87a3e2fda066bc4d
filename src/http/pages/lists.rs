//! What a revision did to a strategy's list, whole: as it was and as it became.

use super::super::error::AppError;
use crate::domain::position::PositionList;
use crate::domain::revision::Subject;
use crate::store::Store;
use crate::store::history::{ListAsOf, RevisionInfo};

/// A strategy's list before a revision and after it.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) before: Option<ListAsOf>,
    pub(super) after: Option<ListAsOf>,
}

impl Lists {
    /// Nothing where it is about no list.
    pub(super) async fn of(store: &Store, info: &RevisionInfo) -> Result<Self, AppError> {
        let Subject::Strategy(name) = &info.subject else { return Ok(Self::default()) };
        let before = store.list_as_of(name, info.id.before()).await?;
        Ok(Self { before, after: store.list_as_of(name, info.id).await? })
    }

    pub(super) fn list_after(&self) -> Option<&PositionList> {
        self.after.as_ref()?.list.as_ref()
    }
}
