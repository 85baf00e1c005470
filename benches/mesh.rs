//! The way to another shard and back: nanoseconds per forwarded `get`, over the routers that the server uses.
//!
//! Two routers on two pinned threads, neither of which sleeps. `forwarded` keeps several batches under way, as a busy
//! turn does: what a request costs beyond its own shard, the owner's work on it included. `round-trip` sends one batch
//! and waits for it: how long a client's request is delayed by being another shard's.
//!
//! What crosses is cache lines, so the figures follow the distance between the two cores: siblings of one core, one
//! shared cache, or none. A virtual machine may be moved from one to another between two runs.
//!
//! `cargo bench --bench mesh`; with fewer than two cores to run on, it measures nothing and says so.

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringcached::clock::{Clock, Exptime, Now};
use ringcached::command::{Op, Payload, Reply, Request, Store};
use ringcached::router::{
    Answer, BATCH_ENTRIES_MAX, BATCHES_PER_PEER, Doorbell, Errand, KeyHasher, Mesh, Router, mesh,
};
use ringcached::server::ring::eventfd;
use ringcached::shard::Shard;
use ringcached::storage::StoreConfig;

/// The shard that asks, and the one that owns the keys.
const HOME: usize = 0;
const OWNER: usize = 1;
/// Few enough to stay in the owner's caches: it is the mesh that is measured.
const KEYS: usize = 1024;
const VALUE: &[u8] = &[7; 32];
const BATCH_SIZES: [usize; 3] = [1, 16, 64];
/// Batches under way at a time in `forwarded`.
const WINDOW: usize = BATCHES_PER_PEER / 2;

const _: () = assert!(BATCH_SIZES[2] <= BATCH_ENTRIES_MAX, "what is published at once is one batch");

/// What the home attaches to a request; the server's ticket is of this size.
type Ticket = [u32; 4];

fn router(mesh: Mesh<Ticket>, hasher: &KeyHasher) -> Router<Ticket> {
    let config = StoreConfig::new(16 << 20);
    Router::new(Shard::new(config, hasher).expect("a shard"), mesh)
}

/// The home's end, and the owner running on a thread of its own until this is dropped.
struct Pair {
    home: Router<Ticket>,
    keys: Vec<(u64, Vec<u8>)>,
    stop: Arc<AtomicBool>,
    owner: Option<thread::JoinHandle<()>>,
}

impl Pair {
    fn start(home_core: CoreId, owner_core: CoreId) -> Self {
        let hasher = KeyHasher::default();
        let bells: Vec<_> = (0..2).map(|_| Arc::new(Doorbell::new(eventfd().expect("an event descriptor")))).collect();
        let mut ends = mesh(&bells);
        let (owner_end, home_end) = (ends.pop().expect("two ends"), ends.pop().expect("two ends"));
        let stop = Arc::new(AtomicBool::new(false));
        let now = Clock::start().now();
        let owner = thread::spawn({
            let (hasher, stop) = (hasher.clone(), stop.clone());
            move || serve(router(owner_end, &hasher), owner_core, now, &stop)
        });
        assert!(core_affinity::set_for_current(home_core), "pinning to {home_core:?}");
        let home = router(home_end, &hasher);
        assert_eq!(home.own(), HOME);
        let keys = (0..)
            .map(|number: u64| format!("key:{number:012}").into_bytes())
            .map(|key| (hasher.hash(&key), key))
            .filter(|(hash, _)| home.owner(*hash) == OWNER)
            .take(KEYS)
            .collect();
        let mut pair = Pair { home, keys, stop, owner: Some(owner) };
        let store = Store::set(Exptime(0), Payload::Inline(VALUE));
        pair.exchange(KEYS / 64, 64, 1, Op::Store(store), |reply| matches!(reply, Reply::Stored { .. }));
        pair
    }

    /// Sends `batches` of `size` requests each, at most `window` of them under way at once. Returns how long it
    /// took until all had come back.
    fn exchange(
        &mut self,
        batches: usize,
        size: usize,
        window: usize,
        op: Op<'_>,
        is_good: impl Fn(&Reply<'_>) -> bool,
    ) -> Duration {
        let Pair { home, keys, .. } = self;
        let mut keys = keys.iter().cycle();
        let mut answered = 0;
        let started = Instant::now();
        for _ in 0..batches {
            while home.under_way() >= window {
                answered += take_replies(home, &is_good);
            }
            for place in 0..size as u32 {
                let (hash, key) = keys.next().expect("it cycles");
                let errand = Errand::Request(Request { hash: *hash, key, op }, &[]);
                home.forward(OWNER, [place; 4], &errand).expect("the window is below the mesh's bound");
            }
            home.publish();
        }
        while home.under_way() > 0 {
            answered += take_replies(home, &is_good);
        }
        let took = started.elapsed();
        assert_eq!(answered, batches * size, "every request is answered");
        took
    }

    fn gets(&mut self, batches: u64, size: usize, window: usize) -> Duration {
        self.exchange(batches as usize, size, window, Op::Get, |reply| matches!(reply, Reply::Hit(_)))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(owner) = self.owner.take() {
            owner.join().expect("the owner's thread");
        }
    }
}

/// The owner's loop: a server's turn without connections, which never sleeps.
fn serve(mut owner: Router<Ticket>, core: CoreId, now: Now, stop: &AtomicBool) {
    assert!(core_affinity::set_for_current(core), "pinning to {core:?}");
    while !stop.load(Ordering::Relaxed) {
        owner.take_requests();
        if owner.serve::<()>(&mut (), now) {
            owner.publish();
        } else {
            spin_loop();
        }
    }
}

/// Reads what has come back, once. Returns how many answers that were.
fn take_replies(home: &mut Router<Ticket>, is_good: impl Fn(&Reply<'_>) -> bool) -> usize {
    let Some((owner, batch)) = home.take_reply() else {
        spin_loop();
        return 0;
    };
    for (ticket, answer) in batch.answers() {
        let Answer::Reply(key, _, reply) = answer else { panic!("{answer:?}") };
        assert!(is_good(&reply), "{reply:?}");
        black_box((ticket, key, reply));
    }
    let answers = batch.len();
    home.reuse(owner, batch);
    answers
}

fn forwarding(criterion: &mut Criterion) {
    let Some([home_core, owner_core]) = core_affinity::get_core_ids().as_deref().and_then(<[_]>::first_chunk).copied()
    else {
        println!("mesh: not measured, it takes two cores");
        return;
    };
    let mut pair = Pair::start(home_core, owner_core);
    for (name, window) in [("forwarded", WINDOW), ("round-trip", 1)] {
        let mut group = criterion.benchmark_group(name);
        for size in BATCH_SIZES {
            group.throughput(Throughput::Elements(size as u64));
            group.bench_function(BenchmarkId::new("batch", size), |bencher| {
                bencher.iter_custom(|batches| pair.gets(batches, size, window));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, forwarding);
criterion_main!(benches);
