//! What comes back: completions, each with what is its owner's again.

#![allow(unsafe_code)] // An accepted descriptor comes as a number.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use io_uring::cqueue;

use super::buffers::BufferId;
use super::outgoing::Outgoing;
use super::queues::Ring;
use super::timer::Timer;
use super::user_data::{
    KIND_ACCEPT, KIND_CANCEL_RECEIVE, KIND_CANCEL_SEND, KIND_EVENT, KIND_RECEIVE, KIND_SEND, KIND_TIMER, split,
};

/// What the kernel has finished.
pub enum Completion {
    /// A connection was accepted, or accepting failed.
    Accepted {
        /// Index of the listener as given to [`Ring::accept`].
        listener: u32,
        /// The connection, or why there is none.
        result: io::Result<OwnedFd>,
        /// Whether the accept is still armed.
        armed: bool,
    },
    /// Bytes arrived (`Ok(0)`: the peer closed its side), or receiving failed.
    Received {
        /// The connection as given to [`Ring::receive`].
        connection: u32,
        /// Bytes received.
        result: io::Result<usize>,
        /// The provided buffer they are in, to be given back by [`Ring::recycle`].
        buffer: Option<BufferId>,
    },
    /// A send is over.
    Sent {
        /// The connection as given to [`Ring::send`].
        connection: u32,
        /// Bytes sent.
        result: io::Result<usize>,
        /// What was sent: buffers to be used again, and pieces to be given back to the store.
        outgoing: Outgoing,
    },
    /// An operation that was to be cancelled was not found: it is over, or it was in passage within the kernel.
    CancelMissed {
        /// The connection as given to the cancelling method.
        connection: u32,
        /// Whether it was the send, not the receive.
        send: bool,
    },
    /// A time is over.
    Timer(Timer),
}

impl Ring {
    /// Takes at most `max` posted completions, in the order in which they were posted.
    pub fn reap(&mut self, max: usize, out: &mut Vec<Completion>) {
        let Ring { uring, sending, sends_in_flight, sending_bytes, buffers, awaits_event, .. } = self;
        for entry in uring.completion().take(max) {
            let (kind, index) = split(entry.user_data());
            let armed = cqueue::more(entry.flags());
            let code = entry.result();
            let result = if code < 0 { Err(io::Error::from_raw_os_error(-code)) } else { Ok(code as usize) };
            match kind {
                KIND_RECEIVE => {
                    let buffer = cqueue::buffer_select(entry.flags()).map(|id| buffers.take(id));
                    if code == -libc::ENOBUFS {
                        buffers.want_more();
                    }
                    out.push(Completion::Received { connection: index, result, buffer });
                }
                KIND_SEND => {
                    let outgoing = sending.remove(index).expect("a send completes once");
                    *sends_in_flight -= 1;
                    *sending_bytes -= outgoing.memory_bytes();
                    out.push(Completion::Sent { connection: index, result, outgoing });
                }
                KIND_ACCEPT => {
                    // SAFETY: the kernel has just made this descriptor for us, and nobody else has it.
                    let result = result.map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) });
                    out.push(Completion::Accepted { listener: index, result, armed });
                }
                KIND_CANCEL_RECEIVE | KIND_CANCEL_SEND if result.is_err() => {
                    out.push(Completion::CancelMissed { connection: index, send: kind == KIND_CANCEL_SEND });
                }
                KIND_EVENT => *awaits_event = false,
                KIND_TIMER => out.push(Completion::Timer(Timer::from_index(index))),
                // A cancellation that was carried out says nothing that the cancelled operation does not.
                _ => {}
            }
        }
    }

    /// Whether completions are posted that [`reap`](Self::reap) has not taken.
    pub fn has_completions(&mut self) -> bool {
        !self.uring.completion().is_empty()
    }
}
