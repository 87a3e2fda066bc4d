//! The ledger as an equation: over random worlds of changes, without a disk.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::chain::{Entry, Head};
use super::replay::Replay;
use super::*;
use crate::domain::account::{Account, AccountName};
use crate::domain::calendar::Day;
use crate::domain::changes::Changes;
use crate::domain::code::{Code, Instrument};
use crate::domain::decimal::Decimal;
use crate::domain::moment::Moment;
use crate::domain::position::{InstrumentChange, Position};
use crate::domain::revision::{Actor, Revision, Topic};
use crate::domain::settings::Setting;
use crate::domain::state::{Pause, State};
use crate::domain::strategy::{Kind, StrategyName};
use crate::domain::target::Target;

/// What somebody may ask for.
#[derive(Debug, Clone)]
struct Wish {
    strategy: &'static str,
    /// None to remove it.
    list: Option<Vec<(&'static str, u32)>>,
    sequence: Option<i64>,
    /// Whether it names the revision that the strategy is at, or another one.
    expected: Option<bool>,
    /// The number of its token; the same one may come again.
    token: Option<u8>,
}

fn wish() -> impl Strategy<Value = Wish> {
    let strategy = prop::sample::select(vec!["alpha", "beta", "gamma", "ADJUSTMENT_MAIN"]);
    let code = prop::sample::select(vec!["000001.XSHE", "000001.SZ", "600000.SH", "X"]);
    let list = prop::option::weighted(0.85, prop::collection::vec((code, 0..5_u32), 0..4));
    let sequence = prop::option::weighted(0.3, 0..20_i64);
    let expected = prop::option::weighted(0.2, any::<bool>());
    let token = prop::option::weighted(0.5, 0..30_u8);
    (strategy, list, sequence, expected, token).prop_map(|(strategy, list, sequence, expected, token)| Wish {
        strategy,
        list,
        sequence,
        expected,
        token,
    })
}

fn token(number: u8) -> UsedToken {
    UsedToken { signed_at: Moment::from_micros(1_000), digest: [number; 32] }
}

fn change(wish: &Wish, book: &Book) -> Change {
    let strategy = StrategyName::parse(wish.strategy).unwrap();
    let position = |(code, volume): &(&str, u32)| {
        let (volume, cost) = (Decimal::parse(&volume.to_string()).unwrap(), Decimal::parse("1.5").unwrap());
        let position = Position::new(strategy.kind(), code, None, volume, cost, None).unwrap();
        // Each push is decided at another price.
        position.at_price(Decimal::parse(&book.revision().get().to_string()).ok())
    };
    let list = wish.list.as_ref().map(|list| list.iter().map(position).collect());
    let current = book.strategy(&strategy).map_or(Revision::NONE, |strategy| strategy.mark.revision);
    let change = Change::new(
        strategy,
        list.map_or(Deed::Remove { revive: true }, Deed::Replace),
        Actor::Client("alice".to_owned()),
        Some("192.0.2.7".to_owned()),
    );
    Change {
        aside: Aside { sequence: wish.sequence, ..Aside::default() },
        expected_revision: wish.expected.map(|right| if right { current } else { current.next() }),
        token: wish.token.map(token),
        ..change
    }
}

impl Change {
    /// The list that it puts in the place of another.
    fn list(&self) -> Option<&Vec<Position>> {
        if let Deed::Replace(positions) = &self.deed { Some(positions) } else { None }
    }
}

/// What is wanted, at whatever price it was decided.
fn unpriced<'a>(positions: impl Iterator<Item = &'a Position>) -> Vec<Position> {
    positions.map(|position| position.clone().at_price(None)).collect()
}

/// Ledgers as a store keeps them: batch after batch, with the tokens that were used up.
#[derive(Debug)]
struct World {
    ledger: Ledger,
    used: HashSet<UsedToken>,
    chain: Vec<Entry>,
}

impl World {
    /// Before the first change.
    fn new() -> Self {
        let ledger = Ledger::default();
        Self { ledger, used: HashSet::new(), chain: Vec::new() }
    }

    /// Takes a batch at a moment, and says of each wish what became of it.
    fn take(&mut self, wishes: &[Wish], now: i64) -> Vec<Result<Receipt, Rejected>> {
        let tokens: HashSet<UsedToken> = wishes.iter().filter_map(|wish| wish.token.map(token)).collect();
        let unused: HashSet<UsedToken> = tokens.difference(&self.used).copied().collect();
        let mut draft = self.ledger.draft(Moment::from_micros(now), unused.clone());
        let outcomes = wishes.iter().map(|wish| draft.take(change(wish, &self.ledger.book))).collect();
        let (ledger, appended, unspent) = draft.finish();
        self.ledger = ledger;
        self.used.extend(unused.difference(&unspent));
        self.chain.extend(appended.entries);
        outcomes
    }
}

