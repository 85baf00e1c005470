//! What the server says about itself.

mod control;
mod stats;

pub use control::{AdminControl, Verbosity};
