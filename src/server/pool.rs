//! Output buffers that wait for their next use, so that an idle connection owns none.

use super::limits::{OUTPUT_BUFFER_KEPT_MAX, OUTPUT_POOL_BYTES};

/// Bytes of a new output buffer.
const NEW_BUFFER_BYTES: usize = 2 << 10;

/// A bounded stack of empty buffers.
#[derive(Default)]
pub(super) struct OutputPool {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl OutputPool {
    /// An empty buffer with room.
    pub(super) fn take(&mut self) -> Vec<u8> {
        match self.buffers.pop() {
            Some(buffer) => {
                self.bytes -= buffer.capacity();
                buffer
            }
            None => Vec::with_capacity(NEW_BUFFER_BYTES),
        }
    }

    /// Keeps a buffer, or frees it where it is too large or enough are kept.
    pub(super) fn give(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity == 0 || capacity > OUTPUT_BUFFER_KEPT_MAX || self.bytes + capacity > OUTPUT_POOL_BYTES {
            return;
        }
        buffer.clear();
        self.bytes += capacity;
        self.buffers.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_no_more_than_its_bound() {
        let mut pool = OutputPool::default();
        for _ in 0..OUTPUT_POOL_BYTES / OUTPUT_BUFFER_KEPT_MAX + 10 {
            pool.give(Vec::with_capacity(OUTPUT_BUFFER_KEPT_MAX));
        }
        assert!(pool.bytes <= OUTPUT_POOL_BYTES);
        pool.give(Vec::with_capacity(OUTPUT_BUFFER_KEPT_MAX + 1));
        assert!(pool.buffers.iter().all(|b| b.capacity() <= OUTPUT_BUFFER_KEPT_MAX));
    }

    #[test]
    fn gives_back_what_was_kept_empty() {
        let mut pool = OutputPool::default();
        pool.give(b"old".to_vec());
        assert!(pool.take().is_empty());
        assert_eq!(pool.bytes, 0);
    }
}
