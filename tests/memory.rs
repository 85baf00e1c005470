//! The memory ledger (`stats memory`) against the kernel's count, and what idle connections cost.

mod support;

use std::collections::HashMap;
use std::time::Duration;

use support::{Connection, REPLY_WAIT, Random, Server, each_started, patterned, poll_for};

/// The parts of the ledger, by name.
fn ledger(connection: &mut Connection) -> HashMap<String, i64> {
    connection.send(b"stats memory\r\n");
    let mut parts = HashMap::new();
    loop {
        let line = String::from_utf8(connection.line()).expect("statistics are text");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["STAT", name, value] => parts.insert(name.to_owned(), value.parse().expect("a number")),
            _ => return parts,
        };
    }
}

/// What the ledger may differ from the kernel's count: 3 percent and 16 MiB.
fn allowed_bytes(resident: i64) -> i64 {
    resident * 3 / 100 + (16 << 20)
}

/// How long that may take: it is looked at once a second, and freed memory goes back over some seconds, three to six where
/// nothing else runs. Nothing is waited for that has come.
const AGREEMENT_WAIT: Duration = Duration::from_secs(60);

/// Holds the ledger to the kernel's count, once what has just changed is added up.
fn check(server: &Server, when: &str) {
    let mut connection = server.connect();
    let mut said = String::new();
    let agrees = || {
        let parts = ledger(&mut connection);
        let resident = server.resident_bytes()? as i64;
        let own: i64 = parts.iter().filter(|(name, _)| !name.contains(':')).map(|(_, bytes)| bytes).sum();
        assert_eq!(own, 2 * parts["sum"] + parts["limit"] + parts["resident"], "parts do not add up: {parts:?}");
        said = format!("{when}: {resident} bytes resident, ledger {parts:?}");
        ((resident - parts["sum"]).abs() <= allowed_bytes(resident)).then_some(())
    };
    let agreed = poll_for(AGREEMENT_WAIT, agrees).is_some();
    assert!(agreed, "{said}");
    println!("{said}");
}

/// Sets of mixed sizes, some LARGE, until about so many bytes are stored; many of them in a pipeline.
fn fill(server: &Server, bytes: usize) {
    let mut random = Random::new(5);
    let mut connection = server.connect();
    let mut stored = 0;
    while stored < bytes {
        let mut requests = Vec::new();
        while requests.len() < 1 << 20 {
            let len = match random.below(1000) {
                0 => 200_000 + random.below(300_000) as usize,
                1..50 => 2000 + random.below(14_000) as usize,
                _ => random.below(700) as usize,
            };
            let key = random.below(10_000_000);
            requests.extend_from_slice(format!("set key{key} 0 0 {len} noreply\r\n").as_bytes());
            requests.extend_from_slice(&patterned(key, len));
            requests.extend_from_slice(b"\r\n");
        }
        stored += requests.len();
        connection.send(&requests);
    }
    connection.talk(b"mn\r\n", b"MN\r\n");
}

/// The limit covered the store alone, and what was around it was counted by nobody.
#[test]
fn the_ledger_is_what_the_kernel_counts_and_stays_within_the_limit() {
    each_started("the memory ledger", &["-m", "160", "-c", "1024"], |shape, server| {
        let name = shape.name();
        check(&server, &format!("[{name}] at the start"));
        fill(&server, 300 << 20);
        check(&server, &format!("[{name}] full"));
        // Connections that pipeline, some of which do not read.
        let value = patterned(1, 100_000);
        let mut reader = server.connect();
        reader.set("read", &value);
        let mut slow: Vec<Connection> = (0..150).map(|_| server.connect()).collect();
        slow.iter_mut().for_each(|slow| slow.send(&b"get read\r\n".repeat(200)));
        let mut busy: Vec<Connection> = (0..100).map(|_| server.connect()).collect();
        for round in 0..20 {
            for (n, connection) in busy.iter_mut().enumerate() {
                for k in 0..20 {
                    connection.send(format!("set busy{n}:{k} 0 0 4 noreply\r\n{round:04}\r\n").as_bytes());
                }
                connection.send(b"mn\r\n");
            }
            busy.iter_mut().for_each(|connection| connection.expect(b"MN\r\n"));
        }
        check(&server, &format!("[{name}] with readers that do not read"));
        let mut parts = HashMap::new();
        let within = || {
            parts = ledger(&mut reader);
            (parts["sum"] <= parts["limit"] + (1 << 20)).then_some(())
        };
        assert!(poll_for(REPLY_WAIT, within).is_some(), "[{name}] over the limit: {parts:?}");
        drop((slow, busy));
        check(&server, &format!("[{name}] without them"));
        assert_eq!(server.memory_over_limit(), None, "[{name}]");
        // What they took comes back to the items. Pages that are ready for them are theirs: how many are varies.
        let theirs = |parts: &HashMap<String, i64>| parts["items"] + parts["free_pages"];
        let before = theirs(&ledger(&mut reader));
        let mut parts = HashMap::new();
        let more = || {
            fill(&server, 4 << 20);
            parts = ledger(&mut reader);
            (theirs(&parts) >= before).then_some(())
        };
        let came_back = poll_for(REPLY_WAIT, more).is_some();
        assert!(came_back, "[{name}] memory does not come back: {before} bytes for items before, now {parts:?}");
    });
}

