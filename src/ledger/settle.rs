//! What the operator settles: states and pushes that wait, and documents around the lists.

use std::collections::HashSet;
use std::sync::Arc;

use super::document::{DocumentState, write, write_account, write_hold, write_taken};
use super::draft::{Draft, Incoming, Origin, as_expected};
use super::{Aside, Document, HoldAction, Put, Receipt, Rejected, SetState};
use crate::domain::account::{Account, Adjustments};
use crate::domain::book::{Book, Mark, Strategy, Told};
use crate::domain::changes::{Changes, DocumentChange};
use crate::domain::code::{Code, Instrument};
use crate::domain::hold::Hold;
use crate::domain::moment::Moment;
use crate::domain::position::Position;
use crate::domain::revision::{Revision, RevisionKind, Subject, Topic};
use crate::domain::settings::Former;
use crate::domain::state::{Standing, State};
use crate::domain::strategy::{Kind, StrategyName};

impl Draft {
    /// Settles something around the lists, or rejects it and leaves everything as it was.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn settle(&mut self, put: Put) -> Result<Receipt, Rejected> {
        let Put { document, actor, address, expected_revision } = put;
        let topic = document.topic();
        let current = self.ledger.book.settings().revision(&topic);
        as_expected(expected_revision, current)?;
        let (body, count) = self.body_of(&document)?;
        let kind = document.revision_kind();
        if let Document::Schedule(strategy, _) = &document {
            self.forget_met(strategy);
        }
        let written = self.write(topic, body, Origin { kind, actor, address, note: None });
        if let Document::Channel(name, channel) = document {
            self.appended.secrets.push((name, channel.map(|(_, secrets)| secrets)));
        }
        Ok(Receipt::plain(written.unwrap_or(current), written.is_some(), count))
    }

    /// Which times of a schedule were met says nothing about those of another one.
    fn forget_met(&mut self, strategy: &StrategyName) {
        let current = self.ledger.book.strategy(strategy).cloned();
        if let Some(current) = current.filter(|current| current.told.met.is_some()) {
            let told = Told { met: None, ..current.told };
            self.retell(Strategy { told, ..(*current).clone() }, false);
        }
    }

    /// A document as it is to be written, and how many entries it has.
    fn body_of(&self, document: &Document) -> Result<(Option<Arc<str>>, usize), Rejected> {
        let settings = self.ledger.book.settings();
        Ok(match document {
            Document::Account(name, None) | Document::Pause(Some(name), _) if settings.account(name).is_none() => {
                return Err(Rejected::UnknownAccount(name.clone()));
            }
            Document::Account(name, account) => {
                let before = settings.account(name).map(|settled| &settled.account);
                let former = former(&self.ledger.book, settings.former(name), before, account.as_ref());
                let count = account.as_ref().map_or(0, |account| account.strategies.len());
                (write_account(account.as_ref(), &former), count)
            }
            Document::Guards(guards) => (Some(write(guards)), guards.entries().len()),
            Document::Pause(_, pause) => (Some(write(pause)), 0),
            Document::Schedule(_, Some(schedule)) => (Some(write(schedule)), schedule.by().len()),
            Document::Schedule(_, None) => (None, 0),
            Document::Released(account, code) => {
                let rest = self.locked_without(account, code.as_ref())?;
                (Some(write(&rest)), rest.len())
            }
            Document::Channel(_, channel) => (channel.as_ref().map(|(channel, _)| write(channel)), 0),
            Document::Checkpoint(checkpoint) => (Some(write(checkpoint)), 0),
            Document::Calendar(calendar) => (Some(write(calendar)), calendar.open().len() + calendar.closed().len()),
        })
    }

    /// Writes a document; None when it stood so already.
    pub(super) fn write(&mut self, topic: Topic, after: Option<Arc<str>>, origin: Origin) -> Option<Revision> {
        let current = self.ledger.documents.get(&topic);
        let before = current.and_then(|current| current.body.clone());
        if before == after {
            return None;
        }
        let (id, revisions) = current.map_or((self.ledger.next_document, 0), |current| (current.id, current.revisions));
        self.ledger.next_document = self.ledger.next_document.max(id + 1);
        let change = Changes::Document(DocumentChange { before, after: after.clone() });
        let mark = self.append(Subject::Document(topic.clone()), id, change, origin);
        let state = DocumentState { id, topic: topic.clone(), mark, revisions: revisions + 1, body: after };
        // What was written just now can be read.
        if let Ok(setting) = state.setting() {
            self.ledger.book.settings_mut().settle(topic.clone(), setting, mark);
        }
        let state = Arc::new(state);
        self.appended.documents.insert(id, Arc::clone(&state));
        self.ledger.documents.insert(topic, state);
        Some(mark.revision)
    }

    /// Notes what the operator lets a strategy do; false where that was so already.
    fn stand(&mut self, name: &StrategyName, standing: &Standing, origin: &Origin) -> bool {
        let settings = self.ledger.book.settings();
        if settings.standing(name).is_none() && *standing == Standing::default() {
            return false;
        }
        let origin = Origin { kind: RevisionKind::Set, note: None, ..origin.clone() };
        self.write(Topic::State(name.clone()), Some(write(standing)), origin).is_some()
    }

    /// Puts the operator's, or an import's, list in the place of the current one.
    pub(super) fn correct(&mut self, list: Incoming) -> Result<Receipt, Rejected> {
        match self.ledger.book.settings().state(&list.name) {
            State::Flat => return Err(Rejected::WrongState(State::Flat)),
            // Who writes a list for a strategy that is closed wants it back.
            State::Closed => {
                self.supersede(&list.name, &list.origin);
                self.stand(&list.name, &Standing::default(), &list.origin);
            }
            State::Live | State::Frozen => {}
        }
        Ok(self.replace(list))
    }

    /// Goes back to a list.
    pub(super) fn restore(
        &mut self,
        name: &StrategyName,
        positions: Vec<Position>,
        freeze: bool,
        origin: &Origin,
    ) -> Receipt {
        let state = if freeze { State::Frozen } else { State::Live };
        if !freeze {
            self.supersede(name, origin);
        }
        let receipt = self.replace(self.untold(name, positions, origin.clone()));
        self.stand(name, &Standing { state, ..Standing::default() }, origin);
        receipt
    }

    /// Takes a strategy out of lists and totals, and leaves it closed, or live for its next push to revive it. The push that
    /// waited goes with it.
    pub(super) fn close(
        &mut self,
        name: &StrategyName,
        current: Option<&Strategy>,
        note: Option<String>,
        state: State,
        origin: &Origin,
    ) -> Result<Receipt, Rejected> {
        let current = current.ok_or_else(|| Rejected::UnknownStrategy(name.clone()))?;
        self.drop_hold(name, RevisionKind::Discard, origin);
        let receipt = self.remove(current, origin.clone());
        self.stand(name, &Standing { state, note, ..Standing::default() }, origin);
        Ok(receipt)
    }

    /// Settles what a strategy may do.
    pub(super) fn set_state(
        &mut self,
        name: &StrategyName,
        current: Option<&Strategy>,
        wish: SetState,
        origin: &Origin,
    ) -> Result<Receipt, Rejected> {
        let settings = self.ledger.book.settings();
        let (before, waiting) = (settings.state(name), settings.hold(name).map(|hold| hold.id));
        if current.is_none() && before != State::Closed {
            return Err(Rejected::UnknownStrategy(name.clone()));
        }
        if let Some(hold) = wish.seen.filter(|seen| waiting != Some(*seen)) {
            return Err(Rejected::HoldGone { hold, waiting });
        }
        match wish.state {
            State::Flat | State::Closed if wish.waiting == Some(HoldAction::Apply) => {
                Err(Rejected::WrongState(wish.state))
            }
            State::Closed => self.close(name, current, wish.note, State::Closed, origin),
            // Without a list there is none to keep.
            State::Frozen | State::Flat if current.is_none() => Err(Rejected::WrongState(before)),
            State::Flat => {
                let drops = wish.waiting.and(waiting).is_some();
                if drops {
                    self.drop_hold(name, RevisionKind::Discard, origin);
                }
                let receipt = self.flatten(name, current, wish.note, origin);
                Ok(Receipt { changed: receipt.changed || drops, ..receipt })
            }
            State::Live | State::Frozen => {
                let standing = Standing { state: wish.state, note: wish.note, ..Standing::default() };
                let deed = match (waiting, wish.waiting) {
                    (None, Some(HoldAction::Apply)) => return Err(Rejected::NothingWaits),
                    (Some(hold), None) if wish.state == State::Live => return Err(Rejected::WaitingUnsaid(hold)),
                    (_, deed) => deed,
                };
                let flat = settings.standing(name).map(|(standing, _)| standing.clone()).unwrap_or_default();
                // Frozen, its target stays as it is: zero.
                let back_to = wish.back_to.filter(|(to, _)| wish.state == State::Live && Some(*to) == flat.target);
                let is_woken = before == State::Flat && wish.state == State::Live;
                if is_woken && back_to.is_none() && deed != Some(HoldAction::Apply) {
                    // Somebody else was faster: which list it goes back to is another one than was looked up.
                    return Err(Rejected::RevisionMoved {
                        current: current.map_or(Revision::NONE, |one| one.mark.revision),
                    });
                }
                let is_new = self.stand(name, &standing, origin);
                let back_to = back_to.map(|(to, positions)| (to, positions, flat.said_at));
                let receipt = self.wake(name, back_to, deed, origin)?;
                Ok(Receipt { changed: receipt.changed || is_new || deed.and(waiting).is_some(), ..receipt })
            }
        }
    }

    /// What is in force once a strategy is live or frozen: what waited, what stood before it was flat, or what is.
    fn wake(
        &mut self,
        name: &StrategyName,
        back_to: Option<(Revision, Vec<Position>, Option<Moment>)>,
        waiting: Option<HoldAction>,
        origin: &Origin,
    ) -> Result<Receipt, Rejected> {
        if waiting == Some(HoldAction::Apply) {
            let hold = self.ledger.book.settings().hold(name).cloned().ok_or(Rejected::NothingWaits)?;
            return Ok(self.apply(name, &hold, origin));
        }
        if waiting == Some(HoldAction::Discard) {
            self.drop_hold(name, RevisionKind::Discard, origin);
        }
        let current = self.ledger.book.strategy(name).cloned();
        match (current, back_to) {
            // An old list is as old as it was: what it wants is traded once the strategy says it again.
            (Some(_), Some((to, positions, said_at))) => {
                let (kind, note) = (RevisionKind::Restore, Some(to.to_string()));
                let origin = Origin { kind, note, ..origin.clone() };
                Ok(self.replace(Incoming { said_at, ..self.untold(name, positions, origin) }))
            }
            // What a strategy may do says nothing about its list: yesterday's stays yesterday's word.
            (Some(current), None) => Ok(Receipt::plain(current.mark.revision, false, current.list.len())),
            (None, _) => Ok(Receipt::plain(Revision::NONE, false, 0)),
        }
    }

    /// Makes a strategy's target zero of everything, and remembers which list it goes back to.
    fn flatten(
        &mut self,
        name: &StrategyName,
        current: Option<&Strategy>,
        note: Option<String>,
        origin: &Origin,
    ) -> Receipt {
        let standing = self.ledger.book.settings().standing(name).map(|(standing, _)| standing.clone());
        let known = standing.filter(|standing| standing.state == State::Flat && standing.target.is_some());
        let (target, said_at) = match (known, current) {
            (Some(known), _) => (known.target, known.said_at),
            (None, Some(current)) => (Some(current.mark.revision), current.told.spoken_at),
            (None, None) => (None, None),
        };
        let flat = Origin { kind: RevisionKind::Flat, note: None, ..origin.clone() };
        let receipt = self.replace(self.untold(name, Vec::new(), flat));
        self.stand(name, &Standing { state: State::Flat, note, target, said_at }, origin);
        receipt
    }

    /// Puts the push that waits in the place of the list.
    pub(super) fn approve(
        &mut self,
        name: &StrategyName,
        hold: Revision,
        expected: Option<Revision>,
        origin: &Origin,
    ) -> Result<Receipt, Rejected> {
        let waiting = self.waiting(name, hold)?;
        match self.ledger.book.settings().state(name) {
            State::Live | State::Frozen => {
                as_expected(expected, self.ledger.book.list_revision(name))?;
                Ok(self.apply(name, &waiting, origin))
            }
            state => Err(Rejected::WrongState(state)),
        }
    }

    fn apply(&mut self, name: &StrategyName, hold: &Hold, origin: &Origin) -> Receipt {
        let origin = Origin { kind: RevisionKind::Approve, note: Some(hold.id.to_string()), ..origin.clone() };
        self.write(Topic::Hold(name.clone()), None, origin.clone());
        // A sequence that the operator set back meanwhile stays set back.
        let sequence = hold.sequence.filter(|_| self.ledger.book.strategy(name).is_none());
        let aside = Aside { sequence, total_value: hold.total_value, ..Aside::default() };
        let positions = hold.list.iter().cloned().collect();
        // It is as old as it is: what is approved on the day after is yesterday's word.
        self.replace(Incoming { name: name.clone(), positions, origin, aside, said_at: Some(hold.at) })
    }

    /// Drops the push that waits.
    pub(super) fn discard(
        &mut self,
        name: &StrategyName,
        hold: Revision,
        origin: &Origin,
    ) -> Result<Receipt, Rejected> {
        self.waiting(name, hold)?;
        self.drop_hold(name, RevisionKind::Discard, origin);
        let current = self.ledger.book.strategy(name);
        let revision = current.map_or(Revision::NONE, |current| current.mark.revision);
        Ok(Receipt::plain(revision, false, current.map_or(0, |current| current.list.len())))
    }

    fn drop_hold(&mut self, name: &StrategyName, kind: RevisionKind, origin: &Origin) {
        if let Some(hold) = self.ledger.book.settings().hold(name) {
            let note = Some(hold.id.to_string());
            // Where no strategy keeps the sequence that it took, a retry of something older must not come after it.
            let taken = hold.sequence.filter(|_| self.ledger.book.strategy(name).is_none());
            self.write(Topic::Hold(name.clone()), taken.map(write_taken), Origin { kind, note, ..origin.clone() });
        }
    }

    /// From now on a strategy keeps the sequence that a push took which was dropped.
    pub(super) fn forget_taken(&mut self, name: &StrategyName, origin: &Origin) {
        if self.ledger.book.settings().hold(name).is_none() {
            let origin = Origin { kind: RevisionKind::Supersede, note: None, ..origin.clone() };
            self.write(Topic::Hold(name.clone()), None, origin);
        }
    }

    /// The push that waits, where it is the one that was seen.
    fn waiting(&self, name: &StrategyName, hold: Revision) -> Result<Arc<Hold>, Rejected> {
        let waiting = self.ledger.book.settings().hold(name);
        match waiting {
            Some(waiting) if waiting.id == hold => Ok(Arc::clone(waiting)),
            other => Err(Rejected::HoldGone { hold, waiting: other.map(|other| other.id) }),
        }
    }

    /// Sets back the last sequence that was accepted.
    pub(super) fn set_sequence(&mut self, current: &Strategy, last: Option<i64>, origin: Origin) -> Receipt {
        if current.sequence == last {
            return Receipt::plain(current.mark.revision, false, current.list.len());
        }
        let note = last.map(|last| last.to_string());
        let origin = Origin { kind: RevisionKind::Sequence, note, ..origin };
        let mark = self.append_list((current.id, &current.name), Vec::new(), origin);
        let mark = Mark { updated_at: current.mark.updated_at, ..mark };
        let revisions = current.revisions + 1;
        self.retell(Strategy { mark, revisions, sequence: last, ..current.clone() }, true);
        Receipt::plain(mark.revision, true, current.list.len())
    }

    /// The operator's list, said now and with nothing beside it.
    fn untold(&self, name: &StrategyName, positions: Vec<Position>, origin: Origin) -> Incoming {
        Incoming { name: name.clone(), positions, origin, aside: Aside::default(), said_at: Some(self.now) }
    }

    /// Sets back the sequence that pushes took under a name of which there is no strategy now.
    pub(super) fn set_taken(
        &mut self,
        name: StrategyName,
        last: Option<i64>,
        origin: Origin,
    ) -> Result<Receipt, Rejected> {
        let settings = self.ledger.book.settings();
        if settings.sequence_taken(&name).is_none() {
            return Err(Rejected::UnknownStrategy(name));
        }
        let body = match settings.hold(&name) {
            Some(hold) => Some(write_hold(&Hold { sequence: last, ..(**hold).clone() })),
            None => last.map(write_taken),
        };
        let written = self.write(Topic::Hold(name), body, Origin { kind: RevisionKind::Set, ..origin });
        Ok(Receipt::plain(written.unwrap_or(Revision::NONE), written.is_some(), 0))
    }
}

