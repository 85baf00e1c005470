//! What a connection does with the parser, without a socket: buffers what is incomplete, discards what is to be
//! swallowed, collects uploads, and writes down every step. Shared by the split test and the fuzz target.

use ringcached::command::{Hit, INLINE_VALUE_MAX, ItemInfo, KEY_LEN_MAX, Number, Op, Payload, Reply, Request, Value};
use ringcached::protocol::memcache::{
    Form, FormTag, KeyRoom, LINE_LEN_MAX, MULTIGET_LINE_LEN_MAX, Need, Parser, REQUEST_LEN_MAX, Resume, Step, encode,
};

/// Small enough for tests to exceed it, large enough for uploads.
const VALUE_LEN_MAX: u64 = 20_000;

/// What became of a stream of bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Every step but the incomplete ones, as text.
    pub steps: Vec<String>,
    /// The bytes of all uploads, one behind the other.
    pub uploaded: Vec<u8>,
    /// Bytes consumed, swallowed or uploaded.
    pub taken: u64,
    /// Bytes left over in the buffer.
    pub left: usize,
    /// Whether the parser asked to close.
    pub closed: bool,
}

/// Feeds the pieces one after the other, as text.
#[allow(dead_code, reason = "each user of this file feeds one protocol or both")]
pub fn run<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    run_as(false, pieces)
}

/// Feeds the pieces one after the other, as packets of the binary protocol.
#[allow(dead_code, reason = "each user of this file feeds one protocol or both")]
pub fn run_binary<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    run_as(true, pieces)
}

fn run_as<'p>(binary: bool, pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    let mut driver = Driver {
        parser: Parser::new(VALUE_LEN_MAX),
        binary,
        resume: Resume::default(),
        buffer: Vec::new(),
        need: 0,
        swallow: 0,
        upload: 0,
        outcome: Outcome::default(),
    };
    for piece in pieces {
        driver.receive(piece);
    }
    driver.outcome.left = driver.buffer.len();
    driver.outcome
}

struct Driver {
    parser: Parser,
    binary: bool,
    resume: Resume,
    buffer: Vec<u8>,
    /// The parser is not asked before the buffer holds this much.
    need: usize,
    swallow: u64,
    /// Bytes of an upload that are still to come, its CRLF, if it has one, included.
    upload: u64,
    outcome: Outcome,
}

