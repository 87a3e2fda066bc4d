//! The batch that comes next. It is drafted while the one before it is on its way to the disk, as though that one were stored
//! and none of its own tokens used before; where either does not hold, it is drafted again.

use std::collections::HashSet;

use tokio::sync::oneshot;

use super::errands::{Errand, Rest};
use super::error::{NotStored, Unavailable};
use crate::domain::moment::Moment;
use crate::ledger::{Change, Draft, Filed, Filing, Ledger, Put, Receipt, Rejected, UsedToken};

/// How many commands share a transaction at most.
const MAX_BATCH: u32 = 256;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Change(Box<Change>, oneshot::Sender<Result<Receipt, NotStored>>),
    Put(Box<Put>, oneshot::Sender<Result<Receipt, NotStored>>),
    Report(Box<Filing>, oneshot::Sender<Result<Filed, NotStored>>),
    Probe(oneshot::Sender<Result<(), Unavailable>>),
    Errand(Errand, oneshot::Sender<Result<bool, NotStored>>),
    KeyUse {
        id: i64,
        at: Moment,
    },
    SessionUse {
        digest: [u8; 32],
        at: Moment,
    },
    /// The historians pause, so that the log can be folded whole.
    Fold(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// What is gathered for one transaction, and who waits for it.
#[derive(Debug)]
pub(super) struct Ahead {
    pub(super) batch: Batch,
    pub(super) answers: Answers,
    /// How many commands were gathered.
    pub(super) commands: u32,
}

impl Ahead {
    /// Nothing yet, to follow a ledger.
    pub(super) fn of(ledger: &Ledger, now: Moment) -> Self {
        Self { batch: Batch::of(ledger, now), answers: Answers::default(), commands: 0 }
    }

    /// Whether more may be gathered.
    pub(super) const fn has_room(&self) -> bool {
        self.commands < MAX_BATCH && self.answers.closing.is_none()
    }

    /// Parts what is to be done from who waits for it, and drafts it.
    pub(super) fn gather(&mut self, command: Command, now: Moment) {
        let Self { batch, answers, commands } = self;
        *commands += 1;
        match command {
            Command::Change(change, answer) => {
                batch.draft(Wish::Change(*change), now);
                answers.changes.push(answer);
            }
            Command::Put(put, answer) => {
                batch.draft(Wish::Put(*put), now);
                answers.changes.push(answer);
            }
            Command::Report(filing, answer) => {
                batch.reports.push(*filing);
                answers.reports.push(answer);
            }
            Command::Probe(answer) => {
                batch.rest.probe = true;
                answers.probes.push(answer);
            }
            Command::Errand(errand, answer) => {
                batch.rest.errands.push(errand);
                answers.errands.push(answer);
            }
            Command::KeyUse { id, at } => {
                batch.rest.key_uses.insert(id, at);
            }
            Command::SessionUse { digest, at } => {
                batch.rest.session_uses.insert(digest, at);
            }
            Command::Fold(answer) => answers.folds.push(answer),
            Command::Close(answer) => answers.closing = Some(answer),
        }
    }
}

/// What goes into one transaction.
#[derive(Debug)]
pub(super) struct Batch {
    /// As they were asked for: they may have to be drafted again.
    wishes: Vec<Wish>,
    pub(super) reports: Vec<Filing>,
    pub(super) rest: Rest,
    /// The tokens that are to be recorded as used.
    pub(super) tokens: HashSet<UsedToken>,
    pub(super) draft: Draft,
    /// What became of each wish.
    pub(super) outcomes: Vec<Result<Receipt, Rejected>>,
}

impl Batch {
    fn of(ledger: &Ledger, now: Moment) -> Self {
        let draft = ledger.draft(now, HashSet::new());
        let (wishes, reports, outcomes) = (Vec::new(), Vec::new(), Vec::new());
        Self { wishes, reports, rest: Rest::default(), tokens: HashSet::new(), draft, outcomes }
    }

    /// Whether all that is asked is whether writes are taken.
    pub(super) fn only_asks(&self) -> bool {
        let Rest { key_uses, session_uses, errands, probe } = &self.rest;
        let no_rest = key_uses.is_empty() && session_uses.is_empty() && errands.is_empty();
        *probe && no_rest && self.wishes.is_empty() && self.reports.is_empty()
    }

    /// Drafts a wish, as though its token were not used in an earlier batch.
    fn draft(&mut self, wish: Wish, now: Moment) {
        // Of those that were forgotten there is no record.
        if let Some(token) = wish.token().filter(|token| !self.draft.forgets(token))
            && self.tokens.insert(token)
        {
            self.draft.allow(token);
        }
        self.draft.pass_to(now);
        self.outcomes.push(wish.clone().put_to(&mut self.draft));
        self.wishes.push(wish);
    }

    /// Drafts all wishes again, because others of their tokens were used before.
    pub(super) fn draft_again(&mut self, ledger: &Ledger, now: Moment, unused: HashSet<UsedToken>) {
        self.draft = ledger.draft(now, unused);
        self.outcomes = self.wishes.iter().cloned().map(|wish| wish.put_to(&mut self.draft)).collect();
    }

    /// Drafts all wishes again, because the ledger is another one than was expected.
    pub(super) fn follow(&mut self, ledger: &Ledger, now: Moment) {
        let tokens = self.wishes.iter().filter_map(Wish::token);
        self.tokens = tokens.filter(|token| !ledger.forgotten.covers(token.signed_at)).collect();
        self.draft_again(ledger, now, self.tokens.clone());
    }
}

/// A change of a strategy, or of what is settled around the lists.
#[derive(Debug, Clone)]
enum Wish {
    Change(Change),
    Put(Put),
}

impl Wish {
    fn token(&self) -> Option<UsedToken> {
        match self {
            Self::Change(change) => change.token,
            Self::Put(_) => None,
        }
    }

    fn put_to(self, draft: &mut Draft) -> Result<Receipt, Rejected> {
        match self {
            Self::Change(change) => draft.take(change),
            Self::Put(put) => draft.settle(put),
        }
    }
}

/// What became of a batch that was stored: of each change, and whether each errand found anything to do.
#[derive(Default)]
pub(super) struct Done {
    pub(super) outcomes: Vec<Result<Receipt, Rejected>>,
    pub(super) filed: Vec<Result<Filed, Rejected>>,
    pub(super) ran: Vec<bool>,
    /// Whether it is known that something was written for it.
    pub(super) wrote: bool,
}

/// Who waits for a batch, in its order. Whoever asked may have hung up; what was stored is kept all the same.
#[derive(Debug, Default)]
pub(super) struct Answers {
    changes: Vec<oneshot::Sender<Result<Receipt, NotStored>>>,
    reports: Vec<oneshot::Sender<Result<Filed, NotStored>>>,
    errands: Vec<oneshot::Sender<Result<bool, NotStored>>>,
    probes: Vec<oneshot::Sender<Result<(), Unavailable>>>,
    pub(super) folds: Vec<oneshot::Sender<()>>,
    pub(super) closing: Option<oneshot::Sender<()>>,
}

impl Answers {
    pub(super) fn send(self, done: Done) -> Option<oneshot::Sender<()>> {
        for (answer, outcome) in self.changes.into_iter().zip(done.outcomes) {
            let _ = answer.send(outcome.map_err(NotStored::from));
        }
        for (answer, filed) in self.reports.into_iter().zip(done.filed) {
            let _ = answer.send(filed.map_err(NotStored::from));
        }
        for (answer, ran) in self.errands.into_iter().zip(done.ran) {
            let _ = answer.send(Ok(ran));
        }
        for answer in self.probes {
            let _ = answer.send(Ok(()));
        }
        self.closing
    }

    /// Tells those who wait for something to be stored why it is not, as far as is known, and the others the cause.
    pub(super) fn refuse(self, not_stored: &NotStored, cause: &Unavailable) -> Option<oneshot::Sender<()>> {
        for answer in self.changes {
            let _ = answer.send(Err(not_stored.clone()));
        }
        for answer in self.reports {
            let _ = answer.send(Err(not_stored.clone()));
        }
        for answer in self.errands {
            let _ = answer.send(Err(not_stored.clone()));
        }
        for answer in self.probes {
            let _ = answer.send(Err(cause.clone()));
        }
        self.closing
    }
}
