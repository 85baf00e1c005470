//! Replies that go out: one send in flight for each connection.

use std::io;

use super::answers::Outlet;
use super::connection::{Blocked, Closing, Connection};
use super::dispatch::touch;
use super::limits::OUTPUT_HELD_BYTES;
use super::ring::{Outgoing, Part};
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
            self.dispatch.connections.at(number).touched = false;
            let mut lent = Vec::new();
            let sending = self.dispatch.connections.at(number).sending;
            self.dispatch.advance(number, if sending { Outlet::Busy } else { Outlet::Free(&mut lent) });
            let connection = self.dispatch.connections.at(number);
            if !lent.is_empty() || (!sending && !connection.out.is_empty() && !holds_back(connection)) {
                let bytes = std::mem::take(&mut connection.out);
                let outgoing = if lent.is_empty() {
                    Outgoing::Bytes(bytes)
                } else {
                    lent.push(Part::Bytes(bytes));
                    Outgoing::parts(lent)
                };
                connection.sending = true;
                self.dispatch.router.traffic_mut().bytes_written += outgoing.total_len() as u64;
                let connection = self.dispatch.connections.at(number);
                self.ring.send(number, connection.socket(), outgoing);
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

    pub(super) fn sent(&mut self, number: u32, result: io::Result<usize>, outgoing: Outgoing) {
        let connection = self.dispatch.connections.at(number);
        connection.sending = false;
        let whole = matches!(result, Ok(n) if n == outgoing.total_len());
        for part in outgoing.into_parts() {
            match part {
                Part::Bytes(bytes) => self.dispatch.pool.give(bytes),
                Part::Lent(lent) => self.dispatch.router.take_back(lent),
            }
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
