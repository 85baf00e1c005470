//! Readers of LARGE values. A pinned value stays readable, unchanged, until it is unpinned, whatever happens to
//! its item: one that is replaced, deleted, evicted or flushed leaves the hash table at once and its memory then.

use std::ptr::NonNull;

use super::{LargeRef, Store};
use crate::storage::{
    item::{self, Header},
    large::{Piece, Record, Shape},
    location::{Location, PageId},
};

/// Pins held at a time, by all readers of a store together.
pub const PINS_MAX: usize = 65_536;

/// The pins given out, by number.
#[derive(Default)]
pub(super) struct Pins {
    /// Records, or `NONE` for a number that is free.
    records: Vec<Location>,
    free: Vec<u32>,
}

impl Pins {
    fn record(&self, pin: u32) -> Option<Location> {
        self.records.get(pin as usize).copied().filter(|&record| record != Location::NONE)
    }

    /// A number for one more pin of this record, unless there are too many.
    fn add(&mut self, record: Location) -> Option<u32> {
        let pin = match self.free.pop() {
            Some(pin) => pin,
            None if self.records.len() == PINS_MAX => return None,
            None => {
                self.records.push(Location::NONE);
                self.records.len() as u32 - 1
            }
        };
        self.records[pin as usize] = record;
        Some(pin)
    }

    #[cfg(any(test, debug_assertions))]
    pub(super) fn held(&self) -> impl Iterator<Item = Location> + '_ {
        self.records.iter().copied().filter(|&record| record != Location::NONE)
    }
}

/// Bytes of a pinned LARGE value, given away by reference: for the kernel to read while it sends them. They stay where
/// and as they are until [`Store::take_back`] gets this again, since it is a pin of its own; if it never comes back, so
/// does the value's memory never.
#[derive(Debug)]
#[must_use]
pub struct Lent {
    pin: u32,
    bytes: NonNull<[u8]>,
}

impl Lent {
    /// Where they are.
    pub fn as_ptr(&self) -> *const u8 {
        self.bytes.as_ptr().cast_const().cast()
    }

    /// How many they are; never 0.
    #[allow(clippy::len_without_is_empty)] // It would always be false.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Store {
    /// Holds a LARGE value for reading. `None` if the store has changed since `large` was obtained so that it
    /// names no item, or if [`PINS_MAX`] are held.
    pub fn pin(&mut self, large: LargeRef) -> Option<u32> {
        let chunk = self.slab.chunk(large.record);
        let header = Header::read(chunk);
        if !header.is_live_item() || !header.is_large() || item::cas(header, chunk) != Some(large.cas) {
            return None;
        }
        let pin = self.pins.add(large.record)?;
        if self.block_at_hand.is_some_and(|(record, _)| record == large.record) {
            self.block_at_hand = None;
        }
        self.hold(large.record);
        Some(pin)
    }

    /// Pins that are held.
    pub fn pins_held(&self) -> usize {
        self.pins.records.len() - self.pins.free.len()
    }

    /// Length of a pinned value in bytes; 0 for an unknown pin.
    pub fn pinned_len(&self, pin: u32) -> u64 {
        self.pins.record(pin).map_or(0, |record| self.value_len(record, self.slab.header(record)))
    }

    /// The bytes of a pinned value from `offset` to the end of the piece that holds it; empty at the end of the
    /// value, for an unknown pin, and where a compressed value turns out to be damaged.
    pub fn pinned_read(&mut self, pin: u32, offset: u64) -> &[u8] {
        match self.pins.record(pin) {
            None => &[],
            Some(record) if self.slab.header(record).is_compressed() => self.decompressed_piece(record, offset),
            Some(record) => self.large_piece(record, offset),
        }
    }

    /// Whether [`lend`](Self::lend) gives a value's bytes: those that are kept as they are.
    pub fn lends(&self, pin: u32) -> bool {
        self.pins.record(pin).is_some_and(|record| !self.slab.header(record).is_compressed())
    }

