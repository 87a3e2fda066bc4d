//! One owner's part of an instrument: a virtual holding with its cost, and how far the last decision about it has come.

use serde::{Deserialize, Serialize};

use super::super::calendar::Day;
use super::super::decimal::Decimal;
use super::super::moment::Moment;
use super::super::money::Money;
use super::super::revision::Revision;
use super::super::strategy::StrategyName;
use super::figures::Figures;

/// Whose a part is: a strategy's or overlay's, or with None nobody's: protected, by hand, not ours.
pub type Owner = Option<StrategyName>;

/// Where nobody stands among the owners: last.
pub(super) const NOBODY: i64 = i64::MAX;

/// What an owner holds and wants of an instrument. Volumes are shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Whose it is. Not written: it stands beside.
    #[serde(skip)]
    pub owner: Owner,
    /// The place among the owners: older strategies first, nobody last.
    pub place: i64,
    /// How much is held; below zero where more was taken by hand than lay unassigned.
    pub volume: i64,
    /// What was paid for it: CNY; below zero with the volume.
    pub cost: Money,
    /// How much is wanted.
    pub wanted: i64,
    /// How much was wanted before that changed last on this day.
    pub was_wanted: i64,
    /// What stands for the owner's own number before it was divided and rounded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weight: u128,
    /// How far the last decision about it has come; None before any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// The day that `today` is about.
    pub day: Day,
    /// What was counted on that day.
    #[serde(default, skip_serializing_if = "Figures::is_nothing")]
    pub today: Figures,
}

fn is_zero(weight: &u128) -> bool {
    *weight == 0
}

/// A decision about an instrument on its way to the market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The revision of the list that said so.
    pub revision: Revision,
    /// When that was made.
    pub pushed_at: Moment,
    /// The price of the decision: the push's, else the first that was heard of after it. CNY per share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decimal>,
    /// The price when the terminal had seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<Decimal>,
    /// When the terminal had seen it, as it reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Moment>,
    /// When the first order for it was placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_at: Option<Moment>,
    /// When all of it was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled_at: Option<Moment>,
}

impl Intent {
    /// A decision that nobody has seen yet.
    pub(super) const fn new(revision: Revision, pushed_at: Moment, decided: Option<Decimal>) -> Self {
        Self { revision, pushed_at, decided, arrival: None, seen_at: None, ordered_at: None, filled_at: None }
    }
}

/// By how many shares, and at what price.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move {
    /// Below zero: away.
    pub(super) shares: i64,
    /// CNY per share.
    pub(super) price: Decimal,
}

impl Part {
    /// A part of nothing.
    pub(super) fn new(owner: Owner, place: i64, day: Day) -> Self {
        Self {
            owner,
            place,
            volume: 0,
            cost: Money::ZERO,
            wanted: 0,
            was_wanted: 0,
            weight: 0,
            intent: None,
            day,
            today: Figures::default(),
        }
    }

    /// How many shares it lacks; below zero: how many it has too many.
    pub fn lack(&self) -> i64 {
        self.wanted - self.volume
    }

    /// Begins with a day, where it is a new one.
    pub(super) fn on(&mut self, day: Day) -> &mut Self {
        if self.day != day {
            (self.day, self.today, self.was_wanted) = (day, Figures::default(), self.wanted);
        }
        self
    }

    /// Whether the last decision about it is carried out, or there is none.
    fn is_settled(&self) -> bool {
        self.intent.as_ref().is_none_or(|intent| intent.filled_at.is_some())
    }

    /// Whether a report that says what the one before said changes nothing of it.
    pub(super) fn is_quiet(&self) -> bool {
        self.lack() == 0 && self.is_settled()
    }

    /// Wants another number of shares though its owner decided on nothing. What comes of that is no matter of its last decision,
    /// where that was carried out.
    pub(super) fn want_besides(&mut self, wanted: i64, intent: Intent) {
        if wanted != self.wanted && self.is_settled() {
            self.intent = Some(intent);
        }
    }

    /// Whether nothing of it matters from a day on.
    pub(super) fn is_over(&self, day: Day) -> bool {
        self.volume == 0 && self.wanted == 0 && self.day < day
    }

    /// Moves shares at a price: what leaves does so at the average cost. Returns what was gained by it.
    pub(super) fn take(&mut self, Move { shares, price }: Move) -> Money {
        let is_other_way = self.volume.signum() == -shares.signum();
        let closed = if is_other_way { shares.abs().min(self.volume.abs()) * shares.signum() } else { 0 };
        let out = if closed == 0 { Money::ZERO } else { self.cost.share(closed.abs(), self.volume.abs()) };
        let opened = shares - closed;
        self.volume += shares;
        self.cost = self.cost - out + Money::of(price, opened);
        if closed == 0 { Money::ZERO } else { -Money::of(price, closed) - out }
    }

    /// Shares that come, or go, at no cost, as bonus shares and splits do: a decision was made on other shares. Returns what was
    /// gained by it.
    pub(super) fn take_free(&mut self, shares: i64) -> Money {
        self.volume += shares;
        self.intent = None;
        if self.volume == 0 { -std::mem::take(&mut self.cost) } else { Money::ZERO }
    }

    /// What shares that were decided on and came (below zero: went) cost beyond the price of the decision, in trading.
    pub(super) fn fall_short(&mut self, Move { shares, price }: Move) -> Figures {
        let Some(intent) = &mut self.intent else { return Figures::default() };
        let arrival = *intent.arrival.get_or_insert(intent.decided.unwrap_or(price));
        let decided = *intent.decided.get_or_insert(arrival);
        Figures {
            delay: Money::of(arrival, shares) - Money::of(decided, shares),
            execution: Money::of(price, shares) - Money::of(arrival, shares),
            ..Figures::default()
        }
    }

    /// What of the last decision is not traded, at a price, against the price of the decision.
    pub fn missed(&self, price: Option<Decimal>) -> Money {
        let decided = self.intent.as_ref().and_then(|intent| intent.decided);
        match (decided, price) {
            (Some(decided), Some(price)) => Money::of(price, self.lack()) - Money::of(decided, self.lack()),
            _ => Money::ZERO,
        }
    }
}
