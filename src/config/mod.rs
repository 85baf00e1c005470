//! From the command line and a file to one validated, frozen [`Config`], and the checks of the host that come
//! before the first executor starts.
//!
//! [`Flags`] is what was typed: every setting is an `Option`, so that "not given" is known. [`Config`] is what
//! holds: flags over file over [`defaults`], checked against the [`Host`]. What is wrong is told as a
//! [`ConfigError`], one variant per failure, each naming the figures and the way to mend it; what merely should
//! be known is a [`Notice`].
//!
//! This layer must not know the rest of the program: no clock, no protocol, no store, no executor. It reads the
//! host through `/proc` and `/sys`, starts nothing and binds nothing. One probe of io_uring is its only
//! contact with the runtime's world.

mod address;
mod checks;
mod cores;
pub mod defaults;
mod error;
mod extended;
mod file;
mod flags;
mod host;
mod memcached;
mod memory;
mod merge;
mod notice;
mod numa;
mod pidfile;
mod print;
mod privileges;
mod process;
mod refused;
mod size;
#[cfg(test)]
mod testing;
mod validated;

pub use checks::{FDS_PER_SHARD, FDS_PROCESS, KERNEL_MIN, MEMLOCK_MIN_BYTES, bind_error, check_host};
pub use error::ConfigError;
pub use extended::{CRAWLER_SLEEP_US_MAX, WATCHER_LOGBUF_MAX_BYTES};
pub use flags::{Compress, Eviction, Flags, Numa, Options, Protocols, Steering, command};
pub use host::{Host, Memory};
pub use memcached::{EXTENDED, FLAGS, OURS, Row, Takes, Verdict, tables};
pub use notice::Notice;
pub use numa::{NODE_NUMBER_MAX, Node};
pub use pidfile::PidFile;
pub use privileges::{User, drop_privileges};
pub use process::settle;
pub use validated::{
    COMPRESS_MIN_MAX_BYTES, CONN_LIMIT_MAX, Config, ITEM_SIZE_MAX_BYTES, ITEM_SIZE_MIN_BYTES, REQUESTS_PER_TURN_MAX,
    SHARD_MEMORY_MAX_BYTES, SHARD_MEMORY_MIN_BYTES,
};
