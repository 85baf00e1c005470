//! What has expired: how much there is, when it goes, and that it goes before anything else.

use super::manage_tests::{class, class_of, put_expiring};
use super::tests::{NOW, args, config, pattern, put, store};
use super::*;

/// A second of the server's life: everything that is to be done in it is done.
fn second(store: &mut Store, now: u32) {
    let mut rounds = 0;
    while store.maintain(Seconds(now)) {
        rounds += 1;
        assert!(rounds < 100_000, "maintenance does not end");
    }
    store.check_invariants();
}

fn set_at(store: &mut Store, key: &[u8], value: &[u8], deadline: Deadline, now: u32) {
    let args = SetArgs { deadline, ..args(SetMode::Set, value) };
    store.set(store.hash(key), key, args, Seconds(now)).unwrap();
}

/// What the gauge is to say: found by looking at every item.
fn recount(store: &Store, now: u32) -> u64 {
    let bytes = |item: Location| {
        let header = store.slab.header(item);
        if !header.deadline().is_past(Seconds(now)) {
            return 0;
        }
        let chunk_bytes = |chunk| store.slab.classes.chunk_bytes(store.slab.class_at(chunk)) as u64;
        let large = match header.is_large() {
            true => {
                let tails: u64 = store.tails(item).map(chunk_bytes).sum();
                tails + (store.whole_pages(item) * crate::storage::location::PAGE_BYTES) as u64
            }
            false => 0,
        };
        chunk_bytes(item) + large
    };
    store.table.locations().map(bytes).sum()
}

#[test]
fn the_gauge_is_exact_in_every_second() {
    let mut store = store(16 << 20);
    second(&mut store, NOW.0);
    let mut most = 0;
    for now in NOW.0..NOW.0 + 150 {
        for number in 0..60u32 {
            let (key, ttl) = ((now * 60 + number).to_le_bytes(), number * number % 97);
            let deadline = if number % 7 == 0 { Deadline::NEVER } else { Deadline::from_raw(now + ttl) };
            set_at(&mut store, &key, &pattern(1, number as usize * 5), deadline, now);
        }
        set_at(&mut store, &now.to_be_bytes(), &pattern(1, 20_000), Deadline::from_raw(now + now % 50), now);
        set_at(&mut store, &(now % 3).to_be_bytes(), &pattern(1, 150_000), Deadline::from_raw(now + 2), now);
        // Deadlines that move, and items that go before theirs.
        for (number, ttl) in [(3u32, 1), (5, 200), (9, 33), (11, 0)] {
            let key = ((now - 1) * 60 + number).to_le_bytes();
            let _ = store.touch(store.hash(&key), &key, Deadline::from_raw(now + ttl), Seconds(now));
            let key = ((now - 2) * 60 + number + 1).to_le_bytes();
            store.remove_any(store.hash(&key), &key);
        }
        second(&mut store, now);
        let stats = store.stats();
        assert_eq!(stats.expired_bytes, recount(&store, now), "in second {now}");
        most = most.max(stats.expired_bytes);
        let in_classes: u64 = store.class_stats().map(|class| class.expired_bytes).sum();
        assert!(in_classes <= stats.expired_bytes && (in_classes > 0) == (stats.expired_bytes > 0));
    }
    assert!(most > 200_000, "{most} bytes at most: nothing was tested");
    store.flush_all();
    assert_eq!(store.stats().expired_bytes, 0);
    store.check_invariants();
}

#[test]
fn what_expires_at_once_is_known_in_its_second_and_gone_soon() {
    let mut store = store(64 << 20);
    for number in 0..100_000u32 {
        put_expiring(&mut store, &number.to_le_bytes(), &[0; 40], 500);
    }
    put(&mut store, b"stays", b"v").unwrap();
    for now in (NOW.0..500).step_by(5) {
        while store.maintain(Seconds(now)) {}
        assert_eq!((store.stats().items, store.stats().expired_bytes), (100_001, 0));
    }
    let checked = store.crawl_stats().items_checked;
    store.pass_time(Seconds(500));
    let chunk_bytes = class(&store, class_of(&store, 8 + 4 + 4 + 40)).chunk_bytes;
    assert_eq!(store.stats().expired_bytes, 100_000 * chunk_bytes);
    // Each step is bounded.
    let mut left = store.stats().items;
    for now in 500..502 {
        while store.maintain(Seconds(now)) {
            let items = store.stats().items;
            assert!(left - items <= 128 + 32, "{} in a step", left - items);
            left = items;
        }
    }
    assert_eq!((store.stats().items, store.stats().expired_bytes), (1, 0));
    assert_eq!(store.stats().crawler_reclaimed, 100_000);
    // Each page was looked through a few times before, from when its count began.
    assert!((100_000..=500_000).contains(&checked), "{checked}");
    store.check_invariants();
}

#[test]
fn switched_off_the_crawler_removes_nothing_and_the_gauge_tells() {
    let mut store = store(16 << 20);
    store.set_crawl_enabled(false);
    for number in 0..1_000u32 {
        put_expiring(&mut store, &number.to_le_bytes(), &[0; 40], NOW.0 + 40);
    }
    for now in NOW.0..NOW.0 + 60 {
        second(&mut store, now);
    }
    let stats = store.stats();
    let chunk_bytes = class(&store, class_of(&store, 8 + 4 + 4 + 40)).chunk_bytes;
    assert_eq!((stats.items, stats.expired_bytes, stats.crawler_reclaimed), (1_000, 1_000 * chunk_bytes, 0));
    assert!(!store.crawl_stats().is_running && store.crawl_stats().starts == 0);
    store.set_crawl_enabled(true);
    for now in NOW.0 + 60..NOW.0 + 80 {
        second(&mut store, now);
    }
    assert_eq!((store.stats().items, store.stats().expired_bytes), (0, 0));
}

