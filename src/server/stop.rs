//! The orderly end: accept no more, answer everything that has arrived, close.

use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::SockRef;

use super::connection::Blocked;
use super::worker::Worker;

/// How long a stopping worker waits for readers of its last replies.
const DRAIN_PATIENCE: Duration = Duration::from_millis(1200);

/// How far a worker is on its way out.
pub(super) struct Stopping {
    /// When the last replies are no longer waited for, since the clock's start.
    pub(super) deadline: Duration,
    /// The other workers know that this one is done.
    pub(super) reported: bool,
}

impl Worker {
    pub(super) fn must_begin_to_stop(&self) -> bool {
        self.stopping.is_none() && self.shared.stopping.load(Ordering::Relaxed)
    }

    /// Begins to stop if the server is to: accepts no more, but goes on to receive and to answer.
    pub fn begin_to_stop(&mut self) {
        if !self.must_begin_to_stop() {
            return;
        }
        for index in 0..self.listeners.len() as u32 {
            self.ring.cancel_accept(index);
        }
        self.stopping = Some(Stopping { deadline: self.clock.elapsed() + DRAIN_PATIENCE, reported: false });
    }

    /// Whether this worker is on its way out.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// While stopping: closes the connections that are answered, all of them once patience is at its end, and
    /// returns whether every worker has come that far.
    pub fn is_drained(&mut self) -> bool {
        let Some(stopping) = &self.stopping else { return false };
        let late = self.clock.elapsed() >= stopping.deadline;
        if !stopping.reported {
            let numbers: Vec<u32> = self.dispatch.connections.numbers().collect();
            let mut waiting = !numbers.is_empty();
            if late || !self.ring.has_completions() {
                for number in numbers {
                    if late || self.is_answered(number) {
                        self.close(number);
                        self.free_if_over(number);
                    }
                }
                waiting = self.dispatch.connections.len() > 0;
            }
            if waiting && !late {
                return false;
            }
            if let Some(stopping) = &mut self.stopping {
                stopping.reported = true;
            }
            self.shared.drained.fetch_add(1, Ordering::Relaxed);
        }
        late || self.shared.drained.load(Ordering::Relaxed) == self.dispatch.router.shards()
    }

    /// Whether everything a connection has sent so far is answered.
    pub(super) fn is_answered(&mut self, number: u32) -> bool {
        let connection = self.dispatch.connections.at(number);
        if connection.sending
            || connection.ready
            || connection.blocked != Blocked::No
            || !connection.out.is_empty()
            || connection.has_queue()
        {
            return false;
        }
        let mut byte = [MaybeUninit::uninit()];
        let peek = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        !matches!(SockRef::from(&connection.socket()).recv_with_flags(&mut byte, peek), Ok(1))
    }
}
