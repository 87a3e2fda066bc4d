//! The book: every strategy's current list, and the running totals kept up change by change.
//!
//! All maps are persistent: a clone costs nothing and shares all that did not change, so a reader keeps its own book
//! while the writer goes on, and a push costs in proportion to its own size whatever else is stored.

use std::sync::{Arc, OnceLock};

use imbl::shared_ptr::DefaultSharedPtr;
use imbl::{GenericHashMap, OrdMap, OrdSet};

use super::code::Instrument;
use super::decimal::{Amount, Volume};
use super::moment::Moment;
use super::position::{InstrumentChange, Placed, Position, PositionList};
use super::revision::Revision;
use super::strategy::{Kind, StrategyId, StrategyName};
use super::total::TotalLine;

/// Names and instruments come from clients that have shown a credential: speed counts for more here than a hash that
/// withstands every stranger.
type HashMap<K, V> = GenericHashMap<K, V, foldhash::fast::RandomState, DefaultSharedPtr>;

/// The state of something at its newest revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The newest revision.
    pub revision: Revision,
    /// The beginning of that revision's chain hash, which stands for all that came before it.
    pub chain: [u8; 8],
    /// When a poller last saw something change.
    pub updated_at: Moment,
}

impl Mark {
    /// Each part at its newest.
    pub(super) fn newest(self, other: Self) -> Self {
        let head = if other.revision > self.revision { other } else { self };
        Self { updated_at: self.updated_at.max(other.updated_at), ..head }
    }
}

/// A strategy as it stands now.
#[derive(Debug, Clone)]
pub struct Strategy {
    /// Its number.
    pub id: StrategyId,
    /// Its name.
    pub name: StrategyName,
    /// Its positions.
    pub list: PositionList,
    /// Its newest revision.
    pub mark: Mark,
    /// How many revisions it has.
    pub revisions: u64,
    /// When it was last heard of: its own program's last push, changed or not. None for one that only the operator ever
    /// wrote.
    pub last_push_at: Option<Moment>,
    /// The last `sequence` accepted.
    pub sequence: Option<i64>,
}

/// What is remembered of a strategy that is gone.
#[derive(Debug, Clone, Copy)]
struct Removal {
    mark: Mark,
    last_push_at: Option<Moment>,
}

/// A running sum over the strategies of one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Holding {
    pub(super) volume: Volume,
    pub(super) amount: Amount,
    pub(super) holders: OrdSet<StrategyId>,
}

/// All running sums of one instrument.
#[derive(Debug, Clone, Default)]
pub(super) struct Holdings {
    pub(super) ordinary: Holding,
    pub(super) adjustments: Holding,
}

impl Holdings {
    fn is_empty(&self) -> bool {
        self.ordinary.holders.is_empty() && self.adjustments.holders.is_empty()
    }

    /// The strategy that contributes first.
    pub(super) fn leader(&self, over: Over) -> Option<StrategyId> {
        let first = |holding: &Holding| holding.holders.get_min().copied();
        match over {
            Over::All => first(&self.ordinary).into_iter().chain(first(&self.adjustments)).min(),
            Over::Ordinary => first(&self.ordinary),
        }
    }

    /// What is held: volume, and volume times cost.
    pub(super) fn sums(&self, over: Over) -> (Volume, Amount) {
        let Self { ordinary: one, adjustments: two } = self;
        match over {
            Over::All => (one.volume + two.volume, one.amount + two.amount),
            Over::Ordinary => (one.volume, one.amount),
        }
    }

    fn of(&mut self, kind: Kind) -> &mut Holding {
        match kind {
            Kind::Ordinary => &mut self.ordinary,
            Kind::Adjustment => &mut self.adjustments,
        }
    }
}

/// The strategies that a running total is kept up over.
#[derive(Debug, Clone, Copy)]
pub(super) enum Over {
    All,
    Ordinary,
}

/// The lines of the totals that a strategy leads: those of the instruments that it contributes first. Made at the first
/// demand, and kept until one of them changes, so that a total after a push walks few lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Lead {
    all: OnceLock<Vec<TotalLine>>,
    ordinary: OnceLock<Vec<TotalLine>>,
}

