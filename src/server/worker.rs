//! One shard's server loop: a turn takes what has arrived, executes it, and answers each connection once.
//!
//! ```text
//!   kick ring -> completions -> inputs -> mesh -> parse, prefetch, execute -> one send per connection -> mesh
//! ```
//!
//! A turn is bounded: in completions taken, in commands per connection, in batches served for other shards.
//! What is left over waits in the `ready` list, the completion queue or the mesh for the next turn.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::connection::{Blocked, Closing, Connection};
use super::conns::Listening;
use super::control::Control;
use super::dispatch::{Dispatch, touch};
use super::input::Input;
use super::ledger::ProcessMemory;
use super::limits::{COMPLETIONS_PER_TURN, INPUT_HIGH_BYTES, OUTPUT_HELD_BYTES, UPLOADS_TURN_BYTES};
use super::ring::{BufferId, Completion, Ring, Timer};
use super::rules::Rules;
use super::spread::Spread;
use super::stop::Stopping;
use super::watch::Watchers;
use crate::clock::Clock;
use crate::protocol::memcache::{FormTag, Parser, Streams};
use crate::router::{KeyHasher, Router};

/// The router, with what a worker attaches to what it forwards.
pub type WorkerRouter = Router<Ticket>;

/// Where the answer to an errand belongs.
#[derive(Clone, Copy, Debug)]
pub enum Ticket {
    /// To a reply's place in a connection's queue.
    Reply {
        /// The connection's number.
        connection: u32,
        /// Its generation.
        generation: u32,
        /// The reply's number.
        sequence: u32,
        /// How to encode it.
        form: FormTag,
    },
    /// To the LARGE value at the front of a connection's queue.
    Piece {
        /// The connection's number.
        connection: u32,
        /// Its generation.
        generation: u32,
    },
    /// To the dump at the front of a connection's queue.
    Dump {
        /// The connection's number.
        connection: u32,
        /// Its generation.
        generation: u32,
    },
    /// To a command that all shards answer.
    Gather(u32),
    /// Nowhere.
    Nothing,
}

/// What the shards' workers share: read or changed when a connection comes or goes, never for a request.
#[derive(Debug, Default)]
pub struct Shared {
    /// Open connections over all shards.
    pub connections: AtomicUsize,
    /// The most that may be.
    pub connection_limit: usize,
    /// Those of each shard, and those handed from one to another.
    pub spread: Spread,
    /// The server is to stop.
    pub stopping: AtomicBool,
    /// Workers that have answered all they had received.
    pub drained: AtomicUsize,
    /// Dumps under way.
    pub dumps: AtomicUsize,
    /// Connections that watch.
    pub watchers: Watchers,
    /// What is known of the process's memory.
    pub memory: ProcessMemory,
}

/// Sent to a connection over the limit, which is then closed.
const TOO_MANY_CONNECTIONS: &[u8] = b"ERROR Too many open connections\r\n";

/// What a worker is made of.
pub struct WorkerParts {
    /// Its ring, made on its thread.
    pub ring: Ring,
    /// Its shard and the way to the others.
    pub router: WorkerRouter,
    /// The settings of the protocol.
    pub parser: Parser,
    /// The hash of keys, the same as the shards'.
    pub hasher: KeyHasher,
    /// What answers for the whole server.
    pub control: Arc<dyn Control>,
    /// The process's clock.
    pub clock: Clock,
    /// Its listening sockets.
    pub listeners: Vec<OwnedFd>,
    /// How many of them, at the end, are this shard's alone: what connects there stays.
    pub own_listeners: usize,
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// The settings of its connections.
    pub rules: Rules,
}

