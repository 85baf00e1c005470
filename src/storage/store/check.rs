//! Walks everything and compares it with everything else. For tests.

use super::Store;
use crate::clock::Deadline;
use crate::storage::{
    item::{self, Header},
    location::{Location, PAGE_BYTES, PageId},
    slab::PageUse,
};
use std::collections::{HashMap, HashSet};

impl Store {
    /// Panics if index, items, pages, lists and counts disagree anywhere.
    pub fn check_invariants(&self) {
        self.table.check_invariants();
        self.slab.check_invariants();
        let linked: HashSet<Location> = self.table.locations().collect();
        assert_eq!(linked.len(), self.table.len(), "a location is stored twice");
        assert_eq!(self.table.len() as u64, self.counters.items, "item count");
        let bytes: u64 = linked.iter().map(|&item| self.item_bytes(item, self.slab.header(item))).sum();
        assert_eq!(bytes, self.counters.bytes, "item bytes");
        let in_classes: u64 = self.counters.classes.iter().map(|class| class.items).sum();
        assert_eq!(in_classes, self.counters.items, "items by class");
        let announced: u64 = self.uploads.values().map(|upload| upload.len()).sum();
        assert_eq!(announced, self.uploads_bytes, "uploads' bytes");
        assert_eq!(self.protected, Location::NONE);
        self.check_chunks(&linked);
        self.check_pins();
        self.check_compressed(&linked);
        self.check_deadlines(&linked);
        // A compressor's buffers grow when longer values come, at a time when all memory may be in use.
        let slack = self.slab.extent_bytes().max(self.table.extent_bytes()) + self.compression_memory_bytes();
        let is_over = self.memory_bytes() > self.config.memory_limit_bytes + slack;
        assert!(!is_over || self.is_shrinking(), "memory limit: {:?}", self.memory());
    }

    fn check_chunks(&self, linked: &HashSet<Location>) {
        let mut live = 0;
        let mut in_small = HashMap::<_, HashSet<Location>>::new();
        for (page, class) in self.slab.class_pages() {
            for chunk in self.slab.chunks_in(page) {
                let bytes = self.slab.chunk(chunk);
                let header = Header::read(bytes);
                if header.is_live_item() {
                    live += 1;
                    if header.is_in_small() {
                        assert!(!header.is_large(), "a LARGE item is in a small queue");
                        in_small.entry(class).or_default().insert(chunk);
                    }
                    assert!(linked.contains(&chunk), "a live item is not in the hash table");
                    let key = item::key(header, bytes);
                    assert_eq!(self.find(self.hash(key), key), Some(chunk), "an item is not found by its key");
                    let is_inline_of_another =
                        !header.is_large() && self.slab.classes.class_of(header.item_len()) != Some(class);
                    assert!(!is_inline_of_another, "an inline item is not in the class of its length");
                }
                if header.is_live_item() && header.is_large() || header.is_detached() {
                    self.check_large(chunk);
                }
                assert!(header != Header::RESERVED, "a chunk was never written");
            }
        }
        assert_eq!(live, linked.len(), "the hash table names chunks that are no items");
        self.eviction.check_invariants(&in_small);
    }

    /// Panics if the counts of compressed items are not those of the items.
    fn check_compressed(&self, linked: &HashSet<Location>) {
        let (mut items, mut raw_bytes) = (0, 0);
        let mut by_dictionary = HashMap::<u8, u64>::new();
        for &location in linked {
            let header = self.slab.header(location);
            if !header.is_compressed() {
                continue;
            }
            items += 1;
            raw_bytes += self.value_len(location, header);
            if let Some(slot) = self.dictionary_slot(location, header) {
                *by_dictionary.entry(slot).or_default() += 1;
            }
        }
        let Some(compressor) = &self.compression else {
            assert_eq!(items, 0, "a compressed item, and nothing to read it with");
            return;
        };
        let stats = compressor.stats();
        assert_eq!((stats.items, stats.raw_bytes), (items, raw_bytes), "compressed items and their bytes");
        for (slot, items) in (0u8..).zip(compressor.items_by_dictionary()) {
            assert_eq!(items, by_dictionary.get(&slot).copied().unwrap_or(0), "items of dictionary {slot}");
        }
    }

    fn check_deadlines(&self, linked: &HashSet<Location>) {
        let mut counted = Vec::new();
        for &item in linked {
            let header = self.slab.header(item);
            let deadline = header.deadline();
            if deadline == Deadline::NEVER {
                continue;
            }
            let tails: Vec<_> = if header.is_large() { self.tails(item).collect() } else { Vec::new() };
            for chunk in tails.iter().copied().chain([item]) {
                let earliest = self.slab.page(chunk.page()).earliest_deadline();
                assert!(earliest <= deadline.raw(), "a deadline was not noted");
            }
            if !self.slab.counts_deadline(item, deadline) {
                continue;
            }
            for chunk in tails.into_iter().chain([item]) {
                let class = self.slab.class_at(chunk);
                counted.push((class.index(), deadline, self.slab.classes.chunk_bytes(class) as u64));
            }
            if header.is_large() {
                counted.push((self.expired.large(), deadline, (self.whole_pages(item) * PAGE_BYTES) as u64));
            }
        }
        self.expired.check(counted.into_iter());
    }

    fn check_large(&self, record: Location) {
        for tail in self.tails(record) {
            assert!(self.slab.header(tail).is_tail());
            assert_eq!(item::tail_owner(self.slab.chunk(tail)), record.0, "a tail piece's owner");
        }
        let list = Some(self.record(record).list_page()).filter(|&page| page != PageId::NONE);
        let pages = (0..self.record(record).shape().pages).map(|index| self.large_page(record, index));
        for page in pages.chain(list) {
            assert_eq!(self.slab.page(page).usage, PageUse::Large(record), "a LARGE page's owner");
        }
    }

    fn check_pins(&self) {
        let mut pins = HashMap::<Location, u32>::new();
        for record in self.pins.held() {
            *pins.entry(record).or_default() += 1;
        }
        for (&record, &count) in &pins {
            assert_eq!(self.record(record).pins(), count, "pins of {record:?}");
        }
        for (page, _) in self.slab.class_pages() {
            for chunk in self.slab.chunks_in(page) {
                if self.slab.header(chunk).is_detached() {
                    assert!(pins.contains_key(&chunk), "a detached item that nobody will free");
                }
            }
        }
    }
}
