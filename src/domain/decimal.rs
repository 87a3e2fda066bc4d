//! Exact numbers: volumes (shares), costs (CNY per share) and their sums.
//!
//! `JoinQuant` sends costs with 17 significant digits. Everything here is fixed-point on wide integers, so a sum that is
//! kept up by adding and subtracting for years equals one computed afresh, digit for digit. What cannot be held
//! exactly is refused at the edge and never rounded.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::str::FromStr;
use std::sync::LazyLock;

use ethnum::{I256, U256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::excerpt::Excerpt;

/// How many decimals a number may have.
pub const MAX_DECIMALS: u32 = 24;
/// How many digits a number may have before the point.
pub const MAX_INTEGER_DIGITS: u32 = 12;
/// How many digits a volume times its cost may have before the point; with it, no sum that fits into memory overflows.
pub const MAX_AMOUNT_DIGITS: u32 = 18;

/// How many digits a number may have in all.
const MAX_DIGITS: i64 = 36;

/// How many digits a machine word is sure to hold, and the powers of ten that move them in it.
const WORD_DIGITS: i64 = 18;
const WORD_POWERS: [u64; 19] = {
    let mut powers = [1; 19];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// The powers of ten that a number's digits are moved by.
const POWERS: [i128; 37] = {
    let mut powers = [1; 37];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// Why a number cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is not a number.
    #[error("is not a number")]
    NotANumber,
    /// The number is 10^12 or beyond.
    #[error("is beyond what can be summed exactly: its magnitude must stay below 10^12")]
    TooLarge,
    /// The number has digits beyond the 24th decimal.
    #[error("is beyond what can be summed exactly: it has more than 24 decimals")]
    TooFine,
}

/// An exact decimal number below 10^12 in magnitude, with at most 24 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(i128);

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// One.
    pub const ONE: Self = Self::thousandths(1_000);

    /// A whole number.
    pub fn whole(number: u32) -> Self {
        Self(i128::from(number) * POWERS[MAX_DECIMALS as usize])
    }

    /// So many thousandths, of which there are far fewer than 10^15.
    pub const fn thousandths(count: i128) -> Self {
        Self(count * POWERS[MAX_DECIMALS as usize - 3])
    }

    /// Reads a number as JSON spells it: `1000`, `12.5`, `-3e-7`.
    ///
    /// # Errors
    /// When the text is no number, or the number is too large or too fine to be held exactly.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() || mantissa.ends_with('.') {
            return Err(DecimalError::NotANumber);
        }

        // The digits without the zeros around them, and how far the last of them stands from the point.
        // A machine word holds as many as a double ever has; only what is longer is worth wide arithmetic.
        let (mut word, mut wide, mut digits, mut zeros) = (0_u64, 0_i128, 0_i64, 0_i64);
        for byte in whole.bytes().chain(fraction.bytes()) {
            match byte {
                b'0' => zeros += 1,
                b'1'..=b'9' => {
                    let step = if digits > 0 { zeros + 1 } else { 1 };
                    digits += step;
                    zeros = 0;
                    let (step, digit) = (usize::try_from(step).unwrap_or(0), byte - b'0');
                    if digits <= WORD_DIGITS {
                        word = word * WORD_POWERS[step] + u64::from(digit);
                        wide = i128::from(word);
                    } else if digits <= MAX_DIGITS {
                        wide = wide * POWERS[step] + i128::from(digit);
                    }
                }
                _ => return Err(DecimalError::NotANumber),
            }
        }
        if digits == 0 {
            return Ok(Self::ZERO);
        }
        let decimals = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        let last_place = exponent.saturating_sub(decimals).saturating_add(zeros);
        if last_place.saturating_add(digits) > i64::from(MAX_INTEGER_DIGITS) {
            return Err(DecimalError::TooLarge);
        }
        // With at most 12 digits before the point and 24 behind it, no digit was left out above.
        let scale = usize::try_from(last_place.saturating_add(i64::from(MAX_DECIMALS)));
        let units = wide * POWERS[scale.map_err(|_| DecimalError::TooFine)?];
        Ok(Self(if negative { -units } else { units }))
    }

    /// Volume times cost, exactly: CNY.
    pub fn times(self, other: Self) -> Amount {
        Amount(I256::from(self.0) * I256::from(other.0))
    }

    /// Whether the number is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Volume times scale, exactly: shares.
    pub fn scaled(self, scale: Self) -> Scaled {
        Scaled(I256::from(self.0) * I256::from(scale.0))
    }

    /// The nearest double: for charts and averages, never for sums.
    pub fn approximate(self) -> f64 {
        self.times(Self::ONE).approximate()
    }

    /// How many decimals it has.
    pub fn decimals(self) -> usize {
        self.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len())
    }

    /// How many units of 10^-24 it is: for hashes.
    pub(super) const fn units(self) -> i128 {
        self.0
    }
}

