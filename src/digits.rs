//! Exact numbers as people read them.

/// An exact number with thousands separators, at the precision it has.
pub(crate) fn grouped(number: &str) -> String {
    let (sign, unsigned) = number.strip_prefix('-').map_or(("", number), |rest| ("\u{2212}", rest));
    let (whole, fraction) = unsigned.split_once('.').map_or((unsigned, None), |(whole, part)| (whole, Some(part)));
    let mut text = String::with_capacity(number.len() * 4 / 3 + 3);
    text.push_str(sign);
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// An exact number rounded to so many decimals, half away from zero.
pub(crate) fn rounded(number: &str, decimals: usize) -> String {
    let (negative, unsigned) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let kept = fraction.get(..decimals).unwrap_or(fraction);
    let mut digits: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
    digits.resize(whole.len() + decimals, b'0');
    if fraction.as_bytes().get(decimals).is_some_and(|digit| *digit >= b'5') {
        let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
        let at = digits.len() - nines;
        digits[at..].fill(b'0');
        match at.checked_sub(1) {
            Some(last) => digits[last] += 1,
            None => digits.insert(0, b'1'),
        }
    }
    let text: String = digits.iter().map(|digit| char::from(*digit)).collect();
    let (whole, fraction) = text.split_at(text.len() - decimals);
    let negative = negative && text.bytes().any(|digit| digit != b'0');
    let sign = if negative { "-" } else { "" };
    if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// An exact number in groups, with its sign where it is above zero as well.
pub(crate) fn signed(number: &str) -> String {
    let text = grouped(number);
    let is_above = !number.starts_with('-') && number.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
    if is_above { format!("+{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn thousands_are_grouped_and_nothing_is_lost() {
        for (number, text) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("-1234567.8901", "\u{2212}1,234,567.8901"),
            ("188.8137219", "188.8137219"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn what_is_above_zero_has_a_sign_as_well() {
        let signs = ["12000.5", "0", "0.00", "-1"].map(signed);
        assert_eq!(signs, ["+12,000.5", "0", "0.00", "\u{2212}1"]);
    }

    #[test]
    fn money_is_rounded_half_away_from_zero() {
        for (number, text) in [
            ("0", "0.00"),
            ("12.345", "12.35"),
            ("12.344999", "12.34"),
            ("-12.345", "-12.35"),
            ("-0.004", "0.00"),
            ("999.995", "1000.00"),
            ("7.5", "7.50"),
        ] {
            assert_eq!(rounded(number, 2), text);
        }
        assert_eq!(rounded("0.5", 0), "1");
        assert_eq!(rounded("9.5", 0), "10");
    }

    proptest! {
        #[test]
        fn rounding_is_as_near_as_it_can_be(units in -1_000_000_000_i64..1_000_000_000) {
            let sign = if units < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:04}", units.abs() / 10_000, units.abs() % 10_000);
            let cents: i64 = rounded(&text, 2).replace('.', "").parse().unwrap();
            prop_assert!((cents * 100 - units).abs() <= 50);
        }
    }
}
