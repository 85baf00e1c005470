//! Connections that end: their operations are cancelled, and their place is freed with the last of those.

use std::sync::atomic::Ordering;

use super::connection::Closing;
use super::dispatch::touch;
use super::worker::Worker;
use crate::protocol::memcache::Streams;

impl Worker {
    /// Ends a connection at once.
    pub(super) fn close(&mut self, number: u32) {
        let reason = match self.dispatch.connections.at(number).closing {
            _ if self.stopping.is_some() => "shutdown",
            Closing::AfterReplies => "normal",
            Closing::No | Closing::Now => "error",
        };
        self.close_because(number, reason);
    }

    /// Ends a connection at once, for this reason as watchers are told it.
    pub(super) fn close_because(&mut self, number: u32, reason: &'static str) {
        let connection = self.dispatch.connections.at(number);
        if connection.closing == Closing::Now {
            return;
        }
        if self.dispatch.watch.wants(Streams::CONNEVENTS) {
            self.dispatch.watch.note_connection(connection, Some(reason));
        }
        self.dispatch.abandon(number);
        let connection = self.dispatch.connections.at(number);
        touch(connection, &mut self.dispatch.touched, number);
        // The place is freed with the last operation's completion. Not by a shutdown, which would take what the
        // peer still sends without telling it: closing a socket with unread data resets the connection.
        let (receiving, sending) = (connection.receiving, connection.sending);
        if receiving {
            self.ring.cancel_receive(number);
        }
        if sending {
            self.ring.cancel_send(number);
        }
    }

    /// Cancels again what was to be cancelled and has not ended.
    pub(super) fn cancel_again(&mut self, number: u32, send: bool) {
        if !self.dispatch.connections.contains(number) {
            return;
        }
        let connection = self.dispatch.connections.at(number);
        if connection.closing != Closing::Now {
            return;
        }
        let (receiving, sending) = (connection.receiving, connection.sending);
        match send {
            true if sending => self.ring.cancel_send(number),
            false if receiving => self.ring.cancel_receive(number),
            _ => {}
        }
    }

    pub(super) fn free_if_over(&mut self, number: u32) {
        if !self.dispatch.connections.contains(number) {
            return;
        }
        let connection = self.dispatch.connections.at(number);
        if connection.closing != Closing::Now || connection.receiving || connection.sending || connection.input != 0 {
            return;
        }
        self.dispatch.connections.remove(number);
        self.dispatch.router.traffic_mut().curr_connections -= 1;
        self.shared.spread.discount(self.dispatch.router.own());
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
