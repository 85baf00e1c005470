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
    /// The 99th percentile of late, in microseconds; 0 where nobody measures it.
    p99_us: AtomicU64,
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

    /// Tells the 99th percentile of the requests answered since it was told last.
    pub fn tell_p99(&self, us: f64) {
        self.p99_us.store(us.round().max(1.0) as u64, Ordering::Relaxed);
    }

    /// The same in words for the progress line, if it was told.
    fn p99(&self) -> String {
        match self.p99_us.load(Ordering::Relaxed) {
            0 => String::new(),
            us => format!(", p99 {us} us"),
        }
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
        "{msg} {bar:40} {human_pos}/{human_len} {rate}{prefix} {eta}"
    } else {
        "{msg} {spinner} {human_pos} requests {rate}{prefix} {elapsed}"
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
        bar.set_prefix(answered.p99());
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
        let answered = Answered::default();
        assert_eq!(answered.p99(), "");
        answered.tell_p99(321.4);
        assert_eq!(answered.p99(), ", p99 321 us");
        row.errors = 2;
        assert_eq!(figures(&row), "12346/s, p99 321 us, 2 errors");
    }
}
