//! Trying out flags of the server: each combination of a grid under the same load, in turn, and which was best.
//!
//! Rounds are interleaved, so that what else happens on the machine hits all combinations alike, and the median of the
//! rounds counts. How long it takes is known before it begins and bounded.

mod child;
mod grid;
mod measure;
mod server;

pub use grid::{Axis, Point, points};
pub use measure::Sample;

use crate::Error;
use serde::Serialize;
use server::Server;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// What a combination takes beside warm-up and measurement, as a rule: start, storing the keys, end.
const OVERHEAD: Duration = Duration::from_secs(1);

/// From this share of a core on, the generator was the bottleneck.
const BUSY_BOTTLENECK: f64 = 0.95;

/// What all measurements have in common.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The server's program.
    pub server: PathBuf,
    /// The load generator's program.
    pub ringload: PathBuf,
    /// Flags of `ringload run`.
    pub load: Vec<String>,
    /// Load before each measurement.
    pub warmup: Duration,
    /// Each measurement.
    pub duration: Duration,
    /// How often each combination is measured.
    pub rounds: u32,
    /// The seed of all random choices.
    pub seed: u64,
    /// Where ringload's results go; somebody else makes and removes it.
    pub directory: PathBuf,
}

impl Setup {
    /// About how long a sweep over `combinations` takes.
    pub fn estimate(&self, combinations: usize) -> Duration {
        let rounds = self.rounds.saturating_mul(u32::try_from(combinations).unwrap_or(u32::MAX));
        (self.warmup.saturating_add(self.duration).saturating_add(OVERHEAD)).saturating_mul(rounds)
    }
}

/// What a combination came to.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The flags, by name.
    pub flags: Point,
    /// The median of all rounds, of each figure by itself; `errors` is their sum.
    pub median: Sample,
    /// Whether the generator was the bottleneck: then the rate is its own and CPU per request is what counts.
    pub generator_was_bottleneck: bool,
    /// Each round.
    pub rounds: Vec<Sample>,
}

/// What a sweep found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The flags of `ringload run`.
    pub load: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// A row for each combination.
    pub rows: Vec<Row>,
    /// The row with the least CPU time per request.
    pub best_by_cpu: usize,
    /// The row with the lowest 99th percentile.
    pub best_by_p99: usize,
}

/// Measures every one of `points`; `progress` is told what is measured next.
pub fn sweep(setup: &Setup, points: Vec<Point>, mut progress: impl FnMut(&str)) -> Result<Outcome, Error> {
    for point in &points {
        // A flag that the server does not take is found now, not after minutes.
        Server::check(&setup.server, &grid::arguments(point))?;
    }
    let total = points.len() * setup.rounds as usize;
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); points.len()];
    let mut done = 0;
    for _ in 0..setup.rounds {
        for (point, samples) in points.iter().zip(&mut samples) {
            done += 1;
            progress(&format!("{done}/{total}: {}", words(point)));
            samples.push(measure::measure(setup, point)?);
        }
    }
    let rows: Vec<Row> = points.into_iter().zip(samples).map(|(flags, rounds)| row(flags, rounds)).collect();
    let least = |figure: fn(&Sample) -> f64| {
        let figures = rows.iter().map(|row| figure(&row.median)).enumerate();
        figures.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at)
    };
    let best_by_cpu = least(|sample| sample.cpu_us_per_request);
    let best_by_p99 = least(|sample| sample.p99_us);
    Ok(Outcome { load: setup.load.clone(), seed: setup.seed, rows, best_by_cpu, best_by_p99 })
}

fn row(flags: Point, rounds: Vec<Sample>) -> Row {
    let middle = |figure: fn(&Sample) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let half = figures.len() / 2;
        match figures.len() {
            0 => 0.0,
            count if count % 2 == 0 => f64::midpoint(figures[half - 1], figures[half]),
            _ => figures[half],
        }
    };
    let median = Sample {
        requests_per_s: middle(|sample| sample.requests_per_s),
        cpu_us_per_request: middle(|sample| sample.cpu_us_per_request),
        p50_us: middle(|sample| sample.p50_us),
        p99_us: middle(|sample| sample.p99_us),
        generator_busy: middle(|sample| sample.generator_busy),
        errors: rounds.iter().map(|sample| sample.errors).sum(),
    };
    Row { flags, median, generator_was_bottleneck: median.generator_busy >= BUSY_BOTTLENECK, rounds }
}

fn words(point: &Point) -> String {
    let flags = grid::arguments(point);
    if flags.is_empty() { "the defaults".to_owned() } else { flags.join(" ") }
}

impl Outcome {
    /// The table, and which row was best.
    pub fn table(&self) -> String {
        let flags: Vec<String> = self.rows.iter().map(|row| words(&row.flags)).collect();
        let width = flags.iter().map(|flags| flags.chars().count()).max().unwrap_or(0).max("flags".len());
        let mut text = format!(
            "{:<width$}  {:>11}  {:>14}  {:>9}  {:>9}  {:>9}  {:>6}\n",
            "flags", "requests/s", "CPU us/request", "p50 us", "p99 us", "generator", "errors"
        );
        for (flags, row) in flags.iter().zip(&self.rows) {
            let Sample { requests_per_s, cpu_us_per_request, p50_us, p99_us, generator_busy, errors } = row.median;
            let busy = generator_busy * 100.0;
            let _ = writeln!(
                text,
                "{flags:<width$}  {requests_per_s:>11.0}  {cpu_us_per_request:>14.3}  {p50_us:>9.1}  {p99_us:>9.1}  \
                 {busy:>7.0} %  {errors:>6}"
            );
        }
        let _ = writeln!(text, "\nbest by CPU per request: {}", flags[self.best_by_cpu]);
        let _ = writeln!(text, "best by p99:             {}", flags[self.best_by_p99]);
        if self.rows.iter().any(|row| row.generator_was_bottleneck) {
            let words = "the generator was the bottleneck of some: their rates are its own (give it --cores after --)";
            let _ = writeln!(text, "note: {words}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu: f64, p99: f64, errors: u64) -> Sample {
        Sample { cpu_us_per_request: cpu, p99_us: p99, errors, ..Sample::default() }
    }

    #[test]
    fn medians_are_of_each_figure_and_errors_add_up() {
        let row = row(Vec::new(), vec![sample(3.0, 10.0, 1), sample(1.0, 30.0, 0), sample(2.0, 20.0, 2)]);
        assert_eq!((row.median.cpu_us_per_request, row.median.p99_us, row.median.errors), (2.0, 20.0, 3));
    }

    #[test]
    fn the_time_it_takes_is_known_before() {
        let setup = Setup {
            server: PathBuf::new(),
            ringload: PathBuf::new(),
            load: Vec::new(),
            warmup: Duration::from_secs(1),
            duration: Duration::from_secs(5),
            rounds: 3,
            seed: 0,
            directory: PathBuf::new(),
        };
        assert_eq!(setup.estimate(4), Duration::from_secs(84));
        assert!(Setup { duration: Duration::MAX, ..setup }.estimate(usize::MAX) > Duration::from_secs(1 << 40));
    }
}