/// One shard's connections and their loop.
pub struct Worker {
    pub(super) ring: Ring,
    pub(super) dispatch: Dispatch,
    pub(super) clock: Clock,
    pub(super) shared: Arc<Shared>,
    pub(super) listeners: Vec<OwnedFd>,
    /// How many of them, the first ones, the shards have together.
    shared_listeners: usize,
    /// Listeners whose accept ended with an error; armed again at the next tick.
    pub(super) resting_listeners: Vec<u32>,
    pub(super) completions: Vec<Completion>,
    pub(super) inputs: Vec<Input>,
    /// Empty; kept for its memory.
    pub(super) spare_inputs: Vec<Input>,
    /// What this turn may still receive of LARGE values beside the ring.
    pub(super) uploads_left_bytes: usize,
    /// A piece of one for another shard, between the socket and the mesh.
    pub(super) upload_piece: Vec<u8>,
    /// Connections whose receive ended and is wanted again.
    pub(super) rearm: Vec<u32>,
    pub(super) stopping: Option<Stopping>,
    /// Whether the shard has more housekeeping to do than one piece: then it does not sleep.
    has_housekeeping: bool,
    /// Where the next look for idle connections begins.
    pub(super) idle_cursor: usize,
    pub(super) sends: Vec<u32>,
    /// Whether the ring has been entered since the last turn.
    entered: bool,
    /// Whether a second has passed since the last tick.
    tick_is_due: bool,
    /// Whether the next step of an orderly end is timed.
    drain_is_timed: bool,
}

impl Worker {
    /// A worker of these parts, accepting from the first turn on.
    pub fn new(parts: WorkerParts) -> Self {
        let WorkerParts { ring, router, parser, hasher, control, clock, listeners, own_listeners, shared, rules } =
            parts;
        let shared_listeners = listeners.len() - own_listeners;
        let mut worker = Worker {
            ring,
            dispatch: Dispatch::new(router, parser, hasher, control, clock),
            clock,
            shared,
            listeners,
            shared_listeners,
            resting_listeners: Vec::new(),
            completions: Vec::new(),
            inputs: Vec::new(),
            spare_inputs: Vec::new(),
            uploads_left_bytes: 0,
            upload_piece: Vec::new(),
            rearm: Vec::new(),
            stopping: None,
            has_housekeeping: false,
            idle_cursor: 0,
            sends: Vec::new(),
            entered: false,
            tick_is_due: false,
            drain_is_timed: false,
        };
        worker.dispatch.rules = rules;
        worker.dispatch.shared = worker.shared.clone();
        for (index, listener) in (0u32..).zip(&worker.listeners) {
            worker.ring.accept(index, listener.as_fd());
        }
        let since = worker.dispatch.now.seconds;
        let listening = worker.listeners.iter().map(|listener| Listening::new(listener.as_fd(), since)).collect();
        worker.dispatch.listening = listening;
        worker.ring.wake_after(Timer::Tick);
        worker.account_at_tick();
        worker
    }

    /// One turn. Returns whether there was anything to do.
    ///
    /// # Errors
    /// When the ring itself fails, which nothing short of a restart mends.
    pub fn turn(&mut self) -> io::Result<bool> {
        // Answers of other shards need no system call.
        if !std::mem::take(&mut self.entered) && self.ring.has_deferred_work() {
            self.ring.kick()?;
        }
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.reap(COMPLETIONS_PER_TURN, &mut completions);
        if completions.is_empty() && !self.has_work() {
            self.completions = completions;
            return Ok(false);
        }
        let (now, nanos) = self.clock.moment();
        self.dispatch.begin_turn(now, nanos, self.ring.sending_bytes());
        self.dispatch.router.traffic_mut().turns += 1;
        self.uploads_left_bytes = UPLOADS_TURN_BYTES;
        self.dispatch.see_watchers();
        for completion in completions.drain(..) {
            self.complete(completion);
        }
        self.completions = completions;
        self.take_handed();

        self.dispatch.router.take_requests();
        self.dispatch.take_replies();
        self.dispatch.serve();
        self.dispatch.take_mail();
        self.collect_ready();
        self.dispatch.go_on_gathering();
        self.execute();
        self.send();
        // Last, as each step before may have forwarded something, pieces of LARGE values included.
        self.dispatch.pay_owed();
        self.dispatch.router.publish();
        self.ring.publish_buffers();
        self.rearm();
        self.has_housekeeping = self.dispatch.router.maintain(self.dispatch.now);
        self.tell_watchers();
        self.account();
        Ok(true)
    }