/// Units of 10^-24 in plain notation. Numbers are written with every change of them, so it works on machine words: half of
/// the decimals fit into one.
fn write_narrow(f: &mut fmt::Formatter<'_>, negative: bool, units: u128) -> fmt::Result {
    const HALF: u128 = 10_u128.pow(MAX_DECIMALS / 2);
    let (head, low) = (units / HALF, word(units % HALF));
    let (whole, high) = (word(head / HALF), word(head % HALF));
    let mut digits = Digits::default();
    if high != 0 || low != 0 {
        digits.put(low, WIDTH / 2);
        digits.put(high, WIDTH / 2);
        digits.end = digits.bytes.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
        digits.put_byte(b'.');
    }
    digits.put(whole, 1);
    if negative {
        digits.put_byte(b'-');
    }
    f.write_str(digits.text())
}

/// All decimals of a number.
const WIDTH: usize = MAX_DECIMALS as usize;

/// A number's text, made from its end.
struct Digits {
    /// Room for the largest number that units in 128 bits make: a sign, fifteen digits, a point and the decimals.
    bytes: [u8; 17 + WIDTH],
    start: usize,
    end: usize,
}

impl Default for Digits {
    fn default() -> Self {
        let bytes = [b'0'; 17 + WIDTH];
        Self { start: bytes.len(), end: bytes.len(), bytes }
    }
}

impl Digits {
    /// Puts a number before what is there, with so many digits at least.
    fn put(&mut self, mut number: u64, least: usize) {
        let mut left = least;
        while number > 0 || left > 0 {
            self.put_byte(b'0' + u8::try_from(number % 10).unwrap_or_default());
            number /= 10;
            left = left.saturating_sub(1);
        }
    }

    fn put_byte(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.start..self.end]).unwrap_or_default()
    }
}

/// A number that fits into a machine word.
fn word(small: u128) -> u64 {
    u64::try_from(small).unwrap_or_default()
}

fn parse_exponent(text: &str) -> Result<i64, DecimalError> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    // An exponent that overflows is as far beyond every bound as this one.
    let magnitude = unsigned.parse::<i64>().unwrap_or(i64::MAX / 2).min(i64::MAX / 2);
    Ok(if text.starts_with('-') { -magnitude } else { magnitude })
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse(text)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_narrow(f, self.0 < 0, self.0.unsigned_abs())
    }
}

impl<'de> Deserialize<'de> for Decimal {
    /// Reads a JSON number or a decimal string, from its text and never through a double. Of JSON documents only.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let refused = |error: DecimalError| serde::de::Error::custom(format!("{} {error}", Excerpt(raw.get())));
        match serde_json::from_str::<Cow<'_, str>>(raw.get()) {
            Ok(text) => Self::parse(&text).map_err(refused),
            Err(_) => Self::parse(raw.get()).map_err(refused),
        }
    }
}

impl Serialize for Decimal {
    /// Writes a decimal string, which no reader rounds.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A volume at a scale, or a sum of such volumes: shares, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Scaled(I256);

impl Scaled {
    /// The volume that is not above it, and nearest: what it is to 24 decimals. A bound that has no more decimals than
    /// those is reached by the one exactly when it is by the other.
    pub fn floor(self) -> Volume {
        let unit = I256::from(POWERS[MAX_DECIMALS as usize]);
        Volume(self.0.div_euclid(unit))
    }

