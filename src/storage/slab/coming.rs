//! Pages that another thread has the kernel hand over, before the slab needs them.
//!
//! One range at a time: the next extent, or released pages that lie side by side. Until the other thread is done these are
//! nobody's, but count as committed; who needs a page sooner takes them all the same ([`Slab::take_coming`]).

use super::{
    super::{
        location::{PAGE_BYTES, PageId},
        reservation::Population,
    },
    PageUse, Slab,
};

impl Slab {
    /// Free pages that were taken into use since the start.
    pub(in crate::storage) fn taken_pages(&self) -> u64 {
        self.taken_count
    }

    /// Released pages that are being populated elsewhere.
    pub(super) fn coming_pages(&self) -> usize {
        self.coming.map_or(0, |(_, count)| count as usize)
    }

    /// Memory that is being populated elsewhere and in nobody's use.
    pub(in crate::storage) fn coming_bytes(&self) -> usize {
        self.memory.coming_bytes() + self.coming_pages() * PAGE_BYTES
    }

    /// Whether something is being populated elsewhere, in use or not.
    pub(in crate::storage) fn has_order(&self) -> bool {
        self.memory.has_order()
    }

    pub(super) fn is_being_populated(&self, page: PageId) -> bool {
        self.memory.is_ordered(page.byte(), PAGE_BYTES)
    }

    /// Has the next extent populated elsewhere. `None` if it cannot be had, or something is ordered already.
    pub(in crate::storage) fn order_extent(&mut self) -> Option<Population> {
        self.memory.order_extent()
    }

    /// Has released pages populated elsewhere: as many of an extent as lie side by side, but no more than `pages_max`.
    /// `None` if there are none, or something is ordered already.
    pub(in crate::storage) fn order_released(&mut self, pages_max: usize) -> Option<Population> {
        if self.memory.has_order() || pages_max == 0 {
            return None;
        }
        let first = self.pop_released()?;
        let per_extent = self.memory.extent_bytes() / PAGE_BYTES;
        let pages_max = pages_max.min(per_extent - first.index() % per_extent);
        let mut count = 1;
        while count < pages_max && self.released_head as usize == first.index() + count {
            self.pop_released();
            count += 1;
        }
        let population = self.memory.order(first.byte(), count * PAGE_BYTES);
        for page in first.0..first.0 + count as u32 {
            self.pages[page as usize].usage = PageUse::Coming;
        }
        self.coming = Some((first, count as u32));
        if population.is_none() {
            debug_assert!(false, "committed memory can be populated");
            self.take_coming();
        }
        population
    }

    /// Takes what is being populated elsewhere into use at once: what the other thread has not got to is faulted in when
    /// it is touched. False if there is nothing of that.
    pub(in crate::storage) fn take_coming(&mut self) -> bool {
        match self.coming.take() {
            Some((first, count)) => {
                self.free_all(first, count);
                true
            }
            None => self.memory.coming_bytes() > 0 && self.commit_extent(),
        }
    }

    // Backwards, so that pages are taken in the order of their addresses.
    fn free_all(&mut self, first: PageId, count: u32) {
        (first.0..first.0 + count).rev().for_each(|page| self.push_free(PageId(page)));
    }

    /// What was ordered is populated. Unless it has been taken into use already, its pages become free if they are
    /// `wanted`, or else go back to the kernel.
    pub(in crate::storage) fn end_order(&mut self, wanted: bool) {
        let was_coming = self.memory.coming_bytes() > 0;
        match self.coming.take() {
            Some((first, count)) => {
                self.memory.end_order();
                if wanted {
                    self.free_all(first, count);
                } else {
                    (first.0..first.0 + count).rev().for_each(|page| self.discard(PageId(page)));
                }
            }
            None if was_coming && wanted => {
                self.memory.end_order();
                self.commit_extent();
            }
            None => self.memory.end_extent_order(false),
        }
    }
}
