//! From which addresses signatures come that are refused: one mistyped key is nothing, one after the other is worth a word.
//!
//! Moments are what a [clock](crate::clock::Clock::running) has run.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::network;

/// Within how long refusals are counted: so long, and up to twice that.
const SPAN: Duration = Duration::from_mins(5);

/// How many of them from one address are many.
const MANY: u64 = 10;

/// How many addresses are remembered: what is beyond is counted again once some are forgotten.
const ADDRESSES: usize = 1_000;

/// What was refused of an address in the present span and in the one before.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    span: u64,
    now: u64,
    before: u64,
}

impl Count {
    /// As it stands in a span.
    fn in_span(self, span: u64) -> Self {
        match span.saturating_sub(self.span) {
            0 => self,
            1 => Self { span, now: 0, before: self.now },
            _ => Self { span, ..Self::default() },
        }
    }

    const fn sum(self) -> u64 {
        self.now.saturating_add(self.before)
    }
}

/// The counts by address. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct Refused(Arc<Mutex<HashMap<IpAddr, Count>>>);

/// Which span a moment lies in.
const fn span(running: Duration) -> u64 {
    running.as_secs() / SPAN.as_secs()
}

impl Refused {
    /// Notes that a signature from an address was refused.
    pub(super) fn note(&self, address: IpAddr, running: Duration) {
        let (mut counts, span, network) = (self.locked(), span(running), network(address));
        if counts.len() >= ADDRESSES && !counts.contains_key(&network) {
            counts.retain(|_, count| count.in_span(span).sum() > 0);
            if counts.len() >= ADDRESSES {
                return;
            }
        }
        let count = counts.entry(network).or_default();
        *count = count.in_span(span);
        count.now = count.now.saturating_add(1);
    }

    /// From which addresses many were refused in the last minutes, and how many.
    pub fn many(&self, running: Duration) -> Vec<(IpAddr, u64)> {
        let counts = self.locked();
        let sums = counts.iter().map(|(address, count)| (*address, count.in_span(span(running)).sum()));
        sums.filter(|(_, sum)| *sum >= MANY).collect()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<IpAddr, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(refused: &Refused, address: [u8; 4], times: usize, minutes: u64) {
        (0..times).for_each(|_| refused.note(address.into(), Duration::from_mins(minutes)));
    }

    #[test]
    fn many_from_one_address_are_told_until_they_are_past() {
        let refused = Refused::default();
        let many =
            |minutes: u64| refused.many(Duration::from_mins(minutes)).into_iter().map(|(_, sum)| sum).sum::<u64>();
        note(&refused, [192, 0, 2, 1], 9, 0);
        note(&refused, [192, 0, 2, 2], 9, 4);
        assert_eq!(many(4), 0);
        note(&refused, [192, 0, 2, 1], 1, 6);
        assert_eq!((many(6), many(9), many(10)), (10, 10, 0));
    }

    #[test]
    fn not_every_address_of_very_many_is_remembered() {
        let refused = Refused::default();
        for n in 0..=255 {
            (0..=9).for_each(|m| note(&refused, [192, 0, n, m], 10, 0));
        }
        assert_eq!(refused.locked().len(), ADDRESSES);
        note(&refused, [198, 51, 100, 1], 10, 60);
        assert_eq!(refused.locked().len(), 1, "what is past is forgotten");
    }
}
