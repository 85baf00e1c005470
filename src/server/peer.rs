//! The name of a connection's other end, as watchers are told it.

use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::SockRef;

use crate::protocol::memcache::Peer;

/// An address that outlives its connection.
#[derive(Debug)]
pub(super) struct PeerName {
    address: String,
    port: u16,
    transport: &'static str,
}

impl PeerName {
    /// Of this socket, and the socket's number. A peer that is gone already has no address.
    pub(super) fn of(socket: BorrowedFd<'_>) -> (PeerName, i32) {
        let name = match SockRef::from(&socket).peer_addr() {
            Ok(address) => match address.as_socket() {
                Some(address) => PeerName { address: address.ip().to_string(), port: address.port(), transport: "tcp" },
                None => PeerName { address: "unix".to_owned(), port: 0, transport: "local" },
            },
            Err(_) => PeerName { address: String::new(), port: 0, transport: "tcp" },
        };
        (name, socket.as_raw_fd())
    }

    /// For the line of an event.
    pub(super) fn peer(&self, fd: i32) -> Peer<'_> {
        Peer { address: &self.address, port: self.port, transport: self.transport, fd }
    }
}
