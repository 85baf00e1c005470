//! The thread that has the kernel hand memory over before shards need it.

use std::fs;
use std::io;
use std::thread;

use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tracing::debug;

use crate::config::parse_cores;
use crate::shard::{Populator, PopulatorPort};

/// A tenth of a core's time beside a busy shard: none would let it come too late, more would take turns from the shard.
const NICENESS: i32 = 10;

/// Where Linux lists the NUMA nodes, each with its cores.
const NODES: &str = "/sys/devices/system/node";

/// Starts the thread for shards on these cores; it ends with the last of the ports. To be called before the shards'
/// threads are pinned: it runs on any core that the process may use, but where there are several NUMA nodes on one of the
/// shard's node, since the kernel takes memory from the node that asks for it.
pub(super) fn start(cores: &[usize]) -> io::Result<Vec<PopulatorPort>> {
    let (populator, ports) = Populator::new(cores.len());
    let nodes = nodes();
    let cores = cores.to_vec();
    let thread = thread::Builder::new().name("populator".to_owned()).spawn(move || {
        // Linux has a priority for each thread. Without it the work is done all the same.
        if let Err(error) = setpriority_process(None, NICENESS) {
            debug!("memory is populated at the usual priority: {error}");
        }
        let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        let mut here = None;
        populator.run(|shard| {
            let node = nodes.iter().find(|node| nodes.len() > 1 && node.contains(&cores[shard]));
            if let Some(node) = node
                && here != Some(node)
            {
                here = Some(node);
                move_to(node, &allowed);
            }
        });
    })?;
    Ok(ports.into_iter().map(|port| port.wakes(thread.thread())).collect())
}

/// Moves this thread to those of the cores that it was allowed at its start.
fn move_to(cores: &[usize], allowed: &CpuSet) {
    let mut set = CpuSet::new();
    let usable = cores.iter().filter(|&&core| core < CpuSet::MAX_CPU && allowed.is_set(core));
    usable.for_each(|&core| set.set(core));
    if set.count() > 0
        && let Err(error) = sched_setaffinity(None, &set)
    {
        debug!("memory may come from another node than its shard's: {error}");
    }
}

/// The cores of each NUMA node; none if the kernel does not say.
fn nodes() -> Vec<Vec<usize>> {
    let entries = fs::read_dir(NODES).into_iter().flatten().flatten();
    let is_node = |name: &str| name.strip_prefix("node").is_some_and(|number| number.parse::<u32>().is_ok());
    let nodes = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_node));
    let lists = nodes.filter_map(|node| fs::read_to_string(node.path().join("cpulist")).ok());
    // The list of a node that has memory alone is empty, which is refused.
    lists.filter_map(|list| parse_cores(list.trim()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test needs no NUMA: a thread is moved to what it is allowed, and stays where nothing is.
    #[test]
    fn a_thread_keeps_to_the_cores_it_was_allowed() {
        std::thread::spawn(|| {
            let allowed = sched_getaffinity(None).unwrap();
            let first = (0..CpuSet::MAX_CPU).find(|&core| allowed.is_set(core)).unwrap();
            move_to(&[CpuSet::MAX_CPU], &allowed);
            assert_eq!(sched_getaffinity(None).unwrap().count(), allowed.count());
            move_to(&[first, CpuSet::MAX_CPU - 1], &allowed);
            let now = sched_getaffinity(None).unwrap();
            assert!(now.is_set(first) && now.count() == 1);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn every_node_that_the_kernel_lists_has_cores() {
        assert!(nodes().iter().all(|cores| !cores.is_empty()));
    }
}
