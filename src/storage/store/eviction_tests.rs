//! Who leaves, seen through the verbs.

use super::{
    tests::{NOW, config, pattern},
    *,
};
use crate::storage::{EvictionPolicy, slab::ClassId};
use proptest::prelude::*;

const POLICIES: [EvictionPolicy; 3] = [EvictionPolicy::Duel, EvictionPolicy::S3Fifo, EvictionPolicy::Clock];

fn store(eviction: EvictionPolicy, memory_limit_bytes: usize) -> Store {
    let config = StoreConfig { eviction, ..config(memory_limit_bytes) };
    Store::new(config, RandomState::with_seeds(1, 2, 3, 4)).unwrap()
}

fn set(store: &mut Store, key: u64, value_len: usize) {
    let (key, value) = (key.to_be_bytes(), pattern(key as usize, value_len));
    let hash = store.hash(&key);
    store.set(hash, &key, SetArgs::new(SetMode::Set, Source::Inline(&value)), NOW).unwrap();
}

/// Reads; true for a hit.
fn get(store: &mut Store, key: u64) -> bool {
    let key = key.to_be_bytes();
    store.get(store.hash(&key), &key, NOW).is_some()
}

/// Reads, and sets what was not there. True for a hit.
fn read_through(store: &mut Store, key: u64, value_len: usize) -> bool {
    let hit = get(store, key);
    if !hit {
        set(store, key, value_len);
    }
    hit
}

fn peeked(store: &mut Store, keys: std::ops::Range<u64>) -> usize {
    keys.filter(|key| store.peek(store.hash(&key.to_be_bytes()), &key.to_be_bytes(), NOW).is_some()).count()
}

/// Items of 1000 bytes until the first had to leave. Returns how many were set.
fn fill(store: &mut Store) -> u64 {
    let mut key = 0;
    while store.stats().evictions == 0 {
        set(store, key, 1000);
        key += 1;
    }
    key
}

fn class_of(store: &Store, value_len: usize) -> ClassId {
    ClassId((store.class_for(8, value_len, 0, Deadline::NEVER) - 1) as u8)
}

#[test]
fn a_scan_spares_what_s3_fifo_has_in_its_main_queue() {
    for (policy, spares) in
        [(EvictionPolicy::S3Fifo, true), (EvictionPolicy::Clock, false), (EvictionPolicy::Duel, true)]
    {
        let mut store = store(policy, 4 << 20);
        let items = fill(&mut store);
        for key in 1 << 32..(1 << 32) + 2 * items {
            set(&mut store, key, 1000);
        }
        let kept = peeked(&mut store, 0..items) as u64;
        assert_eq!(kept * 10 > items * 8, spares, "{policy:?}: {kept} of {items}");
        assert!(spares || kept == 0, "{policy:?}: {kept}");
        store.check_invariants();
    }
}

#[test]
fn what_is_read_while_it_is_new_stays_and_the_rest_leaves() {
    let mut store = store(EvictionPolicy::S3Fifo, 4 << 20);
    let items = fill(&mut store);
    let scan = |store: &mut Store, from: u64| (from..from + items).for_each(|key| set(store, key, 1000));
    scan(&mut store, 1 << 32);
    let new = 1 << 33;
    for key in new..new + items / 20 {
        set(&mut store, key, 1000);
        assert!(key % 2 == 1 || get(&mut store, key));
    }
    scan(&mut store, 1 << 34);
    for key in new..new + items / 20 {
        assert_eq!(peeked(&mut store, key..key + 1) == 1, key % 2 == 0, "{key}");
    }
    store.check_invariants();
}

