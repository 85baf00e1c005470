//! The vocabulary that all protocols share: what can be asked of the cache, and what it can answer.
//!
//! A protocol turns bytes into [`Request`]s and [`Reply`]s into bytes; a shard turns a `Request` into a
//! `Reply`. Neither knows the other. Nothing here owns memory: a `Request` borrows from a receive buffer, a
//! `Reply` from the store; what crosses cores is copied by the router.

mod kind;
mod reply;
mod request;
mod stats;

pub use crate::clock::Exptime;
pub use kind::{KindCounts, OpKind};
pub use reply::{Hit, ItemInfo, Number, Reply, Value};
pub use request::{
    Arithmetic, ArithmeticMode, CasCheck, Delete, Initial, MetaGet, Op, Payload, Request, Store, StoreMode, Touch,
    UploadId,
};
pub use stats::{StatLines, StatsAnswer};

/// Longest key in bytes, as in memcached (`KEY_MAX_LENGTH`).
pub const KEY_LEN_MAX: usize = 250;

/// Longest value in bytes that is handled as one piece, everywhere: it is buffered whole on receipt, stored in
/// one chunk, copied whole into replies. A longer one is LARGE: received, stored and sent piece by piece.
pub const INLINE_VALUE_MAX: usize = 16 << 10;
