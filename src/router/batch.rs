//! What crosses cores: a batch of errands that goes to their owner and comes back with the answers.
//!
//! ```text
//!   home    entries [ticket, errand] ...   arena [key note value key note value ...]   ops    [what is not a get] ...
//!   owner   captured [answer] ...          out   [reply reply ...]                     kept   [what is not bytes] ...
//! ```
//!
//! Everything in it is owned data. The owner reads the first row and fills the second; the home then reads all
//! together, clears them and uses the same memory for the next batch. Each cache line of it is fetched from another
//! core, so entries are small, what is rare stands aside, and a reply is written by its owner in the bytes that the
//! home's client gets, where the owner knows how ([`ReplyWriter`]).

use crate::clock::Now;
use crate::command::{Hit, KindCounts, Op, Payload, Reply, Request, Store, UploadId, Value};
use crate::shard::{Hints, Listing, Order, Outcome, PREFETCH_GROUP, Shard, Walk, WalkedItem};

/// Errands in one batch.
pub const BATCH_ENTRIES_MAX: usize = 128;
/// Bytes of keys, values and notes in one batch, but for the last errand, which may exceed it by one value.
pub const BATCH_BYTES_MAX: usize = 64 << 10;
/// Longest piece of a LARGE value that crosses cores at once, in bytes.
pub const PIECE_MAX: usize = 64 << 10;
/// Items and buckets that are looked at for one piece of a listing: some microseconds of the owner's time.
const LISTED_PER_PIECE: usize = 64;
/// Answers in one batch, in bytes, above which LARGE values no longer come along whole but are left to be fetched, and
/// pieces of them are [`SHORT_PIECE_MAX`].
const WHOLE_LARGE_BYTES_MAX: usize = 256 << 10;
/// Longest piece of a LARGE value where a batch carries much already, in bytes.
const SHORT_PIECE_MAX: usize = 4 << 10;
/// A batch's buffers above this many bytes are given back to the system before it is used again.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// What a shard asks of another.
#[derive(Clone, Copy, Debug)]
pub enum Errand<'a> {
    /// A request for a key that the other owns, and bytes that the home wants back with the reply.
    Request(Request<'a>, &'a [u8]),
    /// A LARGE value of this many bytes is about to come.
    UploadBegin(UploadId, u64),
    /// The next bytes of a LARGE value, at most [`PIECE_MAX`].
    UploadWrite(UploadId, &'a [u8]),
    /// The LARGE value will not be completed.
    UploadAbort(UploadId),
    /// The next piece of a pinned value, from this offset.
    PinRead(u32, u64),
    /// The pinned value is no longer needed.
    Unpin(u32),
    /// What every shard is asked.
    Order(Order),
    /// The next items of a listing, in the words of the owner's [`Host`].
    List(Listing),
}

/// The server around a shard. Orders that concern connections rather than items are its own.
pub trait Host {
    /// Carries out an order; `None` leaves it to the shard.
    fn carry_out(&mut self, order: Order, shard: &mut Shard, now: Now) -> Option<Outcome>;

    /// Appends an item to a listing of this style.
    fn write_item(style: u8, item: &WalkedItem<'_>, now: Now, out: &mut Vec<u8>);
}

/// Writes replies in the words of whoever asked. `T` is what the home attached to the request.
pub trait ReplyWriter<T> {
    /// Appends the reply to a request with this key and note. Returns false, and appends nothing, to leave that to the
    /// home. A hit's value is in memory as a whole.
    fn write_reply(ticket: &T, key: &[u8], note: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) -> bool;
}

/// Leaves every reply to the home.
impl<T> ReplyWriter<T> for () {
    fn write_reply(_: &T, _: &[u8], _: &[u8], _: &Reply<'_>, _: &mut Vec<u8>) -> bool {
        false
    }
}

/// A shard without a server: every order is the shard's.
impl Host for () {
    fn carry_out(&mut self, _: Order, _: &mut Shard, _: Now) -> Option<Outcome> {
        None
    }

