//! What trades cost at an account's rates, where the terminal does not say it.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::account::Costs;
use super::super::board::Board;
use super::super::code::Instrument;
use super::super::decimal::Decimal;
use super::super::money::Money;
use super::super::report::Side;

/// An account's rates for one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    commission: Decimal,
    least: Decimal,
    duty: Decimal,
    transfer: Decimal,
}

impl Rates {
    /// Of an instrument: funds and bonds bear neither stamp duty nor transfer fee.
    pub(super) fn of(costs: &Costs, instrument: &Instrument) -> Self {
        let Costs { commission, least, duty, transfer } = *costs;
        let is_of_shares = Board::of(instrument).is_none_or(Board::is_of_shares);
        let of_shares = |rate| if is_of_shares { rate } else { Decimal::ZERO };
        Self { commission, least, duty: of_shares(duty), transfer: of_shares(transfer) }
    }

    /// What a value costs to trade, without the least that an order costs, and not rounded: CNY.
    pub(super) fn apply(&self, side: Side, value: Money) -> Money {
        value.times(self.commission) + value.times(self.transfer) + self.duty(side, value)
    }

    fn duty(&self, side: Side, value: Money) -> Money {
        if side == Side::Sell { value.times(self.duty) } else { Money::ZERO }
    }

    /// What an order costs that has traded so much.
    fn charge(&self, side: Side, value: Money) -> Money {
        let commission = value.times(self.commission).max(Money::told(self.least));
        let kinds = [commission, value.times(self.transfer), self.duty(side, value)];
        kinds.into_iter().map(Money::to_the_fen).sum()
    }
}

/// What the orders of a day have traded so far, by the broker's number: CNY.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Charged(OrdMap<SmolStr, Money>);

impl Charged {
    /// What another trade of an order costs. Brokers charge the whole order, each kind to the fen, and at least so much of
    /// commission, which falls due with its first trade. A trade without an order is one of its own.
    pub(super) fn charge(&mut self, order: Option<&SmolStr>, rates: &Rates, side: Side, value: Money) -> Money {
        let before = order.and_then(|order| self.0.get(order)).copied();
        let traded = before.unwrap_or_default() + value;
        if let Some(order) = order {
            self.0.insert(order.clone(), traded);
        }
        rates.charge(side, traded) - before.map_or(Money::ZERO, |before| rates.charge(side, before))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::code::Code;
    use super::*;

    fn rates(code: &str) -> Rates {
        let number = |text| Decimal::parse(text).unwrap();
        let (commission, least) = (number("0.00025"), number("5"));
        let costs = Costs { commission, least, duty: number("0.0005"), transfer: number("0.00001") };
        Rates::of(&costs, &Code::parse(code).unwrap().instrument())
    }

    fn cny(amount: u32) -> Money {
        Money::told(Decimal::whole(amount))
    }

    #[test]
    fn an_order_in_pieces_costs_what_it_costs_at_once() {
        let (order, rates) = (SmolStr::from("7"), rates("600000.SH"));
        let mut charged = Charged::default();
        let pieces = [2_000, 10_000, 30_000].map(|value| charged.charge(Some(&order), &rates, Side::Sell, cny(value)));
        let whole = Charged::default().charge(Some(&order), &rates, Side::Sell, cny(42_000));
        assert_eq!(pieces.into_iter().sum::<Money>(), whole);
        // 10.50 commission, 21 duty, 0.42 transfer.
        assert_eq!(whole.to_string(), "31.92");
        assert_eq!(pieces[0].to_string(), "6.02", "the least is due with the first trade");
    }

    #[test]
    fn funds_bear_no_duty() {
        let fee = Charged::default().charge(None, &rates("510300.SH"), Side::Sell, cny(42_000));
        assert_eq!(fee.to_string(), "10.5");
    }
}
