//! What all connections know of every key: the versions its writer has begun and seen acknowledged.
//!
//! A key has one writer, which numbers its writes 1, 2, ... A reader that notes the acknowledged version before
//! it asks must be given that one or a later one, and none that is not begun when the answer is in.

use std::sync::atomic::{AtomicU32, Ordering};

/// Shared by all threads of a check.
#[derive(Debug)]
pub struct History {
    begun: Vec<AtomicU32>,
    acknowledged: Vec<AtomicU32>,
}

impl History {
    /// No key has been written yet.
    pub fn new(keys: u64) -> Self {
        let zeros = || (0..keys).map(|_| AtomicU32::new(0)).collect();
        History { begun: zeros(), acknowledged: zeros() }
    }

    /// Numbers the next write of the key. For its writer only.
    pub fn begin(&self, key: u64) -> u32 {
        self.begun[key as usize].fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Marks a write or removal as done. For its writer only.
    pub fn acknowledge(&self, key: u64, version: u32) {
        self.acknowledged[key as usize].store(version, Ordering::Release);
    }

    /// The oldest version that a read which is sent now may return.
    pub fn oldest(&self, key: u64) -> u32 {
        self.acknowledged[key as usize].load(Ordering::Acquire)
    }

    /// The newest version that can exist now.
    pub fn newest(&self, key: u64) -> u32 {
        self.begun[key as usize].load(Ordering::Acquire)
    }
}
