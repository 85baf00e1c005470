//! Hostile and broken input: it is refused in memcached's words or by closing, and harms nothing else.
//!
//! Each piece of input goes to its own connection while a canary item lies in the cache. Afterwards another
//! connection must find the canary as it was.

mod support;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use support::{Connection, POLL_INTERVAL, REPLY_WAIT, Random, Server, each_server, each_started, patterned, shown};

const CANARY: &str = "canary";
const CANARY_VALUE: &[u8] = b"sings";

/// The line without an end that no server may collect.
const ENDLESS_LINE: usize = 10 << 20;

/// What must come back for a piece of input. The connection is half-closed after it, so that nothing can hang.
enum Answer {
    /// A line that begins so.
    Line(&'static str),
    /// Any refusal line, or only the end.
    RefusalOrEnd,
    /// Whatever there is to say to it.
    Anything,
}

use Answer::{Anything, Line, RefusalOrEnd};

const BAD_LINE: Answer = Line("CLIENT_ERROR bad command line format\r\n");

fn inputs() -> Vec<(&'static str, Vec<u8>, Answer)> {
    let (key_251, key_10k) = ("k".repeat(251), "k".repeat(10_000));
    let mut inputs = vec![
        ("oversized key", format!("get {key_251}\r\n").into(), BAD_LINE),
        ("far oversized key", format!("get {key_10k}\r\n").into(), RefusalOrEnd),
        ("oversized key among others", format!("get a b {key_251} c\r\n").into(), BAD_LINE),
        ("oversized key to delete", format!("delete {key_10k}\r\n").into(), RefusalOrEnd),
        ("length not a number", b"set a 0 0 ten\r\n".into(), BAD_LINE),
        ("length with a tail", b"set a 0 0 1x\r\n".into(), BAD_LINE),
        ("negative length", b"set a 0 0 -1\r\n".into(), BAD_LINE),
        ("most negative length", b"set a 0 0 -2147483648\r\n".into(), BAD_LINE),
        ("length of 2^31", b"set a 0 0 2147483648\r\n".into(), RefusalOrEnd),
        ("length of 2^63", b"set a 0 0 9223372036854775808\r\n".into(), RefusalOrEnd),
        ("length of 2^64", b"set a 0 0 18446744073709551616\r\n".into(), RefusalOrEnd),
        ("length of 2^64-1", b"set a 0 0 18446744073709551615\r\n".into(), RefusalOrEnd),
        ("length of 50 digits", format!("set a 0 0 {}\r\n", "9".repeat(50)).into(), RefusalOrEnd),
        ("flags not a number", b"set a zero 0 1\r\n".into(), BAD_LINE),
        ("negative flags", b"set a -1 0 1\r\n".into(), BAD_LINE),
        ("exptime not a number", b"set a 0 soon 1\r\n".into(), BAD_LINE),
        ("value without terminator", b"set a 0 0 5\r\nhello".into(), RefusalOrEnd),
        ("value with a third of its bytes", b"set a 0 0 30\r\nhello".into(), RefusalOrEnd),
        ("large value with a few of its bytes", b"set a 0 0 900000\r\nhello".into(), RefusalOrEnd),
        ("value that ends wrongly", b"set a 0 0 5\r\nhello!!\r\n".into(), Line("CLIENT_ERROR bad data chunk\r\n")),
        ("line without end", b"get canary".into(), RefusalOrEnd),
        ("increment by -1", b"incr canary -1\r\n".into(), Line("CLIENT_ERROR invalid numeric delta argument\r\n")),
        ("increment by 2^64", b"incr canary 18446744073709551616\r\n".into(), Line("CLIENT_ERROR ")),
        ("increment of what is no number", b"incr canary 1\r\n".into(), Line("CLIENT_ERROR cannot increment")),
        ("touch by a word", b"touch canary now\r\n".into(), Line("CLIENT_ERROR invalid exptime argument\r\n")),
        ("touch by 2^64", b"touch nothing 18446744073709551616\r\n".into(), Line("")),
        ("compare with 2^64", b"cas canary 0 0 1 18446744073709551616\r\n".into(), BAD_LINE),
        ("flush after a word", b"flush_all later\r\n".into(), Line("CLIENT_ERROR invalid exptime argument\r\n")),
        ("flags by the hundred", format!("mg canary{}\r\n", " v".repeat(200)).into(), RefusalOrEnd),
        ("opaque of 1000 bytes", format!("mg canary O{}\r\n", "o".repeat(1000)).into(), Line("CLIENT_ERROR ")),
        ("control characters", (0..32).filter(|b| *b != b'\n').collect::<Vec<u8>>(), RefusalOrEnd),
        ("control characters as a line", b"\x01\x02\x03\x07\x08\x1b[2J\r\n".into(), Line("ERROR\r\n")),
        ("NUL bytes", vec![0; 5000], RefusalOrEnd),
        ("only spaces", vec![b' '; 5000], RefusalOrEnd),
        ("only line ends", b"\r\n".repeat(1000), BAD_LINE),
        ("only carriage returns", b"\r".repeat(5000), RefusalOrEnd),
        ("10 MB of x without newline", vec![b'x'; ENDLESS_LINE], RefusalOrEnd),
        ("10 MB of spaces without newline", vec![b' '; ENDLESS_LINE], RefusalOrEnd),
        ("10 MB key without newline", [b"get ".to_vec(), vec![b'k'; ENDLESS_LINE]].concat(), RefusalOrEnd),
        ("10 MB length without newline", [b"set a 0 0 ".to_vec(), vec![b'1'; ENDLESS_LINE]].concat(), RefusalOrEnd),
        ("10 MB of flags without newline", [b"mg a ".to_vec(), b"v ".repeat(ENDLESS_LINE / 2)].concat(), RefusalOrEnd),
        ("first byte 0x80", vec![0x80], Anything),
        ("first bytes 0x80", vec![0x80; 100], Anything),
        ("first byte 0x81", vec![0x81; 24], Anything),
        ("0x80 with a body of 2^32-1 bytes", [&[0x80, 1, 0xff, 0xff, 8, 0, 0, 0], &[0xff; 16][..]].concat(), Anything),
        ("0x80 after a good line", b"version\r\n\x80\x80\x80\r\n".into(), Line("VERSION ")),
        ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n".into(), RefusalOrEnd),
        ("an HTTP request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".into(), RefusalOrEnd),
    ];
    for seed in 0..8 {
        // Bytes with the high bit: none can form a command, least of all flush_all.
        let junk = patterned(seed, 64 << 10).into_iter().map(|b| if b == b'\n' { b } else { b | 0x80 }).collect();
        inputs.push(("binary junk", [b"\xc3".to_vec(), junk].concat(), RefusalOrEnd));
    }
    inputs
}

#[test]
fn bad_input_is_refused_and_the_canary_lives() {
    each_server(|shape, server| {
        let mut control = server.connect();
        control.talk(b"flush_all\r\n", b"OK\r\n");
        control.set(CANARY, CANARY_VALUE);
        for (name, bytes, answer) in inputs() {
            for piece in [bytes.len(), 1013] {
                let reply = exchange(server, &bytes, piece);
                let refusal = [&b"ERROR"[..], b"CLIENT_ERROR ", b"SERVER_ERROR "].iter().any(|r| reply.starts_with(r));
                let good = match answer {
                    Line(line) => reply.starts_with(line.as_bytes()) && !reply.is_empty(),
                    RefusalOrEnd => refusal || reply.is_empty(),
                    Anything => true,
                };
                assert!(good, "[{shape}] {name}: answered {}; the server said: {}", shown(&reply), server.said());
                assert_eq!(control.get(CANARY).as_deref(), Some(CANARY_VALUE), "[{shape}] {name}: the canary");
            }
        }
        assert_eq!(control.get("a"), None, "[{shape}] nothing of all this may be stored");
    });
}

/// Sends on a connection of its own, says that no more will come, and collects what is answered until the end.
fn exchange(server: &Server, bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut connection = server.connect();
    let deadline = Instant::now() + REPLY_WAIT;
    let left = || deadline.saturating_duration_since(Instant::now()).max(POLL_INTERVAL);
    for piece in bytes.chunks(piece) {
        let mut rest = piece;
        while !rest.is_empty() {
            match connection.send_some(rest, left()) {
                Ok(n) => rest = &rest[n..],
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("neither taken nor closed within {REPLY_WAIT:?}: {}", shown(bytes))
                }
                // The server refused half-way and closed: the rest cannot be sent, and need not.
                Err(_) => break,
            }
        }
    }
    connection.finish_sending();
    loop {
        assert!(Instant::now() < deadline, "neither answered nor closed after {}", shown(bytes));
        match connection.receive(left()) {
            Ok(0) => return connection.unread().to_vec(),
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => return connection.unread().to_vec(),
            Err(e) => panic!("neither answered nor closed after {}: {e}", shown(bytes)),
        }
    }
}

