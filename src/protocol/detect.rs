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

impl Protocol {
    /// The protocol of a connection whose first byte is `first`. It holds for the connection's whole life.
    pub const fn detect(first: u8) -> Protocol {
        match first {
            BINARY_REQUEST_MAGIC => Protocol::Binary,
            _ => Protocol::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Protocol;

    #[test]
    fn the_magic_byte_is_binary_and_all_else_is_text() {
        assert_eq!(Protocol::detect(0x80), Protocol::Binary);
        for first in [b'g', b'm', b'\r', b' ', 0, 0x81, 0xff] {
            assert_eq!(Protocol::detect(first), Protocol::Text);
        }
    }
}
