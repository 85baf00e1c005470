//! What a worker attaches to what it forwards to other shards, to know where the answer belongs.

use crate::protocol::memcache::FormTag;
use crate::router::Router;

/// The router, with what a worker attaches to what it forwards.
pub type WorkerRouter = Router<Ticket>;

/// Where the answer to an errand belongs.
#[derive(Clone, Copy, Debug)]
pub enum Ticket {
    /// To a reply's place in a connection's queue.
    Reply {
        /// The connection's number.
        connection: u32,
        /// Its generation.
        generation: u32,
        /// The reply's number.
        sequence: u32,
        /// How to encode it.
        form: FormTag,
    },
    /// To the LARGE value at the front of a connection's queue.
    Piece {
        /// The connection's number.
        connection: u32,
        /// Its generation.
        generation: u32,
    },
    /// To the dump at the front of a connection's queue.
    Dump {
        /// The connection's number.
        connection: u32,
        /// Its generation.
        generation: u32,
    },
    /// To a command that all shards answer.
    Gather(u32),
    /// Nowhere.
    Nothing,
}
