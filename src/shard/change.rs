//! What can be set on a shard while it runs, beside what its commands do.

use super::{ClassSet, Shard};
use crate::clock::Now;
use crate::storage::{CRAWL_PACE_ITEMS_MAX, CrawlStart, Reassigned};

/// A change that every shard makes. Small, since it crosses cores by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Take at most this many bytes of memory.
    MemoryLimit(u64),
    /// Move a page from a slab class, or from whoever has most, to another. 0 stands for the free pages.
    Reassign {
        /// The class that gives it.
        from: Option<u32>,
        /// The class that gets it.
        to: u32,
    },
    /// Whether pages move between slab classes by themselves.
    Automove(bool),
    /// Whether expired items are looked for.
    CrawlerEnabled(bool),
    /// How long the crawler would pause after a step of usual length, in microseconds.
    CrawlerSleepUs(u32),
    /// How many items the crawler looks at in one pass; 0 is all.
    CrawlerLimit(u32),
    /// Look for the expired items of these classes now.
    Crawl(ClassSet),
}

/// Why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The memory limit is outside of what the shard can take.
    OutOfBounds,
    /// There is no such slab class.
    BadClass,
    /// The class has no page to give.
    NoSpare,
    /// A class cannot give to itself.
    SameClass,
    /// A crawl that was asked for is still going on.
    Busy,
    /// The crawler is off, or on already.
    CrawlerState,
}

/// Items that the crawler looks at in one step where its pause is [`USUAL_SLEEP_US`].
const USUAL_PACE_ITEMS: u32 = 256;

/// memcached's pause between the crawler's steps.
pub(super) const USUAL_SLEEP_US: u32 = 100;

impl Shard {
    /// Makes a change.
    ///
    /// # Errors
    /// As [`Refusal`] says; nothing has changed then.
    pub fn change(&mut self, change: Change, now: Now) -> Result<(), Refusal> {
        match change {
            Change::MemoryLimit(bytes) => {
                let limit = usize::try_from(bytes).map_err(|_| Refusal::OutOfBounds)?;
                self.store.set_memory_limit(limit).map_err(|_| Refusal::OutOfBounds)?;
                self.limit_bytes = bytes;
            }
            Change::Reassign { from, to } => match self.store.reassign(from, to, now.seconds) {
                Reassigned::Moved => {}
                Reassigned::SameClass => return Err(Refusal::SameClass),
                Reassigned::BadClass => return Err(Refusal::BadClass),
                Reassigned::NoSpare => return Err(Refusal::NoSpare),
            },
            Change::Automove(on) => self.store.set_automove(on),
            Change::CrawlerEnabled(true) if self.crawler_is_enabled() => return Err(Refusal::CrawlerState),
            Change::CrawlerEnabled(on) => self.store.set_crawl_enabled(on),
            Change::CrawlerSleepUs(us) => {
                // Housekeeping has a rhythm of its own: a longer pause is a shorter step.
                let pace = USUAL_PACE_ITEMS * USUAL_SLEEP_US / us.max(1);
                let fits = self.store.set_crawl_pace(pace.clamp(1, CRAWL_PACE_ITEMS_MAX));
                debug_assert!(fits, "clamped to what fits");
                self.crawler_sleep_us = us;
            }
            Change::CrawlerLimit(items) => self.store.set_crawl_limit(items),
            Change::Crawl(classes) => match self.store.crawl_begin(classes, now.seconds) {
                CrawlStart::Started => {}
                CrawlStart::Busy => return Err(Refusal::Busy),
                CrawlStart::Disabled => return Err(Refusal::CrawlerState),
                CrawlStart::BadClass => return Err(Refusal::BadClass),
            },
        }
        Ok(())
    }

    /// Whether expired items are looked for.
    pub fn crawler_is_enabled(&self) -> bool {
        self.store.crawl_stats().is_enabled
    }
}
