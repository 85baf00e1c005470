//! A store whose memory somebody else populates, at his own pace.

use super::super::tests::{NOW, pattern, put, store};
use super::*;

fn elsewhere(limit_bytes: usize) -> Store {
    let mut store = store(limit_bytes);
    store.set_populated_elsewhere(true);
    store
}

/// A random number below `below`.
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

fn committed(store: &Store) -> usize {
    let memory = store.memory();
    memory.items_bytes + memory.free_pages_bytes
}

#[test]
fn nothing_is_given_out_until_somebody_is_there() {
    let mut store = store(128 << 20);
    assert!(store.next_population(NOW).is_none());
    store.set_populated_elsewhere(true);
    let population = store.next_population(NOW).unwrap();
    population.run();
    store.end_population(population);
}

/// What is under way counts, from the moment it is ordered.
#[test]
fn a_store_that_is_not_written_to_asks_once() {
    let mut store = elsewhere(128 << 20);
    assert_eq!(committed(&store), 0);
    let mut rounds = 0;
    loop {
        store.maintain(NOW);
        let Some(population) = store.next_population(NOW) else { break };
        assert_eq!(store.memory().sum_bytes() as u64, store.stats().memory_bytes);
        store.end_population(population);
        rounds += 1;
    }
    // An extent of pages and one of index.
    assert!(rounds <= 2, "{rounds}");
    assert_eq!(committed(&store), 2 << 20);
    for second in 0..100 {
        store.maintain(Seconds(NOW.0 + second));
        assert!(store.next_population(Seconds(NOW.0 + second)).is_none());
    }
    store.check_invariants();
}

/// With somebody who is in time neither requests nor maintenance take memory from the kernel.
#[test]
fn who_is_in_time_is_the_only_one_to_take_memory() {
    let mut store = elsewhere(192 << 20);
    let index_and_pages = |store: &Store| (store.memory().index_bytes >> 16, committed(store));
    let mut number = 0u32;
    store.maintain(NOW);
    while let Some(population) = store.next_population(NOW) {
        store.end_population(population);
    }
    while store.stats().evictions < 100_000 {
        let before = index_and_pages(&store);
        for _ in 0..64 {
            put(&mut store, &number.to_le_bytes(), &[7; 20]).unwrap();
            number += 1;
        }
        // At the limit pages may go, to make room for the index.
        let taken = |now: (usize, usize)| now.0 > before.0 || now.1 > before.1;
        assert!(!taken(index_and_pages(&store)), "at {number} items");
        store.maintain(NOW);
        if store.next_free_of_orders() {
            assert!(!taken(index_and_pages(&store)), "at {number} items");
        }
        while let Some(population) = store.next_population(NOW) {
            store.end_population(population);
        }
    }
    store.check_invariants();
}

impl Store {
    /// Eviction may give pages back where the index grew past the limit; otherwise memory is as it was.
    fn next_free_of_orders(&self) -> bool {
        self.memory_bytes() + (2 << 20) <= self.config.memory_limit_bytes
    }
}

/// Fills, flushes, limits and populations in any order: everything that is under way arrives late, never, or when it is
/// no longer wanted, and counts all the same.
#[test]
fn populations_may_come_whenever_they_like() {
    for seed in 0..if cfg!(miri) { 1 } else { 6 } {
        let state = &mut (seed * 7919 + 1);
        let limit = if cfg!(miri) { 4 << 20 } else { [8 << 20, 72 << 20, 144 << 20][seed as usize % 3] };
        let mut store = elsewhere(limit);
        let mut under_way = Vec::new();
        let (mut number, mut now) = (0u32, NOW);
        for _ in 0..if cfg!(miri) { 30 } else { 400 } {
            match random(state, 24) {
                0 => store.flush_all(),
                1 | 2 => {
                    let bounds = store.memory_limit_bounds();
                    let bytes = (limit / 4).max(*bounds.start()) + random(state, limit as u64) as usize;
                    store.set_memory_limit(bytes.min(*bounds.end())).unwrap();
                }
                3 => now = Seconds(now.0 + 1),
                4 => {
                    store.set_populated_elsewhere(false);
                    under_way.clear();
                    store.check_invariants();
                    store.set_populated_elsewhere(true);
                }
                5..12 => {
                    store.maintain(now);
                    under_way.extend(store.next_population(now));
                    assert!(under_way.len() <= POPULATIONS_MAX);
                }
                12..16 if !under_way.is_empty() => {
                    let population = under_way.swap_remove(random(state, under_way.len() as u64) as usize);
                    population.run();
                    store.end_population(population);
                }
                _ => {
                    let len = [20, 900, 9000][random(state, 3) as usize];
                    for _ in 0..random(state, if cfg!(miri) { 20 } else { 800 }) {
                        // Memory may be short of a page in the middle of shrinking.
                        let _ = put(&mut store, &number.to_le_bytes(), &pattern(number as usize, len));
                        number += 1;
                    }
                }
            }
            assert_eq!(store.memory().sum_bytes() as u64, store.stats().memory_bytes, "seed {seed}");
        }
        store.check_invariants();
        for population in under_way.drain(..) {
            population.run();
            store.end_population(population);
        }
        while store.maintain(now) {}
        store.check_invariants();
        assert_eq!(store.slab.coming_bytes(), 0);
    }
}

