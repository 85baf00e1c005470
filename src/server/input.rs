//! What connections have for a turn: received buffers and collected tails, and what is left of them.

use std::ops::ControlFlow;

use super::connection::{Blocked, Intake, Tail};
use super::dispatch::{Dispatch, Group, Mark, touch};
use super::intake;
use super::limits::{UPLOAD_ROUND_BYTES, UPLOAD_ROUNDS};
use super::ring::{BufferId, Ring};
use super::worker::Worker;
use crate::protocol::memcache::Need;

/// What one connection has for this turn.
pub(super) struct Input {
    connection: u32,
    data: Data,
}

pub(super) enum Data {
    /// In a provided buffer, from a start to a length.
    Buffer(BufferId, usize, usize),
    /// Collected.
    Tail(Tail),
}

impl Data {
    fn bytes<'a>(&'a self, ring: &'a Ring) -> &'a [u8] {
        match self {
            Data::Buffer(id, start, len) => &ring.buffer(id, *len)[*start..],
            Data::Tail(tail) => tail.bytes(),
        }
    }
}

impl Worker {
    /// Adds received bytes to what their connection has for this turn.
    pub(super) fn arrived(&mut self, number: u32, id: BufferId, len: usize) {
        let Worker { ring, dispatch, inputs, .. } = self;
        let connection = dispatch.connections.at(number);
        if connection.input != 0 {
            // A second buffer in one turn: joined with the first, since a command may span both.
            let input = &mut inputs[connection.input as usize - 1];
            if let Data::Buffer(..) = input.data {
                let tail = Tail::of(input.data.bytes(ring));
                if let Data::Buffer(first, ..) = std::mem::replace(&mut input.data, Data::Tail(tail)) {
                    ring.recycle(first);
                }
            }
            if let Data::Tail(tail) = &mut input.data {
                tail.push(ring.buffer(&id, len));
            }
            ring.recycle(id);
            return;
        }
        let waits = connection.blocked != Blocked::No || connection.ready;
        if !waits && connection.tail.is_empty() {
            let mut start = 0;
            if !matches!(connection.intake, Intake::Commands) {
                // Straight from the buffer into the store, without a copy in between.
                let (taken, flow) =
                    intake::take(&mut connection.intake, ring.buffer(&id, len), &mut dispatch.router, dispatch.now);
                if taken == len && matches!(flow, ControlFlow::Break(None)) {
                    self.receive_upload(number, id, len);
                    return;
                }
                // At the end of the value, or where the mesh is full, the same call finds the same state when
                // the rest is executed.
                start = taken;
            }
            inputs.push(Input { connection: number, data: Data::Buffer(id, start, len) });
            connection.input = inputs.len() as u32;
            return;
        }
        let bytes = ring.buffer(&id, len);
        connection.tail.push(bytes);
        let worth_a_look = match connection.need {
            Some(Need::Bytes(total)) => connection.tail.len() >= total,
            // The parser remembers how far it has looked for the end of a line.
            Some(Need::Newline) | None => true,
        };
        ring.recycle(id);
        if waits {
            // Read no further, if this is much.
            self.rearm.push(number);
            return;
        }
        if !worth_a_look {
            return;
        }
        let tail = std::mem::take(&mut connection.tail);
        inputs.push(Input { connection: number, data: Data::Tail(tail) });
        connection.input = inputs.len() as u32;
    }

    /// Adds the connections whose input can go on by itself.
    pub(super) fn collect_ready(&mut self) {
        let Worker { dispatch, inputs, .. } = self;
        for number in std::mem::take(&mut dispatch.ready) {
            if !dispatch.connections.contains(number) {
                continue;
            }
            let connection = dispatch.connections.at(number);
            if !std::mem::take(&mut connection.ready) || connection.blocked != Blocked::No || !connection.is_open() {
                continue;
            }
            let tail = std::mem::take(&mut connection.tail);
            inputs.push(Input { connection: number, data: Data::Tail(tail) });
            connection.input = inputs.len() as u32;
        }
    }

