//! What is done between requests, so that no request waits for it: memory is made ready before it is needed, and given
//! back when it is not.

use super::Store;
use crate::{clock::Seconds, storage::location::PAGE_BYTES};

/// Less memory than this in free pages, and the next extent is made ready; but at least [`FREE_PAGES_LOW_MIN`] pages. Half
/// an extent where those are large: more than the sets of a turn take, save for LARGE values.
const FREE_EXTENT_DIVISOR: usize = 2;
const FREE_PAGES_LOW_MIN: usize = 8;

impl Store {
    /// Does a bounded piece (at most some 100 µs) of the work that is better done off the path of requests: faults in
    /// memory before it is needed, gives back what is not, makes room for a lowered limit, crawls. True if more waits,
    /// and it is worth calling again at once.
    ///
    /// Where the kernel has to hand over 2 MiB, that takes as long as it takes: some 100 µs, and on a virtual machine that
    /// has to get them from its host 5 ms were seen. With [`Store::set_populated_elsewhere`] that is another thread's wait.
    pub fn maintain(&mut self, now: Seconds) -> bool {
        self.pass_time(now);
        if self.prepare_memory() {
            return true;
        }
        if self.table.grow_directory() || self.table.release_extent() || self.eviction.give_back() {
            return true;
        }
        if self.shrink(now) || self.pay_back_index_memory(now) || self.go_on_emptying(now) {
            return true;
        }
        self.crawl_is_running(now) && self.crawl_at_pace(now)
    }

    /// Gets memory ready that requests will soon need, an extent at most: only where the kernel refuses, or requests
    /// outrun this, they take it themselves. True if it did something.
    fn prepare_memory(&mut self) -> bool {
        self.eviction.prepare_small();
        (self.table.is_short_of_segments()
            && self.populates_index_here()
            && self.may_grow_index()
            && self.table.populate_extent())
            || (self.slab.free_pages() < self.free_pages_low() && self.populates_pages_here() && self.prepare_pages())
            || (self.populates_ghosts_here() && self.eviction.prepare_ghosts(self.table.len()))
    }

    pub(super) fn free_pages_low(&self) -> usize {
        (self.slab.extent_bytes() / PAGE_BYTES / FREE_EXTENT_DIVISOR).max(FREE_PAGES_LOW_MIN) + self.lead_pages
    }

    fn prepare_pages(&mut self) -> bool {
        if self.slab.released_pages() > 0 {
            return self.memory_bytes() + PAGE_BYTES <= self.config.memory_limit_bytes
                && self.slab.restore_page().inspect(|&page| self.slab.populate_page(page)).is_some();
        }
        let committed = self.may_commit_extent() && self.slab.commit_extent();
        if committed {
            self.slab.populate_last_extent();
            self.slab.prepare_lists();
        }
        committed
    }

    /// Memory that is of no use and that [`maintain`](Self::maintain) is giving back step by step.
    pub(super) fn leaving_bytes(&self) -> usize {
        self.table.releasable_bytes() + self.eviction.leaving_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW, put, store};
    use super::*;

    fn fill(store: &mut Store, numbers: std::ops::Range<u32>) {
        for number in numbers {
            put(store, &number.to_le_bytes(), &[7; 20]).unwrap();
        }
    }

    #[test]
    fn what_a_flush_leaves_behind_is_used_again_or_given_back() {
        let mut store = store(24 << 20);
        fill(&mut store, 0..1_000_000);
        assert!(store.stats().evictions > 0 && store.eviction.ghosts_memory_bytes() > 0);
        let full = store.memory();
        store.flush_all();
        store.check_invariants();
        let flushed = store.memory();
        assert_eq!((flushed.items_bytes, flushed.index_bytes >> 16), (0, full.index_bytes >> 16));
        assert!(store.leaving_bytes() > flushed.index_bytes * 3 / 4);
        // Nobody has given anything back yet.
        fill(&mut store, 1_000_000..1_050_000);
        store.check_invariants();
        assert!(store.stats().memory_bytes <= 24 << 20);
        while store.maintain(NOW) {}
        store.check_invariants();
        assert_eq!(store.leaving_bytes(), 0);
        assert!(store.memory().index_bytes < full.index_bytes / 4, "{:?}", store.memory());
        fill(&mut store, 1_050_000..2_050_000);
        store.check_invariants();
        let again = store.memory();
        assert!(again.items_bytes.abs_diff(full.items_bytes) < full.items_bytes / 20, "{again:?}");
        assert!(store.stats().memory_bytes <= 24 << 20);
    }

    #[test]
    fn sets_between_steps_of_maintenance_take_nothing_from_the_kernel() {
        let mut store = store(128 << 20);
        let mut number = 0;
        let committed = |store: &Store| {
            let memory = store.memory();
            // Beside extents the index counts a byte for each segment.
            (memory.index_bytes >> 16, memory.items_bytes + memory.free_pages_bytes)
        };
        while store.maintain(NOW) {}
        while store.stats().evictions < 100_000 {
            let before = committed(&store);
            fill(&mut store, number..number + 64);
            number += 64;
            assert_eq!(committed(&store), before, "at {number} items");
            store.maintain(NOW);
        }
        store.check_invariants();
    }

    #[test]
    fn pages_that_were_given_back_are_restored_ahead() {
        let mut store = store(64 << 20);
        while store.slab.commit_extent() && store.slab.pages().len() < 512 {}
        while store.slab.release_page() {}
        while store.maintain(NOW) {}
        assert_eq!(store.slab.free_pages(), store.free_pages_low());
        assert!(store.slab.released_pages() > 0);
        store.check_invariants();
    }

    #[test]
    fn a_limit_may_be_lowered_to_what_a_flush_will_have_left() {
        let mut store = store(32 << 20);
        fill(&mut store, 0..400_000);
        assert!(*store.memory_limit_bounds().start() > 4 << 20);
        store.flush_all();
        store.set_memory_limit(4 << 20).unwrap();
        while store.maintain(NOW) {}
        assert!(store.stats().memory_bytes <= 4 << 20 && !store.is_shrinking());
        store.check_invariants();
    }
}
