//! Locks an address out after wrong passwords: five in a minute for a minute, doubling up to an hour. Strangers have twenty a
//! minute all together, so that many addresses are no way around it. Who knew the password lately is no stranger, nor is
//! this machine: so nobody can keep the operator out by guessing.
//!
//! Moments are what a [clock](crate::clock::Clock::running) has run: who sets the machine's time neither prolongs a lock
//! nor ends it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

const FAILURES: usize = 5;
const WINDOW: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(1);

/// How many wrong guesses strangers have together within [`WINDOW`].
const STRANGERS_FAILURES: usize = 20;

/// For how long an address from where the right password came is no stranger's, and how many of those are remembered.
const KNOWN_FOR: Duration = Duration::from_hours(7 * 24);
const MOST_KNOWN: usize = 100;

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
    is_strangers: bool,
}

/// Why a guess is not looked at, and how long that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Its address was wrong too often.
    Locked(Duration),
    /// Strangers were.
    Crowded(Duration),
}

/// The addresses that failed.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    records: HashMap<IpAddr, Record>,
    /// When strangers guessed wrong within the window, oldest first.
    strangers: VecDeque<Duration>,
    /// From where the right password came, and when last.
    known: HashMap<IpAddr, Duration>,
}

impl Throttle {
    /// Whether an address still has to wait; `is_member` is somebody whose session shows that it is no stranger's.
    pub(super) fn wait(&self, address: IpAddr, is_member: bool, now: Duration) -> Option<Wait> {
        let rest = |until: Duration| until.checked_sub(now).filter(|rest| !rest.is_zero());
        let locked_until = self.records.get(&network(address)).and_then(|record| record.locked_until);
        if let Some(rest) = locked_until.and_then(rest) {
            return Some(Wait::Locked(rest));
        }
        let spent = self.strangers.iter().rev().nth(STRANGERS_FAILURES - 1);
        let crowded =
            spent.filter(|_| self.is_stranger(address, is_member, now)).and_then(|first| rest(*first + WINDOW));
        crowded.map(Wait::Crowded)
    }

    fn is_stranger(&self, address: IpAddr, is_member: bool, now: Duration) -> bool {
        let is_known = |at: &Duration| now.saturating_sub(*at) < KNOWN_FOR;
        !is_member && !address.to_canonical().is_loopback() && !self.known.get(&network(address)).is_some_and(is_known)
    }

    /// Counts a guess as a wrong one.
    pub(super) fn charge(&mut self, address: IpAddr, is_member: bool, now: Duration) -> Charge {
        if self.records.len() >= SWEEP_AT {
            self.records.retain(|_, record| !record.is_idle(now));
        }
        let is_strangers = self.is_stranger(address, is_member, now);
        if is_strangers {
            self.strangers.retain(|failure| now.saturating_sub(*failure) < WINDOW);
            self.strangers.push_back(now);
        }
        let network = network(address);
        let record = self.records.entry(network).or_default();
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
        Charge { network, before, is_strangers }
    }

    /// Takes back the guess that was counted last, for it was right. What was wrong before stays counted: behind one
    /// address there may be others than the operator.
    pub(super) fn give_back(&mut self, charge: Charge) {
        self.records.insert(charge.network, charge.before);
        if charge.is_strangers {
            self.strangers.pop_back();
        }
    }

    /// Remembers from where the right password came.
    pub(super) fn welcome(&mut self, address: IpAddr, now: Duration) {
        self.known.insert(network(address), now);
        if self.known.len() > MOST_KNOWN {
            let oldest = self.known.iter().min_by_key(|(_, at)| **at).map(|(network, _)| *network);
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
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
            let _ = throttle.charge(address.parse().unwrap(), false, now);
        }
    }

    fn locked(throttle: &Throttle, address: &str, now: Duration) -> Option<Duration> {
        match throttle.wait(address.parse().unwrap(), false, now) {
            Some(Wait::Locked(rest)) => Some(rest),
            _ => None,
        }
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
            let right = throttle.charge("192.0.2.1".parse().unwrap(), false, NOW);
            assert!(locked(&throttle, "192.0.2.1", NOW).is_some(), "until it is known to be right");
            throttle.give_back(right);
            assert_eq!(locked(&throttle, "192.0.2.1", NOW), None);
        }
        fail(&mut throttle, "192.0.2.1", 1, NOW);
        assert_eq!(locked(&throttle, "192.0.2.1", NOW), Some(Duration::from_mins(1)));
    }

    #[test]
    fn strangers_share_twenty_guesses_a_minute_and_who_is_none_does_not_wait_for_them() {
        let mut throttle = Throttle::default();
        let wait = |throttle: &Throttle, address: &str, is_member, now| {
            throttle.wait(address.parse().unwrap(), is_member, now)
        };
        throttle.welcome("2001:db8::1".parse().unwrap(), NOW);
        for host in 1..=20 {
            let address = format!("198.51.100.{host}");
            assert_eq!(wait(&throttle, &address, false, NOW), None, "{host}");
            fail(&mut throttle, &address, 1, NOW + Duration::from_secs(host));
        }
        let now = NOW + Duration::from_secs(20);
        assert_eq!(wait(&throttle, "203.0.113.1", false, now), Some(Wait::Crowded(Duration::from_secs(41))));
        for (address, is_member) in
            [("203.0.113.1", true), ("2001:db8::2", false), ("127.0.0.1", false), ("::1", false)]
        {
            assert_eq!(wait(&throttle, address, is_member, now), None, "{address}");
        }
        // Each of them is still bounded by its own, and takes nothing of the strangers'.
        fail(&mut throttle, "2001:db8::2", 5, now);
        assert!(matches!(wait(&throttle, "2001:db8::2", false, now), Some(Wait::Locked(_))));
        assert_eq!(wait(&throttle, "203.0.113.1", false, NOW + Duration::from_secs(61)), None);
        // A right guess takes none.
        let right = throttle.charge("203.0.113.1".parse().unwrap(), false, NOW + Duration::from_secs(61));
        assert!(wait(&throttle, "203.0.113.2", false, NOW + Duration::from_secs(61)).is_some());
        throttle.give_back(right);
        assert_eq!(wait(&throttle, "203.0.113.2", false, NOW + Duration::from_secs(61)), None);
    }

    #[test]
    fn who_is_known_is_forgotten_after_a_week_and_what_is_remembered_stays_small() {
        let mut throttle = Throttle::default();
        let is_stranger = |throttle: &Throttle, host: u64, now| {
            throttle.is_stranger(format!("192.0.2.{host}").parse().unwrap(), false, now)
        };
        for host in 0..=100 {
            throttle.welcome(format!("192.0.2.{host}").parse().unwrap(), NOW + Duration::from_secs(host));
        }
        let then = NOW + Duration::from_secs(100);
        assert!(
            throttle.known.len() == MOST_KNOWN && is_stranger(&throttle, 0, then) && !is_stranger(&throttle, 1, then)
        );
        assert!(!is_stranger(&throttle, 100, then + KNOWN_FOR.saturating_sub(Duration::from_secs(1))));
        assert!(is_stranger(&throttle, 100, then + KNOWN_FOR));
        for n in 0..1000 {
            fail(&mut throttle, "198.51.100.1", 1, NOW + Duration::from_secs(n));
        }
        assert!(throttle.strangers.len() <= 60, "{}", throttle.strangers.len());
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