    /// What it weighs where shares are divided: in 10^-12 shares, nothing where it is below zero.
    pub fn weight(self) -> u128 {
        u128::try_from(self.0 / I256::from(POWERS[2 * MAX_DECIMALS as usize - 12])).unwrap_or(0)
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        self.0 == I256::ZERO
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.0.is_negative()
    }
}

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_wide(f, self.0, 2 * MAX_DECIMALS)
    }
}

/// Writes a number as a JSON number, digit for digit: for serde's `serialize_with`.
///
/// # Errors
/// Only those of the serializer.
pub fn as_json_number<S: Serializer>(number: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(number.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

/// A sum of volumes: shares, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Volume(I256);

impl From<Decimal> for Volume {
    fn from(volume: Decimal) -> Self {
        Self(I256::from(volume.0))
    }
}

impl From<i64> for Volume {
    /// So many whole shares.
    fn from(shares: i64) -> Self {
        Self(I256::from(shares) * I256::from(POWERS[MAX_DECIMALS as usize]))
    }
}

impl Volume {
    /// So many whole shares.
    pub fn whole(shares: u32) -> Self {
        i64::from(shares).into()
    }

    /// The whole shares in it, towards minus infinity; at the end of the type where it is beyond.
    pub fn shares(self) -> i64 {
        let whole = self.0.div_euclid(I256::from(POWERS[MAX_DECIMALS as usize]));
        i64::try_from(whole).unwrap_or(if whole.is_negative() { i64::MIN } else { i64::MAX })
    }

    /// Whether the sum is a whole number of so many shares, of which there must be one at least.
    pub fn is_multiple_of(self, shares: u32) -> bool {
        self.0 % Self::whole(shares).0 == I256::ZERO
    }

    /// Whether the sum is zero.
    pub fn is_zero(self) -> bool {
        self.0 == I256::ZERO
    }

    /// The nearest double: for estimates, never for sums.
    pub fn approximate(self) -> f64 {
        self.times(Decimal::ONE).approximate()
    }

    /// How far it is from another, whichever is larger.
    #[must_use]
    pub fn distance(self, other: Self) -> Self {
        Self((self.0 - other.0).abs())
    }

    /// The largest multiple of so many shares, of which there must be one at least, that is not above it.
    #[must_use]
    pub fn rounded_down(self, shares: u32) -> Self {
        Self(self.0 - self.0.rem_euclid(Self::whole(shares).0))
    }

    /// The nearest multiple of so many shares, of which there must be one at least; the upper one from half way on.
    #[must_use]
    pub fn rounded(self, shares: u32) -> Self {
        // A share is an even number of units: its half is exact.
        let half = Self(Self::whole(shares).0 / 2);
        (self + half).rounded_down(shares)
    }

    /// Volume times cost, exactly: CNY. Of what the lists of two strategies hold, no more: a volume below 10^16 shares.
    pub fn times(self, cost: Decimal) -> Amount {
        Amount(self.0 * I256::from(cost.0))
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u128::try_from(self.0.unsigned_abs()) {
            Ok(units) => write_narrow(f, self.0.is_negative(), units),
            // Only a sum of very many of the largest numbers comes here.
            Err(_) => write_wide(f, self.0, MAX_DECIMALS),
        }
    }
}

/// An amount of money, or a sum of amounts: CNY, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount(I256);

impl Amount {
    /// Whether the amount keeps every sum that fits into memory exact.
    pub fn is_summable(self) -> bool {
        static LIMIT: LazyLock<U256> = LazyLock::new(|| U256::new(10).pow(MAX_AMOUNT_DIGITS + 2 * MAX_DECIMALS));
        self.0.unsigned_abs() < *LIMIT
    }

    /// Whether the amount is zero.
    pub fn is_zero(self) -> bool {
        self.0 == I256::ZERO
    }

    /// How it compares to `factor` times another amount, exactly: no quotient is taken.
    pub fn cmp_times(self, factor: Decimal, other: Self) -> Ordering {
        let one = product(self.0.unsigned_abs(), 10_u128.pow(MAX_DECIMALS));
        let two = product(other.0.unsigned_abs(), factor.0.unsigned_abs());
        let sign_of_one = sign(self.0.is_negative(), one);
        let sign_of_two = sign(other.0.is_negative() != factor.is_negative(), two);
        let magnitudes = if sign_of_one < 0 { two.cmp(&one) } else { one.cmp(&two) };
        sign_of_one.cmp(&sign_of_two).then(magnitudes)
    }

    /// This amount over another. None when the other is zero.
    pub fn ratio(self, whole: Self) -> Option<Ratio> {
        if whole.is_zero() {
            return None;
        }
        let (unit, two) = (U256::new(RATIO_UNIT), U256::new(2));
        let (part, all) = (self.0.unsigned_abs(), whole.0.unsigned_abs());
        // What fits into memory adds up to less than 10^72 units, so there is room for this.
        let decimals = ((part % all) * unit * two + all) / (all * two);
        let (whole_part, fraction) = (part / all + decimals / unit, decimals % unit);
        let negative = self.0.is_negative() != whole.0.is_negative() && (whole_part | fraction) != U256::ZERO;
        Some(Ratio { negative, whole: whole_part, fraction })
    }

    /// The amount as the nearest double: for charts and shares of a whole, never for sums.
    pub fn approximate(self) -> f64 {
        let magnitude = nearest_double(self.0.unsigned_abs(), U256::new(10).pow(2 * MAX_DECIMALS));
        if self.0.is_negative() { -magnitude } else { magnitude }
    }

    /// This amount over a volume: the double nearest to the exact quotient, ties to even. CNY per share.
    ///
    /// None when the volume is zero.
    pub fn per(self, volume: Volume) -> Option<f64> {
        if volume.is_zero() {
            return None;
        }
        let unit = U256::new(10_u128.pow(MAX_DECIMALS));
        let magnitude = nearest_double(self.0.unsigned_abs(), volume.0.unsigned_abs() * unit);
        let negative = self.0.is_negative() != volume.0.is_negative() && magnitude != 0.0;
        Some(if negative { -magnitude } else { magnitude })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_wide(f, self.0, 2 * MAX_DECIMALS)
    }
}

/// How many decimals of a ratio are written, and how many of the last of them make one.
const RATIO_DECIMALS: u32 = 4;
const RATIO_UNIT: u128 = 10_u128.pow(RATIO_DECIMALS);

/// One amount over another, rounded to 4 decimals, half away from zero: for people to read and never to decide by, which
/// [`Amount::cmp_times`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    negative: bool,
    whole: U256,
    fraction: U256,
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_fixed(f, self.negative, &self.whole, &self.fraction, RATIO_DECIMALS)
    }
}

