use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

const EXTENT_BYTES: usize = 256 << 10;

/// Interpreted, everything takes hundreds of times as long.
const CASES: u32 = if cfg!(miri) { 2 } else { 64 };
const CAPACITY_BYTES: usize = if cfg!(miri) { 512 << 10 } else { 4 << 20 };

fn slab() -> Slab {
    Slab::new(1 << 30, CAPACITY_BYTES, EXTENT_BYTES, false).unwrap()
}

fn allocate(slab: &mut Slab, class: ClassId) -> Option<Location> {
    loop {
        if let Some(location) = slab.allocate(class) {
            slab.set_header(location, Header::TAIL);
            return Some(location);
        }
        if !slab.assign_page(class) && !slab.commit_extent() {
            return None;
        }
    }
}

#[test]
fn a_page_is_filled_to_the_last_chunk_in_order() {
    let mut slab = slab();
    let class = slab.classes.class_of(64).unwrap();
    let chunks: Vec<_> = (0..1024).map(|_| allocate(&mut slab, class).unwrap()).collect();
    assert!(chunks.windows(2).all(|pair| pair[1].byte() == pair[0].byte() + 64));
    assert_eq!(slab.pool(class).pages.len(), 1);
    assert_eq!(slab.allocate(class), None);
    slab.free(chunks[500]);
    assert_eq!(slab.allocate(class), Some(chunks[500]));
    slab.set_header(chunks[500], Header::TAIL);
    slab.check_invariants();
}

#[test]
fn an_emptied_page_serves_another_class() {
    let mut slab = slab();
    let small = slab.classes.class_of(24).unwrap();
    let big = slab.classes.class_of(20_000).unwrap();
    let mut all = Vec::new();
    while let Some(location) = allocate(&mut slab, small) {
        all.push(location);
    }
    assert_eq!(allocate(&mut slab, big), None);
    let first_page: Vec<_> = all.iter().copied().filter(|location| location.page() == all[0].page()).collect();
    for location in first_page {
        slab.free(location);
    }
    assert_eq!(allocate(&mut slab, big).map(|location| location.page()), Some(all[0].page()));
    slab.check_invariants();
}

#[test]
fn released_pages_come_back_empty() {
    let mut slab = slab();
    assert!(slab.commit_extent());
    let committed = slab.committed_bytes();
    while slab.release_page() {}
    assert_eq!((slab.committed_bytes(), slab.free_pages(), committed), (0, 0, EXTENT_BYTES));
    assert!(slab.restore_page().is_some());
    assert_eq!((slab.committed_bytes(), slab.free_pages()), (PAGE_BYTES, 1));
    let page = slab.take_page().unwrap();
    assert!(slab.page_bytes(page).iter().all(|&byte| byte == 0));
    slab.free_page(page);
    slab.check_invariants();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]
    #[test]
    fn chunks_never_overlap(steps in prop::collection::vec((any::<bool>(), 1usize..21_000, any::<prop::sample::Index>()), 0..600)) {
        let mut slab = slab();
        let mut taken: Vec<Location> = Vec::new();
        for (is_allocation, bytes, which) in steps {
            if is_allocation {
                let class = slab.classes.class_of(bytes).unwrap();
                if let Some(location) = allocate(&mut slab, class) {
                    prop_assert_eq!(slab.class_at(location), class);
                    taken.push(location);
                }
            } else if !taken.is_empty() {
                let location = taken.swap_remove(which.index(taken.len()));
                slab.free(location);
            }
        }
        slab.check_invariants();
        let mut ranges: Vec<_> = taken
            .iter()
            .map(|&location| location.byte()..location.byte() + slab.classes.chunk_bytes(slab.class_at(location)))
            .collect();
        ranges.sort_by_key(|range| range.start);
        prop_assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
        prop_assert_eq!(taken.iter().collect::<HashSet<_>>().len(), taken.len());
    }
}
