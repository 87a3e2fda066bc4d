//! The book: every strategy's current list, and the running totals kept up change by change.
//!
//! All maps are persistent: a clone costs nothing and shares all that did not change, so a reader keeps its own book
//! while the writer goes on, and a push costs in proportion to its own size whatever else is stored.

use std::sync::{Arc, OnceLock};

use imbl::shared_ptr::DefaultSharedPtr;
use imbl::{GenericHashMap, OrdMap, OrdSet};
use smol_str::SmolStr;

use super::account::AccountName;
use super::calendar::Day;
use super::code::{Code, Instrument};
use super::decimal::{Amount, Decimal, Volume};
use super::gist::Gist;
use super::guard::Previous;
use super::moment::Moment;
use super::position::{InstrumentChange, Placed, Position, PositionList};
use super::reported::Reported;
use super::revision::{Revision, Topic};
use super::schedule::Met;
use super::settings::{Setting, Settings};
use super::state::{Standing, State};
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
    /// Before anything changed.
    pub const START: Self = Self { revision: Revision::NONE, chain: [0; 8], updated_at: Moment::from_micros(0) };

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
    /// What else is known of its pushes.
    pub told: Told,
}

/// What is known of a strategy's pushes beside the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// When the list in force was last said: by a push that is in force, changed or not, or by the operator. A push that
    /// waits says nothing about it.
    pub spoken_at: Option<Moment>,
    /// Which of a day's times of its schedule were met.
    pub met: Option<Met>,
    /// The strategy's own equity, as its last push told it: CNY.
    pub total_value: Option<Decimal>,
    /// What the list holds, to tell it from others. Not stored: it follows from the list.
    pub gist: Gist,
    /// What the list before it held, and until when. Not stored: it serves for minutes.
    pub previous: Option<Previous>,
}

/// An instrument that a strategy wanted once. Its list may want it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// As it was spelled last.
    pub code: Code,
    /// What it was called, where that was said.
    pub name: Option<SmolStr>,
    /// Since which revision the list was without it.
    pub revision: Revision,
    /// Since when.
    pub at: Moment,
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
    /// The overlays, by creation.
    pub(super) adjustments: OrdSet<StrategyId>,
    removed: HashMap<StrategyName, Removal>,
    /// What strategies wanted once, also those that are gone.
    past: HashMap<StrategyName, OrdMap<Instrument, Arc<Past>>>,
    /// Which lists hold the same.
    alike: HashMap<Gist, OrdSet<StrategyId>>,
    newest: Option<Mark>,
    newest_ordinary: Option<Mark>,
    newest_adjustment: Option<Mark>,
    changed_at: Option<Moment>,
    settings: Settings,
    /// Accounts as their terminals have reported them.
    reported: OrdMap<AccountName, (Arc<Reported>, u64)>,
}

impl Book {
    /// The strategy of that name, if there is one now.
    pub fn strategy(&self, name: &StrategyName) -> Option<&Arc<Strategy>> {
        self.strategies.get(self.ids.get(name)?)
    }

    /// The newest revision of a strategy's list; [`Revision::NONE`] where there is no such strategy.
    pub fn list_revision(&self, name: &StrategyName) -> Revision {
        self.strategy(name).map_or(Revision::NONE, |strategy| strategy.mark.revision)
    }

