//! Which NUMA node's memory a shard uses.

use std::fs;
use std::path::Path;

use super::ConfigError;
use super::cores;
use super::flags::Numa;
use super::notice::Notice;
use super::size::human;

/// A node of the machine: some cores, and the memory next to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub number: u32,
    /// Its cores.
    pub cores: Vec<usize>,
    /// Its memory, in bytes.
    pub memory_bytes: u64,
}

/// The highest number of a node that memory can be bound to; the kernel's own bound is 1023.
pub const NODE_NUMBER_MAX: u32 = 1023;

/// The nodes in the file tree under `root`, ascending. None where the kernel does not tell.
pub(super) fn nodes(root: &Path) -> Vec<Node> {
    let Ok(entries) = fs::read_dir(root.join("sys/devices/system/node")) else { return Vec::new() };
    let mut nodes: Vec<Node> = entries.filter_map(|entry| node(&entry.ok()?.path())).collect();
    nodes.sort_unstable_by_key(|node| node.number);
    nodes
}

fn node(path: &Path) -> Option<Node> {
    let number = path.file_name()?.to_str()?.strip_prefix("node")?.parse().ok()?;
    if number > NODE_NUMBER_MAX {
        return None;
    }
    let list = fs::read_to_string(path.join("cpulist")).ok()?;
    // Empty for a node of memory alone.
    let cores = if list.trim().is_empty() { Vec::new() } else { cores::parse(list.trim()).ok()? };
    let meminfo = fs::read_to_string(path.join("meminfo")).ok()?;
    let total = meminfo.lines().find_map(|line| line.split_once("MemTotal:"))?.1;
    let memory_bytes = total.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)?;
    Some(Node { number, cores, memory_bytes })
}

/// For each shard the nodes whose memory it is to use; none, to leave that to the kernel, which takes it from where the
/// core is that touches it first. Where nothing was asked, memory is local on machines with several nodes.
///
/// # Errors
/// Where what was asked for cannot be had.
pub(super) fn plan(
    asked: Option<Numa>,
    shards: &[usize],
    shard_memory_bytes: u64,
    nodes: &[Node],
    notices: &mut Vec<Notice>,
) -> Result<(Numa, Vec<Vec<u32>>), ConfigError> {
    let off = || (Numa::Off, vec![Vec::new(); shards.len()]);
    let mode = match asked {
        Some(mode) => mode,
        None if nodes.len() > 1 => Numa::Local,
        None => Numa::Off,
    };
    if mode != Numa::Off && nodes.is_empty() {
        return Err(ConfigError::NumaUnknown);
    }
    match mode {
        Numa::Off => Ok(off()),
        Numa::Interleave => {
            let with_memory = nodes.iter().filter(|node| node.memory_bytes > 0).map(|node| node.number).collect();
            Ok((mode, vec![with_memory; shards.len()]))
        }
        Numa::Local => match local(shards, shard_memory_bytes, nodes) {
            Ok(by_shard) => Ok((mode, by_shard)),
            Err(error) if asked.is_some() => Err(error),
            Err(why) => {
                notices.push(Notice::NumaOff { why: why.to_string() });
                Ok(off())
            }
        },
    }
}

fn local(shards: &[usize], shard_memory_bytes: u64, nodes: &[Node]) -> Result<Vec<Vec<u32>>, ConfigError> {
    let mut by_shard = Vec::with_capacity(shards.len());
    for core in shards {
        let node = nodes.iter().find(|node| node.cores.contains(core));
        by_shard.push(vec![node.ok_or(ConfigError::CoreWithoutNode { core: *core })?.number]);
    }
    for node in nodes {
        let of_node = by_shard.iter().filter(|of_shard| of_shard.contains(&node.number)).count() as u64;
        let needed_bytes = of_node * shard_memory_bytes;
        if needed_bytes > node.memory_bytes {
            let [needed, has] = [needed_bytes, node.memory_bytes].map(human);
            return Err(ConfigError::NodeTooSmall { node: node.number, shards: of_node as usize, needed, has });
        }
    }
    Ok(by_shard)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Tree;

    /// Two nodes of two cores each, and one of memory alone.
    fn tree() -> Tree {
        Tree::new(&[
            ("sys/devices/system/node/online", "0-2\n"),
            ("sys/devices/system/node/node1/cpulist", "1,3\n"),
            ("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:       4194304 kB\nNode 1 MemFree: 7 kB\n"),
            ("sys/devices/system/node/node0/cpulist", "0,2\n"),
            ("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:       8388608 kB\n"),
            ("sys/devices/system/node/node2/cpulist", "\n"),
            ("sys/devices/system/node/node2/meminfo", "Node 2 MemTotal:       1048576 kB\n"),
        ])
    }

    fn planned(asked: Option<Numa>, shards: &[usize], shard_gib: u64) -> Result<(Numa, Vec<Vec<u32>>), ConfigError> {
        plan(asked, shards, shard_gib << 30, &nodes(tree().root()), &mut Vec::new())
    }

    #[test]
    fn nodes_are_read() {
        let nodes = nodes(tree().root());
        assert_eq!(nodes.iter().map(|node| node.number).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(nodes[1], Node { number: 1, cores: vec![1, 3], memory_bytes: 4 << 30 });
        assert!(nodes[2].cores.is_empty());
        assert_eq!(super::nodes(Tree::new(&[]).root()), []);
    }

    #[test]
    fn shards_are_bound_to_the_node_of_their_core() {
        let local = (Numa::Local, vec![vec![0], vec![1], vec![0]]);
        assert_eq!(planned(Some(Numa::Local), &[2, 3, 0], 2).unwrap(), local);
        assert_eq!(planned(None, &[2, 3, 0], 2).unwrap(), local);
        assert_eq!(planned(Some(Numa::Interleave), &[3], 2).unwrap().1, [[0, 1, 2]]);
        assert_eq!(planned(Some(Numa::Off), &[3], 2).unwrap().1, [[]]);
    }

    #[test]
    fn what_a_node_does_not_have_is_refused_where_it_was_asked_for() {
        let asked = planned(Some(Numa::Local), &[1, 3], 3).unwrap_err();
        assert!(matches!(asked, ConfigError::NodeTooSmall { node: 1, shards: 2, .. }), "{asked}");
        assert!(matches!(planned(Some(Numa::Local), &[9], 1), Err(ConfigError::CoreWithoutNode { core: 9 })));
        let mut notices = Vec::new();
        let (mode, by_shard) = plan(None, &[1, 3], 3 << 30, &nodes(tree().root()), &mut notices).unwrap();
        assert_eq!((mode, by_shard), (Numa::Off, vec![vec![], vec![]]));
        assert!(matches!(&notices[..], [Notice::NumaOff { .. }]));
    }

    #[test]
    fn one_node_needs_nothing_and_none_cannot_be_bound_to() {
        let tree = Tree::new(&[
            ("sys/devices/system/node/node0/cpulist", "0-3\n"),
            ("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 8388608 kB\n"),
        ]);
        let one = nodes(tree.root());
        let of = |asked, nodes: &[Node]| plan(asked, &[0, 1], 1 << 30, nodes, &mut Vec::new());
        assert_eq!(of(None, &one).unwrap().0, Numa::Off);
        assert_eq!(of(Some(Numa::Local), &one).unwrap().1, [[0], [0]]);
        assert!(matches!(of(Some(Numa::Local), &[]), Err(ConfigError::NumaUnknown)));
        assert_eq!(of(None, &[]).unwrap().0, Numa::Off);
    }
}
