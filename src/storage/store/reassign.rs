//! Moving pages between classes on request: memcached's `slabs reassign` and `slabs automove`.

use super::Store;
use crate::{
    clock::Seconds,
    storage::{
        eviction::{PoolId, donor},
        slab::ClassId,
    },
};

/// The class number that stands for the pages that nobody has.
const FREE_PAGES: u32 = 0;

/// What came of a request to move a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reassigned {
    /// It is done.
    Moved,
    /// Both classes are the same.
    SameClass,
    /// A number is not that of a class.
    BadClass,
    /// The source has no page to give: it needs a second one, and one that no reader or upload holds on to; or
    /// evictions are off.
    NoSpare,
}

/// One end of a move.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    FreePages,
    Class(ClassId),
}

impl Store {
    /// Switches on or off that a class which has pages takes more from others (memcached's `slab_automove`). Off, a
    /// class without a page still gets its first one, and free pages go to whom needs them. On from the start.
    pub fn set_automove(&mut self, on: bool) {
        self.automove = on;
    }

    /// Whether a class which has pages takes more from others.
    pub fn automove(&self) -> bool {
        self.automove
    }

    /// Moves a page from one class to another now, evicting what is in it. The source is a class number, 0 for the
    /// free pages, or `None` for whoever has most, LARGE values included; the target a class number or 0.
    pub fn reassign(&mut self, from: Option<u32>, to: u32, now: Seconds) -> Reassigned {
        let Some(to) = self.end(to) else { return Reassigned::BadClass };
        let from = match from {
            None => None,
            Some(number) => match self.end(number) {
                None => return Reassigned::BadClass,
                from => from,
            },
        };
        if from == Some(to) {
            return Reassigned::SameClass;
        }
        let has_freed = match from {
            Some(End::FreePages) => self.slab.free_pages() > 0,
            Some(End::Class(class)) => self.take_spare_page(PoolId::Class(class), now),
            None => self.take_any_page(to, now),
        };
        if !has_freed {
            return Reassigned::NoSpare;
        }
        if let End::Class(class) = to {
            // What was freed last is assigned first.
            let assigned = self.slab.assign_page(class);
            debug_assert!(assigned, "a page was freed");
        }
        self.counters.pages_moved += 1;
        Reassigned::Moved
    }

    fn end(&self, number: u32) -> Option<End> {
        match number {
            FREE_PAGES => Some(End::FreePages),
            number if number > self.classes() => None,
            // At most the number of classes, so the cast keeps the value.
            number => Some(End::Class(ClassId((number - 1) as u8))),
        }
    }

    fn take_any_page(&mut self, to: End, now: Seconds) -> bool {
        let except: &[PoolId] = match to {
            End::FreePages => &[],
            End::Class(class) => &[PoolId::Class(class)],
        };
        donor(&self.slab, except).is_some_and(|pool| self.take_spare_page(pool, now))
    }

    /// Makes one of a pool's pages free, if it has more than one.
    fn take_spare_page(&mut self, pool: PoolId, now: Seconds) -> bool {
        if !self.config.evictions {
            return false;
        }
        match pool {
            PoolId::Class(class) => self.slab.pool(class).pages.len() > 1 && self.empty_page_of(class, now),
            PoolId::Large => self.evict_large(self.terms(now)) && self.slab.free_pages() > 0,
        }
    }
}
