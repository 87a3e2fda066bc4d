//! Guards: settled, and tried on what was pushed before.

use std::sync::Arc;
use std::time::Duration;

use super::{Desk, NotDone};
use crate::auth::rights::Operator;
use crate::domain::book::{Book, Mark, Strategy, Told};
use crate::domain::changes::Changes;
use crate::domain::gist::Gist;
use crate::domain::guard::{Finding, Guards, Intended, Previous, Then};
use crate::domain::moment::Moment;
use crate::domain::position::{InstrumentChange, Position, PositionList};
use crate::domain::revision::{Revision, RevisionKind, Subject, Topic};
use crate::domain::settings::Setting;
use crate::domain::strategy::{StrategyId, StrategyName};
use crate::ledger::{Document, DocumentState, Receipt};
use crate::store::Store;
use crate::store::history::{Filter, RevisionInfo};

/// How far back a trial looks, and at how many revisions at most.
const TRIED_FOR: Duration = Duration::from_hours(30 * 24);
const TRIED_AT_MOST: i64 = 20_000;

/// How many revisions are held in memory at a time.
const PAGE: usize = 500;

/// What guards would have done to the pushes of the last thirty days.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// How many pushes changed something, or waited to; those that repeated a list meet no guard.
    pub pushes: usize,
    /// Whether there were more than are looked at: then the newest of them were.
    pub is_cut: bool,
    /// Each time that a guard would have said something, newest first.
    pub lines: Vec<TrialLine>,
    /// Each time that a rule would have which is off, as the stricter set has it; newest first.
    pub off: Vec<TrialLine>,
}

/// A push that a guard would have said something about.
#[derive(Debug, Clone)]
pub struct TrialLine {
    /// The revision that the push made, or that it first waited under.
    pub revision: Revision,
    /// When.
    pub at: Moment,
    /// Whose.
    pub strategy: StrategyName,
    /// What.
    pub finding: Finding,
}

impl Trial {
    /// How many pushes would have been met so by a guard.
    pub fn count(&self, then: Then) -> usize {
        let mut met: Vec<Revision> =
            self.lines.iter().filter(|line| line.finding.then == then).map(|line| line.revision).collect();
        met.dedup();
        met.len()
    }
}

impl Desk {
    /// Settles what is looked at before a push counts. With `expected`, only if the guards are at that revision.
    ///
    /// # Errors
    /// When the condition does not hold, or the store cannot write.
    pub async fn set_guards(
        &self,
        by: &Operator,
        guards: Guards,
        expected: Option<Revision>,
    ) -> Result<Receipt, NotDone> {
        self.put(by, Document::Guards(guards), expected).await
    }

    /// What guards would have done to the pushes of the last thirty days, looked up for the operator.
    ///
    /// # Errors
    /// As [`try_guards`].
    pub async fn try_guards(&self, guards: Guards, now: Moment) -> Result<Trial, NotDone> {
        try_guards(&self.store, guards, now).await
    }
}

/// What guards would have done to the pushes of the last thirty days, from the history.
///
/// # Errors
/// When the store cannot be read.
pub async fn try_guards(store: &Store, guards: Guards, now: Moment) -> Result<Trial, NotDone> {
    let filter = Filter { from: Some(now.minus(TRIED_FOR)), ..Filter::default() };
    let mut revisions = store.revisions(&filter, None, TRIED_AT_MOST + 1).await?;
    let is_cut = revisions.len() > usize::try_from(TRIED_AT_MOST).unwrap_or(usize::MAX);
    if is_cut {
        revisions.pop();
    }
    revisions.reverse();
    let Some(first) = revisions.first() else { return Ok(Trial::default()) };
    let mut book = store.book_as_of(first.id.before()).await?;
    // What days were is known by now.
    let calendar = store.book().settings().calendar().clone();
    book.settings_mut().settle(Topic::Calendar, Setting::Calendar(calendar), Mark::START);
    let guards = Arc::new((guards.those_off(), guards));
    let mut past = Past { book, trial: Trial::default() };
    for page in revisions.chunks(PAGE) {
        let mut changes = store.changes(page, usize::MAX).await?;
        let (guards, page) = (Arc::clone(&guards), page.to_vec());
        // Lists are walked: on a thread that may be busy.
        let walk = move || {
            for revision in page {
                match changes.remove(&revision.id) {
                    Some(Changes::List(changes)) => past.follow(&revision, &changes, &guards),
                    Some(Changes::Document(change)) => past.try_waiting(&revision, change.after, &guards),
                    None => {}
                }
            }
            past
        };
        past = tokio::task::spawn_blocking(walk).await.map_err(|error| NotDone::Fault(error.to_string()))?;
    }
    let mut trial = past.trial;
    trial.is_cut = is_cut;
    trial.lines.reverse();
    trial.off.reverse();
    Ok(trial)
}

