//! One measured load: threads that drive it, and the collector that puts their figures together.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use super::{
    Outcome, Plan,
    agent::RunAgent,
    composer::{MixedWork, PlainWork, Work, suits},
    load::LoadAgent,
    share,
    step::Tally,
};
use crate::{
    cli::LoadArgs,
    clock::{Clock, Nanos, SECOND},
    collector::{Closed, Collector, Totals},
    cores,
    driver::Driver,
    error::Error,
    interval::{self, IntervalRecorder},
    progress::{Answered, Live},
    timeline::Timeline,
    workload::{Arrivals, Keyspace, Mix, RateCourse, ValueSource, file},
};

/// Threads that are ready begin this long after they are told, so that all have heard it.
const HEAD_START: Nanos = SECOND / 1000;

/// How fast to ask, and for how long.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The open loop's course; none is a closed loop.
    pub course: Option<RateCourse>,
    pub arrivals: Arrivals,
    pub warmup: Nanos,
    /// Of every stage; `Nanos::MAX` with `requests`.
    pub duration: Nanos,
    /// End after this many.
    pub requests: Option<u64>,
    /// Length of an interval.
    pub interval: Nanos,
}

/// What a load came to.
pub struct Measured {
    pub totals: Totals,
    /// The answers by kind of request, with a workload file.
    pub operations: Tally,
    /// Requests without an answer when waiting for them ended.
    pub unanswered: u64,
    /// Arrivals of the open loop that could not be sent before the end.
    pub unsent: u64,
    /// Sets that were refused while loading.
    pub load_errors: u64,
}

/// Drives `load` at `pace`, after storing every key if `store` says so. `closed` is shown every interval.
pub fn measure(
    load: &LoadArgs,
    seed: u64,
    pace: &Pace,
    store: bool,
    what: &str,
    mut closed: impl FnMut(&Closed),
) -> Result<Measured, Error> {
    let pins = load.common.pins();
    let threads = pins.len();
    let plan = Arc::new(plan(load, seed, pace, threads)?);
    let endpoint = load.common.endpoint()?;
    let clock = Clock::start();
    let answered = Arc::new(Answered::default());
    let live = Live::new(what, pace.requests.unwrap_or(0));
    let (ready, prepared) = mpsc::channel();
    let (mut starts, mut workers) = (Vec::new(), Vec::new());
    for (index, core) in pins.into_iter().enumerate() {
        let (start, started) = mpsc::channel::<IntervalRecorder>();
        starts.push(start);
        let (plan, answered, ready) = (plan.clone(), answered.clone(), ready.clone());
        let endpoint = endpoint.clone();
        let count = share(u64::from(load.connections), threads, index) as usize;
        workers.push(thread::spawn(move || {
            let prepare = || {
                core.map_or(Ok(()), cores::pin)?;
                let mut driver = Driver::connect(&endpoint, count, 0, clock)?;
                let mut load_errors = 0;
                if store {
                    let mut agent = LoadAgent::new(&plan, index, count);
                    driver.drive(&mut agent)?;
                    load_errors = agent.errors;
                }
                Ok((driver, load_errors))
            };
            let prepared = prepare();
            let _ = ready.send(prepared.is_ok());
            let (mut driver, load_errors) = prepared?;
            // Nobody starts this thread if another one failed.
            let Ok(intervals) = started.recv() else { return Ok(None) };
            let mut agent = RunAgent::new(&plan, index, count, intervals, &answered);
            driver.drive(&mut agent)?;
            Ok(Some(agent.finish(driver.worked(), load_errors)))
        }));
    }
    drop(ready);
    let mut waiting = threads;
    while waiting > 0 {
        match prepared.recv_timeout(live.patience()) {
            Ok(true) => waiting -= 1,
            Err(mpsc::RecvTimeoutError::Timeout) => live.show(0, None),
            Ok(false) | Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let mut totals = None;
    if waiting == 0 {
        let stages = pace.course.as_ref().map_or(1, |course| course.stages().len());
        let start = clock.now().saturating_add(HEAD_START).saturating_add(pace.warmup);
        let timeline = Timeline::new(start, stages, pace.duration, pace.interval);
        let (recorders, inbox) = interval::connect(threads, timeline);
        for (start, recorder) in starts.iter().zip(recorders) {
            // A thread that ended tells why when it is joined.
            let _ = start.send(recorder);
        }
        let rates = pace.course.iter().flat_map(|course| course.stages()).map(|stage| (stage.from, stage.to)).collect();
        let mut collector = Collector::new(timeline, inbox, rates, |interval| {
            live.show(answered.get(), Some(interval.row));
            closed(&interval);
        });
        while collector.collect(live.patience()) {
            live.show(answered.get(), None);
        }
        totals = Some(collector.finish());
    }
    drop(starts);
    live.finish();

    let mut outcomes = Vec::new();
    for worker in workers {
        let outcome: Result<Option<Outcome>, Error> = worker.join().map_err(|_| Error::Thread)?;
        outcomes.extend(outcome?);
    }
    let totals = totals.ok_or(Error::Thread)?;
    let mut operations = Tally::default();
    outcomes.iter().for_each(|outcome| operations.merge(&outcome.tally));
    Ok(Measured {
        totals,
        operations,
        unanswered: outcomes.iter().map(|outcome| outcome.unanswered).sum(),
        unsent: outcomes.iter().map(|outcome| outcome.unsent).sum(),
        load_errors: outcomes.iter().map(|outcome| outcome.load_errors).sum(),
    })
}

fn plan(args: &LoadArgs, seed: u64, pace: &Pace, threads: usize) -> Result<Plan, Error> {
    if (args.connections as usize) < threads {
        return Err(Error::Usage(format!("{threads} cores need at least {threads} connections")));
    }
    Ok(Plan {
        protocol: args.protocol,
        pipeline: args.pipeline as usize,
        work: work(args, seed)?,
        course: pace.course.as_ref().map(|course| course.divided(threads)),
        arrivals: pace.arrivals,
        warmup: pace.warmup,
        duration: pace.duration,
        requests: pace.requests,
        seed,
        threads,
    })
}

/// What the run asks for: by the workload file, or by the options.
fn work(args: &LoadArgs, seed: u64) -> Result<Work, Error> {
    if let Some(path) = &args.workload {
        return Ok(Work::Mixed(MixedWork::new(file::read(path, |space| suits(args.protocol, space))?, seed)));
    }
    Ok(Work::Plain(PlainWork {
        keyspace: Keyspace::new(args.keys, args.key_size.0).map_err(Error::Usage)?,
        values: ValueSource::new(args.value_size, seed),
        distribution: args.distribution,
        mix: Mix::new(args.get_ratio),
        multiget: args.multiget,
    }))
}
