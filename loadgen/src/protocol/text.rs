//! The classic text protocol (memcached's `doc/protocol.txt`).

use super::{
    number,
    reply::{Parsed, Reply, Unparsable, Value, line, refused},
};

/// The answer to a set.
const STORED: &[u8] = b"STORED\r\n";

/// What a hit begins with.
const VALUE: &[u8] = b"VALUE ";

/// What comes behind the value of a get of one key.
const HIT_END: &[u8] = b"\r\nEND\r\n";

/// What comes behind every value.
const VALUE_END: &[u8] = b"\r\n";

/// Appends `verb key...`: a get, gets or delete line. Keys come one by one through [`key`] between
/// [`begin`] and [`end`].
#[inline]
pub fn begin(out: &mut Vec<u8>, verb: &[u8]) {
    out.extend_from_slice(verb);
}

/// Appends one key of the line.
#[inline]
pub fn key(out: &mut Vec<u8>, key: &[u8]) {
    out.push(b' ');
    out.extend_from_slice(key);
}

/// Ends the line.
#[inline]
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// Appends `verb key`, for get, gets and delete.
#[inline]
pub fn one_key(out: &mut Vec<u8>, verb: &[u8], name: &[u8]) {
    begin(out, verb);
    key(out, name);
    end(out);
}

/// Appends a storage command: set, add, replace, append, prepend, or cas if `cas` is given.
#[inline]
pub fn store(out: &mut Vec<u8>, verb: &[u8], name: &[u8], exptime: u64, value: &[u8], cas: Option<u64>) {
    begin(out, verb);
    key(out, name);
    out.extend_from_slice(b" 0 ");
    number::push(out, exptime);
    out.push(b' ');
    number::push(out, value.len() as u64);
    if let Some(cas) = cas {
        out.push(b' ');
        number::push(out, cas);
    }
    end(out);
    out.extend_from_slice(value);
    end(out);
}

/// Appends `verb key number`, for incr, decr and touch.
pub fn with_number(out: &mut Vec<u8>, verb: &[u8], name: &[u8], argument: u64) {
    begin(out, verb);
    key(out, name);
    out.push(b' ');
    number::push(out, argument);
    end(out);
}

/// Appends a get that changes the exptime.
pub fn gat(out: &mut Vec<u8>, name: &[u8], exptime: u64) {
    begin(out, b"gat ");
    number::push(out, exptime);
    key(out, name);
    end(out);
}

/// The reply at the head of `input`.
#[inline]
pub fn parse(input: &[u8]) -> Parsed<'_> {
    if input.starts_with(b"END\r\n") {
        return Ok(Some((Reply::End, 5)));
    }
    if input.starts_with(STORED) {
        return Ok(Some((Reply::Stored, STORED.len())));
    }
    if input.starts_with(VALUE)
        && let Some(found) = value_line(input)
    {
        return Ok(Some(found));
    }
    other(input)
}

/// `VALUE key flags len[ cas]` if the line is complete and well formed, in one pass.
#[inline]
fn value_line(input: &[u8]) -> Option<(Reply<'_>, usize)> {
    let key_end = 6 + memchr::memchr(b' ', &input[6..])?;
    let mut at = key_end + 1;
    at += number::take(&input[at..])?.1;
    (*input.get(at)? == b' ').then_some(())?;
    at += 1;
    let (len, digits) = number::take(&input[at..])?;
    at += digits;
    let mut cas = None;
    if *input.get(at)? == b' ' {
        let (unique, digits) = number::take(&input[at + 1..])?;
        cas = Some(unique);
        at += 1 + digits;
    }
    // Above 2^32 a length is nonsense; refusing it keeps all later sums from wrapping.
    let len = u32::try_from(len).ok()? as usize;
    (input.get(at..at + 2)? == b"\r\n").then_some((Reply::Value(Value { key: &input[6..key_end], len, cas }), at + 2))
}

/// The form of a value: all but the key and the bytes, which replies to one kind of request mostly have in common.
/// Recognising it takes a fraction of the time that reading it takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ValueForm {
    key_len: usize,
    /// Where the bytes begin, and what the line ends in behind the key.
    line_len: usize,
    line_end: Tail,
    /// Bytes of the whole, and what it ends in; 0 for the form of nothing.
    len: usize,
    end: Tail,
}

