//! The store and the map side by side.

use super::{ops::*, *};
use std::sync::OnceLock;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) value: Vec<u8>,
    pub(crate) flags: u32,
    pub(crate) deadline: u32,
    /// None that anybody was told or gave.
    pub(crate) cas: Option<u64>,
    /// Noted once a minute.
    pub(crate) accessed: u32,
    pub(crate) fetched: bool,
    pub(crate) won: bool,
    pub(crate) stale: bool,
    pub(crate) binary_key: bool,
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) model: BTreeMap<Vec<u8>, Item>,
    pub(crate) now: u32,
    pub(crate) last_cas: u64,
    pub(crate) pins: Vec<(u32, Vec<u8>)>,
    pub(crate) memory: Memory,
    pub(crate) walk: Walking,
    /// Removals by the store's own count when they were last taken.
    pub(crate) removals: u64,
}

/// A walk under way.
#[derive(Default)]
pub(crate) struct Walking {
    pub(crate) walk: Walk,
    /// Keys that were there at its start and have been since.
    pub(crate) staying: BTreeSet<Vec<u8>>,
    pub(crate) seen: HashSet<Vec<u8>>,
}

/// What the store is given, and so what it may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Memory {
    Ample,
    /// It may forget.
    Little,
    /// It may refuse.
    LittleWithoutEvictions,
}

impl Memory {
    pub(crate) fn limit_bytes(self) -> usize {
        if self == Memory::Ample { 64 << 20 } else { 8 << 20 }
    }
}

impl World {
    pub(crate) fn new(memory: Memory, eviction: EvictionPolicy) -> Self {
        World::compressing(memory, eviction, Compression::Off)
    }

    pub(crate) fn compressing(memory: Memory, eviction: EvictionPolicy, compression: Compression) -> Self {
        let config = StoreConfig {
            item_size_max_bytes: ITEM_SIZE_MAX,
            evictions: memory != Memory::LittleWithoutEvictions,
            eviction,
            huge_pages: false,
            compression,
            compress_min_bytes: 1,
            ..StoreConfig::new(memory.limit_bytes())
        };
        let mut store = Store::new(config, RandomState::with_seeds(11, 12, 13, 14)).unwrap();
        store.observe_removals(true);
        let (model, pins, walk) = (BTreeMap::new(), Vec::new(), Walking::default());
        World { store, model, now: 100, last_cas: 0, pins, memory, walk, removals: 0 }
    }

    pub(crate) fn now(&self) -> Seconds {
        Seconds(self.now)
    }

    pub(crate) fn pinned(&mut self, pin: u32) -> Vec<u8> {
        let mut value = Vec::new();
        while (value.len() as u64) < self.store.pinned_len(pin) {
            let piece = self.store.pinned_read(pin, value.len() as u64);
            assert!(!piece.is_empty());
            value.extend_from_slice(piece);
        }
        value
    }

    /// The store's idea of an item, read by `get` or `peek`.
    pub(crate) fn read(&mut self, key: &[u8], bump: bool) -> Option<Item> {
        let (hash, now) = (self.store.hash(key), self.now());
        let view = if bump { self.store.get(hash, key, now)? } else { self.store.peek(hash, key, now)? };
        let item = Item {
            value: Vec::new(),
            flags: view.flags,
            deadline: view.deadline.raw(),
            cas: view.cas,
            accessed: view.accessed.0,
            fetched: view.was_fetched,
            won: view.is_won,
            stale: view.is_stale,
            binary_key: view.binary_key,
        };
        let large = match view.value {
            ItemValue::Inline(value) => return Some(Item { value: value.to_vec(), ..item }),
            ItemValue::Compressed(_) => panic!("reading decompresses"),
            ItemValue::Large(large) => large,
        };
        let pin = self.store.pin(large).unwrap();
        let value = self.pinned(pin);
        self.store.unpin(pin);
        Some(Item { value, ..item })
    }

    /// Expires in the model, and forgets there what the store was allowed to forget.
    pub(crate) fn synchronise(&mut self, key: &[u8]) {
        let now = self.now;
        self.model.retain(|_, item| item.deadline == 0 || item.deadline > now);
        let hash = self.store.hash(key);
        if self.memory == Memory::Little && self.store.peek(hash, key, Seconds(now)).is_none() {
            self.model.remove(key);
        }
        self.walk.staying.retain(|key| self.model.contains_key(key));
    }

