//! One connection's byte buffers.

use std::io::{self, ErrorKind, Write};

use crate::target::Stream;

/// A stream, the head of a reply that is not complete, and requests that the socket did not take.
#[derive(Debug)]
pub struct Connection {
    pub stream: Stream,
    /// Bytes read and not yet taken by the agent. Bounded by the driver's inbox.
    pub tail: Vec<u8>,
    /// Whether the event queue reports this connection when it becomes writable.
    pub watching_writable: bool,
    /// Bounded by what the agent asks to be sent before it has replies: one batch.
    unsent: Vec<u8>,
}

impl Connection {
    pub fn new(stream: Stream) -> Self {
        Connection { stream, tail: Vec::new(), watching_writable: false, unsent: Vec::new() }
    }

    /// Writes `bytes` behind what is unsent; says whether something stays unsent.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return self.flush();
        }
        let written = write_some(&mut self.stream, bytes)?;
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(written < bytes.len() || self.stream.wants_write())
    }

    /// Writes what is unsent; says whether something stays so.
    pub fn flush(&mut self) -> io::Result<bool> {
        self.stream.flush()?;
        if !self.unsent.is_empty() {
            let written = write_some(&mut self.stream, &self.unsent)?;
            self.unsent.drain(..written);
        }
        Ok(!self.unsent.is_empty() || self.stream.wants_write())
    }
}

fn write_some(stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Ok(written) => Ok(written),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        Err(error) => Err(error),
    }
}
