//! Conformance cases: literal bytes in, literal bytes out.
//!
//! An expectation is literal but for two placeholders: `<cas:NAME>` stands for a number, which is remembered at its
//! first appearance, must be the same at later ones, and is put in where it appears in what is sent; `<line>` stands
//! for the rest of a line.
//!
//! Every case starts with an emptied cache and new connections, and ends with `mn` on each connection that is still
//! open: whatever else arrives before `MN` is a reply too many.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::packet::{Answer, Packet, Want, packet, want};
use super::pattern::{Match, Part, common_prefix, matched, parts};
use super::{Address, Connection, POLL_INTERVAL, REPLY_WAIT, Server, Shape, each_server, poll_for, shown};

/// After this many failures a server is given up: the rest would only cost time.
const FAILURES_MAX: usize = 40;

/// A send up to this length is dribbled byte by byte, a longer one in pieces of [`DRIBBLE_PIECE`].
const DRIBBLE_LEN_MAX: usize = 2048;
const DRIBBLE_PIECE: usize = 997;

/// Bytes before the first difference that a failure message shows of a long reply.
const DIFFERENCE_CONTEXT: usize = 100;

/// How the bytes of one send are cut into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Whole,
    Dribbled,
}

enum Step {
    Send(usize, Vec<u8>),
    Expect(usize, Vec<Vec<u8>>),
    Closed(usize),
    Differ(&'static str, &'static str),
    Until { send: Vec<u8>, expect: Vec<u8>, limit: Duration },
    Packets(Vec<Packet>, Vec<Want>),
    PacketsClosed,
}

/// The connection that speaks the binary protocol.
const BINARY: usize = 1;

enum Only {
    Always,
    /// Ours is decided differently from memcached's behaviour.
    Ours(&'static str),
    /// memcached does so from this version on.
    Since([u32; 3]),
}

/// One named behaviour.
pub struct Case {
    name: &'static str,
    steps: Vec<Step>,
    only: Only,
    whole_only: bool,
    may_close: bool,
}

/// Begins a case on connection 0; the name says the behaviour.
pub fn case(name: &'static str) -> Case {
    Case { name, steps: Vec::new(), only: Only::Always, whole_only: false, may_close: false }
}

impl Case {
    /// Sends on connection 0.
    pub fn send(self, bytes: impl AsRef<[u8]>) -> Self {
        self.send_on(0, bytes)
    }

    /// Expects exactly this on connection 0.
    pub fn expect(self, bytes: impl AsRef<[u8]>) -> Self {
        self.expect_on(0, bytes)
    }

    /// Sends and expects on connection 0.
    pub fn talk(self, send: impl AsRef<[u8]>, expect: impl AsRef<[u8]>) -> Self {
        self.send(send).expect(expect)
    }

    /// Sends, then `mn`, and expects nothing but its answer.
    pub fn silent(self, send: impl AsRef<[u8]>) -> Self {
        self.send(send).talk("mn\r\n", "MN\r\n")
    }

    /// Sends, and expects one of several answers. None may begin with another.
    pub fn talk_any<const N: usize>(mut self, send: impl AsRef<[u8]>, expect: [&str; N]) -> Self {
        self = self.send(send);
        self.steps.push(Step::Expect(0, expect.iter().map(|e| e.as_bytes().to_vec()).collect()));
        self
    }

    /// Sends on the numbered connection, which is opened when it first appears.
    pub fn send_on(mut self, connection: usize, bytes: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Send(connection, bytes.as_ref().to_vec()));
        self
    }

    /// Expects exactly this on the numbered connection.
    pub fn expect_on(mut self, connection: usize, bytes: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Expect(connection, vec![bytes.as_ref().to_vec()]));
        self
    }

    /// Sends and expects on the numbered connection.
    pub fn talk_on(self, connection: usize, send: impl AsRef<[u8]>, expect: impl AsRef<[u8]>) -> Self {
        self.send_on(connection, send).expect_on(connection, expect)
    }

    /// Expects that the server closes connection 0 without a further byte.
    pub fn closed(mut self) -> Self {
        self.steps.push(Step::Closed(0));
        self
    }

    /// Expects that two remembered numbers differ.
    pub fn differ(mut self, one: &'static str, other: &'static str) -> Self {
        self.steps.push(Step::Differ(one, other));
        self
    }

    /// Repeats `send` on connection 0 until exactly `expect` comes, at most for `limit_seconds`.
    pub fn until(mut self, send: impl AsRef<[u8]>, expect: impl AsRef<[u8]>, limit_seconds: u64) -> Self {
        let (send, expect) = (send.as_ref().to_vec(), expect.as_ref().to_vec());
        self.steps.push(Step::Until { send, expect, limit: Duration::from_secs(limit_seconds) });
        self
    }

    /// Sends packets at once on a connection of the binary protocol and expects exactly these replies.
    pub fn packets<const N: usize, const M: usize>(mut self, send: [Packet; N], expect: [Want; M]) -> Self {
        self.steps.push(Step::Packets(send.to_vec(), expect.to_vec()));
        self
    }

    /// Expects that the server closes the binary connection without a further byte.
    pub fn packets_closed(mut self) -> Self {
        self.steps.push(Step::PacketsClosed);
        self
    }

    /// Marks a behaviour in which we differ from memcached on purpose, with the reason.
    pub fn ours(mut self, why: &'static str) -> Self {
        self.only = Only::Ours(why);
        self
    }

    /// Marks a behaviour that memcached has from this version on; an older external server is not asked.
    pub fn since(mut self, version: [u32; 3]) -> Self {
        self.only = Only::Since(version);
        self
    }

    /// Does not repeat the case with dribbled writes: it takes real time.
    pub fn whole_only(mut self) -> Self {
        self.whole_only = true;
        self
    }

    /// After the last step the server may have closed the connection.
    pub fn may_close(mut self) -> Self {
        self.may_close = true;
        self
    }
}