#[test]
fn what_is_stored_again_after_it_was_evicted_goes_to_the_main_queue() {
    let mut store = store(EvictionPolicy::S3Fifo, 4 << 20);
    let items = fill(&mut store);
    let class = class_of(&store, 1000);
    let scan = |store: &mut Store, from: u64| (from..from + items / 2).for_each(|key| set(store, key, 1000));
    scan(&mut store, 1 << 32);
    let again = (1 << 32) + 10;
    assert!(!get(&mut store, again));
    let before = store.eviction.ghost_counts(class);
    set(&mut store, again, 1000);
    assert_eq!(store.eviction.ghost_counts(class).hits, before.hits + 1.0);
    assert!(before.inserts >= (items / 4) as f32, "{before:?}");
    scan(&mut store, 1 << 33);
    assert_eq!(peeked(&mut store, again..again + 1), 1);
    store.check_invariants();
}

/// Each time it was written with another size it was tried anew, and left again: where values change their size,
/// S3-FIFO missed more than CLOCK.
#[test]
fn what_comes_back_with_another_size_goes_to_the_main_queue_and_is_not_counted_for_its_class() {
    let mut store = store(EvictionPolicy::S3Fifo, 4 << 20);
    let items = fill(&mut store);
    let other = class_of(&store, 1200);
    assert_ne!(class_of(&store, 1000), other);
    let scan = |store: &mut Store, from: u64| {
        for key in from..from + items / 4 {
            set(store, key, 1000);
            set(store, key | 1 << 60, 1200);
        }
    };
    scan(&mut store, 1 << 32);
    let again = (1 << 32) + 10;
    assert!(!get(&mut store, again));
    let before = store.eviction.ghost_counts(other);
    set(&mut store, again, 1200);
    assert_eq!(store.eviction.ghost_counts(other).hits, before.hits);
    scan(&mut store, 1 << 33);
    assert_eq!(peeked(&mut store, again..again + 1), 1);
    store.check_invariants();
}

/// Page moves need to know what more memory would be worth to a class, whatever the policy.
#[test]
fn ghosts_are_counted_under_both_policies_and_by_class() {
    for policy in [EvictionPolicy::S3Fifo, EvictionPolicy::Clock] {
        let mut store = store(policy, 4 << 20);
        let items = fill(&mut store);
        let (class, other) = (class_of(&store, 1000), class_of(&store, 100));
        for _ in 0..2 {
            (1 << 32..(1 << 32) + items * 5 / 4).for_each(|key| _ = read_through(&mut store, key, 1000));
        }
        let counts = store.eviction.ghost_counts(class);
        assert!(counts.hits > 100.0 && counts.inserts > 100.0, "{policy:?}: {counts:?}");
        assert_eq!(store.eviction.ghost_counts(other), Default::default());
        store.eviction.age_ghost_counts(0.5);
        assert_eq!(store.eviction.ghost_counts(class).hits, counts.hits / 2.0);
    }
}

#[test]
fn nothing_is_tried_or_remembered_where_nobody_is_evicted() {
    let config = StoreConfig { evictions: false, ..config(4 << 20) };
    let mut store = Store::new(config, RandomState::new()).unwrap();
    for key in 0..10_000u64 {
        let (key, hash) = (key.to_be_bytes(), store.hash(&key.to_be_bytes()));
        let _ = store.set(hash, &key, SetArgs::new(SetMode::Set, Source::Inline(&[1; 1000])), NOW);
    }
    assert!(store.class_stats().all(|class| class.s3_fifo_stores == 0));
    assert_eq!(store.eviction.ghosts_memory_bytes(), 0);
    store.check_invariants();
}

/// Items that are deleted leave entries behind; they must not add up.
#[test]
fn the_small_queue_is_bounded_while_items_come_and_are_deleted() {
    let mut store = store(EvictionPolicy::S3Fifo, 4 << 20);
    let items = fill(&mut store);
    let class = class_of(&store, 1000);
    for key in 1 << 32..(1 << 32) + 20 * items {
        set(&mut store, key, 1000);
        let key = key.to_be_bytes();
        store.delete(store.hash(&key), &key, DeleteArgs::default(), NOW).unwrap();
        assert!(store.eviction.small_len(class) as u64 <= items / 8 + 3, "{}", store.eviction.small_len(class));
    }
    store.check_invariants();
}

