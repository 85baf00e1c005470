//! No slab calcification: memory that was filled with items of one size serves items of another as well as an empty
//! cache would, after as many bytes have been inserted as it holds. Zipf reads through the store alone, each miss
//! followed by a write.

mod support;

use ahash::RandomState;
use ringcached::{
    clock::Seconds,
    storage::{SetArgs, SetMode, Source, Store, StoreConfig},
};
use support::Random;

const SEED: u64 = 2026;
const NOW: Seconds = Seconds(100);
const MEMORY_BYTES: u64 = 16 << 20;
const HIT_RATIO_LOST_MAX: f64 = 0.02;
/// Requests over which a hit ratio is taken.
const MEASURED: u64 = 100_000;
/// Requests between two steps of maintenance, as between two turns of a server.
const REQUESTS_PER_TURN: u64 = 32;

/// Keys of one value size, asked for by Zipf's law.
struct Population {
    value_len: usize,
    /// Running sums of the keys' shares.
    shares: Vec<f64>,
}

impl Population {
    fn new(keys: usize, exponent: f64, value_len: usize) -> Self {
        let mut sum = 0.0;
        let mut shares: Vec<f64> = (1..=keys)
            .map(|rank| {
                sum += (rank as f64).powf(-exponent);
                sum
            })
            .collect();
        shares.iter_mut().for_each(|share| *share /= sum);
        Population { value_len, shares }
    }

    fn pick(&self, random: &mut Random) -> usize {
        let unit = random.unit();
        self.shares.partition_point(|&share| share < unit).min(self.shares.len() - 1)
    }
}

struct Cache {
    store: Store,
    random: Random,
    requests: u64,
    hits: u64,
    inserted_bytes: u64,
    value: Vec<u8>,
}

impl Cache {
    fn new(automove: bool) -> Self {
        let config = StoreConfig { huge_pages: false, ..StoreConfig::new(MEMORY_BYTES as usize) };
        let mut store = Store::new(config, RandomState::with_seeds(1, 2, 3, 4)).unwrap();
        store.set_automove(automove);
        Cache { store, random: Random::new(SEED), requests: 0, hits: 0, inserted_bytes: 0, value: vec![7; 2000] }
    }

    fn request(&mut self, population: &Population) {
        self.requests += 1;
        if self.requests.is_multiple_of(REQUESTS_PER_TURN) {
            self.store.maintain(NOW);
        }
        let key = format!("{:04}:{:08}", population.value_len, population.pick(&mut self.random));
        let hash = self.store.hash(key.as_bytes());
        if let Some(found) = self.store.find_to_read(hash, key.as_bytes(), NOW) {
            self.store.count_get_hit(found);
            self.hits += 1;
            return;
        }
        let value = &self.value[..population.value_len];
        self.store.set(hash, key.as_bytes(), SetArgs::new(SetMode::Set, Source::Inline(value)), NOW).unwrap();
        self.inserted_bytes += (key.len() + value.len()) as u64;
    }

    /// Requests, each to one of the populations, until as many bytes have been inserted as memory holds.
    fn turn_over(&mut self, populations: &[&Population]) {
        let goal = self.inserted_bytes + MEMORY_BYTES;
        while self.inserted_bytes < goal {
            let which = self.random.below(populations.len() as u64) as usize;
            self.request(populations[which]);
        }
    }

    fn hit_ratio(&mut self, populations: &[&Population]) -> f64 {
        let before = self.hits;
        for _ in 0..MEASURED {
            let which = self.random.below(populations.len() as u64) as usize;
            self.request(populations[which]);
        }
        (self.hits - before) as f64 / MEASURED as f64
    }
}

/// The hit ratios after each phase of a cache that goes through all of them, and of fresh ones.
fn phases(automove: bool) -> Vec<(&'static str, f64, f64)> {
    let small = Population::new(400_000, 0.9, 100);
    let big = Population::new(60_000, 0.9, 1000);
    let phases: [(&str, &[&Population]); 4] =
        [("100 B", &[&small]), ("1000 B", &[&big]), ("both", &[&small, &big]), ("100 B again", &[&small])];
    let mut used = Cache::new(automove);
    let mut ratios = Vec::new();
    for (name, populations) in phases {
        used.turn_over(populations);
        let mut fresh = Cache::new(automove);
        fresh.turn_over(populations);
        let ratio = (name, used.hit_ratio(populations), fresh.hit_ratio(populations));
        println!("{name:<12} used {:.4} fresh {:.4}, {} pages moved", ratio.1, ratio.2, used.store.stats().pages_moved);
        ratios.push(ratio);
        // Kept out of optimised builds, in which the tests run as well.
        #[cfg(debug_assertions)]
        used.store.check_invariants();
    }
    ratios
}

#[test]
fn a_cache_filled_with_one_size_serves_another_as_well_as_a_fresh_one() {
    for (phase, used, fresh) in phases(true) {
        assert!(used > fresh - HIT_RATIO_LOST_MAX, "{phase}: {used:.4} where a fresh cache has {fresh:.4}");
    }
}

#[test]
fn without_moves_memory_stays_with_the_size_that_came_first() {
    let ratios = phases(false);
    let (_, used, fresh) = ratios[1];
    assert!(used < fresh - 0.1, "{used:.4} where a fresh cache has {fresh:.4}: there was nothing to mend");
}
