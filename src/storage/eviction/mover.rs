//! Which pool gives up a page, to whom, and how often. Policy only: emptying the page is `store/emptying.rs`.
//!
//! In plain steps: an evicted item leaves its fingerprint in the ghosts; if its key is written again while that is there,
//! one more page for its class might have kept it. Ghosts of all classes live equally long, so of a class's ghost hits a
//! page more would have been worth the part of its ghosts that the page has room for:
//!
//! ```text
//!   worth of a page = ghost hits * min(1, items in a page / ghost inserts)
//! ```
//!
//! A class whose items do not leave has no ghosts; to it a page is worth as many hits as its pages bring on average. A
//! page moves from the pool where it is worth least to the one where it is worth most. How often that is done decides
//! whether it helps, since the counts are few and every move evicts items:
//!
//! - Both ends of a move begin to count anew, so that nobody takes a second page on the evidence for the first; and
//!   hits are believed less the fewer they are, by their square root.
//! - A page moves at most once for a third ([`PACE_SHARE`]) as many insertions as there are items. Where the worths lie far
//!   apart, because the mix of sizes has changed, it may move for every page's worth of insertions.
//! - A pool that nobody has used for a while gives its pages to whoever asks for memory, at once; after a longer while
//!   with no ghost to prove the need.
//!
//! After Cidon et al., "Cliffhanger: Scaling Performance Cliffs in Web Memory Caches" (NSDI 2016), with ghosts that all
//! classes share in place of a shadow queue for each.

use super::GhostCounts;
use crate::storage::slab::ClassId;

/// LARGE values are left one page in this many, and take so many before they have shown their worth.
pub(in crate::storage) const LARGE_SHARE_DIVISOR: usize = 16;

/// A pool gives a page to another if it is worth so many times less to it.
const GAP_MIN: f32 = 1.5;

/// From here on the worths lie far apart.
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

/// With fewer ghosts than these, a class counts as one whose items do not leave.
const EVIDENCE_INSERTS_MIN: f32 = 8.0;

/// Allocations without a free chunk between two looks at the pools.
const LOOK_ALLOCATIONS: u32 = 32;

/// A pool that nobody used during so many of them may be idle: the hits that its pages brought are half as likely to
/// come back after each so many, and given up where somebody has use for a page that is worth more, or after this
/// share of as many allocations as there are items.
const IDLE_ALLOCATIONS: u32 = 512;
const IDLE_HALVING_ALLOCATIONS: f32 = 128.0;
const IDLE_SHARE: u64 = 8;

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
    /// Reads that found an item of it, so far.
    pub(in crate::storage) hits: u64,
    /// Writes to it, so far.
    pub(in crate::storage) writes: u64,
}

impl PoolState {
    /// The hits that one more page would have brought lately, or somewhat fewer: `hits` times the part of the ghosts that
    /// a page has room for.
    fn gain(&self) -> f32 {
        let GhostCounts { hits, .. } = self.ghosts;
        (hits - hits.sqrt()).max(0.0) * self.part_of_ghosts()
    }

    /// The hits that one page less would have cost lately, or somewhat more. Where no items leave, the ghosts know
    /// nothing: then as many as a page brings, on average.
    fn loss(&self, recent_hits: f32) -> f32 {
        let GhostCounts { hits, inserts } = self.ghosts;
        let average = recent_hits / self.pages.max(1) as f32;
        if inserts < EVIDENCE_INSERTS_MIN {
            return average;
        }
        average.min((hits + hits.sqrt() + 1.0) * self.part_of_ghosts())
    }

    fn part_of_ghosts(&self) -> f32 {
        self.items_per_page / self.items_per_page.max(self.ghosts.inserts)
    }
}

/// A page that is to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) struct Move {
    pub(in crate::storage) from: PoolId,
    pub(in crate::storage) to: PoolId,
    /// Nobody uses what the page is taken from.
    pub(in crate::storage) is_idle: bool,
}

