//! The chunk sizes: every 8 bytes up to 512, then by 4 to 8 percent, always as large as their number per page allows.
//!
//! Fine steps because the padding of a chunk is lost: 2–5 % in all, against 11–14 % with memcached's ×1.25.
//! Above 5 KiB few chunks share a page, and each number of them per page down to three is a class.

use super::super::{
    item::{HEADER_BYTES, INLINE_ITEM_BYTES_MAX},
    location::{PAGE_BYTES, UNIT_BYTES},
};

/// The smallest chunk: a header and a few bytes of key and value.
const CHUNK_BYTES_MIN: usize = 2 * HEADER_BYTES;

/// Up to here there is a class for every multiple of 8.
const EXACT_BYTES_MAX: usize = 512;

/// Above, the next class is at least this much larger, in percent.
const GROWTH_PERCENT_MIN: usize = 4;

/// Chunks of the largest class in a page.
const CHUNKS_PER_PAGE_MIN: usize = 3;

/// The largest chunk.
pub(in crate::storage) const CHUNK_BYTES_MAX: usize = PAGE_BYTES / CHUNKS_PER_PAGE_MIN / UNIT_BYTES * UNIT_BYTES;

const _: () = assert!(CHUNK_BYTES_MAX >= INLINE_ITEM_BYTES_MAX);

/// A slab class's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::storage) struct ClassId(pub(in crate::storage) u8);

impl ClassId {
    #[inline(always)]
    pub(in crate::storage) const fn index(self) -> usize {
        self.0 as usize
    }

    /// The number under which operators know it: from 1.
    #[inline(always)]
    pub(in crate::storage) const fn number(self) -> u32 {
        self.0 as u32 + 1
    }
}

/// Chunk sizes by class and classes by size.
pub(in crate::storage) struct ClassTable {
    chunk_bytes: Vec<u32>,
    /// By size in units of 8 bytes, rounded up.
    class_of: Vec<ClassId>,
}

impl ClassTable {
    pub(in crate::storage) fn new() -> Self {
        let mut chunk_bytes: Vec<u32> =
            (CHUNK_BYTES_MIN..=EXACT_BYTES_MAX).step_by(UNIT_BYTES).map(|bytes| bytes as u32).collect();
        let mut last = EXACT_BYTES_MAX;
        for per_page in (CHUNKS_PER_PAGE_MIN..PAGE_BYTES / EXACT_BYTES_MAX).rev() {
            let bytes = PAGE_BYTES / per_page / UNIT_BYTES * UNIT_BYTES;
            if bytes * 100 >= last * (100 + GROWTH_PERCENT_MIN) {
                chunk_bytes.push(bytes as u32);
                last = bytes;
            }
        }
        let mut class_of = Vec::with_capacity(CHUNK_BYTES_MAX / UNIT_BYTES + 1);
        let mut class = 0;
        for units in 0..=CHUNK_BYTES_MAX / UNIT_BYTES {
            while (chunk_bytes[class] as usize) < units * UNIT_BYTES {
                class += 1;
            }
            class_of.push(ClassId(class as u8));
        }
        ClassTable { chunk_bytes, class_of }
    }

    /// Number of classes.
    pub(in crate::storage) fn len(&self) -> usize {
        self.chunk_bytes.len()
    }

    /// The smallest class whose chunks hold `bytes`; `None` above [`CHUNK_BYTES_MAX`].
    #[inline(always)]
    pub(in crate::storage) fn class_of(&self, bytes: usize) -> Option<ClassId> {
        self.class_of.get(bytes.div_ceil(UNIT_BYTES)).copied()
    }

    #[inline(always)]
    pub(in crate::storage) fn chunk_bytes(&self, class: ClassId) -> usize {
        self.chunk_bytes[class.index()] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_fits_its_class_and_not_the_one_below() {
        let table = ClassTable::new();
        assert!(table.len() < 255);
        for bytes in 1..=CHUNK_BYTES_MAX {
            let class = table.class_of(bytes).unwrap();
            assert!(table.chunk_bytes(class) >= bytes);
            assert!(class.0 == 0 || table.chunk_bytes(ClassId(class.0 - 1)) < bytes);
        }
        assert_eq!(table.class_of(CHUNK_BYTES_MAX + 1), None);
        assert_eq!(table.chunk_bytes(table.class_of(64).unwrap()), 64);
    }

    #[test]
    fn steps_are_small_where_many_chunks_share_a_page() {
        let table = ClassTable::new();
        for pair in table.chunk_bytes.windows(2).filter(|pair| pair[1] < 4096) {
            assert!(pair[1] - pair[0] == 8 || pair[1] * 100 <= pair[0] * 109, "{pair:?}");
        }
        for &bytes in &table.chunk_bytes {
            assert!(PAGE_BYTES % bytes as usize <= 512 || bytes > 4096, "{bytes}");
        }
    }
}
