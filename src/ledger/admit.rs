//! What a program's push meets before it counts: what the operator lets the strategy do, and the guards.

use std::sync::Arc;

use super::document::write_hold;
use super::draft::{Draft, Incoming, Origin};
use super::{Receipt, Rejected};
use crate::domain::book::{Strategy, Told};
use crate::domain::guard::{Finding, Intended, RuleName, Then, verdict};
use crate::domain::hold::{Hold, Reason};
use crate::domain::position::PositionList;
use crate::domain::revision::{Revision, RevisionKind, Topic};
use crate::domain::state::State;
use crate::domain::strategy::StrategyName;

impl Draft {
    /// Puts a program's list in the place of the current one, or lets it wait.
    pub(super) fn push(&mut self, mut push: Incoming) -> Result<Receipt, Rejected> {
        let state = self.ledger.book.settings().state(&push.name);
        let current = self.ledger.book.strategy(&push.name);
        // What is in force already needs nobody's leave. What is flat is another list than it seems.
        if state != State::Flat && current.is_some_and(|current| current.list.repeats(&push.positions)) {
            // Its sequence may still keep all later ones out.
            let leaps = if push.aside.sequence.is_some() { self.findings(&push) } else { Vec::new() };
            let leaps: Vec<Finding> = leaps.into_iter().filter(|one| one.rule == RuleName::SequenceLeap).collect();
            if verdict(&leaps) == Some(Then::Reject) {
                return Err(Rejected::Guarded(leaps));
            }
            if verdict(&leaps) == Some(Then::Hold) {
                return Ok(self.hold(push, leaps.into_iter().map(Reason::Guard).collect()));
            }
            self.supersede(&push.name, &push.origin);
            return Ok(Receipt { warnings: leaps, ..self.replace(push) });
        }
        let findings = self.findings(&push);
        // One without a sequence takes none away.
        push.aside.sequence = push.aside.sequence.or_else(|| self.last_sequence(&push.name));
        let strictest = verdict(&findings);
        if strictest == Some(Then::Reject) {
            return Err(Rejected::Guarded(findings));
        }
        if state != State::Live || strictest == Some(Then::Hold) {
            let stopped = (state != State::Live).then_some(Reason::State(state));
            let reasons = stopped.into_iter().chain(findings.into_iter().map(Reason::Guard)).collect();
            return Ok(self.hold(push, reasons));
        }
        self.supersede(&push.name, &push.origin);
        Ok(Receipt { warnings: findings, ..self.replace(push) })
    }

    fn findings(&self, push: &Incoming) -> Vec<Finding> {
        let sequences = (push.aside.sequence, self.last_sequence(&push.name));
        let intended = Intended { strategy: &push.name, positions: &push.positions, at: self.now, sequences };
        let book = &self.ledger.book;
        book.settings().guards().map(|guards| book.findings(guards, intended)).unwrap_or_default()
    }

    /// Lets a push wait, in the place of one that waited before. The target in force stays as it is; the sequence is taken.
    fn hold(&mut self, push: Incoming, reasons: Vec<Reason>) -> Receipt {
        let Incoming { name, positions, origin, aside, .. } = push;
        let current = self.ledger.book.strategy(&name).cloned();
        let current = current.as_deref();
        if let Some(current) = current {
            // It is a sign of life, and says nothing about the list in force.
            let told = Told { met: self.met(&name, Some(current)), ..current.told };
            let (last_push_at, sequence) = (Some(self.now), aside.sequence.or(current.sequence));
            self.retell(Strategy { last_push_at, sequence, told, ..current.clone() }, false);
        }
        let revision = current.map_or(Revision::NONE, |current| current.mark.revision);
        let count = current.map_or(0, |current| current.list.len());
        let list = PositionList::default().followed_by(positions);
        let settings = self.ledger.book.settings();
        let is_same = |waiting: &&Arc<Hold>| {
            let has_same_reasons = waiting.reasons.len() == reasons.len()
                && waiting.reasons.iter().zip(&reasons).all(|(one, two)| one.is_like(two));
            has_same_reasons && waiting.list.repeats(list.iter())
        };
        // Said again every minute, it is still the same push to decide about.
        let id = if let Some(waiting) = settings.hold(&name).filter(is_same).cloned() {
            let calendar = settings.calendar();
            let is_another_days = !calendar.is_same_trading_day(waiting.at, self.now);
            // No strategy keeps the sequence that it took, and a retry of something older must not come after it.
            let takes_sequence = current.is_none() && aside.sequence.is_some();
            if is_another_days || takes_sequence {
                let again = Hold {
                    at: if is_another_days { self.now } else { waiting.at },
                    sequence: aside.sequence.or(waiting.sequence),
                    total_value: aside.total_value.or(waiting.total_value),
                    ..(*waiting).clone()
                };
                self.write(Topic::Hold(name), Some(write_hold(&again)), Origin { kind: RevisionKind::Hold, ..origin });
            }
            waiting.id
        } else {
            let hold = Hold {
                id: Revision::NONE,
                at: self.now,
                actor: origin.actor.clone(),
                address: origin.address.clone(),
                list,
                total_value: aside.total_value,
                sequence: aside.sequence,
                reasons: reasons.clone(),
            };
            let origin = Origin { kind: RevisionKind::Hold, ..origin };
            self.write(Topic::Hold(name), Some(write_hold(&hold)), origin).unwrap_or(revision)
        };
        Receipt { held: Some((id, reasons)), ..Receipt::plain(revision, false, count) }
    }

    /// Ends the waiting of a push, because a newer one is in force.
    pub(super) fn supersede(&mut self, name: &StrategyName, origin: &Origin) {
        if let Some(waiting) = self.ledger.book.settings().hold(name) {
            let note = Some(waiting.id.to_string());
            let origin = Origin { kind: RevisionKind::Supersede, note, ..origin.clone() };
            self.write(Topic::Hold(name.clone()), None, origin);
        }
    }
}
