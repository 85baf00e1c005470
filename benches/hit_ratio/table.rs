//! The table and the criteria that it is held to.

use std::fmt::Write;

/// How much worse than the better one of its two policies the choice between them may be.
const DUEL_LOSS_MAX: f64 = 0.005;

/// The columns that the criteria speak of.
pub const DUEL: &str = "duel";
pub const S3_FIFO: &str = "S3-FIFO";
pub const CLOCK: &str = "CLOCK";
pub const MEMCACHED: &str = "memcached";

/// A trace at one size of memory.
pub struct Row {
    /// The trace.
    pub trace: String,
    /// The store's limit.
    pub limit_bytes: u64,
    /// Column and miss ratios: of all gets, and of those of the second half.
    pub cells: Vec<(&'static str, Option<[f64; 2]>)>,
}

impl Row {
    fn cell(&self, column: &str, which: usize) -> Option<f64> {
        self.cells.iter().find(|cell| cell.0 == column)?.1.map(|ratios| ratios[which])
    }
}

/// One table in Markdown; `which` of the two miss ratios it shows.
pub fn markdown(rows: &[Row], which: usize) -> String {
    let mut text = String::new();
    let Some(first) = rows.first() else { return text };
    let columns: Vec<&str> = first.cells.iter().map(|cell| cell.0).collect();
    _ = writeln!(text, "| trace | MiB | {} |", columns.join(" | "));
    _ = writeln!(text, "|---|--:|{}", "--:|".repeat(columns.len()));
    for row in rows {
        _ = write!(text, "| {} | {} |", row.trace, row.limit_bytes >> 20);
        for (_, ratios) in &row.cells {
            _ = match ratios {
                Some(ratios) => write!(text, " {:.4} |", ratios[which]),
                None => write!(text, " – |"),
            };
        }
        text.push('\n');
    }
    text
}

/// What the rows break of the goals, in words. They hold for all gets of a trace and for those of its second half.
pub fn violations(rows: &[Row]) -> Vec<String> {
    let mut found = Vec::new();
    for row in rows {
        for (which, part) in ["", ", second half"].into_iter().enumerate() {
            let cell = |column| row.cell(column, which);
            let place = format!("{}, {} MiB{part}", row.trace, row.limit_bytes >> 20);
            let Some(duel) = cell(DUEL) else { continue };
            if let Some((s3_fifo, clock)) = cell(S3_FIFO).zip(cell(CLOCK))
                && duel > s3_fifo.min(clock) + DUEL_LOSS_MAX
            {
                found.push(format!("{place}: duel {duel:.4}, but {S3_FIFO} {s3_fifo:.4} and {CLOCK} {clock:.4}"));
            }
            if let Some(memcached) = cell(MEMCACHED)
                && duel >= memcached
            {
                found.push(format!("{place}: duel {duel:.4} is not below memcached's {memcached:.4}"));
            }
        }
    }
    found
}
