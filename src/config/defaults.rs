//! Every default, once. Help texts and validation read them here.

use super::flags::{Compress, Eviction, Protocols, Steering};

/// TCP port, as memcached's.
pub const PORT: u16 = 11211;
/// Address to listen on. memcached listens everywhere; a cache without passwords should not unless told to.
pub const LISTEN: &str = "127.0.0.1";
/// Permissions of the unix socket.
pub const UNIX_MASK: u32 = 0o700;
/// Memory per shard in bytes when no limit is given.
pub const SHARD_MEMORY_BYTES: u64 = 64 << 20;
/// Connections that may be open at once, over all shards.
pub const CONN_LIMIT: usize = 1024;
/// Largest item in bytes.
pub const ITEM_SIZE_MAX_BYTES: usize = 1 << 20;
/// Connections that the kernel may hold before they are accepted, per listener.
pub const LISTEN_BACKLOG: i32 = 1024;
/// Which items leave first when memory is full.
pub const EVICTION: Eviction = Eviction::Duel;
/// How new connections are spread over the shards.
pub const STEERING: Steering = Steering::Hash;
/// Protocols that a connection may speak.
pub const PROTOCOLS: Protocols = Protocols::Auto;
/// Commands of one connection that are executed in one turn. memcached's 20 bound a thread's time between two
/// connections; a turn here answers each connection once, so a longer pipeline is cheaper for all.
pub const REQUESTS_PER_TURN: usize = 1024;
/// How values are compressed. Most clients compress what is worth it themselves.
pub const COMPRESS: Compress = Compress::Off;
/// What ends the prefix of a key in `stats detail`, as memcached's.
pub const DETAIL_DELIMITER: u8 = b':';
/// Seconds without a command after which a connection is closed; 0 is never.
pub const IDLE_TIMEOUT_SECONDS: u32 = 0;
/// Microseconds that the crawler pauses between items, as memcached's.
pub const CRAWLER_SLEEP_US: u32 = 100;
/// Items that the crawler looks at per shard and run; 0 is all.
pub const CRAWLER_TOCRAWL: u32 = 0;
/// Buffer of each watcher in bytes, as memcached's.
pub const WATCHER_LOGBUF_BYTES: usize = 256 << 10;
/// Without work a shard sleeps at once.
pub const SPIN_US: u32 = 0;
/// The network card interrupts.
pub const BUSY_POLL_US: u32 = 0;
