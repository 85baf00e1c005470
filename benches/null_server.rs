//! The floor: a server that answers a constant, over the same ring as the real one.
//!
//! Whatever comes in is taken for as many requests as it has newlines, and each is answered by the same hit. Nothing is
//! parsed, hashed, stored or looked up, and a reply is not even copied where a connection asks for as many as before. So
//! what it takes per request is the kernel's share, which no server on this ring can go below. It is of use for gets of
//! the text protocol only.
//!
//! `benches/compare/run` drives it. By hand, for 32-byte values, or for multigets of a hundred keys:
//!
//! ```text
//! cargo bench --bench null_server -- --port 11311
//! cargo bench --bench null_server -- --port 11311 --value-bytes 32 --values 100
//! ```
//!
//! Without `--port` it serves a client of its own and ends: this is what a test run of all benches does.

use std::collections::VecDeque;
use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::thread;

use ringcached::server::listener::listen_tcp;
use ringcached::server::ring::{BufferId, Completion, Ring, eventfd};

/// Completions taken in one turn; the server's own bound.
const COMPLETIONS_PER_TURN: usize = 512;
/// Replies of one send, unless they are long.
const REPLIES_PER_SEND_MAX: usize = 4096;
/// Bytes above which a send takes no further reply.
const SEND_HIGH_BYTES: usize = 256 << 10;
/// Requests that a connection may owe replies to and still be read from.
const OWED_MAX: usize = 16 << 10;
/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 4096;
/// Bytes of a value, unless given.
const VALUE_BYTES: usize = 32;
/// A value may not be longer than this.
const VALUE_BYTES_MAX: usize = 16 << 20;
/// Values of one reply, at most.
const VALUES_MAX: usize = 1024;
/// What every value is said to be stored under: as long as the suite's keys.
const KEY: &str = "key:00000000000000000000";

const USAGE: &str = "null_server --port PORT [--value-bytes BYTES] [--values PER_REPLY]";

#[derive(Default)]
struct Connection {
    socket: Option<OwnedFd>,
    /// Requests without a reply.
    owed: usize,
    /// Replies that `bytes` holds, kept to be sent again.
    holds: usize,
    bytes: Vec<u8>,
    receiving: bool,
    sending: bool,
    touched: bool,
}

struct NullServer {
    reply: Vec<u8>,
    ring: Ring,
    event: File,
    listener: OwnedFd,
    connections: Vec<Connection>,
    free: Vec<u32>,
    touched: VecDeque<u32>,
}

/// The bytes of one hit of `values` values.
fn reply(value_bytes: usize, values: usize) -> Vec<u8> {
    let mut reply = Vec::new();
    for _ in 0..values {
        reply.extend_from_slice(format!("VALUE {KEY} 0 {value_bytes}\r\n").as_bytes());
        reply.resize(reply.len() + value_bytes, b'v');
        reply.extend_from_slice(b"\r\n");
    }
    reply.extend_from_slice(b"END\r\n");
    reply
}

impl NullServer {
    fn new(listener: OwnedFd, reply: Vec<u8>) -> io::Result<Self> {
        let event = eventfd()?;
        let mut ring = Ring::new(event.as_fd())?;
        ring.accept(0, listener.as_fd());
        let (connections, free, touched) = (Vec::new(), Vec::new(), VecDeque::new());
        Ok(NullServer { reply, ring, event: event.into(), listener, connections, free, touched })
    }

    /// Serves until the ring fails or, if `once`, until the last connection has gone.
    fn serve(&mut self, once: bool) -> io::Result<()> {
        let mut completions = Vec::with_capacity(COMPLETIONS_PER_TURN);
        loop {
            self.ring.kick()?;
            self.ring.reap(COMPLETIONS_PER_TURN, &mut completions);
            if completions.is_empty() {
                if once && !self.connections.is_empty() && self.free.len() == self.connections.len() {
                    return Ok(());
                }
                self.sleep()?;
            }
            for completion in completions.drain(..) {
                match completion {
                    Completion::Accepted { result, armed, .. } => self.accepted(result, armed)?,
                    Completion::Received { connection, result, buffer } => self.received(connection, result, buffer),
                    Completion::Sent { connection, result, bytes } => self.sent(connection, result, bytes),
                    Completion::CancelMissed { .. } => {}
                }
            }
            while let Some(number) = self.touched.pop_front() {
                self.go_on(number);
            }
            self.ring.publish_buffers();
        }
    }

    fn sleep(&mut self) -> io::Result<()> {
        self.ring.enable_event();
        self.ring.kick()?;
        if !self.ring.has_completions() && !self.ring.has_deferred_work() {
            self.event.read_exact(&mut [0; size_of::<u64>()])?;
        }
        self.ring.disable_event();
        Ok(())
    }

    fn accepted(&mut self, result: io::Result<OwnedFd>, armed: bool) -> io::Result<()> {
        let connection = Connection { socket: Some(result?), ..Connection::default() };
        if !armed {
            self.ring.accept(0, self.listener.as_fd());
        }
        let number = self.free.pop().unwrap_or(self.connections.len() as u32);
        if number as usize == self.connections.len() {
            self.connections.push(connection);
        } else {
            self.connections[number as usize] = connection;
        }
        self.touch(number);
        Ok(())
    }

