//! Cores in use: which they are, with whom they share, how fast they wake, and how far away memory is.

use super::{Outcome, Scope};
use crate::CpuSet;
use crate::facts::{Cpus, Host};
use std::collections::BTreeSet;

/// Idle states that take longer to leave are deep, in microseconds: a good part of a request's time on the network.
const DEEP_US: u32 = 50;

/// The bound that is advised on idle states, in microseconds.
const IDLE_LIMIT_US: u32 = 20;

/// Drivers under which powersave follows the load; under others it is the lowest frequency.
const DYNAMIC_POWERSAVE: [&str; 4] = ["intel_pstate", "amd-pstate-epp", "amd_pstate_epp", "amd-pstate"];

pub(super) fn check(host: &Host, scope: &Scope, found: &mut Vec<Outcome>) {
    let cpus = &host.cpus;
    let advised = advised(host, scope);
    found.push(cores(host, &scope.cores, &advised));
    found.push(smt(cpus, &scope.cores, &advised));
    found.push(isolated(cpus, &scope.cores, &advised));
    found.push(governor(cpus, &scope.cores));
    found.push(idle(cpus, &scope.cores));
    found.push(numa(host, scope));
    found.push(numa_balancing(host));
    let reclaim = host.kernel.zone_reclaim.unwrap_or(0);
    found.push(Outcome::new("zone-reclaim", if reclaim == 0 { "ok" } else { "on" }).with("value", reclaim));
}

fn cores(host: &Host, cores: &CpuSet, advised: &CpuSet) -> Outcome {
    // A control group's set can be narrower than the affinity that was inherited.
    let allowed = host.process.allowed.and(&host.cpus.online);
    let allowed = host.container.cpus.as_ref().map_or(allowed.clone(), |cpus| allowed.and(cpus));
    let outside = cores.without(&allowed);
    let absent = cores.without(&host.cpus.online);
    let present = Some(cores.and(&allowed)).filter(|present| !present.is_empty()).unwrap_or_else(|| allowed.clone());
    let outcome = match () {
        () if !absent.is_empty() => "absent",
        () if !outside.is_empty() => "outside",
        () if cores.contains(0) && cores.without(&host.cpus.siblings(0)).count() > 0 => "first",
        () => "ok",
    };
    Outcome::new("cores", outcome)
        .with("cores", cores)
        .with("outside", outside)
        .with("absent", absent)
        .with("online", &host.cpus.online)
        .with("present", present)
        .with("allowed", allowed)
        .with("one-each", advised)
}

fn smt(cpus: &Cpus, cores: &CpuSet, advised: &CpuSet) -> Outcome {
    if cpus.cores.iter().all(|core| core.count() < 2) {
        return Outcome::new("smt", "none");
    }
    let shared: Vec<CpuSet> = cpus.cores.iter().map(|core| core.and(cores)).filter(|used| used.count() > 1).collect();
    let Some(example) = shared.first() else { return Outcome::new("smt", "apart") };
    Outcome::new("smt", "shared")
        .with("pairs", shared.len())
        .with("example", format!("CPUs {example} are one"))
        .with("one-each", advised)
}

/// What is advised in place of the cores in use: a thread of each physical core among them, without CPU 0's if there are
/// others, and on the card's node only if some are there. The same for all findings, so that they can be followed together.
pub(super) fn advised(host: &Host, scope: &Scope) -> CpuSet {
    let cpus = &host.cpus;
    let others = one_each(cpus, &scope.cores.without(&cpus.siblings(0)));
    let each = if others.is_empty() { one_each(cpus, &scope.cores) } else { others };
    let home = card(host, scope).and_then(|(_, node)| cpus.nodes.get(&node)).map(|node| node.and(&each));
    home.filter(|home| !home.is_empty()).unwrap_or(each)
}

/// The lowest thread of each physical core that is in `cores`.
fn one_each(cpus: &Cpus, cores: &CpuSet) -> CpuSet {
    cpus.cores.iter().filter_map(|core| core.and(cores).first()).collect()
}

