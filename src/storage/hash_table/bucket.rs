//! One cache line of the hash table: ten tags, ten locations, and the bits that say which of them count.
//!
//! ```text
//!   0         20       24                64
//!   | 10 x u16 | u32    | 10 x u32        |
//!   | tags     | meta   | locations       |
//!
//!   meta   31        20 19         10 9          0
//!          | overflow  | is alternate | occupied  |
//! ```
//!
//! `overflow` counts the items whose home is this bucket and which live in their alternate one: only if it is
//! non-zero must a lookup go there. A segment has 640 slots, so 12 bits cannot overflow.
//!
//! `unsafe`: SIMD loads. `matches_portable` is the checked twin.
#![allow(unsafe_code)]

use super::super::reservation::Plain;

/// Slots of a bucket.
pub(super) const SLOTS: usize = 10;

const OCCUPIED: u32 = (1 << SLOTS) - 1;
const ALTERNATE_SHIFT: usize = SLOTS;
const OVERFLOW_ONE: u32 = 1 << (2 * SLOTS);

/// See the module's documentation.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    tags: [u16; SLOTS],
    meta: u32,
    locations: [u32; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64 && align_of::<Bucket>() == 64);

// SAFETY: integers without padding (20 + 4 + 40 bytes): every bit pattern is valid. 64 divides the huge page size.
unsafe impl Plain for Bucket {}

/// The slots of one bucket that answered a question, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots(u32);

impl Iterator for Slots {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let slot = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(slot)
    }
}

impl Bucket {
    pub(super) const EMPTY: Bucket = Bucket { tags: [0; SLOTS], meta: 0, locations: [0; SLOTS] };

    /// Occupied slots whose tag is `tag`.
    #[inline(always)]
    pub(super) fn matches(&self, tag: u16) -> Slots {
        #[cfg(target_arch = "x86_64")]
        return self.matches_sse2(tag);
        #[cfg(not(target_arch = "x86_64"))]
        return self.matches_portable(tag);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn matches_sse2(&self, tag: u16) -> Slots {
        use std::arch::x86_64::{
            __m128i, _mm_cmpeq_epi16, _mm_load_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_set1_epi16,
        };
        let line: *const __m128i = std::ptr::from_ref(self).cast();
        // SAFETY: SSE2 is part of x86-64. A bucket is 64 bytes aligned to 64, so both loads are aligned and
        // inside it; the second also reads meta and two locations, whose lanes the mask drops.
        let equal = unsafe {
            let wanted = _mm_set1_epi16(tag.cast_signed());
            let low = _mm_cmpeq_epi16(_mm_load_si128(line), wanted);
            let high = _mm_cmpeq_epi16(_mm_load_si128(line.add(1)), wanted);
            _mm_movemask_epi8(_mm_packs_epi16(low, high))
        };
        Slots(equal.cast_unsigned() & self.meta & OCCUPIED)
    }

    /// What [`Bucket::matches`] computes, slot by slot.
    #[cfg(any(test, not(target_arch = "x86_64")))]
    fn matches_portable(&self, tag: u16) -> Slots {
        let mut equal = 0;
        for (slot, &stored) in self.tags.iter().enumerate() {
            equal |= u32::from(stored == tag) << slot;
        }
        Slots(equal & self.meta & OCCUPIED)
    }

    #[inline(always)]
    pub(super) fn occupied(&self) -> Slots {
        Slots(self.meta & OCCUPIED)
    }

    /// Occupied slots whose items have their home here.
    #[inline(always)]
    pub(super) fn at_home(&self) -> Slots {
        Slots(self.meta & !(self.meta >> ALTERNATE_SHIFT) & OCCUPIED)
    }

    /// Occupied slots whose items have their home in another bucket.
    #[inline(always)]
    pub(super) fn alternates(&self) -> Slots {
        Slots(self.meta & self.meta >> ALTERNATE_SHIFT & OCCUPIED)
    }

    #[inline(always)]
    pub(super) fn free_slot(&self) -> Option<usize> {
        Slots(!self.meta & OCCUPIED).next()
    }

    #[inline(always)]
    pub(super) fn overflow(&self) -> u32 {
        self.meta / OVERFLOW_ONE
    }

    pub(super) fn overflow_add(&mut self) {
        self.meta += OVERFLOW_ONE;
    }

    pub(super) fn overflow_sub(&mut self) {
        debug_assert!(self.overflow() > 0);
        self.meta -= OVERFLOW_ONE;
    }

    #[inline(always)]
    pub(super) fn tag(&self, slot: usize) -> u16 {
        self.tags[slot]
    }

    #[inline(always)]
    pub(super) fn location(&self, slot: usize) -> u32 {
        self.locations[slot]
    }

    pub(super) fn set_location(&mut self, slot: usize, location: u32) {
        self.locations[slot] = location;
    }

    /// Whether the slot's item has its home in the other bucket.
    pub(super) fn is_alternate(&self, slot: usize) -> bool {
        self.meta >> (ALTERNATE_SHIFT + slot) & 1 != 0
    }

    pub(super) fn put(&mut self, slot: usize, tag: u16, location: u32, is_alternate: bool) {
        self.tags[slot] = tag;
        self.locations[slot] = location;
        self.clear(slot);
        self.meta |= 1 << slot | u32::from(is_alternate) << (ALTERNATE_SHIFT + slot);
    }

    pub(super) fn clear(&mut self, slot: usize) {
        self.meta &= !(1 << slot | 1 << (ALTERNATE_SHIFT + slot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 20 } else { 256 }))]
        #[test]
        fn simd_and_portable_agree(
            tags in prop::array::uniform10(0u16..4),
            wide in prop::array::uniform10(any::<u16>()),
            use_wide in any::<bool>(),
            meta in any::<u32>(),
            locations in prop::array::uniform10(any::<u32>()),
            wanted in prop_oneof![0u16..4, any::<u16>()],
        ) {
            let bucket = Bucket { tags: if use_wide { wide } else { tags }, meta, locations };
            for tag in [wanted, bucket.tags[0], bucket.tags[9], locations[0] as u16] {
                prop_assert_eq!(bucket.matches(tag), bucket.matches_portable(tag));
            }
        }
    }

    #[test]
    fn put_and_clear_keep_the_overflow_count() {
        let mut bucket = Bucket { tags: [0; SLOTS], meta: 0, locations: [0; SLOTS] };
        assert_eq!(bucket.matches(0).next(), None);
        bucket.overflow_add();
        bucket.put(9, 7, 70, true);
        bucket.put(0, 7, 71, false);
        assert_eq!(bucket.matches(7).collect::<Vec<_>>(), [0, 9]);
        assert!(bucket.is_alternate(9) && !bucket.is_alternate(0));
        assert_eq!((bucket.location(9), bucket.free_slot(), bucket.overflow()), (70, Some(1), 1));
        bucket.clear(9);
        bucket.overflow_sub();
        assert_eq!((bucket.matches(7).collect::<Vec<_>>(), bucket.overflow()), (vec![0], 0));
    }
}
