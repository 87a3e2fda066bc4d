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

    /// What a value costs to trade, without the least that an order costs: CNY.
    pub(super) fn apply(&self, side: Side, value: Money) -> Money {
        value.times(self.commission) + self.public(side, value)
    }

    /// What of it does not go to the broker.
    fn public(&self, side: Side, value: Money) -> Money {
        let duty = if side == Side::Sell { value.times(self.duty) } else { Money::ZERO };
        value.times(self.transfer) + duty
    }
}

/// What the orders of a day were charged so far, by the broker's number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Charged(OrdMap<SmolStr, Charge>);

/// What an order has traded, and what was charged for it: CNY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Charge {
    value: Money,
    commission: Money,
}

impl Charged {
    /// What another trade of an order costs. The commission is for the whole order, and the least of it falls due with its
    /// first trade. A trade without an order is one of its own.
    pub(super) fn charge(&mut self, order: Option<&SmolStr>, rates: &Rates, side: Side, value: Money) -> Money {
        let before = order.and_then(|order| self.0.get(order)).copied().unwrap_or_default();
        let traded = before.value + value;
        let commission = traded.times(rates.commission).max(Money::told(rates.least));
        if let Some(order) = order {
            self.0.insert(order.clone(), Charge { value: traded, commission });
        }
        commission - before.commission + rates.public(side, value)
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
