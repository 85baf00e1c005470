//! `ringload check`: a mixed load in which every reply is verified.
//!
//! Every key has one writing connection and any number of readers. Values prove their key, version and bytes;
//! readers are never shown a version older than one acknowledged before they asked, or than one they have
//! seen; the writer itself is shown exactly what it wrote last. A miss is allowed at any time: the server may evict.

mod agent;
mod ending;
mod faults;
mod history;
mod known;
mod linear;
mod reading;
mod report;
mod threads;
mod value;

use crate::{
    cli::CheckArgs,
    clock::{Nanos, SECOND, nanos},
    error::Error,
    progress::Answered,
    protocol::Protocol,
    workload::{KeyRenderer, Keyspace},
};
use agent::CheckAgent;
use history::History;
use report::{CheckReport, Findings};
use threads::Threads;
use value::{HEADER, ValueCodec};

/// Most pairs of connection and key, each of which remembers a version (4 bytes).
const SEEN_MAX: u64 = 256 << 20;

/// How many keys there are if nobody says.
const KEYS: u64 = 10_000;

/// Largest `--value-size`.
const VALUE_SIZE_MAX: usize = 1 << 30;

/// A checked description of the load, shared by all threads.
#[derive(Debug)]
pub struct Plan {
    protocol: Protocol,
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
    if args.linearizable { linear::check(args) } else { check_values(args) }
}

/// Keys that nobody has used, whatever the seed: what an earlier check left in the server is none of ours. Also gives
/// what their names begin with.
fn fresh_keys(keys: u64, key_size: usize) -> Result<(KeyRenderer, String), Error> {
    let name = format!("c{:08x}-", crate::random_seed() as u32);
    let digits = keys.ilog10() as usize + 1;
    if key_size < name.len() + digits {
        return Err(Error::Usage(format!("--key-size is at least {}", name.len() + digits)));
    }
    let keyspace = Keyspace::new(keys, key_size).map_err(Error::Usage)?;
    Ok((keyspace.named(name.as_bytes()), name))
}

fn check_values(args: &CheckArgs) -> Result<bool, Error> {
    let keys = args.keys.unwrap_or(KEYS);
    let seed = args.common.seed.unwrap_or_else(crate::random_seed);
    let (threads, connections) = (Threads::new(args)?, u64::from(args.connections));
    if keys * connections > SEEN_MAX {
        return Err(Error::Usage(format!("--keys times --connections is at most {SEEN_MAX}")));
    }
    if !(HEADER..=VALUE_SIZE_MAX).contains(&args.value_size.0) {
        return Err(Error::Usage(format!("--value-size lies between {HEADER} and 1g")));
    }
    let (renderer, _) = fresh_keys(keys, args.key_size.0)?;
    let plan = Plan {
        protocol: args.protocol,
        keys,
        renderer,
        codec: ValueCodec::new(args.value_size.0, seed),
        history: History::new(keys),
        value_size: args.value_size.0,
        pipeline: args.pipeline as usize,
        connections,
        duration: nanos(args.duration),
        requests: args.requests.map(|total| total.div_ceil(connections)),
        seed,
    };
    eprintln!("ringload: checking {} over {connections} connections, seed {seed}", args.common.server);

    let answered = Answered::default();
    let begin = |share| CheckAgent::new(&plan, share, &answered);
    let (ended, clock) = threads.drive(plan.value_size, &answered, begin, CheckAgent::finish)?;
    let mut findings = Findings::default();
    let mut unanswered = 0;
    for (found, missing) in ended {
        findings.merge(found);
        unanswered += missing;
    }
    let report = CheckReport {
        server: args.common.server.to_string(),
        protocol: args.protocol.name(),
        seed,
        keys,
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