/// A refused command whose value must not be run: its line (`{len}` is the value's length), the answer, and whether
/// memcached 1.6.18 swallows it too. Where it does not, it runs the value as commands.
fn refused() -> Vec<(String, &'static str, bool)> {
    let key = "k".repeat(251);
    let bad_line = "CLIENT_ERROR bad command line format\r\n";
    vec![
        (format!("set {key} 0 0 {{len}}"), bad_line, false),
        (format!("add {key} 0 0 {{len}}"), bad_line, false),
        (format!("prepend {key} 0 0 {{len}}"), bad_line, false),
        (format!("cas {key} 0 0 {{len}} 1"), bad_line, false),
        (format!("set {key} 0 0 {{len}} noreply"), "", false),
        (format!("ms {key} {{len}}"), bad_line, false),
        ("set a x 0 {len}".into(), bad_line, false),
        ("set a -1 0 {len}".into(), bad_line, false),
        ("set a 4294967296 0 {len}".into(), bad_line, false),
        ("set a 18446744073709551616 0 {len}".into(), bad_line, false),
        ("set a 0 x {len}".into(), bad_line, false),
        ("cas a 0 0 {len} x".into(), bad_line, false),
        ("ms a {len} !".into(), "CLIENT_ERROR invalid flag\r\n", true),
        ("ms a {len} Fx".into(), bad_line, true),
        ("ms a {len} T0 T0".into(), "CLIENT_ERROR duplicate flag\r\n", true),
        ("ms a {len} MX".into(), "CLIENT_ERROR invalid mode for ms M token\r\n", true),
    ]
}

