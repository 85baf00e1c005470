//! Cache traces in the column format of Twitter's public ones (J. Yang et al., OSDI 2020), plain or compressed:
//!
//! ```text
//! timestamp_s,key,key_size,value_size,client_id,operation,ttl_s
//! ```
//!
//! and in libCacheSim's `oracleGeneral` format, which a name with `oracleGeneral` in it tells.
//!
//! Knows nothing of servers: it gives one [`Request`] after the other.

mod oracle;
mod pace;
mod reader;
mod request;

pub(crate) use pace::Paced;
pub use reader::TraceReader;
pub use request::{Operation, Request};
