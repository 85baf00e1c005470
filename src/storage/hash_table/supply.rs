//! Where segments come from, and when their memory goes: nothing here takes time that grows with the table, save that
//! forgetting all writes the directory anew.
//!
//! An empty table needs no segments. Segment 0 stands in for all initial ones that nobody has needed yet: the entries of
//! their hashes name it, and it is empty as long as there are several. The first insertion under such a hash takes a
//! segment for it; the last of them keeps segment 0. Memory for all of them is there from the start, so that whatever is
//! inserted has a segment however scarce memory is.
//!
//! Another thread may have the kernel hand an extent over before it is needed: the next one, or, since those of the
//! initial segments are committed from the start but not touched, the next of these.
//!
//! After [`HashTable::clear`] memory is still committed and holds what has been forgotten. A segment is wiped when it is
//! taken again; extents that are not needed are given back by [`HashTable::release_extent`], one at a time.

use super::{
    HashTable,
    bucket::Bucket,
    segment::{BUCKETS, Segment},
};
use crate::storage::reservation::Population;

/// Spare segments below which the next extent is to be made ready: one part in this many of an extent's, and at least
/// [`SPARE_SEGMENTS_MIN`]. A turn of some thousand new items splits a few dozen segments where hashes are even, because
/// all are full at about the same time.
const SPARE_DIVISOR: usize = 8;
const SPARE_SEGMENTS_MIN: usize = 4;

impl HashTable {
    /// Lets the directory name no segment but the one that stands in for all.
    pub(super) fn forget_segments(&mut self) {
        self.depths.clear();
        self.depths.push(self.base_bits as u8);
        self.directory.fill(0);
        self.unassigned = 1 << self.base_bits;
        self.len = 0;
    }

    /// Forgets everything. Memory stays until [`release_extent`](Self::release_extent).
    pub(in crate::storage) fn clear(&mut self) {
        self.dirty_segments = self.dirty_segments.max(self.depths.len());
        self.segment_mut(0).fill(Bucket::EMPTY);
        self.forget_segments();
        if let Some(growing) = &mut self.growing {
            growing.directory.clear();
        }
        self.generation = self.generation.wrapping_add(1).max(1);
    }

    /// Takes a segment for the initial one of a hash that had none.
    #[cold]
    pub(super) fn assign_initial_segment(&mut self, hash: u64) {
        let number = self.take_segment(self.base_bits);
        self.unassigned -= 1;
        let entries = 1 << (self.directory_bits - self.base_bits);
        let first = (hash >> (64 - self.directory_bits)) as usize & !(entries - 1);
        self.point(first..first + entries, number);
    }

    /// The number of an empty segment that is in use from now on. There must be one in reserve, spare or for an initial
    /// segment.
    pub(super) fn take_segment(&mut self, depth: u32) -> usize {
        let number = self.depths.len();
        if number < self.dirty_segments {
            self.segment_mut(number * BUCKETS).fill(Bucket::EMPTY);
        }
        self.depths.push(depth as u8);
        number
    }

    /// Segments that need no more memory, beyond those kept for the initial ones.
    fn spare_segments(&self) -> usize {
        self.committed_segments() - self.depths.len() - (self.unassigned - 1)
    }

    fn committed_segments(&self) -> usize {
        self.buckets.len() / BUCKETS
    }

    fn segments_per_extent(&self) -> usize {
        self.buckets.extent_bytes() / size_of::<Segment>()
    }

    fn spare_segments_low(&self) -> usize {
        (self.segments_per_extent() / SPARE_DIVISOR).max(SPARE_SEGMENTS_MIN) + self.lead_segments
    }

    /// Segments that are in use.
    pub(in crate::storage) fn segments(&self) -> usize {
        self.depths.len()
    }

    /// So many segments more, but no more than an extent's, are to be ready for coming splits.
    pub(in crate::storage) fn set_lead(&mut self, segments: usize) {
        self.lead_segments = segments.min(self.segments_per_extent());
    }

    /// Whether something is being populated elsewhere that is not in use.
    pub(in crate::storage) fn is_coming(&self) -> bool {
        self.buckets.coming_bytes() > 0
    }

