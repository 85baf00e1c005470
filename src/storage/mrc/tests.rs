use super::*;
use crate::clock::Deadline;

const NOW: Seconds = Seconds(5);
const LIMIT_BYTES: usize = 64 << 20;

/// A curve over all keys at the smallest size, so that few accesses say much.
fn curve(policy: EvictionPolicy, limit_bytes: usize) -> Curve {
    Curve::new(policy, limit_bytes, u64::MAX)
}

fn cost(bytes: u32) -> Cost {
    Cost { bytes, deadline: Deadline::NEVER }
}

/// Numbers that are spread as mixed hashes are.
fn mixed(key: u64) -> u64 {
    (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn memory_is_the_same_under_every_policy_and_within_its_bounds() {
    for limit_bytes in [8 << 20, 64 << 20, 1 << 30, 32 << 30] {
        let bytes_max = BYTES_MAX.min(limit_bytes / LIMIT_DIVISOR);
        let counted = [EvictionPolicy::Duel, EvictionPolicy::S3Fifo, EvictionPolicy::Clock].map(|policy| {
            let curve = curve(policy, limit_bytes);
            let taken: usize =
                curve.caches.iter().flatten().map(|cache| cache.memory_bytes() + size_of::<MiniCache>()).sum();
            assert!(taken <= curve.memory_bytes(), "{policy:?} {limit_bytes}: {taken}");
            assert!(taken > bytes_max / 2, "{policy:?} {limit_bytes}: {taken}");
            curve.memory_bytes()
        });
        assert!(counted.iter().all(|&bytes| bytes == counted[0] && bytes < bytes_max + (32 << 10)), "{counted:?}");
    }
}

/// The store's own reads, each of which fills in what it misses: it holds nothing itself.
fn read_through(curve: &mut Curve, key: u64) {
    if curve.wants_division() {
        curve.divide([1; BANDS], 0, None);
    }
    curve.read(mixed(key), None, NOW);
    curve.write(mixed(key), cost(1000), NOW);
}

#[test]
fn the_policy_that_would_miss_less_is_preferred_there_and_back() {
    let band = band_of(1000);
    let mut curve = curve(EvictionPolicy::Duel, 4 << 20);
    curve.divide([1; BANDS], 0, None);
    let items = (4 << 20) / 1000;
    assert_eq!(curve.prefers_s3_fifo(band), Some(true));
    // Each key is read again once, after a quarter of the cache was replaced: too late for a small queue.
    for key in 1 << 32..(1 << 32) + 20 * items {
        read_through(&mut curve, key);
        read_through(&mut curve, key - items / 4);
    }
    assert_eq!(curve.prefers_s3_fifo(band), Some(false));
    assert!(curve.take_changed() && !curve.take_changed());
    // Keys that come by twice at a time and then, when the cache has been replaced more than three times by others that
    // are asked for only once, again.
    for key in 1 << 33..(1 << 33) + 40 * items {
        read_through(&mut curve, key);
        if key % 7 == 0 {
            let again = key / 7 % (items / 2);
            read_through(&mut curve, again);
            read_through(&mut curve, again);
        }
    }
    assert_eq!(curve.prefers_s3_fifo(band), Some(true));
    curve.clear();
    assert_eq!(curve.prefers_s3_fifo(band), Some(true));
}

#[test]
fn caches_that_duel_see_the_same_keys() {
    let mut curve = curve(EvictionPolicy::Duel, 4 << 20);
    curve.divide([1; BANDS], 0, None);
    for key in 0..200_000 {
        read_through(&mut curve, key % 30_000);
        let [clock, s3_fifo] = &curve.caches[..] else { panic!("two policies") };
        assert_eq!(clock[OWN].ceiling(), s3_fifo[OWN].ceiling());
    }
    let [clock, s3_fifo] = &curve.caches[..] else { panic!("two policies") };
    assert!(clock[OWN].ceiling() < u64::MAX / 2 && s3_fifo[OWN].items() > 100);
}

#[test]
fn one_policy_alone_has_no_rival() {
    assert_eq!(curve(EvictionPolicy::S3Fifo, LIMIT_BYTES).prefers_s3_fifo(0), None);
}

#[test]
fn a_loop_misses_where_it_does_not_fit_and_hits_where_it_does() {
    for policy in [EvictionPolicy::Clock, EvictionPolicy::Duel] {
        let mut curve = curve(policy, 4 << 20);
        curve.divide([1; BANDS], 0, None);
        // One and a half times the memory, round and round; the store itself always hits.
        let keys = (6 << 20) / 1000;
        for round in 0..4 {
            for key in 0..keys {
                if round == 0 {
                    curve.write(mixed(key), cost(1000), NOW);
                } else {
                    curve.read(mixed(key), Some(cost(1000)), NOW);
                }
            }
        }
        let reads = 3 * keys;
        let ratios = curve.report(4 << 20, reads, 0).expected_hit_ratios().unwrap();
        assert!(ratios[OWN + 2] > 0.99, "{policy:?}: {ratios:?}");
        assert!(ratios[OWN - 1] < 0.75, "{policy:?}: {ratios:?}");
        // What is measured need not be simulated.
        assert_eq!(ratios[OWN], 1.0);
    }
}

#[test]
fn the_store_s_own_misses_count_in_the_part_that_missed_in_the_sample_too() {
    let mut curve = curve(EvictionPolicy::Clock, LIMIT_BYTES);
    curve.write(mixed(1), cost(100), NOW);
    // The store has lost one that a cache of any size would have; nobody has the other.
    for _ in 0..100 {
        curve.read(mixed(1), None, NOW);
        curve.read(mixed(2), None, NOW);
    }
    let report = curve.report(LIMIT_BYTES, 1000, 500);
    let smallest = report.expected_misses[0];
    assert!((smallest - 250.0).abs() < 1.0, "{smallest}");
}

#[test]
fn an_item_that_expired_or_was_removed_is_missed_at_every_size() {
    let mut curve = curve(EvictionPolicy::S3Fifo, LIMIT_BYTES);
    curve.write(mixed(1), Cost { bytes: 100, deadline: Deadline::from_raw(9) }, NOW);
    curve.write(mixed(2), cost(100), NOW);
    curve.remove(mixed(2));
    curve.read(mixed(1), None, Seconds(9));
    curve.read(mixed(2), None, NOW);
    assert_eq!(curve.report(LIMIT_BYTES, 2, 2).expected_misses[0], 2.0);
}

#[test]
fn where_entries_run_out_the_sample_shrinks_and_with_larger_items_it_grows_again() {
    let mut curve = curve(EvictionPolicy::Duel, LIMIT_BYTES);
    curve.divide([1; BANDS], 0, None);
    let full = curve.ceiling();
    (0..400_000).for_each(|key| curve.write(mixed(key), cost(100), NOW));
    curve.divide([1; BANDS], 0, None);
    let shrunk = curve.ceiling();
    assert!(shrunk < full / 10, "{shrunk}");
    for cache in curve.caches.iter().flatten() {
        assert!(cache.items() > 100, "{} items", cache.items());
    }
    // The store has moved its pages to the larger items.
    let mut bytes = [1; BANDS];
    bytes[band_of(20_000)] = LIMIT_BYTES as u64;
    curve.divide(bytes, 0, None);
    (0..400_000).for_each(|key| curve.write(mixed(key << 32), cost(20_000), NOW));
    curve.divide([1; BANDS], 0, None);
    let sparse = curve.ceiling();
    assert_eq!(curve.age(Seconds(CURVE_HALF_LIFE_SECONDS)), Some(0.5));
    assert!(curve.ceiling() > sparse);
}

#[test]
fn counts_halve_with_time_and_a_reset_forgets_them_but_not_the_items() {
    let mut curve = curve(EvictionPolicy::Clock, LIMIT_BYTES);
    curve.write(mixed(1), cost(100), NOW);
    curve.read(mixed(2), Some(cost(100)), NOW);
    assert_eq!(curve.report(LIMIT_BYTES, 8, 0).expected_misses[0], 1.0);
    assert_eq!(curve.age(Seconds(CURVE_HALF_LIFE_SECONDS - 1)), None);
    assert_eq!(curve.age(Seconds(2 * CURVE_HALF_LIFE_SECONDS + 7)), Some(0.25));
    assert_eq!(curve.report(LIMIT_BYTES, 2, 0).expected_misses[0], 0.25);
    curve.reset(Seconds(8000));
    curve.read(mixed(1), Some(cost(100)), NOW);
    let report = curve.report(LIMIT_BYTES, 1, 0);
    assert_eq!((report.expected_misses[0], report.since), (0.0, Seconds(8000)));
    curve.clear();
    curve.read(mixed(1), Some(cost(100)), NOW);
    assert_eq!(curve.report(LIMIT_BYTES, 2, 0).expected_misses[0], 1.0);
}

#[test]
fn stores_are_merged_by_their_reads() {
    let one = MissRatioCurve { reads: 900.0, misses: 90.0, since: Seconds(3), ..MissRatioCurve::default() };
    let mut all = MissRatioCurve { reads: 100.0, misses: 60.0, since: Seconds(4), ..MissRatioCurve::default() };
    all.merge(&one);
    assert_eq!((all.hit_ratio(), all.since), (Some(0.85), Seconds(4)));
    assert_eq!(MissRatioCurve::default().hit_ratio(), None);
}