impl ValueForm {
    /// The form of the value that `input` begins with, whose line has `line_len` bytes: of one that is the whole reply to a
    /// get of one key, or of one among several.
    pub fn of(input: &[u8], value: &Value<'_>, line_len: usize, is_reply: bool) -> Self {
        let (key_len, end) = (value.key.len(), if is_reply { HIT_END } else { VALUE_END });
        let form = || {
            let line_end = Tail::of(&input[..line_len], line_len - VALUE.len() - key_len)?;
            // Behind whatever bytes.
            let end = Tail::of(&[[0; Tail::MAX].as_slice(), end].concat(), end.len())?;
            Some(ValueForm { key_len, line_len, line_end, len: line_len + value.len + end.len, end })
        };
        form().unwrap_or_default()
    }

    /// How many values at the head of `input`, at most `max`, are there as a whole and have this form, and their bytes.
    #[inline]
    pub fn take(&self, input: &[u8], max: usize) -> (usize, usize) {
        let mut count = 0;
        let mut at = 0;
        while count < max
            && let Some(len) = self.take_one(&input[at..])
        {
            count += 1;
            at += len;
        }
        (count, at)
    }

    #[inline]
    fn take_one(&self, input: &[u8]) -> Option<usize> {
        let value = input.get(..self.len)?;
        let is_such = value.starts_with(VALUE)
            && self.line_end.ends(&value[..self.line_len])
            && self.end.ends(value)
            && !has_space(&value[VALUE.len()..VALUE.len() + self.key_len]);
        is_such.then_some(self.len)
    }
}

/// What some bytes end in, to be compared at once.
#[derive(Clone, Copy, Debug, Default)]
struct Tail {
    len: usize,
    bits: u128,
    mask: u128,
}

impl Tail {
    /// The longest.
    const MAX: usize = size_of::<u128>();

    /// The last `len` of these bytes; `None` if that is more than [`Tail::MAX`], or they are less.
    fn of(bytes: &[u8], len: usize) -> Option<Self> {
        let mask = u128::MAX.checked_shl(8 * Self::MAX.checked_sub(len)? as u32)?;
        Some(Tail { len, bits: u128::from_le_bytes(*bytes.last_chunk()?) & mask, mask })
    }

    /// Whether these bytes end so; false if they are less than [`Tail::MAX`].
    #[inline]
    fn ends(&self, bytes: &[u8]) -> bool {
        bytes.last_chunk().is_some_and(|last| u128::from_le_bytes(*last) & self.mask == self.bits)
    }
}

/// Whether a space is among a key's bytes; eight at a time, as a call would take longer.
#[inline]
fn has_space(key: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    let (eights, rest) = key.as_chunks();
    let among = |eight: &[u8; 8]| {
        // A byte that is zero now was a space: taking one away sets its highest bit, which was not set.
        let differs = u64::from_le_bytes(*eight) ^ (ONES * u64::from(b' '));
        differs.wrapping_sub(ONES) & !differs & (ONES << 7) != 0
    };
    eights.iter().any(among) || rest.contains(&b' ')
}

/// How many replies at the head of `input`, at most `max`, say that a value was stored, and their bytes.
#[inline]
pub fn take_stored(input: &[u8], max: usize) -> (usize, usize) {
    let count = input.chunks_exact(STORED.len()).take(max).take_while(|reply| *reply == STORED).count();
    (count, count * STORED.len())
}

