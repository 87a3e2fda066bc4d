//! What is counted of requests. On the way of a poll that is one plain atomic; everything else is looked up when it is asked for.

use std::array;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;

use super::error::AppError;
use super::rooms::Room;

/// How many clients are told apart: under default.pem a client may call itself what it likes.
const MAX_CLIENTS: usize = 200;

/// What an answer was, as far as it is counted.
pub(super) const ANSWERS: [&str; 5] = ["ok", "unchanged", "refused", "failed", "other"];

/// What was counted since the start.
#[derive(Debug)]
pub(super) struct Figures {
    answered: [[AtomicU64; ANSWERS.len()]; Room::ALL.len()],
    /// By client and what became of it.
    pushes: Mutex<BTreeMap<String, BTreeMap<&'static str, u64>>>,
    /// What the names of this process's requests begin with, so that those of two starts differ.
    start: u32,
    requests: AtomicU64,
}

impl Default for Figures {
    fn default() -> Self {
        let answered = array::from_fn(|_| array::from_fn(|_| AtomicU64::new(0)));
        Self { answered, pushes: Mutex::default(), start: rand::random(), requests: AtomicU64::new(0) }
    }
}

/// A push that is counted when this goes, by what it says then.
pub(super) struct Pushing<'a> {
    figures: &'a Figures,
    pub(super) client: String,
    /// Unless said otherwise its time ran out, or whoever pushed has gone.
    pub(super) outcome: &'static str,
}

impl Drop for Pushing<'_> {
    fn drop(&mut self) {
        self.figures.pushed(&self.client, self.outcome);
    }
}

impl Figures {
    /// Counts an answer.
    pub(super) fn answered(&self, room: Room, status: StatusCode) {
        let answer = match status {
            StatusCode::NOT_MODIFIED => 1,
            status if status.is_success() => 0,
            status if status.is_client_error() => 2,
            status if status.is_server_error() => 3,
            _ => 4,
        };
        self.answered[room as usize][answer].fetch_add(1, Ordering::Relaxed);
    }

    /// How many answers there were of each kind in each room.
    pub(super) fn answers(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        Room::ALL.into_iter().flat_map(|room| {
            let counts = &self.answered[room as usize];
            ANSWERS
                .into_iter()
                .zip(counts)
                .map(move |(answer, count)| (room.name(), answer, count.load(Ordering::Relaxed)))
        })
    }

    /// Counts what became of a push; the client's name is empty where it is not known.
    pub(super) fn pushed(&self, client: &str, outcome: &'static str) {
        let mut pushes = self.pushes.lock().unwrap_or_else(PoisonError::into_inner);
        let client = if pushes.len() < MAX_CLIENTS || pushes.contains_key(client) { client } else { "…" };
        // A client's name is copied once.
        if !pushes.contains_key(client) {
            pushes.insert(client.to_owned(), BTreeMap::new());
        }
        if let Some(of_client) = pushes.get_mut(client) {
            *of_client.entry(outcome).or_default() += 1;
        }
    }

    /// Counts a push whose work begins, when that ends: also where it is cut off.
    pub(super) fn pushing(&self) -> Pushing<'_> {
        Pushing { figures: self, client: String::new(), outcome: AppError::Timeout.code() }
    }

    /// What became of the pushes of each client.
    pub(super) fn pushes(&self) -> BTreeMap<String, BTreeMap<&'static str, u64>> {
        self.pushes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A name for a request, by which its answer is found in the log.
    pub(super) fn name_request(&self) -> String {
        format!("{:08x}-{}", self.start, self.requests.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_apart_as_long_as_they_are_few() {
        let figures = Figures::default();
        for client in 0..MAX_CLIENTS + 10 {
            figures.pushed(&client.to_string(), "stored");
        }
        figures.pushed("0", "stored");
        let pushes = figures.pushes();
        assert_eq!(pushes.len(), MAX_CLIENTS + 1);
        assert_eq!((pushes["0"]["stored"], pushes["…"]["stored"]), (2, 10));
    }

    #[test]
    fn a_push_is_counted_also_where_it_is_cut_off() {
        let figures = Figures::default();
        drop(figures.pushing());
        let mut pushing = figures.pushing();
        (pushing.client, pushing.outcome) = ("alice".to_owned(), "stored");
        drop(pushing);
        assert_eq!((figures.pushes()[""]["timeout"], figures.pushes()["alice"]["stored"]), (1, 1));
    }
}
