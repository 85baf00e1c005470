//! What a sweep found: a row for each combination, also for one that could not be measured, and which was best.

use super::Setup;
use super::grid::{Point, words};
use super::measure::Sample;
use crate::Error;
use serde::Serialize;
use std::fmt::Write;

/// From this share of a core on, the generator was the bottleneck.
const BUSY_BOTTLENECK: f64 = 0.95;

/// A combination while it is measured.
pub struct Trial {
    /// Its flags.
    pub flags: Point,
    /// Those that are finished.
    pub rounds: Vec<Sample>,
    /// What went wrong; it is not measured again then.
    pub failure: Option<Error>,
}

/// Why a sweep ended before everything was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT came.
    Interrupted,
    /// Failures took too long.
    GivenUp,
}

impl Stop {
    const fn words(self) -> &'static str {
        match self {
            Stop::Interrupted => "interrupted",
            Stop::GivenUp => "given up, as those that failed took too long",
        }
    }
}

/// What a combination came to.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The flags, by name.
    pub flags: Point,
    /// The median of the finished rounds, of each figure by itself; `errors` is their sum. `None` without any.
    pub median: Option<Sample>,
    /// Whether the generator was the bottleneck: then the rate is its own and CPU per request is what counts.
    pub generator_was_bottleneck: bool,
    /// Each round that was finished.
    pub rounds: Vec<Sample>,
    /// Why it was not measured, or not to its end: it is not ranked then.
    pub failure: Option<String>,
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
    /// Why it ended before everything was tried.
    pub stopped: Option<&'static str>,
    /// The row with the least CPU time per request; `None` if every one failed.
    pub best_by_cpu: Option<usize>,
    /// The row with the lowest 99th percentile.
    pub best_by_p99: Option<usize>,
}

impl Outcome {
    /// What `trials` came to. With nothing measured it is the error that kept the first one from it.
    pub fn new(setup: &Setup, mut trials: Vec<Trial>, stop: Option<Stop>) -> Result<Outcome, Error> {
        if trials.iter().all(|trial| trial.rounds.is_empty()) {
            let failure = trials.iter_mut().find_map(|trial| trial.failure.take());
            let failure = failure.filter(|_| stop != Some(Stop::Interrupted));
            return Err(failure.unwrap_or(Error::Interrupted));
        }
        let rows: Vec<Row> = trials.into_iter().map(|trial| row(trial, stop)).collect();
        let least = |figure: fn(&Sample) -> f64| {
            let ranked = rows.iter().enumerate().filter(|(_, row)| row.failure.is_none());
            let figures = ranked.filter_map(|(at, row)| Some((at, figure(row.median.as_ref()?))));
            figures.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
        };
        Ok(Outcome {
            load: setup.load.clone(),
            seed: setup.seed,
            stopped: stop.map(Stop::words),
            best_by_cpu: least(|sample| sample.cpu_us_per_request),
            best_by_p99: least(|sample| sample.p99_us),
            rows,
        })
    }

    /// Whether everything was measured.
    pub fn is_complete(&self) -> bool {
        self.stopped.is_none() && self.rows.iter().all(|row| row.failure.is_none())
    }

    /// The table, and which row was best.
    pub fn table(&self) -> String {
        let flags: Vec<String> = self.rows.iter().map(|row| words(&row.flags)).collect();
        let width = flags.iter().map(|flags| flags.chars().count()).max().unwrap_or(0).max("flags".len());
        let mut text = format!(
            "{:<width$}  {:>11}  {:>14}  {:>9}  {:>9}  {:>9}  {:>6}\n",
            "flags", "requests/s", "CPU us/request", "p50 us", "p99 us", "generator", "errors"
        );
        for (flags, row) in flags.iter().zip(&self.rows) {
            let _ = write!(text, "{flags:<width$}");
            if let Some(median) = &row.median {
                let Sample { requests_per_s, cpu_us_per_request, p50_us, p99_us, generator_busy, errors } = median;
                let busy = generator_busy * 100.0;
                let _ = write!(
                    text,
                    "  {requests_per_s:>11.0}  {cpu_us_per_request:>14.3}  {p50_us:>9.1}  {p99_us:>9.1}  {busy:>7.0} %  \
                     {errors:>6}"
                );
            }
            let _ = match &row.failure {
                None => writeln!(text),
                Some(why) if row.median.is_none() => writeln!(text, "  not measured: {why}"),
                Some(why) => writeln!(text, "  not ranked, failed in round {}: {why}", row.rounds.len() + 1),
            };
        }
        text.push('\n');
        for (by, best) in [("CPU per request", self.best_by_cpu), ("p99", self.best_by_p99)] {
            if let Some(best) = best {
                let _ = writeln!(text, "{:<24} {}", format!("best by {by}:"), flags[best]);
            }
        }
        if self.rows.iter().any(|row| row.generator_was_bottleneck) {
            let words = "the generator was the bottleneck of some: their rates are its own (give it --cores after --)";
            let _ = writeln!(text, "note: {words}");
        }
        if let Some(stopped) = self.stopped {
            let _ = writeln!(text, "note: {stopped}: what is above is of the rounds that were finished");
        }
        text
    }
}

fn row(trial: Trial, stop: Option<Stop>) -> Row {
    let Trial { flags, rounds, failure } = trial;
    let missed = stop.filter(|_| rounds.is_empty()).map(|stop| stop.words().to_owned());
    let median = median(&rounds);
    Row {
        flags,
        generator_was_bottleneck: median.is_some_and(|median| median.generator_busy >= BUSY_BOTTLENECK),
        median,
        failure: failure.as_ref().map(reason).or(missed),
        rounds,
    }
}

