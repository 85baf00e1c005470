//! Which pool gives up a page, to whom, and how often. Policy only: emptying the page is `store/emptying.rs`.
//!
//! In plain steps: an evicted item leaves its fingerprint in the ghosts; if its key is written again while that is
//! there, one more page for its class might have kept it. Ghosts of all classes live equally long, so
//!
//! ```text
//!   value of one more page = ghost hits / ghost inserts * items in a page
//! ```
//!
//! and a page moves from the pool where it is worth least to the one where it is worth most. How often decides
//! whether that helps: the estimates are noisy, and every move evicts items. Moves between pools in use are
//! paced by the number of items ([`PACE_SHARE`]); where values lie far apart (a new mix of sizes) a page may move for every page's
//! worth of items that the taker stores; and what nobody has used for a while is anybody's at that rate, with no ghost to
//! prove the need.
//!
//! After Cidon et al., "Cliffhanger: Scaling Performance Cliffs in Web Memory Caches" (NSDI 2016), with ghosts that all
//! classes share in place of a shadow queue for each.

use super::GhostCounts;
use crate::storage::slab::ClassId;

/// LARGE values are left one page in this many, and take so many before they have shown their worth.
pub(in crate::storage) const LARGE_SHARE_DIVISOR: usize = 16;

/// A pool gives a page to another if one is worth so many times less to it.
const GAP_MIN: f32 = 1.5;

/// From here on values lie far apart.
const GAP_WIDE: f32 = 4.0;

/// Ghost hits that make a taker, and one over a wide gap.
const TAKER_HITS_MIN: f32 = 4.0;
const TAKER_HITS_WIDE_MIN: f32 = 16.0;

/// Between two pools in use a page moves at most once in this share of as many allocations as there are items.
const PACE_SHARE: u64 = 3;

/// What the ghosts counted weighs e times less after this share of as many allocations as there are items, but not
/// before so many.
const MEMORY_SHARE: f32 = 0.5;
const MEMORY_ALLOCATIONS_MIN: f32 = 4096.0;

/// Allocations without a free chunk between two looks at the pools.
const LOOK_ALLOCATIONS: u32 = 32;

/// A pool that nobody used during so many of them is idle.
const IDLE_ALLOCATIONS: u32 = 1024;

/// Who has pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum PoolId {
    /// A slab class.
    Class(ClassId),
    /// The LARGE values.
    Large,
}

/// What a pool has and is worth.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage) struct PoolState {
    pub(in crate::storage) pool: PoolId,
    pub(in crate::storage) pages: usize,
    pub(in crate::storage) items_per_page: f32,
    pub(in crate::storage) ghosts: GhostCounts,
    /// Reads and writes that met an item of it, so far.
    pub(in crate::storage) uses: u64,
}

impl PoolState {
    /// What one more page would be worth, in hits. With hardly any evidence, nothing.
    fn value(&self) -> f32 {
        let GhostCounts { hits, inserts } = self.ghosts;
        if hits < 2.0 && inserts < 8.0 {
            return 0.0;
        }
        (hits + 0.5) / (inserts + 8.0) * self.items_per_page
    }
}

/// A page that is to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) struct Move {
    pub(in crate::storage) from: PoolId,
    pub(in crate::storage) to: PoolId,
}

/// See the module's documentation.
pub(in crate::storage) struct Mover {
    pub(in crate::storage) is_on: bool,
    /// Allocations without a free chunk, until the next look and since the last move.
    until_look: u32,
    since_move: u64,
    /// By pool, LARGE last.
    activity: Vec<Activity>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Activity {
    uses: u64,
    /// Allocations since it was seen to have been used.
    idle: u32,
}

impl Mover {
    pub(in crate::storage) fn new(classes: usize) -> Self {
        Mover {
            is_on: true,
            until_look: LOOK_ALLOCATIONS,
            since_move: 0,
            activity: vec![Activity::default(); classes + 1],
        }
    }

    pub(in crate::storage) fn memory_bytes(&self) -> usize {
        self.activity.len() * size_of::<Activity>()
    }

    /// Counts an allocation that found no free chunk. True if it is time to look at the pools.
    #[inline(always)]
    pub(in crate::storage) fn is_due(&mut self) -> bool {
        self.until_look -= 1;
        self.until_look == 0
    }