    /// Goes on with a walk. Nothing is shown twice; what the model knows is shown right, and all that stayed is.
    pub(crate) fn walk(&mut self, budget: usize) {
        let (now, World { store, model, walk, memory, .. }) = (self.now(), self);
        if walk.walk == Walk::default() {
            walk.staying = model.keys().cloned().collect();
        }
        let more = store.walk(&mut walk.walk, budget, now, |item| {
            assert!(walk.seen.insert(item.key.to_vec()), "shown twice");
            assert!(!item.deadline.is_past(now), "shown though it has expired");
            let shown = (item.flags, item.cas, item.deadline.raw(), item.value_len);
            match model.get(item.key) {
                Some(item) => assert_eq!(shown, (item.flags, item.cas, item.deadline, item.value.len() as u64)),
                None => assert!(*memory != Memory::Ample, "shown though it is gone"),
            }
            assert_eq!(
                item.size_bytes,
                (59 + item.key.len() + if item.flags == 0 { 0 } else { 4 }) as u64 + item.value_len
            );
        });
        if !more {
            // With little memory the model does not know who was evicted.
            let missing = walk.staying.iter().find(|key| !walk.seen.contains(*key));
            assert!(*memory == Memory::Little || missing.is_none(), "{missing:?} stayed and was not shown");
            *walk = Walking::default();
        }
    }

    pub(crate) fn take_removals(&mut self) {
        let stats = self.store.stats();
        let removed = stats.evictions + stats.reclaimed + stats.crawler_reclaimed;
        let mut told = 0;
        let dropped = self.store.take_removals(|removal| {
            assert!(!removal.key.is_empty());
            told += 1;
        });
        assert_eq!(told + dropped, removed - self.removals, "removals told");
        self.removals = removed;
    }

    pub(crate) fn deadline(&self, ttl: u32) -> Deadline {
        if ttl == 0 { Deadline::NEVER } else { Deadline::from_raw(self.now + ttl) }
    }

    pub(crate) fn cas_argument(&self, key: &[u8], cas: Cas) -> Option<u64> {
        // One that was never told is as the next number to be told, and matches nothing.
        let current = self.model.get(key).map_or(1, |item| item.cas.unwrap_or(self.last_cas + 1));
        match cas {
            Cas::None => None,
            Cas::Right => Some(current),
            Cas::Higher => Some(current + 1),
            Cas::Lower => Some(current - 1),
            Cas::Zero => Some(0),
        }
    }

    pub(crate) fn upload(&mut self, value: &[u8]) {
        self.store.upload_begin(UPLOAD, value.len() as u64).unwrap();
        for part in value.chunks(9_999) {
            let written = self.store.upload_write(UPLOAD, part, self.now());
            assert!(written.is_ok() || self.may_refuse(written));
        }
    }

    pub(crate) fn may_refuse<T>(&self, outcome: Result<T, StoreError>) -> bool {
        self.memory == Memory::LittleWithoutEvictions && outcome.err() == Some(StoreError::OutOfMemory)
    }

    /// An item that was written just now.
    pub(crate) fn written(&self, value: Vec<u8>, flags: u32, deadline: u32, binary_key: bool) -> Item {
        let (accessed, cas) = (self.now, None);
        Item { value, flags, deadline, cas, accessed, fetched: false, won: false, stale: false, binary_key }
    }

    pub(crate) fn bump(&mut self, key: &[u8]) {
        let now = self.now;
        if let Some(item) = self.model.get_mut(key) {
            item.fetched = true;
            if now - item.accessed >= 60 {
                item.accessed = now;
            }
        }
    }

    /// The CAS number of what was written over `old`, when the store says that it is `cas`: what was given, or one that
    /// was never there, or none where nobody was told any.
    pub(crate) fn fresh_cas(&mut self, cas: u64, asked: NewCas, old: Option<&Item>, len: usize) -> Option<u64> {
        let is_large = |len: usize| len > 16 << 10;
        let was_told = old.is_some_and(|old| old.cas.is_some() && !is_large(old.value.len()));
        match asked {
            NewCas::Given(asked) => assert_eq!(cas, asked),
            NewCas::Next => self.rises(cas),
            NewCas::Unseen if was_told || is_large(len) || self.memory == Memory::LittleWithoutEvictions => {
                self.rises(cas);
            }
            NewCas::Unseen => {
                assert_eq!(cas, 0, "nobody asked for a number");
                return None;
            }
        }
        Some(cas)
    }

