//! The exchange calendar: what the operator says over the data.

use super::{Desk, NotDone};
use crate::auth::rights::Operator;
use crate::domain::calendar::Calendar;
use crate::domain::revision::Revision;
use crate::ledger::{Document, Receipt};

impl Desk {
    /// Settles on which days the exchanges trade. With `expected`, only if the calendar is at that revision.
    ///
    /// # Errors
    /// When the condition does not hold, or the store cannot write.
    pub async fn set_calendar(
        &self,
        by: &Operator,
        calendar: Calendar,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        self.put(by, Document::Calendar(calendar), expected).await
    }
}
