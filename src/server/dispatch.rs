//! Executing connections' commands: parse, prefetch as a group, execute in order of arrival, encode.
//!
//! ```text
//!   input of each connection --parse--> group of <= GROUP requests --prefetch--> local: execute, encode
//!                                                                         \--> remote: forward, hold a place
//! ```
//!
//! A connection that may not go on (its replies pile up, or too much is under way to another shard) leaves the
//! rest of its input unconsumed, from the first request that was not executed; the others go on.

mod group;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::sync::Arc;

pub(super) use self::group::Group;
use self::group::{Ask, Place};
use super::connection::{Blocked, Closing, Connection, Intake};
use super::connections::Connections;
use super::conns::Listening;
use super::control::Control;
use super::dump::Dumps;
use super::gather::Gathers;
use super::intake::{self, Progress, Upload};
use super::latency::Stopwatch;
use super::ledger::Ledger;
use super::limits::REPLIES_OUTSTANDING_MAX;
use super::pool::OutputPool;
use super::replies::{Left, Stream};
use super::rules::Rules;
use super::shared::Shared;
use super::ticket::{Ticket, WorkerRouter};
use super::watch::Watch;
use crate::clock::{Clock, Now};
use crate::command::{Hit, Reply, Request, UploadId, Value};
use crate::protocol::detect::Protocol;
use crate::protocol::memcache::{self, Encoded, Form, Get, KeyRoom, Parser, Resume, Step};
use crate::router::{Errand, Full, KeyHasher};

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
    pub(super) stopwatch: Stopwatch,
    pub(super) listening: Vec<Listening>,
    /// Connections whose input can go on without more arriving.
    pub(super) ready: Vec<u32>,
    /// Connections with output to look at.
    pub(super) touched: Vec<u32>,
    /// Connections stopped because a mesh ring was full.
    pub(super) mesh_blocked: Vec<u32>,
    /// Errands that connections left behind, by the shard that owns what they concern, to be sent when there is
    /// room and before any other to that shard. At most one per reply outstanding and one per connection.
    pub(super) owed: Vec<VecDeque<Errand<'static>>>,
    pub(super) marks: Vec<Mark>,
    /// Empty between turns.
    pub(super) group: Group<'static>,
    pub(super) gathers: Gathers,
    pub(super) dumps: Dumps,
    pub(super) watch: Watch,
    pub(super) ledger: Ledger,
    pub(super) parser: Parser,
    pub(super) rules: Rules,
    pub(super) hasher: KeyHasher,
    pub(super) control: Arc<dyn Control>,
    pub(super) shared: Arc<Shared>,
}

impl Dispatch {
    pub(super) fn new(
        router: WorkerRouter,
        parser: Parser,
        hasher: KeyHasher,
        control: Arc<dyn Control>,
        clock: Clock,
    ) -> Self {
        let watch = Watch::new(router.bell().clone());
        let owed = (0..router.shards()).map(|_| VecDeque::new()).collect();
        Dispatch {
            connections: Connections::default(),
            router,
            pool: OutputPool::default(),
            now: clock.now(),
            stopwatch: Stopwatch::new(clock),
            listening: Vec::new(),
            ready: Vec::new(),
            touched: Vec::new(),
            mesh_blocked: Vec::new(),
            owed,
            marks: Vec::new(),
            group: Group::default(),
            gathers: Gathers::default(),
            dumps: Dumps::default(),
            watch,
            ledger: Ledger::default(),
            parser,
            rules: Rules::default(),
            hasher,
            control,
            shared: Arc::default(),
        }
    }

