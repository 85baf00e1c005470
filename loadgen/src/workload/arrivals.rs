//! When requests are meant to be sent in an open loop: the schedule does not wait for the server.
//!
//! Latency counts from the intended moment, so a server that stalls is charged for every request that should
//! have been sent meanwhile (no coordinated omission).
//!
//! The schedule counts arrivals, not time: an even arrival is one more, a Poisson arrival is an exponential number
//! more. The moment of a count follows from the area under the rate, which is a trapezium in every stage. This
//! gives exact ramps, and Poisson arrivals of a changing rate (time rescaling: Çınlar, *Introduction to Stochastic
//! Processes*, 1975, chapter 4.7).

use crate::workload::{
    rate::{RateCourse, Stage},
    rng::Rng,
};

/// How arrivals are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrivals {
    /// All gaps alike.
    Even,
    /// Exponentially distributed gaps: independent clients.
    Poisson,
}

/// A stage on the time axis.
#[derive(Clone, Copy, Debug)]
struct Span {
    start_ns: f64,
    /// Arrivals per nanosecond at its start.
    from: f64,
    /// How much the rate grows in each nanosecond.
    growth: f64,
    /// Nanoseconds between arrivals where the rate is constant.
    gap_ns: f64,
    /// Arrivals before the next stage begins.
    arrivals: f64,
}

impl Span {
    fn new(stage: Stage, start_ns: f64, length_ns: f64) -> Self {
        let (from, to) = (stage.from / 1e9, stage.to / 1e9);
        let growth = if from == to { 0.0 } else { (to - from) / length_ns };
        Span { start_ns, from, growth, gap_ns: 1.0 / from, arrivals: length_ns * (from + to) / 2.0 }
    }

    /// When `count` arrivals of this span have come.
    #[inline]
    fn moment(&self, count: f64) -> f64 {
        if self.growth == 0.0 {
            return self.start_ns + count * self.gap_ns;
        }
        // The root of from * t + growth * t^2 / 2 = count, in the form that also holds for a small growth.
        let root = (self.from * self.from + 2.0 * self.growth * count).max(0.0).sqrt();
        let divisor = self.from + root;
        if divisor > 0.0 { self.start_ns + 2.0 * count / divisor } else { self.start_ns }
    }

    /// Arrivals until a moment in this span.
    fn count(&self, at_ns: f64) -> f64 {
        let time = (at_ns - self.start_ns).max(0.0);
        self.from * time + self.growth * time * time / 2.0
    }
}

/// The intended moments of one thread's requests, ascending.
#[derive(Clone, Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    spans: Vec<Span>,
    at: usize,
    /// Arrivals since the current span began.
    position: f64,
    next_ns: f64,
    rng: Rng,
}