    /// The newest revision of a strategy's list and of what it may do.
    pub fn state_revision(&self, name: &StrategyName) -> Revision {
        self.list_revision(name).max(self.settings().revision(&Topic::State(name.clone())))
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

    /// The newest change of any list, removals included.
    pub const fn newest(&self) -> Option<Mark> {
        self.newest
    }

    /// The newest revision of anything: of a list, or of what is settled.
    pub fn revision(&self) -> Revision {
        [self.newest, self.settings.newest()].into_iter().flatten().map(|mark| mark.revision).max().unwrap_or_default()
    }

    /// When the newest revision of anything was made, as it says; None where nobody noted it.
    pub const fn changed_at(&self) -> Option<Moment> {
        self.changed_at
    }

    /// Notes when the newest revision was made.
    pub const fn note_change(&mut self, at: Moment) {
        self.changed_at = Some(at);
    }

    /// What is settled around the lists.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is settled around the lists, to be settled otherwise.
    pub const fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// An account as its terminal has reported it last; None before any report.
    pub fn reported(&self, account: &AccountName) -> Option<&Arc<Reported>> {
        self.reported.get(account).map(|(reported, _)| reported)
    }

    /// Stands for what of an account's newest report decides about its target.
    pub(super) fn reported_digest(&self, account: &AccountName) -> u64 {
        self.reported.get(account).map_or(0, |(_, digest)| *digest)
    }

    /// Every account as its terminal has reported it last, by name; also of accounts that are gone.
    pub fn reports(&self) -> impl Iterator<Item = (&AccountName, &Arc<Reported>)> {
        self.reported.iter().map(|(account, (reported, _))| (account, reported))
    }

    /// Every account that is there, as its terminal has reported it last, by name.
    pub fn reporting(&self) -> impl Iterator<Item = (&AccountName, &Arc<Reported>)> {
        self.reports().filter(|(account, _)| self.settings.account(account).is_some())
    }

    /// Puts an account's newest report in the place of the one before.
    pub fn report(&mut self, account: AccountName, reported: Arc<Reported>) {
        let digest = reported.digest();
        self.reported.insert(account, (reported, digest));
    }

    /// The newest change of any strategy that is no adjustment, removals included.
    pub const fn newest_ordinary(&self) -> Option<Mark> {
        self.newest_ordinary
    }

    /// The overlays that hold a line whose last day is over, by creation.
    pub fn overlays_with_lines_over(&self, today: Day) -> impl Iterator<Item = &Arc<Strategy>> {
        let overlays = self.adjustments.iter().filter_map(|id| self.by_id(*id));
        overlays.filter(move |overlay| overlay.list.iter().any(|position| position.is_over(today)))
    }

    /// The newest change of any overlay, removals included.
    pub const fn newest_adjustment(&self) -> Option<Mark> {
        self.newest_adjustment
    }

    /// What a strategy wanted once, also one that is gone; its list may want it again.
    pub fn past(&self, name: &StrategyName) -> impl Iterator<Item = (&Instrument, &Arc<Past>)> {
        self.past.get(name).into_iter().flatten()
    }

    /// The names of all who wanted something once.
    pub fn pasts(&self) -> impl Iterator<Item = &StrategyName> {
        self.past.keys()
    }

    /// Remembers what a strategy wanted once.
    pub fn note_past(&mut self, name: &StrategyName, instrument: Instrument, past: Past) {
        self.past.entry(name.clone()).or_default().insert(instrument, Arc::new(past));
    }

    /// Another live strategy whose list holds the same; the oldest of them.
    pub fn twin(&self, name: &StrategyName, gist: Gist) -> Option<&StrategyName> {
        let alike = self.alike.get(&gist)?.iter().filter_map(|id| self.by_id(*id));
        let is_other = |other: &&StrategyName| *other != name && self.settings.state(other) == State::Live;
        alike.map(|strategy| &strategy.name).find(is_other)
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

    /// Every instrument that a list holds.
    pub fn instruments(&self) -> impl Iterator<Item = &Instrument> {
        self.holdings.keys()
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
        let mark = self.newest.unwrap_or(Mark::START);
        if positions.is_some() && self.settings().state(name) == State::Closed {
            let live = Setting::State(Standing::default());
            book.settings_mut().settle(Topic::State(name.clone()), live, mark);
        }
        match (self.strategy(name), positions) {
            (Some(current), Some(positions)) => {
                let list = current.list.followed_by(positions);
                let changes = current.list.changes_to(&list);
                let told = Told { gist: Gist::of(list.iter()), ..current.told };
                book.replace(&Arc::new(Strategy { list, told, ..(**current).clone() }), &changes);
                (book, changes)
            }
            (None, Some(positions)) => {
                let id = self.strategies.get_max().map_or(StrategyId::FIRST, |(id, _)| id.next());
                let list = PositionList::default().followed_by(positions);
                let changes = PositionList::default().changes_to(&list);
                let name = name.clone();
                let told = Told { gist: Gist::of(list.iter()), ..Told::default() };
                let (revisions, last_push_at, sequence) = (0, None, None);
                book.add(Arc::new(Strategy { id, name, list, mark, revisions, last_push_at, sequence, told }));
                (book, changes)
            }
            (_, None) => {
                let changes = book.remove(name, mark);
                (book, changes)
            }
        }
    }

    /// The book as it would be if a strategy had said its list just now.
    #[must_use]
    pub fn supposing_said(&self, name: &StrategyName, now: Moment) -> Self {
        let mut book = self.clone();
        if let Some(strategy) = self.strategy(name) {
            let told = Told { spoken_at: Some(now), ..strategy.told };
            book.replace(&Arc::new(Strategy { told, last_push_at: Some(now), ..(**strategy).clone() }), &[]);
        }
        book
    }

    /// Adds a strategy that is new to the book.
    pub fn add(&mut self, strategy: Arc<Strategy>) {
        let kind = strategy.name.kind();
        for position in strategy.list.iter() {
            let instrument = position.code().instrument();
            self.forget_leads(self.leaders(&instrument));
            let holding = self.holding(instrument, kind);
            holding.volume += position.volume().into();
            holding.amount += position.amount();
            holding.holders.insert(strategy.id);
        }
        self.leads.insert(strategy.id, Arc::default());
        self.advance(kind, strategy.mark);
        self.removed.remove(&strategy.name);
        self.ids.insert(strategy.name.clone(), strategy.id);
        if kind == Kind::Adjustment {
            self.adjustments.insert(strategy.id);
        }
        self.note_alike(&strategy);
        self.strategies.insert(strategy.id, strategy);
    }

    /// Puts a strategy in the place of the one with its number; `changes` lead from that one's list to the new one.
    pub fn replace(&mut self, strategy: &Arc<Strategy>, changes: &[InstrumentChange]) {
        let kind = strategy.name.kind();
        self.apply((strategy.id, &strategy.name), changes, strategy.mark);
        self.advance(kind, strategy.mark);
        self.note_alike(strategy);
        if let Some(before) = self.strategies.insert(strategy.id, Arc::clone(strategy))
            && before.told.gist != strategy.told.gist
        {
            self.forget_alike(&before);
        }
    }

    /// Takes a strategy out of lists and totals, and says what that changed. The mark is the removal's.
    pub fn remove(&mut self, name: &StrategyName, mark: Mark) -> Vec<InstrumentChange> {
        let Some(strategy) = self.ids.remove(name).and_then(|id| self.strategies.remove(&id)) else {
            return Vec::new();
        };
        let changes = strategy.list.changes_to(&PositionList::default());
        self.apply((strategy.id, name), &changes, mark);
        self.leads.remove(&strategy.id);
        self.adjustments.remove(&strategy.id);
        self.forget_alike(&strategy);
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
        match kind {
            Kind::Ordinary => self.newest_ordinary = newer(self.newest_ordinary),
            Kind::Adjustment => self.newest_adjustment = newer(self.newest_adjustment),
        }
    }

    fn note_alike(&mut self, strategy: &Strategy) {
        // Empty lists are all alike, and overlays are nobody's twin.
        if !strategy.list.is_empty() && strategy.name.kind() == Kind::Ordinary {
            self.alike.entry(strategy.told.gist).or_default().insert(strategy.id);
        }
    }

    fn forget_alike(&mut self, strategy: &Strategy) {
        let gist = strategy.told.gist;
        if let Some(alike) = self.alike.get_mut(&gist) {
            alike.remove(&strategy.id);
            if alike.is_empty() {
                self.alike.remove(&gist);
            }
        }
    }

    fn holding(&mut self, instrument: Instrument, kind: Kind) -> &mut Holding {
        Arc::make_mut(self.holdings.entry(instrument).or_default()).of(kind)
    }

    /// The strategies that contribute an instrument first: to all, and to the ordinary ones.
    fn leaders(&self, instrument: &Instrument) -> [Option<StrategyId>; 2] {
        let Some(holdings) = self.holdings.get(instrument) else { return [None; 2] };
        [Over::All, Over::Ordinary].map(|over| holdings.leader(over))
    }

    /// Forgets the lines of those who lead an instrument, which has changed.
    fn forget_leads(&mut self, [all, ordinary]: [Option<StrategyId>; 2]) {
        for id in all.into_iter().chain(ordinary.filter(|_| ordinary != all)) {
            self.leads.insert(id, Arc::default());
        }
    }

    fn apply(&mut self, (id, name): (StrategyId, &StrategyName), changes: &[InstrumentChange], mark: Mark) {
        for change in changes {
            if let Some(past) = Past::of(change, mark) {
                self.note_past(name, change.instrument.clone(), past);
            }
            let leaders = self.leaders(&change.instrument);
            let holding = self.holding(change.instrument.clone(), name.kind());
            let (old, new) = (sums(&change.before), sums(&change.after));
            holding.volume += new.0 - old.0;
            holding.amount += new.1 - old.1;
            if change.after.is_empty() {
                holding.holders.remove(&id);
                if self.holdings.get(&change.instrument).is_some_and(|holdings| holdings.is_empty()) {
                    self.holdings.remove(&change.instrument);
                }
            } else if change.before.is_empty() {
                holding.holders.insert(id);
            }
            self.forget_leads(leaders);
            let new_leaders = self.leaders(&change.instrument);
            if new_leaders != leaders {
                self.forget_leads(new_leaders);
            }
        }
    }
}

impl Past {
    /// What a change leaves behind: something where the list is without the instrument after it.
    pub fn of(change: &InstrumentChange, mark: Mark) -> Option<Self> {
        let Placed { position, .. } = change.before.first().filter(|_| change.after.is_empty())?;
        let (code, name) = (position.code().clone(), position.name().map(SmolStr::from));
        Some(Self { code, name, revision: mark.revision, at: mark.updated_at })
    }
}

/// What placed positions add up to: volume, and volume times cost.
pub fn sums(placed: &[Placed]) -> (Volume, Amount) {
    placed.iter().fold((Volume::default(), Amount::default()), |(volume, amount), entry| {
        (volume + entry.position.volume().into(), amount + entry.position.amount())
    })
}
