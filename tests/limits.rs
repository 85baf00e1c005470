//! What happens at the limits: a client that does not read, too many connections, large values, full memory.

mod support;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use support::{
    Connection, POLL_INTERVAL, REPLY_WAIT, Random, Server, Shape, each_server, each_started, patterned, poll_for, shown,
};

/// A client that does not read: how much it tries to ask for, and what the server may spend on it.
const SLOW_REQUESTS: usize = 64 << 20;
const SLOW_VALUE: usize = 100 << 10;
const SLOW_KEYS: usize = 8;
const SLOW_GROWTH_MAX: u64 = 48 << 20;

/// How long a full socket must stay full to count as stalled.
const STALLED: Duration = Duration::from_millis(500);

/// What a slow client keeps in its own send buffer, so that little has to be read in the end.
const SLOW_SEND_BUFFER: usize = 64 << 10;

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    each_server(|shape, server| {
        let mut control = server.connect();
        // Long keys, so that few requests fill the way to the server.
        let key = |i: usize| format!("slow{:0230}", i % SLOW_KEYS);
        let value = |i: usize| patterned((i % SLOW_KEYS) as u64, SLOW_VALUE);
        for i in 0..SLOW_KEYS {
            control.set(&key(i), &value(i));
        }
        let before = server.resident_bytes();

        let mut slow = server.connect();
        slow.set_send_buffer(SLOW_SEND_BUFFER);
        let request = |i: usize| format!("get {}\r\n", key(i)).into_bytes();
        let request_len = request(0).len();
        let round: Vec<u8> = (0..SLOW_KEYS).flat_map(request).collect();
        let mut sent = 0;
        while sent < SLOW_REQUESTS {
            match slow.send_some(&round[sent % round.len()..], STALLED) {
                Ok(n) => sent += n,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(e) => panic!("[{shape}] sending to the server failed after {sent} bytes: {e}"),
            }
            if let (Some(before), Some(now)) = (before, server.resident_bytes()) {
                assert!(
                    now < before + SLOW_GROWTH_MAX,
                    "[{shape}] {sent} bytes of requests cost {} bytes",
                    now - before
                );
            }
        }
        assert!(sent < SLOW_REQUESTS, "[{shape}] all requests were taken though no reply was read");

        for n in 0..100 {
            control.set("meanwhile", format!("{n}").as_bytes());
            assert_eq!(control.get("meanwhile"), Some(format!("{n}").into_bytes()), "[{shape}] another client");
        }
        if let (Some(before), Some(now)) = (before, server.resident_bytes()) {
            println!("{shape}: {sent} bytes of requests taken, resident memory {before} before, {now} while stalled");
            assert!(now < before + SLOW_GROWTH_MAX, "[{shape}] a stalled client costs {} bytes", now - before);
        }

        for i in 0..sent / request_len {
            let header = format!("VALUE {} 0 {SLOW_VALUE}\r\n", key(i));
            let reply = [header.as_bytes(), &value(i), b"\r\nEND\r\n"].concat();
            slow.expect(&reply);
        }
        // Where the last request was cut off, it goes on.
        let cut = sent % request_len;
        if cut > 0 {
            let last = sent / request_len;
            slow.send(&request(last)[cut..]);
            slow.expect(format!("VALUE {} 0 {SLOW_VALUE}\r\n", key(last)).as_bytes());
            slow.expect(&[&value(last)[..], b"\r\nEND\r\n"].concat());
        }
        slow.talk(b"mn\r\n", b"MN\r\n");
    });
}

#[test]
fn many_clients_that_do_not_read_leave_the_server_to_others() {
    const CLIENTS: usize = 30;
    each_server(|shape, server| {
        let mut control = server.connect();
        control.set("big", &patterned(1, 900_000));
        let before = server.resident_bytes();
        let slow: Vec<Connection> = (0..CLIENTS)
            .map(|_| {
                let mut slow = server.connect();
                slow.send(&b"get big big big big\r\n".repeat(10));
                slow
            })
            .collect();
        for n in 0..100 {
            control.set("meanwhile", format!("{n}").as_bytes());
            assert_eq!(control.get("meanwhile"), Some(format!("{n}").into_bytes()), "[{shape}] another client");
        }
        control.set("big", b"small now");
        if let (Some(before), Some(now)) = (before, server.resident_bytes()) {
            assert!(now < before + SLOW_GROWTH_MAX, "[{shape}] {CLIENTS} clients cost {} bytes", now - before);
        }
        drop(slow);
        assert_eq!(control.get("big").as_deref(), Some(&b"small now"[..]), "[{shape}] after they left");
    });
}

