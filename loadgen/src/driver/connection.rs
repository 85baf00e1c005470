//! One connection's byte buffers.

use std::io::{self, ErrorKind, Write};

use crate::target::Stream;

/// A stream, the head of a reply that is not complete, and requests that the socket did not take.
#[derive(Debug)]
pub struct Connection {
    pub stream: Stream,
    /// Bytes read and not yet taken by the agent. Bounded by the driver's inbox.
    pub tail: Vec<u8>,
    /// Bytes of the last read, and of the tail before it.
    last_read: usize,
    /// Whether the event queue reports this connection when it becomes writable.
    pub watching_writable: bool,
    /// Whether the driver has requests for it that it has not written.
    pub is_composed: bool,
    /// Bounded by what the agent asks to be sent before it has replies: one batch.
    unsent: Vec<u8>,
}

impl Connection {
    pub fn new(stream: Stream) -> Self {
        Connection {
            stream,
            tail: Vec::new(),
            last_read: 0,
            watching_writable: false,
            is_composed: false,
            unsent: Vec::new(),
        }
    }

    /// Writes `bytes` behind what is unsent; says whether something stays unsent.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return self.flush();
        }
        let written = self.stream.write(bytes);
        self.offered(bytes, written)
    }

    /// Whether the socket may be offered bytes past [`write`](Self::write).
    #[inline]
    pub fn sends_at_once(&self) -> bool {
        self.unsent.is_empty() && !self.stream.is_tls()
    }

    /// Notes how many of these bytes the stream took; says whether something stays unsent.
    #[inline]
    pub fn offered(&mut self, bytes: &[u8], outcome: io::Result<usize>) -> io::Result<bool> {
        let written = or_none(outcome)?;
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(written < bytes.len() || self.stream.wants_write())
    }

    /// Whether the next read will mostly fit into so many bytes, behind the tail, and needs nothing but the socket.
    #[inline]
    pub fn reads_into(&self, room: usize) -> bool {
        self.last_read < room && self.tail.len() <= room / 2 && !self.stream.is_tls()
    }

    /// Keeps what the agent has not taken of `input`, the tail and what was read behind it.
    #[inline]
    pub fn keep(&mut self, input: &[u8], used: usize) {
        self.last_read = input.len();
        self.tail.clear();
        self.tail.extend_from_slice(&input[used..]);
    }

    /// Writes what is unsent; says whether something stays so.
    pub fn flush(&mut self) -> io::Result<bool> {
        self.stream.flush()?;
        if !self.unsent.is_empty() {
            let written = or_none(self.stream.write(&self.unsent))?;
            self.unsent.drain(..written);
        }
        Ok(!self.unsent.is_empty() || self.stream.wants_write())
    }
}

/// Takes a refusal for now for a success with nothing.
fn or_none(outcome: io::Result<usize>) -> io::Result<usize> {
    match outcome {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        outcome => outcome,
    }
}
