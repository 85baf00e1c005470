//! One shard's server loop: a turn takes what has arrived, executes it, and answers each connection once.
//!
//! ```text
//!   kick ring -> completions -> inputs -> mesh -> parse, prefetch, execute -> one send per connection -> mesh
//! ```
//!
//! A turn is bounded: in completions taken, in commands per connection, in batches served for other shards.
//! What is left over waits in the `ready` list, the completion queue or the mesh for the next turn.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::conns::Listening;
use super::control::Control;
use super::dispatch::Dispatch;
use super::input::Input;
use super::limits::{COMPLETIONS_PER_TURN, UPLOADS_TURN_BYTES};
use super::ring::{Completion, Ring, Timer};
use super::rules::Rules;
use super::shared::Shared;
use super::stop::Stopping;
use super::ticket::WorkerRouter;
use crate::clock::Clock;
use crate::protocol::memcache::Parser;
use crate::router::KeyHasher;

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
    pub(super) shared_listeners: usize,
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
    pub(super) has_housekeeping: bool,
    /// Where the next look for idle connections begins.
    pub(super) idle_cursor: usize,
    pub(super) sends: Vec<u32>,
    /// Whether the ring has been entered since the last turn.
    entered: bool,
    /// Whether a second has passed since the last tick.
    pub(super) tick_is_due: bool,
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

    /// Tells the watchers, if there are any, what has happened.
    pub(super) fn tell_watchers(&mut self) {
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
            Completion::Sent { connection, result, outgoing } => self.sent(connection, result, outgoing),
            Completion::Accepted { listener, result, armed } => self.accepted(listener, result, armed),
            Completion::CancelMissed { connection, send } => self.cancel_again(connection, send),
            Completion::Timer(Timer::Tick) => {
                self.tick_is_due = true;
                self.ring.wake_after(Timer::Tick);
            }
            Completion::Timer(Timer::DrainStep) => self.drain_is_timed = false,
        }
    }
}
