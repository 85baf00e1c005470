//! Reads replies from connections and writes requests to them, several connections at a time where that is possible.

use std::{
    io::{ErrorKind, Read},
    os::fd::{AsFd, OwnedFd},
};

use rustix::event::epoll::{self, EventData, EventFlags};

use super::{
    Agent, Driver, READ_BUFFER,
    batch::{BATCH_MAX, outcome},
    connection::Connection,
};
use crate::{clock::Nanos, error::Error, protocol::Unparsable, target::Stream};

/// Bytes that one connection may take of a read of several. Longer replies are read by themselves.
pub const SLOT: usize = READ_BUFFER / BATCH_MAX;

/// Composed requests are sent when they have this many bytes together.
const SEND_HIGH_BYTES: usize = 64 << 10;

impl Driver {
    /// Reads what has arrived at the connections that are ready.
    pub(super) fn receive_ready(&mut self, agent: &mut impl Agent) -> Result<(), Error> {
        if self.ready.len() > 1 {
            let mut ready = std::mem::take(&mut self.ready);
            for ids in ready.chunks(BATCH_MAX) {
                self.receive_batch(agent, ids)?;
            }
            ready.clear();
            self.ready = ready;
        } else {
            self.ready_alone.append(&mut self.ready);
        }
        while let Some(id) = self.ready_alone.pop() {
            while self.receive(agent, id, false)? {}
        }
        Ok(())
    }

    /// Reads once from each of these connections and lets the agent take what is complete. Those that may hold more are
    /// then to be read by themselves.
    fn receive_batch(&mut self, agent: &mut impl Agent, ids: &[usize]) -> Result<(), Error> {
        let Driver { batch: Some(batch), connections, inbox, clock, ready_alone, .. } = self else { return Ok(()) };
        let receives = ids.iter().zip(inbox.chunks_exact_mut(SLOT)).map(|(id, slot)| {
            let connection = &connections[*id];
            let (kept, room) = slot.split_at_mut(connection.tail.len());
            kept.copy_from_slice(&connection.tail);
            (connection.stream.as_fd(), room)
        });
        let outcomes = batch.receive(receives).map_err(Error::Poll)?;
        let now = clock.now();
        for ((&id, slot), code) in ids.iter().zip(inbox.chunks_exact(SLOT)).zip(outcomes) {
            let connection = &mut connections[id];
            let filled = match outcome(*code) {
                Ok(0) => return Err(Error::Closed(id)),
                Ok(read) => connection.tail.len() + read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    ready_alone.push(id);
                    continue;
                }
                Err(source) => return Err(Error::Io { connection: id, source }),
            };
            take(agent, id, connection, now, &slot[..filled])?;
            if filled == SLOT {
                ready_alone.push(id);
            }
        }
        Ok(())
    }

    /// Reads once and lets the agent take what is complete; says whether there may be more that no event will tell of.
    #[inline]
    pub(super) fn receive(&mut self, agent: &mut impl Agent, id: usize, ended: bool) -> Result<bool, Error> {
        let connection = &mut self.connections[id];
        let kept = connection.tail.len();
        self.inbox[..kept].copy_from_slice(&connection.tail);
        let filled = match connection.stream.read(&mut self.inbox[kept..]) {
            Ok(0) => return Err(Error::Closed(id)),
            Ok(read) => kept + read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(source) => return Err(Error::Io { connection: id, source }),
        };
        take(agent, id, connection, self.clock.now(), &self.inbox[..filled])?;
        if connection.tail.len() == self.inbox.len() {
            let source = Unparsable::new("a reply is longer than anything asked for", &connection.tail);
            return Err(Error::Protocol { connection: id, source });
        }
        // Less than there was room for was all.
        Ok(ended || filled == self.inbox.len() || connection.stream.holds_more())
    }

    /// Asks the agent for the requests of the connections in `wake` and writes them, each connection's in one piece.
    pub(super) fn send_woken(&mut self, agent: &mut impl Agent, wake: &mut Vec<usize>) -> Result<(), Error> {
        if wake.is_empty() {
            return Ok(());
        }
        let mut now = self.clock.now();
        for id in wake.drain(..) {
            // Of one connection the rest must not overtake what its socket has no room for.
            if self.connections[id].is_composed {
                self.send_composed()?;
            }
            let from = self.out.len();
            agent.requests(id, now, &mut self.out);
            if self.out.len() == from {
                continue;
            }
            self.connections[id].is_composed = true;
            self.composed.push((id, from..self.out.len()));
            let is_full = self.composed.len() == BATCH_MAX || self.out.len() >= SEND_HIGH_BYTES;
            if is_full || self.batch.is_none() {
                self.send_composed()?;
                now = self.clock.now();
            }
        }
        self.send_composed()
    }

    /// Writes the composed requests.
    fn send_composed(&mut self) -> Result<(), Error> {
        let Driver { batch, connections, composed, out, epoll, .. } = self;
        let mut outcomes = [].as_slice();
        if let Some(batch) = batch
            && composed.len() > 1
        {
            let sends =
                composed.iter().map(|(id, bytes)| (&connections[*id], bytes)).filter(|(to, _)| to.sends_at_once());
            let sends = sends.map(|(to, bytes)| (to.stream.as_fd(), &out[bytes.clone()]));
            outcomes = batch.send(sends).map_err(Error::Poll)?;
        }
        for (id, bytes) in composed.drain(..) {
            let (connection, bytes) = (&mut connections[id], &out[bytes]);
            connection.is_composed = false;
            let written = match outcomes.split_first() {
                Some((code, rest)) if connection.sends_at_once() => {
                    outcomes = rest;
                    connection.offered(bytes, outcome(*code))
                }
                _ => connection.write(bytes),
            };
            if written.map_err(|source| Error::Io { connection: id, source })? {
                watch_writable(epoll, id, connection, true)?;
            }
        }
        out.clear();
        Ok(())
    }

    /// Writes what an earlier write left over.
    pub(super) fn flush(&mut self, id: usize) -> Result<(), Error> {
        let connection = &mut self.connections[id];
        let pending = connection.flush().map_err(|source| Error::Io { connection: id, source })?;
        if pending { Ok(()) } else { watch_writable(&self.epoll, id, connection, false) }
    }
}

/// Lets the agent take what is complete of `input` and keeps the rest.
#[inline]
fn take(agent: &mut impl Agent, id: usize, connection: &mut Connection, now: Nanos, input: &[u8]) -> Result<(), Error> {
    let used = agent.replies(id, now, input).map_err(|source| Error::Protocol { connection: id, source })?;
    connection.keep(input, used);
    Ok(())
}

fn watch_writable(epoll: &OwnedFd, id: usize, connection: &mut Connection, on: bool) -> Result<(), Error> {
    if connection.watching_writable == on {
        return Ok(());
    }
    connection.watching_writable = on;
    epoll::modify(epoll, &connection.stream, EventData::new_u64(id as u64), interest(&connection.stream, on))
        .map_err(|error| Error::Poll(error.into()))
}

/// What is to be told of a stream. Of what arrives once, so that the kernel does not look at each stream a second time
/// before the next wait; a TLS stream may leave some in the socket.
pub(super) fn interest(stream: &Stream, writable: bool) -> EventFlags {
    let mut flags = EventFlags::IN | EventFlags::RDHUP;
    flags.set(EventFlags::OUT, writable);
    flags.set(EventFlags::ET, !stream.is_tls());
    flags
}
