//! A bound on connections, in all and by address. Who comes when all seats are taken gets that of somebody who says
//! nothing; who is being answered keeps theirs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Bounds;
use super::pulse::{Phase, Pulse};
use crate::auth::network;

/// How often it is said that there are too many.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// Who sits where.
#[derive(Debug)]
pub(super) struct Seats {
    bounds: Bounds,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_number: HashMap<u64, Sitter>,
    by_address: HashMap<IpAddr, usize>,
    next: u64,
    stopping: Option<Instant>,
    complained: Option<Instant>,
}

#[derive(Debug)]
struct Sitter {
    address: IpAddr,
    pulse: Arc<Pulse>,
    away: CancellationToken,
}

/// A seat, for as long as it is held.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    pulse: Arc<Pulse>,
    away: CancellationToken,
}

impl Seats {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, taken: Mutex::default() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for who has just connected; None when nobody can be asked to leave for it.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = network(address);
        let mut taken = self.taken();
        let of_address = taken.by_address.get(&address).copied().unwrap_or(0);
        if of_address >= self.bounds.each && !taken.clear(Some(address)) {
            taken.complain(&format!("{of_address} connections of {address} are all at work; another one was closed"));
            return None;
        }
        if taken.by_number.len() >= self.bounds.all && !taken.clear(None) {
            taken.complain("all connections are at work; another one was closed");
            return None;
        }
        let (number, pulse, away) = (taken.next, Arc::new(Pulse::new()), CancellationToken::new());
        taken.next += 1;
        taken.by_number.insert(number, Sitter { address, pulse: Arc::clone(&pulse), away: away.clone() });
        *taken.by_address.entry(address).or_default() += 1;
        Some(Seat { seats: Arc::clone(self), number, pulse, away })
    }

    /// From now on those who sit are asked to leave.
    pub(super) fn stop(&self) {
        self.taken().stopping = Some(Instant::now());
    }

    /// Takes their seats from all whose time is over.
    pub(super) fn sweep(&self) {
        let (taken, now) = (self.taken(), Instant::now());
        for sitter in taken.by_number.values() {
            if sitter.pulse.is_overdue(now, taken.stopping) {
                sitter.away.cancel();
            }
        }
    }

    /// Says in the log what went wrong, now and then.
    pub(super) fn complain(&self, what: &str) {
        self.taken().complain(what);
    }
}

impl Taken {
    /// Frees the seat of who has said nothing for the longest, of one address or of all; of those who never said anything
    /// first. False when everybody is at work.
    fn clear(&mut self, of: Option<IpAddr>) -> bool {
        let asked = self.by_number.iter().filter(|(_, sitter)| of.is_none_or(|of| of == sitter.address));
        let silent = asked.filter_map(|(number, sitter)| match sitter.pulse.phase() {
            (Phase::Opening, since) => Some((false, since, *number)),
            (Phase::Resting | Phase::Asking, since) => Some((true, since, *number)),
            _ => None,
        });
        let Some((.., number)) = silent.min() else { return false };
        self.free(number);
        true
    }

    fn free(&mut self, number: u64) {
        let Some(sitter) = self.by_number.remove(&number) else { return };
        sitter.away.cancel();
        if let Some(count) = self.by_address.get_mut(&sitter.address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&sitter.address);
            }
        }
    }

    fn complain(&mut self, what: &str) {
        let now = Instant::now();
        if self.complained.is_none_or(|last| now.duration_since(last) >= COMPLAIN_EVERY) {
            self.complained = Some(now);
            tracing::warn!("{what}");
        }
    }
}

impl Seat {
    pub(super) const fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// Waits until somebody else needs the seat, or its time is over.
    pub(super) async fn taken_away(&self) {
        self.away.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().free(self.number);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_only_so_many_and_the_silent_leave_first() {
        let seats = Seats::new(Bounds { all: 4, each: 2 });
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        let (first, second) = (seats.take(one).unwrap(), seats.take(one).unwrap());
        first.pulse().asked(&Method::GET);
        let third = seats.take(one).unwrap();
        assert!(second.away.is_cancelled() && !first.away.is_cancelled());
        third.pulse().asked(&Method::GET);
        assert!(seats.take(one).is_none(), "both are at work");
        let others = [seats.take(other).unwrap(), seats.take(address("2001:db8::1")).unwrap()];
        // All four seats are taken: one of those who say nothing leaves.
        let last = seats.take(address("192.0.2.3")).unwrap();
        assert!(others[0].away.is_cancelled() && !others[1].away.is_cancelled());
        drop((first, second, third, others, last));
        assert!(seats.taken().by_number.is_empty() && seats.taken().by_address.is_empty());
    }

    #[test]
    fn a_network_counts_as_one_address() {
        let seats = Seats::new(Bounds { all: 9, each: 1 });
        let first = seats.take(address("2001:db8::1")).unwrap();
        let _second = seats.take(address("2001:db8::2")).unwrap();
        assert!(first.away.is_cancelled());
    }
}
