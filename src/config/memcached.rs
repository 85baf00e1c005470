//! memcached 1.6.45's flags and extended options, a row each: what becomes of it here and why. The only place that
//! says so: refusals, the help of `-o` and the tables in `docs/COMPATIBILITY.md` are made from it.
//!
//! Nothing is accepted and ignored, which would leave an operator with a server other than the one asked for.

use std::fmt::Write;

/// One flag of memcached's, or one option of its `-o`.
#[derive(Debug)]
pub struct Row {
    /// Its letter; `None` for an option of `-o`.
    pub letter: Option<char>,
    /// Its long name, or the option's name.
    pub name: &'static str,
    /// Whether a value belongs to it.
    pub takes: Takes,
    /// What becomes of it.
    pub verdict: Verdict,
    /// For what is refused, the reason and what to use; else what it does or how that differs.
    pub note: &'static str,
}

/// Whether a flag has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// Always one.
    Value,
    /// One, or none.
    Either,
}

/// What becomes of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is obeyed.
    Honoured,
    /// It asks for what holds in any case.
    AlwaysSo,
    /// The server does not start with it.
    Refused,
}

impl Verdict {
    /// The word in the documentation's tables.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Honoured => "honoured",
            Verdict::AlwaysSo => "always so",
            Verdict::Refused => "refused",
        }
    }
}

use Takes::{Either, Nothing, Value};
use Verdict::{AlwaysSo, Honoured, Refused};

const fn flag(letter: char, name: &'static str, takes: Takes, verdict: Verdict, note: &'static str) -> Row {
    Row { letter: Some(letter), name, takes, verdict, note }
}

const fn option(name: &'static str, takes: Takes, verdict: Verdict, note: &'static str) -> Row {
    Row { letter: None, name, takes, verdict, note }
}

const NO_LOGIN: &str = "authentication is not built; listen on loopback or a unix socket, or filter by firewall";
const NO_TLS: &str = "TLS is not built; put a TLS proxy in front, or use a unix socket";
const NO_DISK: &str = "items are kept in memory only; give more of it by -m";
const NO_PROXY: &str = "this is not a proxy; put mcrouter or nutcracker in front";
const NO_SEGMENTS: &str =
    "eviction is S3-FIFO or CLOCK within a slab class: there are no hot, warm and cold segments to size; leave it away";
const FIXED_CLASSES: &str = "the slab classes are fixed, finer than memcached's; leave it away";
const OWN_MOVES: &str = "pages move by what they are worth to each class, by no ratio or window; leave it away";

