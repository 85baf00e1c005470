//! `watch`: connections that are streams of events.
//!
//! ```text
//!   shard: events of a turn --lines--> [buffer of (watcher, shard)] --mail, bell--> watcher's shard --> its output
//! ```
//!
//! A shard looks once per turn at whether anybody watches; while nobody does, that is all. Otherwise it writes the
//! lines of a turn at its end, behind the replies, into a bounded buffer for each watcher. What a buffer has no room
//! for is counted, told to the watcher when there is room again, and lost: a slow watcher holds nobody up. The
//! buffers' locks are taken by two shards only, never while a request is executed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection::{Connection, Intake};
use super::dispatch::{Dispatch, touch};
use super::limits::{CONNECTION_EVENTS_MAX, OUTPUT_HIGH_BYTES, WATCHERS_MAX};
use super::peer::PeerName;
use crate::clock::Seconds;
use crate::protocol::memcache::{Event, EventItem, Stamp, Streams, errors, event_line, skipped_line};
use crate::router::{Doorbell, Observation, Observed, ObservedStreams, Reason, Removal};

/// Everybody who watches, over all shards.
#[derive(Debug, Default)]
pub struct Watchers {
    all: Mutex<Vec<Arc<Watcher>>>,
    /// Changes with `all`.
    version: AtomicU64,
    /// Events told so far.
    events: AtomicU64,
}

/// A connection that watches.
#[derive(Debug)]
pub(super) struct Watcher {
    streams: Streams,
    home: Arc<Home>,
    /// By the shard that writes to it.
    buffers: Box<[Mutex<Buffer>]>,
}

/// Lines on their way from one shard to one watcher.
#[derive(Debug, Default)]
struct Buffer {
    lines: Vec<u8>,
    /// Lines lost since the last one that was not.
    skipped: u64,
}

/// How a watcher's shard learns that there is something in a buffer.
#[derive(Debug)]
struct Home {
    mail: AtomicBool,
    bell: Arc<Doorbell>,
}

/// A connection that came or went.
#[derive(Debug)]
struct ConnectionEvent {
    peer: PeerName,
    fd: i32,
    /// Why it went; `None` if it came.
    closed: Option<&'static str>,
}

/// One shard's part: what it has to tell, and to whom.
pub(super) struct Watch {
    home: Arc<Home>,
    /// Of `Watchers::all`, as last seen.
    version: u64,
    watchers: Vec<Arc<Watcher>>,
    /// What they watch, together.
    streams: Streams,
    /// Own connections that watch.
    own: Vec<u32>,
    connections: Vec<ConnectionEvent>,
    /// The lines of this turn, and of each where it ends and its stream.
    lines: Vec<u8>,
    ends: Vec<(usize, Streams)>,
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Watcher>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a watcher, if there may be one more.
    fn add(&self, watcher: Watcher) -> Option<Arc<Watcher>> {
        let mut all = self.lock();
        if all.len() >= WATCHERS_MAX {
            return None;
        }
        let watcher = Arc::new(watcher);
        all.push(watcher.clone());
        self.version.fetch_add(1, Ordering::Release);
        Some(watcher)
    }

    fn remove(&self, watcher: &Arc<Watcher>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, watcher));
        self.version.fetch_add(1, Ordering::Release);
    }
}