impl Schedule {
    /// The first rate of `course` from `start_ns` on for `warmup_ns`, then every stage for `stage_ns`; the last one
    /// does not end. The first of even arrivals comes after `first` gaps.
    pub fn new(
        arrivals: Arrivals,
        course: &RateCourse,
        (start_ns, warmup_ns, stage_ns): (u64, u64, u64),
        first: f64,
        rng: Rng,
    ) -> Self {
        let rate = course.stages()[0].from;
        let mut spans = vec![Span::new(Stage { from: rate, to: rate }, start_ns as f64, warmup_ns as f64)];
        let mut start = start_ns as f64 + warmup_ns as f64;
        for stage in course.stages() {
            spans.push(Span::new(*stage, start, stage_ns as f64));
            start += stage_ns as f64;
        }
        if let Some(last) = spans.last_mut() {
            last.arrivals = f64::INFINITY;
        }
        let mut schedule = Schedule { arrivals, spans, at: 0, position: 0.0, next_ns: 0.0, rng };
        match arrivals {
            Arrivals::Even => schedule.go_on(first),
            Arrivals::Poisson => schedule.advance(),
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
        let more = match self.arrivals {
            Arrivals::Even => 1.0,
            // 1 - unit() lies in (0, 1], whose logarithm is finite.
            Arrivals::Poisson => -(1.0 - self.rng.unit()).ln(),
        };
        self.go_on(more);
    }

    #[inline]
    fn go_on(&mut self, more: f64) {
        self.position += more;
        while self.position >= self.spans[self.at].arrivals {
            self.position -= self.spans[self.at].arrivals;
            self.at += 1;
        }
        self.next_ns = self.spans[self.at].moment(self.position);
    }

    /// About how many arrivals lie before `until_ns`.
    pub fn count_before(&self, until_ns: u64) -> u64 {
        let until = until_ns as f64;
        let mut count = -self.position;
        for span in self.spans[self.at..].iter().take_while(|span| span.start_ns < until) {
            count += span.count(until).min(span.arrivals);
        }
        // What rounding leaves is not an arrival.
        (count - 1e-6).ceil().max(0.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn schedule(arrivals: Arrivals, course: &str, start: u64, warmup: u64) -> Schedule {
        Schedule::new(arrivals, &course.parse().unwrap(), (start, warmup, SECOND), 0.0, Rng::new(2, 0))
    }

    fn take(schedule: &mut Schedule, n: usize) -> Vec<u64> {
        (0..n)
            .map(|_| {
                let at = schedule.next_at();
                schedule.advance();
                at
            })
            .collect()
    }

    fn before(schedule: &mut Schedule, end: u64) -> Vec<u64> {
        let mut moments = Vec::new();
        while schedule.next_at() < end {
            moments.extend(take(schedule, 1));
        }
        moments
    }

    fn between(moments: &[u64], from: u64, to: u64) -> usize {
        moments.iter().filter(|at| (from..to).contains(*at)).count()
    }

    #[test]
    fn even_arrivals_do_not_drift() {
        let mut three = schedule(Arrivals::Even, "3", 500, 0);
        let moments = take(&mut three, 3_000_001);
        assert_eq!(&moments[..2], &[500, 333_333_833]);
        assert!(moments[3_000_000].abs_diff(500 + 1_000_000 * SECOND) < 1_000_000);
        assert_eq!(schedule(Arrivals::Even, "10", 0, 0).count_before(SECOND), 10);
    }

    #[test]
    fn even_arrivals_of_several_threads_interleave() {
        let course: RateCourse = "10,30".parse().unwrap();
        let of = |first| {
            let mut one = Schedule::new(Arrivals::Even, &course.divided(2), (0, 0, SECOND), first, Rng::new(1, 0));
            before(&mut one, 2 * SECOND)
        };
        let mut both = [of(0.0), of(0.5)].concat();
        both.sort_unstable();
        assert_eq!(both.len(), 40);
        let mut one = Schedule::new(Arrivals::Even, &course, (0, 0, SECOND), 0.0, Rng::new(1, 0));
        for (a, b) in both.iter().zip(before(&mut one, 2 * SECOND)) {
            assert!(a.abs_diff(b) < 10, "{a} {b}");
        }
    }

    #[test]
    fn steps_follow_each_other_after_the_warm_up() {
        for arrivals in [Arrivals::Even, Arrivals::Poisson] {
            let mut steps = schedule(arrivals, "10k,20k,50k", 0, SECOND / 2);
            let counted = steps.count_before(3 * SECOND + SECOND / 2);
            let moments = before(&mut steps, 3 * SECOND + SECOND / 2);
            assert!(moments.is_sorted());
            let half = SECOND / 2;
            for (from, to, expected) in
                [(0, half, 5e3), (half, 3 * half, 1e4), (3 * half, 5 * half, 2e4), (5 * half, 7 * half, 5e4)]
            {
                let got = between(&moments, from, to) as f64;
                // Poisson counts spread by their square root.
                let allowed = if arrivals == Arrivals::Even { 1.0 } else { 6.0 * f64::sqrt(expected) };
                assert!((got - expected).abs() <= allowed, "{arrivals:?} {from}: {got}");
            }
            assert!(counted.abs_diff(85_000) < 20, "{counted}");
            assert_eq!(steps.count_before(3 * SECOND + SECOND / 2), 0);
        }
    }

    #[test]
    fn a_ramp_has_the_area_under_its_rate() {
        for (course, first_half, second_half) in
            [("0..8k", 1e3, 3e3), ("8k..0", 3e3, 1e3), ("4k..12k", 3e3, 5e3), ("4k..4.001k", 2e3, 2e3)]
        {
            for arrivals in [Arrivals::Even, Arrivals::Poisson] {
                let mut ramp = schedule(arrivals, course, 0, 0);
                let moments = before(&mut ramp, SECOND);
                for (from, expected) in [(0, first_half), (SECOND / 2, second_half)] {
                    let got = between(&moments, from, from + SECOND / 2) as f64;
                    let allowed = if arrivals == Arrivals::Even { 2.0 } else { 6.0 * f64::sqrt(expected) };
                    assert!((got - expected).abs() <= allowed, "{course} {arrivals:?} {from}: {got}");
                }
            }
        }
        // A ramp from 0 has nothing to warm up with, and does not wait for ever.
        assert!(schedule(Arrivals::Even, "0..8k", 0, SECOND).next_at() >= SECOND);
        assert_eq!(schedule(Arrivals::Even, "0..8k", 0, 0).count_before(SECOND), 4000);
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_spread_of_an_exponential() {
        let mut poisson = schedule(Arrivals::Poisson, "1000", 0, 0);
        let moments = take(&mut poisson, 200_001);
        let gaps: Vec<f64> = moments.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let spread = (gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((mean / 1e6 - 1.0).abs() < 0.02, "{mean}");
        assert!((spread / 1e6 - 1.0).abs() < 0.02, "{spread}");
    }
}
