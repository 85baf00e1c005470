//! Executing connections' commands: parse, prefetch as a group, execute in order of arrival, encode.
//!
//! ```text
//!   input of each connection --parse--> group of <= GROUP requests --prefetch--> local: execute, encode
//!                                                                         \--> remote: forward, hold a place
//! ```
//!
//! A connection that may not go on (its replies pile up, or too much is under way to another shard) leaves the
//! rest of its input unconsumed, from the first request that was not executed; the others go on.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::connection::{Blocked, Closing, Connection, Intake};
use super::connections::Connections;
use super::gather::{Gather, GatherKind, Gathers};
use super::intake::{self, Progress, Upload};
use super::limits::{COMMANDS_PER_CONNECTION, GROUP, OUTPUT_HIGH_BYTES, OUTPUT_LOW_BYTES, REPLIES_OUTSTANDING_MAX};
use super::pool::OutputPool;
use super::replies::{Front, Stream};
use super::worker::{Ticket, WorkerRouter};
use crate::clock::Now;
use crate::command::{Hit, Reply, Request, UploadId, Value};
use crate::protocol::memcache::{self, Admin, Encoded, Form, Parser, Resume, Step};
use crate::router::{Answer, Errand, Full, KeyHasher, ShardStats};

/// What the rest of the server says to commands that concern all of it.
pub trait Control: Send + Sync {
    /// The reply to `version`, a whole line.
    fn version(&self) -> &[u8];
    /// The reply to `stats` with these arguments, from every shard's counters; `None` if there is no such form.
    fn stats(&self, args: &[u8], shards: &[ShardStats]) -> Option<Vec<u8>>;
    /// Whether [`stats`](Self::stats) knows these arguments.
    fn has_stats(&self, args: &[u8]) -> bool;
    /// Sets the log level.
    fn set_verbosity(&self, level: u32);
    /// Whether `flush_all` is allowed.
    fn flush_all_enabled(&self) -> bool;
}

/// A parsed request that waits for its group.
pub(super) struct Pending<'a> {
    request: Request<'a>,
    form: Form<'a>,
    owner: usize,
    connection: u32,
    /// This turn's input it came from, where in it, and the parser's state before it.
    input: usize,
    at: usize,
    resume: Resume,
}

/// How far an input was consumed.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    pub(super) consumed: usize,
    pub(super) resume: Resume,
    /// A request of the input was not executed; `consumed` is its place.
    stopped: bool,
}

/// The part of a worker that executes commands. It does not see the ring.
pub(super) struct Dispatch {
    pub(super) connections: Connections,
    pub(super) router: WorkerRouter,
    pub(super) pool: OutputPool,
    pub(super) now: Now,
    /// Connections whose input can go on without more arriving.
    pub(super) ready: Vec<u32>,
    /// Connections with output to look at.
    pub(super) touched: Vec<u32>,
    /// Connections stopped because a mesh ring was full.
    mesh_blocked: Vec<u32>,
    /// Errands that a connection left behind, to be sent when there is room. At most a few per connection.
    owed: VecDeque<(usize, Errand<'static>)>,
    pub(super) marks: Vec<Mark>,
    gathers: Gathers,
    parser: Parser,
    hasher: KeyHasher,
    control: Arc<dyn Control>,
}

impl Dispatch {
    pub(super) fn new(
        router: WorkerRouter,
        parser: Parser,
        hasher: KeyHasher,
        control: Arc<dyn Control>,
        now: Now,
    ) -> Self {
        Dispatch {
            connections: Connections::default(),
            router,
            pool: OutputPool::default(),
            now,
            ready: Vec::new(),
            touched: Vec::new(),
            mesh_blocked: Vec::new(),
            owed: VecDeque::new(),
            marks: Vec::new(),
            gathers: Gathers::default(),
            parser,
            hasher,
            control,
        }
    }

