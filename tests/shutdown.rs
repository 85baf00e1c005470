//! How a server ends, and how it declines to begin.

mod support;

use std::net::TcpListener;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::{
    Address, Process, REPLY_WAIT, Server, Shape, each_started, free_port, fresh_path, patterned, poll_for, shown,
};

/// The promise is 2 s; a loaded machine gets this long before it counts as hanging.
const END_WATCHDOG: Duration = Duration::from_secs(10);

const SIGNALS: [&str; 2] = ["TERM", "INT"];

/// Ends the server by a signal; its status, and how long it took.
fn end(server: &mut Server, signal: &str) -> ExitStatus {
    let process = server.process().expect("a server of our own");
    let from = Instant::now();
    process.signal(signal);
    let status = process.wait(END_WATCHDOG);
    println!("SIG{signal}: ended after {:?}", from.elapsed());
    status.unwrap_or_else(|| panic!("still running {END_WATCHDOG:?} after SIG{signal}; it said: {}", process.said()))
}

#[test]
fn an_idle_server_ends_in_order() {
    for signal in SIGNALS {
        each_started("ending when idle", &[], |shape, mut server| {
            let mut idle = server.connect();
            idle.set("a", b"x");
            let status = end(&mut server, signal);
            assert_eq!(status.code(), Some(0), "[{}] SIG{signal}: {}", shape.name(), server.said());
            assert!(idle.closes_within(REPLY_WAIT), "[{}] an idle connection stays open", shape.name());
            assert!(server.address().connect().is_err(), "[{}] somebody still listens", shape.name());
        });
    }
}

#[test]
fn what_has_arrived_is_answered() {
    const CONNECTIONS: usize = 8;
    const REQUESTS: usize = 200;
    for signal in SIGNALS {
        each_started("answering what has arrived", &[], |shape, mut server| {
            let large = patterned(3, 300_000);
            let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| server.connect()).collect();
            // A connection that the server has not yet accepted when it is told to end is turned away.
            connections.iter_mut().for_each(|connection| connection.talk(b"mn\r\n", b"MN\r\n"));
            connections[0].set("large", &large);
            let mut expected = Vec::new();
            for (c, connection) in connections.iter_mut().enumerate() {
                let (mut requests, mut replies) = (String::new(), String::new());
                for n in 0..REQUESTS {
                    requests += &format!("set k{c}:{n} 0 0 1\r\nx\r\nget k{c}:{n}\r\n");
                    replies += &format!("STORED\r\nVALUE k{c}:{n} 0 1\r\nx\r\nEND\r\n");
                }
                requests += "get large\r\n";
                let value = [replies.as_bytes(), b"VALUE large 0 300000\r\n", &large, b"\r\nEND\r\n"].concat();
                expected.push(value);
                connection.send(requests.as_bytes());
            }
            let process = server.process().expect("a server of our own");
            process.signal(signal);
            for (connection, expected) in connections.iter_mut().zip(&expected) {
                connection.expect(expected);
                assert!(connection.closes_within(REPLY_WAIT), "[{}] a connection stays open", shape.name());
            }
            let status = process.wait(END_WATCHDOG);
            assert_eq!(status.and_then(|s| s.code()), Some(0), "[{}] SIG{signal}: {}", shape.name(), process.said());
        });
    }
}

#[test]
fn a_server_under_load_ends_in_order() {
    const CLIENTS: usize = 4;
    const DEPTH: usize = 64;
    for signal in SIGNALS {
        each_started("ending under load", &[], |shape, mut server| {
            let address = server.address().clone();
            let rounds = AtomicU64::new(0);
            let stop = AtomicBool::new(false);
            let status = std::thread::scope(|scope| {
                for client in 0..CLIENTS {
                    let (address, rounds, stop) = (&address, &rounds, &stop);
                    scope.spawn(move || load(address, client, DEPTH, rounds, stop));
                }
                let loaded = poll_for(REPLY_WAIT, || (rounds.load(Ordering::Relaxed) > 100).then_some(()));
                let status = end(&mut server, signal);
                stop.store(true, Ordering::Relaxed);
                assert!(loaded.is_some(), "[{}] the server was never under load", shape.name());
                status
            });
            assert_eq!(status.code(), Some(0), "[{}] SIG{signal}: {}", shape.name(), server.said());
        });
    }
}

