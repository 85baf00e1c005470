//! How long a command waits for the store as it grows to 50 million small items, changes its mind about sizes, and is
//! given less and more memory: nobody may wait longer than a millisecond.
//!
//! One store, driven as a server's turn does it: a few sets, then `Store::maintain`. Every set and every step of
//! maintenance is timed by the thread's CPU time, in which the kernel's page faults count and other processes do not,
//! and recorded in a histogram. Reading that clock costs some 0.3 µs, which the figures include.
//!
//! Sets take no extent from the kernel: a thread of its own has them ready, as in the server, or steps of maintenance do
//! (`GROWTH_BENCH_POPULATOR=off`, which is how a store works that has nobody to do it). Who takes an extent waits for the
//! kernel, and on a virtual machine the kernel for its host, which has to back the guest's memory: 5 ms for 2 MiB were
//! seen. So it is measured what the kernel alone takes for such an extent, without a store; and with
//! `GROWTH_BENCH_FRESH=on` the memory that the store will have is not touched before, so that the host may not have backed
//! it yet. The thread with the store is pinned to the last core and the other to the rest, if there are any: otherwise they
//! share, and what the thread takes is in nobody's CPU time. Waits of more than a millisecond are counted by their
//! cause: the store took an extent; a 4 KiB page, mostly of the heap, was touched for the first time; or neither, so that the
//! kernel was asked for no memory: mostly an interrupt, or the host ran something else.
//!
//! `cargo bench --bench growth` takes 4.3 GB and some minutes; `GROWTH_BENCH_ITEMS` sets another number of items.
//! Under `cargo test` it is run once at a small size and fails only if it does not work.
//!
//! `unsafe`: asking the kernel for memory by system calls.
#![allow(unsafe_code)]

use std::env;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ahash::RandomState;
use hdrhistogram::Histogram;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use ringcached::clock::{Clock, Seconds};
use ringcached::shard::{Populator, PopulatorPort};
use ringcached::storage::{SetArgs, SetMode, Source, Store, StoreConfig};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

const ITEMS: u64 = 50_000_000;
const ITEMS_IN_TEST: u64 = 200_000;
/// Memory for an item of 16 + 32 bytes, index and all.
const BYTES_PER_ITEM: u64 = 84;
/// Sets between two steps of maintenance: a turn of a busy server.
const SETS_PER_TURN: u64 = 64;
const WAIT_NANOS_MAX: u64 = 1_000_000;
/// What the kernel hands over at a time, and how many of these it is asked for to see how long that takes.
const EXTENT_BYTES: usize = 2 << 20;
const EXTENTS: usize = 32;
/// The least that a store takes at a time: a page that had been given back.
const EXTENT_BYTES_MIN: usize = 64 << 10;
const SMALL: [u8; 32] = [7; 32];
const BIG: [u8; 1000] = [7; 1000];

fn cpu_nanos() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).expect("Linux has this clock");
    time.as_nanos() as u64
}

/// What the kernel says this process has; 0 if it does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10
}

fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

/// Prints how long the kernel alone takes to hand over extents, and the same ones again after they were given back.
fn print_kernel_alone(when: &str) {
    let bytes = NonZeroUsize::new((EXTENTS + 1) * EXTENT_BYTES).expect("not zero");
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no existing memory.
    let mapping = unsafe { mmap_anonymous(None, bytes, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags) };
    let mapping = mapping.expect("addresses");
    let lead_bytes = mapping.addr().get().next_multiple_of(EXTENT_BYTES) - mapping.addr().get();
    let advise = |number: usize, advice| {
        // SAFETY: the mapping is one extent longer than all extents. Nobody refers to it.
        unsafe { madvise(mapping.byte_add(lead_bytes + number * EXTENT_BYTES), EXTENT_BYTES, advice) }
    };
    let hand_over = || {
        let mut nanos: Vec<u64> = (0..EXTENTS)
            .map(|number| {
                // Kernels without these leave the memory to its first touch, and the figures say nothing.
                let _ = advise(number, MmapAdvise::MADV_HUGEPAGE);
                let before = cpu_nanos();
                let _ = advise(number, MmapAdvise::MADV_POPULATE_WRITE);
                cpu_nanos() - before
            })
            .collect();
        nanos.sort_unstable();
        let over = nanos.iter().filter(|&&nanos| nanos > WAIT_NANOS_MAX).count();
        format!(
            "p50 {:.0} max {:.0} µs, {over} of {EXTENTS} over 1 ms",
            micros(nanos[EXTENTS / 2]),
            micros(nanos[EXTENTS - 1])
        )
    };
    let first = hand_over();
    for number in 0..EXTENTS {
        advise(number, MmapAdvise::MADV_DONTNEED).expect("memory goes back");
    }
    println!("the kernel alone, {when}: 2 MiB in {first}; the same again in {}", hand_over());
    // SAFETY: the mapping made above.
    unsafe { munmap(mapping, bytes.get()) }.expect("addresses go back");
}