/// The walk along a chain; the same, but for that it began anew at a place from what was written down of it; and the lines of its
/// export, each held against what it says.
fn walked(chain: &[Entry], at: usize) -> (Replay, Replay, Option<Lines>) {
    let (mut whole, mut resumed, mut lines) = (Replay::default(), Replay::default(), None);
    for number in 0..=chain.len() {
        if number == at {
            resumed = Snapshot::of(&whole).replay().unwrap();
        }
        let Some(entry) = chain.get(number) else { break };
        whole.follow(entry.clone()).unwrap();
        if number >= at {
            resumed.follow(entry.clone()).unwrap();
        }
        let text = serde_json::to_string(&Line::new(entry)).unwrap();
        let line = Line::read(&text).unwrap();
        assert_eq!(line.entry().as_ref(), Ok(entry));
        lines = Some(Lines::follow(lines, &line).unwrap());
    }
    (whole, resumed, lines)
}

/// What somebody or the operator does around an account.
#[derive(Debug, Clone)]
enum Deal {
    Wish(Wish),
    /// The account follows these from now on, and counts overlays or not.
    Follow(Vec<&'static str>, bool),
    /// It is taken away, where it is there.
    Withdraw,
}

fn deal() -> impl Strategy<Value = Deal> {
    let names = prop::sample::subsequence(vec!["alpha", "beta", "gamma"], 1..=3);
    let wish = wish().prop_map(|wish| Wish { sequence: None, expected: None, token: None, ..wish });
    prop_oneof![
        5 => wish.prop_map(Deal::Wish),
        2 => (names, any::<bool>()).prop_map(|(names, counts)| Deal::Follow(names, counts)),
        1 => Just(Deal::Withdraw),
    ]
}

fn followed(names: &[&str], counts_overlays: bool) -> Document {
    let strategies: Vec<_> = names.iter().map(|name| serde_json::json!({"name": name})).collect();
    let adjustments = if counts_overlays { serde_json::json!("all") } else { serde_json::json!([]) };
    let account = serde_json::json!({"strategies": strategies, "adjustments": adjustments, "fresh": "any"});
    let account: Account = serde_json::from_value(account).unwrap();
    Document::Account(main_account(), Some(account))
}

fn main_account() -> AccountName {
    AccountName::parse("main").unwrap()
}

impl World {
    fn settle(&mut self, document: Document) {
        let mut draft = self.ledger.draft(Moment::from_micros(1), HashSet::new());
        let actor = Actor::Operator;
        draft.settle(Put { document, actor, address: None, expected_revision: None }).unwrap();
        let (ledger, appended, _) = draft.finish();
        self.ledger = ledger;
        self.chain.extend(appended.entries);
    }