/// Pipelines sets and gets until the server ends. Up to there every reply must be right.
fn load(address: &Address, client: usize, depth: usize, rounds: &AtomicU64, stop: &AtomicBool) {
    let mut connection = address.connect().expect("a connection");
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (mut requests, mut replies) = (String::new(), String::new());
        for n in 0..depth {
            requests += &format!("set c{client}:{n} 0 0 8\r\n{round:08}\r\nget c{client}:{n}\r\n");
            replies += &format!("STORED\r\nVALUE c{client}:{n} 0 8\r\n{round:08}\r\nEND\r\n");
        }
        if connection.try_send(requests.as_bytes()).is_err() {
            return;
        }
        let Ok(reply) = connection.try_read(replies.len(), REPLY_WAIT) else {
            let rest = connection.unread();
            assert!(replies.as_bytes().starts_with(rest), "a wrong reply at the end: {}", shown(rest));
            return;
        };
        assert!(reply == replies.as_bytes(), "a wrong reply: {}", shown(&reply));
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_client_that_does_not_read_holds_up_no_end() {
    each_started("ending with a stalled client", &[], |shape, mut server| {
        server.connect().set("big", &patterned(1, 900_000));
        let mut slow = server.connect();
        slow.send(&b"get big big big big\r\n".repeat(20));
        let began = slow.receive(REPLY_WAIT).expect("the first reply");
        assert!(began > 0);
        let status = end(&mut server, "TERM");
        assert_eq!(status.code(), Some(0), "[{}] {}", shape.name(), server.said());
    });
}

#[test]
fn files_that_the_server_made_are_gone_with_it() {
    for signal in SIGNALS {
        let (socket, pidfile) = (fresh_path(".sock"), fresh_path(".pid"));
        let mut server = Server::start(
            Shape::OneShard,
            &["-s", &socket.display().to_string(), "-P", &pidfile.display().to_string()],
        );
        let process = server.process().expect("a server of our own");
        let id = process.id();
        let written = poll_for(REPLY_WAIT, || {
            std::fs::read_to_string(&pidfile).ok().filter(|text| text.trim() == id.to_string())
        });
        assert!(written.is_some(), "the pidfile does not hold {id}");
        assert!(socket.exists(), "no unix socket was made");
        Address::Unix(socket.clone()).connect().expect("the unix socket").talk(b"mn\r\n", b"MN\r\n");
        let status = end(&mut server, signal);
        assert_eq!(status.code(), Some(0), "{}", server.said());
        assert!(!socket.exists(), "SIG{signal}: the unix socket is left behind");
        assert!(!pidfile.exists(), "SIG{signal}: the pidfile is left behind");
    }
}

#[test]
fn a_unix_socket_left_by_a_killed_server_is_taken_over() {
    let socket = fresh_path(".sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket file that nobody listens on"));
    let server = Server::start(Shape::OneShard, &["-s", &socket.display().to_string()]);
    Address::Unix(socket.clone()).connect().expect("the unix socket").talk(b"mn\r\n", b"MN\r\n");
    drop(server);
    // The server's duty, checked above; here only the litter counts.
    let _ = std::fs::remove_file(&socket);
}

#[test]
fn tcp_and_unix_socket_are_served_side_by_side() {
    let socket = fresh_path(".sock");
    let server = Server::start(Shape::OneShard, &["-s", &socket.display().to_string()]);
    server.connect().set("a", b"x");
    let mut unix = Address::Unix(socket).connect().expect("the unix socket");
    assert_eq!(unix.get("a").as_deref(), Some(&b"x"[..]));
}