    /// Whether something is being populated elsewhere.
    pub(in crate::storage) fn has_order(&self) -> bool {
        self.buckets.has_order()
    }

    /// Has an extent populated elsewhere, if the table will soon need one: one of the initial segments, or, if it
    /// `may_grow`, the next. `None` if nothing is wanted, can be had, or something is ordered already.
    pub(in crate::storage) fn order_extent(&mut self, may_grow: bool) -> Option<Population> {
        if self.buckets.has_order() {
            return None;
        }
        // Nobody has touched the memory of initial segments yet, save for those in use.
        if self.populated_segments < 1 << self.base_bits && self.len > 0 {
            let touched = self.depths.len().next_multiple_of(self.segments_per_extent());
            self.populated_segments = self.populated_segments.max(touched);
            let wanted = self.depths.len() + self.spare_segments_low();
            if self.populated_segments < wanted.min(1 << self.base_bits) {
                return self.buckets.order(self.populated_segments * BUCKETS, self.segments_per_extent() * BUCKETS);
            }
        }
        if may_grow && self.is_short_of_segments() { self.buckets.order_extent() } else { None }
    }

    /// What was ordered is populated; the next extent goes back to the kernel unless it is `wanted`.
    pub(in crate::storage) fn end_order(&mut self, wanted: bool) {
        if self.is_coming() {
            self.buckets.end_extent_order(wanted);
        } else if let Some(buckets) = self.buckets.end_order()
            && buckets.start / BUCKETS <= self.populated_segments
        {
            self.populated_segments = self.populated_segments.max(buckets.end / BUCKETS);
        }
    }

    /// Whether coming splits may soon need another extent.
    pub(in crate::storage) fn is_short_of_segments(&self) -> bool {
        self.spare_segments() < self.spare_segments_low()
    }

    /// Commits and faults in memory for coming splits, off the hot path. False if that is not possible.
    pub(in crate::storage) fn populate_extent(&mut self) -> bool {
        let committed = self.buckets.commit_extent().is_ok();
        if committed {
            self.buckets.populate_last_extent();
        }
        committed
    }

    /// Sees to it that there is a segment to split into. False if there is none and may be none.
    pub(super) fn has_room_to_split(&mut self, may_commit: bool) -> bool {
        self.spare_segments() > 0 || (may_commit && self.buckets.commit_extent().is_ok())
    }

    /// Gives an extent that is not needed back to the kernel. False if there is none that can go.
    pub(in crate::storage) fn release_extent(&mut self) -> bool {
        if self.releasable_bytes() == 0 {
            return false;
        }
        let released = self.buckets.release_last_extent();
        self.dirty_segments = self.dirty_segments.min(self.committed_segments());
        released
    }

    /// What [`release_extent`](Self::release_extent) can give back, one extent after the other. Growing leaves at most
    /// one of these, when it becomes slower.
    pub(in crate::storage) fn releasable_bytes(&self) -> usize {
        let releasable = self.spare_segments().saturating_sub(self.spare_segments_low());
        releasable / self.segments_per_extent() * self.buckets.extent_bytes()
    }

    /// Panics if segments are named that are not in use, or hold something that they must not.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn check_supply(&self) {
        let stand_in = self.directory.iter().filter(|&&number| number == 0).count();
        if self.unassigned > 1 {
            assert_eq!(stand_in >> (self.directory_bits - self.base_bits), self.unassigned, "segments not assigned");
            assert!(self.buckets[..BUCKETS].iter().all(|bucket| bucket.occupied().next().is_none()), "no stand-in");
        }
        assert!(self.directory.iter().all(|&number| (number as usize) < self.depths.len()), "no such segment");
        assert!(self.depths.len() + self.unassigned - 1 <= self.committed_segments(), "segments in reserve");
        let unused = self.depths.len().max(self.dirty_segments)..self.committed_segments();
        let mut wiped = self.buckets[unused.start.min(unused.end) * BUCKETS..].iter();
        assert!(wiped.all(|bucket| bucket.occupied().next().is_none() && bucket.overflow() == 0), "a dirty segment");
    }
}
