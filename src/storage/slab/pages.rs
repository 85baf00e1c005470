//! Pages on their way between the kernel, the classes and LARGE values.

use super::{
    super::location::{Location, PAGE_BYTES, PageId},
    ClassId, NO_PAGE, Page, PageUse, Pool, Slab,
};

/// A shorter list of a class's pages is made larger when it is full.
const LIST_PAGES_MIN: usize = 1024;

impl Slab {
    /// Memory that is committed: all extents but the released pages; and what is being populated elsewhere.
    #[inline(always)]
    pub(in crate::storage) fn committed_bytes(&self) -> usize {
        self.memory.committed_bytes() + self.memory.coming_bytes() - self.released_count * PAGE_BYTES
    }

    pub(in crate::storage) fn extent_bytes(&self) -> usize {
        self.memory.extent_bytes()
    }

    /// Memory that there are addresses for.
    pub(in crate::storage) fn capacity_bytes(&self) -> usize {
        self.memory.capacity_bytes()
    }

    /// Memory that page metadata and page lists take.
    pub(in crate::storage) fn metadata_bytes(&self) -> usize {
        self.pages.len() * (size_of::<Page>() + size_of::<PageId>())
    }

    /// Bytes of the heap that these hold, room to grow into included.
    pub(in crate::storage) fn heap_bytes(&self) -> usize {
        let lists = self.pools.iter().map(|pool| pool.pages.capacity() * size_of::<PageId>());
        self.pages.capacity() * size_of::<Page>() + lists.sum::<usize>()
    }

    pub(in crate::storage) fn pages(&self) -> &[Page] {
        &self.pages
    }

    pub(in crate::storage) fn page(&self, id: PageId) -> &Page {
        &self.pages[id.index()]
    }

    /// Pages that are committed and unused.
    pub(in crate::storage) fn free_pages(&self) -> usize {
        self.free_count
    }

    /// Pages whose memory went back to the kernel.
    pub(in crate::storage) fn released_pages(&self) -> usize {
        self.released_count
    }

    /// Pages of stored LARGE values.
    pub(in crate::storage) fn large_pages(&self) -> usize {
        self.large_count
    }

    /// Takes one more extent into use. False if the kernel refuses or the address range ends.
    pub(in crate::storage) fn commit_extent(&mut self) -> bool {
        if self.memory.commit_extent().is_err() {
            return false;
        }
        let first = self.pages.len();
        let end = self.memory.len() / PAGE_BYTES;
        self.pages.resize_with(end, || Page::new(PageUse::Free));
        // Backwards, so that pages are taken in the order of their addresses.
        for index in (first..end).rev() {
            self.push_free(PageId(index as u32));
        }
        true
    }

    /// Faults in the extent that was committed last.
    pub(in crate::storage) fn populate_last_extent(&mut self) {
        self.memory.populate_last_extent();
    }

    /// Makes room in the lists of classes that may soon get another extent's pages, where that would copy much.
    pub(in crate::storage) fn prepare_lists(&mut self) {
        for Pool { pages, .. } in &mut self.pools {
            if pages.len() >= LIST_PAGES_MIN
                && pages.capacity() - pages.len() < 2 * self.memory.extent_bytes() / PAGE_BYTES
            {
                pages.reserve(pages.len());
            }
        }
    }

    /// Another limit: access is asked for so much.
    pub(in crate::storage) fn open(&mut self, limit_bytes: usize) {
        self.memory.open(limit_bytes);
    }

    pub(super) fn push_free(&mut self, id: PageId) {
        self.pages[id.index()] = Page { next: self.free_head, ..Page::new(PageUse::Free) };
        if self.free_head != NO_PAGE {
            self.pages[self.free_head as usize].previous = id.0;
        }
        self.free_head = id.0;
        self.free_count += 1;
    }

    fn pop_free(&mut self) -> Option<PageId> {
        if self.free_head == NO_PAGE {
            return None;
        }
        let id = PageId(self.free_head);
        self.page_uses = self.page_uses.wrapping_add(1);
        self.unlist_free(id);
        self.taken_count += 1;
        Some(id)
    }

