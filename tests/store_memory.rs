//! What the kernel says of a store's memory. A file of its own, since other tests in the process would be seen, too.

use ahash::RandomState;
use ringcached::{
    clock::Seconds,
    storage::{SetArgs, SetMode, Source, Store, StoreConfig},
};

const NOW: Seconds = Seconds(100);

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// A limit lowered by `cache_memlimit` is worth something only if the machine gets the memory back.
#[test]
fn a_lowered_limit_gives_memory_back_to_the_kernel() {
    let config = StoreConfig::new(96 << 20);
    let empty = resident_bytes();
    let mut store = Store::new(config, RandomState::with_seeds(1, 2, 3, 4)).unwrap();
    let fill = |store: &mut Store| {
        for number in 0..120_000u32 {
            let key = number.to_le_bytes();
            let args = SetArgs::new(SetMode::Set, Source::Inline(&[7; 900]));
            store.set(store.hash(&key), &key, args, NOW).unwrap();
        }
    };
    fill(&mut store);
    let full = resident_bytes() - empty;
    assert!(full > 85 << 20, "{full} bytes resident");
    store.set_memory_limit(24 << 20).unwrap();
    while store.maintain(NOW) {}
    let shrunk = resident_bytes() - empty;
    let counted = store.stats().memory_bytes;
    assert!(counted <= 24 << 20 && !store.is_shrinking());
    // One huge page may be half given back, and the test itself takes some.
    assert!(shrunk < counted + (6 << 20), "{shrunk} bytes resident, {counted} counted");
    assert!(store.stats().items > 20_000, "{:?}", store.stats());
    fill(&mut store);
    assert!(resident_bytes() - empty < (24 << 20) + (6 << 20));
}