    /// What the account is to hold, where that is known.
    fn target(&self) -> Option<Target> {
        let book = &self.ledger.book;
        let settled = book.settings().account(&main_account())?;
        book.target(settled, Moment::from_micros(0)).ok()
    }
}

/// What a program pushes, or the operator does about it.
#[expect(clippy::large_enum_variant, reason = "a test makes a few of them")]
#[derive(Debug, Clone)]
enum Act {
    Push(Wish),
    Stand(&'static str, State, Option<HoldAction>),
    /// About the push that waits, or one that never did.
    Approve(&'static str, bool),
    Discard(&'static str),
    SetSequence(&'static str, Option<i64>),
    Settle(Document),
}

fn act() -> impl Strategy<Value = Act> {
    let name = || prop::sample::select(vec!["alpha", "beta", "gamma"]);
    let push = wish().prop_map(|wish| Act::Push(Wish { expected: None, token: None, ..wish }));
    let state = prop::sample::select(vec![State::Live, State::Frozen, State::Flat, State::Closed]);
    let waiting = prop::sample::select(vec![None, Some(HoldAction::Apply), Some(HoldAction::Discard)]);
    let guard = |then: &str| {
        let rules = serde_json::json!({"unknown_code": {"then": then}, "grows": {"over": 2, "then": "hold"}});
        Document::Guards(serde_json::from_value(serde_json::json!([{"strategies": "*", "rules": rules}])).unwrap())
    };
    let documents = vec![
        guard("hold"),
        guard("reject"),
        Document::Pause(None, Pause { paused: true, note: None }),
        Document::Pause(None, Pause { paused: false, note: Some("again".to_owned()) }),
        followed(&["alpha", "beta"], true),
        Document::Schedule(
            StrategyName::parse("alpha").unwrap(),
            Some(serde_json::from_str(r#"{"by": ["09:35"]}"#).unwrap()),
        ),
        Document::Schedule(StrategyName::parse("alpha").unwrap(), None),
        Document::Calendar(serde_json::from_str(r#"{"open": [], "closed": ["2026-10-08"]}"#).unwrap()),
    ];
    prop_oneof![
        8 => push,
        3 => (name(), state, waiting).prop_map(|(name, state, waiting)| Act::Stand(name, state, waiting)),
        2 => (name(), any::<bool>()).prop_map(|(name, right)| Act::Approve(name, right)),
        1 => name().prop_map(Act::Discard),
        1 => (name(), prop::option::of(0..20_i64)).prop_map(|(name, last)| Act::SetSequence(name, last)),
        2 => prop::sample::select(documents).prop_map(Act::Settle),
    ]
}

/// Every list that a strategy had, by the revision that it was at.
type Lists = HashMap<(StrategyName, Revision), Vec<Position>>;

impl World {
    fn hold(&self, name: &StrategyName) -> Option<Arc<crate::domain::hold::Hold>> {
        self.ledger.book.settings().hold(name).cloned()
    }

    fn list(&self, name: &StrategyName) -> Option<Vec<Position>> {
        self.ledger.book.strategy(name).map(|strategy| unpriced(strategy.list.iter()))
    }

    fn act(&mut self, act: &Act, lists: &Lists) -> Result<Receipt, Rejected> {
        let by_hand = |name: &StrategyName, deed| Change::new(name.clone(), deed, Actor::Operator, None);
        let mut draft = self.ledger.draft(Moment::from_micros(1), HashSet::new());
        let outcome = match act {
            Act::Push(wish) => draft.take(change(wish, &self.ledger.book)),
            Act::Stand(name, state, waiting) => {
                let name = StrategyName::parse(name).unwrap();
                let target = self.ledger.book.settings().standing(&name).and_then(|(standing, _)| standing.target);
                let back_to = target.map(|target| (target, lists[&(name.clone(), target)].clone()));
                let wish = SetState { state: *state, note: None, waiting: *waiting, seen: None, back_to };
                draft.take(by_hand(&name, Deed::SetState(wish)))
            }
            Act::Approve(name, right) => {
                let name = StrategyName::parse(name).unwrap();
                let hold = self.hold(&name).map_or(Revision::NONE, |hold| hold.id);
                draft.take(by_hand(&name, Deed::Approve(if *right { hold } else { hold.next() })))
            }
            Act::Discard(name) => {
                let name = StrategyName::parse(name).unwrap();
                let hold = self.hold(&name).map_or(Revision::NONE, |hold| hold.id);
                draft.take(by_hand(&name, Deed::Discard(hold)))
            }
            Act::SetSequence(name, last) => {
                draft.take(by_hand(&StrategyName::parse(name).unwrap(), Deed::SetSequence(*last)))
            }
            Act::Settle(document) => {
                let (document, actor) = (document.clone(), Actor::Operator);
                draft.settle(Put { document, actor, address: None, expected_revision: None })
            }
        };
        let (ledger, appended, _) = draft.finish();
        if outcome.is_err() {
            assert!(appended.entries.is_empty(), "what is rejected leaves no mark");
        }
        self.ledger = ledger;
        self.chain.extend(appended.entries);
        outcome
    }
}

proptest! {
    #[test]
    fn what_waits_moves_no_target_and_what_is_approved_is_what_was_shown(
        acts in prop::collection::vec(act(), 0..60),
        at in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new();
        let mut lists = Lists::new();
        let mut taken: HashMap<&str, i64> = HashMap::new();
        for act in &acts {
            let before = world.ledger.clone();
            let names: Vec<StrategyName> =
                ["alpha", "beta", "gamma"].into_iter().map(|name| StrategyName::parse(name).unwrap()).collect();
            let shown: Vec<_> = names.iter().map(|name| world.hold(name)).collect();
            let stood: Vec<_> = names.iter().map(|name| world.list(name)).collect();
            let outcome = world.act(act, &lists);
            let changed = !before.documents.ptr_eq(&world.ledger.documents);
            if let Ok(Receipt { changed: true, .. }) = &outcome {
                prop_assert!(before.head != world.ledger.head || changed, "what changed something is a revision");
            }
            for ((name, shown), stood) in names.iter().zip(shown).zip(stood) {
                let state = world.ledger.book.settings().state(name);
                let list = world.list(name);
                prop_assert!(state != State::Closed || list.is_none());
                prop_assert!(state != State::Flat || list.as_ref().is_some_and(Vec::is_empty));
                match (act, &outcome) {
                    (Act::Approve(_, false), outcome) => prop_assert!(outcome.is_err(), "nobody was shown that one"),
                    (Act::Approve(of, _), Ok(_)) if *of == name.as_str() => {
                        let shown = unpriced(shown.unwrap().list.iter());
                        prop_assert_eq!(list.as_ref(), Some(&shown));
                        prop_assert!(world.hold(name).is_none());
                    }
                    (Act::Push(wish), Ok(receipt)) if wish.strategy == name.as_str() && receipt.held.is_some() => {
                        prop_assert_eq!(&list, &stood);
                        let hold = world.hold(name).unwrap();
                        prop_assert_eq!(Some(hold.id), receipt.held.as_ref().map(|(id, _)| *id));
                        let pushed = change(wish, &before.book);
                        prop_assert!(hold.list.repeats(pushed.list().unwrap()));
                    }
                    (Act::Push(wish), Ok(_)) if wish.strategy == name.as_str() && wish.list.is_some() => {
                        prop_assert!(world.hold(name).is_none(), "what is in force ends the waiting");
                    }
                    (Act::Approve(..) | Act::Discard(..) | Act::SetSequence(..) | Act::Settle(_), _) => {
                        prop_assert_eq!(&list, &stood);
                    }
                    _ => {}
                }
                if let (Some(list), Some(strategy)) = (list, world.ledger.book.strategy(name)) {
                    lists.insert((name.clone(), strategy.mark.revision), list);
                }
            }
            match (act, &outcome) {
                (Act::Push(Wish { strategy, sequence: Some(sequence), list: Some(_), .. }), Ok(_)) => {
                    taken.insert(*strategy, *sequence);
                }
                (Act::SetSequence(of, Some(last)), Ok(_)) => drop(taken.insert(of, *last)),
                (Act::SetSequence(of, None), Ok(_)) => drop(taken.remove(of)),
                _ => {}
            }
            for name in &names {
                let strategy = world.ledger.book.strategy(name);
                if strategy.is_none() && before.book.strategy(name).is_some() {
                    taken.remove(name.as_str());
                }
                let last = || world.ledger.book.settings().sequence_taken(name);
                let last = strategy.map_or_else(last, |strategy| strategy.sequence);
                prop_assert_eq!(last, taken.get(name.as_str()).copied(), "what was taken stays so");
            }
            // A retry is never taken twice.
            if let (Act::Push(Wish { sequence: Some(_), list: Some(_), .. }), Ok(_)) = (act, &outcome) {
                let is_stale = matches!(world.act(act, &lists), Err(Rejected::StaleSequence { .. }));
                prop_assert!(is_stale, "its sequence was taken");
            }
        }
        for (topic, document) in &world.ledger.documents {
            if let (Topic::Hold(name), Ok(Setting::Hold(hold))) = (topic, document.setting()) {
                let waiting = world.hold(name);
                prop_assert_eq!(hold.as_ref(), waiting.as_deref(), "what is read is what was written");
            }
        }
        let at = at.index(world.chain.len() + 1);
        let (whole, resumed, lines) = walked(&world.chain, at);
        prop_assert_eq!(whole.head(), &world.ledger.head);
        prop_assert_eq!(whole.compare(&world.ledger.book, &world.ledger.documents), None);
        // A walk that goes on from what was written down of it comes to the same.
        prop_assert_eq!(Snapshot::of(&resumed), Snapshot::of(&whole));
        prop_assert_eq!(resumed.compare(&world.ledger.book, &world.ledger.documents), None);
        let head = lines.map_or(Head::START, |lines| lines.head);
        prop_assert_eq!((head, whole.length()), (world.ledger.head, lines.map_or(0, |lines| lines.length)));
    }

    #[test]
    fn what_an_account_listed_once_stays_listed_whomever_it_follows(deals in prop::collection::vec(deal(), 0..40)) {
        let mut world = World::new();
        let mut listed: HashSet<Instrument> = HashSet::new();
        for deal in &deals {
            match deal {
                Deal::Wish(wish) => drop(world.take(std::slice::from_ref(wish), 1)),
                Deal::Follow(names, counts_overlays) => world.settle(followed(names, *counts_overlays)),
                Deal::Withdraw if world.ledger.book.settings().account(&main_account()).is_none() => {}
                Deal::Withdraw => world.settle(Document::Account(main_account(), None)),
            }
            let Some(target) = world.target() else { continue };
            let lines: HashSet<Instrument> = target.lines.iter().map(|line| line.code.instrument()).collect();
            prop_assert!(lines.is_superset(&listed), "{:?} are gone", listed.difference(&lines));
            let nobody_wants = target.lines.iter().filter(|line| line.parts.is_empty());
            prop_assert!(nobody_wants.into_iter().all(|line| line.exact.is_zero() && line.volume.is_zero()));
            listed = lines;
        }
        // A server that starts anew reads the same out of what was stored.
        let mut replay = Replay::default();
        for entry in world.chain {
            prop_assert_eq!(replay.follow(entry), Ok(()));
        }
        prop_assert_eq!(replay.compare(&world.ledger.book, &world.ledger.documents), None);
    }

    #[test]
    fn the_chain_leads_to_the_book(batches in prop::collection::vec((prop::collection::vec(wish(), 0..6), 0..50_i64), 0..12)) {
        let mut world = World::new();
        for (wishes, now) in &batches {
            let before = (world.ledger.clone(), world.chain.len());
            let outcomes = world.take(wishes, *now);
            let taken = outcomes.iter().flatten().filter(|receipt| receipt.changed).count();
            prop_assert_eq!(world.chain.len() - before.1, taken, "a revision for each change, and for nothing else");
            if outcomes.iter().all(Result::is_err) {
                prop_assert_eq!(before.0.book.revision(), world.ledger.book.revision());
                prop_assert_eq!(before.0.head, world.ledger.head);
            }
        }
        let mut replay = Replay::default();
        for entry in world.chain {
            prop_assert_eq!(replay.follow(entry), Ok(()));
        }
        prop_assert_eq!(replay.head(), &world.ledger.head);
        prop_assert_eq!(replay.compare(&world.ledger.book, &world.ledger.documents), None);
    }

    #[test]
    fn a_token_allows_one_change_however_it_is_sent(wishes in prop::collection::vec(wish(), 1..40), cut in 1..5_usize) {
        let mut world = World::new();
        let mut allowed = HashSet::new();
        for batch in wishes.chunks(cut) {
            for (wish, outcome) in batch.iter().zip(world.take(batch, 1)) {
                let Some(token) = wish.token.map(token) else { continue };
                match outcome {
                    Ok(_) => prop_assert!(allowed.insert(token), "it had allowed a change before"),
                    Err(Rejected::TokenReplayed) => prop_assert!(allowed.contains(&token)),
                    Err(_) => prop_assert!(!allowed.contains(&token), "a used token is refused before all else"),
                }
            }
        }
        prop_assert_eq!(world.used, allowed);
    }

    #[test]
    fn whatever_is_altered_breaks_the_chain(
        wishes in prop::collection::vec(wish(), 4..20),
        at in any::<prop::sample::Index>(),
        how in 0..9_usize,
    ) {
        let mut world = World::new();
        for wish in &wishes {
            world.take(std::slice::from_ref(wish), 7);
        }
        prop_assume!(!world.chain.is_empty());
        let at = at.index(world.chain.len());
        let entry = &mut world.chain[at];
        match how {
            0 => entry.record.actor = Actor::Key("alice".to_owned()),
            1 => entry.record.address = None,
            2 => entry.record.note = Some(String::new()),
            3 => entry.at = entry.at.next(),
            4 => entry.record.subject_id += 1,
            5 => entry.hash[31] ^= 1,
            6 => entry.parent[0] ^= 1,
            7 => entry.record.kind = crate::domain::revision::RevisionKind::Import,
            _ => {
                let instrument = Code::parse("Y").unwrap().instrument();
                let mut changes = entry.record.changes.in_list().to_vec();
                changes.push(InstrumentChange { instrument, before: Vec::new(), after: Vec::new() });
                entry.record.changes = Changes::List(changes);
            }
        }
        let mut replay = Replay::default();
        let broken = world.chain.into_iter().position(|entry| replay.follow(entry).is_err());
        prop_assert_eq!(broken, Some(at));
    }
}

#[test]
fn times_grow_though_the_clock_goes_back() {
    let mut world = World::new();
    let wish = |volume| Wish {
        strategy: "alpha",
        list: Some(vec![("X", volume)]),
        sequence: None,
        expected: None,
        token: None,
    };
    for (volume, now) in [(1, 100), (2, 100), (3, 50), (4, 1_000)] {
        world.take(&[wish(volume)], now)[0].as_ref().unwrap();
    }
    let times: Vec<i64> = world.chain.iter().map(|entry| entry.at.as_micros()).collect();
    assert_eq!(times, [100, 101, 102, 1_000]);
}

/// Takes a change of the overlay at a moment: what became of it, and how many revisions it wrote.
fn on_overlay(world: &mut World, deed: Deed, actor: Actor, now: Moment) -> (Receipt, usize) {
    let mut draft = world.ledger.draft(now, HashSet::new());
    let overlay = StrategyName::parse("ADJUSTMENT_MAIN").unwrap();
    let receipt = draft.take(Change::new(overlay, deed, actor, None)).unwrap();
    let (ledger, appended, _) = draft.finish();
    world.ledger = ledger;
    let written = appended.entries.len();
    world.chain.extend(appended.entries);
    (receipt, written)
}

proptest! {
    #[test]
    fn what_expires_is_what_is_over_once_and_nothing_else(
        days in prop::collection::vec(prop::option::of(0..6_i64), 0..6),
        today in 1..6_i64,
    ) {
        let first = Day::of(Moment::from_micros(1_767_595_800_000_000));
        let codes = ["000001.XSHE", "600000.SH", "X"];
        let line = |(n, until): (usize, &Option<i64>)| {
            let number = Decimal::parse(&(n + 1).to_string()).unwrap();
            let position = Position::new(Kind::Adjustment, codes[n % 3], None, number, number, None).unwrap();
            position.through(until.map(|days| first.after(days)))
        };
        let list: Vec<Position> = days.iter().enumerate().map(line).collect();
        let mut world = World::new();
        on_overlay(&mut world, Deed::Replace(list.clone()), Actor::Operator, first.begins_at());
        let before = world.ledger.book.clone();
        let overlay = StrategyName::parse("ADJUSTMENT_MAIN").unwrap();
        let said = before.strategy(&overlay).unwrap().told.spoken_at;

        let now = first.after(today).begins_at();
        let stays: Vec<Position> = list.iter().filter(|one| one.until().is_none_or(|day| day >= Day::of(now))).cloned().collect();
        let is_due = stays.len() < list.len();
        prop_assert_eq!(before.overlays_with_lines_over(Day::of(now)).count(), usize::from(is_due));
        let (receipt, written) = on_overlay(&mut world, Deed::Expire, Actor::Server, now);
        prop_assert_eq!((receipt.changed, written, receipt.positions), (is_due, usize::from(is_due), stays.len()));
        let after = Arc::clone(world.ledger.book.strategy(&overlay).unwrap());
        prop_assert!(after.list.iter().eq(stays.iter()));
        prop_assert_eq!((after.told.spoken_at, after.last_push_at), (said, None));
        prop_assert_eq!(on_overlay(&mut world, Deed::Expire, Actor::Server, now).1, 0);
        // Nor does an earlier list bring it back.
        let restore = Deed::Restore { to: Revision::new(1), positions: list, freeze: false };
        prop_assert_eq!(on_overlay(&mut world, restore, Actor::Operator, now).0.changed, false);
        let (whole, resumed, lines) = walked(&world.chain, world.chain.len() / 2);
        prop_assert_eq!(whole.compare(&world.ledger.book, &world.ledger.documents), None);
        prop_assert_eq!(resumed.compare(&world.ledger.book, &world.ledger.documents), None);
        prop_assert_eq!(lines.unwrap().head, world.ledger.head);
    }
}

#[test]
fn a_list_is_kept_the_more_often_the_more_of_it_changes() {
    for (revisions, changed, lines, is_kept) in [
        (64, 0, 50, true),
        (63, 50, 50, false),
        (8, 25, 50, false),
        (8, 26, 50, true),
        (9, 50, 50, false),
        // One that lost all it had, and the first line of one.
        (16, 50, 0, true),
        (8, 1, 1, true),
    ] {
        assert_eq!(is_kept_at(revisions, changed, lines), is_kept, "{revisions} {changed} {lines}");
    }
}