#[test]
fn the_value_of_a_refused_command_is_never_run() {
    let evil = "flush_all\r\nset evil 0 0 1\r\nx\r\ndelete canary\r\nset canary 0 0 1\r\nx\r\n";
    each_server(|shape, server| {
        let mut control = server.connect();
        control.talk(b"flush_all\r\n", b"OK\r\n");
        control.set(CANARY, CANARY_VALUE);
        let short = evil.to_owned();
        let long = format!("{evil}{}\r\nflush_all", evil.repeat(2000));
        for (line, answer, memcached_too) in refused() {
            if !server.is_own() && !memcached_too {
                println!("skipped: {line:.40} (memcached runs the value)");
                continue;
            }
            for value in [&short, &long] {
                swallowed(shape, server, &line, value, answer);
                assert_eq!(control.get(CANARY).as_deref(), Some(CANARY_VALUE), "[{shape}] {line:.60}: the canary");
                assert_eq!(control.get("evil"), None, "[{shape}] {line:.60}: its value was run");
            }
        }
        let too_large = format!("{evil}{}", evil.repeat((1 << 20) / evil.len() + 1));
        let answer = "SERVER_ERROR object too large for cache\r\n";
        for (line, answer) in [
            ("set a 0 0 {len}", answer),
            ("add a 0 0 {len}", answer),
            ("append canary 0 0 {len}", answer),
            ("set a 0 0 {len} noreply", ""),
            ("ms a {len}", answer),
            ("ms a {len} q", answer),
        ] {
            swallowed(shape, server, line, &too_large, answer);
            assert_eq!(control.get("evil"), None, "[{shape}] {line}: its value was run");
            // A refused write may take the old item along, so that nobody reads a stale one.
            if !line.contains(CANARY) {
                assert_eq!(control.get(CANARY).as_deref(), Some(CANARY_VALUE), "[{shape}] {line}: the canary");
            }
            control.set(CANARY, CANARY_VALUE);
        }
    });
}