    /// Parses one connection's input, and executes whenever a group is full. What is left in `group` is
    /// executed with the next input's, or by [`run_group`](Self::run_group).
    pub(super) fn run_input<'a>(&mut self, input: usize, number: u32, bytes: &'a [u8], group: &mut Vec<Pending<'a>>) {
        let connection = self.connections.at(number);
        connection.need = None;
        let mut resume = connection.resume;
        let mut at = 0;
        let mut budget = COMMANDS_PER_CONNECTION;
        let own = self.router.own();
        loop {
            let connection = self.connections.at(number);
            if !matches!(connection.intake, Intake::Commands) {
                let (taken, flow) = intake::take(&mut connection.intake, &bytes[at..], &mut self.router, self.now);
                at += taken;
                match flow {
                    ControlFlow::Break(Some(Full)) => {
                        self.block_on_mesh(number);
                        break;
                    }
                    ControlFlow::Break(None) => break,
                    ControlFlow::Continue(None) => continue,
                    ControlFlow::Continue(Some(progress)) => {
                        if self.finish_upload(number, progress).is_err() {
                            break;
                        }
                        continue;
                    }
                }
            }
            if at == bytes.len() {
                break;
            }
            if budget == 0 {
                self.router.traffic_mut().conn_yields += 1;
                self.make_ready(number);
                break;
            }
            let before = resume;
            let hasher = &self.hasher;
            if let Some(read) = self.parser.next_read(&bytes[at..], &mut resume, |key| hasher.hash(key)) {
                let owner = self.router.owner(read.hash);
                if owner == own {
                    self.router.prefetch_bucket(read.hash);
                }
                let (request, form) = (read.request(), read.form());
                group.push(Pending { request, form, owner, connection: number, input, at, resume: before });
                at += read.consumed;
                budget -= 1;
                if group.len() >= GROUP {
                    self.run_group(group);
                    if self.is_stopped(number, input) {
                        break;
                    }
                }
                continue;
            }
            match self.parser.next_other(&bytes[at..], &mut resume, |key| hasher.hash(key)) {
                Step::Request { request, form, consumed, swallow: 0 } => {
                    let owner = self.router.owner(request.hash);
                    if owner == own {
                        self.router.prefetch_bucket(request.hash);
                    }
                    group.push(Pending { request, form, owner, connection: number, input, at, resume: before });
                    at += consumed;
                    budget -= 1;
                    if group.len() >= GROUP {
                        self.run_group(group);
                        if self.is_stopped(number, input) {
                            break;
                        }
                    }
                }
                Step::Incomplete { need } => {
                    self.connections.at(number).need = Some(need);
                    break;
                }
                rare => {
                    // In request order: what came before it is executed first.
                    self.run_group(group);
                    if self.is_stopped(number, input) {
                        resume = before;
                        break;
                    }
                    match self.run_rare(number, rare) {
                        Ok(consumed) => at += consumed,
                        Err(Full) => {
                            self.block_on_mesh(number);
                            resume = before;
                            break;
                        }
                    }
                    budget -= 1;
                    if self.is_stopped(number, input) {
                        break;
                    }
                }
            }
        }
        let mark = &mut self.marks[input];
        if !mark.stopped {
            *mark = Mark { consumed: at, resume, stopped: false };
        }
    }

    /// Prefetches and executes the group in order, and empties it.
    pub(super) fn run_group(&mut self, group: &mut Vec<Pending<'_>>) {
        let own = self.router.own();
        let mut hashes = [0; GROUP];
        let mut n = 0;
        for pending in group.iter().filter(|pending| pending.owner == own) {
            hashes[n] = pending.request.hash;
            n += 1;
        }
        self.router.prefetch_items(&hashes[..n]);
        for pending in group.drain(..) {
            let connection = self.connections.at(pending.connection);
            let runs = connection.blocked == Blocked::No && connection.is_open();
            if runs && self.run(pending.connection, &pending.request, pending.form, pending.owner).is_ok() {
                continue;
            }
            self.connections.at(pending.connection).need = None;
            let mark = &mut self.marks[pending.input];
            if !mark.stopped {
                *mark = Mark { consumed: pending.at, resume: pending.resume, stopped: true };
            }
        }
    }

