//! One shard: executes requests on its store, keeps its counters and its housekeeping.
//!
//! It sees requests and replies, the store, and the time it is given. It knows no protocol, no socket and no
//! other shard: whose keys it is asked for is the router's business.

mod counters;
mod execute;
mod hasher;
mod order;

pub use counters::{Counters, ShardStats, Traffic};
pub use execute::{OWNER_HASH_BITS, PREFETCH_GROUP, Shard};
pub use hasher::KeyHasher;
pub use order::{Order, Outcome, Report, Subject};
