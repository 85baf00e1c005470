//! What a shard answers and counts where memcached has a say in it. Each sequence was tried on memcached 1.6.18 unless
//! it says otherwise.

use super::*;
use crate::clock::{Exptime, Now, Seconds};
use crate::command::{
    Arithmetic, ArithmeticMode, CasCheck, Delete, Hit, Initial, ItemInfo, MetaGet, Number, Op, Payload, Reply, Request,
    Store, StoreMode, Touch, Value,
};

struct World {
    hasher: KeyHasher,
    shard: Shard,
    now: Now,
}

impl World {
    fn new() -> Self {
        let hasher = KeyHasher::default();
        let shard = Shard::small(&hasher);
        World { hasher, shard, now: Now { seconds: Seconds(100), epoch_unix: 1_700_000_000 } }
    }

    fn ask(&mut self, key: &str, op: Op<'_>) -> Reply<'_> {
        let request = Request { hash: self.hasher.hash(key.as_bytes()), key: key.as_bytes(), op };
        self.shard.execute(&request, self.now)
    }

    fn set(&mut self, key: &str, value: &str) -> u64 {
        self.store(key, Store::set(Exptime(0), Payload::Inline(value.as_bytes())))
    }

    /// The CAS number of what is stored.
    fn store(&mut self, key: &str, store: Store<'_>) -> u64 {
        let store = Store { with_cas: true, ..store };
        let Reply::Stored { cas, .. } = self.ask(key, Op::Store(store)) else { panic!("{key} is not stored") };
        cas
    }

    fn hit(&mut self, key: &str, get: MetaGet) -> Hit<'_> {
        let get = MetaGet { with_cas: true, ..get };
        let Reply::Hit(hit) = self.ask(key, Op::MetaGet(get)) else { panic!("{key} is not found") };
        hit
    }

    /// W, X, Z as memcached answers them.
    fn marks(&mut self, key: &str, get: MetaGet) -> String {
        let hit = self.hit(key, get);
        [(hit.won, 'W'), (hit.stale, 'X'), (hit.token_sent, 'Z')]
            .into_iter()
            .filter_map(|(is_set, mark)| is_set.then_some(mark))
            .collect()
    }

    fn number(&mut self, key: &str, arithmetic: Arithmetic) -> Number {
        let arithmetic = Arithmetic { with_cas: true, ..arithmetic };
        let Reply::Number(number) = self.ask(key, Op::Arithmetic(arithmetic)) else { panic!("{key} is no number") };
        number
    }

    fn counters(&self) -> Counters {
        self.shard.stats().counters
    }
}

fn get() -> MetaGet {
    MetaGet::default()
}

fn by(delta: u64) -> Arithmetic {
    Arithmetic::by(ArithmeticMode::Increment, delta)
}

fn stale() -> Op<'static> {
    Op::Delete(Delete { invalidate: true, is_meta: true, ..Delete::default() })
}

#[test]
fn of_a_stale_item_s_readers_the_first_wins() {
    let mut world = World::new();
    let old = world.set("k", "v");
    assert_eq!(world.marks("k", get()), "");
    assert!(matches!(world.ask("k", stale()), Reply::Deleted));
    let hit = world.hit("k", get());
    assert!(hit.won && hit.stale && !hit.token_sent && hit.cas > old);
    assert_eq!(world.marks("k", get()), "XZ");
    assert!(matches!(world.ask("k", stale()), Reply::Deleted));
    assert_eq!(world.marks("k", get()), "WX");
    world.set("k", "new");
    assert_eq!(world.marks("k", get()), "");
}

#[test]
fn an_item_with_little_time_left_is_recached_by_one_reader() {
    let mut world = World::new();
    let soon = |seconds| MetaGet { recache_below_seconds: Some(seconds), ..get() };
    world.set("forever", "v");
    assert_eq!(world.marks("forever", soon(30)), "");
    world.store("k", Store::set(Exptime(30), Payload::Inline(b"v")));
    assert_eq!([soon(0), soon(30), soon(-1)].map(|get| world.marks("k", get)), ["", "", ""]);
    assert_eq!(world.marks("k", soon(31)), "W");
    assert_eq!([soon(31), soon(0)].map(|get| world.marks("k", get)), ["Z", "Z"]);
    world.store("k", Store::set(Exptime(30), Payload::Inline(b"v")));
    let touched = MetaGet { touch: Some(Exptime(90)), ..soon(60) };
    assert_eq!(world.marks("k", touched), "");
    world.store("k", Store::set(Exptime(30), Payload::Inline(b"v")));
    assert_eq!(world.marks("k", MetaGet { recache_before_touch: true, ..touched }), "W");
}

