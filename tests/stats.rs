//! `stats`: the fields that clients and monitoring rely on, and that they tell the truth, over all shards together.

mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use support::{Address, Connection, each_server, each_started};

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
        // Exactly three words: exporters take a server for down that says more.
        let words: Vec<&str> = line.split(' ').collect();
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

/// One of each command that is counted or timed, many times over, so that two shards have something to say of each.
fn traffic(connection: &mut Connection) {
    for n in 0..60 {
        connection.talk(format!("set p{n}:k 0 0 1\r\n1\r\n").as_bytes(), b"STORED\r\n");
        connection.talk(format!("get p{n}:k\r\n").as_bytes(), format!("VALUE p{n}:k 0 1\r\n1\r\nEND\r\n").as_bytes());
        connection.talk(format!("touch p{n}:k 0\r\n").as_bytes(), b"TOUCHED\r\n");
    }
}

/// The names in the documentation's table, by form.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let text = include_str!("../docs/COMPATIBILITY.md");
    let (_, rest) = text.split_once("<!-- stats -->").expect("the beginning of the table");
    let (table, _) = rest.split_once("<!-- end of stats -->").expect("the end of the table");
    let mut forms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let form = cells[1].trim_matches('`').replace("(none)", "");
        for name in cells[2].split_whitespace() {
            assert!(forms.entry(form.clone()).or_default().insert(name.trim_matches('`').to_owned()), "{name} twice");
        }
    }
    forms
}

/// A name as the table has it: `N` for a number, `CMD` for a command.
fn pattern(form: &str, name: &str) -> String {
    let commands = ["get", "gat", "mg", "set", "delete", "incr", "touch", "me"];
    let part = |part: &str| match part {
        number if number.bytes().all(|b| b.is_ascii_digit()) => "N".to_owned(),
        command if form == "latency" && commands.contains(&command) => "CMD".to_owned(),
        other => other.to_owned(),
    };
    name.split(':').map(part).collect::<Vec<_>>().join(":")
}

/// A name that is told and not documented, or documented and not told, misleads somebody's dashboard.
#[test]
fn the_documented_names_are_those_that_are_told() {
    let documented = documented();
    let forms = ["", "conns", "items", "latency", "memory", "mrc", "routing", "settings", "shards", "sizes", "slabs"];
    assert_eq!(documented.keys().map(String::as_str).collect::<Vec<_>>(), forms);
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut two_shards = false;
    each_started(
        "the documented names",
        &["-o", "idle_timeout=1000", "--compress", "lz4", "--compress-min", "256k"],
        |shape, server| {
            two_shards |= shape == support::Shape::TwoShards;
            let mut connection = server.connect();
            // More than fits: the age of a class is known once something had to go.
            for n in 0..11_000 {
                connection.send(
                    &[format!("set fill{n} 0 0 15000 noreply\r\n").as_bytes(), &[b'x'; 15_000], b"\r\n"].concat(),
                );
            }
            traffic(&mut connection);
            let mut tell = |form: &str| {
                let names = stats(&mut connection, &format!(" {form}"));
                let patterns = names.keys().map(|name| pattern(form, name));
                told.entry(form.to_owned()).or_default().extend(patterns);
            };
            forms.iter().for_each(|form| tell(form));
            connection.talk(b"stats sizes_enable\r\n", b"STAT sizes_status enabled\r\n");
            let sizes = stats(&mut connection, " sizes");
            told.entry("sizes".to_owned()).or_default().extend(sizes.keys().map(|name| pattern("sizes", name)));
        },
    );
    for (form, names) in documented {
        let told = told.remove(&form).unwrap_or_default();
        let unsaid: Vec<_> = told.difference(&names).collect();
        assert!(unsaid.is_empty(), "`stats {form}` tells what the table does not have: {unsaid:?}");
        let untold: Vec<_> = names
            .difference(&told)
            .filter(|name| two_shards || !name.contains("hop_us"))
            // Told with --per-shard-ports; tests/spread.rs looks at them.
            .filter(|name| {
                form != "routing" || !(name.starts_with("seed") || name.contains("example") || name.contains(':'))
            })
            .collect();
        assert!(untold.is_empty(), "the table has what `stats {form}` does not tell: {untold:?}");
    }
}

