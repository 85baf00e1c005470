//! Commands that concern the whole server.

use std::sync::Arc;

use super::stats::{self, Process};
use crate::clock::Clock;
use crate::command::StatsAnswer;
use crate::config::Config;
use crate::router::{Order, Report, ShardStats, Subject};

/// Sets the log level of the process: 0 to 2, as `-v` counts.
pub type Verbosity = dyn Fn(u32) + Send + Sync;

/// memcached's version whose protocol we speak. First in ours, since some clients compare it numerically.
const PROTOCOL_VERSION: &str = "1.6.45";

/// Answers for the whole server. One, shared by all shards; it only reads.
pub struct AdminControl {
    version: String,
    version_line: Vec<u8>,
    clock: Clock,
    config: Arc<Config>,
    set_verbosity: Box<Verbosity>,
}

impl AdminControl {
    /// The control of a server of this configuration.
    pub fn new(config: Arc<Config>, clock: Clock, set_verbosity: Box<Verbosity>) -> Self {
        let version = format!("{PROTOCOL_VERSION}-ringcached-{}", env!("CARGO_PKG_VERSION"));
        let version_line = format!("VERSION {version}\r\n").into_bytes();
        AdminControl { version, version_line, clock, config, set_verbosity }
    }

    /// The reply to `version`.
    pub fn version(&self) -> &[u8] {
        &self.version_line
    }

    /// What every shard is to be asked for `stats` with these arguments; the answer itself where no shard is needed.
    pub fn stats_order(&self, args: &[u8]) -> Result<Order, StatsAnswer> {
        match args {
            b"" => Ok(Order::Report(Subject::General)),
            b"reset" => Ok(Order::StatsReset),
            _ => Err(StatsAnswer::Unknown),
        }
    }

    /// The answer to `stats` with these arguments, from every shard's reports, by the number of the shard.
    pub fn stats(&self, args: &[u8], reports: &[(usize, Report)]) -> StatsAnswer {
        if args == b"reset" {
            return StatsAnswer::Done("RESET");
        }
        let mut sum = ShardStats::default();
        for (_, Report::General(shard)) in reports {
            sum.merge(shard);
        }
        let process = Process { version: &self.version, now: self.clock.now(), uptime: self.clock.uptime_seconds() };
        StatsAnswer::Lines(stats::general(&sum, reports.len(), &self.config, &process))
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
