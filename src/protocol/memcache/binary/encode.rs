//! From replies to packets.

use crate::command::{Hit, Reply, Value};
use crate::protocol::memcache::binary::header::{HEADER_LEN, ResponseHeader};
use crate::protocol::memcache::binary::opcode::{Opcode, Verb};
use crate::protocol::memcache::binary::status::Status;
use crate::protocol::memcache::encode::Encoded;

/// The extras of a read: client flags.
const FLAGS_LEN: usize = 4;

/// An answer that is no longer than this is written in one piece.
const SMALL_LEN: usize = 160;

/// Words of memcached where memory fails, by what it failed for.
const OUT_OF_MEMORY_STORE: &[u8] = b"Out of memory allocating item";
const OUT_OF_MEMORY_ARITHMETIC: &[u8] = b"Out of memory incrementing value";

/// Appends the answer to `out`. `key` is the request's.
#[inline]
pub(in crate::protocol::memcache) fn encode(
    opcode: u8,
    opaque: u32,
    key: &[u8],
    reply: &Reply<'_>,
    out: &mut Vec<u8>,
) -> Encoded {
    let Some(decoded) = Opcode::decode(opcode) else { return Encoded::Done };
    match reply {
        Reply::Hit(hit) => return hit_packet(opcode, opaque, if decoded.with_key { key } else { &[] }, hit, out),
        Reply::Stored { cas, .. } => {
            if !decoded.quiet {
                out.extend_from_slice(&ResponseHeader { cas: *cas, ..ResponseHeader::success(opcode, opaque) }.bytes());
            }
        }
        _ => other_packet(decoded, opcode, opaque, key, reply, out),
    }
    Encoded::Done
}

/// Flags, the key where it is wanted, and the value, or its place.
#[inline]
fn hit_packet(opcode: u8, opaque: u32, key: &[u8], hit: &Hit<'_>, out: &mut Vec<u8>) -> Encoded {
    let (value, encoded) = match hit.value {
        Value::Inline(value) => (value, Encoded::Done),
        Value::Pinned { .. } => (&[][..], Encoded::ValueFollows),
    };
    let header = ResponseHeader {
        cas: hit.cas,
        extras_len: FLAGS_LEN as u8,
        key_len: key.len(),
        body_len: (FLAGS_LEN + key.len()) as u64 + hit.value.len(),
        ..ResponseHeader::success(opcode, opaque)
    };
    let mut head = [0; HEADER_LEN + FLAGS_LEN];
    head[..HEADER_LEN].copy_from_slice(&header.bytes());
    head[HEADER_LEN..].copy_from_slice(&hit.flags.to_be_bytes());
    if key.len() + value.len() <= SMALL_LEN - head.len() {
        // Growing the output by a constant length and cutting it back takes less time than growing it for each part.
        let start = out.len();
        out.extend_from_slice(&[0; SMALL_LEN]);
        if let Some(room) = out.last_chunk_mut::<SMALL_LEN>() {
            let (key_end, end) = (head.len() + key.len(), head.len() + key.len() + value.len());
            room[..head.len()].copy_from_slice(&head);
            room[head.len()..key_end].copy_from_slice(key);
            room[key_end..end].copy_from_slice(value);
            out.truncate(start + end);
        }
        return encoded;
    }
    out.reserve(head.len() + key.len() + value.len());
    for part in [&head[..], key, value] {
        out.extend_from_slice(part);
    }
    encoded
}

/// Whatever is neither a value nor stored.
#[inline(never)]
fn other_packet(decoded: Opcode, opcode: u8, opaque: u32, key: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) {
    let Opcode { verb, quiet, with_key } = decoded;
    let success = ResponseHeader::success(opcode, opaque);
    let status = match (reply, verb) {
        (Reply::Miss, _) if quiet => return,
        (Reply::Miss, _) if with_key => {
            let status = Status::KeyNotFound;
            out.extend_from_slice(
                &ResponseHeader { status, key_len: key.len(), body_len: key.len() as u64, ..success }.bytes(),
            );
            return out.extend_from_slice(key);
        }
        (Reply::Deleted | Reply::Number(_), _) if quiet => return,
        (Reply::Deleted, _) => return out.extend_from_slice(&success.bytes()),
        (Reply::Number(number), _) => {
            out.extend_from_slice(&ResponseHeader { cas: number.cas, body_len: 8, ..success }.bytes());
            return out.extend_from_slice(&number.value.to_be_bytes());
        }
        (Reply::Touched { cas, flags }, _) => {
            let extras_len = FLAGS_LEN as u8;
            let header = ResponseHeader { cas: *cas, extras_len, body_len: u64::from(extras_len), ..success };
            out.extend_from_slice(&header.bytes());
            return out.extend_from_slice(&flags.to_be_bytes());
        }
        (Reply::Miss | Reply::NotFound, _) | (Reply::NotStored, Verb::Replace) => Status::KeyNotFound,
        (Reply::Exists, _) | (Reply::NotStored, Verb::Add) => Status::KeyExists,
        (Reply::NotStored, _) => Status::NotStored,
        // What is to be added would fit by itself, or it would have been refused unread.
        (Reply::TooLarge, Verb::Append | Verb::Prepend) => Status::NotStored,
        (Reply::TooLarge, _) => Status::TooLarge,
        (Reply::NonNumeric, _) => Status::NonNumeric,
        (Reply::OutOfMemory, Verb::Increment | Verb::Decrement) => {
            return error(opcode, opaque, Status::OutOfMemory, OUT_OF_MEMORY_ARITHMETIC, out);
        }
        (Reply::OutOfMemory, Verb::Set | Verb::Add | Verb::Replace | Verb::Append | Verb::Prepend) => {
            return error(opcode, opaque, Status::OutOfMemory, OUT_OF_MEMORY_STORE, out);
        }
        (Reply::OutOfMemory, _) => Status::OutOfMemory,
        (Reply::Hit(_) | Reply::Stored { .. } | Reply::Debug(_), _) => Status::Internal,
    };
    error(opcode, opaque, status, status.text(), out);
}

/// A packet of a status and words.
pub(super) fn error(opcode: u8, opaque: u32, status: Status, words: &[u8], out: &mut Vec<u8>) {
    let header = ResponseHeader { status, body_len: words.len() as u64, ..ResponseHeader::success(opcode, opaque) };
    out.extend_from_slice(&header.bytes());
    out.extend_from_slice(words);
}