    fn write_item(_: u8, item: &WalkedItem<'_>, _: Now, out: &mut Vec<u8>) {
        out.extend_from_slice(item.key);
    }
}

/// Writes the next piece of a listing and moves it behind that. Returns whether there is more.
pub(super) fn list<H: Host>(listing: &mut Listing, shard: &mut Shard, now: Now, out: &mut Vec<u8>) -> bool {
    let style = listing.style;
    shard.list(listing, LISTED_PER_PIECE, now, |item| H::write_item(style, item, now, out))
}

/// Carries out an order by whom it concerns.
pub(super) fn carry_out(order: Order, shard: &mut Shard, host: &mut impl Host, now: Now) -> Outcome {
    host.carry_out(order, shard, now).unwrap_or_else(|| shard.carry_out(order, now))
}

/// What came of an errand.
#[derive(Debug)]
pub enum Answer<'a> {
    /// The reply to a request, as its owner has written it.
    Written(&'a [u8]),
    /// The reply to a request, with its key and note.
    Reply(&'a [u8], &'a [u8], Reply<'a>),
    /// A piece of a pinned value.
    Piece(&'a [u8]),
    /// What came of an order.
    Outcome(&'a Outcome),
    /// A piece of a listing, where it goes on, and whether it does.
    Listed(&'a [u8], Walk, bool),
    /// Done; there is nothing to say.
    Done,
}

/// A range of a batch's buffer.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..][..self.len as usize]
    }
}

#[derive(Clone, Copy, Debug)]
enum Packed {
    /// The note stands behind the key.
    Get {
        hash: u64,
        key: Span,
        note_len: u32,
    },
    /// Any other request, by its place among the `ops`.
    Request {
        hash: u64,
        key: Span,
        note_len: u32,
        op: u32,
    },
    UploadBegin(UploadId, u64),
    UploadWrite(UploadId, Span),
    UploadAbort(UploadId),
    PinRead(u32, u64),
    Unpin(u32),
    /// An order or a listing, by its place among the `orders`.
    Order(u32),
}

/// Two to three entries share two cache lines with what the home attaches to them.
const _: () = assert!(size_of::<Packed>() <= 32);

#[derive(Clone, Copy, Debug)]
enum Wide {
    Order(Order),
    List(Listing),
}

#[derive(Clone, Copy, Debug)]
enum Captured {
    Written(Span),
    /// Not in bytes, by its place among what is `kept`.
    Kept(u32),
    Piece(Span),
    Done,
}

#[derive(Debug)]
enum Kept {
    Reply(Reply<'static>, Span),
    Outcome(Outcome),
    Listed(Span, Walk, bool),
}

/// When what a batch carries was under way, in nanoseconds of the home's clock, for whoever measures latency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The turn that received it began.
    pub turn_nanos: u64,
    /// The group of requests to which its first errand belongs began.
    pub begun_nanos: u64,
}

/// Errands for one owner, later with their answers. `T` is what the home attaches to each.
#[derive(Debug)]
pub struct Batch<T> {
    entries: Vec<(T, Packed)>,
    arena: Vec<u8>,
    ops: Vec<(Op<'static>, Span)>,
    orders: Vec<Wide>,
    captured: Vec<Captured>,
    out: Vec<u8>,
    kept: Vec<Kept>,
    kinds: KindCounts,
    stamp: Stamp,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Batch {
            entries: Vec::new(),
            arena: Vec::new(),
            ops: Vec::new(),
            orders: Vec::new(),
            captured: Vec::new(),
            out: Vec::new(),
            kept: Vec::new(),
            kinds: KindCounts::default(),
            stamp: Stamp::default(),
        }
    }
}

impl<T: Copy> Batch<T> {
    /// Whether no further errand may be added.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= BATCH_ENTRIES_MAX || self.arena.len() >= BATCH_BYTES_MAX
    }

    /// Number of errands.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds no errand.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The requests in it.
    pub fn kinds(&self) -> &KindCounts {
        &self.kinds
    }

    /// When it was begun.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Says when it is begun.
    pub(super) fn set_stamp(&mut self, stamp: Stamp) {
        self.stamp = stamp;
    }

    /// Adds an errand. The caller has seen that the batch is not full.
    #[inline]
    pub fn push(&mut self, ticket: T, errand: &Errand<'_>) {
        let packed = match *errand {
            Errand::Request(Request { hash, key, op }, note) => {
                self.kinds.add(op.kind(), 1);
                let key = self.keep(key);
                let note_len = self.keep(note).len;
                if matches!(op, Op::Get) {
                    Packed::Get { hash, key, note_len }
                } else {
                    let detached = self.detach(op);
                    self.ops.push(detached);
                    Packed::Request { hash, key, note_len, op: self.ops.len() as u32 - 1 }
                }
            }
            Errand::UploadBegin(id, len) => Packed::UploadBegin(id, len),
            Errand::UploadWrite(id, bytes) => Packed::UploadWrite(id, self.keep(bytes)),
            Errand::UploadAbort(id) => Packed::UploadAbort(id),
            Errand::PinRead(pin, offset) => Packed::PinRead(pin, offset),
            Errand::Unpin(pin) => Packed::Unpin(pin),
            Errand::Order(order) => self.set_aside(Wide::Order(order)),
            Errand::List(listing) => self.set_aside(Wide::List(listing)),
        };
        self.entries.push((ticket, packed));
    }

    fn set_aside(&mut self, order: Wide) -> Packed {
        self.orders.push(order);
        Packed::Order(self.orders.len() as u32 - 1)
    }

    /// Starts to fetch the buckets of its keys, which are the shard's, into the cache.
    pub fn prefetch(&self, shard: &Shard) {
        for (_, packed) in &self.entries {
            if let Packed::Get { hash, .. } | Packed::Request { hash, .. } = packed {
                shard.prefetch_bucket(*hash);
            }
        }
    }

    /// Runs the errands on their owner, in order, and captures the answers. The host has the first word on orders, and
    /// `W` on replies. Their buckets were prefetched.
    pub fn run<H: Host, W: ReplyWriter<T>>(&mut self, shard: &mut Shard, host: &mut H, now: Now) {
        let Batch { entries, arena, ops, orders, captured, out, kept, .. } = self;
        let mut hints = Hints::default();
        for group in entries.chunks(PREFETCH_GROUP) {
            let hashes = group.iter().map(|(_, packed)| match packed {
                Packed::Get { hash, .. } | Packed::Request { hash, .. } => Some(*hash),
                _ => None,
            });
            shard.prefetch_items(hashes, &mut hints);
            for (ticket, packed) in group {
                let request = match *packed {
                    Packed::Get { hash, key, note_len } => Some((hash, key, note_len, Op::Get)),
                    Packed::Request { hash, key, note_len, op } => {
                        let (op, value) = ops[op as usize];
                        Some((hash, key, note_len, attach(op, value.of(arena))))
                    }
                    _ => None,
                };
                captured.push(match request {
                    Some((hash, key, note_len, op)) => {
                        let (key, note) = (key.of(arena), behind(key, note_len).of(arena));
                        let request = Request { hash, key, op };
                        capture_reply::<T, W>(shard, &request, (ticket, note), now, out, kept)
                    }
                    None => run_other(packed, arena, orders, out, kept, shard, host, now),
                });
            }
        }
    }

    /// The tickets with their answers, in the order of the errands.
    pub fn answers(&self) -> impl Iterator<Item = (T, Answer<'_>)> {
        self.entries.iter().zip(&self.captured).map(|((ticket, packed), captured)| {
            let answer = match captured {
                Captured::Written(reply) => Answer::Written(reply.of(&self.out)),
                Captured::Kept(place) => self.kept_answer(packed, &self.kept[*place as usize]),
                Captured::Piece(piece) => Answer::Piece(piece.of(&self.out)),
                Captured::Done => Answer::Done,
            };
            (*ticket, answer)
        })
    }

    fn kept_answer<'a>(&'a self, packed: &Packed, kept: &'a Kept) -> Answer<'a> {
        match (kept, packed) {
            (Kept::Reply(reply, value), Packed::Get { key, note_len, .. } | Packed::Request { key, note_len, .. }) => {
                let note = behind(*key, *note_len).of(&self.arena);
                Answer::Reply(key.of(&self.arena), note, refill(*reply, value.of(&self.out)))
            }
            (Kept::Reply(..), _) => Answer::Done,
            (Kept::Outcome(outcome), _) => Answer::Outcome(outcome),
            (Kept::Listed(lines, walk, more), _) => Answer::Listed(lines.of(&self.out), *walk, *more),
        }
    }

    /// Empties it for the next use.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.ops.clear();
        self.orders.clear();
        self.captured.clear();
        self.kept.clear();
        self.kinds = KindCounts::default();
        for buffer in [&mut self.arena, &mut self.out] {
            buffer.clear();
            if buffer.capacity() > KEPT_BYTES_MAX {
                *buffer = Vec::new();
            }
        }
    }

    /// Bytes of memory that it takes, most of it kept from use to use.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.entries.capacity() * size_of::<(T, Packed)>()
            + self.ops.capacity() * size_of::<(Op<'static>, Span)>()
            + self.orders.capacity() * size_of::<Wide>()
            + self.captured.capacity() * size_of::<Captured>()
            + self.kept.capacity() * size_of::<Kept>()
            + self.arena.capacity()
            + self.out.capacity()
    }

    fn keep(&mut self, bytes: &[u8]) -> Span {
        append(&mut self.arena, bytes)
    }

    /// Copies an operation's value into the arena and leaves an operation that borrows nothing.
    fn detach(&mut self, op: Op<'_>) -> (Op<'static>, Span) {
        let Op::Store(store) = op else {
            return (without_value(op), Span::default());
        };
        let (value, span) = match store.value {
            Payload::Inline(bytes) => (Payload::Inline(&[][..]), self.keep(bytes)),
            Payload::Upload(id) => (Payload::Upload(id), Span::default()),
        };
        (Op::Store(Store { value, ..store }), span)
    }
}

/// Runs what is not a request.
#[allow(clippy::too_many_arguments)] // The batch's parts, which are borrowed apart.
#[cold]
fn run_other<H: Host>(
    packed: &Packed,
    arena: &[u8],
    orders: &[Wide],
    out: &mut Vec<u8>,
    kept: &mut Vec<Kept>,
    shard: &mut Shard,
    host: &mut H,
    now: Now,
) -> Captured {
    match *packed {
        Packed::PinRead(pin, offset) => {
            let max = if out.len() < WHOLE_LARGE_BYTES_MAX { PIECE_MAX } else { SHORT_PIECE_MAX };
            return Captured::Piece(capture_piece(shard, pin, offset, max, out));
        }
        Packed::Order(place) => {
            return keep(
                kept,
                match orders[place as usize] {
                    Wide::Order(order) => Kept::Outcome(carry_out(order, shard, host, now)),
                    Wide::List(mut listing) => {
                        let start = out.len();
                        let more = list::<H>(&mut listing, shard, now, out);
                        Kept::Listed(from(start, out), listing.walk, more)
                    }
                },
            );
        }
        Packed::UploadBegin(id, len) => shard.upload_begin(id, len),
        Packed::UploadWrite(id, bytes) => shard.upload_write(id, bytes.of(arena), now),
        Packed::UploadAbort(id) => shard.upload_abort(id),
        Packed::Unpin(pin) => shard.unpin(pin),
        Packed::Get { .. } | Packed::Request { .. } => unreachable!("a request is run as one"),
    }
    Captured::Done
}

fn keep(kept: &mut Vec<Kept>, answer: Kept) -> Captured {
    kept.push(answer);
    Captured::Kept(kept.len() as u32 - 1)
}

/// What was appended to a buffer that had so many bytes.
fn from(start: usize, buffer: &[u8]) -> Span {
    Span { start: start as u32, len: (buffer.len() - start) as u32 }
}

/// The bytes behind a span.
fn behind(span: Span, len: u32) -> Span {
    Span { start: span.start + span.len, len }
}

fn append(buffer: &mut Vec<u8>, bytes: &[u8]) -> Span {
    let start = buffer.len() as u32;
    buffer.extend_from_slice(bytes);
    Span { start, len: bytes.len() as u32 }
}

/// The operations other than a store borrow nothing; this says so to the compiler.
fn without_value(op: Op<'_>) -> Op<'static> {
    match op {
        Op::Get => Op::Get,
        Op::Gets => Op::Gets,
        Op::GetAndTouch(touch) => Op::GetAndTouch(touch),
        Op::MetaGet(get) => Op::MetaGet(get),
        Op::RefusedStore(mode) => Op::RefusedStore(mode),
        Op::Delete(delete) => Op::Delete(delete),
        Op::Arithmetic(arithmetic) => Op::Arithmetic(arithmetic),
        Op::Touch(touch) => Op::Touch(touch),
        Op::Debug => Op::Debug,
        Op::Store(_) => unreachable!("a store is detached with its value"),
    }
}

fn attach<'a>(op: Op<'static>, bytes: &'a [u8]) -> Op<'a> {
    match op {
        Op::Store(store @ Store { value: Payload::Inline(_), .. }) => {
            Op::Store(Store { value: Payload::Inline(bytes), ..store })
        }
        other => other,
    }
}

/// Executes a request and captures its reply, written if that can be done here. A LARGE value that fits into one
/// piece comes along whole, unless the batch carries much already.
fn capture_reply<T, W: ReplyWriter<T>>(
    shard: &mut Shard,
    request: &Request<'_>,
    (ticket, note): (&T, &[u8]),
    now: Now,
    out: &mut Vec<u8>,
    kept: &mut Vec<Kept>,
) -> Captured {
    let start = out.len();
    let reply = shard.execute(request, now);
    let pinned = matches!(reply, Reply::Hit(Hit { value: Value::Pinned { .. }, .. }));
    if !pinned && W::write_reply(ticket, request.key, note, &reply, out) {
        return Captured::Written(from(start, out));
    }
    let (reply, span) = match reply {
        Reply::Hit(hit) => match hit.value {
            Value::Inline(bytes) => (Reply::Hit(with_value(hit, Value::Inline(&[]))), append(out, bytes)),
            Value::Pinned { len, pin } if len > PIECE_MAX as u64 || out.len() >= WHOLE_LARGE_BYTES_MAX => {
                (Reply::Hit(with_value(hit, Value::Pinned { len, pin })), Span::default())
            }
            Value::Pinned { len, pin } => {
                let hit = with_value(hit, Value::Inline(&[]));
                let span = capture_piece(shard, pin, 0, PIECE_MAX, out);
                shard.unpin(pin);
                // Less than all of it where a compressed value turns out to be damaged.
                let is_whole = u64::from(span.len) == len;
                if is_whole { (Reply::Hit(hit), span) } else { (Reply::Miss, Span::default()) }
            }
        },
        other => (without_hit(other), Span::default()),
    };
    keep(kept, Kept::Reply(reply, span))
}

fn capture_piece(shard: &mut Shard, pin: u32, offset: u64, max: usize, out: &mut Vec<u8>) -> Span {
    let start = out.len();
    while out.len() - start < max {
        let done = out.len() - start;
        let run = shard.pinned_read(pin, offset + done as u64);
        if run.is_empty() {
            break;
        }
        out.extend_from_slice(&run[..run.len().min(max - done)]);
    }
    from(start, out)
}

fn with_value<'a>(hit: Hit<'_>, value: Value<'a>) -> Hit<'a> {
    Hit { value, ..hit }
}

fn refill<'a>(reply: Reply<'static>, bytes: &'a [u8]) -> Reply<'a> {
    match reply {
        Reply::Hit(hit @ Hit { value: Value::Inline(_), .. }) => Reply::Hit(with_value(hit, Value::Inline(bytes))),
        other => other,
    }
}

/// The replies other than a hit borrow nothing; this says so to the compiler.
fn without_hit(reply: Reply<'_>) -> Reply<'static> {
    match reply {
        Reply::Hit(_) => unreachable!("a hit is captured with its value"),
        Reply::Miss => Reply::Miss,
        Reply::Stored { cas, value_len } => Reply::Stored { cas, value_len },
        Reply::NotStored => Reply::NotStored,
        Reply::Exists => Reply::Exists,
        Reply::NotFound => Reply::NotFound,
        Reply::Deleted => Reply::Deleted,
        Reply::Touched { cas, flags } => Reply::Touched { cas, flags },
        Reply::Debug(info) => Reply::Debug(info),
        Reply::Number(n) => Reply::Number(n),
        Reply::NonNumeric => Reply::NonNumeric,
        Reply::TooLarge => Reply::TooLarge,
        Reply::OutOfMemory => Reply::OutOfMemory,
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