/// How often the kernel gave this thread a page.
fn page_faults() -> i64 {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| usage.minor_page_faults())
}

/// How many waited longer than a millisecond, by cause.
#[derive(Default)]
struct Over {
    extents: u64,
    faults: u64,
    neither: u64,
}

/// Why somebody waited.
#[derive(Clone, Copy)]
enum Cause {
    Extent,
    Faults,
    Neither,
}

fn count(over: &mut Over, cause: Option<Cause>) {
    match cause {
        Some(Cause::Extent) => over.extents += 1,
        Some(Cause::Faults) => over.faults += 1,
        Some(Cause::Neither) => over.neither += 1,
        None => {}
    }
}

impl Over {
    fn report(&self, what: &str) {
        let Over { extents, faults, neither } = self;
        println!(
            "waits of more than 1 ms: {} of {what}, {extents} for an extent, {faults} with page faults, {neither} with neither",
            extents + faults + neither
        );
    }
}

/// What the populator has been asked to populate.
static PIECES: AtomicU64 = AtomicU64::new(0);

/// CPU time of all threads but this one.
fn others_cpu() -> Duration {
    let cpu = |who| {
        let usage = getrusage(who).expect("Linux says");
        let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
        (micros(usage.user_time()) + micros(usage.system_time())) as u64
    };
    Duration::from_micros(cpu(UsageWho::RUSAGE_SELF).saturating_sub(cpu(UsageWho::RUSAGE_THREAD)))
}

/// Starts the thread that has the kernel hand memory over, on all cores but the last.
fn start_populator() -> PopulatorPort {
    let (populator, mut ports) = Populator::new(1);
    let thread = thread::spawn(move || {
        let mut cores = sched_getaffinity(None).expect("Linux says");
        let last = (0..CpuSet::MAX_CPU).rev().find(|&core| cores.is_set(core)).expect("a core");
        if cores.count() > 1 {
            cores.unset(last);
            sched_setaffinity(None, &cores).expect("cores that are allowed");
        }
        populator.run(|_| {
            PIECES.fetch_add(1, Ordering::Relaxed);
        });
    });
    ports.remove(0).wakes(thread.thread())
}

/// Keeps this thread to the last core that it may use.
fn pin() {
    let cores = sched_getaffinity(None).expect("Linux says");
    let last = (0..CpuSet::MAX_CPU).rev().find(|&core| cores.is_set(core)).expect("a core");
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one).expect("a core that is allowed");
}

struct Bench {
    store: Store,
    populator: Option<PopulatorPort>,
    clock: Clock,
    now: Seconds,
    next: u64,
    sets: Histogram<u64>,
    steps: Histogram<u64>,
    sets_over: Over,
    steps_over: Over,
    orders_over: Over,
    /// How much took longer than that by the clock on the wall, whatever the thread waited for, and the longest of it.
    long_count: u64,
    long_max: Duration,
    /// Memory of the store when the turn began, or after the last wait that was too long.
    memory_bytes: usize,
}

impl Bench {
    fn new(limit_bytes: u64, populator: Option<PopulatorPort>) -> Self {
        let histogram = || Histogram::new(3).expect("three digits are few enough");
        let store = Store::new(StoreConfig::new(limit_bytes as usize), RandomState::with_seeds(1, 2, 3, 4));
        let mut store = store.expect("a store");
        store.set_populated_elsewhere(populator.is_some());
        let clock = Clock::start();
        Bench {
            store,
            populator,
            clock,
            now: clock.now().seconds,
            next: 0,
            sets: histogram(),
            steps: histogram(),
            sets_over: Over::default(),
            steps_over: Over::default(),
            orders_over: Over::default(),
            long_count: 0,
            long_max: Duration::ZERO,
            memory_bytes: 0,
        }
    }

    fn set(&mut self, value: &[u8]) {
        let key = key(self.next);
        self.next += 1;
        let hash = self.store.hash(&key);
        let args = SetArgs::new(SetMode::Set, Source::Inline(value));
        let now = self.now;
        let (stored, nanos, over) = self.timed(|store| store.set(hash, &key, args, now));
        stored.expect("room");
        self.sets.record(nanos).expect("an hour is far");
        count(&mut self.sets_over, over);
    }

    /// How long something took, and if it was too long, why.
    fn timed<T>(&mut self, run: impl FnOnce(&mut Store) -> T) -> (T, u64, Option<Cause>) {
        let faults = page_faults();
        let begun = Instant::now();
        let before = cpu_nanos();
        let done = run(&mut self.store);
        let nanos = cpu_nanos() - before;
        let lasted = begun.elapsed();
        if lasted.as_nanos() as u64 > WAIT_NANOS_MAX {
            self.long_count += 1;
            self.long_max = self.long_max.max(lasted);
        }
        if nanos <= WAIT_NANOS_MAX {
            return (done, nanos, None);
        }
        let memory_bytes = std::mem::replace(&mut self.memory_bytes, self.store.memory().sum_bytes());
        let cause = match () {
            () if self.memory_bytes >= memory_bytes + EXTENT_BYTES_MIN => Cause::Extent,
            () if page_faults() > faults => Cause::Faults,
            () => Cause::Neither,
        };
        (done, nanos, Some(cause))
    }

