//! Going through all pages for what has expired before anybody asks for it or its room: memcached's `lru_crawler`.
//!
//! A pass goes through the pages in the order of their addresses and looks through those in which something expires
//! by the horizon (see `expired`); the others it passes over by their metadata. The store begins one by itself every
//! [`INTERVAL_SECONDS_MIN`] seconds, less often where looking through everything takes longer than half a percent of
//! that, and at once where a sixteenth of memory has expired: then looking is cheap for what it frees. Switched off, these passes go on and count what has expired, but remove nothing.
//!
//! A step of a pass is bounded in looks, of which a removal counts as [`LOOKS_PER_REMOVAL`]; a page is looked through
//! in one go.

use super::{Store, expired::HORIZON_SECONDS, removals::Reason, sweep::Swept};
use crate::{clock::Seconds, storage::location::PageId};

/// The pace of a step of [`Store::maintain`], if nothing else is set: at most 128 removals, or 4096 looks, which is
/// some 20 µs.
const PACE_ITEMS_DEFAULT: u32 = 256;

/// The highest pace that may be set: a step of up to 1 ms.
pub const CRAWL_PACE_ITEMS_MAX: u32 = 8192;

/// Chunks looked at for each item of the pace.
const LOOKS_PER_PACE_ITEM: usize = 16;

/// A removal takes as long as this many looks.
const LOOKS_PER_REMOVAL: usize = 32;

/// A step that comes to an expired item may remove this many, however small its budget.
const FREED_PER_STEP_MIN: usize = super::PREFETCH_GROUP;

/// Bounds of the time from the beginning of a pass to that of the next which the store begins by itself.
const INTERVAL_SECONDS_MIN: u32 = 10;
const INTERVAL_SECONDS_MAX: u32 = 20;

/// Looks of a pass for each second until the next: at 4 ns each, half a percent of the time.
const LOOKS_PER_SECOND: u64 = 1_250_000;

/// The next pass begins at once if expired items hold one byte in this many.
const MUCH_DIVISOR: u64 = 16;

// Every page is passed again before its count ends, with some seconds to spare for the pass itself.
const _: () = assert!(INTERVAL_SECONDS_MAX + 10 < HORIZON_SECONDS);

/// Slab classes by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassSet([u64; 4]);

impl ClassSet {
    /// Every class.
    pub const ALL: ClassSet = ClassSet([u64::MAX; 4]);

    /// Adds a class. False, and nothing is added, if the number is above 255.
    pub fn insert(&mut self, class: u32) -> bool {
        let fits = class < u64::BITS * 4;
        if fits {
            self.0[(class / u64::BITS) as usize] |= 1 << (class % u64::BITS);
        }
        fits
    }

    /// Whether a class is in it.
    pub fn contains(&self, class: u32) -> bool {
        self.0.get((class / u64::BITS) as usize).is_some_and(|word| word >> (class % u64::BITS) & 1 != 0)
    }

    fn is_all(&self) -> bool {
        *self == ClassSet::ALL
    }
}

/// The answer to a request to crawl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrawlStart {
    /// It has begun.
    Started,
    /// One that was asked for is still going on.
    Busy,
    /// Crawling is switched off.
    Disabled,
    /// The set holds no class, or one that does not exist.
    BadClass,
}

/// Settings and counts of crawling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrawlStats {
    /// Whether crawling is switched on.
    pub is_enabled: bool,
    /// Whether a crawl is going on.
    pub is_running: bool,
    /// The pace of a step: it looks at up to 16 times as many chunks, or removes up to half as many items.
    pub pace_items: u32,
    /// Items after which a crawl ends; 0 for all.
    pub to_crawl_items: u32,
    /// Crawls begun, on request or not.
    pub starts: u64,
    /// Items looked at.
    pub items_checked: u64,
    /// Expired items freed.
    pub reclaimed: u64,
    /// Seconds that the last crawl took that has ended.
    pub last_seconds: u32,
}