/// `error` in one line, without the flags of the program, which stand beside it.
pub fn reason(error: &Error) -> String {
    let words = match error {
        Error::Program { program, said, .. } => format!("{program}: {said}"),
        other => other.to_string(),
    };
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn median(rounds: &[Sample]) -> Option<Sample> {
    let middle = |figure: fn(&Sample) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let half = figures.len() / 2;
        if figures.len().is_multiple_of(2) { f64::midpoint(figures[half - 1], figures[half]) } else { figures[half] }
    };
    if rounds.is_empty() {
        return None;
    }
    Some(Sample {
        requests_per_s: middle(|sample| sample.requests_per_s),
        cpu_us_per_request: middle(|sample| sample.cpu_us_per_request),
        p50_us: middle(|sample| sample.p50_us),
        p99_us: middle(|sample| sample.p99_us),
        generator_busy: middle(|sample| sample.generator_busy),
        errors: rounds.iter().map(|sample| sample.errors).sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::tests::setup;

    fn sample(cpu: f64, p99: f64, errors: u64) -> Sample {
        Sample { cpu_us_per_request: cpu, p99_us: p99, errors, ..Sample::default() }
    }

    fn trial(t: &str, rounds: Vec<Sample>, said: Option<&str>) -> Trial {
        let failure = said.map(|said| Error::Program {
            program: "ringcached",
            flags: format!("--port 4711 -t {t}"),
            said: said.to_owned(),
        });
        Trial { flags: vec![("t".to_owned(), t.to_owned())], rounds, failure }
    }

    fn outcome(trials: Vec<Trial>, stop: Option<Stop>) -> Outcome {
        Outcome::new(&setup(), trials, stop).unwrap()
    }

    #[test]
    fn medians_are_of_each_figure_and_errors_add_up() {
        let median = |rounds: &[Sample]| median(rounds).map(|s| (s.cpu_us_per_request, s.p99_us, s.errors));
        let rounds = [sample(3.0, 10.0, 1), sample(1.0, 30.0, 0), sample(2.0, 20.0, 2), sample(4.0, 50.0, 0)];
        assert_eq!(median(&rounds[..3]), Some((2.0, 20.0, 3)));
        assert_eq!(median(&rounds), Some((2.5, 25.0, 3)));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_combination_that_failed_has_its_reason_and_no_rank() {
        let good = |cpu, p99| vec![sample(cpu, p99, 0), sample(cpu, p99, 0)];
        let outcome = outcome(
            vec![
                trial("1", Vec::new(), Some("it ended before it served:\n  no room\n")),
                trial("2", good(2.0, 10.0), None),
                trial("3", vec![sample(0.5, 1.0, 0)], Some("it does not answer")),
                trial("4", good(1.0, 20.0), None),
            ],
            None,
        );
        assert_eq!((outcome.best_by_cpu, outcome.best_by_p99), (Some(3), Some(1)), "the third would have been first");
        assert!(!outcome.is_complete());
        let expected = "\
flags   requests/s  CPU us/request     p50 us     p99 us  generator  errors
-t 1   not measured: ringcached: it ended before it served: no room
-t 2             0           2.000        0.0       10.0        0 %       0
-t 3             0           0.500        0.0        1.0        0 %       0  not ranked, failed in round 2: ringcached: it does not answer
-t 4             0           1.000        0.0       20.0        0 %       0

best by CPU per request: -t 4
best by p99:             -t 2
";
        assert_eq!(outcome.table(), expected);
        let json = serde_json::to_value(&outcome).unwrap();
        assert!(json["rows"][0]["median"].is_null() && json["rows"][1]["failure"].is_null());
        assert_eq!(json["rows"][0]["failure"], "ringcached: it ended before it served: no room");
        assert_eq!(json["rows"][2]["rounds"].as_array().unwrap().len(), 1, "what was measured is kept");
    }

    #[test]
    fn an_interrupted_sweep_ranks_what_it_has() {
        let trials = || vec![trial("1", vec![sample(1.0, 1.0, 0)], None), trial("2", Vec::new(), None)];
        let outcome = outcome(trials(), Some(Stop::Interrupted));
        assert_eq!((outcome.best_by_cpu, outcome.is_complete()), (Some(0), false));
        let table = outcome.table();
        assert!(table.contains("-t 2   not measured: interrupted\n"), "{table}");
        assert!(table.ends_with("note: interrupted: what is above is of the rounds that were finished\n"), "{table}");
    }

    #[test]
    fn with_every_combination_failed_none_is_best() {
        let outcome = outcome(vec![trial("1", vec![sample(1.0, 1.0, 0)], Some("it does not answer"))], None);
        assert_eq!((outcome.best_by_cpu, outcome.best_by_p99), (None, None));
        assert!(!outcome.table().contains("best by"), "{}", outcome.table());
    }

    #[test]
    fn with_nothing_measured_the_first_failure_is_the_error() {
        let trials = || vec![trial("1", Vec::new(), Some("one")), trial("2", Vec::new(), Some("two"))];
        let error = |stop| Outcome::new(&setup(), trials(), stop).unwrap_err().to_string();
        assert_eq!(error(None), "ringcached --port 4711 -t 1: one");
        assert_eq!(error(Some(Stop::GivenUp)), error(None));
        assert_eq!(error(Some(Stop::Interrupted)), Error::Interrupted.to_string());
    }
}
