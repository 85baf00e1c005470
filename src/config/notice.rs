//! What an operator should know, though it keeps nothing from starting.

use super::size::human;
use std::fmt;

/// A remark on the configuration, to be logged at start-up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The memory limit is too small for one shard per chosen core.
    FewerShards {
        /// Cores that were chosen.
        cores: usize,
        /// Shards that start.
        shards: usize,
        /// The total limit.
        memory_limit_bytes: u64,
        /// What one shard needs at least.
        shard_min_bytes: u64,
    },
    /// The default memory limit is lowered to what the machine can spare.
    DefaultMemoryLowered {
        /// The total limit that holds.
        memory_limit_bytes: u64,
        /// What the machine has.
        machine_bytes: u64,
    },
    /// `-p` was given, but every address has a port of its own.
    PortUnused {
        /// The port of `-p`.
        port: u16,
    },
    /// TCP is off, so an address without a port is not listened on.
    ListenUnused,
    /// `--compress-min` was given, but nothing is compressed.
    CompressMinUnused,
    /// Started as root, and staying so.
    RunsAsRoot,
    /// `-u` was given, but only root can become another user.
    UserUnused {
        /// The name.
        name: String,
    },
    /// Memory is not bound to nodes, though there are several.
    NumaOff {
        /// Why.
        why: String,
    },
    /// The kernel cuts the backlog.
    BacklogCut {
        /// What was asked for.
        asked: i32,
        /// What the kernel grants.
        somaxconn: i32,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::FewerShards { cores, shards, memory_limit_bytes, shard_min_bytes } => write!(
                f,
                "{shards} of {cores} chosen cores carry a shard: a memory limit of {} gives no more than that at the \
                 least of {} each; raise -m to use them all",
                human(*memory_limit_bytes),
                human(*shard_min_bytes)
            ),
            Notice::DefaultMemoryLowered { memory_limit_bytes, machine_bytes } => write!(
                f,
                "the memory limit is {}, half of the {} there are, since the default would be more; choose by -m",
                human(*memory_limit_bytes),
                human(*machine_bytes)
            ),
            Notice::PortUnused { port } => {
                write!(f, "-p {port} has no effect: every address of --listen has a port of its own")
            }
            Notice::ListenUnused => write!(f, "--listen has no effect: -p 0 turns TCP off"),
            Notice::CompressMinUnused => {
                write!(f, "--compress-min has no effect: values are not compressed; choose how by --compress")
            }
            Notice::RunsAsRoot => write!(f, "running as root: give -u NAME to become another user after start-up"),
            Notice::UserUnused { name } => {
                write!(f, "-u {name} has no effect: only root can become another user")
            }
            Notice::NumaOff { why } => write!(f, "memory comes from any NUMA node: {why}"),
            Notice::BacklogCut { asked, somaxconn } => write!(
                f,
                "the kernel cuts the backlog of {asked} to {somaxconn}; mend: sysctl -w net.core.somaxconn={asked}"
            ),
        }
    }
}
