//! Spans of time as people read them.

use std::time::Duration;

use super::texts::Texts;

/// How long, in the largest unit that fits.
pub(super) fn span(span: Duration, t: &Texts) -> String {
    match span.as_secs() {
        seconds @ 0..60 => t.seconds(seconds),
        seconds @ 60..3600 => t.minutes(seconds / 60),
        seconds @ 3600..86_400 => t.hours(seconds / 3600),
        seconds => t.days(seconds / 86_400),
    }
}

/// How long ago, in the largest unit that fits.
pub(super) fn age(span: Duration, t: &Texts) -> String {
    match span.as_secs() {
        seconds @ 0..60 => t.seconds_ago(seconds),
        seconds @ 60..3600 => t.minutes_ago(seconds / 60),
        seconds @ 3600..86_400 => t.hours_ago(seconds / 3600),
        seconds => t.days_ago(seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_one_unit() {
        use super::super::texts::{CHINESE, ENGLISH};
        assert_eq!(age(Duration::from_secs(59), &CHINESE), "59 秒前");
        assert_eq!(age(Duration::from_secs(3599), &ENGLISH), "59 min ago");
        assert_eq!(age(Duration::from_hours(49), &ENGLISH), "2 d ago");
    }
}
