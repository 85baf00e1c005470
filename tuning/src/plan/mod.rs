//! Which cores for shards, which for the card's interrupts, which for the rest. Pure: from facts and wishes to a plan;
//! what writes it is `apply`, what prints it `report`.
//!
//! 1. Cores are physical ones. The core of CPU 0 is for the rest of the machine, if there is another.
//! 2. Shards come first on the node that the card is attached to, one on the first thread of each core.
//! 3. Interrupts go where no shard runs: to the other threads of the shards' cores, whose caches the packets are needed
//!    in next; without hyper-threads to cores of their own on the card's node, or for a few shards to CPU 0's core; and
//!    where there are none either, to the shards' cores, one queue on each, with steering that follows the queues.
//! 4. A core sends by one queue, so each send queue gets its share of the shards.

mod interrupts;

use crate::facts::{Host, Nic};
use crate::{CpuSet, Error, Steering};
use clap::ValueEnum;
use interrupts::{follow, place, sends, takers, uneven};
use serde::Serialize;
use std::collections::BTreeSet;

/// Which cores the shards shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// So many.
    Count(usize),
    /// These.
    List(CpuSet),
}

/// Where interrupts shall go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interrupts {
    /// To the first of the following that the host has.
    Auto,
    /// To the second hyper-threads of the shards' cores.
    Siblings,
    /// To cores without a shard, on the card's node first.
    Apart,
    /// To the shards' own cores, with steering that follows them.
    Shards,
}

/// A queue's interrupt and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// The interrupt's number.
    pub irq: u32,
    /// Its name.
    pub name: String,
    /// The CPU that shall take it.
    pub cpu: usize,
}

/// A send queue and who sends by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sends {
    /// Such as `tx-0`.
    pub queue: String,
    /// CPUs.
    pub cpus: CpuSet,
}

/// Who runs where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// One core for each shard.
    pub shards: CpuSet,
    /// The card whose interrupts are placed.
    pub nic: Option<String>,
    /// Where they go, by the queue's number.
    pub interrupts: Vec<Placed>,
    /// Which mode was chosen for them.
    pub mode: Interrupts,
    /// Who sends by which queue; none where the card has one queue.
    pub sends: Vec<Sends>,
    /// What is left for everything else.
    pub rest: CpuSet,
    /// The server's `--steering`.
    pub steering: Steering,
    /// The server's `--numa`: `local` on several nodes, else `off`.
    pub numa: &'static str,
    /// What was decided, and why.
    pub reasons: Vec<String>,
    /// What to know before it is carried out.
    pub warnings: Vec<String>,
}

impl Plan {
    /// The server's flags.
    pub fn flags(&self) -> String {
        let control = self.rest.first().map_or(String::new(), |cpu| format!(" --control-core {cpu}"));
        format!("--cores {} --steering {} --numa {}{control}", self.shards, self.steering.name(), self.numa)
    }

    /// A drop-in for the server's systemd unit.
    pub fn drop_in(&self) -> String {
        // The control core is one that the process is allowed, too.
        let mut affinity: BTreeSet<usize> = self.shards.iter().collect();
        affinity.extend(self.rest.first());
        let affinity: CpuSet = affinity.into_iter().collect();
        format!(
            "# Written by ringtune. Flags that are also in /etc/default/ringcached have to leave there.\n\
             [Service]\n\
             ExecStart=\n\
             ExecStart=/usr/bin/ringcached {} $OPTIONS\n\
             CPUAffinity={affinity}\n\
             LimitMEMLOCK=infinity\n\
             LimitNOFILE=1048576\n\
             MemorySwapMax=0\n",
            self.flags()
        )
    }
}

/// Makes the plan.
pub fn plan(host: &Host, wish: &Wish, nic: Option<&str>, mode: Interrupts) -> Result<Plan, Error> {
    let nic = find_nic(host, nic)?;
    let mut reasons = Vec::new();
    let mut warnings = Vec::new();
    let shards = match wish {
        Wish::Count(count) => choose(host, nic, *count, &mut reasons)?,
        Wish::List(list) => named(host, list, &mut warnings)?,
    };
    let (mode, takers) = takers(host, nic, &shards, mode, &mut reasons)?;
    let interrupts = place(nic, &takers);
    let steering = if mode == Interrupts::Shards { follow(nic, &shards, &mut reasons) } else { Steering::Hash };
    if mode != Interrupts::Shards && nic.is_some() {
        reasons.push("--steering hash: interrupts arrive on no shard's core, so there is none to follow".to_owned());
    }
    warnings.extend(nic.and_then(|nic| uneven(nic, takers.len())));
    let takers: CpuSet = interrupts.iter().map(|placed| placed.cpu).collect();
    let idle: CpuSet = shards.iter().flat_map(|cpu| host.cpus.siblings(cpu).iter().collect::<Vec<_>>()).collect();
    // CPU 0's core is the rest's even where it takes the interrupts.
    let rest = host.cpus.online.without(&idle).without(&takers.without(&host.cpus.siblings(0)));
    let idle = idle.without(&shards).without(&takers);
    if !idle.is_empty() {
        reasons.push(format!("CPUs {idle} stay idle: second threads of shards' cores"));
    }
    if rest.is_empty() {
        warnings.push("no core is left for the rest of the machine: its work will interrupt shards".to_owned());
    }
    if host.network.irqbalance && nic.is_some() {
        warnings.push(
            "irqbalance runs and would move the interrupts again: systemctl disable --now irqbalance (undo: systemctl \
             enable --now irqbalance)"
                .to_owned(),
        );
    }
    let numa = if host.cpus.nodes.len() > 1 { "local" } else { "off" };
    let nodes: BTreeSet<usize> = shards.iter().map(|cpu| host.cpus.node(cpu)).collect();
    if nodes.len() > 1 {
        warnings.push("shards on several NUMA nodes: requests for another node's keys cross the link".to_owned());
    }
    Ok(Plan {
        nic: nic.map(|nic| nic.name.clone()),
        sends: nic.map(|nic| sends(nic, &shards, &rest)).unwrap_or_default(),
        shards,
        interrupts,
        mode,
        rest,
        steering,
        numa,
        reasons,
        warnings,
    })
}

