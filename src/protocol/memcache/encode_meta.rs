//! From replies to bytes: the meta commands.
//!
//! ```text
//!   request   mg key t v k Oabc q              ms key 5 c k
//!   answer    VA 5 t30 kkey Oabc [Z] [X] [W]   HD c17 kkey
//! ```
//!
//! What comes back stands in the order of the request's flags, which travel with the form.

use crate::command::{Hit, ItemInfo, Number, Reply, Value};
use crate::protocol::memcache::base64;
use crate::protocol::memcache::encode::Encoded;
use crate::protocol::memcache::errors;
use crate::protocol::memcache::form::{Form, FormTag};
use crate::protocol::memcache::line::tokens;
use crate::protocol::memcache::number::unsigned;

const CRLF: &[u8] = b"\r\n";

/// Appends the answer to `out`.
pub(super) fn encode(form: Form<'_>, key: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) -> Encoded {
    match (form.tag, reply) {
        (FormTag::MetaGet { value, conditional, .. }, Reply::Hit(hit)) => {
            let value = value && !(conditional && names_cas(form.meta, hit.cas));
            return hit_line(form.meta, key, hit, value, out);
        }
        // An item that could not be created is a miss.
        (FormTag::MetaGet { quiet, .. }, Reply::Miss | Reply::OutOfMemory) => {
            if !quiet {
                status_line(b"EN", form.meta, key, out);
            }
        }
        (FormTag::MetaStore { quiet: true, .. }, Reply::Stored { .. }) => {}
        (FormTag::MetaStore { .. }, Reply::Stored { cas, value_len }) => {
            store_line(b"HD", form.meta, key, *cas, *value_len, out);
        }
        // Where nothing is stored, `c` brings 0 and `s` the length of what was sent.
        (FormTag::MetaStore { value_len, .. }, Reply::NotStored | Reply::NotFound | Reply::Exists) => {
            store_line(status(reply), form.meta, key, 0, u64::from(value_len), out);
        }
        (FormTag::MetaDelete { quiet: true }, Reply::Deleted) => {}
        (FormTag::MetaArithmetic { quiet: true, .. }, Reply::Number(_)) => {}
        (FormTag::MetaArithmetic { value, .. }, Reply::Number(number)) => {
            number_line(form.meta, key, number, value, out);
        }
        (FormTag::MetaDebug, Reply::Debug(info)) => debug_line(key, info, out),
        (FormTag::MetaDebug, Reply::Miss) => out.extend_from_slice(errors::META_MISS),
        (_, Reply::Deleted | Reply::NotStored | Reply::NotFound | Reply::Exists) => {
            status_line(status(reply), form.meta, key, out);
        }
        (_, Reply::NonNumeric) => out.extend_from_slice(errors::NON_NUMERIC),
        (_, Reply::TooLarge) => out.extend_from_slice(errors::TOO_LARGE),
        (FormTag::MetaStore { .. }, Reply::OutOfMemory) => out.extend_from_slice(errors::OUT_OF_MEMORY),
        (_, Reply::OutOfMemory) => out.extend_from_slice(errors::OUT_OF_MEMORY_ARITHMETIC),
        _ => out.extend_from_slice(errors::UNEXPECTED_REPLY),
    }
    Encoded::Done
}

