//! Connections.
pub mod ring;
