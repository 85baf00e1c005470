//! CPUs: hyper-threads, NUMA nodes, what the scheduler is kept from, frequency and idle states.

use super::Tree;
use crate::CpuSet;
use std::collections::BTreeMap;

const CPU: &str = "sys/devices/system/cpu";
const NODE: &str = "sys/devices/system/node";

/// A state that an idle CPU may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleState {
    /// The kernel's name of it, such as `C6`.
    pub name: String,
    /// What leaving it takes, in microseconds.
    pub latency_us: u32,
}

/// All CPUs of a host.
#[derive(Clone, Debug)]
pub struct Cpus {
    /// Those that run.
    pub online: CpuSet,
    /// Those that the scheduler leaves alone (`isolcpus=`).
    pub isolated: CpuSet,
    /// The hyper-threads of each physical core, ordered by their lowest.
    pub cores: Vec<CpuSet>,
    /// The CPUs of each NUMA node.
    pub nodes: BTreeMap<usize, CpuSet>,
    /// Each CPU's frequency governor; empty where the kernel does not scale frequencies.
    pub governors: BTreeMap<usize, String>,
    /// What scales frequencies, such as `intel_pstate`.
    pub scaling_driver: Option<String>,
    /// Each CPU's deepest idle state that is enabled; empty where the kernel does not choose them.
    pub deepest_idle: BTreeMap<usize, IdleState>,
}

impl Cpus {
    pub(super) fn read(tree: &Tree) -> Cpus {
        let online: CpuSet = tree.value(&format!("{CPU}/online")).unwrap_or_default();
        let mut cores: Vec<CpuSet> = Vec::new();
        for cpu in online.iter().filter(|cpu| *cpu <= crate::cpu_set::CPU_MAX) {
            let siblings = tree.value(&format!("{CPU}/cpu{cpu}/topology/thread_siblings_list"));
            let core = siblings.unwrap_or_else(|| CpuSet::from_iter([cpu])).and(&online);
            if core.first() == Some(cpu) {
                cores.push(core);
            }
        }
        let governor = |cpu| Some((cpu, tree.word(&format!("{CPU}/cpu{cpu}/cpufreq/scaling_governor"))?));
        Cpus {
            isolated: tree.value(&format!("{CPU}/isolated")).unwrap_or_default(),
            cores,
            nodes: nodes(tree, &online),
            governors: online.iter().filter_map(governor).collect(),
            scaling_driver: tree.word(&format!("{CPU}/cpu{}/cpufreq/scaling_driver", online.first().unwrap_or(0))),
            deepest_idle: deepest_idle(tree, &online),
            online,
        }
    }

    /// The hyper-threads of the core that `cpu` belongs to.
    pub fn siblings(&self, cpu: usize) -> CpuSet {
        self.cores.iter().find(|core| core.contains(cpu)).cloned().unwrap_or_else(|| CpuSet::from_iter([cpu]))
    }

    /// The NUMA node of `cpu`; 0 where the host knows none.
    pub fn node(&self, cpu: usize) -> usize {
        self.nodes.iter().find(|(_, cpus)| cpus.contains(cpu)).map_or(0, |(node, _)| *node)
    }
}

fn nodes(tree: &Tree, online: &CpuSet) -> BTreeMap<usize, CpuSet> {
    let numbers: CpuSet = tree.value(&format!("{NODE}/online")).unwrap_or_default();
    let cpus = |node| Some((node, tree.value::<CpuSet>(&format!("{NODE}/node{node}/cpulist"))?.and(online)));
    let found: BTreeMap<usize, CpuSet> = numbers.iter().filter_map(cpus).filter(|(_, cpus)| !cpus.is_empty()).collect();
    if found.is_empty() { BTreeMap::from([(0, online.clone())]) } else { found }
}

/// The deepest state of each CPU that is enabled. Names and latencies are the first CPU's: they are the machine's.
fn deepest_idle(tree: &Tree, online: &CpuSet) -> BTreeMap<usize, IdleState> {
    let Some(first) = online.first() else { return BTreeMap::new() };
    let state = |state: String| {
        let directory = format!("{CPU}/cpu{first}/cpuidle/{state}");
        let latency_us = tree.value(&format!("{directory}/latency"))?;
        Some((state, IdleState { name: tree.word(&format!("{directory}/name"))?, latency_us }))
    };
    let mut states: Vec<_> = tree.list(&format!("{CPU}/cpu{first}/cpuidle")).into_iter().filter_map(state).collect();
    states.sort_by_key(|(_, state)| state.latency_us);
    let is_enabled = |cpu: usize, state: &str| {
        tree.value::<u64>(&format!("{CPU}/cpu{cpu}/cpuidle/{state}/disable")).is_none_or(|disable| disable == 0)
    };
    let deepest = |cpu| {
        let found = states.iter().rev().find(|(state, _)| is_enabled(cpu, state));
        found.map(|(_, state)| (cpu, state.clone()))
    };
    online.iter().filter_map(deepest).collect()
}
