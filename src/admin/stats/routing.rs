//! `stats routing`: what a client needs to send each key to the shard that owns it. Ours.
//!
//! The hash of a key is that of the crate `ahash` 0.8, `RandomState::with_seeds(seed0, seed1, seed2, seed3).hash_one(key)`
//! over the key's bytes as a slice. It depends on the processor (AES instructions or not), so there is an example to
//! compare with. The owner is `((hash >> owner_shift) & (2^owner_bits - 1)) * shards >> owner_bits`.

use crate::command::StatLines;
use crate::config::Config;
use crate::router::{KeyHasher, OWNER_BITS, OWNER_SHIFT, owner_of};

/// The key of the example.
const EXAMPLE_KEY: &str = "ringcached";

/// The lines of `stats routing`. The seeds are told only where shards have ports of their own: with them, a client
/// could choose keys that collide.
pub(in crate::admin) fn routing(config: &Config, hasher: &KeyHasher) -> StatLines {
    let mut lines = StatLines::default();
    let shards = config.shards.len();
    lines.push("shards", shards.to_string());
    lines.push("hash", "ahash-0.8".to_owned());
    lines.push("owner_shift", OWNER_SHIFT.to_string());
    lines.push("owner_bits", OWNER_BITS.to_string());
    let Some(first) = config.per_shard_ports else { return lines };
    for (n, seed) in hasher.seeds().iter().enumerate() {
        lines.push(format!("seed{n}"), format!("{seed:016x}"));
    }
    let hash = hasher.hash(EXAMPLE_KEY.as_bytes());
    lines.push("example_key", EXAMPLE_KEY.to_owned());
    lines.push("example_hash", format!("{hash:016x}"));
    lines.push("example_owner", owner_of(hash, shards).to_string());
    for (shard, core) in config.shards.iter().enumerate() {
        lines.push(format!("{shard}:core"), core.to_string());
        lines.push(format!("{shard}:port"), (usize::from(first) + shard).to_string());
    }
    lines
}