/// Gives a sum its exact group structure: what is added can be taken away again without a trace.
macro_rules! exact_sum {
    ($name:ident) => {
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
                parts.fold(Self::default(), Self::add)
            }
        }
    };
}
exact_sum!(Volume);
exact_sum!(Scaled);
exact_sum!(Amount);

/// -1, 0 or 1.
fn sign(negative: bool, magnitude: (U256, u128)) -> i8 {
    match (negative, magnitude == (U256::ZERO, 0)) {
        (_, true) => 0,
        (true, false) => -1,
        (false, false) => 1,
    }
}

/// The product of which no digit is lost: the 256 bits above, and the 128 below.
fn product(one: U256, two: u128) -> (U256, u128) {
    let (high, low) = one.into_words();
    let two = U256::new(two);
    let below = U256::new(low) * two;
    // (2^128 - 1)^2 + 2^128 stays below 2^256.
    let above = U256::new(high) * two + (below >> u128::BITS);
    (above, below.as_u128())
}

/// The double nearest to `numerator / denominator`, ties to even.
///
/// The quotient is developed to at least 64 bits and a sticky bit stands for everything behind them, so the one
/// rounding happens where the processor turns 64 bits into 53.
fn nearest_double(numerator: U256, denominator: U256) -> f64 {
    const STEP: u32 = 16;
    if numerator == U256::ZERO {
        return 0.0;
    }
    let mut quotient = numerator / denominator;
    let mut rest = numerator % denominator;
    let mut places: i32 = 0;
    while quotient.leading_zeros() > U256::BITS - u64::BITS {
        // No denominator reaches 2^240, so this shift loses nothing.
        rest <<= STEP;
        quotient = (quotient << STEP) | (rest / denominator);
        rest %= denominator;
        places += STEP.cast_signed();
    }
    let surplus = U256::BITS - quotient.leading_zeros() - u64::BITS;
    let head = (quotient >> surplus).as_u64();
    let exact = rest == U256::ZERO && (quotient >> surplus) << surplus == quotient;
    #[expect(clippy::cast_precision_loss, reason = "the one rounding, to nearest and ties to even")]
    let rounded = (head | u64::from(!exact)) as f64;
    rounded * 2.0_f64.powi(surplus.cast_signed() - places)
}

