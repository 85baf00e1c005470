//! Everything that ends a command early, told in words.

use std::{io, path::PathBuf};

use crate::protocol::Unparsable;

/// Why a command could not do, or not finish, its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option contradicts another one, or names something that is not there.
    #[error("{0}")]
    Usage(String),
    /// A connection could not be opened.
    #[error("connecting to {target}: {source}")]
    Connect { target: String, source: io::Error },
    /// The event queue failed.
    #[error("waiting for events: {0}")]
    Poll(io::Error),
    /// A connection broke.
    #[error("connection {connection} lost: {source}")]
    Io { connection: usize, source: io::Error },
    /// The server closed a connection.
    #[error("connection {0} closed by the server")]
    Closed(usize),
    /// A reply that the protocol does not allow here.
    #[error("connection {connection}: {source}")]
    Protocol { connection: usize, source: Unparsable },
    /// Replies are due and nothing arrives.
    #[error("no reply for {seconds} s with {outstanding} requests outstanding")]
    Stalled { seconds: u64, outstanding: usize },
    /// A trace could not be read.
    #[error("{}: {source}", path.display())]
    TraceFile { path: PathBuf, source: io::Error },
    /// The rest of a trace could not be read.
    #[error("{}, after {unit} {line}: {source}", path.display())]
    TraceRest { path: PathBuf, unit: &'static str, line: u64, source: io::Error },
    /// A trace asks for nothing.
    #[error("{}: the trace holds no request", .0.display())]
    TraceEmpty(PathBuf),
    /// A trace holds a line or record that is not in its format.
    #[error("{}, {unit} {line}: {reason}", path.display())]
    TraceLine { path: PathBuf, unit: &'static str, line: u64, reason: &'static str },
    /// A workload file could not be read.
    #[error("{}: {source}", path.display())]
    WorkloadFile { path: PathBuf, source: io::Error },
    /// A workload file says something that cannot be.
    #[error("{}, line {line}: {reason}", path.display())]
    WorkloadLine { path: PathBuf, line: usize, reason: String },
    /// A result file could not be written.
    #[error("writing {}: {source}", path.display())]
    Output { path: PathBuf, source: io::Error },
    /// A file of results could not be read.
    #[error("{}: {source}", path.display())]
    Input { path: PathBuf, source: io::Error },
    /// A file that should hold results does not.
    #[error("{}: not a result that `ringload run`, `ringload saturate` or `ringload replay` wrote: {reason}", path.display())]
    NotAResult { path: PathBuf, reason: String },
    /// A conversation outside of the load broke.
    #[error("asking {target}: {source}")]
    Asked { target: String, source: io::Error },
    /// A generator thread ended without a result.
    #[error("a generator thread panicked")]
    Thread,
}
