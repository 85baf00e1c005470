//! What the configuration has to know of the machine. Read once; validation works on these figures, so that it
//! can be tested on any machine.

use super::ConfigError;
use super::numa::{self, Node};
use std::path::Path;
use std::str::FromStr;

/// The machine and the process's standing on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Cores that the process may run on, ascending.
    pub allowed_cores: Vec<usize>,
    /// Memory that the process may use; `None` if `/proc` does not tell, and then nothing is checked against it.
    pub memory: Option<Memory>,
    /// Whether the process runs as root.
    pub is_root: bool,
    /// The kernel's bound on a listener's backlog; `None` if `/proc` does not tell.
    pub somaxconn: Option<i32>,
    /// Listening sockets that a service manager has handed over (socket activation); 0 as a rule.
    pub inherited_sockets: usize,
    /// The NUMA nodes; none if the kernel does not tell.
    pub nodes: Vec<Node>,
}

/// How much memory there is, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// In bytes.
    pub bytes: u64,
    /// The file that names the lowest bound.
    pub source: String,
}

impl Host {
    /// Reads the running machine.
    pub fn observe() -> Result<Self, ConfigError> {
        let root = Path::new("/");
        let cores = core_affinity::get_core_ids().ok_or(ConfigError::AffinityUnknown)?;
        let mut allowed_cores: Vec<usize> = cores.into_iter().map(|core| core.id).collect();
        allowed_cores.sort_unstable();
        if allowed_cores.is_empty() {
            return Err(ConfigError::AffinityUnknown);
        }
        Ok(Host {
            allowed_cores,
            memory: memory(root),
            is_root: nix::unistd::geteuid().is_root(),
            somaxconn: number(&root.join("proc/sys/net/core/somaxconn")),
            inherited_sockets: inherited(variable("LISTEN_PID"), variable("LISTEN_FDS"), std::process::id()),
            nodes: numa::nodes(root),
        })
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Sockets that were handed over to the process `own`. What was meant for another is not ours: a parent may have
/// left its variables in the environment.
fn inherited(pid: Option<String>, count: Option<String>, own: u32) -> usize {
    let is_ours = pid.and_then(|pid| pid.parse().ok()) == Some(own);
    count.filter(|_| is_ours).and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The lowest of the machine's memory and the limits of the process's cgroups, in the file tree under `root`.
pub(super) fn memory(root: &Path) -> Option<Memory> {
    let total = Memory { bytes: mem_total(root)?, source: "MemTotal in /proc/meminfo".to_owned() };
    let lowest = cgroup_limits(root).into_iter().min_by_key(|limit| limit.bytes);
    Some(match lowest {
        Some(limit) if limit.bytes < total.bytes => limit,
        _ => total,
    })
}

fn mem_total(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Every limit on the way from the process's cgroup up to the root, of version 2 and 1. A path that is not
/// there is passed over: inside a container, `/proc/self/cgroup` may name the outer one's.
fn cgroup_limits(root: &Path) -> Vec<Memory> {
    let Ok(memberships) = std::fs::read_to_string(root.join("proc/self/cgroup")) else { return Vec::new() };
    let mut limits = Vec::new();
    for line in memberships.lines() {
        // hierarchy:controllers:path, where version 2 has no controllers.
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (base, file) = if controllers.is_empty() {
            ("sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|c| c == "memory") {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        for level in Path::new(path.trim_start_matches('/')).ancestors() {
            let name = Path::new(base).join(level).join(file);
            // "max", which is no limit, is no number either.
            if let Some(bytes) = number(&root.join(&name)) {
                limits.push(Memory { bytes, source: format!("/{}", name.display()) });
            }
        }
    }
    limits
}

/// The number that is a file's whole content.
pub(super) fn number<T: FromStr>(path: &Path) -> Option<T> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Tree;

    #[test]
    fn without_cgroups_the_machine_is_the_bound() {
        let tree = Tree::new(&[("proc/meminfo", "MemTotal:       2048 kB\nMemFree: 1 kB\n")]);
        assert_eq!(memory(tree.root()).unwrap().bytes, 2048 * 1024);
        assert_eq!(memory(Tree::new(&[]).root()), None);
    }

    #[test]
    fn the_lowest_cgroup_limit_on_the_way_up_holds() {
        let tree = Tree::new(&[
            ("proc/meminfo", "MemTotal: 9000000 kB\n"),
            ("proc/self/cgroup", "0::/a.slice/b.service\n"),
            ("sys/fs/cgroup/a.slice/memory.max", "5000000\n"),
            ("sys/fs/cgroup/a.slice/b.service/memory.max", "max\n"),
        ]);
        let memory = memory(tree.root()).unwrap();
        assert_eq!(memory.bytes, 5_000_000);
        assert_eq!(memory.source, "/sys/fs/cgroup/a.slice/memory.max");
    }

    #[test]
    fn a_container_sees_its_own_limit_at_the_root() {
        let v2 = Tree::new(&[
            ("proc/meminfo", "MemTotal: 9000000 kB\n"),
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "4000000\n"),
        ]);
        assert_eq!(memory(v2.root()).unwrap().bytes, 4_000_000);
        let v1 = Tree::new(&[
            ("proc/meminfo", "MemTotal: 9000000 kB\n"),
            ("proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/0123\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000\n"),
        ]);
        assert_eq!(memory(v1.root()).unwrap().bytes, 3_000_000);
    }

    #[test]
    fn an_unlimited_cgroup_of_version_1_is_no_bound() {
        let tree = Tree::new(&[
            ("proc/meminfo", "MemTotal: 1000 kB\n"),
            ("proc/self/cgroup", "4:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        assert_eq!(memory(tree.root()).unwrap().bytes, 1_024_000);
    }

    #[test]
    fn only_sockets_meant_for_us_are_inherited() {
        let of = |pid: &str, count: &str| inherited(Some(pid.to_owned()), Some(count.to_owned()), 7);
        assert_eq!((of("7", "2"), of("8", "2"), of("", "2"), of("7", "-1")), (2, 0, 0, 0));
        assert_eq!(inherited(None, Some("2".to_owned()), 7), 0);
    }

    #[test]
    fn the_running_machine_is_readable() {
        let host = Host::observe().unwrap();
        assert!(!host.allowed_cores.is_empty());
        assert!(host.memory.unwrap().bytes > 0);
    }
}
