//! Requests to bytes and bytes to replies, for the text and the meta protocol.
//!
//! Knows no sockets and no workload. Deliberately not the server's parser: the judge of a server shares no
//! code with it. A reply parser looks at the head of what has arrived and gives one [`Reply`] with the bytes
//! it took, nothing yet, or [`Unparsable`]. The bytes of a value are the caller's to take or skip.

pub mod meta;
mod number;
mod reply;
pub mod text;

pub use reply::{Reply, Unparsable, value_span};

/// The protocol a run speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// The classic text commands.
    Text,
    /// The meta commands.
    Meta,
}
