//! What became of an owner's part of an account on a day: how it stands at the end, and what was counted.

use super::super::calendar::Day;
use super::super::code::Instrument;
use super::super::decimal::Decimal;
use super::super::money::Money;
use super::figures::Figures;
use super::part::{NOBODY, Owner, Part};
use super::{Close, Share};

/// An owner's part at the end of a day, with the last prices of that day.
#[derive(Debug, Clone, Copy)]
pub struct DayEnd<'a> {
    /// What it has.
    pub share: &'a Share,
    /// On which day that changed last.
    pub changed: Day,
    /// What else is known of the account.
    pub close: &'a Close,
}

/// An owner's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerDay {
    /// Whose.
    pub owner: Owner,
    /// How it stands, and what was counted that day.
    pub result: DayResult,
    /// Instrument by instrument: what is held, wanted, or was traded.
    pub lines: Vec<LineDay>,
}

/// How something stands at the end of a day, and what was counted on it. CNY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayResult {
    /// What was counted, but for what was decided and is not traded: that is in `unfilled`.
    pub figures: Figures,
    /// What is held, at the last prices.
    pub value: Money,
    /// What is held, at those prices less its cost.
    pub unrealized: Money,
    /// What was gained that day: realized and unrealized, less fees.
    pub profit: Money,
    /// The part of that day's shortfall of what was decided and not traded, at the last prices.
    pub unfilled: Money,
}

/// An instrument's part of an owner's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineDay {
    /// Of what.
    pub instrument: Instrument,
    /// The last price: CNY per share.
    pub price: Option<Decimal>,
    /// What more is reported than is divided, while lists that lag may explain it; nobody's: shares.
    pub loose: i64,
    /// The part.
    pub part: Part,
    /// How it stands, and what was counted.
    pub result: DayResult,
}

impl DayResult {
    /// Decision prices against what became of the decisions: above zero where trading was dearer.
    pub fn shortfall(&self) -> Money {
        self.figures.delay + self.figures.execution + self.unfilled
    }

    /// Another's added.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        self.figures += other.figures;
        self.value += other.value;
        self.unrealized += other.unrealized;
        self.profit += other.profit;
        self.unfilled += other.unfilled;
        self
    }
}

/// A part at a price: what it is worth, what that is beyond its cost, and what of its last decision is open.
fn stand(part: Option<&Part>, price: Option<Decimal>) -> (Money, Money, Money) {
    let Some((part, price)) = part.zip(price) else { return (Money::ZERO, Money::ZERO, Money::ZERO) };
    let value = Money::of(price, part.volume);
    (value, value - part.cost, part.missed(Some(price)))
}

fn result(figures: Figures, now: (Money, Money, Money), before: (Money, Money, Money)) -> DayResult {
    let ((value, unrealized, open), (_, earlier, open_before)) = (now, before);
    DayResult {
        figures,
        value,
        unrealized,
        profit: figures.realized + unrealized - earlier - figures.fees,
        unfilled: figures.missed + open - open_before,
    }
}

impl OwnerDay {
    /// An owner's day, from how it stands at its end and how it stood at the end of the one before.
    pub fn of(day: Day, now: DayEnd<'_>, before: Option<DayEnd<'_>>) -> Self {
        let DayEnd { share, changed, close } = now;
        let price_before = |instrument| before.and_then(|before| before.close.prices.get(instrument)).copied();
        let part_before = |instrument| before.and_then(|before| before.share.parts.get(instrument));
        let mut whole = DayResult::default();
        let mut lines = Vec::new();
        for (instrument, part) in share.parts.iter().filter(|(_, part)| !part.is_over(day)) {
            let price = close.prices.get(instrument).copied();
            let figures = if part.day == day { part.today } else { Figures::default() };
            let result = result(
                figures,
                stand(Some(part), price),
                stand(part_before(instrument), price_before(instrument).or(price)),
            );
            whole = whole.with(&result);
            let loose = if share.owner.is_none() { close.loose.get(instrument).copied().unwrap_or(0) } else { 0 };
            lines.push(LineDay { instrument: instrument.clone(), price, loose, part: part.clone(), result });
        }
        if share.owner.is_none() {
            lines.extend(loose_alone(share, close, day));
        }
        let counted = before.map_or(share.totals, |before| share.totals - before.share.totals);
        let figures = if changed == day { counted } else { Figures::default() };
        Self { owner: share.owner.clone(), result: DayResult { figures, ..whole }, lines }
    }
}

/// What is reported and not divided yet of instruments that nobody has a part of.
fn loose_alone(share: &Share, close: &Close, day: Day) -> Vec<LineDay> {
    let beside = close.loose.iter().filter(|(instrument, _)| !share.parts.contains_key(*instrument));
    let line = |(instrument, shares): (&Instrument, &i64)| LineDay {
        instrument: instrument.clone(),
        price: close.prices.get(instrument).copied(),
        loose: *shares,
        part: Part::new(None, NOBODY, day),
        result: DayResult::default(),
    };
    beside.map(line).collect()
}