    fn unlist_free(&mut self, id: PageId) {
        let Page { next, previous, .. } = self.pages[id.index()];
        if previous == NO_PAGE {
            self.free_head = next;
        } else {
            self.pages[previous as usize].next = next;
        }
        if next != NO_PAGE {
            self.pages[next as usize].previous = previous;
        }
        self.free_count -= 1;
    }

    /// Gives a free page to a class. False if there is none.
    pub(in crate::storage) fn assign_page(&mut self, class: ClassId) -> bool {
        let Some(id) = self.pop_free() else { return false };
        self.pages[id.index()] = Page { counted_to: self.horizon, ..Page::new(PageUse::Class(class)) };
        self.join(id, class);
        self.list(id, class);
        true
    }

    /// Adds a page to its class's pages.
    fn join(&mut self, id: PageId, class: ClassId) {
        let pool = &mut self.pools[class.index()];
        self.pages[id.index()].position = pool.pages.len() as u32;
        pool.pages.push(id);
    }

    /// Takes a page out of its class's pages and of the list of those with a free chunk.
    fn part(&mut self, id: PageId, class: ClassId) {
        if self.pages[id.index()].is_listed {
            self.unlist(id, class);
        }
        let position = self.pages[id.index()].position as usize;
        let pool = &mut self.pools[class.index()];
        pool.pages.swap_remove(position);
        if let Some(moved) = pool.pages.get(position) {
            self.pages[moved.index()].position = position as u32;
        }
    }

    /// Begins to empty a page of a class: no new item comes to it, and it is free as soon as its last has left.
    pub(in crate::storage) fn begin_to_leave(&mut self, id: PageId, class: ClassId) {
        debug_assert!(self.pages[id.index()].usage == PageUse::Class(class) && !self.pages[id.index()].is_leaving);
        self.part(id, class);
        self.pages[id.index()].is_leaving = true;
        self.pools[class.index()].leaving_pages += 1;
        if self.pages[id.index()].used == 0 {
            self.give_back(id, class);
        }
    }

    /// Gives up emptying a page, which serves its class again.
    pub(in crate::storage) fn stay(&mut self, id: PageId, class: ClassId) {
        debug_assert!(self.pages[id.index()].is_leaving);
        self.pages[id.index()].is_leaving = false;
        let pool = &mut self.pools[class.index()];
        pool.leaving_pages -= 1;
        let is_full = self.pages[id.index()].used == pool.chunks_per_page;
        self.join(id, class);
        if !is_full {
            self.list(id, class);
        }
    }

    /// A free page for a LARGE value that is being received.
    pub(in crate::storage) fn take_page(&mut self) -> Option<PageId> {
        let id = self.pop_free()?;
        self.pages[id.index()] = Page::new(PageUse::Received);
        self.received_count += 1;
        Some(id)
    }

    /// The value that a received page is part of has been stored.
    pub(in crate::storage) fn publish_page(&mut self, id: PageId, record: Location) {
        debug_assert_eq!(self.pages[id.index()].usage, PageUse::Received);
        self.pages[id.index()].usage = PageUse::Large(record);
        self.received_count -= 1;
        self.large_count += 1;
    }

    /// The record of the stored LARGE value that a page is part of has moved.
    pub(in crate::storage) fn set_record(&mut self, id: PageId, record: Location) {
        debug_assert!(matches!(self.pages[id.index()].usage, PageUse::Large(_)));
        self.pages[id.index()].usage = PageUse::Large(record);
    }

    /// Takes back a page of a LARGE value.
    pub(in crate::storage) fn free_page(&mut self, id: PageId) {
        match self.pages[id.index()].usage {
            PageUse::Received => self.received_count -= 1,
            PageUse::Large(_) => self.large_count -= 1,
            _ => return debug_assert!(false, "page {id:?} is not of a LARGE value"),
        }
        self.push_free(id);
    }

