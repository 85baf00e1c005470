//! What a shard tells of itself.

use super::execute::Shard;
use super::order::{Report, Subject};
use crate::clock::Now;
use crate::storage::{ClassCommands, ClassStats, SizeHistogram, Walk};

/// Items and buckets that one piece of a report walks over, some ten microseconds.
const WALK_PIECE_BUDGET: usize = 512;

/// A slab class: its memory and items, and what commands met of it.
#[derive(Clone, Copy, Debug)]
pub struct ClassReport {
    /// Memory and items.
    pub stats: ClassStats,
    /// Commands.
    pub commands: ClassCommands,
}

/// What a store does by itself, over one shard or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Shards that look for expired items by themselves.
    pub crawlers_enabled: u64,
    /// Shards that are at it.
    pub crawlers_running: u64,
    /// Crawls begun.
    pub crawler_starts: u64,
    /// Items that crawls looked at.
    pub crawler_items_checked: u64,
    /// Expired items removed by crawls.
    pub crawler_reclaimed: u64,
    /// Times that a write had to remove an item to find room.
    pub direct_reclaims: u64,
    /// Pages that went from one slab class to another.
    pub pages_moved: u64,
    /// Shards whose pages move by themselves.
    pub automoving: u64,
    /// The crawler's pause in microseconds, as it was set last; the same on every shard.
    pub crawler_sleep_us: u32,
    /// Items after which a crawl of a shard ends, 0 for all; the same on every shard.
    pub crawler_limit_items: u32,
}

impl Upkeep {
    /// Adds another shard's.
    pub fn merge(&mut self, other: &Upkeep) {
        macro_rules! add {
            ($($field:ident)+) => { $( self.$field += other.$field; )+ };
        }
        add!(crawlers_enabled crawlers_running crawler_starts crawler_items_checked crawler_reclaimed direct_reclaims
            pages_moved automoving);
        self.crawler_sleep_us = other.crawler_sleep_us;
        self.crawler_limit_items = other.crawler_limit_items;
    }
}

/// Which items of a slab class are to be listed, and where the listing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassListing {
    /// The class's number.
    pub class: u32,
    /// How many more at most.
    pub items: u32,
    /// How many bytes more at most, as [`ListedItem::LINE_BYTES`] counts them.
    pub bytes: u32,
    /// Where it stands; the default is the start.
    pub walk: Walk,
}

/// An item of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedItem {
    /// The key.
    pub key: Box<[u8]>,
    /// Bytes of the value.
    pub value_len: u64,
    /// The unix time at which it expires; 0 for never.
    pub expires_unix: i64,
}

impl ListedItem {
    /// What an item is reckoned at beside its key, in bytes: what stands around it in a line.
    pub const LINE_BYTES: u32 = 40;
}

impl Shard {
    /// Reports. On what only the server around it knows, it has nothing to say.
    pub(super) fn report(&mut self, subject: Subject, now: Now) -> Report {
        match subject {
            Subject::General => Report::General(Box::new(self.stats())),
            Subject::Classes => Report::Classes(self.class_reports()),
            Subject::Prefixes => Report::Prefixes(self.prefixes().clone()),
            Subject::Sizes(walk) => self.sizes(walk, now),
            Subject::Items(listing) => self.listed(listing, now),
            Subject::Latency => Report::Latency(Box::default()),
            Subject::MissRatioCurve => Report::MissRatioCurve(Box::new(self.store.miss_ratio_curve(now.seconds))),
            Subject::Connections(_) => Report::Connections(Vec::new(), None),
            Subject::Memory => Report::Memory(Box::new(self.memory())),
        }
    }

    pub(super) fn upkeep(&self) -> Upkeep {
        let (store, crawl) = (self.store.stats(), self.store.crawl_stats());
        Upkeep {
            crawlers_enabled: u64::from(crawl.is_enabled),
            crawlers_running: u64::from(crawl.is_running),
            crawler_starts: crawl.starts,
            crawler_items_checked: crawl.items_checked,
            crawler_reclaimed: crawl.reclaimed,
            direct_reclaims: store.direct_reclaims,
            pages_moved: store.pages_moved,
            automoving: u64::from(self.store.automove()),
            crawler_sleep_us: self.crawler_sleep_us,
            crawler_limit_items: crawl.to_crawl_items,
        }
    }

    fn class_reports(&self) -> Vec<ClassReport> {
        let commands = self.store.class_commands();
        let report = |stats: ClassStats| {
            let commands = commands.get(stats.class as usize - 1).copied().unwrap_or_default();
            ClassReport { stats, commands }
        };
        self.store.class_stats().map(report).collect()
    }

    fn sizes(&mut self, mut walk: Walk, now: Now) -> Report {
        let mut sizes = SizeHistogram::default();
        let more = self.store.walk(&mut walk, WALK_PIECE_BUDGET, now.seconds, |item| sizes.add(&item));
        Report::Sizes(sizes, more.then_some(Subject::Sizes(walk)))
    }

    fn listed(&mut self, mut listing: ClassListing, now: Now) -> Report {
        let ClassListing { class, items, bytes, walk } = &mut listing;
        let mut listed = Vec::new();
        let mut is_full = false;
        let more = self.store.walk(walk, WALK_PIECE_BUDGET, now.seconds, |item| {
            let item_bytes = item.key.len() as u32 + ListedItem::LINE_BYTES;
            if item.class != *class || is_full {
                return;
            }
            if *items == 0 || *bytes < item_bytes {
                is_full = true;
                return;
            }
            (*items, *bytes) = (*items - 1, *bytes - item_bytes);
            // As a unix time, like the clock's own seconds.
            let left = item.deadline.remaining(now.seconds);
            let expires_unix = left.map_or(0, |seconds| now.unix() + i64::from(seconds));
            listed.push(ListedItem { key: item.key.into(), value_len: item.value_len, expires_unix });
        });
        let goes_on = more && !is_full && listing.items > 0;
        Report::Items(listed, goes_on.then_some(Subject::Items(listing)))
    }
}
