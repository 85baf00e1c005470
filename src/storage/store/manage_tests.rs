//! Crawling, moving the limit and pages, and what is told of removals.

use super::tests::{NOW, args, config, pattern, put, store};
use super::*;
use crate::storage::StoreError;

pub(super) fn put_expiring(store: &mut Store, key: &[u8], value: &[u8], deadline: u32) {
    let args = SetArgs { deadline: Deadline::from_raw(deadline), ..args(SetMode::Set, value) };
    store.set(store.hash(key), key, args, NOW).unwrap();
}

pub(super) fn class_of(store: &Store, item_bytes: usize) -> u32 {
    store.slab.classes.class_of(item_bytes).unwrap().number()
}

pub(super) fn class(store: &Store, number: u32) -> ClassStats {
    store.class_stats().find(|class| class.class == number).unwrap()
}

/// Crawls to the end, one step after the other.
pub(super) fn crawl(store: &mut Store, classes: ClassSet, now: Seconds) {
    assert_eq!(store.crawl_begin(classes, now), CrawlStart::Started);
    while store.crawl_step(100, now) {}
    store.check_invariants();
}

#[test]
fn a_crawl_frees_what_has_expired_and_nothing_else() {
    let mut store = store(16 << 20);
    for number in 0..10_000u32 {
        let key = format!("key{number}");
        match number % 4 {
            0 => put(&mut store, key.as_bytes(), &pattern(1, 40)).map(|_| ()).unwrap(),
            1 => put_expiring(&mut store, key.as_bytes(), &pattern(1, 500), NOW.0 + 1000),
            _ => put_expiring(&mut store, key.as_bytes(), &pattern(1, number as usize % 300), NOW.0 + 10),
        }
    }
    put_expiring(&mut store, b"large", &pattern(1, 200_000), NOW.0 + 10);
    store.get(store.hash(b"key3"), b"key3", NOW);
    let later = Seconds(NOW.0 + 10);
    crawl(&mut store, ClassSet::ALL, later);
    let (stats, crawled) = (store.stats(), store.crawl_stats());
    assert_eq!((stats.items, stats.crawler_reclaimed, stats.reclaimed, stats.expired), (5_000, 5_001, 0, 0));
    assert_eq!((stats.expired_unfetched, stats.large_pages), (5_000, 0));
    assert_eq!((crawled.starts, crawled.reclaimed), (1, 5_001));
    assert!((5_001..=10_001).contains(&crawled.items_checked), "{}", crawled.items_checked);
    assert!(crawled.is_enabled && !crawled.is_running);
    assert_eq!(store.class_stats().map(|class| class.crawler_reclaimed).sum::<u64>(), 5_001);
}

#[test]
fn a_crawl_keeps_to_its_classes_and_refuses_others() {
    let mut store = store(16 << 20);
    for number in 0..1_000u32 {
        put_expiring(&mut store, format!("{number:04}").as_bytes(), &[0; 40], NOW.0);
        put_expiring(&mut store, format!("{number:04}b").as_bytes(), &[0; 375], NOW.0);
    }
    let (small, big) = (class_of(&store, 8 + 4 + 4 + 40), class_of(&store, 8 + 4 + 5 + 375));
    let mut classes = ClassSet::default();
    assert_eq!(store.crawl_begin(classes, NOW), CrawlStart::BadClass, "no class");
    assert!(classes.insert(big) && !classes.insert(256));
    crawl(&mut store, classes, NOW);
    assert_eq!((store.stats().items, class(&store, small).items), (1_000, 1_000));
    assert_eq!((class(&store, big).crawler_reclaimed, class(&store, small).crawler_items_checked), (1_000, 0));
    classes.insert(store.classes() + 1);
    assert_eq!(store.crawl_begin(classes, NOW), CrawlStart::BadClass);
    assert_eq!(store.crawl_begin(ClassSet::ALL, NOW), CrawlStart::Started);
    assert_eq!(store.crawl_begin(ClassSet::ALL, NOW), CrawlStart::Busy);
    store.set_crawl_enabled(false);
    assert!(!store.crawl_stats().is_running && !store.crawl_step(100, NOW));
    assert_eq!(store.crawl_begin(ClassSet::ALL, NOW), CrawlStart::Disabled);
    store.set_crawl_enabled(true);
    assert!(!store.set_crawl_pace(0) && !store.set_crawl_pace(CRAWL_PACE_ITEMS_MAX + 1) && store.set_crawl_pace(7));
    assert_eq!(store.crawl_stats().pace_items, 7);
}