    /// By what the ghosts' counts are to be multiplied after each look, `items` being there.
    pub(in crate::storage) fn ageing(items: u64) -> f32 {
        1.0 - LOOK_ALLOCATIONS as f32 / (items as f32 * MEMORY_SHARE).max(MEMORY_ALLOCATIONS_MIN)
    }

    /// Looks at the pools, in the same order every time: the page that is to move now, if one is. `asking` is the one
    /// that needs memory at the moment, `items` how many there are in all pools.
    pub(in crate::storage) fn look(
        &mut self,
        pools: impl Iterator<Item = PoolState> + Clone,
        asking: PoolId,
        items: u64,
    ) -> Option<Move> {
        self.until_look = LOOK_ALLOCATIONS;
        self.since_move += u64::from(LOOK_ALLOCATIONS);
        for (activity, state) in self.activity.iter_mut().zip(pools.clone()) {
            let is_used = activity.uses != state.uses;
            let idle = if is_used { 0 } else { activity.idle.saturating_add(LOOK_ALLOCATIONS) };
            *activity = Activity { uses: state.uses, idle };
        }
        if !self.is_on {
            return None;
        }
        let chosen = self.from_idle(pools.clone(), asking).or_else(|| self.from_least(pools, items));
        if chosen.is_some() {
            self.since_move = 0;
        }
        chosen
    }

    /// From a pool that nobody uses to the one that asks.
    fn from_idle(&self, pools: impl Iterator<Item = PoolState> + Clone, asking: PoolId) -> Option<Move> {
        let to = pools.clone().find(|state| state.pool == asking)?;
        if (self.since_move as f32) < to.items_per_page {
            return None;
        }
        let total = pages(pools.clone());
        let idle = pools.zip(&self.activity).filter(|(_, activity)| activity.idle >= IDLE_ALLOCATIONS);
        let from = least(idle.map(|(state, _)| state), &[asking], total)?;
        Some(Move { from: from.pool, to: asking })
    }

    /// From where a page is worth least to where it is worth most.
    fn from_least(&self, pools: impl Iterator<Item = PoolState> + Clone, items: u64) -> Option<Move> {
        let takers = pools.clone().filter(|state| state.ghosts.hits >= TAKER_HITS_MIN);
        let to = takers.max_by(|left, right| left.value().total_cmp(&right.value()))?;
        let total = pages(pools.clone());
        let from = least(pools, &[to.pool], total)?;
        if from.value() * GAP_MIN >= to.value() {
            return None;
        }
        let is_wide = from.value() * GAP_WIDE < to.value() && to.ghosts.hits >= TAKER_HITS_WIDE_MIN;
        let pace = if is_wide { to.items_per_page.max(from.items_per_page) as u64 } else { items / PACE_SHARE };
        (self.since_move >= pace).then_some(Move { from: from.pool, to: to.pool })
    }
}

fn pages(pools: impl Iterator<Item = PoolState>) -> usize {
    pools.map(|state| state.pages).sum()
}

/// The pool to which a page is worth least, other than those in `except`; of equals the richest. The last page of a
/// class stays with it, the last share of all pages with the LARGE values.
fn least(pools: impl Iterator<Item = PoolState>, except: &[PoolId], total: usize) -> Option<PoolState> {
    let can_give = |state: &PoolState| match state.pool {
        PoolId::Class(_) => state.pages > 1,
        PoolId::Large => state.pages * LARGE_SHARE_DIVISOR > total,
    };
    let givers = pools.filter(|state| can_give(state) && !except.contains(&state.pool));
    givers.min_by(|left, right| left.value().total_cmp(&right.value()).then(right.pages.cmp(&left.pages)))
}

/// The pool that gives a page at once to one that has nothing to evict: the one to which it is worth least, else
/// whoever has most. `None` if no pool but those in `except` has a page.
pub(in crate::storage) fn donor(pools: impl Iterator<Item = PoolState> + Clone, except: &[PoolId]) -> Option<PoolId> {
    let richest = || {
        let givers = pools.clone().filter(|state| state.pages > 0 && !except.contains(&state.pool));
        givers.max_by_key(|state| state.pages)
    };
    least(pools.clone(), except, pages(pools.clone())).or_else(richest).map(|state| state.pool)
}