    fn maintain(&mut self) -> bool {
        let (mut populator, now) = (self.populator.take(), self.now);
        let (more, nanos, over) = self.timed(|store| {
            let more = store.maintain(now);
            if let Some(populator) = &mut populator {
                populator.exchange(store, now);
            }
            more
        });
        self.populator = populator;
        self.steps.record(nanos).expect("an hour is far");
        count(&mut self.steps_over, over);
        more
    }

    fn turn(&mut self, value: &[u8]) -> bool {
        self.memory_bytes = self.store.memory().sum_bytes();
        self.now = self.clock.now().seconds;
        for _ in 0..SETS_PER_TURN {
            self.set(value);
        }
        self.maintain()
    }

    fn turns(&mut self, sets: u64, value: &[u8]) {
        for _ in 0..sets.div_ceil(SETS_PER_TURN) {
            self.turn(value);
        }
    }

    /// One command that is not a set.
    fn order<T>(&mut self, order: impl FnOnce(&mut Store) -> T) -> (T, u64) {
        let (done, nanos, over) = self.timed(order);
        count(&mut self.orders_over, over);
        (done, nanos)
    }

    fn report(&mut self, phase: &str) {
        let of = |histogram: &Histogram<u64>| {
            let at = |percentile| micros(histogram.value_at_percentile(percentile));
            format!("{:8.1} {:8.1} {:8.1} {:8.1}", at(50.0), at(99.0), at(99.99), micros(histogram.max()))
        };
        let stats = self.store.stats();
        println!(
            "{phase:<22} {:>11} {} |{} | {:>6} MB {:>6} MB",
            stats.items,
            of(&self.sets),
            of(&self.steps),
            stats.memory_bytes >> 20,
            resident_bytes() >> 20
        );
        self.sets.reset();
        self.steps.reset();
    }
}

fn main() {
    // `cargo bench` says so; `cargo test --benches` does not.
    let is_measured = env::args().any(|arg| arg == "--bench");
    let asked = env::var("GROWTH_BENCH_ITEMS").ok().and_then(|items| items.parse().ok());
    let items = if is_measured { asked.unwrap_or(ITEMS) } else { ITEMS_IN_TEST };
    let limit_bytes = (items * BYTES_PER_ITEM).max(16 << 20);
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|set| set == value);
    let populator = if is("GROWTH_BENCH_POPULATOR", "off") { None } else { Some(start_populator()) };
    if is_measured {
        pin();
    }
    println!("memory is populated {}", if populator.is_some() { "by a thread of its own" } else { "by maintenance" });
    print_kernel_alone("at first");
    if !is("GROWTH_BENCH_FRESH", "on") {
        drop(std::hint::black_box(vec![1u8; limit_bytes as usize + limit_bytes as usize / 8]));
        print_kernel_alone("after as much memory was touched as the store will have");
    }
    let mut bench = Bench::new(limit_bytes, populator);
    println!(
        "µs of CPU time            items    sets: p50      p99   p99.99      max |steps: p50    p99   p99.99      max |   counted  resident"
    );
    bench.turns(items, &SMALL);
    bench.report("grow");
    bench.turns(items / 4 + items / 10, &SMALL);
    bench.report("evict");
    bench.turns(items / 40, &BIG);
    bench.report("another size");

    let half = limit_bytes as usize / 2;
    let (lowered, nanos) = bench.order(|store| store.set_memory_limit(half));
    lowered.expect("half of it is enough");
    println!("the limit is lowered to {} MB in {} µs", half >> 20, nanos / 1000);
    while bench.turn(&SMALL) || bench.store.is_shrinking() {}
    bench.report("shrink");
    let resident = resident_bytes() >> 20;
    let (raised, nanos) = bench.order(|store| store.set_memory_limit(limit_bytes as usize * 2));
    raised.expect("addresses are reserved for more");
    println!(
        "the limit is raised to {} MB in {} µs; before, {} MB are resident",
        limit_bytes >> 19,
        nanos / 1000,
        resident
    );
    bench.turns(items / 2, &SMALL);
    bench.report("grow again");
    let ((), nanos) = bench.order(Store::flush_all);
    println!("everything is flushed in {} µs; {} MB are resident", nanos / 1000, resident_bytes() >> 20);
    bench.turns(items / 20, &SMALL);
    bench.report("fill after the flush");
    print_kernel_alone("at last");
    bench.sets_over.report("sets");
    bench.steps_over.report("steps of maintenance");
    bench.orders_over.report("orders");
    let pieces = PIECES.load(Ordering::Relaxed);
    println!("the thread populated {pieces} pieces in {:.0} ms of CPU time", others_cpu().as_secs_f64() * 1e3);
    println!(
        "by the clock on the wall {} of all these took more than 1 ms, the longest {:.1} ms",
        bench.long_count,
        bench.long_max.as_secs_f64() * 1e3
    );
}
