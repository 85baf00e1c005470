//! Commands that concern the whole server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::forms::Form;
use super::stats::{self, CACHEDUMP_BYTES_MAX, Current, Process};
use crate::clock::Clock;
use crate::command::StatsAnswer;
use crate::config::Config;
use crate::router::{ClassListing, KeyHasher, Order, Report, ShardStats, Subject, Walk};

/// Sets the log level of the process: 0 to 2, as `-v` counts.
pub type Verbosity = dyn Fn(u32) + Send + Sync;

/// memcached's version whose protocol we speak. First in ours, since some clients compare it numerically.
const PROTOCOL_VERSION: &str = "1.6.45";

/// The greatest number of a slab class that `cachedump` takes, there or not.
const CLASS_MAX: u32 = 255;
const ILLEGAL_CLASS: &str = "CLIENT_ERROR Illegal slab id";
const NO_CACHEDUMP: &str = "CLIENT_ERROR stats cachedump not allowed";
/// `stats detail` where dumping is off.
const NO_DETAIL: &str = "CLIENT_ERROR stats detail not allowed";

/// Answers for the whole server. One, shared by all shards; it only reads.
pub struct AdminControl {
    version: String,
    clock: Clock,
    config: Arc<Config>,
    hasher: KeyHasher,
    set_verbosity: Box<Verbosity>,
    verbosity: AtomicU32,
    /// Whether `stats sizes` has an answer.
    track_sizes: AtomicBool,
    /// Whether the shards count by key prefix.
    detail_enabled: AtomicBool,
}

impl AdminControl {
    /// The control of a server of this configuration.
    pub fn new(config: Arc<Config>, clock: Clock, hasher: KeyHasher, set_verbosity: Box<Verbosity>) -> Self {
        let version = format!("{PROTOCOL_VERSION}-ringcached-{}", env!("CARGO_PKG_VERSION"));
        let verbosity = AtomicU32::new(u32::from(config.verbosity));
        let track_sizes = AtomicBool::new(config.track_sizes);
        let detail_enabled = AtomicBool::new(config.detail_from_start);
        AdminControl { version, clock, config, hasher, set_verbosity, verbosity, track_sizes, detail_enabled }
    }

    /// What `version` tells.
    pub fn version(&self) -> &[u8] {
        self.version.as_bytes()
    }

    /// What every shard is to be asked for `stats` with these arguments; the answer itself where no shard is needed.
    pub fn stats_order(&self, args: &[u8]) -> Result<Order, StatsAnswer> {
        if !self.config.dumping_enabled && args.split(|&byte| byte == b' ').next() == Some(b"detail") {
            return Err(StatsAnswer::Refused(NO_DETAIL));
        }
        let subject = match Form::parse(args).map_err(StatsAnswer::Refused)? {
            Form::General | Form::Settings | Form::Shards => Subject::General,
            Form::Items | Form::Slabs => Subject::Classes,
            Form::Conns => Subject::Connections(0),
            Form::Latency => Subject::Latency,
            Form::Memory => Subject::Memory,
            Form::Mrc => Subject::MissRatioCurve,
            Form::Routing => return Err(StatsAnswer::Lines(stats::routing(&self.config, &self.hasher))),
            Form::Sizes if self.tracks_sizes() => Subject::Sizes(Walk::default()),
            Form::Sizes => return Err(StatsAnswer::Lines(stats::sizes_status(false))),
            Form::SizesEnable(on) => {
                self.track_sizes.store(on, Ordering::Relaxed);
                return Err(StatsAnswer::Unended(stats::sizes_status(on)));
            }
            Form::DetailTurn(on) => {
                self.detail_enabled.store(on, Ordering::Relaxed);
                return Ok(Order::CountPrefixes(on.then_some(self.config.detail_delimiter)));
            }
            Form::DetailDump => Subject::Prefixes,
            Form::CacheDump { .. } if !self.config.dumping_enabled => return Err(StatsAnswer::Refused(NO_CACHEDUMP)),
            Form::CacheDump { class, .. } if class > CLASS_MAX => return Err(StatsAnswer::Refused(ILLEGAL_CLASS)),
            Form::CacheDump { class, items } => Subject::Items(ClassListing {
                class,
                items: if items == 0 { u32::MAX } else { items },
                bytes: (CACHEDUMP_BYTES_MAX / self.config.shards.len()) as u32,
                walk: Walk::default(),
            }),
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
                let sum = sum(&reports);
                let current = Current {
                    verbosity: self.verbosity.load(Ordering::Relaxed),
                    maxbytes: sum.limit_bytes,
                    crawler: sum.upkeep.crawlers_enabled > 0,
                    crawler_sleep_us: sum.upkeep.crawler_sleep_us,
                    crawler_limit_items: sum.upkeep.crawler_limit_items,
                    automove: sum.upkeep.automoving > 0,
                    track_sizes: self.tracks_sizes(),
                    detail: self.detail_enabled.load(Ordering::Relaxed),
                };
                stats::settings(&self.config, &current)
            }
            Form::Items => stats::items(&reports, self.clock.now().seconds),
            Form::Slabs => stats::slabs(&reports),
            Form::Conns => stats::conns(reports),
            Form::Shards => stats::shards(&reports),
            Form::Latency => stats::latency(reports),
            Form::Memory => stats::memory(&reports),
            Form::Mrc => stats::mrc(&reports, self.clock.now().seconds),
            Form::Routing => stats::routing(&self.config, &self.hasher),
            Form::Sizes => stats::sizes(&reports),
            Form::SizesEnable(on) => return StatsAnswer::Unended(stats::sizes_status(on)),
            Form::DetailTurn(_) => return StatsAnswer::Done("OK"),
            Form::DetailDump => return StatsAnswer::Detail(stats::prefixes(&reports)),
            Form::CacheDump { items, .. } => return StatsAnswer::Items(stats::cachedump(&reports, items)),
            Form::Reset => return StatsAnswer::Done("RESET"),
            Form::Unknown => return StatsAnswer::Unknown,
        })
    }

    fn tracks_sizes(&self) -> bool {
        self.track_sizes.load(Ordering::Relaxed)
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
