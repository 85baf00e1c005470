//! Where things are in a store's memory: arithmetic only.

/// Pages are the unit of memory that moves between slab classes.
pub(super) const PAGE_BYTES: usize = 64 << 10;

/// Chunks start at multiples of this.
pub(super) const UNIT_BYTES: usize = 8;

/// Units of a page.
pub(super) const PAGE_UNITS: usize = PAGE_BYTES / UNIT_BYTES;

/// Memory that 32-bit locations can address: 32 GiB.
pub(super) const ADDRESSABLE_BYTES: usize = UNIT_BYTES << 32;

/// A chunk's start, in units from the start of the store's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Location(pub(super) u32);

/// A page's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PageId(pub(super) u32);

impl Location {
    /// No chunk. The last unit of the address range cannot start one.
    pub(super) const NONE: Location = Location(u32::MAX);

    #[inline(always)]
    pub(super) const fn byte(self) -> usize {
        self.0 as usize * UNIT_BYTES
    }

    #[inline(always)]
    pub(super) const fn page(self) -> PageId {
        PageId(self.0 / PAGE_UNITS as u32)
    }

    /// Units from the start of the page.
    #[inline(always)]
    pub(super) const fn unit_in_page(self) -> u16 {
        (self.0 % PAGE_UNITS as u32) as u16
    }
}

impl PageId {
    /// No page.
    pub(super) const NONE: PageId = PageId(u32::MAX);

    #[inline(always)]
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    #[inline(always)]
    pub(super) const fn byte(self) -> usize {
        self.0 as usize * PAGE_BYTES
    }

    #[inline(always)]
    pub(super) const fn location(self, unit: u16) -> Location {
        Location(self.0 * PAGE_UNITS as u32 + unit as u32)
    }
}
