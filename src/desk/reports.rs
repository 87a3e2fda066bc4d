//! What terminals report, and what explains the difference to what they are to hold.

use super::{Desk, NotDone};
use crate::auth::rights::{Operator, Reporter};
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::code::Code;
use crate::domain::drift::{DriftLine, drift};
use crate::domain::moment::Moment;
use crate::domain::report::Report;
use crate::domain::revision::Revision;
use crate::domain::settings::Settled;
use crate::domain::target::Incomplete;
use crate::ledger::{Document, Filed, Filing, Receipt};

/// What is held of an account and not wanted, or wanted and not held.
#[derive(Debug)]
pub struct Drift {
    /// The revision of the target.
    pub revision: Revision,
    /// When the terminal looked last; None before any report: then nothing is known, and no line is said to differ.
    pub reported_at: Option<Moment>,
    /// Where they differ.
    pub lines: Vec<DriftLine>,
}

impl Desk {
    /// Files what a terminal reports.
    ///
    /// # Errors
    /// When the report is older than the last one or from the future, there is no such account, or the store cannot write.
    pub async fn report(&self, by: Reporter, report: Report) -> Result<Filed, NotDone> {
        let Reporter { account, actor, address } = by;
        let address = Some(address.to_string());
        Ok(self.store.file(Filing { account, report, actor, address }).await?)
    }

    /// Lets an account's lines be traded again though nothing explains how their holdings changed: one, or all of them.
    ///
    /// # Errors
    /// When nothing is locked there, or the store cannot write.
    pub async fn release(&self, by: &Operator, account: AccountName, code: Option<Code>) -> Result<Receipt, NotDone> {
        self.put(by, Document::Released(account, code), None).await
    }
}

/// Where what is held of an account differs from what is wanted.
///
/// # Errors
/// When nothing is known of what one of its strategies wants.
pub fn drift_of(book: &Book, settled: &Settled, now: Moment) -> Result<Drift, Incomplete> {
    let target = book.target(settled, now)?;
    let reported = book.reported(&settled.name);
    Ok(Drift {
        revision: target.mark.revision,
        reported_at: reported.map(|reported| reported.at),
        lines: reported.map(|reported| drift(&target, reported, book.settings().calendar(), now)).unwrap_or_default(),
    })
}
