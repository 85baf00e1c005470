//! `ringload run`: a synthetic load, in a closed or an open loop, from one thread per core.

mod agent;
mod composer;
mod lane;
mod load;
mod measure;
mod report;
mod routed;
mod step;

use crate::{
    cli::RunArgs,
    clock::{Nanos, nanos},
    error::Error,
    hdr_log, page,
    protocol::Protocol,
    timeline,
    workload::{Arrivals, RateCourse},
};
use composer::Work;
pub use measure::{Measured, Pace, measure};
pub use report::RunReport;
use step::Tally;

/// A checked description of the load, shared by all threads.
#[derive(Debug)]
pub struct Plan {
    protocol: Protocol,
    pipeline: usize,
    work: Work,
    /// One thread's share of the open loop's course.
    course: Option<RateCourse>,
    arrivals: Arrivals,
    warmup: Nanos,
    /// Of every stage of the course.
    duration: Nanos,
    requests: Option<u64>,
    seed: u64,
    threads: usize,
}

/// What one thread brings back beside its intervals.
struct Outcome {
    tally: Tally,
    unanswered: u64,
    unsent: u64,
    load_errors: u64,
}

/// Runs the load; gives whether all went well.
pub fn run(args: &RunArgs) -> Result<bool, Error> {
    let load = &args.load;
    let seed = load.common.seed.unwrap_or_else(crate::random_seed);
    let pace = pace(args)?;
    eprintln!("ringload: {} connections to {}, seed {seed}", load.connections, load.common.server);

    let measured = hdr_log::logged(args.course.hdr_log.as_deref(), |closed| {
        measure(load, seed, &pace, load.load, "running", closed)
    })?;
    let report = RunReport::new(load, seed, &pace, measured);
    print!("{report}");
    if let Some(path) = &load.common.json {
        crate::write_json(path, &report)?;
    }
    if let Some(path) = &args.course.report {
        page::write(path, &[page::Run::of(path, &report)?])?;
    }
    Ok(report.passed())
}

/// The checked pace of a run.
fn pace(args: &RunArgs) -> Result<Pace, Error> {
    let stages = args.rate.as_ref().map_or(1, |course| course.stages().len());
    let moving = args.rate.as_ref().is_some_and(|course| course.stages().iter().any(|stage| stage.from != stage.to));
    if args.requests.is_some() && (stages > 1 || moving) {
        return Err(Error::Usage("--requests goes with one constant --rate only: the others are given time".into()));
    }
    let duration = if args.requests.is_some() { Nanos::MAX } else { nanos(args.duration) };
    let interval = timeline::interval(args.course.interval, duration.saturating_mul(stages as u64))?;
    let (course, arrivals) = (args.rate.clone(), args.arrivals);
    Ok(Pace { course, arrivals, warmup: nanos(args.warmup), duration, requests: args.requests, interval })
}

/// The `index`-th of `parts` shares of `total`, differing by at most one.
fn share(total: u64, parts: usize, index: usize) -> u64 {
    total / parts as u64 + u64::from((index as u64) < total % parts as u64)
}