impl Watcher {
    fn buffer(&self, shard: usize) -> MutexGuard<'_, Buffer> {
        self.buffers[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what has come to the connection's output, as far as there is room.
    pub(super) fn drain(&self, out: &mut Vec<u8>) {
        for shard in 0..self.buffers.len() {
            if out.len() >= OUTPUT_HIGH_BYTES {
                return;
            }
            let mut buffer = self.buffer(shard);
            out.extend_from_slice(&buffer.lines);
            buffer.lines.clear();
        }
    }

    fn bytes_max(&self, total: usize) -> usize {
        total / self.buffers.len()
    }
}

impl Buffer {
    /// Adds a line, or counts it as lost.
    fn push(&mut self, line: &[u8], bytes_max: usize) -> bool {
        // Room for being told of lost lines, too.
        if self.lines.len() + line.len() + SKIPPED_LINE_LEN_MAX > bytes_max {
            self.skipped += 1;
            return false;
        }
        if self.skipped > 0 {
            skipped_line(std::mem::take(&mut self.skipped), &mut self.lines);
        }
        self.lines.extend_from_slice(line);
        true
    }
}

/// `skipped=`, 20 digits and a newline.
const SKIPPED_LINE_LEN_MAX: usize = 32;

impl Watch {
    pub(super) fn new(bell: Arc<Doorbell>) -> Self {
        Watch {
            home: Arc::new(Home { mail: AtomicBool::new(false), bell }),
            version: 0,
            watchers: Vec::new(),
            streams: Streams::default(),
            own: Vec::new(),
            connections: Vec::new(),
            lines: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Bytes of lines that wait for own connections that watch, and of this turn's.
    pub(super) fn memory_bytes(&self) -> usize {
        let own = self.watchers.iter().filter(|watcher| Arc::ptr_eq(&watcher.home, &self.home));
        let buffers =
            own.flat_map(|watcher| (0..watcher.buffers.len()).map(|shard| watcher.buffer(shard).lines.capacity()));
        buffers.sum::<usize>() + self.lines.capacity()
    }

    /// Whether anybody watches one of these streams.
    #[inline]
    pub(super) fn wants(&self, streams: Streams) -> bool {
        self.streams.intersects(streams)
    }

    /// Whether anybody watches anything.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        !self.streams.is_empty()
    }

    /// Whether lines for own connections have come.
    #[inline]
    pub(super) fn has_mail(&self) -> bool {
        self.home.mail.load(Ordering::Relaxed)
    }

    /// A connection has come, or has gone for this reason.
    pub(super) fn note_connection(&mut self, connection: &Connection, closed: Option<&'static str>) {
        if self.connections.len() < CONNECTION_EVENTS_MAX {
            let (peer, fd) = PeerName::of(connection.socket());
            self.connections.push(ConnectionEvent { peer, fd, closed });
        }
    }

    /// Adds an event to the lines of this turn.
    fn write(&mut self, unix: Duration, gids: &AtomicU64, event: &Event<'_>) {
        let gid = gids.fetch_add(1, Ordering::Relaxed) + 1;
        event_line(Stamp { unix, gid }, event, &mut self.lines);
        self.ends.push((self.lines.len(), event.stream()));
    }

    /// Hands the lines of this turn to who watches their streams. Returns how many lines went and how many were lost.
    fn hand_over(&mut self, own: usize, buffer_bytes: usize) -> (u64, u64) {
        let (mut sent, mut skipped) = (0, 0);
        for watcher in &self.watchers {
            let bytes_max = watcher.bytes_max(buffer_bytes);
            let mut start = 0;
            let mut buffer = watcher.buffer(own);
            for &(end, stream) in &self.ends {
                if watcher.streams.intersects(stream) {
                    let went = buffer.push(&self.lines[start..end], bytes_max);
                    sent += u64::from(went);
                    skipped += u64::from(!went);
                }
                start = end;
            }
            let has_lines = !buffer.lines.is_empty();
            drop(buffer);
            if has_lines && !watcher.home.mail.swap(true, Ordering::Release) {
                watcher.home.bell.ring();
            }
        }
        self.lines.clear();
        self.lines.shrink_to(LINES_KEPT_BYTES);
        self.ends.clear();
        (sent, skipped)
    }
}

/// The buffer for the lines of a turn is given back to the system above this many bytes.
const LINES_KEPT_BYTES: usize = 64 << 10;

impl Dispatch {
    /// `watch`: makes the connection a stream of events.
    pub(super) fn watch(&mut self, number: u32, streams: Streams) {
        let connection = self.connections.at(number);
        if !self.rules.watch_enabled {
            return self.reply(number, errors::WATCH_DISABLED);
        }
        if connection.has_queue() || !connection.out.is_empty() {
            return self.reply(number, errors::WATCH_PIPELINED);
        }
        let buffers = (0..self.router.shards()).map(|_| Mutex::default()).collect();
        let watcher = Watcher { streams, home: self.watch.home.clone(), buffers };
        let Some(watcher) = self.shared.watchers.add(watcher) else {
            return self.reply(number, errors::WATCHERS_TOO_MANY);
        };
        // What the client still sends means nothing.
        connection.intake = Intake::Discard(u64::MAX);
        connection.watcher = Some(watcher);
        self.watch.own.push(number);
        self.router.traffic_mut().log_watchers += 1;
        self.reply(number, errors::OK);
        self.see_watchers();
    }