    /// Makes a page without used chunks free.
    pub(super) fn give_back(&mut self, id: PageId, class: ClassId) {
        if self.pages[id.index()].is_leaving {
            self.pools[class.index()].leaving_pages -= 1;
        } else {
            self.part(id, class);
        }
        self.push_free(id);
    }

    /// Gives the memory of some free page back to the kernel. False if there is none that can go.
    pub(in crate::storage) fn release_page(&mut self) -> bool {
        // Those that cannot are the pages of an extent, at most.
        let looks = self.memory.extent_bytes() / PAGE_BYTES + 1;
        let page = self.listed_from(self.free_head).take(looks).find(|&page| !self.is_being_populated(PageId(page)));
        page.is_some_and(|page| self.release(PageId(page)))
    }

    /// Gives the memory of this page back to the kernel. False if it is not free, or is being populated elsewhere and
    /// would come back.
    pub(in crate::storage) fn release(&mut self, id: PageId) -> bool {
        if self.pages[id.index()].usage != PageUse::Free || self.is_being_populated(id) {
            return false;
        }
        self.page_uses = self.page_uses.wrapping_add(1);
        self.unlist_free(id);
        self.discard(id);
        true
    }

    /// Gives the memory of a page that is in no list back to the kernel.
    pub(super) fn discard(&mut self, id: PageId) {
        self.memory.discard(id.byte(), PAGE_BYTES);
        self.pages[id.index()] = Page { next: self.released_head, ..Page::new(PageUse::Released) };
        self.released_head = id.0;
        self.released_count += 1;
    }

    /// Takes a page out of the released ones. `None` if there is none.
    pub(super) fn pop_released(&mut self) -> Option<PageId> {
        if self.released_head == NO_PAGE {
            return None;
        }
        let id = PageId(self.released_head);
        self.released_head = self.pages[id.index()].next;
        self.released_count -= 1;
        Some(id)
    }

    /// Makes a released page free again; its memory comes back when it is touched. `None` if there is none.
    pub(in crate::storage) fn restore_page(&mut self) -> Option<PageId> {
        let id = self.pop_released()?;
        self.push_free(id);
        Some(id)
    }

    /// Faults a page in.
    pub(in crate::storage) fn populate_page(&mut self, id: PageId) {
        self.memory.populate(id.byte(), PAGE_BYTES);
    }

    /// The chunks of a class's page that have been in use, in order; free ones among them.
    pub(in crate::storage) fn chunks_in(&self, id: PageId) -> impl Iterator<Item = Location> + use<> {
        let page = &self.pages[id.index()];
        let step = page.class().map_or(1, |class| self.pools[class.index()].chunk_units);
        (0..page.fresh).step_by(step as usize).map(move |unit| id.location(unit))
    }

    /// Frees every page without pinned chunks at once, in time proportional to the number of pages. LARGE pages
    /// stay if `keeps` says so of their record; they and pages with pinned chunks are the caller's to go through.
    pub(in crate::storage) fn clear(&mut self, keeps: impl Fn(&Slab, Location) -> bool) {
        self.page_uses = self.page_uses.wrapping_add(1);
        for class in self.class_ids() {
            self.keep_pinned_pages(class);
        }
        for index in 0..self.pages.len() {
            let id = PageId(index as u32);
            let page = &self.pages[index];
            match page.usage {
                PageUse::Class(class) if page.pinned == 0 => {
                    self.pools[class.index()].leaving_pages -= usize::from(page.is_leaving);
                    self.push_free(id);
                }
                PageUse::Class(class) => self.pools[class.index()].used_chunks += page.used as usize,
                PageUse::Large(record) if !keeps(self, record) => self.free_page(id),
                _ => {}
            }
        }
    }

