//! Dumps and watchers over three shards without rings.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::tests::{SHARDS, World};
use crate::protocol::memcache::errors;
use crate::server::answers::Outlet;
use crate::server::limits::OUTPUT_HIGH_BYTES;
use crate::server::limits::{DUMPS_MAX, WATCHERS_MAX};

/// Bytes that a slow reader takes at a time.
const SIP_BYTES: usize = 4 << 10;

impl World {
    /// Stores keys `<prefix><n>` with one byte each.
    fn store_many(&mut self, prefix: &str, numbers: std::ops::Range<usize>) {
        let number = self.connect();
        for chunk in numbers.collect::<Vec<_>>().chunks(200) {
            let sets: String = chunk.iter().map(|n| format!("set {prefix}{n} 0 0 1 noreply\r\nx\r\n")).collect();
            assert_eq!(self.feed(number, sets.as_bytes()), sets.len());
            self.exchange();
            self.output(number);
        }
        self.disconnect(number);
    }

    /// Turns until a connection's output ends so. Returns all of it.
    fn read_until(&mut self, number: u32, end: &str, mut meanwhile: impl FnMut(&mut World, usize)) -> String {
        let mut said = Vec::new();
        for turn in 0..100_000 {
            said.extend(self.output(number));
            if said.ends_with(end.as_bytes()) {
                return String::from_utf8(said).expect("text");
            }
            self.exchange();
            meanwhile(self, turn);
        }
        panic!("no {end:?} after {} bytes: {:?}", said.len(), &said[said.len().saturating_sub(100)..]);
    }

    fn dumps_under_way(&self) -> usize {
        self.dispatch.shared.dumps.load(Ordering::Relaxed)
    }
}

/// The keys of a metadump, none of which may stand twice.
fn dumped_keys(said: &str) -> HashSet<String> {
    let mut keys = HashSet::new();
    for line in said.strip_prefix("OK\r\n").expect("OK").strip_suffix("END\r\n").expect("END").lines() {
        let (key, rest) = line.strip_prefix("key=").and_then(|line| line.split_once(' ')).expect(line);
        assert!(rest.starts_with("exp=-1 la=") && rest.contains(" fetch=no cls="), "{line}");
        assert!(keys.insert(key.to_owned()), "{key} stands twice");
    }
    keys
}

#[test]
fn a_dump_lists_what_stays_of_all_shards_while_others_come_and_go() {
    let mut world = World::new();
    world.store_many("stays", 0..20_000);
    world.store_many("goes", 0..500);
    let (number, writer) = (world.connect(), world.connect());
    world.feed(number, b"lru_crawler metadump all\r\n");
    let mut written = 0;
    let said = world.read_until(number, "END\r\n", |world, turn| {
        // Enough to split segments of the index under the dump.
        let news: String = (0..40).map(|n| format!("set new{} 0 0 1 noreply\r\nx\r\n", turn * 40 + n)).collect();
        let goes = format!("delete goes{turn} noreply\r\nset stays{turn} 0 0 2 noreply\r\nyy\r\n");
        for commands in [news, goes] {
            assert_eq!(world.feed(writer, commands.as_bytes()), commands.len());
        }
        world.output(writer);
        written += 40;
    });
    assert!(written > 5000, "only {written} meanwhile");
    let keys = dumped_keys(&said);
    let missing = (0..20_000).filter(|n| !keys.contains(&format!("stays{n}"))).count();
    assert_eq!(missing, 0);
    assert_eq!(world.dumps_under_way(), 0);
}

#[test]
fn an_mgdump_is_commands_that_find_the_items() {
    let mut world = World::new();
    let number = world.connect();
    world.feed(number, b"set a 0 0 1 noreply\r\nx\r\nset b 0 0 1 noreply\r\nx\r\n");
    world.exchange();
    world.feed(number, b"lru_crawler mgdump hash\r\n");
    let said = world.read_until(number, "EN\r\n", |_, _| {});
    let mut lines: Vec<_> = said.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["EN", "OK", "mg a", "mg b"]);
}

