//! The result of a replay, for people and as JSON.

use std::fmt;

use serde::Serialize;

use crate::{cli::ReplayArgs, collector::Totals, measurement::Measurement, recorder::Percentiles};

/// What the trace asked for and the server answered, beside what every load counts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplayCounts {
    /// Requests of the trace.
    pub requests: u64,
    /// Sets that followed a miss.
    pub fills: u64,
    /// add of a key that is there, replace, append and prepend of one that is not, cas of one that was changed.
    pub not_stored: u64,
    /// Deletes, incr, decr and cas of an absent key.
    pub not_found: u64,
    /// Deletes done.
    pub deleted: u64,
    /// Numbers from incr and decr.
    pub numbers: u64,
    /// incr and decr of a value that is not a number.
    pub non_numeric: u64,
    /// Values that the server found too large.
    pub too_large: u64,
    /// Writes for which the server found no memory.
    pub out_of_memory: u64,
    /// Requests that the protocol has no equal for, which were not sent.
    pub left_out: u64,
    /// Keys that could not be sent as they were.
    pub keys_replaced: u64,
    /// Values cut to `--value-size-max`.
    pub values_cut: u64,
    /// Microseconds that a request was read late at most, where the trace says when it is due.
    pub behind_us_max: u64,
}

/// What a replay found.
#[derive(Debug, Serialize)]
pub struct ReplayReport {
    server: String,
    trace: String,
    protocol: &'static str,
    connections: u32,
    pipeline: u32,
    /// How many times faster than the trace; none is as fast as the server answers.
    speed: Option<f64>,
    /// Whether misses were followed by sets.
    fills_misses: bool,
    elapsed_s: f64,
    /// Requests of the trace per second.
    requests_per_s: f64,
    /// Requests answered: those of the trace, the sets that followed a miss, and the cas that followed their reads.
    answered: u64,
    answered_per_s: f64,
    hit_ratio: f64,
    /// Gets and gets of the trace.
    gets: u64,
    /// Those that found the key.
    hits: u64,
    misses: u64,
    /// Writes stored, fills included.
    stored: u64,
    /// Error lines that the counts have no name for.
    errors: u64,
    #[serde(flatten)]
    counts: ReplayCounts,
    /// Of all that was answered.
    latency: Percentiles,
    #[serde(flatten)]
    measurement: Measurement,
}

impl ReplayReport {
    pub fn new(args: &ReplayArgs, counts: ReplayCounts, totals: Totals) -> Self {
        let answers = totals.recorder.counts.clone();
        ReplayReport {
            server: args.common.server.to_string(),
            trace: args.trace.display().to_string(),
            protocol: args.protocol.name(),
            connections: args.connections,
            pipeline: args.pipeline,
            speed: args.speed,
            fills_misses: !args.no_fill,
            elapsed_s: totals.elapsed_s(),
            requests_per_s: totals.per_s(counts.requests),
            answered: answers.requests,
            answered_per_s: totals.per_s(answers.requests),
            hit_ratio: if answers.gets > 0 { answers.hits as f64 / answers.gets as f64 } else { 0.0 },
            gets: answers.gets,
            hits: answers.hits,
            misses: answers.misses,
            stored: answers.stored,
            errors: answers.errors,
            counts,
            latency: totals.recorder.percentiles(),
            measurement: Measurement::of(totals),
        }
    }

    /// Whether the server took every request as one.
    pub fn passed(&self) -> bool {
        self.errors == 0
    }
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.counts;
        writeln!(f, "requests    {} in {:.3} s: {:.0}/s", c.requests, self.elapsed_s, self.requests_per_s)?;
        if let Some(speed) = self.speed {
            let behind = c.behind_us_max as f64 / 1000.0;
            writeln!(f, "speed       {speed}x the trace's, {behind:.1} ms behind it at most")?;
        }
        writeln!(f, "hit ratio   {:.4} ({} of {} gets)", self.hit_ratio, self.hits, self.gets)?;
        writeln!(f, "writes      {} stored ({} after a miss), {} not stored", self.stored, c.fills, c.not_stored)?;
        writeln!(f, "others      {} deleted, {} numbers, {} not found", c.deleted, c.numbers, c.not_found)?;
        writeln!(
            f,
            "refused     {} too large, {} out of memory, {} not numeric, {} other errors",
            c.too_large, c.out_of_memory, c.non_numeric, self.errors
        )?;
        let l = &self.latency;
        writeln!(f, "latency us  p50 {:.1}  p99 {:.1}  max {:.1}", l.p50_us, l.p99_us, l.max_us)?;
        write!(f, "generator   {}", self.measurement.strain)?;
        if self.speed.is_some() {
            write!(f, ", p99 of its own lateness {:.1} us", self.measurement.strain.send_lag_p99_us)?;
        }
        writeln!(f)?;
        if c.left_out > 0 {
            writeln!(f, "note: {} requests were left out: {} has neither cas nor prepend", c.left_out, self.protocol)?;
        }
        if c.keys_replaced > 0 {
            writeln!(f, "note: {} keys could not be sent as they are and were replaced", c.keys_replaced)?;
        }
        if c.values_cut > 0 {
            writeln!(f, "note: {} values were cut to --value-size-max", c.values_cut)?;
        }
        self.measurement.write_notes(f)?;
        if let Some(reason) = &self.measurement.generator_complaint {
            writeln!(f, "note: the generator was the bottleneck ({reason}): rate and latencies are not the server's,")?;
            writeln!(f, "      the hit ratio is")?;
        }
        Ok(())
    }
}
