//! The result of a run, for people and as JSON.

use std::fmt;

use serde::Serialize;

use super::{Outcome, step::Tally};
use crate::{
    cli::RunArgs,
    clock::SECOND,
    recorder::{Counts, Percentiles, Recorder},
    units::human_bytes,
    workload::Arrivals,
};

/// From this share of a core on, the generator was the bottleneck.
const BUSY_BOTTLENECK: f64 = 0.95;

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
    rate: Option<f64>,
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
    /// The busiest generator thread's share of its core.
    generator_busy: f64,
    generator_was_bottleneck: bool,
}

impl RunReport {
    pub fn new(args: &RunArgs, seed: u64, outcomes: Vec<Outcome>) -> Self {
        let mut recorder = Recorder::default();
        let mut operations = Tally::default();
        let (mut elapsed, mut busy, mut unanswered, mut unsent, mut load_errors) = (0, 0f64, 0, 0, 0);
        for outcome in outcomes {
            recorder.merge(outcome.recorder);
            operations.merge(&outcome.tally);
            elapsed = elapsed.max(outcome.elapsed);
            busy = busy.max(outcome.busy);
            unanswered += outcome.unanswered;
            unsent += outcome.unsent;
            load_errors += outcome.load_errors;
        }
        let elapsed_s = elapsed as f64 / SECOND as f64;
        let requests_per_s = if elapsed > 0 { recorder.counts.requests as f64 / elapsed_s } else { 0.0 };
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
            rate: args.rate,
            arrivals: args.rate.map(|_| match args.arrivals {
                Arrivals::Even => "even",
                Arrivals::Poisson => "poisson",
            }),
            seed,
            elapsed_s,
            requests_per_s,
            latency: recorder.percentiles(),
            operations,
            counts: recorder.counts,
            unanswered,
            unsent,
            load_errors,
            generator_busy: busy,
            generator_was_bottleneck: busy >= BUSY_BOTTLENECK,
        }
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
        let from = if self.rate.is_some() { " from the intended moment" } else { "" };
        writeln!(
            f,
            "latency us  p50 {:.1}  p90 {:.1}  p99 {:.1}  p99.9 {:.1}  max {:.1}{from}",
            l.p50_us, l.p90_us, l.p99_us, l.p99_9_us, l.max_us
        )?;
        writeln!(f, "generator   {:.0} % of a core (seed {})", self.generator_busy * 100.0, self.seed)?;
        if self.load_errors > 0 {
            writeln!(f, "note: {} keys were refused while loading", self.load_errors)?;
        }
        if self.unsent > 0 {
            writeln!(f, "note: {} arrivals could not be sent in time: the rate was not reached", self.unsent)?;
        }
        if self.generator_was_bottleneck {
            writeln!(f, "note: the generator was the bottleneck; give it more --cores")?;
        }
        Ok(())
    }
}
