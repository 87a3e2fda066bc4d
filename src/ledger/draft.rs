//! The ledger as it will stand after a batch, and what leads there.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::chain::{Entry, Record};
use super::{Aside, Change, Deed, DocumentState, FiledStep, Ledger, Receipt, Rejected, StrategyState, UsedToken};
use crate::domain::book::{Book, Mark, Strategy, Told};
use crate::domain::calendar::Day;
use crate::domain::changes::Changes;
use crate::domain::channel::{ChannelName, Secrets};
use crate::domain::gist::Gist;
use crate::domain::guard::Previous;
use crate::domain::moment::Moment;
use crate::domain::position::{InstrumentChange, Position, PositionList};
use crate::domain::revision::{Actor, Revision, RevisionKind, Subject};
use crate::domain::schedule::Met;
use crate::domain::state::State;
use crate::domain::strategy::{StrategyId, StrategyName};

/// Whether a strategy's list is kept at one of its revisions, by how many instruments that changed and how many lines the list
/// has then: at every 64th, and where most of it changes at every 8th, because what lies between two kept lists is followed
/// line by line.
pub fn is_kept_at(revisions: u64, changed: usize, lines: usize) -> bool {
    revisions.is_multiple_of(if changed * 2 > lines { 8 } else { 64 })
}

/// What a batch adds to what is stored.
#[derive(Debug, Default)]
pub struct Appended {
    /// The revisions, in the order of the chain.
    pub entries: Vec<Entry>,
    /// Strategies that are not as they were.
    pub strategies: BTreeMap<StrategyId, StrategyState>,
    /// Documents that are not as they were.
    pub documents: BTreeMap<i64, Arc<DocumentState>>,
    /// What terminals reported, in its order.
    pub reports: Vec<FiledStep>,
    /// What of channels is kept apart from the history, in its order; None where nothing is any more.
    pub secrets: Vec<(ChannelName, Option<Secrets>)>,
}

/// Who does something, and how the history calls it.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) kind: RevisionKind,
    pub(super) actor: Actor,
    pub(super) address: Option<String>,
    pub(super) note: Option<String>,
}

/// A list on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) name: StrategyName,
    pub(super) positions: Vec<Position>,
    pub(super) origin: Origin,
    pub(super) aside: Aside,
    /// When it was said; None where that is not known, and it is no day's word.
    pub(super) said_at: Option<Moment>,
}

/// The ledger as it will stand after a batch.
#[derive(Debug)]
pub struct Draft {
    pub(super) ledger: Ledger,
    pub(super) now: Moment,
    /// The batch's tokens that were not used before it, nor yet in it.
    unused: HashSet<UsedToken>,
    pub(super) appended: Appended,
}

impl Ledger {
    /// A draft of what follows. `unused` are those of the batch's tokens that were never used before.
    pub fn draft(&self, now: Moment, unused: HashSet<UsedToken>) -> Draft {
        Draft { ledger: self.clone(), now, unused, appended: Appended::default() }
    }
}

/// Whether something is at the revision that it was seen at.
pub(super) fn as_expected(expected: Option<Revision>, current: Revision) -> Result<(), Rejected> {
    if expected.is_none_or(|expected| expected == current) { Ok(()) } else { Err(Rejected::RevisionMoved { current }) }
}

impl Draft {
    /// The book as it stands in the draft.
    pub const fn book(&self) -> &Book {
        &self.ledger.book
    }

    /// Lets what follows happen at another time: a history that is written at once has many.
    pub const fn pass_to(&mut self, now: Moment) {
        self.now = now;
    }

    /// Whether it is no longer known of a token if it was used.
    pub fn forgets(&self, token: &UsedToken) -> bool {
        self.ledger.forgotten.covers(token.signed_at)
    }

    /// Counts a token of the batch among those that were never used before.
    pub fn allow(&mut self, token: UsedToken) {
        self.unused.insert(token);
    }