#[test]
fn a_dump_of_classes_shows_no_others() {
    let mut world = World::new();
    world.store_many("key", 0..10);
    let number = world.connect();
    let large = format!("set other 0 0 3000 noreply\r\n{}\r\nmn\r\n", "v".repeat(3000));
    world.feed(number, large.as_bytes());
    world.exchange();
    world.output(number);
    world.feed(number, b"lru_crawler metadump all\r\n");
    let all = world.read_until(number, "END\r\n", |_, _| {});
    let class_of = |key: &str| {
        let line = all.lines().find(|line| line.starts_with(&format!("key={key} "))).expect("listed");
        line.split_once("cls=").and_then(|(_, rest)| rest.split(' ').next()).expect("class").to_owned()
    };
    let (small, other) = (class_of("key1"), class_of("other"));
    world.feed(number, format!("lru_crawler metadump {small}\r\n").as_bytes());
    let said = world.read_until(number, "END\r\n", |_, _| {});
    assert_eq!(dumped_keys(&said).len(), 10);
    world.feed(number, format!("lru_crawler metadump {other},9\r\n").as_bytes());
    assert_eq!(dumped_keys(&world.read_until(number, "END\r\n", |_, _| {})), ["other".to_owned()].into());
    for classes in ["0", "999", "x", "1,x", "-1"] {
        world.feed(number, format!("lru_crawler metadump {classes}\r\n").as_bytes());
        assert_eq!(world.output(number), errors::CRAWLER_BAD_CLASS, "{classes}");
    }
}

#[test]
fn commands_behind_a_dump_wait_for_its_end() {
    let mut world = World::new();
    world.store_many("item", 0..1000);
    let number = world.connect();
    let there = world.key_of(1);
    world.feed(
        number,
        format!("get {there}\r\nlru_crawler metadump all\r\nmn\r\nget {there}\r\nversion\r\n").as_bytes(),
    );
    let said = world.read_until(number, "VERSION x\r\n", |_, _| {});
    let (dump, behind) = said.strip_prefix("END\r\n").expect("a miss first").split_once("END\r\n").expect("a dump");
    assert_eq!(dumped_keys(&format!("{dump}END\r\n")).len(), 1000);
    assert_eq!(behind, "MN\r\nEND\r\nVERSION x\r\n");
}

/// Who reads slowly holds no more than the bound, and gets everything in the end.
#[test]
fn a_slow_reader_only_slows_its_own_dump() {
    let mut world = World::new();
    world.store_many("key", 0..10_000);
    let (slow, fast) = (world.connect(), world.connect());
    world.feed(slow, b"lru_crawler metadump all\r\n");
    let mut unread: Vec<u8> = Vec::new();
    for _ in 0..2000 {
        world.dispatch.advance(slow, Outlet::Copied);
        world.exchange();
        let waiting = world.dispatch.connections.at(slow).out.len();
        assert!(waiting < OUTPUT_HIGH_BYTES + (64 << 10), "{waiting}");
    }
    world.feed(fast, b"lru_crawler metadump all\r\n");
    assert_eq!(dumped_keys(&world.read_until(fast, "END\r\n", |_, _| {})).len(), 10_000);
    while !unread.ends_with(b"END\r\n") {
        world.dispatch.advance(slow, Outlet::Copied);
        world.exchange();
        let out = &mut world.dispatch.connections.at(slow).out;
        unread.extend(out.drain(..out.len().min(SIP_BYTES)));
    }
    assert_eq!(dumped_keys(std::str::from_utf8(&unread).expect("text")).len(), 10_000);
}

#[test]
fn a_connection_that_goes_in_mid_dump_leaves_nothing() {
    for stage in 0..8 {
        let mut world = World::new();
        world.store_many("key", 0..3000);
        let number = world.connect();
        world.feed(number, b"lru_crawler metadump all\r\nlru_crawler mgdump all\r\n");
        assert_eq!(world.dumps_under_way(), 2);
        for _ in 0..stage * 5 {
            world.output(number);
            world.exchange();
        }
        // The next piece may be on its way.
        world.output(number);
        world.disconnect(number);
        assert_eq!(world.dumps_under_way(), 0, "stage {stage}");
        let successor = world.connect();
        assert_eq!(successor, number);
        world.feed(successor, b"lru_crawler metadump all\r\n");
        assert_eq!(dumped_keys(&world.read_until(successor, "END\r\n", |_, _| {})).len(), 3000);
    }
}

#[test]
fn dumps_at_once_are_bounded() {
    let mut world = World::new();
    world.store_many("key", 0..100);
    let numbers: Vec<_> = (0..=DUMPS_MAX).map(|_| world.connect()).collect();
    for &number in &numbers {
        world.feed(number, b"lru_crawler metadump all\r\n");
    }
    assert_eq!(world.output(numbers[DUMPS_MAX]), errors::CRAWLER_BUSY);
    for &number in &numbers[..DUMPS_MAX] {
        world.read_until(number, "END\r\n", |_, _| {});
    }
    world.feed(numbers[DUMPS_MAX], b"lru_crawler metadump all\r\n");
    world.read_until(numbers[DUMPS_MAX], "END\r\n", |_, _| {});
}

