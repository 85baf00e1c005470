//! A policy in small: what it would keep of a sample of the keys, at the sample's share of the cache. Knows
//! fingerprints only. It does what `clock` and `s3_fifo` do to chunks: a new entry takes the place of the one that
//! left, the hand goes round the places.
//!
//! ```text
//!   place   31     30 29        28         27        0
//!           taken  frequency    in small   fingerprint
//! ```
//!
//! Places with the same hash are chained through `next` from `heads`; the free ones from `free`.

use super::{
    ghosts::{self, Bucket},
    s3_fifo::{READS_TO_STAY, SHARE_DIVISOR},
};
use crate::storage::item::FREQUENCY_MAX;
use std::collections::VecDeque;

/// Bits of a fingerprint.
pub(super) const FINGERPRINT_BITS: u32 = 28;

/// Most entries: places are 16-bit numbers, and one of them is none.
pub(super) const ENTRIES_MAX: usize = NONE as usize - 1;

/// Places looked at in search of a victim.
const SCAN_MAX: usize = 512;

/// Places are taken a quarter more at a time, and at least so many.
const PLACES_MORE_MIN: usize = 32;

/// Ends a chain.
const NONE: u16 = u16::MAX;

const FINGERPRINT_MASK: u32 = (1 << FINGERPRINT_BITS) - 1;
const IN_SMALL: u32 = 1 << FINGERPRINT_BITS;
const FREQUENCY_SHIFT: u32 = FINGERPRINT_BITS + 1;
const FREQUENCY_MASK: u32 = (FREQUENCY_MAX as u32) << FREQUENCY_SHIFT;
const TAKEN: u32 = 1 << 31;

const _: () = assert!(FREQUENCY_MASK < TAKEN && IN_SMALL << 1 == 1 << FREQUENCY_SHIFT);

/// Odd numbers without a pattern in their bits.
const HEAD_MIX: u32 = 0x9e37_79b1;
const GHOST_MIX: u32 = 0x85eb_ca6b;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Simulation {
    /// S3-FIFO; else CLOCK.
    uses_small: bool,
    places: Vec<u32>,
    next: Vec<u16>,
    /// A power of two of chains.
    heads: Vec<u16>,
    free: Option<u16>,
    len: usize,
    /// Entries that there is room for; none leaves before this is known.
    capacity: Option<usize>,
    hand: usize,
    small: VecDeque<u16>,
    ghosts: Vec<Bucket>,
}

impl Simulation {
    /// Of S3-FIFO or of CLOCK.
    pub(super) fn new(uses_small: bool) -> Self {
        Simulation { uses_small, ..Simulation::default() }
    }

