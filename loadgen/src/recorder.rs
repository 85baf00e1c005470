//! What was measured: counters and a latency histogram, mergeable over threads.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock::{Nanos, SECOND};

/// Longest latency that is told apart from longer ones.
const LATENCY_MAX: Nanos = 100 * SECOND;

/// Significant decimal digits that the histogram keeps.
const LATENCY_DIGITS: u8 = 3;

/// The same for send lags: a coarser histogram is small enough to stay in the nearest cache.
const LAG_DIGITS: u8 = 1;

/// Parts that the percentiles' plot divides each halving of the rest into.
const CURVE_STEPS: u32 = 8;

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

/// Counters and latencies: of one thread, and merged.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// The counters.
    pub counts: Counts,
    latency: Histogram<u64>,
    /// How late requests of an open loop were sent for the generator's own sake.
    lag: Histogram<u64>,
    /// Latencies equal to the last one are counted here first: a batch mostly shares one.
    run: (Nanos, u64),
}

impl Default for Recorder {
    fn default() -> Self {
        let latency = Histogram::new_with_bounds(1, LATENCY_MAX, LATENCY_DIGITS).expect("the bounds are valid");
        let lag = Histogram::new_with_bounds(1, LATENCY_MAX, LAG_DIGITS).expect("the bounds are valid");
        Recorder { counts: Counts::default(), latency, lag, run: (0, 0) }
    }
}

impl Recorder {
    /// Records one answered request.
    #[inline]
    pub fn record(&mut self, latency: Nanos) {
        self.record_n(latency, 1);
    }

    /// Records so many requests that were answered after the same time.
    #[inline]
    pub fn record_n(&mut self, latency: Nanos, count: u64) {
        if latency == self.run.0 {
            self.run.1 += count;
        } else {
            self.settle();
            self.run = (latency, count);
        }
    }

    /// Records how late a request is sent that the server did not hold up.
    #[inline]
    pub fn record_lag(&mut self, lag: Nanos) {
        self.lag.saturating_record(lag.max(1));
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.counts = Counts::default();
        self.latency.reset();
        self.lag.reset();
        self.run = (0, 0);
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
    pub fn merge(&mut self, other: &mut Recorder) {
        other.settle();
        self.settle();
        self.counts.merge(&other.counts);
        if !other.latency.is_empty() {
            self.latency.add(&other.latency).expect("all recorders have the same bounds");
        }
        if !other.lag.is_empty() {
            self.lag.add(&other.lag).expect("all recorders have the same bounds");
        }
    }

    /// The latencies in nanoseconds. Call [`Recorder::settle`] or [`Recorder::merge`] before.
    pub fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }

    /// 99 of 100 requests were sent at most this late, in microseconds; 0 in a closed loop.
    pub fn lag_p99_us(&self) -> f64 {
        self.lag.value_at_quantile(0.99) as f64 / 1000.0
    }

    /// Latency by percentile, in steps that become finer towards the slowest request.
    pub fn curve(&self) -> Vec<CurvePoint> {
        let point = |quantile: f64, value: u64| CurvePoint { quantile, latency_us: value as f64 / 1000.0 };
        self.latency
            .iter_quantiles(CURVE_STEPS)
            .map(|step| point(step.quantile_iterated_to(), step.value_iterated_to().min(self.latency.max())))
            .collect()
    }

    /// p50, p99 and the maximum in microseconds, which cost a quarter of all percentiles.
    pub fn outline(&self) -> [f64; 3] {
        [self.latency.value_at_quantile(0.5), self.latency.value_at_quantile(0.99), self.latency.max()]
            .map(|nanos| nanos as f64 / 1000.0)
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

/// A point of the curve of latency by percentile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// The share of the requests that were no slower, 0 to 1.
    pub quantile: f64,
    /// Their slowest.
    pub latency_us: f64,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
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
        total.merge(&mut recorder.clone());
        total.merge(&mut recorder);
        assert_eq!(total.counts.requests, 12);
        let p = total.percentiles();
        assert!((p.p50_us - 5.0).abs() < 0.01, "{p:?}");
        assert!(p.max_us >= 100e6, "{p:?}");
    }

    #[test]
    fn the_curve_ends_with_the_slowest_request() {
        let mut recorder = Recorder::default();
        (1..=10_000u64).for_each(|n| recorder.record(n * 1000));
        recorder.settle();
        let curve = recorder.curve();
        assert!(curve.len() > 50 && curve.len() < 500, "{}", curve.len());
        assert!(curve.is_sorted_by(|a, b| a.quantile <= b.quantile && a.latency_us <= b.latency_us));
        let last = curve.last().unwrap();
        assert!((last.quantile - 1.0).abs() < 1e-9 && (last.latency_us / 10_000.0 - 1.0).abs() < 0.001, "{last:?}");
        let p99 = curve.iter().find(|point| point.quantile >= 0.99).unwrap();
        assert!((p99.latency_us / 9_900.0 - 1.0).abs() < 0.01, "{p99:?}");
        assert!(Recorder::default().curve().is_empty());
    }

    #[test]
    fn a_cleared_recorder_is_a_new_one() {
        let mut recorder = Recorder::default();
        recorder.record(7_000);
        recorder.record_lag(9_000);
        recorder.settle();
        assert!((recorder.lag_p99_us() - 9.0).abs() < 1.0, "{}", recorder.lag_p99_us());
        recorder.clear();
        recorder.settle();
        assert_eq!((recorder.counts.requests, recorder.lag_p99_us()), (0, 0.0));
        assert_eq!(recorder.percentiles().max_us, 0.0);
    }
}
