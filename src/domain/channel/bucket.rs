//! How often a channel may speak, and what becomes one message.

use std::collections::VecDeque;
use std::time::Duration;

use super::Topic;

/// How many messages a channel sends within a minute: the robots stop listening at twenty.
pub const A_MINUTE: usize = 15;

const SPAN: Duration = Duration::from_mins(1);

/// When a channel has spoken within the last minute, by what the clock has run.
#[derive(Debug, Clone, Default)]
pub struct Bucket(VecDeque<Duration>);

impl Bucket {
    /// How many messages may be sent now.
    pub fn left(&mut self, running: Duration) -> usize {
        while self.0.front().is_some_and(|sent| running.saturating_sub(*sent) >= SPAN) {
            self.0.pop_front();
        }
        A_MINUTE.saturating_sub(self.0.len())
    }

    /// Notes a message.
    pub fn take(&mut self, running: Duration) {
        self.0.push_back(running);
    }
}

/// Parts what waits into messages, by places: what is about the same is told together, and where that makes more
/// messages than are `left`, the last of those tells all the rest.
pub fn parcels(waiting: &[Topic], left: usize) -> Vec<Vec<usize>> {
    let mut parcels: Vec<(Topic, Vec<usize>)> = Vec::new();
    for (place, key) in waiting.iter().enumerate() {
        match parcels.iter_mut().find(|(known, _)| known == key) {
            Some((_, parcel)) => parcel.push(place),
            None => parcels.push((*key, vec![place])),
        }
    }
    let mut parcels: Vec<Vec<usize>> = parcels.into_iter().map(|(_, parcel)| parcel).collect();
    if parcels.len() > left {
        let mut digest: Vec<usize> = parcels.drain(left.saturating_sub(1)..).flatten().collect();
        digest.sort_unstable();
        parcels.extend((left > 0).then_some(digest));
    }
    parcels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::incident::{Change, Kind};

    #[test]
    fn fifteen_a_minute() {
        let (mut bucket, at) = (Bucket::default(), Duration::from_secs);
        for second in 0..15 {
            assert!(bucket.left(at(second)) > 0, "{second}");
            bucket.take(at(second));
        }
        assert_eq!((bucket.left(at(59)), bucket.left(at(60)), bucket.left(at(61))), (0, 1, 2));
    }

    #[test]
    fn what_is_alike_is_told_together_and_what_is_too_much_in_one_digest() {
        use Change::{Begun, Ended};
        use Kind::{Backup, Disk, Drift};
        let waiting = [(Drift, Begun), (Disk, Begun), (Drift, Begun), (Drift, Ended), (Backup, Begun)];
        let waiting = waiting.map(|(kind, change)| Topic::Incident(kind, change, false));
        assert_eq!(parcels(&waiting, 4), [vec![0, 2], vec![1], vec![3], vec![4]]);
        assert_eq!(parcels(&waiting, 3), [vec![0, 2], vec![1], vec![3, 4]]);
        assert_eq!(parcels(&waiting, 1), [vec![0, 1, 2, 3, 4]]);
        assert!(parcels(&waiting, 0).is_empty() && parcels(&[], 3).is_empty());
    }
}