    fn rises(&mut self, cas: u64) {
        assert!(cas > self.last_cas, "CAS numbers rise: {cas} after {}", self.last_cas);
        self.last_cas = cas;
    }

    fn observe(&mut self, key: &[u8]) {
        let (hash, now) = (self.store.hash(key), self.now());
        let found = self.store.find_to_peek(hash, key, now);
        assert_eq!(found.is_some(), self.model.contains_key(key));
        let Some(found) = found else { return };
        let (found, cas) = self.store.observe_cas(hash, found, now);
        assert_eq!(self.store.found_view(found).cas, Some(cas), "the number is kept");
        match self.model[key].cas {
            Some(known) => assert_eq!(cas, known),
            None => self.rises(cas),
        }
        self.model.get_mut(key).unwrap().cas = Some(cas);
        let read = self.read(key, false);
        assert!(read.as_ref() == self.model.get(key), "an item changes when it is observed");
    }

    pub(crate) fn apply(&mut self, key: &[u8], op: &Op) {
        self.synchronise(key);
        self.apply_in_step(key, op);
        self.walk.staying.retain(|key| self.model.contains_key(key));
    }

    /// Brings another dictionary, as if it had been trained meanwhile.
    fn end_training(&mut self) {
        static DICTIONARIES: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
        let dictionaries = DICTIONARIES.get_or_init(|| {
            std::array::from_fn(|number| {
                let config = StoreConfig { huge_pages: false, compress_min_bytes: 1, ..StoreConfig::new(8 << 20) };
                let config = StoreConfig { compression: Compression::ZstdDictionary, ..config };
                let mut store = Store::new(config, RandomState::new()).unwrap();
                let hash = store.hash(b"k");
                let mut written = number;
                loop {
                    written += 3;
                    let value = bytes(&Value::Text { seed: written as u8, len: 50 + written % 300 });
                    store.set(hash, b"k", SetArgs::new(SetMode::Set, Source::Inline(&value)), Seconds(1)).unwrap();
                    if let Some(samples) = store.take_training_samples() {
                        return train(&samples).expect("a dictionary");
                    }
                }
            })
        });
        self.store.end_training(Some(&dictionaries[self.now as usize % 3]));
    }

