//! A progress line on a terminal, and nothing where the output is not one.

use std::{
    fmt::Write,
    io::IsTerminal,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// How often the line is redrawn.
const REDRAW: Duration = Duration::from_millis(200);

/// Requests answered so far, over all threads; written once per turn, not per request.
#[derive(Debug, Default)]
pub struct Answered(AtomicU64);

impl Answered {
    /// Adds to the count.
    pub fn add(&self, requests: u64) {
        self.0.fetch_add(requests, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
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
