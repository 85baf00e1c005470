//! Listing a shard's items piece by piece, for dumps.

use super::Shard;
use crate::clock::Now;
use crate::storage::{ClassSet, Walk, WalkedItem};

/// Which items are to be listed, and where the listing of a shard stands. Small, since it crosses cores by value.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    /// Where it stands; the default is the start.
    pub walk: Walk,
    /// Of which slab classes.
    pub classes: ClassSet,
    /// In which words, for whoever writes them.
    pub style: u8,
}

impl Shard {
    /// Shows the next items of a listing and moves it behind them. Returns whether there is more. `budget` counts
    /// items and buckets, as that of [`Store::walk`](crate::storage::Store::walk).
    pub fn list(
        &mut self,
        listing: &mut Listing,
        budget: usize,
        now: Now,
        mut visit: impl FnMut(&WalkedItem<'_>),
    ) -> bool {
        let classes = listing.classes;
        self.store.walk(&mut listing.walk, budget, now.seconds, |item| {
            if classes.contains(item.class) {
                visit(&item);
            }
        })
    }

    /// How many slab classes there are; they are numbered from 1.
    pub fn classes(&self) -> u32 {
        self.store.classes()
    }
}
