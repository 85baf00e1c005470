//! Forgetting everything at once, in time that grows with the number of pages, not of items.

use super::Store;
use crate::storage::{
    item,
    location::{Location, PageId},
};

impl Store {
    /// Removes all items. Pinned values stay readable until they are unpinned, and uploads go on. Memory stays
    /// with the store, save for the index's.
    pub fn flush_all(&mut self) {
        self.table.clear();
        // Pages that hold pinned chunks are few; their other chunks are freed one by one.
        for index in 0..self.slab.pages().len() {
            let page = PageId(index as u32);
            if self.slab.page(page).class().is_some() && !self.slab.page(page).is_movable() {
                self.flush_chunks(page);
            }
        }
        // By now every LARGE item that is kept is detached.
        self.slab.clear(|slab, record| slab.header(record).is_detached());
        self.eviction.reset();
        self.expired.clear();
        self.counters.all_items_removed();
        self.all_compressed_removed();
        self.forget_samples();
    }

    fn flush_chunks(&mut self, page: PageId) {
        for chunk in self.slab.chunks_in(page) {
            let header = self.slab.header(chunk);
            let item = match () {
                () if header.is_live_item() => chunk,
                () if header.is_tail() => Location(item::tail_owner(self.slab.chunk(chunk))),
                () => continue,
            };
            // A tail piece may be of an upload, or of an item that only pins keep alive.
            if item != Location::NONE && self.slab.header(item).is_live_item() {
                self.drop_item(item);
            }
        }
    }
}
