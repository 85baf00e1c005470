//! What the tests of the ring have in common.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use super::{Completion, Ring, eventfd};
use crate::clock::Clock;

/// How long completions may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A ring, and the event that wakes it.
pub(super) fn ring() -> (Ring, OwnedFd) {
    let event = eventfd().expect("eventfd");
    (Ring::new(event.as_fd()).expect("io_uring"), event)
}

/// Kicks until `n` completions are there.
pub(super) fn wait(ring: &mut Ring, n: usize) -> Vec<Completion> {
    let mut out = Vec::new();
    let clock = Clock::start();
    while out.len() < n {
        assert!(clock.elapsed() < PATIENCE, "completions did not come");
        ring.kick().expect("enter");
        ring.reap(64, &mut out);
    }
    out
}
