//! A found item as its reader sees it.

use super::Store;
use crate::{
    clock::{Deadline, Seconds},
    storage::{
        item::{self, Header},
        large::Record,
        location::Location,
    },
};

/// A found item. Borrows from the store: the value is not copied.
#[derive(Clone, Copy, Debug)]
pub struct ItemView<'a> {
    /// Opaque client flags.
    pub flags: u32,
    /// The CAS number; `None` if nobody was told one so far. [`Store::observe_cas`] gives it one.
    pub cas: Option<u64>,
    /// When it expires.
    pub deadline: Deadline,
    /// Whether it had been read before.
    pub was_fetched: bool,
    /// When it was accessed before, noted once a minute.
    pub accessed: Seconds,
    /// Whether a reader was told to fill it ([`Store::mark_won`]), and it was not written since.
    pub is_won: bool,
    /// Whether it was invalidated and not written since.
    pub is_stale: bool,
    /// Whether its key was sent in base64.
    pub binary_key: bool,
    /// The value.
    pub value: ItemValue<'a>,
}

/// A found item's value.
#[derive(Clone, Copy, Debug)]
pub enum ItemValue<'a> {
    /// The bytes.
    Inline(&'a [u8]),
    /// So many bytes when they are decompressed, which [`Store::read`] does.
    Compressed(u64),
    /// In pieces; [`Store::pin`] it to read them.
    Large(LargeRef),
}

/// Names a LARGE value until the store is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargeRef {
    pub(super) record: Location,
    pub(super) cas: u64,
    pub(super) len: u64,
}

impl LargeRef {
    /// Length of the value in bytes.
    pub fn value_len(&self) -> u64 {
        self.len
    }
}

impl ItemValue<'_> {
    /// The LARGE value, if it is one.
    pub fn large(&self) -> Option<LargeRef> {
        match self {
            ItemValue::Inline(_) | ItemValue::Compressed(_) => None,
            ItemValue::Large(large) => Some(*large),
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            ItemValue::Inline(bytes) => bytes.len() as u64,
            ItemValue::Compressed(len) => *len,
            ItemValue::Large(large) => large.len,
        }
    }

    /// Whether the value is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Store {
    #[inline(always)]
    pub(super) fn view(&self, location: Location, header: Header, accessed: Seconds) -> ItemView<'_> {
        let chunk = self.slab.chunk(location);
        let cas = item::cas(header, chunk);
        let value = if header.is_plain() {
            ItemValue::Inline(item::value(header, chunk))
        } else if header.is_large() {
            // A LARGE item has a number from the start.
            let cas = cas.unwrap_or(0);
            ItemValue::Large(LargeRef { record: location, cas, len: self.value_len(location, header) })
        } else {
            ItemValue::Compressed(self.value_len(location, header))
        };
        ItemView {
            flags: item::flags(header, chunk),
            cas,
            deadline: header.deadline(),
            was_fetched: header.is_fetched(),
            accessed,
            is_won: header.is_won(),
            is_stale: header.is_stale(),
            binary_key: header.has_binary_key(),
            value,
        }
    }

    /// The record of a LARGE item.
    pub(super) fn record(&self, location: Location) -> Record<&[u8]> {
        let chunk = self.slab.chunk(location);
        Record(&chunk[Header::read(chunk).record_offset()..])
    }

    pub(super) fn record_mut(&mut self, location: Location) -> Record<&mut [u8]> {
        let chunk = self.slab.chunk_mut(location);
        let offset = Header::read(chunk).record_offset();
        Record(&mut chunk[offset..])
    }

    /// Length of an item's value, inline or LARGE, as its clients know it.
    #[inline(always)]
    pub(super) fn value_len(&self, location: Location, header: Header) -> u64 {
        match header {
            _ if header.is_plain() => header.value_len() as u64,
            _ if header.is_compressed() => self.raw_len(location, header),
            _ => self.record(location).shape().len,
        }
    }

    /// Header, key and value of an item, as they are stored.
    #[inline(always)]
    pub(super) fn item_bytes(&self, location: Location, header: Header) -> u64 {
        if header.is_large() {
            header.value_offset() as u64 + self.record(location).shape().len
        } else {
            header.item_len() as u64
        }
    }
}
