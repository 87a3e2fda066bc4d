//! What is held of an account, divided to the share among the strategies that want it: virtual holdings with their costs,
//! profits, fees, and what became of each decision. `docs/attribution.md` gives the rules with an example.
//!
//! A report is first made into what it says about each instrument that it touches, an [`Event`]; only events change what is
//! divided. Events are kept, so the same books follow from them again.

mod apportion;
mod day;
mod fees;
mod figures;
mod item;
mod part;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use self::apportion::apportion;
pub use self::day::{DayEnd, DayResult, LineDay, OwnerDay};
use self::fees::Executed;
pub use self::figures::Figures;
pub use self::item::{Item, Look, Ordered, Touch, Traded, Wish};
pub use self::part::{Intent, Owner, Part};
use super::account::{Account, Costs};
use super::book::{Book, Mark};
use super::calendar::Day;
use super::code::Instrument;
use super::decimal::{Decimal, Volume};
use super::moment::Moment;
use super::money::Money;
use super::report::{Fill, Order, Side};
use super::reported::{Reported, Step};
use super::strategy::StrategyName;
use super::target::{Target, TargetLine};

/// An account's holdings, divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// The day that the newest report counts for. It never goes back, whatever the clock does: what comes after is counted for it.
    pub day: Day,
    /// Every instrument that somebody has a part of, or wants.
    pub items: OrdMap<Instrument, Arc<Item>>,
    /// What was counted for each owner since the beginning.
    pub totals: OrdMap<Owner, Figures>,
    /// The last price of each instrument: CNY per share.
    pub prices: OrdMap<Instrument, Decimal>,
    /// What the day's orders have traded so far.
    pub executed: Executed,
    /// What more is reported of an instrument than is divided (below zero: less), while lists that lag may still explain it:
    /// shares.
    pub loose: OrdMap<Instrument, i64>,
    /// When it was kept last: prices alone need not be kept with every report. None before.
    pub kept_at: Option<Moment>,
}

/// What an owner has of an account at the end of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Whose it is.
    pub owner: Owner,
    /// What was counted since the beginning.
    pub totals: Figures,
    /// What it holds of each instrument.
    pub parts: BTreeMap<Instrument, Part>,
}

/// What else is known of an account at the end of a day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The last price of each instrument: CNY per share.
    pub prices: OrdMap<Instrument, Decimal>,
    /// See [`Attribution::loose`].
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub loose: OrdMap<Instrument, i64>,
    /// What the day's orders have traded so far.
    #[serde(default)]
    executed: Executed,
    /// What the broker said last that holdings cost: CNY.
    #[serde(default)]
    bases: BTreeMap<Instrument, Money>,
}

/// What a report says about instruments that it touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When the server heard of it.
    pub at: Moment,
    /// The day that it counts for.
    pub day: Day,
    /// What trades cost in the account; None where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<Costs>,
    /// Whether it is the first of its account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_first: bool,
    /// What it says.
    pub touches: BTreeMap<Instrument, Touch>,
}

/// What a report says, with what is wanted when it comes.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The account as it was reported before.
    pub before: Option<&'a Reported>,
    /// What the report leads to.
    pub step: &'a Step,
    /// What the account is to hold; None while that is not known.
    pub target: Option<&'a Target>,
    /// Whose lists say so.
    pub book: &'a Book,
    /// The account.
    pub account: &'a Account,
}

impl Attribution {
    /// An account of which nothing was reported yet.
    pub fn beginning(day: Day) -> Self {
        Self {
            day,
            items: OrdMap::new(),
            totals: OrdMap::new(),
            prices: OrdMap::new(),
            executed: Executed::default(),
            loose: OrdMap::new(),
            kept_at: None,
        }
    }