/// Why a pass goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// It was asked for.
    Requested,
    /// The store began it by itself.
    Own,
    /// So it did, and crawling is switched off.
    CountOnly,
}

/// A crawl that is going on.
#[derive(Clone, Copy, Debug)]
struct Pass {
    purpose: Purpose,
    classes: ClassSet,
    /// The next page.
    page: u32,
    started: Seconds,
    /// Items looked at.
    checked: u64,
    /// Chunks looked at.
    looks: u64,
}

/// Everything about crawling that a store keeps.
#[derive(Debug)]
pub(super) struct Crawl {
    is_enabled: bool,
    pace_items: u32,
    to_crawl_items: u32,
    pass: Option<Pass>,
    /// The page where the next crawl begins, if the last ended for its number of items.
    resume: u32,
    /// When the store begins the next by itself.
    next_start: Seconds,
    last_start: Seconds,
    starts: u64,
    last_seconds: u32,
}

impl Crawl {
    pub(super) fn new() -> Self {
        Crawl {
            is_enabled: true,
            pace_items: PACE_ITEMS_DEFAULT,
            to_crawl_items: 0,
            pass: None,
            resume: 0,
            next_start: Seconds(0),
            last_start: Seconds(0),
            starts: 0,
            last_seconds: 0,
        }
    }

    pub(super) fn reset_counts(&mut self) {
        self.starts = 0;
    }
}

impl Store {
    /// Switches crawling on or off; off ends one that is going on. On from the start.
    pub fn set_crawl_enabled(&mut self, on: bool) {
        self.crawl.is_enabled = on;
        // One that goes on for another purpose begins anew.
        self.crawl.pass = None;
    }

    /// Sets the pace of a step of [`Store::maintain`]; see [`CrawlStats::pace_items`]. False, and nothing changes,
    /// unless it is 1 to [`CRAWL_PACE_ITEMS_MAX`].
    pub fn set_crawl_pace(&mut self, items: u32) -> bool {
        let fits = (1..=CRAWL_PACE_ITEMS_MAX).contains(&items);
        if fits {
            self.crawl.pace_items = items;
        }
        fits
    }

    /// Sets after how many items a crawl ends, up to a page of them more; the next then goes on from there. 0 for all.
    pub fn set_crawl_limit(&mut self, items: u32) {
        self.crawl.to_crawl_items = items;
    }

    /// Settings and counts.
    pub fn crawl_stats(&self) -> CrawlStats {
        let crawl = &self.crawl;
        CrawlStats {
            is_enabled: crawl.is_enabled,
            is_running: crawl.pass.is_some_and(|pass| pass.purpose != Purpose::CountOnly),
            pace_items: crawl.pace_items,
            to_crawl_items: crawl.to_crawl_items,
            starts: crawl.starts,
            items_checked: self.counters.sum(|class| class.events.crawler_items_checked),
            reclaimed: self.counters.sum(|class| class.events.crawler_reclaimed),
            last_seconds: crawl.last_seconds,
        }
    }

    /// Begins to free the expired items of these classes, which [`Store::maintain`] then does step by step. One that
    /// the store began on its own gives way.
    pub fn crawl_begin(&mut self, classes: ClassSet, now: Seconds) -> CrawlStart {
        let known = (1..=self.classes()).filter(|&class| classes.contains(class)).count();
        let named: u32 = classes.0.iter().map(|word| word.count_ones()).sum();
        if !classes.is_all() && (known == 0 || known as u32 != named) {
            return CrawlStart::BadClass;
        }
        if !self.crawl.is_enabled {
            return CrawlStart::Disabled;
        }
        if self.crawl.pass.is_some_and(|pass| pass.purpose == Purpose::Requested) {
            return CrawlStart::Busy;
        }
        self.begin_pass(classes, Purpose::Requested, now);
        CrawlStart::Started
    }

    fn begin_pass(&mut self, classes: ClassSet, purpose: Purpose, now: Seconds) {
        let page = std::mem::take(&mut self.crawl.resume);
        self.crawl.pass = Some(Pass { purpose, classes, page, started: now, checked: 0, looks: 0 });
        self.crawl.last_start = now;
        self.crawl.starts += u64::from(purpose != Purpose::CountOnly);
    }

