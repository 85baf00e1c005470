//! `stats settings`: what the server runs with, as memcached names it. Every value is one token: exporters take a line
//! of more than three for a server that is down.

use std::net::SocketAddr;

use crate::command::StatLines;
use crate::config::{Compress, Config, Protocols};

/// Settings that commands change while the server runs.
pub(in crate::admin) struct Current {
    /// The level of the log.
    pub(in crate::admin) verbosity: u32,
    /// The memory limit in bytes, over all shards.
    pub(in crate::admin) maxbytes: u64,
    /// Whether the crawler runs by itself.
    pub(in crate::admin) crawler: bool,
    /// Its pause in microseconds.
    pub(in crate::admin) crawler_sleep_us: u32,
    /// Items after which it ends a pass of a shard; 0 for all.
    pub(in crate::admin) crawler_limit_items: u32,
    /// Whether pages move to slab classes that need them.
    pub(in crate::admin) automove: bool,
    /// Whether `stats sizes` has an answer.
    pub(in crate::admin) track_sizes: bool,
    /// Whether is counted by key prefix.
    pub(in crate::admin) detail: bool,
}

/// The lines of `stats settings`.
pub(in crate::admin) fn settings(config: &Config, current: &Current) -> StatLines {
    let mut lines = StatLines::default();
    lines.push("maxbytes", current.maxbytes);
    lines.push("maxconns", config.conn_limit);
    lines.push("tcpport", config.listen.first().map_or(0, SocketAddr::port));
    lines.push("udpport", 0);
    lines.push("inter", interfaces(&config.listen));
    lines.push("verbosity", current.verbosity);
    lines.push("evictions", if config.evictions { "on" } else { "off" });
    lines.push("eviction", config.eviction.name());
    lines.push("domain_socket", config.unix_socket.as_ref().map_or("NULL".into(), |path| path.display().to_string()));
    lines.push("umask", format!("{:o}", config.unix_mask));
    lines.push("shutdown_command", yes_no(config.enable_shutdown));
    lines.push("growth_factor", "1.04");
    lines.push("chunk_size", 24);
    lines.push("num_threads", config.shards.len());
    lines.push("stat_key_prefix", char::from(config.detail_delimiter));
    lines.push("detail_enabled", yes_no(current.detail));
    lines.push("reqs_per_event", config.requests_per_turn);
    lines.push("cas_enabled", "yes");
    lines.push("tcp_backlog", config.listen_backlog);
    let protocols = match config.protocols {
        Protocols::Auto => "auto-negotiate",
        narrowed => narrowed.name(),
    };
    lines.push("binding_protocol", protocols);
    lines.push("auth_enabled_sasl", "no");
    lines.push("auth_enabled_ascii", "no");
    lines.push("item_size_max", config.item_size_max_bytes);
    // A connection over the limit is told so and closed, which is what it means.
    lines.push("maxconns_fast", "yes");
    lines.push("slab_reassign", "yes");
    lines.push("slab_automove", u8::from(current.automove));
    lines.push("lru_crawler", yes_no(current.crawler));
    lines.push("lru_crawler_sleep", current.crawler_sleep_us);
    lines.push("lru_crawler_tocrawl", current.crawler_limit_items);
    lines.push("flush_enabled", yes_no(config.flush_all_enabled));
    lines.push("dump_enabled", yes_no(config.dumping_enabled));
    lines.push("hash_algorithm", "ahash");
    lines.push("lru_maintainer_thread", "no");
    lines.push("lru_segmented", "no");
    lines.push("temp_lru", "no");
    lines.push("idle_timeout", config.idle_timeout_seconds);
    lines.push("watcher_logbuf_size", config.watcher_logbuf_bytes);
    lines.push("track_sizes", yes_no(current.track_sizes));
    lines.push("inline_ascii_response", "no");
    lines.push("ssl_enabled", "no");
    lines.push("compress", config.compress.name());
    if config.compress != Compress::Off {
        lines.push("compress_min", config.compress_min_bytes);
    }
    lines.push("steering", config.steering.name());
    lines.push("numa", config.numa.name());
    lines.push("spin_us", config.spin_us);
    lines.push("busy_poll_us", config.busy_poll_us);
    lines
}

fn yes_no(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}

/// The addresses without their ports, each once; memcached says `NULL` for none.
fn interfaces(listen: &[SocketAddr]) -> String {
    let mut interfaces: Vec<String> = Vec::new();
    for address in listen {
        let interface = address.ip().to_string();
        if !interfaces.contains(&interface) {
            interfaces.push(interface);
        }
    }
    if interfaces.is_empty() { "NULL".to_owned() } else { interfaces.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_named_once() {
        let listen = |text: &[&str]| text.iter().map(|a| a.parse().expect("an address")).collect::<Vec<SocketAddr>>();
        assert_eq!(interfaces(&[]), "NULL");
        assert_eq!(interfaces(&listen(&["127.0.0.1:1", "[::1]:1", "127.0.0.1:2"])), "127.0.0.1,::1");
    }
}
