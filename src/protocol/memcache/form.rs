//! In which words a request wants its answer.

use crate::protocol::memcache::errors;

/// How to answer a request: all that the encoder needs beside the key and the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form<'a> {
    /// Which words.
    pub tag: FormTag,
    /// The flags of a meta command as they stand on the line; empty for a classic one. At most
    /// [`LINE_LEN_MAX`](super::LINE_LEN_MAX) bytes.
    pub meta: &'a [u8],
}

/// The part of a [`Form`] that borrows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormTag {
    /// `get`, `gets`, `gat`, `gats`.
    Get {
        /// Show the CAS number.
        with_cas: bool,
        /// Last key of its command: `END` follows.
        last: bool,
    },
    /// `set`, `add`, `replace`, `append`, `prepend`, `cas`.
    Store {
        /// Answer nothing.
        noreply: bool,
    },
    /// `delete`.
    Delete {
        /// Answer nothing.
        noreply: bool,
    },
    /// `touch`.
    Touch {
        /// Answer nothing.
        noreply: bool,
    },
    /// `incr`, `decr`.
    Arithmetic {
        /// Answer nothing.
        noreply: bool,
    },
    /// `mg`.
    MetaGet {
        /// Answer no miss.
        quiet: bool,
        /// Show the value.
        value: bool,
        /// But not to one who has it: the flag `C` names the item's CAS number.
        conditional: bool,
    },
    /// `ms`.
    MetaStore {
        /// Answer no success.
        quiet: bool,
        /// Length of the value in bytes, for the flag `s` where it is not stored.
        value_len: u32,
    },
    /// `md`.
    MetaDelete {
        /// Answer no success.
        quiet: bool,
    },
    /// `ma`.
    MetaArithmetic {
        /// Answer no success.
        quiet: bool,
        /// Show the number.
        value: bool,
    },
    /// `me`.
    MetaDebug,
    /// A packet of the binary protocol.
    Binary {
        /// The request's, which says how to answer and what not to answer.
        opcode: u8,
        /// The request's, to be sent back.
        opaque: u32,
    },
}

const _: () = assert!(size_of::<FormTag>() <= 8, "FormTag crosses cores by value");

impl<'a> Form<'a> {
    /// A form without meta flags.
    #[inline]
    pub const fn text(tag: FormTag) -> Form<'static> {
        Form { tag, meta: &[] }
    }

    /// The part to keep by value and the bytes to copy, for one who must outlive the receive buffer.
    pub const fn parts(self) -> (FormTag, &'a [u8]) {
        (self.tag, self.meta)
    }
}

impl FormTag {
    /// The form again, over kept meta flags.
    #[inline]
    pub const fn with(self, meta: &[u8]) -> Form<'_> {
        Form { tag: self, meta }
    }

    /// Whether a value that is stored has a CRLF behind it.
    pub const fn has_terminator(self) -> bool {
        !matches!(self, FormTag::Binary { .. })
    }

    /// The line for a value that does not end in CRLF; empty if its command wants no reply. Meta commands
    /// report errors even in quiet mode.
    pub const fn bad_data_chunk(self) -> &'static [u8] {
        match self {
            FormTag::Store { noreply: true } => b"",
            _ => errors::BAD_DATA_CHUNK,
        }
    }
}