fn swallowed(shape: &str, server: &Server, line: &str, value: &str, answer: &str) {
    let line = line.replace("{len}", &value.len().to_string());
    let request = format!("{line}\r\n{value}\r\nmn\r\n");
    for piece in [request.len(), line.len() + 2, 1 + request.len() / 300] {
        let mut connection = server.connect();
        connection.send_in_pieces(request.as_bytes(), piece);
        let expected = format!("{answer}MN\r\n");
        let reply = connection.try_read(expected.len(), REPLY_WAIT);
        let reply = reply.unwrap_or_else(|_| connection.unread().to_vec());
        assert_eq!(String::from_utf8_lossy(&reply), expected, "[{shape}] {line:.60} in pieces of {piece}");
    }
}

#[test]
fn bad_packets_close_their_connection_and_no_other() {
    each_started("bad packets", &[], |shape, server| {
        let shape = shape.name();
        server.connect().set(CANARY, CANARY_VALUE);
        // Text behind a packet; a key longer than its body; a get without a key; a response.
        for request in [
            &b"\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0get key\r\n"[..],
            b"\x80\0\0\x09\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0k",
            b"\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ] {
            let mut client = server.connect();
            client.send(request);
            // Each is answered with the head of a packet before the end.
            assert_eq!(client.try_read(24, REPLY_WAIT).expect("a head")[0], 0x81, "[{shape}]");
            assert!(client.closes_within(REPLY_WAIT), "[{shape}] it stays open");
        }
        assert_eq!(server.connect().get(CANARY).as_deref(), Some(CANARY_VALUE), "[{shape}]");
    });
}

/// Connections held at once while thousands come and go; below the default limit of 1024.
const HELD_AT_ONCE: usize = 200;
const WARM_UP: usize = 1000;
const CONNECTIONS: usize = 10_000;

/// Growth of resident memory that is not yet a leak: under half a kilobyte per connection.
const GROWTH_MAX: u64 = 4 << 20;

#[test]
fn ten_thousand_connections_leave_memory_where_it_was() {
    each_server(|shape, server| {
        if server.resident_bytes().is_none() {
            println!("skipped: connections leave memory where it was, {shape} (its memory is not to be seen)");
            return;
        }
        server.connect().set(CANARY, CANARY_VALUE);
        open_and_drop(server, WARM_UP);
        let before = server.resident_bytes().expect("the server runs");
        open_and_drop(server, CONNECTIONS);
        let deadline = Instant::now() + REPLY_WAIT;
        loop {
            let after = server.resident_bytes().expect("the server runs");
            if after <= before + GROWTH_MAX {
                println!("{shape}: resident {before} before, {after} after {CONNECTIONS} connections");
                break;
            }
            assert!(Instant::now() < deadline, "[{shape}] resident memory grew from {before} to {after}");
            std::thread::sleep(POLL_INTERVAL);
        }
        assert_eq!(server.connect().get(CANARY).as_deref(), Some(CANARY_VALUE), "[{shape}] the canary");
    });
}

/// Opens connections and drops them in every state that a connection can be in.
fn open_and_drop(server: &Server, count: usize) {
    let mut random = Random::new(count as u64);
    let mut held: Vec<Connection> = Vec::new();
    for n in 0..count {
        let mut connection = server.connect();
        let sent: &[u8] = match random.below(6) {
            0 => b"",
            1 => b"get canary\r\n",
            2 => b"get can",
            3 => b"set half 0 0 100\r\nhalf of it",
            4 => b"set large 0 0 100000\r\na little of it",
            _ => b"version\r\nquit\r\n",
        };
        let _ = connection.try_send(sent);
        held.push(connection);
        if held.len() == HELD_AT_ONCE || n + 1 == count {
            // The last one was accepted after all others: once it is served, so are they.
            let mut last = server.connect();
            last.talk(b"mn\r\n", b"MN\r\n");
            held.clear();
            assert!(!last.closes_within(Duration::from_millis(1)), "an innocent connection was closed");
        }
    }
}
