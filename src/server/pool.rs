//! Output buffers and reply queues that wait for their next use, so that an idle connection owns none.

use super::limits::{
    OUTPUT_BUFFER_KEPT_MAX, OUTPUT_HIGH_BYTES, OUTPUT_LOW_BYTES, OUTPUT_POOL_BYTES, OUTPUTS_BUDGET_BYTES,
    REPLY_QUEUES_KEPT_MAX,
};
use super::replies::ReplyQueue;

/// Bytes of a new output buffer.
const NEW_BUFFER_BYTES: usize = 2 << 10;

/// A bounded stack of empty buffers.
#[derive(Default)]
pub(super) struct OutputPool {
    buffers: Vec<Vec<u8>>,
    #[allow(clippy::vec_box)] // As connections have them: moved as they are.
    queues: Vec<Box<ReplyQueue>>,
    bytes: usize,
    /// The fewest that were there since the last [`trim`](Self::trim).
    least: usize,
    /// Output that is being sent, and what has come in this turn, in bytes.
    waiting_bytes: usize,
}

impl OutputPool {
    /// An empty buffer with room.
    pub(super) fn take(&mut self) -> Vec<u8> {
        match self.buffers.pop() {
            Some(buffer) => {
                self.least = self.least.min(self.buffers.len());
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

    /// An empty queue.
    pub(super) fn take_queue(&mut self) -> Box<ReplyQueue> {
        self.queues.pop().unwrap_or_default()
    }

    /// Keeps an empty queue, or frees it where it is large or enough are kept.
    pub(super) fn give_queue(&mut self, mut queue: Box<ReplyQueue>) {
        queue.let_go();
        if self.queues.len() < REPLY_QUEUES_KEPT_MAX && queue.is_small() {
            self.queues.push(queue);
        }
    }

    /// A turn begins, with so many bytes being sent.
    pub(super) fn begin_turn(&mut self, sending_bytes: usize) {
        self.waiting_bytes = sending_bytes;
    }

    /// Some connection has got so much more output.
    #[inline]
    pub(super) fn note(&mut self, bytes: usize) {
        self.waiting_bytes += bytes;
    }

    /// The output that one connection may have waiting, in bytes: less, where all have much.
    #[inline]
    pub(super) fn high_bytes(&self) -> usize {
        if self.waiting_bytes < OUTPUTS_BUDGET_BYTES { OUTPUT_HIGH_BYTES } else { OUTPUT_LOW_BYTES }
    }

    /// Frees the buffers that nobody took since the last time. To be called about once a second.
    pub(super) fn trim(&mut self) {
        // The one given last is taken first, so the first ones have rested longest.
        let unused = self.least.min(self.buffers.len());
        self.bytes -= self.buffers.drain(..unused).map(|buffer| buffer.capacity()).sum::<usize>();
        self.least = self.buffers.len();
        self.queues.truncate(self.queues.len() / 2);
        self.queues.shrink_to_fit();
    }

    /// Bytes of the buffers that wait.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
            + self.buffers.capacity() * size_of::<Vec<u8>>()
            + self.queues.capacity() * size_of::<Box<ReplyQueue>>()
            + self.queues.iter().map(|queue| queue.memory_bytes()).sum::<usize>()
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
    fn what_nobody_took_for_a_while_is_freed() {
        let mut pool = OutputPool::default();
        (0..10).for_each(|_| pool.give(Vec::with_capacity(1000)));
        pool.trim();
        assert_eq!((pool.buffers.len(), pool.bytes), (10, 10_000), "they have only just come");
        let taken: Vec<_> = (0..3).map(|_| pool.take()).collect();
        taken.into_iter().for_each(|buffer| pool.give(buffer));
        pool.trim();
        assert_eq!((pool.buffers.len(), pool.bytes), (3, 3000));
        pool.trim();
        assert_eq!((pool.buffers.len(), pool.bytes), (0, 0));
    }

    #[test]
    fn a_connection_may_have_less_where_all_have_much() {
        let mut pool = OutputPool::default();
        pool.begin_turn(OUTPUTS_BUDGET_BYTES - 10);
        assert_eq!(pool.high_bytes(), OUTPUT_HIGH_BYTES);
        pool.note(10);
        assert_eq!(pool.high_bytes(), OUTPUT_LOW_BYTES);
        pool.begin_turn(0);
        assert_eq!(pool.high_bytes(), OUTPUT_HIGH_BYTES);
    }

    #[test]
    fn gives_back_what_was_kept_empty() {
        let mut pool = OutputPool::default();
        pool.give(b"old".to_vec());
        assert!(pool.take().is_empty());
        assert_eq!(pool.bytes, 0);
    }
}