/// An idle connection's share of the server's memory, before it ever asked for something and after.
#[test]
fn an_idle_connection_costs_little() {
    const IDLE_CONNECTION_BYTES_MAX: i64 = 256;
    let allowed = open_files_allowed();
    let count = (allowed.saturating_sub(200)).min(4000);
    if count < 500 {
        println!("skipped: idle connections (only {allowed} open files are allowed)");
        return;
    }
    each_started("idle connections", &["-c", "8000"], |shape, server| {
        let shape = shape.name();
        let mut control = server.connect();
        let cost = |parts: &HashMap<String, i64>| {
            ["connections", "receive_buffers", "reply_buffers", "heap"].iter().map(|part| parts[*part]).sum::<i64>()
        };
        // Heap and buffers that the first requests take, whoever makes them.
        warm_up(&mut (0..300).map(|_| server.connect()).collect::<Vec<_>>());
        let alone = || (server.stat("curr_connections")?.parse::<usize>().ok()? <= 2).then_some(());
        assert!(poll_for(REPLY_WAIT, alone).is_some(), "[{shape}] connections do not go");
        let settled = |control: &mut Connection, before: i64, when: &str| {
            let mut each = 0;
            let small = || {
                each = (cost(&ledger(control)) - before) / count as i64;
                (each <= IDLE_CONNECTION_BYTES_MAX).then_some(())
            };
            let is_small = poll_for(AGREEMENT_WAIT, small).is_some();
            assert!(is_small, "[{shape}] {each} bytes for each of {count} connections {when}");
            println!("[{shape}] {each} bytes for each of {count} connections {when}");
        };
        let before = cost(&ledger(&mut control));
        let mut idle: Vec<Connection> = (0..count).map(|_| server.connect()).collect();
        let open = || server.stat("curr_connections")?.parse::<usize>().ok().filter(|open| *open > count);
        assert!(poll_for(REPLY_WAIT, open).is_some(), "[{shape}] not all connections are there");
        let held = || (ledger(&mut control)["connections"] > 100 * count as i64).then_some(());
        assert!(poll_for(REPLY_WAIT, held).is_some(), "[{shape}] the ledger does not know of the connections");
        settled(&mut control, before, "that never asked");
        warm_up(&mut idle);
        settled(&mut control, before, "that have asked");
        drop(idle);
        let gone = || (ledger(&mut control)["connections"] < 60_000).then_some(());
        assert!(poll_for(AGREEMENT_WAIT, gone).is_some(), "[{shape}] the table stays as large as it was");
    });
}

/// Each stores a value in two pieces, reads it, and leaves nothing unfinished.
fn warm_up(connections: &mut [Connection]) {
    let value = patterned(3, 3000);
    for (n, connections) in connections.chunks_mut(200).enumerate() {
        let key = format!("warm{n}");
        let request = [format!("set {key} 0 0 {}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat();
        connections.iter_mut().for_each(|connection| connection.send(&request[..1500]));
        connections.iter_mut().for_each(|connection| connection.send(&request[1500..]));
        connections.iter_mut().for_each(|connection| connection.expect(b"STORED\r\n"));
        connections.iter_mut().for_each(|connection| assert_eq!(connection.get(&key).as_ref(), Some(&value)));
    }
}

fn open_files_allowed() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit");
    line.split_whitespace().next().expect("the soft limit").parse().unwrap_or(usize::MAX)
}
