//! `watch` on the wire, and the commands that change a running server.

mod support;

use std::time::Duration;

use support::{Connection, REPLY_WAIT, Server, Shape, each_started, poll_for};

/// Reads lines until one holds `part`.
fn line_with(connection: &mut Connection, part: &str) -> String {
    loop {
        let line = String::from_utf8(connection.line()).expect("text");
        if line.contains(part) {
            return line;
        }
    }
}

#[test]
fn a_watcher_sees_what_happens_on_every_shard() {
    each_started("watching", &[], |shape, server| {
        let shape = shape.name();
        let mut watcher = server.connect();
        watcher.talk(b"watch fetchers mutations deletions\r\n", b"OK\r\n");
        let mut client = server.connect();
        // Some keys of each shard.
        for n in 0..20 {
            client.set(&format!("key{n}"), b"abc");
            client.talk(format!("delete key{n}\r\nget key{n}\r\n").as_bytes(), b"DELETED\r\nEND\r\n");
        }
        let mut gids = Vec::new();
        let (mut stored, mut deleted, mut missed) = (0, 0, 0);
        while stored < 20 || deleted < 20 || missed < 20 {
            let line = String::from_utf8(watcher.line()).expect("text");
            assert!(line.starts_with("ts=") && line.ends_with('\n'), "[{shape}] {line:?}");
            let gid = line.split(' ').nth(1).and_then(|gid| gid.strip_prefix("gid=")).expect("a gid");
            gids.push(gid.parse::<u64>().expect("a number"));
            stored += usize::from(line.contains("type=item_store key=key") && line.contains("status=stored cmd=set"));
            deleted += usize::from(line.contains("type=deleted key=key") && line.contains("cmd=delete clsid="));
            missed += usize::from(line.contains("type=item_get key=key") && line.contains("status=not_found clsid=0"));
        }
        gids.sort_unstable();
        gids.dedup();
        assert!(gids.len() >= 60, "[{shape}] numbers of events repeat");
        assert_eq!(server.stat("log_watchers").as_deref(), Some("1"), "[{shape}]");
        drop(watcher);
        let gone = poll_for(REPLY_WAIT, || (server.stat("log_watchers").as_deref() == Some("0")).then_some(()));
        assert!(gone.is_some(), "[{shape}] a watcher that is gone still counts");
    });
}

#[test]
fn connections_are_seen_as_they_come_and_go() {
    each_started("watching connections", &[], |shape, server| {
        let mut watcher = server.connect();
        watcher.talk(b"watch connevents\r\n", b"OK\r\n");
        let peer = match shape {
            Shape::UnixSocket => "rip=unix rport=0 transport=local",
            _ => "rip=127.0.0.1 rport=",
        };
        for how in ["quit\r\n", ""] {
            let mut client = server.connect();
            client.talk(b"mn\r\n", b"MN\r\n");
            client.send(how.as_bytes());
            drop(client);
            let came = line_with(&mut watcher, " type=conn_new ");
            assert!(came.contains(peer), "[{}] {came}", shape.name());
            let went = line_with(&mut watcher, " type=conn_close ");
            assert!(went.contains(" reason=normal cfd="), "[{}] {went}", shape.name());
        }
    });
}

/// A connection that was closed for its silence was told as one that failed.
#[test]
fn a_silent_connection_is_seen_to_go_for_its_silence() {
    each_started("watching silent connections", &["-o", "idle_timeout=1"], |shape, server| {
        let mut watcher = server.connect();
        watcher.talk(b"watch connevents\r\n", b"OK\r\n");
        let mut client = server.connect();
        client.talk(b"mn\r\n", b"MN\r\n");
        // Another shard may have to tell yet of the connection that saw the server start.
        let went = line_with(&mut watcher, " reason=idle_timeout cfd=");
        assert!(went.contains(" type=conn_close "), "[{}] {went}", shape.name());
    });
}

