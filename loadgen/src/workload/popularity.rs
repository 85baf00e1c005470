//! The keys of one space as one thread asks for them: drawn by popularity, which may move on.

use crate::workload::{
    KeyPicker,
    rng::Rng,
    space::{Every, Space},
};

/// Draws key numbers; the most popular one is number 0 until the popularity moves.
#[derive(Clone, Debug)]
pub struct Popularity {
    picker: KeyPicker,
    keys: u64,
    /// The most popular key's number.
    offset: u64,
    moves: Option<Moves>,
}

#[derive(Clone, Copy, Debug)]
struct Moves {
    by: u64,
    every: u64,
    timed: bool,
    /// Time or requests at which it moves next.
    next: u64,
}

impl Popularity {
    /// A picker for `space`; time is counted from `start`.
    pub fn new(space: &Space, start: u64) -> Self {
        let keys = space.keyspace.count();
        let moves = space.shift.map(|shift| match shift.every {
            Every::Time(every) => {
                Moves { by: shift.keys % keys, every, timed: true, next: start.saturating_add(every) }
            }
            Every::Requests(every) => Moves { by: shift.keys % keys, every, timed: false, next: every },
        });
        Popularity { picker: KeyPicker::new(space.distribution, keys), keys, offset: 0, moves }
    }

    /// The next key, at the moment `now` and when `requests` have been sent.
    #[inline]
    pub fn pick(&mut self, rng: &mut Rng, now: u64, requests: u64) -> u64 {
        if let Some(moves) = &mut self.moves {
            let at = if moves.timed { now } else { requests };
            if at >= moves.next {
                let times = (at - moves.next) / moves.every + 1;
                let step = u128::from(moves.by) * u128::from(times) % u128::from(self.keys);
                self.offset = ((u128::from(self.offset) + step) % u128::from(self.keys)) as u64;
                moves.next = moves.next.saturating_add(times.saturating_mul(moves.every));
            }
        }
        let key = self.picker.pick(rng);
        let rest = self.keys - self.offset;
        if key < rest { key + self.offset } else { key - rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        operation::Operation,
        workload::{Amount, Distribution, Keyspace, space::HotShift, space::OperationMix},
    };

    fn space(shift: HotShift) -> Space {
        Space {
            prefix: Vec::new(),
            keyspace: Keyspace::new(100, 8).unwrap(),
            key_size: Amount::Constant(8),
            // So steep that nearly all draws are of the most popular key.
            distribution: Distribution::Zipf(10.0),
            shift: Some(shift),
            value_size: Amount::Constant(1),
            counters: false,
            ttl: Amount::Constant(0),
            multiget: Amount::Constant(1),
            miss_then_set: false,
            mix: OperationMix::new(&[(Operation::Get, 1.0)]).unwrap(),
        }
    }

    fn hottest(popularity: &mut Popularity, now: u64, requests: u64) -> usize {
        let mut rng = Rng::new(1, 0);
        let mut seen = [0; 100];
        for _ in 0..200 {
            seen[popularity.pick(&mut rng, now, requests) as usize] += 1;
        }
        (0..100).max_by_key(|key| seen[*key]).unwrap_or(0)
    }

    #[test]
    fn the_hot_keys_move_by_time() {
        let mut popularity = Popularity::new(&space(HotShift { every: Every::Time(10), keys: 30 }), 1000);
        for (now, hot) in [(1000, 0), (1009, 0), (1010, 30), (1019, 30), (1020, 60), (1049, 20), (1050, 50)] {
            assert_eq!(hottest(&mut popularity, now, 0), hot, "{now}");
        }
        // However long nothing was asked.
        let late = u64::MAX / 2;
        assert_eq!(hottest(&mut popularity, late, 0), ((late - 1000) / 10 % 10 * 30 % 100) as usize);
    }

    #[test]
    fn the_hot_keys_move_by_requests() {
        let mut popularity = Popularity::new(&space(HotShift { every: Every::Requests(500), keys: 99 }), 77);
        for (requests, hot) in [(0, 0), (499, 0), (500, 99), (1000, 98)] {
            assert_eq!(hottest(&mut popularity, u64::MAX, requests), hot, "{requests}");
        }
    }
}
