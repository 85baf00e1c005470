use super::*;
use ahash::RandomState;
use proptest::prelude::*;
use std::collections::HashMap;

/// Interpreted, everything takes hundreds of times as long.
const CASES: u32 = if cfg!(miri) { 2 } else { 32 };
const STEPS_MAX: usize = if cfg!(miri) { 500 } else { 20_000 };

fn hash(seed: u64, number: u32) -> u64 {
    RandomState::with_seeds(seed, 2, 3, 4).hash_one(number)
}

#[cfg(not(miri))]
#[test]
fn three_million_items_grow_the_table_in_small_steps() {
    const ITEMS: u32 = 3_000_000;
    let mut table = HashTable::new(256 << 20, false).unwrap();
    let initial_bytes = table.memory_bytes();
    for number in 0..ITEMS {
        table.insert(hash(1, number), Location(number), true).unwrap();
    }
    assert_eq!(table.len(), ITEMS as usize);
    let bytes_per_item = table.memory_bytes() as f64 / f64::from(ITEMS);
    assert!((6.4..13.0).contains(&bytes_per_item), "{bytes_per_item} bytes per item");
    assert!(initial_bytes < 4 << 20);
    for number in 0..ITEMS {
        assert!(table.find(hash(1, number), |location| location.0 == number).is_some());
    }
    let strangers = (ITEMS..ITEMS + 100_000).map(|number| hash(1, number));
    let false_candidates: usize = strangers
        .map(|hash| {
            let mut asked = 0;
            assert_eq!(
                table.find(hash, |_| {
                    asked += 1;
                    false
                }),
                None
            );
            asked
        })
        .sum();
    assert!(false_candidates < 2_000, "{false_candidates} false candidates for 100000 misses");
    table.check_invariants();
    table.clear();
    table.check_invariants();
    assert_eq!((table.len(), table.locations().count()), (0, 0));
    let mut extents = 0;
    while table.release_extent() {
        extents += 1;
    }
    assert!(extents > 5 && table.memory_bytes() <= initial_bytes + table.extent_bytes(), "{extents} extents");
    table.check_invariants();
}

#[test]
fn a_cleared_table_is_used_again_before_its_memory_is_given_back() {
    let mut table = HashTable::new(8 << 20, false).unwrap();
    let fill = |table: &mut HashTable, numbers: Range<u32>| {
        for number in numbers {
            table.insert(hash(1, number), Location(number), true).unwrap();
        }
    };
    fill(&mut table, 0..40_000);
    let full_bytes = table.memory_bytes();
    table.clear();
    for number in 0..40_000 {
        assert_eq!(table.find(hash(1, number), |_| true), None);
        assert!(!table.remove(hash(1, number), Location(number)));
    }
    // Some of what was forgotten is written over, some of it given back, and some of that taken once more.
    fill(&mut table, 40_000..50_000);
    table.check_invariants();
    assert!(table.memory_bytes() <= full_bytes && table.memory_bytes() > full_bytes - table.extent_bytes());
    let releasable_bytes = table.releasable_bytes();
    assert!(table.release_extent());
    assert_eq!(table.releasable_bytes(), releasable_bytes - table.extent_bytes());
    while table.release_extent() {}
    table.check_invariants();
    fill(&mut table, 50_000..90_000);
    table.check_invariants();
    for number in 0..90_000 {
        let found = table.find(hash(1, number), |location| location.0 == number);
        assert_eq!(found.is_some(), number >= 40_000);
    }
}

/// Whatever the hash, there is a segment for it, though splits have taken all that they may.
#[test]
fn splits_leave_the_initial_segments_their_memory() {
    let mut table = HashTable::new(8 << 20, false).unwrap();
    let of_first_segment = |number| hash(3, number) >> 8;
    let mut number = 0;
    while table.insert(of_first_segment(number), Location(number), false).is_ok() {
        number += 1;
    }
    table.check_invariants();
    for initial in 1..8u64 {
        number += 1;
        table.insert(initial << 61 | of_first_segment(number) >> 3, Location(number), false).unwrap();
    }
    table.check_invariants();
}

#[test]
fn equal_hashes_fill_both_buckets_and_no_more() {
    let mut table = HashTable::new(8 << 20, false).unwrap();
    let fitting = (0..100).take_while(|&number| table.insert(0xdead_beef, Location(number), true).is_ok()).count();
    assert_eq!(fitting, 2 * SLOTS);
    assert_eq!(table.neighbours(0xdead_beef).len(), 2 * SLOTS);
    table.check_invariants();
    assert!(table.remove(0xdead_beef, Location(3)));
    assert!(!table.remove(0xdead_beef, Location(3)));
    table.insert(0xdead_beef, Location(99), true).unwrap();
    assert!(table.find(0xdead_beef, |location| location.0 == 99).is_some());
}

