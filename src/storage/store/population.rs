//! Memory that somebody else has the kernel hand over, on a thread of their own, before the store needs it.
//!
//! The store says what it will need next ([`Store::next_population`]), one piece of each [`Part`] at a time, and is told
//! when it has been populated ([`Store::end_population`]). Until then the piece counts as the store's. Nobody waits for it:
//! whoever needs it sooner uses it at once and faults in what is missing, and while it is still outstanding the store
//! populates the next by itself, as it does where nobody else does it.
//!
//! How far ahead: by what the last second suggests will be used in a fiftieth of one, within bounds. So a store that is
//! not written to asks for nothing.

use super::Store;
use crate::{
    clock::Seconds,
    storage::{location::PAGE_BYTES, reservation},
};

/// Populations that a store has others do at a time: one for each part of its memory.
pub const POPULATIONS_MAX: usize = 3;

/// What is asked for ahead of need is what is used in one second divided by this: time for some extents even if each
/// takes the kernel 5 ms, as on a virtual machine whose host has to back them.
const LEADS_PER_SECOND: u64 = 50;

/// Free pages asked for ahead, at most, beyond those that are kept anyway: bytes, and a share of what is committed.
const LEAD_BYTES_MAX: usize = 8 << 20;
const LEAD_SHARE_DIVISOR: usize = 16;

/// What a population is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Index,
    Pages,
    Ghosts,
}

/// A piece of a store's memory that is to be populated by another thread. Dropped without having been run, it is as good
/// as done: memory that is not populated is faulted in when it is touched.
pub struct Population {
    memory: reservation::Population,
    part: Part,
}

impl Population {
    /// Has the kernel hand the memory over, 2 MiB at most, on the NUMA node of the calling thread unless the process's
    /// memory policy says otherwise. Blocks the thread for as long as that takes: some 0.1 ms, or milliseconds. Harmless
    /// at any time, the store's end included.
    pub fn run(&self) {
        self.memory.run();
    }
}

/// What is used up how fast.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    second: Seconds,
    /// Pages and segments taken into use when the second began, and in the one before.
    at: [u64; 2],
    last: [u64; 2],
}

impl Pace {
    /// How many pages and segments to have ready, given how many have been taken since the start.
    fn lead(&mut self, now: Seconds, taken: [u64; 2]) -> [u64; 2] {
        let since = |at: [u64; 2]| [0, 1].map(|index| taken[index].saturating_sub(at[index]));
        if now != self.second {
            self.last = if now.0 == self.second.0 + 1 { since(self.at) } else { [0; 2] };
            (self.second, self.at) = (now, taken);
        }
        let current = since(self.at);
        [0, 1].map(|index| current[index].max(self.last[index]) / LEADS_PER_SECOND)
    }
}

impl Store {
    /// Says whether somebody will do what [`Store::next_population`] gives out. At first nobody does. To be called with
    /// false also if they have failed: nothing is outstanding from then on.
    pub fn set_populated_elsewhere(&mut self, is_elsewhere: bool) {
        self.pace = is_elsewhere.then(Pace::default);
        if !is_elsewhere {
            self.table.end_order(true);
            self.table.set_lead(0);
            self.slab.end_order(true);
            self.eviction.end_ghosts_order(true);
        }
    }

    /// The next piece of memory that is to be populated elsewhere. `None` if none is wanted now. To be asked for after
    /// [`Store::maintain`]; at most [`POPULATIONS_MAX`] are outstanding.
    pub fn next_population(&mut self, now: Seconds) -> Option<Population> {
        let taken = [self.slab.taken_pages(), self.table.segments() as u64];
        let [pages, segments] = self.pace.as_mut()?.lead(now, taken);
        let committed_bytes = self.slab.committed_bytes();
        self.lead_pages = (pages as usize).min(LEAD_BYTES_MAX.min(committed_bytes / LEAD_SHARE_DIVISOR) / PAGE_BYTES);
        self.table.set_lead(segments as usize);
        let population = |part| move |memory| Population { memory, part };
        let may_grow = self.may_grow_index();
        if let Some(memory) = self.table.order_extent(may_grow) {
            return Some(population(Part::Index)(memory));
        }
        if let Some(memory) = self.order_pages() {
            return Some(population(Part::Pages)(memory));
        }
        self.eviction.order_ghosts(self.table.len()).map(population(Part::Ghosts))
    }

    fn order_pages(&mut self) -> Option<reservation::Population> {
        if self.slab.has_order() || self.slab.free_pages() >= self.free_pages_low() {
            return None;
        }
        if self.slab.released_pages() > 0 {
            let room_bytes = self.config.memory_limit_bytes.saturating_sub(self.memory_bytes());
            return self.slab.order_released(room_bytes / PAGE_BYTES);
        }
        if self.may_commit_extent() { self.slab.order_extent() } else { None }
    }

    /// Takes what has been populated into use, or gives it back if the limit was lowered meanwhile.
    pub fn end_population(&mut self, population: Population) {
        match population.part {
            Part::Index => self.table.end_order(true),
            Part::Pages => {
                self.slab.end_order(self.memory_bytes() <= self.config.memory_limit_bytes);
                self.slab.prepare_lists();
            }
            Part::Ghosts => self.eviction.end_ghosts_order(true),
        }
    }

    /// Whether memory for the index is populated here: nobody else does it, or they are late.
    pub(super) fn populates_index_here(&self) -> bool {
        self.pace.is_none() || (self.table.has_order() && !self.table.is_coming())
    }

    /// The same for pages.
    pub(super) fn populates_pages_here(&self) -> bool {
        self.pace.is_none() || (self.slab.has_order() && self.slab.coming_bytes() == 0)
    }

    /// The same for ghosts. Those can wait.
    pub(super) fn populates_ghosts_here(&self) -> bool {
        self.pace.is_none() || !self.eviction.ghosts_are_to_order(self.table.len())
    }
}

#[cfg(test)]
#[path = "population_tests.rs"]
mod tests;
