//! Where a store's memory goes.

use super::Store;
use crate::storage::location::PAGE_BYTES;

/// A store's memory by part, in bytes. The parts add up to [`StoreStats::memory_bytes`](super::StoreStats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreMemory {
    /// Pages that hold items, the unused rest of each included.
    pub items_bytes: usize,
    /// Pages committed that hold none.
    pub free_pages_bytes: usize,
    /// The index: segments and directory.
    pub index_bytes: usize,
    /// What eviction remembers of items and of those that left.
    pub eviction_bytes: usize,
    /// What is known of each page.
    pub pages_bytes: usize,
}

impl StoreMemory {
    /// All parts together.
    pub fn sum_bytes(&self) -> usize {
        let StoreMemory { items_bytes, free_pages_bytes, index_bytes, eviction_bytes, pages_bytes } = *self;
        items_bytes + free_pages_bytes + index_bytes + eviction_bytes + pages_bytes
    }
}

impl Store {
    /// Where the memory goes.
    pub fn memory(&self) -> StoreMemory {
        let free_pages_bytes = self.slab.free_pages() * PAGE_BYTES;
        let memory = StoreMemory {
            items_bytes: self.slab.committed_bytes() - free_pages_bytes,
            free_pages_bytes,
            index_bytes: self.table.memory_bytes(),
            eviction_bytes: self.eviction.memory_bytes(),
            pages_bytes: self.slab.metadata_bytes(),
        };
        debug_assert_eq!(memory.sum_bytes(), self.memory_bytes());
        memory
    }

    /// Bytes that the parts of [`Store::memory`] hold of the process's heap, room that was never touched included.
    pub fn heap_bytes(&self) -> usize {
        self.slab.heap_bytes() + self.table.heap_bytes() + self.eviction.memory_bytes()
    }
}
