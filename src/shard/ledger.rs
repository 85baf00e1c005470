//! Where a shard's memory goes, in its store and around it.

use super::execute::Shard;
use crate::storage::StoreMemory;

/// All of a shard's memory by part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryLedger {
    /// What its store has.
    pub store: StoreMemory,
    /// What is around it.
    pub outside: OutsideMemory,
    /// The limit for all of it, in bytes.
    pub limit_bytes: u64,
}

/// A shard's memory outside of its store, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutsideMemory {
    /// The table of connections.
    pub connections_bytes: usize,
    /// Buffers that the kernel receives into.
    pub receive_bytes: usize,
    /// Replies being sent, and buffers kept for the next ones.
    pub reply_bytes: usize,
    /// Batches to and from other shards.
    pub mesh_bytes: usize,
    /// Lines that watchers have not read.
    pub watchers_bytes: usize,
    /// Queues shared with the kernel.
    pub ring_bytes: usize,
    /// The rest of the heap, shared equally: unfinished requests, replies being made, statistics.
    pub heap_bytes: usize,
    /// The program and its threads, shared equally.
    pub base_bytes: usize,
}

/// A part's name, and its bytes.
pub type MemoryPart = (&'static str, u64);

impl OutsideMemory {
    /// All parts together.
    pub fn sum_bytes(&self) -> usize {
        self.parts().into_iter().map(|(_, bytes)| bytes).sum()
    }

    fn parts(&self) -> [(&'static str, usize); 8] {
        let outside = *self;
        [
            ("connections", outside.connections_bytes),
            ("receive_buffers", outside.receive_bytes),
            ("reply_buffers", outside.reply_bytes),
            ("mesh", outside.mesh_bytes),
            ("watchers", outside.watchers_bytes),
            ("rings", outside.ring_bytes),
            ("heap", outside.heap_bytes),
            ("base", outside.base_bytes),
        ]
    }
}

impl MemoryLedger {
    /// The parts, as operators are told them; their sum is all.
    pub fn parts(&self) -> impl Iterator<Item = MemoryPart> + use<> {
        let store = self.store;
        let in_store = [
            ("items", store.items_bytes),
            ("free_pages", store.free_pages_bytes),
            ("index", store.index_bytes),
            ("eviction", store.eviction_bytes),
            ("page_metadata", store.pages_bytes),
            ("compression", store.compression_bytes),
        ];
        in_store.into_iter().chain(self.outside.parts()).map(|(name, bytes)| (name, bytes as u64))
    }
}

impl Shard {
    /// Where the memory goes, save for what only the server around it knows.
    pub fn memory(&self) -> MemoryLedger {
        MemoryLedger {
            store: self.store.memory(),
            outside: OutsideMemory::default(),
            limit_bytes: self.store.stats().limit_bytes,
        }
    }

    /// Bytes of the process's heap that the store's parts hold, room that was never touched included.
    pub fn store_heap_bytes(&self) -> usize {
        self.store.heap_bytes()
    }

    /// Says how much of the memory that the limit covers is outside of the store. See
    /// [`Store::set_outside_bytes`](crate::storage::Store::set_outside_bytes).
    pub fn set_outside_bytes(&mut self, bytes: usize) {
        self.store.set_outside_bytes(bytes);
    }
}
