//! What a connection is doing, and since when: by that it is judged whether its time is over.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Method;
use futures::task::AtomicWaker;
use tokio::time::Instant;

/// How long a client may take for the head of a request, and for all that comes before the first one.
pub(super) const HEAD: Duration = Duration::from_secs(10);

/// How long a connection may rest between two requests: longer than the pauses of a poller.
const IDLE: Duration = Duration::from_secs(75);

/// How long a client may take none of an answer that waits for it.
pub(super) const UNREAD: Duration = Duration::from_secs(10);

/// How long whoever changes nothing keeps the server from stopping.
pub(super) const STOP: Duration = Duration::from_secs(5);

/// How long a change keeps the server from stopping.
pub(super) const STOP_OF_CHANGE: Duration = Duration::from_secs(30);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not asked anything yet.
    Opening,
    /// It has been answered, and rests.
    Resting,
    /// It has begun to ask.
    Asking,
    /// It waits for an answer that changes nothing.
    Reading,
    /// It waits for the answer to a change.
    Changing,
    /// It is being answered.
    Answered,
}

const PHASES: [Phase; 6] =
    [Phase::Opening, Phase::Resting, Phase::Asking, Phase::Reading, Phase::Changing, Phase::Answered];

/// What a connection has been told to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// To end once the request in flight is answered.
    Finish = 1,
    /// To end at once.
    Leave,
}

/// Nothing waits to be written.
const NOTHING: u64 = u64::MAX;

/// A connection's state, told by those who see it and read by the sweep.
#[derive(Debug)]
pub(super) struct Pulse {
    began: Instant,
    /// The phase in the lowest three bits, and since how many milliseconds after `began`.
    phase: AtomicU64,
    /// Since when the client has taken nothing of what waits for it.
    unread: AtomicU64,
    /// The last [`Order`], and whom to wake for one.
    order: AtomicU8,
    waker: AtomicWaker,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let (phase, unread) = (AtomicU64::new(0), AtomicU64::new(NOTHING));
        Self { began: Instant::now(), phase, unread, order: AtomicU8::new(0), waker: AtomicWaker::new() }
    }

    /// Tells the connection to do something.
    pub(super) fn order(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::Release);
        self.waker.wake();
    }

    /// Waits for an order, or one that goes further; for the connection's own task. It is asked with every request, and
    /// shares nothing with other connections.
    pub(super) async fn told(&self, order: Order) {
        let told = |context: &mut Context<'_>| {
            self.waker.register(context.waker());
            if self.order.load(Ordering::Acquire) >= order as u8 { Poll::Ready(()) } else { Poll::Pending }
        };
        poll_fn(told).await;
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX) & (u64::MAX >> 3)
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(self.elapsed() << 3 | phase as u64, Ordering::Relaxed);
    }

    /// What the connection is doing, and since when.
    pub(super) fn phase(&self) -> (Phase, Instant) {
        let packed = self.phase.load(Ordering::Relaxed);
        let phase = PHASES.get(usize::try_from(packed & 7).unwrap_or(0)).copied().unwrap_or(Phase::Opening);
        (phase, self.began + Duration::from_millis(packed >> 3))
    }

    /// Something was heard; between two requests that is the beginning of the next.
    pub(super) fn heard(&self) {
        if self.phase().0 == Phase::Resting {
            self.enter(Phase::Asking);
        }
    }

    /// A request's head is there.
    pub(super) fn asked(&self, method: &Method) {
        self.enter(if method.is_safe() { Phase::Reading } else { Phase::Changing });
    }

    /// An answer is ready.
    pub(super) fn answering(&self) {
        self.enter(Phase::Answered);
    }

    /// Whether the client took something, or what there is has to wait for it. An answer whose end is on its way may take
    /// long, and the rest begins after it.
    pub(super) fn wrote(&self, taken: bool) {
        if taken {
            self.unread.store(NOTHING, Ordering::Relaxed);
            if self.phase().0 == Phase::Resting {
                self.enter(Phase::Resting);
            }
        } else {
            let _ = self.unread.compare_exchange(NOTHING, self.elapsed(), Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn unread_since(&self) -> Option<Instant> {
        let unread = self.unread.load(Ordering::Relaxed);
        (unread != NOTHING).then(|| self.began + Duration::from_millis(unread))
    }

    /// Whether its time is over, on a server that has been stopping since a moment.
    pub(super) fn is_overdue(&self, now: Instant, stopping: Option<Instant>) -> bool {
        let over = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
        let (phase, since) = self.phase();
        let limit = match phase {
            Phase::Opening | Phase::Asking => Some(HEAD),
            Phase::Resting => Some(IDLE),
            // The request has its own limit.
            Phase::Reading | Phase::Changing | Phase::Answered => None,
        };
        let grace = if phase == Phase::Changing { STOP_OF_CHANGE } else { STOP };
        let is_last = |stopping| over(since.max(stopping), grace) || over(stopping, STOP_OF_CHANGE + STOP);
        // What is still being taken is not at rest.
        let spent =
            self.unread_since().map_or_else(|| limit.is_some_and(|limit| over(since, limit)), |at| over(at, UNREAD));
        spent || stopping.is_some_and(is_last)
    }
}

/// An answer that is being sent; with its end the rest begins.
pub(super) struct Sending(pub(super) Arc<Pulse>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.enter(Phase::Resting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a connection whose pulse `tell` shaped a moment ago is overdue after so many seconds.
    fn overdue(seconds: u64, stopping: bool, tell: impl FnOnce(&Pulse)) -> bool {
        let pulse = Pulse::new();
        tell(&pulse);
        let begun = pulse.began;
        pulse.is_overdue(begun + Duration::from_secs(seconds) + Duration::from_millis(500), stopping.then_some(begun))
    }

    #[test]
    fn each_phase_has_its_time() {
        let rested = |pulse: &Pulse| pulse.enter(Phase::Resting);
        let asking = |pulse: &Pulse| {
            pulse.enter(Phase::Resting);
            pulse.heard();
        };
        assert_eq!([overdue(9, false, |_| ()), overdue(10, false, |_| ())], [false, true]);
        assert_eq!([overdue(74, false, rested), overdue(75, false, rested)], [false, true]);
        assert_eq!([overdue(9, false, asking), overdue(10, false, asking)], [false, true]);
        assert!(!overdue(1000, false, |pulse| pulse.asked(&Method::GET)));
        assert!(!overdue(1000, false, Pulse::answering));
        let unread = |pulse: &Pulse| {
            pulse.answering();
            pulse.wrote(false);
        };
        assert_eq!([overdue(9, false, unread), overdue(10, false, unread)], [false, true]);
        let slowly = |pulse: &Pulse| {
            unread(pulse);
            pulse.wrote(true);
        };
        assert!(!overdue(1000, false, slowly));
    }

    #[test]
    fn a_stop_waits_for_changes_and_hardly_for_anybody_else() {
        let rested = |pulse: &Pulse| pulse.enter(Phase::Resting);
        for tell in [rested, |pulse: &Pulse| pulse.asked(&Method::GET), Pulse::answering] {
            assert_eq!([overdue(4, true, tell), overdue(5, true, tell)], [false, true]);
        }
        let change = |pulse: &Pulse| pulse.asked(&Method::POST);
        assert_eq!([overdue(29, true, change), overdue(30, true, change)], [false, true]);
    }
}