    /// What [`pinned_read`](Self::pinned_read) shows, to be kept longer than the store is borrowed. `None` at the end of
    /// the value, for one that is compressed, for an unknown pin, and if [`PINS_MAX`] are held.
    pub fn lend(&mut self, pin: u32, offset: u64) -> Option<Lent> {
        let record = self.pins.record(pin).filter(|_| self.lends(pin))?;
        let bytes = NonNull::from(self.large_piece(record, offset));
        if bytes.is_empty() {
            return None;
        }
        let pin = self.pins.add(record)?;
        self.hold(record);
        Some(Lent { pin, bytes })
    }

    /// Ends what [`lend`](Self::lend) began. It must be of this store.
    pub fn take_back(&mut self, lent: Lent) {
        self.unpin(lent.pin);
    }

    /// Lets go of a pinned value. An unknown pin is ignored.
    pub fn unpin(&mut self, pin: u32) {
        if let Some(record) = self.pins.record(pin) {
            self.pins.records[pin as usize] = Location::NONE;
            self.pins.free.push(pin);
            self.let_go(record);
        }
    }

    /// Keeps an item where it is while its successor is being allocated.
    pub(super) fn protect(&mut self, location: Location) {
        self.protected = location;
        if self.slab.header(location).is_large() { self.hold(location) } else { self.slab.pin_page(location) }
    }

    pub(super) fn unprotect(&mut self, location: Location) {
        self.protected = Location::NONE;
        if self.slab.header(location).is_large() { self.let_go(location) } else { self.slab.unpin_page(location) }
    }

    /// Adds a pin to a LARGE item's record; the first also pins the chunks to their pages.
    fn hold(&mut self, location: Location) {
        let pins = self.record(location).pins();
        self.record_mut(location).set_pins(pins + 1);
        if pins == 0 {
            self.slab.pin_page(location);
            for tail in self.tails(location) {
                self.slab.pin_page(tail);
            }
        }
    }

    fn let_go(&mut self, location: Location) {
        let pins = self.record(location).pins();
        debug_assert!(pins > 0);
        self.record_mut(location).set_pins(pins - 1);
        if pins == 1 {
            self.slab.unpin_page(location);
            for tail in self.tails(location) {
                self.slab.unpin_page(tail);
            }
            if self.slab.header(location).is_detached() {
                self.free_large(location);
            }
        }
    }

    /// A LARGE item has left the hash table: frees it, or leaves that to its last reader.
    pub(super) fn drop_large(&mut self, location: Location, header: Header) {
        if self.record(location).pins() > 0 {
            self.slab.set_header(location, header.detached());
        } else {
            self.free_large(location);
        }
    }

    fn free_large(&mut self, location: Location) {
        for tail in self.tails(location) {
            self.slab.free(tail);
        }
        for index in 0..self.record(location).shape().pages {
            self.slab.free_page(self.large_page(location, index));
        }
        let list = self.record(location).list_page();
        if list != PageId::NONE {
            self.slab.free_page(list);
        }
        self.slab.free(location);
    }

    /// The tail pieces of a LARGE item.
    pub(super) fn tails(&self, location: Location) -> impl Iterator<Item = Location> + use<> {
        let record = self.record(location);
        let tails = std::array::from_fn::<_, { crate::storage::large::TAIL_PIECES_MAX }, _>(|index| record.tail(index));
        tails.into_iter().take(record.shape().tails)
    }

    pub(super) fn large_page(&self, location: Location, index: usize) -> PageId {
        let record: Record<&[u8]> = self.record(location);
        let list = record.list_page();
        record.page(index, (list != PageId::NONE).then(|| self.slab.page_bytes(list)))
    }

    /// The bytes of a LARGE value, as it is stored, from `offset` to the end of their piece.
    pub(super) fn large_piece(&self, location: Location, offset: u64) -> &[u8] {
        let shape: Shape = self.record(location).shape();
        match shape.at(offset) {
            None => &[],
            Some((Piece::Page(index), range)) => &self.slab.page_bytes(self.large_page(location, index))[range],
            Some((Piece::Tail(index), range)) => {
                let chunk = self.slab.chunk(self.record(location).tail(index));
                &chunk[item::TAIL_HEADER_BYTES..][range]
            }
        }
    }
}
