//! One client connection in which no read can hang.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::shown;

/// Longest wait for bytes that must come. Generous: the machine may be building something else. With eleven threads that
/// want to run on two cores, a shard was seen to wait 5 s for 0.2 s on its own, and 10 s were once not enough.
pub const REPLY_WAIT: Duration = Duration::from_secs(30);

/// Most that one read takes from the socket.
const READ_CHUNK: usize = 64 << 10;

/// Longest reply line.
const LINE_LEN_MAX: usize = 4096;

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Address {
    /// `host:port`.
    Tcp(String),
    /// A socket's path.
    Unix(PathBuf),
}

impl Address {
    /// Parses `host:port` or `unix:PATH`.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("unix:") {
            Some(path) => Address::Unix(path.into()),
            None => Address::Tcp(text.to_owned()),
        }
    }

    /// Opens a connection.
    pub fn connect(&self) -> io::Result<Connection> {
        let stream = match self {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                // Tests that write byte by byte mean separate segments.
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        stream.set_read_timeout(REPLY_WAIT)?;
        stream.set_write_timeout(REPLY_WAIT)?;
        Ok(Connection { stream, unread: Vec::new() })
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn set_read_timeout(&self, wait: Duration) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s.set_read_timeout(Some(wait)),
            Stream::Unix(s) => s.set_read_timeout(Some(wait)),
        }
    }

    fn set_write_timeout(&self, wait: Duration) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s.set_write_timeout(Some(wait)),
            Stream::Unix(s) => s.set_write_timeout(Some(wait)),
        }
    }

    fn try_clone(&self) -> io::Result<Stream> {
        Ok(match self {
            Stream::Tcp(s) => Stream::Tcp(s.try_clone()?),
            Stream::Unix(s) => Stream::Unix(s.try_clone()?),
        })
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s.shutdown(how),
            Stream::Unix(s) => s.shutdown(how),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.read(into),
            Stream::Unix(s) => s.read(into),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.write(bytes),
            Stream::Unix(s) => s.write(bytes),
        }
    }
}

/// A connection with the bytes that were received and not yet consumed.
pub struct Connection {
    stream: Stream,
    unread: Vec<u8>,
}

impl Connection {
    /// A second handle on the same connection, to write from another thread. It must not read.
    pub fn writer(&self) -> io::Result<Connection> {
        Ok(Connection { stream: self.stream.try_clone()?, unread: Vec::new() })
    }

    /// Writes all of `bytes`.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            match self.stream.write(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => left = &left[n..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Writes once and says how much was taken, waiting at most `wait`; a full socket is `WouldBlock`.
    pub fn send_some(&mut self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        self.stream.set_write_timeout(wait)?;
        let written = self.stream.write(bytes);
        self.stream.set_write_timeout(REPLY_WAIT)?;
        written
    }

