//! One instrument of an account, divided among its owners: what a report does to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::account::Costs;
use super::super::calendar::Day;
use super::super::decimal::Decimal;
use super::super::moment::Moment;
use super::super::money::Money;
use super::super::report::Side;
use super::super::revision::Revision;
use super::super::strategy::StrategyName;
use super::apportion::apportion;
use super::figures::{Figures, is_zero};
use super::part::{Intent, Move, NOBODY, Owner, Part};

/// An instrument as it is divided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// Older strategies first, nobody last.
    pub parts: Vec<Part>,
    /// What all of it cost, as the broker counted it last: CNY.
    pub basis: Option<Money>,
}

/// What a strategy wants of an instrument, where that is not as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Which strategy, or overlay.
    pub owner: StrategyName,
    /// Its number, by which the older one is known.
    pub id: i64,
    /// How much of the account's target is its: shares.
    pub shares: i64,
    /// What stands for its own number before it was divided and rounded.
    pub weight: u128,
    /// The revision that says so: of its list, or where that said the same before, of the target.
    pub revision: Revision,
    /// When that was made.
    pub pushed_at: Moment,
    /// The price that it was decided at, where that was told since the report before: CNY per share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Decimal>,
}

/// A trade that was not reported before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traded {
    /// Which way.
    pub side: Side,
    /// How much.
    pub shares: i64,
    /// CNY per share.
    pub price: Decimal,
    /// What it cost besides.
    pub fee: Money,
    /// Whether the fee was computed at the account's rates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_estimated: bool,
    /// Whether somebody ordered it by hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// When.
    pub at: Moment,
}

/// Orders of ours for an instrument, one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ordered {
    /// What may still be traded of them, or was and is not reported yet: shares.
    pub open: i64,
    /// When the first of those was placed that were not reported before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Moment>,
}

/// All that a report says about an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Touch {
    /// Whose wishes are not as before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wishes: Vec<Wish>,
    /// How much of it is the owner's own, to be kept: shares.
    #[serde(skip_serializing_if = "is_zero")]
    pub kept: i64,
    /// Whether it must not be traded: it is the owner's whole, or its line is held. Then nothing crosses either.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_held: bool,
    /// What is held: shares. None while lists that lag may still explain what is known of it.
    pub held: Option<i64>,
    /// What that cost, as the broker counts: CNY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<Money>,
    /// The last price, and that of the report before: CNY per share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Decimal>,
    /// See `price`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_before: Option<Decimal>,
    /// Trades, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trades: Vec<Traded>,
    /// Orders to buy.
    #[serde(skip_serializing_if = "Ordered::is_nothing")]
    pub buying: Ordered,
    /// Orders to sell.
    #[serde(skip_serializing_if = "Ordered::is_nothing")]
    pub selling: Ordered,
    /// The revision that the terminal goes by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Revision>,
}

impl Ordered {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Which report is followed.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// When the server heard of it.
    pub at: Moment,
    /// The day that it counts for.
    pub day: Day,
    /// Whether it is the first of its account: who finds there what it wants did not decide on it today.
    pub is_first: bool,
    /// What trades of the instrument cost; None where nobody said.
    pub costs: Option<Costs>,
}

/// What a report counts for each owner.
pub(super) type Counted = BTreeMap<Owner, Figures>;

/// An instrument while a report is followed.
struct Following<'a> {
    parts: Vec<Part>,
    touch: &'a Touch,
    look: Look,
    counted: Counted,
}

impl Item {
    /// The instrument after a report, and what that counts.
    pub fn follow(&self, touch: &Touch, look: Look) -> (Self, Counted) {
        let mut following = Following { parts: self.parts.clone(), touch, look, counted: Counted::default() };
        following.want();
        following.see();
        for trade in &touch.trades {
            following.trade(trade);
        }
        following.settle(self.basis);
        following.cross();
        if look.is_first {
            following.decide_anew();
        }
        following.learn_prices();
        let Following { parts, counted, .. } = following;
        // While lists lag, what the broker counts is not about what is known.
        let basis = if touch.held.is_some() { touch.basis } else { self.basis };
        (Self { parts, basis }, counted)
    }

