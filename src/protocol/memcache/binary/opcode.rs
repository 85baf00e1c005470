//! What a request's second byte asks for.

use crate::protocol::memcache::binary::header::RequestHeader;

/// A command, apart from how it wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Set,
    Add,
    Replace,
    Delete,
    Increment,
    Decrement,
    Quit,
    Flush,
    Noop,
    Version,
    Append,
    Prepend,
    Stat,
    Touch,
    GetAndTouch,
    /// Which ways to authenticate there are.
    SaslList,
    /// Authentication, begun or gone on with.
    Sasl,
}

/// An opcode that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opcode {
    pub(super) verb: Verb,
    /// Answer no miss of a read, and no success of anything else.
    pub(super) quiet: bool,
    /// Show the key.
    pub(super) with_key: bool,
}

pub(super) const GET: u8 = 0x00;
pub(super) const GETQ: u8 = 0x09;
pub(super) const GETK: u8 = 0x0c;
pub(super) const GETKQ: u8 = 0x0d;

impl Opcode {
    /// What an opcode stands for.
    #[inline(always)]
    pub(super) fn decode(opcode: u8) -> Option<Opcode> {
        *OPCODES.get(usize::from(opcode))?
    }

    /// The same, slowly. `verbosity` (0x1b) is in the specification and not in memcached.
    const fn of(opcode: u8) -> Option<Opcode> {
        let (verb, quiet, with_key) = match opcode {
            GET => (Verb::Get, false, false),
            0x01 => (Verb::Set, false, false),
            0x02 => (Verb::Add, false, false),
            0x03 => (Verb::Replace, false, false),
            0x04 => (Verb::Delete, false, false),
            0x05 => (Verb::Increment, false, false),
            0x06 => (Verb::Decrement, false, false),
            0x07 => (Verb::Quit, false, false),
            0x08 => (Verb::Flush, false, false),
            GETQ => (Verb::Get, true, false),
            0x0a => (Verb::Noop, false, false),
            0x0b => (Verb::Version, false, false),
            GETK => (Verb::Get, false, true),
            GETKQ => (Verb::Get, true, true),
            0x0e => (Verb::Append, false, false),
            0x0f => (Verb::Prepend, false, false),
            0x10 => (Verb::Stat, false, false),
            0x11 => (Verb::Set, true, false),
            0x12 => (Verb::Add, true, false),
            0x13 => (Verb::Replace, true, false),
            0x14 => (Verb::Delete, true, false),
            0x15 => (Verb::Increment, true, false),
            0x16 => (Verb::Decrement, true, false),
            0x17 => (Verb::Quit, true, false),
            0x18 => (Verb::Flush, true, false),
            0x19 => (Verb::Append, true, false),
            0x1a => (Verb::Prepend, true, false),
            0x1c => (Verb::Touch, false, false),
            0x1d => (Verb::GetAndTouch, false, false),
            0x1e => (Verb::GetAndTouch, true, false),
            0x20 => (Verb::SaslList, false, false),
            0x21 | 0x22 => (Verb::Sasl, false, false),
            0x23 => (Verb::GetAndTouch, false, true),
            0x24 => (Verb::GetAndTouch, true, true),
            _ => return None,
        };
        Some(Opcode { verb, quiet, with_key })
    }
}

/// Every opcode up to the last that is known.
static OPCODES: [Option<Opcode>; 0x25] = {
    let mut opcodes = [None; 0x25];
    let mut opcode = 0;
    while opcode < opcodes.len() {
        opcodes[opcode] = Opcode::of(opcode as u8);
        opcode += 1;
    }
    opcodes
};

impl Verb {
    /// Whether a packet, whose extras and key fit its body, has the parts that the command takes and no other.
    #[inline]
    pub(super) fn takes(self, header: &RequestHeader) -> bool {
        let RequestHeader { extras_len, key_len, body_len, .. } = *header;
        let (has_key, has_value) = (key_len > 0, body_len > extras_len + key_len);
        match self {
            Verb::Set | Verb::Add | Verb::Replace => extras_len == 8 && has_key,
            Verb::Append | Verb::Prepend | Verb::Sasl => extras_len == 0 && has_key,
            Verb::Get | Verb::Delete => extras_len == 0 && has_key && !has_value,
            Verb::Touch | Verb::GetAndTouch => extras_len == 4 && has_key && !has_value,
            Verb::Increment | Verb::Decrement => extras_len == 20 && has_key && !has_value,
            Verb::Flush => matches!(extras_len, 0 | 4) && !has_key && !has_value,
            Verb::Stat => extras_len == 0 && !has_value,
            Verb::Quit | Verb::Noop | Verb::Version | Verb::SaslList => body_len == 0,
        }
    }
}