#[test]
fn without_leave_to_commit_the_table_stops_growing() {
    let mut table = HashTable::new(8 << 20, false).unwrap();
    let before = table.memory_bytes();
    let mut number = 0;
    while table.insert(hash(5, number), Location(number), false).is_ok() {
        number += 1;
        assert!(number < 1_000_000);
    }
    // 16 segments of a 64 KiB extent, eight of which are the initial ones.
    assert!(number > 4 * 640, "{number} items");
    assert!(table.memory_bytes() - before < 64);
    table.check_invariants();
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32),
    Remove(u32),
    Replace(u32),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]
    #[test]
    fn agrees_with_a_map(
        steps in prop::collection::vec(
            prop_oneof![
                4 => (0u32..30_000).prop_map(Step::Insert),
                2 => (0u32..30_000).prop_map(Step::Remove),
                1 => (0u32..30_000).prop_map(Step::Replace),
            ],
            0..STEPS_MAX,
        ),
        // Few distinct hashes make crowded buckets.
        shift in prop_oneof![Just(0u32), Just(50u32)],
    ) {
        let hash = |number| hash(9, number) << shift >> shift;
        let mut table = HashTable::new(4 << 20, false).unwrap();
        let mut model = HashMap::<u32, u32>::new();
        let mut next = 1_000_000;
        for step in steps {
            next += 1;
            match step {
                Step::Insert(number) if !model.contains_key(&number) => {
                    if table.insert(hash(number), Location(next), true).is_ok() {
                        model.insert(number, next);
                    } else {
                        prop_assert_eq!(table.neighbours(hash(number)).len(), 2 * SLOTS);
                    }
                }
                Step::Insert(_) => {}
                Step::Remove(number) => {
                    let location = model.remove(&number);
                    prop_assert_eq!(table.remove(hash(number), Location(location.unwrap_or(7))), location.is_some());
                }
                Step::Replace(number) => {
                    let location = model.get(&number).copied();
                    let replaced = table.replace(hash(number), Location(location.unwrap_or(7)), Location(next));
                    prop_assert_eq!(replaced, location.is_some());
                    if replaced {
                        model.insert(number, next);
                    }
                }
            }
        }
        table.check_invariants();
        prop_assert_eq!(table.len(), model.len());
        for (&number, &location) in &model {
            prop_assert!(table.find(hash(number), |found| found.0 == location).is_some());
        }
    }
}

#[test]
fn the_directory_grows_in_steps_while_segments_split() {
    let mut table = HashTable::new(64 << 20, false).unwrap();
    let (mut count, mut steps) = (0u32, 0);
    let put = |table: &mut HashTable, count: &mut u32, times: u32| {
        for _ in 0..times {
            table.insert(hash(1, *count), Location(*count), true).unwrap();
            *count += 1;
        }
    };
    put(&mut table, &mut count, 60_000);
    let old_bits = table.directory_bits;
    table.make_room_for(1 << 30);
    assert_eq!(table.directory_bits, old_bits, "nothing has been done yet");
    while table.grow_directory() {
        put(&mut table, &mut count, 5_000);
        steps += 1;
    }
    assert_eq!((table.directory_bits, steps), (old_bits + GROWTH_BITS_MAX, 7));
    table.make_room_for(2 << 20);
    assert!(!table.grow_directory(), "it never becomes smaller");
    put(&mut table, &mut count, 200_000);
    for number in 0..count {
        assert_eq!(table.find(hash(1, number), |location| location.0 == number), Some(Location(number)));
    }
    table.check_invariants();

    // So small that its segments soon are as deep as the directory: splits cannot wait for the steps.
    let mut hurried = HashTable::new(2 << 20, false).unwrap();
    let old_bits = hurried.directory_bits;
    hurried.make_room_for(32 << 20);
    let mut count = 0;
    put(&mut hurried, &mut count, 300_000);
    assert_eq!(hurried.directory_bits, old_bits + GROWTH_BITS_MAX);
    hurried.check_invariants();
    let mut flushed = HashTable::new(2 << 20, false).unwrap();
    flushed.make_room_for(32 << 20);
    flushed.grow_directory();
    flushed.clear();
    while flushed.grow_directory() {}
    let mut count = 0;
    put(&mut flushed, &mut count, 100_000);
    flushed.check_invariants();
}
