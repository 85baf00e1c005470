//! Statistics as monitoring reads them: each reader's own way of cutting lines is imitated, and what it cannot do
//! without is asked for. A reader that is stricter than the protocol counts as the protocol.

mod support;

use std::collections::HashMap;

use support::{Answer, Connection, REPLY_WAIT, each_server, packet};

/// The lines of one form, without their ends; panics at one that does not begin with `STAT `.
fn lines(connection: &mut Connection, form: &str) -> Vec<String> {
    connection.send(format!("stats{form}\r\n").as_bytes());
    let mut lines = Vec::new();
    loop {
        let line = String::from_utf8(connection.line()).expect("statistics are text");
        let line = line.strip_suffix("\r\n").expect("a line that ends in CRLF").to_owned();
        if line == "END" {
            return lines;
        }
        assert!(line.starts_with("STAT "), "{form}: {line:?}");
        lines.push(line);
    }
}

/// Work that gives every counter something to count, over all shards.
fn work(connection: &mut Connection) {
    for n in 0..50 {
        connection.set(&format!("key{n}"), &vec![b'x'; 20 * n]);
        assert!(connection.get(&format!("key{n}")).is_some());
        assert!(connection.get(&format!("none{n}")).is_none());
    }
    connection.talk(b"touch key0 0\r\n", b"TOUCHED\r\n");
    connection.talk(b"cas key0 0 0 1 1\r\nx\r\n", b"EXISTS\r\n");
}

/// The Prometheus exporter cuts each line at its spaces and wants exactly three pieces; with one line of more it
/// reports the server as down.
fn prometheus(connection: &mut Connection, form: &str) -> HashMap<String, String> {
    let cut = |line: String| {
        let pieces: Vec<&str> = line.split(' ').collect();
        let ["STAT", name, value] = pieces[..] else { panic!("stats{form}: not three pieces: {line:?}") };
        (name.to_owned(), value.to_owned())
    };
    lines(connection, form).into_iter().map(cut).collect()
}

#[test]
fn the_prometheus_exporter_reads_the_general_form_and_the_settings() {
    each_server(|shape, server| {
        let mut connection = server.connect();
        work(&mut connection);
        let general = prometheus(&mut connection, "");
        // Its map of counters by command and status, and its gauges.
        let mut numbers: Vec<String> = ["get", "delete", "incr", "decr", "cas", "touch"]
            .into_iter()
            .flat_map(|command| [format!("{command}_hits"), format!("{command}_misses")])
            .collect();
        numbers.extend(
            [
                "uptime",
                "time",
                "cas_badval",
                "cmd_flush",
                "cmd_set",
                "bytes",
                "limit_maxbytes",
                "curr_items",
                "total_items",
                "bytes_read",
                "bytes_written",
                "curr_connections",
                "total_connections",
                "rejected_connections",
                "max_connections",
                "conn_yields",
                "listen_disabled_num",
                "evictions",
                "reclaimed",
                "store_too_large",
                "store_no_memory",
                "lru_crawler_starts",
                "crawler_items_checked",
                "crawler_reclaimed",
                "accepting_conns",
                "total_malloced",
            ]
            .map(str::to_owned),
        );
        for name in numbers {
            let value = general.get(&name).unwrap_or_else(|| panic!("[{shape}] no {name}"));
            assert!(value.parse::<f64>().is_ok(), "[{shape}] {name} is {value:?}");
        }
        for name in ["rusage_user", "rusage_system"] {
            let (seconds, micros) = general[name].split_once('.').expect("seconds.microseconds");
            assert!(
                seconds.parse::<u64>().is_ok() && micros.len() == 6 && micros.parse::<u64>().is_ok(),
                "[{shape}] {name}"
            );
        }
        assert!(general["version"].starts_with("1.6."), "[{shape}]");

        let settings = prometheus(&mut connection, " settings");
        for name in ["maxconns", "maxbytes", "tcpport", "num_threads", "item_size_max"] {
            assert!(settings.get(name).is_some_and(|value| value.parse::<f64>().is_ok()), "[{shape}] {name}");
        }
        for name in ["lru_crawler", "lru_maintainer_thread", "cas_enabled", "flush_enabled", "dump_enabled"] {
            if let Some(value) = settings.get(name) {
                assert!(value == "yes" || value == "no", "[{shape}] {name} is {value:?}");
            }
        }
        assert!(settings.contains_key("lru_crawler"), "[{shape}] no lru_crawler");
    });
}

