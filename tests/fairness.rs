//! A connection with an endless pipeline does not keep others from theirs. Counted in what the server has executed, as it
//! tells by itself, not in time: a turn takes so much of each.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use support::{Connection, Server, Shape, patterned, poll_for};

/// Requests of one connection in one turn.
const REQUESTS_PER_TURN: u64 = 20;
/// What the quiet connection asks for at once: so many turns of its own.
const QUIET_TURNS: u64 = 100;
const QUIET_REQUESTS: u64 = QUIET_TURNS * REQUESTS_PER_TURN;
/// Turns in which the quiet connection's requests are under way, beside its own.
const TURNS_BESIDE: u64 = QUIET_TURNS / 2;
/// Values of 64 KiB that a connection may have received in one turn: three rounds of two, and one that was under way.
const VALUES_PER_TURN: u64 = 7;
const WAIT: Duration = Duration::from_secs(60);
/// How often the flood looks whether it is to end.
const STEP: Duration = Duration::from_millis(50);

/// Sends the same requests again and again, and reads the replies, until it is told to end.
struct Flood {
    ends: Arc<AtomicBool>,
    threads: [thread::JoinHandle<()>; 2],
}

impl Flood {
    fn begin(server: &Server, requests: Vec<u8>) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let mut reader = server.connect();
        let mut writer = reader.writer().expect("a second handle");
        let end = ends.clone();
        let writes = thread::spawn(move || {
            let mut sent = 0;
            while !end.load(Ordering::Relaxed) {
                // A wait that was too short is not the end: the rest is sent by the next one.
                sent += writer.send_some(&requests[sent % requests.len()..], STEP).unwrap_or(0);
            }
        });
        let end = ends.clone();
        let reads = thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                let _ = reader.receive(STEP);
                reader.consume(reader.unread().len());
            }
        });
        Flood { ends, threads: [writes, reads] }
    }

    fn end(self) {
        self.ends.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("the flood"));
    }
}

/// Reads one `stats` and returns a counter of it.
fn counter(connection: &mut Connection, name: &str) -> u64 {
    let mut found = None;
    loop {
        let line = String::from_utf8(connection.line()).expect("text");
        let line = line.trim_end();
        if line == "END" {
            return found.expect("the counter is there");
        }
        if let Some(value) = line.strip_prefix("STAT ").and_then(|rest| rest.strip_prefix(name)?.strip_prefix(' ')) {
            found = value.parse().ok();
        }
    }
}

/// How many of `counter` were executed for the flood while the quiet connection had its requests executed.
fn executed_beside(requests: Vec<u8>, name: &str) -> u64 {
    let server = Server::start(Shape::OneShard, &["-R", &REQUESTS_PER_TURN.to_string()]);
    let flood = Flood::begin(&server, requests);
    let flows = || server.stat(name).and_then(|value| value.parse().ok()).filter(|count: &u64| *count > 100);
    poll_for(WAIT, flows).expect("the flood flows");
    let mut quiet = server.connect();
    let one = "touch quiet 0\r\n".repeat(QUIET_REQUESTS as usize);
    quiet.send(format!("stats\r\n{one}stats\r\n").as_bytes());
    let before = counter(&mut quiet, name);
    (0..QUIET_REQUESTS).for_each(|_| assert_eq!(quiet.line(), b"NOT_FOUND\r\n"));
    let executed = counter(&mut quiet, name) - before;
    flood.end();
    println!("{executed} of {name} beside {QUIET_REQUESTS} requests");
    executed
}

#[test]
fn gets_leave_others_their_share() {
    let executed = executed_beside(b"get a\r\n".repeat(1000), "cmd_get");
    assert!(executed <= (QUIET_TURNS + TURNS_BESIDE) * REQUESTS_PER_TURN, "{executed}");
}

#[test]
fn reads_of_many_keys_leave_others_their_share() {
    let keys: String = (0..100).map(|n| format!(" key{n}")).collect();
    let executed = executed_beside(format!("get{keys}\r\n").repeat(50).into_bytes(), "cmd_get");
    assert!(executed <= (QUIET_TURNS + TURNS_BESIDE) * REQUESTS_PER_TURN, "{executed}");
}

#[test]
fn sets_leave_others_their_share() {
    let executed = executed_beside(b"set a 0 0 5\r\nvalue\r\n".repeat(1000), "cmd_set");
    assert!(executed <= (QUIET_TURNS + TURNS_BESIDE) * REQUESTS_PER_TURN, "{executed}");
}

#[test]
fn large_values_leave_others_their_share() {
    let set = [&b"set a 0 0 65536\r\n"[..], &patterned(1, 65_536), b"\r\n"].concat();
    let executed = executed_beside(set.repeat(8), "cmd_set");
    assert!(executed <= (QUIET_TURNS + TURNS_BESIDE) * VALUES_PER_TURN, "{executed}");
}
