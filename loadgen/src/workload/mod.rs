//! What is asked: which keys, how large, how mixed, and when.
//!
//! Knows nothing of protocols, sockets or the clock: a key is bytes, a moment is a number that the caller passes in.

mod arrivals;
mod distribution;
mod keyspace;
mod mix;
mod rate;
mod rng;
mod sizes;

pub use arrivals::{Arrivals, Schedule};
pub use distribution::{Distribution, KeyPicker};
pub use keyspace::{KeyRenderer, Keyspace};
pub use mix::Mix;
pub use rate::{Rate, RateCourse, Stage};
pub use rng::{Rng, scramble};
pub use sizes::ValueSource;
