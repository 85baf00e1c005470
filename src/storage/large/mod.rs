//! LARGE values: too long for one chunk, kept in whole pages and a tail of a few chunks. Layout only; see
//! `store/` for how they are received, stored and read.
//!
//! ```text
//!   record (behind the key, at a multiple of 8)
//!   0       8       12          16          28
//!   | len   | pins  | list page | 3 tails   | page numbers, if at most 256 ...
//! ```
//!
//! More page numbers than that go to a list page of their own, which has room for 1 GiB. A remainder of up to
//! 7/8 of a page is cut into tail chunks, a longer one takes a page. Where each byte is follows from the length.

mod record;
mod shape;
mod uploads;

pub(super) use self::{
    record::{DIRECT_PAGES_MAX, Record, record_len, write_numbers},
    shape::{Piece, Shape, TAIL_PIECES_MAX},
    uploads::{UPLOADS_MAX, Uploads},
};

use super::location::{Location, PAGE_BYTES, PageId};

/// Longest value in bytes: as many pages as a list page has room for.
pub const VALUE_LEN_MAX: u64 = (PAGE_BYTES / size_of::<u32>() * PAGE_BYTES) as u64;

const _: () = assert!(VALUE_LEN_MAX == 1 << 30);

/// A LARGE value that is being received: taken from the slab, in no hash table.
pub(super) struct Upload {
    pub(super) shape: Shape,
    pub(super) written: u64,
    pub(super) pages: Vec<PageId>,
    pub(super) tails: [Location; TAIL_PIECES_MAX],
    /// Memory ran out on the way; what arrives is dropped.
    pub(super) has_failed: bool,
}

impl Upload {
    pub(super) fn new(len: u64) -> Self {
        Upload {
            shape: Shape::of(len),
            written: 0,
            pages: Vec::new(),
            tails: [Location::NONE; TAIL_PIECES_MAX],
            has_failed: false,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.shape.len
    }

    pub(super) fn is_complete(&self) -> bool {
        self.written == self.shape.len
    }
}
