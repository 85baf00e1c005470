//! The result of a check, for people and as JSON.

use std::fmt;

use serde::Serialize;

use super::faults::Faults;

/// What was asked and what was wrong. Mergeable over threads.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// Requests answered.
    pub requests: u64,
    /// Values that were read and verified.
    pub values: u64,
    /// Bytes of them.
    pub value_bytes: u64,
    /// Keys that were read and not found.
    pub misses: u64,
    /// Writes stored.
    pub stored: u64,
    /// Writes refused for lack of memory or for the value's size: allowed.
    pub refused: u64,
    /// Damaged values, or those of another key.
    pub wrong_values: u64,
    /// Intact values of the right key that are too old, not yet written, or were removed.
    pub wrong_versions: u64,
    /// Answers to a write that contradict what its only writer knows.
    pub wrong_answers: u64,
    /// Values in another order than their keys were asked for, or of a key that was not.
    pub out_of_order: u64,
    /// All other error lines.
    pub errors: u64,
    /// The first faults in words.
    pub faults: Faults,
}

impl Findings {
    /// Adds another thread's.
    pub fn merge(&mut self, other: Findings) {
        self.requests += other.requests;
        self.values += other.values;
        self.value_bytes += other.value_bytes;
        self.misses += other.misses;
        self.stored += other.stored;
        self.refused += other.refused;
        self.wrong_values += other.wrong_values;
        self.wrong_versions += other.wrong_versions;
        self.wrong_answers += other.wrong_answers;
        self.out_of_order += other.out_of_order;
        self.errors += other.errors;
        self.faults.merge(other.faults);
    }

    /// Everything that was wrong, error lines apart.
    pub fn wrong(&self) -> u64 {
        self.wrong_values + self.wrong_versions + self.wrong_answers + self.out_of_order
    }
}

/// What a check found.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    pub server: String,
    pub protocol: &'static str,
    pub seed: u64,
    pub keys: u64,
    pub connections: u32,
    pub elapsed_s: f64,
    /// Requests without an answer when waiting for them ended.
    pub unanswered: u64,
    /// All wrong values, versions, answers and orders.
    pub wrong: u64,
    #[serde(flatten)]
    pub findings: Findings,
}

impl CheckReport {
    /// Whether nothing was wrong.
    pub fn passed(&self) -> bool {
        self.wrong == 0 && self.findings.errors == 0 && self.unanswered == 0
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.findings;
        let mib = c.value_bytes as f64 / f64::from(1 << 20);
        writeln!(f, "requests    {} in {:.3} s (seed {})", c.requests, self.elapsed_s, self.seed)?;
        writeln!(f, "verified    {} values, {mib:.1} MiB; {} misses", c.values, c.misses)?;
        writeln!(f, "writes      {} stored, {} refused for memory or size", c.stored, c.refused)?;
        writeln!(
            f,
            "wrong       {} values, {} versions, {} answers, {} out of order, {} errors, {} unanswered",
            c.wrong_values, c.wrong_versions, c.wrong_answers, c.out_of_order, c.errors, self.unanswered
        )?;
        for fault in c.faults.iter() {
            writeln!(f, "fault: {fault}")?;
        }
        Ok(())
    }
}
