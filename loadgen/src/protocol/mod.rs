//! Requests to bytes and bytes to replies, for the text, the meta and the binary protocol and for RESP.
//!
//! Knows no sockets and no workload. Deliberately not the server's parser: the judge of a server shares no
//! code with it. A reply parser looks at the head of what has arrived and gives one [`Reply`] with the bytes
//! it took, nothing yet, or [`Unparsable`]. The bytes of a value are the caller's to take or skip.

mod binary;
mod dispatch;
mod meta;
mod number;
mod reply;
mod resp;
mod text;
mod verdict;

pub use dispatch::{Protocol, Refusal, Store};
pub use reply::{Reply, Unparsable, Value};
pub use text::ValueForm;
pub use verdict::{Verdict, store_verdict, verdict};