const CONNECTIONS_MAX: usize = 10;
const REFUSAL: &[u8] = b"ERROR Too many open connections\r\n";

#[test]
fn one_connection_too_many_is_told_so_and_closed() {
    if std::env::var_os("RINGCACHED_TEST_PROGRAM").is_some() {
        println!("skipped: connection limit (memcached counts its own descriptors into the limit)");
        return;
    }
    each_started("connection limit", &["-c", "10"], |shape, server| {
        let served = |connection: &mut Connection| {
            connection.try_send(b"mn\r\n").is_ok() && connection.try_line().is_ok_and(|line| line == b"MN\r\n")
        };
        let serve_one = || {
            // The server learns a little later than we do that a connection has gone.
            poll_for(REPLY_WAIT, || server.address().connect().ok().and_then(|mut c| served(&mut c).then_some(c)))
                .unwrap_or_else(|| panic!("[{}] below the limit, and not served: {}", shape.name(), server.said()))
        };
        let mut held: Vec<Connection> = (0..CONNECTIONS_MAX).map(|_| serve_one()).collect();
        for _ in 0..3 {
            let mut refused = server.connect();
            let line = refused.try_line();
            assert_eq!(line.ok().as_deref(), Some(REFUSAL), "[{}] the 11th connection", shape.name());
            assert!(refused.closes_within(REPLY_WAIT), "[{}] a refused connection stays open", shape.name());
        }
        for round in 0..5 {
            held.swap_remove(round);
            held.push(serve_one());
        }
        assert!(held.iter_mut().all(served), "[{}] the connections held are not disturbed", shape.name());
    });
}

const LARGE: usize = 5 << 20;

#[test]
fn large_values_round_trip() {
    each_started("large values", &["-I", "8m", "-m", "256"], |shape, server| {
        let shape = shape.name();
        let mut connection = server.connect();
        let value = patterned(1, LARGE);
        connection.set("large", &value);
        assert!(connection.get("large") == Some(value.clone()), "[{shape}] 5 MiB do not come back");

        connection.send_in_pieces(&set_request("large", &value), 4093);
        connection.expect(b"STORED\r\n");
        assert!(connection.get("large") == Some(value.clone()), "[{shape}] 5 MiB in pieces do not come back");

        let tail = patterned(2, 1 << 20);
        let append = [format!("append large 0 0 {}\r\n", tail.len()).as_bytes(), &tail, b"\r\n"].concat();
        connection.talk(&append, b"STORED\r\n");
        let both = [value, tail].concat();
        assert!(connection.get("large") == Some(both), "[{shape}] append to 5 MiB");

        let over = vec![b'x'; (8 << 20) + 1];
        connection.talk(&set_request("over", &over), b"SERVER_ERROR object too large for cache\r\n");
        assert_eq!(connection.get("over"), None, "[{shape}] a value above -I");
    });
}

#[test]
fn a_value_overwritten_while_it_is_read_is_whole() {
    const READS: usize = 12;
    each_started("overwriting while reading", &["-I", "8m", "-m", "256"], |shape, server| {
        let shape = shape.name();
        let versions: Vec<Vec<u8>> = (0..3).map(|tag| patterned(tag, LARGE)).collect();
        let mut writer = server.connect();
        let mut reader = server.connect();
        writer.set("large", &versions[0]);
        reader.send(&b"get large\r\n".repeat(READS));
        // The first reply has begun, and is far longer than what the sockets hold.
        let began = reader.receive(REPLY_WAIT).expect("a reply");
        assert!(began > 0, "[{shape}] the server closed");
        for version in [1, 2, 1, 2] {
            writer.set("large", &versions[version]);
        }
        writer.talk(b"delete large\r\n", b"DELETED\r\n");
        writer.set("large", b"short");
        for read in 0..READS {
            let header = reader.line();
            let len: usize = match header.as_slice() {
                b"END\r\n" => continue,
                b"VALUE large 0 5242880\r\n" => LARGE,
                b"VALUE large 0 5\r\n" => 5,
                other => panic!("[{shape}] read {read}: {}", shown(other)),
            };
            let value = reader.try_read(len, REPLY_WAIT).expect("the value");
            let known = value == b"short" || versions.contains(&value);
            assert!(known, "[{shape}] read {read} is none of the values ever stored");
            reader.expect(b"\r\nEND\r\n");
        }
    });
}