fn status(reply: &Reply<'_>) -> &'static [u8] {
    match reply {
        Reply::NotStored => b"NS",
        Reply::NotFound => b"NF",
        Reply::Exists => b"EX",
        _ => b"HD",
    }
}

/// Whether the flag `C` names this CAS number.
fn names_cas(meta: &[u8], cas: u64) -> bool {
    tokens(meta).any(|flag| flag[0] == b'C' && unsigned(&flag[1..]) == Ok(cas))
}

/// `VA <bytes> <flags>*` and the value, or `HD <flags>*`.
fn hit_line(meta: &[u8], key: &[u8], hit: &Hit<'_>, value: bool, out: &mut Vec<u8>) -> Encoded {
    if value {
        number(b"VA ", hit.value.len(), out);
    } else {
        out.extend_from_slice(b"HD");
    }
    for flag in tokens(meta) {
        match flag[0] {
            b'c' => number(b" c", hit.cas, out),
            b'f' => number(b" f", u64::from(hit.flags), out),
            b's' => number(b" s", hit.value.len(), out),
            b'h' => out.extend_from_slice(if hit.fetched { b" h1" } else { b" h0" }),
            b'l' => number(b" l", u64::from(hit.idle_seconds), out),
            b't' => ttl(b" t", hit.ttl_seconds, out),
            b'O' => opaque(flag, out),
            // Not as the request has it but as the item was stored.
            b'k' => shown_key(key, hit.binary_key, out),
            _ => {}
        }
    }
    for (is_so, mark) in [(hit.token_sent, b" Z"), (hit.stale, b" X"), (hit.won, b" W")] {
        if is_so {
            out.extend_from_slice(mark);
        }
    }
    out.extend_from_slice(CRLF);
    match hit.value {
        _ if !value => Encoded::Done,
        Value::Inline(bytes) => {
            out.extend_from_slice(bytes);
            out.extend_from_slice(CRLF);
            Encoded::Done
        }
        Value::Pinned { .. } => Encoded::ValueFollows,
    }
}

/// The answer of an `ms`.
fn store_line(status: &[u8], meta: &[u8], key: &[u8], cas: u64, value_len: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(status);
    for flag in tokens(meta) {
        match flag[0] {
            b'c' => number(b" c", cas, out),
            b's' => number(b" s", value_len, out),
            _ => echo(flag, meta, key, out),
        }
    }
    out.extend_from_slice(CRLF);
}

/// `VA <digits> <flags>*` and the number, or `HD <flags>*`.
fn number_line(meta: &[u8], key: &[u8], answer: &Number, value: bool, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(answer.value).as_bytes();
    if value {
        number(b"VA ", digits.len() as u64, out);
    } else {
        out.extend_from_slice(b"HD");
    }
    for flag in tokens(meta) {
        match flag[0] {
            b'c' => number(b" c", answer.cas, out),
            b't' => ttl(b" t", answer.ttl_seconds, out),
            _ => echo(flag, meta, key, out),
        }
    }
    out.extend_from_slice(CRLF);
    if value {
        out.extend_from_slice(digits);
        out.extend_from_slice(CRLF);
    }
}

/// `ME <key> <name>=<value>*`.
fn debug_line(key: &[u8], info: &ItemInfo, out: &mut Vec<u8>) {
    out.extend_from_slice(b"ME ");
    if info.binary_key {
        base64::encode(key, out);
    } else {
        out.extend_from_slice(key);
    }
    ttl(b" exp=", info.ttl_seconds, out);
    number(b" la=", u64::from(info.idle_seconds), out);
    number(b" cas=", info.cas, out);
    out.extend_from_slice(if info.fetched { b" fetch=yes" } else { b" fetch=no" });
    number(b" cls=", u64::from(info.class), out);
    number(b" size=", info.size_bytes, out);
    out.extend_from_slice(CRLF);
}

/// A status and the flags that come back with every one.
fn status_line(status: &[u8], meta: &[u8], key: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(status);
    for flag in tokens(meta) {
        echo(flag, meta, key, out);
    }
    out.extend_from_slice(CRLF);
}

/// The opaque as it came and the key, which tell a client what an answer belongs to.
fn echo(flag: &[u8], meta: &[u8], key: &[u8], out: &mut Vec<u8>) {
    match flag[0] {
        b'O' => opaque(flag, out),
        b'k' => shown_key(key, tokens(meta).any(|flag| flag[0] == b'b'), out),
        _ => {}
    }
}

fn opaque(flag: &[u8], out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(flag);
}

/// The key, or the key in base64 and the flag that says so.
fn shown_key(key: &[u8], binary: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b" k");
    if binary {
        base64::encode(key, out);
        out.extend_from_slice(b" b");
    } else {
        out.extend_from_slice(key);
    }
}

/// Seconds that are left, or -1.
fn ttl(prefix: &[u8], seconds: Option<u32>, out: &mut Vec<u8>) {
    match seconds {
        Some(seconds) => number(prefix, u64::from(seconds), out),
        None => {
            out.extend_from_slice(prefix);
            out.extend_from_slice(b"-1");
        }
    }
}

fn number(prefix: &[u8], number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(prefix);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
