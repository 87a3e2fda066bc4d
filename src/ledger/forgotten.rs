//! The times of signing of which it is no longer known whether a token was used: such a token is refused unseen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::moment::Moment;

/// Spans that lie closer together become one: what is swept once a minute, and not more, because what lies between is kept
/// out as well.
const APART: Duration = Duration::from_mins(2);

/// How many spans are kept apart.
const MOST: usize = 200;

/// A span of times of signing, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Span(i64, i64);

/// What was forgotten, as spans around the tokens themselves. One mark, "everything before", would not do: a clock that ran
/// ahead for a while would put it in the future, and keep tokens out long after it is right again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Forgotten(Vec<Span>);

impl Forgotten {
    /// Whether it is no longer known if a token signed then was used.
    pub fn covers(&self, signed_at: Moment) -> bool {
        let at = signed_at.as_micros();
        self.0.iter().any(|Span(from, until)| (*from..=*until).contains(&at))
    }

    /// Forgets the tokens that were signed from one moment until another.
    pub fn add(&mut self, from: Moment, until: Moment) {
        let apart = i64::try_from(APART.as_micros()).unwrap_or(i64::MAX);
        let place = self.0.partition_point(|span| span.0 < from.as_micros());
        self.0.insert(place, Span(from.as_micros(), until.as_micros()));
        self.0.dedup_by(|later, earlier| {
            let near = later.0 <= earlier.1.saturating_add(apart);
            if near {
                earlier.1 = earlier.1.max(later.1);
            }
            near
        });
        while self.0.len() > MOST {
            let oldest = self.0.remove(0);
            self.0[0].0 = oldest.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn hours(hours: i64) -> Moment {
        Moment::from_micros(hours * 3_600_000_000)
    }

    #[test]
    fn what_lies_between_far_spans_is_still_known() {
        let mut forgotten = Forgotten::default();
        forgotten.add(hours(0), hours(10));
        forgotten.add(hours(18), hours(19));
        let covered = [0, 10, 12, 17, 18, 19, 20].map(|hour| forgotten.covers(hours(hour)));
        assert_eq!(covered, [true, true, false, false, true, true, false]);
        forgotten.add(hours(10), hours(18));
        assert!(forgotten.covers(hours(14)) && forgotten.0.len() == 1);
    }

    proptest! {
        #[test]
        fn what_was_forgotten_stays_so_and_little_else(
            spans in prop::collection::vec((0..20_000_i64, 0..3_i64), 1..300),
            other in 0..20_000_i64,
        ) {
            let mut forgotten = Forgotten::default();
            for (from, length) in &spans {
                forgotten.add(hours(*from), hours(from + length));
            }
            for (from, length) in &spans {
                prop_assert!(forgotten.covers(hours(*from)) && forgotten.covers(hours(from + length)));
            }
            prop_assert!(forgotten.0.len() <= MOST && forgotten.0.windows(2).all(|pair| pair[0].1 < pair[1].0));
            let near = |(from, length): &(i64, i64)| (from - 1..=from + length + 1).contains(&other);
            if spans.len() <= MOST && !spans.iter().any(near) {
                prop_assert!(!forgotten.covers(hours(other)));
            }
        }
    }
}
