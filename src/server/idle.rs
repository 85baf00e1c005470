//! `-o idle_timeout`: closing connections that have been silent for long.

use super::connection::{Blocked, Connection, Intake};
use super::limits::IDLE_LOOKS_PER_TICK;
use super::worker::Worker;
use crate::clock::Seconds;
use crate::protocol::memcache::Need;

impl Worker {
    /// Closes the connections whose time is over. Looks at a bounded number of them, those next in turn.
    pub(super) fn close_idle(&mut self) {
        let timeout = self.dispatch.rules.idle_timeout_seconds;
        if timeout == 0 || self.stopping.is_some() {
            return;
        }
        let now = self.dispatch.now.seconds;
        let looked_at = self.dispatch.connections.next_numbers(&mut self.idle_cursor, IDLE_LOOKS_PER_TICK);
        for number in looked_at {
            if is_idle(self.dispatch.connections.at(number), now, timeout) {
                self.dispatch.router.traffic_mut().idle_kicks += 1;
                self.close_because(number, "idle_timeout");
                self.free_if_over(number);
            }
        }
    }
}

/// Whether the connection waits for a command, and has for longer than `timeout` seconds. Who waits for us is not
/// idle, nor is who has sent half a value.
fn is_idle(connection: &Connection, now: Seconds, timeout: u32) -> bool {
    connection.is_open()
        && !connection.sending
        && !connection.ready
        && connection.blocked == Blocked::No
        && connection.out.is_empty()
        && !connection.has_queue()
        && matches!(connection.intake, Intake::Commands)
        && !matches!(connection.need, Some(Need::Bytes(_)))
        && now.0.saturating_sub(connection.last_input.0) > timeout
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn silence_counts_only_where_a_command_is_awaited() {
        let (socket, _) = UnixStream::pair().expect("a socket");
        let mut connection = Connection::new(socket.into(), 1);
        connection.last_input = Seconds(100);
        assert!(!is_idle(&connection, Seconds(103), 3), "not longer than the timeout");
        assert!(is_idle(&connection, Seconds(104), 3));
        connection.intake = Intake::Discard(5);
        assert!(!is_idle(&connection, Seconds(200), 3), "half a value was sent");
        connection.intake = Intake::Commands;
        connection.need = Some(Need::Bytes(50));
        assert!(!is_idle(&connection, Seconds(200), 3), "as is half of a small one");
        connection.need = Some(Need::Newline);
        assert!(is_idle(&connection, Seconds(200), 3), "half a line is none");
        connection.sending = true;
        assert!(!is_idle(&connection, Seconds(200), 3), "it waits for us");
        connection.sending = false;
        connection.blocked = Blocked::Mesh;
        assert!(!is_idle(&connection, Seconds(200), 3), "it waits for another shard");
    }
}