/// The hand met nothing but the small queue, in which all had been read: nobody was found to leave, and a set that
/// should have evicted was refused.
#[test]
fn somebody_leaves_where_all_is_new_and_read() {
    let mut store = store(EvictionPolicy::S3Fifo, 4 << 20);
    let mut items = 0;
    while store.stats().evictions == 0 {
        set(&mut store, items, 100);
        items += 1;
    }
    // New items in chunks side by side, where the hand is.
    for key in 0..2000u64 {
        let key = key.to_be_bytes();
        store.delete(store.hash(&key), &key, DeleteArgs::default(), NOW).unwrap();
    }
    (1 << 32..(1 << 32) + 2000).for_each(|key| set(&mut store, key, 100));
    for key in (0..items).chain(1 << 32..(1 << 32) + 2000) {
        get(&mut store, key);
    }
    (1 << 33..(1 << 33) + 3000).for_each(|key| set(&mut store, key, 100));
    store.check_invariants();
}

/// Both directions, while the small queue is full.
#[test]
fn the_policy_of_a_full_class_can_change() {
    let mut store = store(EvictionPolicy::S3Fifo, 4 << 20);
    let items = fill(&mut store);
    let (class, mut key) = (class_of(&store, 1000), 1 << 32);
    for round in 0..6u64 {
        store.eviction.force(round % 2 == 0);
        for _ in 0..items / (1 + round % 3) {
            set(&mut store, key, 1000);
            key += 1;
        }
        store.check_invariants();
    }
    assert_eq!(store.eviction.small_len(class), 0, "CLOCK alone has been at work");
}

/// That a set found no room had a story, too: the small queue named item after item of a page that was being emptied
/// for another class, whose chunks nobody may take.
///
/// A class is looped over, which CLOCK is at a loss with, another is read again late, which a small queue is.
#[test]
fn each_class_gets_the_policy_that_is_better_for_it() {
    let mut store = store(EvictionPolicy::Duel, 16 << 20);
    for key in 0..150_000 {
        set(&mut store, key, 100);
        set(&mut store, key | 1 << 32, 300);
    }
    // The pages stay where they are from here on, or the loop would get enough of them to fit.
    store.set_automove(false);
    let chunks = |value_len| store.slab.pool(class_of(&store, value_len)).used_chunks as u64;
    let (loop_len, distance) = (chunks(100) * 5 / 4, chunks(300) / 4);
    let (mut looped, mut late) = (0, 1 << 33);
    for _ in 0..12 * loop_len {
        looped = (looped + 1) % loop_len;
        read_through(&mut store, looped, 100);
        late += 1;
        read_through(&mut store, late, 300);
        read_through(&mut store, late - distance, 300);
    }
    let uses_s3_fifo = |value_len| store.eviction.uses_small(class_of(&store, value_len));
    assert_eq!((uses_s3_fifo(100), uses_s3_fifo(300)), (true, false));
    store.check_invariants();
}

/// Miss ratios of a workload under the three policies, once it has gone on for a while.
fn miss_ratios(items: u64, requests: u64, mut key_of: impl FnMut(u64) -> u64) -> [f64; 3] {
    POLICIES.map(|policy| {
        let mut store = store(policy, 4 << 20);
        let warm_up = requests / 2;
        let misses: u64 = (0..requests).map(|at| (at, key_of(at))).fold(0, |misses, (at, key)| {
            let is_hit = read_through(&mut store, key, 200);
            misses + u64::from(!is_hit && at >= warm_up)
        });
        assert!(store.stats().items < items * 2);
        misses as f64 / (requests - warm_up) as f64
    })
}