/// The rules that are tried: those that are off, and those that are on.
type Tried = (Guards, Guards);

/// The book on its way through the history, and what guards said of it.
struct Past {
    book: Book,
    trial: Trial,
}

impl Past {
    /// What guards would have said of a push.
    fn try_push(&mut self, revision: &RevisionInfo, name: &StrategyName, list: &PositionList, tried: &Tried) {
        self.trial.pushes += 1;
        let positions: Vec<Position> = list.iter().cloned().collect();
        // Sequences are not in the history.
        let (at, sequences) = (revision.at, (None, None));
        let found = |guards| {
            let intended = Intended { strategy: name, positions: &positions, at, sequences };
            let line = |finding| TrialLine { revision: revision.id, at, strategy: name.clone(), finding };
            self.book.findings(guards, intended).into_iter().map(line)
        };
        let (off, on) = tried;
        self.trial.off.extend(found(off));
        self.trial.lines.extend(found(on));
    }

    /// A push that waited counts when it came, whatever became of it.
    fn try_waiting(&mut self, revision: &RevisionInfo, body: Option<Arc<str>>, tried: &Tried) {
        let Subject::Document(topic @ Topic::Hold(name)) = &revision.subject else { return };
        let mark = Mark { revision: revision.id, chain: [0; 8], updated_at: revision.at };
        let document = DocumentState { id: 0, topic: topic.clone(), mark, revisions: 0, body };
        // One that is written again is still the same push.
        if let Ok(Setting::Hold(Some(hold))) = document.setting()
            && hold.id == revision.id
        {
            self.try_push(revision, name, &hold.list, tried);
        }
    }

    fn follow(&mut self, revision: &RevisionInfo, changes: &[InstrumentChange], tried: &Tried) {
        let Subject::Strategy(name) = &revision.subject else { return };
        let current = self.book.strategy(name).cloned();
        let mark = Mark { revision: revision.id, chain: [0; 8], updated_at: revision.at };
        if revision.kind == RevisionKind::Remove {
            self.book.remove(name, mark);
            return;
        }
        let before = current.as_ref().map(|current| &current.list);
        let list = changed(before, changes);
        if revision.kind == RevisionKind::Push {
            self.try_push(revision, name, &list, tried);
        }
        let gist = Gist::of(list.iter());
        let replaced_at = revision.at;
        let previous = current.as_ref().map(|current| Previous { gist: current.told.gist, replaced_at });
        let told = Told { gist, previous, ..Told::default() };
        if let Some(current) = current {
            self.book.replace(&Arc::new(Strategy { list, mark, told, ..(*current).clone() }), changes);
        } else {
            let id = self.book.strategies().last().map_or(StrategyId::FIRST, |last| last.id.next());
            let (name, revisions, last_push_at, sequence) = (name.clone(), 0, None, None);
            self.book.add(Arc::new(Strategy { id, name, list, mark, revisions, last_push_at, sequence, told }));
        }
    }
}

/// A list after a revision changed it.
fn changed(before: Option<&PositionList>, changes: &[InstrumentChange]) -> PositionList {
    let gone = |place: i64| changes.iter().flat_map(|change| &change.before).any(|placed| placed.place == place);
    let kept = before.into_iter().flat_map(PositionList::placed).filter(|placed| !gone(placed.place)).cloned();
    PositionList::from_placed(kept.chain(changes.iter().flat_map(|change| change.after.iter().cloned())).collect())
}
