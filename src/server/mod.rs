//! Connections: listening, receiving, executing in order, answering.
//!
//! One [`Worker`] per shard, driven by its own io_uring ([`ring`]) inside a pinned executor ([`executor`]). It
//! knows bytes, commands and the router; what a command means is decided behind the router, what its bytes look
//! like in the protocol.

mod admission;
mod answers;
mod closing;
mod connection;
mod connections;
mod conns;
mod control;
mod dispatch;
mod dump;
pub mod executor;
mod gather;
mod housekeeping;
mod idle;
mod input;
mod intake;
mod latency;
mod ledger;
mod limits;
pub mod listener;
pub mod mempolicy;
mod peer;
mod pool;
mod receiving;
mod replies;
pub mod ring;
mod rules;
mod runtime;
mod sending;
mod shared;
mod spread;
pub mod steering;
mod stop;
mod table;
mod ticket;
mod watch;
mod worker;

pub use control::Control;
pub use ledger::ProcessMemory;
pub use rules::Rules;
pub use shared::Shared;
pub use spread::Spread;
pub use ticket::{Ticket, WorkerRouter};
pub use worker::{Worker, WorkerParts};
