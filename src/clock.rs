//! The only reader of the machine's clocks, and the zone in which people read times.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::moment::Moment;

/// Says what time it is and how much of it has passed: by the machine's clocks, or in tests by hands that are moved.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System { start: Instant },
    Manual(Arc<Hands>),
}

/// The hands of a manual clock, in microseconds.
#[derive(Debug)]
struct Hands {
    now: AtomicI64,
    running: AtomicU64,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let start = Instant::now();
        Self(Source::System { start })
    }

    /// A clock that stands at a moment until it is [advanced](Self::advance) or [set](Self::set). Clones share the hands.
    pub fn manual(start: Moment) -> Self {
        let hands = Hands { now: AtomicI64::new(start.as_micros()), running: AtomicU64::new(0) };
        Self(Source::Manual(Arc::new(hands)))
    }

    /// Lets time pass on a manual clock; the machine's clock cannot be moved.
    pub fn advance(&self, span: Duration) {
        if let Source::Manual(hands) = &self.0 {
            hands.now.store(self.now().plus(span).as_micros(), Ordering::SeqCst);
            hands.running.fetch_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
        }
    }

    /// Sets the time of a manual clock, as somebody sets a machine's: no time passes.
    pub fn set(&self, now: Moment) {
        if let Source::Manual(hands) = &self.0 {
            hands.now.store(now.as_micros(), Ordering::SeqCst);
        }
    }

    /// The time now. Somebody may set it, forward or back: what is to be measured is measured by [`Self::running`].
    pub fn now(&self) -> Moment {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "this is the one place")]
            Source::System { .. } => Moment::from_micros(Timestamp::now().as_microsecond()),
            Source::Manual(hands) => Moment::from_micros(hands.now.load(Ordering::SeqCst)),
        }
    }

    /// For how long the clock has run: it only grows, and evenly, whatever becomes of the time.
    pub fn running(&self) -> Duration {
        match &self.0 {
            Source::System { start } => start.elapsed(),
            Source::Manual(hands) => Duration::from_micros(hands.running.load(Ordering::SeqCst)),
        }
    }
}

/// The zone in which times are shown. The field's clock is China Standard Time, whatever the machine's own zone is.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// A zone by its IANA name, such as `Asia/Shanghai`.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn named(name: &str) -> Result<Self, jiff::Error> {
        TimeZone::get(name).map(Self)
    }

    /// Local time with microseconds: `2026-01-05 14:50:00.123456`.
    pub fn local(&self, moment: Moment) -> String {
        self.format("%Y-%m-%d %H:%M:%S.%6f", moment)
    }

    /// RFC 3339 with microseconds and offset: `2026-01-05T14:50:00.123456+08:00`.
    pub fn rfc3339(&self, moment: Moment) -> String {
        self.format("%Y-%m-%dT%H:%M:%S.%6f%:z", moment)
    }

    /// The moment that a text names: RFC 3339, or local time as [`Self::local`] writes it, to the day or finer.
    pub fn parse(&self, text: &str) -> Option<Moment> {
        // In a query an unescaped plus arrives as a blank.
        let offset = text.rsplit_once(' ').filter(|(time, _)| time.contains('T'));
        let mended = offset.map_or_else(|| text.to_owned(), |(time, offset)| format!("{time}+{offset}"));
        rfc3339(&mended).or_else(|| {
            let local: jiff::civil::DateTime = text.parse().ok()?;
            Some(Moment::from_micros(local.to_zoned(self.0.clone()).ok()?.timestamp().as_microsecond()))
        })
    }

    /// Local time to the second: `2026-01-05 14:50:00`.
    pub fn seconds(&self, moment: Moment) -> String {
        self.format("%Y-%m-%d %H:%M:%S", moment)
    }

    /// The local day: `2026-01-05`.
    pub fn day(&self, moment: Moment) -> String {
        self.format("%Y-%m-%d", moment)
    }

    /// Local time of the day: `14:50:00`.
    pub fn clock(&self, moment: Moment) -> String {
        self.format("%H:%M:%S", moment)
    }

    /// The zone's IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    fn format(&self, format: &str, moment: Moment) -> String {
        let timestamp = Timestamp::from_microsecond(moment.as_micros()).unwrap_or_default();
        timestamp.to_zoned(self.0.clone()).strftime(format).to_string()
    }
}