    /// The account as it was kept at the end of a day.
    pub fn resume(day: Day, close: Close, shares: impl IntoIterator<Item = Share>) -> Self {
        let Close { prices, loose, executed, mut bases } = close;
        let mut resumed = Self { prices, executed, loose, ..Self::beginning(day) };
        let mut items: BTreeMap<Instrument, Item> = BTreeMap::new();
        for Share { owner, totals, parts } in shares {
            for (instrument, part) in parts.into_iter().filter(|(_, part)| !part.is_over(day)) {
                items.entry(instrument).or_default().parts.push(Part { owner: owner.clone(), ..part });
            }
            resumed.totals.insert(owner, totals);
        }
        for (instrument, mut item) in items {
            item.parts.sort_by_key(|part| part.place);
            item.basis = bases.remove(&instrument);
            resumed.items.insert(instrument, Arc::new(item));
        }
        resumed
    }

    /// What an owner has, to be kept.
    pub fn share_of(&self, owner: &Owner) -> Share {
        let parts = self.parts_of(owner).map(|(instrument, part)| (instrument.clone(), part.clone())).collect();
        let totals = self.totals.get(owner).copied().unwrap_or_default();
        Share { owner: owner.clone(), totals, parts }
    }

    /// What else is to be kept.
    pub fn close(&self) -> Close {
        let (prices, loose, executed) = (self.prices.clone(), self.loose.clone(), self.executed.clone());
        let bases =
            self.items.iter().filter_map(|(instrument, item)| Some((instrument.clone(), item.basis?))).collect();
        Close { prices, loose, executed, bases }
    }

    /// The account after a report, and what of it changed something.
    pub fn follow(before: Option<&Self>, situation: &Situation<'_>) -> (Self, Event) {
        let Step { reported, prices, .. } = situation.step;
        let at = reported.heard_at;
        let mut next = before.cloned().unwrap_or_else(|| Self::beginning(Day::of(at)));
        next.begin_day(Day::of(at));
        let costs = situation.account.costs;
        let mut event = Event { at, day: next.day, costs, is_first: before.is_none(), touches: BTreeMap::new() };
        for (instrument, touch) in next.touches(situation) {
            if next.touch(&instrument, &touch, &event) {
                event.touches.insert(instrument, touch);
            }
        }
        next.note_prices(prices);
        next.note_loose(reported);
        (next, event)
    }

    /// Follows an event that was kept.
    pub fn repeat(&mut self, event: &Event) {
        self.begin_day(event.day);
        for (instrument, touch) in &event.touches {
            self.touch(instrument, touch, event);
        }
    }

