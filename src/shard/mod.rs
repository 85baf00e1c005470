//! One shard: executes requests on its store, keeps its counters and its housekeeping.
//!
//! It sees requests and replies, the store, and the time it is given. It knows no protocol, no socket and no
//! other shard: whose keys it is asked for is the router's business.

mod change;
mod counters;
mod execute;
mod hasher;
mod latency;
mod ledger;
mod listing;
mod observe;
mod order;
mod population;
mod prefixes;
mod rare;
mod report;
mod training;
mod watched;

pub use change::{Change, Refusal};
pub use counters::{Counters, ShardStats, Traffic};
pub use execute::{OWNER_HASH_BITS, PREFETCH_GROUP, Shard};
pub use hasher::KeyHasher;
pub use latency::{Latencies, Part};
pub use ledger::{MemoryLedger, MemoryPart, OutsideMemory};
pub use listing::Listing;
pub use observe::{Event, FetchStatus, OBSERVATIONS_BYTES_MAX, Observation, Observations, StoreStatus, Streams};
pub use order::{ConnectionReport, Order, Outcome, Report, Subject};
pub use population::{Populator, PopulatorPort};
pub use prefixes::{PREFIXES_MAX, PrefixCounts, Prefixes};
pub use report::{ClassListing, ClassReport, ListedItem, Upkeep};
pub use training::{Trainer, TrainerPort};

pub use crate::storage::{
    CURVE_HALF_LIFE_SECONDS, CURVE_PERCENTS, ClassCommands, ClassSet, ClassStats, CompressionStats, Hints, Lent,
    MissRatioCurve, PlainRead, PlainWrite, Reason, Removal, SizeHistogram, StoreMemory, Walk, WalkedItem,
};

#[cfg(test)]
mod tests;
