//! The bounds of one shard's connections. Each names what it protects.

/// Output that a connection may have waiting, in bytes, before its commands are no longer executed.
pub(super) const OUTPUT_HIGH_BYTES: usize = 128 << 10;
/// Waiting output below which a stopped connection goes on.
pub(super) const OUTPUT_LOW_BYTES: usize = 32 << 10;
/// Output of all connections of a shard that waits or is being sent, in bytes, above which each may have no more than
/// [`OUTPUT_LOW_BYTES`] waiting: many that do not read together cost little more than some.
pub(super) const OUTPUTS_BUDGET_BYTES: usize = 8 << 20;
/// Replies that a connection may have outstanding or waiting behind such: with a value of
/// [`INLINE_VALUE_MAX`](crate::command::INLINE_VALUE_MAX) each, 4 MiB.
pub(super) const REPLIES_OUTSTANDING_MAX: usize = 256;
/// Bytes of LARGE values after which a send takes no further piece of them by reference. Some pages, since a turn passes
/// until the next send.
pub(super) const LENT_BYTES_MAX: usize = 256 << 10;
/// Unexecuted input of a stopped or busy connection, in bytes, above which it is no longer read from.
pub(super) const INPUT_HIGH_BYTES: usize = 64 << 10;
/// Rounds of receiving, without waiting, and executing what LARGE values under way have brought, in one turn.
pub(super) const UPLOAD_ROUNDS: usize = 3;
/// Bytes of its LARGE values that a connection is sent in one such round: two pages of the store.
pub(super) const UPLOAD_ROUND_BYTES: usize = 128 << 10;
/// The same for all connections of a shard, in one turn: about 200 µs. Beyond that each receives a buffer a turn.
pub(super) const UPLOADS_TURN_BYTES: usize = 1 << 20;
/// Completions taken in one turn.
pub(super) const COMPLETIONS_PER_TURN: usize = 512;
/// Dumps under way over all shards' connections: each takes one piece of a turn of the shard that it lists.
pub(super) const DUMPS_MAX: usize = 4;
/// Connections that may watch at once, over all shards; as in memcached.
pub(super) const WATCHERS_MAX: usize = 20;
/// Connections of one turn that watchers are told of as they come and go.
pub(super) const CONNECTION_EVENTS_MAX: usize = COMPLETIONS_PER_TURN;
/// Commands that are prefetched together and then executed.
pub(super) const GROUP: usize = 32;
/// Connections that are looked at in one tick for having been silent too long; the next ones in the next tick. Some
/// hundred microseconds at the most.
pub(super) const IDLE_LOOKS_PER_TICK: usize = 16 << 10;
/// Bytes of output buffers kept for the next use.
pub(super) const OUTPUT_POOL_BYTES: usize = 4 << 20;
/// Reply queues kept for the next use; each has up to 20 KiB.
pub(super) const REPLY_QUEUES_KEPT_MAX: usize = 64;
/// Output that waits for answers of other shards, in bytes, above which it is sent without them.
pub(super) const OUTPUT_HELD_BYTES: usize = 16 << 10;
/// An output buffer larger than this is not kept.
pub(super) const OUTPUT_BUFFER_KEPT_MAX: usize = 256 << 10;
/// The store is told of memory outside of it when that has changed by so many bytes: four of its pages.
pub(super) const OUTSIDE_STEP_BYTES: usize = 256 << 10;
/// Pieces of long reports that are made or asked for in one turn, so that requests do not wait for `stats`.
pub(super) const REPORT_PIECES_PER_TURN: usize = 4;
/// Requests after which a long turn reads the clock again, to tell what they took from what the next ones wait.
pub(super) const REQUESTS_PER_TIMING: u32 = 128;
