//! `ringload run`: a synthetic load, in a closed or an open loop, from one thread per core.

mod agent;
mod composer;
mod lane;
mod load;
mod report;
mod step;

use std::{
    sync::{Arc, Barrier},
    thread,
};

use crate::{
    cli::RunArgs,
    clock::{Clock, Nanos, nanos},
    cores,
    driver::Driver,
    error::Error,
    progress::{self, Answered},
    protocol::Protocol,
    recorder::Recorder,
    workload::{Arrivals, Keyspace, Mix, ValueSource, file},
};
use agent::RunAgent;
use composer::{MixedWork, PlainWork, Work};
use load::LoadAgent;
use report::RunReport;
use step::Tally;

/// A checked description of the load, shared by all threads.
#[derive(Debug)]
pub struct Plan {
    protocol: Protocol,
    pipeline: usize,
    work: Work,
    /// Requests per second of one thread.
    rate: Option<f64>,
    arrivals: Arrivals,
    warmup: Nanos,
    duration: Nanos,
    requests: Option<u64>,
    seed: u64,
    threads: usize,
}

/// What one thread brings back.
struct Outcome {
    recorder: Recorder,
    tally: Tally,
    /// Nanoseconds from the start of the measurement to the last answer.
    elapsed: Nanos,
    busy: f64,
    unanswered: u64,
    unsent: u64,
    load_errors: u64,
}

/// Runs the load; gives whether all went well.
pub fn run(args: &RunArgs) -> Result<bool, Error> {
    let seed = args.common.seed.unwrap_or_else(crate::random_seed);
    let pins = args.common.pins();
    let threads = pins.len();
    if (args.connections as usize) < threads {
        return Err(Error::Usage(format!("{threads} cores need at least {threads} connections")));
    }
    let plan = Arc::new(Plan {
        protocol: args.protocol,
        pipeline: args.pipeline as usize,
        work: work(args, seed)?,
        rate: args.rate.map(|rate| rate / threads as f64),
        arrivals: args.arrivals,
        warmup: nanos(args.warmup),
        duration: nanos(args.duration),
        requests: args.requests,
        seed,
        threads,
    });
    let endpoint = args.common.endpoint()?;
    eprintln!("ringload: {} connections to {}, seed {seed}", args.connections, args.common.server);

    let clock = Clock::start();
    let answered = Arc::new(Answered::default());
    let barrier = Arc::new(Barrier::new(threads));
    let workers: Vec<_> = pins
        .into_iter()
        .enumerate()
        .map(|(index, core)| {
            let (plan, answered, barrier) = (plan.clone(), answered.clone(), barrier.clone());
            let (endpoint, load) = (endpoint.clone(), args.load);
            let count = share(u64::from(args.connections), threads, index) as usize;
            thread::spawn(move || {
                let prepared = core.map_or(Ok(()), cores::pin).and_then(|()| {
                    let mut driver = Driver::connect(&endpoint, count, 0, clock)?;
                    let mut load_errors = 0;
                    if load {
                        let mut agent = LoadAgent::new(&plan, index, count);
                        driver.drive(&mut agent)?;
                        load_errors = agent.errors;
                    }
                    Ok((driver, load_errors))
                });
                // Also a thread that failed arrives here, or the others would wait for ever.
                barrier.wait();
                let (mut driver, load_errors) = prepared?;
                let mut agent = RunAgent::new(&plan, index, count, clock.now(), &answered);
                driver.drive(&mut agent)?;
                Ok(agent.finish(driver.busy(), load_errors))
            })
        })
        .collect();
    progress::watch("running", &answered, 0, || workers.iter().all(|worker| worker.is_finished()));

    let mut outcomes = Vec::new();
    for worker in workers {
        outcomes.push(worker.join().map_err(|_| Error::Thread)??);
    }
    let report = RunReport::new(args, seed, outcomes);
    print!("{report}");
    if let Some(path) = &args.common.json {
        crate::write_json(path, &report)?;
    }
    Ok(report.passed())
}

/// What the run asks for: by the workload file, or by the options.
fn work(args: &RunArgs, seed: u64) -> Result<Work, Error> {
    if let Some(path) = &args.workload {
        return Ok(Work::Mixed(MixedWork::new(file::read(path, args.protocol)?, seed)));
    }
    Ok(Work::Plain(PlainWork {
        keyspace: Keyspace::new(args.keys, args.key_size.0).map_err(Error::Usage)?,
        values: ValueSource::new(args.value_size, seed),
        distribution: args.distribution,
        mix: Mix::new(args.get_ratio),
        multiget: args.multiget,
    }))
}

/// The `index`-th of `parts` shares of `total`, differing by at most one.
fn share(total: u64, parts: usize, index: usize) -> u64 {
    total / parts as u64 + u64::from((index as u64) < total % parts as u64)
}
