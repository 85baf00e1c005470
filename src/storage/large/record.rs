//! Reading and writing the record of a LARGE item. `Record` is a view over the bytes behind the item's key.

use super::{
    super::location::{Location, PageId},
    Shape, TAIL_PIECES_MAX,
};

/// Page numbers in the record itself; more go to a list page.
pub(in crate::storage) const DIRECT_PAGES_MAX: usize = 256;

const PINS_OFFSET: usize = 8;
const LIST_PAGE_OFFSET: usize = 12;
const TAILS_OFFSET: usize = 16;
const PAGES_OFFSET: usize = TAILS_OFFSET + 4 * TAIL_PIECES_MAX;

const _: () = assert!(PAGES_OFFSET == 28);

/// Bytes of a record for a value of this shape.
pub(in crate::storage) fn record_len(shape: Shape) -> usize {
    PAGES_OFFSET + if shape.pages <= DIRECT_PAGES_MAX { 4 * shape.pages } else { 0 }
}

/// A record's bytes, `B` being `&[u8]` or `&mut [u8]` that start at it.
pub(in crate::storage) struct Record<B>(pub(in crate::storage) B);

/// The number at an index of a list of 32-bit numbers.
pub(in crate::storage) fn number_at(bytes: &[u8], index: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[4 * index..4 * index + 4]);
    u32::from_le_bytes(word)
}

fn set_number_at(bytes: &mut [u8], index: usize, number: u32) {
    bytes[4 * index..4 * index + 4].copy_from_slice(&number.to_le_bytes());
}

impl<B: AsRef<[u8]>> Record<B> {
    pub(in crate::storage) fn shape(&self) -> Shape {
        let mut word = [0; 8];
        word.copy_from_slice(&self.0.as_ref()[..8]);
        Shape::of(u64::from_le_bytes(word))
    }

    pub(in crate::storage) fn pins(&self) -> u32 {
        number_at(&self.0.as_ref()[PINS_OFFSET..], 0)
    }

    /// The list page, or `NONE` if the page numbers are in the record.
    pub(in crate::storage) fn list_page(&self) -> PageId {
        PageId(number_at(&self.0.as_ref()[LIST_PAGE_OFFSET..], 0))
    }

    pub(in crate::storage) fn tail(&self, index: usize) -> Location {
        Location(number_at(&self.0.as_ref()[TAILS_OFFSET..], index))
    }

    /// The value's page of this index, given the bytes of the list page if there is one.
    pub(in crate::storage) fn page(&self, index: usize, list_page: Option<&[u8]>) -> PageId {
        PageId(number_at(list_page.unwrap_or(&self.0.as_ref()[PAGES_OFFSET..]), index))
    }
}

impl Record<&mut [u8]> {
    pub(in crate::storage) fn write(&mut self, shape: Shape, tails: &[Location; TAIL_PIECES_MAX], list_page: PageId) {
        self.0[..8].copy_from_slice(&shape.len.to_le_bytes());
        self.set_pins(0);
        set_number_at(&mut self.0[LIST_PAGE_OFFSET..], 0, list_page.0);
        for (index, tail) in tails.iter().enumerate() {
            set_number_at(&mut self.0[TAILS_OFFSET..], index, tail.0);
        }
    }

    pub(in crate::storage) fn write_pages(&mut self, pages: &[PageId]) {
        write_numbers(&mut self.0[PAGES_OFFSET..], pages);
    }

    pub(in crate::storage) fn set_tail(&mut self, index: usize, tail: Location) {
        set_number_at(&mut self.0[TAILS_OFFSET..], index, tail.0);
    }

    pub(in crate::storage) fn set_pins(&mut self, pins: u32) {
        set_number_at(&mut self.0[PINS_OFFSET..], 0, pins);
    }
}

/// Writes page numbers to a list page.
pub(in crate::storage) fn write_numbers(bytes: &mut [u8], pages: &[PageId]) {
    for (index, page) in pages.iter().enumerate() {
        set_number_at(bytes, index, page.0);
    }
}
