//! Executing requests on the store: reads and writes. What is asked more seldom is in `rare`.

use std::collections::HashMap;

use super::change::USUAL_SLEEP_US;
use super::counters::{Counters, ShardStats, Traffic};
use super::hasher::KeyHasher;
use super::observe::Observer;
use super::order::{Order, Outcome};
use super::population::PopulatorPort;
use super::prefixes::PrefixCounter;
use super::training::TrainerPort;
use crate::clock::{Deadline, Exptime, Now};
use crate::command::{self, CasCheck, Hit, Op, Payload, Reply, Request, StoreMode, UploadId, Value};
use crate::storage::{
    self, ClassCommands, Found, Hints, ItemValue, Lent, NewCas, PlainRead, PlainWrite, SetArgs, SetMode, SetOutcome,
    Source, StorageError, Store, StoreConfig, StoreError,
};

/// The bits of a hash by which a store tells nothing apart; the owner of a key is cut from them.
pub const OWNER_HASH_BITS: std::ops::Range<u32> = storage::UNUSED_HASH_BITS;

/// Requests that are prefetched together.
pub const PREFETCH_GROUP: usize = storage::PREFETCH_GROUP;

const _: () = assert!(command::INLINE_VALUE_MAX == storage::INLINE_VALUE_MAX, "both call the same values LARGE");

/// A store with its counters, on one core.
pub struct Shard {
    pub(super) store: Store,
    pub(super) counters: Counters,
    traffic: Traffic,
    pub(super) limit_bytes: u64,
    /// Why there is no room for a LARGE value that is being received. At most one per connection.
    failed_uploads: HashMap<u64, StoreError>,
    /// When `flush_all` with a delay is to take effect.
    flush_at: Option<Deadline>,
    /// As it was set last; the store knows it as the length of a step.
    pub(super) crawler_sleep_us: u32,
    /// Trains dictionaries, where values are compressed by them.
    pub(super) trainer: Option<TrainerPort>,
    /// Has the kernel hand memory over ahead of need.
    pub(super) populator: Option<PopulatorPort>,
    pub(super) observer: Observer,
    pub(super) prefixes: PrefixCounter,
    /// Whether requests are to be executed with more than themselves in mind: a delayed flush, or somebody who
    /// watches. One branch for all of it.
    is_attentive: bool,
}

impl Shard {
    /// An empty shard.
    ///
    /// # Errors
    /// As [`Store::new`].
    pub fn new(config: StoreConfig, hasher: &KeyHasher) -> Result<Self, StorageError> {
        let limit_bytes = config.memory_limit_bytes as u64;
        let store = Store::new(config, hasher.state())?;
        Ok(Shard {
            store,
            counters: Counters::default(),
            traffic: Traffic::default(),
            limit_bytes,
            failed_uploads: HashMap::new(),
            flush_at: None,
            crawler_sleep_us: USUAL_SLEEP_US,
            trainer: None,
            populator: None,
            observer: Observer::default(),
            prefixes: PrefixCounter::default(),
            is_attentive: false,
        })
    }