#[test]
fn limited_crawls_go_on_from_each_other_until_all_is_seen() {
    let mut store = store(16 << 20);
    for number in 0..5_000u32 {
        put_expiring(&mut store, &number.to_le_bytes(), &[0; 40], NOW.0);
    }
    store.set_crawl_limit(1_000);
    for crawls in 1..=6 {
        crawl(&mut store, ClassSet::ALL, NOW);
        let left = 5_000 - store.stats().items;
        assert!(left >= crawls.min(5) * 1_000 && left < crawls * 1_000 + 400, "{left} after {crawls}");
    }
    assert_eq!(store.stats().items, 0);
}

#[test]
fn a_raised_limit_is_used_and_a_lowered_one_is_reached() {
    let mut store =
        Store::new(StoreConfig { item_size_max_bytes: 1 << 20, ..config(8 << 20) }, RandomState::new()).unwrap();
    let fill = |store: &mut Store, count: u32| {
        for number in 0..count {
            put(store, &number.to_le_bytes(), &[number as u8; 700]).unwrap();
            if number % 500 == 0 {
                put(store, &number.to_be_bytes(), &pattern(3, 150_000)).unwrap();
            }
        }
        store.check_invariants();
    };
    fill(&mut store, 100_000);
    let small = store.stats();
    assert!(small.evictions > 0 && small.memory_bytes <= 8 << 20);
    store.set_memory_limit(100 << 20).unwrap();
    fill(&mut store, 100_000);
    let big = store.stats();
    assert_eq!(big.limit_bytes, 100 << 20);
    // The classes are still those of a small store, so not all of them fit.
    assert!(big.items > 85_000 && big.memory_bytes > 75 << 20, "{big:?}");
    for limit in [60 << 20, 20 << 20, 8 << 20] {
        store.set_memory_limit(limit).unwrap();
        assert!(store.is_shrinking());
        let mut rounds = 0;
        while store.maintain(NOW) {
            rounds += 1;
            let stats = store.stats();
            put(&mut store, &[1; 5], &[0; 700]).unwrap();
            assert!(stats.memory_bytes > limit as u64 || !store.is_shrinking());
        }
        let stats = store.stats();
        assert!(stats.memory_bytes <= limit as u64, "{} of {limit}", stats.memory_bytes);
        assert!(rounds >= 100 && stats.items > limit as u64 / 3000, "{rounds} rounds, {} items", stats.items);
        store.check_invariants();
        // The end of the address range is empty, so that whole extents are.
        let last_used =
            store.slab.pages().iter().rposition(|page| page.usage != crate::storage::slab::PageUse::Released);
        assert!(last_used.unwrap() <= limit / crate::storage::location::PAGE_BYTES);
    }
    fill(&mut store, 20_000);
    assert!(store.stats().memory_bytes <= 8 << 20);
    // And up again, into what was given back.
    store.set_memory_limit(50 << 20).unwrap();
    fill(&mut store, 60_000);
    assert!(store.stats().memory_bytes > 45 << 20);
    store.flush_all();
    store.check_invariants();
}

#[test]
fn many_small_items_fit_an_index_that_grew_with_its_limit() {
    let mut store = store(2 << 20).with_small_items();
    store.set_memory_limit(32 << 20).unwrap();
    let mut number = 0u32;
    while store.stats().evictions == 0 {
        put(&mut store, &number.to_le_bytes(), &[0; 8]).unwrap();
        number += 1;
    }
    let stats = store.stats();
    assert!(stats.memory_bytes > 31 << 20, "evicted at {} bytes", stats.memory_bytes);
    assert!(stats.items > 600_000, "{} items", stats.items);
    for number in 0..number {
        let hash = store.hash(&number.to_le_bytes());
        assert!(store.peek(hash, &number.to_le_bytes(), NOW).is_some() || number < 100_000);
    }
    let mut seen = 0;
    store.walk(&mut Walk::default(), usize::MAX, NOW, |_| seen += 1);
    assert_eq!(seen, stats.items);
    store.check_invariants();
    // The index does not shrink, so the limit may not go below it; a flush gives it back.
    let error = store.set_memory_limit(2 << 20).unwrap_err();
    assert!(matches!(error, LimitError::TooSmall { min_bytes, .. } if min_bytes > 4 << 20), "{error}");
    store.flush_all();
    assert!(*store.memory_limit_bounds().start() < 3 << 20);
}

