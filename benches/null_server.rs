//! The floor: a server that answers a constant, over the same kind of ring as the real one: `SINGLE_ISSUER` and
//! `DEFER_TASKRUN`, provided buffers, one receive asked for at a time, one send per connection and turn. A turn is one
//! system call, which submits, runs the kernel's deferred work and waits.
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
//! cargo bench --bench null_server -- --port 11311 --values 100
//! ```
//!
//! Without `--port` it serves a client of its own and ends: this is what a test run of all benches does.
//!
//! `unsafe`: the kernel is told addresses. The buffers that it receives into are never freed, and a connection's bytes are
//! neither changed nor freed before their send is over.
#![allow(unsafe_code)]

use std::alloc::{self, Layout};
use std::collections::VecDeque;
use std::env;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

use io_uring::{IoUring, cqueue, opcode, squeue, types};
use socket2::{Domain, Protocol, Socket, Type};

const SUBMISSION_ENTRIES: u32 = 2048;
const COMPLETION_ENTRIES: u32 = 8192;
/// Buffers to receive into, a power of two, and the bytes of each.
const BUFFERS: u16 = 1024;
const BUFFER_BYTES: usize = 4096;
/// Their group's number.
const GROUP: u16 = 1;
/// What an operation is, in the low bits of its user data; the connection is above.
const KIND_BITS: u32 = 2;
const KIND_ACCEPT: u64 = 0;
const KIND_RECEIVE: u64 = 1;
const KIND_SEND: u64 = 2;
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

/// Memory that the kernel receives into, and the queue by which it is told which of it is free.
struct Buffers {
    entries: *mut types::BufRingEntry,
    memory: *mut u8,
    tail: u16,
}

impl Buffers {
    fn new(uring: &IoUring) -> io::Result<Self> {
        let memory = leaked_pages(usize::from(BUFFERS) * BUFFER_BYTES);
        let entries = leaked_pages(usize::from(BUFFERS) * size_of::<types::BufRingEntry>()).cast();
        // SAFETY: the entries are aligned to a page, as many as announced, and never freed.
        unsafe { uring.submitter().register_buf_ring_with_flags(entries as u64, BUFFERS, GROUP, 0)? };
        let mut buffers = Buffers { entries, memory, tail: 0 };
        (0..BUFFERS).for_each(|id| buffers.give(id));
        buffers.publish();
        Ok(buffers)
    }

    fn bytes(&self, id: u16, len: usize) -> &[u8] {
        assert!(id < BUFFERS && len <= BUFFER_BYTES);
        // SAFETY: in bounds; the kernel does not write to a buffer that it has handed out, before it is given back.
        unsafe { std::slice::from_raw_parts(self.memory.add(usize::from(id) * BUFFER_BYTES), len) }
    }

