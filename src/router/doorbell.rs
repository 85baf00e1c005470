//! Waking a shard that sleeps, and only then.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// One shard's bell: an event descriptor that it sleeps on, and whether it does.
///
/// The sleeper sets `asleep`, then looks for work once more; the ringer adds work, then looks at `asleep`.
/// With a full fence between the two steps on both sides at least one sees the other, so no work is slept on.
#[derive(Debug)]
pub struct Doorbell {
    asleep: AtomicBool,
    event: File,
}

impl Doorbell {
    /// A bell over an event descriptor.
    pub fn new(event: OwnedFd) -> Self {
        Doorbell { asleep: AtomicBool::new(false), event: File::from(event) }
    }

    /// The descriptor to sleep on.
    pub fn event(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    /// The owner is about to sleep. It must look for work once more afterwards.
    pub fn will_sleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The owner is awake.
    pub fn is_awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Wakes the owner if it sleeps. Call after the work is visible to it.
    pub fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            self.ring_unconditionally();
        }
    }

    /// Wakes the owner whether it sleeps or not.
    pub fn ring_unconditionally(&self) {
        // An event counter can only refuse at 2^64 - 1, when the owner is about to wake anyway.
        let _ = (&self.event).write_all(&1u64.to_ne_bytes());
    }
}
