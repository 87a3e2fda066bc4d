//! What a target promises, held against random worlds of pushes, removals, states, overlays and days.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as Generated;
use proptest::test_runner::TestCaseError;

use super::super::account::{AccountName, Protected, Share};
use super::super::board::Rounding;
use super::super::book::{Strategy, Told};
use super::super::position::{Position, PositionList};
use super::super::report::{Holding, Mode, Report};
use super::super::reported::Reported;
use super::super::revision::{Revision, Topic};
use super::super::settings::Setting;
use super::super::state::Standing;
use super::super::total::Selection;
use super::*;

const STRATEGIES: [&str; 4] = ["alpha", "beta", "策略", "DEMO_X"];
const OVERLAYS: [&str; 2] = ["ADJUSTMENT_MAIN", "ADJUSTMENT_B"];
/// One instrument in two spellings, a lot of each kind, a code of no exchange and one of no board.
const CODES: [&str; 8] =
    ["000001.XSHE", "000001.SZ", "600000.SH", "688981.SH", "113050.SH", "430047.BJ", "600000", "204001.SH"];

/// 2026-12-29 10:00 in Shanghai, a Tuesday: of the days from the Friday on the calendar knows nothing.
const START: Moment = Moment::from_micros(1_798_509_600_000_000);

type List = Vec<(&'static str, &'static str, String)>;

