//! What was measured: counters and a latency histogram, mergeable over threads.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock::{Nanos, SECOND};

/// Longest latency that is told apart from longer ones.
const LATENCY_MAX: Nanos = 100 * SECOND;

/// Significant decimal digits that the histogram keeps.
const LATENCY_DIGITS: u8 = 3;

/// Counters of one phase.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counts {
    /// Requests answered; a multiget is one.
    pub requests: u64,
    /// Keys read.
    pub gets: u64,
    /// Keys read and found.
    pub hits: u64,
    /// Keys read and not found.
    pub misses: u64,
    /// Writes that the server stored.
    pub stored: u64,
    /// Requests answered by an error line (`SERVER_ERROR out of memory ...`).
    pub errors: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
}

impl Counts {
    /// Adds another thread's.
    pub fn merge(&mut self, other: &Counts) {
        self.requests += other.requests;
        self.gets += other.gets;
        self.hits += other.hits;
        self.misses += other.misses;
        self.stored += other.stored;
        self.errors += other.errors;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
    }
}

/// Counters and latencies of one thread.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// The counters.
    pub counts: Counts,
    latency: Histogram<u64>,
    /// Latencies equal to the last one are counted here first: a batch mostly shares one.
    run: (Nanos, u64),
}

impl Default for Recorder {
    fn default() -> Self {
        let latency = Histogram::new_with_bounds(1, LATENCY_MAX, LATENCY_DIGITS).expect("the bounds are valid");
        Recorder { counts: Counts::default(), latency, run: (0, 0) }
    }
}

impl Recorder {
    /// Records one answered request.
    #[inline]
    pub fn record(&mut self, latency: Nanos) {
        if latency == self.run.0 {
            self.run.1 += 1;
        } else {
            self.settle();
            self.run = (latency, 1);
        }
    }

    /// Enters what was counted aside into the histogram.
    pub fn settle(&mut self) {
        if self.run.1 > 0 {
            self.latency.saturating_record_n(self.run.0.max(1), self.run.1);
            self.counts.requests += self.run.1;
            self.run.1 = 0;
        }
    }

    /// Adds another thread's.
    pub fn merge(&mut self, mut other: Recorder) {
        other.settle();
        self.settle();
        self.counts.merge(&other.counts);
        self.latency.add(&other.latency).expect("all recorders have the same bounds");
    }

    /// The percentiles. Call [`Recorder::settle`] or [`Recorder::merge`] before.
    pub fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1000.0;
        Percentiles {
            mean_us: self.latency.mean() / 1000.0,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p99_9_us: at(0.999),
            max_us: self.latency.max() as f64 / 1000.0,
        }
    }
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    pub mean_us: f64,
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p99_9_us: f64,
    pub max_us: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_equal_latencies_are_all_counted() {
        let mut recorder = Recorder::default();
        for latency in [5_000, 5_000, 5_000, 7_000, 0, u64::MAX] {
            recorder.record(latency);
        }
        let mut total = Recorder::default();
        total.merge(recorder.clone());
        total.merge(recorder);
        assert_eq!(total.counts.requests, 12);
        let p = total.percentiles();
        assert!((p.p50_us - 5.0).abs() < 0.01, "{p:?}");
        assert!(p.max_us >= 100e6, "{p:?}");
    }
}
