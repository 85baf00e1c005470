//! Connections that come: taken in, handed to another shard, or turned away at the limit.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use super::worker::Worker;
use crate::protocol::memcache::Streams;

/// Sent to a connection over the limit, which is then closed.
const TOO_MANY_CONNECTIONS: &[u8] = b"ERROR Too many open connections\r\n";

impl Worker {
    pub(super) fn accepted(&mut self, listener: u32, result: io::Result<OwnedFd>, armed: bool) {
        let refused = result.is_err();
        if let Ok(socket) = result {
            self.admit(listener, socket);
        }
        if armed || self.stopping.is_some() {
            return;
        }
        if refused {
            // Out of descriptors, as a rule: trying at once would fail at once.
            self.dispatch.router.traffic_mut().accept_failures += 1;
            self.resting_listeners.push(listener);
        } else {
            self.ring.accept(listener, self.listeners[listener as usize].as_fd());
        }
    }

    /// Takes a connection in, hands it to another shard, or turns it away at the limit.
    fn admit(&mut self, listener: u32, socket: OwnedFd) {
        if self.stopping.is_some() {
            return;
        }
        let traffic = self.dispatch.router.traffic_mut();
        if self.shared.connections.fetch_add(1, Ordering::Relaxed) >= self.shared.connection_limit {
            self.shared.connections.fetch_sub(1, Ordering::Relaxed);
            traffic.rejected_connections += 1;
            let socket = socket2::Socket::from(socket);
            // A courtesy: the socket's buffer is empty, so either all of it goes out or the peer is gone.
            let _ = socket.set_nonblocking(true);
            let _ = (&socket).write(TOO_MANY_CONNECTIONS);
            return;
        }
        let (own, is_shared) = (self.dispatch.router.own(), (listener as usize) < self.shared_listeners);
        if is_shared && self.dispatch.rules.balances_connections {
            let shard = self.shared.spread.choose(own);
            if shard != own {
                self.shared.spread.hand(shard, socket);
                self.dispatch.router.wake(shard);
                self.dispatch.router.traffic_mut().handed_connections += 1;
                return;
            }
        }
        self.shared.spread.count(own);
        self.take_in(socket);
    }

    /// Takes in what other shards have handed over.
    pub(super) fn take_handed(&mut self) {
        let own = self.dispatch.router.own();
        if !self.shared.spread.has_handed(own) {
            return;
        }
        for socket in self.shared.spread.take(own) {
            if self.stopping.is_some() {
                self.shared.spread.discount(own);
                self.shared.connections.fetch_sub(1, Ordering::Relaxed);
            } else {
                self.take_in(socket);
            }
        }
    }

    fn take_in(&mut self, socket: OwnedFd) {
        let traffic = self.dispatch.router.traffic_mut();
        traffic.total_connections += 1;
        traffic.curr_connections += 1;
        let number = self.dispatch.connections.insert(socket);
        self.dispatch.connections.at(number).last_input = self.dispatch.now.seconds;
        self.rearm.push(number);
        if self.dispatch.watch.wants(Streams::CONNEVENTS) {
            let connection = self.dispatch.connections.at(number);
            self.dispatch.watch.note_connection(connection, None);
        }
    }
}
