//! Freeing what has expired before anybody asks for it or its room: memcached's `lru_crawler`, as a walk.
//!
//! A crawl looks at an item only where its page may hold an expired one: pages know their earliest deadline. On its
//! own the store begins one when something may have expired and the last has ended an interval ago; the interval is
//! halved after a crawl that was worth its while, and doubled after another.

use super::{Store, removals::Reason};
use crate::{
    clock::{Deadline, Seconds},
    storage::{hash_table::Cursor, location::Location},
};

/// Items looked at in one step of [`Store::maintain`], if nothing else is set.
const PACE_ITEMS_DEFAULT: u32 = 256;

/// The most that may be set: a step of about 1 ms.
pub const CRAWL_PACE_ITEMS_MAX: u32 = 8192;

/// Bounds of the interval between the crawls that the store begins on its own.
const INTERVAL_SECONDS_MIN: u32 = 60;
const INTERVAL_SECONDS_MAX: u32 = 3600;

/// A crawl was worth its while if it freed one in this many of the items it looked at.
const WORTHWHILE_DIVISOR: u64 = 16;

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
    /// Items looked at per step.
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

/// A crawl that is going on.
#[derive(Clone, Copy, Debug)]
struct Pass {
    cursor: Cursor,
    classes: ClassSet,
    started: Seconds,
    is_requested: bool,
    checked: u64,
    reclaimed: u64,
    /// If it sees every item: what the slab knew as the earliest deadline of all, and the earliest seen since.
    earliest: Option<(u32, u32)>,
}

/// Everything about crawling that a store keeps.
#[derive(Debug)]
pub(super) struct Crawl {
    is_enabled: bool,
    pace_items: u32,
    to_crawl_items: u32,
    pass: Option<Pass>,
    /// Where the next crawl begins, if the last ended for its number of items.
    resume: Cursor,
    ended: Seconds,
    interval_seconds: u32,
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
            resume: Cursor::default(),
            ended: Seconds(0),
            interval_seconds: INTERVAL_SECONDS_MIN,
            starts: 0,
            last_seconds: 0,
        }
    }

    /// What was known as the earliest deadline when the crawl that is going on began.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn earliest_before(&self) -> u32 {
        self.pass.and_then(|pass| pass.earliest).map_or(u32::MAX, |(before, _)| before)
    }

    pub(super) fn reset_counts(&mut self) {
        self.starts = 0;
    }
}

impl Store {
    /// Switches crawling on or off; off ends one that is going on. On from the start.
    pub fn set_crawl_enabled(&mut self, on: bool) {
        self.crawl.is_enabled = on;
        if !on {
            self.abandon_pass();
        }
    }

    /// Sets how many items a step of [`Store::maintain`] looks at. False, and nothing changes, unless it is 1 to
    /// [`CRAWL_PACE_ITEMS_MAX`].
    pub fn set_crawl_pace(&mut self, items: u32) -> bool {
        let fits = (1..=CRAWL_PACE_ITEMS_MAX).contains(&items);
        if fits {
            self.crawl.pace_items = items;
        }
        fits
    }

    /// Sets after how many items a crawl ends; the next then goes on from there. 0 for all.
    pub fn set_crawl_limit(&mut self, items: u32) {
        self.crawl.to_crawl_items = items;
    }

