//! Going through the table piece by piece while it is in use: whatever stays is seen exactly once.
//!
//! Hash space is walked in order. A *range* is what one segment covered when the walk came to it; it is gone
//! through home bucket by home bucket, and for each of them segment by segment, of which there are more than one
//! once the segment has been split. A *piece* is one home bucket of one segment: the items that have their home
//! there, wherever displacement has put them. An item's home never changes, so neither a move within its segment,
//! nor a split, nor being written anew makes it appear twice or not at all.

use super::{BUCKETS, HashTable, segment::alternate};
use crate::storage::location::Location;

/// Locations of a piece, at most: a full home bucket, and all that any of its alternates can hold.
pub(in crate::storage) const PIECE_ITEMS_MAX: usize = super::SLOTS * (1 + BUCKETS / 2);

/// Bits of a hash prefix.
const PREFIX_BITS: u32 = u32::BITS;

/// Where a walk stands. The default is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::storage) struct Cursor {
    /// The table's generation, 0 before the first piece.
    generation: u32,
    /// The top bits of the hashes that the range begins with.
    range_start: u32,
    /// The top bits of the hashes that the next piece's segment begins with.
    at: u32,
    /// Leading bits common to the range's hashes.
    range_depth: u8,
    home: u8,
    is_over: bool,
}

impl HashTable {
    /// Names the locations of the next piece and moves the cursor behind it. False at the end, and if the table
    /// has been cleared since the walk began: nothing that it was to list is left then.
    #[inline]
    pub(in crate::storage) fn walk_piece(&self, cursor: &mut Cursor, mut visit: impl FnMut(Location)) -> bool {
        if cursor.generation == 0 {
            *cursor = Cursor { generation: self.generation, range_depth: self.depth_at(0), ..Cursor::default() };
        }
        if cursor.is_over || cursor.generation != self.generation {
            cursor.is_over = true;
            return false;
        }
        let (start, depth) = (self.start_at(cursor.at), self.depth_at(cursor.at));
        let home = usize::from(cursor.home);
        // The processor loads what is in order by itself, but does not begin before it has seen the order.
        self.buckets.prefetch(start + home + 2);
        self.visit_piece(start, home, &mut visit);

        let behind = |prefix: u32, depth: u8| u64::from(prefix) + (1 << (PREFIX_BITS - u32::from(depth)));
        let (next, range_end) = (behind(cursor.at, depth), behind(cursor.range_start, cursor.range_depth));
        if next < range_end {
            cursor.at = next as u32;
        } else if home + 1 < BUCKETS {
            cursor.home += 1;
            cursor.at = cursor.range_start;
        } else if range_end < 1 << PREFIX_BITS {
            let start = range_end as u32;
            let range_depth = self.depth_at(start);
            *cursor = Cursor { range_start: start, at: start, range_depth, home: 0, ..*cursor };
        } else {
            cursor.is_over = true;
        }
        true
    }

    #[inline(always)]
    fn visit_piece(&self, start: usize, home: usize, visit: &mut impl FnMut(Location)) {
        let buckets = &self.buckets[start..start + BUCKETS];
        let bucket = &buckets[home];
        bucket.at_home().for_each(|slot| visit(Location(bucket.location(slot))));
        let mut elsewhere = bucket.overflow();
        // Alternates are an odd distance away.
        for distance in (1..BUCKETS).step_by(2) {
            if elsewhere == 0 {
                return;
            }
            let number = home ^ distance;
            let bucket = &buckets[number];
            for slot in bucket.alternates().filter(|&slot| alternate(number, bucket.tag(slot)) == home) {
                visit(Location(bucket.location(slot)));
                elsewhere -= 1;
            }
        }
        debug_assert_eq!(elsewhere, 0, "overflow count");
    }

    /// The first bucket of the segment of hashes that begin with this prefix.
    fn start_at(&self, prefix: u32) -> usize {
        self.directory[(prefix >> (PREFIX_BITS - self.directory_bits)) as usize] as usize * BUCKETS
    }

    /// The leading bits common to that segment's hashes.
    fn depth_at(&self, prefix: u32) -> u8 {
        self.depths[self.start_at(prefix) / BUCKETS]
    }
}