    /// Executes or forwards one request of an open connection.
    #[inline]
    fn run(&mut self, number: u32, request: &Request<'_>, form: Form<'_>, owner: usize) -> Result<(), Full> {
        let Dispatch { connections, router, pool, now, touched, .. } = self;
        let connection = connections.at(number);
        if owner != router.own() {
            let queue = connection.queue.get_or_insert_default();
            let (generation, sequence) = (connection.generation, queue.next_sequence());
            let (tag, meta) = form.parts();
            let ticket = Ticket::Reply { connection: number, generation, sequence, form: tag };
            if router.forward(owner, ticket, &Errand::Request(*request, meta)).is_err() {
                self.block_on_mesh(number);
                return Err(Full);
            }
            queue.push_waiting();
            block_on_output(connection);
            return Ok(());
        }
        let reply = router.execute(request, *now);
        touch(connection, touched, number);
        if let Reply::Hit(Hit { value: Value::Pinned { len, pin }, .. }) = reply {
            let stream = Stream { owner, pin, len, written: 0, asked: false, form: form.tag };
            let queue = connection.queue.get_or_insert_default();
            if queue.push_stream(stream, |out| memcache::encode(form, request.key, &reply, out)) == Encoded::Done {
                router.unpin(pin);
            }
        } else if !connection.has_queue() {
            encode_whole(form, request.key, &reply, output(connection, pool));
        } else if let Some(queue) = &mut connection.queue {
            queue.push_ready(|out| encode_whole(form, request.key, &reply, out));
        }
        block_on_output(connection);
        Ok(())
    }

    /// Carries out a step that is not a plain request. Returns how many bytes it took.
    fn run_rare(&mut self, number: u32, step: Step<'_>) -> Result<usize, Full> {
        match step {
            Step::Request { request, form, consumed, swallow } => {
                self.run(number, &request, form, self.router.owner(request.hash))?;
                self.discard(number, swallow);
                Ok(consumed)
            }
            Step::Upload { head, consumed } => {
                let id = UploadId { home: self.router.own() as u16, connection: number };
                let owner = self.router.owner(head.hash);
                self.connections.at(number).intake = Intake::Upload(Box::new(Upload::new(&head, id, owner)));
                Ok(consumed)
            }
            Step::Admin { admin, consumed } => {
                self.run_admin(number, admin)?;
                Ok(consumed)
            }
            Step::Refused { reply, consumed, swallow, close } => {
                self.reply(number, reply);
                self.discard(number, swallow);
                if close {
                    self.close_after_replies(number);
                }
                Ok(consumed)
            }
            Step::Incomplete { .. } => unreachable!("handled where it is parsed"),
        }
    }

    fn run_admin(&mut self, number: u32, admin: Admin<'_>) -> Result<(), Full> {
        match admin {
            Admin::Version => {
                let control = self.control.clone();
                self.reply(number, control.version());
            }
            Admin::Verbosity { level, noreply } => {
                self.control.set_verbosity(level);
                self.reply(number, if noreply { b"" } else { b"OK\r\n" });
            }
            Admin::MetaNoop => self.reply(number, b"MN\r\n"),
            Admin::Quit => self.close_after_replies(number),
            Admin::FlushAll { .. } if !self.control.flush_all_enabled() => {
                self.reply(number, b"CLIENT_ERROR flush_all not allowed\r\n");
            }
            Admin::FlushAll { delay, noreply } => {
                self.gather(number, GatherKind::FlushAll { noreply }, Errand::FlushAll(delay))?;
            }
            Admin::Stats { args: b"reset" } => {
                self.gather(number, GatherKind::StatsReset, Errand::StatsReset)?;
            }
            Admin::Stats { args } if !self.control.has_stats(args) => self.reply(number, memcache::errors::ERROR),
            Admin::Stats { args } => self.gather(number, GatherKind::Stats(args.into()), Errand::Stats)?,
        }
        Ok(())
    }

    /// Asks every shard, and replies when all have answered.
    fn gather(&mut self, number: u32, kind: GatherKind, errand: Errand<'static>) -> Result<(), Full> {
        if !self.router.has_room_everywhere() {
            return Err(Full);
        }
        let connection = self.connections.at(number);
        let generation = connection.generation;
        let sequence = connection.queue.get_or_insert_default().push_waiting();
        let mut gather = Gather::new(number, generation, sequence, kind);
        match errand {
            Errand::FlushAll(delay) => {
                self.router.flush_all(delay, self.now);
                gather.done();
            }
            Errand::StatsReset => {
                self.router.reset_stats();
                gather.done();
            }
            _ => gather.add(self.router.stats()),
        }
        let id = self.gathers.insert(gather);
        let own = self.router.own();
        for shard in (0..self.router.shards()).filter(|shard| *shard != own) {
            self.router.forward(shard, Ticket::Gather(id), &errand).expect("there is room everywhere");
        }
        self.finish_gather(id);
        Ok(())
    }