    /// Settings and counts.
    pub fn crawl_stats(&self) -> CrawlStats {
        let crawl = &self.crawl;
        CrawlStats {
            is_enabled: crawl.is_enabled,
            is_running: crawl.pass.is_some(),
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
        if self.crawl.pass.is_some_and(|pass| pass.is_requested) {
            return CrawlStart::Busy;
        }
        self.begin_pass(classes, true, now);
        CrawlStart::Started
    }

    fn begin_pass(&mut self, classes: ClassSet, is_requested: bool, now: Seconds) {
        self.abandon_pass();
        let cursor = std::mem::take(&mut self.crawl.resume);
        let sees_all = classes.is_all() && self.crawl.to_crawl_items == 0 && cursor == Cursor::default();
        // Whatever is written from here on is noted by the slab, whatever was before is seen by the pass.
        let earliest = sees_all.then(|| (self.slab.take_earliest_deadline(), u32::MAX));
        self.crawl.pass =
            Some(Pass { cursor, classes, started: now, is_requested, checked: 0, reclaimed: 0, earliest });
        self.crawl.starts += 1;
    }

    fn abandon_pass(&mut self) {
        if let Some(Pass { earliest: Some((before, _)), .. }) = self.crawl.pass.take() {
            self.slab.note_earliest_deadline(before);
        }
    }

    /// Begins a crawl if one is due. True if one is going on then.
    pub(super) fn crawl_is_running(&mut self, now: Seconds) -> bool {
        let crawl = &self.crawl;
        let is_due = crawl.pass.is_none()
            && crawl.is_enabled
            && Deadline::from_raw(self.slab.earliest_deadline()).is_past(now)
            && now.0.saturating_sub(crawl.ended.0) >= crawl.interval_seconds;
        if is_due {
            self.begin_pass(ClassSet::ALL, false, now);
        }
        self.crawl.pass.is_some()
    }

    /// The next step of a crawl that is going on, of as many items as is set.
    pub(super) fn crawl_at_pace(&mut self, now: Seconds) -> bool {
        self.crawl_step(self.crawl.pace_items as usize, now)
    }

    /// Looks at the next items of a crawl that is going on and frees the expired ones. Returns whether it goes on.
    /// `budget` counts as that of [`Store::walk`] does.
    pub fn crawl_step(&mut self, budget: usize, now: Seconds) -> bool {
        let Some(mut pass) = self.crawl.pass.take() else { return false };
        let limit = match self.crawl.to_crawl_items {
            0 => u64::MAX,
            limit => u64::from(limit),
        };
        let mut budget = budget.max(1);
        let mut more = true;
        while more && budget > 0 && pass.checked < limit {
            more = self.gather_to_crawl(&mut pass, &mut budget, now);
            let gathered = std::mem::take(&mut self.gathered);
            for &location in &gathered {
                self.crawl_item(location, &mut pass, now);
            }
            self.gathered = gathered;
        }
        if more && pass.checked < limit {
            self.crawl.pass = Some(pass);
            return true;
        }
        if more {
            self.crawl.resume = pass.cursor;
        }
        self.end_pass(pass, now);
        false
    }

    fn end_pass(&mut self, pass: Pass, now: Seconds) {
        if let Some((_, seen)) = pass.earliest {
            self.slab.note_earliest_deadline(seen);
        }
        let crawl = &mut self.crawl;
        crawl.last_seconds = now.0.saturating_sub(pass.started.0);
        crawl.ended = now;
        let was_worthwhile = pass.reclaimed * WORTHWHILE_DIVISOR >= pass.checked.max(1);
        let interval = if was_worthwhile { crawl.interval_seconds / 2 } else { crawl.interval_seconds * 2 };
        crawl.interval_seconds = interval.clamp(INTERVAL_SECONDS_MIN, INTERVAL_SECONDS_MAX);
    }

    /// Collects the next items that may have expired, and counts those that cannot have.
    fn gather_to_crawl(&mut self, pass: &mut Pass, budget: &mut usize, now: Seconds) -> bool {
        let Pass { cursor, classes, checked, earliest, .. } = pass;
        self.gather(cursor, budget, |slab, counters, location| {
            let class = slab.class_at(location);
            if !classes.contains(class.number()) {
                return false;
            }
            *checked += 1;
            counters.events(class).crawler_items_checked += 1;
            let of_page = slab.page(location.page()).earliest_deadline();
            if of_page > now.0 {
                note(earliest, of_page);
            }
            of_page <= now.0
        })
    }

    fn crawl_item(&mut self, location: Location, pass: &mut Pass, now: Seconds) {
        let deadline = self.slab.header(location).deadline();
        if deadline.is_past(now) {
            pass.reclaimed += u64::from(self.remove(location, Reason::Crawled, now));
        } else if deadline != Deadline::NEVER {
            note(&mut pass.earliest, deadline.raw());
        }
    }
}

/// Lowers the earliest deadline seen, if that is being looked for.
fn note(earliest: &mut Option<(u32, u32)>, deadline_raw: u32) {
    if let Some((_, seen)) = earliest {
        *seen = deadline_raw.min(*seen);
    }
}