    /// Housekeeping, if a second has passed since the last time. Returns whether one had.
    pub fn tick(&mut self) -> bool {
        let is_due = std::mem::take(&mut self.tick_is_due);
        if is_due {
            self.keep_house();
        }
        is_due
    }

    fn keep_house(&mut self) {
        self.dispatch.now = self.clock.now();
        self.dispatch.see_watchers();
        self.has_housekeeping = self.dispatch.router.maintain(self.dispatch.now);
        self.dispatch.router.exchange_dictionaries();
        self.close_idle();
        self.tell_watchers();
        self.trim();
        self.account_at_tick();
        if self.stopping.is_none() {
            for index in std::mem::take(&mut self.resting_listeners) {
                self.ring.accept(index, self.listeners[index as usize].as_fd());
            }
        }
    }

    /// Gives back the memory that was not needed since the last tick.
    fn trim(&mut self) {
        self.ring.trim();
        self.upload_piece = Vec::new();
        self.dispatch.connections.trim();
        self.dispatch.pool.trim();
        self.dispatch.router.trim();
    }

    /// Tells the watchers, if there are any, what has happened.
    fn tell_watchers(&mut self) {
        if self.dispatch.watch.is_on() {
            self.dispatch.tell_watchers(self.clock.unix());
        }
    }

    /// Whether anything but a completion waits to be done.
    pub(super) fn has_work(&self) -> bool {
        let Dispatch { router, ready, touched, .. } = &self.dispatch;
        let gathers = &self.dispatch.gathers;
        router.has_arrivals()
            || !ready.is_empty()
            || !touched.is_empty()
            || !gathers.continuing.is_empty()
            || self.dispatch.owes()
            || self.has_housekeeping
            || self.dispatch.watch.has_mail()
            || self.shared.spread.has_handed(router.own())
    }

    /// Whether answers of other shards are outstanding.
    pub fn awaits_peers(&self) -> bool {
        self.dispatch.router.under_way() > 0
    }

    /// Whether anything came from other shards.
    pub fn has_arrivals(&self) -> bool {
        self.dispatch.router.has_arrivals()
    }

    /// The nanoseconds since the process's clock was started.
    pub fn nanos(&self) -> u64 {
        self.clock.nanos()
    }

    /// Whether something has come, as far as can be told without asking the kernel.
    pub fn has_news(&mut self) -> bool {
        self.dispatch.router.has_arrivals() || self.ring.has_completions() || self.ring.has_deferred_work()
    }