    /// Goes on with a LARGE value of which a connection's input, `len` bytes in this buffer, was but a part: what more has
    /// arrived goes straight to where the store keeps it, or at once to the owner, and what follows the value into the
    /// buffer, as an input. So a long value is received by the page, not by the buffer, and by a copy less.
    fn receive_upload(&mut self, number: u32, id: BufferId, len: usize) {
        let Worker { ring, dispatch, inputs, uploads_left_bytes, upload_piece, .. } = self;
        let Dispatch { connections, router, now, .. } = dispatch;
        let connection = connections.at(number);
        let mut left_bytes = UPLOAD_ROUND_BYTES.min(*uploads_left_bytes);
        let (mut more, mut behind_len, mut is_complete) = (Ring::is_full(len), 0, false);
        let mut unsent = 0..0;
        while more && left_bytes > 0 {
            let Intake::Upload(upload) = &connection.intake else { break };
            let (room, is_last) = upload.room(router, upload_piece, *now);
            let room_len = room.len();
            if room_len == 0 {
                break;
            }
            let (in_room, in_buffer) = ring.receive_now(connection.socket(), room, is_last.then_some(&id));
            router.traffic_mut().bytes_read += (in_room + in_buffer) as u64;
            connection.last_input = now.seconds;
            *uploads_left_bytes = uploads_left_bytes.saturating_sub(in_room);
            left_bytes = left_bytes.saturating_sub(in_room);
            let Intake::Upload(upload) = &mut connection.intake else { break };
            unsent = upload.advance(in_room, router, upload_piece, *now)..in_room;
            is_complete = upload.is_complete();
            behind_len = in_buffer;
            more = in_room == room_len && !is_last && unsent.is_empty();
        }
        let data = if !unsent.is_empty() {
            // Whoever executes it finds the mesh as full as it is here.
            let mut tail = Tail::of(&upload_piece[unsent]);
            tail.push(ring.buffer(&id, behind_len));
            ring.recycle(id);
            Data::Tail(tail)
        } else if behind_len > 0 || is_complete {
            Data::Buffer(id, 0, behind_len)
        } else {
            ring.recycle(id);
            return;
        };
        inputs.push(Input { connection: number, data });
        connection.input = inputs.len() as u32;
    }

    /// Executes the inputs of this turn and keeps what is left of them.
    pub(super) fn execute(&mut self) {
        if self.inputs.is_empty() {
            return;
        }
        self.dispatch.begin_groups();
        for round in 1..=UPLOAD_ROUNDS {
            self.execute_round(round < UPLOAD_ROUNDS);
            if self.inputs.is_empty() {
                break;
            }
        }
    }

    /// Executes the inputs that there are. If `more`, LARGE values that begin in them are received further, which may
    /// bring new inputs.
    fn execute_round(&mut self, more: bool) {
        let mut inputs = std::mem::replace(&mut self.inputs, std::mem::take(&mut self.spare_inputs));
        let Worker { ring, dispatch, .. } = self;
        dispatch.marks.clear();
        dispatch.marks.resize(inputs.len(), Mark::default());
        {
            let mut group: Group<'_> = std::mem::take(&mut dispatch.group);
            for (index, input) in inputs.iter().enumerate() {
                dispatch.run_input(index, input.connection, input.data.bytes(ring), &mut group);
            }
            dispatch.run_group(&mut group);
            dispatch.group = group.emptied();
            dispatch.time_groups(1);
        }
        for (index, input) in inputs.drain(..).enumerate() {
            let Mark { consumed, resume, .. } = self.dispatch.marks[index];
            let connection = self.dispatch.connections.at(input.connection);
            connection.input = 0;
            connection.resume = resume;
            let open = connection.is_open();
            match input.data {
                Data::Buffer(id, start, len) => {
                    let used_up = start + consumed == len;
                    if more && used_up && open && !connection.ended && connection.is_uploading() {
                        self.rearm.push(input.connection);
                        self.receive_upload(input.connection, id, len);
                        continue;
                    }
                    if open && !used_up {
                        connection.tail = Tail::of(&self.ring.buffer(&id, len)[start + consumed..]);
                    }
                    self.ring.recycle(id);
                }
                Data::Tail(mut tail) => {
                    tail.consume(consumed);
                    if open {
                        connection.tail = tail;
                    }
                }
            }
            if let Some(Need::Bytes(total)) = connection.need {
                connection.tail.reserve(total);
            }
            self.rearm.push(input.connection);
            if connection.ended {
                touch(connection, &mut self.dispatch.touched, input.connection);
            }
        }
        self.spare_inputs = inputs;
    }
}
