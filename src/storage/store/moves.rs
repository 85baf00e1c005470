//! Pages on their way between pools: what `eviction/mover.rs` decides is carried out here, by emptying pages.

use super::{
    ClassCommands, Store,
    counters::Counters,
    emptying::{Hot, Purpose},
};
use crate::{
    clock::Seconds,
    storage::{
        eviction::{Eviction, Move, PoolId, PoolState, Terms},
        slab::{ClassId, Slab},
    },
};

/// Pages of a class that are looked at when one is to be emptied; some may hold pinned values.
const PAGES_TRIED_MAX: usize = 8;

/// Donors that are tried when none of the first one's pages can be emptied.
const DONORS_MAX: usize = 3;

/// Pages that LARGE values may take beyond their share, if the mover has said so as often.
const LARGE_CREDIT_PAGES_MAX: usize = 64;

impl Store {
    /// One step of moving pages, on the way of an allocation that found no free chunk or page.
    #[inline]
    pub(super) fn step_of_moves(&mut self, asking: PoolId, now: Seconds) {
        self.go_on_emptying(now);
        if self.mover.is_due() && self.emptying.is_none() {
            self.look_for_a_move(asking, now);
        }
    }

    #[cold]
    fn look_for_a_move(&mut self, asking: PoolId, now: Seconds) {
        let items = self.counters.items;
        let Store { mover, slab, eviction, commands, counters, large_uses, .. } = self;
        let (chosen, ageing) = mover.look(pools(slab, eviction, commands, counters, *large_uses), asking, items);
        eviction.age_ghost_counts(ageing);
        let may_move = self.config.evictions && !self.has_room_for_a_page();
        if let Some(chosen) = chosen.filter(|_| may_move) {
            // A page that nobody used is no loss to weigh anew.
            if !chosen.is_idle {
                for pool in [chosen.from, chosen.to] {
                    let class = match pool {
                        PoolId::Class(class) => class,
                        PoolId::Large => self.eviction.large_pool(),
                    };
                    self.eviction.forget_ghost_counts(class);
                }
            }
            self.begin_move(chosen, now);
        }
    }

    fn begin_move(&mut self, Move { from, to, .. }: Move, now: Seconds) {
        let PoolId::Class(to) = to else {
            self.large_credit = (self.large_credit + 1).min(LARGE_CREDIT_PAGES_MAX);
            return;
        };
        match from {
            PoolId::Class(class) => _ = self.begin_to_empty_page_of(class, Purpose::Class(to)),
            // Its pages are free at once; what is left of them goes to whoever asks next.
            PoolId::Large if self.evict_large(self.terms(now)) => {
                self.counters.pages_moved += u64::from(self.slab.assign_page(to));
            }
            PoolId::Large => {}
        }
    }

    pub(super) fn pools(&self) -> impl Iterator<Item = PoolState> + Clone + '_ {
        pools(&self.slab, &self.eviction, &self.commands, &self.counters, self.large_uses)
    }

    /// Frees a page now, for a pool that has nothing of its own to evict. Not from those in `except`.
    pub(super) fn take_a_page(&mut self, except: &[PoolId], terms: Terms) -> bool {
        // The one that is being emptied is the next to be free.
        if self.finish_emptying(Purpose::Free, Hot::Evict, terms.now) {
            return true;
        }
        let mut tried = [PoolId::Large; DONORS_MAX + 1];
        tried[..except.len()].copy_from_slice(except);
        for count in except.len()..tried.len() {
            let Some(pool) = self.mover.donor(self.pools(), &tried[..count]) else { return false };
            let emptied = match pool {
                PoolId::Large => self.evict_large(terms) && self.slab.free_pages() > 0,
                PoolId::Class(class) => self.empty_page_of(class, Purpose::Free, Hot::Evict, terms.now),
            };
            if emptied {
                return true;
            }
            tried[count] = pool;
        }
        false
    }

    /// The next step towards giving a page back to the kernel. False if no pool has one to give.
    pub(super) fn step_to_pay_back(&mut self, now: Seconds) -> bool {
        if self.emptying.is_none() {
            let begun = match self.mover.donor(self.pools(), &[]) {
                Some(PoolId::Class(class)) => self.begin_to_empty_page_of(class, Purpose::Kernel),
                Some(PoolId::Large) => self.evict_large(self.terms(now)) && self.slab.release_page(),
                None => false,
            };
            if !begun {
                return false;
            }
        }
        self.go_on_emptying(now);
        true
    }

    /// Empties a page of a class at once. True if it is the class's no more.
    pub(super) fn empty_page_of(&mut self, class: ClassId, purpose: Purpose, hot: Hot, now: Seconds) -> bool {
        self.begin_to_empty_page_of(class, purpose) && self.finish_emptying(purpose, hot, now)
    }

    /// Begins to empty the page of a class that holds least, of those whose items have waited longest for their next
    /// look.
    pub(super) fn begin_to_empty_page_of(&mut self, class: ClassId, purpose: Purpose) -> bool {
        let pages = &self.slab.pool(class).pages;
        let start = self.eviction.hand_page(class) as usize % pages.len().max(1);
        let candidates = pages[start..].iter().chain(&pages[..start]).take(PAGES_TRIED_MAX).copied();
        let movable = candidates.filter(|&page| self.slab.page(page).is_movable());
        let Some(page) = movable.min_by_key(|&page| self.slab.page(page).used_chunks()) else { return false };
        self.begin_to_empty(page, class, purpose)
    }
}

/// What each pool has and is worth: the classes in order, then LARGE.
fn pools<'a>(
    slab: &'a Slab,
    eviction: &'a Eviction,
    commands: &'a [ClassCommands],
    counters: &'a Counters,
    large_uses: (u64, u64),
) -> impl Iterator<Item = PoolState> + Clone + 'a {
    let classes = slab.class_ids().map(move |class| {
        let (pool, commands) = (slab.pool(class), &commands[class.index()]);
        PoolState {
            pool: PoolId::Class(class),
            pages: pool.pages.len(),
            items_per_page: f32::from(pool.chunks_per_page),
            ghosts: eviction.ghost_counts(class),
            hits: commands.get_hits + commands.touch_hits,
            writes: commands.cmd_set,
        }
    });
    let (pages, items) = (slab.large_pages(), counters.sum(|class| class.large_items));
    let large = PoolState {
        pool: PoolId::Large,
        pages,
        items_per_page: items as f32 / pages.max(1) as f32,
        ghosts: eviction.ghost_counts(eviction.large_pool()),
        hits: large_uses.0,
        writes: large_uses.1,
    };
    classes.chain([large])
}
