//! What terminals report, and what explains the difference to what they are to hold.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Desk, NotDone};
use crate::auth::rights::{Operator, Reporter};
use crate::domain::account::AccountName;
use crate::domain::book::Book;
use crate::domain::code::Code;
use crate::domain::drift::{DriftLine, drift};
use crate::domain::moment::Moment;
use crate::domain::report::{Reason, Report};
use crate::domain::revision::Revision;
use crate::domain::settings::Settled;
use crate::domain::target::{Incomplete, TargetMark};
use crate::ledger::{Document, Filed, Filing, Receipt};

/// For how long a count of what differs is good where nothing has changed.
const COUNTED_FOR: Duration = Duration::from_secs(10);

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

/// How much of each account differs, as it was counted last.
#[derive(Debug, Clone, Default)]
pub(super) struct Drifts(Arc<Mutex<HashMap<AccountName, Counted>>>);

#[derive(Debug, Clone, Copy)]
struct Counted {
    /// The target's state, and when the terminal was heard.
    of: (TargetMark, Moment),
    at: Moment,
    lines: DriftLines,
}

/// How many lines of an account differ, and how many of those nothing explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriftLines {
    /// How many differ.
    pub all: usize,
    /// How many of them nothing explains.
    pub unexplained: usize,
}

impl Desk {
    /// How much of what is held of an account differs from what is wanted; None before any report. Reasons depend on the time
    /// of day as well: after a while they are looked for anew.
    ///
    /// # Errors
    /// When nothing is known of what one of its strategies wants.
    pub fn drift_lines(&self, book: &Book, settled: &Settled, now: Moment) -> Result<Option<DriftLines>, Incomplete> {
        let Some(reported) = book.reported(&settled.name) else { return Ok(None) };
        let of = (book.target_mark(settled, now)?, reported.heard_at);
        let counts = || self.drifts.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counts().get(&settled.name).copied();
        if let Some(known) = known.filter(|known| known.of == of && now.since(known.at) < COUNTED_FOR) {
            return Ok(Some(known.lines));
        }
        let lines = self.drift(book, settled, now)?.lines;
        let is_unexplained = |line: &&DriftLine| line.parts.iter().any(|part| part.reason == Reason::Unexplained);
        let lines = DriftLines { all: lines.len(), unexplained: lines.iter().filter(is_unexplained).count() };
        counts().insert(settled.name.clone(), Counted { of, at: now, lines });
        Ok(Some(lines))
    }

    /// Where what is held of an account differs from what is wanted.
    ///
    /// # Errors
    /// When nothing is known of what one of its strategies wants.
    pub fn drift(&self, book: &Book, settled: &Settled, now: Moment) -> Result<Drift, Incomplete> {
        let target = self.target(book, settled, now)?;
        let reported = book.reported(&settled.name);
        let lines = reported.map(|reported| drift(&target, reported, book.settings().calendar(), now));
        Ok(Drift {
            revision: target.mark.revision,
            reported_at: reported.map(|reported| reported.at),
            lines: lines.unwrap_or_default(),
        })
    }
}
