//! Executing requests while somebody watches what a shard does, or its counts by key prefix.

use super::execute::Shard;
use super::observe::{Event, FetchStatus, Observations, StoreStatus, Streams};
use super::prefixes::{PrefixCounts, Prefixes};
use crate::clock::Now;
use crate::command::{self, CasCheck, Op, Payload, Reply, Request, StoreMode};
use crate::storage::{Look, Removal};

impl Shard {
    /// Records these streams from now on, and no others. [`Shard::take_observations`] has the records.
    pub fn observe(&mut self, streams: Streams) {
        self.observer.watch(streams);
        self.renew_attention();
    }

    /// Names for whom the next requests are executed: a number that their records carry; 0 for nobody.
    pub fn observe_for(&mut self, origin: i32) {
        self.observer.origin = origin;
    }

    /// Records from now on which items are evicted, or no longer. [`Shard::take_removals`] has the records.
    pub fn observe_removals(&mut self, on: bool) {
        self.store.observe_removals(on);
    }

    /// Shows the removals since they were last taken. Returns how many more there were than could be kept.
    pub fn take_removals(&mut self, visit: impl FnMut(Removal<'_>)) -> u64 {
        self.store.take_removals(visit)
    }

    /// What was recorded since it was last taken.
    pub fn take_observations(&mut self) -> Observations {
        self.observer.take()
    }

    /// Counts by key prefix from now on, with this delimiter, or no longer. The counts stay.
    pub fn count_prefixes(&mut self, delimiter: Option<u8>) {
        self.prefixes.turn(delimiter);
        self.renew_attention();
    }

    /// The counts by key prefix.
    pub fn prefixes(&self) -> &Prefixes {
        self.prefixes.prefixes()
    }

    pub(super) fn is_watched(&self) -> bool {
        let streams = Streams::FETCHERS.and(Streams::MUTATIONS).and(Streams::DELETIONS);
        self.observer.watches(streams) || self.prefixes.is_on()
    }

    pub(super) fn execute_watched(&mut self, request: &Request<'_>, now: Now) -> Reply<'_> {
        let Request { hash, key, op } = *request;
        let before = self.store.look(hash, key, now.seconds);
        self.count_by_prefix(key, op, before);
        let (status, class, value_len) = match before {
            Look::Absent => (FetchStatus::NotFound, 0, 0),
            Look::Expired => (FetchStatus::Expired, 0, 0),
            Look::Present(details) => (FetchStatus::Found, details.class, details.value_len),
        };
        // A refused write looks for the item only to drop it.
        if !matches!(op, Op::RefusedStore(_)) {
            self.observer.record(Event::Fetched(status), key, class, value_len);
        }
        match op {
            Op::Store(store) => {
                let reply = self.set(hash, key, &store, now);
                self.observe_store(request, &store, &reply, now);
                reply
            }
            Op::RefusedStore(mode) => {
                let command = command_name(mode, CasCheck::Any);
                let event = Event::Stored { status: StoreStatus::TooLarge, command, ttl_seconds: 0 };
                self.observer.record(event, key, 0, 0);
                self.execute_rare(request, now)
            }
            Op::Delete(delete) => {
                let command = if delete.is_meta { "md" } else { "delete" };
                let keeps = delete.invalidate;
                let reply = match self.execute_rare(request, now) {
                    Reply::Deleted => Reply::Deleted,
                    Reply::NotFound => Reply::NotFound,
                    Reply::Exists => Reply::Exists,
                    _ => Reply::OutOfMemory,
                };
                if matches!(reply, Reply::Deleted) {
                    if delete.clear_value {
                        self.observe_stored(request, "set", now);
                    }
                    if !keeps {
                        self.observer.record(Event::Deleted { command }, key, class, value_len);
                    }
                }
                reply
            }
            Op::Arithmetic(arithmetic) if arithmetic.initial.is_some() => {
                let reply = match self.execute_rare(request, now) {
                    Reply::Number(number) => Reply::Number(number),
                    Reply::Exists => Reply::Exists,
                    Reply::NonNumeric => Reply::NonNumeric,
                    _ => Reply::OutOfMemory,
                };
                if matches!(reply, Reply::Number(number) if number.created) {
                    self.observe_stored(request, "add", now);
                }
                reply
            }
            _ => self.perform(request, now),
        }
    }

    fn count_by_prefix(&mut self, key: &[u8], op: Op<'_>, before: Look) {
        let is_present = u64::from(matches!(before, Look::Present(_)));
        let add = match op {
            Op::Get | Op::Gets | Op::GetAndTouch(_) | Op::MetaGet(_) => {
                PrefixCounts { get: 1, hit: is_present, set: 0, del: 0 }
            }
            Op::Store(_) | Op::RefusedStore(_) => PrefixCounts { set: 1, ..PrefixCounts::default() },
            Op::Delete(_) => PrefixCounts { del: 1, ..PrefixCounts::default() },
            Op::Arithmetic(_) | Op::Touch(_) | Op::Debug => return,
        };
        self.prefixes.count(key, add);
    }

    fn observe_store(&mut self, request: &Request<'_>, store: &command::Store<'_>, reply: &Reply<'_>, now: Now) {
        let command = command_name(store.mode, store.cas);
        let status = match reply {
            Reply::Stored { .. } => return self.observe_stored(request, command, now),
            Reply::NotStored => StoreStatus::NotStored,
            Reply::Exists => StoreStatus::Exists,
            Reply::NotFound => StoreStatus::NotFound,
            Reply::TooLarge => StoreStatus::TooLarge,
            _ => StoreStatus::NoMemory,
        };
        let deadline = now.deadline(store.exptime);
        let ttl_seconds = deadline.remaining(now.seconds).unwrap_or(0);
        let (class, value_len) = match store.value {
            _ if matches!(status, StoreStatus::TooLarge | StoreStatus::NoMemory) => (0, 0),
            Payload::Inline(value) => {
                let class = self.store.class_for(request.key.len(), value.len(), store.flags, deadline);
                (class, value.len() as u64)
            }
            Payload::Upload(_) => (0, 0),
        };
        self.observer.record(Event::Stored { status, command, ttl_seconds }, request.key, class, value_len);
    }

    /// Records what has been stored, as it is now.
    fn observe_stored(&mut self, request: &Request<'_>, command: &'static str, now: Now) {
        let Request { hash, key, .. } = *request;
        let status = StoreStatus::Stored;
        let (ttl_seconds, class, value_len) = match self.store.look(hash, key, now.seconds) {
            Look::Present(details) => {
                let ttl_seconds = details.deadline.remaining(now.seconds).unwrap_or(0);
                (ttl_seconds, details.class, details.value_len)
            }
            Look::Absent | Look::Expired => (0, 0, 0),
        };
        self.observer.record(Event::Stored { status, command, ttl_seconds }, key, class, value_len);
    }
}

/// memcached's word for a write.
fn command_name(mode: StoreMode, cas: CasCheck) -> &'static str {
    match mode {
        StoreMode::Set | StoreMode::Replace if cas != CasCheck::Any => "cas",
        StoreMode::Set => "set",
        StoreMode::Add => "add",
        StoreMode::Replace => "replace",
        StoreMode::Append => "append",
        StoreMode::Prepend => "prepend",
    }
}
