//! The answer to a packet that is not carried out.

use crate::protocol::memcache::binary::encode::error;
use crate::protocol::memcache::binary::status::Status;

/// An answer of a status and its words. Quiet commands are told too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The request's.
    pub opcode: u8,
    /// The request's, to be sent back.
    pub opaque: u32,
    /// Why.
    pub status: Status,
}

impl Refusal {
    /// Appends the packet to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        error(self.opcode, self.opaque, self.status, self.status.text(), out);
    }
}
