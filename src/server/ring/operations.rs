//! What the kernel is asked to do. Each operation is queued, and its memory the ring's until it has completed; only
//! [`Ring::receive_now`] is done on the spot.

use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::{opcode, squeue, types};

use super::buffers::{self, BufferId};
use super::direct;
use super::outgoing::Outgoing;
use super::queues::Ring;
use super::timer::Timer;
use super::user_data::{
    KIND_ACCEPT, KIND_CANCEL_ACCEPT, KIND_CANCEL_RECEIVE, KIND_CANCEL_SEND, KIND_RECEIVE, KIND_SEND, KIND_TIMER,
    user_data,
};

impl Ring {
    /// Arms a multishot accept on `listener`, which must stay open while it is armed.
    pub fn accept(&mut self, index: u32, listener: BorrowedFd<'_>) {
        let entry = opcode::AcceptMulti::new(types::Fd(listener.as_raw_fd())).flags(libc::SOCK_CLOEXEC).build();
        self.push(entry.user_data(user_data(KIND_ACCEPT, index)));
    }

    /// Asks for the next bytes of `connection` on `socket`. One completion comes of it, and the next bytes must be
    /// asked for again. Not a multishot receive: under load, Linux 6.18 was seen to keep one from a peer's end of
    /// stream for ever, and it cost as much.
    pub fn receive(&mut self, connection: u32, socket: BorrowedFd<'_>) {
        let entry = opcode::Recv::new(types::Fd(socket.as_raw_fd()), std::ptr::null_mut(), buffers::SIZE as u32)
            .buf_group(buffers::GROUP)
            .build()
            .flags(squeue::Flags::BUFFER_SELECT);
        self.push(entry.user_data(user_data(KIND_RECEIVE, connection)));
    }

    /// Takes what has arrived on `socket` without waiting: first into `room`, then, if one is given, into a
    /// buffer whose bytes are no longer needed. Returns how many bytes went to either. There must be no receive in flight. The
    /// end of the stream and errors are left for the next receive to tell.
    pub fn receive_now(&mut self, socket: BorrowedFd<'_>, room: &mut [u8], id: Option<&BufferId>) -> (usize, usize) {
        let room_len = room.len();
        let rest = id.map_or(&mut [][..], |id| self.buffers.bytes_mut(id));
        let received = direct::receive(socket, room, rest).unwrap_or(0);
        (received.min(room_len), received.saturating_sub(room_len))
    }

    /// Whether a receive of so many bytes has filled its buffer, so that more may have arrived.
    pub fn is_full(len: usize) -> bool {
        len == buffers::SIZE
    }

    /// Ends the receive in flight of `connection`; its completion says so. The kernel may fail to find it while it
    /// passes it from one queue to another: then [`Completion::CancelMissed`] comes instead, and the caller is to
    /// try again.
    pub fn cancel_receive(&mut self, connection: u32) {
        let entry = opcode::AsyncCancel::new(user_data(KIND_RECEIVE, connection)).build();
        self.push(entry.user_data(user_data(KIND_CANCEL_RECEIVE, connection)));
    }

    /// Ends the send in flight of `connection`; its completion says how far it got. May miss, as
    /// [`cancel_receive`](Self::cancel_receive).
    pub fn cancel_send(&mut self, connection: u32) {
        let entry = opcode::AsyncCancel::new(user_data(KIND_SEND, connection)).build();
        self.push(entry.user_data(user_data(KIND_CANCEL_SEND, connection)));
    }

    /// Ends the armed accept of listener `index`.
    pub fn cancel_accept(&mut self, index: u32) {
        let entry = opcode::AsyncCancel::new(user_data(KIND_ACCEPT, index)).build();
        self.push(entry.user_data(user_data(KIND_CANCEL_ACCEPT, index)));
    }

    /// Queues what is to be sent. At most one send per connection may be in flight.
    ///
    /// # Panics
    /// If `connection` has a send in flight.
    pub fn send(&mut self, connection: u32, socket: BorrowedFd<'_>, mut outgoing: Outgoing) {
        let flags = libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
        let fd = types::Fd(socket.as_raw_fd());
        let entry = match &mut outgoing {
            Outgoing::Bytes(bytes) => {
                self.sending_bytes += bytes.capacity();
                let len = u32::try_from(bytes.len()).expect("an output buffer is far below 4 GiB");
                opcode::Send::new(fd, bytes.as_ptr(), len).flags(flags).build()
            }
            Outgoing::Parts(several) => {
                self.sending_bytes += several.memory_bytes();
                opcode::SendMsg::new(fd, several.header()).flags(flags as u32).build()
            }
        };
        assert!(self.sending.insert(connection, outgoing).is_none(), "one send per connection");
        self.sends_in_flight += 1;
        self.push(entry.user_data(user_data(KIND_SEND, connection)));
    }

