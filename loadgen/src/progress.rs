//! A progress line on a terminal, and nothing where the output is not one.

use std::{
    fmt::Write,
    io::IsTerminal,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::collector::SeriesRow;

/// How often the line is redrawn.
const REDRAW: Duration = Duration::from_millis(200);

/// Requests answered so far, over all threads; written once per turn, not per request.
#[derive(Debug, Default)]
pub struct Answered {
    requests: AtomicU64,
}

impl Answered {
    /// Adds to the count.
    pub fn add(&self, requests: u64) {
        self.requests.fetch_add(requests, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// A progress line with the rate and the 99th percentile of the last interval.
#[derive(Debug)]
pub struct Live {
    bar: ProgressBar,
}

impl Live {
    /// `total` is 0 where the end is not a count.
    pub fn new(what: &str, total: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let template = if total > 0 {
            "{prefix} {bar:30} {human_pos}/{human_len} {elapsed} {msg}"
        } else {
            "{prefix} {spinner} {human_pos} requests {elapsed} {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_string());
        Live { bar }
    }

    /// How long to wait for news before drawing again.
    pub fn patience(&self) -> Duration {
        REDRAW
    }

    /// Draws: requests answered so far, and an interval that has ended.
    pub fn show(&self, answered: u64, ended: Option<&SeriesRow>) {
        self.bar.set_position(answered);
        if let Some(row) = ended {
            self.bar.set_message(figures(row));
        }
    }

    /// Removes the line.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// The figures of the progress line.
fn figures(row: &SeriesRow) -> String {
    let errors = if row.errors > 0 { format!(", {} errors", row.errors) } else { String::new() };
    format!("{:.0}/s, p99 {:.0} us{errors}", row.requests_per_s, row.p99_us)
}

/// Waits until `done` says so, drawing progress meanwhile. `total` is 0 where the end is not a count.
pub fn watch(what: &'static str, answered: &Answered, total: u64, done: impl Fn() -> bool) {
    let terminal = std::io::stderr().is_terminal();
    let bar = if terminal { ProgressBar::new(total) } else { ProgressBar::hidden() };
    let template = if total > 0 {
        "{msg} {bar:40} {human_pos}/{human_len} {rate} {eta}"
    } else {
        "{msg} {spinner} {human_pos} requests {rate} {elapsed}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = |state: &ProgressState, out: &mut dyn Write| _ = write!(out, "{:.0}/s", state.per_sec());
        bar.set_style(style.with_key("rate", rate));
    }
    bar.set_message(what);
    // The threads end by themselves; looking at them often costs the core that they may run on.
    let pause = if terminal { REDRAW } else { Duration::from_millis(20) };
    while !done() {
        std::thread::sleep(pause);
        bar.set_position(answered.get());
    }
    bar.finish_and_clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_rate_p99_and_errors() {
        let mut row = SeriesRow { requests_per_s: 12_345.6, p99_us: 321.4, ..SeriesRow::default() };
        assert_eq!(figures(&row), "12346/s, p99 321 us");
        row.errors = 2;
        assert_eq!(figures(&row), "12346/s, p99 321 us, 2 errors");
    }
}