/// What an account followed once and does not follow any more: instrument by instrument, so that each stays in its target
/// as zero, whatever becomes of who wanted it, and of the account.
pub fn former(book: &Book, known: &[Former], before: Option<&Account>, after: Option<&Account>) -> Vec<Former> {
    let named = |account: &Account| -> Vec<StrategyName> {
        let shares = account.strategies.iter().map(|share| share.name.clone());
        let overlays: Vec<StrategyName> = match &account.adjustments {
            Adjustments::Named(names) => names.clone(),
            Adjustments::All => {
                let here = book.strategies().map(|strategy| &strategy.name);
                here.chain(book.pasts()).filter(|name| name.kind() == Kind::Adjustment).cloned().collect()
            }
        };
        shares.chain(overlays).collect()
    };
    let kept = after.map(named).unwrap_or_default();
    let mut former = known.to_vec();
    let mut seen: HashSet<Instrument> = former.iter().map(|former| former.code.instrument()).collect();
    let mut add = |code: &Code, name: Option<&str>| {
        if seen.insert(code.instrument()) {
            former.push(Former { code: code.clone(), name: name.map(str::to_owned) });
        }
    };
    for left in before.map(named).unwrap_or_default().into_iter().filter(|name| !kept.contains(name)) {
        for position in book.strategy(&left).into_iter().flat_map(|strategy| strategy.list.iter()) {
            add(position.code(), position.name());
        }
        for (_, past) in book.past(&left) {
            add(&past.code, past.name.as_deref());
        }
    }
    former
}
