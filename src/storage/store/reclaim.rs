//! Memory of expired items for whoever needs some now: before anything else is evicted.
//!
//! Nothing is searched where nothing has expired: `expired` knows, by slab class. Where something has, the pages'
//! earliest deadlines tell where, and a hand for each class remembers how far it has come. In plain steps: expired
//! items of the class itself, in one of its pages; then LARGE values; then a page of the class that has most of them,
//! if all in that page has expired.
//!
//! The work of one allocation is bounded, by the constants below. So are, therefore, the expired bytes that may be left
//! while a live item is evicted: those in other classes' pages that hold live items as well, which serve these classes
//! and the sweep frees; and those in pages of a class so large that the hand does not reach them at once.

use super::{Store, removals::Reason};
use crate::{
    clock::Seconds,
    storage::{
        item::Header,
        location::PageId,
        slab::{ClassId, PageUse},
    },
};

/// Items freed at a time, of those that a page has: some 10 µs.
const FREED_MAX: usize = 64;

/// Pages whose earliest deadline is looked at, in one class, and pages of LARGE values looked for.
const PAGES_PASSED_MAX: usize = 1024;

/// Pages of the class that are looked through. A deadline that was put off leaves a page's earliest one too early, so
/// the first may be in vain.
const PAGES_SWEPT_MAX: usize = 2;

/// Pages of another class that are tried.
const PAGES_TRIED_MAX: usize = 8;

/// Where the search goes on.
pub(super) struct Reclaim {
    /// By class: an index in its list of pages.
    hands: Vec<u32>,
    /// A page number.
    large_hand: u32,
}

impl Reclaim {
    pub(super) fn new(classes: usize) -> Self {
        Reclaim { hands: vec![0; classes], large_hand: 0 }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.hands.len() * size_of::<u32>()
    }
}

impl Store {
    /// Removes expired items so that the class has a free chunk, or there is a free page. False if none were found.
    pub(super) fn reclaim_for(&mut self, class: ClassId, now: Seconds) -> bool {
        self.reclaim_in(class, now) || self.reclaim_page(Some(class), now)
    }

    /// Removes expired items so that there is a free page. False if none were found.
    pub(super) fn reclaim_page(&mut self, except: Option<ClassId>, now: Seconds) -> bool {
        self.pass_time(now);
        if self.expired.total() == 0 {
            return false;
        }
        self.reclaim_large(now) || self.reclaim_page_of_richest(except, now)
    }

    /// Removes expired items from one of the class's pages.
    fn reclaim_in(&mut self, class: ClassId, now: Seconds) -> bool {
        self.pass_time(now);
        if self.expired.held(class.index()) == 0 {
            return false;
        }
        for _ in 0..PAGES_SWEPT_MAX {
            let Some(page) = self.next_due_page(class, now) else { return false };
            let swept = self.sweep_page(page, class, FREED_MAX, Reason::Reclaimed, now);
            if swept.freed > 0 {
                return true;
            }
            self.reclaim.hands[class.index()] += 1;
        }
        false
    }

    /// Moves a class's hand to its next page in which something may have expired.
    fn next_due_page(&mut self, class: ClassId, now: Seconds) -> Option<PageId> {
        let (slab, hand) = (&self.slab, &mut self.reclaim.hands[class.index()]);
        let pages = &slab.pool(class).pages;
        for _ in 0..pages.len().min(PAGES_PASSED_MAX) {
            if *hand as usize >= pages.len() {
                *hand = 0;
            }
            let page = pages[*hand as usize];
            if slab.page(page).earliest_deadline() <= now.0 {
                return Some(page);
            }
            *hand += 1;
        }
        None
    }

    /// Removes an expired LARGE value that has whole pages.
    fn reclaim_large(&mut self, now: Seconds) -> bool {
        if self.expired.held(self.expired.large()) == 0 {
            return false;
        }
        let pages = self.slab.pages().len();
        for _ in 0..pages.min(PAGES_PASSED_MAX) {
            let page = PageId(self.reclaim.large_hand % pages as u32);
            self.reclaim.large_hand = page.0 + 1;
            let PageUse::Large(record) = self.slab.page(page).usage else { continue };
            let header: Header = self.slab.header(record);
            if header.deadline().is_past(now)
                && record != self.protected
                && self.remove(record, Reason::Reclaimed, now)
                && self.slab.free_pages() > 0
            {
                return true;
            }
        }
        false
    }

    /// Empties a page of the class whose expired items hold most, if there is one in which all has expired.
    fn reclaim_page_of_richest(&mut self, except: Option<ClassId>, now: Seconds) -> bool {
        let others = self.slab.class_ids().filter(|&class| Some(class) != except);
        let Some(class) = others.max_by_key(|class| self.expired.held(class.index())) else { return false };
        if self.expired.held(class.index()) == 0 {
            return false;
        }
        for _ in 0..PAGES_TRIED_MAX {
            let Some(page) = self.next_due_page(class, now) else { return false };
            if self.is_wholly_expired(page, now) {
                let chunks = self.slab.pool(class).chunks_per_page as usize;
                self.sweep_page(page, class, chunks, Reason::Reclaimed, now);
                return self.slab.free_pages() > 0;
            }
            self.reclaim.hands[class.index()] += 1;
        }
        false
    }
}