    /// Replies to a gather that every shard has answered.
    fn finish_gather(&mut self, id: u32) {
        let Some(gather) = self.gathers.take_if_complete(id, self.router.shards()) else { return };
        let reply = match &gather.kind {
            GatherKind::FlushAll { noreply: true } => Vec::new(),
            GatherKind::FlushAll { noreply: false } => b"OK\r\n".to_vec(),
            GatherKind::StatsReset => b"RESET\r\n".to_vec(),
            GatherKind::Stats(args) => self.control.stats(args, &gather.stats).unwrap_or_default(),
        };
        self.fill(gather.connection, gather.generation, gather.sequence, |out| out.extend_from_slice(&reply));
    }

    /// Executes a LARGE store whose value has arrived, or refuses it.
    fn finish_upload(&mut self, number: u32, progress: Progress) -> Result<(), Full> {
        let connection = self.connections.at(number);
        let Intake::Upload(upload) = std::mem::replace(&mut connection.intake, Intake::Commands) else {
            return Ok(());
        };
        match progress {
            Progress::Incomplete => {}
            Progress::Complete => {
                let form = upload.form().with(upload.meta());
                if let Err(full) = self.run(number, &upload.request(), form, upload.owner()) {
                    self.connections.at(number).intake = Intake::Upload(upload);
                    return Err(full);
                }
            }
            Progress::Unterminated => {
                self.abort_upload(&upload);
                self.reply(number, upload.form().bad_data_chunk());
            }
        }
        Ok(())
    }

    fn abort_upload(&mut self, upload: &Upload) {
        if let Some(errand) = upload.abort() {
            self.owe(upload.owner(), errand);
        }
    }

    /// Reads the batches that came back from other shards.
    pub(super) fn take_replies(&mut self) {
        while let Some((owner, batch)) = self.router.take_reply() {
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

    fn take_answer(&mut self, owner: usize, ticket: Ticket, answer: &Answer<'_>) {
        match (ticket, answer) {
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
                    output(found, &mut self.pool).extend_from_slice(piece);
                    touch(found, &mut self.touched, connection);
                }
            }
            (Ticket::Gather(id), answer) => {
                self.gathers.at(id, |gather| match answer {
                    Answer::Stats(stats) => gather.add((*stats).clone()),
                    _ => gather.done(),
                });
                self.finish_gather(id);
            }
            _ => {}
        }
    }

    /// Puts an outstanding reply in its place.
    fn fill(&mut self, number: u32, generation: u32, sequence: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let Dispatch { connections, pool, touched, .. } = self;
        let Some(connection) = connections.find(number, generation) else { return };
        let Some(queue) = &mut connection.queue else { return };
        if queue.is_front(sequence) && connection.out.len() < OUTPUT_HIGH_BYTES {
            queue.pop_front();
            write(output(connection, pool));
        } else {
            queue.fill(sequence, write);
        }
        touch(connection, touched, number);
    }