    fn give(&mut self, id: u16) {
        let slot = usize::from(self.tail & (BUFFERS - 1));
        // SAFETY: in bounds, and the kernel does not read behind the published tail.
        unsafe {
            let entry = &mut *self.entries.add(slot);
            entry.set_addr(self.memory.add(usize::from(id) * BUFFER_BYTES) as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&mut self) {
        // SAFETY: the tail lies in the first entry, is aligned, and both sides access it atomically.
        let tail = unsafe { AtomicU16::from_ptr(types::BufRingEntry::tail(self.entries).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}

/// Zeroes that start at a page and are never freed.
fn leaked_pages(bytes: usize) -> *mut u8 {
    let layout = Layout::from_size_align(bytes, 4096).expect("a small size");
    // SAFETY: the size is not zero.
    let memory = unsafe { alloc::alloc_zeroed(layout) };
    assert!(!memory.is_null(), "out of memory");
    memory
}

struct NullServer {
    reply: Vec<u8>,
    uring: IoUring,
    buffers: Buffers,
    listener: Socket,
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
    fn new(listener: Socket, reply: Vec<u8>) -> io::Result<Self> {
        let uring = IoUring::builder()
            .setup_cqsize(COMPLETION_ENTRIES)
            .setup_submit_all()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(SUBMISSION_ENTRIES)?;
        let buffers = Buffers::new(&uring)?;
        let (connections, free, touched) = (Vec::new(), Vec::new(), VecDeque::new());
        let mut server = NullServer { reply, uring, buffers, listener, connections, free, touched };
        server.accept()?;
        Ok(server)
    }

    /// Serves until the ring fails or, if `once`, until the last connection has gone.
    fn serve(&mut self, once: bool) -> io::Result<()> {
        let mut completions = Vec::new();
        loop {
            match self.uring.submit_and_wait(1) {
                Err(error) if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)) => {
                    return Err(error);
                }
                _ => {}
            }
            completions.extend(self.uring.completion());
            for completion in completions.drain(..) {
                self.complete(completion)?;
            }
            while let Some(number) = self.touched.pop_front() {
                self.go_on(number)?;
            }
            self.buffers.publish();
            if once && !self.connections.is_empty() && self.free.len() == self.connections.len() {
                return Ok(());
            }
        }
    }

    fn complete(&mut self, completion: cqueue::Entry) -> io::Result<()> {
        let result = match completion.result() {
            code @ 0.. => Ok(code as usize),
            code => Err(io::Error::from_raw_os_error(-code)),
        };
        let number = (completion.user_data() >> KIND_BITS) as u32;
        match completion.user_data() & ((1 << KIND_BITS) - 1) {
            KIND_ACCEPT => self.accepted(result?, cqueue::more(completion.flags())),
            KIND_RECEIVE => self.received(number, result, cqueue::buffer_select(completion.flags())),
            _ => self.sent(number, result),
        }
    }

    fn push(&mut self, entry: squeue::Entry, kind: u64, number: u32) -> io::Result<()> {
        let entry = entry.user_data(u64::from(number) << KIND_BITS | kind);
        // SAFETY: the receive buffers live as long as the process, and the bytes of a send stay as they are until it is
        // over (`go_on`).
        while unsafe { self.uring.submission().push(&entry) }.is_err() {
            self.uring.submit()?;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        let accept = opcode::AcceptMulti::new(types::Fd(self.listener.as_raw_fd())).flags(libc::SOCK_CLOEXEC).build();
        self.push(accept, KIND_ACCEPT, 0)
    }

    fn accepted(&mut self, socket: usize, armed: bool) -> io::Result<()> {
        // SAFETY: the kernel has just made this descriptor, and nobody else has it.
        let socket = unsafe { OwnedFd::from_raw_fd(socket as i32) };
        let connection = Connection { socket: Some(socket), ..Connection::default() };
        let number = self.free.pop().unwrap_or(self.connections.len() as u32);
        if number as usize == self.connections.len() {
            self.connections.push(connection);
        } else {
            self.connections[number as usize] = connection;
        }
        self.touch(number);
        if armed { Ok(()) } else { self.accept() }
    }

    fn received(&mut self, number: u32, result: io::Result<usize>, buffer: Option<u16>) -> io::Result<()> {
        let connection = &mut self.connections[number as usize];
        connection.receiving = false;
        match &result {
            Ok(len @ 1..) => {
                let id = buffer.expect("what is received is in a buffer");
                connection.owed += memchr::memchr_iter(b'\n', self.buffers.bytes(id, *len)).count();
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            _ => connection.socket = None,
        }
        buffer.into_iter().for_each(|id| self.buffers.give(id));
        self.touch(number);
        Ok(())
    }

    fn sent(&mut self, number: u32, result: io::Result<usize>) -> io::Result<()> {
        let connection = &mut self.connections[number as usize];
        connection.sending = false;
        if !result.is_ok_and(|sent| sent == connection.bytes.len()) {
            connection.socket = None;
        }
        self.touch(number);
        Ok(())
    }

    fn touch(&mut self, number: u32) {
        let connection = &mut self.connections[number as usize];
        if !connection.touched {
            connection.touched = true;
            self.touched.push_back(number);
        }
    }

    /// Sends what is owed and asks for more, each only if it is not under way.
    fn go_on(&mut self, number: u32) -> io::Result<()> {
        let connection = &mut self.connections[number as usize];
        connection.touched = false;
        let Some(socket) = &connection.socket else {
            if !connection.receiving && !connection.sending {
                self.free.push(number);
            }
            return Ok(());
        };
        let fd = types::Fd(socket.as_raw_fd());
        let mut send = None;
        if connection.owed > 0 && !connection.sending {
            let count = connection.owed.min(REPLIES_PER_SEND_MAX).min(SEND_HIGH_BYTES.div_ceil(self.reply.len()));
            if connection.holds != count {
                connection.bytes.clear();
                (0..count).for_each(|_| connection.bytes.extend_from_slice(&self.reply));
                connection.holds = count;
            }
            connection.owed -= count;
            connection.sending = true;
            let flags = libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
            let (bytes, len) = (connection.bytes.as_ptr(), connection.bytes.len() as u32);
            send = Some(opcode::Send::new(fd, bytes, len).flags(flags).build());
        }
        let receives = !connection.receiving && connection.owed < OWED_MAX;
        connection.receiving |= receives;
        if let Some(send) = send {
            self.push(send, KIND_SEND, number)?;
        }
        if receives {
            let receive = opcode::Recv::new(fd, std::ptr::null_mut(), BUFFER_BYTES as u32).buf_group(GROUP).build();
            self.push(receive.flags(squeue::Flags::BUFFER_SELECT), KIND_RECEIVE, number)?;
        }
        Ok(())
    }
}

/// A listening socket on loopback, whose connections do not wait for more to send.
fn listen(port: u16) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port).into())?;
    socket.listen(BACKLOG)?;
    let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
    Ok((socket, address))
}

/// Serves a client that asks as the suite does, and checks what it is told.
fn check_itself() -> io::Result<()> {
    const REQUESTS: usize = 64;
    const ROUNDS: usize = 3;
    let (listener, address) = listen(0)?;
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
    NullServer::new(listen(port)?.0, reply(value_bytes, values))?.serve(false)
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
