//! Which rate to probe next: doubling until the goal is missed, then halving the gap, then confirming.
//!
//! One probe may be unlucky. A rate counts as too fast only when two of its probes missed the goal, and as found
//! only when it held again as often as asked for; if it does not, the search goes on below it. Knows neither time
//! nor servers.

/// Misses that make a rate too fast.
const MISSES_MAX: u32 = 2;

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding {
    /// This rate held, was confirmed, and one within the precision above it did not hold.
    Rate(f64),
    /// The fastest rate that may be probed held and was confirmed.
    FastestAllowed(f64),
    /// Not even the slowest rate that was probed held.
    Nothing,
}

/// The state of a search.
#[derive(Clone, Debug)]
pub struct Search {
    /// Rates that held, ascending.
    held: Vec<f64>,
    /// The slowest rate that is known to be too fast.
    missed: Option<f64>,
    slowest: f64,
    fastest: f64,
    /// Highest quotient of the slowest missed and the fastest held rate at the end.
    gap: f64,
    confirm: u32,
    probing: f64,
    misses: u32,
    /// Holds of the rate that is being confirmed, after the first.
    confirmed: u32,
    confirming: bool,
}

impl Search {
    /// Begins at `from`, goes up to `to`, ends when the gap is `precision` percent, and lets the result hold
    /// `confirm` times more.
    pub fn new(from: f64, to: f64, precision: f64, confirm: u32) -> Self {
        Search {
            held: Vec::new(),
            missed: None,
            slowest: from / 1024.0,
            fastest: to,
            gap: 1.0 + precision / 100.0,
            confirm,
            probing: from.min(to),
            misses: 0,
            confirmed: 0,
            confirming: false,
        }
    }

    /// The rate to probe next; none when the search is over.
    pub fn next(&self) -> Option<f64> {
        self.finding().is_none().then_some(self.probing)
    }

    /// The fastest rate that held so far.
    pub fn best(&self) -> Option<f64> {
        self.held.last().copied()
    }

    /// The slowest rate that did not hold.
    pub fn missed(&self) -> Option<f64> {
        self.missed
    }

    /// Whether the present rate is the result if it holds again.
    pub fn is_confirming(&self) -> bool {
        self.confirming
    }

    /// The result, once there is one.
    pub fn finding(&self) -> Option<Finding> {
        match self.best() {
            Some(best) if self.confirming && self.confirmed >= self.confirm => {
                Some(if self.missed.is_none() { Finding::FastestAllowed(best) } else { Finding::Rate(best) })
            }
            None if self.probing < self.slowest => Some(Finding::Nothing),
            _ => None,
        }
    }

    /// Takes the outcome of the probe of [`Search::next`].
    pub fn tell(&mut self, held: bool) {
        if !held {
            self.misses += 1;
            if self.misses < MISSES_MAX {
                return;
            }
            // What was found before does not hold, nor does anything faster.
            self.held.retain(|rate| *rate < self.probing);
            self.missed = Some(self.probing);
        } else if self.confirming {
            self.confirmed += 1;
            return;
        } else {
            self.held.push(self.probing);
        }
        self.go_on();
    }

    fn go_on(&mut self) {
        self.misses = 0;
        self.confirmed = 0;
        self.confirming = false;
        self.probing = match (self.best(), self.missed) {
            (Some(best), None) if best >= self.fastest => self.confirm_next(best),
            (Some(best), None) => (best * 2.0).min(self.fastest),
            (Some(best), Some(missed)) if missed / best <= self.gap => self.confirm_next(best),
            // The geometric mean: equal precision at all rates.
            (Some(best), Some(missed)) => (best * missed).sqrt(),
            (None, Some(missed)) => missed / 2.0,
            (None, None) => self.probing,
        };
    }

    fn confirm_next(&mut self, best: f64) -> f64 {
        self.confirming = true;
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Rng;

    /// Searches against `holds`; gives the finding and how many probes it took.
    fn search(mut search: Search, mut holds: impl FnMut(f64) -> bool) -> (Finding, usize) {
        let mut probes = 0;
        while let Some(rate) = search.next() {
            assert!(rate <= search.fastest, "{rate}");
            search.tell(holds(rate));
            probes += 1;
            assert!(probes < 1000, "{search:?}");
        }
        (search.finding().unwrap(), probes)
    }

    #[test]
    fn the_limit_is_found_within_the_precision() {
        for limit in [11.0, 900.0, 10_000.0, 123_456.0, 49e6] {
            let (finding, probes) = search(Search::new(10_000.0, 50e6, 5.0, 2), |rate| rate <= limit);
            let Finding::Rate(rate) = finding else { panic!("{limit}: {finding:?}") };
            assert!(rate <= limit && rate * 1.05 >= limit, "{limit}: {rate}");
            assert!(probes <= 45, "{limit}: {probes}");
        }
    }

    #[test]
    fn the_ends_of_what_may_be_probed() {
        assert_eq!(search(Search::new(1000.0, 70_000.0, 5.0, 2), |_| true).0, Finding::FastestAllowed(70_000.0));
        assert_eq!(search(Search::new(1000.0, 500.0, 5.0, 0), |_| true).0, Finding::FastestAllowed(500.0));
        let (finding, probes) = search(Search::new(1000.0, 70_000.0, 5.0, 2), |_| false);
        assert_eq!(finding, Finding::Nothing);
        assert_eq!(probes, 22);
    }

    #[test]
    fn one_unlucky_probe_changes_nothing() {
        // Every fourth probe misses whatever the rate: never two of the same rate in turn.
        let mut probe = 0;
        let (finding, _) = search(Search::new(1000.0, 1e6, 5.0, 2), |rate| {
            probe += 1;
            rate <= 30_000.0 && probe % 4 != 0
        });
        let Finding::Rate(rate) = finding else { panic!("{finding:?}") };
        assert!(rate <= 30_000.0 && rate * 1.05 >= 30_000.0, "{rate}");
    }

    #[test]
    fn a_lucky_probe_is_not_believed() {
        // The limit is 30,000; the first probe above it holds by chance.
        let mut luck = 1;
        let (finding, _) = search(Search::new(1000.0, 1e6, 5.0, 2), |rate| {
            let lucky = rate > 30_000.0 && luck > 0;
            luck -= u32::from(lucky);
            rate <= 30_000.0 || lucky
        });
        let Finding::Rate(rate) = finding else { panic!("{finding:?}") };
        assert!(rate <= 30_000.0 && rate * 1.05 >= 30_000.0, "{rate}");
    }

    #[test]
    fn noise_near_the_limit_does_not_keep_the_search_from_ending() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed, 0);
            let (finding, _) = search(Search::new(1000.0, 1e6, 5.0, 3), |rate| {
                // Surely held below 25,000, surely missed above 40,000, by chance between.
                rng.unit() > (rate - 25_000.0) / 15_000.0
            });
            let Finding::Rate(rate) = finding else { panic!("{finding:?}") };
            assert!((23_000.0..40_000.0).contains(&rate), "{seed}: {rate}");
        }
    }
}