    /// Starts to fetch a key's bucket into the cache.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.store.prefetch_bucket(hash);
    }

    /// Starts to fetch the items of keys whose buckets were prefetched.
    #[inline]
    pub fn prefetch_items(&self, hashes: impl Iterator<Item = Option<u64>>, hints: &mut Hints) {
        self.store.prefetch_items(hashes, hints);
    }

    /// Executes a [`Op::Get`] if it is of the plainest kind, else does nothing: [`execute`](Self::execute) gives the same
    /// answer and any other. `at` is the key's place among the hashes that the hints were made of.
    #[inline(always)]
    pub fn read_plain(&mut self, hash: u64, key: &[u8], hints: &Hints, at: usize, now: Now) -> PlainRead<'_> {
        if self.is_attentive {
            return PlainRead::NotPlain;
        }
        let read = self.store.read_plain(hash, key, hints, at, now.seconds);
        if let PlainRead::Miss = read {
            self.counters.get_misses += 1;
        }
        read
    }

    /// Executes a plain write, if it is of the plainest kind, else does nothing and says false, as
    /// [`read_plain`](Self::read_plain).
    #[inline(always)]
    pub fn write_plain(
        &mut self,
        hash: u64,
        key: &[u8],
        write: PlainWrite<'_>,
        hints: &Hints,
        at: usize,
        now: Now,
    ) -> bool {
        !self.is_attentive && self.store.write_plain(hash, key, write, hints, at, now.seconds)
    }

    /// Executes one request.
    #[inline]
    pub fn execute(&mut self, request: &Request<'_>, now: Now) -> Reply<'_> {
        if self.is_attentive {
            return self.execute_attentively(request, now);
        }
        self.perform(request, now)
    }

    /// Executes a request while there is more to be done than that.
    #[cold]
    fn execute_attentively(&mut self, request: &Request<'_>, now: Now) -> Reply<'_> {
        if self.flush_at.is_some_and(|at| at.is_past(now.seconds)) {
            self.flush_now();
        }
        if self.is_watched() { self.execute_watched(request, now) } else { self.perform(request, now) }
    }

    /// To be called when anything changes that requests must attend to.
    pub(super) fn renew_attention(&mut self) {
        self.is_attentive = self.flush_at.is_some() || self.is_watched();
    }

    #[inline(always)]
    pub(super) fn perform(&mut self, request: &Request<'_>, now: Now) -> Reply<'_> {
        let Request { hash, key, op } = *request;
        match op {
            Op::Get => self.get(hash, key, false, now),
            Op::Gets => self.gets(hash, key, now),
            Op::Store(store) => self.set(hash, key, &store, now),
            _ => self.execute_rare(request, now),
        }
    }

    /// By itself, so that a read without the number is not weighed down.
    #[inline(never)]
    pub(super) fn gets(&mut self, hash: u64, key: &[u8], now: Now) -> Reply<'_> {
        self.get(hash, key, true, now)
    }

    #[inline(always)]
    pub(super) fn get(&mut self, hash: u64, key: &[u8], with_cas: bool, now: Now) -> Reply<'_> {
        match self.store.find_to_read(hash, key, now.seconds) {
            Some(found) => {
                self.store.count_get_hit(found);
                let (found, cas) = self.observed(hash, found, with_cas, now);
                self.hit(found, cas, now)
            }
            None => {
                self.counters.get_misses += 1;
                Reply::Miss
            }
        }
    }

    /// A found item and its CAS number, or 0 where that is not asked for.
    #[inline(always)]
    pub(super) fn observed(&mut self, hash: u64, found: Found, with_cas: bool, now: Now) -> (Found, u64) {
        if with_cas { self.store.observe_cas(hash, found, now.seconds) } else { (found, 0) }
    }

    /// The answer of a read, which tells this CAS number. Inlined by force: left to itself, the compiler does it for
    /// one caller.
    #[inline(always)]
    pub(super) fn hit(&mut self, found: Found, cas: u64, now: Now) -> Reply<'_> {
        let pin = match self.store.found_large(found) {
            Some(large) => match self.store.pin(large) {
                Some(pin) => Some(pin),
                None => return Reply::OutOfMemory,
            },
            None => None,
        };
        let Some(view) = self.store.read(found) else { return Reply::Miss };
        let value = match (view.value, pin) {
            (ItemValue::Inline(bytes), _) => Value::Inline(bytes),
            (ItemValue::Large(large), Some(pin)) => Value::Pinned { len: large.value_len(), pin },
            (ItemValue::Large(_), None) => unreachable!("a large item was pinned"),
            (ItemValue::Compressed(_), _) => unreachable!("reading decompresses"),
        };
        Reply::Hit(Hit {
            flags: view.flags,
            cas,
            ttl_seconds: view.deadline.remaining(now.seconds),
            fetched: view.was_fetched,
            idle_seconds: now.seconds.0.saturating_sub(view.accessed.0),
            won: false,
            token_sent: view.is_won,
            stale: view.is_stale,
            binary_key: view.binary_key,
            value,
        })
    }

    #[inline]
    pub(super) fn set(&mut self, hash: u64, key: &[u8], store: &command::Store<'_>, now: Now) -> Reply<'static> {
        let value = match store.value {
            Payload::Inline(bytes) => Source::Inline(bytes),
            Payload::Upload(id) => {
                if let Some(error) = self.failed_uploads.remove(&upload_number(id)) {
                    // As the store itself does where it finds no room for a value.
                    if store.mode == StoreMode::Set && store.cas == CasCheck::Any {
                        self.store.remove_any(hash, key);
                    }
                    return self.not_stored(error);
                }
                Source::Upload(upload_number(id))
            }
        };
        let args = SetArgs {
            mode: set_mode(store.mode),
            flags: store.flags,
            deadline: now.deadline(store.exptime),
            value,
            cas: compared(store.cas),
            autovivify: store.autovivify.map(|exptime| now.deadline(exptime)),
            new_cas: new_cas(store.new_cas, store.with_cas),
            invalidate: store.invalidate,
            binary_key: store.binary_key,
        };
        match self.store.set(hash, key, args, now.seconds) {
            Ok(SetOutcome::Stored { cas, value_len }) => Reply::Stored { cas, value_len },
            Ok(SetOutcome::NotStored) => Reply::NotStored,
            Ok(SetOutcome::Exists) => Reply::Exists,
            Ok(SetOutcome::NotFound) => {
                self.counters.cas_misses += 1;
                Reply::NotFound
            }
            Err(error) => self.not_stored(error),
        }
    }

    #[cold]
    pub(super) fn not_stored(&mut self, error: StoreError) -> Reply<'static> {
        match error {
            StoreError::TooLarge => {
                self.counters.store_too_large += 1;
                Reply::TooLarge
            }
            StoreError::OutOfMemory | StoreError::NoUpload => {
                self.counters.store_no_memory += 1;
                Reply::OutOfMemory
            }
        }
    }

    /// Forgets every item, at the time `delay`, or at once if that is zero or past. A later order replaces one
    /// that has not taken effect.
    pub fn flush_all(&mut self, delay: Exptime, now: Now) {
        match now.deadline(delay) {
            at if at == Deadline::NEVER || at.is_past(now.seconds) => self.flush_now(),
            at => self.flush_at = Some(at),
        }
        self.renew_attention();
    }

    /// Counts a `flush_all`, which every shard carries out and one has received.
    pub fn count_flush(&mut self) {
        self.counters.cmd_flush += 1;
    }

    fn flush_now(&mut self) {
        self.flush_at = None;
        self.renew_attention();
        self.store.flush_all();
    }

    /// Bounded housekeeping. Returns whether more of it waits.
    pub fn maintain(&mut self, now: Now) -> bool {
        if self.flush_at.is_some_and(|at| at.is_past(now.seconds)) {
            self.flush_now();
        }
        let has_more = self.store.maintain(now.seconds);
        self.exchange_populations(now.seconds);
        has_more
    }

    /// Begins to receive a LARGE value of `len` bytes. Where there is no room for it, the request that comes to
    /// use it is told.
    pub fn upload_begin(&mut self, id: UploadId, len: u64) {
        self.failed_uploads.remove(&upload_number(id));
        if let Err(error) = self.store.upload_begin(upload_number(id), len) {
            self.failed_uploads.insert(upload_number(id), error);
        }
    }

    /// The next bytes of a LARGE value.
    pub fn upload_write(&mut self, id: UploadId, bytes: &[u8], now: Now) {
        let id = upload_number(id);
        if !self.failed_uploads.contains_key(&id)
            && let Err(error) = self.store.upload_write(id, bytes, now.seconds)
        {
            self.store.upload_abort(id);
            self.failed_uploads.insert(id, error);
        }
    }

    /// Where the next bytes of a LARGE value belong; empty where they are not kept.
    pub fn upload_room(&mut self, id: UploadId, now: Now) -> &mut [u8] {
        self.store.upload_room(upload_number(id), now.seconds).unwrap_or_default()
    }

    /// So many bytes of a LARGE value were put where they belong.
    pub fn upload_advance(&mut self, id: UploadId, len: usize) {
        self.store.upload_advance(upload_number(id), len);
    }

    /// Gives up a LARGE value that is being received.
    pub fn upload_abort(&mut self, id: UploadId) {
        self.failed_uploads.remove(&upload_number(id));
        self.store.upload_abort(upload_number(id));
    }

    /// The contiguous bytes of a pinned value from `offset` on; empty at its end, and where it is damaged.
    pub fn pinned_read(&mut self, pin: u32, offset: u64) -> &[u8] {
        self.store.pinned_read(pin, offset)
    }

    /// Whether a pinned value's bytes can be given away by reference.
    pub fn lends(&self, pin: u32) -> bool {
        self.store.lends(pin)
    }

    /// What [`pinned_read`](Self::pinned_read) shows, by reference; `None` where it cannot be.
    pub fn lend(&mut self, pin: u32, offset: u64) -> Option<Lent> {
        self.store.lend(pin, offset)
    }

    /// Ends what [`lend`](Self::lend) began.
    pub fn take_back(&mut self, lent: Lent) {
        self.store.take_back(lent);
    }

    /// Lets a pinned value go.
    pub fn unpin(&mut self, pin: u32) {
        self.store.unpin(pin);
    }

    /// What its connections do.
    #[inline]
    pub fn traffic_mut(&mut self) -> &mut Traffic {
        &mut self.traffic
    }

    /// Carries out an order.
    pub fn carry_out(&mut self, order: Order, now: Now) -> Outcome {
        match order {
            Order::FlushAll(delay) => self.flush_all(delay, now),
            Order::StatsReset => self.reset_stats(now),
            Order::Change(change) => {
                if let Err(refusal) = self.change(change, now) {
                    return Outcome::Refused(refusal);
                }
            }
            Order::CountPrefixes(delimiter) => self.count_prefixes(delimiter),
            Order::Report(subject) => return Outcome::Report(Box::new(self.report(subject, now))),
        }
        Outcome::Done
    }

    /// All its numbers.
    pub fn stats(&self) -> ShardStats {
        let store = self.store.stats();
        ShardStats {
            counters: self.counters.with_hits(&self.store.commands()),
            traffic: self.traffic,
            curr_items: store.items,
            total_items: store.total_items,
            bytes: store.bytes,
            memory_bytes: store.memory_bytes,
            index_bytes: store.index_bytes,
            limit_bytes: self.limit_bytes,
            evictions: store.evictions,
            evicted_unfetched: store.evicted_unfetched,
            reclaimed: store.reclaimed,
            expired_unfetched: store.expired_unfetched,
            expired_bytes: store.expired_bytes,
            free_pages: store.free_pages,
            get_expired: store.expired,
            uploads_bytes: store.uploads_bytes,
            pins: self.store.pins_held() as u64,
            compression: self.store.compression_stats(),
            upkeep: self.upkeep(),
        }
    }

    /// The counts of requests by slab class, the first being class 1.
    pub fn class_commands(&self) -> &[ClassCommands] {
        self.store.class_commands()
    }

    /// Sets the counters to zero, as `stats reset` does.
    pub fn reset_stats(&mut self, now: Now) {
        self.counters = Counters::default();
        self.traffic.reset();
        self.store.reset_stats();
        self.store.reset_commands();
        self.store.reset_miss_ratio_curve(now.seconds);
        self.prefixes.reset();
    }
}

#[cfg(test)]
impl Shard {
    /// A small shard, for the tests of the layers above.
    pub(crate) fn small(hasher: &KeyHasher) -> Self {
        let config = StoreConfig { huge_pages: false, ..StoreConfig::new(16 << 20) };
        Shard::new(config, hasher).expect("memory for a shard")
    }
}

fn set_mode(mode: StoreMode) -> SetMode {
    match mode {
        StoreMode::Set => SetMode::Set,
        StoreMode::Add => SetMode::Add,
        StoreMode::Replace => SetMode::Replace,
        StoreMode::Append => SetMode::Append,
        StoreMode::Prepend => SetMode::Prepend,
    }
}

pub(super) fn compared(cas: CasCheck) -> Option<u64> {
    match cas {
        CasCheck::Any => None,
        CasCheck::Equals(cas) => Some(cas),
    }
}

pub(super) fn new_cas(given: Option<u64>, with_cas: bool) -> NewCas {
    match given {
        Some(cas) => NewCas::Given(cas),
        None if with_cas => NewCas::Next,
        None => NewCas::Unseen,
    }
}

fn upload_number(id: UploadId) -> u64 {
    u64::from(id.home) << 32 | u64::from(id.connection)
}