    /// An owner's parts, by instrument.
    pub fn parts_of<'a>(&'a self, owner: &'a Owner) -> impl Iterator<Item = (&'a Instrument, &'a Part)> {
        self.items.iter().flat_map(move |(instrument, item)| {
            item.parts.iter().filter(move |part| part.owner == *owner).map(move |part| (instrument, part))
        })
    }

    /// What yesterday left that is over leaves the books; orders are the day's.
    pub fn begin_day(&mut self, day: Day) {
        if day <= self.day {
            return;
        }
        (self.day, self.executed) = (day, Executed::default());
        let pruned = self.items.iter().map(|(instrument, item)| {
            let mut item = (**item).clone();
            item.prune(day);
            (instrument.clone(), Arc::new(item))
        });
        self.items = pruned.filter(|(_, item)| !item.parts.is_empty()).collect();
    }

    /// Follows what a report says about an instrument; false where that changes nothing.
    fn touch(&mut self, instrument: &Instrument, touch: &Touch, event: &Event) -> bool {
        let before = self.items.get(instrument).cloned().unwrap_or_default();
        if before.is_quiet(touch) {
            return false;
        }
        let Event { at, day, is_first, costs, .. } = *event;
        let look = Look { at, day, is_first, costs: costs.map(|costs| costs.of(instrument)) };
        let (after, counted) = before.follow(touch, look);
        if after == *before {
            return false;
        }
        for (owner, figures) in counted {
            *self.totals.entry(owner).or_default() += figures;
        }
        // Who has a part has totals, though nothing was counted yet.
        for owner in after.parts.iter().map(|part| &part.owner) {
            self.totals.entry(owner.clone()).or_default();
        }
        self.items.insert(instrument.clone(), Arc::new(after));
        true
    }

    fn note_prices(&mut self, prices: &BTreeMap<Instrument, Decimal>) {
        for (instrument, price) in prices.iter().filter(|(instrument, _)| self.items.contains_key(*instrument)) {
            if self.prices.get(instrument) != Some(price) {
                self.prices.insert(instrument.clone(), *price);
            }
        }
        let items = &self.items;
        let is_there = |instrument: &Instrument| items.contains_key(instrument);
        if self.prices.keys().any(|instrument| !is_there(instrument)) {
            self.prices = self.prices.iter().filter(|(one, _)| is_there(one)).map(|(k, v)| (k.clone(), *v)).collect();
        }
    }

    fn note_loose(&mut self, reported: &Reported) {
        let loose = reported.astray.keys().filter_map(|instrument| {
            let divided = self.items.get(instrument).map_or(0, |item| item.volume());
            let shares = reported.held(instrument) - divided;
            (shares != 0).then(|| (instrument.clone(), shares))
        });
        self.loose = loose.collect();
    }

    /// What a report says about every instrument that anybody has a part of, wants or traded.
    fn touches(&mut self, situation: &Situation<'_>) -> BTreeMap<Instrument, Touch> {
        let Situation { before, step, target, account, .. } = *situation;
        let lines: BTreeMap<Instrument, &TargetLine> =
            target.into_iter().flat_map(|target| &target.lines).map(|line| (line.code.instrument(), line)).collect();
        let mut trades = self.trades(situation);
        let owned: HashMap<Instrument, Option<Decimal>> =
            account.protected.iter().map(|own| (own.code.instrument(), own.volume)).collect();
        let known = before.map(|before| before.orders.as_slice()).unwrap_or_default();
        let orders = ordered(known, &step.reported.orders, step.reported.at, &self.executed);
        let standing =
            |instrument: &Instrument, side| orders.get(&(instrument.clone(), side)).copied().unwrap_or_default();
        let instruments: BTreeSet<&Instrument> =
            self.items.keys().chain(lines.keys()).chain(step.reported.holdings.keys()).chain(trades.keys()).collect();
        let instruments: Vec<Instrument> = instruments.into_iter().cloned().collect();
        let touch = |instrument: Instrument| {
            let holding = step.reported.holdings.get(&instrument);
            let is_astray = step.reported.astray.contains_key(&instrument);
            let volume = holding.map_or(0, |holding| holding.volume);
            let touch = Touch {
                wishes: self.wishes(&instrument, lines.get(&instrument).copied(), situation),
                kept: owned.get(&instrument).copied().flatten().map_or(0, |own| Volume::from(own).shares()),
                is_held: owned.get(&instrument) == Some(&None)
                    || lines.get(&instrument).is_some_and(|line| line.hold.is_some()),
                held: (!is_astray).then_some(volume),
                basis: holding.filter(|_| !is_astray).and_then(|one| Some(Money::of(one.cost?, one.volume))),
                price: step.prices.get(&instrument).copied(),
                price_before: self.prices.get(&instrument).copied(),
                trades: trades.remove(&instrument).unwrap_or_default(),
                buying: standing(&instrument, Side::Buy),
                selling: standing(&instrument, Side::Sell),
                seen: step.reported.revision,
            };
            (instrument, touch)
        };
        instruments.into_iter().map(touch).collect()
    }

    /// The report's new trades, by instrument, each with what it cost.
    fn trades(&mut self, situation: &Situation<'_>) -> BTreeMap<Instrument, Vec<Traded>> {
        let Situation { step, account, .. } = *situation;
        let mut fills: Vec<&Fill> = step.fills.iter().collect();
        fills.sort_by(|one, two| (one.at, &one.id).cmp(&(two.at, &two.id)));
        let mut trades: BTreeMap<Instrument, Vec<Traded>> = BTreeMap::new();
        for fill in fills {
            let instrument = fill.code.instrument();
            let costs = account.costs.map(|costs| costs.of(&instrument));
            let (told, estimated) = (fill.fee.map(Money::told), self.executed.note(fill, costs));
            trades.entry(instrument).or_default().push(Traded {
                side: fill.side,
                shares: fill.volume,
                price: fill.price,
                fee: told.or(estimated).unwrap_or_default(),
                is_estimated: told.is_none() && estimated.is_some(),
                by_hand: step.by_hand.contains(&(Day::of(fill.at), fill.id.clone())),
                at: fill.at,
            });
        }
        trades
    }

    /// Whose wishes of an instrument are not as they were. While nothing is known of what is wanted, all are.
    fn wishes(&self, instrument: &Instrument, line: Option<&TargetLine>, situation: &Situation<'_>) -> Vec<Wish> {
        let Some(target) = situation.target else { return Vec::new() };
        let wanted = line.map(|line| wanted(line, target, situation)).unwrap_or_default();
        let parts = self.items.get(instrument).map(|item| item.parts.as_slice()).unwrap_or_default();
        let gone = parts.iter().filter(|part| part.wanted != 0 || part.weight != 0).filter_map(|part| {
            let owner = part.owner.as_ref().filter(|owner| wanted.iter().all(|wish| wish.owner != **owner))?;
            let strategy = situation.book.strategy(owner);
            let mark = strategy.map(|strategy| strategy.mark).or_else(|| situation.book.removal(owner));
            Some(situation.wish(owner, part.place, 0, mark.unwrap_or(target.mark), target, None))
        });
        let gone: Vec<Wish> = gone.collect();
        let is_as_before = |wish: &Wish| {
            let part = parts.iter().find(|part| part.owner.as_ref() == Some(&wish.owner));
            part.is_some_and(|part| (part.wanted, part.weight) == (wish.shares, wish.weight))
        };
        wanted.into_iter().filter(|wish| !is_as_before(wish)).chain(gone).collect()
    }
}

