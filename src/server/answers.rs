//! Answers on their way to the client: from other shards into their places, and out in request order.

use super::connection::Blocked;
use super::dispatch::{Dispatch, encode_whole, output, touch};
use super::dump::Progress;
use super::limits::{LENT_BYTES_MAX, OUTPUT_HIGH_BYTES, OUTPUT_LOW_BYTES, REPLIES_OUTSTANDING_MAX};
use super::pool::OutputPool;
use super::replies::{Front, Stream};
use super::ring::{PARTS_MAX, Part};
use super::ticket::{Ticket, WorkerRouter};
use crate::command::{Hit, Reply, Value};
use crate::protocol::memcache::{self, Encoded};
use crate::router::{Answer, Errand};

/// Room for what ends a value.
const TAIL_ROOM_BYTES: usize = 64;

/// Where a connection's replies go.
pub(super) enum Outlet<'a> {
    /// They collect in the output, while an earlier part of it is being sent. A LARGE value that can be lent waits.
    Busy,
    /// They are sent next: parts with LARGE values by reference, and then the output. None, unless there are such values.
    Free(&'a mut Vec<Part>),
    /// LARGE values are copied to the output, too.
    #[cfg(test)]
    Copied,
}

/// Whether one send takes no more values by reference. Each is two parts, and the output behind them is one.
fn is_full(parts: &[Part]) -> bool {
    let lent_bytes: usize = parts.iter().map(|part| if let Part::Lent(lent) = part { lent.len() } else { 0 }).sum();
    parts.len() + 2 >= PARTS_MAX || lent_bytes >= LENT_BYTES_MAX
}

/// Lends a pinned value from a byte on to the next send, as far as that takes it. Returns the byte to go on from.
fn lend(
    pin: u32,
    mut written: u64,
    router: &mut WorkerRouter,
    parts: &mut Vec<Part>,
    out: &mut Vec<u8>,
    pool: &mut OutputPool,
) -> u64 {
    while !is_full(parts)
        && let Some(lent) = router.lend(pin, written)
    {
        written += lent.len() as u64;
        if !out.is_empty() {
            pool.note(out.len());
            parts.push(Part::Bytes(std::mem::replace(out, pool.take())));
        }
        parts.push(Part::Lent(lent));
    }
    written
}

impl Dispatch {
    /// Reads the batches that came back from other shards.
    pub(super) fn take_replies(&mut self) {
        let mut nanos = None;
        while let Some((owner, batch)) = self.router.take_reply() {
            let nanos = *nanos.get_or_insert_with(|| self.stopwatch.read());
            self.stopwatch.answered(batch.stamp(), nanos, batch.kinds());
            for (ticket, answer) in batch.answers() {
                self.take_answer(owner, ticket, &answer);
            }
            self.router.reuse(owner, batch);
        }
        self.pay_owed();
        if self.router.has_room_everywhere() {
            for number in std::mem::take(&mut self.mesh_blocked) {
                if self.connections.contains(number) && self.connections.at(number).blocked == Blocked::Mesh {
                    self.unblock(number);
                }
            }
        }
    }

    pub(super) fn take_answer(&mut self, owner: usize, ticket: Ticket, answer: &Answer<'_>) {
        match (ticket, answer) {
            (Ticket::Reply { connection, generation, sequence, .. }, Answer::Written(reply)) => {
                self.fill(connection, generation, sequence, |out| out.extend_from_slice(reply));
            }
            (Ticket::Reply { connection, generation, sequence, form }, Answer::Reply(key, meta, reply)) => {
                let form = form.with(meta);
                if let Reply::Hit(Hit { value: Value::Pinned { len, pin }, .. }) = *reply {
                    let stream = Stream { owner, pin, len, written: 0, asked: false, form: form.tag };
                    let mut encoded = Encoded::Done;
                    if let Some(found) = self.connections.find(connection, generation)
                        && let Some(queue) = &mut found.queue
                    {
                        let write_head = |out: &mut Vec<u8>| memcache::encode(form, key, reply, out);
                        encoded = queue.fill_stream(sequence, stream, write_head);
                        touch(found, &mut self.touched, connection);
                    }
                    if encoded == Encoded::Done {
                        self.owe(owner, Errand::Unpin(pin));
                    }
                } else {
                    self.fill(connection, generation, sequence, |out| encode_whole(form, key, reply, out));
                }
            }
            (Ticket::Piece { connection, generation }, Answer::Piece(piece)) => {
                if let Some(found) = self.connections.find(connection, generation)
                    && let Some(stream) = found.queue.as_mut().and_then(|queue| queue.front_stream())
                {
                    stream.asked = false;
                    stream.written += piece.len() as u64;
                    if piece.is_empty() {
                        self.break_off(connection);
                        return;
                    }
                    output(found, &mut self.pool).extend_from_slice(piece);
                    touch(found, &mut self.touched, connection);
                }
            }
            (Ticket::Dump { connection, generation }, Answer::Listed(lines, walk, more)) => {
                self.take_dump_piece(connection, generation, lines, *walk, *more);
            }
            (Ticket::Gather(id), answer) => {
                if let Answer::Outcome(outcome) = answer {
                    self.gathers.add(id, owner, (*outcome).clone());
                }
                self.finish_gather(id);
            }
            _ => {}
        }
    }

    /// Puts an outstanding reply in its place.
    pub(super) fn fill(&mut self, number: u32, generation: u32, sequence: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let Dispatch { connections, pool, touched, .. } = self;
        let Some(connection) = connections.find(number, generation) else { return };
        let Some(queue) = &mut connection.queue else { return };
        if queue.is_front(sequence) && connection.out.len() < OUTPUT_HIGH_BYTES {
            queue.pop_front();
            write(output(connection, pool));
            // Those behind it that are ready follow at once, so that the next answer finds itself first, too.
            if let Some(queue) = &mut connection.queue {
                queue.drain_ready(&mut connection.out, OUTPUT_HIGH_BYTES);
            }
        } else {
            queue.fill(sequence, write);
        }
        touch(connection, touched, number);
    }