/// Starts the program with arguments that it must refuse; what it said must hold one of the `words` of each group.
fn refused(arguments: &[&str], groups: &[&[&str]]) {
    let port = free_port().to_string();
    let mut command = Server::program();
    if !arguments.contains(&"-p") {
        command.args(["-p", &port]);
    }
    if !arguments.contains(&"-l") {
        command.args(["-l", "127.0.0.1"]);
    }
    let mut process = Process::start(command.args(arguments)).expect("the program");
    let status = process.wait(REPLY_WAIT);
    let said = process.said();
    let status = status.unwrap_or_else(|| panic!("{arguments:?} was accepted; it said: {said}"));
    let code = status.code();
    assert!(code.is_some_and(|code| code != 0), "{arguments:?}: ended with {status}; it said: {said}");
    assert!(!said.contains("panicked"), "{arguments:?}: panicked: {said}");
    for words in groups {
        let found = words.iter().any(|word| said.to_lowercase().contains(&word.to_lowercase()));
        assert!(found, "{arguments:?}: nothing of {words:?} in what it said: {said}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let holder = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = holder.local_addr().expect("its address").port().to_string();
    refused(&["-p", &port], &[&["in use"], &[&port]]);
}

#[test]
fn a_port_in_use_by_another_ringcached_is_named() {
    // Listeners of one user share a port by SO_REUSEPORT; a second server must not slip in that way.
    let server = Server::start(Shape::OneShard, &[]);
    let Server::Own { port, .. } = &server else { unreachable!("started here") };
    refused(&["-p", &port.to_string()], &[&["in use"], &[&port.to_string()]]);
    server.connect().talk(b"mn\r\n", b"MN\r\n");
}

#[test]
fn cores_that_may_not_be_used_are_named() {
    refused(&["--cores", "4095"], &[&["core", "cpu"], &["4095"]]);
    refused(&["--cores", "0-99999"], &[&["core", "cpu"]]);
    refused(&["--cores", "zero"], &[&["core", "cpu", "zero"]]);
    refused(&["--cores", ""], &[&["core", "cpu"]]);
}

#[test]
fn memory_beyond_the_machine_is_named() {
    refused(&["-m", "104857600"], &[&["memory"]]);
    refused(&["-m", "much"], &[&["memory", "much"]]);
    refused(&["-m", "18446744073709551616"], &[&["memory", "18446744073709551616"]]);
}

#[test]
fn bad_flags_are_named() {
    refused(&["--no-such-flag"], &[&["no-such-flag"]]);
    refused(&["-p", "65536"], &[&["65536", "port"]]);
    refused(&["-p", "http"], &[&["http", "port"]]);
    refused(&["-l", "not an address"], &[&["not an address", "listen"]]);
    refused(&["-t", "0"], &[&["threads", "shard", "core"]]);
    refused(&["-t", "100000"], &[&["threads", "shard", "core"]]);
    refused(&["-U", "11211"], &[&["UDP"]]);
    refused(&["-I", "2g"], &[&["item", "2g"]]);
    refused(&["-I", "1"], &[&["item"]]);
    refused(&["-c", "0"], &[&["conn"]]);
    refused(&["-c", "many"], &[&["conn", "many"]]);
    refused(&["--steering", "sideways"], &[&["sideways"]]);
    refused(&["--config", "/nonexistent/ringcached.toml"], &[&["/nonexistent/ringcached.toml"]]);
    refused(&["-s", "/nonexistent/ringcached.sock"], &[&["/nonexistent/ringcached.sock"]]);
    refused(&["-P", "/nonexistent/ringcached.pid"], &[&["/nonexistent/ringcached.pid"]]);
    refused(&["-u", "no-such-user-here"], &[&["no-such-user-here"]]);
}

#[test]
fn version_and_help_end_well() {
    for flag in ["-V", "-h", "--version", "--help", "--print-config"] {
        let mut process = Process::start(Server::program().arg(flag)).expect("the program");
        let code = process.wait(REPLY_WAIT).and_then(|status| status.code());
        assert_eq!(code, Some(0), "{flag}: {}", process.said());
    }
}
