//! The result of a replay, for people and as JSON.

use std::fmt;

use serde::Serialize;

use crate::{
    cli::ReplayArgs,
    clock::{Nanos, SECOND},
    recorder::Percentiles,
};

/// What the server answered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplayCounts {
    /// Requests of the trace.
    pub requests: u64,
    /// Its gets and gets.
    pub gets: u64,
    /// Those that found the key.
    pub hits: u64,
    /// Sets that followed a miss.
    pub fills: u64,
    /// Writes stored, fills included.
    pub stored: u64,
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
    /// All other error lines.
    pub errors: u64,
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
    hit_ratio: f64,
    #[serde(flatten)]
    counts: ReplayCounts,
    latency: Percentiles,
    generator_busy: f64,
}

impl ReplayReport {
    pub fn new(args: &ReplayArgs, counts: ReplayCounts, latency: Percentiles, elapsed: Nanos, busy: f64) -> Self {
        let elapsed_s = elapsed.max(1) as f64 / SECOND as f64;
        ReplayReport {
            server: args.common.server.to_string(),
            trace: args.trace.display().to_string(),
            protocol: args.protocol.name(),
            connections: args.connections,
            pipeline: args.pipeline,
            speed: args.speed,
            fills_misses: !args.no_fill,
            elapsed_s,
            requests_per_s: counts.requests as f64 / elapsed_s,
            hit_ratio: if counts.gets > 0 { counts.hits as f64 / counts.gets as f64 } else { 0.0 },
            counts,
            latency,
            generator_busy: busy,
        }
    }

    /// Whether the server took every request as one.
    pub fn passed(&self) -> bool {
        self.counts.errors == 0
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
        writeln!(f, "hit ratio   {:.4} ({} of {} gets)", self.hit_ratio, c.hits, c.gets)?;
        writeln!(f, "writes      {} stored ({} after a miss), {} not stored", c.stored, c.fills, c.not_stored)?;
        writeln!(f, "others      {} deleted, {} numbers, {} not found", c.deleted, c.numbers, c.not_found)?;
        writeln!(
            f,
            "refused     {} too large, {} out of memory, {} not numeric, {} other errors",
            c.too_large, c.out_of_memory, c.non_numeric, c.errors
        )?;
        let l = &self.latency;
        writeln!(f, "latency us  p50 {:.1}  p99 {:.1}  max {:.1}", l.p50_us, l.p99_us, l.max_us)?;
        writeln!(f, "generator   {:.0} % of a core", self.generator_busy * 100.0)?;
        if c.left_out > 0 {
            writeln!(f, "note: {} requests were left out: {} has neither cas nor prepend", c.left_out, self.protocol)?;
        }
        if c.keys_replaced > 0 {
            writeln!(f, "note: {} keys could not be sent as they are and were replaced", c.keys_replaced)?;
        }
        if c.values_cut > 0 {
            writeln!(f, "note: {} values were cut to --value-size-max", c.values_cut)?;
        }
        Ok(())
    }
}