    /// Writes all of `bytes`; panics if the server does not take them.
    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(e) = self.try_send(bytes) {
            panic!("cannot send {}: {e}", shown(bytes));
        }
    }

    /// Writes `bytes` in pieces of `len`, each its own write.
    pub fn send_in_pieces(&mut self, bytes: &[u8], len: usize) {
        for piece in bytes.chunks(len) {
            self.send(piece);
        }
    }

    /// Bounds the kernel's send buffer, which otherwise grows to megabytes.
    pub fn set_send_buffer(&self, bytes: usize) {
        let set = match &self.stream {
            Stream::Tcp(s) => socket2::SockRef::from(s).set_send_buffer_size(bytes),
            Stream::Unix(s) => socket2::SockRef::from(s).set_send_buffer_size(bytes),
        };
        set.expect("a smaller send buffer");
    }

    /// Tells the server that nothing more will be sent.
    pub fn finish_sending(&mut self) {
        // The server may have closed first.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes at once: over TCP the server is told by a reset, and what is under way is lost.
    pub fn reset(self) {
        if let Stream::Tcp(stream) = &self.stream {
            socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("no lingering");
        }
    }

    /// What was received and not consumed.
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Drops the first `n` unread bytes.
    pub fn consume(&mut self, n: usize) {
        self.unread.drain(..n);
    }

    /// Receives more into [`unread`](Self::unread), waiting at most `wait`. 0 means that the server closed.
    pub fn receive(&mut self, wait: Duration) -> io::Result<usize> {
        // A zero timeout is refused by the standard library.
        self.stream.set_read_timeout(wait.max(Duration::from_millis(1)))?;
        let have = self.unread.len();
        self.unread.resize(have + READ_CHUNK, 0);
        let read = loop {
            match self.stream.read(&mut self.unread[have..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.unread.truncate(have + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Reads exactly `len` bytes within `wait`.
    pub fn try_read(&mut self, len: usize, wait: Duration) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + wait;
        while self.unread.len() < len {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.receive(left)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.unread.drain(..len).collect())
    }

    /// Reads one line, with its end, within [`REPLY_WAIT`].
    pub fn try_line(&mut self) -> io::Result<Vec<u8>> {
        let mut seen = 0;
        loop {
            if let Some(at) = self.unread[seen..].iter().position(|&b| b == b'\n') {
                return Ok(self.unread.drain(..seen + at + 1).collect());
            }
            seen = self.unread.len();
            if seen > LINE_LEN_MAX {
                return Err(io::Error::other("a reply line without end"));
            }
            if self.receive(REPLY_WAIT)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads one line, with its end; panics if none comes.
    pub fn line(&mut self) -> Vec<u8> {
        self.try_line().unwrap_or_else(|e| panic!("no reply line ({e}), only {}", shown(&self.unread)))
    }

    /// Reads exactly `expected`; panics if something else or nothing comes.
    pub fn expect(&mut self, expected: &[u8]) {
        let deadline = Instant::now() + REPLY_WAIT;
        loop {
            let both = self.unread.len().min(expected.len());
            if self.unread[..both] != expected[..both] {
                panic!("expected {}, received {}", shown(expected), shown(&self.unread));
            }
            if both == expected.len() {
                self.consume(both);
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receive(left) {
                Ok(0) => panic!("expected {}, received {} and the end", shown(expected), shown(&self.unread)),
                Ok(_) => {}
                Err(e) => panic!("expected {}, received {} ({e})", shown(expected), shown(&self.unread)),
            }
        }
    }

    /// Sends one piece and reads exactly the answer expected.
    pub fn talk(&mut self, bytes: &[u8], expected: &[u8]) {
        self.send(bytes);
        self.expect(expected);
    }

    /// Stores a value with `set` and checks the answer.
    pub fn set(&mut self, key: &str, value: &[u8]) {
        let mut request = format!("set {key} 0 0 {}\r\n", value.len()).into_bytes();
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
        self.talk(&request, b"STORED\r\n");
    }

    /// Reads a value with `get`: `None` on a miss.
    pub fn get(&mut self, key: &str) -> Option<Vec<u8>> {
        self.send(format!("get {key}\r\n").as_bytes());
        let header = self.line();
        if header == b"END\r\n" {
            return None;
        }
        let header = String::from_utf8(header).expect("a VALUE line is text");
        let words: Vec<&str> = header.trim_end().split(' ').collect();
        assert!(matches!(words[..], ["VALUE", k, _, _] if k == key), "expected a VALUE of {key}, received {header:?}");
        let len: usize = words[3].parse().expect("the length in a VALUE line");
        let mut value = self.try_read(len + 2, REPLY_WAIT).expect("the value's bytes");
        assert!(value.ends_with(b"\r\n"), "the value of {key} does not end its line");
        value.truncate(len);
        self.expect(b"END\r\n");
        Some(value)
    }

    /// Waits until the server has closed, throwing away what it still sends. False if it does not within `wait`.
    pub fn closes_within(&mut self, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            match self.receive(left) {
                Ok(0) => return true,
                Ok(_) => self.unread.clear(),
                Err(e) => return e.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }
}
