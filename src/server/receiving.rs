//! Bytes that arrive, and who is asked for more.

use std::io;

use super::connection::Blocked;
use super::dispatch::touch;
use super::limits::INPUT_HIGH_BYTES;
use super::ring::BufferId;
use super::worker::Worker;

impl Worker {
    pub(super) fn received(&mut self, number: u32, result: io::Result<usize>, buffer: Option<BufferId>) {
        let connection = self.dispatch.connections.at(number);
        connection.receiving = false;
        self.rearm.push(number);
        let open = connection.is_open();
        match (result, buffer) {
            (Ok(len), Some(id)) if len > 0 => {
                self.dispatch.router.traffic_mut().bytes_read += len as u64;
                if open {
                    self.arrived(number, id, len);
                } else {
                    self.ring.recycle(id);
                }
            }
            (Ok(_), buffer) => {
                buffer.into_iter().for_each(|id| self.ring.recycle(id));
                connection.ended = true;
                touch(connection, &mut self.dispatch.touched, number);
            }
            (Err(error), buffer) => {
                buffer.into_iter().for_each(|id| self.ring.recycle(id));
                // Out of buffers, or asked to end: the connection itself is well.
                let well = matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::ECANCELED | libc::EAGAIN));
                if !well {
                    self.close(number);
                }
            }
        }
        self.free_if_over(number);
    }

    /// Asks for more of the connections whose input allows it. Who is not asked is not read from.
    pub(super) fn rearm(&mut self) {
        let mut rearm = std::mem::take(&mut self.rearm);
        for number in rearm.drain(..) {
            if !self.dispatch.connections.contains(number) {
                continue;
            }
            let connection = self.dispatch.connections.at(number);
            if connection.ended || !connection.is_open() {
                continue;
            }
            let stuck = connection.blocked != Blocked::No || connection.ready;
            let full = stuck && connection.tail.len() > INPUT_HIGH_BYTES;
            if !full && !connection.receiving {
                connection.receiving = true;
                let connection = self.dispatch.connections.at(number);
                self.ring.receive(number, connection.socket());
            }
        }
        self.rearm = rearm;
    }
}