/// memcached's flags, by letter.
pub const FLAGS: &[Row] = &[
    flag('A', "enable-shutdown", Nothing, Honoured, "allows the `shutdown` command"),
    flag('B', "protocol", Value, Honoured, "`auto`, `ascii` (meta included) or `binary`"),
    flag(
        'C',
        "disable-cas",
        Nothing,
        Refused,
        "an item has a CAS number only once somebody has asked for it; leave it away",
    ),
    flag('D', "delimiter", Value, Honoured, "one byte; turns `stats detail` on from the start"),
    flag('F', "disable-flush-all", Nothing, Honoured, "`CLIENT_ERROR flush_all not allowed`"),
    flag(
        'I',
        "max-item-size",
        Value,
        Honoured,
        "1k to 1g, at most half of a shard's memory; measured as memcached does: key, value and 59 bytes",
    ),
    flag(
        'L',
        "enable-largepages",
        Nothing,
        Honoured,
        "large pages are asked for in any case; with the flag, a kernel that has them off refuses the start",
    ),
    flag(
        'M',
        "disable-evictions",
        Nothing,
        Honoured,
        "`SERVER_ERROR out of memory storing object` instead of evicting",
    ),
    flag('N', "napi-ids", Value, Refused, "connections are spread by --steering instead; try --steering incoming-cpu"),
    flag('P', "pidfile", Value, Honoured, "written at the start, removed at the end"),
    flag(
        'R',
        "max-reqs-per-event",
        Value,
        Honoured,
        "commands of one connection per turn; default 1024 (memcached: 20)",
    ),
    flag('S', "enable-sasl", Nothing, Refused, NO_LOGIN),
    flag(
        'U',
        "udp-port",
        Value,
        Honoured,
        "0 only: UDP is refused, a small forged request would be answered by a large reply to its victim",
    ),
    flag('V', "version", Nothing, Honoured, "prints ours"),
    flag('W', "disable-watch", Nothing, Honoured, "`watch` is refused"),
    flag(
        'X',
        "disable-dumping",
        Nothing,
        Honoured,
        "`stats cachedump`, `stats detail`, `lru_crawler metadump` and `mgdump` are refused",
    ),
    flag('Y', "auth-file", Value, Refused, NO_LOGIN),
    flag('Z', "enable-ssl", Nothing, Refused, NO_TLS),
    flag('a', "unix-mask", Value, Honoured, "octal, default 700"),
    flag(
        'b',
        "listen-backlog",
        Value,
        Honoured,
        "default 1024; the kernel cuts it to net.core.somaxconn, which is warned of",
    ),
    flag('c', "conn-limit", Value, Honoured, "clients only; memcached counts its own descriptors in"),
    flag(
        'd',
        "daemon",
        Nothing,
        Refused,
        "the server stays in the foreground; let a service manager such as systemd run it",
    ),
    flag('e', "memory-file", Value, Refused, "items are not kept over a restart; leave it away"),
    flag('f', "slab-growth-factor", Value, Refused, FIXED_CLASSES),
    flag('h', "help", Nothing, Honoured, "prints ours"),
    flag('i', "license", Nothing, Honoured, "prints ours"),
    flag(
        'k',
        "lock-memory",
        Nothing,
        Honoured,
        "memory is locked as it is first used; needs an unlimited RLIMIT_MEMLOCK or root",
    ),
    flag(
        'l',
        "listen",
        Value,
        Honoured,
        "default 127.0.0.1 (memcached: all addresses); no `notls:`, `tag` or `proto` prefixes",
    ),
    flag(
        'm',
        "memory-limit",
        Value,
        Honoured,
        "a total, index and page metadata included; MiB or with a suffix. Default 64 MiB per shard; at least 8 MiB per shard, less starts fewer shards and says so",
    ),
    flag('n', "slab-min-size", Value, Refused, FIXED_CLASSES),
    flag('o', "extended", Value, Honoured, "see the next table"),
    flag('p', "port", Value, Honoured, "default 11211; 0 turns TCP off, -1 lets the kernel choose"),
    flag('r', "enable-coredumps", Nothing, Honoured, "raises the limit on core files as far as it may"),
    flag('s', "unix-socket", Value, Honoured, "beside TCP; memcached turns TCP off, which `-p 0` does here"),
    flag(
        't',
        "threads",
        Value,
        Honoured,
        "shards, one per core; default: every core that the process may use (memcached: 4)",
    ),
    flag('u', "user", Value, Honoured, "not required of root, which is warned of"),
    flag('v', "verbose", Nothing, Honoured, "repeatable; three levels"),
];

/// The long names of flags that memcached does not have.
pub const OURS: &[&str] = &[
    "eviction",
    "compress",
    "compress-min",
    "cores",
    "steering",
    "numa",
    "per-shard-ports",
    "control-core",
    "spin-us",
    "busy-poll-us",
    "config",
    "print-config",
];

