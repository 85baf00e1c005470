//! Connections: listening, receiving, executing in order, answering.
//!
//! One [`Worker`] per shard, driven by its own io_uring ([`ring`]) inside a pinned executor ([`executor`]). It
//! knows bytes, commands and the router; what a command means is decided behind the router, what its bytes look
//! like in the protocol.

mod connection;
mod connections;
mod dispatch;
pub mod executor;
mod gather;
mod intake;
mod limits;
pub mod listener;
mod pool;
mod replies;
pub mod ring;
pub mod steering;
mod worker;

pub use dispatch::Control;
pub use worker::{Shared, Ticket, Worker, WorkerParts, WorkerRouter};
