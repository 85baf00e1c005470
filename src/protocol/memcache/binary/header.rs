//! The head that every packet begins with. Numbers are in network order.
//!
//! ```text
//!        0            1            2            3
//!   +------------+------------+-------------------------+
//! 0 | magic      | opcode     | key length              |
//!   +------------+------------+-------------------------+
//! 4 | extras len | data type  | vbucket, or the status  |
//!   +------------+------------+-------------------------+
//! 8 | length of the body: extras, key and value         |
//!   +---------------------------------------------------+
//! 12| opaque: the client's, sent back as it came        |
//!   +---------------------------------------------------+
//! 16| CAS number                                        |
//!   |                                                   |
//!   +---------------------------------------------------+
//! 24| extras, key, value                                |
//! ```
//!
//! Data type and vbucket mean nothing to memcached, which looks at neither.

use crate::protocol::detect::BINARY_REQUEST_MAGIC;
use crate::protocol::memcache::binary::status::Status;

/// Length of a packet's head in bytes.
pub(super) const HEADER_LEN: usize = 24;

/// The first byte of a request, and of a response.
pub(super) const REQUEST_MAGIC: u8 = BINARY_REQUEST_MAGIC;
pub(super) const RESPONSE_MAGIC: u8 = 0x81;

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestHeader {
    pub(super) opcode: u8,
    pub(super) extras_len: usize,
    pub(super) key_len: usize,
    pub(super) body_len: usize,
    pub(super) opaque: u32,
    /// 0 is none.
    pub(super) cas: u64,
}

impl RequestHeader {
    /// Reads the head, all but its magic byte.
    #[inline(always)]
    pub(super) fn read(head: &[u8; HEADER_LEN]) -> RequestHeader {
        let [_, opcode, k0, k1, extras_len, _, _, _, b0, b1, b2, b3, o0, o1, o2, o3, cas @ ..] = *head;
        RequestHeader {
            opcode,
            extras_len: usize::from(extras_len),
            key_len: usize::from(u16::from_be_bytes([k0, k1])),
            body_len: u32::from_be_bytes([b0, b1, b2, b3]) as usize,
            opaque: u32::from_be_bytes([o0, o1, o2, o3]),
            cas: u64::from_be_bytes(cas),
        }
    }

    /// Bytes up to the value.
    #[inline(always)]
    pub(super) fn head_len(&self) -> usize {
        HEADER_LEN + self.extras_len + self.key_len
    }

    /// Bytes of the value, in a packet whose extras and key fit its body.
    #[inline(always)]
    pub(super) fn value_len(&self) -> usize {
        self.body_len - self.extras_len - self.key_len
    }
}

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResponseHeader {
    pub(super) opcode: u8,
    pub(super) opaque: u32,
    pub(super) status: Status,
    /// 0 where the answer has none.
    pub(super) cas: u64,
    pub(super) extras_len: u8,
    /// At most 250.
    pub(super) key_len: usize,
    /// Extras and key included.
    pub(super) body_len: u64,
}

impl ResponseHeader {
    /// A head of success, without body and CAS number.
    #[inline(always)]
    pub(super) fn success(opcode: u8, opaque: u32) -> ResponseHeader {
        ResponseHeader { opcode, opaque, status: Status::Success, cas: 0, extras_len: 0, key_len: 0, body_len: 0 }
    }

    #[inline(always)]
    pub(super) fn bytes(&self) -> [u8; HEADER_LEN] {
        // Three words: quicker than eight fields.
        let parts = u64::from(self.opcode) << 48 | (self.key_len as u64) << 32 | u64::from(self.extras_len) << 24;
        let words = [
            u64::from(RESPONSE_MAGIC) << 56 | parts | u64::from(self.status.code()),
            // An item is far below the 4 GiB that this can tell.
            self.body_len << 32 | u64::from(self.opaque),
            self.cas,
        ];
        let mut head = [0; HEADER_LEN];
        for (bytes, word) in head.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        head
    }
}
