//! The server under test: started in a deployment shape, or already running elsewhere.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::{Address, Connection, POLL_INTERVAL, Process, poll_for};

/// How long a server may take until it answers `version`.
const READY_WAIT: Duration = Duration::from_secs(20);

/// What resident memory may exceed a limit by, beside 3 percent of it.
const RESIDENT_SLACK_BYTES: u64 = 32 << 20;

/// How often a start is tried again when somebody took the port in between.
const START_TRIES: usize = 5;

/// How a server is deployed. Every conformance case runs in each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One shard, TCP.
    OneShard,
    /// Two shards, TCP: about half of all keys are another shard's than the connection's.
    TwoShards,
    /// A unix socket; one shard.
    UnixSocket,
}

impl Shape {
    /// All of them.
    pub const ALL: [Shape; 3] = [Shape::OneShard, Shape::TwoShards, Shape::UnixSocket];

    /// The name that failures carry.
    pub const fn name(self) -> &'static str {
        match self {
            Shape::OneShard => "1 shard",
            Shape::TwoShards => "2 shards",
            Shape::UnixSocket => "unix socket",
        }
    }

    /// Why this machine cannot have it, if so.
    pub fn impossible(self) -> Option<&'static str> {
        (self == Shape::TwoShards && cpus() < 2).then_some("one CPU only")
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Shape::OneShard | Shape::UnixSocket => &["-t", "1", "-m", "64"],
            Shape::TwoShards => &["-t", "2", "-m", "128"],
        }
    }
}

/// CPUs that this process may use.
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A TCP port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
    listener.local_addr().expect("the bound address").port()
}

/// A fresh path for a file of this test process, removed by nobody but its user.
pub fn fresh_path(suffix: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("ringcached-test-{}-{n}{suffix}", std::process::id()))
}

fn other_program() -> Option<OsString> {
    std::env::var_os("RINGCACHED_TEST_PROGRAM")
}

/// Runs `test` on a server of each shape started with `extra` flags. An external server has its flags already, so
/// there the test is skipped by name.
pub fn each_started(name: &str, extra: &[&str], mut test: impl FnMut(Shape, Server)) {
    if std::env::var_os("RINGCACHED_TEST_ADDR").is_some() {
        println!("skipped: {name} (starts servers of its own)");
        return;
    }
    for shape in Shape::ALL {
        match shape.impossible() {
            Some(why) => println!("skipped: {name}, shape {} ({why})", shape.name()),
            None => test(shape, Server::start(shape, extra)),
        }
    }
}

/// A server that somebody else runs.
pub struct External {
    address: Address,
    // There is one such server, and a case may flush it: one test at a time.
    _turn: MutexGuard<'static, ()>,
}

/// A running server.
pub enum Server {
    /// Started by the test.
    Own {
        /// The server's process.
        process: Process,
        /// Where to reach it.
        address: Address,
        /// Its TCP port, in every shape.
        port: u16,
        /// What it was told to respect in all, in MiB (`-m`), where the tests hold it to that.
        limit_mib: Option<u64>,
    },
    /// Named by `RINGCACHED_TEST_ADDR`.
    External(External),
}

/// The external server, if the environment names one.
pub fn external() -> Option<Server> {
    static TURN: Mutex<()> = Mutex::new(());
    let address = Address::parse(&std::env::var("RINGCACHED_TEST_ADDR").ok()?);
    let turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    Some(Server::External(External { address, _turn: turn }))
}

/// Runs `test` on a server of each shape, or on the external one.
pub fn each_server(mut test: impl FnMut(&str, &Server)) {
    if let Some(server) = external() {
        test("external server", &server);
        return;
    }
    for shape in Shape::ALL {
        match shape.impossible() {
            Some(why) => println!("skipped: shape {} ({why})", shape.name()),
            None => test(shape.name(), &Server::start(shape, &[])),
        }
    }
}

impl Server {
    /// The program under test, without arguments: ours, or the one in `RINGCACHED_TEST_PROGRAM`, which takes the
    /// same flags (a memcached, to check the tests that need flags of their own).
    pub fn program() -> Command {
        match other_program() {
            Some(program) => Command::new(program),
            None => Command::new(env!("CARGO_BIN_EXE_ringcached")),
        }
    }

    /// Starts a server of this shape on loopback. `extra` comes last, so it overrides the shape's own flags.
    pub fn start(shape: Shape, extra: &[&str]) -> Server {
        let mut last = String::new();
        for _ in 0..START_TRIES {
            match Self::try_start(shape, extra) {
                Ok(server) => return server,
                Err(said) => last = said,
            }
            // Only a lost race for the port is worth another try.
            if !last.to_lowercase().contains("in use") {
                break;
            }
        }
        panic!("the server did not start ({}, {extra:?}): {last}", shape.name());
    }

    /// Runs another cache server that `command` says, on loopback and `port`, until it is ready.
    pub fn run(command: &mut Command, port: u16) -> Result<Server, String> {
        Self::wait(command, Address::Tcp(format!("127.0.0.1:{port}")), port, None)
    }

    /// Runs a proxy that answers no `version`: ready when it accepts.
    pub fn run_without_version(command: &mut Command, port: u16) -> Result<Server, String> {
        let address = Address::Tcp(format!("127.0.0.1:{port}"));
        let mut process = Process::start(command).map_err(|e| e.to_string())?;
        let ready = poll_for(READY_WAIT, || address.connect().ok().map(drop).or(process.ended().map(drop)));
        if ready.is_none() || process.ended().is_some() {
            return Err(format!("it does not accept; it said: {}", process.said()));
        }
        Ok(Server::Own { process, address, port, limit_mib: None })
    }