impl Lead {
    pub(super) const fn lines(&self, over: Over) -> &OnceLock<Vec<TotalLine>> {
        match over {
            Over::All => &self.all,
            Over::Ordinary => &self.ordinary,
        }
    }
}

/// Every strategy's current list with the running totals.
#[derive(Debug, Clone, Default)]
pub struct Book {
    pub(super) strategies: OrdMap<StrategyId, Arc<Strategy>>,
    ids: HashMap<StrategyName, StrategyId>,
    pub(super) holdings: HashMap<Instrument, Arc<Holdings>>,
    pub(super) leads: OrdMap<StrategyId, Arc<Lead>>,
    pub(super) adjustments: usize,
    removed: HashMap<StrategyName, Removal>,
    newest: Option<Mark>,
    newest_ordinary: Option<Mark>,
}

impl Book {
    /// The strategy of that name, if there is one now.
    pub fn strategy(&self, name: &StrategyName) -> Option<&Arc<Strategy>> {
        self.strategies.get(self.ids.get(name)?)
    }

    /// The strategy with that number, if there is one now.
    pub fn by_id(&self, id: StrategyId) -> Option<&Arc<Strategy>> {
        self.strategies.get(&id)
    }

    /// All strategies, by creation.
    pub fn strategies(&self) -> impl Iterator<Item = &Arc<Strategy>> {
        self.strategies.values()
    }

    /// How many strategies there are.
    pub fn len(&self) -> usize {
        self.strategies.len()
    }

    /// Whether there is no strategy at all.
    pub fn is_empty(&self) -> bool {
        self.strategies.is_empty()
    }

    /// The newest change of anything, removals included.
    pub const fn newest(&self) -> Option<Mark> {
        self.newest
    }

    /// The newest revision of anything.
    pub fn revision(&self) -> Revision {
        self.newest.map_or(Revision::NONE, |mark| mark.revision)
    }

    /// The newest change of any strategy that is no adjustment, removals included.
    pub const fn newest_ordinary(&self) -> Option<Mark> {
        self.newest_ordinary
    }

    /// The removal of a strategy that is gone.
    pub fn removal(&self, name: &StrategyName) -> Option<Mark> {
        self.removed.get(name).map(|removal| removal.mark)
    }

    /// When a strategy of that name was last heard of, be it here or gone.
    pub fn last_push_at(&self, name: &StrategyName) -> Option<Moment> {
        let gone = || self.removed.get(name).and_then(|removal| removal.last_push_at);
        self.strategy(name).map_or_else(gone, |strategy| strategy.last_push_at)
    }

    /// What is held of an instrument over all strategies: volume, and volume times cost.
    pub fn sum(&self, instrument: &Instrument) -> (Volume, Amount) {
        self.holdings.get(instrument).map_or_else(Default::default, |holdings| holdings.sums(Over::All))
    }

    /// The strategies whose lists hold an instrument, by creation.
    pub fn holders(&self, instrument: &Instrument) -> Vec<&Arc<Strategy>> {
        let Some(holdings) = self.holdings.get(instrument) else { return Vec::new() };
        let ids = holdings.ordinary.holders.clone().union(holdings.adjustments.holders.clone());
        ids.iter().filter_map(|id| self.by_id(*id)).collect()
    }

    /// The book as it would be if a strategy had this list, or with None if it were gone; and what that would change.
    pub fn supposing(&self, name: &StrategyName, positions: Option<Vec<Position>>) -> (Self, Vec<InstrumentChange>) {
        let mut book = self.clone();
        let start = Mark { revision: Revision::NONE, chain: [0; 8], updated_at: Moment::from_micros(0) };
        let mark = self.newest.unwrap_or(start);
        match (self.strategy(name), positions) {
            (Some(current), Some(positions)) => {
                let list = current.list.followed_by(positions);
                let changes = current.list.changes_to(&list);
                book.replace(Arc::new(Strategy { list, ..(**current).clone() }), &changes);
                (book, changes)
            }
            (None, Some(positions)) => {
                let id = self.strategies.get_max().map_or(StrategyId::FIRST, |(id, _)| id.next());
                let list = PositionList::default().followed_by(positions);
                let changes = PositionList::default().changes_to(&list);
                let name = name.clone();
                book.add(Arc::new(Strategy { id, name, list, mark, revisions: 0, last_push_at: None, sequence: None }));
                (book, changes)
            }
            (_, None) => {
                let changes = book.remove(name, mark);
                (book, changes)
            }
        }
    }

