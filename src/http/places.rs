//! Places that are shared: so many in all, and only so many for one of those who come.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::auth::network;

/// How often it is said that they are all taken.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// Who takes a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    /// Whoever comes from an address; of an IPv6 address, from its /64.
    Address(IpAddr),
    /// Whoever shows a credential: a client, or an API key by its name.
    Credential(String),
}

/// So many places. A clone shares them.
#[derive(Debug, Clone)]
pub(super) struct Places {
    what: &'static str,
    all: usize,
    each: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Asked with every request; whom it finds is for nobody to choose, since the hash has a seed.
    by: HashMap<Whose, usize, foldhash::fast::RandomState>,
    complained: Option<Instant>,
}

/// A place, or as many as something weighs, for as long as it is held.
#[derive(Debug)]
pub(super) struct Place {
    weight: usize,
    whose: Vec<Whose>,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    /// So many in all, and for each address.
    pub(super) fn new(what: &'static str, all: usize, each: usize) -> Self {
        Self { what, all, each, taken: Arc::default() }
    }

    /// A place for who comes from an address.
    pub(super) fn of(&self, address: IpAddr) -> Option<Place> {
        self.take(1, vec![Whose::Address(network(address))])
    }

    /// As many places as something weighs that goes to an address; what weighs more than a share has the share.
    pub(super) fn weighing(&self, weight: usize, address: IpAddr) -> Option<Place> {
        self.take(weight.min(self.each), vec![Whose::Address(network(address))])
    }

    /// A place for who shows a credential, and comes from an address.
    pub(super) fn of_credential(&self, credential: String, address: IpAddr) -> Option<Place> {
        self.take(1, vec![Whose::Credential(credential), Whose::Address(network(address))])
    }

    /// How many one may have. A credential has half of an address's, since all may come through one proxy.
    const fn share(&self, whose: &Whose) -> usize {
        match whose {
            Whose::Address(_) => self.each,
            Whose::Credential(_) => self.each / 2,
        }
    }

    fn take(&self, weight: usize, whose: Vec<Whose>) -> Option<Place> {
        let mut taken = locked(&self.taken);
        let is_full = |one: &Whose| taken.by.get(one).is_some_and(|count| count + weight > self.share(one));
        if taken.all + weight > self.all || whose.iter().any(is_full) {
            taken.complain(self.what);
            return None;
        }
        taken.all += weight;
        for one in &whose {
            *taken.by.entry(one.clone()).or_default() += weight;
        }
        Some(Place { weight, whose, taken: Arc::clone(&self.taken) })
    }
}

impl Taken {
    fn complain(&mut self, what: &str) {
        let now = Instant::now();
        if self.complained.is_none_or(|last| now.duration_since(last) >= COMPLAIN_EVERY) {
            self.complained = Some(now);
            tracing::warn!("no place is left for {what}: requests are answered 503");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = locked(&self.taken);
        taken.all -= self.weight;
        for one in &self.whose {
            if let Some(count) = taken.by.get_mut(one) {
                *count -= self.weight;
                if *count == 0 {
                    taken.by.remove(one);
                }
            }
        }
    }
}

fn locked(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_a_share() {
        let places = Places::new("tests", 3, 2);
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let held = [places.of(here), places.of(here)];
        assert!(held.iter().all(Option::is_some) && places.of(here).is_none());
        let other = places.of_credential("alice".to_owned(), there);
        assert!(other.is_some() && places.of(there).is_none(), "three are all");
        drop(held);
        assert!(places.of_credential("alice".to_owned(), here).is_none(), "half of an address's");
        assert!(places.of_credential("bob".to_owned(), there).is_some());
        drop(other);
        assert!(locked(&places.taken).by.is_empty(), "nothing is left over");
    }

    #[test]
    fn what_weighs_more_takes_more() {
        let places = Places::new("tests", 10, 6);
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let huge = places.weighing(100, here);
        assert!(huge.is_some() && places.weighing(1, here).is_none() && places.weighing(5, there).is_none());
        assert!(places.weighing(4, there).is_some());
        drop(huge);
        assert!(places.weighing(6, here).is_some());
    }

    #[test]
    fn a_network_counts_as_one_address() {
        let places = Places::new("tests", 3, 1);
        let _first = places.of("2001:db8::1".parse().unwrap()).unwrap();
        assert!(places.of("2001:db8::2".parse().unwrap()).is_none());
    }
}
