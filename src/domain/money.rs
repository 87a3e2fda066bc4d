//! Amounts of money that are kept up trade by trade: CNY to 10^-8, which every price of an exchange times a number of
//! shares is exactly.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use ethnum::I256;
use serde::{Deserialize, Serialize};

use super::decimal::{Decimal, MAX_DECIMALS};

/// How many decimals an amount has, and how many of the last make one CNY.
const DECIMALS: usize = 8;
const UNITS: i128 = 10_i128.pow(8);

/// How many units of a [`Decimal`] make one.
const DECIMAL_UNITS: i128 = 10_i128.pow(MAX_DECIMALS);

/// An amount of money: CNY. What is beyond 10^30 of them stays there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i128);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many shares at a price (CNY per share; what is finer than 10^-8 is rounded).
    pub fn of(price: Decimal, shares: i64) -> Self {
        Self(rounded(I256::from(price.units()), DECIMAL_UNITS / UNITS).saturating_mul(i128::from(shares)))
    }

    /// An amount that was told.
    pub fn told(amount: Decimal) -> Self {
        Self::of(amount, 1)
    }

    /// A part of the amount, to the nearest 10^-8 CNY.
    #[must_use]
    pub fn times(self, rate: Decimal) -> Self {
        Self(rounded(I256::from(self.0) * I256::from(rate.units()), DECIMAL_UNITS))
    }

    /// What of it falls to `part` of `whole` shares: never more than all of it. `whole` must be above zero.
    #[must_use]
    pub fn share(self, part: i64, whole: i64) -> Self {
        let shared = I256::from(self.0) * I256::from(part) / I256::from(whole.max(1));
        Self(shared.as_i128())
    }

    /// To the fen, half of one away from zero.
    #[must_use]
    pub fn to_the_fen(self) -> Self {
        const FEN: i128 = UNITS / 100;
        Self(rounded(I256::from(self.0), FEN).saturating_mul(FEN))
    }

    /// Whether it is nothing.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// The double nearest to it, for charts: CNY.
    pub fn approximate(self) -> f64 {
        self.to_string().parse().unwrap_or_default()
    }

    /// Without its sign.
    #[must_use]
    pub const fn magnitude(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// The average of so many shares: CNY per share, to the nearest 10^-8. None of no shares.
    pub fn per(self, shares: i64) -> Option<Self> {
        (shares != 0).then(|| {
            let sign = i128::from(shares.signum());
            Self(rounded(I256::from(self.0.saturating_mul(sign)), i128::from(shares.unsigned_abs())))
        })
    }
}

/// A quotient, half away from zero, and at the end of the type where it is beyond.
fn rounded(number: I256, divisor: i128) -> i128 {
    let divisor = I256::from(divisor);
    let half = divisor / 2;
    let quotient = if number.is_negative() { (number - half) / divisor } else { (number + half) / divisor };
    i128::try_from(quotient).unwrap_or(if quotient.is_negative() { i128::MIN } else { i128::MAX })
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (magnitude / UNITS.unsigned_abs(), magnitude % UNITS.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{whole}")?;
        if fraction != 0 {
            let decimals = format!("{fraction:0DECIMALS$}");
            write!(f, ".{}", decimals.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        Money::told(Decimal::parse(text).unwrap())
    }

    #[test]
    fn amounts_are_exact_and_printed_plainly() {
        let price = Decimal::parse("11.305").unwrap();
        assert_eq!(Money::of(price, 300).to_string(), "3391.5");
        assert_eq!(Money::of(price, -1).to_string(), "-11.305");
        assert_eq!((money("0.00000001"), Money::ZERO).0.to_string(), "0.00000001");
        assert_eq!(money("-0.5").to_string(), "-0.5");
    }

    #[test]
    fn a_part_is_rounded_and_a_share_is_never_more_than_all() {
        let duty = Decimal::parse("0.0005").unwrap();
        assert_eq!(money("12345.67").times(duty).to_string(), "6.172835");
        assert_eq!(money("10").share(1, 3).to_string(), "3.33333333");
        assert_eq!(money("-10").share(2, 3).to_string(), "-6.66666666");
        assert_eq!(money("10").per(-3).unwrap().to_string(), "-3.33333333");
        assert_eq!(money("10").per(0), None);
        assert_eq!((money("0.005").to_the_fen(), money("-2.5049").to_the_fen()), (money("0.01"), money("-2.5")));
    }

    #[test]
    fn what_is_beyond_reason_stays_at_the_end() {
        let huge = Money(i128::MAX);
        assert_eq!(huge + money("1"), huge);
        assert_eq!(Money::of(Decimal::parse("999999999999").unwrap(), i64::MAX), huge);
    }
}
