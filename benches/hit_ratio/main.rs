//! Miss ratios of the store's eviction policies on request traces, beside simulated caches and memcached.
//!
//!     cargo bench --bench hit_ratio                            the store and the simulated caches, 5 minutes
//!     cargo bench --bench hit_ratio -- --memcached --check     memcached too, 15 minutes; fails if a goal is missed
//!     cargo bench --bench hit_ratio -- --only scans --requests 500000
//!
//! Without `--bench`, as `cargo test --bench hit_ratio` calls it, everything is run once and short, to see that it works.
//! The table goes to standard output; `TABLE.md` is the one of the last change that moved it.

mod generate;
mod peer;
mod replay;
mod simulated;
mod table;
mod trace;

use clap::Parser;
use replay::{Counts, StoreCache, replay};
use ringcached::storage::{EvictionPolicy, StoreConfig};
use simulated::{Policy, Simulated};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
};
use table::Row;
use trace::Trace;

const MIB: u64 = 1 << 20;

/// The sizes of memory: these shares of what all items of the trace take.
const MEMORY_DIVISORS: [u64; 3] = [16, 6, 2];

/// The smallest memory: a server gives no shard less.
const LIMIT_BYTES_MIN: u64 = 8 * MIB;

/// Requests of a generated trace, and of one when it is only to be seen that everything works.
const REQUESTS: usize = 3_000_000;
const SMOKE_REQUESTS: usize = 40_000;

/// The store's policies.
const POLICIES: [(&str, EvictionPolicy); 3] = [
    (table::DUEL, EvictionPolicy::Duel),
    (table::S3_FIFO, EvictionPolicy::S3Fifo),
    (table::CLOCK, EvictionPolicy::Clock),
];

/// The simulated ones.
const SIMULATED: [(&str, Policy); 5] = [
    ("LRU", Policy::Lru),
    ("FIFO", Policy::Fifo),
    ("ideal CLOCK", Policy::Clock),
    ("ideal S3-FIFO", Policy::S3Fifo(1)),
    ("ideal S3-FIFO, 2 reads", Policy::S3Fifo(2)),
];