/// How a moment stands in the name of a file.
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// A moment in the name of a file, to the second, UTC: `20260105T065000Z`.
pub fn stamp(moment: Moment) -> String {
    Timestamp::from_microsecond(moment.as_micros()).unwrap_or_default().strftime(STAMP).to_string()
}

/// The moment that a [`stamp`] names.
pub fn stamped(text: &str) -> Option<Moment> {
    let time = jiff::civil::DateTime::strptime(STAMP, text).ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(Moment::from_micros(time.timestamp().as_microsecond()))
}

/// The moment that a text of RFC 3339 names.
pub fn rfc3339(text: &str) -> Option<Moment> {
    text.parse::<Timestamp>().ok().map(|timestamp| Moment::from_micros(timestamp.as_microsecond()))
}

/// The moment that a header of HTTP names, to the second: `Mon, 05 Jan 2026 06:50:00 GMT`.
pub fn http_date(text: &str) -> Option<Moment> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Moment::from_micros(zoned.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_time_is_no_passing_of_it() {
        let clock = Clock::manual(Moment::from_micros(5_000_000));
        clock.advance(Duration::from_secs(2));
        assert_eq!((clock.now().as_micros(), clock.running()), (7_000_000, Duration::from_secs(2)));
        for set in [1, i64::MAX] {
            clock.set(Moment::from_micros(set));
            assert_eq!((clock.now().as_micros(), clock.running()), (set, Duration::from_secs(2)));
        }
        let system = Clock::system();
        let (before, clone) = (system.running(), system.clone());
        assert!(clone.running() >= before, "clones count from the same start");
    }

    #[test]
    fn times_are_shown_in_the_zone_to_the_microsecond() {
        let zone = Zone::named("Asia/Shanghai").unwrap();
        let moment = Moment::from_micros(1_767_595_800_000_007);
        assert_eq!(zone.local(moment), "2026-01-05 14:50:00.000007");
        assert_eq!(zone.rfc3339(moment), "2026-01-05T14:50:00.000007+08:00");
        assert!(Zone::named("Asia/Shenyang-West").is_err());
    }

    #[test]
    fn a_stamp_is_read_as_it_is_written() {
        let moment = Moment::from_micros(1_767_595_800_000_000);
        assert_eq!(stamp(moment), "20260105T065000Z");
        assert_eq!(stamped(&stamp(moment)), Some(moment));
        assert_eq!([stamped(""), stamped("20260105T065000"), stamped("2026-01-05")], [None; 3]);
    }

    #[test]
    fn a_date_of_http_is_read() {
        let moment = Moment::from_micros(1_767_595_800_000_000);
        assert_eq!(http_date("Mon, 05 Jan 2026 06:50:00 GMT"), Some(moment));
        assert_eq!(http_date("2026-01-05T06:50:00Z"), None);
    }

    #[test]
    fn a_time_is_read_with_its_offset_or_as_local() {
        let zone = Zone::named("Asia/Shanghai").unwrap();
        let moment = Some(Moment::from_micros(1_767_595_800_000_000));
        for text in [
            "2026-01-05T14:50:00+08:00",
            "2026-01-05T14:50:00 08:00",
            "2026-01-05T06:50:00Z",
            "2026-01-05 14:50:00.000000",
            "2026-01-05T14:50:00",
            "2026-01-05 14:50",
        ] {
            assert_eq!(zone.parse(text), moment, "{text}");
        }
        assert_eq!(zone.parse("2026-01-05"), Some(Moment::from_micros(1_767_542_400_000_000)));
        for text in ["", "yesterday", "2026-13-01", "14:50", "2026-01-05T14:50:00 8"] {
            assert_eq!(zone.parse(text), None, "{text}");
        }
    }
}