    /// Moves what is ready of a connection's queue to its output.
    pub(super) fn advance(&mut self, number: u32, mut outlet: Outlet<'_>) {
        let Dispatch { connections, pool, router, dumps, touched, .. } = self;
        let high_bytes = pool.high_bytes();
        let connection = connections.at(number);
        if let Some(watcher) = connection.watcher.clone() {
            watcher.drain(output(connection, pool));
        }
        while let Some(queue) = &mut connection.queue {
            if connection.out.capacity() == 0 && !queue.is_empty() {
                connection.out = pool.take();
            }
            let stream = match queue.drain_ready(&mut connection.out, high_bytes) {
                Front::Empty => {
                    connection.queue.take().into_iter().for_each(|queue| pool.give_queue(queue));
                    break;
                }
                Front::Waiting => break,
                Front::Stream(stream) => stream,
                Front::Dump(id) => match dumps.go_on(id, number, connection, router, self.now) {
                    Progress::Waiting => break,
                    Progress::GoesOn => {
                        touch(connection, touched, number);
                        break;
                    }
                    Progress::Full => {
                        self.block_on_mesh(number);
                        return;
                    }
                    Progress::Over => {
                        if let Some(queue) = &mut connection.queue {
                            queue.pop_front();
                        }
                        dumps.remove(id, &self.shared);
                        continue;
                    }
                },
            };
            let Stream { owner, pin, len, mut written, asked, form } = stream;
            if owner == router.own() {
                let lends = router.lends(pin);
                match &mut outlet {
                    Outlet::Busy if lends => break,
                    Outlet::Free(parts) if lends => {
                        written = lend(pin, written, router, parts, &mut connection.out, pool);
                        // Where too many are lent, the rest is copied.
                        if written < len && is_full(parts) {
                            if let Some(stream) = queue.front_stream() {
                                stream.written = written;
                            }
                            break;
                        }
                    }
                    _ => {}
                }
                let (waiting, room) = (connection.out.len(), connection.out.capacity() - connection.out.len());
                if len - written > room as u64 && waiting < high_bytes {
                    // As much as it may be, or it would double to more.
                    connection.out.reserve_exact(high_bytes - waiting + TAIL_ROOM_BYTES);
                }
                while written < len && connection.out.len() < high_bytes {
                    let run = router.pinned_read(pin, written);
                    let room = high_bytes - connection.out.len();
                    let run = &run[..run.len().min(room)];
                    if run.is_empty() {
                        self.break_off(number);
                        return;
                    }
                    connection.out.extend_from_slice(run);
                    written += run.len() as u64;
                }
            } else if written < len && !asked && connection.out.len() < high_bytes {
                let ticket = Ticket::Piece { connection: number, generation: connection.generation };
                let sent = router.forward(owner, ticket, &Errand::PinRead(pin, written)).is_ok();
                if let Some(stream) = queue.front_stream() {
                    stream.asked = sent;
                }
                if !sent {
                    // Asked again when the mesh has room.
                    self.block_on_mesh(number);
                    return;
                }
                break;
            }
            if written < len {
                if let Some(stream) = queue.front_stream() {
                    stream.written = written;
                }
                break;
            }
            memcache::encode_tail(form.with(&[]), &mut connection.out);
            queue.pop_front();
            if owner == router.own() {
                router.unpin(pin);
            } else {
                self.owed[owner].push_back(Errand::Unpin(pin));
            }
        }
        pool.note(connection.out.len());
        if connection.blocked == Blocked::Replies
            && connection.output_bytes() < OUTPUT_LOW_BYTES
            && connection
                .queue
                .as_ref()
                .is_none_or(|queue| queue.len() < REPLIES_OUTSTANDING_MAX / 2 && queue.stash_bytes() < OUTPUT_LOW_BYTES)
        {
            self.unblock(number);
        }
    }

    /// Ends a connection within a value that turned out to be damaged: its client knows by the length.
    #[cold]
    fn break_off(&mut self, number: u32) {
        self.drop_queue(number);
        self.close_after_replies(number);
    }

    /// Lets a connection's input go on.
    pub(super) fn unblock(&mut self, number: u32) {
        let connection = self.connections.at(number);
        connection.blocked = Blocked::No;
        self.make_ready(number);
        // A LARGE value may wait for room in the mesh, too.
        touch(self.connections.at(number), &mut self.touched, number);
    }

    /// Sends an errand that nobody waits for, now or when there is room.
    pub(super) fn owe(&mut self, owner: usize, errand: Errand<'static>) {
        self.owed[owner].push_back(errand);
        self.pay_owed();
    }

    /// Sends what is owed, as far as there is room.
    pub(super) fn pay_owed(&mut self) {
        for (owner, owed) in self.owed.iter_mut().enumerate() {
            while let Some(errand) = owed.front() {
                if owner == self.router.own() {
                    match *errand {
                        Errand::Unpin(pin) => self.router.unpin(pin),
                        Errand::UploadAbort(id) => self.router.upload_abort(id),
                        _ => {}
                    }
                } else if self.router.forward(owner, Ticket::Nothing, errand).is_err() {
                    // The order is kept: a connection's number names its next upload, too.
                    break;
                }
                owed.pop_front();
            }
        }
    }

    /// Whether errands wait for room.
    pub(super) fn owes(&self) -> bool {
        self.owed.iter().any(|owed| !owed.is_empty())
    }
}
