//! Commands that concern the whole server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::forms::Form;
use super::stats::{self, Current, Process};
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
    verbosity: AtomicU32,
}

impl AdminControl {
    /// The control of a server of this configuration.
    pub fn new(config: Arc<Config>, clock: Clock, set_verbosity: Box<Verbosity>) -> Self {
        let version = format!("{PROTOCOL_VERSION}-ringcached-{}", env!("CARGO_PKG_VERSION"));
        let version_line = format!("VERSION {version}\r\n").into_bytes();
        let verbosity = AtomicU32::new(u32::from(config.verbosity));
        AdminControl { version, version_line, clock, config, set_verbosity, verbosity }
    }

    /// The reply to `version`.
    pub fn version(&self) -> &[u8] {
        &self.version_line
    }

    /// What every shard is to be asked for `stats` with these arguments; the answer itself where no shard is needed.
    pub fn stats_order(&self, args: &[u8]) -> Result<Order, StatsAnswer> {
        let subject = match Form::parse(args).map_err(StatsAnswer::Refused)? {
            Form::General | Form::Settings | Form::Shards => Subject::General,
            Form::Items | Form::Slabs => Subject::Classes,
            Form::Conns => Subject::Connections(0),
            Form::Latency => Subject::Latency,
            Form::Reset => return Ok(Order::StatsReset),
            Form::Unknown => return Err(StatsAnswer::Unknown),
        };
        Ok(Order::Report(subject))
    }

    /// The answer to `stats` with these arguments, from every shard's reports, by the number of the shard.
    pub fn stats(&self, args: &[u8], reports: Vec<(usize, Report)>) -> StatsAnswer {
        let form = match Form::parse(args) {
            Ok(form) => form,
            Err(refused) => return StatsAnswer::Refused(refused),
        };
        StatsAnswer::Lines(match form {
            Form::General => {
                let (now, uptime) = (self.clock.now(), self.clock.uptime_seconds());
                let process = Process { version: &self.version, now, uptime };
                stats::general(&sum(&reports), reports.len(), &self.config, &process)
            }
            Form::Settings => {
                let (verbosity, maxbytes) = (self.verbosity.load(Ordering::Relaxed), sum(&reports).limit_bytes);
                stats::settings(&self.config, &Current { verbosity, maxbytes })
            }
            Form::Items => stats::items(&reports),
            Form::Slabs => stats::slabs(&reports),
            Form::Conns => stats::conns(reports),
            Form::Shards => stats::shards(&reports),
            Form::Latency => stats::latency(reports),
            Form::Reset => return StatsAnswer::Done("RESET"),
            Form::Unknown => return StatsAnswer::Unknown,
        })
    }

    /// Sets the log level.
    pub fn set_verbosity(&self, level: u32) {
        self.verbosity.store(level, Ordering::Relaxed);
        (self.set_verbosity)(level);
    }

    /// Whether `flush_all` is allowed.
    pub fn flush_all_enabled(&self) -> bool {
        self.config.flush_all_enabled
    }
}

/// The numbers of all shards together.
fn sum(reports: &[(usize, Report)]) -> ShardStats {
    let mut sum = ShardStats::default();
    for (_, report) in reports {
        if let Report::General(shard) = report {
            sum.merge(shard);
        }
    }
    sum
}
