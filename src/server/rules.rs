//! What the operator decides about connections.

use crate::config::{Protocols, defaults};
use crate::protocol::detect::Protocol;

/// The settings that hold for every connection.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Commands of one connection that are executed in one turn; at least 1.
    pub requests_per_turn: usize,
    /// Seconds without input after which a connection is closed; 0 is never.
    pub idle_timeout_seconds: u32,
    /// Which protocols a connection may speak.
    pub protocols: Protocols,
    /// Whether clients may list keys.
    pub dumping_enabled: bool,
    /// Whether clients may use `watch`.
    pub watch_enabled: bool,
    /// Whether clients may use `shutdown`.
    pub shutdown_enabled: bool,
    /// Whether shards that have many connections hand new ones to those that have few.
    pub balances_connections: bool,
    /// Bytes of events that wait for one watcher.
    pub watcher_buffer_bytes: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            requests_per_turn: defaults::REQUESTS_PER_TURN,
            idle_timeout_seconds: defaults::IDLE_TIMEOUT_SECONDS,
            protocols: defaults::PROTOCOLS,
            dumping_enabled: true,
            watch_enabled: true,
            shutdown_enabled: false,
            balances_connections: true,
            watcher_buffer_bytes: defaults::WATCHER_LOGBUF_BYTES,
        }
    }
}

impl Rules {
    /// The protocol of a connection whose first byte is `first`; `None` if it may not speak that. With text alone
    /// the first byte of a binary request is nothing but a strange command, as in memcached.
    pub(super) fn protocol(&self, first: u8) -> Option<Protocol> {
        match (self.protocols, Protocol::detect(first)) {
            (Protocols::Auto, detected) => Some(detected),
            (Protocols::Ascii, _) => Some(Protocol::Text),
            (Protocols::Binary, Protocol::Binary) => Some(Protocol::Binary),
            (Protocols::Binary, Protocol::Text) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_can_be_narrowed() {
        let of = |protocols, first| Rules { protocols, ..Rules::default() }.protocol(first);
        assert_eq!(of(Protocols::Auto, 0x80), Some(Protocol::Binary));
        assert_eq!(of(Protocols::Auto, b'g'), Some(Protocol::Text));
        assert_eq!(of(Protocols::Ascii, 0x80), Some(Protocol::Text));
        assert_eq!(of(Protocols::Binary, 0x80), Some(Protocol::Binary));
        assert_eq!(of(Protocols::Binary, b'g'), None);
    }
}
