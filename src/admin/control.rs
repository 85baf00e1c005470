//! Commands that concern the whole server.

use std::sync::Arc;

use super::stats::{self, Process};
use crate::clock::Clock;
use crate::config::Config;
use crate::router::{Report, ShardStats};

/// Sets the log level of the process: 0 to 2, as `-v` counts.
pub type Verbosity = dyn Fn(u32) + Send + Sync;

/// memcached's version whose protocol we speak. First in ours, since some clients compare it numerically.
const PROTOCOL_VERSION: &str = "1.6.45";

/// Answers for the whole server. One, shared by all shards; it only reads.
pub struct AdminControl {
    version: String,
    clock: Clock,
    config: Arc<Config>,
    set_verbosity: Box<Verbosity>,
}

impl AdminControl {
    /// The control of a server of this configuration.
    pub fn new(config: Arc<Config>, clock: Clock, set_verbosity: Box<Verbosity>) -> Self {
        let version = format!("{PROTOCOL_VERSION}-ringcached-{}", env!("CARGO_PKG_VERSION"));
        AdminControl { version, clock, config, set_verbosity }
    }

    /// What `version` tells.
    pub fn version(&self) -> &[u8] {
        self.version.as_bytes()
    }

    /// Whether [`stats`](Self::stats) knows these arguments.
    pub fn has_stats(&self, args: &[u8]) -> bool {
        args.is_empty()
    }

    /// The reply to `stats`, from the counters of every shard.
    pub fn stats(&self, args: &[u8], shards: &[Report]) -> Option<Vec<u8>> {
        if !self.has_stats(args) {
            return None;
        }
        let mut sum = ShardStats::default();
        for Report::General(shard) in shards {
            sum.merge(shard);
        }
        let process = Process { version: &self.version, now: self.clock.now(), uptime: self.clock.uptime_seconds() };
        Some(stats::general(&sum, shards.len(), &self.config, &process))
    }

    /// Sets the log level.
    pub fn set_verbosity(&self, level: u32) {
        (self.set_verbosity)(level);
    }

    /// Whether `flush_all` is allowed.
    pub fn flush_all_enabled(&self) -> bool {
        self.config.flush_all_enabled
    }
}