/// Something that happens.
#[derive(Debug, Clone)]
enum Event {
    Push(&'static str, List),
    /// The list in force is said again.
    Repeat(&'static str),
    /// Gone until its next push.
    Remove(&'static str),
    Settle(&'static str, State),
    /// So many minutes pass.
    Wait(u64),
    /// The operator calls a day closed, so many days off, or takes that back.
    Close(i64),
}

fn list() -> impl Generated<Value = List> {
    let code = prop::sample::select(CODES.to_vec());
    let volume =
        prop::sample::select(vec!["0", "1", "50", "100", "135", "235.5", "1000", "0.000000000000000000000001"]);
    let cost = (1_u32..100_000).prop_map(|cost| format!("{cost}e-3"));
    prop::collection::vec((code, volume, cost), 0..6)
}

fn event() -> impl Generated<Value = Event> {
    let any = || prop::sample::select([&STRATEGIES[..], &OVERLAYS].concat());
    let ordinary = || prop::sample::select(STRATEGIES.to_vec());
    let state = prop::sample::select(vec![State::Live, State::Frozen, State::Flat, State::Closed]);
    prop_oneof![
        8 => (any(), list()).prop_map(|(name, list)| Event::Push(name, list)),
        2 => ordinary().prop_map(Event::Repeat),
        1 => any().prop_map(Event::Remove),
        3 => (ordinary(), state).prop_map(|(name, state)| Event::Settle(name, state)),
        3 => (0..4000_u64).prop_map(Event::Wait),
        1 => (-12..2_i64).prop_map(Event::Close),
    ]
}

/// What a terminal may report: whole lots of some instruments, each once.
fn holdings() -> impl Generated<Value = HashMap<&'static str, i64>> {
    prop::collection::hash_map(prop::sample::select(vec!["000001.SZ", "600000.SH", "688981.SH"]), 0..3_i64, 0..4)
}

fn events() -> impl Generated<Value = Vec<Event>> {
    prop::collection::vec(event(), 0..40)
}

fn account() -> impl Generated<Value = Account> {
    let scale = prop::sample::select(vec!["1", "1", "0.37", "0.5", "3", "0.000000000001", "1000"]);
    let shares = prop::collection::vec((prop::sample::select(STRATEGIES.to_vec()), scale), 1..4);
    let overlays = prop::option::of(prop::sample::subsequence(OVERLAYS.to_vec(), 0..=2));
    let own = prop::collection::vec((prop::sample::select(CODES.to_vec()), prop::option::of(0..500_u32)), 0..3);
    let rounding = prop::sample::select(vec![Rounding::Nearest, Rounding::Down]);
    let fresh = prop::sample::select(vec![Fresh::Today, Fresh::Today, Fresh::Any]);
    (shares, overlays, own, rounding, fresh).prop_map(|(mut shares, overlays, own, rounding, fresh)| {
        let mut seen = HashSet::new();
        shares.retain(|(name, _)| seen.insert(*name));
        let mut seen = HashSet::new();
        let own = own.into_iter().filter(|(code, _)| seen.insert(instrument(code)));
        Account {
            strategies: shares
                .into_iter()
                .map(|(text, scale)| Share { name: name(text), scale: decimal(scale) })
                .collect(),
            adjustments: overlays
                .map_or(Adjustments::All, |names| Adjustments::Named(names.into_iter().map(name).collect())),
            protected: own
                .map(|(code, volume)| Protected { code: code_of(code), volume: volume.map(Decimal::whole) })
                .collect(),
            rounding,
            fresh,
            costs: None,
            broker: None,
        }
    })
}

fn name(text: &str) -> StrategyName {
    StrategyName::parse(text).unwrap()
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn code_of(text: &str) -> Code {
    Code::parse(text).unwrap()
}

fn instrument(text: &str) -> Instrument {
    code_of(text).instrument()
}

fn settled(account: Account) -> Settled {
    let former = Vec::new();
    Settled {
        name: AccountName::parse("main").unwrap(),
        account,
        former,
        mark: Mark { revision: Revision::new(1), chain: [1; 8], updated_at: START },
    }
}

/// A book, and what a careful reader would have noted beside it.
#[derive(Debug)]
struct World {
    book: Book,
    now: Moment,
    revision: i64,
    next: StrategyId,
    spoken: HashMap<StrategyName, Moment>,
    /// When a strategy's list was last left without an instrument.
    dropped: HashMap<(StrategyName, Instrument), Moment>,
}

impl World {
    fn new() -> Self {
        let (spoken, dropped) = (HashMap::new(), HashMap::new());
        Self { book: Book::default(), now: START, revision: 1, next: StrategyId::FIRST, spoken, dropped }
    }

    fn after(events: &[Event]) -> Self {
        let mut world = Self::new();
        for event in events {
            world.take(event);
        }
        world
    }

    fn began(&self) -> Moment {
        self.book.settings().calendar().trading_day_began(self.now)
    }

    fn mark(&mut self) -> Mark {
        self.revision += 1;
        let chain = self.revision.to_be_bytes();
        Mark { revision: Revision::new(self.revision), chain, updated_at: self.now }
    }

    fn state(&self, name: &StrategyName) -> State {
        self.book.settings().state(name)
    }

    fn take(&mut self, event: &Event) {
        self.now = self.now.plus(Duration::from_secs(1));
        match event {
            Event::Wait(minutes) => self.now = self.now.plus(Duration::from_secs(60 * minutes)),
            // Everybody else's pushes wait.
            Event::Push(to, list) if self.state(&name(to)) == State::Live => {
                let to = name(to);
                let position = |(code, volume, cost): &(&str, &str, String)| {
                    Position::new(to.kind(), code, None, sign(&to, volume), decimal(cost), None).unwrap()
                };
                self.write(&to, list.iter().map(position).collect());
            }
            Event::Push(..) => {}
            Event::Repeat(of) => self.repeat(&name(of)),
            Event::Remove(of) => self.remove(&name(of)),
            Event::Settle(of, state) => self.settle(&name(of), *state),
            Event::Close(ahead) => self.close(Day::of(self.now).after(*ahead)),
        }
    }

    /// The account's terminal, which knows its newest target, reports what it holds; what is unexplained is locked.
    fn report(&mut self, settled: &Settled, held: &HashMap<&'static str, i64>) {
        let target = self.book.target(settled, self.now).ok();
        let holding = |(code, volume): (&&str, &i64)| Holding {
            code: code_of(code),
            volume: *volume * 100,
            sellable: *volume * 100,
            cost: None,
            price: None,
        };
        let report = Report {
            at: self.now,
            mode: Mode::Live,
            revision: target.as_ref().map(|target| target.mark.revision),
            cash: None,
            total_asset: None,
            holdings: held.iter().map(holding).collect(),
            orders: Vec::new(),
            fills: Vec::new(),
            waiting: Vec::new(),
        };
        let before = self.book.reported(&settled.name).cloned();
        let step = Reported::follow(before.as_deref(), report, self.now, target.as_ref());
        self.book.report(settled.name.clone(), Arc::new(step.reported));
        if !step.unexplained.is_empty() {
            let locks =
                step.unexplained.into_iter().map(|(code, shares)| Lock { code, shares, at: self.now }).collect();
            let mark = self.mark();
            self.book.settings_mut().settle(Topic::Locks(settled.name.clone()), Setting::Locks(locks), mark);
        }
    }

    fn close(&mut self, day: Day) {
        let mut closed = self.book.settings().calendar().closed().clone();
        if !closed.remove(&day) {
            closed.insert(day);
        }
        let calendar = Calendar::new(BTreeSet::new(), closed, None).unwrap();
        let mark = self.mark();
        self.book.settings_mut().settle(Topic::Calendar, Setting::Calendar(calendar), mark);
    }

    fn settle(&mut self, of: &StrategyName, state: State) {
        if self.book.strategy(of).is_none() && matches!(state, State::Frozen | State::Flat) {
            return;
        }
        match state {
            State::Closed => self.remove(of),
            State::Flat => self.write(of, Vec::new()),
            State::Live | State::Frozen => self.repeat(of),
        }
        let mark = self.mark();
        let standing = Setting::State(Standing { state, ..Standing::default() });
        self.book.settings_mut().settle(Topic::State(of.clone()), standing, mark);
    }

    fn write(&mut self, to: &StrategyName, positions: Vec<Position>) {
        let current = self.book.strategy(to).cloned();
        let before = current.as_ref().map(|current| current.list.clone()).unwrap_or_default();
        let list = before.followed_by(positions);
        if current.is_some() && before.repeats(list.iter()) {
            return self.repeat(to);
        }
        self.spoken.insert(to.clone(), self.now);
        self.note_dropped(to, &before, &list);
        let changes = before.changes_to(&list);
        let id = current.as_ref().map_or(self.next, |current| current.id);
        let told = Told { spoken_at: Some(self.now), ..Told::default() };
        let (mark, last_push_at) = (self.mark(), Some(self.now));
        let strategy = Strategy { id, name: to.clone(), list, mark, revisions: 1, last_push_at, sequence: None, told };
        if current.is_some() {
            self.book.replace(&Arc::new(strategy), &changes);
        } else {
            self.next = id.next();
            self.book.add(Arc::new(strategy));
        }
    }

    fn repeat(&mut self, of: &StrategyName) {
        let Some(current) = self.book.strategy(of).cloned() else { return };
        self.spoken.insert(of.clone(), self.now);
        let told = Told { spoken_at: Some(self.now), ..current.told };
        self.book.replace(&Arc::new(Strategy { told, ..(*current).clone() }), &[]);
    }

    fn remove(&mut self, of: &StrategyName) {
        let Some(current) = self.book.strategy(of).cloned() else { return };
        self.note_dropped(of, &current.list, &PositionList::default());
        let mark = self.mark();
        self.book.remove(of, mark);
        self.spoken.remove(of);
    }

    fn note_dropped(&mut self, by: &StrategyName, before: &PositionList, after: &PositionList) {
        let instruments = |list: &PositionList| list.iter().map(|one| one.code().instrument()).collect::<HashSet<_>>();
        for gone in instruments(before).difference(&instruments(after)) {
            self.dropped.insert((by.clone(), gone.clone()), self.now);
        }
    }

    fn holds(&self, who: &StrategyName, instrument: &Instrument) -> bool {
        let list = self.book.strategy(who).map(|strategy| &strategy.list);
        list.is_some_and(|list| list.iter().any(|one| one.code().instrument() == *instrument))
    }

    /// Whose word a line waits for.
    fn awaited(&self, account: &Account, instrument: &Instrument) -> BTreeSet<StrategyName> {
        let named = || account.strategies.iter().map(|share| &share.name);
        let wanted: BTreeSet<&StrategyName> = named().filter(|name| self.holds(name, instrument)).collect();
        let dropped = |name: &StrategyName| self.dropped.get(&(name.clone(), instrument.clone())).copied();
        let last = named().filter(|_| wanted.is_empty()).filter_map(dropped).max();
        let calendar = self.book.settings().calendar();
        let day_before = calendar.trading_day_surely_before(Day::of(self.began())).begins_at();
        let wanted_last = named().filter(|name| dropped(name).is_some_and(|at| at >= day_before || Some(at) == last));
        let asked = wanted.iter().copied().chain(wanted_last);
        let is_silent = |name: &&StrategyName| {
            self.state(name) != State::Flat && self.spoken.get(*name).is_none_or(|at| *at < self.began())
        };
        asked.filter(is_silent).cloned().collect()
    }
}

/// An overlay takes away.
fn sign(of: &StrategyName, volume: &str) -> Decimal {
    if of.kind() == Kind::Adjustment && volume != "50" { decimal(&format!("-{volume}")) } else { decimal(volume) }
}

fn check_line(world: &World, settled: &Settled, line: &TargetLine) -> Result<(), TestCaseError> {
    let account = &settled.account;
    let instrument = line.code.instrument();
    // The parts add up, and each is what the strategy's list says.
    let mut sum = Scaled::default();
    for part in &line.parts {
        let share = account.strategies.iter().find(|share| share.name == part.strategy);
        let scale = share.map_or(Decimal::ONE, |share| share.scale);
        let mut listed = Scaled::default();
        let strategy = world.book.strategy(&part.strategy).unwrap();
        for position in strategy.list.iter().filter(|one| one.code().instrument() == instrument) {
            listed += position.volume().scaled(scale);
        }
        prop_assert_eq!(listed, part.volume);
        sum += part.volume;
    }
    prop_assert_eq!(sum, line.exact);
    // Rounding makes nothing of nothing, and never less; what is the owner's own comes on top.
    let own = account.protected.iter().find(|one| one.code.instrument() == instrument);
    let kept = Volume::from(own.and_then(|own| own.volume).unwrap_or_default());
    prop_assert_eq!(Volume::from(line.protected), kept);
    prop_assert!(line.volume >= kept);
    let ours = line.volume - kept;
    let nothing = line.exact.is_zero() || line.exact.is_negative();
    prop_assert!(!nothing || ours.is_zero(), "{:?}", line);
    let scaled =
        line.parts.iter().filter(|part| !part.volume.is_zero()).any(|part| {
            account.strategies.iter().any(|share| share.name == part.strategy && share.scale != Decimal::ONE)
        });
    match Board::of_at(&instrument, Day::of(world.began())) {
        _ if nothing => {}
        Some(board) if scaled => prop_assert!(ours.is_zero() || board.takes(ours), "{:?}", line),
        None if scaled => prop_assert!(ours.is_multiple_of(1)),
        _ => prop_assert_eq!(ours, line.exact.floor()),
    }
    // Whose word it waits for.
    let reason = line.hold.as_ref().map(|hold| hold.reason.clone());
    let expected = if own.is_some_and(|own| own.volume.is_none()) {
        Some(HoldReason::Protected)
    } else if instrument.exchange().is_none() {
        Some(HoldReason::UnknownCode)
    } else {
        let awaited = world.awaited(account, &instrument);
        let awaited = if account.fresh == Fresh::Any { BTreeSet::new() } else { awaited };
        let Some(HoldReason::NotFresh(silent)) = reason else {
            prop_assert_eq!((&reason, awaited), (&None, BTreeSet::new()), "{:?}", line);
            return Ok(());
        };
        prop_assert_eq!(silent.len(), awaited.len());
        prop_assert_eq!(silent.into_iter().collect::<BTreeSet<_>>(), awaited);
        return Ok(());
    };
    prop_assert_eq!(reason, expected);
    Ok(())
}

proptest! {
    #[test]
    fn every_line_is_what_its_strategies_want(events in events(), account in account()) {
        let settled = settled(account);
        let mut world = World::new();
        for event in &events {
            world.take(event);
            let Ok(target) = world.book.target(&settled, world.now) else { continue };
            let mut seen = HashSet::new();
            for line in &target.lines {
                prop_assert!(seen.insert(line.code.instrument()), "an instrument stands once");
                check_line(&world, &settled, line)?;
            }
            // What is the owner's own stands in one place or the other.
            for own in settled.account.protected.iter().filter(|own| own.volume.is_some()) {
                let in_owned = target.owned.iter().any(|(code, volume)| *code == own.code && Some(*volume) == own.volume);
                prop_assert!(in_owned != seen.contains(&own.code.instrument()));
            }
            // Nothing that somebody of them wants is left out.
            for share in &settled.account.strategies {
                for position in world.book.strategy(&share.name).unwrap().list.iter() {
                    prop_assert!(seen.contains(&position.code().instrument()));
                }
            }
        }
    }

    #[test]
    fn at_scale_1_over_all_it_is_the_old_total(events in events()) {
        let world = World::after(&events);
        let ordinary = world.book.strategies().filter(|strategy| strategy.name.kind() == Kind::Ordinary);
        let strategies: Vec<Share> =
            ordinary.map(|one| Share { name: one.name.clone(), scale: Decimal::ONE }).collect();
        prop_assume!(!strategies.is_empty());
        let account = Account {
            strategies,
            adjustments: Adjustments::Named(Vec::new()),
            protected: Vec::new(),
            rounding: Rounding::Nearest,
            fresh: Fresh::Any,
            costs: None,
            broker: None,
        };
        let target = world.book.target(&settled(account), world.now).unwrap();
        let total = world.book.total(&Selection::Ordinary).unwrap();
        let wanted = target.lines.iter().filter(|line| !line.volume.is_zero());
        let line = |line: &TargetLine| (line.code.clone(), line.name.clone(), line.volume, line.average.map(f64::to_bits));
        let wanted: Vec<_> = wanted.map(line).collect();
        let lines = total.lines.iter();
        let lines: Vec<_> =
            lines.map(|line| (line.code.clone(), line.name.clone(), line.volume, Some(line.average.to_bits()))).collect();
        prop_assert_eq!(wanted, lines);
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_answered(events in events(), account in account()) {
        let settled = settled(account);
        let mut world = World::new();
        for event in std::iter::once(&Event::Wait(0)).chain(&events) {
            world.take(event);
            let names = settled.account.strategies.iter().map(|share| share.name.clone());
            let missing: Vec<StrategyName> = names
                .filter(|name| world.book.strategy(name).is_none() || world.state(name) == State::Closed)
                .collect();
            let (target, mark) =
                (world.book.target(&settled, world.now), world.book.target_mark(&settled, world.now));
            if missing.is_empty() {
                prop_assert!(target.is_ok() && mark.is_ok());
            } else {
                prop_assert_eq!(target, Err(Incomplete(missing.clone())));
                prop_assert_eq!(mark, Err(Incomplete(missing)));
            }
        }
    }

    #[test]
    fn targets_of_one_mark_are_equal_and_marks_do_not_go_back(
        events in prop::collection::vec((event(), prop::option::of(holdings())), 0..40),
        account in account(),
    ) {
        let settled = settled(account);
        let mut world = World::new();
        let mut seen: Vec<(TargetMark, Target)> = Vec::new();
        for (event, held) in &events {
            world.take(event);
            if let Some(held) = held {
                world.report(&settled, held);
            }
            let Ok(target) = world.book.target(&settled, world.now) else { continue };
            let mark = world.book.target_mark(&settled, world.now).unwrap();
            prop_assert_eq!(target.mark, mark.mark);
            if let Some((before, _)) = seen.last() {
                // Terminals take an older revision for a server that was put back.
                prop_assert!(mark.mark.revision >= before.mark.revision);
                prop_assert!(mark.mark.updated_at >= before.mark.updated_at);
            }
            if let Some((_, same)) = seen.iter().find(|(other, _)| *other == mark) {
                prop_assert_eq!(same, &target);
            }
            seen.push((mark, target));
        }
    }

    #[test]
    fn what_was_listed_stays_listed(events in events(), account in account()) {
        let settled = settled(account);
        let mut world = World::new();
        let mut listed: HashSet<Instrument> = HashSet::new();
        for event in &events {
            world.take(event);
            let Ok(target) = world.book.target(&settled, world.now) else { continue };
            let lines: HashSet<Instrument> = target.lines.iter().map(|line| line.code.instrument()).collect();
            prop_assert!(lines.is_superset(&listed));
            listed = lines;
        }
    }
}

#[test]
fn a_word_that_a_clock_put_into_the_days_to_come_is_not_of_today() {
    let strategies = vec![Share { name: name("alpha"), scale: Decimal::ONE }];
    let account = Account {
        strategies,
        adjustments: Adjustments::Named(Vec::new()),
        protected: Vec::new(),
        rounding: Rounding::Nearest,
        fresh: Fresh::Today,
        costs: None,
        broker: None,
    };
    let (settled, mut world) = (settled(account), World::new());
    let hold = |world: &World| {
        let target = world.book.target(&settled, world.now).unwrap();
        target.lines[0].hold.as_ref().map(|hold| hold.reason.clone())
    };
    world.now = START.plus(Duration::from_hours(365 * 24));
    world.take(&Event::Push("alpha", vec![("600000.SH", "100", "1".to_owned())]));
    assert_eq!(hold(&world), None);
    world.now = START;
    assert_eq!(hold(&world), Some(HoldReason::NotFresh(vec![name("alpha")])));
    world.take(&Event::Repeat("alpha"));
    assert_eq!(hold(&world), None);
}