#[test]
fn a_full_mesh_stops_a_dump_and_room_lets_it_go_on() {
    let mut world = World::new();
    world.store_many("key", 0..3000);
    let number = world.connect();
    world.feed(number, b"lru_crawler metadump all\r\n");
    let mut filled = 0;
    let said = world.read_until(number, "END\r\n", |world, turn| {
        if turn % 7 == 0 {
            for owner in 1..SHARDS {
                world.fill_mesh_to(owner);
            }
            filled += 1;
        }
    });
    assert!(filled > 3);
    assert_eq!(dumped_keys(&said).len(), 3000);
}

#[test]
fn keys_are_not_listed_where_that_is_off() {
    let mut world = World::new();
    world.dispatch.rules.dumping_enabled = false;
    world.dispatch.rules.watch_enabled = false;
    let number = world.connect();
    world.feed(number, b"lru_crawler metadump all\r\nlru_crawler mgdump all\r\nwatch\r\n");
    let said = String::from_utf8(world.output(number)).expect("text");
    let expected =
        "ERROR metadump not allowed\r\nERROR key dump not allowed\r\nCLIENT_ERROR watch commands not allowed\r\n";
    assert_eq!(said, expected);
    world.dispatch.rules.dumping_enabled = true;
    world.feed(number, b"lru_crawler disable\r\n");
    world.exchange();
    world.feed(number, b"lru_crawler metadump all\r\nlru_crawler crawl all\r\n");
    let disabled = "CLIENT_ERROR lru crawler disabled\r\n";
    assert_eq!(String::from_utf8(world.output(number)).expect("text"), format!("OK\r\n{}", disabled.repeat(2)));
}

#[test]
fn settings_are_changed_by_every_shard_and_answered_once() {
    let mut world = World::new();
    let number = world.connect();
    let mut ask = |commands: &str| {
        world.feed(number, commands.as_bytes());
        world.exchange();
        String::from_utf8(world.output(number)).expect("text")
    };
    assert_eq!(ask("cache_memlimit 30\r\n"), "OK\r\n");
    assert_eq!(ask("cache_memlimit 60 noreply\r\nmn\r\n"), "MN\r\n");
    assert_eq!(ask("cache_memlimit 900000000\r\n"), "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n");
    assert_eq!(ask("slabs automove 0\r\nslabs automove 1\r\n"), "OK\r\nOK\r\n");
    assert_eq!(ask("slabs reassign 1 2\r\n"), "NOSPARE source class has no spare pages\r\n");
    assert_eq!(ask("slabs reassign 1 1\r\n"), "SAME src and dst class are identical\r\n");
    assert_eq!(ask("slabs reassign 1 999\r\n"), "BADCLASS invalid src or dst class id\r\n");
    assert_eq!(ask("slabs reassign -2 1\r\n"), "BADCLASS invalid src or dst class id\r\n");
    assert_eq!(ask("lru_crawler enable\r\n"), "ERROR failed to start lru crawler thread\r\n");
    assert_eq!(ask("lru_crawler disable\r\nlru_crawler enable\r\n"), "OK\r\nOK\r\n");
    assert_eq!(
        ask("lru_crawler sleep 0\r\nlru_crawler sleep 1000000\r\nlru_crawler tocrawl 7\r\n"),
        "OK\r\nOK\r\nOK\r\n"
    );
    assert_eq!(ask("lru_crawler crawl hash\r\n"), "ERROR an unknown error happened\r\n");
    assert_eq!(ask("lru_crawler crawl 1000\r\n"), "BADCLASS invalid class id\r\n");
    assert_eq!(ask("lru_crawler crawl 1,2\r\n"), "OK\r\n");
    let stats = world.dispatch.router.stats();
    assert_eq!(stats.limit_bytes, 20 << 20);
    assert!(world.peers.iter().all(|peer| peer.stats().limit_bytes == 20 << 20));
}

impl World {
    /// Ends a turn for the watchers, and begins the next.
    fn tell(&mut self) {
        self.dispatch.see_watchers();
        self.dispatch.tell_watchers(Duration::from_secs(1_700_000_000));
        self.dispatch.take_mail();
    }

