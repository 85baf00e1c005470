//! `stats`: the fields that clients and monitoring rely on, and that they tell the truth, over all shards together.

mod support;

use std::collections::HashMap;

use support::{Connection, each_server};

/// Fields of the general form that exporters read; each is one number.
const NUMBERS: [&str; 41] = [
    "pid",
    "uptime",
    "time",
    "pointer_size",
    "curr_connections",
    "total_connections",
    "max_connections",
    "rejected_connections",
    "cmd_get",
    "cmd_set",
    "cmd_flush",
    "cmd_touch",
    "get_hits",
    "get_misses",
    "get_expired",
    "get_flushed",
    "delete_hits",
    "delete_misses",
    "incr_hits",
    "incr_misses",
    "decr_hits",
    "decr_misses",
    "cas_hits",
    "cas_misses",
    "cas_badval",
    "touch_hits",
    "touch_misses",
    "bytes_read",
    "bytes_written",
    "limit_maxbytes",
    "accepting_conns",
    "listen_disabled_num",
    "threads",
    "conn_yields",
    "bytes",
    "curr_items",
    "total_items",
    "evictions",
    "reclaimed",
    "store_too_large",
    "store_no_memory",
];

/// Asks for statistics of one form; panics at a line that is not of the form `STAT name value`.
fn stats(connection: &mut Connection, form: &str) -> HashMap<String, String> {
    connection.send(format!("stats{form}\r\n").as_bytes());
    let mut fields = HashMap::new();
    loop {
        let line = String::from_utf8(connection.line()).expect("statistics are text");
        let Some(line) = line.strip_suffix("\r\n") else { panic!("a line that ends wrongly: {line:?}") };
        if line == "END" {
            return fields;
        }
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let ["STAT", name, value] = words[..] else { panic!("not a line of statistics: {line:?}") };
        let before = fields.insert(name.to_owned(), value.to_owned());
        assert_eq!(before, None, "{name} is told twice");
    }
}

fn number(fields: &HashMap<String, String>, name: &str) -> u64 {
    let value = fields.get(name).unwrap_or_else(|| panic!("no field {name}"));
    value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}"))
}

#[test]
fn the_general_form_has_the_fields_that_monitoring_reads() {
    each_server(|shape, server| {
        let fields = stats(&mut server.connect(), "");
        let missing: Vec<&str> = NUMBERS
            .into_iter()
            .filter(|name| fields.get(*name).and_then(|value| value.parse::<u64>().ok()).is_none())
            .collect();
        assert!(missing.is_empty(), "[{shape}] missing, or not a number: {missing:?}");
        assert!(fields["version"].starts_with("1.6."), "[{shape}] version {}", fields["version"]);
        for name in ["rusage_user", "rusage_system"] {
            let parts: Vec<&str> = fields.get(name).map_or(vec![], |value| value.split('.').collect());
            let good = parts.len() == 2 && parts[1].len() == 6 && parts.iter().all(|part| part.parse::<u64>().is_ok());
            assert!(good, "[{shape}] {name} is not seconds.microseconds: {:?}", fields.get(name));
        }
    });
}

/// A command, its reply, and by how much it moves which counters. `{k}` is a key.
type Move = (&'static str, &'static str, &'static [(&'static str, u64)]);

const MOVES: [Move; 16] = [
    ("set {k} 0 0 1\r\n1\r\n", "STORED\r\n", &[("cmd_set", 1), ("total_items", 1)]),
    ("get {k}\r\n", "VALUE {k} 0 1\r\n1\r\nEND\r\n", &[("cmd_get", 1), ("get_hits", 1)]),
    ("get no{k}\r\n", "END\r\n", &[("cmd_get", 1), ("get_misses", 1)]),
    ("get no{k} no{k} {k}\r\n", "VALUE {k} 0 1\r\n1\r\nEND\r\n", &[("cmd_get", 3), ("get_misses", 2), ("get_hits", 1)]),
    ("mg {k}\r\n", "HD\r\n", &[("cmd_get", 1), ("get_hits", 1)]),
    ("mg no{k}\r\n", "EN\r\n", &[("cmd_get", 1), ("get_misses", 1)]),
    ("incr {k} 1\r\n", "2\r\n", &[("incr_hits", 1)]),
    ("incr no{k} 1\r\n", "NOT_FOUND\r\n", &[("incr_misses", 1)]),
    ("decr {k} 1\r\n", "1\r\n", &[("decr_hits", 1)]),
    ("decr no{k} 1\r\n", "NOT_FOUND\r\n", &[("decr_misses", 1)]),
    ("touch {k} 0\r\n", "TOUCHED\r\n", &[("touch_hits", 1), ("cmd_touch", 1)]),
    ("touch no{k} 0\r\n", "NOT_FOUND\r\n", &[("touch_misses", 1), ("cmd_touch", 1)]),
    ("cas no{k} 0 0 1 1\r\n1\r\n", "NOT_FOUND\r\n", &[("cas_misses", 1), ("cmd_set", 1)]),
    ("cas {k} 0 0 1 18446744073709551615\r\n1\r\n", "EXISTS\r\n", &[("cas_badval", 1), ("cmd_set", 1)]),
    ("delete {k}\r\n", "DELETED\r\n", &[("delete_hits", 1)]),
    ("delete {k}\r\n", "NOT_FOUND\r\n", &[("delete_misses", 1)]),
];