#[test]
fn the_limit_may_be_raised_under_a_walk() {
    let mut store = store(4 << 20);
    for number in 0..20_000u32 {
        put(&mut store, &number.to_le_bytes(), b"v").unwrap();
    }
    let (mut walk, mut seen, mut limit) = (Walk::default(), 0, 4 << 20);
    while store.walk(&mut walk, 1_000, NOW, |_| seen += 1) {
        limit = (limit * 2).min(256 << 20);
        store.set_memory_limit(limit).unwrap();
    }
    assert_eq!(seen, 20_000);
}

#[test]
fn limits_out_of_bounds_are_refused_in_words_and_change_nothing() {
    let mut store = store(8 << 20);
    let bounds = store.memory_limit_bounds();
    assert_eq!(*bounds.end(), 4 << 30);
    for limit in [0, 1 << 20, bounds.start() - 1, bounds.end() + 1, usize::MAX] {
        let words = store.set_memory_limit(limit).unwrap_err().to_string();
        assert!(words.contains("too few") || words.contains("too many"), "{words}");
        assert_eq!(store.stats().limit_bytes, 8 << 20);
    }
    store.set_memory_limit(*bounds.start()).unwrap();
    store.set_memory_limit(*bounds.end()).unwrap();
    put(&mut store, b"k", &pattern(1, 900_000)).unwrap();
}

#[test]
fn a_lowered_limit_waits_for_pins_and_for_what_may_not_be_evicted() {
    let mut store = store(16 << 20);
    for number in 0..20u32 {
        put(&mut store, &number.to_le_bytes(), &pattern(1, 600_000)).unwrap();
    }
    let hash = store.hash(&19u32.to_le_bytes());
    let large = store.get(hash, &19u32.to_le_bytes(), NOW).unwrap().value.large().unwrap();
    let pin = store.pin(large).unwrap();
    store.set_memory_limit(4 << 20).unwrap();
    while store.maintain(NOW) {}
    store.check_invariants();
    assert!(store.pinned_read(pin, 0).starts_with(&pattern(1, 1000)));
    assert!(store.stats().memory_bytes <= 4 << 20);

    let mut full = Store::new(StoreConfig { evictions: false, ..config(8 << 20) }, RandomState::new()).unwrap();
    let mut number = 0u32;
    while put(&mut full, &number.to_le_bytes(), &[0; 500]).is_ok() {
        number += 1;
    }
    full.set_memory_limit(4 << 20).unwrap();
    for now in 0..10 {
        let mut rounds = 0;
        while full.maintain(Seconds(NOW.0 + now)) {
            rounds += 1;
            assert!(rounds < 100, "shrinking spins");
        }
    }
    assert_eq!(full.stats().items, u64::from(number), "evictions are off");
    assert!(full.is_shrinking() && full.stats().memory_bytes > 7 << 20);
    assert_eq!(put(&mut full, b"new", &[0; 500]), Err(StoreError::OutOfMemory));
    for number in 0..number {
        full.remove_any(full.hash(&number.to_le_bytes()), &number.to_le_bytes());
    }
    while full.maintain(Seconds(NOW.0 + 20)) {}
    assert!(full.stats().memory_bytes <= 4 << 20 && !full.is_shrinking());
    full.check_invariants();
}

#[test]
fn a_page_is_moved_on_request() {
    let mut store = store(8 << 20);
    // Full pages only.
    for number in 0..60 * 1024u32 {
        put(&mut store, &number.to_le_bytes(), &[0; 52]).unwrap();
    }
    let (from, to) = (class_of(&store, 64), class_of(&store, 1000));
    let classes = store.classes();
    let before = class(&store, from);
    assert_eq!(store.reassign(Some(from), from, NOW), Reassigned::SameClass);
    assert_eq!(store.reassign(None, classes + 1, NOW), Reassigned::BadClass);
    assert_eq!(store.reassign(Some(u32::MAX), to, NOW), Reassigned::BadClass);
    assert_eq!(store.reassign(Some(to), from, NOW), Reassigned::NoSpare, "no page at all");
    for moved in 1..=3 {
        let source = if moved == 3 { None } else { Some(from) };
        assert_eq!(store.reassign(source, to, NOW), Reassigned::Moved);
        assert_eq!(
            (class(&store, from).total_pages, class(&store, to).total_pages),
            (before.total_pages - moved, moved)
        );
        store.check_invariants();
    }
    assert_eq!(store.stats().pages_moved, 3);
    assert_eq!(class(&store, from).evictions, 3 * before.chunks_per_page);
    // It is used, and given back when it is not.
    for number in 0..100u32 {
        put(&mut store, &number.to_be_bytes(), &[0; 988]).unwrap();
    }
    assert_eq!((class(&store, to).total_pages, class(&store, to).items), (3, 100));
    let free = store.stats().free_pages;
    assert_eq!(store.reassign(Some(from), 0, NOW), Reassigned::Moved);
    assert_eq!(store.stats().free_pages, free + 1);
    assert_eq!(store.reassign(Some(0), to, NOW), Reassigned::Moved);
    assert_eq!((store.stats().free_pages, class(&store, to).total_pages), (free, 4));
    while store.reassign(Some(from), 0, NOW) == Reassigned::Moved {}
    assert_eq!(class(&store, from).total_pages, 1, "the last page stays");
    store.check_invariants();
}