#[test]
fn the_duel_misses_as_little_as_the_better_of_both() {
    const ITEMS: u64 = 16_000;
    let scatter = |number: u64| ahash::RandomState::with_seeds(5, 6, 7, 8).hash_one(number);
    let in_a_loop = |at: u64| at % (ITEMS * 5 / 4);
    // Popularity falls with the logarithm, and a hundredth of the keys is replaced all the time.
    let skewed = |at: u64| 1 << 40 | (ITEMS as f64 * 8.0).powf(scatter(at) as f64 / u64::MAX as f64) as u64;
    let moving = |at: u64| (1 << 50) + at / 8 + (ITEMS as f64 * 4.0).powf(scatter(at) as f64 / u64::MAX as f64) as u64;
    for (name, [duel, s3_fifo, clock]) in [
        ("loop", miss_ratios(ITEMS, 400_000, in_a_loop)),
        ("skewed", miss_ratios(ITEMS, 400_000, skewed)),
        ("moving", miss_ratios(ITEMS, 400_000, moving)),
    ] {
        assert!(duel <= s3_fifo.min(clock) + 0.005, "{name}: {duel} against {s3_fifo} and {clock}");
    }
}

#[derive(Clone, Debug)]
enum Op {
    Set(u64, usize),
    Get(u64),
    Delete(u64),
    Touch(u64, u32),
    Policy(bool),
    Flush,
    Limit(usize),
    Wait(u32),
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0u64..4000;
    let len = prop_oneof![4 => Just(900usize), 2 => 100usize..3000, 1 => 16_000usize..40_000];
    prop_oneof![
        200 => (key.clone(), len).prop_map(|(key, len)| Op::Set(key, len)),
        100 => key.clone().prop_map(Op::Get),
        20 => key.clone().prop_map(Op::Delete),
        20 => (key, 0u32..100).prop_map(|(key, seconds)| Op::Touch(key, seconds)),
        2 => any::<bool>().prop_map(Op::Policy),
        1 => Just(Op::Flush),
        1 => prop_oneof![Just(3usize << 20), Just(2 << 20), Just(6 << 20)].prop_map(Op::Limit),
        2 => (0u32..50).prop_map(Op::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Small queues, marks, ghosts and bounds agree whatever happens.
    #[test]
    fn queues_and_marks_agree_whatever_happens(
        policy in prop_oneof![Just(EvictionPolicy::Duel), Just(EvictionPolicy::S3Fifo), Just(EvictionPolicy::Clock)],
        ops in prop::collection::vec(op(), 2000..6000),
    ) {
        let config = StoreConfig { eviction: policy, item_size_max_bytes: 100_000, ..config(3 << 20) };
        let mut store = Store::new(config, RandomState::with_seeds(1, 2, 3, 4)).unwrap();
        let mut now = NOW;
        for (number, op) in ops.into_iter().enumerate() {
            match op {
                Op::Set(key, len) if len <= super::super::INLINE_VALUE_MAX => set(&mut store, key, len),
                Op::Set(key, len) => {
                    let (key, value) = (key.to_be_bytes(), pattern(len, len));
                    let hash = store.hash(&key);
                    let _ = store.set(hash, &key, SetArgs::new(SetMode::Set, Source::Inline(&value)), now);
                }
                Op::Get(key) => _ = get(&mut store, key),
                Op::Delete(key) => {
                    let key = key.to_be_bytes();
                    store.delete(store.hash(&key), &key, DeleteArgs::default(), now).unwrap();
                }
                Op::Touch(key, seconds) => {
                    let key = key.to_be_bytes();
                    let _ = store.touch(store.hash(&key), &key, Deadline::from_raw(now.0 + 1 + seconds), now);
                }
                Op::Policy(s3_fifo) => store.eviction.force(s3_fifo),
                Op::Flush => store.flush_all(),
                Op::Limit(bytes) => _ = store.set_memory_limit(bytes),
                Op::Wait(seconds) => {
                    now.0 += seconds;
                    for _ in 0..100 {
                        store.maintain(now);
                    }
                }
            }
            if number % 500 == 0 {
                store.check_invariants();
            }
        }
        store.check_invariants();
    }
}