#[test]
fn a_read_that_creates_wins_and_fetches() {
    let mut world = World::new();
    let vivify = MetaGet { vivify: Some(Exptime(30)), new_cas: Some(77), binary_key: true, ..get() };
    let before = MetaGet { ttl_before_touch: true, ..vivify };
    assert_eq!(world.hit("t first", before).ttl_seconds, None);
    let hit = world.hit("k", vivify);
    assert!(hit.won && !hit.token_sent && hit.binary_key && hit.value.is_empty());
    assert_eq!((hit.ttl_seconds, hit.cas, hit.fetched), (Some(30), 77, false));
    let hit = world.hit("k", vivify);
    assert!(!hit.won && hit.token_sent && hit.fetched);
    let counters = world.counters();
    assert_eq!((counters.cmd_get, counters.get_hits, counters.cmd_set, counters.cmd_meta), (3, 3, 0, 0));
}

#[test]
fn a_lower_cas_number_may_store_what_is_stale() {
    let mut world = World::new();
    let cas = |number, invalidate| Store {
        cas: CasCheck::Equals(number),
        invalidate,
        ..Store::set(Exptime(0), Payload::Inline(b"late"))
    };
    let first = world.store("k", Store::set(Exptime(50), Payload::Inline(b"v")));
    assert!(matches!(world.ask("k", Op::Store(cas(first - 1, false))), Reply::Exists));
    assert!(matches!(world.ask("k", Op::Store(cas(first + 1, true))), Reply::Exists));
    world.ask("k", stale());
    assert_eq!(world.marks("k", get()), "WX");
    let second = world.store("k", cas(first, true));
    let hit = world.hit("k", get());
    assert!(hit.stale && hit.token_sent && !hit.won && matches!(hit.value, Value::Inline(b"late")));
    assert_eq!((hit.ttl_seconds, hit.cas), (Some(50), second), "the deadline is the old one's");
    world.store("k", cas(second, true));
    assert_eq!(world.marks("k", get()), "");
    assert!(matches!(world.ask("k", Op::Store(cas(0, true))), Reply::Exists));
    assert!(matches!(world.ask("none", Op::Store(cas(1, true))), Reply::NotFound));
    let counters = world.counters();
    assert_eq!((counters.cas_hits, counters.cas_badval, counters.cas_misses, counters.cmd_set), (2, 3, 1, 7));
}

#[test]
fn who_does_not_ask_for_a_number_gives_none() {
    let mut world = World::new();
    let quiet = Store::set(Exptime(0), Payload::Inline(b"1"));
    let to = |exptime, with_cas| Touch { exptime: Exptime(exptime), with_cas };
    for op in [
        Op::Store(quiet),
        Op::Get,
        Op::GetAndTouch(to(30, false)),
        Op::Touch(to(0, false)),
        Op::MetaGet(get()),
        Op::Arithmetic(by(1)),
        stale(),
        Op::Store(Store { mode: StoreMode::Append, ..quiet }),
    ] {
        let replied = match world.ask("k", op) {
            Reply::Stored { cas, .. } | Reply::Touched { cas, .. } => cas,
            Reply::Hit(hit) => hit.cas,
            Reply::Number(number) => number.cas,
            Reply::Deleted => 0,
            reply => panic!("{reply:?}"),
        };
        assert_eq!(replied, 0, "{op:?}");
    }
    let mut told = 0;
    // Each asks for it where nobody has so far.
    for op in [
        Op::Gets,
        Op::GetAndTouch(to(30, true)),
        Op::Touch(to(0, true)),
        Op::MetaGet(MetaGet { with_cas: true, ..get() }),
        Op::Arithmetic(Arithmetic { with_cas: true, ..by(1) }),
        Op::Store(Store { with_cas: true, mode: StoreMode::Append, ..quiet }),
        Op::Debug,
    ] {
        world.ask("k", Op::Delete(Delete::default()));
        world.ask("k", Op::Store(quiet));
        let cas = match world.ask("k", op) {
            Reply::Stored { cas, .. } | Reply::Touched { cas, .. } => cas,
            Reply::Hit(hit) => hit.cas,
            Reply::Number(number) => number.cas,
            Reply::Debug(info) => info.cas,
            reply => panic!("{reply:?}"),
        };
        assert!(cas > told, "{op:?}");
        told = cas;
        let equal = Store { cas: CasCheck::Equals(cas), ..quiet };
        assert!(matches!(world.ask("k", Op::Store(equal)), Reply::Stored { .. }), "{op:?}");
        assert!(matches!(world.ask("k", Op::Store(equal)), Reply::Exists), "{op:?}");
        told += 1;
    }
}

