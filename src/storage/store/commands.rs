//! How often commands met items of a slab class, as memcached counts it. The totals are sums over the classes, so that
//! a read counts once.

use super::{Found, Store};
use crate::storage::{item::Header, location::Location, slab::ClassId};

/// Counts of one slab class, under memcached's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(64))]
#[allow(missing_docs)] // The names are memcached's; its protocol document describes them.
pub struct ClassCommands {
    pub get_hits: u64,
    pub cmd_set: u64,
    pub delete_hits: u64,
    pub incr_hits: u64,
    pub decr_hits: u64,
    pub cas_hits: u64,
    pub cas_badval: u64,
    pub touch_hits: u64,
}

const _: () = assert!(size_of::<ClassCommands>() == 64, "the counts of a class share a cache line");

impl ClassCommands {
    /// Adds another class's or store's counts.
    pub fn merge(&mut self, other: &ClassCommands) {
        self.get_hits += other.get_hits;
        self.cmd_set += other.cmd_set;
        self.delete_hits += other.delete_hits;
        self.incr_hits += other.incr_hits;
        self.decr_hits += other.decr_hits;
        self.cas_hits += other.cas_hits;
        self.cas_badval += other.cas_badval;
        self.touch_hits += other.touch_hits;
    }
}

impl Store {
    /// Counts a read that found this item.
    #[inline]
    pub fn count_get_hit(&mut self, found: Found) {
        self.large_uses.0 += u64::from(found.header.is_large());
        let class = self.class_of_item(found.location, found.header);
        self.commands[class.index()].get_hits += 1;
    }

    /// Counts a touch that found this item.
    pub fn count_touch_hit(&mut self, found: Found) {
        let class = self.class_of_item(found.location, found.header);
        self.commands[class.index()].touch_hits += 1;
    }

    /// The counts by class, the first being class 1.
    pub fn class_commands(&self) -> &[ClassCommands] {
        &self.commands
    }

    /// The counts of all classes together.
    pub fn commands(&self) -> ClassCommands {
        let mut sum = ClassCommands::default();
        self.commands.iter().for_each(|class| sum.merge(class));
        sum
    }

    /// Sets the counts to zero.
    pub fn reset_commands(&mut self) {
        self.commands.fill(ClassCommands::default());
    }

    /// The class of an item. That of an inline one follows from its length: no need to look at the page's metadata.
    #[inline(always)]
    pub(super) fn class_of_item(&self, location: Location, header: Header) -> ClassId {
        if header.is_large() {
            return self.slab.class_at(location);
        }
        self.class_of_len(header.item_len())
    }

    /// The class of an inline item of this length.
    #[inline(always)]
    pub(super) fn class_of_len(&self, item_len: usize) -> ClassId {
        debug_assert!(self.slab.classes.class_of(item_len).is_some());
        self.slab.classes.class_of(item_len).unwrap_or(ClassId(0))
    }
}
