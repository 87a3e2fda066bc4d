//! Lines of overlays whose last day is over: they leave their list by a revision, one for each overlay.

use std::time::Duration;

use super::Desk;
use super::incidents::Incidents;
use crate::clock::Clock;
use crate::domain::calendar::Day;
use crate::domain::moment::Moment;
use crate::domain::revision::Actor;
use crate::ledger::{Change, Deed};
use crate::store::NotStored;

/// How far the time may go on otherwise than the clock runs, between two looks that are seconds apart.
const JUMP: Duration = Duration::from_mins(1);

/// How long nothing expires after a start, or after the time has jumped: a time service puts it right meanwhile. Whoever bears the
/// clock out may have the same one, as a terminal on the server's own machine has.
const WAITS: Duration = Duration::from_mins(5);

/// Whether the time can be believed: a clock that was set ahead must not end what was to last.
#[derive(Debug)]
pub struct Steadiness {
    /// The time, and what the clock had run then.
    seen: Option<(Moment, Duration)>,
    /// What the clock had run when the time jumped last, or at the start, for it may have been set while nobody looked; None once it
    /// is believed.
    jumped: Option<Duration>,
}

impl Steadiness {
    /// At a start.
    pub const fn at_start(running: Duration) -> Self {
        Self { seen: None, jumped: Some(running) }
    }

    /// Sees whether the time has gone on evenly.
    fn see(&mut self, now: Moment, running: Duration) {
        if let Some((then, ran)) = self.seen.replace((now, running)) {
            let expected = then.plus(running.saturating_sub(ran));
            if now.since(expected).max(expected.since(now)) > JUMP {
                self.jumped = Some(running);
            }
        }
    }

    /// Whether the time is believed: a while after it jumped, and where there are terminals that report, once they or a signed push
    /// have borne it out since.
    fn believes(&mut self, reports: bool, running: Duration, is_borne_out: impl Fn(Duration) -> bool) -> bool {
        let has_waited = |jumped| running.saturating_sub(jumped) >= WAITS;
        self.jumped = self.jumped.filter(|jumped| !has_waited(*jumped) || (reports && !is_borne_out(*jumped)));
        self.jumped.is_none()
    }
}

impl Desk {
    /// Takes out of every overlay the lines whose last day is over. Called every few seconds, after a look for incidents; what was
    /// done is not done again, also after a restart. Nothing is done while the clock is doubted, nor before it can be believed.
    ///
    /// # Errors
    /// When the store cannot write: the next call does it.
    pub async fn expire(
        &self,
        steadiness: &mut Steadiness,
        clock: &Clock,
        incidents: &Incidents,
    ) -> Result<(), NotStored> {
        let (now, running, book) = (clock.now(), clock.running(), self.store.book());
        steadiness.see(now, running);
        // Nobody waits for the terminal of an account that is gone.
        let reports = book.reporting().next().is_some();
        if incidents.doubt_clock() || !steadiness.believes(reports, running, |since| incidents.bear_out_clock(since)) {
            return Ok(());
        }
        for overlay in book.overlays_with_lines_over(Day::of(now)) {
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

    const START: Moment = Moment::from_micros(1_767_595_800_000_000);

    /// A server that has run for so many seconds, beside a clock that is so far ahead.
    fn believes(
        steadiness: &mut Steadiness,
        seconds: u64,
        ahead: Duration,
        reports: bool,
        borne_out: Option<u64>,
    ) -> bool {
        let running = Duration::from_secs(seconds);
        steadiness.see(START.plus(running + ahead), running);
        let borne_out = borne_out.map(Duration::from_secs);
        steadiness.believes(reports, running, |since| borne_out.is_some_and(|at| at > since))
    }

    #[test]
    fn without_anybody_who_reports_the_time_is_believed_after_a_while() {
        let (right, ahead) = (Duration::ZERO, Duration::from_hours(48));
        let mut steadiness = Steadiness::at_start(Duration::ZERO);
        let seen = [
            (0, right, false),
            (299, right, false),
            (300, right, true),
            // Nobody looked, and the time went on.
            (9_000, right, true),
            (9_005, ahead, false),
            (9_304, ahead, false),
            (9_305, ahead, true),
            // Nor is one believed that was set back.
            (9_310, right, false),
        ];
        for (seconds, ahead, is_believed) in seen {
            assert_eq!(believes(&mut steadiness, seconds, ahead, false, None), is_believed, "{seconds}");
        }
        assert!(!believes(&mut steadiness, 9_311, right, false, Some(9_311)), "whoever signed may have the same clock");
    }

    #[test]
    fn where_terminals_report_one_is_heard_first() {
        let (right, ahead) = (Duration::ZERO, Duration::from_hours(48));
        let mut steadiness = Steadiness::at_start(Duration::ZERO);
        assert!(!believes(&mut steadiness, 90_000, right, true, None), "however long that takes");
        assert!(believes(&mut steadiness, 90_005, right, true, Some(90_005)));
        assert!(believes(&mut steadiness, 90_010, right, true, None));
        assert!(!believes(&mut steadiness, 90_015, ahead, true, Some(90_010)), "before it jumped");
        assert!(!believes(&mut steadiness, 90_314, ahead, true, Some(90_020)), "it may be put right yet");
        assert!(!believes(&mut steadiness, 90_315, ahead, true, Some(90_015)), "as it jumped");
        assert!(believes(&mut steadiness, 90_315, ahead, true, Some(90_020)));
    }
}