#[test]
fn an_explicit_cas_number_does_not_move_the_counter() {
    let mut world = World::new();
    let first = world.set("a", "1");
    let with = |new_cas| Store { new_cas: Some(new_cas), ..Store::set(Exptime(0), Payload::Inline(b"1")) };
    assert_eq!(world.store("b", with(1 << 60)), 1 << 60);
    assert_eq!(world.number("b", Arithmetic { new_cas: Some(9), ..by(1) }).cas, 9);
    let delete = Delete { invalidate: true, new_cas: Some(8), ..Delete::default() };
    world.ask("b", Op::Delete(delete));
    assert_eq!(world.hit("b", get()).cas, 8);
    assert_eq!(world.set("c", "1"), first + 1);
    world.shard.flush_all(Exptime(0), world.now);
    assert_eq!(world.set("c", "1"), first + 2, "nor does a flush reset it");
}

/// Not known to memcached 1.6.18.
#[test]
fn a_cleared_item_stays_under_its_cas_number() {
    let mut world = World::new();
    let store = Store { flags: 7, binary_key: true, ..Store::set(Exptime(50), Payload::Inline(b"v")) };
    let cas = world.store("k", store);
    let clear = Delete { clear_value: true, is_meta: true, ..Delete::default() };
    assert!(matches!(world.ask("k", Op::Delete(clear)), Reply::Deleted));
    let hit = world.hit("k", get());
    assert!(hit.value.is_empty() && hit.binary_key && !hit.stale && !hit.fetched);
    assert_eq!((hit.flags, hit.cas, hit.ttl_seconds), (0, cas, None));
    let both = Delete { invalidate: true, touch: Some(Exptime(9)), ..clear };
    assert!(matches!(world.ask("k", Op::Delete(both)), Reply::Deleted));
    let hit = world.hit("k", get());
    assert!(hit.stale && hit.won && hit.cas > cas);
    assert_eq!(hit.ttl_seconds, Some(9));
    assert_eq!(world.counters().delete_hits, 1, "what is only marked is not counted");
}

#[test]
fn arithmetic_compares_creates_and_touches() {
    let mut world = World::new();
    let create = Arithmetic { initial: Some(Initial { value: 5, exptime: Exptime(0) }), ..by(1) };
    let number = world.number("n", create);
    assert_eq!((number.value, number.created, number.ttl_seconds), (5, true, None));
    assert!(matches!(
        world.ask("n", Op::Arithmetic(Arithmetic { cas: CasCheck::Equals(1 << 40), ..by(1) })),
        Reply::Exists
    ));
    let same = Arithmetic { cas: CasCheck::Equals(number.cas), touch: Some(Exptime(60)), ..by(1) };
    let touched = world.number("n", Arithmetic { ttl_before_touch: true, ..same });
    assert_eq!((touched.value, touched.created, touched.ttl_seconds), (6, false, None));
    let zero = Arithmetic { cas: CasCheck::Equals(0), ..by(1) };
    assert_eq!((world.number("n", zero).value, world.number("n", zero).ttl_seconds), (7, Some(60)));
    // A number that stays as long is written where it is: the item stays stale. A longer one is a new item.
    world.ask("n", stale());
    world.number("n", by(1));
    assert_eq!(world.marks("n", get()), "WX");
    world.number("n", by(90_000));
    assert_eq!(world.marks("n", get()), "");
    // Empty values are judged before the CAS number.
    world.set("empty", "");
    assert!(matches!(
        world.ask("empty", Op::Arithmetic(Arithmetic { cas: CasCheck::Equals(1), ..by(1) })),
        Reply::NonNumeric
    ));
    world.ask("missing", Op::Arithmetic(by(1)));
    let counters = world.counters();
    assert_eq!((counters.incr_hits, counters.incr_misses, counters.cmd_set), (5, 1, 1));
}

#[test]
fn the_last_access_is_noted_and_told() {
    let mut world = World::new();
    for exptime in [Exptime(0), Exptime(1000)] {
        world.store("k", Store::set(exptime, Payload::Inline(b"v")));
        let start = world.now.seconds.0;
        for (after, idle, no_bump) in
            [(10, 10, false), (59, 59, false), (70, 70, true), (70, 70, false), (75, 5, false)]
        {
            world.now.seconds = Seconds(start + after);
            assert_eq!(world.hit("k", MetaGet { no_bump, ..get() }).idle_seconds, idle, "{exptime:?} after {after}");
        }
    }
}

