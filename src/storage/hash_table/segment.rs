//! The 64 buckets of a segment: placing, displacing, and splitting in two. Reads tags only, never an item.
//!
//! An item's two buckets are `b` and `b ^ f(tag)`, so from either one and the tag the other is known: an item
//! can be moved between them without knowing its key. A split keeps bucket numbers and looks at one tag bit.

use super::bucket::{Bucket, SLOTS};

/// Buckets of a segment.
pub(super) const BUCKETS: usize = 64;

/// A segment as a borrowed array: indices below are masked to it, which spares the bounds checks.
pub(super) type Segment = [Bucket; BUCKETS];

const _: () = assert!(size_of::<Segment>() == 4096);

/// The other bucket of an item with this tag.
#[inline(always)]
pub(super) fn alternate(bucket: usize, tag: u16) -> usize {
    // The top six bits of a multiplicative hash; odd, so that the two buckets differ.
    let distance = (u32::from(tag).wrapping_mul(0x9E37_79B1) >> 26) | 1;
    (bucket ^ distance as usize) & (BUCKETS - 1)
}

/// Puts an item into its home bucket, or its alternate one, displacing up to two others. False if all is full.
pub(super) fn place(segment: &mut Segment, home: usize, tag: u16, location: u32) -> bool {
    let other = alternate(home, tag);
    if let Some(slot) = segment[home].free_slot() {
        segment[home].put(slot, tag, location, false);
        return true;
    }
    if segment[other].free_slot().is_none() && !displace(segment, home) && !displace(segment, other) {
        return false;
    }
    if let Some(slot) = segment[home].free_slot() {
        segment[home].put(slot, tag, location, false);
        return true;
    }
    let Some(slot) = segment[other].free_slot() else { return false };
    segment[other].put(slot, tag, location, true);
    segment[home].overflow_add();
    true
}

/// Makes a free slot in a full bucket by moving one of its items to that item's other bucket, if need be after
/// moving one away from there.
#[cold]
fn displace(segment: &mut Segment, bucket: usize) -> bool {
    for slot in 0..SLOTS {
        let other = alternate(bucket, segment[bucket].tag(slot));
        if segment[other].free_slot().is_some() {
            return shift(segment, bucket, slot, other);
        }
    }
    for slot in 0..SLOTS {
        let other = alternate(bucket, segment[bucket].tag(slot));
        for other_slot in 0..SLOTS {
            let third = alternate(other, segment[other].tag(other_slot));
            if third != bucket && segment[third].free_slot().is_some() {
                return shift(segment, other, other_slot, third) && shift(segment, bucket, slot, other);
            }
        }
    }
    false
}

/// Moves an item to its other bucket and keeps the overflow count of its home.
fn shift(segment: &mut Segment, from: usize, slot: usize, to: usize) -> bool {
    let Some(free) = segment[to].free_slot() else { return false };
    let source = &mut segment[from];
    let (tag, location, was_alternate) = (source.tag(slot), source.location(slot), source.is_alternate(slot));
    source.clear(slot);
    segment[to].put(free, tag, location, !was_alternate);
    if was_alternate {
        segment[to].overflow_sub();
    } else {
        segment[from].overflow_add();
    }
    true
}

/// Moves the items with the given tag bit from `low` to the empty segment `high`, slot by slot.
pub(super) fn split(low: &mut Segment, high: &mut Segment, tag_bit: u32) {
    for bucket in 0..BUCKETS {
        for slot in low[bucket].occupied() {
            let tag = low[bucket].tag(slot);
            if tag >> tag_bit & 1 == 0 {
                continue;
            }
            let is_alternate = low[bucket].is_alternate(slot);
            high[bucket].put(slot, tag, low[bucket].location(slot), is_alternate);
            low[bucket].clear(slot);
            if is_alternate {
                let home = alternate(bucket, tag);
                low[home].overflow_sub();
                high[home].overflow_add();
            }
        }
    }
}
