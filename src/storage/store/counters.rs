//! What the store counts. Plain additions on the way of a request.

use super::removals::Reason;
use crate::storage::{item::Header, slab::ClassId};

/// A class's counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClassCounters {
    pub(super) items: u64,
    pub(super) bytes: u64,
    /// The LARGE ones among the items, and their bytes.
    pub(super) large_items: u64,
    pub(super) large_bytes: u64,
    pub(super) events: Events,
}

/// What happened to a class's items since the start or the last reset.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Events {
    pub(super) evictions: u64,
    pub(super) evicted_nonzero: u64,
    pub(super) evicted_unfetched: u64,
    /// Of the last eviction.
    pub(super) evicted_idle_seconds: u32,
    pub(super) expired_unfetched: u64,
    pub(super) reclaimed: u64,
    pub(super) crawler_reclaimed: u64,
    pub(super) crawler_items_checked: u64,
    pub(super) direct_reclaims: u64,
    pub(super) out_of_memory: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) items: u64,
    pub(super) bytes: u64,
    pub(super) total_items: u64,
    pub(super) expired: u64,
    pub(super) pages_moved: u64,
    pub(super) classes: Vec<ClassCounters>,
}

impl Counters {
    pub(super) fn new(classes: usize) -> Self {
        Counters { classes: vec![ClassCounters::default(); classes], ..Counters::default() }
    }

    /// Sets to zero what counts events; items and their bytes stay.
    pub(super) fn reset(&mut self) {
        (self.total_items, self.expired, self.pages_moved) = (0, 0, 0);
        for class in &mut self.classes {
            class.events = Events::default();
        }
    }

    #[inline(always)]
    pub(super) fn item_added(&mut self, class: ClassId, bytes: u64) {
        self.items += 1;
        self.bytes += bytes;
        let class = &mut self.classes[class.index()];
        class.items += 1;
        class.bytes += bytes;
    }

    pub(super) fn large_item_added(&mut self, class: ClassId, bytes: u64) {
        self.item_added(class, bytes);
        let class = &mut self.classes[class.index()];
        class.large_items += 1;
        class.large_bytes += bytes;
    }

    #[inline(always)]
    pub(super) fn item_resized(&mut self, class: ClassId, old_bytes: u64, new_bytes: u64) {
        self.bytes = self.bytes - old_bytes + new_bytes;
        let class = &mut self.classes[class.index()];
        class.bytes = class.bytes - old_bytes + new_bytes;
    }

    #[inline(always)]
    pub(super) fn item_removed(&mut self, class: ClassId, bytes: u64) {
        self.items -= 1;
        self.bytes -= bytes;
        let class = &mut self.classes[class.index()];
        class.items -= 1;
        class.bytes -= bytes;
    }

    pub(super) fn large_item_removed(&mut self, class: ClassId, bytes: u64) {
        self.item_removed(class, bytes);
        let class = &mut self.classes[class.index()];
        class.large_items -= 1;
        class.large_bytes -= bytes;
    }

    pub(super) fn all_items_removed(&mut self) {
        (self.items, self.bytes) = (0, 0);
        for class in &mut self.classes {
            *class = ClassCounters { events: class.events, ..ClassCounters::default() };
        }
    }

    /// An expired item was removed when it was asked for.
    pub(super) fn expired_on_access(&mut self, class: ClassId, header: Header) {
        self.expired += 1;
        self.events(class).expired_unfetched += u64::from(!header.is_fetched());
    }

    /// An item was removed without having been asked for.
    pub(super) fn removed(&mut self, class: ClassId, header: Header, reason: Reason, idle_seconds: u32) {
        let unfetched = u64::from(!header.is_fetched());
        let expires = u64::from(header.deadline() != crate::clock::Deadline::NEVER);
        let events = self.events(class);
        match reason {
            Reason::Evicted => {
                events.evictions += 1;
                events.evicted_nonzero += expires;
                events.evicted_unfetched += unfetched;
                events.evicted_idle_seconds = idle_seconds;
            }
            Reason::Reclaimed => {
                events.reclaimed += 1;
                events.expired_unfetched += unfetched;
            }
            Reason::Crawled => {
                events.crawler_reclaimed += 1;
                events.expired_unfetched += unfetched;
            }
        }
    }

    pub(super) fn events(&mut self, class: ClassId) -> &mut Events {
        &mut self.classes[class.index()].events
    }

    /// A count over all classes.
    pub(super) fn sum(&self, count: impl Fn(&ClassCounters) -> u64) -> u64 {
        self.classes.iter().map(count).sum()
    }
}
