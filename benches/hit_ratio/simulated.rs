//! Caches that keep order but no memory, to compare with: each item takes what
//! [`Event::counted_bytes`](crate::trace::Event::counted_bytes) says, and the whole limit is theirs. No fragmentation,
//! no pages, no classes: what a policy alone would reach.

use crate::{replay::Cache, trace::Event};
use std::collections::VecDeque;

/// No item: an end of the list.
const NONE: u32 = u32::MAX;

/// S3-FIFO's small queue has this share of the memory.
const SMALL_SHARE_DIVISOR: u64 = 10;

/// Reads that are counted.
const FREQUENCY_MAX: u8 = 3;

/// Who leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The least recently used.
    Lru,
    /// The oldest.
    Fifo,
    /// The oldest that was not read since it was last looked at, counting up to three reads.
    Clock,
    /// J. Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023; after so many reads an item of the
    /// small queue is kept (two in the paper).
    S3Fifo(u8),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Absent,
    Main,
    Small,
    /// Left lately, remembered by key.
    Ghost,
}

#[derive(Clone, Copy)]
struct Slot {
    bytes: u32,
    /// 0 for never.
    expires: u32,
    /// Tells the queue's present entry for the key from older ones.
    stamp: u32,
    previous: u32,
    next: u32,
    place: Place,
    frequency: u8,
}

/// A queue's entry: key, and the key's stamp when it was made.
type Entry = (u32, u32);

/// A simulated cache.
pub struct Simulated {
    policy: Policy,
    slots: Vec<Slot>,
    limit_bytes: u64,
    main_bytes: u64,
    small_bytes: u64,
    ghost_bytes: u64,
    main: VecDeque<Entry>,
    small: VecDeque<Entry>,
    ghosts: VecDeque<Entry>,
    /// LRU's list.
    newest: u32,
    oldest: u32,
}