#[test]
fn the_prometheus_exporter_reads_items_and_slabs_by_class() {
    each_server(|shape, server| {
        let mut connection = server.connect();
        work(&mut connection);
        let mut classes: HashMap<u32, HashMap<String, String>> = HashMap::new();
        for (name, value) in prometheus(&mut connection, " items") {
            let pieces: Vec<&str> = name.split(':').collect();
            let ["items", class, field] = pieces[..] else { panic!("[{shape}] stats items: {name:?}") };
            classes.entry(class.parse().expect("a class")).or_default().insert(field.to_owned(), value);
        }
        assert!(classes.len() > 1, "[{shape}] {classes:?}");
        let items: u64 = classes.values().map(|fields| fields["number"].parse::<u64>().expect("a number")).sum();
        assert!(items >= 50, "[{shape}] {items} items in all classes");
        let fields = ["number", "evicted", "evicted_nonzero", "evicted_time", "outofmemory", "reclaimed"];
        for (class, of) in &classes {
            for field in fields {
                assert!(of.get(field).is_some_and(|value| value.parse::<u64>().is_ok()), "[{shape}] {class}: {field}");
            }
        }

        let mut slabs: HashMap<u32, HashMap<String, u64>> = HashMap::new();
        for (name, value) in prometheus(&mut connection, " slabs") {
            let value = value.parse().unwrap_or_else(|_| panic!("[{shape}] {name} is {value:?}"));
            match name.split_once(':') {
                Some((class, field)) => {
                    slabs.entry(class.parse().expect("a class")).or_default().insert(field.to_owned(), value);
                }
                // python-memcached, too, puts what has no class under its own name.
                None => assert!(["active_slabs", "total_malloced"].contains(&name.as_str()), "[{shape}] {name}"),
            }
        }
        for class in classes.keys() {
            let slab = slabs.get(class).unwrap_or_else(|| panic!("[{shape}] class {class} has items and no slab"));
            for field in [
                "chunk_size",
                "chunks_per_page",
                "total_pages",
                "total_chunks",
                "used_chunks",
                "free_chunks",
                "mem_requested",
                "cmd_set",
                "get_hits",
                "delete_hits",
                "incr_hits",
                "decr_hits",
                "cas_hits",
                "cas_badval",
                "touch_hits",
            ] {
                assert!(slab.contains_key(field), "[{shape}] slab {class} has no {field}");
            }
            assert_eq!(slab["used_chunks"] + slab["free_chunks"], slab["total_chunks"], "[{shape}] class {class}");
        }
        let sets: u64 = slabs.values().filter_map(|slab| slab.get("cmd_set")).sum();
        assert!(sets >= 50, "[{shape}] {sets} stores in all classes");
    });
}

/// telegraf keeps the general form's numbers as integers, and fails the whole reading when one of its own is none.
#[test]
fn telegraf_reads_integers() {
    each_server(|shape, server| {
        let mut connection = server.connect();
        work(&mut connection);
        let general: HashMap<String, String> = prometheus(&mut connection, "");
        for name in [
            "accepting_conns",
            "auth_cmds",
            "auth_errors",
            "bytes",
            "bytes_read",
            "bytes_written",
            "cas_badval",
            "cas_hits",
            "cas_misses",
            "cmd_flush",
            "cmd_get",
            "cmd_set",
            "cmd_touch",
            "conn_yields",
            "curr_connections",
            "curr_items",
            "decr_hits",
            "decr_misses",
            "delete_hits",
            "delete_misses",
            "evicted_unfetched",
            "evictions",
            "expired_unfetched",
            "get_hits",
            "get_misses",
            "hash_bytes",
            "incr_hits",
            "incr_misses",
            "limit_maxbytes",
            "listen_disabled_num",
            "reclaimed",
            "threads",
            "total_connections",
            "total_items",
            "touch_hits",
            "touch_misses",
            "uptime",
        ] {
            assert!(general.get(name).is_some_and(|value| value.parse::<i64>().is_ok()), "[{shape}] {name}");
        }
    });
}

/// Datadog's client speaks binary: one packet for each field, an empty one at the end.
#[test]
fn datadog_reads_binary_statistics() {
    each_server(|shape, server| {
        work(&mut server.connect());
        let mut connection = server.connect();
        for (form, wanted) in [
            ("", vec!["get_hits", "cmd_get", "bytes", "limit_maxbytes", "curr_items", "uptime"]),
            ("settings", vec!["maxconns", "maxbytes"]),
            ("items", vec![]),
            ("slabs", vec!["active_slabs", "total_malloced"]),
        ] {
            connection.send(&packet(0x10).key(form).opaque(77).bytes());
            let mut fields = HashMap::new();
            loop {
                let answer = loop {
                    match Answer::parse(connection.unread()).unwrap_or_else(|why| panic!("[{shape}] {why}")) {
                        Some(answer) => break answer,
                        None => assert_ne!(connection.receive(REPLY_WAIT).expect("an answer"), 0, "[{shape}] closed"),
                    }
                };
                connection.consume(answer.len);
                assert_eq!((answer.opcode, answer.status, answer.opaque), (0x10, 0, 77), "[{shape}] stats {form}");
                if answer.key.is_empty() {
                    assert!(answer.value.is_empty(), "[{shape}] the end of stats {form}: {answer:?}");
                    break;
                }
                let text = |bytes| String::from_utf8(bytes).expect("text");
                fields.insert(text(answer.key), text(answer.value));
            }
            for name in wanted {
                assert!(fields.get(name).is_some_and(|value| value.parse::<u64>().is_ok()), "[{shape}] {form}: {name}");
            }
            assert!(form != "items" || fields.keys().any(|name| name.ends_with(":number")), "[{shape}] {fields:?}");
        }
    });
}
