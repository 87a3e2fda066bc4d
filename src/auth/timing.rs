//! What signed tokens say of our clock: one that a known client signed and that is refused for its time tells that either
//! clock is wrong, and one that is accepted just after it was signed that ours is right.
//!
//! Moments are what a [clock](crate::clock::Clock::running) has run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For how long an accepted token says that the clock is right: whoever is refused meanwhile has a wrong one himself.
const RIGHT_FOR: Duration = Duration::from_hours(1);

/// How far from our time a token may be signed that says that ours is right: tokens may be accepted for a day.
const SIGNED_WITHIN: Duration = Duration::from_mins(5);

/// How long others have to contradict who was refused.
const CONTRADICTED_WITHIN: Duration = Duration::from_mins(1);

/// For how long it is remembered that one was refused.
const REMEMBERED: Duration = Duration::from_hours(24);

/// Tokens that were refused since one was accepted.
#[derive(Debug, Clone, Copy)]
struct Untimely {
    since: Duration,
    latest: Duration,
    /// The least that our clock is ahead of one that signed: microseconds.
    ahead: i64,
}

#[derive(Debug, Default)]
struct Heard {
    accepted: Option<Duration>,
    untimely: Option<Untimely>,
}

/// What was heard. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct Timing(Arc<Mutex<Heard>>);

impl Timing {
    /// Notes that a token was accepted, while our clock was so far ahead of the one that signed it: microseconds.
    pub(super) fn accepted(&self, ahead: i64, running: Duration) {
        if Duration::from_micros(ahead.unsigned_abs()) > SIGNED_WITHIN {
            return;
        }
        *self.locked() = Heard { accepted: Some(running), untimely: None };
    }

    /// Notes that a genuine token was refused, though our clock was only so far ahead of the one that signed it.
    pub(super) fn refused(&self, ahead: i64, running: Duration) {
        let mut heard = self.locked();
        if heard.accepted.is_some_and(|accepted| running.saturating_sub(accepted) < RIGHT_FOR) {
            return;
        }
        let first = Untimely { since: running, latest: running, ahead };
        let before = heard.untimely.unwrap_or(first);
        let least = [before.ahead, ahead].into_iter().min_by_key(|ahead| ahead.unsigned_abs()).unwrap_or(ahead);
        heard.untimely = Some(Untimely { latest: running, ahead: least, ..before });
    }

    /// Whether a token has said since then that our clock is right.
    pub fn is_accepted_since(&self, since: Duration) -> bool {
        self.locked().accepted.is_some_and(|accepted| accepted > since)
    }

    /// By how many microseconds our clock is ahead as far as tokens say; None where nobody says that it is off.
    pub fn ahead(&self, running: Duration) -> Option<i64> {
        let Untimely { since, latest, ahead } = self.locked().untimely?;
        let is_settled = running.saturating_sub(since) >= CONTRADICTED_WITHIN;
        (is_settled && running.saturating_sub(latest) < REMEMBERED).then_some(ahead)
    }

    fn locked(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn who_is_refused_is_believed_unless_another_is_accepted() {
        let timing = Timing::default();
        timing.refused(600, MINUTE);
        timing.refused(-700, 2 * MINUTE);
        timing.refused(500, 2 * MINUTE);
        assert_eq!(timing.ahead(MINUTE), None, "another may be accepted yet");
        assert_eq!(timing.ahead(2 * MINUTE), Some(500));
        assert_eq!(timing.ahead(2 * MINUTE + REMEMBERED), None);
        timing.accepted(5 * 60_000_001, 3 * MINUTE);
        assert_eq!(timing.ahead(3 * MINUTE), Some(500), "one that is accepted long after it was signed says nothing");
        assert!(!timing.is_accepted_since(Duration::ZERO));
        timing.accepted(-5 * 60_000_000, 3 * MINUTE);
        assert!(timing.is_accepted_since(2 * MINUTE));
        timing.refused(600, 62 * MINUTE);
        assert_eq!(timing.ahead(64 * MINUTE), None, "his clock is wrong, not ours");
        timing.refused(600, 63 * MINUTE);
        assert_eq!(timing.ahead(64 * MINUTE), Some(600));
    }
}
