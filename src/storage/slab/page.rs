//! What is known about one page, kept outside of it so that chunks fill it to the last byte.

use super::super::location::Location;
use super::class_table::ClassId;

/// Ends a page's list of free chunks, and the lists of pages.
pub(in crate::storage) const NO_UNIT: u16 = u16::MAX;
pub(super) const NO_PAGE: u32 = u32::MAX;

/// Who has a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum PageUse {
    /// Nobody; its memory is committed.
    Free,
    /// Nobody; its memory has gone back to the kernel.
    Released,
    /// Nobody; its memory had gone back to the kernel and is being populated by another thread.
    Coming,
    /// A slab class: it is cut into chunks.
    Class(ClassId),
    /// A LARGE value, or its list of pages, that is being received.
    Received,
    /// A stored LARGE value, or its list of pages; the item's record is at this location.
    Large(Location),
}

/// One page's metadata.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Page {
    pub(in crate::storage) usage: PageUse,
    /// Chunks that are not free: live, tail, detached or reserved.
    pub(super) used: u16,
    /// Chunks that must stay where they are: of pinned or protected items, or being received.
    pub(super) pinned: u16,
    /// The first chunk of the list of freed ones.
    pub(super) free_head: u16,
    /// Units from here on have never been part of a chunk since the page came to its class.
    pub(super) fresh: u16,
    /// No item in the page expires before this second, as far as known; `u32::MAX` if none expires.
    pub(super) earliest_deadline: u32,
    /// Up to this second the deadlines in the page have been told to whoever counts expired bytes.
    pub(super) counted_to: u32,
    /// Index in the pool's list of pages.
    pub(super) position: u32,
    /// Neighbours in the pool's list of pages with a free chunk, or in that of free pages; `next` alone links
    /// released pages.
    pub(super) next: u32,
    pub(super) previous: u32,
    pub(super) is_listed: bool,
    /// Being emptied: in its class still, in none of its lists.
    pub(super) is_leaving: bool,
}

impl Page {
    pub(super) fn new(usage: PageUse) -> Self {
        Page {
            usage,
            used: 0,
            pinned: 0,
            free_head: NO_UNIT,
            fresh: 0,
            earliest_deadline: u32::MAX,
            counted_to: 0,
            position: 0,
            next: NO_PAGE,
            previous: NO_PAGE,
            is_listed: false,
            is_leaving: false,
        }
    }

    pub(in crate::storage) fn class(&self) -> Option<ClassId> {
        match self.usage {
            PageUse::Class(class) => Some(class),
            _ => None,
        }
    }

    /// No item in the page expires before this second; `u32::MAX` if none expires.
    pub(in crate::storage) fn earliest_deadline(&self) -> u32 {
        self.earliest_deadline
    }

    /// Items in the page with a deadline up to this second are counted as held by what has expired or is about to.
    pub(in crate::storage) fn counted_to(&self) -> u32 {
        self.counted_to
    }

    /// Whether its contents may be evicted to reuse it.
    pub(in crate::storage) fn is_movable(&self) -> bool {
        self.pinned == 0
    }

    /// Whether it is being emptied.
    pub(in crate::storage) fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    /// Chunks that are not free.
    pub(in crate::storage) fn used_chunks(&self) -> usize {
        self.used as usize
    }
}
