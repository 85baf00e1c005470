//! Every fixed line of the protocol, whole with its CRLF. Clients match them to the letter.

/// Not a command, or a command with a wrong number of arguments.
pub const ERROR: &[u8] = b"ERROR\r\n";
/// An argument of a command is malformed, or a key too long.
pub const BAD_COMMAND_LINE: &[u8] = b"CLIENT_ERROR bad command line format\r\n";
/// The same, from `delete`.
pub const BAD_DELETE: &[u8] = b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n";
/// A value is not followed by CRLF at the announced place.
pub const BAD_DATA_CHUNK: &[u8] = b"CLIENT_ERROR bad data chunk\r\n";
/// An exptime is not a number.
pub const INVALID_EXPTIME: &[u8] = b"CLIENT_ERROR invalid exptime argument\r\n";
/// The amount of an `incr` or `decr` is not a number of 64 bits.
pub const INVALID_DELTA: &[u8] = b"CLIENT_ERROR invalid numeric delta argument\r\n";
/// The stored value is not a number.
pub const NON_NUMERIC: &[u8] = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
/// A line without end. The connection is closed.
pub const LINE_TOO_LONG: &[u8] = b"CLIENT_ERROR line too long\r\n";
/// `flush_all` is not allowed.
pub const FLUSH_NOT_ALLOWED: &[u8] = b"CLIENT_ERROR flush_all not allowed\r\n";
/// `shutdown` is not allowed.
pub const SHUTDOWN_DISABLED: &[u8] = b"SERVER_ERROR: shutdown not enabled\r\n";
/// `shutdown` with another word than `graceful`.
pub const SHUTDOWN_MODE: &[u8] = b"CLIENT_ERROR invalid shutdown mode\r\n";
/// `refresh_certs` without TLS.
pub const NO_TLS: &[u8] = b"Error TLS not enabled\r\n";

/// `cache_memlimit` below what a server of one shard needs.
pub const MEMLIMIT_TOO_SMALL: &[u8] = b"MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n";
/// `cache_memlimit` with a number of bytes.
pub const MEMLIMIT_IN_BYTES: &[u8] = b"MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n";
/// `cache_memlimit` beyond what can be.
pub const MEMLIMIT_ADJUST_FAILED: &[u8] = b"MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n";
/// `slabs reassign` with a class that does not exist.
pub const REASSIGN_BAD_CLASS: &[u8] = b"BADCLASS invalid src or dst class id\r\n";
/// `slabs reassign` from a class that has no page to give.
pub const REASSIGN_NO_SPARE: &[u8] = b"NOSPARE source class has no spare pages\r\n";
/// `slabs reassign` from a class to itself.
pub const REASSIGN_SAME: &[u8] = b"SAME src and dst class are identical\r\n";
/// The crawler is off.
pub const CRAWLER_DISABLED: &[u8] = b"CLIENT_ERROR lru crawler disabled\r\n";
/// The crawler, or as many dumps as may be at once, are under way.
pub const CRAWLER_BUSY: &[u8] = b"BUSY currently processing crawler request\r\n";
/// A class that does not exist.
pub const CRAWLER_BAD_CLASS: &[u8] = b"BADCLASS invalid class id\r\n";
/// `lru_crawler crawl hash`, which is for dumps only.
pub const CRAWLER_ERROR: &[u8] = b"ERROR an unknown error happened\r\n";
/// The crawler is already on.
pub const CRAWLER_NOT_ENABLED: &[u8] = b"ERROR failed to start lru crawler thread\r\n";
/// `lru_crawler sleep` above a second.
pub const CRAWLER_SLEEP_TOO_LONG: &[u8] = b"CLIENT_ERROR sleep must be one second or less\r\n";
/// `lru_crawler metadump` under `-X`.
pub const METADUMP_DISABLED: &[u8] = b"ERROR metadump not allowed\r\n";
/// `lru_crawler mgdump` under `-X`.
pub const MGDUMP_DISABLED: &[u8] = b"ERROR key dump not allowed\r\n";
/// `watch` under `-W`.
pub const WATCH_DISABLED: &[u8] = b"CLIENT_ERROR watch commands not allowed\r\n";
/// `watch` behind commands that are not answered yet.
pub const WATCH_PIPELINED: &[u8] = b"ERROR cannot pipeline other commands before watch\r\n";
/// As many connections watch as may.
pub const WATCHERS_TOO_MANY: &[u8] = b"WATCHER_TOO_MANY log watcher limit reached\r\n";
/// `watch` for events that cannot happen here.
pub const NO_SUCH_STREAM: &[u8] = b"CLIENT_ERROR this server has no such events to watch\r\n";
/// `lru tune` with too much.
pub const LRU_PERCENTS_TOO_HIGH: &[u8] = b"ERROR hot and warm pcts must not exceed 80\r\n";
/// `lru tune` with too little.
pub const LRU_FACTORS_TOO_LOW: &[u8] = b"ERROR hot/warm age factors must be greater than 0\r\n";
/// `lru tune` and `lru mode segmented`.
pub const NO_LRU_SEGMENTS: &[u8] = b"CLIENT_ERROR eviction is S3-FIFO or CLOCK and has no lru segments\r\n";
/// `lru temp_ttl` with a time.
pub const NO_TEMP_LRU: &[u8] = b"CLIENT_ERROR eviction is S3-FIFO or CLOCK and has no temporary lru\r\n";

