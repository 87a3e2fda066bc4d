//! What is counted of a virtual holding, trade by trade.

use std::ops::{AddAssign, Sub};

use serde::{Deserialize, Serialize};

use super::super::money::Money;

/// Sums over trades and transfers: shares, and CNY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Figures {
    /// What was bought on the market: shares.
    #[serde(skip_serializing_if = "is_zero")]
    pub bought_shares: i64,
    /// What was paid for it, without fees.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub bought: Money,
    /// What was sold on the market: shares.
    #[serde(skip_serializing_if = "is_zero")]
    pub sold_shares: i64,
    /// What it brought, before fees.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub sold: Money,
    /// What the trades cost: fees, duty and commission.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub fees: Money,
    /// How much of the fees was computed at the account's rates, because the terminal named none.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub estimated: Money,
    /// What was gained with shares that left the holding, before fees.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub realized: Money,
    /// What shares were worth that came without a trade, less those that went: found, given, taken.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub entered: Money,
    /// What shares were worth that came from others inside the account, less those that went to others.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub transferred: Money,
    /// The turnover that crossing inside the account spared the market.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub crossed: Money,
    /// What that turnover would have cost.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub saved: Money,
    /// The part of the shortfall that came between decision and terminal.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub delay: Money,
    /// The part of the shortfall that came between terminal and trade.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub execution: Money,
    /// The part of the shortfall of what was decided and never traded.
    #[serde(skip_serializing_if = "Money::is_zero")]
    pub missed: Money,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(super) fn is_zero(shares: &i64) -> bool {
    *shares == 0
}

/// All fields of two, taken together one by one.
macro_rules! each {
    ($one:ident, $two:ident, $join:expr, $($field:ident),+) => { $($join(&mut $one.$field, $two.$field);)+ };
}

macro_rules! every_field {
    ($one:ident, $two:ident, $join:expr, $join_shares:expr) => {
        each!($one, $two, $join_shares, bought_shares, sold_shares);
        each!(
            $one,
            $two,
            $join,
            bought,
            sold,
            fees,
            estimated,
            realized,
            entered,
            transferred,
            crossed,
            saved,
            delay,
            execution,
            missed
        );
    };
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        every_field!(self, other, |one: &mut Money, two| *one += two, |one: &mut i64, two| *one += two);
    }
}

impl Sub for Figures {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        let mut left = self;
        every_field!(left, other, |one: &mut Money, two| *one -= two, |one: &mut i64, two| *one -= two);
        left
    }
}

impl Figures {
    /// What was traded on the market, both ways: CNY.
    pub fn turnover(&self) -> Money {
        self.bought + self.sold
    }

    /// Whether nothing was counted.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
