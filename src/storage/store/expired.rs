//! How much memory is held by items that have expired and that nobody has removed yet.
//!
//! An item cannot announce that its time has come, and nobody looks at each of millions every second. So what is
//! about to expire is counted ahead: every item with a deadline of up to [`HORIZON_SECONDS`] from now is in a count of
//! its second, and when that second has come the count is added to what has expired. Plain numbers, by slab class.
//!
//! ```text
//!   now            now + HORIZON_SECONDS
//!   | s | s | s | ... | s |                a count for each second, in a ring
//!     |
//!     v as the second comes
//!   expired bytes
//! ```
//!
//! An item gets into the count when it is written with such a deadline, or when the sweep (see `sweep`) looks through
//! its page, which it does before the deadline: it comes by at every page more often than once in that time. What a
//! page's items are counted up to is written down with the page, so an item that goes is taken out of the count if
//! and only if it is in it.
//!
//! So the figure is exact to the second while the sweep keeps its pace. Where it does not (a limit is set on what a
//! crawl looks at, or there is more to remove at once than it manages in that time) what expires in pages that it has
//! not reached is missing until it has.

use crate::clock::{Deadline, Seconds};

/// How far ahead expiring items are counted.
pub(super) const HORIZON_SECONDS: u32 = 32;

/// See the module's documentation.
pub(super) struct Expired {
    /// The second up to which what was counted has expired.
    now: u32,
    /// Bytes that expired items hold, by slab class, and behind these in whole pages of LARGE values.
    held: Vec<u64>,
    /// Their sum.
    total: u64,
    /// The same of what expires in one of the next [`HORIZON_SECONDS`]: a row by class for each second.
    soon: Vec<u64>,
    /// Their sum.
    soon_total: u64,
}

impl Expired {
    pub(super) fn new(classes: usize) -> Self {
        let rows = classes + 1;
        Expired { now: 0, held: vec![0; rows], total: 0, soon: vec![0; rows * HORIZON_SECONDS as usize], soon_total: 0 }
    }

    /// Memory that the counts take.
    pub(super) fn memory_bytes(&self) -> usize {
        (self.held.len() + self.soon.len()) * size_of::<u64>()
    }

    /// The row of whole pages.
    pub(super) fn large(&self) -> usize {
        self.held.len() - 1
    }

    /// Bytes that expired items hold in a row.
    pub(super) fn held(&self, row: usize) -> u64 {
        self.held[row]
    }

    /// Bytes that expired items hold.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The last second of which deadlines are counted.
    pub(super) fn horizon(&self) -> u32 {
        self.now.saturating_add(HORIZON_SECONDS)
    }

    /// Time goes on. True if a second has passed.
    #[inline(always)]
    pub(super) fn advance(&mut self, now: Seconds) -> bool {
        if now.0 <= self.now {
            return false;
        }
        self.pass_seconds(now.0);
        true
    }

    #[cold]
    fn pass_seconds(&mut self, now: u32) {
        let passed = (now - self.now).min(HORIZON_SECONDS);
        for second in self.now + 1..=self.now + passed {
            if self.soon_total == 0 {
                break;
            }
            let row = self.soon_row(second);
            for (held, soon) in self.held.iter_mut().zip(&mut self.soon[row..]) {
                let bytes = std::mem::take(soon);
                *held += bytes;
                self.total += bytes;
                self.soon_total -= bytes;
            }
        }
        self.now = now;
    }

    /// Where the counts of a second begin.
    fn soon_row(&self, second: u32) -> usize {
        (second % HORIZON_SECONDS) as usize * self.held.len()
    }

    /// Counts memory of an item that expires at `deadline`, which is not beyond the horizon.
    #[inline]
    pub(super) fn add(&mut self, row: usize, deadline: Deadline, bytes: u64) {
        debug_assert!(deadline != Deadline::NEVER && deadline.raw() <= self.horizon());
        if deadline.raw() <= self.now {
            self.held[row] += bytes;
            self.total += bytes;
        } else {
            let soon = self.soon_row(deadline.raw());
            self.soon[soon + row] += bytes;
            self.soon_total += bytes;
        }
    }

    /// Takes out what [`add`](Self::add) has counted.
    pub(super) fn subtract(&mut self, row: usize, deadline: Deadline, bytes: u64) {
        if deadline.raw() <= self.now {
            self.held[row] -= bytes;
            self.total -= bytes;
        } else {
            let soon = self.soon_row(deadline.raw());
            self.soon[soon + row] -= bytes;
            self.soon_total -= bytes;
        }
    }

    /// Every item is gone.
    pub(super) fn clear(&mut self) {
        self.held.fill(0);
        self.soon.fill(0);
        (self.total, self.soon_total) = (0, 0);
    }

    /// Panics unless the counts are those of these items: row, deadline, bytes.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn check(&self, counted: impl Iterator<Item = (usize, Deadline, u64)>) {
        let mut expected = Expired { now: self.now, ..Expired::new(self.large()) };
        for (row, deadline, bytes) in counted {
            assert!(deadline.raw() <= self.horizon(), "counted beyond the horizon");
            expected.add(row, deadline, bytes);
        }
        assert_eq!((&self.held, self.total), (&expected.held, expected.total), "bytes of expired items");
        assert_eq!((&self.soon, self.soon_total), (&expected.soon, expected.soon_total), "bytes that expire soon");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_count_is_what_a_list_of_items_says(steps in prop::collection::vec((0u32..40, 0u32..33, 1u64..9), 1..200)) {
            let mut expired = Expired::new(3);
            let mut items: Vec<(usize, Deadline, u64)> = Vec::new();
            let mut now = 0;
            for (index, (seconds, ahead, bytes)) in steps.into_iter().enumerate() {
                if seconds < 3 {
                    now += seconds * 7 % 40;
                    expired.advance(Seconds(now));
                } else if seconds < 12 && !items.is_empty() {
                    let (row, deadline, bytes) = items.swap_remove(index % items.len());
                    expired.subtract(row, deadline, bytes);
                } else {
                    let item = (index % 4, Deadline::from_raw((now + ahead).max(1)), bytes);
                    expired.add(item.0, item.1, item.2);
                    items.push(item);
                }
                let held = items.iter().filter(|(_, deadline, _)| deadline.is_past(Seconds(now)));
                prop_assert_eq!(expired.total(), held.map(|(_, _, bytes)| bytes).sum::<u64>());
                expired.check(items.iter().copied());
            }
        }
    }

    #[test]
    fn what_was_counted_ahead_expires_in_its_second_however_far_time_leaps() {
        for leap in [5, 6, 32, 33, 1_000_000] {
            let mut expired = Expired::new(1);
            expired.advance(Seconds(100));
            expired.add(0, Deadline::from_raw(105), 7);
            expired.add(expired.large(), Deadline::from_raw(106), 70);
            expired.advance(Seconds(100 + leap));
            assert_eq!((expired.held(0), expired.held(1)), (7, if leap > 5 { 70 } else { 0 }), "{leap}");
            assert!(!expired.advance(Seconds(50)), "time does not go back");
        }
    }
}
