//! What one send hands to the kernel: a buffer, or several, with values between them that the store has lent.

#![allow(unsafe_code)] // A message header of zeroes.

use std::ptr;

use crate::router::Lent;

/// Parts of one send, at most: so many the kernel takes without memory of its own.
pub const PARTS_MAX: usize = 8;

/// A part of what is sent.
#[derive(Debug)]
pub enum Part {
    /// Encoded replies.
    Bytes(Vec<u8>),
    /// A piece of a LARGE value, where the store keeps it.
    Lent(Lent),
}

impl Part {
    fn bytes(&self) -> (*const u8, usize) {
        match self {
            Part::Bytes(bytes) => (bytes.as_ptr(), bytes.len()),
            Part::Lent(lent) => (lent.as_ptr(), lent.len()),
        }
    }
}

/// All that one send sends. The kernel may read it until the send has completed.
pub enum Outgoing {
    /// One buffer, as nearly always.
    Bytes(Vec<u8>),
    /// Several parts, one after the other.
    Parts(Box<Parts>),
}

/// Several parts, and how the kernel is told of them.
pub struct Parts {
    parts: Vec<Part>,
    places: [libc::iovec; PARTS_MAX],
    header: libc::msghdr,
}

// What a connection costs among the ring's sends.
const _: () = assert!(size_of::<Option<Outgoing>>() == size_of::<Vec<u8>>());

impl Outgoing {
    /// These parts, one after the other.
    ///
    /// # Panics
    /// If they are more than [`PARTS_MAX`].
    pub fn parts(parts: Vec<Part>) -> Self {
        let mut places = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; PARTS_MAX];
        for (place, part) in places[..parts.len()].iter_mut().zip(&parts) {
            let (start, len) = part.bytes();
            *place = libc::iovec { iov_base: start.cast_mut().cast(), iov_len: len };
        }
        // SAFETY: all zeroes is a message header without address, control data and places.
        let header = unsafe { std::mem::zeroed() };
        Outgoing::Parts(Box::new(Parts { parts, places, header }))
    }

    /// Bytes to send.
    #[inline]
    pub fn total_len(&self) -> usize {
        match self {
            Outgoing::Bytes(bytes) => bytes.len(),
            Outgoing::Parts(several) => several.total_len(),
        }
    }

    /// Memory of its buffers, in bytes.
    #[inline]
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Outgoing::Bytes(bytes) => bytes.capacity(),
            Outgoing::Parts(several) => several.memory_bytes(),
        }
    }
}

impl Parts {
    /// The parts, once they are sent.
    pub fn into_parts(self) -> impl Iterator<Item = Part> {
        self.parts.into_iter()
    }

    fn total_len(&self) -> usize {
        self.parts.iter().map(|part| part.bytes().1).sum()
    }

    /// Memory of its buffers, in bytes. What is lent is the store's.
    pub(super) fn memory_bytes(&self) -> usize {
        let buffers = self.parts.iter().map(|part| match part {
            Part::Bytes(bytes) => bytes.capacity(),
            Part::Lent(_) => 0,
        });
        size_of::<Parts>() + self.parts.capacity() * size_of::<Part>() + buffers.sum::<usize>()
    }

    /// The message for the kernel. Its addresses are right as long as this stays in its box.
    pub(super) fn header(&mut self) -> *const libc::msghdr {
        self.header.msg_iov = self.places.as_mut_ptr();
        self.header.msg_iovlen = self.parts.len();
        &self.header
    }
}
