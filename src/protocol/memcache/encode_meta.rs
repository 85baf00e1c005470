//! From replies to bytes: the meta commands.

use crate::command::{Hit, Reply, Value};
use crate::protocol::memcache::encode::Encoded;
use crate::protocol::memcache::errors;
use crate::protocol::memcache::form::{Form, FormTag};
use crate::protocol::memcache::line::tokens;

/// Appends the answer to `out`.
pub(super) fn encode(form: Form<'_>, key: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) -> Encoded {
    match (form.tag, reply) {
        (FormTag::MetaGet { value, .. }, Reply::Hit(hit)) => return hit_line(form.meta, key, hit, value, out),
        // An item that could not be created is a miss.
        (FormTag::MetaGet { quiet, .. }, Reply::Miss | Reply::OutOfMemory) => {
            status_line(quiet, b"EN", form.meta, key, out);
        }
        (FormTag::MetaStore { quiet }, Reply::Stored { cas, value_len }) => {
            if !quiet {
                stored_line(form.meta, key, *cas, *value_len, out);
            }
        }
        (FormTag::MetaStore { .. }, Reply::NotStored) => status_line(false, b"NS", form.meta, key, out),
        (FormTag::MetaDelete { quiet }, Reply::Deleted) => status_line(quiet, b"HD", form.meta, key, out),
        (FormTag::MetaDelete { .. }, Reply::NotFound) => status_line(false, b"NF", form.meta, key, out),
        (_, Reply::NotFound) => status_line(false, b"NF", form.meta, key, out),
        (_, Reply::Exists) => status_line(false, b"EX", form.meta, key, out),
        (_, Reply::TooLarge) => out.extend_from_slice(errors::TOO_LARGE),
        (_, Reply::OutOfMemory) => out.extend_from_slice(errors::OUT_OF_MEMORY),
        _ => out.extend_from_slice(errors::UNEXPECTED_REPLY),
    }
    Encoded::Done
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
            b't' => match hit.ttl_seconds {
                Some(seconds) => number(b" t", u64::from(seconds), out),
                None => out.extend_from_slice(b" t-1"),
            },
            _ => echo(flag, key, out),
        }
    }
    if hit.token_sent {
        out.extend_from_slice(b" Z");
    }
    if hit.won {
        out.extend_from_slice(b" W");
    }
    out.extend_from_slice(b"\r\n");
    match hit.value {
        _ if !value => Encoded::Done,
        Value::Inline(bytes) => {
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
            Encoded::Done
        }
        Value::Pinned { .. } => Encoded::ValueFollows,
    }
}

/// `HD <flags>*` of an `ms`.
fn stored_line(meta: &[u8], key: &[u8], cas: u64, value_len: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HD");
    for flag in tokens(meta) {
        match flag[0] {
            b'c' => number(b" c", cas, out),
            b's' => number(b" s", value_len, out),
            _ => echo(flag, key, out),
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// A status and the flags that come back with every one.
fn status_line(hidden: bool, status: &[u8], meta: &[u8], key: &[u8], out: &mut Vec<u8>) {
    if hidden {
        return;
    }
    out.extend_from_slice(status);
    for flag in tokens(meta) {
        echo(flag, key, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// The opaque as it came and the key, which tell a client what an answer belongs to.
fn echo(flag: &[u8], key: &[u8], out: &mut Vec<u8>) {
    match flag[0] {
        b'O' => {
            out.push(b' ');
            out.extend_from_slice(flag);
        }
        b'k' => {
            out.extend_from_slice(b" k");
            out.extend_from_slice(key);
        }
        _ => {}
    }
}

fn number(prefix: &[u8], number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(prefix);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
