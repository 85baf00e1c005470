//! What a search found, for people and as JSON.

use std::fmt;

use serde::Serialize;

use crate::{
    bottleneck::Strain, cli::SaturateArgs, host::Origin, recorder::Percentiles, run::RunReport, workload::Rate,
};

/// One probe.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
    /// Requests per second that were asked for.
    #[serde(rename = "rate_from")]
    pub rate: f64,
    rate_to: f64,
    seconds: f64,
    requests_per_s: f64,
    errors: u64,
    latency: Percentiles,
    #[serde(flatten)]
    strain: Strain,
    pub generator_was_bottleneck: bool,
    /// Whether the goal was held.
    pub held: bool,
    /// Why not.
    missed_by: Option<String>,
    /// Whether this probe repeats one that had held, to confirm it.
    confirming: bool,
}

impl Probe {
    /// The names of the columns.
    pub const HEAD: &str = "    asked/s  answered/s     p50 us     p99 us     max us  generator  goal";

    pub fn new(rate: f64, report: &RunReport, missed_by: Option<String>, confirming: bool) -> Self {
        let (seconds, requests_per_s, errors, latency, strain) = report.figures();
        Probe {
            rate,
            rate_to: rate,
            seconds,
            requests_per_s,
            errors,
            latency,
            strain,
            generator_was_bottleneck: strain.is_bottleneck(latency.p99_us),
            held: missed_by.is_none(),
            missed_by,
            confirming,
        }
    }

    /// Why the generator was at its limit, if it was.
    pub fn complaint(&self) -> Option<String> {
        self.strain.complaint(self.latency.p99_us)
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (asked, answered) = (Rate(self.rate).to_string(), Rate(self.requests_per_s).to_string());
        let l = &self.latency;
        let busy = format!("{:.0} %", self.strain.generator_busy * 100.0);
        write!(f, "{asked:>11} {answered:>11} {:>10.1} {:>10.1} {:>10.1} {busy:>10}  ", l.p50_us, l.p99_us, l.max_us)?;
        match &self.missed_by {
            None if self.confirming => write!(f, "held again")?,
            None => write!(f, "held")?,
            Some(reason) => write!(f, "missed: {reason}")?,
        }
        if self.generator_was_bottleneck { write!(f, " (generator at its limit)") } else { Ok(()) }
    }
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// This rate holds; `missed` does not, where one was found.
    Found { rate: f64, missed: Option<f64> },
    /// The generator was the limit.
    GeneratorBound { complaint: String, held: Option<f64> },
    /// No rate held.
    Nothing,
    /// The time was over.
    OutOfTime { held: Option<f64>, missed: Option<f64> },
}

/// The result.
#[derive(Debug, Serialize)]
pub struct SaturateReport {
    server: String,
    goal_p99_us: u64,
    /// The rate that was found; none without a confirmed one.
    rate: Option<f64>,
    /// Whether the generator, not the server, was the limit.
    generator_bound: bool,
    /// The result in words.
    pub verdict: String,
    seed: u64,
    #[serde(flatten)]
    origin: Origin,
    probes: Vec<Probe>,
    /// The last probe of the fastest rate that held.
    pub best: Option<RunReport>,
}

impl SaturateReport {
    pub fn new(args: &SaturateArgs, seed: u64, verdict: &Verdict, probes: Vec<Probe>, best: Option<RunReport>) -> Self {
        SaturateReport {
            server: args.load.common.server.to_string(),
            goal_p99_us: args.p99_us,
            rate: if let Verdict::Found { rate, .. } = verdict { Some(*rate) } else { None },
            generator_bound: matches!(verdict, Verdict::GeneratorBound { .. }),
            verdict: verdict.words(args.p99_us),
            seed,
            origin: Origin::of_this_process(),
            probes,
            best,
        }
    }
}

impl Verdict {
    fn words(&self, p99_us: u64) -> String {
        let goal = format!("p99 within {p99_us} us");
        let known = |held: Option<f64>| match held {
            Some(rate) => format!("{}/s held", Rate(rate)),
            None => "no rate held".into(),
        };
        match self {
            Verdict::Found { rate, missed: Some(missed) } => {
                format!("result: {}/s with {goal}; {}/s is too fast", Rate(*rate), Rate(*missed))
            }
            Verdict::Found { rate, missed: None } => {
                format!("result: {}/s with {goal}; --to allows no faster probe", Rate(*rate))
            }
            Verdict::GeneratorBound { complaint, held } => format!(
                "no result: generator-bound ({complaint}). {} before that; the server may do more. \
                 Give the generator more --cores, or cores that nothing else uses",
                known(*held)
            ),
            Verdict::Nothing => format!("no result: the server did not hold {goal} at any rate"),
            Verdict::OutOfTime { held, missed } => {
                let too_fast = missed.map_or(String::new(), |rate| format!(", {}/s was too fast", Rate(rate)));
                format!("no result: --time-max is over before one was confirmed; {}{too_fast}", known(*held))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_told_in_words() {
        let words = |verdict: Verdict| verdict.words(500);
        let found = words(Verdict::Found { rate: 40_000.0, missed: Some(42_000.0) });
        assert_eq!(found, "result: 40k/s with p99 within 500 us; 42k/s is too fast");
        assert!(words(Verdict::Found { rate: 1e6, missed: None }).contains("--to allows no faster probe"));
        let bound = words(Verdict::GeneratorBound { complaint: "its thread".into(), held: Some(1000.0) });
        assert!(bound.starts_with("no result: generator-bound (its thread). 1k/s held"), "{bound}");
        assert!(words(Verdict::Nothing).starts_with("no result"));
        assert!(
            words(Verdict::OutOfTime { held: None, missed: Some(5.0) }).ends_with("no rate held, 5/s was too fast")
        );
    }
}
