//! Each network card: whom its interrupts disturb, how packets are spread, how many its rings hold.

use super::cpus::advised;
use super::{Outcome, Scope};
use crate::CpuSet;
use crate::Steering;
use crate::facts::{Channels, Host, Interrupt, Nic, Rings};

/// Receive rings below this are worth a word, in descriptors: at 10 Gbit/s 1024 of the smallest packets come in 69 µs.
const RX_RING_MIN: u32 = 1024;

/// The receive ring that is advised, where the card takes as much.
const RX_RING_ADVISED: u32 = 4096;

pub(super) fn check(host: &Host, scope: &Scope, found: &mut Vec<Outcome>) {
    let before = found.len();
    for nic in host.network.nics.iter().filter(|nic| scope.nic.as_ref().is_none_or(|name| *name == nic.name)) {
        let outcomes = [
            Some(interrupts(nic, scope)),
            Some(queues(nic, host, scope)),
            Some(rps(nic, host, scope)),
            xps(nic, scope),
            Some(rings(nic)),
        ];
        found.extend(
            outcomes
                .into_iter()
                .flatten()
                .map(|outcome| outcome.with("nic", &nic.name).with("wish", wish(nic, host, scope))),
        );
    }
    if found.len() == before {
        found.push(Outcome::new("nic", "none"));
    }
}

/// What `ringtune plan --cores` is given: the cores in use if they leave any for interrupts, else as many physical ones as
/// the card's node has beside CPU 0's.
fn wish(nic: &Nic, host: &Host, scope: &Scope) -> String {
    let cpus = &host.cpus;
    let there = scope.cores.and(&cpus.online);
    if !there.is_empty() && !cpus.online.is_within(&there) {
        // A list of one has a comma, or it would be a number of cores.
        return if there.count() == 1 { format!("{there},") } else { there.to_string() };
    }
    let is_local = |cpu: usize| nic.node.is_none_or(|node| cpus.node(cpu) == node);
    let firsts = cpus.cores.iter().filter(|core| !core.contains(0)).filter_map(CpuSet::first);
    firsts.filter(|cpu| is_local(*cpu)).count().max(1).to_string()
}

fn interrupts(nic: &Nic, scope: &Scope) -> Outcome {
    let queues: Vec<&Interrupt> = nic.queue_interrupts().collect();
    if queues.is_empty() {
        return Outcome::new("irq-affinity", "untold");
    }
    let takes_shard = |interrupt: &&&Interrupt| !interrupt.cpus().and(&scope.cores).is_empty();
    let misses_shard = |interrupt: &&&Interrupt| !interrupt.cpus().is_within(&scope.cores);
    let all: CpuSet = queues.iter().flat_map(|interrupt| interrupt.cpus().iter().collect::<Vec<_>>()).collect();
    let name = |interrupt: &&Interrupt| format!("{} on CPU {}", interrupt.name, interrupt.cpus());
    let hash = scope.steering == Steering::Hash;
    let wrong: Vec<&&Interrupt> =
        if hash { queues.iter().filter(takes_shard).collect() } else { queues.iter().filter(misses_shard).collect() };
    let outcome = match (queues.len(), all.count(), wrong.is_empty()) {
        (2.., 1, _) if scope.cores.count() > 1 && nic.rx.len() > 1 => "one-core",
        (_, _, false) if hash => "on-shards",
        (_, _, false) => "off-shards",
        _ if hash => "ok",
        _ => "matched",
    };
    Outcome::new("irq-affinity", outcome)
        .with("queues", queues.len())
        .with("hit", wrong.len())
        .with("missed", wrong.len())
        .with("example", wrong.first().map(|interrupt| name(interrupt)).unwrap_or_default())
        .with("cpu", &all)
        .with("cpus", &all)
        .with("steering", scope.steering.name())
}

