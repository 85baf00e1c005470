//! Memory in pages and chunks. Knows which chunks are taken, not what is in them beyond the link of a free one,
//! and never decides who must leave: that is eviction's.
//!
//! One address range per store; extents of it are committed as the cache fills and cut into 64 KiB pages. A page
//! is free, belongs to one class and is cut into its chunks, or is a piece of a LARGE value. A page whose last
//! chunk is freed goes back to the free pages, so that an unused class holds none.
//!
//! Free chunks cost nothing: those given back are linked through their own header words, per page; those never
//! used are a mark (`fresh`) that moves up the page. So giving a page to a class touches no memory either.

mod class_table;
mod coming;
mod page;
mod pages;

pub(super) use self::{
    class_table::{CHUNK_BYTES_MAX, ClassId, ClassTable},
    page::{Page, PageUse},
};

use self::page::{NO_PAGE, NO_UNIT};
use super::{
    item::Header,
    location::{Location, PAGE_BYTES, PageId, UNIT_BYTES},
    reservation::Reservation,
};
use crate::clock::Deadline;
use std::io;

/// A class's pages.
pub(super) struct Pool {
    pub(super) pages: Vec<PageId>,
    /// Head of the list of pages with a free chunk.
    partial: u32,
    pub(super) chunk_units: u16,
    pub(super) chunks_per_page: u16,
    /// Taken chunks, those in pages that are being emptied included.
    pub(super) used_chunks: usize,
    /// Pages that are being emptied, which are not in `pages`.
    pub(super) leaving_pages: usize,
}

impl Pool {
    /// Pages of the class, one that is being emptied included.
    pub(super) fn total_pages(&self) -> usize {
        self.pages.len() + self.leaving_pages
    }
}

/// See the module's documentation.
pub(super) struct Slab {
    memory: Reservation<u8>,
    pub(super) classes: ClassTable,
    pools: Vec<Pool>,
    pages: Vec<Page>,
    free_head: u32,
    free_count: usize,
    released_head: u32,
    released_count: usize,
    /// Pages on their way back from the kernel: the first, and how many.
    coming: Option<(PageId, u32)>,
    /// Free pages that were taken into use since the start.
    taken_count: u64,
    large_count: usize,
    received_count: usize,
    /// Counts what puts pages to another use, wrapping around.
    page_uses: u32,
    /// What [`Page::counted_to`] of a page is that comes to a class.
    horizon: u32,
}

impl Slab {
    /// Reserves room for `capacity_bytes`, with the classes of a store of this memory limit; commits nothing.
    ///
    /// # Errors
    /// What the kernel says to the reservation.
    pub(super) fn new(
        limit_bytes: usize,
        capacity_bytes: usize,
        extent_bytes: usize,
        huge_pages: bool,
    ) -> io::Result<Self> {
        debug_assert!(extent_bytes.is_multiple_of(PAGE_BYTES));
        let classes = ClassTable::for_limit(limit_bytes);
        let pools = (0..classes.len())
            .map(|class| {
                let chunk_bytes = classes.chunk_bytes(ClassId(class as u8));
                Pool {
                    pages: Vec::new(),
                    partial: NO_PAGE,
                    chunk_units: (chunk_bytes / UNIT_BYTES) as u16,
                    chunks_per_page: (PAGE_BYTES / chunk_bytes) as u16,
                    used_chunks: 0,
                    leaving_pages: 0,
                }
            })
            .collect();
        let mut memory = Reservation::new(capacity_bytes, extent_bytes, huge_pages)?;
        memory.open(limit_bytes);
        Ok(Slab {
            memory,
            classes,
            pools,
            // At its full size, so that it is never copied; what is not used is not touched.
            pages: Vec::with_capacity(capacity_bytes / PAGE_BYTES),
            free_head: NO_PAGE,
            free_count: 0,
            released_head: NO_PAGE,
            released_count: 0,
            coming: None,
            taken_count: 0,
            large_count: 0,
            received_count: 0,
            page_uses: 0,
            horizon: 0,
        })
    }

    /// As long as this is what it was, a place where a chunk of a class began is still one's beginning.
    #[inline(always)]
    pub(super) fn page_uses(&self) -> u32 {
        self.page_uses
    }

    pub(super) fn pool(&self, class: ClassId) -> &Pool {
        &self.pools[class.index()]
    }

    /// Where the chunks of a page that have been in use end, in units from its start.
    #[inline(always)]
    pub(super) fn fresh_unit(&self, page: PageId) -> u16 {
        self.pages[page.index()].fresh
    }

    pub(super) fn class_ids(&self) -> impl Iterator<Item = ClassId> + Clone + use<> {
        (0..self.pools.len()).map(|class| ClassId(class as u8))
    }

    /// The class of the page that a location lies in. Only for chunks.
    #[inline(always)]
    pub(super) fn class_at(&self, location: Location) -> ClassId {
        match self.pages[location.page().index()].usage {
            PageUse::Class(class) => class,
            _ => unreachable!("{location:?} is in no class's page"),
        }
    }

    /// Whether a chunk of the class begins here that has been in use. What was one may be anything else by now.
    #[inline(always)]
    pub(super) fn is_chunk_of(&self, location: Location, class: ClassId) -> bool {
        let page = &self.pages[location.page().index()];
        page.usage == PageUse::Class(class) && location.unit_in_page() < page.fresh
    }

    /// Memory from a location to the end of the store. Callers know their chunk's length from its header.
    #[inline(always)]
    pub(super) fn chunk(&self, location: Location) -> &[u8] {
        &self.memory[location.byte()..]
    }

