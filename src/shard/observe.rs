//! What a shard does, told to those who watch it (`watch fetchers mutations deletions`). Off unless somebody does.
//!
//! Records wait in a buffer of bounded size until they are taken; what does not fit is dropped and counted, so that
//! nobody who watches slows a request down.

/// Bytes of records and their keys that wait to be taken, as many as memcached gives a watcher.
pub const OBSERVATIONS_BYTES_MAX: usize = 256 << 10;

/// A set of streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams(u8);

impl Streams {
    /// None: nothing is recorded.
    pub const NONE: Streams = Streams(0);
    /// Every look for a key, those of writes included, as in memcached.
    pub const FETCHERS: Streams = Streams(1);
    /// Every write of a value.
    pub const MUTATIONS: Streams = Streams(2);
    /// Every removal that was asked for.
    pub const DELETIONS: Streams = Streams(4);

    /// Both sets.
    pub const fn and(self, other: Streams) -> Streams {
        Streams(self.0 | other.0)
    }

    /// Whether any stream of `other` is in the set.
    pub const fn has(self, other: Streams) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key was looked for (`item_get`).
    Fetched(FetchStatus),
    /// A value was to be written (`item_store`).
    Stored {
        /// With what result.
        status: StoreStatus,
        /// By which command: `set`, `add`, `replace`, `append`, `prepend` or `cas`.
        command: &'static str,
        /// Seconds until the item expires; 0 if it does not.
        ttl_seconds: u32,
    },
    /// An item was removed (`deleted`).
    Deleted {
        /// By which command: `delete` or `md`.
        command: &'static str,
    },
}

/// Whether a key was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchStatus {
    /// There was no item.
    NotFound,
    /// There was.
    Found,
    /// There was one, but it had expired.
    Expired,
}

impl FetchStatus {
    /// memcached's word.
    pub const fn name(self) -> &'static str {
        match self {
            FetchStatus::NotFound => "not_found",
            FetchStatus::Found => "found",
            FetchStatus::Expired => "expired",
        }
    }
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreStatus {
    /// A condition did not hold.
    NotStored,
    /// It is stored.
    Stored,
    /// The CAS numbers differ.
    Exists,
    /// A CAS number was given and there is no item.
    NotFound,
    /// The item would exceed the maximum item size.
    TooLarge,
    /// There was no memory for it.
    NoMemory,
}

impl StoreStatus {
    /// memcached's word.
    pub const fn name(self) -> &'static str {
        match self {
            StoreStatus::NotStored => "not_stored",
            StoreStatus::Stored => "stored",
            StoreStatus::Exists => "exists",
            StoreStatus::NotFound => "not_found",
            StoreStatus::TooLarge => "too_large",
            StoreStatus::NoMemory => "no_memory",
        }
    }
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation<'a> {
    /// Its number among those of the shard, dropped ones included; rises by one.
    pub sequence: u64,
    /// What happened.
    pub event: Event,
    /// To which key.
    pub key: &'a [u8],
    /// The item's slab class, from 1; 0 if there is no item.
    pub class: u16,
    /// Length of the value in bytes.
    pub value_len: u64,
    /// For whom it happened, as told by [`Shard::observe_for`](super::Shard::observe_for); 0 where nobody was named.
    pub origin: i32,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    sequence: u64,
    event: Event,
    key_len: u8,
    class: u16,
    value_len: u64,
    origin: i32,
}

/// Records in the order of what happened.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    records: Vec<Record>,
    keys: Vec<u8>,
    /// Records dropped since the last taking, because too many waited.
    pub dropped: u64,
}

impl Observations {
    /// The records.
    pub fn iter(&self) -> impl Iterator<Item = Observation<'_>> {
        let mut keys = &self.keys[..];
        self.records.iter().map(move |record| {
            let (key, rest) = keys.split_at(usize::from(record.key_len));
            keys = rest;
            let Record { sequence, event, class, value_len, origin, .. } = *record;
            Observation { sequence, event, key, class, value_len, origin }
        })
    }

    /// Whether there is neither a record nor a dropped one.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.dropped == 0
    }

    fn bytes(&self) -> usize {
        self.records.len() * size_of::<Record>() + self.keys.len()
    }
}

/// The streams that are watched and what waits to be taken.
#[derive(Debug, Default)]
pub(super) struct Observer {
    streams: Streams,
    waiting: Observations,
    next_sequence: u64,
    /// For whom requests are executed now.
    pub(super) origin: i32,
}

impl Observer {
    pub(super) fn watches(&self, streams: Streams) -> bool {
        self.streams.has(streams)
    }

    /// Watches these streams and no others. What was recorded of others still waits.
    pub(super) fn watch(&mut self, streams: Streams) {
        self.streams = streams;
    }

    pub(super) fn take(&mut self) -> Observations {
        std::mem::take(&mut self.waiting)
    }

    /// Records an event of a stream that is watched.
    pub(super) fn record(&mut self, event: Event, key: &[u8], class: u16, value_len: u64) {
        let stream = match event {
            Event::Fetched(_) => Streams::FETCHERS,
            Event::Stored { .. } => Streams::MUTATIONS,
            Event::Deleted { .. } => Streams::DELETIONS,
        };
        if !self.watches(stream) {
            return;
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let key_len = u8::try_from(key.len());
        let Ok(key_len) = key_len else { return self.waiting.dropped += 1 };
        if self.waiting.bytes() + size_of::<Record>() + key.len() > OBSERVATIONS_BYTES_MAX {
            self.waiting.dropped += 1;
            return;
        }
        self.waiting.records.push(Record { sequence, event, key_len, class, value_len, origin: self.origin });
        self.waiting.keys.extend_from_slice(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_watched_is_recorded_in_order() {
        let mut observer = Observer::default();
        let (fetched, deleted) = (Event::Fetched(FetchStatus::Found), Event::Deleted { command: "md" });
        observer.record(fetched, b"early", 1, 1);
        assert!(observer.take().is_empty());
        observer.watch(Streams::DELETIONS.and(Streams::MUTATIONS));
        observer.record(fetched, b"a", 1, 1);
        observer.record(deleted, b"b", 2, 3);
        observer.record(deleted, b"", 4, 5);
        let taken = observer.take();
        let records: Vec<_> = taken.iter().map(|record| (record.sequence, record.key, record.class)).collect();
        assert_eq!(records, [(0, &b"b"[..], 2), (1, &b""[..], 4)]);
        assert!(observer.take().is_empty());
    }

    #[test]
    fn what_nobody_takes_is_dropped_and_counted() {
        let mut observer = Observer::default();
        observer.watch(Streams::FETCHERS);
        let key = [b'k'; 250];
        for _ in 0..10_000 {
            observer.record(Event::Fetched(FetchStatus::NotFound), &key, 0, 0);
        }
        let taken = observer.take();
        assert!(taken.bytes() <= OBSERVATIONS_BYTES_MAX && taken.bytes() > OBSERVATIONS_BYTES_MAX / 2);
        assert_eq!(taken.iter().count() as u64 + taken.dropped, 10_000);
        observer.record(Event::Fetched(FetchStatus::NotFound), &key, 0, 0);
        assert_eq!(observer.take().iter().next().map(|record| record.sequence), Some(10_000));
    }
}
