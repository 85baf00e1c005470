//! The table and the criteria that it is held to.

use std::fmt::Write;

/// How much worse than the better one of its two policies the choice between them may be.
const DUEL_LOSS_MAX: f64 = 0.005;

/// The columns that the criteria speak of.
pub const DUEL: &str = "duel";
pub const S3_FIFO: &str = "S3-FIFO";
pub const CLOCK: &str = "CLOCK";
pub const MEMCACHED: &str = "memcached";

/// The two miss ratios of a row: of all gets, which the goals are for, and of those of the second half.
pub const ALL: usize = 0;
pub const LATE: usize = 1;

/// A trace at one size of memory.
pub struct Row {
    /// The trace.
    pub trace: String,
    /// The store's limit.
    pub limit_bytes: u64,
    /// Column and miss ratios, [`ALL`] and [`LATE`].
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

/// The whole text.
pub fn document(
    rows: &[Row],
    command: &str,
    memcached: Option<&str>,
    missed: &[String],
    missed_late: &[String],
) -> String {
    let mut text = String::from("# Miss ratios\n\n");
    _ = writeln!(
        text,
        "Made by `{command}`. Each trace is played to the store alone, filling on demand: a get that misses is followed \
         by a set. The sizes are the store's memory limit; its first three columns are its policies (`--eviction`).\n\n\
         The goals are for the first table, and `--check` holds it to them. The second one is without the time in \
         which memory fills: what it misses of them is listed, no more.\n"
    );
    if let Some(memcached) = memcached {
        _ = writeln!(
            text,
            "{memcached} played the same requests over one connection, with `-t 1` and its defaults otherwise. Its `-m` is \
             chosen so that by the end it has grown by as many resident bytes as the store counts for itself (the duel's \
             `memory_bytes`); mostly no whole `-m` gives just that, and the miss ratio is interpolated between the two \
             nearest. It has no figure where items expire, since it runs on its own clock, nor below {} MiB, where its \
             first page of each class exceeds the size. What it does beside the requests (moves between its LRU \
             segments, page moves) it does in real time, so it has seconds for it where the trace spans minutes.\n",
            crate::peer::RESIDENT_BYTES_MIN >> 20
        );
    }
    text.push_str(
        "LRU, FIFO and the ideal ones are simulated: an item takes 8 bytes of header, 4 if it expires, key and value, \
         rounded up to 8, and 9 of index; there are no classes, no pages and no other memory. The ideal S3-FIFO keeps \
         an item of the small queue after one read, as the store does, or after two, as the paper.\n\n",
    );
    _ = writeln!(text, "## All gets\n\n{}", markdown(rows, ALL));
    _ = writeln!(text, "## Gets of the second half of the requests\n\n{}", markdown(rows, LATE));
    text.push_str("## The goals\n\n");
    _ = writeln!(
        text,
        "The duel is never above the better of {S3_FIFO} and {CLOCK} by more than {DUEL_LOSS_MAX}, and below memcached.{}",
        if missed.is_empty() { " They are met." } else { " Missed:\n" }
    );
    list(&mut text, missed);
    if !missed_late.is_empty() {
        text.push_str("\nNot so in the second half of the requests:\n\n");
        list(&mut text, missed_late);
    }
    text
}

fn list(text: &mut String, items: &[String]) {
    for item in items {
        _ = writeln!(text, "- {item}");
    }
}

/// What the rows break of the goals, in words, by [`ALL`] or [`LATE`].
pub fn violations(rows: &[Row], which: usize) -> Vec<String> {
    let mut found = Vec::new();
    for row in rows {
        let cell = |column| row.cell(column, which);
        let place = format!("{}, {} MiB", row.trace, row.limit_bytes >> 20);
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
    found
}