    #[inline(always)]
    pub(super) fn chunk_mut(&mut self, location: Location) -> &mut [u8] {
        &mut self.memory[location.byte()..]
    }

    #[inline(always)]
    pub(super) fn header(&self, location: Location) -> Header {
        Header::read(self.chunk(location))
    }

    #[inline(always)]
    pub(super) fn set_header(&mut self, location: Location, header: Header) {
        header.write(self.chunk_mut(location));
    }

    /// Copies what is in a chunk of a class to another one.
    pub(super) fn copy_chunk(&mut self, from: Location, to: Location, class: ClassId) {
        let len = self.pools[class.index()].chunk_units as usize * UNIT_BYTES;
        self.memory.copy_within(from.byte()..from.byte() + len, to.byte());
    }

    /// Starts loading the two cache lines in which a small item lies.
    #[inline(always)]
    pub(super) fn prefetch(&self, location: Location) {
        self.memory.prefetch(location.byte());
        self.memory.prefetch(location.byte() + 64);
    }

    /// Starts loading the cache line so many bytes behind a chunk's start.
    #[inline(always)]
    pub(super) fn prefetch_behind(&self, location: Location, bytes: usize) {
        self.memory.prefetch(location.byte() + bytes);
    }

    pub(super) fn page_bytes(&self, page: PageId) -> &[u8] {
        &self.memory[page.byte()..][..PAGE_BYTES]
    }

    pub(super) fn page_bytes_mut(&mut self, page: PageId) -> &mut [u8] {
        &mut self.memory[page.byte()..][..PAGE_BYTES]
    }

    /// A chunk of the class from the pages it has, marked as reserved; `None` if they are full.
    #[inline(always)]
    pub(super) fn allocate(&mut self, class: ClassId) -> Option<Location> {
        let pool = &mut self.pools[class.index()];
        if pool.partial == NO_PAGE {
            return None;
        }
        let id = PageId(pool.partial);
        let page = &mut self.pages[id.index()];
        let unit = if page.free_head != NO_UNIT {
            let unit = page.free_head;
            page.free_head = Header::read(&self.memory[id.location(unit).byte()..]).next_free();
            unit
        } else {
            let unit = page.fresh;
            page.fresh += pool.chunk_units;
            unit
        };
        page.used += 1;
        pool.used_chunks += 1;
        if page.used == pool.chunks_per_page {
            self.unlist(id, class);
        }
        let location = id.location(unit);
        self.set_header(location, Header::RESERVED);
        Some(location)
    }

    /// Takes a chunk back.
    #[inline(always)]
    pub(super) fn free(&mut self, location: Location) {
        let class = self.class_at(location);
        let id = location.page();
        let page = &mut self.pages[id.index()];
        let next = page.free_head;
        page.free_head = location.unit_in_page();
        page.used -= 1;
        // No new item is to come to a page that is being emptied.
        let (used, is_listed) = (page.used, page.is_listed || page.is_leaving);
        self.pools[class.index()].used_chunks -= 1;
        self.set_header(location, Header::free(next));
        if used == 0 {
            self.give_back(id, class);
        } else if !is_listed {
            self.list(id, class);
        }
    }

    /// Remembers that something in the page of `location` expires at `deadline`. Returns whether it is to be counted
    /// (see [`Page::counted_to`]).
    #[inline(always)]
    #[must_use]
    pub(super) fn cover_deadline(&mut self, location: Location, deadline: Deadline) -> bool {
        let page = &mut self.pages[location.page().index()];
        page.earliest_deadline = page.earliest_deadline.min(deadline.raw());
        deadline.raw() <= page.counted_to
    }

    /// Whether an item with this deadline in the page of `location` is counted.
    #[inline(always)]
    pub(super) fn counts_deadline(&self, location: Location, deadline: Deadline) -> bool {
        deadline.raw() <= self.pages[location.page().index()].counted_to
    }

    /// A page has been looked through: what its earliest deadline is, and up to which second its items are counted.
    pub(super) fn looked_through(&mut self, id: PageId, earliest_deadline: u32, counted_to: u32) {
        let page = &mut self.pages[id.index()];
        (page.earliest_deadline, page.counted_to) = (earliest_deadline, counted_to);
    }

    /// Pages that come to a class from now on count deadlines up to this second.
    pub(super) fn set_horizon(&mut self, second: u32) {
        self.horizon = second;
    }

    /// Keeps the page of `location` from being taken from its class.
    pub(super) fn pin_page(&mut self, location: Location) {
        self.pages[location.page().index()].pinned += 1;
    }

    pub(super) fn unpin_page(&mut self, location: Location) {
        let page = &mut self.pages[location.page().index()];
        debug_assert!(page.pinned > 0);
        page.pinned -= 1;
    }

    /// Puts a page at the head of its pool's list of pages with a free chunk.
    fn list(&mut self, id: PageId, class: ClassId) {
        let pool = &mut self.pools[class.index()];
        let page = &mut self.pages[id.index()];
        (page.next, page.previous, page.is_listed) = (pool.partial, NO_PAGE, true);
        if pool.partial != NO_PAGE {
            self.pages[pool.partial as usize].previous = id.0;
        }
        pool.partial = id.0;
    }

    fn unlist(&mut self, id: PageId, class: ClassId) {
        let page = &mut self.pages[id.index()];
        let (next, previous) = (page.next, page.previous);
        page.is_listed = false;
        if previous == NO_PAGE {
            self.pools[class.index()].partial = next;
        } else {
            self.pages[previous as usize].next = next;
        }
        if next != NO_PAGE {
            self.pages[next as usize].previous = previous;
        }
    }
}

#[cfg(test)]
mod tests;
