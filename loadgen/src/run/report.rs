//! The result of a run, for people and as JSON.

use std::fmt;

use serde::Serialize;

use super::{Measured, Pace, step::Tally};
use crate::{
    bottleneck::Strain,
    cli::LoadArgs,
    measurement::Measurement,
    recorder::{Counts, Percentiles},
    units::human_bytes,
    workload::{Arrivals, Rate, RateCourse, Stage},
};

/// The options that a workload file replaces.
#[derive(Debug, Serialize)]
struct PlainOptions {
    multiget: u16,
    get_ratio: f64,
    keys: u64,
    key_size: usize,
    value_size: String,
    distribution: String,
}

/// What a run found.
#[derive(Debug, Serialize)]
pub struct RunReport {
    server: String,
    protocol: &'static str,
    connections: u32,
    pipeline: u32,
    /// The workload file; the options that it replaces are then absent.
    workload: Option<String>,
    #[serde(flatten)]
    plain: Option<PlainOptions>,
    /// Requests per second, where an open loop has one rate.
    rate: Option<f64>,
    /// The open loop's rates as they were typed.
    rates: Option<String>,
    arrivals: Option<&'static str>,
    seed: u64,
    elapsed_s: f64,
    requests_per_s: f64,
    #[serde(flatten)]
    counts: Counts,
    latency: Percentiles,
    /// The answers by kind of request, with a workload file.
    operations: Tally,
    /// Requests without an answer when waiting for them ended.
    unanswered: u64,
    /// Arrivals of the open loop that could not be sent before the end.
    unsent: u64,
    /// Sets that were refused while loading.
    load_errors: u64,
    /// The server's shards, if each key was sent to its owner.
    shard_aware: Option<usize>,
    #[serde(flatten)]
    measurement: Measurement,
}

impl RunReport {
    pub fn new(args: &LoadArgs, seed: u64, pace: &Pace, measured: Measured) -> Self {
        let Measured { totals, operations, unanswered, unsent, load_errors, shards } = measured;
        let counts = totals.recorder.counts.clone();
        RunReport {
            server: args.common.server.to_string(),
            protocol: args.protocol.name(),
            connections: args.connections,
            pipeline: args.pipeline,
            workload: args.workload.as_ref().map(|path| path.display().to_string()),
            plain: args.workload.is_none().then(|| PlainOptions {
                multiget: args.multiget,
                get_ratio: args.get_ratio,
                keys: args.keys,
                key_size: args.key_size.0,
                value_size: args.value_size.to_string(),
                distribution: args.distribution.to_string(),
            }),
            rate: pace.course.as_ref().and_then(constant_rate),
            rates: pace.course.as_ref().map(|course| course.to_string()),
            arrivals: pace.course.as_ref().map(|_| match pace.arrivals {
                Arrivals::Even => "even",
                Arrivals::Poisson => "poisson",
            }),
            seed,
            elapsed_s: totals.elapsed_s(),
            requests_per_s: totals.per_s(counts.requests),
            latency: totals.recorder.percentiles(),
            operations,
            counts,
            unanswered,
            unsent,
            load_errors,
            shard_aware: shards,
            measurement: Measurement::of(totals),
        }
    }

    /// Seconds, requests per second, error replies, latencies, and how hard the generator worked.
    pub fn figures(&self) -> (f64, f64, u64, Percentiles, Strain) {
        (self.elapsed_s, self.requests_per_s, self.counts.errors, self.latency, self.measurement.strain)
    }

    /// The constant rate that was asked for.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Whether every request got an answer.
    pub fn passed(&self) -> bool {
        self.unanswered == 0
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.counts;
        writeln!(f, "requests    {} in {:.3} s: {:.0}/s", c.requests, self.elapsed_s, self.requests_per_s)?;
        if let Some(shards) = self.shard_aware {
            writeln!(f, "routing     shard-aware: every key to its owner of {shards} shards")?;
        }
        if c.gets > 0 {
            let ratio = c.hits as f64 / c.gets as f64;
            writeln!(f, "gets        {} keys: {} hits, {} misses (hit ratio {ratio:.4})", c.gets, c.hits, c.misses)?;
        }
        writeln!(f, "sets        {} stored", c.stored)?;
        for (name, counts) in self.operations.rows() {
            let (requests, done, not_done) = (counts.requests, counts.done, counts.not_done);
            writeln!(f, "  {name:<9} {requests} requests: {done} done, {not_done} not, {} errors", counts.errors)?;
        }
        writeln!(f, "errors      {} error replies, {} unanswered", c.errors, self.unanswered)?;
        writeln!(f, "bytes       {} sent, {} received", human_bytes(c.bytes_sent), human_bytes(c.bytes_received))?;
        let l = &self.latency;
        let from = if self.rates.is_some() { " from the intended moment" } else { "" };
        writeln!(
            f,
            "latency us  p50 {:.1}  p90 {:.1}  p99 {:.1}  p99.9 {:.1}  max {:.1}{from}",
            l.p50_us, l.p90_us, l.p99_us, l.p99_9_us, l.max_us
        )?;
        write!(f, "generator   {}", self.measurement.strain)?;
        if self.rates.is_some() {
            write!(f, ", p99 of its own lateness {:.1} us", self.measurement.strain.send_lag_p99_us)?;
        }
        writeln!(f, " (seed {})", self.seed)?;
        if self.measurement.stages.len() > 1 {
            self.write_stages(f)?;
        }
        if self.load_errors > 0 {
            writeln!(f, "note: {} keys were refused while loading", self.load_errors)?;
        }
        if self.unsent > 0 {
            writeln!(f, "note: {} arrivals could not be sent in time: the rate was not reached", self.unsent)?;
        }
        self.measurement.write_notes(f)?;
        if let Some(reason) = &self.measurement.generator_complaint {
            writeln!(f, "note: the generator was the bottleneck ({reason}): these figures are not the server's.")?;
            writeln!(f, "      Give it more --cores, or cores that nothing else uses")?;
        }
        Ok(())
    }
}

impl RunReport {
    fn write_stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["rate/s", "answered/s", "p50 us", "p90 us", "p99 us", "p99.9 us", "max us"];
        write!(f, "stages  ")?;
        for name in head {
            write!(f, "{name:>14}")?;
        }
        writeln!(f, "  generator")?;
        for (at, row) in self.measurement.stages.iter().enumerate() {
            let rate = match (row.rate_from, row.rate_to) {
                (Some(from), Some(to)) => Stage { from, to }.to_string(),
                _ => String::new(),
            };
            let l = &row.latency;
            write!(f, "{:>7} {rate:>14}{:>14}", at + 1, Rate(row.requests_per_s).to_string())?;
            for value in [l.p50_us, l.p90_us, l.p99_us, l.p99_9_us, l.max_us] {
                write!(f, "{value:>14.1}")?;
            }
            let mark = if row.generator_was_bottleneck { " (bottleneck)" } else { "" };
            writeln!(f, "  {:.0} %{mark}", row.strain.generator_busy * 100.0)?;
        }
        Ok(())
    }
}

/// The rate of a course that does not change it.
fn constant_rate(course: &RateCourse) -> Option<f64> {
    match course.stages() {
        [stage] if stage.from == stage.to => Some(stage.from),
        _ => None,
    }
}
