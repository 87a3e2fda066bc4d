//! Whole shares divided by weight.

use ethnum::U256;

/// Divides so many shares by weight, to the share: each gets the whole part of its due, and what is left goes one by one to
/// the largest remainders, the earlier one first where they are equal. Nobody gets any where all weights are zero.
pub(super) fn apportion(shares: i64, weights: &[u128]) -> Vec<i64> {
    let all: U256 = weights.iter().map(|weight| U256::from(*weight)).sum();
    if all == U256::ZERO || shares <= 0 {
        return vec![0; weights.len()];
    }
    let shares = U256::from(shares.unsigned_abs());
    let dues: Vec<(U256, U256)> = weights
        .iter()
        .map(|weight| {
            let due = U256::from(*weight) * shares;
            (due / all, due % all)
        })
        .collect();
    let given: U256 = dues.iter().map(|(whole, _)| *whole).sum();
    let left = usize::try_from(shares - given).unwrap_or(0);
    let mut by_remainder: Vec<usize> = (0..dues.len()).collect();
    by_remainder.sort_by(|one, two| dues[*two].1.cmp(&dues[*one].1));
    let mut parts: Vec<i64> = dues.iter().map(|(whole, _)| i64::try_from(*whole).unwrap_or(i64::MAX)).collect();
    for place in by_remainder.into_iter().take(left) {
        parts[place] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_add_up_and_none_is_a_share_from_its_due(
            shares in 0..1_000_000_000_000_i64,
            weights in prop::collection::vec(0..1_000_000_000_000_000_000_000_u128, 1..8),
        ) {
            let parts = apportion(shares, &weights);
            let all: u128 = weights.iter().sum();
            prop_assume!(all > 0);
            prop_assert_eq!(parts.iter().sum::<i64>(), shares);
            for (part, weight) in parts.iter().zip(&weights) {
                let due = U256::from(*weight) * U256::from(shares.unsigned_abs());
                let all = U256::from(all);
                prop_assert!(*part >= 0 && (*weight > 0 || *part == 0));
                let part = U256::from(part.unsigned_abs());
                prop_assert!(part * all < due + all && due < (part + 1) * all);
            }
        }
    }

    #[test]
    fn what_is_left_goes_to_the_largest_remainder_and_the_earlier_one() {
        assert_eq!(apportion(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(apportion(100, &[1, 2]), [33, 67]);
        assert_eq!(apportion(5, &[0, 0]), [0, 0]);
        assert_eq!(apportion(0, &[1]), [0]);
    }
}
