//! Moves bytes between the server and an [`Agent`], for many connections on one thread.
//!
//! Knows no protocol and no workload. One thread, one epoll queue, non-blocking sockets: a turn waits for events, reads
//! each ready connection, lets the agent answer, and writes once per connection. Several connections are read from, and
//! written to, by one system call each ([`batch`]) where the kernel has io_uring and allows it. At 16 connections and depth
//! 16 that is a tenth of the generator's CPU time. It waits by epoll all the same, so that it also runs where io_uring is
//! forbidden, in the same way but for the number of system calls.

mod batch;
mod connection;
mod meter;
mod silence;
mod transfer;

use std::{num::NonZeroU64, ops::Range};

use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    fd::OwnedFd,
    thread::set_current_timer_slack,
};

use crate::{
    clock::{Clock, Nanos, SECOND},
    error::Error,
    protocol::Unparsable,
    target::Endpoint,
};
use batch::Batch;
use connection::Connection;
pub use meter::{BusyMeter, CoreTime};
use silence::{STALL_SECONDS, Silence, WAIT_MAX};
use transfer::{SLOT, interest};

/// Bytes that one read takes at most, unless replies have to be seen whole and are longer.
pub const READ_BUFFER: usize = 256 << 10;

/// Events fetched by one wait.
const EVENTS_MAX: usize = 1024;

/// Nothing, or nothing more, will come.
const ENDED: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::ERR);

/// A deadline nearer than this is awaited by polling: a sleep and a wake-up cost about as much.
const SPIN: Nanos = 50_000;

/// How late the kernel may wake a sleeper for the sake of waking several at once, in nanoseconds; usually 50,000.
const TIMER_SLACK: NonZeroU64 = NonZeroU64::MIN;

/// What the driver should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait for events, at most until this moment.
    WaitUntil(Nanos),
    /// All is done.
    Finish,
}

/// The side that knows what to send and what to make of the replies. Connections are numbered from 0.
pub trait Agent {
    /// Called before every wait. Names in `wake` the connections whose [`Agent::requests`] must be asked.
    fn plan(&mut self, now: Nanos, wake: &mut Vec<usize>, meter: &mut BusyMeter) -> Next;

    /// Appends what the connection should send now, if anything. Asked after every read and when woken. What `out` holds
    /// already is other connections'.
    fn requests(&mut self, connection: usize, now: Nanos, out: &mut Vec<u8>);

    /// Takes replies from the head of `input` and says how many bytes they were; the rest comes again with more.
    fn replies(&mut self, connection: usize, now: Nanos, input: &[u8]) -> Result<usize, Unparsable>;

    /// Requests that are sent and not answered, over all connections.
    fn outstanding(&self) -> usize;
}

/// The connections of one thread.
pub struct Driver {
    epoll: OwnedFd,
    clock: Clock,
    connections: Vec<Connection>,
    inbox: Vec<u8>,
    out: Vec<u8>,
    /// Connections with requests in `out`, and where these are. Bounded by a batch.
    composed: Vec<(usize, Range<usize>)>,
    /// Connections with something to read: of which several are read at once, and others.
    ready: Vec<usize>,
    ready_alone: Vec<usize>,
    batch: Option<Batch>,
    meter: BusyMeter,
}

impl Driver {
    /// Opens `count` connections. A reply that an agent must see whole may have `reply_len_max` bytes.
    pub fn connect(endpoint: &Endpoint, count: usize, reply_len_max: usize, clock: Clock) -> Result<Self, Error> {
        Self::connect_to(std::slice::from_ref(endpoint), count, reply_len_max, clock)
    }

    /// The same to several endpoints in turn: connection `n` to that of number `n` modulo how many there are.
    pub fn connect_to(endpoints: &[Endpoint], count: usize, reply_len_max: usize, clock: Clock) -> Result<Self, Error> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(|error| Error::Poll(error.into()))?;
        let mut connections = Vec::with_capacity(count);
        for (id, endpoint) in endpoints.iter().cycle().take(count).enumerate() {
            let stream = endpoint.connect()?;
            epoll::add(&epoll, &stream, EventData::new_u64(id as u64), interest(&stream, false))
                .map_err(|error| Error::Poll(error.into()))?;
            connections.push(Connection::new(stream));
        }
        let inbox = vec![0; READ_BUFFER.max(reply_len_max + READ_BUFFER / 2)];
        Ok(Driver {
            epoll,
            clock,
            connections,
            inbox,
            out: Vec::new(),
            composed: Vec::new(),
            ready: Vec::new(),
            ready_alone: Vec::new(),
            batch: Batch::new(),
            meter: BusyMeter::default(),
        })
    }

    /// What this thread's work took of a core since the agent started the meter.
    pub fn worked(&self) -> CoreTime {
        self.meter.worked()
    }

    /// Runs `agent` until it finishes.
    pub fn drive(&mut self, agent: &mut impl Agent) -> Result<(), Error> {
        // A refusal costs precision only.
        let _ = set_current_timer_slack(Some(TIMER_SLACK));
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
        let mut wake: Vec<usize> = (0..self.connections.len()).collect();
        let mut silence = Silence::default();
        loop {
            let now = self.clock.now();
            let until = match agent.plan(now, &mut wake, &mut self.meter) {
                Next::Finish => return Ok(()),
                Next::WaitUntil(until) => until,
            };
            let polling = until.saturating_sub(now) < SPIN;
            let mut polled_from = now;
            if !wake.is_empty() {
                self.send_woken(agent, &mut wake)?;
                polled_from = self.clock.now();
            }
            events.clear();
            self.wait(&mut events, if polling { 0 } else { until - now - SPIN })?;
            if events.is_empty() {
                let after = self.clock.now();
                if polling {
                    self.meter.polled(after - polled_from);
                }
                silence.waited(after - now);
                let outstanding = agent.outstanding();
                if outstanding == 0 {
                    silence.broken();
                } else if silence.is_stall() {
                    return Err(Error::Stalled { seconds: STALL_SECONDS, outstanding });
                }
                continue;
            }
            silence.broken();
            for event in &events {
                let (id, flags) = (event.data.u64() as usize, event.flags);
                if flags.intersects(EventFlags::OUT) {
                    self.flush(id)?;
                }
                if flags.intersects(ENDED) {
                    while self.receive(agent, id, true)? {}
                    wake.push(id);
                } else if flags.intersects(EventFlags::IN) {
                    let is_short = self.batch.is_some() && self.connections[id].reads_into(SLOT);
                    if is_short {
                        self.ready.push(id)
                    } else {
                        self.ready_alone.push(id)
                    }
                    wake.push(id);
                }
            }
            self.receive_ready(agent)?;
            self.send_woken(agent, &mut wake)?;
        }
    }

    /// Waits for events, at most `timeout` and at most [`WAIT_MAX`], so that stalls are seen.
    fn wait(&self, events: &mut Vec<Event>, timeout: Nanos) -> Result<(), Error> {
        let timeout = timeout.min(WAIT_MAX);
        let timespec =
            Timespec { tv_sec: (timeout / SECOND) as i64, tv_nsec: (timeout % SECOND).try_into().unwrap_or(0) };
        match epoll::wait(&self.epoll, spare_capacity(events), Some(&timespec)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(Error::Poll(error.into())),
        }
    }
}

#[cfg(test)]
mod tests;
