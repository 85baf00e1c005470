use super::tests::{NOW, args, config, pattern, put, store};
use super::*;
use std::collections::{HashMap, HashSet};

/// Walks to the end, `between` changing the store after every call.
fn walked_while(store: &mut Store, budget: usize, mut between: impl FnMut(&mut Store, usize)) -> HashMap<Vec<u8>, u32> {
    let (mut walk, mut seen, mut call) = (Walk::default(), HashMap::new(), 0);
    while store.walk(&mut walk, budget, NOW, |item| *seen.entry(item.key.to_vec()).or_default() += 1) {
        between(store, call);
        call += 1;
        assert!(call < 10_000_000, "a walk without end");
    }
    assert!(!store.walk(&mut walk, budget, NOW, |_| panic!("behind the end")));
    seen
}

fn once_each<'a>(seen: &HashMap<Vec<u8>, u32>, keys: impl IntoIterator<Item = &'a Vec<u8>>) {
    assert!(seen.values().all(|&times| times == 1), "something was shown twice");
    for key in keys {
        assert!(seen.contains_key(key), "{:?} was not shown", String::from_utf8_lossy(key));
    }
}

fn keys(prefix: &str, count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("{prefix}{number}").into_bytes()).collect()
}

#[test]
fn an_empty_store_is_walked_in_bounded_pieces() {
    let mut store = store(64 << 20);
    let mut calls = 0;
    assert!(walked_while(&mut store, 100, |_, _| calls += 1).is_empty());
    // 64 initial segments of 64 buckets.
    assert_eq!(calls, 64 * 64 / 100);
}

#[test]
fn what_stays_is_shown_once_while_the_table_splits_under_the_walk() {
    for budget in [1, 7, 100, 5_000] {
        let mut store = store(64 << 20);
        let staying = keys("stays", 20_000);
        for key in &staying {
            put(&mut store, key, b"value").unwrap();
        }
        let mut next = 0;
        let seen = walked_while(&mut store, budget, |store, call| {
            // More comes than is walked, so that segments split before, in and behind the range.
            for _ in 0..if next < 100_000 { budget.max(60) } else { 0 } {
                put(store, format!("new{next}").as_bytes(), b"value").unwrap();
                next += 1;
            }
            put(store, &staying[call * 31 % staying.len()], &pattern(call, call * 13 % 600)).unwrap();
        });
        assert!(next > 20_000, "{next} new items");
        once_each(&seen, &staying);
        store.check_invariants();
    }
}

#[test]
fn what_stays_is_shown_once_while_others_go() {
    let mut store = store(64 << 20);
    let (staying, going) = (keys("stays", 30_000), keys("goes", 30_000));
    for key in staying.iter().chain(&going) {
        put(&mut store, key, b"value").unwrap();
    }
    let mut gone = HashSet::new();
    let seen = walked_while(&mut store, 10, |store, call| {
        for key in going.iter().skip(call * 5).take(5) {
            store.remove_any(store.hash(key), key);
            gone.insert(key.clone());
        }
        // Free slots attract displaced items.
        put(store, format!("new{call}").as_bytes(), b"value").unwrap();
    });
    assert!(gone.len() > 10_000);
    once_each(&seen, staying.iter().chain(going.iter().filter(|key| !gone.contains(*key))));
}

#[test]
fn crowded_buckets_are_listed_from_their_alternates_too() {
    // Hashes that share a home; then hashes that share everything.
    for rehash in [(|_, key| u64::from(key[0]) << 48 | 5) as fn(&ahash::RandomState, &[u8]) -> u64, |_, _| 42] {
        let mut store =
            Store::with_rehash(config(4 << 20), ahash::RandomState::with_seeds(1, 2, 3, 4), rehash).unwrap();
        for number in 0..5_000u32 {
            put(&mut store, &number.to_le_bytes(), b"v").unwrap();
        }
        let items = store.stats().items;
        let seen = walked_while(&mut store, 1, |_, _| ());
        once_each(&seen, []);
        assert_eq!(seen.len() as u64, items);
    }
}

#[test]
fn a_flush_ends_a_walk() {
    let mut store = store(64 << 20);
    for key in keys("k", 100_000) {
        put(&mut store, &key, b"v").unwrap();
    }
    let mut walk = Walk::default();
    assert!(store.walk(&mut walk, 50_000, NOW, |_| ()));
    store.flush_all();
    put(&mut store, b"after", b"v").unwrap();
    assert!(!store.walk(&mut walk, 50_000, NOW, |_| ()));
    let seen = walked_while(&mut store, 50_000, |_, _| ());
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [b"after"]);
}

#[test]
fn an_item_is_shown_as_it_is_and_an_expired_one_is_not() {
    let mut store = store(16 << 20);
    let expiring = SetArgs { deadline: Deadline::from_raw(NOW.0), ..args(SetMode::Set, b"v") };
    store.set(store.hash(b"expired"), b"expired", expiring, Seconds(1)).unwrap();
    let whole = SetArgs { flags: 7, deadline: Deadline::from_raw(NOW.0 + 9), ..args(SetMode::Set, b"12345") };
    store.set(store.hash(b"whole"), b"whole", whole, NOW).unwrap();
    put(&mut store, b"large", &pattern(1, 100_000)).unwrap();
    store.get(store.hash(b"large"), b"large", NOW);
    let mut seen = Vec::new();
    store.walk(&mut Walk::default(), usize::MAX, NOW, |item| {
        seen.push((item.key.to_vec(), item.flags, item.cas, item.deadline.raw(), item.was_fetched, item.size_bytes));
    });
    seen.sort();
    // A LARGE item has its number from the start, and another none before it is observed. Sizes as `lru_crawler metadump` of memcached has them: 59 and key and value, and 4 for flags.
    assert_eq!(seen[0], (b"large".to_vec(), 0, Some(1), 0, true, 59 + 5 + 100_000));
    assert_eq!(seen[1], (b"whole".to_vec(), 7, None, NOW.0 + 9, false, 59 + 4 + 5 + 5));
    assert_eq!(seen.len(), 2);
}