/// A meta flag is unknown.
pub const INVALID_FLAG: &[u8] = b"CLIENT_ERROR invalid flag\r\n";
/// A meta flag stands twice, or is not a letter.
pub const DUPLICATE_FLAG: &[u8] = b"CLIENT_ERROR duplicate flag\r\n";
/// `ma` names no more than this for any fault of its key and flags.
pub const INVALID_OR_DUPLICATE_FLAG: &[u8] = b"CLIENT_ERROR invalid or duplicate flag\r\n";
/// The number behind a meta flag is malformed.
pub const BAD_TOKEN: &[u8] = b"CLIENT_ERROR bad token in command line format\r\n";
/// The number behind `J` is malformed.
pub const BAD_INITIAL: &[u8] = b"CLIENT_ERROR invalid numeric initial value\r\n";
/// The number behind `D` is malformed.
pub const BAD_DELTA_FLAG: &[u8] = b"CLIENT_ERROR invalid numeric delta value\r\n";
/// With `b`, the key is not base64.
pub const BAD_KEY_ENCODING: &[u8] = b"CLIENT_ERROR error decoding key\r\n";
/// The opaque is too long.
pub const OPAQUE_TOO_LONG: &[u8] = b"CLIENT_ERROR opaque token too long\r\n";
/// `ms` does not know this mode.
pub const BAD_STORE_MODE: &[u8] = b"CLIENT_ERROR invalid mode for ms M token\r\n";
/// `ma` does not know this mode.
pub const BAD_ARITHMETIC_MODE: &[u8] = b"CLIENT_ERROR invalid mode for ma M token\r\n";
/// Too many flags.
pub const FLAGS_TOO_LONG: &[u8] = b"CLIENT_ERROR options flags are too long\r\n";

/// The value is over the maximum item size.
pub const TOO_LARGE: &[u8] = b"SERVER_ERROR object too large for cache\r\n";
/// No memory could be freed for the item.
pub const OUT_OF_MEMORY: &[u8] = b"SERVER_ERROR out of memory storing object\r\n";
/// The same, from commands that do not bring the value: `incr`, `decr`, `ma`, `md`.
pub const OUT_OF_MEMORY_ARITHMETIC: &[u8] = b"SERVER_ERROR out of memory\r\n";
/// An answer that does not belong to the command: our own fault.
pub const UNEXPECTED_REPLY: &[u8] = b"SERVER_ERROR unexpected reply\r\n";

/// The end of a read's answer.
pub const END: &[u8] = b"END\r\n";
/// The end of an `mgdump`, and what `mg` says of a miss.
pub const META_END: &[u8] = b"EN\r\n";
/// An administrative command is done.
pub const OK: &[u8] = b"OK\r\n";
/// Statistics are reset.
pub const RESET: &[u8] = b"RESET\r\n";
/// The answer to `me` of an absent key.
pub const META_MISS: &[u8] = b"EN\r\n";
/// The answer to `mn`.
pub const META_NOOP: &[u8] = b"MN\r\n";

/// A write is stored.
pub const STORED: &[u8] = b"STORED\r\n";
/// A write's condition did not hold.
pub const NOT_STORED: &[u8] = b"NOT_STORED\r\n";
/// The CAS numbers differ.
pub const EXISTS: &[u8] = b"EXISTS\r\n";
/// The key is absent.
pub const NOT_FOUND: &[u8] = b"NOT_FOUND\r\n";
/// The item is removed.
pub const DELETED: &[u8] = b"DELETED\r\n";
/// The exptime is set.
pub const TOUCHED: &[u8] = b"TOUCHED\r\n";
