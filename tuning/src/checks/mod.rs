//! What of a host helps or hurts: pure functions from facts to outcomes. The words are in `data/checks.toml`; here is
//! only which of them apply. Nothing here reads a file or knows how findings are printed.

mod cpus;
mod kernel;
mod limits;
mod memory;
mod network;
mod nic;
mod texts;

pub use texts::Severity;

use crate::CpuSet;
use crate::Steering;
use crate::facts::Host;
use serde::Serialize;
use texts::Texts;

/// What a check looks at beside the host.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The cores that carry a shard each.
    pub cores: CpuSet,
    /// The card to look at; all that are physical and up where `None`.
    pub nic: Option<String>,
    /// How the server spreads connections.
    pub steering: Steering,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's name, which stays.
    pub check: String,
    /// The outcome's name, which stays.
    pub outcome: String,
    /// How much it matters.
    pub severity: Severity,
    /// What was looked at.
    pub title: String,
    /// What was seen.
    pub seen: String,
    /// Why it matters.
    pub why: String,
    /// Commands that change it; none where nothing is to be done.
    pub change: Vec<String>,
    /// Commands that undo the change.
    pub undo: Vec<String>,
}

/// A check's outcome and the values for its words.
struct Outcome {
    check: &'static str,
    outcome: &'static str,
    values: Vec<(&'static str, String)>,
}

impl Outcome {
    fn new(check: &'static str, outcome: &'static str) -> Outcome {
        Outcome { check, outcome, values: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Outcome {
        self.values.push((name, value.to_string()));
        self
    }
}

/// All checks, in the order of the report.
const CHECKS: &[fn(&Host, &Scope, &mut Vec<Outcome>)] =
    &[kernel::check, limits::check, cpus::check, memory::check, network::check, nic::check];

/// Looks at everything.
pub fn check(host: &Host, scope: &Scope) -> Vec<Finding> {
    let texts = Texts::embedded();
    let mut outcomes = Vec::new();
    for check in CHECKS {
        check(host, scope, &mut outcomes);
    }
    outcomes.iter().map(|outcome| texts.finding(outcome)).collect()
}

/// A number of bytes for people, in binary units and exact where it is round.
fn human(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = (1..units.len()).rev().find(|unit| bytes >= 1 << (10 * unit)).unwrap_or(0);
    let scaled = bytes as f64 / (1u64 << (10 * unit)) as f64;
    if scaled.fract() == 0.0 { format!("{scaled} {}", units[unit]) } else { format!("{scaled:.1} {}", units[unit]) }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
