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
    /// Bytes already written to the output, or lent to a send.
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
    /// A dump of this number, written as the output empties.
    Dump(u32),
}

/// What the front of the queue allows.
pub(super) enum Front {
    /// Nothing is left.
    Empty,
    /// The first reply is outstanding.
    Waiting,
    /// A LARGE value is first; its head has been written.
    Stream(Stream),
    /// A dump is first.
    Dump(u32),
}

/// What an abandoned queue leaves to be let go.
pub(super) enum Left {
    /// A pin.
    Stream(Stream),
    /// A dump.
    Dump(u32),
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct ReplyQueue {
    first: Sequence,
    entries: VecDeque<Entry>,
    stash: Vec<u8>,
    /// Output is held back until all replies before this one are there.
    held_until: Option<Sequence>,
}

/// A stash larger than this is given back when it empties.
const STASH_KEPT_BYTES: usize = 16 << 10;
/// Ready replies of so many bytes together are moved as one, and in parts above.
const JOINED_BYTES_MAX: u32 = 4 << 10;
/// A queue for more replies than this is not kept for another connection.
const ENTRIES_KEPT: usize = 64;

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
        match (entry, self.entries.back_mut()) {
            // A reply that says nothing needs no place.
            (Entry::Ready { len: 0, .. }, _) => {}
            // Numbers are given to what is outstanding, so neighbours may share a place.
            (Entry::Ready { start, len }, Some(Entry::Ready { start: s, len: l }))
                if *s + *l == start && *l < JOINED_BYTES_MAX =>
            {
                *l += len;
            }
            _ => self.entries.push_back(entry),
        }
    }

    /// Queues a LARGE value behind the head that `write_head` appends to the stash. If that says that no value
    /// follows, the head is all, and the caller keeps the pin.
    pub(super) fn push_stream(&mut self, stream: Stream, write_head: impl FnOnce(&mut Vec<u8>) -> Encoded) -> Encoded {
        let sequence = self.push_waiting();
        self.fill_stream(sequence, stream, write_head)
    }

    /// Queues a dump.
    pub(super) fn push_dump(&mut self, id: u32) {
        self.entries.push_back(Entry::Dump(id));
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

    /// Whether the output so far is better sent together with what is outstanding now: answers of other shards come
    /// within microseconds, and each send costs as much as some ten requests. What becomes outstanding later does not
    /// count, or a client that never pauses would be kept waiting.
    pub(super) fn holds_back(&mut self) -> bool {
        if !matches!(self.entries.front(), Some(Entry::Waiting)) {
            self.held_until = None;
            return false;
        }
        let next = self.next_sequence();
        let until = *self.held_until.get_or_insert(next);
        // Sequences wrap; there are never more than a few hundred between the two.
        let holds = until.wrapping_sub(self.first).cast_signed() > 0;
        if !holds {
            self.held_until = None;
        }
        holds
    }

    /// The output was sent, held back or not.
    pub(super) fn let_go(&mut self) {
        self.held_until = None;
    }

    /// Whether the empty queue is worth keeping for the next connection that needs one.
    pub(super) fn is_small(&self) -> bool {
        self.entries.capacity() <= ENTRIES_KEPT && self.stash.capacity() <= STASH_KEPT_BYTES
    }

    /// Memory of the queue, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.entries.capacity() * size_of::<Entry>() + self.stash.capacity()
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
                Some(Entry::Dump(id)) => return Front::Dump(*id),
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

    /// The dump at the front.
    pub(super) fn front_dump(&self) -> Option<u32> {
        match self.entries.front() {
            Some(Entry::Dump(id)) => Some(*id),
            _ => None,
        }
    }

    /// Takes the queue apart and returns what is held elsewhere for it.
    pub(super) fn into_left(self) -> impl Iterator<Item = Left> {
        self.entries.into_iter().filter_map(|entry| match entry {
            Entry::Stream { stream, .. } => Some(Left::Stream(stream)),
            Entry::Dump(id) => Some(Left::Dump(id)),
            Entry::Waiting | Entry::Ready { .. } => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) -> impl FnOnce(&mut Vec<u8>) {
        move |out| out.extend_from_slice(text.as_bytes())
    }

    fn stream(pin: u32) -> Stream {
        Stream { owner: 1, pin, len: 5, written: 0, asked: false, form: FormTag::Get { with_cas: false, last: false } }
    }

    fn drain(queue: &mut ReplyQueue) -> String {
        let mut out = Vec::new();
        queue.drain_ready(&mut out, usize::MAX);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn answers_leave_in_the_order_of_the_requests_however_they_come() {
        // Every order of four answers, with known replies between them, and numbers that wrap.
        for order in 0..24usize {
            let mut left = vec![0, 1, 2, 3];
            let order = [4, 3, 2, 1].map(|n| left.remove(order % n));
            let mut queue = ReplyQueue { first: u32::MAX - 1, ..ReplyQueue::default() };
            let places: Vec<_> = (0..4)
                .map(|n| {
                    let place = queue.push_waiting();
                    queue.push_ready(say(&format!("ready{n} ")));
                    place
                })
                .collect();
            let mut said = String::new();
            for n in order {
                assert_eq!(queue.is_front(places[n]), said.matches("answer").count() == n, "{order:?}");
                queue.fill(places[n], say(&format!("answer{n} ")));
                said += &drain(&mut queue);
            }
            let expected: String = (0..4).map(|n| format!("answer{n} ready{n} ")).collect();
            assert_eq!(said, expected, "{order:?}");
            assert!(queue.is_empty() && queue.stash_bytes() == 0);
        }
    }

    #[test]
    fn a_reply_without_words_takes_no_place_and_an_answer_without_words_frees_its_own() {
        let mut queue = ReplyQueue::default();
        let waiting = queue.push_waiting();
        queue.push_ready(say(""));
        assert_eq!(queue.len(), 1);
        queue.push_ready(say("next"));
        queue.fill(waiting, say(""));
        assert_eq!(drain(&mut queue), "next");
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_ready_waits_where_the_output_is_full() {
        let mut queue = ReplyQueue::default();
        let waiting = queue.push_waiting();
        let piece = "0123456789".repeat(500);
        (0..10).for_each(|_| queue.push_ready(say(&piece)));
        queue.fill(waiting, say("x"));
        let mut out = Vec::new();
        assert!(matches!(queue.drain_ready(&mut out, 15_000), Front::Waiting));
        assert_eq!(out.len(), 15_001);
        out.clear();
        assert!(matches!(queue.drain_ready(&mut out, 1 << 20), Front::Empty));
        assert_eq!(out.len(), 35_000);
    }

    #[test]
    fn a_large_value_shows_its_head_once_and_stops_what_is_behind_it() {
        let mut queue = ReplyQueue::default();
        let waiting = queue.push_waiting();
        queue.push_ready(say("behind"));
        let head = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"head ");
            Encoded::ValueFollows
        };
        assert!(queue.fill_stream(waiting, stream(7), head) == Encoded::ValueFollows);
        let mut out = Vec::new();
        for _ in 0..3 {
            assert!(matches!(queue.drain_ready(&mut out, 1000), Front::Stream(Stream { pin: 7, .. })));
        }
        assert_eq!(out, b"head ");
        queue.pop_front();
        assert_eq!(drain(&mut queue), "behind");
    }

    #[test]
    fn an_abandoned_queue_names_the_values_to_let_go() {
        let mut queue = ReplyQueue::default();
        let follows = |_: &mut Vec<u8>| Encoded::ValueFollows;
        let done = |_: &mut Vec<u8>| Encoded::Done;
        assert!(queue.push_stream(stream(1), follows) == Encoded::ValueFollows);
        // Only the head was wanted: its pin is the caller's to let go.
        assert!(queue.push_stream(stream(2), done) == Encoded::Done);
        queue.push_waiting();
        assert!(queue.push_stream(stream(3), follows) == Encoded::ValueFollows);
        queue.push_dump(9);
        let left = queue.into_left().map(|left| match left {
            Left::Stream(stream) => stream.pin,
            Left::Dump(id) => id,
        });
        assert_eq!(left.collect::<Vec<_>>(), [1, 3, 9]);
    }

    /// A client that never pauses always has something outstanding; it waited until it had 16 KiB of replies.
    #[test]
    fn output_is_held_for_what_is_outstanding_and_not_for_what_comes_later() {
        let mut queue = ReplyQueue::default();
        assert!(!queue.holds_back(), "nothing is outstanding");
        let (first, second) = (queue.push_waiting(), queue.push_waiting());
        assert!(queue.holds_back());
        let later = queue.push_waiting();
        queue.fill(first, say("1"));
        assert_eq!(drain(&mut queue), "1");
        assert!(queue.holds_back(), "the second was outstanding, too");
        queue.fill(second, say("2"));
        assert_eq!(drain(&mut queue), "2");
        assert!(!queue.holds_back(), "the third was not");
        assert!(queue.holds_back(), "but it is now");
        queue.fill(later, say("3"));
        assert_eq!(drain(&mut queue), "3");
        assert!(!queue.holds_back());
    }

    #[test]
    fn output_is_not_held_for_a_large_value() {
        let mut queue = ReplyQueue::default();
        let waiting = queue.push_waiting();
        assert!(queue.holds_back());
        let follows = |_: &mut Vec<u8>| Encoded::ValueFollows;
        assert!(queue.fill_stream(waiting, stream(1), follows) == Encoded::ValueFollows);
        assert!(!queue.holds_back());
    }

    #[test]
    fn ready_neighbours_share_a_place_up_to_a_bound() {
        let mut queue = ReplyQueue::default();
        let waiting = queue.push_waiting();
        (0..10).for_each(|_| queue.push_ready(say("abc")));
        assert_eq!(queue.len(), 2);
        let last = queue.push_waiting();
        queue.fill(last, say("last"));
        queue.push_ready(|out| out.extend_from_slice(&[b'x'; JOINED_BYTES_MAX as usize]));
        queue.push_ready(say("end"));
        assert_eq!(queue.len(), 4, "nothing is joined to what is long");
        queue.fill(waiting, say("first"));
        let all = drain(&mut queue);
        assert!(all.starts_with("firstabcabc") && all.contains("abclastxx") && all.ends_with("xxend"), "{all}");
    }
}
