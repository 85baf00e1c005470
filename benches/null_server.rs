//! The floor: a server that answers a constant, over the same kind of ring as the real one: `SINGLE_ISSUER` and
//! `DEFER_TASKRUN`, provided buffers, one receive asked for at a time, one send per connection and turn. A turn is one
//! system call, which submits, runs the kernel's deferred work and waits.
//!
//! Whatever comes in is taken for as many requests as it has newlines, and each is answered by the same hit; or, with
//! `--set-bytes`, for a request as often as it has so many bytes, each answered by `STORED`. Nothing is parsed, hashed,
//! stored, looked up or copied. So what it takes per request is the kernel's share, which no server on this ring can go
//! below. It is of use for gets and sets of the text protocol only.
//!
//! A server that keeps values does not find them in the processor's caches. With `--memory` replies lie in so many MiB, and
//! are sent from one place after the other; requests that are longer than a buffer are received there, each where its
//! predecessor ends, with one receive for what is missing of it. Then the memory's share is in the figure too.
//!
//! `benches/compare/run` drives it. By hand, for 32-byte values, for multigets of a hundred keys, for sets of 64 KiB:
//!
//! ```text
//! cargo bench --bench null_server -- --port 11311
//! cargo bench --bench null_server -- --port 11311 --values 100
//! cargo bench --bench null_server -- --port 11311 --set-bytes 65578 --memory 512
//! ```
//!
//! Without `--port` it serves a client of its own and ends: this is what a test run of all benches does.
//!
//! `unsafe`: the kernel is told addresses. What it receives into and sends from is never freed, and what it sends never
//! changes.
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
const HUGE_PAGE_BYTES: usize = 2 << 20;
/// Bytes of a value, unless given.
const VALUE_BYTES: usize = 32;
/// A value may not be longer than this.
const VALUE_BYTES_MAX: usize = 16 << 20;
/// Values of one reply, at most.
const VALUES_MAX: usize = 1024;
/// MiB of `--memory`, at most.
const MEMORY_MIB_MAX: usize = 16 << 10;
/// What every value is said to be stored under: as long as the suite's keys.
const KEY: &str = "key:00000000000000000000";

const USAGE: &str =
    "null_server --port PORT [--value-bytes BYTES] [--values PER_REPLY | --set-bytes BYTES] [--memory MIB]";

/// What is answered, and from where.
#[derive(Clone, Copy)]
struct Plan {
    port: u16,
    value_bytes: usize,
    values: usize,
    /// The bytes of a request, if it is a set.
    set_bytes: Option<usize>,
    memory_bytes: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Plan { port: 0, value_bytes: VALUE_BYTES, values: 1, set_bytes: None, memory_bytes: 0 }
    }
}

#[derive(Default)]
struct Connection {
    socket: Option<OwnedFd>,
    /// Requests without a reply.
    owed: usize,
    /// Bytes of the set that is coming in.
    came: usize,
    /// Bytes of the send under way.
    sent: usize,
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

/// Zeroes that start at a huge page and are never freed.
fn leaked_pages(bytes: usize) -> *mut u8 {
    let layout = Layout::from_size_align(bytes, HUGE_PAGE_BYTES).expect("a small size");
    // SAFETY: the size is not zero.
    let memory = unsafe { alloc::alloc_zeroed(layout) };
    assert!(!memory.is_null(), "out of memory");
    if bytes >= HUGE_PAGE_BYTES {
        // SAFETY: it is our own memory; a refusal changes nothing but speed.
        unsafe { libc::madvise(memory.cast(), bytes, libc::MADV_HUGEPAGE) };
    }
    memory
}

/// Memory that is gone through in steps, again and again.
struct Lap {
    memory: *mut u8,
    bytes: usize,
    at: usize,
}

impl Lap {
    fn new(bytes: usize) -> Self {
        Lap { memory: leaked_pages(bytes), bytes, at: 0 }
    }

