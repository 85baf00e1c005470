//! The store against a plain map, under random operations and a clock moved by hand. The map is memcached's
//! meaning written down as slowly and obviously as possible; it shares no code with the store.
//!
//! With ample memory both agree on everything. With little, the store may have forgotten an item at any time,
//! but what it still has is right. With little and evictions off it may refuse, but must not forget.

use proptest::prelude::*;
use ringcached::storage::{EvictionPolicy, SetArgs, SetMode, Source};

mod model;
mod strategies;

use model::{
    KEYS, OPS_PER_CHECK, decode, key,
    ops::Op,
    world::{Memory, World},
};
use strategies::{compression, op, policy};

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_ample_memory_the_store_is_a_map(
        policy in policy(),
        ops in prop::collection::vec((0..KEYS, op()), 1..400),
    ) {
        roam(World::new(Memory::Ample, policy), &ops);
    }

    #[test]
    fn with_little_memory_what_is_present_is_right(
        policy in policy(),
        ops in prop::collection::vec((0..KEYS, op()), 1..400),
    ) {
        crowd(World::new(Memory::Little, policy), &ops);
    }

    #[test]
    fn with_evictions_off_nothing_is_forgotten(
        policy in policy(),
        ops in prop::collection::vec((0..KEYS, op()), 1..400),
    ) {
        crowd(World::new(Memory::LittleWithoutEvictions, policy), &ops);
    }

    #[test]
    fn with_compression_the_store_is_the_same_map(
        compression in compression(),
        ops in prop::collection::vec((0..KEYS, op()), 1..400),
    ) {
        roam(World::compressing(Memory::Ample, EvictionPolicy::Duel, compression), &ops);
    }

    #[test]
    fn with_compression_and_little_memory_what_is_present_is_right(
        policy in policy(),
        compression in compression(),
        ops in prop::collection::vec((0..KEYS, op()), 1..400),
    ) {
        crowd(World::compressing(Memory::Little, policy, compression), &ops);
    }

    #[test]
    fn with_compression_and_evictions_off_nothing_is_forgotten(
        compression in compression(),
        ops in prop::collection::vec((0..KEYS, op()), 1..400),
    ) {
        crowd(World::compressing(Memory::LittleWithoutEvictions, EvictionPolicy::Clock, compression), &ops);
    }
}

/// Applies the operations where there is room for everything.
fn roam(mut world: World, ops: &[(u8, Op)]) {
    for (step, (number, op)) in ops.iter().enumerate() {
        world.apply(&key(*number), op);
        if step % OPS_PER_CHECK == 0 {
            world.check();
        }
    }
    assert_eq!(world.store.stats().evictions, 0);
    world.finish();
}

/// Applies the operations while other keys of many sizes keep memory full.
fn crowd(mut world: World, ops: &[(u8, Op)]) {
    for (step, (number, op)) in ops.iter().enumerate() {
        world.crowd(step);
        world.apply(&key(*number), op);
        if step % OPS_PER_CHECK == 0 {
            world.check();
        }
    }
    world.finish();
}

/// What the fuzz target `store` does, with random bytes instead of chosen ones: `RINGCACHED_FUZZ_RUNS` of them.
#[test]
fn bytes_are_operations_that_leave_the_store_right() {
    let runs = std::env::var("RINGCACHED_FUZZ_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(8);
    let seed: u64 = std::env::var("RINGCACHED_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2026);
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    for run in 0..runs {
        println!("seed {seed}, run {run}");
        let bytes: Vec<u8> = (0..4096).map(|_| next()).collect();
        decode::run(&bytes);
    }
}

#[test]
fn the_seeds_of_the_fuzz_target_leave_the_store_right() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/store");
    for seed in std::fs::read_dir(seeds).expect("the seeds") {
        let path = seed.expect("a seed").path();
        println!("{}", path.display());
        decode::run(&std::fs::read(path).expect("a seed"));
    }
}

#[test]
fn canaries_that_are_read_survive_a_flood() {
    const CANARIES: u32 = 1000;
    let mut world = World::new(Memory::Little, EvictionPolicy::Duel);
    let now = world.now();
    let args = |value| SetArgs::new(SetMode::Set, Source::Inline(value));
    let canary = |number: u32| format!("canary{number}").into_bytes();
    for number in 0..CANARIES {
        let hash = world.store.hash(&canary(number));
        world.store.set(hash, &canary(number), args(&[1; 200]), now).unwrap();
    }
    for flood in 0..300_000u32 {
        let hash = world.store.hash(&flood.to_le_bytes());
        world.store.set(hash, &flood.to_le_bytes(), args(&[2; 200]), now).unwrap();
        if flood % 8 == 0 {
            let key = canary(flood / 8 % CANARIES);
            world.store.get(world.store.hash(&key), &key, now);
        }
    }
    let alive = (0..CANARIES).filter(|&number| world.read(&canary(number), false).is_some()).count();
    assert!(alive >= CANARIES as usize * 9 / 10, "{alive} of {CANARIES} canaries");
}