    pub(crate) fn apply_in_step(&mut self, key: &[u8], op: &Op) {
        let (hash, now) = (self.store.hash(key), self.now());
        match op {
            Op::Get | Op::Peek => {
                let read = self.read(key, matches!(op, Op::Get));
                assert!(read.as_ref() == self.model.get(key), "{op:?}");
                if matches!(op, Op::Get) {
                    self.bump(key);
                }
            }
            Op::Observe => self.observe(key),
            Op::Touch { ttl } => {
                let deadline = self.deadline(*ttl);
                let touched = self.store.touch(hash, key, deadline, now).map(|item| item.map(|item| item.deadline));
                if self.may_refuse(touched) {
                    return;
                }
                assert_eq!(touched, Ok(self.model.get(key).map(|_| deadline)));
                if let Some(item) = self.model.get_mut(key) {
                    item.deadline = deadline.raw();
                }
                self.bump(key);
            }
            Op::Vivify { ttl, new_cas, binary_key } => {
                if self.model.contains_key(key) {
                    return;
                }
                let deadline = self.deadline(*ttl);
                let found = self.store.vivify(hash, key, deadline, *new_cas, *binary_key, now);
                if self.may_refuse(found) {
                    return;
                }
                let cas = self.store.found_view(found.unwrap()).cas;
                let cas = self.fresh_cas(cas.unwrap_or(0), *new_cas, None, 0);
                let item = self.written(Vec::new(), 0, deadline.raw(), *binary_key);
                self.model.insert(key.to_vec(), Item { cas, won: true, ..item });
            }
            Op::Win => {
                if let Some(found) = self.store.find_to_peek(hash, key, now) {
                    self.store.mark_won(found);
                    self.model.get_mut(key).unwrap().won = true;
                }
            }
            Op::Set { mode, value, flags, ttl, cas, vivify, upload, meta } => {
                let value = bytes(value);
                // A long value passed in one slice takes memory, too, before conditions are looked at; the
                // model can only follow that with ample memory.
                let upload = *upload || (self.memory == Memory::Little && value.len() > 16 << 10);
                if upload {
                    self.upload(&value);
                    // Receiving takes memory, which may have pushed the item out.
                    self.synchronise(key);
                }
                let args = SetArgs {
                    mode: *mode,
                    flags: *flags,
                    deadline: self.deadline(*ttl),
                    value: if upload { Source::Upload(UPLOAD) } else { Source::Inline(&value) },
                    cas: self.cas_argument(key, *cas),
                    autovivify: vivify.then(|| self.deadline(*ttl)),
                    new_cas: meta.new_cas,
                    invalidate: meta.invalidate,
                    binary_key: meta.binary_key,
                };
                let outcome = self.store.set(hash, key, args, now);
                self.model_set(key, &args, &value, outcome);
            }
            Op::Delete { cas, invalidate, clear_value, ttl, new_cas } => {
                let args = DeleteArgs {
                    cas: self.cas_argument(key, *cas),
                    invalidate: *invalidate,
                    clear_value: *clear_value,
                    deadline: ttl.map(|ttl| self.deadline(ttl)),
                    new_cas: *new_cas,
                };
                let outcome = self.store.delete(hash, key, args, now);
                self.model_delete(key, &args, outcome);
            }
            Op::Arithmetic { delta, increment, cas, ttl, initial, meta } => {
                let args = ArithmeticArgs {
                    increment: *increment,
                    delta: *delta,
                    cas: self.cas_argument(key, *cas),
                    new_cas: meta.new_cas,
                    deadline: ttl.map(|ttl| self.deadline(ttl)),
                    initial: initial.map(|(number, ttl)| (number, self.deadline(ttl))),
                    binary_key: meta.binary_key,
                };
                let outcome = self.store.arithmetic(hash, key, args, now);
                self.model_arithmetic(key, &args, outcome);
            }
            Op::RemoveAny => {
                self.store.remove_any(hash, key);
                self.model.remove(key);
            }
            Op::AbandonUpload { len } => {
                self.store.upload_begin(UPLOAD, *len as u64).unwrap();
                let written = self.store.upload_write(UPLOAD, &vec![0xaa; len / 2], now);
                assert!(written.is_ok() || self.may_refuse(written));
                self.store.upload_abort(UPLOAD);
            }
            Op::Pin => {
                let view = self.store.get(hash, key, now).map(|view| view.value);
                if let Some(ItemValue::Large(large)) = view
                    && self.pins.len() < 4
                {
                    let pin = self.store.pin(large).unwrap();
                    self.pins.push((pin, self.model[key].value.clone()));
                }
                self.bump(key);
            }
            Op::Unpin => {
                if let Some((pin, value)) = self.pins.pop() {
                    assert!(self.pinned(pin) == value, "a pinned value has changed");
                    self.store.unpin(pin);
                }
            }
            Op::Flush => {
                self.store.flush_all();
                self.model.clear();
            }
            Op::Maintain => {
                self.store.maintain(now);
                self.end_training();
            }
            Op::Walk { budget } => self.walk(*budget),
            Op::Crawl { budget } => {
                self.store.crawl_begin(ClassSet::ALL, now);
                self.store.crawl_step(*budget, now);
            }
            Op::Limit { mib } => {
                if self.memory != Memory::Ample {
                    self.store.set_memory_limit(mib << 20).unwrap();
                }
            }
            Op::Reassign { from, to } => {
                if self.memory != Memory::Ample {
                    let reassigned = self.store.reassign(*from, *to, now);
                    let is_possible = self.memory == Memory::Little || *from == Some(0);
                    assert!(is_possible || reassigned != Reassigned::Moved);
                }
            }
            Op::TakeRemovals => self.take_removals(),
            Op::Advance { seconds } => self.now += seconds,
        }
    }