    /// Parses one connection's input, and executes whenever a group is full. What is left in `group` is
    /// executed with the next input's, or by [`run_group`](Self::run_group).
    pub(super) fn run_input<'a>(&mut self, input: usize, number: u32, bytes: &'a [u8], group: &mut Group<'a>) {
        let connection = self.connections.at(number);
        connection.need = None;
        connection.last_input = self.now.seconds;
        let mut resume = connection.resume;
        if connection.protocol.is_none()
            && let Some(first) = bytes.first()
        {
            connection.protocol = self.rules.protocol(*first);
            if connection.protocol.is_none() {
                self.close_after_replies(number);
            }
        }
        let binary = self.connections.at(number).protocol == Some(Protocol::Binary);
        let mut at = 0;
        let mut budget = self.rules.requests_per_turn;
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
            if at == bytes.len() || !connection.is_open() {
                break;
            }
            if budget == 0 {
                self.router.traffic_mut().conn_yields += 1;
                self.make_ready(number);
                break;
            }
            let before = resume;
            let hasher = &self.hasher;
            let rest = &bytes[at..];
            if !binary && let Some(get) = self.parser.next_get(rest, &mut resume, |key| hasher.hash(key)) {
                let Get { hash, key, last, consumed } = get;
                let place = Place::new(number, input, at, before);
                at += consumed;
                budget -= 1;
                if self.enlist(group, hash, key, Ask::Get { last }, place) {
                    break;
                }
                continue;
            }
            if !binary && let Some(set) = self.parser.next_set(rest, &mut resume, |key| hasher.hash(key)) {
                let place = Place::new(number, input, at, before);
                at += set.consumed;
                budget -= 1;
                if self.enlist_set(group, set, place) {
                    break;
                }
                continue;
            }
            let read = match binary {
                false => self.parser.next_read(rest, &mut resume, |key| hasher.hash(key)),
                true => self.parser.next_binary_read(rest, |key| hasher.hash(key)),
            };
            if let Some(read) = read {
                let place = Place::new(number, input, at, before);
                at += read.consumed;
                budget -= 1;
                if self.enlist_request(group, read.request(), read.form(), place) {
                    break;
                }
                continue;
            }
            let step = match binary {
                false => self.parser.next_other(rest, &mut resume, |key| hasher.hash(key)),
                true => self.parser.next_binary_other(rest, |key| hasher.hash(key)),
            };
            match step {
                Step::Request { request, form, consumed, swallow: 0 } => {
                    let place = Place::new(number, input, at, before);
                    at += consumed;
                    budget -= 1;
                    if self.enlist_request(group, request, form, place) {
                        break;
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
        self.pool.note(self.connections.at(number).out.len());
        let mark = &mut self.marks[input];
        if !mark.stopped {
            *mark = Mark { consumed: at, resume, stopped: false };
        }
    }

    /// Times what was executed since it was last timed, if that is so many requests.
    pub(super) fn time_groups(&mut self, requests_min: u32) {
        if let Some((stamp, count)) = self.stopwatch.end_groups(requests_min) {
            self.router.set_stamp(stamp);
            self.router.traffic_mut().requests += u64::from(count);
        }
    }

    /// A turn begins, with so many bytes being sent.
    pub(super) fn begin_turn(&mut self, now: Now, nanos: u64, sending_bytes: usize) {
        self.now = now;
        self.pool.begin_turn(sending_bytes);
        self.router.set_stamp(self.stopwatch.begin_turn(nanos));
    }

    /// What connections have for this turn is about to be executed.
    pub(super) fn begin_groups(&mut self) {
        self.router.set_stamp(self.stopwatch.begin_groups());
    }

    /// Executes or forwards one request of an open connection.
    #[inline]
    pub(super) fn run(&mut self, number: u32, request: &Request<'_>, form: Form<'_>, owner: usize) -> Result<(), Full> {
        let Dispatch { connections, router, pool, now, touched, stopwatch, watch, .. } = self;
        let connection = connections.at(number);
        if owner != router.own() {
            let queue = connection.queue.get_or_insert_with(|| pool.take_queue());
            let (generation, sequence) = (connection.generation, queue.next_sequence());
            let (tag, meta) = form.parts();
            let ticket = Ticket::Reply { connection: number, generation, sequence, form: tag };
            if router.forward(owner, ticket, &Errand::Request(*request, meta)).is_err() {
                self.block_on_mesh(number);
                return Err(Full);
            }
            queue.push_waiting();
            block_on_output(connection, pool);
            return Ok(());
        }
        if watch.is_on() {
            router.shard_mut().observe_for(connection.socket().as_raw_fd());
        }
        stopwatch.executed(request.op.kind(), 1);
        let reply = router.execute(request, *now);
        touch(connection, touched, number);
        if let Reply::Hit(Hit { value: Value::Pinned { len, pin }, .. }) = reply {
            let stream = Stream { owner, pin, len, written: 0, asked: false, form: form.tag };
            let queue = connection.queue.get_or_insert_with(|| pool.take_queue());
            if queue.push_stream(stream, |out| memcache::encode(form, request.key, &reply, out)) == Encoded::Done {
                router.unpin(pin);
            }
        } else if !connection.has_queue() {
            encode_whole(form, request.key, &reply, output(connection, pool));
        } else if let Some(queue) = &mut connection.queue {
            queue.push_ready(|out| encode_whole(form, request.key, &reply, out));
        }
        block_on_output(connection, pool);
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
            Step::EncodedKey { request, form, consumed, swallow } => {
                let mut room = KeyRoom::new();
                let request = Request { key: room.decode(request.key), ..request };
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
            Step::Admin { admin, form, consumed } => {
                self.run_admin(number, admin, form)?;
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
            Step::RefusedPacket { refusal, consumed, swallow, close } => {
                self.reply_with(number, |out| refusal.encode(out));
                self.discard(number, swallow);
                if close {
                    self.close_after_replies(number);
                }
                Ok(consumed)
            }
            Step::Incomplete { .. } => unreachable!("handled where it is parsed"),
        }
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

    pub(super) fn make_ready(&mut self, number: u32) {
        let connection = self.connections.at(number);
        if !std::mem::replace(&mut connection.ready, true) {
            self.ready.push(number);
        }
    }

    pub(super) fn block_on_mesh(&mut self, number: u32) {
        let connection = self.connections.at(number);
        if connection.blocked != Blocked::Mesh {
            connection.blocked = Blocked::Mesh;
            self.mesh_blocked.push(number);
        }
    }

    /// Whether the rest of an input must wait.
    pub(super) fn is_stopped(&mut self, number: u32, input: usize) -> bool {
        let connection = self.connections.at(number);
        self.marks[input].stopped || connection.blocked != Blocked::No || !connection.is_open()
    }

    pub(super) fn discard(&mut self, number: u32, bytes: u64) {
        if bytes > 0 {
            self.connections.at(number).intake = Intake::Discard(bytes);
        }
    }

    /// Queues a reply that is known.
    pub(super) fn reply(&mut self, number: u32, bytes: &[u8]) {
        self.reply_with(number, |out| out.extend_from_slice(bytes));
    }

    /// Queues a reply that is known and that `write` appends to the output.
    pub(super) fn reply_with(&mut self, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let Dispatch { connections, pool, touched, .. } = self;
        let connection = connections.at(number);
        touch(connection, touched, number);
        match &mut connection.queue {
            Some(queue) if !queue.is_empty() => queue.push_ready(write),
            _ => write(output(connection, pool)),
        }
        block_on_output(connection, pool);
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
        let watched = connection.watcher.is_some();
        if let Intake::Upload(upload) = std::mem::replace(&mut connection.intake, Intake::Commands) {
            self.abort_upload(&upload);
        }
        self.drop_queue(number);
        if watched {
            self.unwatch(number);
        }
    }

    /// Drops the replies that a connection waits for.
    pub(super) fn drop_queue(&mut self, number: u32) {
        let queue = self.connections.at(number).queue.take();
        for left in queue.into_iter().flat_map(|queue| queue.into_left()) {
            match left {
                Left::Stream(stream) => self.owe(stream.owner, Errand::Unpin(stream.pin)),
                Left::Dump(id) => self.dumps.remove(id, &self.shared),
            }
        }
    }
}

/// Encodes a reply whose value, if any, is at hand.
#[inline]
pub(super) fn encode_whole(form: Form<'_>, key: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) {
    let encoded = memcache::encode(form, key, reply, out);
    debug_assert!(encoded == Encoded::Done, "only a pinned value follows its head");
}

/// The connection's output, with a buffer behind it.
#[inline]
pub(super) fn output<'a>(connection: &'a mut Connection, pool: &mut OutputPool) -> &'a mut Vec<u8> {
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
pub(super) fn block_on_output(connection: &mut Connection, pool: &OutputPool) {
    let outstanding = connection.queue.as_ref().map_or(0, |queue| queue.len());
    if connection.output_bytes() >= pool.high_bytes() || outstanding >= REPLIES_OUTSTANDING_MAX {
        connection.blocked = Blocked::Replies;
    }
}

#[cfg(test)]
mod stream_tests;
#[cfg(test)]
mod tests;