/// An item that never expired has no room for a deadline: it moves, whole.
#[test]
fn a_touched_item_keeps_everything_else() {
    let mut world = World::new();
    for len in 0..40 {
        let value = "v".repeat(len);
        let store = Store { flags: 9, binary_key: true, ..Store::set(Exptime(0), Payload::Inline(value.as_bytes())) };
        let cas = world.store("key", store);
        world.ask("key", stale());
        world.now.seconds.0 += 5;
        let hit = world.hit("key", MetaGet { touch: Some(Exptime(30)), ..get() });
        assert_eq!((hit.flags, hit.ttl_seconds, hit.idle_seconds, hit.fetched), (9, Some(30), 5, false));
        assert!(hit.stale && hit.won && hit.binary_key && hit.cas > cas);
        assert!(matches!(hit.value, Value::Inline(bytes) if bytes == value.as_bytes()));
        let hit = world.hit("key", MetaGet { touch: Some(Exptime(0)), ttl_before_touch: true, ..get() });
        assert_eq!((hit.ttl_seconds, hit.fetched, hit.token_sent), (Some(30), true, true));
        assert_eq!(world.hit("key", get()).ttl_seconds, None);
    }
    assert_eq!(world.shard.stats().total_items, 40, "a move is not another item");
}

#[test]
fn debugging_tells_what_memcached_would() {
    let mut world = World::new();
    assert!(matches!(world.ask("k", Op::Debug), Reply::Miss));
    world.store("k", Store { flags: 5, ..Store::set(Exptime(0), Payload::Inline(b"ab")) });
    world.now.seconds.0 += 3;
    let Reply::Debug(info) = world.ask("k", Op::Debug) else { panic!("not found") };
    let ItemInfo { ttl_seconds, idle_seconds, fetched, class, size_bytes, .. } = info;
    assert_eq!((ttl_seconds, idle_seconds, fetched, size_bytes), (None, 3, false, 59 + 1 + 2 + 4));
    assert_eq!(world.shard.class_commands()[usize::from(class) - 1].cmd_set, 1, "that class's");
    assert_eq!(world.counters().cmd_meta, 2);
}

#[test]
fn touches_are_no_gets() {
    let mut world = World::new();
    world.set("k", "v");
    world.ask("k", Op::GetAndTouch(Touch::to(Exptime(30))));
    world.ask("k", Op::Touch(Touch::to(Exptime(0))));
    world.hit("k", MetaGet { touch: Some(Exptime(9)), ..get() });
    world.ask("miss", Op::GetAndTouch(Touch::to(Exptime(30))));
    world.ask("miss", Op::Touch(Touch::to(Exptime(30))));
    world.ask("miss", Op::MetaGet(MetaGet { touch: Some(Exptime(9)), ..get() }));
    let counters = world.counters();
    assert_eq!((counters.cmd_touch, counters.touch_hits, counters.touch_misses), (5, 3, 2));
    assert_eq!((counters.cmd_get, counters.get_hits, counters.get_misses), (1, 0, 1));
    let md = |cas| Op::Delete(Delete { cas, is_meta: true, ..Delete::default() });
    world.ask("k", md(CasCheck::Equals(1 << 50)));
    world.ask("k", md(CasCheck::Any));
    assert_eq!((world.counters().delete_hits, world.counters().delete_misses), (1, 1));
    world.shard.reset_stats(world.now);
    assert_eq!(world.counters(), Counters::default());
}