/// Counters that the moves above speak of: the others must not move.
const COUNTERS: [&str; 17] = [
    "cmd_get",
    "cmd_set",
    "cmd_touch",
    "cmd_flush",
    "get_hits",
    "get_misses",
    "delete_hits",
    "delete_misses",
    "incr_hits",
    "incr_misses",
    "decr_hits",
    "decr_misses",
    "cas_hits",
    "cas_misses",
    "cas_badval",
    "touch_hits",
    "touch_misses",
];

#[test]
fn counters_count_what_was_done_on_every_shard() {
    // Enough keys that each of two shards is met, many times over.
    const KEYS: usize = 40;
    each_server(|shape, server| {
        let mut connection = server.connect();
        for (command, reply, moves) in MOVES {
            let before = stats(&mut connection, "");
            for key in 0..KEYS {
                let key = format!("counted{key}");
                connection.talk(command.replace("{k}", &key).as_bytes(), reply.replace("{k}", &key).as_bytes());
            }
            let after = stats(&mut connection, "");
            for counter in COUNTERS {
                let each = moves.iter().find(|(name, _)| *name == counter).map_or(0, |(_, each)| *each);
                let moved = number(&after, counter) - number(&before, counter);
                assert_eq!(moved, each * KEYS as u64, "[{shape}] {counter} after {KEYS} × {command:?}");
            }
        }
    });
}

#[test]
fn items_connections_and_bytes_are_told_truly() {
    each_server(|shape, server| {
        let mut connection = server.connect();
        connection.talk(b"flush_all\r\n", b"OK\r\n");
        let before = stats(&mut connection, "");
        for n in 0..500 {
            connection.set(&format!("item{n}"), &[b'x'; 100]);
        }
        let with_items = stats(&mut connection, "");
        let moved = |name| number(&with_items, name) - number(&before, name);
        assert_eq!(moved("total_items"), 500, "[{shape}]");
        assert!(number(&with_items, "curr_items") >= 500, "[{shape}] curr_items {}", with_items["curr_items"]);
        assert!(number(&with_items, "bytes") >= 500 * 100, "[{shape}] bytes {}", with_items["bytes"]);
        assert!(moved("bytes_read") > 500 * 100, "[{shape}] bytes_read");
        assert!(moved("bytes_written") > 500 * 8, "[{shape}] bytes_written");

        let more: Vec<Connection> = (0..10)
            .map(|_| {
                let mut more = server.connect();
                more.talk(b"mn\r\n", b"MN\r\n");
                more
            })
            .collect();
        let with_connections = stats(&mut connection, "");
        let moved = |name| number(&with_connections, name).saturating_sub(number(&with_items, name));
        assert_eq!(moved("total_connections"), 10, "[{shape}]");
        assert!(number(&with_connections, "curr_connections") > 10, "[{shape}] curr_connections");
        drop(more);

        connection.talk(b"flush_all\r\n", b"OK\r\n");
        let flushed = stats(&mut connection, "");
        assert_eq!(number(&flushed, "cmd_flush") - number(&with_connections, "cmd_flush"), 1, "[{shape}] one flush");
    });
}

#[test]
fn stats_take_their_place_in_a_pipeline() {
    each_server(|shape, server| {
        let mut connection = server.connect();
        connection.send(b"set a 0 0 1\r\nx\r\nstats\r\nget a\r\n");
        connection.expect(b"STORED\r\n");
        let mut lines = 0;
        while connection.line() != b"END\r\n" {
            lines += 1;
        }
        assert!(lines > 30, "[{shape}] only {lines} lines of statistics");
        connection.expect(b"VALUE a 0 1\r\nx\r\nEND\r\n");
    });
}
