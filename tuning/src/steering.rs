//! How the server spreads connections over its shards: its flag `--steering`.

use clap::ValueEnum;
use serde::Serialize;

/// A mode of steering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Steering {
    /// By a hash of addresses and ports: even, and indifferent to where packets arrive.
    Hash,
    /// By the CPU that handles the packets: needs queues that interrupt the shards' cores, evenly.
    Cpu,
    /// As `cpu`, and by the hash where no shard is on that CPU.
    IncomingCpu,
}

impl Steering {
    /// The name on the server's command line.
    pub const fn name(self) -> &'static str {
        match self {
            Steering::Hash => "hash",
            Steering::Cpu => "cpu",
            Steering::IncomingCpu => "incoming-cpu",
        }
    }
}
