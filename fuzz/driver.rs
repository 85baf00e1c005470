//! What a connection does with the parser, without a socket: buffers what is incomplete, discards what is to be
//! swallowed, collects uploads, and writes down every step. Shared by the split test and the fuzz target.

use ringcached::command::{INLINE_VALUE_MAX, KEY_LEN_MAX, Op, Payload};
use ringcached::protocol::memcache::{
    LINE_LEN_MAX, MULTIGET_LINE_LEN_MAX, Need, Parser, REQUEST_LEN_MAX, Resume, Step,
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
        let hash = |key: &[u8]| key.iter().map(|&byte| u64::from(byte)).sum();
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
            Step::Request { request, consumed, swallow, .. } => {
                assert!(!request.key.is_empty() && request.key.len() <= KEY_LEN_MAX);
                assert_eq!(swallow > 0, matches!(request.op, Op::RefusedStore(_)));
                if let Op::Store(store) = request.op {
                    assert!(matches!(store.value, Payload::Inline(value) if value.len() <= INLINE_VALUE_MAX));
                }
                self.swallow = swallow;
                consumed
            }
            Step::Upload { head, consumed } => {
                assert!(head.value_len > INLINE_VALUE_MAX as u64 && head.value_len <= VALUE_LEN_MAX);
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

/// Takes what there is off `wanted`.
fn take(wanted: &mut u64, available: usize) -> usize {
    let taken = (*wanted).min(available as u64);
    *wanted -= taken;
    taken as usize
}
