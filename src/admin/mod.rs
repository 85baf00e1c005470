//! What the server says about itself.

mod control;
mod forms;
mod stats;

pub use control::{AdminControl, Verbosity};