    /// How much is divided: shares.
    pub fn volume(&self) -> i64 {
        self.parts.iter().map(|part| part.volume).sum()
    }

    /// Whether a report that says this changes nothing.
    pub(super) fn is_quiet(&self, touch: &Touch) -> bool {
        touch.wishes.is_empty()
            && touch.trades.is_empty()
            && touch.held.is_none_or(|held| held == self.volume() && touch.basis == self.basis)
            && self.parts.iter().all(|part| part.is_quiet() && (part.owner.is_some() || part.wanted == touch.kept))
    }

    /// Leaves out what is over before a day.
    pub(super) fn prune(&mut self, day: Day) {
        self.parts.retain(|part| !part.is_over(day));
    }
}

impl Following<'_> {
    /// Where an owner stands; one that is new comes in its place.
    fn place_of(&mut self, owner: &Owner, place: i64) -> usize {
        if let Some(at) = self.parts.iter().position(|part| part.owner == *owner) {
            return at;
        }
        let at = self.parts.partition_point(|part| part.place <= place);
        self.parts.insert(at, Part::new(owner.clone(), place, self.look.day));
        at
    }

    fn nobody(&mut self) -> usize {
        self.place_of(&None, NOBODY)
    }

    fn price(&self) -> Option<Decimal> {
        self.touch.price.or(self.touch.price_before)
    }

    /// A part that something changes of, today.
    fn part(&mut self, at: usize) -> &mut Part {
        self.parts[at].on(self.look.day)
    }

    /// Counts for an owner.
    fn count(&mut self, at: usize, figures: Figures) {
        if figures.is_nothing() {
            return;
        }
        let part = self.part(at);
        part.today += figures;
        let owner = part.owner.clone();
        *self.counted.entry(owner).or_default() += figures;
    }

    /// Takes over what is wanted. Who decided otherwise than before begins anew, and what was not traded is missed.
    fn want(&mut self) {
        let Look { at: now, is_first, .. } = self.look;
        for wish in &self.touch.wishes {
            let at = self.place_of(&Some(wish.owner.clone()), wish.id);
            let price = self.price();
            let part = self.part(at);
            if part.weight == wish.weight {
                part.want_besides(wish.shares, Intent::new(wish.revision, now, None));
                (part.was_wanted, part.wanted) = (part.wanted, wish.shares);
                continue;
            }
            let missed = part.missed(price);
            (part.was_wanted, part.wanted, part.weight) = (part.wanted, wish.shares, wish.weight);
            part.intent = (!is_first).then(|| Intent::new(wish.revision, wish.pushed_at, wish.price));
            self.count(at, Figures { missed, ..Figures::default() });
        }
        if self.touch.kept > 0 || self.parts.iter().any(|part| part.owner.is_none()) {
            let nobody = self.nobody();
            if self.parts[nobody].wanted != self.touch.kept {
                self.part(nobody).wanted = self.touch.kept;
            }
        }
    }

    /// Notes which decisions the terminal has seen and ordered.
    fn see(&mut self) {
        let Touch { seen, price, price_before, trades, buying, selling, .. } = self.touch;
        // After a trade the price is not that at which it was begun.
        let arrival = price.filter(|_| trades.is_empty()).or(*price_before);
        for part in &mut self.parts {
            let ordered = if part.lack() > 0 { buying } else { selling };
            let Some(intent) = part.intent.as_mut().filter(|intent| intent.filled_at.is_none()) else { continue };
            if intent.seen_at.is_none() && *seen >= Some(intent.revision) {
                // Terminals report what they have ordered, so they saw it before.
                let at = self.look.at;
                intent.seen_at = Some(ordered.first_at.map_or(at, |first| first.max(intent.pushed_at).min(at)));
                intent.arrival = intent.arrival.or(arrival);
            }
            if intent.ordered_at.is_none() && intent.seen_at.is_some() && part.wanted != part.volume {
                // Both clocks tell times; no order is older than its reason.
                intent.ordered_at = ordered.first_at.map(|at| at.max(intent.pushed_at));
            }
        }
    }

    /// Gives a trade to those who lack it, or have too much; what came for a wish that is gone since, to whose that was; and the
    /// rest to nobody.
    fn trade(&mut self, trade: &Traded) {
        let mut given = vec![0; self.parts.len()];
        let mut left = trade.shares;
        if !trade.by_hand {
            let is_due = |lack: i64| due(trade.side.signed(lack));
            let now: Vec<u128> = self.parts.iter().map(|part| is_due(part.lack())).collect();
            deal(&mut left, &now, &mut given);
            let then = self.parts.iter().zip(&given);
            let then: Vec<u128> =
                then.map(|(part, given)| is_due(part.was_wanted - part.volume - trade.side.signed(*given))).collect();
            deal(&mut left, &then, &mut given);
        }
        if left > 0 {
            let nobody = self.nobody();
            given.resize(self.parts.len(), 0);
            given[nobody] += left;
        }
        self.hand_out(trade, &given);
    }

    /// Books a trade's shares for their owners.
    fn hand_out(&mut self, trade: &Traded, given: &[i64]) {
        let Traded { side, shares: all, price, fee, is_estimated, at: when, .. } = *trade;
        let (mut so_far, mut paid) = (0, Money::ZERO);
        for (at, shares) in given.iter().copied().enumerate().filter(|(_, shares)| *shares > 0) {
            so_far += shares;
            let fees = fee.share(so_far, all) - paid;
            paid += fees;
            let value = Money::of(price, shares);
            let moved = Move { shares: side.signed(shares), price };
            let part = self.part(at);
            let mut figures = part.fall_short(moved);
            figures.realized = part.take(moved);
            match side {
                Side::Buy => (figures.bought_shares, figures.bought) = (shares, value),
                Side::Sell => (figures.sold_shares, figures.sold) = (shares, value),
            }
            (figures.fees, figures.estimated) = (fees, if is_estimated { fees } else { Money::ZERO });
            self.note_filled(at, when);
            self.count(at, figures);
        }
    }

    fn note_filled(&mut self, at: usize, when: Moment) {
        let part = &mut self.parts[at];
        if part.lack() == 0
            && let Some(intent) = &mut part.intent
        {
            intent.filled_at = intent.filled_at.or(Some(when.max(intent.pushed_at)));
        }
    }

    /// What is held and was neither there nor traded: shares that came at no cost belong to whom those belong that bore them,
    /// everything else to nobody.
    fn settle(&mut self, basis: Option<Money>) {
        let Some(held) = self.touch.held else { return };
        let astray = held - self.parts.iter().map(|part| part.volume).sum::<i64>();
        if astray == 0 {
            return;
        }
        if self.is_free(astray, basis) {
            let weights: Vec<u128> = self.parts.iter().map(|part| due(part.volume)).collect();
            for (at, shares) in apportion(astray.abs(), &weights).into_iter().enumerate() {
                if shares == 0 {
                    continue;
                }
                let realized = self.part(at).take_free(shares * astray.signum());
                self.count(at, Figures { realized, ..Figures::default() });
            }
            return;
        }
        let nobody = self.nobody();
        // Where no price is known, what the broker counts is the next best.
        let average = self.touch.basis.and_then(|basis| basis.per(held)).and_then(|cost| cost.to_string().parse().ok());
        let price = self.price().or(average).unwrap_or_default();
        let realized = self.part(nobody).take(Move { shares: astray, price });
        self.count(nobody, Figures { realized, entered: Money::of(price, astray), ..Figures::default() });
    }

    /// Whether shares came, or went, and what the broker says all of it cost is as before: by less than a tenth of their worth.
    fn is_free(&self, astray: i64, before: Option<Money>) -> bool {
        let (Some(before), Some(after), Some(price)) = (before, self.touch.basis, self.price()) else { return false };
        let is_held = self.parts.iter().any(|part| part.volume > 0);
        let differs = (after - before).magnitude();
        is_held
            && self.touch.trades.is_empty()
            && differs.times(Decimal::whole(10)) < Money::of(price, astray).magnitude()
    }

    /// Where one has too much and another lacks, shares change hands inside, at the last price; but for what is on its way to
    /// the market.
    fn cross(&mut self) {
        let Some(price) = self.price().filter(|_| self.touch.held.is_some() && !self.touch.is_held) else { return };
        let lack: Vec<u128> = self.parts.iter().map(|part| due(part.lack())).collect();
        let excess: Vec<u128> = self.parts.iter().map(|part| due(-part.lack())).collect();
        let wanted = all_due(&lack) - self.touch.buying.open;
        let shares = wanted.min(all_due(&excess) - self.touch.selling.open);
        if shares <= 0 {
            return;
        }
        let (taken, given) = (apportion(shares, &lack), apportion(shares, &excess));
        // Between strategies alone the market is spared something; what lay there was no trade of anybody's.
        let of_strategies = |shares: &[i64], parts: &[Part]| -> i64 {
            shares.iter().zip(parts).filter(|(_, part)| part.owner.is_some()).map(|(shares, _)| *shares).sum()
        };
        let spared = of_strategies(&taken, &self.parts).min(of_strategies(&given, &self.parts));
        self.hand_over(&taken, price, Side::Buy, spared);
        self.hand_over(&given, price, Side::Sell, spared);
    }

    /// One side of a crossing. `spared`: how many of its shares the market was spared.
    fn hand_over(&mut self, shares: &[i64], price: Decimal, side: Side, spared: i64) {
        let of_strategies: Vec<u128> = shares
            .iter()
            .zip(&self.parts)
            .map(|(shares, part)| if part.owner.is_some() { due(*shares) } else { 0 })
            .collect();
        let spared = apportion(spared, &of_strategies);
        for (at, shares) in shares.iter().copied().enumerate().filter(|(_, shares)| *shares > 0) {
            let moved = Move { shares: side.signed(shares), price };
            let part = self.part(at);
            let mut figures = Figures::default();
            if let Some(intent) = &mut part.intent {
                // Nothing was ordered: all of it is what happened since the decision.
                let decided = *intent.decided.get_or_insert(price);
                figures.delay = Money::of(price, moved.shares) - Money::of(decided, moved.shares);
            }
            figures.realized = part.take(moved);
            figures.transferred = Money::of(price, moved.shares);
            figures.crossed = Money::of(price, spared[at]);
            figures.saved = self.look.costs.map_or(Money::ZERO, |costs| costs.apply(side, figures.crossed));
            self.note_filled(at, self.look.at);
            self.count(at, figures);
        }
    }

    /// After the first report, who still lacks something begins with the list that is in force.
    fn decide_anew(&mut self) {
        for wish in &self.touch.wishes {
            let Some(part) = self.parts.iter_mut().find(|part| part.owner.as_ref() == Some(&wish.owner)) else {
                continue;
            };
            if part.lack() != 0 {
                part.intent = Some(Intent::new(wish.revision, wish.pushed_at, wish.price));
            }
        }
        self.see();
    }

    /// The first price that is heard of after a decision is its own, where none was told.
    fn learn_prices(&mut self) {
        let Some(price) = self.touch.price else { return };
        for intent in self.parts.iter_mut().filter(|part| part.lack() != 0).filter_map(|part| part.intent.as_mut()) {
            intent.decided.get_or_insert(price);
            if intent.seen_at.is_some() {
                intent.arrival.get_or_insert(price);
            }
        }
    }
}

/// So many shares as a weight; none where they are below zero.
fn due(shares: i64) -> u128 {
    u128::from(shares.max(0).unsigned_abs())
}

/// All shares that are due.
fn all_due(weights: &[u128]) -> i64 {
    i64::try_from(weights.iter().sum::<u128>()).unwrap_or(i64::MAX)
}

/// Gives of so many shares to whom they are due.
fn deal(left: &mut i64, weights: &[u128], given: &mut [i64]) {
    let dealt = (*left).min(all_due(weights));
    for (given, shares) in given.iter_mut().zip(apportion(dealt, weights)) {
        *given += shares;
    }
    *left -= dealt.max(0);
}

#[cfg(test)]
mod tests;