fn isolated(cpus: &Cpus, cores: &CpuSet, advised: &CpuSet) -> Outcome {
    let outside = cores.without(&cpus.isolated);
    let outcome = match () {
        () if cpus.isolated.is_empty() => "none",
        () if outside.is_empty() => "used",
        () => "unused",
    };
    Outcome::new("isolated", outcome)
        .with("one-each", advised)
        .with("isolated", &cpus.isolated)
        .with("outside", outside)
}

fn governor(cpus: &Cpus, cores: &CpuSet) -> Outcome {
    let outcome = |name| Outcome::new("governor", name);
    let others = |cpu: &usize| cpus.governors.get(cpu).filter(|governor| *governor != "performance");
    if cpus.governors.is_empty() {
        return outcome("none");
    }
    let Some(governor) = cores.iter().find_map(|cpu| others(&cpu)) else { return outcome("ok") };
    let driver = cpus.scaling_driver.as_deref().unwrap_or("unknown driver");
    let lowest = governor == "powersave" && !DYNAMIC_POWERSAVE.contains(&driver);
    outcome(if lowest { "lowest" } else { "dynamic" })
        .with("governor", governor)
        .with("cpus", cores.iter().filter(|cpu| others(cpu).is_some()).collect::<CpuSet>())
        .with("driver", driver)
}

fn idle(cpus: &Cpus, cores: &CpuSet) -> Outcome {
    let deepest = |cpu: usize| cpus.deepest_idle.get(&cpu);
    let is_deep = |cpu: &usize| deepest(*cpu).is_some_and(|state| state.latency_us > DEEP_US);
    let deep: CpuSet = cores.iter().filter(is_deep).collect();
    let Some(worst) = cores.iter().filter_map(deepest).max_by_key(|state| state.latency_us) else {
        return Outcome::new("idle", "none");
    };
    Outcome::new("idle", if deep.is_empty() { "ok" } else { "deep" })
        .with("state", &worst.name)
        .with("latency", worst.latency_us)
        .with("cpus", deep)
        .with("limit", IDLE_LIMIT_US)
}

/// The card whose node is told, and that node.
fn card<'a>(host: &'a Host, scope: &Scope) -> Option<(&'a str, usize)> {
    let mut nics = host.network.nics.iter().filter(|nic| scope.nic.as_ref().is_none_or(|name| *name == nic.name));
    nics.find_map(|nic| Some((nic.name.as_str(), nic.node?)))
}

fn numa(host: &Host, scope: &Scope) -> Outcome {
    let cpus = &host.cpus;
    if cpus.nodes.len() < 2 {
        return Outcome::new("numa", "one");
    }
    let nodes: BTreeSet<usize> = scope.cores.iter().map(|cpu| cpus.node(cpu)).collect();
    let card = card(host, scope);
    let said = match card {
        Some((name, node)) => format!(", {name} on node {node}"),
        None => String::new(),
    };
    let node = nodes.first().copied().unwrap_or(0);
    match card {
        _ if nodes.len() > 1 => {
            let advised = advised(host, scope);
            let node = advised.first().map_or(node, |cpu| cpus.node(cpu));
            let list: Vec<String> = nodes.iter().map(usize::to_string).collect();
            Outcome::new("numa", "spread")
                .with("nodes", list.join(" and "))
                .with("card", said)
                .with("node-cores", cpus.nodes[&node].and(&advised))
        }
        Some((nic, nic_node)) if nic_node != node => Outcome::new("numa", "away")
            .with("node", node)
            .with("nic", nic)
            .with("nic-node", nic_node)
            .with("count", scope.cores.count()),
        _ => Outcome::new("numa", "local").with("node", node).with("card", said),
    }
}

fn numa_balancing(host: &Host) -> Outcome {
    let value = host.kernel.numa_balancing.unwrap_or(0);
    let nodes = host.cpus.nodes.len();
    let outcome = if value == 0 || nodes < 2 { "ok" } else { "on" };
    Outcome::new("numa-balancing", outcome).with("value", value).with("nodes", nodes)
}
