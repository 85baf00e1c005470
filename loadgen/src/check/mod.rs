//! `ringload check`: a mixed load in which every reply is verified.
//!
//! Every key has one writing connection and any number of readers. Values prove their key, version and bytes;
//! readers are never shown a version older than one acknowledged before they asked, or than one they have
//! seen; the writer itself is shown exactly what it wrote last. A miss is allowed at any time: the server may evict.

mod agent;
mod history;
mod known;
mod report;
mod value;

use std::{
    sync::{Arc, Barrier},
    thread,
};

use crate::{
    cli::CheckArgs,
    clock::{Clock, Nanos, SECOND, nanos},
    cores,
    driver::Driver,
    error::Error,
    progress::{self, Answered},
    workload::{KeyRenderer, Keyspace},
};
use agent::CheckAgent;
use history::History;
use report::{CheckReport, Findings};
use value::{HEADER, ValueCodec};

/// Most pairs of connection and key, each of which remembers a version (4 bytes).
const SEEN_MAX: u64 = 256 << 20;

/// Largest `--value-size`.
const VALUE_SIZE_MAX: usize = 1 << 30;

/// A checked description of the load, shared by all threads.
#[derive(Debug)]
pub struct Plan {
    keys: u64,
    renderer: KeyRenderer,
    codec: ValueCodec,
    history: History,
    value_size: usize,
    pipeline: usize,
    connections: u64,
    duration: Nanos,
    /// Requests of one connection.
    requests: Option<u64>,
    seed: u64,
}

/// Runs the check; gives whether nothing was wrong.
pub fn check(args: &CheckArgs) -> Result<bool, Error> {
    let seed = args.common.seed.unwrap_or_else(crate::random_seed);
    let pins = args.common.pins();
    let (threads, connections) = (pins.len(), u64::from(args.connections));
    if connections < threads as u64 {
        return Err(Error::Usage(format!("{threads} cores need at least {threads} connections")));
    }
    if args.keys * connections > SEEN_MAX {
        return Err(Error::Usage(format!("--keys times --connections is at most {SEEN_MAX}")));
    }
    if !(HEADER..=VALUE_SIZE_MAX).contains(&args.value_size.0) {
        return Err(Error::Usage(format!("--value-size lies between {HEADER} and 1g")));
    }
    // Fresh names, whatever the seed: what an earlier check left in the server is none of ours.
    let name = format!("c{:08x}-", crate::random_seed() as u32);
    let digits = args.keys.ilog10() as usize + 1;
    if args.key_size.0 < name.len() + digits {
        return Err(Error::Usage(format!("--key-size is at least {}", name.len() + digits)));
    }
    let keyspace = Keyspace::new(args.keys, args.key_size.0).map_err(Error::Usage)?;
    let plan = Arc::new(Plan {
        keys: args.keys,
        renderer: keyspace.named(name.as_bytes()),
        codec: ValueCodec::new(args.value_size.0, seed),
        history: History::new(args.keys),
        value_size: args.value_size.0,
        pipeline: args.pipeline as usize,
        connections,
        duration: nanos(args.duration),
        requests: args.requests.map(|total| total.div_ceil(connections)),
        seed,
    });
    let endpoint = args.common.endpoint()?;
    eprintln!("ringload: checking {} over {connections} connections, seed {seed}", args.common.server);

    let clock = Clock::start();
    let answered = Arc::new(Answered::default());
    let barrier = Arc::new(Barrier::new(threads));
    let workers: Vec<_> = pins
        .into_iter()
        .enumerate()
        .map(|(index, core)| {
            let (plan, answered, barrier) = (plan.clone(), answered.clone(), barrier.clone());
            let endpoint = endpoint.clone();
            let first = connections * index as u64 / threads as u64;
            let count = connections * (index as u64 + 1) / threads as u64 - first;
            thread::spawn(move || {
                let prepared = core
                    .map_or(Ok(()), cores::pin)
                    .and_then(|()| Driver::connect(&endpoint, count as usize, plan.value_size, clock));
                // Also a thread that failed arrives here, or the others would wait for ever.
                barrier.wait();
                let mut driver = prepared?;
                let mut agent = CheckAgent::new(&plan, first, count, clock.now(), &answered);
                driver.drive(&mut agent)?;
                Ok(agent.finish())
            })
        })
        .collect();
    progress::watch("checking", &answered, args.requests.unwrap_or(0), || workers.iter().all(|w| w.is_finished()));

    let mut findings = Findings::default();
    let mut unanswered = 0;
    for worker in workers {
        let (found, missing) = worker.join().map_err(|_| Error::Thread)??;
        findings.merge(found);
        unanswered += missing;
    }
    let report = CheckReport {
        server: args.common.server.to_string(),
        seed,
        keys: args.keys,
        connections: args.connections,
        elapsed_s: clock.now() as f64 / SECOND as f64,
        unanswered,
        wrong: findings.wrong(),
        findings,
    };
    print!("{report}");
    if let Some(path) = &args.common.json {
        crate::write_json(path, &report)?;
    }
    Ok(report.passed())
}
