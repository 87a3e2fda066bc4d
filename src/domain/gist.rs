//! Gists: whether two lists want the same, without comparing them.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::position::Position;

/// A prime by which a division costs a few shifts.
const PRIME: u64 = (1 << PRIME_BITS) - 1;
const PRIME_BITS: u32 = 61;

/// Of no meaning, but always the same.
const SEED: u64 = 0x6a71_3271_6d74;

/// What a list wants, in a number: of each instrument the volume, whatever its notation, order and costs, and in however
/// many positions. An instrument of which nothing is wanted is as one that is not there.
///
/// Each instrument's hash is multiplied by its volume, and the products are added up modulo a prime: so positions count
/// in any order and add up, and two lists that differ are taken for one once in 2^61 times. Whoever sets out to find two
/// such lists will; nothing more than a warning or a question to the operator hangs on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Gist(u64);

impl Gist {
    /// That of a list which wants nothing.
    pub const NOTHING: Self = Self(0);

    /// The gist of these positions.
    pub fn of<'a>(positions: impl Iterator<Item = &'a Position>) -> Self {
        let hasher = FixedState::with_seed(SEED);
        positions.fold(Self::NOTHING, |Self(sum), position| {
            let hash = residue(u128::from(hasher.hash_one(position.code().instrument())));
            let units = position.volume().units();
            let magnitude = residue(units.unsigned_abs());
            let volume = if units < 0 { PRIME - magnitude } else { magnitude };
            let product = residue(u128::from(hash) * u128::from(volume));
            Self((sum + product) % PRIME)
        })
    }
}

/// What is left of a number when it is divided by the prime: its pieces of 61 bits add up to the same.
fn residue(number: u128) -> u64 {
    let prime = u128::from(PRIME);
    let folded = (number & prime) + (number >> PRIME_BITS & prime) + (number >> (2 * PRIME_BITS));
    u64::try_from(folded % prime).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::decimal::{Decimal, Volume};
    use super::super::strategy::Kind;
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn gist(list: &[(&str, &str)]) -> Gist {
        let position = |(code, volume): &(&str, &str)| {
            Position::new(Kind::Adjustment, code, None, number(volume), number("1"), None).unwrap()
        };
        Gist::of(list.iter().map(position).collect::<Vec<_>>().iter())
    }

    #[test]
    fn what_is_wanted_counts_and_nothing_else() {
        let list = gist(&[("600000.SH", "300"), ("000001.SZ", "0.5")]);
        for same in [
            &[("000001.SZ", "0.5"), ("600000.SH", "300")][..],
            &[("600000.XSHG", "3e2"), ("000001.XSHE", "0.50")],
            &[("600000.SH", "100"), ("000001.SZ", "0.5"), ("600000.XSHG", "200")],
            &[("600000.SH", "300"), ("000001.SZ", "0.5"), ("300750.SZ", "0")],
            &[("600000.SH", "500"), ("000001.SZ", "0.5"), ("600000.SH", "-200")],
        ] {
            assert_eq!(gist(same), list, "{same:?}");
        }
        for other in [
            &[("600000.SH", "300")][..],
            &[("600000.SH", "0.5"), ("000001.SZ", "300")],
            &[("600000.SH", "300"), ("000001.SH", "0.5")],
            &[("600000.SH", "300"), ("000001", "0.5")],
            &[("600000.SH", "300"), ("000001.SZ", "0.500000000000000000000001")],
            &[],
        ] {
            assert_ne!(gist(other), list, "{other:?}");
        }
        assert_eq!(gist(&[]), Gist::NOTHING);
        assert_eq!(gist(&[("600000.SH", "0")]), Gist::NOTHING);
        assert_ne!(gist(&[("600000.SH", "1e-24")]), Gist::NOTHING);
    }

    proptest! {
        #[test]
        fn the_residue_is_that_of_a_division(number: u128) {
            prop_assert_eq!(u128::from(residue(number)), number % u128::from(PRIME));
        }

        #[test]
        fn lists_are_the_same_if_their_sums_are(
            one in prop::collection::vec(("[A-C]", -2..3_i32), 0..5),
            two in prop::collection::vec(("[A-C]", -2..3_i32), 0..5),
        ) {
            let texts = |list: &[(String, i32)]| -> Vec<(String, String)> {
                list.iter().map(|(code, volume)| (code.clone(), volume.to_string())).collect()
            };
            let print = |list: &[(String, i32)]| {
                let texts = texts(list);
                gist(&texts.iter().map(|(code, volume)| (code.as_str(), volume.as_str())).collect::<Vec<_>>())
            };
            let sums = |list: &[(String, i32)]| {
                let mut sums: BTreeMap<String, Volume> = BTreeMap::new();
                for (code, volume) in texts(list) {
                    *sums.entry(code).or_default() += number(&volume).into();
                }
                sums.retain(|_, volume| !volume.is_zero());
                sums
            };
            prop_assert_eq!(print(&one) == print(&two), sums(&one) == sums(&two));
        }
    }
}