    /// The next `len` bytes.
    fn take(&mut self, len: usize) -> *mut u8 {
        assert!(len <= self.bytes);
        if self.at + len > self.bytes {
            self.at = 0;
        }
        // SAFETY: in bounds.
        let place = unsafe { self.memory.add(self.at) };
        self.at += len;
        place
    }
}

struct NullServer {
    reply_bytes: usize,
    set_bytes: Option<usize>,
    /// Replies, end to end.
    replies: Lap,
    /// Whether each send has replies of its own.
    spread: bool,
    /// Where long requests go.
    store: Option<Lap>,
    uring: IoUring,
    buffers: Buffers,
    listener: Socket,
    connections: Vec<Connection>,
    free: Vec<u32>,
    touched: VecDeque<u32>,
}

/// Replies, as many as one send may have, and as many more as fit into `memory_bytes`.
fn replies(reply: &[u8], memory_bytes: usize) -> Lap {
    let most = REPLIES_PER_SEND_MAX.min(SEND_HIGH_BYTES.div_ceil(reply.len()));
    let lap = Lap::new(most.max(memory_bytes / reply.len()) * reply.len());
    // SAFETY: it is as long, and nobody else has it yet.
    let bytes = unsafe { std::slice::from_raw_parts_mut(lap.memory, lap.bytes) };
    bytes.chunks_exact_mut(reply.len()).for_each(|place| place.copy_from_slice(reply));
    lap
}

/// The bytes of one hit of `values` values.
fn hit(value_bytes: usize, values: usize) -> Vec<u8> {
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
    fn new(listener: Socket, plan: Plan) -> io::Result<Self> {
        let uring = IoUring::builder()
            .setup_cqsize(COMPLETION_ENTRIES)
            .setup_submit_all()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(SUBMISSION_ENTRIES)?;
        let buffers = Buffers::new(&uring)?;
        let reply = plan.set_bytes.map_or_else(|| hit(plan.value_bytes, plan.values), |_| b"STORED\r\n".to_vec());
        let long = plan.set_bytes.filter(|bytes| *bytes > BUFFER_BYTES);
        let store = long.map(|bytes| Lap::new(bytes.max(plan.memory_bytes)));
        let spread = plan.memory_bytes > 0 && plan.set_bytes.is_none();
        let mut server = NullServer {
            reply_bytes: reply.len(),
            set_bytes: plan.set_bytes,
            replies: replies(&reply, if spread { plan.memory_bytes } else { 0 }),
            spread,
            store,
            uring,
            buffers,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            touched: VecDeque::new(),
        };
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
        // SAFETY: buffers, replies and the store live as long as the process, and replies do not change.
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
            Ok(len @ 1..) => match (self.set_bytes, buffer) {
                (Some(bytes), _) => {
                    connection.came += len;
                    connection.owed += connection.came / bytes;
                    connection.came %= bytes;
                }
                (None, Some(id)) => {
                    connection.owed += memchr::memchr_iter(b'\n', self.buffers.bytes(id, *len)).count();
                }
                (None, None) => unreachable!("gets are received in buffers"),
            },
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
        if !result.is_ok_and(|sent| sent == connection.sent) {
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
            let count = connection.owed.min(REPLIES_PER_SEND_MAX).min(SEND_HIGH_BYTES.div_ceil(self.reply_bytes));
            connection.owed -= count;
            connection.sending = true;
            connection.sent = count * self.reply_bytes;
            let bytes = if self.spread { self.replies.take(connection.sent) } else { self.replies.memory };
            let flags = libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
            send = Some(opcode::Send::new(fd, bytes, connection.sent as u32).flags(flags).build());
        }
        let receives = !connection.receiving && connection.owed < OWED_MAX;
        connection.receiving |= receives;
        let receive = receives.then(|| match (&mut self.store, self.set_bytes) {
            (Some(store), Some(bytes)) => {
                let missing = bytes - connection.came;
                opcode::Recv::new(fd, store.take(missing), missing as u32).flags(libc::MSG_WAITALL).build()
            }
            _ => opcode::Recv::new(fd, std::ptr::null_mut(), BUFFER_BYTES as u32)
                .buf_group(GROUP)
                .build()
                .flags(squeue::Flags::BUFFER_SELECT),
        });
        if let Some(send) = send {
            self.push(send, KIND_SEND, number)?;
        }
        if let Some(receive) = receive {
            self.push(receive, KIND_RECEIVE, number)?;
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

/// Serves clients that ask as the suite does, and checks what they are told.
fn check_itself() -> io::Result<()> {
    const REQUESTS: usize = 64;
    const ROUNDS: usize = 3;
    const SET: usize = 10_000;
    let get = b"get something\r\n".to_vec();
    let mut set = vec![b's'; SET];
    set.extend_from_slice(b"\r\n");
    let sets = Some(set.len());
    let cases = [
        (Plan::default(), &get, hit(VALUE_BYTES, 1)),
        (Plan { values: 2, memory_bytes: 1 << 20, ..Plan::default() }, &get, hit(VALUE_BYTES, 2)),
        (Plan { set_bytes: Some(get.len()), ..Plan::default() }, &get, b"STORED\r\n".to_vec()),
        (Plan { set_bytes: sets, memory_bytes: 1 << 20, ..Plan::default() }, &set, b"STORED\r\n".to_vec()),
    ];
    for (plan, request, reply) in cases {
        let (listener, address) = listen(0)?;
        let server = thread::spawn(move || NullServer::new(listener, plan)?.serve(true));
        let mut client = TcpStream::connect(address)?;
        let expected = reply.repeat(REQUESTS);
        for _ in 0..ROUNDS {
            client.write_all(&request.repeat(REQUESTS))?;
            let mut got = vec![0; expected.len()];
            client.read_exact(&mut got)?;
            assert_eq!(got, expected, "{REQUESTS} constant replies");
        }
        drop(client);
        server.join().expect("the server's thread")?;
        println!("null_server: {} replies, ok", ROUNDS * REQUESTS);
    }
    Ok(())
}

/// What is to be served, if a port is given.
fn arguments() -> Result<Option<Plan>, String> {
    let (mut plan, mut asked) = (Plan::default(), false);
    let mut words = env::args().skip(1);
    while let Some(flag) = words.next() {
        // What cargo says to every bench: that it is one, and a name to look for.
        if flag == "--bench" || !flag.starts_with("--") {
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{flag} needs a value; usage: {USAGE}"))?;
        let number: usize = value.parse().map_err(|_| format!("{flag} {value}: not a number"))?;
        let bounded = |least, most| match number {
            _ if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!("{flag} is {least} to {most}")),
        };
        match flag.as_str() {
            "--port" => (plan.port, asked) = (bounded(0, u16::MAX.into())? as u16, true),
            "--value-bytes" => plan.value_bytes = bounded(0, VALUE_BYTES_MAX)?,
            "--values" => plan.values = bounded(0, VALUES_MAX)?,
            "--set-bytes" => plan.set_bytes = Some(bounded(1, VALUE_BYTES_MAX)?),
            "--memory" => plan.memory_bytes = bounded(0, MEMORY_MIB_MAX)? << 20,
            _ => return Err(format!("{flag} is not known; usage: {USAGE}")),
        }
    }
    Ok(asked.then_some(plan))
}

fn serve(plan: Plan) -> io::Result<()> {
    NullServer::new(listen(plan.port)?.0, plan)?.serve(false)
}

fn main() -> ExitCode {
    let outcome = match arguments() {
        Ok(None) => check_itself(),
        Ok(Some(plan)) => serve(plan),
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
