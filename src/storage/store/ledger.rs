//! Where a store's memory goes.

use super::Store;
use crate::storage::location::PAGE_BYTES;

/// A store's memory by part, in bytes. The parts add up to [`StoreStats::memory_bytes`](super::StoreStats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreMemory {
    /// Pages that hold items, the unused rest of each included.
    pub items_bytes: usize,
    /// Pages committed that hold none, and what is being populated elsewhere.
    pub free_pages_bytes: usize,
    /// The index: segments and directory.
    pub index_bytes: usize,
    /// What eviction, expiry and the miss-ratio curve remember of items and of those that left.
    pub eviction_bytes: usize,
    /// What is known of each page.
    pub pages_bytes: usize,
    /// What compresses values: contexts, dictionaries, samples and buffers.
    pub compression_bytes: usize,
}

impl StoreMemory {
    /// All parts together.
    pub fn sum_bytes(&self) -> usize {
        let StoreMemory { items_bytes, free_pages_bytes, index_bytes, eviction_bytes, pages_bytes, compression_bytes } =
            *self;
        items_bytes + free_pages_bytes + index_bytes + eviction_bytes + pages_bytes + compression_bytes
    }
}

impl Store {
    /// Where the memory goes.
    pub fn memory(&self) -> StoreMemory {
        let free_pages_bytes = self.slab.free_pages() * PAGE_BYTES + self.slab.coming_bytes();
        let memory = StoreMemory {
            items_bytes: self.slab.committed_bytes() - free_pages_bytes,
            free_pages_bytes,
            index_bytes: self.table.memory_bytes(),
            eviction_bytes: self.policy_bytes(),
            pages_bytes: self.slab.metadata_bytes(),
            compression_bytes: self.compression_memory_bytes(),
        };
        debug_assert_eq!(memory.sum_bytes(), self.memory_bytes());
        memory
    }

    /// Bytes that the parts of [`Store::memory`] hold of the process's heap, room that was never touched included.
    pub fn heap_bytes(&self) -> usize {
        let policy_bytes = self.policy_bytes() - self.eviction.memory_bytes() + self.eviction.heap_bytes();
        self.slab.heap_bytes() + self.table.heap_bytes() + policy_bytes + self.compression_memory_bytes()
    }

    /// What is remembered to decide who leaves, and what other limits would mean.
    #[inline(always)]
    pub(super) fn policy_bytes(&self) -> usize {
        self.eviction.memory_bytes()
            + self.mover.memory_bytes()
            + self.expired.memory_bytes()
            + self.reclaim.memory_bytes()
            + self.curve.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW, pattern, put, store};
    use super::*;

    fn fill(store: &mut Store) {
        for number in 0..40_000u32 {
            put(store, &number.to_le_bytes(), &pattern(1, 900)).unwrap();
        }
    }

    #[test]
    fn parts_add_up_while_memory_comes_and_goes() {
        let mut store = store(16 << 20);
        assert_eq!(store.memory().items_bytes, 0);
        fill(&mut store);
        let memory = store.memory();
        assert_eq!(memory.sum_bytes() as u64, store.stats().memory_bytes);
        assert!(memory.items_bytes > 14 << 20 && memory.index_bytes > 0 && memory.pages_bytes > 0, "{memory:?}");
        assert!(store.heap_bytes() >= memory.pages_bytes);
        store.flush_all();
        let memory = store.memory();
        assert_eq!(memory.items_bytes, 0);
        assert_eq!(memory.sum_bytes() as u64, store.stats().memory_bytes);
    }

    /// The limit was the store's alone, and what was around it came on top.
    #[test]
    fn what_is_outside_of_the_store_counts_against_its_limit() {
        let mut store = store(32 << 20);
        store.set_outside_bytes(5 << 20);
        fill(&mut store);
        let bytes = |store: &Store| store.stats().memory_bytes;
        assert!((26 << 20..=27 << 20).contains(&bytes(&store)), "{}", bytes(&store));
        assert_eq!(store.stats().limit_bytes, 32 << 20);
        // More of it takes from the items, step by step; less gives back.
        store.set_outside_bytes(12 << 20);
        assert!(store.is_shrinking());
        while store.maintain(NOW) {}
        assert!((19 << 20..=20 << 20).contains(&bytes(&store)), "{}", bytes(&store));
        store.set_outside_bytes(4 << 20);
        assert!(!store.is_shrinking());
        fill(&mut store);
        assert!((27 << 20..=28 << 20).contains(&bytes(&store)), "{}", bytes(&store));
        // Half of the limit is the store's in any case.
        store.set_outside_bytes(100 << 20);
        while store.maintain(NOW) {}
        assert!((15 << 20..=16 << 20).contains(&bytes(&store)), "{}", bytes(&store));
        // Another limit knows of what is outside.
        store.set_outside_bytes(4 << 20);
        store.set_memory_limit(20 << 20).unwrap();
        fill(&mut store);
        assert!((15 << 20..=16 << 20).contains(&bytes(&store)), "{}", bytes(&store));
        store.check_invariants();
    }
}