#[test]
fn pinned_pages_stay_and_without_evictions_nothing_moves() {
    let mut store = store(8 << 20);
    // Tails of uploads under way pin their pages.
    for id in 0..6 {
        store.upload_begin(id, 20_000).unwrap();
        store.upload_write(id, &[0; 20_000], NOW).unwrap();
    }
    let tails = class_of(&store, 20_016);
    assert!(class(&store, tails).total_pages >= 2);
    assert_eq!(store.reassign(Some(tails), 1, NOW), Reassigned::NoSpare);
    store.check_invariants();
    let mut full = Store::new(StoreConfig { evictions: false, ..config(8 << 20) }, RandomState::new()).unwrap();
    for number in 0..10_000u32 {
        put(&mut full, &number.to_le_bytes(), &[0; 44]).unwrap();
    }
    assert_eq!(full.reassign(Some(class_of(&full, 64)), 1, NOW), Reassigned::NoSpare);
    assert_eq!(full.stats().items, 10_000);
}

#[test]
fn without_automove_a_class_gets_its_first_page_and_no_more() {
    let mut store = store(8 << 20);
    store.set_automove(false);
    for number in 0..200_000u32 {
        put(&mut store, &number.to_le_bytes(), &[0; 52]).unwrap();
    }
    let (small, big) = (class_of(&store, 64), class_of(&store, 1012));
    for number in 0..2_000u32 {
        put(&mut store, &number.to_be_bytes(), &[0; 1000]).unwrap();
    }
    assert_eq!(class(&store, big).total_pages, 1);
    assert!(class(&store, small).total_pages > 80);
    for number in 0..2_000u32 {
        put(&mut store, b"large", &pattern(1, 20_000 + number as usize * 100)).unwrap();
    }
    assert!(store.stats().large_pages > 0);
    store.check_invariants();
}

#[test]
fn a_classs_figures_are_those_of_its_items() {
    let mut store = store(8 << 20);
    for number in 0..1_000u32 {
        put(&mut store, &number.to_le_bytes(), &[0; 50]).unwrap();
    }
    let small = class_of(&store, 62);
    let stats = class(&store, small);
    assert_eq!((stats.items, stats.used_chunks, stats.requested_bytes, stats.bytes), (1_000, 1_000, 62_000, 62_000));
    assert_eq!(stats.used_chunks + stats.free_chunks, stats.total_pages * stats.chunks_per_page);
    // A LARGE value's bytes lie in pages of their own and in tails, not in the class of its record.
    put(&mut store, b"large", &pattern(1, 100_000)).unwrap();
    for class in store.class_stats() {
        assert!(class.requested_bytes <= class.used_chunks * class.chunk_bytes, "{class:?}");
        assert_eq!(class.requested_bytes > 0, class.used_chunks > 0);
    }
    assert_eq!((store.stats().large_items, store.class_stats().map(|class| class.items).sum()), (1, 1_001u64));
    store.remove_any(store.hash(b"large"), b"large");
    assert_eq!((store.stats().large_items, store.class_stats().count()), (0, 1));
    for number in 0..400_000u32 {
        // As long as the others: a deadline takes four bytes.
        put_expiring(&mut store, &number.to_be_bytes(), &[0; 46], NOW.0 + 9);
    }
    let stats = class(&store, small);
    let all = store.stats();
    assert_eq!((stats.evictions, stats.evicted_unfetched), (all.evictions, all.evictions));
    assert!(stats.evicted_nonzero + 1_000 >= stats.evictions && stats.evicted_nonzero <= stats.evictions);
    assert!(stats.direct_reclaims > 0 && stats.direct_reclaims == all.direct_reclaims);
    assert_eq!((stats.candidate_accessed, stats.evicted_idle_seconds), (Some(NOW), 0));
    let later = SetArgs { deadline: Deadline::from_raw(5_000), ..args(SetMode::Set, &[0; 46]) };
    for number in 0..3_000u32 {
        let key = (number + 1_000_000).to_be_bytes();
        store.set(store.hash(&key), &key, later, Seconds(NOW.0 + 7)).unwrap();
    }
    let stats = class(&store, small);
    assert!(stats.evictions > all.evictions || stats.reclaimed > 0);
    assert_eq!(stats.evicted_idle_seconds, 7);
    store.reset_stats();
    let reset = class(&store, small);
    assert_eq!((reset.items, reset.evictions, reset.direct_reclaims), (stats.items, 0, 0));
    let mut both = stats;
    both.merge(&reset);
    assert_eq!((both.items, both.evictions, both.chunk_bytes), (2 * stats.items, stats.evictions, stats.chunk_bytes));
}