fn other(input: &[u8]) -> Parsed<'_> {
    let Some((text, used)) = line(input)? else { return Ok(None) };
    let reply = match text {
        b"NOT_STORED" => Reply::NotStored,
        b"EXISTS" => Reply::Exists,
        b"NOT_FOUND" => Reply::NotFound,
        b"DELETED" => Reply::Deleted,
        b"TOUCHED" => Reply::Touched,
        _ => match refused(text).or_else(|| number::whole(text).map(Reply::Number)) {
            Some(reply) => reply,
            None => return Err(Unparsable::new("not a reply", text)),
        },
    };
    Ok(Some((reply, used)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::reply::value_span;

    #[test]
    fn requests_are_literal() {
        let mut out = Vec::new();
        one_key(&mut out, b"get", b"a");
        store(&mut out, b"set", b"k", 7, b"xyz", None);
        store(&mut out, b"cas", b"k", 0, b"", Some(99));
        with_number(&mut out, b"incr", b"n", 12);
        assert_eq!(out, b"get a\r\nset k 0 7 3\r\nxyz\r\ncas k 0 0 0 99\r\n\r\nincr n 12\r\n".as_slice());
        out.clear();
        gat(&mut out, b"k", 30);
        assert_eq!(out, b"gat 30 k\r\n");
    }

    #[test]
    fn a_hit_of_a_known_form_is_one_that_the_parser_reads() {
        let hit = b"VALUE key1 0 5\r\nva\r\ne\r\nEND\r\n";
        let Ok(Some((Reply::Value(value), used))) = parse(hit) else { panic!("a value") };
        let form = ValueForm::of(hit, &value, used, true);
        assert_eq!(form.take(hit, 9), (1, hit.len()));
        assert_eq!(form.take(b"VALUE KEY2 0 5\r\nother\r\nEND\r\nEND\r\n", 9), (1, hit.len()));
        let three = hit.repeat(3);
        assert_eq!(form.take(&three, 2), (2, 2 * hit.len()));
        assert_eq!(form.take(&three[..three.len() - 1], 3), (2, 2 * hit.len()));
        for other in [
            b"VALUE key1 0 5\r\nvalue\r\nEND\r".as_slice(),
            b"VALUE key1 1 5\r\nvalue\r\nEND\r\n",
            b"VALUE key1 0 6\r\nvalue6\r\nEND\r\n",
            b"VALUE key12 0 5\r\nvalue\r\nEND\r\n",
            b"VALUE a b1 0 5\r\nvalue\r\nEND\r\n",
            b"VALUE key1 0 5\r\nvalue\r\nVALUE ",
            b"WALUE key1 0 5\r\nvalue\r\nEND\r\n",
            b"END\r\n",
            b"",
        ] {
            assert_eq!(form.take(other, 1), (0, 0), "{}", other.escape_ascii());
        }
        let form = ValueForm::of(hit, &value, used, false);
        assert_eq!(form.take(hit, 9), (1, hit.len() - 5), "the end of all is no value");
        assert_eq!(form.take(b"VALUE key1 0 5\r\nabcde\r\nVALUE key2 0 5\r\nfghij\r\nVALUE key3 0 6\r\n", 9), (2, 46));
        let long = format!("VALUE k {} 5 {}\r\n", u32::MAX, u64::MAX);
        let Ok(Some((Reply::Value(value), used))) = parse(long.as_bytes()) else { panic!("a value") };
        assert_eq!(ValueForm::of(long.as_bytes(), &value, used, true).take(long.as_bytes(), 1), (0, 0));
    }

    /// Reads the whole of `input`, handing over `piece` bytes more whenever the parser wants some.
    fn read_in_pieces(input: &[u8], piece: usize) -> Vec<String> {
        let (mut seen, mut start, mut arrived) = (Vec::new(), 0, 0);
        let mut value_len = None;
        while start < input.len() {
            let head = &input[start..arrived];
            let used = match value_len {
                Some(len) => value_span(head, len).unwrap().map(|(value, used)| {
                    seen.push(value.escape_ascii().to_string());
                    value_len = None;
                    used
                }),
                None => parse(head).unwrap().map(|(reply, used)| {
                    if let Reply::Value(value) = reply {
                        value_len = Some(value.len);
                    }
                    seen.push(format!("{reply:?}"));
                    used
                }),
            };
            match used {
                Some(used) => start += used,
                None => {
                    assert!(arrived < input.len(), "stuck at {start}: {seen:?}");
                    arrived = (arrived + piece).min(input.len());
                }
            }
        }
        seen
    }

    #[test]
    fn every_split_gives_the_same_replies() {
        let input: &[u8] = b"VALUE k 0 3\r\na\r\n\r\nVALUE key2 4294967295 0 18446744073709551615\r\n\r\nEND\r\n\
            STORED\r\nNOT_STORED\r\nEXISTS\r\nNOT_FOUND\r\nDELETED\r\nTOUCHED\r\n42\r\nERROR\r\n\
            CLIENT_ERROR bad data chunk\r\nSERVER_ERROR out of memory storing object\r\nEND\r\n";
        let whole = read_in_pieces(input, input.len());
        assert_eq!(whole.len(), 16);
        for piece in 1..40 {
            assert_eq!(read_in_pieces(input, piece), whole, "{piece}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            b"HELLO\r\n".as_slice(),
            b"END\n",
            b"VALUE k 0\r\n",
            b"VALUE k x 3\r\n",
            b"VALUE k 0 3 \r\n",
            b"VALUE k 0 99999999999\r\n",
            b"18446744073709551616\r\n",
            b"\r\n",
            b"\n",
        ] {
            assert!(parse(bad).is_err(), "{}", bad.escape_ascii());
        }
        assert!(parse(&[b'x'; crate::protocol::reply::LINE_LEN_MAX]).is_err());
        assert!(value_span(b"abcd\r\n", 3).is_err());
    }
}
