//! Which protocol a connection speaks, told by its first byte.

/// First byte of every request of memcached's binary protocol.
pub const BINARY_REQUEST_MAGIC: u8 = 0x80;

/// A protocol served on the cache's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// memcached's text and meta commands.
    Text,
    /// memcached's binary protocol.
    Binary,
}

/// Which protocols a connection may choose from (`-B`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accepted {
    /// Each; the first byte tells.
    #[default]
    Any,
    /// Text and meta, whatever comes.
    Text,
    /// Binary, whatever comes. A first byte that begins no packet closes the connection.
    Binary,
}

impl Protocol {
    /// The protocol of a connection whose first byte is `first`. It holds for the connection's whole life.
    pub const fn detect(accepted: Accepted, first: u8) -> Protocol {
        match (accepted, first) {
            (Accepted::Any, BINARY_REQUEST_MAGIC) | (Accepted::Binary, _) => Protocol::Binary,
            (Accepted::Any | Accepted::Text, _) => Protocol::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Accepted, Protocol};

    #[test]
    fn the_magic_byte_is_binary_and_all_else_is_text() {
        assert_eq!(Protocol::detect(Accepted::Any, 0x80), Protocol::Binary);
        for first in [b'g', b'm', b'\r', b' ', 0, 0x81, 0xff] {
            assert_eq!(Protocol::detect(Accepted::Any, first), Protocol::Text);
        }
    }

    #[test]
    fn where_one_protocol_is_accepted_the_byte_says_nothing() {
        for first in [0x80, b'g', 0] {
            assert_eq!(Protocol::detect(Accepted::Text, first), Protocol::Text);
            assert_eq!(Protocol::detect(Accepted::Binary, first), Protocol::Binary);
        }
    }
}