    pub(crate) fn model_set(
        &mut self,
        key: &[u8],
        args: &SetArgs<'_>,
        value: &[u8],
        outcome: Result<SetOutcome, StoreError>,
    ) {
        use SetMode::{Add, Append, Prepend, Replace, Set};
        if self.may_refuse(outcome) {
            if args.mode == Set && args.cas.is_none() {
                self.model.remove(key);
            }
            return;
        }
        let item_fits = |len: usize| key.len() + len + 59 <= ITEM_SIZE_MAX;
        let written = self.written(value.to_vec(), args.flags, args.deadline.raw(), args.binary_key);
        let is_combined = matches!(args.mode, Append | Prepend);
        // Append and prepend take 0 for no number at all; to the others it is one that no item has.
        let compared = args.cas.filter(|&cas| cas != 0 || !is_combined);
        let new = match (args.mode, self.model.get(key).cloned()) {
            (Set | Replace, None) if args.cas.is_some() => Err(SetOutcome::NotFound),
            (Replace, None) => Err(SetOutcome::NotStored),
            (Add, Some(_)) => {
                self.model.get_mut(key).unwrap().accessed = self.now;
                Err(SetOutcome::NotStored)
            }
            (Append | Prepend, None) => match args.autovivify {
                Some(deadline) => Ok(Item { deadline: deadline.raw(), ..written }),
                None => Err(SetOutcome::NotStored),
            },
            (Set | Replace, Some(old))
                if args.invalidate
                    && compared.is_some_and(|cas| cas != 0 && cas < old.cas.unwrap_or(self.last_cas + 1)) =>
            {
                Ok(Item { deadline: old.deadline, stale: true, won: old.won, ..written })
            }
            (_, Some(old)) if compared.is_some_and(|cas| Some(cas) != old.cas) => Err(SetOutcome::Exists),
            (Append | Prepend, Some(old)) => {
                let value = if args.mode == Append { [&old.value, value] } else { [value, &old.value] }.concat();
                Ok(self.written(value, old.flags, old.deadline, old.binary_key || args.binary_key))
            }
            (Set | Add | Replace, _) => Ok(written),
        };
        let new = new.and_then(|new| if item_fits(new.value.len()) { Ok(new) } else { Err(SetOutcome::NotStored) });
        match (new, outcome) {
            (Ok(new), Ok(SetOutcome::Stored { cas, .. })) => {
                let old = self.model.remove(key);
                let cas = self.fresh_cas(cas, args.new_cas, old.as_ref(), new.value.len());
                self.model.insert(key.to_vec(), Item { cas, ..new });
                let read = self.read(key, false);
                assert!(read.as_ref() == self.model.get(key), "what was stored is not what is read");
            }
            (Err(expected), Ok(outcome)) => assert_eq!(outcome, expected),
            (new, outcome) => panic!("{outcome:?}, where storing was right: {}", new.is_ok()),
        }
    }

    pub(crate) fn model_delete(&mut self, key: &[u8], args: &DeleteArgs, outcome: Result<DeleteOutcome, StoreError>) {
        let item = self.model.get(key).cloned();
        let Some(item) = item else { return assert_eq!(outcome, Ok(DeleteOutcome::NotFound)) };
        if args.cas.is_some_and(|cas| Some(cas) != item.cas) {
            return assert_eq!(outcome, Ok(DeleteOutcome::Exists));
        }
        if (args.clear_value || args.invalidate) && self.may_refuse(outcome) {
            return;
        }
        assert_eq!(outcome, Ok(DeleteOutcome::Deleted));
        if !args.clear_value && !args.invalidate {
            self.model.remove(key);
            return;
        }
        let mut kept = item;
        let deadline = args.deadline.map(Deadline::raw);
        if args.clear_value {
            let cas = args.new_cas.or(kept.cas);
            kept = Item { cas, ..self.written(Vec::new(), 0, deadline.unwrap_or(0), kept.binary_key) };
        }
        if args.invalidate {
            kept.deadline = deadline.unwrap_or(kept.deadline);
            (kept.stale, kept.won) = (true, false);
            let hash = self.store.hash(key);
            let cas = self.store.peek(hash, key, Seconds(self.now)).map(|view| view.cas);
            match (args.new_cas, cas.unwrap()) {
                (Some(given), kept) => assert_eq!(kept, Some(given)),
                (None, None) => assert_eq!(kept.cas, None),
                (None, Some(cas)) => self.rises(cas),
            }
            kept.cas = cas.unwrap();
        }
        self.model.insert(key.to_vec(), kept);
        let read = self.read(key, false);
        assert!(read.as_ref() == self.model.get(key), "{read:?} is not what was to be kept");
    }