    /// Moves what is ready of a connection's queue to its output.
    pub(super) fn advance(&mut self, number: u32) {
        let Dispatch { connections, pool, router, .. } = self;
        let connection = connections.at(number);
        while let Some(queue) = &mut connection.queue {
            if connection.out.capacity() == 0 && !queue.is_empty() {
                connection.out = pool.take();
            }
            let stream = match queue.drain_ready(&mut connection.out, OUTPUT_HIGH_BYTES) {
                Front::Empty => {
                    connection.queue = None;
                    break;
                }
                Front::Waiting => break,
                Front::Stream(stream) => stream,
            };
            let Stream { owner, pin, len, mut written, asked, form } = stream;
            if owner == router.own() {
                while written < len && connection.out.len() < OUTPUT_HIGH_BYTES {
                    let run = router.pinned_read(pin, written);
                    let room = OUTPUT_HIGH_BYTES - connection.out.len();
                    let run = &run[..run.len().min(room)];
                    connection.out.extend_from_slice(run);
                    written += run.len() as u64;
                }
            } else if written < len && !asked && connection.out.len() < OUTPUT_HIGH_BYTES {
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
                self.owed.push_back((owner, Errand::Unpin(pin)));
            }
        }
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

    /// Lets a connection's input go on.
    fn unblock(&mut self, number: u32) {
        let connection = self.connections.at(number);
        connection.blocked = Blocked::No;
        self.make_ready(number);
        // A LARGE value may wait for room in the mesh, too.
        touch(self.connections.at(number), &mut self.touched, number);
    }

    fn make_ready(&mut self, number: u32) {
        let connection = self.connections.at(number);
        if !std::mem::replace(&mut connection.ready, true) {
            self.ready.push(number);
        }
    }

    fn block_on_mesh(&mut self, number: u32) {
        let connection = self.connections.at(number);
        if connection.blocked != Blocked::Mesh {
            connection.blocked = Blocked::Mesh;
            self.mesh_blocked.push(number);
        }
    }

    /// Whether the rest of an input must wait.
    fn is_stopped(&mut self, number: u32, input: usize) -> bool {
        let connection = self.connections.at(number);
        self.marks[input].stopped || connection.blocked != Blocked::No || !connection.is_open()
    }

    fn discard(&mut self, number: u32, bytes: u64) {
        if bytes > 0 {
            self.connections.at(number).intake = Intake::Discard(bytes);
        }
    }

    /// Queues a reply that is known.
    fn reply(&mut self, number: u32, bytes: &[u8]) {
        let Dispatch { connections, pool, touched, .. } = self;
        let connection = connections.at(number);
        touch(connection, touched, number);
        match &mut connection.queue {
            Some(queue) if !queue.is_empty() => queue.push_ready(|out| out.extend_from_slice(bytes)),
            _ => output(connection, pool).extend_from_slice(bytes),
        }
        block_on_output(connection);
    }

    /// Takes no more commands from a connection, and closes it when its replies are sent.
    pub(super) fn close_after_replies(&mut self, number: u32) {
        let connection = self.connections.at(number);
        if connection.is_open() {
            connection.closing = Closing::AfterReplies;
            touch(connection, &mut self.touched, number);
        }
    }

    /// Drops everything a connection holds. Its place remains until the kernel is done with it.
    pub(super) fn abandon(&mut self, number: u32) {
        let connection = self.connections.at(number);
        connection.closing = Closing::Now;
        connection.tail = Default::default();
        connection.need = None;
        self.pool.give(std::mem::take(&mut connection.out));
        let queue = connection.queue.take();
        if let Intake::Upload(upload) = std::mem::replace(&mut connection.intake, Intake::Commands) {
            self.abort_upload(&upload);
        }
        for stream in queue.into_iter().flat_map(|queue| queue.into_streams()) {
            self.owe(stream.owner, Errand::Unpin(stream.pin));
        }
    }

    /// Sends an errand that nobody waits for, now or when there is room.
    fn owe(&mut self, owner: usize, errand: Errand<'static>) {
        self.owed.push_back((owner, errand));
        self.pay_owed();
    }

    /// Sends what is owed, as far as there is room.
    pub(super) fn pay_owed(&mut self) {
        while let Some((owner, errand)) = self.owed.front() {
            if *owner == self.router.own() {
                match *errand {
                    Errand::Unpin(pin) => self.router.unpin(pin),
                    Errand::UploadAbort(id) => self.router.upload_abort(id),
                    _ => {}
                }
            } else if self.router.forward(*owner, Ticket::Nothing, errand).is_err() {
                return;
            }
            self.owed.pop_front();
        }
    }

    /// Whether errands wait for room.
    pub(super) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }
}

/// Encodes a reply whose value, if any, is at hand.
#[inline]
fn encode_whole(form: Form<'_>, key: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) {
    let encoded = memcache::encode(form, key, reply, out);
    debug_assert!(encoded == Encoded::Done, "only a pinned value follows its head");
}

/// The connection's output, with a buffer behind it.
#[inline]
fn output<'a>(connection: &'a mut Connection, pool: &mut OutputPool) -> &'a mut Vec<u8> {
    if connection.out.capacity() == 0 {
        connection.out = pool.take();
    }
    &mut connection.out
}

#[inline]
pub(super) fn touch(connection: &mut Connection, touched: &mut Vec<u32>, number: u32) {
    if !std::mem::replace(&mut connection.touched, true) {
        touched.push(number);
    }
}

#[inline]
fn block_on_output(connection: &mut Connection) {
    let outstanding = connection.queue.as_ref().map_or(0, |queue| queue.len());
    if connection.output_bytes() >= OUTPUT_HIGH_BYTES || outstanding >= REPLIES_OUTSTANDING_MAX {
        connection.blocked = Blocked::Replies;
    }
}