/// The crawler's pause and limit were told as the flags had set them, whatever a command had changed.
#[test]
fn settings_say_what_commands_have_changed() {
    each_started("changed settings", &["-m", "64", "-o", "lru_crawler_sleep=200"], |shape, server| {
        let shape = shape.name();
        let mut connection = server.connect();
        let fields = stats(&mut connection, " settings");
        assert_eq!(fields["lru_crawler_sleep"], "200", "[{shape}]");
        connection
            .talk(b"lru_crawler sleep 50\r\nlru_crawler tocrawl 7\r\nlru_crawler disable\r\n", b"OK\r\nOK\r\nOK\r\n");
        connection.talk(b"slabs automove 0\r\ncache_memlimit 100\r\nverbosity 1\r\n", b"OK\r\nOK\r\nOK\r\n");
        let fields = stats(&mut connection, " settings");
        let expected = [
            ("lru_crawler_sleep", "50"),
            ("lru_crawler_tocrawl", "7"),
            ("lru_crawler", "no"),
            ("slab_automove", "0"),
            ("maxbytes", "104857600"),
            ("verbosity", "1"),
        ];
        for (name, value) in expected {
            assert_eq!(fields[name], value, "[{shape}] {name}");
        }
    });
}

/// Items that expired and are still there hold memory, and say how much until somebody frees it.
#[test]
fn expired_items_say_what_they_hold() {
    each_started("expired bytes", &["-m", "64", "-o", "no_lru_crawler"], |shape, server| {
        let shape = shape.name();
        let mut connection = server.connect();
        connection.talk(b"set stays 0 0 5\r\nvalue\r\n", b"STORED\r\n");
        assert_eq!(stats(&mut connection, "")["expired_bytes"], "0", "[{shape}]");
        for number in 0..100 {
            let line = format!("set gone{number:02} 0 -1 30\r\n{}\r\n", "v".repeat(30));
            connection.talk(line.as_bytes(), b"STORED\r\n");
        }
        let held: u64 = stats(&mut connection, "")["expired_bytes"].parse().expect("a number");
        assert!((3_600..10_000).contains(&held), "[{shape}] {held} bytes of 100 items");
        let items = stats(&mut connection, " items");
        let in_classes = items.iter().filter(|(name, _)| name.ends_with(":expired_bytes"));
        let sum: u64 = in_classes.map(|(_, value)| value.parse::<u64>().expect("a number")).sum();
        assert_eq!(sum, held, "[{shape}] by class");
        connection.talk(b"get gone00 gone01\r\n", b"END\r\n");
        let left: u64 = stats(&mut connection, "")["expired_bytes"].parse().expect("a number");
        assert_eq!(left, held / 100 * 98, "[{shape}] after a read of two");
        connection.talk(b"flush_all\r\n", b"OK\r\n");
        assert_eq!(stats(&mut connection, "")["expired_bytes"], "0", "[{shape}] after a flush");
    });
}

#[test]
fn settings_say_what_the_flags_said() {
    let flags =
        ["-c", "77", "-M", "-F", "-X", "-A", "-I", "2m", "-b", "99", "-D", "/", "-R", "33", "-o", "track_sizes"];
    each_started("settings", &flags, |shape, server| {
        let shape = shape.name();
        let fields = stats(&mut server.connect(), " settings");
        let expected = [
            ("maxconns", "77"),
            ("evictions", "off"),
            ("flush_enabled", "no"),
            ("dump_enabled", "no"),
            ("shutdown_command", "yes"),
            ("item_size_max", "2097152"),
            ("tcp_backlog", "99"),
            ("stat_key_prefix", "/"),
            ("detail_enabled", "yes"),
            ("reqs_per_event", "33"),
            ("track_sizes", "yes"),
            ("udpport", "0"),
            ("cas_enabled", "yes"),
            ("num_threads", if shape == "2 shards" { "2" } else { "1" }),
            ("maxbytes", if shape == "2 shards" { "134217728" } else { "67108864" }),
        ];
        for (name, value) in expected {
            assert_eq!(fields.get(name).map(String::as_str), Some(value), "[{shape}] {name}");
        }
        match server.address() {
            Address::Tcp(address) => {
                assert_eq!(fields["tcpport"], address.rsplit(':').next().expect("a port"), "[{shape}]");
                assert_eq!(
                    (fields["inter"].as_str(), fields["domain_socket"].as_str()),
                    ("127.0.0.1", "NULL"),
                    "[{shape}]"
                );
            }
            Address::Unix(path) => assert_eq!(fields["domain_socket"], path.display().to_string(), "[{shape}]"),
        }
        let mut connection = server.connect();
        connection.talk(b"verbosity 1\r\n", b"OK\r\n");
        assert_eq!(stats(&mut connection, " settings")["verbosity"], "1", "[{shape}]");
        connection.talk(b"stats cachedump 1 0\r\n", b"CLIENT_ERROR stats cachedump not allowed\r\n");
        connection.talk(b"stats detail dump\r\n", b"CLIENT_ERROR stats detail not allowed\r\n");
    });
}