    /// Wakes the owner once, that long after the next [`kick`](Self::kick) or [`wait`](Self::wait).
    pub fn wake_after(&mut self, timer: Timer) {
        let (time, index) = timer.time_and_index();
        self.push(opcode::Timeout::new(time).build().user_data(user_data(KIND_TIMER, index)));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::super::testing::{ring, wait};
    use super::super::{Completion, Outgoing};

    #[test]
    fn echoes_through_provided_buffers() {
        let (mut ring, _event) = ring();
        let (here, mut there) = UnixStream::pair().expect("pair");
        ring.receive(7, here.as_fd());
        there.write_all(b"hello").expect("write");
        let Completion::Received { connection: 7, result: Ok(5), buffer: Some(id) } = wait(&mut ring, 1).remove(0)
        else {
            panic!("not a receive");
        };
        let echo = ring.buffer(&id, 5).to_vec();
        ring.recycle(id);
        ring.publish_buffers();
        ring.send(7, here.as_fd(), Outgoing::Bytes(echo));
        assert_eq!(ring.sends_in_flight(), 1);
        let Completion::Sent { connection: 7, result: Ok(5), .. } = wait(&mut ring, 1).remove(0) else {
            panic!("not a send");
        };
        assert_eq!(ring.sends_in_flight(), 0);
        let mut got = [0; 5];
        there.read_exact(&mut got).expect("read");
        assert_eq!(&got, b"hello");
    }

    #[test]
    fn a_slow_reader_gets_all_of_a_long_send_in_one_completion() {
        let (mut ring, _event) = ring();
        let (here, mut there) = UnixStream::pair().expect("pair");
        let long: Vec<u8> = (0..4_000_000u32).map(|i| i as u8).collect();
        ring.send(3, here.as_fd(), Outgoing::Bytes(long.clone()));
        ring.kick().expect("enter");
        let reader = std::thread::spawn(move || {
            let mut got = vec![0; 4_000_000];
            there.read_exact(&mut got).expect("read");
            got
        });
        let c = wait(&mut ring, 1).remove(0);
        assert!(matches!(c, Completion::Sent { connection: 3, result: Ok(4_000_000), .. }));
        assert_eq!(reader.join().expect("reader"), long);
    }

    #[test]
    fn a_cancelled_receive_says_so() {
        let (mut ring, _event) = ring();
        let (here, _there) = UnixStream::pair().expect("pair");
        ring.receive(9, here.as_fd());
        ring.kick().expect("enter");
        ring.cancel_receive(9);
        let c = wait(&mut ring, 1).remove(0);
        let Completion::Received { connection: 9, result: Err(e), .. } = c else { panic!("not ended") };
        assert_eq!(e.raw_os_error(), Some(libc::ECANCELED));
    }

    /// A cancellation that came while the kernel had the receive between two queues was taken for done: the
    /// connection waited for the receive's end for ever, and its client for the connection's.
    #[test]
    fn a_cancellation_that_finds_nothing_says_so() {
        let (mut ring, _event) = ring();
        ring.cancel_receive(5);
        assert!(matches!(wait(&mut ring, 1).remove(0), Completion::CancelMissed { connection: 5, send: false }));
        ring.cancel_send(6);
        assert!(matches!(wait(&mut ring, 1).remove(0), Completion::CancelMissed { connection: 6, send: true }));
    }

    #[test]
    fn accepts_many_from_one_arming() {
        let (mut ring, _event) = ring();
        let dir = std::env::temp_dir().join(format!("ringcached-ring-{}", std::process::id()));
        let listener = UnixListener::bind(&dir).expect("bind");
        ring.accept(4, listener.as_fd());
        let clients: Vec<_> = (0..3).map(|_| UnixStream::connect(&dir).expect("connect")).collect();
        for c in wait(&mut ring, clients.len()) {
            assert!(matches!(c, Completion::Accepted { listener: 4, result: Ok(_), armed: true }));
        }
        std::fs::remove_file(&dir).expect("remove");
    }
}
