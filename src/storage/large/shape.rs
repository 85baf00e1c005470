//! Which piece of a LARGE value holds which of its bytes. Pure arithmetic.

use super::super::{item::TAIL_HEADER_BYTES, location::PAGE_BYTES, slab::CHUNK_BYTES_MAX};
use std::ops::Range;

/// A longer remainder takes a whole page.
const TAIL_BYTES_MAX: usize = PAGE_BYTES / 8 * 7;

/// Value bytes in a full tail piece.
const TAIL_PIECE_BYTES_MAX: usize = CHUNK_BYTES_MAX - TAIL_HEADER_BYTES;

/// Tail pieces of a value, at most.
pub(in crate::storage) const TAIL_PIECES_MAX: usize = TAIL_BYTES_MAX.div_ceil(TAIL_PIECE_BYTES_MAX);

/// One piece of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Piece {
    /// The page of this index.
    Page(usize),
    /// The tail piece of this index.
    Tail(usize),
}

/// How a value of some length is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) struct Shape {
    /// Length of the value in bytes.
    pub(in crate::storage) len: u64,
    /// Whole pages; the last may be partly unused if there is no tail.
    pub(in crate::storage) pages: usize,
    /// Tail pieces.
    pub(in crate::storage) tails: usize,
}

impl Shape {
    pub(in crate::storage) fn of(len: u64) -> Self {
        let (pages, rest) = ((len / PAGE_BYTES as u64) as usize, (len % PAGE_BYTES as u64) as usize);
        if rest > TAIL_BYTES_MAX {
            return Shape { len, pages: pages + 1, tails: 0 };
        }
        Shape { len, pages, tails: rest.div_ceil(TAIL_PIECE_BYTES_MAX) }
    }

    /// The piece that holds the byte at `offset`, and where in the piece's value bytes it and the piece's end
    /// are. `None` at the end of the value and behind it.
    pub(in crate::storage) fn at(&self, offset: u64) -> Option<(Piece, Range<usize>)> {
        if offset >= self.len {
            return None;
        }
        let in_pages = (self.pages * PAGE_BYTES) as u64;
        let (index, start, piece_bytes) = if offset < in_pages {
            ((offset / PAGE_BYTES as u64) as usize, (offset % PAGE_BYTES as u64) as usize, PAGE_BYTES)
        } else {
            let offset = (offset - in_pages) as usize;
            (offset / TAIL_PIECE_BYTES_MAX, offset % TAIL_PIECE_BYTES_MAX, TAIL_PIECE_BYTES_MAX)
        };
        let end = (start as u64 + (self.len - offset)).min(piece_bytes as u64) as usize;
        let piece = if offset < in_pages { Piece::Page(index) } else { Piece::Tail(index) };
        Some((piece, start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_tile_the_value(len in prop_oneof![1u64..300_000, (0u64..64).prop_map(|n| n * 65_536 + 1)]) {
            let shape = Shape::of(len);
            prop_assert!(shape.tails <= TAIL_PIECES_MAX);
            let (mut offset, mut pages, mut tails) = (0, 0, 0);
            while let Some((piece, range)) = shape.at(offset) {
                match piece {
                    Piece::Page(index) => {
                        prop_assert_eq!((index, tails), (pages, 0));
                        pages += 1;
                    }
                    Piece::Tail(index) => {
                        prop_assert_eq!(index, tails);
                        tails += 1;
                    }
                }
                prop_assert_eq!(range.start, 0);
                let middle = offset + range.len() as u64 / 2;
                let rest = range.len() / 2..range.len();
                prop_assert_eq!(shape.at(middle), Some((piece, rest)));
                offset += range.len() as u64;
            }
            prop_assert_eq!((offset, pages, tails), (len, shape.pages, shape.tails));
        }
    }
}
