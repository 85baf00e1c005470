//! One conversation outside of any load: a line is sent, and lines come back.

use std::{
    io::{self, ErrorKind, Read, Write},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    error::Error,
    target::{Endpoint, Stream},
};

/// Bytes that one read takes at most.
const READ: usize = 64 << 10;

/// Longest line: a watcher's with a key of 250 bytes, all of them escaped, has about a thousand.
const LINE_LEN_MAX: usize = 8 << 10;

/// A connection that is read line by line.
pub struct Asking {
    stream: Stream,
    target: String,
    /// Bounded by [`LINE_LEN_MAX`] and [`READ`].
    input: Vec<u8>,
    used: usize,
}

impl Asking {
    /// Opens a connection.
    pub fn connect(endpoint: &Endpoint) -> Result<Self, Error> {
        let stream = endpoint.connect()?;
        Ok(Asking { stream, target: endpoint.to_string(), input: Vec::new(), used: 0 })
    }

    /// Sends these bytes.
    pub fn send(&mut self, mut bytes: &[u8], within: Duration) -> Result<(), Error> {
        let until = Instant::now() + within;
        loop {
            let done = match self.stream.write(bytes).and_then(|written| {
                bytes = &bytes[written..];
                self.stream.flush()
            }) {
                Ok(()) => bytes.is_empty() && !self.stream.wants_write(),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => false,
                Err(source) => return Err(self.failed(source)),
            };
            if done {
                return Ok(());
            }
            if !self.wait(PollFlags::OUT, until)? {
                return Err(self.failed(ErrorKind::TimedOut.into()));
            }
        }
    }

    /// The next line without its end (LF or CRLF); `None` if none is whole by then.
    pub fn line(&mut self, until: Instant) -> Result<Option<&[u8]>, Error> {
        let end = loop {
            match memchr::memchr(b'\n', &self.input[self.used..]) {
                Some(at) => break self.used + at,
                None if self.input.len() - self.used > LINE_LEN_MAX => {
                    return Err(self.failed(io::Error::other("a line is too long")));
                }
                None if !self.fill(until)? => return Ok(None),
                None => {}
            }
        };
        let line = &self.input[self.used..end];
        self.used = end + 1;
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// Reads more; false if nothing comes until then.
    fn fill(&mut self, until: Instant) -> Result<bool, Error> {
        self.input.drain(..self.used);
        self.used = 0;
        let kept = self.input.len();
        loop {
            self.input.resize(kept + READ, 0);
            let read = self.stream.read(&mut self.input[kept..]);
            self.input.truncate(kept + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(self.failed(ErrorKind::UnexpectedEof.into())),
                Ok(_) => return Ok(true),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(source) => return Err(self.failed(source)),
            }
            if !self.wait(PollFlags::IN, until)? {
                return Ok(false);
            }
        }
    }

    fn wait(&self, flags: PollFlags, until: Instant) -> Result<bool, Error> {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&self.stream, flags)], Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(true),
            Err(error) => Err(Error::Poll(error.into())),
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Asked { target: self.target.clone(), source }
    }
}
