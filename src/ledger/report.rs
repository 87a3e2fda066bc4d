//! Reports of terminals: they are no decisions and have no revision, but what they cannot explain is locked, which is one.

use std::sync::Arc;
use std::time::Duration;

use super::Rejected;
use super::attributed::Attributed;
use super::document::write;
use super::draft::{Draft, Origin};
use super::fields::Fields;
use crate::domain::account::AccountName;
use crate::domain::code::{Code, Instrument};
use crate::domain::lock::Lock;
use crate::domain::report::Report;
use crate::domain::reported::{Reported, Step};
use crate::domain::revision::{Actor, Revision, RevisionKind, Topic};
use crate::domain::target::{HoldReason, LineHold, Target};

/// How far a terminal's clock may be ahead of the server's: a report from the future would keep all later ones out.
const AHEAD: Duration = Duration::from_mins(1);

/// A report on its way into the ledger.
#[derive(Debug, Clone)]
pub struct Filing {
    /// Of which account.
    pub account: AccountName,
    /// What is reported.
    pub report: Report,
    /// Who reports.
    pub actor: Actor,
    /// From where: an IP address.
    pub address: Option<String>,
}

/// What became of a report that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// The revision of the account's target now; None while what it should hold is not known.
    pub target: Option<Revision>,
    /// Instruments that are locked by it, and by how many shares their holdings changed.
    pub locked: Vec<(Code, i64)>,
    /// Fills that were reported before, and said something else then: the first word counts.
    pub contradicting: Vec<String>,
}

/// What a batch appends of a report.
#[derive(Debug)]
pub struct FiledStep {
    /// Of which account.
    pub account: AccountName,
    /// What it leads to.
    pub step: Step,
    /// How what is held is divided after it.
    pub attributed: Attributed,
}

/// SHA-256 over what is kept of an account's report: a turned bit would hide a line, or bring one back.
pub fn seal_reported(account: &AccountName, body: &str) -> [u8; 32] {
    let mut fields = Fields::default();
    fields.put(account.as_str().as_bytes());
    fields.put(body.as_bytes());
    fields.digest()
}

impl Draft {
    /// Takes a report, or rejects it and leaves everything as it was.
    ///
    /// # Errors
    /// When there is no such account, or the report is older than the last one or from the future.
    pub fn report(&mut self, filing: Filing) -> Result<Filed, Rejected> {
        let Filing { account, report, actor, address } = filing;
        let book = &self.ledger.book;
        let settled = book.settings().account(&account).ok_or_else(|| Rejected::UnknownAccount(account.clone()))?;
        let latest = self.now.plus(AHEAD);
        if report.at > latest || report.fills.iter().any(|fill| fill.at > latest) {
            return Err(Rejected::ReportFromFuture { now: self.now });
        }
        let before = book.reported(&account).cloned();
        // One that was taken while both clocks ran ahead keeps out none of those since they were put right.
        if let Some(before) = before.as_ref().filter(|before| report.at < before.at && before.at <= latest) {
            return Err(Rejected::StaleReport { last: before.at });
        }
        let settled = Arc::clone(settled);
        let target = book.target(&settled, self.now).ok();
        let step = Reported::follow(before.as_deref(), report, self.now, target.as_ref());
        self.ledger.book.report(account.clone(), Arc::new(step.reported.clone()));
        let locked = step.unexplained.clone();
        let contradicting = step.contradicting.iter().map(ToString::to_string).collect();
        self.lock(&account, &locked, target.as_ref(), Origin { kind: RevisionKind::Lock, actor, address, note: None });
        let attributed = self.attribute(&account, before.as_deref(), &step, target.as_ref(), &settled);
        self.appended.reports.push(FiledStep { account, step, attributed });
        let mark = self.ledger.book.target_mark(&settled, self.now).ok();
        Ok(Filed { target: mark.map(|mark| mark.mark.revision), locked, contradicting })
    }

    /// Locks what is not explained. What was locked before and answered since is not written again.
    fn lock(&mut self, account: &AccountName, unexplained: &[(Code, i64)], target: Option<&Target>, origin: Origin) {
        if unexplained.is_empty() {
            return;
        }
        let is_new = |instrument: &Instrument| unexplained.iter().any(|(code, _)| code.instrument() == *instrument);
        let is_answered = |instrument: &Instrument| {
            let mut lines = target.into_iter().flat_map(|target| &target.lines);
            let hold = lines.find(|line| line.code.instrument() == *instrument).map(|line| &line.hold);
            // What else holds the line may hide the lock.
            matches!(hold, Some(None | Some(LineHold { reason: HoldReason::NotFresh(_), .. })))
        };
        let (before, _) = self.ledger.book.settings().locks(account).unzip();
        let kept = before.unwrap_or_default().iter().filter(|lock| {
            let instrument = lock.code.instrument();
            !is_new(&instrument) && !is_answered(&instrument)
        });
        let new = unexplained.iter().map(|(code, shares)| Lock { code: code.clone(), shares: *shares, at: self.now });
        let locks: Vec<Lock> = kept.cloned().chain(new).collect();
        self.write(Topic::Locks(account.clone()), Some(write(&locks)), origin);
    }

    /// What stays locked of an account once one instrument is released, or all are.
    pub(super) fn locked_without(&self, account: &AccountName, code: Option<&Code>) -> Result<Vec<Lock>, Rejected> {
        let settings = self.ledger.book.settings();
        settings.account(account).ok_or_else(|| Rejected::UnknownAccount(account.clone()))?;
        let (locked, _) = settings.locks(account).unzip();
        let is_meant = |lock: &&Lock| code.is_none_or(|code| code.instrument() == lock.code.instrument());
        let (released, rest): (Vec<&Lock>, Vec<&Lock>) = locked.unwrap_or_default().iter().partition(is_meant);
        if released.is_empty() { Err(Rejected::NotLocked) } else { Ok(rest.into_iter().cloned().collect()) }
    }
}
