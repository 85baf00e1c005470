//! What the workers have in common.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::ledger::ProcessMemory;
use super::spread::Spread;
use super::watch::Watchers;

/// What the shards' workers share: read or changed when a connection comes or goes, never for a request.
#[derive(Debug, Default)]
pub struct Shared {
    /// Open connections over all shards.
    pub connections: AtomicUsize,
    /// The most that may be.
    pub connection_limit: usize,
    /// Those of each shard, and those handed from one to another.
    pub spread: Spread,
    /// The server is to stop.
    pub stopping: AtomicBool,
    /// Workers that have answered all they had received.
    pub drained: AtomicUsize,
    /// Dumps under way.
    pub dumps: AtomicUsize,
    /// Connections that watch.
    pub watchers: Watchers,
    /// What is known of the process's memory.
    pub memory: ProcessMemory,
}