    fn try_start(shape: Shape, extra: &[&str]) -> Result<Server, String> {
        let port = free_port();
        let mut command = Self::program();
        command.args(["-p", &port.to_string(), "-l", "127.0.0.1"]);
        let has = |letter: &str| extra.contains(&letter);
        for pair in shape.arguments().chunks(2).filter(|pair| !has(pair[0])) {
            command.args(pair);
        }
        command.args(extra);
        let address = if shape == Shape::UnixSocket {
            let path = fresh_path(".sock");
            command.arg("-s").arg(&path);
            Address::Unix(path)
        } else {
            Address::Tcp(format!("127.0.0.1:{port}"))
        };
        let limit = command.get_args().skip_while(|argument| *argument != "-m").nth(1);
        let limit_mib = limit.and_then(|mib| mib.to_str()?.parse().ok()).filter(|_| other_program().is_none());
        Self::wait(&mut command, address, port, limit_mib)
    }

    fn wait(command: &mut Command, address: Address, port: u16, limit_mib: Option<u64>) -> Result<Server, String> {
        let mut process = Process::start(command).map_err(|e| e.to_string())?;
        match wait_ready(&mut process, &address) {
            Ok(()) => Ok(Server::Own { process, address, port, limit_mib }),
            Err(why) => Err(format!("{why}; it said: {}", process.said())),
        }
    }

    /// Where to reach it.
    pub fn address(&self) -> &Address {
        match self {
            Server::Own { address, .. } => address,
            Server::External(external) => &external.address,
        }
    }

    /// Whether it is ours, not a memcached that the tests are checked against.
    pub fn is_own(&self) -> bool {
        matches!(self, Server::Own { .. }) && other_program().is_none()
    }

    /// Its process, where the test started it.
    pub fn process(&mut self) -> Option<&mut Process> {
        match self {
            Server::Own { process, .. } => Some(process),
            Server::External(_) => None,
        }
    }

    /// What it has written to standard error, for a failure message.
    pub fn said(&self) -> String {
        match self {
            Server::Own { process, .. } => process.said(),
            Server::External(_) => "(external server)".to_owned(),
        }
    }

    /// Opens a connection; panics with the server's words if it refuses.
    pub fn connect(&self) -> Connection {
        let connected = poll_for(Duration::from_secs(5), || self.address().connect().ok());
        connected.unwrap_or_else(|| panic!("cannot connect to {:?}; the server said: {}", self.address(), self.said()))
    }

    /// Resident memory in bytes. The external server's is found by its `stats` pid; `None` if it is not ours to see.
    pub fn resident_bytes(&self) -> Option<u64> {
        let id = match self {
            Server::Own { process, .. } => process.id(),
            Server::External(_) => self.stat("pid")?.parse().ok()?,
        };
        super::resident_bytes(id)
    }

    /// Says how far its resident memory ever was over its limit, if that is more than it may be: 3 percent and 32 MiB.
    pub fn memory_over_limit(&self) -> Option<String> {
        let Server::Own { process, limit_mib: Some(limit_mib), .. } = self else { return None };
        let most_bytes = super::resident_bytes_max(process.id())?;
        let limit_bytes = limit_mib << 20;
        let over = most_bytes > limit_bytes + limit_bytes * 3 / 100 + RESIDENT_SLACK_BYTES;
        over.then(|| format!("it was told to stay within {limit_bytes} bytes and took {most_bytes}"))
    }

    /// One field of the general statistics.
    pub fn stat(&self, name: &str) -> Option<String> {
        let mut connection = self.connect();
        connection.send(b"stats\r\n");
        let mut found = None;
        loop {
            let line = String::from_utf8(connection.line()).expect("stats are text");
            let mut words = line.trim_end().splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("STAT"), Some(field), Some(value)) if field == name => found = Some(value.to_owned()),
                (Some("STAT"), ..) => {}
                _ => return found,
            }
        }
    }

    /// The first three numbers of its version.
    pub fn version(&self) -> [u32; 3] {
        let mut connection = self.connect();
        connection.send(b"version\r\n");
        let line = String::from_utf8(connection.line()).expect("a version line is text");
        let numbers = line.trim_start_matches("VERSION ").trim_end();
        let mut parts = numbers.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
        [0; 3].map(|_| parts.next().unwrap_or(0))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Every test is a test of that.
        let over = self.memory_over_limit();
        if let Server::Own { process, address: Address::Unix(path), .. } = self {
            process.signal("TERM");
            process.wait(Duration::from_secs(5));
            // The server's duty, checked by the shutdown tests; here only the litter counts.
            let _ = std::fs::remove_file(path);
        }
        match over {
            Some(over) if !std::thread::panicking() => panic!("memory: {over}"),
            _ => {}
        }
    }
}

fn wait_ready(process: &mut Process, address: &Address) -> Result<(), String> {
    let deadline = Instant::now() + READY_WAIT;
    while Instant::now() < deadline {
        if let Some(status) = process.wait(Duration::ZERO) {
            return Err(format!("it ended with {status}"));
        }
        if let Ok(mut connection) = address.connect()
            && connection.try_send(b"version\r\n").is_ok()
            && connection.try_line().is_ok_and(|line| line.starts_with(b"VERSION "))
        {
            // With the port taken, somebody else may have answered: ours must still run.
            return match process.wait(POLL_INTERVAL) {
                Some(status) => Err(format!("it ended with {status}")),
                None => Ok(()),
            };
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Err(format!("no answer to `version` within {READY_WAIT:?}"))
}
