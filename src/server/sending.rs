//! Replies that go out: one send in flight for each connection.

use std::io;

use super::answers::Outlet;
use super::connection::{Blocked, Closing, Connection};
use super::dispatch::touch;
use super::limits::OUTPUT_HELD_BYTES;
use super::ring::{Outgoing, Part, Parts};
use super::worker::Worker;

impl Worker {
    /// One send for each connection that has something to say and none in flight.
    pub(super) fn send(&mut self) {
        let mut touched = std::mem::take(&mut self.sends);
        std::mem::swap(&mut touched, &mut self.dispatch.touched);
        for number in touched.drain(..) {
            if !self.dispatch.connections.contains(number) {
                continue;
            }
            let connection = self.dispatch.connections.at(number);
            connection.touched = false;
            let sending = connection.sending;
            let mut lent = Vec::new();
            self.dispatch.advance(number, if sending { Outlet::Busy } else { Outlet::Free(&mut lent) });
            let connection = self.dispatch.connections.at(number);
            if !lent.is_empty() {
                self.send_lent(number, lent);
            } else if !sending && !connection.out.is_empty() && !holds_back(connection) {
                let bytes = std::mem::take(&mut connection.out);
                connection.sending = true;
                self.dispatch.router.traffic_mut().bytes_written += bytes.len() as u64;
                let connection = self.dispatch.connections.at(number);
                self.ring.send(number, connection.socket(), Outgoing::Bytes(bytes));
            } else if connection.out.is_empty() {
                // Taken for a reply that turned out to be silence.
                self.dispatch.pool.give(std::mem::take(&mut connection.out));
            }
            let connection = self.dispatch.connections.at(number);
            let input_is_done = connection.blocked == Blocked::No && !connection.ready && connection.input == 0;
            if connection.ended && input_is_done && connection.is_open() {
                connection.closing = Closing::AfterReplies;
            }
            let replied = !connection.sending && connection.out.is_empty() && !connection.has_queue();
            if connection.closing == Closing::AfterReplies && replied {
                self.close(number);
            }
            self.free_if_over(number);
        }
        self.sends = touched;
    }

    /// Sends parts with what the store has lent, and the output behind them.
    #[inline(never)]
    fn send_lent(&mut self, number: u32, mut parts: Vec<Part>) {
        let connection = self.dispatch.connections.at(number);
        connection.sending = true;
        parts.push(Part::Bytes(std::mem::take(&mut connection.out)));
        let outgoing = Outgoing::parts(parts);
        self.dispatch.router.traffic_mut().bytes_written += outgoing.total_len() as u64;
        self.ring.send(number, connection.socket(), outgoing);
    }

    pub(super) fn sent(&mut self, number: u32, result: io::Result<usize>, outgoing: Outgoing) {
        let connection = self.dispatch.connections.at(number);
        connection.sending = false;
        let whole = matches!(result, Ok(n) if n == outgoing.total_len());
        match outgoing {
            Outgoing::Bytes(bytes) => self.dispatch.pool.give(bytes),
            Outgoing::Parts(several) => self.take_apart(*several),
        }
        let connection = self.dispatch.connections.at(number);
        if !whole {
            self.close(number);
        } else if !connection.out.is_empty()
            || connection.queue.is_some()
            || connection.watcher.is_some()
            || connection.closing != Closing::No
            || connection.blocked == Blocked::Replies
        {
            touch(connection, &mut self.dispatch.touched, number);
        }
        self.free_if_over(number);
    }

    #[inline(never)]
    fn take_apart(&mut self, several: Parts) {
        for part in several.into_parts() {
            match part {
                Part::Bytes(bytes) => self.dispatch.pool.give(bytes),
                Part::Lent(lent) => self.dispatch.router.take_back(lent),
            }
        }
    }
}

/// Whether a connection's output waits for answers of other shards, to be sent together with them.
fn holds_back(connection: &mut Connection) -> bool {
    let Some(queue) = &mut connection.queue else { return false };
    if connection.out.len() >= OUTPUT_HELD_BYTES {
        queue.let_go();
        return false;
    }
    queue.holds_back()
}
