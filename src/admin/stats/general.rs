//! The general `stats`.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::clock::Now;
use crate::command::StatLines;
use crate::config::{Compress, Config};
use crate::router::{CompressionStats, ShardStats};

/// What is said of the process rather than of the cache.
pub(in crate::admin) struct Process<'a> {
    pub(in crate::admin) version: &'a str,
    pub(in crate::admin) now: Now,
    /// Seconds since the start.
    pub(in crate::admin) uptime: u64,
}

/// The lines of `stats`.
pub(in crate::admin) fn general(sum: &ShardStats, shards: usize, config: &Config, process: &Process<'_>) -> StatLines {
    let mut lines = StatLines::default();
    lines.push("pid", std::process::id());
    lines.push("uptime", process.uptime);
    lines.push("time", process.now.unix());
    lines.push("version", process.version);
    lines.push("pointer_size", usize::BITS);
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        lines.push("rusage_user", seconds(usage.user_time()));
        lines.push("rusage_system", seconds(usage.system_time()));
    }
    lines.push("max_connections", config.conn_limit);
    let traffic = &sum.traffic;
    lines.push("curr_connections", traffic.curr_connections);
    lines.push("total_connections", traffic.total_connections);
    lines.push("rejected_connections", traffic.rejected_connections);
    lines.push("connection_structures", traffic.curr_connections);
    let counters = &sum.counters;
    lines.push("cmd_get", counters.cmd_get);
    lines.push("cmd_set", counters.cmd_set);
    lines.push("cmd_flush", counters.cmd_flush);
    lines.push("cmd_touch", counters.cmd_touch);
    lines.push("cmd_meta", counters.cmd_meta);
    lines.push("get_hits", counters.get_hits);
    lines.push("get_misses", counters.get_misses);
    lines.push("get_expired", sum.get_expired);
    // A flush frees its items at once, so no read finds one.
    lines.push("get_flushed", 0);
    lines.push("delete_misses", counters.delete_misses);
    lines.push("delete_hits", counters.delete_hits);
    lines.push("incr_misses", counters.incr_misses);
    lines.push("incr_hits", counters.incr_hits);
    lines.push("decr_misses", counters.decr_misses);
    lines.push("decr_hits", counters.decr_hits);
    lines.push("cas_misses", counters.cas_misses);
    lines.push("cas_hits", counters.cas_hits);
    lines.push("cas_badval", counters.cas_badval);
    lines.push("touch_hits", counters.touch_hits);
    lines.push("touch_misses", counters.touch_misses);
    lines.push("store_too_large", counters.store_too_large);
    lines.push("store_no_memory", counters.store_no_memory);
    lines.push("auth_cmds", 0);
    lines.push("auth_errors", 0);
    lines.push("bytes_read", traffic.bytes_read);
    lines.push("bytes_written", traffic.bytes_written);
    lines.push("limit_maxbytes", sum.limit_bytes);
    lines.push("accepting_conns", 1);
    lines.push("listen_disabled_num", traffic.accept_failures);
    lines.push("threads", shards);
    lines.push("conn_yields", traffic.conn_yields);
    if config.idle_timeout_seconds > 0 {
        lines.push("idle_kicks", traffic.idle_kicks);
    }
    lines.push("hash_bytes", sum.index_bytes);
    lines.push("slab_global_page_pool", sum.free_pages);
    lines.push("bytes", sum.bytes);
    lines.push("curr_items", sum.curr_items);
    lines.push("total_items", sum.total_items);
    lines.push("total_malloced", sum.memory_bytes);
    lines.push("expired_unfetched", sum.expired_unfetched);
    lines.push("expired_bytes", sum.expired_bytes);
    lines.push("evicted_unfetched", sum.evicted_unfetched);
    lines.push("evictions", sum.evictions);
    lines.push("reclaimed", sum.reclaimed);
    let upkeep = &sum.upkeep;
    lines.push("crawler_reclaimed", upkeep.crawler_reclaimed);
    lines.push("crawler_items_checked", upkeep.crawler_items_checked);
    lines.push("lru_crawler_running", u8::from(upkeep.crawlers_running > 0));
    lines.push("lru_crawler_starts", upkeep.crawler_starts);
    lines.push("direct_reclaims", upkeep.direct_reclaims);
    // A page moves at once, within one request.
    lines.push("slab_reassign_running", 0);
    lines.push("slabs_moved", upkeep.pages_moved);
    lines.push("large_uploads_bytes", sum.uploads_bytes);
    lines.push("large_pins", sum.pins);
    if config.compress != Compress::Off {
        compression(&sum.compression, &mut lines);
    }
    lines.push("log_worker_dropped", traffic.log_worker_dropped);
    lines.push("log_worker_written", traffic.log_worker_written);
    lines.push("log_watcher_skipped", traffic.log_watcher_skipped);
    lines.push("log_watcher_sent", traffic.log_watcher_sent);
    lines.push("log_watchers", traffic.log_watchers);
    lines.push("forwarded_requests", traffic.forwarded_out);
    lines
}

fn compression(stats: &CompressionStats, lines: &mut StatLines) {
    lines.push("compress_attempts", stats.attempts);
    lines.push("compress_incompressible", stats.incompressible);
    lines.push("compress_skipped", stats.skipped);
    lines.push("compress_failures", stats.failures);
    lines.push("compressed_items", stats.items);
    lines.push("compressed_raw_bytes", stats.raw_bytes);
    lines.push("compressed_bytes", stats.stored_bytes);
    lines.push("compress_dictionary_version", stats.dictionary_version);
    lines.push("compress_dictionaries", stats.dictionaries);
    lines.push("compress_trainings", stats.trainings);
    lines.push("compress_memory_bytes", stats.memory_bytes);
}

/// memcached's `sec.usec`.
fn seconds(time: TimeVal) -> String {
    format!("{}.{:06}", time.tv_sec(), time.tv_usec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rusage_is_seconds_and_six_digits() {
        assert_eq!(seconds(TimeVal::new(3, 42)), "3.000042");
    }
}
