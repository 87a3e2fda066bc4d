//! Locks an address out after wrong passwords: five in a minute for a minute, doubling up to an hour.
//!
//! Moments are what a [clock](crate::clock::Clock::running) has run: who sets the machine's time neither prolongs a lock
//! nor ends it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

const FAILURES: usize = 5;
const WINDOW: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(1);

/// How many addresses are remembered before the idle ones are swept.
const SWEEP_AT: usize = 10_000;

/// What is remembered of an address.
#[derive(Debug, Default, Clone)]
struct Record {
    failures: Vec<Duration>,
    locks: u32,
    locked_until: Option<Duration>,
}

/// A guess that was counted as wrong before it was looked at: whoever hangs up meanwhile gains nothing by it.
#[must_use = "a right guess is to be taken back"]
pub(super) struct Charge {
    network: IpAddr,
    before: Record,
}

/// The addresses that failed.
#[derive(Debug, Default)]
pub(super) struct Throttle(HashMap<IpAddr, Record>);

impl Throttle {
    /// How long an address still has to wait.
    pub(super) fn locked_for(&self, address: IpAddr, now: Duration) -> Option<Duration> {
        let until = self.0.get(&network(address))?.locked_until?;
        until.checked_sub(now).filter(|rest| !rest.is_zero())
    }

    /// Counts a guess as a wrong one.
    pub(super) fn charge(&mut self, address: IpAddr, now: Duration) -> Charge {
        if self.0.len() >= SWEEP_AT {
            self.0.retain(|_, record| !record.is_idle(now));
        }
        let network = network(address);
        let record = self.0.entry(network).or_default();
        if record.is_idle(now) {
            *record = Record::default();
        }
        let before = record.clone();
        record.failures.retain(|failure| now.saturating_sub(*failure) < WINDOW);
        record.failures.push(now);
        if record.failures.len() >= FAILURES {
            let lock = WINDOW.saturating_mul(2_u32.saturating_pow(record.locks)).min(LONGEST);
            record.locked_until = Some(now + lock);
            record.locks += 1;
            record.failures.clear();
        }
        Charge { network, before }
    }

    /// Takes back the guess that was counted last, for it was right. What was wrong before stays counted: behind one
    /// address there may be others than the operator.
    pub(super) fn give_back(&mut self, charge: Charge) {
        self.0.insert(charge.network, charge.before);
    }
}

impl Record {
    /// Whether nothing happened for so long that the address starts afresh.
    fn is_idle(&self, now: Duration) -> bool {
        let last = self.failures.last().copied().max(self.locked_until);
        last.is_none_or(|last| now.saturating_sub(last) >= LONGEST)
    }
}

/// Whoever has one IPv6 address usually has 2^64 of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_hours(100);

    fn fail(throttle: &mut Throttle, address: &str, times: usize, now: Duration) {
        for _ in 0..times {
            let _ = throttle.charge(address.parse().unwrap(), now);
        }
    }

    fn locked(throttle: &Throttle, address: &str, now: Duration) -> Option<Duration> {
        throttle.locked_for(address.parse().unwrap(), now)
    }

    #[test]
    fn five_failures_in_a_minute_lock_for_a_minute() {
        let mut throttle = Throttle::default();
        fail(&mut throttle, "192.0.2.1", 4, NOW);
        assert_eq!(locked(&throttle, "192.0.2.1", NOW), None);
        fail(&mut throttle, "192.0.2.1", 1, NOW + Duration::from_secs(59));
        let then = NOW + Duration::from_secs(59);
        assert_eq!(locked(&throttle, "192.0.2.1", then), Some(Duration::from_mins(1)));
        assert_eq!(locked(&throttle, "192.0.2.2", then), None);
        assert_eq!(locked(&throttle, "192.0.2.1", then + Duration::from_mins(1)), None);
    }

    #[test]
    fn slow_failures_never_lock() {
        let mut throttle = Throttle::default();
        let mut now = NOW;
        for _ in 0..50 {
            fail(&mut throttle, "192.0.2.1", 1, now);
            now += Duration::from_secs(16);
        }
        assert_eq!(locked(&throttle, "192.0.2.1", now), None);
    }

    #[test]
    fn each_lock_doubles_up_to_an_hour() {
        let mut throttle = Throttle::default();
        let mut now = NOW;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            fail(&mut throttle, "192.0.2.1", 5, now);
            let wait = locked(&throttle, "192.0.2.1", now).unwrap();
            assert_eq!(wait, Duration::from_mins(minutes));
            now += wait;
        }
        now += LONGEST;
        fail(&mut throttle, "192.0.2.1", 5, now);
        assert_eq!(locked(&throttle, "192.0.2.1", now), Some(Duration::from_mins(1)), "an hour of peace forgets");
    }

    #[test]
    fn what_is_given_back_is_as_if_it_had_not_been_guessed() {
        let mut throttle = Throttle::default();
        fail(&mut throttle, "192.0.2.1", 4, NOW);
        for _ in 0..10 {
            let right = throttle.charge("192.0.2.1".parse().unwrap(), NOW);
            assert!(locked(&throttle, "192.0.2.1", NOW).is_some(), "until it is known to be right");
            throttle.give_back(right);
            assert_eq!(locked(&throttle, "192.0.2.1", NOW), None);
        }
        fail(&mut throttle, "192.0.2.1", 1, NOW);
        assert_eq!(locked(&throttle, "192.0.2.1", NOW), Some(Duration::from_mins(1)));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let mut throttle = Throttle::default();
        for host in 1..=5 {
            fail(&mut throttle, &format!("2001:db8::{host}"), 1, NOW);
        }
        assert!(locked(&throttle, "2001:db8::99", NOW).is_some());
        assert!(locked(&throttle, "2001:db8:0:1::1", NOW).is_none());
        fail(&mut throttle, "::ffff:192.0.2.1", 5, NOW);
        assert!(locked(&throttle, "192.0.2.1", NOW).is_some());
    }
}
