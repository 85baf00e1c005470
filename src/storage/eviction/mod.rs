//! Who leaves when memory is short. Policy only: it names victims and donors and ages frequencies; unlinking and
//! freeing is `store/memory.rs`, emptying pages `store/emptying.rs`.
//!
//! Per class, 2-bit CLOCK: a hand goes round the class's chunks; an item that was read since is passed over and
//! its frequency lowered by one, the first with frequency 0 leaves. No list, no bytes per item. Against S3-FIFO,
//! which will stand beside it and be chosen per store by dueling: simpler and better on scan-free workloads, but
//! an item that is never read again stays a full round.
//!
//! Between pools: the [`mover`] says which page goes where, and when.

mod clock;
mod mover;

pub(super) use self::{
    clock::Hand,
    mover::{GhostCounts, LARGE_SHARE_DIVISOR, Move, Mover, PoolId, PoolState, donor},
};

use super::{
    item,
    large::Record,
    location::{Location, PageId},
    slab::{ClassId, PageUse, Slab},
};
use crate::clock::Seconds;

/// What a search for a victim has to respect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) now: Seconds,
    /// Only expired items may leave.
    pub(super) expired_only: bool,
    /// An item that must stay, or `NONE`: the one whose successor is being allocated.
    pub(super) protected: Location,
}

/// The hands of all pools.
pub(super) struct Eviction {
    hands: Vec<Hand>,
    large_hand: u32,
}

impl Eviction {
    pub(super) fn new(classes: usize) -> Self {
        Eviction { hands: vec![Hand::default(); classes], large_hand: 0 }
    }

    pub(super) fn reset(&mut self) {
        self.hands.fill(Hand::default());
        self.large_hand = 0;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.hands.len() * size_of::<Hand>()
    }

    /// Index of the page under a class's hand: its items have waited longest for their next look.
    pub(super) fn hand_page(&self, class: ClassId) -> u32 {
        self.hands[class.index()].page
    }

    /// What the ghosts know of a pool.
    pub(super) fn ghost_counts(&self, _pool: PoolId) -> GhostCounts {
        GhostCounts::default()
    }

    pub(super) fn age_ghost_counts(&mut self, _factor: f32) {}

    /// The next item of a class to leave.
    pub(super) fn victim(&mut self, class: ClassId, slab: &mut Slab, terms: Terms) -> Option<Location> {
        self.hands[class.index()].victim(class, slab, terms)
    }

    /// An item of a class that will leave soon, if nobody reads it before.
    pub(super) fn upcoming(&self, class: ClassId, slab: &Slab) -> Option<Location> {
        self.hands[class.index()].upcoming(class, slab)
    }

    /// The item of a class that is likely to leave next, if one is near the hand.
    pub(super) fn candidate(&self, class: ClassId, slab: &Slab) -> Option<Location> {
        self.hands[class.index()].candidate(class, slab)
    }

    /// The next LARGE item with whole pages to leave. The hand goes round the pages and judges an item at its
    /// first page.
    pub(super) fn large_victim(&mut self, slab: &mut Slab, terms: Terms) -> Option<Location> {
        let total = slab.pages().len() as u32;
        // Each frequency is lowered to 0 after FREQUENCY_MAX rounds.
        for _ in 0..total as u64 * (item::FREQUENCY_MAX + 1) {
            let page = PageId(self.large_hand % total);
            self.large_hand = page.0 + 1;
            let PageUse::Large(record) = slab.page(page).usage else { continue };
            if first_page(slab, record) == page
                && let Some(victim) = judge(slab, record, terms)
            {
                return Some(victim);
            }
        }
        None
    }
}

/// The page at which the hand judges a LARGE item.
fn first_page(slab: &Slab, record: Location) -> PageId {
    let chunk = slab.chunk(record);
    let record = Record(&chunk[item::Header::read(chunk).record_offset()..]);
    match record.list_page() {
        PageId::NONE => record.page(0, None),
        list => list,
    }
}

/// Whether an item leaves; if not, it loses one of its lives.
fn judge(slab: &mut Slab, item: Location, terms: Terms) -> Option<Location> {
    let header = slab.header(item);
    if !header.is_live_item() || item == terms.protected || is_pinned(slab, item) {
        return None;
    }
    if header.deadline().is_past(terms.now) {
        return Some(item);
    }
    if terms.expired_only {
        return None;
    }
    match header.frequency() {
        0 => Some(item),
        frequency => {
            slab.set_header(item, header.with_frequency(frequency - 1));
            None
        }
    }
}

/// Whether readers hold a LARGE item: evicting it would free nothing.
pub(super) fn is_pinned(slab: &Slab, item: Location) -> bool {
    let chunk = slab.chunk(item);
    let header = item::Header::read(chunk);
    header.is_large() && Record(&chunk[header.record_offset()..]).pins() > 0
}