/// A table of cases under one heading.
pub type Suite = fn() -> Vec<Case>;

/// Runs a table on a server of every shape and on one that compresses all values, or on the external one, first with
/// whole writes, then dribbled. All failures are told together.
pub fn run_suite(suite: Suite) {
    let mut failures = Vec::new();
    let mut run_all = |shape: &str, server: &Server| {
        let before = failures.len();
        let version = server.version();
        for writing in [Writing::Whole, Writing::Dribbled] {
            for case in suite() {
                if let Some(why) = skipped(&case, server, version) {
                    if writing == Writing::Whole {
                        println!("skipped: {} ({why})", case.name);
                    }
                    continue;
                }
                if writing == Writing::Dribbled && case.whole_only {
                    continue;
                }
                if failures.len() - before >= FAILURES_MAX {
                    break;
                }
                if let Err(why) = run(&case, server.address(), writing) {
                    failures.push(format!("[{shape}, {writing:?}] {}: {why}", case.name));
                }
            }
        }
        if failures.len() > before {
            failures.push(format!("[{shape}] the server said: {}", server.said()));
        }
    };
    each_server(&mut run_all);
    if std::env::var_os("RINGCACHED_TEST_ADDR").is_none() && std::env::var_os("RINGCACHED_TEST_PROGRAM").is_none() {
        let shape = if Shape::TwoShards.impossible().is_none() { Shape::TwoShards } else { Shape::OneShard };
        let server = Server::start(shape, &["--compress", "zstd", "--compress-min", "1"]);
        run_all("compressing", &server);
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

fn skipped(case: &Case, server: &Server, version: [u32; 3]) -> Option<String> {
    if server.is_own() {
        return None;
    }
    match case.only {
        Only::Always => None,
        Only::Ours(why) => Some(format!("ours differs: {why}")),
        Only::Since(since) if version >= since => None,
        Only::Since(since) => Some(format!("memcached does so since {since:?}, this is {version:?}")),
    }
}

struct Run<'a> {
    address: &'a Address,
    connections: Vec<Connection>,
    numbers: HashMap<String, Vec<u8>>,
    writing: Writing,
}

fn run(case: &Case, address: &Address, writing: Writing) -> Result<(), String> {
    let mut run = Run { address, connections: Vec::new(), numbers: HashMap::new(), writing };
    run.open(0)?;
    run.send(0, b"flush_all\r\n")?;
    run.expect(0, &[b"OK\r\n".to_vec()])?;
    let mut closed = None;
    let mut binary = false;
    for (at, step) in case.steps.iter().enumerate() {
        let done = match step {
            Step::Send(n, bytes) => run.send(*n, bytes),
            Step::Expect(n, any) => run.expect(*n, any),
            Step::Closed(n) => {
                closed = Some(*n);
                run.closed(*n)
            }
            Step::Differ(one, other) if run.numbers[*one] == run.numbers[*other] => {
                Err(format!("{one} and {other} are the same number"))
            }
            Step::Differ(..) => Ok(()),
            Step::Until { send, expect, limit } => run.until(send, expect, *limit),
            Step::Packets(send, expect) => {
                binary = true;
                run.packets(send, expect)
            }
            Step::PacketsClosed => {
                closed = Some(BINARY);
                run.closed(BINARY)
            }
        };
        done.map_err(|why| format!("step {}: {why}", at + 1))?;
    }
    if case.may_close {
        return Ok(());
    }
    for n in (0..run.connections.len()).filter(|n| Some(*n) != closed) {
        if binary && n == BINARY {
            run.packets(&[packet(0x0a)], &[want(0x0a)]).map_err(|e| format!("after it: {e}"))?;
            continue;
        }
        run.send(n, b"mn\r\n")
            .and_then(|()| run.expect(n, &[b"MN\r\n".to_vec()]))
            .map_err(|e| format!("after it: {e}"))?;
    }
    Ok(())
}

impl Run<'_> {
    fn open(&mut self, n: usize) -> Result<(), String> {
        while self.connections.len() <= n {
            let connected = poll_for(REPLY_WAIT, || self.address.connect().ok());
            self.connections.push(connected.ok_or("cannot connect")?);
        }
        Ok(())
    }

    fn send(&mut self, n: usize, bytes: &[u8]) -> Result<(), String> {
        self.open(n)?;
        let bytes = self.filled(bytes)?;
        self.write(n, &bytes)
    }

    fn write(&mut self, n: usize, bytes: &[u8]) -> Result<(), String> {
        let piece = match self.writing {
            Writing::Whole => bytes.len(),
            Writing::Dribbled if bytes.len() <= DRIBBLE_LEN_MAX => 1,
            Writing::Dribbled => DRIBBLE_PIECE,
        };
        for piece in bytes.chunks(piece.max(1)) {
            self.connections[n].try_send(piece).map_err(|e| format!("cannot send {}: {e}", shown(bytes)))?;
        }
        Ok(())
    }

    fn expect(&mut self, n: usize, any: &[Vec<u8>]) -> Result<(), String> {
        self.open(n)?;
        let patterns: Vec<Vec<Part>> = any.iter().map(|bytes| parts(bytes)).collect();
        let wanted = || any.iter().map(|bytes| shown(bytes)).collect::<Vec<_>>().join(" or ");
        let deadline = Instant::now() + REPLY_WAIT;
        loop {
            let connection = &mut self.connections[n];
            let mut possible = false;
            for pattern in &patterns {
                match matched(pattern, connection.unread(), &self.numbers) {
                    Match::Complete(len, found) => {
                        connection.consume(len);
                        self.numbers.extend(found);
                        return Ok(());
                    }
                    Match::Partial => possible = true,
                    Match::No => {}
                }
            }
            if !possible {
                // The rest of a wrong reply makes the message clearer.
                let _ = connection.receive(POLL_INTERVAL);
                // Of a long reply only the place of the first difference is of interest.
                let same = common_prefix(&any[0], connection.unread());
                let from = same.saturating_sub(DIFFERENCE_CONTEXT);
                if any.len() == 1 && from > 0 {
                    let (wanted, got) = (shown(&any[0][from..]), shown(&connection.unread()[from..]));
                    return Err(format!("from byte {from} on, expected {wanted}, received {got}"));
                }
                return Err(format!("expected {}, received {}", wanted(), shown(connection.unread())));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let why = match connection.receive(left) {
                Ok(0) => "the end".to_owned(),
                Ok(_) => continue,
                Err(e) => e.to_string(),
            };
            return Err(format!("expected {}, received {} and {why}", wanted(), shown(connection.unread())));
        }
    }

    fn closed(&mut self, n: usize) -> Result<(), String> {
        let connection = &mut self.connections[n];
        let end = connection.receive(REPLY_WAIT);
        let reset = end.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset);
        match end {
            _ if !connection.unread().is_empty() => Err(format!("before closing came {}", shown(connection.unread()))),
            Ok(0) => Ok(()),
            _ if reset => Ok(()),
            other => Err(format!("the connection was not closed: {other:?}")),
        }
    }

    fn until(&mut self, send: &[u8], expect: &[u8], limit: Duration) -> Result<(), String> {
        let deadline = Instant::now() + limit;
        let fence = b"MN\r\n";
        loop {
            self.send(0, &[send, b"mn\r\n"].concat())?;
            let connection = &mut self.connections[0];
            while !connection.unread().ends_with(fence) {
                if !matches!(connection.receive(REPLY_WAIT), Ok(1..)) {
                    return Err(format!("no reply, only {}", shown(connection.unread())));
                }
            }
            let mut reply = connection.unread().to_vec();
            connection.consume(reply.len());
            reply.truncate(reply.len() - fence.len());
            if reply == expect {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(format!("expected {} in the end, received {}", shown(expect), shown(&reply)));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn packets(&mut self, send: &[Packet], expect: &[Want]) -> Result<(), String> {
        self.open(BINARY)?;
        let mut bytes = Vec::new();
        for packet in send {
            bytes.extend(packet.clone().filled(&self.numbers)?.bytes());
        }
        self.write(BINARY, &bytes)?;
        for wanted in expect {
            let connection = &mut self.connections[BINARY];
            let answer = loop {
                match Answer::parse(connection.unread())? {
                    Some(answer) => break answer,
                    None if matches!(connection.receive(REPLY_WAIT), Ok(1..)) => {}
                    None => return Err(format!("wanted {wanted:?}, received {}", shown(connection.unread()))),
                }
            };
            connection.consume(answer.len);
            wanted.check(&answer, &mut self.numbers)?;
        }
        Ok(())
    }

    /// What is sent, with remembered numbers put in.
    fn filled(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut filled = Vec::new();
        for part in parts(bytes) {
            match part {
                Part::Literal(text) => filled.extend_from_slice(text),
                Part::Number(name) => filled.extend(self.numbers.get(name).ok_or(format!("{name} is not known yet"))?),
                Part::RestOfLine => return Err("<line> cannot be sent".to_owned()),
            }
        }
        Ok(filled)
    }
}
