//! What trades cost at an account's rates, where the terminal does not say it.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::account::Costs;
use super::super::board::Board;
use super::super::code::Instrument;
use super::super::decimal::Decimal;
use super::super::money::Money;
use super::super::report::{Fill, Order, Side};

impl Costs {
    /// Those of an instrument: funds and bonds bear neither stamp duty nor transfer fee.
    pub(super) fn of(self, instrument: &Instrument) -> Self {
        let is_of_shares = Board::of(instrument).is_none_or(Board::is_of_shares);
        if is_of_shares { self } else { Self { duty: Decimal::ZERO, transfer: Decimal::ZERO, ..self } }
    }

    /// What a value costs to trade, without the least that an order costs, and not rounded: CNY.
    pub(super) fn apply(&self, side: Side, value: Money) -> Money {
        value.times(self.commission) + value.times(self.transfer) + self.duty_on(side, value)
    }

    fn duty_on(&self, side: Side, value: Money) -> Money {
        if side == Side::Sell { value.times(self.duty) } else { Money::ZERO }
    }

    /// What an order costs that has traded so much.
    fn charge(&self, side: Side, value: Money) -> Money {
        let commission = value.times(self.commission).max(Money::told(self.least));
        let kinds = [commission, value.times(self.transfer), self.duty_on(side, value)];
        kinds.into_iter().map(Money::to_the_fen).sum()
    }
}

/// What the orders of a day have traded so far, by the broker's number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Executed(OrdMap<SmolStr, Execution>);

/// What an order has traded: shares, and CNY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Execution {
    shares: i64,
    value: Money,
}

impl Executed {
    /// Notes another trade, and says what it costs in the account. Brokers charge the whole order, each kind to the fen, and at
    /// least so much of commission, which falls due with its first trade. A trade without an order is one of its own.
    pub(super) fn note(&mut self, fill: &Fill, costs: Option<Costs>) -> Option<Money> {
        let before = fill.order.as_ref().and_then(|order| self.0.get(order)).copied();
        let Execution { shares, value } = before.unwrap_or_default();
        let after = Execution { shares: shares + fill.volume, value: value + Money::of(fill.price, fill.volume) };
        if let Some(order) = &fill.order {
            self.0.insert(order.clone(), after);
        }
        let costs = costs?;
        Some(
            costs.charge(fill.side, after.value) - before.map_or(Money::ZERO, |one| costs.charge(fill.side, one.value)),
        )
    }

    /// How many shares of an order are said to be traded, and their trades were not reported yet.
    pub(super) fn untold(&self, order: &Order) -> i64 {
        (order.traded - self.0.get(&order.id).map_or(0, |one| one.shares)).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::code::Code;
    use super::super::super::moment::Moment;
    use super::*;

    fn costs(code: &str) -> Costs {
        let number = |text| Decimal::parse(text).unwrap();
        let (commission, least) = (number("0.00025"), number("5"));
        let costs = Costs { commission, least, duty: number("0.0005"), transfer: number("0.00001") };
        costs.of(&Code::parse(code).unwrap().instrument())
    }

    /// A sale of so many shares at 1 CNY.
    fn sale(order: Option<&str>, volume: i64) -> Fill {
        Fill {
            id: "1".into(),
            order: order.map(SmolStr::from),
            code: Code::parse("600000.SH").unwrap(),
            side: Side::Sell,
            volume,
            price: Decimal::ONE,
            at: Moment::from_micros(0),
            fee: None,
        }
    }

    #[test]
    fn an_order_in_pieces_costs_what_it_costs_at_once() {
        let costs = Some(costs("600000.SH"));
        let mut executed = Executed::default();
        let pieces = [2_000, 10_000, 30_000].map(|volume| executed.note(&sale(Some("7"), volume), costs).unwrap());
        let whole = Executed::default().note(&sale(Some("7"), 42_000), costs).unwrap();
        assert_eq!(pieces.into_iter().sum::<Money>(), whole);
        // 10.50 commission, 21 duty, 0.42 transfer.
        assert_eq!(whole.to_string(), "31.92");
        assert_eq!(pieces[0].to_string(), "6.02", "the least is due with the first trade");
    }

    #[test]
    fn funds_bear_no_duty() {
        let fee = Executed::default().note(&sale(None, 42_000), Some(costs("510300.SH"))).unwrap();
        assert_eq!(fee.to_string(), "10.5");
    }
}
