//! `lru_crawler metadump` and `mgdump` on the wire.

mod support;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use support::{Connection, REPLY_WAIT, Server, Shape, each_server, each_started, poll_for};

/// Bytes of a value whose keys fill some megabytes of dump.
const ITEMS: usize = 20_000;

/// Stores keys `<prefix><n>`.
fn store(connection: &mut Connection, prefix: &str, items: usize) {
    for chunk in (0..items).collect::<Vec<_>>().chunks(1000) {
        let sets: String = chunk.iter().map(|n| format!("set {prefix}{n} 0 0 1 noreply\r\nx\r\n")).collect();
        connection.send(sets.as_bytes());
    }
    connection.talk(b"mn\r\n", b"MN\r\n");
}

/// Reads the lines of a dump to its end, `OK` and the end line not among them.
fn read_dump(connection: &mut Connection, end: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let line = connection.line();
        match line.as_slice() {
            b"OK\r\n" => {}
            line if line == end => return lines,
            line => lines.push(String::from_utf8(line.to_vec()).expect("a line of text")),
        }
    }
}

fn key_of(line: &str) -> String {
    line.strip_prefix("key=").and_then(|line| line.split(' ').next()).unwrap_or_else(|| panic!("{line:?}")).to_owned()
}

#[test]
fn a_dump_lists_every_item_once() {
    each_server(|shape, server| {
        let mut connection = server.connect();
        connection.talk(b"flush_all\r\n", b"OK\r\n");
        store(&mut connection, "dumped", ITEMS);
        connection.send(b"lru_crawler metadump all\r\n");
        let lines = read_dump(&mut connection, b"END\r\n");
        let keys: HashSet<_> = lines.iter().map(|line| key_of(line)).collect();
        assert_eq!((lines.len(), keys.len()), (ITEMS, ITEMS), "[{shape}]");
    });
}

/// Literal lines, as far as they do not depend on time and layout.
#[test]
fn lines_have_memcacheds_fields() {
    each_started("fields of a dump", &[], |shape, server| {
        let shape = shape.name();
        let mut connection = server.connect();
        connection.talk(b"set plain 5 0 3\r\nabc\r\n", b"STORED\r\n");
        connection.talk(b"set b%20\xff~ 0 1000 3\r\nabc\r\n", b"STORED\r\n");
        connection.talk(b"get plain\r\n", b"VALUE plain 5 3\r\nabc\r\nEND\r\n");
        connection.send(b"lru_crawler metadump hash\r\nmn\r\n");
        let first = connection.line();
        assert_eq!(first, b"OK\r\n", "[{shape}]");
        let mut lines = read_dump(&mut connection, b"END\r\n");
        connection.expect(b"MN\r\n");
        lines.sort();
        let [escaped, plain] = &lines[..] else { panic!("[{shape}] {lines:?}") };
        let fields = |line: &str| -> Vec<(String, String)> {
            let pair = |field: &str| field.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            line.trim_end_matches('\n').split(' ').map(|field| pair(field).expect(line)).collect()
        };
        for line in [escaped, plain] {
            assert!(line.ends_with('\n') && !line.ends_with("\r\n"), "[{shape}] {line:?}");
            let names: Vec<_> = fields(line).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["key", "exp", "la", "cas", "fetch", "cls", "size", "flags"], "[{shape}]");
        }
        let value = |line: &str, name: &str| {
            let found = fields(line).into_iter().find(|(field, _)| field == name);
            found.map(|(_, value)| value).unwrap_or_default()
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let of = |name: &str| [value(plain, name), value(escaped, name)];
        assert_eq!(of("key"), ["plain", "b%2520%FF~"], "[{shape}]");
        assert_eq!(of("fetch"), ["yes", "no"], "[{shape}]");
        assert_eq!(of("flags"), ["5", "0"], "[{shape}]");
        assert_eq!(value(plain, "exp"), "-1", "[{shape}]");
        let expires: u64 = value(escaped, "exp").parse().expect("a time");
        assert!(expires.abs_diff(now + 1000) <= 3, "[{shape}] {expires} at {now}");
        let accessed: u64 = value(plain, "la").parse().expect("a time");
        assert!(accessed.abs_diff(now) <= 3, "[{shape}] {accessed} at {now}");
        connection.talk(b"flush_all\r\nset a 0 0 1\r\nx\r\n", b"OK\r\nSTORED\r\n");
        connection.talk(b"lru_crawler mgdump all\r\nmn\r\n", b"OK\r\nmg a\r\nEN\r\nMN\r\n");
    });
}

/// A dump whose reader stands still holds nobody up, and neither does one that is left.
#[test]
fn others_are_served_while_dumps_stand_still() {
    each_started("dumps that stand still", &[], |shape, server| {
        let shape = shape.name();
        let mut connection = server.connect();
        store(&mut connection, &"long".repeat(40), ITEMS);
        let mut still: Vec<_> = (0..4).map(|_| server.connect()).collect();
        for dump in &mut still {
            dump.send(b"lru_crawler metadump all\r\n");
            dump.expect(b"OK\r\n");
        }
        connection.talk(b"lru_crawler metadump all\r\n", b"BUSY currently processing crawler request\r\n");
        let began = Instant::now();
        for n in 0..200 {
            connection.set("meanwhile", format!("{n}").as_bytes());
        }
        assert!(began.elapsed() < REPLY_WAIT, "[{shape}]");
        still.truncate(1);
        let room = poll_for(Duration::from_secs(5), || {
            let mut other = server.connect();
            other.send(b"lru_crawler metadump all\r\n");
            other.line().starts_with(b"OK").then_some(other)
        });
        let mut other = room.unwrap_or_else(|| panic!("[{shape}] dumps that were left still count"));
        assert_eq!(read_dump(&mut other, b"END\r\n").len(), ITEMS + 1, "[{shape}]");
        // What was stored when it had begun may be listed, or not.
        let lines = read_dump(&mut still[0], b"END\r\n").len();
        assert!((ITEMS..=ITEMS + 1).contains(&lines), "[{shape}] {lines}");
    });
}

#[test]
fn dumping_can_be_switched_off() {
    let server = Server::start(Shape::OneShard, &["-X"]);
    let mut connection = server.connect();
    connection.talk(b"lru_crawler metadump all\r\n", b"ERROR metadump not allowed\r\n");
    connection.talk(b"lru_crawler mgdump all\r\n", b"ERROR key dump not allowed\r\n");
    connection.talk(b"stats cachedump 1 1\r\n", b"CLIENT_ERROR stats cachedump not allowed\r\n");
    for form in ["detail", "detail on", "detail dump"] {
        connection.talk(format!("stats {form}\r\n").as_bytes(), b"CLIENT_ERROR stats detail not allowed\r\n");
    }
}
