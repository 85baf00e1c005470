//! What can become of a request.

/// The status of a response. All but success carry words as their value, those of memcached to the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Status {
    /// Carried out.
    Success = 0x00,
    /// The key is absent, or the statistics are not known.
    KeyNotFound = 0x01,
    /// The key is present, or carries another CAS number.
    KeyExists = 0x02,
    /// The value is over the maximum item size.
    TooLarge = 0x03,
    /// The packet does not have the shape that its opcode asks for.
    InvalidArguments = 0x04,
    /// There is nothing to add to.
    NotStored = 0x05,
    /// The stored value is not a number.
    NonNumeric = 0x06,
    /// The command is not allowed.
    AuthError = 0x20,
    /// The opcode is not known, or the lengths contradict each other.
    UnknownCommand = 0x81,
    /// No memory could be freed for the item.
    OutOfMemory = 0x82,
    /// An answer that does not belong to the command: our own fault.
    Internal = 0x84,
}

impl Status {
    pub(super) const fn code(self) -> u16 {
        self as u16
    }

    /// The words.
    pub(super) const fn text(self) -> &'static [u8] {
        match self {
            Status::Success => b"",
            Status::KeyNotFound => b"Not found",
            Status::KeyExists => b"Data exists for key.",
            Status::TooLarge => b"Too large.",
            Status::InvalidArguments => b"Invalid arguments",
            Status::NotStored => b"Not stored.",
            Status::NonNumeric => b"Non-numeric server-side value for incr or decr",
            Status::AuthError => b"Auth failure.",
            Status::UnknownCommand => b"Unknown command",
            Status::OutOfMemory => b"Out of memory",
            Status::Internal => b"Unexpected reply",
        }
    }
}