#[test]
fn removals_are_told_in_order_and_within_a_bound() {
    let mut store = store(4 << 20);
    let mut told = Vec::new();
    let tell = |store: &mut Store, told: &mut Vec<(Vec<u8>, Reason)>| {
        store.take_removals(|removal| told.push((removal.key.to_vec(), removal.reason)))
    };
    for number in 0..100_000u32 {
        put(&mut store, &number.to_le_bytes(), &[0; 50]).unwrap();
    }
    assert_eq!(tell(&mut store, &mut told), 0);
    assert!(told.is_empty() && store.stats().evictions > 0, "off");
    store.observe_removals(true);
    let before = store.stats().evictions;
    for number in 0..1_000u32 {
        put(&mut store, &number.to_be_bytes(), &[0; 50]).unwrap();
        assert_eq!(tell(&mut store, &mut told), 0);
    }
    assert!(told.len() as u64 == store.stats().evictions - before && told.len() > 500, "{}", told.len());
    assert!(told.iter().all(|(key, reason)| *reason == Reason::Evicted && key.len() == 4));
    for number in 0..100_000u32 {
        put(&mut store, &number.to_be_bytes(), &[0; 51]).unwrap();
    }
    let all = store.stats().evictions - before;
    let already = told.len();
    let dropped = tell(&mut store, &mut told);
    assert_eq!(told.len() as u64 + dropped, all);
    assert!((told.len() - already) * 4 < REMOVALS_BYTES_MAX && told.len() - already > 500);
    assert_eq!(tell(&mut store, &mut told), 0);

    store.flush_all();
    told.clear();
    let expiring = SetArgs { flags: 3, deadline: Deadline::from_raw(NOW.0 + 5), ..args(SetMode::Set, b"value") };
    store.set(store.hash(b"key"), b"key", expiring, NOW).unwrap();
    store.get(store.hash(b"key"), b"key", NOW);
    crawl(&mut store, ClassSet::ALL, Seconds(NOW.0 + 5));
    store.take_removals(|removal| {
        let expected = Removal {
            key: b"key",
            reason: Reason::Crawled,
            deadline: Deadline::from_raw(NOW.0 + 5),
            was_fetched: true,
            class: removal.class,
            size_bytes: 59 + 3 + 5 + 4,
            value_len: 5,
            accessed: NOW,
        };
        assert_eq!(removal, expected);
        told.push((removal.key.to_vec(), removal.reason));
    });
    assert_eq!(told.len(), 1);
    store.observe_removals(false);
    put_expiring(&mut store, b"key", b"v", NOW.0);
    crawl(&mut store, ClassSet::ALL, NOW);
    store.take_removals(|_| panic!("off"));
}

#[test]
fn a_histogram_counts_what_a_walk_shows() {
    let mut store = store(16 << 20);
    for number in 0..100usize {
        put(&mut store, format!("{number:05}").as_bytes(), &pattern(1, number)).unwrap();
    }
    put(&mut store, b"large", &pattern(1, 500_000)).unwrap();
    let mut sizes = SizeHistogram::default();
    store.walk(&mut Walk::default(), usize::MAX, NOW, |item| sizes.add(&item));
    let sizes: Vec<_> = sizes.iter().collect();
    assert_eq!(
        sizes,
        [(64, 1), (96, 32), (128, 32), (160, 32), (192, 3), (500_064, 1)]
            .map(|(size, count): (u64, u64)| { (size.div_ceil(32) * 32, count) })
    );
}

impl Store {
    /// The smallest limits need small items.
    fn with_small_items(mut self) -> Self {
        self.config.item_size_max_bytes = 1024;
        self
    }
}