#[test]
fn prefixes_are_counted_from_the_start_where_a_delimiter_is_given() {
    each_started("a delimiter", &["-D", "/"], |_, server| {
        server.connect().talk(
            b"set a/b 0 0 1\r\nx\r\nstats detail dump\r\n",
            b"STORED\r\nPREFIX a get 0 hit 0 set 1 del 0\r\nEND\r\n",
        );
    });
}

#[test]
fn forms_that_are_not_lines_are_answered_to_the_letter() {
    each_server(|_, server| {
        let mut connection = server.connect();
        for (command, reply) in [
            ("stats reset", "RESET\r\n"),
            ("stats reset it all", "RESET\r\n"),
            ("stats nosuch", "ERROR\r\n"),
            ("stats ITEMS", "ERROR\r\n"),
            ("stats noreply", "ERROR\r\n"),
            ("stats sizes", "STAT sizes_status disabled\r\nEND\r\n"),
            ("stats sizes_disable", "STAT sizes_status disabled\r\n"),
            ("stats detail", "CLIENT_ERROR usage: stats detail on|off|dump\r\n"),
            ("stats detail sometimes", "CLIENT_ERROR usage: stats detail on|off|dump\r\n"),
            ("stats cachedump", "CLIENT_ERROR bad command line\r\n"),
            ("stats cachedump 1", "CLIENT_ERROR bad command line\r\n"),
            ("stats cachedump x 1", "CLIENT_ERROR bad command line format\r\n"),
            ("stats cachedump 1 x", "CLIENT_ERROR bad command line format\r\n"),
            ("stats cachedump 999 0", "CLIENT_ERROR Illegal slab id\r\n"),
            ("stats cachedump 0 0", "END\r\n"),
        ] {
            connection.talk(format!("{command}\r\n").as_bytes(), reply.as_bytes());
        }
    });
}

#[test]
fn detail_counts_by_prefix_over_all_shards() {
    each_server(|shape, server| {
        let mut connection = server.connect();
        connection.talk(b"stats reset\r\nstats detail on\r\n", b"RESET\r\nOK\r\n");
        for n in 0..30 {
            connection.set(&format!("user:{n}"), b"x");
            assert!(connection.get(&format!("user:{n}")).is_some(), "[{shape}]");
            assert!(connection.get(&format!("user:none{n}")).is_none(), "[{shape}]");
            connection.talk(format!("delete user:{n}\r\n").as_bytes(), b"DELETED\r\n");
            connection.set(&format!("plain{n}"), b"x");
        }
        connection.talk(b"stats detail off\r\n", b"OK\r\n");
        connection.set("user:later", b"x");
        connection.talk(b"stats detail dump\r\n", b"PREFIX user get 60 hit 30 set 30 del 30\r\nEND\r\n");
    });
}

/// A listing walks the whole store, a piece each turn, over all shards.
#[test]
fn cachedump_lists_every_item_of_a_class() {
    const KEYS: usize = 5000;
    each_started("cachedump", &[], |shape, server| {
        let shape = shape.name();
        let mut connection = server.connect();
        for n in 0..KEYS {
            connection.send(format!("set dump{n:05} 0 1000 3 noreply\r\nabc\r\n").as_bytes());
        }
        connection.talk(b"mn\r\n", b"MN\r\n");
        let items = stats(&mut connection, " items");
        let class = items.iter().find(|(name, _)| name.ends_with(":number")).expect("a class").0.split(':').nth(1);
        let class = class.expect("items:N:number").to_owned();
        assert_eq!(items[&format!("items:{class}:number")], KEYS.to_string(), "[{shape}]");
        let now = number(&stats(&mut connection, ""), "time");
        for (limit, expected) in [(0, KEYS), (7, 7)] {
            connection.send(format!("stats cachedump {class} {limit}\r\n").as_bytes());
            let mut keys = BTreeSet::new();
            loop {
                let line = String::from_utf8(connection.line()).expect("text");
                let words: Vec<&str> = line.trim_end().split(' ').collect();
                if words == ["END"] {
                    break;
                }
                let ["ITEM", key, "[3", "b;", expires, "s]"] = words[..] else { panic!("[{shape}] {line:?}") };
                let left = expires.parse::<u64>().expect("a time").abs_diff(now);
                assert!((990..=1001).contains(&left), "[{shape}] expires in {left}");
                assert!(keys.insert(key.to_owned()), "[{shape}] {key} twice");
            }
            assert_eq!(keys.len(), expected, "[{shape}]");
        }
        // One that asks and does not stay for the answer harms nobody.
        server.connect().send(format!("stats cachedump {class} 0\r\n").repeat(20).as_bytes());
        connection.talk(b"stats sizes_enable\r\n", b"STAT sizes_status enabled\r\n");
        let sizes = stats(&mut connection, " sizes");
        assert_eq!(sizes.values().map(|n| n.parse::<usize>().expect("a number")).sum::<usize>(), KEYS, "[{shape}]");
        connection.talk(b"stats sizes_disable\r\n", b"STAT sizes_status disabled\r\n");
    });
}

