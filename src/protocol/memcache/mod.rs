//! memcached's protocols: text, with its classic and its meta commands, and binary. A connection speaks one of them.
//!
//! The reference for text is memcached's `doc/protocol.txt` and, where that is silent, what memcached 1.6 answers. We
//! differ on purpose in these points; `binary` has its own:
//!
//! - The payload of a store that is refused for its key, flags, exptime or CAS is swallowed, never run as commands.
//! - A value length beyond what the wire can carry is refused and the connection closed: its payload can be neither
//!   swallowed nor told from commands.
//! - Client flags above 2^32 - 1 are refused, not cut to 32 bits.
//! - A key that is too long refuses its own read only; memcached forgets replies that wait before it in a pipeline.
//! - A command line of more than 2048 bytes closes the connection however it arrives, and `gat` may be as long as `get`.
//! - A NUL byte does not end the command line; it belongs to its token.
//! - An item that `mg` or `ma` creates under a key in base64 remembers that, so that its key is shown in base64, too.

mod admin;
mod admin_text;
mod base64;
mod binary;
mod dump;
mod encode;
mod encode_meta;
mod encode_stats;
pub mod errors;
mod event_line;
mod fast;
mod form;
mod limits;
mod line;
mod meta;
mod meta_flags;
mod number;
mod parser;
mod scan;
mod step;
mod store;
#[cfg(test)]
mod tests;
mod text;

pub use admin::{Admin, AdminForm, AdminReply, Classes, CrawlerCommand, DumpKind, Streams};
pub use base64::{DECODED_KEY_LEN_MAX, KeyRoom};
pub use binary::{Refusal, Status};
pub use dump::{DumpedItem, dump_end, dump_line, encode_key_as_uri};
pub use encode::{Answers, Encoded, encode, encode_tail};
pub use encode_stats::stats_text;
pub use event_line::{Event, EventItem, Peer, Stamp, event_line, skipped_line};
pub use form::{Form, FormTag};
pub use limits::{
    LINE_LEN_MAX, META_TOKENS_MAX, MULTIGET_LINE_LEN_MAX, OPAQUE_TOKEN_LEN_MAX, REQUEST_LEN_MAX, VALUE_LEN_WIRE_MAX,
};
pub use parser::{Parser, Resume};
pub use scan::Keys;
pub use step::{Get, Need, Read, Set, Step, UploadHead};
