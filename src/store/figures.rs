//! How long the store takes: what the writer counts while it writes.

use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds of spans, in seconds: a batch on a fast disk takes one millisecond, on a slow one a hundred.
const SPANS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];

/// Upper bounds of how much shares a batch.
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// What was counted since the start. A clone is the same count.
#[derive(Debug, Clone)]
pub struct StoreFigures {
    /// From when something is handed to the writer until it is answered.
    pub answers: Histogram,
    /// What the writer takes for a batch, its COMMIT included.
    pub batches: Histogram,
    /// What the COMMIT of a batch takes, with the rows that are written before it.
    pub commits: Histogram,
    /// How many commands share a batch.
    pub sizes: Histogram,
    /// How many commands were gathered while the batch before them is written.
    pub ahead: Gauge,
}

impl Default for StoreFigures {
    fn default() -> Self {
        let spans = || Histogram::new(SPANS);
        Self {
            answers: spans(),
            batches: spans(),
            commits: spans(),
            sizes: Histogram::new(SIZES),
            ahead: Gauge::default(),
        }
    }
}

/// Counts a span.
pub(super) fn observe(histogram: &Histogram, span: Duration) {
    histogram.observe(span.as_secs_f64());
}