#[derive(Parser)]
#[command(about = "Miss ratios of the store's eviction policies")]
struct Options {
    /// Traces whose name contains this; all by default.
    #[arg(long)]
    only: Vec<String>,
    /// Requests of each generated trace, and at most of each one that is read.
    #[arg(long)]
    requests: Option<usize>,
    /// A directory of traces in Twitter's format, plain or compressed; passed over if it is not there.
    #[arg(long, default_value = "../shared/traces")]
    traces: PathBuf,
    /// Plays the traces to memcached too, if it is installed.
    #[arg(long)]
    memcached: bool,
    /// The store's policies alone, without the simulated caches.
    #[arg(long)]
    store_only: bool,
    /// Ends with a failure if a goal is missed in the table of all gets.
    #[arg(long)]
    check: bool,
    /// Threads for what runs in this process.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    /// Given by `cargo test`.
    #[arg(long, hide = true)]
    test: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("hit_ratio: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all goals are met, or nobody asked.
fn run(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let smoke = !options.bench || options.test;
    let requests = options.requests.unwrap_or(if smoke { SMOKE_REQUESTS } else { REQUESTS });
    let memcached = if options.memcached || smoke { peer::find() } else { None };
    if options.memcached && memcached.is_none() {
        return Err("memcached is not installed".into());
    }
    let mut rows = Vec::new();
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|part| name.contains(part.as_str()));
    let mut measure_all = |trace: &Trace| -> Result<(), Box<dyn std::error::Error>> {
        if wanted(&trace.name) && !trace.events.is_empty() {
            rows.extend(measure(trace, options, memcached.as_deref())?);
        }
        Ok(())
    };
    for trace in generate::traces(requests) {
        measure_all(&trace)?;
    }
    for file in trace_files(&options.traces) {
        measure_all(&Trace::read(&file, options.requests.unwrap_or(if smoke { SMOKE_REQUESTS } else { usize::MAX }))?)?;
    }
    let version = memcached.as_deref().map(peer::version).transpose()?;
    let (missed, missed_late) = (table::violations(&rows, table::ALL), table::violations(&rows, table::LATE));
    print!("{}", table::document(&rows, &command(options), version.as_deref(), &missed, &missed_late));
    Ok(!options.check || missed.is_empty())
}

/// What makes this table; where traces are read from is the reader's own affair.
fn command(options: &Options) -> String {
    let mut command = String::from("cargo bench --bench hit_ratio --");
    for part in &options.only {
        command += &format!(" --only '{part}'");
    }
    if let Some(requests) = options.requests {
        command += &format!(" --requests {requests}");
    }
    for (is_given, option) in [(options.memcached, " --memcached"), (options.store_only, " --store-only")] {
        command += if is_given { option } else { "" };
    }
    command
}

/// The trace at every size, under every policy.
fn measure(trace: &Trace, options: &Options, memcached: Option<&Path>) -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let footprint_bytes = trace.footprint_bytes();
    eprintln!("{}: {} requests, {} keys, {} MiB", trace.name, trace.events.len(), trace.keys, footprint_bytes / MIB);
    let mut limits =
        MEMORY_DIVISORS.map(|divisor| (footprint_bytes / divisor / MIB * MIB).max(LIMIT_BYTES_MIN)).to_vec();
    limits.dedup();
    let simulated = if options.store_only { &[] } else { &SIMULATED[..] };
    let per_limit = POLICIES.len() + simulated.len();
    let outcomes = in_parallel(options.threads, limits.len() * per_limit, |job| {
        let limit_bytes = limits[job / per_limit];
        match job % per_limit {
            which if which < POLICIES.len() => {
                let config = StoreConfig { eviction: POLICIES[which].1, ..StoreConfig::new(limit_bytes as usize) };
                let mut store = StoreCache::new(config).expect("a store within its bounds");
                let counts = replay(trace, &mut store);
                (counts, store.memory_bytes())
            }
            which => {
                let policy = simulated[which - POLICIES.len()].1;
                (replay(trace, &mut Simulated::new(policy, trace.keys, limit_bytes)), limit_bytes)
            }
        }
    });
    let ratios = |counts: &Counts| Some([counts.miss_ratio(), counts.miss_ratio_late()]);
    let mut rows = Vec::new();
    for (&limit_bytes, outcomes) in limits.iter().zip(outcomes.chunks(per_limit)) {
        let (store, others) = outcomes.split_at(POLICIES.len());
        let mut cells: Vec<_> =
            POLICIES.iter().zip(store).map(|(policy, (counts, _))| (policy.0, ratios(counts))).collect();
        if let Some(program) = memcached {
            let resident_bytes = store[0].1;
            let comparable = !trace.expires && resident_bytes >= peer::RESIDENT_BYTES_MIN;
            let found = if !comparable { None } else { peer::miss_ratios(program, trace, resident_bytes)? };
            cells.push((table::MEMCACHED, found));
        }
        cells.extend(simulated.iter().zip(others).map(|(policy, (counts, _))| (policy.0, ratios(counts))));
        rows.push(Row { trace: trace.name.clone(), limit_bytes, cells });
    }
    eprint!("{}", table::markdown(&rows, table::ALL));
    Ok(rows)
}

/// The results of `jobs` jobs, in order.
fn in_parallel<T: Send>(threads: usize, jobs: usize, job: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= jobs {
                return done;
            }
            done.push((number, job(number)));
        }
    };
    let mut all: Vec<(usize, T)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread that ends")).collect()
    });
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, outcome)| outcome).collect()
}

/// The traces in a directory, by name; none if there is no such directory.
fn trace_files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        eprintln!("{}: no traces there", directory.display());
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        [".csv", ".csv.xz", ".csv.zst"].iter().any(|ending| name.ends_with(ending))
    });
    files.sort();
    files
}
