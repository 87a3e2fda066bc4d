//! A bound on connections, in all and by address. Who comes when all seats are taken gets that of somebody who says
//! nothing; who is being answered keeps theirs. Who waits for something to happen may linger, and takes no seat.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Bounds;
use super::pulse::{Order, Phase, Pulse};
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
    /// Those who gave their seat back for a while; they count as nobody's.
    lingering: HashMap<u64, Sitter>,
    next: u64,
    stopping: Option<Instant>,
    complained: Option<Instant>,
}

#[derive(Debug)]
struct Sitter {
    address: IpAddr,
    pulse: Arc<Pulse>,
}

/// A seat, for as long as it is held.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    pulse: Arc<Pulse>,
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
        let (number, pulse) = (taken.next, Arc::new(Pulse::new()));
        taken.next += 1;
        taken.seat(number, Sitter { address, pulse: Arc::clone(&pulse) });
        Some(Seat { seats: Arc::clone(self), number, pulse })
    }

    /// Lets a connection linger, if there is room for one more that does.
    fn linger(self: &Arc<Self>, number: u64) -> Option<Lingering> {
        let mut taken = self.taken();
        if taken.lingering.len() >= self.bounds.lingering {
            return None;
        }
        let sitter = taken.unseat(number)?;
        taken.lingering.insert(number, sitter);
        Some(Lingering { seats: Arc::clone(self), number })
    }

    /// From now on those who sit are asked to leave.
    pub(super) fn stop(&self) {
        let mut taken = self.taken();
        taken.stopping = Some(Instant::now());
        taken.by_number.values().for_each(|sitter| sitter.pulse.order(Order::Finish));
    }

    /// Takes their seats from all whose time is over.
    pub(super) fn sweep(&self) {
        let (taken, now) = (self.taken(), Instant::now());
        for sitter in taken.by_number.values().chain(taken.lingering.values()) {
            if sitter.pulse.is_overdue(now, taken.stopping) {
                sitter.pulse.order(Order::Leave);
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
        if let Some(sitter) = self.unseat(number).or_else(|| self.lingering.remove(&number)) {
            sitter.pulse.order(Order::Leave);
        }
    }

    fn seat(&mut self, number: u64, sitter: Sitter) {
        *self.by_address.entry(sitter.address).or_default() += 1;
        self.by_number.insert(number, sitter);
    }

    fn unseat(&mut self, number: u64) -> Option<Sitter> {
        let sitter = self.by_number.remove(&number)?;
        if let Some(count) = self.by_address.get_mut(&sitter.address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&sitter.address);
            }
        }
        Some(sitter)
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

    /// The connection, as its requests know it.
    pub(super) fn line(&self) -> Line {
        Line { seats: Arc::clone(&self.seats), number: self.number }
    }

    /// Waits until somebody else needs the seat, or its time is over.
    pub(super) async fn taken_away(&self) {
        self.pulse.told(Order::Leave).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().free(self.number);
    }
}

/// A request's connection. It is in the request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    seats: Arc<Seats>,
    number: u64,
}

impl Line {
    /// Takes no seat from anybody else for as long as this is held. None where so many do already: then the seat is kept,
    /// which is none the worse for the connection.
    pub(crate) fn linger(&self) -> Option<Lingering> {
        self.seats.linger(self.number)
    }

    /// How many connections have a seat now, and how many linger.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let taken = self.seats.taken();
        (taken.by_number.len(), taken.lingering.len())
    }
}

/// A connection that lingers, until it has something to do again.
#[derive(Debug)]
pub(crate) struct Lingering {
    seats: Arc<Seats>,
    number: u64,
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        if let Some(sitter) = taken.lingering.remove(&self.number) {
            taken.seat(self.number, sitter);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use futures::FutureExt as _;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_taken_away(seat: &Seat) -> bool {
        seat.taken_away().now_or_never().is_some()
    }

    #[test]
    fn an_address_has_only_so_many_and_the_silent_leave_first() {
        let seats = Seats::new(Bounds { all: 4, each: 2, lingering: 0 });
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        let (first, second) = (seats.take(one).unwrap(), seats.take(one).unwrap());
        first.pulse().asked(&Method::GET);
        let third = seats.take(one).unwrap();
        assert!(is_taken_away(&second) && !is_taken_away(&first));
        third.pulse().asked(&Method::GET);
        assert!(seats.take(one).is_none(), "both are at work");
        let others = [seats.take(other).unwrap(), seats.take(address("2001:db8::1")).unwrap()];
        // All four seats are taken: one of those who say nothing leaves.
        let last = seats.take(address("192.0.2.3")).unwrap();
        assert!(is_taken_away(&others[0]) && !is_taken_away(&others[1]));
        drop((first, second, third, others, last));
        assert!(seats.taken().by_number.is_empty() && seats.taken().by_address.is_empty());
    }

    #[test]
    fn who_lingers_takes_no_seat_and_is_not_asked_to_leave() {
        let seats = Seats::new(Bounds { all: 3, each: 1, lingering: 2 });
        let one = address("192.0.2.1");
        let linger = |seat: &Seat| seat.line().linger();
        let (first, second) = (seats.take(one).unwrap(), seats.take(address("192.0.2.2")).unwrap());
        let (first_lingers, second_lingers) = (linger(&first).unwrap(), linger(&second).unwrap());
        assert!(linger(&first).is_none(), "it does already");
        let third = seats.take(one).unwrap();
        assert!(linger(&third).is_none(), "there is room for two");
        let _fourth = seats.take(address("192.0.2.3")).unwrap();
        assert!([&first, &second, &third].into_iter().all(|seat| !is_taken_away(seat)));
        // Back in its seat it counts again: one more of its address, and the first that is asked to leave.
        drop(first_lingers);
        let _fifth = seats.take(one).unwrap();
        assert!(is_taken_away(&first) && !is_taken_away(&second));
        drop((first, second));
        assert!(seats.taken().lingering.is_empty(), "a connection that ends takes its lingering with it");
        drop(second_lingers);
        assert_eq!(seats.taken().by_number.len(), 3);
    }

    #[test]
    fn a_network_counts_as_one_address() {
        let seats = Seats::new(Bounds { all: 9, each: 1, lingering: 0 });
        let first = seats.take(address("2001:db8::1")).unwrap();
        let _second = seats.take(address("2001:db8::2")).unwrap();
        assert!(is_taken_away(&first));
    }
}