    /// Submits what the last turn has left to the ring, and sleeps until there is something to do. The next turn takes
    /// it up.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn sleep(&mut self) -> io::Result<()> {
        self.dispatch.router.bell().will_sleep();
        let waits = !self.has_work() && !self.must_begin_to_stop();
        let entered = if waits {
            self.dispatch.router.traffic_mut().sleeps += 1;
            self.ring.wait()
        } else {
            self.ring.kick()
        };
        self.dispatch.router.bell().is_awake();
        self.entered = true;
        entered
    }

    /// Sleeps as [`sleep`](Self::sleep), but half a millisecond at most.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn sleep_a_moment(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.drain_is_timed, true) {
            self.ring.wake_after(Timer::DrainStep);
        }
        self.sleep()
    }

    fn complete(&mut self, completion: Completion) {
        match completion {
            Completion::Received { connection, result, buffer } => self.received(connection, result, buffer),
            Completion::Sent { connection, result, bytes } => self.sent(connection, result, bytes),
            Completion::Accepted { listener, result, armed } => self.accepted(listener, result, armed),
            Completion::CancelMissed { connection, send } => self.cancel_again(connection, send),
            Completion::Timer(Timer::Tick) => {
                self.tick_is_due = true;
                self.ring.wake_after(Timer::Tick);
            }
            Completion::Timer(Timer::DrainStep) => self.drain_is_timed = false,
        }
    }

    fn accepted(&mut self, listener: u32, result: io::Result<OwnedFd>, armed: bool) {
        let refused = result.is_err();
        if let Ok(socket) = result {
            self.admit(listener, socket);
        }
        if armed || self.stopping.is_some() {
            return;
        }
        if refused {
            // Out of descriptors, as a rule: trying at once would fail at once.
            self.dispatch.router.traffic_mut().accept_failures += 1;
            self.resting_listeners.push(listener);
        } else {
            self.ring.accept(listener, self.listeners[listener as usize].as_fd());
        }
    }

    /// Takes a connection in, hands it to another shard, or turns it away at the limit.
    fn admit(&mut self, listener: u32, socket: OwnedFd) {
        if self.stopping.is_some() {
            return;
        }
        let traffic = self.dispatch.router.traffic_mut();
        if self.shared.connections.fetch_add(1, Ordering::Relaxed) >= self.shared.connection_limit {
            self.shared.connections.fetch_sub(1, Ordering::Relaxed);
            traffic.rejected_connections += 1;
            let socket = socket2::Socket::from(socket);
            // A courtesy: the socket's buffer is empty, so either all of it goes out or the peer is gone.
            let _ = socket.set_nonblocking(true);
            let _ = (&socket).write(TOO_MANY_CONNECTIONS);
            return;
        }
        let (own, is_shared) = (self.dispatch.router.own(), (listener as usize) < self.shared_listeners);
        if is_shared && self.dispatch.rules.balances_connections {
            let shard = self.shared.spread.choose(own);
            if shard != own {
                self.shared.spread.hand(shard, socket);
                self.dispatch.router.wake(shard);
                self.dispatch.router.traffic_mut().handed_connections += 1;
                return;
            }
        }
        self.shared.spread.count(own);
        self.take_in(socket);
    }

    /// Takes in what other shards have handed over.
    fn take_handed(&mut self) {
        let own = self.dispatch.router.own();
        if !self.shared.spread.has_handed(own) {
            return;
        }
        for socket in self.shared.spread.take(own) {
            if self.stopping.is_some() {
                self.shared.spread.discount(own);
                self.shared.connections.fetch_sub(1, Ordering::Relaxed);
            } else {
                self.take_in(socket);
            }
        }
    }

    fn take_in(&mut self, socket: OwnedFd) {
        let traffic = self.dispatch.router.traffic_mut();
        traffic.total_connections += 1;
        traffic.curr_connections += 1;
        let number = self.dispatch.connections.insert(socket);
        self.dispatch.connections.at(number).last_input = self.dispatch.now.seconds;
        self.rearm.push(number);
        if self.dispatch.watch.wants(Streams::CONNEVENTS) {
            let connection = self.dispatch.connections.at(number);
            self.dispatch.watch.note_connection(connection, None);
        }
    }

    fn received(&mut self, number: u32, result: io::Result<usize>, buffer: Option<BufferId>) {
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

    /// One send for each connection that has something to say and none in flight.
    fn send(&mut self) {
        let mut touched = std::mem::take(&mut self.sends);
        std::mem::swap(&mut touched, &mut self.dispatch.touched);
        for number in touched.drain(..) {
            if !self.dispatch.connections.contains(number) {
                continue;
            }
            self.dispatch.connections.at(number).touched = false;
            self.dispatch.advance(number);
            let connection = self.dispatch.connections.at(number);
            if !connection.sending && !connection.out.is_empty() && !holds_back(connection) {
                let bytes = std::mem::take(&mut connection.out);
                connection.sending = true;
                self.dispatch.router.traffic_mut().bytes_written += bytes.len() as u64;
                let connection = self.dispatch.connections.at(number);
                self.ring.send(number, connection.socket(), bytes);
            } else if connection.out.is_empty() {
                // Taken for a reply that turned out to be silence.
                self.dispatch.pool.give(std::mem::take(&mut connection.out));
            }
            let connection = self.dispatch.connections.at(number);
            let input_is_done = connection.blocked == Blocked::No && !connection.ready && connection.input == 0;
            if connection.ended && input_is_done && connection.is_open() {
                connection.closing = Closing::AfterReplies;
            }
            let replied = !connection.sending && connection.out.is_empty() && !connection.has_queue();
            if connection.closing == Closing::AfterReplies && replied {
                self.close(number);
            }
            self.free_if_over(number);
        }
        self.sends = touched;
    }

    fn sent(&mut self, number: u32, result: io::Result<usize>, bytes: Vec<u8>) {
        let connection = self.dispatch.connections.at(number);
        connection.sending = false;
        let whole = matches!(result, Ok(n) if n == bytes.len());
        self.dispatch.pool.give(bytes);
        let connection = self.dispatch.connections.at(number);
        if !whole {
            self.close(number);
        } else if !connection.out.is_empty()
            || connection.queue.is_some()
            || connection.watcher.is_some()
            || connection.closing != Closing::No
            || connection.blocked == Blocked::Replies
        {
            touch(connection, &mut self.dispatch.touched, number);
        }
        self.free_if_over(number);
    }

    /// Asks for more of the connections whose input allows it. Who is not asked is not read from.
    fn rearm(&mut self) {
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

    /// Ends a connection at once.
    pub(super) fn close(&mut self, number: u32) {
        let reason = match self.dispatch.connections.at(number).closing {
            _ if self.stopping.is_some() => "shutdown",
            Closing::AfterReplies => "normal",
            Closing::No | Closing::Now => "error",
        };
        self.close_because(number, reason);
    }

    /// Ends a connection at once, for this reason as watchers are told it.
    pub(super) fn close_because(&mut self, number: u32, reason: &'static str) {
        let connection = self.dispatch.connections.at(number);
        if connection.closing == Closing::Now {
            return;
        }
        if self.dispatch.watch.wants(Streams::CONNEVENTS) {
            self.dispatch.watch.note_connection(connection, Some(reason));
        }
        self.dispatch.abandon(number);
        let connection = self.dispatch.connections.at(number);
        touch(connection, &mut self.dispatch.touched, number);
        // The place is freed with the last operation's completion. Not by a shutdown, which would take what the
        // peer still sends without telling it: closing a socket with unread data resets the connection.
        let (receiving, sending) = (connection.receiving, connection.sending);
        if receiving {
            self.ring.cancel_receive(number);
        }
        if sending {
            self.ring.cancel_send(number);
        }
    }

    /// Cancels again what was to be cancelled and has not ended.
    fn cancel_again(&mut self, number: u32, send: bool) {
        if !self.dispatch.connections.contains(number) {
            return;
        }
        let connection = self.dispatch.connections.at(number);
        if connection.closing != Closing::Now {
            return;
        }
        let (receiving, sending) = (connection.receiving, connection.sending);
        match send {
            true if sending => self.ring.cancel_send(number),
            false if receiving => self.ring.cancel_receive(number),
            _ => {}
        }
    }

    pub(super) fn free_if_over(&mut self, number: u32) {
        if !self.dispatch.connections.contains(number) {
            return;
        }
        let connection = self.dispatch.connections.at(number);
        if connection.closing != Closing::Now || connection.receiving || connection.sending || connection.input != 0 {
            return;
        }
        self.dispatch.connections.remove(number);
        self.dispatch.router.traffic_mut().curr_connections -= 1;
        self.shared.spread.discount(self.dispatch.router.own());
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a connection's output waits for answers of other shards, to be sent together with them.
fn holds_back(connection: &mut Connection) -> bool {
    let Some(queue) = &mut connection.queue else { return false };
    if connection.out.len() >= OUTPUT_HELD_BYTES {
        queue.let_go();
        return false;
    }
    queue.holds_back()
}