impl Simulated {
    /// A cache for keys below `keys`.
    pub fn new(policy: Policy, keys: u32, limit_bytes: u64) -> Self {
        let empty =
            Slot { bytes: 0, expires: 0, stamp: 0, previous: NONE, next: NONE, place: Place::Absent, frequency: 0 };
        Simulated {
            policy,
            slots: vec![empty; keys as usize],
            limit_bytes,
            main_bytes: 0,
            small_bytes: 0,
            ghost_bytes: 0,
            main: VecDeque::new(),
            small: VecDeque::new(),
            ghosts: VecDeque::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    fn slot(&mut self, key: u32) -> &mut Slot {
        &mut self.slots[key as usize]
    }

    fn bytes_of(&mut self, place: Place) -> Option<&mut u64> {
        match place {
            Place::Absent => None,
            Place::Main => Some(&mut self.main_bytes),
            Place::Small => Some(&mut self.small_bytes),
            Place::Ghost => Some(&mut self.ghost_bytes),
        }
    }

    /// Moves a key to a place; behind all others there, unless that is nowhere.
    fn put(&mut self, key: u32, place: Place) {
        let Slot { place: from, bytes, .. } = *self.slot(key);
        if let Some(sum) = self.bytes_of(from) {
            *sum -= u64::from(bytes);
        }
        if let Some(sum) = self.bytes_of(place) {
            *sum += u64::from(bytes);
        }
        if self.policy == Policy::Lru {
            if from == Place::Main {
                self.unlink(key);
            }
            if place == Place::Main {
                self.link_newest(key);
            }
        }
        let slot = self.slot(key);
        slot.place = place;
        slot.stamp = slot.stamp.wrapping_add(1);
        let entry = (key, slot.stamp);
        match place {
            Place::Main if self.policy != Policy::Lru => self.main.push_back(entry),
            Place::Small => self.small.push_back(entry),
            Place::Ghost => self.ghosts.push_back(entry),
            _ => {}
        }
    }

    fn unlink(&mut self, key: u32) {
        let Slot { previous, next, .. } = *self.slot(key);
        match previous {
            NONE => self.oldest = next,
            previous => self.slot(previous).next = next,
        }
        match next {
            NONE => self.newest = previous,
            next => self.slot(next).previous = previous,
        }
    }

    fn link_newest(&mut self, key: u32) {
        let newest = std::mem::replace(&mut self.newest, key);
        let slot = self.slot(key);
        (slot.previous, slot.next) = (newest, NONE);
        match newest {
            NONE => self.oldest = key,
            newest => self.slot(newest).next = key,
        }
    }

    fn reads_to_stay(&self) -> u8 {
        if let Policy::S3Fifo(reads) = self.policy { reads } else { 0 }
    }

    fn is_resident(&self, key: u32) -> bool {
        matches!(self.slots[key as usize].place, Place::Main | Place::Small)
    }

    /// The queue's oldest entry that is still true.
    fn pop(slots: &[Slot], queue: &mut VecDeque<Entry>) -> Option<u32> {
        while let Some((key, stamp)) = queue.pop_front() {
            if slots[key as usize].stamp == stamp {
                return Some(key);
            }
        }
        None
    }

    fn evict(&mut self) {
        if self.policy == Policy::Lru {
            return match self.oldest {
                NONE => {}
                key => self.put(key, Place::Absent),
            };
        }
        if self.small_bytes > self.limit_bytes / SMALL_SHARE_DIVISOR || self.main_bytes == 0 {
            while let Some(key) = Self::pop(&self.slots, &mut self.small) {
                let reads = std::mem::take(&mut self.slot(key).frequency);
                if reads < self.reads_to_stay() {
                    return self.put(key, Place::Ghost);
                }
                self.put(key, Place::Main);
            }
        }
        while let Some(key) = Self::pop(&self.slots, &mut self.main) {
            if self.policy == Policy::Fifo || self.slot(key).frequency == 0 {
                return self.put(key, Place::Absent);
            }
            self.slot(key).frequency -= 1;
            self.put(key, Place::Main);
        }
    }

    fn forget_old_ghosts(&mut self) {
        while self.ghost_bytes > self.limit_bytes {
            match Self::pop(&self.slots, &mut self.ghosts) {
                Some(key) => self.put(key, Place::Absent),
                None => return,
            }
        }
    }
}

impl Cache for Simulated {
    fn get(&mut self, event: &Event) -> bool {
        let key = event.key;
        if !self.is_resident(key) {
            return false;
        }
        let slot = self.slot(key);
        if slot.expires != 0 && slot.expires <= event.second {
            self.put(key, Place::Absent);
            return false;
        }
        slot.frequency = (slot.frequency + 1).min(FREQUENCY_MAX);
        if self.policy == Policy::Lru {
            self.put(key, Place::Main);
        }
        true
    }

    fn set(&mut self, event: &Event) {
        let (key, bytes) = (event.key, event.counted_bytes());
        if u64::from(bytes) > self.limit_bytes {
            return self.delete(event);
        }
        let old = *self.slot(key);
        self.slot(key).expires = if event.ttl == 0 { 0 } else { event.second + event.ttl };
        if self.is_resident(key) {
            if let Some(sum) = self.bytes_of(old.place) {
                *sum = *sum - u64::from(old.bytes) + u64::from(bytes);
            }
            self.slot(key).bytes = bytes;
            if self.policy == Policy::Lru {
                self.put(key, Place::Main);
            }
        } else {
            let was_ghost = old.place == Place::Ghost;
            self.put(key, Place::Absent);
            let slot = self.slot(key);
            (slot.bytes, slot.frequency) = (bytes, 0);
            let small = matches!(self.policy, Policy::S3Fifo(_)) && !was_ghost;
            self.put(key, if small { Place::Small } else { Place::Main });
        }
        while self.main_bytes + self.small_bytes > self.limit_bytes {
            self.evict();
        }
        self.forget_old_ghosts();
    }

    fn delete(&mut self, event: &Event) {
        self.put(event.key, Place::Absent);
    }
}