    /// Forgets all pages of a class but those with something pinned, which are few; used chunks are left to be counted.
    fn keep_pinned_pages(&mut self, class: ClassId) {
        let pool = &mut self.pools[class.index()];
        let mut kept = std::mem::take(&mut pool.pages);
        kept.retain(|id| self.pages[id.index()].pinned > 0);
        (pool.partial, pool.used_chunks) = (NO_PAGE, 0);
        for (position, id) in kept.iter().enumerate() {
            self.pages[id.index()].position = position as u32;
            if self.pages[id.index()].is_listed {
                self.list(*id, class);
            }
        }
        self.pools[class.index()].pages = kept;
    }

    /// The pages of classes, those that are being emptied included.
    #[cfg(any(test, debug_assertions))]
    pub(in crate::storage) fn class_pages(&self) -> impl Iterator<Item = (PageId, ClassId)> + '_ {
        let pages = (0..).map(PageId).zip(&self.pages);
        pages.filter_map(|(id, page)| page.class().map(|class| (id, class)))
    }

    /// Panics if counts and lists disagree with the pages and chunk headers.
    #[cfg(any(test, debug_assertions))]
    pub(in crate::storage) fn check_invariants(&self) {
        let count = |wanted: fn(&PageUse) -> bool| self.pages.iter().filter(|page| wanted(&page.usage)).count();
        assert_eq!(count(|usage| *usage == PageUse::Free), self.free_count, "free pages");
        assert_eq!(count(|usage| *usage == PageUse::Released), self.released_count, "released pages");
        assert_eq!(count(|usage| *usage == PageUse::Coming), self.coming_pages(), "coming pages");
        assert_eq!(count(|usage| matches!(usage, PageUse::Large(_))), self.large_count, "LARGE pages");
        assert_eq!(count(|usage| *usage == PageUse::Received), self.received_count, "received pages");
        for (head, length) in [(self.free_head, self.free_count), (self.released_head, self.released_count)] {
            assert_eq!(self.listed_from(head).count(), length, "list of pages");
        }
        for class in self.class_ids() {
            self.check_pool(class);
        }
    }

    /// The pages of a list, from its head on.
    fn listed_from(&self, head: u32) -> impl Iterator<Item = u32> + '_ {
        let link = |page: u32| Some(page).filter(|&page| page != NO_PAGE);
        std::iter::successors(link(head), move |&page| link(self.pages[page as usize].next))
    }

    #[cfg(any(test, debug_assertions))]
    fn check_pool(&self, class: ClassId) {
        use super::NO_UNIT;
        let pool = self.pool(class);
        let mut used_in_class = 0;
        for (position, &id) in pool.pages.iter().enumerate() {
            let page = self.page(id);
            assert_eq!((page.usage, page.position as usize), (PageUse::Class(class), position));
            let used = self.chunks_in(id).filter(|&chunk| !self.header(chunk).is_vacant()).count();
            assert_eq!(used, page.used as usize, "used chunks of {id:?}");
            // One that was moved to the class on request waits for its first chunk.
            assert!(used > 0 || page.fresh == 0, "an empty page is kept by {class:?}");
            assert_eq!(page.is_listed, used < pool.chunks_per_page as usize, "listing of {id:?}");
            let next = |&unit: &u16| {
                let header = self.header(id.location(unit));
                assert!(header.is_vacant());
                Some(header.next_free()).filter(|&unit| unit != NO_UNIT)
            };
            let free = std::iter::successors(Some(page.free_head).filter(|&unit| unit != NO_UNIT), next).count();
            assert_eq!(free + used, self.chunks_in(id).count(), "free chunks of {id:?}");
            used_in_class += used;
        }
        let leaving = |page: &&Page| page.usage == PageUse::Class(class) && page.is_leaving;
        assert_eq!(self.pages.iter().filter(leaving).count(), pool.leaving_pages, "leaving pages of {class:?}");
        used_in_class += self.pages.iter().filter(leaving).map(|page| page.used as usize).sum::<usize>();
        assert_eq!(used_in_class, pool.used_chunks, "used chunks of {class:?}");
        let listed = pool.pages.iter().filter(|id| self.page(**id).is_listed).count();
        assert_eq!(self.listed_from(pool.partial).count(), listed, "list of partial pages");
    }
}
