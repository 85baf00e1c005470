//! The replies of one connection that cannot be sent yet, in request order.
//!
//! A connection has this queue only while a reply is outstanding: at another shard, or a LARGE value that is
//! being sent piece by piece. Replies that are ready behind an outstanding one wait in the stash:
//!
//! ```text
//!   entries  [ Waiting | Ready a..b | Waiting | Ready b..c ]     first.. in order of request
//!   stash    [ bytes of the ready ones, in order of arrival ]
//! ```

use std::collections::VecDeque;

use crate::protocol::memcache::{Encoded, FormTag};

/// A reply's number within its connection; wraps.
pub(super) type Sequence = u32;

/// A LARGE value on its way out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// The shard that holds the pin.
    pub(super) owner: usize,
    pub(super) pin: u32,
    pub(super) len: u64,
    /// Bytes already written to the output.
    pub(super) written: u64,
    /// A piece is on its way from the owner.
    pub(super) asked: bool,
    /// How the reply ends.
    pub(super) form: FormTag,
}

/// One reply's place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// The answer is outstanding.
    Waiting,
    /// The bytes are in the stash.
    Ready { start: u32, len: u32 },
    /// The head is in the stash, the value follows from its owner.
    Stream { head_start: u32, head_len: u32, stream: Stream },
}

/// What the front of the queue allows.
pub(super) enum Front {
    /// Nothing is left.
    Empty,
    /// The first reply is outstanding.
    Waiting,
    /// A LARGE value is first; its head has been written.
    Stream(Stream),
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct ReplyQueue {
    first: Sequence,
    entries: VecDeque<Entry>,
    stash: Vec<u8>,
}

/// A stash larger than this is given back when it empties.
const STASH_KEPT_BYTES: usize = 16 << 10;

impl ReplyQueue {
    /// Replies in the queue.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes waiting in the stash.
    pub(super) fn stash_bytes(&self) -> usize {
        self.stash.len()
    }

    /// The number that the next reply will get.
    pub(super) fn next_sequence(&self) -> Sequence {
        self.first.wrapping_add(self.entries.len() as u32)
    }

    /// Queues a reply whose answer is outstanding.
    pub(super) fn push_waiting(&mut self) -> Sequence {
        let sequence = self.next_sequence();
        self.entries.push_back(Entry::Waiting);
        sequence
    }

    /// Queues a reply that `write` appends to the stash.
    pub(super) fn push_ready(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let entry = self.stash_entry(write);
        // A reply that says nothing needs no place.
        if !matches!(entry, Entry::Ready { len: 0, .. }) {
            self.entries.push_back(entry);
        }
    }

    /// Queues a LARGE value behind the head that `write_head` appends to the stash. If that says that no value
    /// follows, the head is all, and the caller keeps the pin.
    pub(super) fn push_stream(&mut self, stream: Stream, write_head: impl FnOnce(&mut Vec<u8>) -> Encoded) -> Encoded {
        let sequence = self.push_waiting();
        self.fill_stream(sequence, stream, write_head)
    }

    /// Whether the reply is the first in the queue.
    pub(super) fn is_front(&self, sequence: Sequence) -> bool {
        sequence == self.first && !self.entries.is_empty()
    }

    /// Fills a waiting reply with what `write` appends to the stash.
    pub(super) fn fill(&mut self, sequence: Sequence, write: impl FnOnce(&mut Vec<u8>)) {
        let entry = self.stash_entry(write);
        self.set(sequence, entry);
    }

    /// Fills a waiting reply with a head and a LARGE value, as [`push_stream`](Self::push_stream).
    pub(super) fn fill_stream(
        &mut self,
        sequence: Sequence,
        stream: Stream,
        write_head: impl FnOnce(&mut Vec<u8>) -> Encoded,
    ) -> Encoded {
        let mut encoded = Encoded::Done;
        let mut entry = self.stash_entry(|out| encoded = write_head(out));
        if let (Encoded::ValueFollows, Entry::Ready { start, len }) = (encoded, entry) {
            entry = Entry::Stream { head_start: start, head_len: len, stream };
        }
        self.set(sequence, entry);
        encoded
    }

    /// Drops the first reply, whose bytes went elsewhere.
    pub(super) fn pop_front(&mut self) {
        self.entries.pop_front();
        self.first = self.first.wrapping_add(1);
        if self.entries.is_empty() {
            self.stash.clear();
            self.stash.shrink_to(STASH_KEPT_BYTES);
        }
    }

    /// Moves the ready replies at the front to `out`, up to `limit` bytes there.
    pub(super) fn drain_ready(&mut self, out: &mut Vec<u8>, limit: usize) -> Front {
        loop {
            match self.entries.front_mut() {
                None => return Front::Empty,
                Some(Entry::Waiting) => return Front::Waiting,
                Some(Entry::Ready { start, len }) => {
                    if out.len() >= limit {
                        return Front::Waiting;
                    }
                    out.extend_from_slice(&self.stash[*start as usize..][..*len as usize]);
                    self.pop_front();
                }
                Some(Entry::Stream { head_start, head_len, stream }) => {
                    out.extend_from_slice(&self.stash[*head_start as usize..][..*head_len as usize]);
                    *head_len = 0;
                    return Front::Stream(*stream);
                }
            }
        }
    }

    /// The LARGE value at the front.
    pub(super) fn front_stream(&mut self) -> Option<&mut Stream> {
        match self.entries.front_mut() {
            Some(Entry::Stream { stream, .. }) => Some(stream),
            _ => None,
        }
    }

    /// Takes the queue apart and returns the LARGE values in it, which must be unpinned.
    pub(super) fn into_streams(self) -> impl Iterator<Item = Stream> {
        self.entries.into_iter().filter_map(|entry| match entry {
            Entry::Stream { stream, .. } => Some(stream),
            _ => None,
        })
    }

    fn stash_entry(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Entry {
        let start = self.stash.len();
        write(&mut self.stash);
        Entry::Ready { start: start as u32, len: (self.stash.len() - start) as u32 }
    }

    fn set(&mut self, sequence: Sequence, entry: Entry) {
        let place = sequence.wrapping_sub(self.first) as usize;
        debug_assert!(matches!(self.entries.get(place), Some(Entry::Waiting)));
        if let Some(waiting) = self.entries.get_mut(place) {
            *waiting = entry;
        }
    }
}
