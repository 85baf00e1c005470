//! The general `stats`, under memcached's names and with our truth in them.
//!
//! Names that memcached has and that mean nothing here (its LRU segments, its crawler, its proxy) are left out
//! rather than shown as zero.

use std::fmt::Display;
use std::io::Write;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::clock::Now;
use crate::config::Config;
use crate::router::ShardStats;

/// What is said of the process rather than of the cache.
pub(super) struct Process<'a> {
    pub(super) version: &'a str,
    pub(super) now: Now,
    /// Seconds since the start.
    pub(super) uptime: u64,
}

/// The lines of `stats`, `END` included.
pub(super) fn general(sum: &ShardStats, shards: usize, config: &Config, process: &Process<'_>) -> Vec<u8> {
    let mut lines = Lines::default();
    lines.add("pid", std::process::id());
    lines.add("uptime", process.uptime);
    lines.add("time", process.now.unix());
    lines.add("version", process.version);
    lines.add("pointer_size", usize::BITS);
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        lines.add("rusage_user", seconds(usage.user_time()));
        lines.add("rusage_system", seconds(usage.system_time()));
    }
    lines.add("max_connections", config.conn_limit);
    let traffic = &sum.traffic;
    lines.add("curr_connections", traffic.curr_connections);
    lines.add("total_connections", traffic.total_connections);
    lines.add("rejected_connections", traffic.rejected_connections);
    lines.add("connection_structures", traffic.curr_connections);
    let counters = &sum.counters;
    lines.add("cmd_get", counters.cmd_get);
    lines.add("cmd_set", counters.cmd_set);
    lines.add("cmd_flush", counters.cmd_flush);
    lines.add("cmd_touch", counters.cmd_touch);
    lines.add("cmd_meta", counters.cmd_meta);
    lines.add("get_hits", counters.get_hits);
    lines.add("get_misses", counters.get_misses);
    lines.add("get_expired", sum.get_expired);
    // A flush frees its items at once, so no read finds one.
    lines.add("get_flushed", 0);
    lines.add("delete_misses", counters.delete_misses);
    lines.add("delete_hits", counters.delete_hits);
    lines.add("incr_misses", counters.incr_misses);
    lines.add("incr_hits", counters.incr_hits);
    lines.add("decr_misses", counters.decr_misses);
    lines.add("decr_hits", counters.decr_hits);
    lines.add("cas_misses", counters.cas_misses);
    lines.add("cas_hits", counters.cas_hits);
    lines.add("cas_badval", counters.cas_badval);
    lines.add("touch_hits", counters.touch_hits);
    lines.add("touch_misses", counters.touch_misses);
    lines.add("store_too_large", counters.store_too_large);
    lines.add("store_no_memory", counters.store_no_memory);
    lines.add("auth_cmds", 0);
    lines.add("auth_errors", 0);
    lines.add("bytes_read", traffic.bytes_read);
    lines.add("bytes_written", traffic.bytes_written);
    lines.add("limit_maxbytes", config.memory_limit_bytes);
    lines.add("accepting_conns", 1);
    lines.add("listen_disabled_num", traffic.accept_failures);
    lines.add("threads", shards);
    lines.add("conn_yields", traffic.conn_yields);
    if config.idle_timeout_seconds > 0 {
        lines.add("idle_kicks", traffic.idle_kicks);
    }
    lines.add("hash_bytes", sum.index_bytes);
    lines.add("slab_global_page_pool", sum.free_pages);
    lines.add("bytes", sum.bytes);
    lines.add("curr_items", sum.curr_items);
    lines.add("total_items", sum.total_items);
    lines.add("total_malloced", sum.memory_bytes);
    lines.add("expired_unfetched", sum.expired_unfetched);
    lines.add("evicted_unfetched", sum.evicted_unfetched);
    lines.add("evictions", sum.evictions);
    lines.add("reclaimed", sum.reclaimed);
    lines.add("large_uploads_bytes", sum.uploads_bytes);
    lines.add("large_pins", sum.pins);
    lines.add("forwarded_requests", traffic.forwarded_out);
    lines.end()
}

/// memcached's `sec.usec`.
fn seconds(time: TimeVal) -> String {
    format!("{}.{:06}", time.tv_sec(), time.tv_usec())
}

#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn add(&mut self, name: &str, value: impl Display) {
        // Writing to memory does not fail.
        let _ = write!(self.0, "STAT {name} {value}\r\n");
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"END\r\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monitoring splits each line at its spaces, and a value with one would be read as another field.
    #[test]
    fn every_line_is_a_name_and_one_value() {
        let host = crate::config::Host::observe().expect("host");
        let (config, _) = Config::resolve(Default::default(), &host).expect("defaults");
        let now = crate::clock::Clock::start().now();
        let process = Process { version: "1.6.45-x", now, uptime: 3 };
        let text = String::from_utf8(general(&ShardStats::default(), 2, &config, &process)).expect("text");
        let body = text.strip_suffix("END\r\n").expect("END");
        for line in body.lines() {
            assert_eq!(line.split(' ').count(), 3, "{line}");
            assert!(line.starts_with("STAT "), "{line}");
        }
        assert!(body.contains("STAT threads 2\r\n"));
    }

    #[test]
    fn rusage_is_seconds_and_six_digits() {
        assert_eq!(seconds(TimeVal::new(3, 42)), "3.000042");
    }
}
