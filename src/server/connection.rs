//! One client's connection: an entry in its shard's table, driven by completions.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::{Buf, BytesMut};

use std::sync::Arc;

use super::intake::Upload;
use super::replies::ReplyQueue;
use super::watch::Watcher;
use crate::clock::Seconds;
use crate::protocol::detect::Protocol;
use crate::protocol::memcache::{Need, Resume};

/// A connection's state. Idle, it owns no buffer.
pub(super) struct Connection {
    socket: OwnedFd,
    /// Tells this connection from an earlier one in the same place.
    pub(super) generation: u32,
    /// A receive is in flight.
    pub(super) receiving: bool,
    /// A send is in flight.
    pub(super) sending: bool,
    /// It is in the list of those with input to execute.
    pub(super) ready: bool,
    /// It is in the list of those with output to send.
    pub(super) touched: bool,
    /// The peer will send no more.
    pub(super) ended: bool,
    /// When it last sent something; at first, when it came.
    pub(super) last_input: Seconds,
    /// What its first byte told, once that was seen.
    pub(super) protocol: Option<Protocol>,
    pub(super) closing: Closing,
    pub(super) blocked: Blocked,
    /// Where in the grammar the input stands.
    pub(super) resume: Resume,
    /// What the incomplete command in the tail waits for.
    pub(super) need: Option<Need>,
    pub(super) intake: Intake,
    /// This turn's input number plus one; 0 for none.
    pub(super) input: u32,
    pub(super) tail: Tail,
    pub(super) out: Vec<u8>,
    pub(super) queue: Option<Box<ReplyQueue>>,
    /// It watches.
    pub(super) watcher: Option<Arc<Watcher>>,
}

/// How far a connection is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// Open.
    No,
    /// Takes no more commands; closed when its replies are sent.
    AfterReplies,
    /// Over; its place is freed when the kernel is done with it.
    Now,
}

/// Why a connection's commands are not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    /// They are.
    No,
    /// Too many replies wait to be sent.
    Replies,
    /// Too much is under way to another shard.
    Mesh,
}

/// What the next bytes are.
pub(super) enum Intake {
    /// Commands.
    Commands,
    /// The rest of a refused value: this many bytes are thrown away.
    Discard(u64),
    /// A LARGE value.
    Upload(Box<Upload>),
}

/// What an idle connection costs here, in bytes, beside a place among the ring's sends (24) and its share of the
/// tables around both. The goal is 256 in all.
const _: () = assert!(size_of::<Connection>() <= IDLE_CONNECTION_BYTES_MAX);
const IDLE_CONNECTION_BYTES_MAX: usize = 160;

impl Connection {
    pub(super) fn new(socket: OwnedFd, generation: u32) -> Self {
        Connection {
            socket,
            generation,
            receiving: false,
            sending: false,
            ready: false,
            touched: false,
            ended: false,
            last_input: Seconds(0),
            protocol: None,
            closing: Closing::No,
            blocked: Blocked::No,
            resume: Resume::default(),
            need: None,
            intake: Intake::Commands,
            input: 0,
            tail: Tail::default(),
            out: Vec::new(),
            queue: None,
            watcher: None,
        }
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Bytes of replies that are not in the kernel's hands.
    pub(super) fn output_bytes(&self) -> usize {
        self.out.len() + self.queue.as_ref().map_or(0, |queue| queue.stash_bytes())
    }

    /// Whether a reply is outstanding or queued behind one.
    pub(super) fn has_queue(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_empty())
    }

    /// Whether the next bytes belong to a LARGE value and may be taken.
    pub(super) fn is_uploading(&self) -> bool {
        matches!(self.intake, Intake::Upload(_)) && self.blocked == Blocked::No && !self.ready
    }

    /// Whether commands may be executed.
    pub(super) fn is_open(&self) -> bool {
        self.closing == Closing::No
    }
}

/// Received bytes that were not executed yet. Taken from the front without moving the rest; empty, it owns no
/// memory.
#[derive(Default)]
pub(super) struct Tail(BytesMut);

impl Tail {
    /// A tail of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Tail(BytesMut::from(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Room for `total` bytes in all, which an announced value will bring.
    pub(super) fn reserve(&mut self, total: usize) {
        self.0.reserve(total.saturating_sub(self.len()));
    }

    /// Drops the first `n` bytes.
    pub(super) fn consume(&mut self, n: usize) {
        self.0.advance(n);
        if self.is_empty() {
            *self = Tail::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ring::Outgoing;

    /// All that an idle connection has in this process is a place in the table and one among the ring's sends.
    #[test]
    fn an_idle_connection_is_small() {
        let places_bytes = size_of::<Option<Connection>>() + size_of::<Option<Outgoing>>();
        assert!(places_bytes <= IDLE_CONNECTION_BYTES_MAX + 24, "{places_bytes} bytes");
    }

    /// Against the plainest of queues, over growing, shrinking and empty contents.
    #[test]
    fn a_tail_holds_what_was_pushed_and_not_consumed() {
        let (mut tail, mut model) = (Tail::default(), Vec::new());
        let mut state = 1u32;
        for step in 0..5000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let n = (state >> 16) as usize % 700;
            match state >> 30 {
                0 | 1 => {
                    let bytes: Vec<u8> = (0..n).map(|i| (i + step) as u8).collect();
                    tail.push(&bytes);
                    model.extend(bytes);
                }
                2 => {
                    let n = n.min(model.len());
                    tail.consume(n);
                    model.drain(..n);
                }
                _ => tail.reserve(n),
            }
            assert_eq!(tail.bytes(), model, "step {step}");
            assert_eq!((tail.len(), tail.is_empty()), (model.len(), model.is_empty()), "step {step}");
        }
    }

    #[test]
    fn an_emptied_tail_owns_nothing_and_a_long_lived_one_stays_small() {
        let mut tail = Tail::of(&[1; 1000]);
        tail.consume(1000);
        assert_eq!(tail.0.capacity(), 0);
        tail.push(&[2; 10]);
        for _ in 0..10_000 {
            tail.push(&[2; 100]);
            tail.consume(100);
        }
        assert_eq!(tail.len(), 10);
        assert!(tail.0.capacity() < 2000, "{} bytes for 10", tail.0.capacity());
    }
}