    /// Takes one change, or rejects it and leaves everything as it was.
    ///
    /// # Errors
    /// The condition of the change that does not hold.
    pub fn take(&mut self, change: Change) -> Result<Receipt, Rejected> {
        let current = self.ledger.book.strategy(&change.strategy).cloned();
        let current = current.as_deref();
        self.check(&change, current)?;
        let Change { strategy: name, deed, actor, address, token, aside, expected_revision } = change;
        let origin = Origin { kind: actor.kind_of_list(), actor, address, note: None };
        let said_at = Some(self.now);
        let receipt = match deed {
            Deed::Replace(positions) if origin.kind == RevisionKind::Push => {
                let note = aside.decided_at.map(|at| at.as_micros().to_string());
                self.push(Incoming { name, positions, origin: Origin { note, ..origin }, aside, said_at })
            }
            Deed::Replace(positions) => self.correct(Incoming { name, positions, origin, aside, said_at }),
            Deed::Restore { to, positions, freeze } => {
                let origin = Origin { kind: RevisionKind::Restore, note: Some(to.to_string()), ..origin };
                Ok(self.restore(&name, positions, freeze, &origin))
            }
            Deed::Remove { revive } => {
                let state = if revive { State::Live } else { State::Closed };
                self.close(&name, current, None, state, &origin)
            }
            Deed::SetState(wish) => self.set_state(&name, current, wish, &origin),
            Deed::Approve(hold) => self.approve(&name, hold, expected_revision, &origin),
            Deed::Discard(hold) => self.discard(&name, hold, &origin),
            Deed::SetSequence(last) => match current {
                Some(current) => Ok(self.set_sequence(current, last, origin)),
                None => self.set_taken(name, last, origin),
            },
            Deed::Expire => Ok(self.expire(current, origin)),
        }?;
        if let Some(token) = token {
            self.unused.remove(&token);
        }
        Ok(receipt)
    }

    /// The ledger after the batch, what leads there, and the tokens that nobody used up.
    pub fn finish(self) -> (Ledger, Appended, HashSet<UsedToken>) {
        (self.ledger, self.appended, self.unused)
    }

    fn check(&self, change: &Change, current: Option<&Strategy>) -> Result<(), Rejected> {
        if let Some(token) = &change.token {
            if self.forgets(token) {
                return Err(Rejected::TokenForgotten);
            }
            if !self.unused.contains(token) {
                return Err(Rejected::TokenReplayed);
            }
        }
        let revision = match change.deed {
            // What waits is looked at before the list that it replaces.
            Deed::Approve(_) => None,
            Deed::SetState(_) => Some(self.ledger.book.state_revision(&change.strategy)),
            _ => Some(current.map_or(Revision::NONE, |current| current.mark.revision)),
        };
        revision.map_or(Ok(()), |revision| as_expected(change.expected_revision, revision))?;
        match (change.aside.sequence, self.last_sequence(&change.strategy)) {
            (Some(sequence), Some(last)) if sequence <= last => Err(Rejected::StaleSequence { last }),
            _ => Ok(()),
        }
    }

    /// The last sequence accepted: the strategy's, or where there is none, that of a push which waits or was dropped.
    pub(super) fn last_sequence(&self, name: &StrategyName) -> Option<i64> {
        let book = &self.ledger.book;
        book.strategy(name).map_or_else(|| book.settings().sequence_taken(name), |strategy| strategy.sequence)
    }

    /// Puts a list in the place of the current one; a strategy that is new begins with it.
    pub(super) fn replace(&mut self, list: Incoming) -> Receipt {
        let Incoming { name, mut positions, origin, aside, said_at } = list;
        // Nothing brings back what is over: neither an earlier list, nor one that waited.
        let today = Day::of(self.now);
        positions.retain(|position| !position.is_over(today));
        let current = self.ledger.book.strategy(&name).cloned();
        let current = current.as_deref();
        let empty = PositionList::default();
        let before = current.map_or(&empty, |current| &current.list);
        let after = before.followed_by(positions);
        let differs = current.is_none() || !before.repeats(after.iter());
        let (list, changes) = if differs {
            let changes = before.changes_to(&after);
            (after, changes)
        } else {
            (before.clone(), Vec::new())
        };
        let id = current.map_or(self.ledger.next_strategy, |current| current.id);
        // What the operator and the server do is no sign of life of the strategy itself.
        let by_program = !matches!(origin.actor, Actor::Operator | Actor::Server);
        let met = if by_program { self.met(&name, current) } else { current.and_then(|current| current.told.met) };
        let told = Told { spoken_at: said_at, met, ..self.told(&list, current, differs, aside) };
        let last_push_at = if by_program { Some(self.now) } else { self.ledger.book.last_push_at(&name) };
        let sequence = aside.sequence.or_else(|| self.last_sequence(&name));
        if current.is_none() {
            self.forget_taken(&name, &origin);
        }
        let known = current.map(|current| (current.mark, current.revisions));
        let (mark, revisions) = match known {
            Some(known) if !differs => known,
            _ => {
                // Remarks are for people: a change of theirs alone must not send the terminals trading.
                let is_seen = changes.iter().any(InstrumentChange::is_seen);
                let mark = self.append_list((id, &name), changes, origin);
                let (kept, revisions) = known.unzip();
                let updated_at = kept.filter(|_| !is_seen).map_or(mark.updated_at, |kept| kept.updated_at);
                (Mark { updated_at, ..mark }, revisions.unwrap_or(0) + 1)
            }
        };
        let receipt = Receipt::plain(mark.revision, differs, list.len());
        let strategy = Arc::new(Strategy { id, name, list, mark, revisions, last_push_at, sequence, told });
        let newest = self.appended.entries.last().filter(|_| differs);
        let changes = newest.map(|entry| entry.record.changes.in_list());
        if current.is_some() {
            self.ledger.book.replace(&strategy, changes.unwrap_or_default());
        } else {
            self.ledger.next_strategy = id.next();
            self.ledger.book.add(Arc::clone(&strategy));
        }
        let many = changes.map(<[_]>::len);
        self.note(&strategy, false, many);
        receipt
    }