#[test]
fn conns_tell_of_every_connection_and_listener() {
    each_started("conns", &[], |shape, server| {
        let mut others: Vec<Connection> = (0..5).map(|_| server.connect()).collect();
        for other in &mut others {
            other.talk(b"mn\r\n", b"MN\r\n");
        }
        let fields = stats(&mut server.connect(), " conns");
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, state) in fields.iter().filter(|(name, _)| name.ends_with(":state")) {
            *states.entry(state.as_str()).or_default() += 1;
        }
        let of = |state| states.get(state).copied().unwrap_or(0);
        assert!(of("conn_read") >= 5, "[{}] {states:?}", shape.name());
        assert_eq!(of("conn_parse_cmd"), 1, "[{}] {states:?}", shape.name());
        assert!(of("conn_listening") >= 1, "[{}] {states:?}", shape.name());
        for (name, value) in &fields {
            let kind = name.split(':').nth(1).expect("a kind");
            let good = match kind {
                "addr" | "listen_addr" => value.starts_with("tcp:127.0.0.1:") || value.starts_with("unix:"),
                "state" => value.starts_with("conn_"),
                "secs_since_last_cmd" => value.parse::<u64>().is_ok_and(|seconds| seconds < 600),
                _ => false,
            };
            assert!(good, "[{}] {name} {value}", shape.name());
        }
    });
}

#[test]
fn shards_and_latency_account_for_every_request() {
    each_started("shards and latency", &[], |shape, server| {
        let shards = if shape == support::Shape::TwoShards { 2 } else { 1 };
        let shape = shape.name();
        let mut connection = server.connect();
        traffic(&mut connection);
        let by_shard = stats(&mut connection, " shards");
        let sum = |name: &str| (0..shards).map(|shard| number(&by_shard, &format!("{shard}:{name}"))).sum::<u64>();
        assert_eq!(sum("requests"), 180, "[{shape}]");
        assert_eq!(sum("curr_items"), 60, "[{shape}]");
        assert_eq!(by_shard.contains_key("1:requests"), shards == 2, "[{shape}]");
        if shards == 2 {
            let errands = number(&by_shard, "0:forwarded_out") + number(&by_shard, "1:forwarded_out");
            assert!(errands > 30, "[{shape}] {errands} forwarded");
        }
        let latency = stats(&mut connection, " latency");
        for command in ["get", "set", "touch"] {
            assert_eq!(latency[&format!("{command}:count")], "60", "[{shape}] {command}");
            for part in ["total", "wait", "execute"] {
                let micros = |quantile| {
                    let name = format!("{command}:{part}_us_{quantile}");
                    latency[&name].parse::<f64>().unwrap_or_else(|_| panic!("[{shape}] {name} {}", latency[&name]))
                };
                let rising = micros("p50") <= micros("p99") && micros("p99.9") <= micros("max");
                assert!(rising && micros("max") < 60e6, "[{shape}] {command} {part}: {latency:?}");
            }
            assert_eq!(latency.contains_key(&format!("{command}:hop_us_max")), shards == 2, "[{shape}] {command}");
        }
        assert!(!latency.contains_key("delete:count"), "[{shape}]");
        connection.talk(b"stats reset\r\nstats latency\r\n", b"RESET\r\nEND\r\n");
    });
}