/// memcached's extended options, `-o name[=value]`, by name.
pub const EXTENDED: &[Row] = &[
    option(
        "drop_privileges",
        Nothing,
        Refused,
        "system calls are filtered by the service manager: SystemCallFilter= in the systemd unit; leave it away",
    ),
    option("ext_compact_under", Value, Refused, NO_DISK),
    option("ext_drop_under", Value, Refused, NO_DISK),
    option("ext_drop_unread", Nothing, Refused, NO_DISK),
    option("ext_io_depth", Value, Refused, NO_DISK),
    option("ext_item_age", Value, Refused, NO_DISK),
    option("ext_item_size", Value, Refused, NO_DISK),
    option("ext_low_ttl", Value, Refused, NO_DISK),
    option("ext_max_frag", Value, Refused, NO_DISK),
    option("ext_max_sleep", Value, Refused, NO_DISK),
    option("ext_page_size", Value, Refused, NO_DISK),
    option("ext_path", Value, Refused, NO_DISK),
    option("ext_recache_rate", Value, Refused, NO_DISK),
    option("ext_threads", Value, Refused, NO_DISK),
    option("ext_wbuf_size", Value, Refused, NO_DISK),
    option(
        "hash_algorithm",
        Value,
        Refused,
        "keys are hashed by a keyed hash of the server's own, so that nobody can make them collide; leave it away",
    ),
    option(
        "hashpower",
        Value,
        Refused,
        "the index grows in small steps with the items and needs no size to start at; leave it away",
    ),
    option("hot_lru_pct", Value, Refused, NO_SEGMENTS),
    option("hot_max_factor", Value, Refused, NO_SEGMENTS),
    option(
        "idle_timeout",
        Value,
        Honoured,
        "seconds after which a connection that waits for a command is closed; 0, the default, is never",
    ),
    option(
        "inline_ascii_resp",
        Nothing,
        Refused,
        "reply headers are not stored with items, nor are they in memcached 1.6; leave it away",
    ),
    option("lru_crawler", Nothing, Honoured, "the crawler frees expired items by itself; the default"),
    option(
        "lru_crawler_sleep",
        Value,
        Honoured,
        "microseconds that the crawler pauses between items, 0 to 1000000; default 100",
    ),
    option(
        "lru_crawler_tocrawl",
        Value,
        Honoured,
        "items that the crawler looks at per shard and run; 0, the default, is all",
    ),
    option(
        "lru_maintainer",
        Nothing,
        AlwaysSo,
        "what was read stays longer than what was not, by S3-FIFO or CLOCK: neither needs a thread",
    ),
    option("maxconns_fast", Nothing, AlwaysSo, "a connection over `-c` is answered and closed at once"),
    option("modern", Nothing, AlwaysSo, "selects nothing beyond the defaults, as in memcached 1.6"),
    option("no_chunked_items", Nothing, Refused, "large values are kept in pieces, and -I bounds them; leave it away"),
    option("no_drop_privileges", Nothing, AlwaysSo, "the server filters no system calls itself"),
    option("no_hashexpand", Nothing, Refused, "the index grows with the items; leave it away"),
    option("no_inline_ascii_resp", Nothing, AlwaysSo, "reply headers are not stored with items"),
    option("no_lru_crawler", Nothing, Honoured, "the crawler rests until `lru_crawler enable`"),
    option(
        "no_lru_maintainer",
        Nothing,
        Refused,
        "there is no plain LRU to fall back to: eviction is S3-FIFO or CLOCK within a slab class; leave it away",
    ),
    option(
        "no_maxconns_fast",
        Nothing,
        Refused,
        "a connection over -c is always answered and closed, none is left waiting; raise -c",
    ),
    option("no_modern", Nothing, Refused, "memcached 1.4's eviction and slab classes are not built; leave it away"),
    option("no_slab_automove", Nothing, Honoured, "as `slab_automove=0`: a class that is full evicts its own items"),
    option(
        "no_slab_reassign",
        Nothing,
        Refused,
        "pages can always be moved between classes; no_slab_automove keeps it from happening by itself",
    ),
    option("proxy_arg", Value, Refused, NO_PROXY),
    option("proxy_config", Value, Refused, NO_PROXY),
    option("proxy_memprofile", Nothing, Refused, NO_PROXY),
    option("proxy_uring", Nothing, Refused, NO_PROXY),
    option(
        "read_buf_mem_limit",
        Value,
        Refused,
        "receive buffers are a fixed pool of each shard, whatever the number of connections; leave it away",
    ),
    option("resp_obj_mem_limit", Value, Refused, "waiting replies are bounded for each connection; leave it away"),
    option(
        "slab_automove",
        Either,
        Honoured,
        "1, the default: pages move to the class that needs one; 0: not by themselves; 2 is refused, there is no more eager way",
    ),
    option("slab_automove_freeratio", Value, Refused, NO_DISK),
    option("slab_automove_ratio", Value, Refused, OWN_MOVES),
    option("slab_automove_window", Value, Refused, OWN_MOVES),
    option("slab_chunk_max", Value, Refused, FIXED_CLASSES),
    option("slab_reassign", Nothing, AlwaysSo, "pages can be moved between classes"),
    option("slab_sizes", Value, Refused, FIXED_CLASSES),
    option(
        "sock_cookie_id",
        Value,
        Refused,
        "sockets are not marked; match the port, or the service's cgroup, in the firewall",
    ),
    option("ssl_ca_cert", Value, Refused, NO_TLS),
    option("ssl_chain_cert", Value, Refused, NO_TLS),
    option("ssl_ciphers", Value, Refused, NO_TLS),
    option("ssl_kernel_tls", Nothing, Refused, NO_TLS),
    option("ssl_key", Value, Refused, NO_TLS),
    option("ssl_keyformat", Value, Refused, NO_TLS),
    option("ssl_min_version", Value, Refused, NO_TLS),
    option("ssl_session_cache", Nothing, Refused, NO_TLS),
    option("ssl_verify_mode", Value, Refused, NO_TLS),
    option("ssl_wbuf_size", Value, Refused, NO_TLS),
    option("tail_repair_time", Value, Refused, "no item can be stuck by a lost reference; leave it away"),
    option(
        "temporary_ttl",
        Value,
        Refused,
        "short-lived items have no segment of their own: eviction is S3-FIFO or CLOCK within a slab class; leave it away",
    ),
    option("track_sizes", Nothing, Honoured, "`stats sizes` counts from the start"),
    option("warm_lru_pct", Value, Refused, NO_SEGMENTS),
    option("warm_max_factor", Value, Refused, NO_SEGMENTS),
    option("watcher_logbuf_size", Value, Honoured, "KiB of lines that may wait for each watcher; default 256"),
    option(
        "worker_logbuf_size",
        Value,
        Refused,
        "there is no buffer before the watchers' own; size those by watcher_logbuf_size",
    ),
];

