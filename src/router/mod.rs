//! Who owns a key, and how a request gets there and back.
//!
//! A [`Router`] is one shard's view of the whole cache: its own [`Shard`] at hand, the
//! others behind a mesh of single-producer single-consumer rings. It has the shard's verbs for keys of its own
//! and `forward` for the rest. Requests travel in batches: what a turn asks of one owner goes in one message,
//! and the message comes back with the answers in it, so nothing is allocated per request and no memory is
//! freed on another core than its own.
//!
//! It knows no protocol and no socket: what a request's sender needs to remember travels as an opaque ticket.

mod batch;
mod doorbell;
mod facade;
mod mesh;
#[cfg(test)]
pub(crate) mod testing;

pub use batch::{Answer, BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, Batch, Errand, Host, PIECE_MAX, ReplyWriter, Stamp};
pub use doorbell::Doorbell;
pub use facade::{OWNER_BITS, OWNER_SHIFT, Router, owner_of};
pub use mesh::{BATCHES_PER_PEER, Full, Mesh, mesh};

pub use crate::shard::{
    CURVE_HALF_LIFE_SECONDS, CURVE_PERCENTS, Change, ClassCommands, ClassListing, ClassReport, ClassSet, ClassStats,
    CompressionStats, ConnectionReport, Event as Observed, Hints, KeyHasher, Latencies, Lent, ListedItem, Listing,
    MemoryLedger, MemoryPart, MissRatioCurve, Observation, Order, Outcome, OutsideMemory, Part, PlainRead, PlainWrite,
    PrefixCounts, Prefixes, Reason, Refusal, Removal, Report, Shard, ShardStats, SizeHistogram,
    Streams as ObservedStreams, Subject, Upkeep, Walk, WalkedItem,
};
