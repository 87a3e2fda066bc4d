//! The ledger as it will stand after a batch, and what leads there.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::chain::{Entry, Record};
use super::{Change, Deed, Ledger, Receipt, Rejected, StrategyState, UsedToken};
use crate::domain::book::{Mark, Strategy};
use crate::domain::moment::Moment;
use crate::domain::position::{InstrumentChange, Position, PositionList};
use crate::domain::revision::{Actor, Revision, RevisionKind, Subject};
use crate::domain::strategy::{StrategyId, StrategyName};

/// A strategy's list is kept once in so many of its revisions.
pub const KEPT_EVERY: u64 = 64;

/// What a batch adds to what is stored.
#[derive(Debug, Default)]
pub struct Appended {
    /// The revisions, in the order of the chain.
    pub entries: Vec<Entry>,
    /// Strategies that are not as they were.
    pub strategies: BTreeMap<StrategyId, StrategyState>,
}

/// Who does something, and how the history calls it.
struct Origin {
    kind: RevisionKind,
    actor: Actor,
    address: Option<String>,
    note: Option<String>,
}

/// The ledger as it will stand after a batch.
#[derive(Debug)]
pub struct Draft {
    ledger: Ledger,
    now: Moment,
    /// The batch's tokens that were not used before it, nor yet in it.
    unused: HashSet<UsedToken>,
    appended: Appended,
}

impl Ledger {
    /// A draft of what follows. `unused` are those of the batch's tokens that were never used before.
    pub fn draft(&self, now: Moment, unused: HashSet<UsedToken>) -> Draft {
        Draft { ledger: self.clone(), now, unused, appended: Appended::default() }
    }
}

impl Draft {
    /// Takes one change, or rejects it and leaves everything as it was.
    ///
    /// # Errors
    /// The condition of the change that does not hold.
    pub fn take(&mut self, change: Change) -> Result<Receipt, Rejected> {
        let current = self.ledger.book.strategy(&change.strategy).cloned();
        let current = current.as_deref();
        self.check(&change, current)?;
        let Change { strategy: name, deed, actor, address, token, sequence, .. } = change;
        let origin = Origin { kind: actor.kind_of_list(), actor, address, note: None };
        let receipt = match deed {
            Deed::Remove => self.remove(current.ok_or(Rejected::UnknownStrategy(name))?, origin),
            Deed::Replace(positions) => self.replace(name, positions, current, origin, sequence),
            Deed::Restore { to, positions } => {
                let origin = Origin { kind: RevisionKind::Restore, note: Some(to.to_string()), ..origin };
                self.replace(name, positions, current, origin, sequence)
            }
        };
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
            if self.ledger.forgotten.covers(token.signed_at) {
                return Err(Rejected::TokenForgotten);
            }
            if !self.unused.contains(token) {
                return Err(Rejected::TokenReplayed);
            }
        }
        let revision = current.map_or(Revision::NONE, |current| current.mark.revision);
        if change.expected_revision.is_some_and(|expected| expected != revision) {
            return Err(Rejected::RevisionMoved { current: revision });
        }
        match (change.sequence, current.and_then(|current| current.sequence)) {
            (Some(sequence), Some(last)) if sequence <= last => Err(Rejected::StaleSequence { last }),
            _ => Ok(()),
        }
    }

    /// Puts a list in the place of the current one; a strategy that is new begins with it.
    fn replace(
        &mut self,
        name: StrategyName,
        positions: Vec<Position>,
        current: Option<&Strategy>,
        origin: Origin,
        sequence: Option<i64>,
    ) -> Receipt {
        let empty = PositionList::default();
        let before = current.map_or(&empty, |current| &current.list);
        let after = before.followed_by(positions);
        let differs = current.is_none() || !before.same_positions(&after);
        let (list, changes) = if differs {
            let changes = before.changes_to(&after);
            (after, changes)
        } else {
            (before.clone(), Vec::new())
        };
        let id = current.map_or(self.ledger.next_strategy, |current| current.id);
        // What the operator does is no sign of life of the strategy itself.
        let by_operator = origin.actor == Actor::Operator;
        let last_push_at = if by_operator { self.ledger.book.last_push_at(&name) } else { Some(self.now) };
        let known = current.map(|current| (current.mark, current.revisions));
        let (mark, revisions) = match known {
            Some(known) if !differs => known,
            _ => {
                // Remarks are for people: a change of theirs alone must not send the terminals trading.
                let is_seen = changes.iter().any(InstrumentChange::is_seen);
                let mark = self.append((id, &name), changes, origin);
                let (kept, revisions) = known.unzip();
                let updated_at = kept.filter(|_| !is_seen).map_or(mark.updated_at, |kept| kept.updated_at);
                (Mark { updated_at, ..mark }, revisions.unwrap_or(0) + 1)
            }
        };
        let receipt = Receipt { revision: mark.revision, changed: differs, positions: list.len() };
        let sequence = sequence.or_else(|| current.and_then(|current| current.sequence));
        let strategy = Arc::new(Strategy { id, name, list, mark, revisions, last_push_at, sequence });
        self.note(&strategy, false, differs);
        if current.is_some() {
            let newest = self.appended.entries.last().filter(|_| differs);
            self.ledger.book.replace(strategy, newest.map_or(&[], |entry| &entry.record.changes));
        } else {
            self.ledger.next_strategy = id.next();
            self.ledger.book.add(strategy);
        }
        receipt
    }

    /// Takes a strategy out of lists and totals.
    fn remove(&mut self, current: &Strategy, origin: Origin) -> Receipt {
        let changes = current.list.changes_to(&PositionList::default());
        let mark = self.append((current.id, &current.name), changes, Origin { kind: RevisionKind::Remove, ..origin });
        self.ledger.book.remove(&current.name, mark);
        let revisions = current.revisions + 1;
        let gone = Strategy { list: PositionList::default(), mark, revisions, ..current.clone() };
        self.note(&Arc::new(gone), true, true);
        Receipt { revision: mark.revision, changed: true, positions: 0 }
    }

    /// Notes how a strategy stands now.
    fn note(&mut self, strategy: &Arc<Strategy>, removed: bool, is_new: bool) {
        let was_kept = self.appended.strategies.get(&strategy.id).is_some_and(|state| state.is_kept);
        let is_kept = was_kept || is_new && strategy.revisions.is_multiple_of(KEPT_EVERY);
        let state = StrategyState { strategy: Arc::clone(strategy), removed, is_kept };
        self.appended.strategies.insert(strategy.id, state);
    }

    /// Appends a revision to the chain.
    fn append(
        &mut self,
        (id, name): (StrategyId, &StrategyName),
        mut changes: Vec<InstrumentChange>,
        by: Origin,
    ) -> Mark {
        let Origin { kind, actor, address, note } = by;
        changes.sort_by_cached_key(|change| change.instrument.to_string());
        let subject = Subject::Strategy(name.clone());
        let record = Record { subject, subject_id: id.get(), kind, actor, address, note, changes };
        let entry = record.follow(&self.ledger.head, self.now);
        self.ledger.head = entry.head();
        self.appended.entries.push(entry);
        self.ledger.head.mark()
    }
}
