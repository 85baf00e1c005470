//! Plays a trace to a cache one request at a time, filling on demand: a get that misses is followed by a set.

use crate::trace::{Action, Event, Trace};
use ahash::RandomState;
use ringcached::{
    clock::{Deadline, Seconds},
    storage::{DeleteArgs, INLINE_VALUE_MAX, SetArgs, SetMode, Source, StorageError, Store, StoreConfig},
};

/// Requests between two looks at what the store does beside them: about what a turn of a busy server takes in.
const REQUESTS_PER_MAINTENANCE: u32 = 32;

/// The trace's first second on the store's clock.
const FIRST_SECOND: u32 = 10;

/// The name of the one value received at a time.
const UPLOAD: u64 = 1;

/// What a trace is played to.
pub trait Cache {
    /// Reads a key; whether it was there.
    fn get(&mut self, event: &Event) -> bool;
    /// Stores a key.
    fn set(&mut self, event: &Event);
    /// Removes a key.
    fn delete(&mut self, event: &Event);
}

/// Gets and misses, of both halves of the requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// By half.
    pub gets: [u64; 2],
    /// By half.
    pub misses: [u64; 2],
}

impl Counts {
    /// Counts a get, which was request number `at` of `of`.
    pub fn got(&mut self, at: usize, of: usize, hit: bool) {
        let half = usize::from(at >= of / 2);
        self.gets[half] += 1;
        self.misses[half] += u64::from(!hit);
    }

    /// Misses of all gets.
    pub fn miss_ratio(&self) -> f64 {
        self.misses.iter().sum::<u64>() as f64 / self.gets.iter().sum::<u64>().max(1) as f64
    }

    /// Misses of the gets among the second half of the requests: with the cache full.
    pub fn miss_ratio_late(&self) -> f64 {
        self.misses[1] as f64 / self.gets[1].max(1) as f64
    }
}

/// Plays the whole trace.
pub fn replay(trace: &Trace, cache: &mut impl Cache) -> Counts {
    let mut counts = Counts::default();
    for (at, event) in trace.events.iter().enumerate() {
        match event.action {
            Action::Get => {
                let hit = cache.get(event);
                counts.got(at, trace.events.len(), hit);
                if !hit && event.fits() {
                    cache.set(event);
                }
            }
            Action::Set => cache.set(event),
            Action::Delete => cache.delete(event),
        }
    }
    counts
}

/// The store, by itself.
pub struct StoreCache {
    store: Store,
    key: Vec<u8>,
    value: Vec<u8>,
    until_maintenance: u32,
}

impl StoreCache {
    /// A store of these settings.
    pub fn new(config: StoreConfig) -> Result<Self, StorageError> {
        let store = Store::new(config, RandomState::with_seeds(1, 2, 3, 4))?;
        let value = vec![b'v'; crate::trace::ITEM_BYTES_MAX as usize];
        Ok(StoreCache { store, key: Vec::new(), value, until_maintenance: 0 })
    }

    /// The memory it counts as taken, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.store.stats().memory_bytes
    }

    fn begin(&mut self, event: &Event) -> (u64, Seconds) {
        let now = Seconds(FIRST_SECOND + event.second);
        if self.until_maintenance == 0 {
            self.until_maintenance = REQUESTS_PER_MAINTENANCE;
            self.store.maintain(now);
        }
        self.until_maintenance -= 1;
        event.write_key(&mut self.key);
        (self.store.hash(&self.key), now)
    }
}

impl Cache for StoreCache {
    fn get(&mut self, event: &Event) -> bool {
        let (hash, now) = self.begin(event);
        self.store.get(hash, &self.key, now).is_some()
    }

    /// A failed set leaves nothing behind, as the server has it.
    fn set(&mut self, event: &Event) {
        let (hash, now) = self.begin(event);
        let value = &self.value[..event.value_len as usize];
        let source = if value.len() <= INLINE_VALUE_MAX {
            Source::Inline(value)
        } else {
            let begun = self.store.upload_begin(UPLOAD, value.len() as u64);
            if begun.and_then(|()| self.store.upload_write(UPLOAD, value, now)).is_err() {
                self.store.upload_abort(UPLOAD);
                self.store.remove_any(hash, &self.key);
                return;
            }
            Source::Upload(UPLOAD)
        };
        let deadline = if event.ttl == 0 { Deadline::NEVER } else { Deadline::from_raw(now.0 + event.ttl) };
        let args = SetArgs { deadline, ..SetArgs::new(SetMode::Set, source) };
        if self.store.set(hash, &self.key, args, now).is_err() {
            self.store.remove_any(hash, &self.key);
        }
    }

    fn delete(&mut self, event: &Event) {
        let (hash, now) = self.begin(event);
        // Removal needs no memory, and whether there was something does not matter.
        _ = self.store.delete(hash, &self.key, DeleteArgs::default(), now);
    }
}
