//! The forms of `stats`, under memcached's names and with our truth in them.
//!
//! Names that memcached has and that mean nothing here (its LRU segments, its proxy) are left out rather than shown
//! as zero. `docs/COMPATIBILITY.md` has the table of names.

mod classes;
mod conns;
mod general;
mod latency;
mod listings;
mod memory;
mod mrc;
mod routing;
mod settings;
mod shards;

pub(super) use classes::{items, slabs};
pub(super) use conns::conns;
pub(super) use general::{Process, general};
pub(super) use latency::latency;
pub(super) use listings::{CACHEDUMP_BYTES_MAX, cachedump, prefixes, sizes, sizes_status};
pub(super) use memory::memory;
pub(super) use mrc::mrc;
pub(super) use routing::routing;
pub(super) use settings::{Current, settings};
pub(super) use shards::shards;