    /// A connection that may have watched is over.
    pub(super) fn unwatch(&mut self, number: u32) {
        if let Some(watcher) = self.connections.at(number).watcher.take() {
            self.watch.own.retain(|other| *other != number);
            self.router.traffic_mut().log_watchers -= 1;
            self.shared.watchers.remove(&watcher);
            self.see_watchers();
        }
    }

    /// Learns who watches what. To be called before the events of a turn.
    #[inline]
    pub(super) fn see_watchers(&mut self) {
        let version = self.shared.watchers.version.load(Ordering::Acquire);
        if version != self.watch.version {
            self.see_new_watchers(version);
        }
    }

    #[cold]
    fn see_new_watchers(&mut self, version: u64) {
        let watch = &mut self.watch;
        watch.version = version;
        watch.watchers.clone_from(&self.shared.watchers.lock());
        watch.streams = watch.watchers.iter().fold(Streams::default(), |all, watcher| all | watcher.streams);
        let streams = watch.streams;
        let shard = self.router.shard_mut();
        let observed = [
            (Streams::FETCHERS, ObservedStreams::FETCHERS),
            (Streams::MUTATIONS, ObservedStreams::MUTATIONS),
            (Streams::DELETIONS, ObservedStreams::DELETIONS),
        ];
        let wanted = observed.into_iter().filter(|(stream, _)| streams.intersects(*stream));
        shard.observe(wanted.fold(ObservedStreams::NONE, |all, (_, stream)| all.and(stream)));
        shard.observe_removals(streams.intersects(Streams::EVICTIONS));
    }

    /// Brings lines that have come to the own connections that watch.
    #[inline]
    pub(super) fn take_mail(&mut self) {
        if self.watch.has_mail() && self.watch.home.mail.swap(false, Ordering::Acquire) {
            for &number in &self.watch.own {
                touch(self.connections.at(number), &mut self.touched, number);
            }
        }
    }

    /// Tells the watchers what has happened in this turn.
    pub(super) fn tell_watchers(&mut self, unix: Duration) {
        let Dispatch { watch, router, shared, rules, now, .. } = self;
        let seconds = now.seconds;
        let gids = &shared.watchers.events;
        let connections = std::mem::take(&mut watch.connections);
        for event in connections.iter().filter(|event| event.closed.is_none()) {
            watch.write(unix, gids, &Event::ConnNew(event.peer.peer(event.fd)));
        }
        let shard = router.shard_mut();
        let mut dropped = shard.take_removals(|removal| {
            if removal.reason == Reason::Evicted {
                watch.write(unix, gids, &evicted(&removal, seconds));
            }
        });
        let observations = shard.take_observations();
        for observation in observations.iter() {
            watch.write(unix, gids, &observed(&observation));
        }
        dropped += observations.dropped;
        for event in &connections {
            if let Some(reason) = event.closed {
                watch.write(unix, gids, &Event::ConnClose { peer: event.peer.peer(event.fd), reason });
            }
        }
        if watch.ends.is_empty() && dropped == 0 {
            return;
        }
        let written = watch.ends.len() as u64;
        let (sent, skipped) = watch.hand_over(router.own(), rules.watcher_buffer_bytes);
        let traffic = router.traffic_mut();
        traffic.log_worker_written += written;
        traffic.log_worker_dropped += dropped;
        traffic.log_watcher_sent += sent;
        traffic.log_watcher_skipped += skipped;
    }
}

/// What is said of an eviction.
fn evicted<'a>(removal: &Removal<'a>, now: Seconds) -> Event<'a> {
    let &Removal { key, was_fetched, deadline, class, value_len, accessed, .. } = removal;
    Event::Eviction {
        fetched: was_fetched,
        ttl_seconds: deadline.remaining(now).map_or(-1, i64::from),
        idle_seconds: now.0.saturating_sub(accessed.0),
        item: EventItem { key, class, fd: 0, value_len },
    }
}

/// What is said of what a shard has observed.
fn observed<'a>(observation: &Observation<'a>) -> Event<'a> {
    let &Observation { event, key, class, value_len, origin, .. } = observation;
    let item = EventItem { key, class: class.into(), fd: origin, value_len };
    match event {
        Observed::Fetched(status) => Event::Get { status: status.name(), item },
        Observed::Stored { status, command, ttl_seconds } => {
            Event::Store { status: status.name(), command, ttl_seconds, item }
        }
        Observed::Deleted { command } => Event::Deleted { command, item },
    }
}