/// See the module's documentation.
pub(in crate::storage) struct Mover {
    pub(in crate::storage) is_on: bool,
    /// Allocations without a free chunk since the last look, how many there are to be before the next, and those from
    /// the last move to the last look.
    waited: u32,
    look_after: u32,
    since_move: u64,
    /// By pool, LARGE last.
    activity: Vec<Activity>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Activity {
    hits: u64,
    writes: u64,
    recent_hits: f32,
    /// Allocations since it was seen to have been used.
    idle: u32,
}

impl Mover {
    pub(in crate::storage) fn new(classes: usize) -> Self {
        Mover {
            is_on: true,
            waited: 0,
            look_after: LOOK_ALLOCATIONS,
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
        self.waited += 1;
        self.waited >= self.look_after
    }

    /// What counts so far are worth after so many more allocations.
    fn ageing(items: u64, allocations: u32) -> f32 {
        1.0 - allocations as f32 / (items as f32 * MEMORY_SHARE).max(MEMORY_ALLOCATIONS_MIN)
    }

    /// Looks at the pools, in the same order every time. Says which page is to move now, if one is, and by what the
    /// ghosts' counts are to be multiplied. `asking` is the pool that needs memory at the moment, `items` how many there
    /// are in all pools.
    pub(in crate::storage) fn look(
        &mut self,
        pools: impl Iterator<Item = PoolState> + Clone,
        asking: PoolId,
        items: u64,
    ) -> (Option<Move>, f32) {
        let passed = std::mem::take(&mut self.waited);
        self.look_after = LOOK_ALLOCATIONS;
        self.since_move += u64::from(passed);
        let ageing = Self::ageing(items, passed);
        for (activity, state) in self.activity.iter_mut().zip(pools.clone()) {
            // Counts may have been set to zero in between.
            let hits = state.hits.saturating_sub(activity.hits);
            let is_used = hits > 0 || activity.writes != state.writes;
            *activity = Activity {
                hits: state.hits,
                writes: state.writes,
                recent_hits: activity.recent_hits * ageing + hits as f32,
                idle: if is_used { 0 } else { activity.idle.saturating_add(passed) },
            };
        }
        if !self.is_on {
            return (None, ageing);
        }
        let idle = self.idle_move(pools.clone(), asking, items);
        if idle.is_some() {
            // The next as soon as this one is used up: nobody loses by it.
            self.look_after = 1;
        }
        let chosen = idle.or_else(|| self.least_move(pools, items));
        if chosen.is_some() {
            self.since_move = 0;
        }
        (chosen, ageing)
    }

    /// From a pool that nobody uses to the one that asks.
    fn idle_move(&self, pools: impl Iterator<Item = PoolState> + Clone, asking: PoolId, items: u64) -> Option<Move> {
        let total = pages(pools.clone());
        let gain = pools.clone().find(|state| state.pool == asking)?.gain();
        let is_idle = |state: &PoolState, activity: &Activity| {
            let average = activity.recent_hits / state.pages.max(1) as f32;
            let hoped_for = average * 0.5f32.powf(activity.idle as f32 / IDLE_HALVING_ALLOCATIONS);
            activity.idle >= IDLE_ALLOCATIONS && (gain > hoped_for || u64::from(activity.idle) >= items / IDLE_SHARE)
        };
        let givers = pools
            .zip(&self.activity)
            .filter(|(state, activity)| can_give(state, total) && state.pool != asking && is_idle(state, activity));
        let (from, _) = givers.max_by_key(|(state, _)| state.pages)?;
        Some(Move { from: from.pool, to: asking, is_idle: true })
    }

    /// From where a page is worth least to where it is worth most.
    fn least_move(&self, pools: impl Iterator<Item = PoolState> + Clone, items: u64) -> Option<Move> {
        let takers = pools.clone().filter(|state| state.ghosts.hits >= TAKER_HITS_MIN);
        let to = takers.max_by(|left, right| left.gain().total_cmp(&right.gain()))?;
        let (from, loss) = self.least(pools, &[to.pool])?;
        let gain = to.gain();
        if loss * GAP_MIN >= gain {
            return None;
        }
        let is_wide = loss * GAP_WIDE < gain && to.ghosts.hits >= TAKER_HITS_WIDE_MIN;
        let pace = if is_wide { to.items_per_page.max(from.items_per_page) as u64 } else { items / PACE_SHARE };
        (self.since_move >= pace).then_some(Move { from: from.pool, to: to.pool, is_idle: false })
    }

    /// The pool to which a page is worth least, other than those in `except`, and what it is worth; of equals the
    /// richest.
    fn least(&self, pools: impl Iterator<Item = PoolState> + Clone, except: &[PoolId]) -> Option<(PoolState, f32)> {
        let total = pages(pools.clone());
        let worth = pools.zip(&self.activity).map(|(state, activity)| (state, state.loss(activity.recent_hits)));
        let givers = worth.filter(|(state, _)| can_give(state, total) && !except.contains(&state.pool));
        givers.min_by(|(left, left_loss), (right, right_loss)| {
            left_loss.total_cmp(right_loss).then(right.pages.cmp(&left.pages))
        })
    }

    /// The pool that gives a page at once to one that has nothing to evict: the one to which it is worth least, else
    /// whoever has most. `None` if no pool but those in `except` has a page.
    pub(in crate::storage) fn donor(
        &self,
        pools: impl Iterator<Item = PoolState> + Clone,
        except: &[PoolId],
    ) -> Option<PoolId> {
        let richest = || {
            let givers = pools.clone().filter(|state| state.pages > 0 && !except.contains(&state.pool));
            givers.max_by_key(|state| state.pages)
        };
        self.least(pools.clone(), except).map(|(state, _)| state).or_else(richest).map(|state| state.pool)
    }
}

/// The last page of a class stays with it, the last share of all pages with the LARGE values.
fn can_give(state: &PoolState, total: usize) -> bool {
    match state.pool {
        PoolId::Class(_) => state.pages > 1,
        PoolId::Large => state.pages * LARGE_SHARE_DIVISOR > total,
    }
}

fn pages(pools: impl Iterator<Item = PoolState>) -> usize {
    pools.map(|state| state.pages).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEMS: u64 = 30_000;

    fn class(number: u8, pages: usize, hits: f32, inserts: f32) -> PoolState {
        let ghosts = GhostCounts { hits, inserts };
        PoolState { pool: PoolId::Class(ClassId(number)), pages, items_per_page: 100.0, ghosts, hits: 0, writes: 0 }
    }

    fn large(pages: usize) -> PoolState {
        PoolState { pool: PoolId::Large, items_per_page: 0.1, ..class(0, pages, 0.0, 0.0) }
    }

    /// Lets a class that is in use ask for memory so often, and returns the first move.
    fn first_move(mover: &mut Mover, pools: &mut [PoolState], allocations: u32) -> Option<(u32, Move)> {
        for allocation in 1..=allocations {
            pools.iter_mut().for_each(|state| state.writes += 1);
            if mover.is_due()
                && let (Some(chosen), _) = mover.look(pools.iter().copied(), pools[0].pool, ITEMS)
            {
                return Some((allocation, chosen));
            }
        }
        None
    }

    fn between(from: u8, to: u8) -> Move {
        Move { from: PoolId::Class(ClassId(from)), to: PoolId::Class(ClassId(to)), is_idle: false }
    }

    #[test]
    fn a_page_moves_from_where_it_is_worth_least_at_the_pace_of_the_gap() {
        // Twice the worth: not before a third as many insertions as there are items.
        let mut near = [class(0, 10, 100.0, 400.0), class(1, 10, 200.0, 400.0), class(2, 10, 150.0, 400.0)];
        near.iter_mut().for_each(|state| state.hits = 100_000);
        let (after, chosen) = first_move(&mut Mover::new(3), &mut near, 20_000).unwrap();
        assert_eq!((chosen, u64::from(after) >= ITEMS / 3), (between(0, 1), true));
        // Many times: for a page's worth.
        let mut far = [class(0, 10, 10.0, 4000.0), class(1, 10, 200.0, 400.0), class(2, 10, 150.0, 400.0)];
        let (after, chosen) = first_move(&mut Mover::new(3), &mut far, 20_000).unwrap();
        assert_eq!((chosen, (100..200).contains(&after)), (between(0, 1), true));
        // About as much, or on little evidence: not at all.
        let mut level = [class(0, 10, 190.0, 400.0), class(1, 10, 200.0, 400.0)];
        level.iter_mut().for_each(|state| state.hits = 100_000);
        assert_eq!(first_move(&mut Mover::new(2), &mut level, 20_000), None);
        let mut few = [class(0, 10, 0.0, 400.0), class(1, 10, 3.0, 4.0)];
        assert_eq!(first_move(&mut Mover::new(2), &mut few, 20_000), None);
    }

    #[test]
    fn a_class_that_is_read_and_fits_keeps_its_pages() {
        let mut mover = Mover::new(2);
        let mut pools = [class(0, 10, 200.0, 400.0), class(1, 2, 0.0, 0.0)];
        for _ in 0..20_000 {
            pools.iter_mut().for_each(|state| state.writes += 1);
            pools[1].hits += 1;
            assert!(!mover.is_due() || mover.look(pools.iter().copied(), pools[0].pool, ITEMS).0.is_none());
        }
    }

    #[test]
    fn what_nobody_uses_goes_to_whoever_asks() {
        let mut mover = Mover::new(2);
        let pools = [class(0, 1, 0.0, 0.0), class(1, 3, 0.0, 0.0), large(2)];
        let (mut moves, mut writes) = (0, 0);
        for _ in 0..2 * IDLE_ALLOCATIONS {
            writes += 1;
            let asking = PoolState { writes, ..pools[0] };
            if mover.is_due()
                && let (Some(chosen), _) = mover.look([asking, pools[1], pools[2]].into_iter(), asking.pool, 4_000)
            {
                assert_eq!(chosen, Move { is_idle: true, ..between(1, 0) });
                moves += 1;
            }
        }
        assert!(moves > IDLE_ALLOCATIONS / 2, "{moves} moves");
        mover.is_on = false;
        assert!((0..2000).all(|_| !mover.is_due() || mover.look(pools.into_iter(), pools[0].pool, ITEMS).0.is_none()));
    }

    #[test]
    fn whoever_has_nothing_gets_a_page_of_somebody() {
        let mover = Mover::new(2);
        let donor = |pools: &[PoolState], except: &[PoolId]| mover.donor(pools.iter().copied(), except);
        let needy = PoolId::Class(ClassId(0));
        assert_eq!(
            donor(&[class(0, 0, 0.0, 0.0), class(1, 1, 0.0, 0.0), large(0)], &[needy]),
            Some(between(1, 0).from)
        );
        assert_eq!(donor(&[class(0, 0, 0.0, 0.0), class(1, 5, 9.0, 9.0), large(9)], &[needy]), Some(PoolId::Large));
        // The LARGE values keep a share while another has two pages.
        assert_eq!(
            donor(&[class(0, 0, 0.0, 0.0), class(1, 40, 9.0, 9.0), large(2)], &[needy]),
            Some(between(1, 0).from)
        );
        assert_eq!(donor(&[class(0, 3, 0.0, 0.0), class(1, 0, 0.0, 0.0), large(0)], &[needy]), None);
    }
}
