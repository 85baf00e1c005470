//! One measured load: what its threads prepare and drive, and what they found.

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
    clock::{Clock, Nanos},
    collector::{Closed, Totals},
    cores,
    driver::Driver,
    error::Error,
    progress::Answered,
    protocol::Protocol,
    routing::Routing,
    target::Endpoint,
    threads::{self, Span},
    workload::{Arrivals, Keyspace, Mix, RateCourse, ValueSource, file},
};

/// Keys that are looked at to see that every shard has one.
const OWNED_LOOKS: u64 = 1 << 20;

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
    /// The server's shards, where each key was sent to its owner.
    pub shards: Option<usize>,
}

/// Drives `load` at `pace`, after storing every key if `store` says so. `closed` is shown every interval.
pub fn measure(
    load: &LoadArgs,
    seed: u64,
    pace: &Pace,
    store: bool,
    what: &str,
    closed: impl FnMut(&Closed),
) -> Result<Measured, Error> {
    let pins = load.common.pins();
    let count = pins.len();
    let endpoint = load.common.endpoint()?;
    let routing = load.shard_aware.then(|| route(load, &endpoint, count)).transpose()?;
    let shards = routing.as_ref().map(Routing::shards);
    let endpoints = match &routing {
        Some(routing) => routing.endpoints(&endpoint)?,
        None => vec![endpoint],
    };
    let plan = plan(load, seed, pace, count, routing)?;
    let (clock, answered) = (Clock::start(), Answered::default());
    let workers = pins.into_iter().enumerate().map(|(index, core)| {
        let (plan, endpoints, answered) = (&plan, &endpoints, &answered);
        let connections = share(u64::from(load.connections), count, index) as usize;
        move || {
            core.map_or(Ok(()), cores::pin)?;
            let mut driver = Driver::connect_to(endpoints, connections, 0, clock)?;
            let mut load_errors = 0;
            if store {
                let mut agent = LoadAgent::new(plan, index, connections);
                driver.drive(&mut agent)?;
                load_errors = agent.errors;
            }
            Ok(move |intervals| {
                let mut agent = RunAgent::new(plan, index, connections, intervals, answered);
                driver.drive(&mut agent)?;
                Ok(agent.finish(driver.worked(), load_errors))
            })
        }
    });
    let stages = pace.course.iter().flat_map(|course| course.stages());
    let span = Span {
        what,
        requests: pace.requests,
        warmup: pace.warmup,
        duration: pace.duration,
        interval: pace.interval,
        rates: stages.map(|stage| (stage.from, stage.to)).collect(),
    };
    let (totals, outcomes): (_, Vec<Outcome>) = threads::measure(clock, span, &answered, workers.collect(), closed)?;
    let mut operations = Tally::default();
    outcomes.iter().for_each(|outcome| operations.merge(&outcome.tally));
    Ok(Measured {
        totals,
        operations,
        unanswered: outcomes.iter().map(|outcome| outcome.unanswered).sum(),
        unsent: outcomes.iter().map(|outcome| outcome.unsent).sum(),
        load_errors: outcomes.iter().map(|outcome| outcome.load_errors).sum(),
        shards,
    })
}

/// The shards of the server, where the load can be sent to each.
fn route(args: &LoadArgs, endpoint: &Endpoint, threads: usize) -> Result<Routing, Error> {
    if args.protocol == Protocol::Resp {
        return Err(Error::Usage("--shard-aware is for memcached's protocols: RESP has no `stats routing`".into()));
    }
    let routing = Routing::ask(endpoint)?;
    let (needed, keys) = (routing.shards() * threads, args.keys);
    if (args.connections as usize) < needed {
        let reason = format!("--shard-aware: {threads} threads and {} shards need", routing.shards());
        return Err(Error::Usage(format!("{reason} at least {needed} connections")));
    }
    let mut keyspace = Keyspace::new(keys, args.key_size.0).map_err(Error::Usage)?.renderer();
    // A shard without a key would be asked for ever which one to send.
    let mut owned = vec![false; routing.shards()];
    for key in 0..keys.min(OWNED_LOOKS) {
        owned[routing.owner(keyspace.render(key))] = true;
    }
    if owned.contains(&false) {
        return Err(Error::Usage(format!("--shard-aware: {keys} keys leave a shard without any")));
    }
    Ok(routing)
}

fn plan(args: &LoadArgs, seed: u64, pace: &Pace, threads: usize, routing: Option<Routing>) -> Result<Plan, Error> {
    if (args.connections as usize) < threads {
        return Err(Error::Usage(format!("{threads} cores need at least {threads} connections")));
    }
    Ok(Plan {
        protocol: args.protocol,
        pipeline: args.pipeline as usize,
        work: work(args, seed, routing)?,
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
fn work(args: &LoadArgs, seed: u64, routing: Option<Routing>) -> Result<Work, Error> {
    if let Some(path) = &args.workload {
        return Ok(Work::Mixed(MixedWork::new(file::read(path, |space| suits(args.protocol, space))?, seed)));
    }
    let plain = PlainWork {
        keyspace: Keyspace::new(args.keys, args.key_size.0).map_err(Error::Usage)?,
        values: ValueSource::new(args.value_size, seed),
        distribution: args.distribution,
        mix: Mix::new(args.get_ratio),
        multiget: args.multiget,
    };
    Ok(match routing {
        Some(routing) => Work::Routed(plain, routing),
        None => Work::Plain(plain),
    })
}
