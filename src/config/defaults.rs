//! Every default, once. Help texts and validation read them here.

use super::flags::Steering;

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
/// How new connections are spread over the shards.
pub const STEERING: Steering = Steering::Hash;
