//! What a process is limited to: by its own limits, and by its control group.

use super::{Outcome, Scope, human};
use crate::facts::{Container, Host, Limit, Process};

/// What the executors ask of RLIMIT_MEMLOCK at their start, in bytes.
const MEMLOCK_MIN_BYTES: u64 = 512 << 10;

/// Files that the server keeps open beside connections: for itself, and for each shard with two listeners.
const FILES_OWN: u64 = 32;
const FILES_PER_SHARD: u64 = 26;

/// The server's default of `-c`.
const CONNECTIONS_DEFAULT: u64 = 1024;

/// Fewer connections than this are worth a word.
const CONNECTIONS_FEW: u64 = 10_000;

pub(super) fn check(host: &Host, scope: &Scope, found: &mut Vec<Outcome>) {
    let shards = scope.cores.count() as u64;
    found.push(memlock(&host.process));
    found.push(open_files(&host.process, shards));
    found.push(quota(&host.container, shards));
    found.push(memory(&host.container));
}

fn memlock(process: &Process) -> Outcome {
    let outcome = |name| Outcome::new("memlock", name);
    match process.memlock {
        None => outcome("unknown"),
        Some(Limit { hard: None, .. }) => outcome("ok").with("value", "unlimited"),
        Some(Limit { hard: Some(bytes), .. }) => {
            outcome(if bytes < MEMLOCK_MIN_BYTES { "low" } else { "ok" }).with("value", human(bytes))
        }
    }
}

fn open_files(process: &Process, shards: u64) -> Outcome {
    let Some(limit) = process.open_files else { return Outcome::new("open-files", "unknown") };
    let hard = limit.hard.unwrap_or(u64::MAX);
    let own = FILES_OWN + shards * FILES_PER_SHARD;
    let connections = hard.saturating_sub(own);
    let outcome = match connections {
        0..CONNECTIONS_DEFAULT => "too-few",
        CONNECTIONS_DEFAULT..CONNECTIONS_FEW => "few",
        _ => "ok",
    };
    Outcome::new("open-files", outcome)
        .with("value", limit.hard.map_or("unlimited".to_owned(), |hard| hard.to_string()))
        .with("connections", connections)
        .with("needed", own + CONNECTIONS_DEFAULT)
        .with("shards", shards)
}

fn quota(container: &Container, shards: u64) -> Outcome {
    let Some(quota) = &container.quota else { return Outcome::new("quota", "none") };
    let cpus = quota.cpus();
    Outcome::new("quota", if cpus < shards as f64 { "short" } else { "ample" })
        .with("cpus", (cpus * 100.0).round() / 100.0)
        .with("shards", shards)
        .with("whole", (cpus.floor() as u64).max(1))
        .with("source", &quota.source)
}

fn memory(container: &Container) -> Outcome {
    let max = container.memory_max.as_ref().map_or(u64::MAX, |(bytes, _)| *bytes);
    match (&container.memory_high, &container.memory_max) {
        (Some((bytes, source)), _) if *bytes < max => Outcome::new("memory-limit", "high")
            .with("value", human(*bytes))
            .with("bytes", bytes)
            .with("source", source),
        (_, Some((bytes, source))) => {
            Outcome::new("memory-limit", "limited").with("value", human(*bytes)).with("source", source)
        }
        _ => Outcome::new("memory-limit", "none"),
    }
}