/// The row of the flag with this long name.
pub(super) fn flag_named(name: &str) -> Option<&'static Row> {
    FLAGS.iter().find(|row| row.name == name)
}

/// The row of the option of `-o` with this name.
pub(super) fn option_named(name: &str) -> Option<&'static Row> {
    EXTENDED.iter().find(|row| row.name == name)
}

/// The two tables of `docs/COMPATIBILITY.md`, as Markdown.
pub fn tables() -> String {
    let mut text = "| Flag | | |\n|---|---|---|\n".to_owned();
    for Row { letter, name, verdict, note, .. } in FLAGS {
        let letter = letter.map(String::from).unwrap_or_default();
        // Writing to memory does not fail.
        let _ = writeln!(text, "| `-{letter}` `--{name}` | {} | {note} |", verdict.word());
    }
    let ours: Vec<_> = OURS.iter().map(|name| format!("`--{name}`")).collect();
    let _ = writeln!(text, "| {} | ours | memcached does not have them |", ours.join(" "));
    text += "\n| `-o` | | |\n|---|---|---|\n";
    for Row { name, verdict, note, .. } in EXTENDED {
        let _ = writeln!(text, "| `{name}` | {} | {note} |", verdict.word());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_named_once() {
        assert!(FLAGS.is_sorted_by(|a, b| a.letter < b.letter));
        assert!(EXTENDED.is_sorted_by(|a, b| a.name < b.name));
        for row in FLAGS.iter().chain(EXTENDED) {
            assert!(!row.note.is_empty() && !row.note.contains('|') && !row.note.ends_with('.'), "{row:?}");
            assert_eq!(flag_named(row.name).is_some(), row.letter.is_some(), "{row:?}");
        }
    }
}
