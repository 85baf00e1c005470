//! One set of verbs for all protocols.

use super::{
    binary, meta,
    reply::{Parsed, Unparsable, value_span},
    resp, text,
};
use crate::operation::Operation;

/// The protocol a run speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// The classic text commands.
    Text,
    /// The meta commands.
    Meta,
    /// The binary packets.
    Binary,
    /// RESP2: Redis, Valkey, Dragonfly.
    Resp,
}

/// The kinds of storage command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Whatever is there.
    Set,
    /// Only where nothing is.
    Add,
    /// Only where something is.
    Replace,
    /// Behind what is there.
    Append,
    /// Before what is there.
    Prepend,
    /// Only over the item with this cas number.
    Cas(u64),
}

/// What an error says, where it is the server's right to say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The value is larger than the server takes.
    TooLarge,
    /// There was no memory for it.
    OutOfMemory,
    /// incr or decr of a value that is no number.
    NonNumeric,
    /// Any other error.
    Other,
}

impl Protocol {
    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Text => "text",
            Protocol::Meta => "meta",
            Protocol::Binary => "binary",
            Protocol::Resp => "resp",
        }
    }

    /// Why an operation cannot be asked for, if it cannot.
    pub fn lacks(self, operation: Operation) -> Option<&'static str> {
        match (self, operation) {
            (Protocol::Resp, Operation::Cas) => Some("RESP has no cas numbers"),
            _ => None,
        }
    }

    /// The same of a storage command.
    pub fn lacks_store(self, store: Store) -> Option<&'static str> {
        match (self, store) {
            (Protocol::Resp, Store::Prepend) => Some("RESP has no prepend"),
            (Protocol::Resp, Store::Cas(_)) => self.lacks(Operation::Cas),
            _ => None,
        }
    }

    /// Whether incr and append make an item where there is none; otherwise they answer that there is none.
    pub fn makes_items(self) -> bool {
        self == Protocol::Resp
    }

    /// Whether a touch with an exptime of 0 deletes; otherwise the item lives without end.
    pub fn zero_exptime_deletes(self) -> bool {
        self == Protocol::Resp
    }

    /// How many replies at the head of `input`, at most `max`, are known at a glance to say that a value was stored, and
    /// their bytes. There may be more.
    #[inline]
    pub fn take_stored(self, input: &[u8], max: usize) -> (usize, usize) {
        match self {
            Protocol::Text => text::take_stored(input, max),
            Protocol::Meta | Protocol::Binary | Protocol::Resp => (0, 0),
        }
    }

    /// Appends a read of one key.
    pub fn get(self, out: &mut Vec<u8>, key: &[u8]) {
        match self {
            Protocol::Text => text::one_key(out, b"get", key),
            Protocol::Meta => meta::get(out, key),
            Protocol::Binary => binary::get(out, key),
            Protocol::Resp => resp::get(out, key),
        }
    }

    /// Appends a read of one key that tells its cas number; in RESP, which has none, a plain read.
    pub fn gets(self, out: &mut Vec<u8>, key: &[u8]) {
        match self {
            Protocol::Text => text::one_key(out, b"gets", key),
            Protocol::Meta => meta::gets(out, key),
            Protocol::Binary => binary::get(out, key),
            Protocol::Resp => resp::get(out, key),
        }
    }

    /// Appends a read of one key that changes its exptime.
    pub fn gat(self, out: &mut Vec<u8>, key: &[u8], exptime: u64) {
        match self {
            Protocol::Text => text::gat(out, key, exptime),
            Protocol::Meta => meta::gat(out, key, exptime),
            Protocol::Binary => binary::gat(out, key, exptime),
            Protocol::Resp => resp::gat(out, key, exptime),
        }
    }

    /// Begins a read of `count` keys; each follows by [`Protocol::group_key`], then [`Protocol::group_end`].
    #[inline]
    pub fn group_begin(self, out: &mut Vec<u8>, count: usize) {
        match self {
            Protocol::Text => text::begin(out, b"get"),
            Protocol::Resp => resp::group_begin(out, count),
            Protocol::Meta | Protocol::Binary => {}
        }
    }

    /// Appends one key of the group.
    #[inline]
    pub fn group_key(self, out: &mut Vec<u8>, key: &[u8]) {
        match self {
            Protocol::Text => text::key(out, key),
            Protocol::Meta => meta::get_quiet(out, key),
            Protocol::Binary => binary::get_quiet(out, key),
            Protocol::Resp => resp::group_key(out, key),
        }
    }

    /// Ends the group.
    #[inline]
    pub fn group_end(self, out: &mut Vec<u8>) {
        match self {
            Protocol::Text => text::end(out),
            Protocol::Meta => meta::noop(out),
            Protocol::Binary => binary::noop(out),
            Protocol::Resp => {}
        }
    }

    /// Appends a storage command; append and prepend keep the item's exptime. A cas or prepend in RESP is a plain set:
    /// [`Protocol::lacks_store`] is to be asked before.
    #[inline]
    pub fn store(self, out: &mut Vec<u8>, store: Store, key: &[u8], exptime: u64, value: &[u8]) {
        match (self, store) {
            (Protocol::Text, Store::Set) => text::store(out, b"set", key, exptime, value, None),
            (Protocol::Text, Store::Add) => text::store(out, b"add", key, exptime, value, None),
            (Protocol::Text, Store::Replace) => text::store(out, b"replace", key, exptime, value, None),
            (Protocol::Text, Store::Append) => text::store(out, b"append", key, exptime, value, None),
            (Protocol::Text, Store::Prepend) => text::store(out, b"prepend", key, exptime, value, None),
            (Protocol::Text, Store::Cas(cas)) => text::store(out, b"cas", key, exptime, value, Some(cas)),
            (Protocol::Meta, Store::Set) => meta::set(out, key, exptime, value),
            (Protocol::Meta, Store::Add) => meta::add(out, key, exptime, value),
            (Protocol::Meta, Store::Replace) => meta::replace(out, key, exptime, value),
            (Protocol::Meta, Store::Append) => meta::extend(out, false, key, value),
            (Protocol::Meta, Store::Prepend) => meta::extend(out, true, key, value),
            (Protocol::Meta, Store::Cas(cas)) => meta::cas(out, key, exptime, value, cas),
            (Protocol::Binary, Store::Set) => binary::set(out, key, exptime, value, 0),
            (Protocol::Binary, Store::Add) => binary::add(out, key, exptime, value),
            (Protocol::Binary, Store::Replace) => binary::replace(out, key, exptime, value),
            (Protocol::Binary, Store::Append) => binary::extend(out, false, key, value),
            (Protocol::Binary, Store::Prepend) => binary::extend(out, true, key, value),
            (Protocol::Binary, Store::Cas(cas)) => binary::set(out, key, exptime, value, cas),
            (Protocol::Resp, Store::Set | Store::Prepend | Store::Cas(_)) => resp::set(out, key, exptime, value, None),
            (Protocol::Resp, Store::Add) => resp::set(out, key, exptime, value, resp::ONLY_NEW),
            (Protocol::Resp, Store::Replace) => resp::set(out, key, exptime, value, resp::ONLY_PRESENT),
            (Protocol::Resp, Store::Append) => resp::append(out, key, value),
        }
    }

    /// Appends incr (`up`) or decr by `delta`.
    pub fn arithmetic(self, out: &mut Vec<u8>, up: bool, key: &[u8], delta: u64) {
        match self {
            Protocol::Text => text::with_number(out, if up { b"incr" } else { b"decr" }, key, delta),
            Protocol::Meta => meta::arithmetic(out, up, key, delta),
            Protocol::Binary => binary::arithmetic(out, up, key, delta),
            Protocol::Resp => resp::arithmetic(out, up, key, delta),
        }
    }

    /// Appends an incr whose answer tells the number: as a value in meta, as a number elsewhere.
    pub fn incr_told(self, out: &mut Vec<u8>, key: &[u8], delta: u64) {
        match self {
            Protocol::Meta => meta::incr_told(out, key, delta),
            _ => self.arithmetic(out, true, key, delta),
        }
    }

    /// Appends a delete.
    pub fn delete(self, out: &mut Vec<u8>, key: &[u8]) {
        match self {
            Protocol::Text => text::one_key(out, b"delete", key),
            Protocol::Meta => meta::delete(out, key),
            Protocol::Binary => binary::delete(out, key),
            Protocol::Resp => resp::delete(out, key),
        }
    }

    /// Appends a touch.
    pub fn touch(self, out: &mut Vec<u8>, key: &[u8], exptime: u64) {
        match self {
            Protocol::Text => text::with_number(out, b"touch", key, exptime),
            Protocol::Meta => meta::touch(out, key, exptime),
            Protocol::Binary => binary::touch(out, key, exptime),
            Protocol::Resp => resp::touch(out, key, exptime),
        }
    }

    /// The reply at the head of `input`.
    #[inline(always)]
    pub fn parse(self, input: &[u8]) -> Parsed<'_> {
        match self {
            Protocol::Text => text::parse(input),
            Protocol::Meta => meta::parse(input),
            Protocol::Binary => binary::parse(input),
            Protocol::Resp => resp::parse(input),
        }
    }

    /// Bytes behind a value that belong to it on the wire.
    #[inline]
    pub fn value_tail(self) -> usize {
        if self == Protocol::Binary { 0 } else { 2 }
    }

    /// The value of `len` bytes at the head of `input` and the bytes it takes with what belongs to it, once all are there.
    #[inline]
    pub fn value_span(self, input: &[u8], len: usize) -> Result<Option<(&[u8], usize)>, Unparsable> {
        match self {
            Protocol::Binary => Ok(input.get(..len).map(|value| (value, len))),
            _ => value_span(input, len),
        }
    }

    /// What an error line, or a binary error's text, says.
    pub fn refusal(self, line: &[u8]) -> Refusal {
        let (too_large, out_of_memory, non_numeric): (&[u8], &[u8], &[u8]) = match self {
            Protocol::Text | Protocol::Meta => (
                b"SERVER_ERROR object too large for cache",
                b"SERVER_ERROR out of memory",
                b"CLIENT_ERROR cannot increment or decrement non-numeric value",
            ),
            Protocol::Binary => (binary::TOO_LARGE, binary::OUT_OF_MEMORY, binary::NON_NUMERIC),
            Protocol::Resp => {
                (b"-ERR string exceeds maximum allowed size", b"-OOM ", b"-ERR value is not an integer or out of range")
            }
        };
        match line {
            line if line.starts_with(too_large) => Refusal::TooLarge,
            line if line.starts_with(out_of_memory) => Refusal::OutOfMemory,
            line if line.starts_with(non_numeric) => Refusal::NonNumeric,
            _ => Refusal::Other,
        }
    }

    /// Whether a read of several keys names the key of every value; otherwise it answers for all keys in order.
    pub fn names_keys(self) -> bool {
        self != Protocol::Resp
    }

    /// Whether a value alone is the whole answer to a read of one key.
    #[inline]
    pub fn value_answers(self) -> bool {
        self != Protocol::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart_in_every_protocol() {
        use Refusal::{NonNumeric, Other, OutOfMemory, TooLarge};
        for (protocol, line, refusal) in [
            (Protocol::Text, b"SERVER_ERROR object too large for cache".as_slice(), TooLarge),
            (Protocol::Text, b"SERVER_ERROR out of memory storing object", OutOfMemory),
            (Protocol::Meta, b"CLIENT_ERROR cannot increment or decrement non-numeric value", NonNumeric),
            (Protocol::Meta, b"CLIENT_ERROR bad command line format", Other),
            (Protocol::Binary, b"Too large", TooLarge),
            (Protocol::Binary, b"Out of memory", OutOfMemory),
            (Protocol::Binary, b"Unknown command", Other),
            (Protocol::Resp, b"-OOM command not allowed when used memory > 'maxmemory'.", OutOfMemory),
            (Protocol::Resp, b"-ERR value is not an integer or out of range", NonNumeric),
            (Protocol::Resp, b"-ERR unknown command", Other),
        ] {
            assert_eq!(protocol.refusal(line), refusal, "{protocol:?} {}", line.escape_ascii());
        }
    }

    #[test]
    fn a_value_is_whole_with_what_belongs_to_it() {
        assert_eq!(Protocol::Binary.value_span(b"abcd", 3), Ok(Some((b"abc".as_slice(), 3))));
        assert_eq!(Protocol::Binary.value_span(b"ab", 3), Ok(None));
        assert_eq!(Protocol::Meta.value_span(b"abc\r", 3), Ok(None));
        assert_eq!(Protocol::Meta.value_span(b"abc\r\n", 3), Ok(Some((b"abc".as_slice(), 5))));
        assert!(Protocol::Resp.value_span(b"abcdef", 3).is_err());
    }
}