/// The named card, or the only one.
fn find_nic<'a>(host: &'a Host, name: Option<&str>) -> Result<Option<&'a Nic>, Error> {
    let nics = &host.network.nics;
    let names: Vec<&str> = nics.iter().map(|nic| nic.name.as_str()).collect();
    match name {
        None if nics.len() > 1 => {
            Err(Error::Usage(format!("there are several network cards: name one of {} by --nic", names.join(", "))))
        }
        None => Ok(nics.first()),
        Some(name) => match nics.iter().find(|nic| nic.name == name) {
            Some(nic) => Ok(Some(nic)),
            None if names.is_empty() => {
                Err(Error::Usage(format!("there is no network card {name}, nor any that is physical and up")))
            }
            None => Err(Error::Usage(format!(
                "there is no network card {name} that is physical and up; there are: {}",
                names.join(", ")
            ))),
        },
    }
}

/// `count` cores: the card's node first, then others; the first thread of each, without CPU 0's core.
fn choose(host: &Host, nic: Option<&Nic>, count: usize, reasons: &mut Vec<String>) -> Result<CpuSet, Error> {
    if count == 0 {
        return Err(Error::Usage("--cores 0 leaves no shard; give at least 1".to_owned()));
    }
    let cpus = &host.cpus;
    let first = cpus.siblings(0);
    let mut free: Vec<&CpuSet> = cpus.cores.iter().filter(|core| **core != first).collect();
    if free.is_empty() {
        free.extend(cpus.cores.first());
        reasons.push("there is one core, for all".to_owned());
    } else {
        reasons.push(format!(
            "core 0 (CPUs {first}) is left to the rest: interrupts that nobody placed, the kernel's own work"
        ));
    }
    if count > free.len() {
        return Err(Error::Usage(format!(
            "--cores {count}: this host has {} physical cores for shards, beside the one that is left to the rest; name \
             the CPUs as a list to use others",
            free.len()
        )));
    }
    let home = nic.and_then(|nic| nic.node);
    let node = |core: &CpuSet| core.first().map_or(0, |cpu| cpus.node(cpu));
    free.sort_by_key(|core| (home.is_some_and(|home| node(core) != home), node(core), core.first()));
    if cpus.nodes.len() > 1 {
        let local = free.iter().filter(|core| Some(node(core)) == home).count();
        reasons.push(match (nic, home) {
            (Some(nic), Some(home)) => format!(
                "node {home} first, where {} is attached: {} of {count} shards are there",
                nic.name,
                local.min(count)
            ),
            _ => "nodes in their order: the host does not tell which one the card is attached to".to_owned(),
        });
    }
    if cpus.cores.iter().any(|core| core.count() > 1) {
        reasons.push("one shard on each physical core, on its first thread".to_owned());
    }
    Ok(free.iter().take(count).filter_map(|core| core.first()).collect())
}

/// The cores of a list, if they are there. What is unwise about them is told, not refused.
fn named(host: &Host, list: &CpuSet, warnings: &mut Vec<String>) -> Result<CpuSet, Error> {
    let missing = list.without(&host.cpus.online);
    if list.is_empty() {
        return Err(Error::Usage("--cores names no core; write a number of cores or a list such as 1-3,6".to_owned()));
    }
    if !missing.is_empty() {
        let online = &host.cpus.online;
        return Err(Error::Usage(format!("--cores {list}: CPUs {missing} are not there; online are {online}")));
    }
    let shared: Vec<CpuSet> =
        host.cpus.cores.iter().map(|core| core.and(list)).filter(|used| used.count() > 1).collect();
    if !shared.is_empty() {
        let pairs: Vec<String> = shared.iter().map(CpuSet::to_string).collect();
        warnings.push(format!("two shards on one physical core slow each other: CPUs {}", pairs.join(" and ")));
    }
    if list.contains(0) && host.cpus.online.count() > 1 {
        warnings.push(
            "CPU 0 carries a shard: interrupts that nobody placed and much of the kernel's work are there".to_owned(),
        );
    }
    Ok(list.clone())
}

impl std::str::FromStr for Wish {
    type Err = String;

    /// A number of cores, or a list of CPUs: with a comma or a range it is a list.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<usize>() {
            Ok(count) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Wish::Count(count)),
            _ if text.is_empty() => Err("write a number of cores or a list such as 1-3,6".to_owned()),
            // A comma at the end makes a list of one.
            _ => text.strip_suffix(',').unwrap_or(text).parse().map(Wish::List),
        }
    }
}

#[cfg(test)]
mod tests;
