//! Moving pages between classes on request: memcached's `slabs reassign` and `slabs automove`.

use super::{
    Store,
    emptying::{Hot, Purpose},
};
use crate::{
    clock::Seconds,
    storage::{eviction::PoolId, slab::ClassId},
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
        self.mover.is_on = on;
    }

    /// Whether a class which has pages takes more from others.
    pub fn automove(&self) -> bool {
        self.mover.is_on
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
        let purpose = match to {
            End::FreePages => Purpose::Free,
            End::Class(class) => Purpose::Class(class),
        };
        let has_moved = match from {
            Some(End::FreePages) => self.give_free_page(purpose),
            Some(End::Class(class)) => self.move_spare_page(PoolId::Class(class), purpose, now),
            None => self.move_any_page(purpose, now),
        };
        if has_moved { Reassigned::Moved } else { Reassigned::NoSpare }
    }

    fn end(&self, number: u32) -> Option<End> {
        match number {
            FREE_PAGES => Some(End::FreePages),
            number if number > self.classes() => None,
            // At most the number of classes, so the cast keeps the value.
            number => Some(End::Class(ClassId((number - 1) as u8))),
        }
    }

    /// True if there is a free page, which then is where it should be.
    fn give_free_page(&mut self, purpose: Purpose) -> bool {
        let is_given = match purpose {
            Purpose::Class(class) => self.slab.assign_page(class),
            Purpose::Free | Purpose::Kernel => self.slab.free_pages() > 0,
        };
        self.counters.pages_moved += u64::from(is_given);
        is_given
    }

    fn move_any_page(&mut self, purpose: Purpose, now: Seconds) -> bool {
        let except = match purpose {
            Purpose::Class(class) => Some(PoolId::Class(class)),
            Purpose::Free | Purpose::Kernel => None,
        };
        let giver = self.mover.donor(self.pools(), except.as_slice());
        giver.is_some_and(|pool| self.move_spare_page(pool, purpose, now))
    }

    /// Moves one of a pool's pages, if it has more than one.
    fn move_spare_page(&mut self, pool: PoolId, purpose: Purpose, now: Seconds) -> bool {
        if !self.config.evictions {
            return false;
        }
        match pool {
            PoolId::Class(class) => {
                // One at a time: what is under way comes first.
                while self.go_on_emptying(now) {}
                self.slab.pool(class).pages.len() > 1 && self.empty_page_of(class, purpose, Hot::Move, now)
            }
            PoolId::Large => self.evict_large(self.terms(now)) && self.give_free_page(purpose),
        }
    }
}