fn write_wide(f: &mut fmt::Formatter<'_>, units: I256, decimals: u32) -> fmt::Result {
    let magnitude = units.unsigned_abs();
    let unit = U256::new(10).pow(decimals);
    write_fixed(f, units.is_negative(), &(magnitude / unit), &(magnitude % unit), decimals)
}

/// Plain notation: no exponent, no trailing zeros.
fn write_fixed(
    f: &mut fmt::Formatter<'_>,
    negative: bool,
    whole: &dyn fmt::Display,
    fraction: &(impl fmt::Display + PartialEq<u128>),
    decimals: u32,
) -> fmt::Result {
    let sign = if negative { "-" } else { "" };
    if *fraction == 0 {
        return write!(f, "{sign}{whole}");
    }
    let width = decimals as usize;
    let padded = format!("{fraction:0>width$}");
    write!(f, "{sign}{whole}.{}", padded.trim_end_matches('0'))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the exact double is what is promised")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn spellings_of_one_number_are_equal() {
        for text in ["12.5", "12.50", "125e-1", "1.25E+1", "0.0125e3", "00012.5"] {
            assert_eq!(number(text), number("12.5"), "{text}");
            assert_eq!(number(text).to_string(), "12.5");
        }
        for text in ["0", "-0.0", "0e999999999999999999999", "0.000"] {
            assert_eq!(number(text), Decimal::ZERO, "{text}");
        }
        assert_eq!(number("1e2").to_string(), "100");
        assert_eq!(number("-1.5e-7").to_string(), "-0.00000015");
        assert_eq!(number("1000000000000000000000000e-20").to_string(), "10000");
    }

    #[test]
    fn what_cannot_be_exact_is_refused() {
        assert_eq!(Decimal::parse("1e12"), Err(DecimalError::TooLarge));
        assert_eq!(Decimal::parse("1e99999999999999999999"), Err(DecimalError::TooLarge));
        assert_eq!(Decimal::parse("1e-25"), Err(DecimalError::TooFine));
        assert_eq!(Decimal::parse("1e-99999999999999999999"), Err(DecimalError::TooFine));
        assert_eq!(Decimal::parse("123456789012.1234567890123456789012345"), Err(DecimalError::TooFine));
        assert_eq!(
            number("999999999999.999999999999999999999999").to_string(),
            "999999999999.999999999999999999999999"
        );
        for text in ["", "-", ".5", "5.", "1e", "1e+", "+1", "NaN", "0x10", "1 ", "１", "1_0", "--1", "1e1.5"] {
            assert_eq!(Decimal::parse(text), Err(DecimalError::NotANumber), "{text:?}");
        }
        assert!(!number("999999999999").times(number("999999999999")).is_summable());
        assert!(number("999999999").times(number("999999999")).is_summable());
    }

    #[test]
    fn an_average_is_the_nearest_double() {
        let average = |parts: &[(&str, &str)]| {
            let (mut volume, mut amount) = (Volume::default(), Amount::default());
            for (shares, cost) in parts {
                volume += number(shares).into();
                amount += number(shares).times(number(cost));
            }
            amount.per(volume)
        };
        assert_eq!(average(&[("1000", "12.5"), ("500", "13.1")]), Some(12.7));
        assert_eq!(average(&[("800", "8.9"), ("-300", "8.7")]), Some(9.02));
        assert_eq!(average(&[("-100", "8.9")]), Some(8.9));
        assert_eq!(average(&[("1000", "-1.5")]), Some(-1.5));
        assert_eq!(average(&[("3", "0.1"), ("3", "0.2")]), Some(0.15));
        assert_eq!(average(&[("7", "0")]), Some(0.0));
        assert_eq!(average(&[("5", "1"), ("-5", "1")]), None);
        // The double nearest to 1/3, whatever the size of the operands.
        assert_eq!(average(&[("1", "1"), ("2", "0")]), Some(1.0 / 3.0));
        let third = "3.33333333333333333333333333333333333e-25".parse().unwrap();
        assert_eq!(average(&[("1e-24", "1e-24"), ("2e-24", "0")]), Some(third));
        assert_eq!(average(&[("1e11", "1e6"), ("2e11", "0")]), Some(1e6 / 3.0));
        // Exactly half way between two doubles: to the even one; a hair above: up.
        assert_eq!(average(&[("1", "900719925474.0993"), ("0", "1")]), Some(900_719_925_474.099_3));
        assert_eq!(nearest_double(U256::new((1 << 53) + 1), U256::ONE), 9_007_199_254_740_992.0);
        let unit = 10_u128.pow(18);
        let hair_above = U256::new(((1 << 53) + 1) * unit + 1);
        assert_eq!(nearest_double(hair_above, U256::new(unit)), 9_007_199_254_740_994.0);
    }

    #[test]
    fn a_number_is_read_from_its_text_and_written_as_one() {
        #[derive(Debug, Serialize, Deserialize)]
        struct Holder(#[serde(serialize_with = "as_json_number")] Decimal);
        let read = |text: &str| serde_json::from_str::<Holder>(text).map_err(|error| error.to_string());
        for (text, written) in [
            ("0.100000000000000000000001", "0.100000000000000000000001"),
            ("\"0.100000000000000000000001\"", "0.100000000000000000000001"),
            ("1.5e1", "15"),
            ("\"\\u0031\"", "1"),
            ("-3", "-3"),
        ] {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), written, "{text}");
        }
        for (text, reason) in [
            ("\"a\"", "\"a\" is not a number"),
            ("true", "true is not a number"),
            ("null", "null is not a number"),
            ("1e12", "1e12 is beyond what can be summed exactly: its magnitude must stay below 10^12"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.starts_with(reason), "{refused}");
        }
    }

    #[test]
    fn volumes_are_rounded_to_whole_lots() {
        for (volume, lot, down, nearest) in [
            ("149.999999999999999999999999", 100, "100", "100"),
            ("150", 100, "100", "200"),
            ("0.5", 1, "0", "1"),
            ("0.499999999999999999999999", 1, "0", "0"),
            ("-1", 100, "-100", "0"),
            ("-50", 100, "-100", "0"),
            ("-51", 100, "-100", "-100"),
            ("300", 100, "300", "300"),
        ] {
            let exact = Volume::from(number(volume));
            assert_eq!(exact.rounded_down(lot).to_string(), down, "{volume}");
            assert_eq!(exact.rounded(lot).to_string(), nearest, "{volume}");
        }
    }

    #[test]
    fn a_ratio_is_written_with_four_decimals() {
        let ratio = |one: &str, two: &str| {
            let amount = |text| number(text).times(Decimal::ONE);
            amount(one).ratio(amount(two)).map(|ratio| ratio.to_string())
        };
        for (one, two, text) in [
            ("1", "3", "0.3333"),
            ("2", "3", "0.6667"),
            ("1", "20000", "0.0001"),
            ("1", "20001", "0"),
            ("-1", "20000", "-0.0001"),
            ("-1", "20001", "0"),
            ("0.99995", "1", "1"),
            ("3", "-1", "-3"),
            ("999999999999", "1e-24", "999999999999000000000000000000000000"),
            ("0", "1", "0"),
        ] {
            assert_eq!(ratio(one, two).as_deref(), Some(text), "{one} over {two}");
        }
        assert_eq!(ratio("1", "0"), None);
    }

    #[test]
    fn amounts_compare_to_multiples_of_others_to_the_last_unit() {
        let largest = number("999999999.999999999999999999999999").times(number("999999999.999999999999999999999999"));
        assert_eq!(largest.cmp_times(Decimal::ONE, largest), Ordering::Equal);
        assert_eq!((largest + Amount(I256::ONE)).cmp_times(Decimal::ONE, largest), Ordering::Greater);
        assert_eq!((largest - Amount(I256::ONE)).cmp_times(Decimal::ONE, largest), Ordering::Less);
        let (hair, negative) = (Decimal(1), Amount::default() - largest);
        assert_eq!(largest.cmp_times(number("1.000000000000000000000001"), largest), Ordering::Less);
        assert_eq!(Amount(I256::ONE).cmp_times(hair, Amount(I256::ONE)), Ordering::Greater);
        assert_eq!(negative.cmp_times(Decimal::ONE, largest), Ordering::Less);
        assert_eq!(negative.cmp_times(Decimal::ZERO, largest), Ordering::Less);
        assert_eq!(Amount::default().cmp_times(number("-1"), Amount::default()), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn amounts_compare_as_their_quotients_do(one in -1000..1000_i64, factor in -100..100_i64, two in -1000..1000_i64) {
            let amount = |tenths: i64| number(&format!("{tenths}e-1")).times(Decimal::ONE);
            let factor_tenths = number(&format!("{factor}e-1"));
            prop_assert_eq!(amount(one).cmp_times(factor_tenths, amount(two)), (one * 10).cmp(&(factor * two)));
        }

        #[test]
        fn volume_times_cost_is_the_positions_amount(volume in -1e11..1e11_f64, cost in -1e6..1e6_f64) {
            let (volume, cost) = (number(&format!("{volume:.6}")), number(&format!("{cost:.6}")));
            prop_assert_eq!(Volume::from(volume).times(cost), volume.times(cost));
            prop_assert_eq!(Volume::from(volume).distance(Volume::default()), Volume::default().distance(volume.into()));
        }

        #[test]
        fn numbers_are_written_with_the_decimals_they_have(units in -(10_i128.pow(36))..10_i128.pow(36), zeros in 0..30_u32) {
            let units = units / 10_i128.pow(zeros) * 10_i128.pow(zeros);
            let magnitude = units.unsigned_abs();
            let unit = 10_u128.pow(MAX_DECIMALS);
            let plain = format!("{}.{:024}", magnitude / unit, magnitude % unit);
            let sign = if units < 0 { "-" } else { "" };
            let expected = format!("{sign}{}", plain.trim_end_matches('0').trim_end_matches('.'));
            prop_assert_eq!(Decimal(units).to_string(), expected.clone());
            prop_assert_eq!(Volume::from(Decimal(units)).to_string(), expected);
        }

        #[test]
        fn a_double_that_python_prints_comes_back(
            mantissa in 0..1_u64 << 52,
            // From 2^-24, below which there are more than 24 decimals, to 2^39.
            exponent in 1023 - 24..1023_u64 + 39,
            negative: bool,
        ) {
            let double = f64::from_bits(u64::from(negative) << 63 | exponent << 52 | mantissa);
            let parsed = Decimal::parse(&format!("{double:?}")).unwrap();
            prop_assert_eq!(parsed.to_string().parse::<f64>().unwrap(), double);
        }

        #[test]
        fn printed_and_parsed_again_is_the_same(units in -999_999_999_999_999_999_999_999_999_999_999_999_i128..=999_999_999_999_999_999_999_999_999_999_999_999) {
            let number = Decimal(units);
            prop_assert_eq!(Decimal::parse(&number.to_string()).unwrap(), number);
        }

        #[test]
        fn the_average_of_one_position_is_its_cost(volume in 1_u32.., cost in 1e-6..1e6_f64) {
            let (volume, cost_exact) = (number(&volume.to_string()), number(&cost.to_string()));
            prop_assert_eq!(volume.times(cost_exact).per(volume.into()), Some(cost));
        }
    }
}