#[test]
fn evictions_are_seen() {
    each_started("watching evictions", &["-m", "16"], |shape, server| {
        let mut watcher = server.connect();
        watcher.talk(b"watch evictions\r\n", b"OK\r\n");
        let mut client = server.connect();
        let value = "v".repeat(1000);
        for n in 0..30_000 {
            client.send(format!("set evicted{n} 0 0 1000 noreply\r\n{value}\r\n").as_bytes());
        }
        client.talk(b"mn\r\n", b"MN\r\n");
        let line = line_with(&mut watcher, " type=eviction ");
        assert!(line.contains(" key=evicted") && line.contains(" fetch=no ttl=-1 la="), "[{}] {line}", shape.name());
        assert!(line.ends_with(" size=1000\n"), "[{}] {line}", shape.name());
    });
}

/// A watcher that reads nothing costs the server its buffers and nobody any time.
#[test]
fn a_watcher_that_does_not_read_loses_lines() {
    each_started("a watcher that does not read", &["-o", "watcher_logbuf_size=4"], |shape, server| {
        let mut watcher = server.connect();
        watcher.talk(b"watch fetchers\r\n", b"OK\r\n");
        let mut client = server.connect();
        let gets = format!("get {}\r\n", "k".repeat(250)).repeat(1000);
        let skipped = poll_for(Duration::from_secs(60), || {
            client.send(gets.as_bytes());
            client.expect(&b"END\r\n".repeat(1000));
            server.stat("log_watcher_skipped").and_then(|n| n.parse::<u64>().ok()).filter(|n| *n > 0)
        });
        assert!(skipped.is_some(), "[{}] nothing was skipped", shape.name());
        let line = line_with(&mut watcher, "skipped=");
        assert!(line.starts_with("skipped="), "[{}] {line}", shape.name());
    });
}

#[test]
fn watching_can_be_switched_off_and_is_not_shutdown_unless_allowed() {
    let server = Server::start(Shape::OneShard, &["-W"]);
    let mut connection = server.connect();
    connection.talk(b"watch\r\n", b"CLIENT_ERROR watch commands not allowed\r\n");
    connection.talk(b"shutdown\r\n", b"SERVER_ERROR: shutdown not enabled\r\n");
}

#[test]
fn shutdown_ends_the_server_in_order() {
    for command in ["shutdown\r\n", "shutdown graceful\r\n"] {
        each_started("shutdown", &["-A"], |shape, mut server| {
            let mut connection = server.connect();
            connection.talk(b"shutdown now\r\n", b"CLIENT_ERROR invalid shutdown mode\r\n");
            connection.send(command.as_bytes());
            assert!(connection.closes_within(REPLY_WAIT), "[{}]", shape.name());
            let ended = server.process().and_then(|process| process.wait(REPLY_WAIT));
            assert!(ended.is_some_and(|status| status.success()), "[{}] {ended:?}", shape.name());
        });
    }
}

#[test]
fn the_memory_limit_moves_while_the_server_runs() {
    each_started("another memory limit", &["-m", "64"], |shape, server| {
        let shape = shape.name();
        let mut connection = server.connect();
        let limit = || server.stat("limit_maxbytes").and_then(|bytes| bytes.parse::<u64>().ok());
        connection.talk(b"cache_memlimit 128\r\n", b"OK\r\n");
        assert_eq!(limit(), Some(128 << 20), "[{shape}]");
        let value = "v".repeat(10_000);
        for n in 0..6000 {
            connection.send(format!("set filled{n} 0 0 10000 noreply\r\n{value}\r\n").as_bytes());
        }
        connection.talk(b"mn\r\n", b"MN\r\n");
        connection.talk(b"cache_memlimit 32\r\n", b"OK\r\n");
        assert_eq!(limit(), Some(32 << 20), "[{shape}]");
        let shrunk = poll_for(REPLY_WAIT, || {
            let bytes: u64 = server.stat("total_malloced").and_then(|bytes| bytes.parse().ok())?;
            (bytes <= 32 << 20).then_some(())
        });
        assert!(shrunk.is_some(), "[{shape}] {:?}", server.stat("total_malloced"));
    });
}
