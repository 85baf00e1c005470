//! When requests are meant to be sent in an open loop: the schedule does not wait for the server.
//!
//! Latency counts from the intended moment, so a server that stalls is charged for every request that should
//! have been sent meanwhile (no coordinated omission).

use crate::workload::rng::Rng;

/// How arrivals are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrivals {
    /// All gaps alike.
    Even,
    /// Exponentially distributed gaps: independent clients.
    Poisson,
}

/// The intended moments of one thread's requests, ascending.
#[derive(Clone, Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    gap_ns: f64,
    next_ns: f64,
    rng: Rng,
}

impl Schedule {
    /// `rate` requests per second (above 0) from `start_ns` on.
    pub fn new(arrivals: Arrivals, rate: f64, start_ns: u64, rng: Rng) -> Self {
        let mut schedule = Schedule { arrivals, gap_ns: 1e9 / rate, next_ns: start_ns as f64, rng };
        if arrivals == Arrivals::Poisson {
            schedule.advance();
        }
        schedule
    }

    /// The next intended moment, in nanoseconds.
    #[inline]
    pub fn next_at(&self) -> u64 {
        self.next_ns as u64
    }

    /// Goes to the arrival after the next.
    #[inline]
    pub fn advance(&mut self) {
        self.next_ns += match self.arrivals {
            Arrivals::Even => self.gap_ns,
            // 1 - unit() lies in (0, 1], whose logarithm is finite.
            Arrivals::Poisson => -(1.0 - self.rng.unit()).ln() * self.gap_ns,
        };
    }

    /// About how many arrivals lie before `until_ns`.
    pub fn count_before(&self, until_ns: u64) -> u64 {
        ((until_ns as f64 - self.next_ns) / self.gap_ns).ceil().max(0.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(schedule: &mut Schedule, n: usize) -> Vec<u64> {
        (0..n)
            .map(|_| {
                let at = schedule.next_at();
                schedule.advance();
                at
            })
            .collect()
    }

    #[test]
    fn even_arrivals_do_not_drift() {
        let mut schedule = Schedule::new(Arrivals::Even, 3.0, 500, Rng::new(1, 0));
        let moments = take(&mut schedule, 3_000_001);
        assert_eq!(&moments[..2], &[500, 333_333_833]);
        assert!(moments[3_000_000].abs_diff(500 + 1_000_000 * 1_000_000_000) < 1_000_000);
        assert_eq!(Schedule::new(Arrivals::Even, 10.0, 0, Rng::new(1, 0)).count_before(1_000_000_000), 10);
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_spread_of_an_exponential() {
        let mut schedule = Schedule::new(Arrivals::Poisson, 1000.0, 0, Rng::new(2, 0));
        let moments = take(&mut schedule, 200_001);
        let gaps: Vec<f64> = moments.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let spread = (gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((mean / 1e6 - 1.0).abs() < 0.02, "{mean}");
        assert!((spread / 1e6 - 1.0).abs() < 0.02, "{spread}");
    }
}
