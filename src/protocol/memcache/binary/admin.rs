//! Answers to commands that concern the whole server, as packets.

use crate::command::StatsAnswer;
use crate::protocol::memcache::admin::AdminReply;
use crate::protocol::memcache::binary::encode::error;
use crate::protocol::memcache::binary::header::ResponseHeader;
use crate::protocol::memcache::binary::opcode::Opcode;
use crate::protocol::memcache::binary::status::Status;
use crate::protocol::memcache::errors;

/// The name under which `stat detail dump` gives its lines as one value.
const DETAILED: &[u8] = b"detailed";

/// Appends the answer to `out`.
pub(in crate::protocol::memcache) fn encode_admin(opcode: u8, opaque: u32, reply: &AdminReply<'_>, out: &mut Vec<u8>) {
    let quiet = Opcode::decode(opcode).is_some_and(|opcode| opcode.quiet);
    let mut packet = |key, value| packet(opcode, opaque, key, value, out);
    match reply {
        AdminReply::Done | AdminReply::Closing if quiet => {}
        AdminReply::Done | AdminReply::Closing | AdminReply::Noop => packet(&[], &[]),
        AdminReply::Version(version) => packet(&[], version),
        AdminReply::Stats(answer) => stats(opcode, opaque, answer, out),
        AdminReply::FlushNotAllowed => error(opcode, opaque, Status::AuthError, Status::AuthError.text(), out),
    }
}

/// A packet for each name and value, and an empty one that says that there are no more.
fn stats(opcode: u8, opaque: u32, answer: &StatsAnswer, out: &mut Vec<u8>) {
    match answer {
        StatsAnswer::Lines(lines) | StatsAnswer::Unended(lines) => {
            for (name, value) in lines.iter() {
                packet(opcode, opaque, name.as_bytes(), value.as_bytes(), out);
            }
        }
        // As in memcached, with the end of the text protocol.
        StatsAnswer::Detail(lines) => packet(opcode, opaque, DETAILED, &[lines, errors::END].concat(), out),
        StatsAnswer::Done(_) => {}
        StatsAnswer::Items(_) | StatsAnswer::Refused(_) | StatsAnswer::Unknown => {
            return error(opcode, opaque, Status::KeyNotFound, Status::KeyNotFound.text(), out);
        }
    }
    packet(opcode, opaque, &[], &[], out);
}

fn packet(opcode: u8, opaque: u32, key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let body_len = (key.len() + value.len()) as u64;
    let header = ResponseHeader { key_len: key.len(), body_len, ..ResponseHeader::success(opcode, opaque) };
    out.extend_from_slice(&header.bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}