    /// Begins a pass if one is due. True if one is going on then.
    pub(super) fn crawl_is_running(&mut self, now: Seconds) -> bool {
        let crawl = &self.crawl;
        if crawl.pass.is_some() {
            return true;
        }
        let has_much = crawl.is_enabled
            && now > crawl.last_start
            && self.expired.total() * MUCH_DIVISOR >= self.slab.committed_bytes() as u64
            && self.expired.total() > 0;
        if now < crawl.next_start && !has_much {
            return false;
        }
        let purpose = if crawl.is_enabled { Purpose::Own } else { Purpose::CountOnly };
        self.begin_pass(ClassSet::ALL, purpose, now);
        true
    }

    /// The next step of a crawl that is going on, at the pace that is set.
    pub(super) fn crawl_at_pace(&mut self, now: Seconds) -> bool {
        self.crawl_step(self.crawl.pace_items as usize * LOOKS_PER_PACE_ITEM, now)
    }

    /// Looks through the next pages of a crawl that is going on and frees the expired items. Returns whether it goes
    /// on. `budget` counts chunks looked at and pages passed over, and a removal as 32 of these; up to a page of
    /// chunks, and 32 removals, may be more than that.
    pub fn crawl_step(&mut self, budget: usize, now: Seconds) -> bool {
        let Some(mut pass) = self.crawl.pass.take() else { return false };
        self.pass_time(now);
        let limit = match self.crawl.to_crawl_items {
            0 => u64::MAX,
            limit => u64::from(limit),
        };
        let mut budget = budget.max(1);
        while budget > 0 && pass.checked < limit && (pass.page as usize) < self.slab.pages().len() {
            let freed_max = match pass.purpose {
                Purpose::CountOnly => 0,
                _ => (budget / LOOKS_PER_REMOVAL).max(FREED_PER_STEP_MIN),
            };
            let swept = self.crawl_page(&pass, freed_max, now);
            budget = budget.saturating_sub(1 + swept.chunks + swept.freed * LOOKS_PER_REMOVAL);
            pass.looks += swept.chunks as u64;
            // A page that is come back to is counted as a whole when it is left.
            let leaves = !swept.has_more || pass.purpose == Purpose::CountOnly;
            let checked = if leaves { swept.items } else { swept.freed };
            pass.checked += checked as u64;
            pass.page += u32::from(leaves);
            if let Some(class) = swept.class {
                self.counters.events(class).crawler_items_checked += checked as u64;
            }
        }
        if (pass.page as usize) < self.slab.pages().len() {
            if pass.checked < limit {
                self.crawl.pass = Some(pass);
                return true;
            }
            self.crawl.resume = pass.page;
        }
        self.crawl.last_seconds = now.0.saturating_sub(pass.started.0);
        if pass.purpose != Purpose::Requested {
            let interval = pass.looks.div_ceil(LOOKS_PER_SECOND).min(u64::from(INTERVAL_SECONDS_MAX)) as u32;
            self.crawl.next_start = Seconds(pass.started.0.saturating_add(interval.max(INTERVAL_SECONDS_MIN)));
        }
        false
    }

    /// Looks through the next page of a pass, unless it is not of its classes or nothing in it expires soon.
    fn crawl_page(&mut self, pass: &Pass, freed_max: usize, now: Seconds) -> Swept {
        let id = PageId(pass.page);
        let page = self.slab.page(id);
        let (Some(class), earliest) = (page.class(), page.earliest_deadline()) else { return Swept::default() };
        if !pass.classes.contains(class.number()) {
            return Swept::default();
        }
        if earliest > self.expired.horizon() {
            self.slab.looked_through(id, earliest, self.expired.horizon());
            return Swept::default();
        }
        self.sweep_page(id, class, freed_max, Reason::Crawled, now)
    }
}
