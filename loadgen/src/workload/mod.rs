//! What is asked: which keys, how large, how mixed, and when.
//!
//! Knows nothing of protocols, sockets or the clock: a key is bytes, a moment is a number that the caller passes in.

mod amount;
mod arrivals;
mod digits;
mod distribution;
pub(crate) mod file;
mod keyspace;
mod lines;
mod mix;
mod popularity;
mod rate;
mod rng;
mod sizes;
mod space;

pub(crate) use amount::Amount;
pub use arrivals::{Arrivals, Schedule};
pub use distribution::{Distribution, KeyPicker};
pub(crate) use keyspace::KEY_LEN_MAX;
pub use keyspace::{KeyRenderer, Keyspace};
pub use lines::{LineRenderer, StoreRenderer};
pub use mix::Mix;
pub(crate) use popularity::Popularity;
pub use rate::{Rate, RateCourse, Stage};
pub use rng::{Rng, scramble};
pub use sizes::ValueSource;
pub(crate) use space::{Every, HotShift, OperationMix, Space, Workload};