    /// Entries.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Memory taken.
    pub(super) fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<u32>()
            + (self.next.capacity() + self.heads.capacity() + self.small.capacity()) * size_of::<u16>()
            + self.ghosts.capacity() * size_of::<Bucket>()
    }

    /// Sets for how many entries, and how many that left, there is room. What is too much leaves with the next ones
    /// that come.
    pub(super) fn set_capacity(&mut self, capacity: usize, ghosts: usize) {
        self.capacity = Some(capacity.min(ENTRIES_MAX));
        let buckets = if self.uses_small { ghosts.div_ceil(ghosts::SLOTS) } else { 0 };
        // The places of fingerprints hang on the number of buckets, so it is changed seldom.
        if self.ghosts.len() * 5 < buckets * 4 || self.ghosts.len() * 4 > buckets * 5 {
            self.ghosts = vec![[0; ghosts::SLOTS]; buckets];
        }
        if self.places.len() > 2 * capacity.max(self.len) + SCAN_MAX {
            self.retain(|_| true);
        }
    }

    /// Whether there is an entry.
    pub(super) fn contains(&self, fingerprint: u32) -> bool {
        self.find(fingerprint).is_some()
    }

    /// Reads an entry. False if it is not there.
    pub(super) fn read(&mut self, fingerprint: u32) -> bool {
        let Some(place) = self.find(fingerprint) else { return false };
        let entry = &mut self.places[place as usize];
        if *entry & FREQUENCY_MASK != FREQUENCY_MASK {
            *entry += 1 << FREQUENCY_SHIFT;
        }
        true
    }

    /// Adds an entry, unless it is there.
    pub(super) fn write(&mut self, fingerprint: u32) {
        if self.contains(fingerprint) {
            return;
        }
        // One leaves for it, and one more as long as there are too many.
        for _ in 0..2 {
            if self.len < self.capacity.unwrap_or(ENTRIES_MAX) {
                break;
            }
            self.evict();
        }
        if self.len == ENTRIES_MAX {
            return;
        }
        let place = self.take_place();
        let enters_small = self.uses_small && !self.take_ghost(fingerprint) && self.admit(place);
        self.places[place as usize] = TAKEN | fingerprint | if enters_small { IN_SMALL } else { 0 };
        let head = self.head(fingerprint);
        self.next[place as usize] = self.heads[head];
        self.heads[head] = place;
        self.len += 1;
    }

    /// Takes an entry out, if it is there.
    pub(super) fn remove(&mut self, fingerprint: u32) {
        if let Some(place) = self.find(fingerprint) {
            self.unlink(place);
        }
    }

    /// Keeps those entries that `keeps` says so of, in places as few as they are.
    pub(super) fn retain(&mut self, keeps: impl Fn(u32) -> bool) {
        let mut moved_to = vec![NONE; self.places.len()];
        let mut len = 0;
        for (place, moved_to) in moved_to.iter_mut().enumerate() {
            let entry = self.places[place];
            if place == self.hand {
                self.hand = len;
            }
            if entry & TAKEN != 0 && keeps(entry & FINGERPRINT_MASK) {
                self.places[len] = entry;
                *moved_to = len as u16;
                len += 1;
            }
        }
        self.places.truncate(len);
        self.places.shrink_to_fit();
        self.next.truncate(len);
        self.next.shrink_to_fit();
        (self.len, self.free) = (len, None);
        self.small.retain_mut(|place| {
            *place = moved_to[*place as usize];
            *place != NONE
        });
        self.small.shrink_to_fit();
        self.chain_anew(len.next_power_of_two());
    }

    fn chain_anew(&mut self, heads: usize) {
        self.heads = vec![NONE; heads];
        for place in 0..self.places.len() {
            if self.places[place] & TAKEN != 0 {
                let head = self.head(self.places[place] & FINGERPRINT_MASK);
                self.next[place] = self.heads[head];
                self.heads[head] = place as u16;
            }
        }
    }

    fn head(&self, fingerprint: u32) -> usize {
        (fingerprint.wrapping_mul(HEAD_MIX) >> 16) as usize & (self.heads.len() - 1)
    }

    fn find(&self, fingerprint: u32) -> Option<u16> {
        if self.heads.is_empty() {
            return None;
        }
        let mut place = self.heads[self.head(fingerprint)];
        while place != NONE {
            if self.places[place as usize] & FINGERPRINT_MASK == fingerprint {
                return Some(place);
            }
            place = self.next[place as usize];
        }
        None
    }

    fn take_place(&mut self) -> u16 {
        if let Some(place) = self.free {
            self.free = Some(self.next[place as usize]).filter(|&next| next != NONE);
            return place;
        }
        let place = self.places.len() as u16;
        if self.places.len() == self.places.capacity() {
            let more = self.places.len() / 4 + PLACES_MORE_MIN;
            self.places.reserve_exact(more);
            self.next.reserve_exact(more);
        }
        self.places.push(0);
        self.next.push(NONE);
        if self.places.len() > self.heads.len() {
            self.chain_anew((2 * self.heads.len()).max(64));
        }
        place
    }

    fn unlink(&mut self, place: u16) {
        let head = self.head(self.places[place as usize] & FINGERPRINT_MASK);
        let behind = self.next[place as usize];
        if self.heads[head] == place {
            self.heads[head] = behind;
        } else {
            let mut before = self.heads[head] as usize;
            while self.next[before] != place {
                before = self.next[before] as usize;
            }
            self.next[before] = behind;
        }
        self.places[place as usize] = 0;
        self.next[place as usize] = self.free.unwrap_or(NONE);
        self.free = Some(place);
        self.len -= 1;
    }

    /// Entries of the small queue.
    fn room(&self) -> usize {
        self.capacity.unwrap_or(self.places.len()) / SHARE_DIVISOR
    }

    /// Whether a new entry starts in the small queue.
    fn admit(&mut self, place: u16) -> bool {
        let room = self.room();
        let enters = room > 0 && (self.capacity.is_some() || self.small.len() <= room);
        if enters {
            if self.small.len() > room + room / 4 + 1
                && let Some(oldest) = self.small.pop_front()
            {
                self.places[oldest as usize] &= !IN_SMALL;
            }
            self.small.push_back(place);
        }
        enters
    }

    fn evict(&mut self) {
        let room = self.room();
        while self.small.len() > room {
            let Some(place) = self.small.pop_front() else { break };
            let entry = self.places[place as usize];
            if entry & IN_SMALL == 0 {
                continue;
            }
            if u64::from((entry & FREQUENCY_MASK) >> FREQUENCY_SHIFT) < READS_TO_STAY {
                self.note_ghost(entry & FINGERPRINT_MASK);
                return self.unlink(place);
            }
            self.places[place as usize] = entry & !IN_SMALL;
        }
        let mut least_read: Option<(u32, u16)> = None;
        for _ in 0..SCAN_MAX {
            self.hand = if self.hand + 1 < self.places.len() { self.hand + 1 } else { 0 };
            let entry = self.places[self.hand];
            if entry & TAKEN == 0 || entry & IN_SMALL != 0 {
                continue;
            }
            let frequency = entry & FREQUENCY_MASK;
            if frequency == 0 {
                return self.unlink(self.hand as u16);
            }
            self.places[self.hand] = entry - (1 << FREQUENCY_SHIFT);
            if least_read.is_none_or(|(least, _)| frequency < least) {
                least_read = Some((frequency, self.hand as u16));
            }
        }
        if let Some((_, place)) = least_read {
            self.unlink(place);
        } else if let Some(place) = self.small.pop_front()
            && self.places[place as usize] & TAKEN != 0
        {
            self.unlink(place);
        }
    }

    fn ghost(&self, fingerprint: u32) -> (usize, u16) {
        let mixed = fingerprint.wrapping_mul(GHOST_MIX) >> 16;
        ((mixed as usize * self.ghosts.len()) >> 16, (fingerprint as u16).max(1))
    }

    fn take_ghost(&mut self, fingerprint: u32) -> bool {
        let (bucket, ghost) = self.ghost(fingerprint);
        self.ghosts.get_mut(bucket).is_some_and(|bucket| ghosts::take(bucket, ghost))
    }

    fn note_ghost(&mut self, fingerprint: u32) {
        let (bucket, ghost) = self.ghost(fingerprint);
        if let Some(bucket) = self.ghosts.get_mut(bucket) {
            ghosts::insert(bucket, ghost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(key: u32) -> u32 {
        (key.wrapping_mul(0x9e37_79b1) ^ key >> 3) & FINGERPRINT_MASK
    }

    fn full(uses_small: bool) -> Simulation {
        let mut simulation = Simulation::new(uses_small);
        simulation.set_capacity(1000, 900);
        (0..1000).for_each(|key| simulation.write(fingerprint(key)));
        simulation
    }

    fn check(simulation: &Simulation) {
        let taken = simulation.places.iter().filter(|&place| place & TAKEN != 0);
        assert_eq!(taken.clone().count(), simulation.len);
        for place in taken {
            assert!(simulation.contains(place & FINGERPRINT_MASK));
        }
        for (place, _) in simulation.places.iter().enumerate().filter(|(_, entry)| **entry & IN_SMALL != 0) {
            assert!(simulation.small.contains(&(place as u16)));
        }
    }

    #[test]
    fn what_is_read_stays_under_both() {
        for uses_small in [false, true] {
            let mut simulation = full(uses_small);
            for key in 1000..4000 {
                (900..950).for_each(|hot| assert!(simulation.read(fingerprint(hot)), "{hot} {uses_small}"));
                simulation.write(fingerprint(key));
                assert_eq!(simulation.len(), 1000);
            }
            check(&simulation);
        }
    }

    #[test]
    fn a_scan_spares_the_main_queue_of_s3_fifo_alone() {
        for (uses_small, spared) in [(false, false), (true, true)] {
            let mut simulation = full(uses_small);
            (1000..3000).for_each(|key| simulation.write(fingerprint(key)));
            // The last of those that it was filled with were still in the small queue.
            let kept = (0..850).filter(|&key| simulation.contains(fingerprint(key))).count();
            assert_eq!(kept, if spared { 850 } else { 0 });
            check(&simulation);
        }
    }

    #[test]
    fn who_comes_back_stays() {
        let mut simulation = full(true);
        (1000..1500).for_each(|key| simulation.write(fingerprint(key)));
        assert!(!simulation.contains(fingerprint(1200)));
        simulation.write(fingerprint(1200));
        (1500..1900).for_each(|key| simulation.write(fingerprint(key)));
        assert!(simulation.contains(fingerprint(1200)));
        check(&simulation);
    }

    #[test]
    fn entries_are_removed_retained_and_forgotten() {
        let mut simulation = full(true);
        (0..100).for_each(|key| simulation.remove(fingerprint(key)));
        assert_eq!(simulation.len(), 900);
        check(&simulation);
        simulation.retain(|fingerprint| fingerprint & 1 == 0);
        check(&simulation);
        assert!((380..520).contains(&simulation.len()), "{}", simulation.len());
        simulation.set_capacity(50, 45);
        (2000..4000).for_each(|key| simulation.write(fingerprint(key)));
        check(&simulation);
        assert_eq!(simulation.len(), 50);
        let places = simulation.places.len();
        simulation.retain(|_| true);
        check(&simulation);
        assert!((simulation.len(), simulation.places.len()) == (50, 50) && places > 50);
    }
}