/// An extent that was needed before it was populated, and then not any more: the kernel would be handed memory that comes
/// back at once.
#[test]
fn what_is_under_way_is_not_given_back_before_it_has_come() {
    let mut store = elsewhere(128 << 20);
    let order = std::iter::from_fn(|| store.next_population(NOW)).find(|order| order.part == Part::Pages).unwrap();
    assert_eq!((store.slab.free_pages(), committed(&store)), (0, 2 << 20));
    put(&mut store, b"in a hurry", b"1").unwrap();
    assert_eq!((store.slab.free_pages(), committed(&store)), (31, 2 << 20));
    assert!(!store.slab.release_page() && !store.slab.release(crate::storage::location::PageId(5)));
    order.run();
    store.end_population(order);
    assert!(store.slab.release_page());
    store.check_invariants();
}

#[test]
fn pages_that_had_gone_back_come_side_by_side() {
    let mut store = elsewhere(128 << 20);
    while store.slab.commit_extent() && store.slab.pages().len() < 128 {}
    for page in (40..128).rev().chain(0..40) {
        assert!(store.slab.release(crate::storage::location::PageId(page)));
    }
    let order = |store: &mut Store| loop {
        match store.next_population(NOW) {
            Some(order) if order.part == Part::Pages => break order,
            Some(order) => store.end_population(order),
            None => panic!("pages are wanted"),
        }
    };
    let first = order(&mut store);
    assert_eq!(store.slab.coming_bytes(), PAGE_BYTES, "of those released last, by itself");
    first.run();
    store.end_population(first);
    assert_eq!((store.slab.free_pages(), committed(&store)), (1, PAGE_BYTES));
    while store.slab.restore_page().is_some_and(|page| page.index() != 0) {}
    assert_eq!(store.slab.free_pages(), 40);
    while let Some(order) = store.next_population(NOW) {
        store.end_population(order);
    }
    // Enough is free; once it is used, the next come: to the end of their extent.
    while store.slab.free_pages() > 0 {
        store.slab.take_page().unwrap();
    }
    let next = order(&mut store);
    assert_eq!(store.slab.coming_bytes(), 24 * PAGE_BYTES);
    // Nobody waits for them.
    assert!(store.slab.take_coming() && store.slab.free_pages() == 24);
    store.end_population(next);
    assert_eq!(store.slab.free_pages(), 24);
    store.slab.check_invariants();
}

#[test]
fn more_is_asked_for_ahead_where_more_is_used() {
    let mut pace = Pace::default();
    assert_eq!(pace.lead(NOW, [1000, 0]), [0, 0], "since when is not known");
    assert_eq!(pace.lead(NOW, [2000, 50]), [20, 1]);
    let next = Seconds(NOW.0 + 1);
    assert_eq!(pace.lead(next, [2000, 50]), [20, 1]);
    // All was forgotten.
    assert_eq!(pace.lead(next, [2000, 1]), [20, 1]);
    assert_eq!(pace.lead(Seconds(NOW.0 + 3), [2500, 1]), [0, 0], "a second without anything");
}