    pub(crate) fn model_arithmetic(&mut self, key: &[u8], args: &ArithmeticArgs, outcome: Arithmetic) {
        let is_refused = self.memory == Memory::LittleWithoutEvictions && outcome == Arithmetic::OutOfMemory;
        let (item, expected) = match self.model.get(key).cloned() {
            None => match args.initial {
                None => return assert_eq!(outcome, Arithmetic::NotFound),
                Some((number, deadline)) => {
                    let text = number.to_string().into_bytes();
                    (self.written(text, 0, deadline.raw(), args.binary_key), number)
                }
            },
            Some(item) => {
                if item.value.is_empty() {
                    return assert_eq!(outcome, Arithmetic::NonNumeric);
                }
                if args.cas.is_some_and(|cas| cas != 0 && Some(cas) != item.cas) {
                    return assert_eq!(outcome, Arithmetic::Exists);
                }
                let Some(old) = number(&item.value) else { return assert_eq!(outcome, Arithmetic::NonNumeric) };
                let new = if args.increment { old.wrapping_add(args.delta) } else { old.saturating_sub(args.delta) };
                let deadline = args.deadline.map_or(item.deadline, Deadline::raw);
                if is_refused {
                    // It may have come as far as the deadline.
                    let hash = self.store.hash(key);
                    let kept = self.store.peek(hash, key, Seconds(self.now)).unwrap().deadline.raw();
                    assert!(kept == item.deadline || kept == deadline);
                    self.model.get_mut(key).unwrap().deadline = kept;
                    return;
                }
                let mut text = new.to_string().into_bytes();
                let is_in_place = text.len() <= item.value.len();
                text.resize(text.len().max(item.value.len()), b' ');
                let item = match is_in_place && text.len() <= 16 << 10 {
                    true => Item { value: text, deadline, accessed: self.now, ..item },
                    false => self.written(text, item.flags, deadline, item.binary_key),
                };
                (item, new)
            }
        };
        if is_refused {
            return;
        }
        let Arithmetic::Number { value, cas, deadline, created, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((value, deadline.raw()), (expected, item.deadline));
        assert_eq!(created, !self.model.contains_key(key));
        let old = self.model.remove(key);
        let is_large = item.value.len() > 16 << 10;
        let cas = match old {
            // In place, a LARGE one excepted.
            Some(old) if args.new_cas == NewCas::Unseen && old.cas.is_none() && !is_large => {
                assert_eq!(cas, 0);
                None
            }
            old => self.fresh_cas(cas, args.new_cas, old.as_ref(), item.value.len()),
        };
        self.model.insert(key.to_vec(), Item { cas, ..item });
        let read = self.read(key, false);
        assert_eq!(read.as_ref(), self.model.get(key));
    }

    /// Writes other keys of many sizes, so that memory is and stays full.
    pub(crate) fn crowd(&mut self, step: usize) {
        // Half of it gets smaller when it is compressed.
        const FILLER: [u8; 3_000] = {
            let (mut filler, mut at) = ([0x55; 3_000], 0);
            while at < filler.len() {
                if at % 200 >= 100 {
                    filler[at] = (at * at / 7 + at / 200 * 37) as u8;
                }
                at += 1;
            }
            filler
        };
        for other in 0..30u32 {
            let other = (step as u32 * 30 + other).to_le_bytes();
            let (hash, now) = (self.store.hash(&other), self.now());
            let len = usize::from(other[0]) * 11 + step % 50;
            let deadline = self.deadline(u32::from(other[0]) % 4 * 10);
            let args = SetArgs { deadline, ..SetArgs::new(SetMode::Set, Source::Inline(&FILLER[..len])) };
            let stored = self.store.set(hash, &other, args, now);
            assert!(stored.is_ok() || self.may_refuse(stored));
        }
    }

    pub(crate) fn finish(mut self) {
        self.check();
        for key in (0..KEYS).map(key) {
            self.synchronise(&key);
            assert!(self.read(&key, false).as_ref() == self.model.get(&key));
        }
        for (pin, value) in std::mem::take(&mut self.pins) {
            assert!(self.pinned(pin) == value);
            self.store.unpin(pin);
        }
        self.store.flush_all();
        self.check();
        let stats = self.store.stats();
        assert_eq!((stats.items, stats.bytes, stats.large_pages, stats.uploads_bytes), (0, 0, 0, 0));
        assert_eq!(stats.free_pages, stats.pages, "memory is lost");
    }

    pub(crate) fn check(&self) {
        #[cfg(debug_assertions)]
        self.store.check_invariants();
        // One extent over the limit is allowed, and more on the way to a lower one.
        let stats = self.store.stats();
        assert!(stats.memory_bytes <= stats.limit_bytes + (2 << 20) || self.store.is_shrinking());
    }
}
