//! What a server can answer, in the generator's words.

use std::fmt;

/// Longest reply line in bytes that is waited for.
pub const LINE_LEN_MAX: usize = 2048;

/// The outcome of looking at the head of what has arrived: a reply and the bytes it took, or not enough yet.
pub type Parsed<'a> = Result<Option<(Reply<'a>, usize)>, Unparsable>;

/// One line of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// A value follows: `len` bytes, and CRLF except in binary. What stands before them alone is taken.
    Value(Value<'a>),
    /// Text `END`: no more values of this get.
    End,
    /// Meta `EN`, binary "not found" of a read, RESP's null: this read missed (or a RESP `SET NX` stored nothing).
    Miss,
    /// Text `STORED`, RESP `+OK`, and meta `HD`, which says no more than that it was done.
    Stored,
    /// `NOT_STORED`, `NS`.
    NotStored,
    /// `EXISTS`, `EX`.
    Exists,
    /// `NOT_FOUND`, `NF`.
    NotFound,
    /// `DELETED`.
    Deleted,
    /// `TOUCHED`.
    Touched,
    /// The number after incr or decr.
    Number(u64),
    /// RESP: the number after `INCRBY` and `DECRBY`, or how many keys were there.
    Integer(i64),
    /// RESP: as many replies follow.
    Array(usize),
    /// Meta `MN`, binary noop: everything before it is answered.
    Noop,
    /// `ERROR`, `CLIENT_ERROR ...`, `SERVER_ERROR ...` or RESP's `-...`: the line; binary: the text of the error.
    Refused(&'a [u8]),
}

/// The head of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// The key; empty where the protocol was not asked for it.
    pub key: &'a [u8],
    /// The length of the value in bytes, without its CRLF.
    pub len: usize,
    /// The CAS number where it was asked for.
    pub cas: Option<u64>,
}

/// Bytes that are no reply, or a reply to something that was not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unparsable {
    reason: &'static str,
    head: Vec<u8>,
}

impl Unparsable {
    /// Bytes shown of the input.
    const SHOWN: usize = 80;

    /// Keeps the head of `input` for the report.
    #[cold]
    pub fn new(reason: &'static str, input: &[u8]) -> Self {
        Unparsable { reason, head: input[..input.len().min(Self::SHOWN)].to_vec() }
    }
}

impl fmt::Display for Unparsable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}`", self.reason, self.head.escape_ascii())
    }
}

impl std::error::Error for Unparsable {}

/// The line at the head of `input` without its CRLF, and its length with it.
#[inline]
pub fn line(input: &[u8]) -> Result<Option<(&[u8], usize)>, Unparsable> {
    match memchr::memchr(b'\n', &input[..input.len().min(LINE_LEN_MAX)]) {
        Some(at) if at > 0 && input[at - 1] == b'\r' => Ok(Some((&input[..at - 1], at + 1))),
        Some(_) => Err(Unparsable::new("a reply line does not end in CRLF", input)),
        None if input.len() >= LINE_LEN_MAX => Err(Unparsable::new("a reply line is too long", input)),
        None => Ok(None),
    }
}

/// The value of `len` bytes at the head of `input` and the bytes it takes with its CRLF, once all are there.
#[inline]
pub fn value_span(input: &[u8], len: usize) -> Result<Option<(&[u8], usize)>, Unparsable> {
    match input.get(len..len + 2) {
        None => Ok(None),
        Some(b"\r\n") => Ok(Some((&input[..len], len + 2))),
        Some(end) => Err(Unparsable::new("a value does not end in CRLF", end)),
    }
}

/// An error line, which text and meta share.
pub fn refused(line: &[u8]) -> Option<Reply<'_>> {
    let refusal = line == b"ERROR" || line.starts_with(b"CLIENT_ERROR") || line.starts_with(b"SERVER_ERROR");
    refusal.then_some(Reply::Refused(line))
}