#[test]
fn values_at_the_borders_survive_every_way_of_writing() {
    each_server(|shape, server| {
        let mut connection = server.connect();
        for (tag, size) in [16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 1_000_000].into_iter().enumerate() {
            let value = patterned(tag as u64, size);
            let request = set_request("border", &value);
            let head = request.len() - size - 2;
            // Cut at every byte around the command line's and the value's ends.
            let cuts = [1, head - 2, head - 1, head, head + 1, request.len() - 3, request.len() - 2, request.len() - 1];
            for cut in cuts {
                connection.send(&request[..cut]);
                connection.send(&request[cut..]);
                connection.expect(b"STORED\r\n");
            }
            connection.send_in_pieces(&request[..head + 200], 1);
            connection.send(&request[head + 200..request.len() - 200]);
            connection.send_in_pieces(&request[request.len() - 200..], 1);
            connection.expect(b"STORED\r\n");
            assert!(connection.get("border") == Some(value), "[{shape}] {size} bytes do not come back");
        }
    });
}

fn set_request(key: &str, value: &[u8]) -> Vec<u8> {
    [format!("set {key} 0 0 {}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

#[test]
fn eviction_never_yields_a_wrong_value() {
    const ROUNDS: usize = 30_000;
    const KEYS: u64 = 8_000;
    // The smallest memory for this many shards: far less than is written.
    each_started("eviction", &[], |shape, server| {
        drop(server);
        let megabytes = if shape == Shape::TwoShards { "16" } else { "8" };
        let server = Server::start(shape, &["-m", megabytes]);
        let shape = shape.name();
        let mut connection = server.connect();
        let mut stored: HashMap<u64, u64> = HashMap::new();
        let mut random = Random::new(7);
        let (mut hits, mut misses, mut refused) = (0, 0, 0);
        for round in 0..ROUNDS as u64 {
            let key = random.below(KEYS);
            if random.below(3) > 0 {
                let value = evictable(key, round);
                connection.send(&set_request(&format!("key{key}"), &value));
                match connection.line().as_slice() {
                    b"STORED\r\n" => {
                        stored.insert(key, round);
                    }
                    b"SERVER_ERROR out of memory storing object\r\n" => {
                        // A refused write must not leave the older value behind as if it were current.
                        stored.remove(&key);
                        refused += 1;
                    }
                    other => panic!("[{shape}] set: {}", shown(other)),
                }
            } else {
                match (connection.get(&format!("key{key}")), stored.get(&key)) {
                    (Some(value), Some(&round)) if value == evictable(key, round) => hits += 1,
                    (Some(_), Some(_)) => panic!("[{shape}] key{key} holds another value than was last set"),
                    (Some(_), None) => panic!("[{shape}] key{key} holds a value that was refused or never set"),
                    (None, _) => misses += 1,
                }
            }
        }
        println!("{shape}: {hits} hits, {misses} misses, {refused} refused");
        assert!(hits > 0, "[{shape}] nothing is kept");
        // More was written than fits, so an item that was set must have gone.
        let gone = stored.keys().any(|key| connection.get(&format!("key{key}")).is_none());
        assert!(gone, "[{shape}] nothing was evicted");
        assert!(refused * 100 < ROUNDS, "[{shape}] {refused} writes found no memory though eviction is on");
    });
}

/// A value of its key and version: mostly small, sometimes several pages.
fn evictable(key: u64, version: u64) -> Vec<u8> {
    let tag = key << 32 | version;
    let len = match Random::new(tag).below(100) {
        0 => 40_000 + key as usize % 100_000,
        1..20 => 3000 + key as usize % 5000,
        _ => 10 + (key * 7 + version) as usize % 1500,
    };
    patterned(tag, len)
}

#[test]
fn without_eviction_a_full_cache_says_so_and_keeps_what_it_has() {
    const VALUE: usize = 10_000;
    const ITEMS_MAX: usize = 64 << 20 >> 13;
    each_started("-M", &["-M", "-m", "16"], |shape, server| {
        let shape = shape.name();
        let mut connection = server.connect();
        let mut stored = 0;
        let refusal = loop {
            assert!(stored < ITEMS_MAX, "[{shape}] {stored} items of {VALUE} bytes, and memory is not full");
            connection.send(&set_request(&format!("key{stored}"), &patterned(stored as u64, VALUE)));
            match connection.line() {
                line if line == b"STORED\r\n" => stored += 1,
                line => break line,
            }
        };
        assert_eq!(shown(&refusal), shown(b"SERVER_ERROR out of memory storing object\r\n"), "[{shape}]");
        assert!(stored > 500, "[{shape}] full after {stored} items of {VALUE} bytes");
        for n in 0..stored {
            let kept = connection.get(&format!("key{n}")) == Some(patterned(n as u64, VALUE));
            assert!(kept, "[{shape}] key{n} of {stored} was not kept");
        }
        // What is deleted makes room again.
        for n in 0..stored {
            connection.talk(format!("delete key{n}\r\n").as_bytes(), b"DELETED\r\n");
        }
        connection.set("again", &patterned(0, VALUE));
    });
}

#[test]
fn flush_all_can_be_disabled() {
    each_started("-F", &["-F"], |_, server| {
        let mut connection = server.connect();
        connection.set("a", b"x");
        connection.talk(b"flush_all\r\n", b"CLIENT_ERROR flush_all not allowed\r\n");
        connection.talk(b"flush_all 10\r\n", b"CLIENT_ERROR flush_all not allowed\r\n");
        assert_eq!(connection.get("a").as_deref(), Some(&b"x"[..]));
    });
}

#[test]
fn an_idle_server_serves_again_at_once() {
    // A shard that has parked must be woken by every kind of arrival.
    each_server(|shape, server| {
        let mut kept = server.connect();
        for round in 0..5 {
            let idle_until = Instant::now() + Duration::from_millis(100);
            while Instant::now() < idle_until {
                std::thread::sleep(POLL_INTERVAL);
            }
            kept.talk(b"mn\r\n", b"MN\r\n");
            for n in 0..16 {
                let (key, value) = (format!("idle{n}"), format!("{round}").into_bytes());
                kept.set(&key, &value);
                assert_eq!(server.connect().get(&key), Some(value), "[{shape}] after idling");
            }
        }
    });
}

/// `stats` answers more than two hundred times what it asks. Its replies were not counted against the bound on
/// waiting output, so that a client which asked and did not read made the server grow without end.
#[test]
fn a_client_that_asks_for_statistics_and_does_not_read_is_not_read_from() {
    each_started("unread statistics", &[], |shape, server| {
        let before = server.resident_bytes().expect("a server of our own");
        let mut slow = server.connect();
        slow.set_send_buffer(SLOW_SEND_BUFFER);
        let requests = b"stats\r\n".repeat(1000);
        let mut sent = 0;
        while sent < 2 << 20 {
            match slow.send_some(&requests[sent % requests.len()..], STALLED) {
                Ok(n) => sent += n,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(e) => panic!("[{}] sending failed after {sent} bytes: {e}", shape.name()),
            }
            let growth = server.resident_bytes().expect("still running").saturating_sub(before);
            assert!(growth < SLOW_GROWTH_MAX, "[{}] {sent} bytes of requests cost {growth}", shape.name());
        }
        let mut control = server.connect();
        control.set("meanwhile", b"1");
        let growth = server.resident_bytes().expect("still running").saturating_sub(before);
        assert!(growth < SLOW_GROWTH_MAX, "[{}] {sent} bytes of requests cost {growth} in the end", shape.name());
    });
}

/// A command without a reply took an output buffer and kept it for as long as its connection was idle: a large one,
/// if that was the one used last.
#[test]
fn a_connection_that_was_told_nothing_owns_no_buffer() {
    const CONNECTIONS: usize = 300;
    const GROWTH_MAX: u64 = 12 << 20;
    each_started("buffers of idle connections", &[], |shape, server| {
        let value = patterned(5, 100 << 10);
        let mut reader = server.connect();
        reader.set("k", &value);
        assert_eq!(reader.get("k").as_ref(), Some(&value));
        let mut idle = Vec::new();
        let mut stored = server.stat("cmd_set").and_then(|count| count.parse::<usize>().ok()).expect("a count");
        // The allocator takes memory in steps of many MiB now and then; what connections keep shows every time.
        let growths = [(); 2].map(|()| {
            let before = server.resident_bytes().expect("a server of our own");
            for n in 0..CONNECTIONS {
                assert!(reader.get("k").as_ref() == Some(&value), "[{}] a wrong value", shape.name());
                let mut silent = server.connect();
                silent.send(b"set other 0 0 1 noreply\r\nx\r\n");
                idle.push(silent);
                stored += 1;
                let is_stored = || (server.stat("cmd_set")?.parse::<usize>().ok()? >= stored).then_some(());
                assert!(poll_for(REPLY_WAIT, is_stored).is_some(), "[{}] set {n} is not carried out", shape.name());
            }
            server.resident_bytes().expect("still running").saturating_sub(before)
        });
        let growth = growths[0].min(growths[1]);
        assert!(growth < GROWTH_MAX, "[{}] {CONNECTIONS} idle connections cost {growths:?} bytes", shape.name());
    });
}