    fn received(&mut self, number: u32, result: io::Result<usize>, buffer: Option<BufferId>) {
        let connection = &mut self.connections[number as usize];
        connection.receiving = false;
        match (&result, buffer) {
            (Ok(len @ 1..), Some(id)) => {
                connection.owed += memchr::memchr_iter(b'\n', self.ring.buffer(&id, *len)).count();
                self.ring.recycle(id);
            }
            (_, buffer) => {
                buffer.into_iter().for_each(|id| self.ring.recycle(id));
                let no_buffer = result.is_err_and(|error| error.raw_os_error() == Some(libc::ENOBUFS));
                if !no_buffer {
                    connection.socket = None;
                }
            }
        }
        self.touch(number);
    }

    fn sent(&mut self, number: u32, result: io::Result<usize>, bytes: Vec<u8>) {
        let connection = &mut self.connections[number as usize];
        connection.sending = false;
        if !result.is_ok_and(|sent| sent == bytes.len()) {
            connection.socket = None;
        }
        connection.bytes = bytes;
        self.touch(number);
    }

    fn touch(&mut self, number: u32) {
        let connection = &mut self.connections[number as usize];
        if !connection.touched {
            connection.touched = true;
            self.touched.push_back(number);
        }
    }

    /// Sends what is owed and asks for more, each only if it is not under way.
    fn go_on(&mut self, number: u32) {
        let connection = &mut self.connections[number as usize];
        connection.touched = false;
        let Some(socket) = &connection.socket else {
            if !connection.receiving && !connection.sending {
                self.free.push(number);
            }
            return;
        };
        if connection.owed > 0 && !connection.sending {
            let count = connection.owed.min(REPLIES_PER_SEND_MAX).min(SEND_HIGH_BYTES.div_ceil(self.reply.len()));
            if connection.holds != count {
                connection.bytes.clear();
                (0..count).for_each(|_| connection.bytes.extend_from_slice(&self.reply));
                connection.holds = count;
            }
            connection.owed -= count;
            connection.sending = true;
            self.ring.send(number, socket.as_fd(), std::mem::take(&mut connection.bytes));
        }
        if !connection.receiving && connection.owed < OWED_MAX {
            connection.receiving = true;
            self.ring.receive(number, socket.as_fd());
        }
    }
}

/// Serves a client that asks as the suite does, and checks what it is told.
fn check_itself() -> io::Result<()> {
    const REQUESTS: usize = 64;
    const ROUNDS: usize = 3;
    let (mut sockets, address) = listen_tcp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), 1, BACKLOG)?;
    let listener = sockets.remove(0).into();
    let server = thread::spawn(move || NullServer::new(listener, reply(VALUE_BYTES, 1))?.serve(true));
    let mut client = TcpStream::connect(address)?;
    let expected = reply(VALUE_BYTES, 1).repeat(REQUESTS);
    for _ in 0..ROUNDS {
        client.write_all("get something\r\n".repeat(REQUESTS).as_bytes())?;
        let mut got = vec![0; expected.len()];
        client.read_exact(&mut got)?;
        assert_eq!(got, expected, "{REQUESTS} constant replies");
    }
    drop(client);
    server.join().expect("the server's thread")?;
    println!("null_server: {} replies, ok", ROUNDS * REQUESTS);
    Ok(())
}

/// The port, bytes of a value and values of a reply, if a port is given.
fn arguments() -> Result<Option<(u16, usize, usize)>, String> {
    let (mut port, mut value_bytes, mut values) = (None, VALUE_BYTES, 1);
    let mut words = env::args().skip(1);
    while let Some(flag) = words.next() {
        // What cargo says to every bench: that it is one, and a name to look for.
        if flag == "--bench" || !flag.starts_with("--") {
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{flag} needs a value; usage: {USAGE}"))?;
        let number: usize = value.parse().map_err(|_| format!("{flag} {value}: not a number"))?;
        let bounded = |most| if number <= most { Ok(number) } else { Err(format!("{flag} is at most {most}")) };
        match flag.as_str() {
            "--port" => port = Some(bounded(u16::MAX.into())? as u16),
            "--value-bytes" => value_bytes = bounded(VALUE_BYTES_MAX)?,
            "--values" => values = bounded(VALUES_MAX)?,
            _ => return Err(format!("{flag} is not known; usage: {USAGE}")),
        }
    }
    Ok(port.map(|port| (port, value_bytes, values)))
}

fn serve(port: u16, value_bytes: usize, values: usize) -> io::Result<()> {
    let (mut sockets, _) = listen_tcp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port), 1, BACKLOG)?;
    NullServer::new(sockets.remove(0).into(), reply(value_bytes, values))?.serve(false)
}

fn main() -> ExitCode {
    let outcome = match arguments() {
        Ok(None) => check_itself(),
        Ok(Some((port, value_bytes, values))) => serve(port, value_bytes, values),
        Err(wrong) => Err(io::Error::other(wrong)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("null_server: {error}");
            ExitCode::FAILURE
        }
    }
}
