//! Connections: listening, receiving, executing in order, answering.
//!
//! One [`Worker`] per shard, driven by its own io_uring ([`ring`]) inside a pinned executor ([`executor`]). It
//! knows bytes, commands and the router; what a command means is decided behind the router, what its bytes look
//! like in the protocol.

mod answers;
mod connection;
mod connections;
mod conns;
mod control;
mod dispatch;
mod dump;
pub mod executor;
mod gather;
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
mod replies;
pub mod ring;
mod rules;
mod runtime;
mod spread;
pub mod steering;
mod stop;
mod table;
mod watch;
mod worker;

pub use control::Control;
pub use ledger::ProcessMemory;
pub use rules::Rules;
pub use spread::Spread;
pub use worker::{Shared, Ticket, Worker, WorkerParts, WorkerRouter};
