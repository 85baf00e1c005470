//! The chunk sizes: every 8 bytes up to 512, then by 4 to 8 percent, always as large as their number per page allows.
//!
//! Fine steps because the padding of a chunk is lost: 2–5 % in all, against 11–14 % with memcached's ×1.25.
//! Above 5 KiB few chunks share a page, and each number of them per page down to three is a class.
//!
//! A small store has too few pages for so many classes: they would take each other's last page again and again. Below
//! about 25 MiB some are left out, as many as it takes to leave a few pages for each of the others.

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

/// Pages of a store for each of its classes, at least.
const PAGES_PER_CLASS_MIN: usize = 3;

/// But so many classes there are in the smallest store.
const CLASSES_MIN: usize = 16;

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
    /// The classes of a store with this memory limit. They stay when the limit changes: items lie in them.
    pub(in crate::storage) fn for_limit(limit_bytes: usize) -> Self {
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
        let classes_max = (limit_bytes / PAGE_BYTES / PAGES_PER_CLASS_MIN).max(CLASSES_MIN);
        let mut growth_percent = 0;
        let all = chunk_bytes;
        let mut chunk_bytes = all.clone();
        while chunk_bytes.len() > classes_max {
            growth_percent += 1;
            chunk_bytes = thinned(&all, growth_percent);
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

/// As few of these sizes, among them the first and the last, as it takes for none to be larger than the one before it by
/// more than so many percent, save where that is so already.
fn thinned(all: &[u32], growth_percent: u32) -> Vec<u32> {
    let mut kept: Vec<u32> = all.first().copied().into_iter().collect();
    for (at, &bytes) in all.iter().enumerate().skip(1) {
        let last = kept.last().copied().unwrap_or_default();
        let next_is_too_far = all.get(at + 1).is_none_or(|&next| next * 100 > last * (100 + growth_percent));
        if next_is_too_far {
            kept.push(bytes);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: usize = 1 << 30;

    /// A store of 4 MiB had some 110 classes for its 60 pages: whatever was stored threw out a whole page of others.
    #[test]
    fn small_stores_have_pages_for_all_their_classes() {
        let full = ClassTable::for_limit(ROOMY);
        assert_eq!(full.len(), ClassTable::for_limit(32 << 20).len());
        for mib in [2, 3, 4, 6, 8, 12, 16, 24] {
            let table = ClassTable::for_limit(mib << 20);
            assert!(table.len() <= CLASSES_MIN.max((mib << 20) / PAGE_BYTES / PAGES_PER_CLASS_MIN), "{mib} MiB");
            assert_eq!(table.chunk_bytes(ClassId(0)), CHUNK_BYTES_MIN);
            for bytes in 1..=CHUNK_BYTES_MAX {
                let chunk_bytes = table.chunk_bytes(table.class_of(bytes).unwrap());
                assert!(chunk_bytes >= bytes && full.chunk_bytes.contains(&(chunk_bytes as u32)), "{mib} MiB, {bytes}");
            }
        }
    }

    #[test]
    fn every_size_fits_its_class_and_not_the_one_below() {
        let table = ClassTable::for_limit(ROOMY);
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
        let table = ClassTable::for_limit(ROOMY);
        for pair in table.chunk_bytes.windows(2).filter(|pair| pair[1] < 4096) {
            assert!(pair[1] - pair[0] == 8 || pair[1] * 100 <= pair[0] * 109, "{pair:?}");
        }
        for &bytes in &table.chunk_bytes {
            assert!(PAGE_BYTES % bytes as usize <= 512 || bytes > 4096, "{bytes}");
        }
    }
}
