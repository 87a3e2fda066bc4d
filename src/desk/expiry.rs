//! Lines of overlays whose last day is over: they leave their list by a revision, one for each overlay.

use std::time::Duration;

use super::Desk;
use crate::clock::Clock;
use crate::domain::book::Book;
use crate::domain::calendar::Day;
use crate::domain::moment::Moment;
use crate::domain::revision::Actor;
use crate::ledger::{Change, Deed};
use crate::store::NotStored;

/// How far the time may go on otherwise than the clock runs, between two looks that are seconds apart.
const JUMP: Duration = Duration::from_mins(1);

/// How long nothing expires after the time has jumped: by then whoever reports has said by how much the clock is off.
const WAITS: Duration = Duration::from_mins(5);

/// Whether the time can be believed: a clock that was set ahead must not end what was to last.
#[derive(Debug)]
pub struct Steadiness {
    /// The time, and what the clock had run then.
    seen: Option<(Moment, Duration)>,
    /// What the clock had run when the time jumped last.
    jumped: Option<Duration>,
}

impl Steadiness {
    /// At a start. Where terminals report, they are heard first: the clock may have been set while nobody looked.
    pub fn at_start(book: &Book, running: Duration) -> Self {
        Self { seen: None, jumped: book.reports().next().map(|_| running) }
    }

    /// Whether the time has gone on evenly for long enough.
    fn see(&mut self, now: Moment, running: Duration) -> bool {
        if let Some((then, ran)) = self.seen.replace((now, running)) {
            let expected = then.plus(running.saturating_sub(ran));
            if now.since(expected).max(expected.since(now)) > JUMP {
                self.jumped = Some(running);
            }
        }
        self.jumped.is_none_or(|jumped| running.saturating_sub(jumped) >= WAITS)
    }
}

impl Desk {
    /// Takes out of every overlay the lines whose last day is over. Called every few seconds; what was done is not done again,
    /// also after a restart. Nothing is done while the clock is doubted, nor soon after the time has jumped.
    ///
    /// # Errors
    /// When the store cannot write: the next call does it.
    pub async fn expire(&self, steadiness: &mut Steadiness, clock: &Clock, is_doubted: bool) -> Result<(), NotStored> {
        let now = clock.now();
        if !steadiness.see(now, clock.running()) || is_doubted {
            return Ok(());
        }
        for overlay in self.store.book().overlays_with_lines_over(Day::of(now)) {
            let change = Change::new(overlay.name.clone(), Deed::Expire, Actor::Server, None);
            let receipt = self.store.submit(change).await?;
            tracing::info!(strategy = overlay.name.as_str(), revision = receipt.revision.get(), "lines expired");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_believed_unless_it_has_jumped_just_now() {
        let seconds = Duration::from_secs;
        let mut steadiness = Steadiness::at_start(&Book::default(), seconds(0));
        let start = Moment::from_micros(1_767_595_800_000_000);
        assert!(steadiness.see(start, seconds(0)), "nothing speaks against the clock that it began with");
        assert!(steadiness.see(start.plus(seconds(5)), seconds(5)));
        assert!(steadiness.see(start.plus(seconds(9_000)), seconds(9_000)), "nobody looked, and the time went on");
        let ahead = start.plus(Duration::from_hours(48));
        assert!(!steadiness.see(ahead, seconds(9_005)));
        assert!(!steadiness.see(ahead.plus(seconds(299)), seconds(9_304)));
        assert!(steadiness.see(ahead.plus(seconds(300)), seconds(9_305)));
        assert!(!steadiness.see(start.plus(seconds(9_400)), seconds(9_310)), "nor is one believed that was set back");
    }
}
