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

const HIGH: usize = 96 << 20;
const LOW: usize = 24 << 20;

/// One huge page may be half given back, and the test itself takes some.
const SLACK_BYTES: u64 = 6 << 20;

struct Measured {
    store: Store,
    empty: u64,
}

impl Measured {
    fn fill(&mut self, items: u32, value: &[u8]) {
        for number in 0..items {
            let key = number.to_le_bytes();
            let args = SetArgs::new(SetMode::Set, Source::Inline(value));
            self.store.set(self.store.hash(&key), &key, args, NOW).unwrap();
            if number % 64 == 0 {
                self.store.maintain(NOW);
            }
        }
    }

    fn limit(&mut self, bytes: usize) {
        self.store.set_memory_limit(bytes).unwrap();
        while self.store.maintain(NOW) {}
    }

    fn resident_bytes(&self) -> u64 {
        resident_bytes().saturating_sub(self.empty)
    }

    /// What is counted is what the kernel says, and within the limit.
    fn check(&self, when: &str) {
        let (resident, stats) = (self.resident_bytes(), self.store.stats());
        println!("{when}: {resident} bytes resident, {stats:?}");
        assert!(stats.memory_bytes <= stats.limit_bytes && !self.store.is_shrinking(), "{when}");
        assert!(resident < stats.memory_bytes + SLACK_BYTES, "{when}: {resident} of {} bytes", stats.memory_bytes);
    }
}

/// A limit lowered by `cache_memlimit` is worth something only if the machine gets the memory back: that of pages, of
/// the index and of the ghosts, more than once.
#[test]
fn a_lowered_limit_gives_memory_back_to_the_kernel() {
    let empty = resident_bytes();
    let store = Store::new(StoreConfig::new(HIGH), RandomState::with_seeds(1, 2, 3, 4)).unwrap();
    let mut measured = Measured { store, empty };
    for round in ["first", "second"] {
        // More than there is room for, so that there are ghosts.
        measured.fill(150_000, &[7; 900]);
        measured.check(round);
        assert!(measured.resident_bytes() > 85 << 20, "{round}: {} bytes resident", measured.resident_bytes());
        assert!(measured.store.stats().evictions > 0);
        measured.limit(LOW);
        measured.check(round);
        assert!(measured.store.stats().items > 20_000, "{:?}", measured.store.stats());
        measured.fill(120_000, &[7; 900]);
        measured.check(round);
        measured.limit(HIGH);
    }
    // Small items make the index grow; it gives its memory back when it is emptied.
    measured.store.flush_all();
    measured.fill(2_000_000, b"");
    measured.check("small items");
    let index_bytes = measured.store.stats().index_bytes;
    measured.store.flush_all();
    while measured.store.maintain(NOW) {}
    measured.check("flushed");
    assert!(index_bytes > 12 << 20 && measured.store.stats().index_bytes < 1 << 20, "{index_bytes} bytes of index");
    measured.limit(LOW);
    measured.check("flushed and lowered");
    assert!(measured.resident_bytes() < LOW as u64 + SLACK_BYTES);
}