impl Driver {
    fn receive(&mut self, bytes: &[u8]) {
        if self.outcome.closed {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        let buffer = std::mem::take(&mut self.buffer);
        let mut at = 0;
        while !self.outcome.closed && at < buffer.len() {
            let rest = &buffer[at..];
            if self.swallow > 0 {
                at += take(&mut self.swallow, rest.len());
            } else if self.upload > 0 {
                let len = take(&mut self.upload, rest.len());
                self.outcome.uploaded.extend_from_slice(&rest[..len]);
                at += len;
            } else if rest.len() < self.need {
                break;
            } else {
                self.need = 0;
                match self.step(rest) {
                    Some(consumed) => at += consumed,
                    None => break,
                }
            }
        }
        self.outcome.taken += at as u64;
        self.buffer = if self.outcome.closed { Vec::new() } else { buffer[at..].to_vec() };
    }

    fn step(&mut self, rest: &[u8]) -> Option<usize> {
        let step = match self.binary {
            false => self.parser.next(rest, &mut self.resume, hash),
            true => self.parser.next_binary(rest, hash),
        };
        if !matches!(step, Step::Incomplete { .. }) {
            self.outcome.steps.push(format!("{step:?}"));
        }
        let consumed = match step {
            Step::Incomplete { need: Need::Newline } => {
                assert!(rest.len() <= MULTIGET_LINE_LEN_MAX);
                assert!(rest.len() <= LINE_LEN_MAX || rest.windows(2).any(|verb| verb == b"ge" || verb == b"ga"));
                return None;
            }
            Step::Incomplete { need: Need::Bytes(total) } => {
                assert!(total > rest.len() && total <= REQUEST_LEN_MAX);
                self.need = total;
                return None;
            }
            Step::Request { request, form, consumed, swallow } => {
                check_request(&request, form, swallow);
                self.swallow = swallow;
                consumed
            }
            Step::EncodedKey { request, form, consumed, swallow } => {
                let mut room = KeyRoom::new();
                check_request(&Request { key: room.decode(request.key), ..request }, form, swallow);
                self.swallow = swallow;
                consumed
            }
            Step::Upload { head, consumed } => {
                assert!(head.value_len > INLINE_VALUE_MAX as u64 && head.value_len <= VALUE_LEN_MAX);
                let mut room = KeyRoom::new();
                let key = if head.binary_key { room.decode(head.key) } else { head.key };
                assert!(!key.is_empty() && key.len() <= KEY_LEN_MAX && hash(key) == head.hash);
                self.upload = head.value_len + if head.form.tag.has_terminator() { 2 } else { 0 };
                consumed
            }
            Step::Refused { reply, consumed, swallow, close } => {
                assert!(reply.is_empty() || reply.ends_with(b"\r\n"));
                assert!(!close || swallow == 0);
                self.swallow = swallow;
                self.outcome.closed = close;
                consumed
            }
            Step::RefusedPacket { consumed, swallow, close, .. } => {
                assert!(!close || swallow == 0);
                self.swallow = swallow;
                self.outcome.closed = close;
                consumed
            }
            Step::Admin { consumed, .. } => consumed,
        };
        assert!(consumed > 0 && consumed <= rest.len());
        Some(consumed)
    }
}

fn hash(key: &[u8]) -> u64 {
    key.iter().map(|&byte| u64::from(byte)).sum()
}

/// A request is within its bounds, and whatever may be answered to it is a line.
fn check_request(request: &Request<'_>, form: Form<'_>, swallow: u64) {
    assert!(!request.key.is_empty() && request.key.len() <= KEY_LEN_MAX);
    assert_eq!(request.hash, hash(request.key));
    assert_eq!(swallow > 0, matches!(request.op, Op::RefusedStore(_)));
    if let Op::Store(store) = request.op {
        assert!(matches!(store.value, Payload::Inline(value) if value.len() <= INLINE_VALUE_MAX));
    }
    let hit = Hit { binary_key: true, won: true, stale: true, ..Hit::of(1, Value::Inline(b"value")) };
    let number = Number { value: 1, cas: 2, ttl_seconds: None, created: false };
    let info = ItemInfo {
        ttl_seconds: Some(1),
        idle_seconds: 2,
        cas: 3,
        fetched: true,
        class: 4,
        size_bytes: 5,
        binary_key: true,
    };
    for reply in [
        Reply::Hit(hit),
        Reply::Miss,
        Reply::Stored { cas: 1, value_len: 2 },
        Reply::NotStored,
        Reply::Exists,
        Reply::NotFound,
        Reply::Deleted,
        Reply::Touched { cas: 1, flags: 2 },
        Reply::Number(number),
        Reply::Debug(info),
        Reply::NonNumeric,
        Reply::TooLarge,
        Reply::OutOfMemory,
    ] {
        let mut out = Vec::new();
        let _ = encode(form, request.key, &reply, &mut out);
        match form.tag {
            FormTag::Binary { opcode, opaque } => assert!(out.is_empty() || is_packet(&out, opcode, opaque)),
            _ => assert!(out.is_empty() || out.ends_with(b"\r\n")),
        }
    }
}

/// Whether this is one response, whole, to the request of this opcode and opaque.
fn is_packet(bytes: &[u8], opcode: u8, opaque: u32) -> bool {
    let Some((head, body)) = bytes.split_first_chunk::<24>() else { return false };
    let [magic, of, k0, k1, extras_len, _, _, _, l0, l1, l2, l3, o0, o1, o2, o3, ..] = *head;
    (magic, of) == (0x81, opcode)
        && u32::from_be_bytes([o0, o1, o2, o3]) == opaque
        && u32::from_be_bytes([l0, l1, l2, l3]) as usize == body.len()
        && usize::from(u16::from_be_bytes([k0, k1])) + usize::from(extras_len) <= body.len()
}

/// Takes what there is off `wanted`.
fn take(wanted: &mut u64, available: usize) -> usize {
    let taken = (*wanted).min(available as u64);
    *wanted -= taken;
    taken as usize
}