    /// Adds a strategy that is new to the book.
    pub fn add(&mut self, strategy: Arc<Strategy>) {
        let kind = strategy.name.kind();
        for position in strategy.list.iter() {
            let instrument = position.code().instrument();
            self.forget_lead(&instrument);
            let holding = self.holding(instrument, kind);
            holding.volume += position.volume().into();
            holding.amount += position.amount();
            holding.holders.insert(strategy.id);
        }
        self.leads.insert(strategy.id, Arc::default());
        self.advance(kind, strategy.mark);
        self.removed.remove(&strategy.name);
        self.ids.insert(strategy.name.clone(), strategy.id);
        self.adjustments += usize::from(kind == Kind::Adjustment);
        self.strategies.insert(strategy.id, strategy);
    }

    /// Puts a strategy in the place of the one with its number; `changes` lead from that one's list to the new one.
    pub fn replace(&mut self, strategy: Arc<Strategy>, changes: &[InstrumentChange]) {
        let kind = strategy.name.kind();
        self.apply(strategy.id, kind, changes);
        self.advance(kind, strategy.mark);
        self.strategies.insert(strategy.id, strategy);
    }

    /// Takes a strategy out of lists and totals, and says what that changed. The mark is the removal's.
    pub fn remove(&mut self, name: &StrategyName, mark: Mark) -> Vec<InstrumentChange> {
        let Some(strategy) = self.ids.remove(name).and_then(|id| self.strategies.remove(&id)) else {
            return Vec::new();
        };
        let changes = strategy.list.changes_to(&PositionList::default());
        let kind = name.kind();
        self.apply(strategy.id, kind, &changes);
        self.leads.remove(&strategy.id);
        self.adjustments -= usize::from(kind == Kind::Adjustment);
        self.note_removal(name.clone(), mark, strategy.last_push_at);
        changes
    }

    /// Records that a strategy was removed, so that pollers see its leaving as a change.
    pub fn note_removal(&mut self, name: StrategyName, mark: Mark, last_push_at: Option<Moment>) {
        self.advance(name.kind(), mark);
        self.removed.insert(name, Removal { mark, last_push_at });
    }

    fn advance(&mut self, kind: Kind, mark: Mark) {
        let newer = |newest: Option<Mark>| Some(newest.map_or(mark, |newest| newest.newest(mark)));
        self.newest = newer(self.newest);
        if kind == Kind::Ordinary {
            self.newest_ordinary = newer(self.newest_ordinary);
        }
    }

    fn holding(&mut self, instrument: Instrument, kind: Kind) -> &mut Holding {
        Arc::make_mut(self.holdings.entry(instrument).or_default()).of(kind)
    }

    /// Forgets the line of an instrument, with the others of those who lead it.
    fn forget_lead(&mut self, instrument: &Instrument) {
        let Some(holdings) = self.holdings.get(instrument) else { return };
        let leaders = [Over::All, Over::Ordinary].map(|over| holdings.leader(over));
        for id in leaders.into_iter().flatten() {
            self.leads.insert(id, Arc::default());
        }
    }

    fn apply(&mut self, id: StrategyId, kind: Kind, changes: &[InstrumentChange]) {
        for change in changes {
            self.forget_lead(&change.instrument);
            let holding = self.holding(change.instrument.clone(), kind);
            let (old, new) = (sums(&change.before), sums(&change.after));
            holding.volume += new.0 - old.0;
            holding.amount += new.1 - old.1;
            if change.after.is_empty() {
                holding.holders.remove(&id);
            } else if change.before.is_empty() {
                holding.holders.insert(id);
            }
            if self.holdings.get(&change.instrument).is_some_and(|holdings| holdings.is_empty()) {
                self.holdings.remove(&change.instrument);
            }
            self.forget_lead(&change.instrument);
        }
    }
}

/// What placed positions add up to: volume, and volume times cost.
pub fn sums(placed: &[Placed]) -> (Volume, Amount) {
    placed.iter().fold((Volume::default(), Amount::default()), |(volume, amount), entry| {
        (volume + entry.position.volume().into(), amount + entry.position.amount())
    })
}
