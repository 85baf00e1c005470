//! Cache traces in the column format of Twitter's public ones (J. Yang et al., OSDI 2020), plain or compressed:
//!
//! ```text
//! timestamp_s,key,key_size,value_size,client_id,operation,ttl_s
//! ```
//!
//! Knows nothing of servers: it gives one [`Request`] after the other.

mod reader;
mod request;

pub use reader::TraceReader;
pub use request::{Operation, Request};