#[test]
fn no_live_item_is_evicted_while_expired_ones_hold_memory() {
    let mut store = store(16 << 20);
    store.set_crawl_enabled(false);
    second(&mut store, NOW.0);
    // Half never expires, half expires in pages shared with it: a deadline fits the padding of the one class.
    let mut written = 0u32;
    while store.stats().evictions == 0 {
        let deadline = if written.is_multiple_of(2) { 0 } else { NOW.0 + 20 };
        set_at(&mut store, &written.to_le_bytes(), &[0; 40], Deadline::from_raw(deadline), NOW.0);
        written += 1;
    }
    let before = store.stats();
    let later = NOW.0 + 20;
    second(&mut store, later);
    let expired = store.stats().expired_bytes;
    assert!(expired > before.items / 2 * 50, "{expired} bytes");
    let room = written / 2 * 9 / 10;
    for number in 0..room {
        set_at(&mut store, &(number + 1_000_000).to_be_bytes(), &[0; 40], Deadline::MAX, later);
    }
    let after = store.stats();
    // The index or the policies may grow meanwhile and be paid for with a page, which live items share.
    let evicted = after.evictions - before.evictions;
    assert!(evicted <= u64::from(room / 50), "{evicted} evicted: {after:?}");
    assert!(after.reclaimed >= u64::from(room) * 9 / 10, "{after:?}");
    store.check_invariants();
}

#[test]
fn a_page_in_which_all_has_expired_serves_any_class() {
    let mut store = store(16 << 20);
    store.set_crawl_enabled(false);
    second(&mut store, NOW.0);
    let mut number = 0u32;
    while store.stats().evictions == 0 {
        match number % 40 {
            0 => set_at(&mut store, &number.to_le_bytes(), &pattern(1, 30_000), Deadline::from_raw(NOW.0 + 9), NOW.0),
            1 => set_at(&mut store, &number.to_le_bytes(), &pattern(1, 90_000), Deadline::from_raw(NOW.0 + 9), NOW.0),
            2..20 => put_expiring(&mut store, &number.to_le_bytes(), &[0; 200], NOW.0 + 9),
            _ => put(&mut store, &number.to_le_bytes(), &[0; 400]).map(drop).unwrap(),
        }
        number += 1;
    }
    let before = store.stats();
    second(&mut store, NOW.0 + 9);
    let expired = store.stats().expired_bytes;
    let mut number = 0u32;
    while store.stats().evictions == before.evictions {
        match number % 100 {
            0 => set_at(&mut store, &number.to_be_bytes(), &pattern(1, 70_000), Deadline::NEVER, NOW.0 + 9),
            _ => set_at(&mut store, &number.to_be_bytes(), &[0; 1_000], Deadline::NEVER, NOW.0 + 9),
        }
        number += 1;
    }
    let after = store.stats();
    assert!(after.expired_bytes * 20 <= expired, "{} of {expired} bytes left", after.expired_bytes);
    let big = class_of(&store, 8 + 4 + 1_000);
    assert!(class(&store, big).total_pages * 65_536 > expired / 2);
    store.check_invariants();
}

#[test]
fn an_item_that_is_given_a_past_deadline_survives_its_own_successor() {
    // A number that needs another class is written anew; looking for room must not take the one it comes from.
    let mut store = store(2 << 20).with_small_values();
    second(&mut store, NOW.0);
    let mut number = 0u32;
    while store.stats().evictions == 0 {
        put_expiring(&mut store, &number.to_le_bytes(), b"99999999", NOW.0 + 1_000);
        number += 1;
    }
    let (mut done, mut failed) = (0, 0);
    for number in 0..number {
        let key = number.to_le_bytes();
        let hash = store.hash(&key);
        let args = ArithmeticArgs { deadline: Some(Deadline::PAST), ..ArithmeticArgs::by(true, 1) };
        match store.arithmetic(hash, &key, args, NOW) {
            Arithmetic::Number { .. } => done += 1,
            Arithmetic::NotFound => failed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(done > 1_000 && failed < done, "{done}, {failed}");
    store.check_invariants();
}

#[test]
fn without_evictions_expired_memory_is_found_all_the_same() {
    let mut store = Store::new(StoreConfig { evictions: false, ..config(8 << 20) }, RandomState::new()).unwrap();
    second(&mut store, NOW.0);
    let mut number = 0u32;
    let args = SetArgs { deadline: Deadline::from_raw(NOW.0 + 5), ..args(SetMode::Set, &[0; 100]) };
    loop {
        let key = number.to_le_bytes();
        if store.set(store.hash(&key), &key, args, NOW).is_err() {
            break;
        }
        number += 1;
    }
    second(&mut store, NOW.0 + 5);
    let mut again = 0u32;
    let later = Seconds(NOW.0 + 5);
    let args = SetArgs { deadline: Deadline::NEVER, value: Source::Inline(&[0; 700]), ..args };
    loop {
        let key = again.to_be_bytes();
        if store.set(store.hash(&key), &key, args, later).is_err() {
            break;
        }
        again += 1;
    }
    assert!(again * 800 > number * 100, "{again} after {number}");
    assert_eq!((store.stats().expired_bytes, store.stats().evictions), (0, 0));
    store.check_invariants();
}

impl Store {
    /// The smallest limits need small items.
    fn with_small_values(mut self) -> Self {
        self.config.item_size_max_bytes = 1024;
        self
    }
}
