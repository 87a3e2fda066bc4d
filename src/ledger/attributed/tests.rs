//! What the division of holdings promises, over random worlds of pushes, scales, trades, what moves without one, and reports.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use imbl::OrdMap;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::{Change, Deed, Document, Filing, Ledger, Put};
use super::*;
use crate::domain::account::{Account, Adjustments, Costs, Fresh, Protected, Share};
use crate::domain::attribution::{Close, Figures, Share as Owned};
use crate::domain::board::Rounding;
use crate::domain::calendar::Day;
use crate::domain::code::Code;
use crate::domain::decimal::Decimal;
use crate::domain::moment::Moment;
use crate::domain::money::Money;
use crate::domain::position::Position;
use crate::domain::report::{Fill, Holding, Mode, Order, OrderStatus, Report, Side};
use crate::domain::revision::Actor;
use crate::domain::strategy::{Kind, StrategyName};

const CODES: [&str; 3] = ["000001.SZ", "600000.SH", "510300.SH"];
const STRATEGIES: [&str; 3] = ["alpha", "beta", "ADJUSTMENT_MAIN"];
/// 2026-01-05 10:00 in Shanghai, a Monday.
const START: Moment = Moment::from_micros(1_767_578_400_000_000);

/// What happens before the next report.
#[derive(Debug, Clone)]
enum Happening {
    /// A strategy wants so many lots of each.
    Push(&'static str, Vec<i64>),
    /// The account follows with other scales.
    Scale(&'static str, &'static str),
    /// The terminal trades what its target lacks, in pieces, up to so many of them.
    Trade(usize),
    /// Somebody trades by hand: so many lots, with a trade that is reported or without one.
    ByHand(usize, i64, bool),
    /// Three new shares for every ten.
    Bonus(usize),
    /// So many seconds pass, and prices move by so many cents.
    Wait(u64, i64),
    /// The server's clock goes so many hours ahead of the terminal's.
    Ahead(u64),
    /// A strategy is gone; it comes anew with its next push.
    Remove(&'static str),
    /// The server is started anew.
    Restart,
}

#[derive(Debug, Clone)]
struct Round {
    happenings: Vec<Happening>,
    /// Whether the list of positions is that of the report before.
    lags: bool,
    /// Whether the report is sent again.
    repeats: bool,
    /// Whether all fills of the day are told again.
    tells_all: bool,
}

fn round() -> impl Strategy<Value = Round> {
    let code = 0..CODES.len();
    let strategy = prop::sample::select(STRATEGIES.to_vec());
    let lots = prop::collection::vec(-3..12_i64, CODES.len());
    let scale = || prop::sample::select(vec!["1", "0.37", "2.5"]);
    let happening = prop_oneof![
        3 => (strategy, lots).prop_map(|(name, lots)| Happening::Push(name, lots)),
        1 => (scale(), scale()).prop_map(|(one, two)| Happening::Scale(one, two)),
        5 => (1..5_usize).prop_map(Happening::Trade),
        1 => (code.clone(), -3..4_i64, any::<bool>()).prop_map(|(code, lots, told)| Happening::ByHand(code, lots, told)),
        1 => code.prop_map(Happening::Bonus),
        3 => (1..60_000_u64, -50..50_i64).prop_map(|(seconds, cents)| Happening::Wait(seconds, cents)),
        1 => prop::sample::select(vec![0, 0, 7, 30]).prop_map(Happening::Ahead),
        1 => prop::sample::select(STRATEGIES.to_vec()).prop_map(Happening::Remove),
        2 => Just(Happening::Restart),
    ];
    let happenings = prop::collection::vec(happening, 0..4);
    (happenings, prop::bool::weighted(0.15), prop::bool::weighted(0.3), any::<bool>())
        .prop_map(|(happenings, lags, repeats, tells_all)| Round { happenings, lags, repeats, tells_all })
}

fn code(text: &str) -> Code {
    Code::parse(text).unwrap()
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn account(one: &str, two: &str) -> Account {
    let share = |name: &str, scale| Share { name: StrategyName::parse(name).unwrap(), scale: decimal(scale) };
    let (commission, least) = (decimal("0.00025"), decimal("5"));
    Account {
        strategies: vec![share("alpha", one), share("beta", two)],
        adjustments: Adjustments::All,
        protected: vec![Protected { code: code(CODES[0]), volume: Some(Decimal::whole(100)) }],
        rounding: Rounding::Nearest,
        fresh: Fresh::Any,
        costs: Some(Costs { commission, least, duty: decimal("0.0005"), transfer: decimal("0.00001") }),
        broker: None,
    }
}

/// A ledger, and the account at the broker.
struct World {
    ledger: Ledger,
    now: Moment,
    /// By how much the server's clock is ahead.
    ahead: Duration,
    name: AccountName,
    held: BTreeMap<&'static str, i64>,
    /// What the broker says that it cost: cents.
    basis: HashMap<&'static str, i64>,
    /// Cents a share.
    prices: HashMap<&'static str, i64>,
    fills: Vec<Fill>,
    orders: Vec<Order>,
    told: usize,
    /// The list of positions that was reported last.
    listed: Vec<Holding>,
    events: Vec<Event>,
    kept: Kept,
}

/// What a store keeps of how an account is divided: the last row of each owner, and the last close.
#[derive(Debug, Default)]
struct Kept {
    close: Option<(Day, Close)>,
    rows: BTreeMap<Owner, Owned>,
}

impl Kept {
    fn note(&mut self, attributed: &Attributed) {
        if !attributed.is_kept {
            return;
        }
        let attribution = &attributed.attribution;
        self.close = Some((attribution.day, read(&attribution.close())));
        for owner in &attributed.owners {
            let Owned { totals, parts, .. } = attribution.share_of(owner);
            self.rows.insert(owner.clone(), Owned { owner: owner.clone(), totals: read(&totals), parts: read(&parts) });
        }
    }

    fn attribution(&self) -> Option<Attribution> {
        let (day, close) = self.close.clone()?;
        Some(Attribution::resume(day, close, self.rows.values().cloned()))
    }
}

/// Something as it is once it was written and read.
fn read<T: Serialize + DeserializeOwned>(one: &T) -> T {
    serde_json::from_str(&serde_json::to_string(one).unwrap()).unwrap()
}

impl World {
    fn new() -> Self {
        let ledger = Ledger::default();
        let mut world = Self {
            ledger,
            now: START,
            ahead: Duration::ZERO,
            name: AccountName::parse("main").unwrap(),
            held: BTreeMap::from([(CODES[0], 500), (CODES[1], 0), (CODES[2], 0)]),
            basis: HashMap::from([(CODES[0], 450_000)]),
            prices: CODES.iter().map(|code| (*code, 1_000)).collect(),
            fills: Vec::new(),
            orders: Vec::new(),
            told: 0,
            listed: Vec::new(),
            events: Vec::new(),
            kept: Kept::default(),
        };
        for name in ["alpha", "beta"] {
            world.push(name, &[3, 2, 0]);
        }
        world.settle("1", "0.37");
        world
    }

    fn write<T>(&mut self, with: impl FnOnce(&mut Draft) -> T) -> T {
        self.now = self.now.plus(Duration::from_secs(1));
        let mut draft = self.ledger.draft(self.now.plus(self.ahead), HashSet::new());
        let done = with(&mut draft);
        let (ledger, appended, _) = draft.finish();
        self.ledger = ledger;
        for filed in appended.reports {
            self.kept.note(&filed.attributed);
            self.events.push(filed.attributed.event);
        }
        done
    }

    fn push(&mut self, name: &str, lots: &[i64]) {
        let strategy = StrategyName::parse(name).unwrap();
        let kind = strategy.kind();
        let position = |(text, lots): (&&str, &i64)| {
            let shares = if kind == Kind::Ordinary { *lots * 100 } else { *lots * 50 };
            let position = Position::new(kind, text, None, decimal(&shares.to_string()), Decimal::ONE, None).ok()?;
            // Some say at what price they decided, and some do not.
            Some(position.at_price((lots % 2 == 0).then(|| decimal("9.9"))))
        };
        let positions = CODES.iter().zip(lots).filter(|(_, lots)| **lots != 0).filter_map(position).collect();
        let change = Change::new(strategy, Deed::Replace(positions), Actor::Client("jq".to_owned()), None);
        self.write(|draft| draft.take(change)).unwrap();
    }

    fn settle(&mut self, one: &str, two: &str) {
        let document = Document::Account(self.name.clone(), Some(account(one, two)));
        let put = Put { document, actor: Actor::Operator, address: None, expected_revision: None };
        self.write(|draft| draft.settle(put)).unwrap();
    }

    fn wanted(&self, text: &str) -> i64 {
        let book = &self.ledger.book;
        let settled = book.settings().account(&self.name).unwrap();
        let target = book.target(settled, self.now);
        let Ok(target) = target else { return self.held[text] };
        let line = target.lines.iter().find(|line| line.code.instrument() == code(text).instrument());
        line.map_or(0, |line| line.volume.shares())
    }

    fn deal(&mut self, text: &'static str, shares: i64, ours: bool) {
        let side = if shares < 0 { Side::Sell } else { Side::Buy };
        let id = (self.fills.len() + 1).to_string();
        let price = decimal(&format!("{}e-2", self.prices[text]));
        self.move_basis(text, shares);
        let order = Order {
            id: id.as_str().into(),
            code: code(text),
            side,
            volume: shares.abs() + 100,
            traded: shares.abs(),
            price: None,
            status: if self.fills.len().is_multiple_of(3) { OrderStatus::Working } else { OrderStatus::Cancelled },
            placed_at: Some(self.now),
            ours,
        };
        self.orders.push(order);
        // The terminal names some fees.
        let fee = self.fills.len().is_multiple_of(2).then(|| decimal("5.37"));
        let (at, volume) = (self.now, shares.abs());
        let order = Some(id.as_str().into());
        self.fills.push(Fill { id: id.as_str().into(), order, code: code(text), side, volume, price, at, fee });
    }

    /// Shares come or go, and the broker counts what they cost.
    fn move_basis(&mut self, text: &'static str, shares: i64) {
        let basis = self.basis.entry(text).or_default();
        let before = self.held[text];
        *basis = if shares > 0 || before == 0 {
            *basis + shares * self.prices[text]
        } else {
            *basis + *basis / before * shares
        };
        *self.held.get_mut(text).unwrap() += shares;
    }

    fn take(&mut self, happening: &Happening) {
        match happening {
            Happening::Push(name, lots) => self.push(name, lots),
            Happening::Scale(one, two) => self.settle(one, two),
            Happening::Trade(pieces) => {
                for text in CODES.into_iter().cycle().take(*pieces) {
                    let lack = self.wanted(text) - self.held[text];
                    let piece = lack.clamp(-300, 300);
                    if piece != 0 {
                        self.deal(text, piece, true);
                    }
                }
            }
            Happening::ByHand(place, lots, told) => {
                let text = CODES[*place];
                let shares = (lots * 100).max(-self.held[text]);
                match (shares, told) {
                    (0, _) => {}
                    (_, true) => self.deal(text, shares, false),
                    (_, false) => self.move_basis(text, shares),
                }
            }
            Happening::Ahead(hours) => self.ahead = Duration::from_hours(*hours),
            Happening::Remove(name) => {
                let strategy = StrategyName::parse(name).unwrap();
                let change = Change::new(strategy, Deed::Remove { revive: true }, Actor::Operator, None);
                // Whoever is gone is gone.
                drop(self.write(|draft| draft.take(change)));
            }
            Happening::Restart => {
                let kept = self.kept.attribution().into_iter().map(|kept| (self.name.clone(), Arc::new(kept)));
                self.ledger.attributions = kept.collect();
            }
            Happening::Bonus(place) => {
                let text = CODES[*place];
                *self.held.get_mut(text).unwrap() += self.held[text] / 10 * 3;
            }
            Happening::Wait(seconds, cents) => {
                self.now = self.now.plus(Duration::from_secs(*seconds));
                for price in self.prices.values_mut() {
                    *price = (*price + cents).max(100);
                }
            }
        }
    }

    fn holdings(&self) -> Vec<Holding> {
        let holding = |(text, volume): (&&'static str, &i64)| {
            let basis = self.basis.get(text).copied().unwrap_or_default();
            Holding {
                code: code(text),
                volume: *volume,
                sellable: *volume,
                cost: Some(decimal(&format!("{}e-2", basis / volume))),
                price: Some(decimal(&format!("{}e-2", self.prices[text]))),
            }
        };
        self.held.iter().filter(|(_, volume)| **volume != 0).map(holding).collect()
    }

    fn report(&mut self, round: &Round) {
        let told = if round.tells_all { 0 } else { self.told };
        let fresh = self.holdings();
        let report = Report {
            at: self.now,
            mode: Mode::Live,
            revision: Some(self.ledger.book.revision()),
            cash: None,
            total_asset: None,
            holdings: if round.lags { self.listed.clone() } else { fresh.clone() },
            orders: self.orders.clone(),
            fills: self.fills[told..].to_vec(),
            waiting: Vec::new(),
        };
        self.told = self.fills.len();
        self.listed = if round.lags { std::mem::take(&mut self.listed) } else { fresh };
        self.file(report.clone());
        if round.repeats {
            let before = self.attribution();
            let events = self.events.len();
            self.file(report);
            assert!(self.events[events].touches.values().all(|touch| touch.trades.is_empty()), "a fill counts once");
            assert_eq!(self.attribution().totals, before.totals, "a report that is sent again counts nothing");
        }
    }

    fn file(&mut self, report: Report) {
        let account = self.name.clone();
        let filing = Filing { account, report, actor: Actor::Operator, address: None };
        self.write(|draft| draft.report(filing)).unwrap();
    }

    fn attribution(&self) -> Attribution {
        (*self.ledger.attributions[&self.name]).clone()
    }

    fn after(rounds: &[Round]) -> Self {
        let mut world = Self::new();
        for round in rounds {
            for happening in &round.happenings {
                world.take(happening);
            }
            world.report(round);
        }
        world
    }
}

fn sum(totals: &OrdMap<Owner, Figures>, of: impl Fn(&Figures) -> Money) -> Money {
    totals.values().map(of).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// The parts are whole shares that add up to the holding, and no strategy's is below zero.
    #[test]
    fn parts_add_up_to_the_holding(rounds in prop::collection::vec(round(), 1..14)) {
        let world = World::after(&rounds);
        let attribution = world.attribution();
        let reported = world.ledger.book.reported(&world.name).unwrap();
        for text in CODES {
            let instrument = code(text).instrument();
            let divided = attribution.items.get(&instrument).map_or(0, |item| item.volume());
            let loose = attribution.loose.get(&instrument).copied().unwrap_or_default();
            prop_assert_eq!(divided + loose, reported.held(&instrument), "{}", text);
            let parts = attribution.items.get(&instrument).map(|item| item.parts.clone()).unwrap_or_default();
            for part in parts.iter().filter(|part| part.owner.is_some()) {
                prop_assert!(part.volume >= 0 && part.wanted >= 0, "{:?}", part);
            }
        }
    }

    /// Money over owners is the account's own, to the last digit: what was bought and sold, what it cost, and what is left.
    #[test]
    fn money_adds_up(rounds in prop::collection::vec(round(), 1..14)) {
        let world = World::after(&rounds);
        let attribution = world.attribution();
        let totals = &attribution.totals;
        let traded = |side| -> Money {
            world.fills.iter().filter(|fill| fill.side == side).map(|fill| Money::of(fill.price, fill.volume)).sum()
        };
        prop_assert_eq!(sum(totals, |one| one.bought), traded(Side::Buy));
        prop_assert_eq!(sum(totals, |one| one.sold), traded(Side::Sell));
        let told: Money = world.fills.iter().filter_map(|fill| fill.fee).map(Money::told).sum();
        prop_assert_eq!(sum(totals, |one| one.fees - one.estimated), told);
        prop_assert_eq!(sum(totals, |one| one.transferred), Money::ZERO, "inside, nobody gains what another does not lose");
        for (owner, one) in totals {
            let cost: Money = attribution.parts_of(owner).map(|(_, part)| part.cost).sum();
            prop_assert_eq!(cost, one.bought - one.sold + one.realized + one.entered + one.transferred, "{:?}", owner);
        }
    }

    /// The events alone lead to the same books, also once they were written and read.
    #[test]
    fn events_lead_to_the_same_books_again(rounds in prop::collection::vec(round(), 1..14)) {
        let world = World::after(&rounds);
        let mut again = Attribution::beginning(world.events[0].day);
        for event in &world.events {
            let text = serde_json::to_string(event).unwrap();
            let read: Event = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, event);
            again.repeat(&read);
        }
        let expected = world.attribution();
        again.begin_day(expected.day);
        prop_assert_eq!(again.items, expected.items);
        prop_assert_eq!(again.totals, expected.totals);
    }
}
