//! Trying out flags of the server: each combination of a grid under the same load, in turn, and which was best.
//!
//! Rounds are interleaved, so that what else happens on the machine hits all combinations alike, and the median of the
//! rounds counts. How long it takes is known before it begins and bounded. A combination that fails costs its own row
//! and no other.

mod child;
mod grid;
mod interrupt;
mod measure;
mod outcome;
mod server;

pub use grid::{Axis, Point, points};
pub use outcome::Outcome;

use crate::Error;
use interrupt::Interrupt;
use outcome::{Stop, Trial, reason};
use server::Server;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What a combination takes beside warm-up and measurement, as a rule: start, storing the keys, end.
const OVERHEAD: Duration = Duration::from_secs(1);

/// What failures may take altogether; the estimate has no room for them. One that stalls takes a minute or more.
const LOST_MAX: Duration = Duration::from_secs(5 * 60);

/// What all measurements have in common.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The server's program.
    pub server: PathBuf,
    /// The load generator's program.
    pub ringload: PathBuf,
    /// Flags of `ringload run`.
    pub load: Vec<String>,
    /// Load before each measurement.
    pub warmup: Duration,
    /// Each measurement.
    pub duration: Duration,
    /// How often each combination is measured.
    pub rounds: u32,
    /// The seed of all random choices.
    pub seed: u64,
    /// Where ringload's results go; somebody else makes and removes it.
    pub directory: PathBuf,
}

impl Setup {
    /// About how long a sweep over `combinations` takes.
    pub fn estimate(&self, combinations: usize) -> Duration {
        let rounds = self.rounds.saturating_mul(u32::try_from(combinations).unwrap_or(u32::MAX));
        (self.warmup.saturating_add(self.duration).saturating_add(OVERHEAD)).saturating_mul(rounds)
    }
}

/// Measures every one of `points`, or as many as it can; `progress` is told what is measured next and what failed.
pub fn sweep(setup: &Setup, points: Vec<Point>, progress: impl FnMut(&str)) -> Result<Outcome, Error> {
    let mut session = Session { interrupt: Interrupt::watch()?, lost: Duration::ZERO, progress };
    let trial = |flags| Trial { flags, rounds: Vec::new(), failure: None };
    let mut trials: Vec<Trial> = points.into_iter().map(trial).collect();
    let stop = session.run(setup, &mut trials).err();
    Outcome::new(setup, trials, stop)
}

/// A sweep under way.
struct Session<P> {
    interrupt: Interrupt,
    /// What failures took so far.
    lost: Duration,
    progress: P,
}

impl<P: FnMut(&str)> Session<P> {
    fn run(&mut self, setup: &Setup, trials: &mut [Trial]) -> Result<(), Stop> {
        for trial in &mut *trials {
            // A flag that the server does not take is found now, not after minutes.
            self.attempt(trial, |trial, interrupt| {
                Server::check(&setup.server, &grid::arguments(&trial.flags), interrupt)
            })?;
        }
        let total = trials.len() * setup.rounds as usize;
        let mut done = 0;
        for _ in 0..setup.rounds {
            for trial in &mut *trials {
                done += 1;
                if trial.failure.is_some() {
                    continue;
                }
                (self.progress)(&format!("{done}/{total}: {}", grid::words(&trial.flags)));
                self.attempt(trial, |trial, interrupt| {
                    trial.rounds.push(measure::measure(setup, &trial.flags, interrupt)?);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// Does `work` with `trial` and keeps the error there, unless the whole sweep is to stop.
    fn attempt(
        &mut self,
        trial: &mut Trial,
        work: impl FnOnce(&mut Trial, &Interrupt) -> Result<(), Error>,
    ) -> Result<(), Stop> {
        if self.interrupt.came() {
            return Err(Stop::Interrupted);
        }
        if self.lost > LOST_MAX {
            return Err(Stop::GivenUp);
        }
        let begin = Instant::now();
        let Err(error) = work(trial, &self.interrupt) else { return Ok(()) };
        // A program may have been interrupted as well, and then it is not the one to blame.
        if self.interrupt.came() {
            return Err(Stop::Interrupted);
        }
        self.lost += begin.elapsed();
        (self.progress)(&format!("failed: {}: {}", grid::words(&trial.flags), reason(&error)));
        trial.failure = Some(error);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three rounds of six seconds.
    pub fn setup() -> Setup {
        Setup {
            server: PathBuf::new(),
            ringload: PathBuf::new(),
            load: Vec::new(),
            warmup: Duration::from_secs(1),
            duration: Duration::from_secs(5),
            rounds: 3,
            seed: 0,
            directory: PathBuf::new(),
        }
    }

    #[test]
    fn the_time_it_takes_is_known_before() {
        let setup = setup();
        assert_eq!(setup.estimate(4), Duration::from_secs(84));
        assert!(Setup { duration: Duration::MAX, ..setup }.estimate(usize::MAX) > Duration::from_secs(1 << 40));
    }

    #[test]
    fn what_failures_take_is_bounded() {
        let interrupt = Interrupt::watch().unwrap();
        let mut session = Session { interrupt, lost: LOST_MAX, progress: |_: &str| {} };
        let trial = || Trial { flags: Vec::new(), rounds: Vec::new(), failure: None };
        let mut fail = |trial: &mut Trial| {
            session.attempt(trial, |_, _| {
                std::thread::sleep(Duration::from_millis(1));
                Err(Error::Usage("no".to_owned()))
            })
        };
        let (mut first, mut second) = (trial(), trial());
        assert_eq!(fail(&mut first), Ok(()), "up to the bound it goes on");
        assert!(first.failure.is_some());
        assert_eq!(fail(&mut second), Err(Stop::GivenUp));
        assert!(second.failure.is_none(), "it was not tried");
    }
}