#[test]
fn who_watches_sees_what_memcached_shows() {
    let mut world = World::new();
    world.set("before", "x");
    world.shard.observe(Streams::FETCHERS.and(Streams::MUTATIONS).and(Streams::DELETIONS));
    world.store("foo", Store::set(Exptime(100), Payload::Inline(b"x")));
    world.ask("foo", Op::Get);
    world.ask("foo", Op::Store(Store { mode: StoreMode::Add, ..Store::set(Exptime(0), Payload::Inline(b"x")) }));
    let cas = Store { cas: CasCheck::Equals(1), ..Store::set(Exptime(0), Payload::Inline(b"x")) };
    world.ask("foo", Op::Store(cas));
    world.ask("foo", Op::Store(Store { mode: StoreMode::Append, ..Store::set(Exptime(0), Payload::Inline(b"yz")) }));
    world.ask("num", Op::Arithmetic(Arithmetic { initial: Some(Initial { value: 7, exptime: Exptime(0) }), ..by(1) }));
    world.ask("foo", stale());
    world.ask("foo", Op::Delete(Delete::default()));
    world.ask("foo", Op::RefusedStore(StoreMode::Set));
    world.store("old", Store::set(Exptime(5), Payload::Inline(b"x")));
    world.now.seconds.0 += 5;
    world.ask("old", Op::Get);
    let taken = world.shard.take_observations();
    let lines: Vec<String> = taken
        .iter()
        .map(|record| {
            let (key, has_class, len) = (str::from_utf8(record.key).unwrap(), record.class > 0, record.value_len);
            let event = match record.event {
                Event::Fetched(status) => format!("get {key} {}", status.name()),
                Event::Stored { status, command, ttl_seconds } => {
                    format!("store {key} {} {command} {ttl_seconds}", status.name())
                }
                Event::Deleted { command } => format!("deleted {key} {command}"),
            };
            format!("{event} {len} {}", if has_class { "in a class" } else { "-" })
        })
        .collect();
    let expected = [
        "get foo not_found 0 -",
        "store foo stored set 100 1 in a class",
        "get foo found 1 in a class",
        "get foo found 1 in a class",
        "store foo not_stored add 0 1 in a class",
        "get foo found 1 in a class",
        "store foo exists cas 0 1 in a class",
        "get foo found 1 in a class",
        "store foo stored append 100 3 in a class",
        "get num not_found 0 -",
        "store num stored add 0 1 in a class",
        "get foo found 3 in a class",
        "get foo found 3 in a class",
        "deleted foo delete 3 in a class",
        "store foo too_large set 0 0 -",
        "get old not_found 0 -",
        "store old stored set 5 1 in a class",
        "get old expired 0 -",
    ];
    assert_eq!(lines, expected);
    world.shard.observe(Streams::NONE);
    world.ask("num", Op::Get);
    assert!(world.shard.take_observations().is_empty());
}

#[test]
fn prefixes_are_counted_while_it_is_on() {
    let mut world = World::new();
    world.set("a:before", "x");
    world.shard.count_prefixes(Some(b':'));
    world.set("a:b", "x");
    world.set("plain", "x");
    world.ask("a:b", Op::Get);
    world.ask("a:c", Op::Get);
    world.ask("a:b", Op::Arithmetic(by(1)));
    world.ask("a:c", Op::Delete(Delete::default()));
    world.ask("b:c", Op::RefusedStore(StoreMode::Add));
    world.shard.count_prefixes(None);
    world.ask("a:b", Op::Get);
    let counts = &world.shard.prefixes().counts;
    assert_eq!(counts.len(), 2);
    assert_eq!(counts[&b"a"[..]], PrefixCounts { get: 2, hit: 1, set: 1, del: 1 });
    assert_eq!(counts[&b"b"[..]], PrefixCounts { get: 0, hit: 0, set: 1, del: 0 });
    world.shard.reset_stats(world.now);
    assert!(world.shard.prefixes().counts.is_empty());
}

#[test]
fn a_delayed_flush_takes_effect_while_somebody_watches() {
    let mut world = World::new();
    world.set("k", "v");
    world.shard.observe(Streams::FETCHERS);
    world.shard.flush_all(Exptime(10), world.now);
    assert!(matches!(world.ask("k", Op::Get), Reply::Hit(_)));
    world.shard.observe(Streams::NONE);
    world.now.seconds.0 += 10;
    assert!(matches!(world.ask("k", Op::Get), Reply::Miss));
}

/// Whoever reads by `mg` alone was invisible: to the miss-ratio curve there were no reads, to the duel no evidence.
#[test]
fn meta_reads_are_reads_to_the_miss_ratio_curve() {
    let mut world = World::new();
    world.set("present", "value");
    let now = world.now.seconds;
    for (get, reads, misses) in [
        (get(), 2.0, 1.0),
        (MetaGet { no_bump: true, ..get() }, 2.0, 1.0),
        (MetaGet { touch: Some(Exptime(0)), ..get() }, 4.0, 2.0),
    ] {
        for key in ["present", "absent"] {
            world.ask(key, Op::MetaGet(get));
        }
        let curve = world.shard.store.miss_ratio_curve(now);
        assert_eq!((curve.reads, curve.misses), (reads, misses));
    }
}