impl Situation<'_> {
    /// A wish for nothing yet, with the decision behind it: the list's, where that was made since the report before, or on the
    /// day of the first; else the target's, which somebody made so at a price that nobody told.
    fn wish(
        &self,
        owner: &StrategyName,
        id: i64,
        weight: u128,
        list: Mark,
        target: &Target,
        price: Option<Decimal>,
    ) -> Wish {
        let now = self.step.reported.heard_at;
        let is_decided = match self.before {
            Some(before) => list.updated_at > before.heard_at,
            None => Day::of(list.updated_at) == Day::of(now),
        };
        let Mark { revision, updated_at, .. } = if is_decided { list } else { target.mark };
        let price = price.filter(|_| is_decided);
        Wish { owner: owner.clone(), id, shares: 0, weight, revision, pushed_at: updated_at, price }
    }
}

/// What stands of our orders, and since when those stand that are new, by what and which way.
fn ordered(
    before: &[Order],
    orders: &[Order],
    at: Moment,
    executed: &Executed,
) -> HashMap<(Instrument, Side), Ordered> {
    let known: HashSet<_> = before.iter().map(|order| &order.id).collect();
    let mut ordered: HashMap<_, Ordered> = HashMap::new();
    for order in orders.iter().filter(|order| order.ours) {
        let one = ordered.entry((order.code.instrument(), order.side)).or_default();
        one.open += order.open() + executed.untold(order);
        if !known.contains(&order.id) {
            let placed_at = order.placed_at.unwrap_or(at);
            one.first_at = Some(one.first_at.map_or(placed_at, |first| first.min(placed_at)));
        }
    }
    ordered
}

/// How a target's line is divided among those who want it.
fn wanted(line: &TargetLine, target: &Target, situation: &Situation<'_>) -> Vec<Wish> {
    let wanting = line.parts.iter().filter_map(|part| {
        let strategy = situation.book.strategy(&part.strategy)?;
        let weight = part.volume.weight();
        let wish = situation.wish(&part.strategy, strategy.id.get(), weight, strategy.mark, target, part.price);
        (weight > 0).then_some(wish)
    });
    let mut wishes: Vec<Wish> = wanting.collect();
    wishes.sort_by_key(|wish| wish.id);
    let weights: Vec<u128> = wishes.iter().map(|wish| wish.weight).collect();
    let shares = (line.volume - line.protected.into()).shares();
    for (wish, shares) in wishes.iter_mut().zip(apportion(shares, &weights)) {
        wish.shares = shares;
    }
    wishes
}
