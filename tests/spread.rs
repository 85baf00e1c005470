//! How connections are spread over shards, and how clients find the shard that owns a key.

mod support;

use std::collections::HashMap;
use std::net::TcpListener;

use support::{Address, Connection, Server, Shape, cpus};

/// The fields of a form of `stats`.
fn stats(connection: &mut Connection, form: &str) -> HashMap<String, String> {
    connection.send(format!("stats {form}\r\n").as_bytes());
    let mut fields = HashMap::new();
    loop {
        let line = String::from_utf8(connection.line()).expect("text");
        match line.trim_end().split(' ').collect::<Vec<_>>()[..] {
            ["END"] => return fields,
            ["STAT", name, value] => fields.insert(name.to_owned(), value.to_owned()),
            _ => panic!("{line:?}"),
        };
    }
}

fn number(fields: &HashMap<String, String>, name: &str) -> u64 {
    fields.get(name).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no number {name} in {fields:?}"))
}

/// The first of two ports that were free a moment ago.
fn free_pair() -> u16 {
    for _ in 0..100 {
        let first = support::free_port();
        if first < u16::MAX && TcpListener::bind(("127.0.0.1", first + 1)).is_ok() {
            return first;
        }
    }
    panic!("no two free ports in a row");
}

fn two_shards(extra: &[&str]) -> Option<Server> {
    if cpus() < 2 {
        println!("skipped: two shards take two CPUs");
        return None;
    }
    Some(Server::start(Shape::TwoShards, extra))
}

/// The kernel's hash left, of 40 connections, 28 and 12 as readily as 20 and 20.
#[test]
fn connections_are_spread_evenly() {
    let Some(server) = two_shards(&[]) else { return };
    let mut open: Vec<Connection> = Vec::new();
    for n in 1..=40u64 {
        let mut connection = server.connect();
        // Once it is answered it is counted.
        connection.talk(b"mn\r\n", b"MN\r\n");
        open.push(connection);
        let fields = stats(&mut open[0], "shards");
        let [a, b] = [0, 1].map(|shard| number(&fields, &format!("{shard}:curr_connections")));
        assert_eq!(a + b, n);
        assert!(a.abs_diff(b) <= 2 + a.min(b) / 8, "{a} and {b} of {n}");
    }
    // Those that were handed on are served as any.
    for (n, connection) in open.iter_mut().enumerate() {
        connection.set(&format!("key{n}"), b"value");
        assert_eq!(connection.get(&format!("key{n}")).as_deref(), Some(&b"value"[..]));
    }
}

#[test]
fn a_port_of_its_own_reaches_each_shard_and_stays_there() {
    let first = free_pair();
    let Some(server) = two_shards(&["--per-shard-ports", &first.to_string()]) else { return };
    let connect = |shard: u64| {
        let address = Address::parse(&format!("127.0.0.1:{}", u64::from(first) + shard));
        address.connect().expect("the shard's port")
    };
    // All to one shard: however uneven, they were sent there on purpose.
    let mut open: Vec<Connection> = (0..10).map(|_| connect(1)).collect();
    open.iter_mut().for_each(|connection| connection.talk(b"mn\r\n", b"MN\r\n"));
    let mut asking = server.connect();
    assert!(number(&stats(&mut asking, "shards"), "1:curr_connections") >= 10);

    let routing = stats(&mut asking, "routing");
    assert_eq!(number(&routing, "shards"), 2);
    assert_eq!(number(&routing, "1:port"), u64::from(first) + 1);
    // As a client that knows where keys belong: nothing is forwarded.
    let seeds = [0, 1, 2, 3].map(|n| u64::from_str_radix(&routing[&format!("seed{n}")], 16).expect("a seed"));
    let hash =
        |key: &str| ahash::RandomState::with_seeds(seeds[0], seeds[1], seeds[2], seeds[3]).hash_one(key.as_bytes());
    let (shift, bits) = (number(&routing, "owner_shift"), number(&routing, "owner_bits"));
    let owner = |key: &str| (((hash(key) >> shift) & ((1 << bits) - 1)) * 2) >> bits;
    assert_eq!(format!("{:016x}", hash(&routing["example_key"])), routing["example_hash"]);
    assert_eq!(owner(&routing["example_key"]), number(&routing, "example_owner"));
    let mut of_shard = [connect(0), connect(1)];
    let mut asked = [0; 2];
    for n in 0..200 {
        let key = format!("routed{n}");
        let owner = owner(&key) as usize;
        of_shard[owner].set(&key, b"value");
        asked[owner] += 1;
    }
    assert!(asked[0] > 50 && asked[1] > 50, "{asked:?}");
    let fields = stats(&mut asking, "shards");
    for shard in 0..2 {
        // What asking for statistics takes is forwarded, too.
        assert!(number(&fields, &format!("{shard}:forwarded_out")) < 10, "{fields:?}");
    }
}

#[test]
fn without_ports_of_their_own_the_seeds_stay_secret() {
    let server = Server::start(Shape::OneShard, &[]);
    let routing = stats(&mut server.connect(), "routing");
    assert_eq!(number(&routing, "shards"), 1);
    assert!(!routing.contains_key("seed0") && !routing.contains_key("example_hash"), "{routing:?}");
}

#[test]
fn the_control_core_carries_no_shard() {
    if cpus() < 2 {
        println!("skipped: it takes two CPUs");
        return;
    }
    let server = Server::start(Shape::OneShard, &["-t", "1", "--control-core", "0"]);
    let Server::Own { process, .. } = &server else { return };
    let allowed = |task: &std::path::Path| {
        let status = std::fs::read_to_string(task.join("status")).expect("status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
            line.trim().to_owned()
        };
        (field("Name:"), field("Cpus_allowed_list:"))
    };
    let tasks = std::fs::read_dir(format!("/proc/{}/task", process.id())).expect("tasks");
    let mut shards = 0;
    for (name, cpus) in tasks.map(|task| allowed(&task.expect("a task").path())) {
        let is_shard = name.starts_with("shard");
        assert_eq!(cpus == "0", !is_shard, "{name} may run on {cpus}");
        shards += usize::from(is_shard);
    }
    assert!(shards > 0);
}

/// Memory is bound before a shard makes anything; a machine of one node takes it as any.
#[test]
fn memory_is_bound_to_nodes_where_that_is_asked_for() {
    if !std::path::Path::new("/sys/devices/system/node/node0").exists() {
        println!("skipped: a kernel without NUMA");
        return;
    }
    for (mode, told) in [("local", "bind:0"), ("interleave", "interleave:0"), ("off", "")] {
        let server = Server::start(Shape::OneShard, &["--numa", mode]);
        let mut connection = server.connect();
        connection.set("key", b"value");
        assert_eq!(stats(&mut connection, "settings")["numa"], mode);
        let Server::Own { process, .. } = &server else { return };
        let maps = std::fs::read_to_string(format!("/proc/{}/numa_maps", process.id())).expect("maps of memory");
        let bound =
            maps.lines().filter(|line| line.contains("bind:") || line.contains("interleave:")).collect::<Vec<_>>();
        assert_eq!(bound.is_empty(), told.is_empty(), "--numa {mode}");
        assert!(bound.iter().all(|line| line.contains(told)), "--numa {mode}: {bound:?}");
    }
}