    fn told(&mut self, number: u32) -> String {
        self.tell();
        String::from_utf8(self.output(number)).expect("text")
    }
}

#[test]
fn watchers_are_told_what_their_streams_have() {
    let mut world = World::new();
    let (fetchers, others, client) = (world.connect(), world.connect(), world.connect());
    world.feed(fetchers, b"watch\r\n");
    world.feed(others, b"watch mutations deletions\r\n");
    assert_eq!(world.told(fetchers), "OK\r\n");
    assert_eq!(world.told(others), "OK\r\n");
    let key = world.key_of(0);
    let commands = format!("set {key} 0 0 2\r\nhi\r\nget {key}\r\ndelete {key}\r\nget {key}\r\n");
    world.feed(client, commands.as_bytes());
    let told = world.told(fetchers);
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 4, "{told}");
    assert!(lines[0].starts_with("ts=1700000000.000000 gid=") && lines[0].contains(" type=item_get "), "{told}");
    assert!(lines[1].contains(&format!("key={key} status=found clsid=")) && lines[1].ends_with(" size=2"), "{told}");
    assert!(lines[3].contains(" status=not_found clsid=0 cfd="), "{told}");
    assert!(!lines[3].contains(" cfd=0 "), "{told}");
    let told = world.told(others);
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].contains(&format!("type=item_store key={key} status=stored cmd=set ttl=0 clsid=")), "{told}");
    assert!(lines[1].contains(&format!("type=deleted key={key} cmd=delete clsid=")), "{told}");
    let traffic = world.dispatch.router.stats().traffic;
    assert_eq!((traffic.log_watchers, traffic.log_watcher_sent, traffic.log_watcher_skipped), (2, 6, 0));
    assert_eq!((traffic.log_worker_written, traffic.log_worker_dropped), (6, 0));
    // What a watcher sends means nothing.
    assert_eq!(world.feed(fetchers, b"version\r\nget a\r\n"), 16);
    assert_eq!(world.told(fetchers), "");
}

#[test]
fn what_a_slow_watcher_has_no_room_for_is_counted_and_lost() {
    let mut world = World::new();
    world.dispatch.rules.watcher_buffer_bytes = 3000;
    let (watcher, client) = (world.connect(), world.connect());
    world.feed(watcher, b"watch fetchers\r\n");
    assert_eq!(world.told(watcher), "OK\r\n");
    let key = world.key_of(0);
    world.feed(client, format!("get {key}\r\n").repeat(100).as_bytes());
    world.output(client);
    world.tell();
    let told = world.told(watcher);
    let sent = told.lines().count();
    assert!(told.len() <= 1000 && sent > 5, "{told}");
    world.feed(client, format!("get {key}\r\n").as_bytes());
    let told = world.told(watcher);
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines[0], format!("skipped={}", 100 - sent));
    assert!(lines.len() == 2 && lines[1].contains("type=item_get"), "{told}");
    let traffic = world.dispatch.router.stats().traffic;
    assert_eq!((traffic.log_watcher_sent, traffic.log_watcher_skipped), (sent as u64 + 1, 100 - sent as u64));
}

#[test]
fn a_watcher_that_goes_is_forgotten_and_watching_ends_with_the_last() {
    let mut world = World::new();
    let numbers: Vec<_> = (0..WATCHERS_MAX).map(|_| world.connect()).collect();
    for &number in &numbers {
        world.feed(number, b"watch evictions\r\n");
        assert_eq!(world.told(number), "OK\r\n");
    }
    let late = world.connect();
    world.feed(late, b"watch\r\n");
    assert_eq!(world.told(late), "WATCHER_TOO_MANY log watcher limit reached\r\n");
    world.disconnect(numbers[0]);
    world.feed(late, b"watch\r\n");
    assert_eq!(world.told(late), "OK\r\n");
    for number in numbers.into_iter().skip(1).chain([late]) {
        assert!(world.dispatch.watch.is_on());
        world.disconnect(number);
    }
    assert!(!world.dispatch.watch.is_on());
    assert_eq!(world.dispatch.router.stats().traffic.log_watchers, 0);
}

#[test]
fn watch_is_refused_behind_commands_that_are_not_answered_yet() {
    let mut world = World::new();
    let number = world.connect();
    let there = world.key_of(1);
    world.feed(number, format!("get {there}\r\nwatch\r\n").as_bytes());
    world.exchange();
    assert_eq!(world.output(number), b"END\r\nERROR cannot pipeline other commands before watch\r\n");
}