    /// What is known of a strategy's pushes once a list is in force.
    fn told(&self, list: &PositionList, current: Option<&Strategy>, differs: bool, aside: Aside) -> Told {
        let before = current.map(|current| current.told).unwrap_or_default();
        let replaced = current.filter(|_| differs).map(|_| Previous { gist: before.gist, replaced_at: self.now });
        Told {
            total_value: aside.total_value.or(before.total_value),
            gist: if differs { Gist::of(list.iter()) } else { before.gist },
            previous: replaced.or(before.previous),
            ..before
        }
    }

    /// Which of a day's times are met once a push is there, be it in force or wait.
    pub(super) fn met(&self, name: &StrategyName, current: Option<&Strategy>) -> Option<Met> {
        let schedule = self.ledger.book.settings().schedule(name)?;
        Some(schedule.note(current.and_then(|current| current.told.met), self.now))
    }

    /// Takes out the lines whose last day is over; nothing is written where none is. What stays was said when it was said.
    fn expire(&mut self, current: Option<&Strategy>, origin: Origin) -> Receipt {
        let Some(current) = current else { return Receipt::plain(Revision::NONE, false, 0) };
        if !current.list.iter().any(|position| position.is_over(Day::of(self.now))) {
            return Receipt::plain(current.mark.revision, false, current.list.len());
        }
        let (name, positions) = (current.name.clone(), current.list.iter().cloned().collect());
        self.replace(Incoming { name, positions, origin, aside: Aside::default(), said_at: current.told.spoken_at })
    }

    /// Takes a strategy out of lists and totals.
    pub(super) fn remove(&mut self, current: &Strategy, origin: Origin) -> Receipt {
        let changes = current.list.changes_to(&PositionList::default());
        let many = changes.len();
        let origin = Origin { kind: RevisionKind::Remove, ..origin };
        let mark = self.append_list((current.id, &current.name), changes, origin);
        self.ledger.book.remove(&current.name, mark);
        let revisions = current.revisions + 1;
        let gone = Strategy { list: PositionList::default(), mark, revisions, ..current.clone() };
        self.note(&Arc::new(gone), true, Some(many));
        Receipt::plain(mark.revision, true, 0)
    }

    /// Puts a strategy whose list stays the same in its own place.
    pub(super) fn retell(&mut self, strategy: Strategy, is_new: bool) {
        let strategy = Arc::new(strategy);
        self.note(&strategy, false, is_new.then_some(0));
        self.ledger.book.replace(&strategy, &[]);
    }

    /// Notes how a strategy stands now; with how many instruments it changed, where there is a new revision.
    fn note(&mut self, strategy: &Arc<Strategy>, removed: bool, changed: Option<usize>) {
        let was_kept = self.appended.strategies.get(&strategy.id).is_some_and(|state| state.is_kept);
        let is_due = |changed| is_kept_at(strategy.revisions, changed, strategy.list.len());
        let is_kept = was_kept || changed.is_some_and(is_due);
        let state = StrategyState { strategy: Arc::clone(strategy), removed, is_kept };
        self.appended.strategies.insert(strategy.id, state);
    }

    /// Appends a revision of a strategy to the chain.
    pub(super) fn append_list(
        &mut self,
        (id, name): (StrategyId, &StrategyName),
        mut changes: Vec<InstrumentChange>,
        by: Origin,
    ) -> Mark {
        changes.sort_by_cached_key(|change| change.instrument.to_string());
        self.append(Subject::Strategy(name.clone()), id.get(), Changes::List(changes), by)
    }

    /// Appends a revision to the chain.
    pub(super) fn append(&mut self, subject: Subject, subject_id: i64, changes: Changes, by: Origin) -> Mark {
        let Origin { kind, actor, address, note } = by;
        let record = Record { subject, subject_id, kind, actor, address, note, changes };
        let entry = record.follow(&self.ledger.head, self.now);
        self.ledger.head = entry.head();
        self.appended.entries.push(entry);
        self.ledger.head.mark()
    }
}
