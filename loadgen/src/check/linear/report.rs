//! What came of a check for linearizability, for people and as JSON.

use std::fmt;

use serde::Serialize;

use super::history::Record;
use crate::check::faults::Faults;

/// Requests shown of one history.
const RECORDS_SHOWN: usize = 40;

/// What was asked and what was wrong.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// Requests answered.
    pub requests: u64,
    /// What they asked of single keys, multigets key by key.
    pub operations: u64,
    /// Of these, how many overlapped in time with another one of their key.
    pub overlapping: u64,
    /// Keys that were used.
    pub keys_used: u64,
    /// Keys whose history has no order that explains it.
    pub not_linearizable: u64,
    /// Keys for which the search ended without a result.
    pub undecided: u64,
    /// Values that are no numbers.
    pub wrong_values: u64,
    /// cas numbers that stood for two values, or values that had two.
    pub wrong_uniques: u64,
    /// Error lines.
    pub errors: u64,
    /// Requests without an answer when waiting for them ended.
    pub unanswered: u64,
    /// Whether the check ended because the history was full.
    pub history_full: bool,
    /// The first faults in words.
    pub faults: Faults,
    /// The parts of the first histories that no order explains.
    pub histories: Vec<String>,
}

impl Findings {
    /// Adds another thread's.
    pub fn merge(&mut self, other: Findings) {
        self.requests += other.requests;
        self.wrong_values += other.wrong_values;
        self.errors += other.errors;
        self.unanswered += other.unanswered;
        self.history_full |= other.history_full;
        self.faults.merge(other.faults);
    }

    /// Everything that was wrong.
    pub fn wrong(&self) -> u64 {
        self.not_linearizable + self.wrong_values + self.wrong_uniques
    }
}

/// The part of a key's history that cannot be.
pub fn in_words(name: &str, part: &[Record], of: usize) -> String {
    let mut text = format!(
        "{name}: no order explains these {} of its {of} requests (microseconds from sending to answer)",
        part.len()
    );
    let begin = part.first().map_or(0, |record| record.invoked);
    for record in &part[part.len().saturating_sub(RECORDS_SHOWN)..] {
        let us = |at: u64| at.saturating_sub(begin) as f64 / 1000.0;
        let until = if record.responded == u64::MAX { "-".into() } else { format!("{:.1}", us(record.responded)) };
        let from = us(record.invoked);
        text += &format!("\n  connection {:<4} {from:>10.1} to {until:>10}  {record}", record.connection);
    }
    if part.len() > RECORDS_SHOWN {
        text += &format!("\n  (the last {RECORDS_SHOWN} are shown)");
    }
    text
}

/// What a check found.
#[derive(Debug, Serialize)]
pub struct LinearReport {
    pub server: String,
    pub protocol: &'static str,
    pub seed: u64,
    pub keys: u64,
    pub connections: u32,
    pub elapsed_s: f64,
    /// Seconds that the searches took.
    pub searched_s: f64,
    pub wrong: u64,
    #[serde(flatten)]
    pub findings: Findings,
}

impl LinearReport {
    /// Whether nothing was wrong and everything was decided.
    pub fn passed(&self) -> bool {
        let f = &self.findings;
        self.wrong == 0 && f.undecided == 0 && f.errors == 0 && f.unanswered == 0
    }
}

impl fmt::Display for LinearReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.findings;
        writeln!(f, "requests    {} in {:.3} s (seed {})", c.requests, self.elapsed_s, self.seed)?;
        writeln!(
            f,
            "history     {} operations on {} keys, {} at the same time as another on their key",
            c.operations, c.keys_used, c.overlapping
        )?;
        writeln!(
            f,
            "verdict     {} keys not linearizable, {} undecided (searched for {:.3} s)",
            c.not_linearizable, c.undecided, self.searched_s
        )?;
        writeln!(
            f,
            "wrong       {} values, {} cas numbers, {} errors, {} unanswered",
            c.wrong_values, c.wrong_uniques, c.errors, c.unanswered
        )?;
        if c.history_full {
            writeln!(f, "note: the check ended early, with as much history as it may keep")?;
        }
        for fault in c.histories.iter().chain(c.faults.iter()) {
            writeln!(f, "fault: {fault}")?;
        }
        Ok(())
    }
}
