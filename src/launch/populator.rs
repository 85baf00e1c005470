//! The thread that has the kernel hand memory over before shards need it.

use std::io;
use std::thread;

use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tracing::debug;

use crate::config::Node;
use crate::shard::{Populator, PopulatorPort};

/// A tenth of a core's time beside a busy shard: none would let it come too late, more would take turns from the shard.
const NICENESS: i32 = 10;

/// Starts the thread for shards on these cores; it ends with the last of the ports. To be called before the shards'
/// threads are pinned: it runs on any core that the process may use, but where there are several NUMA nodes on one of the
/// shard's node, since the kernel takes memory from the node that asks for it.
pub(super) fn start(cores: &[usize], nodes: &[Node]) -> io::Result<Vec<PopulatorPort>> {
    let (populator, ports) = Populator::new(cores.len());
    let node_of_shard = nodes_of_shards(cores, nodes);
    let thread = thread::Builder::new().name("populator".to_owned()).spawn(move || {
        // Linux has a priority for each thread. Without it the work is done all the same.
        if let Err(error) = setpriority_process(None, NICENESS) {
            debug!("memory is populated at the usual priority: {error}");
        }
        let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        let mut here = None;
        populator.run(|shard| {
            if let Some(node) = &node_of_shard[shard]
                && here != Some(node.number)
            {
                here = Some(node.number);
                move_to(&node.cores, &allowed);
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

/// The node of each shard's core; none where memory is the same for all cores.
fn nodes_of_shards(cores: &[usize], nodes: &[Node]) -> Vec<Option<Node>> {
    let has_several = nodes.iter().filter(|node| !node.cores.is_empty()).nth(1).is_some();
    let node_of = |core| nodes.iter().find(|node| has_several && node.cores.contains(core)).cloned();
    cores.iter().map(node_of).collect()
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
    fn a_shard_has_a_node_where_cores_are_on_several() {
        let node = |number, cores: &[usize]| Node { number, cores: cores.to_vec(), memory_bytes: 1 << 30 };
        let nodes = [node(0, &[0, 2]), node(1, &[1, 3]), node(2, &[])];
        let of = |nodes: &[Node]| {
            nodes_of_shards(&[3, 0, 9], nodes)
                .iter()
                .map(|node| node.as_ref().map(|node| node.number))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&nodes), [Some(1), Some(0), None]);
        assert_eq!(of(&[node(0, &[0, 3]), node(2, &[])]), [None; 3], "a node of memory alone moves nobody");
        assert_eq!(of(&[]), [None; 3]);
    }
}