fn queues(nic: &Nic, host: &Host, scope: &Scope) -> Outcome {
    let (queues, wanted) = (nic.rx.len(), wanted(host, scope));
    let outcome = Outcome::new("queues", queues_outcome(nic, host, scope))
        .with("queues", queues)
        .with("shards", scope.cores.count())
        .with("wanted", wanted)
        .with("steering", scope.steering.name());
    match &nic.channels {
        Channels::Known(counts) => outcome
            .with("max", counts.receiving_max())
            .with("limit", "the card can have no more")
            .with("new", counts.words_for(wanted.min(counts.receiving_max())))
            .with("now", counts.words_now()),
        Channels::Untold => outcome.with("limit", "its driver offers no other number"),
        Channels::NoEthtool => outcome,
    }
}

/// By its CPU a connection reaches only shards that have a queue; by the hash, queues beyond the shards that are advised
/// would be of no use.
fn wanted(host: &Host, scope: &Scope) -> usize {
    if scope.steering == Steering::Hash { advised(host, scope).count() } else { scope.cores.count() }
}

fn queues_outcome(nic: &Nic, host: &Host, scope: &Scope) -> &'static str {
    let queues = nic.rx.len();
    let max = match &nic.channels {
        Channels::Known(counts) => Some(counts.receiving_max()),
        Channels::Untold => Some(queues),
        Channels::NoEthtool => None,
    };
    match max {
        _ if queues >= scope.cores.count() => "ok",
        _ if queues >= wanted(host, scope) => "enough",
        None => "few",
        Some(max) if queues < max => "below-max",
        Some(_) if scope.steering == Steering::Hash => "at-max",
        Some(_) => "at-max-steered",
    }
}

fn rps(nic: &Nic, host: &Host, scope: &Scope) -> Outcome {
    let on: Vec<_> = nic.rx.iter().filter(|queue| !queue.rps.is_empty()).collect();
    let spare = host.cpus.online.without(&scope.cores);
    let outcome = match (nic.rx.len(), on.first()) {
        (0 | 1, Some(_)) => "spread",
        // What was said of the queues may have been followed.
        (_, Some(_)) if queues_outcome(nic, host, scope) == "at-max" => "few-queues",
        (_, Some(_)) => "on",
        (1, None) if scope.cores.count() > 1 && !spare.is_empty() => "single",
        _ => "ok",
    };
    let first = on.first();
    Outcome::new("rps", outcome)
        .with("hit", on.len())
        .with("queues", nic.rx.len())
        .with("example", first.map(|queue| format!("{} to {}", queue.name, queue.rps)).unwrap_or_default())
        .with("cpus", first.map(|queue| queue.rps.to_string()).unwrap_or_default())
        .with("mask", first.map_or_else(|| spare.to_mask(), |queue| queue.rps.to_mask()))
}

/// `None` where the kernel shows no send queue's CPUs.
fn xps(nic: &Nic, scope: &Scope) -> Option<Outcome> {
    if nic.tx.len() == 1 {
        return Some(Outcome::new("xps", "single"));
    }
    let told: Vec<&CpuSet> = nic.tx.iter().filter_map(|queue| queue.xps.as_ref()).collect();
    if told.is_empty() {
        return None;
    }
    let missed: CpuSet = scope.cores.iter().filter(|cpu| !told.iter().any(|cpus| cpus.contains(*cpu))).collect();
    Some(
        Outcome::new("xps", if missed.is_empty() { "ok" } else { "unset" })
            .with("missed", missed.count())
            .with("example", &missed),
    )
}

fn rings(nic: &Nic) -> Outcome {
    match &nic.rings {
        Rings::NoEthtool => Outcome::new("rings", "no-ethtool"),
        Rings::Untold => Outcome::new("rings", "untold"),
        Rings::Known(sizes) => {
            let small = sizes.rx < RX_RING_MIN && sizes.rx < sizes.rx_max;
            Outcome::new("rings", if small { "small" } else { "ok" })
                .with("rx", sizes.rx)
                .with("rx-max", sizes.rx_max)
                .with("tx", sizes.tx)
                .with("tx-max", sizes.tx_max)
                .with("rx-new", sizes.rx_max.min(RX_RING_ADVISED))
        }
    }
}
