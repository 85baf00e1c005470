//! Answers to commands that concern the whole server, as packets.

use crate::protocol::memcache::admin::AdminReply;
use crate::protocol::memcache::binary::encode::error;
use crate::protocol::memcache::binary::header::ResponseHeader;
use crate::protocol::memcache::binary::opcode::Opcode;
use crate::protocol::memcache::binary::status::Status;

/// The name under which `stat detail dump` gives its lines as one value.
const DETAILED: &[u8] = b"detailed";

/// Appends the answer to `out`.
pub(in crate::protocol::memcache) fn encode_admin(opcode: u8, opaque: u32, reply: &AdminReply<'_>, out: &mut Vec<u8>) {
    let quiet = Opcode::decode(opcode).is_some_and(|opcode| opcode.quiet);
    let mut packet = |key: &[u8], value: &[u8]| {
        let body_len = (key.len() + value.len()) as u64;
        let header = ResponseHeader { key_len: key.len(), body_len, ..ResponseHeader::success(opcode, opaque) };
        out.extend_from_slice(&header.bytes());
        out.extend_from_slice(key);
        out.extend_from_slice(value);
    };
    match reply {
        AdminReply::Done | AdminReply::Closing if quiet => {}
        AdminReply::Done | AdminReply::Closing | AdminReply::Noop | AdminReply::StatsReset => packet(&[], &[]),
        AdminReply::Version(version) => packet(&[], version),
        AdminReply::Stats { args: b"detail dump", lines } => {
            packet(DETAILED, lines);
            packet(&[], &[]);
        }
        AdminReply::Stats { lines, .. } => {
            for (name, value) in pairs(lines) {
                packet(name, value);
            }
            // The one that says that there are no more.
            packet(&[], &[]);
        }
        AdminReply::NoSuchStats => error(opcode, opaque, Status::KeyNotFound, Status::KeyNotFound.text(), out),
        AdminReply::FlushNotAllowed => error(opcode, opaque, Status::AuthError, Status::AuthError.text(), out),
    }
}

/// Name and value of every line `STAT <name> <value>`.
fn pairs(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line).strip_prefix(b"STAT ")?;
        let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (name, value) = line.split_at(space);
        Some((name, value.strip_prefix(b" ").unwrap_or(value)))
    })
}
