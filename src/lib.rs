//! ringcached: a thread-per-core cache server that speaks memcached's protocols.
//!
//! Each CPU core runs one pinned executor that owns one shard: its own hash table and its own slab pool.
//! `docs/DESIGN.md` tells the whole; each module's documentation tells its part and what it must not know.

pub mod admin;
pub mod clock;
pub mod command;
pub mod config;
pub mod heap;
pub mod launch;
pub mod protocol;
pub mod router;
pub mod server;
pub mod shard;
pub mod short;
pub mod storage;
