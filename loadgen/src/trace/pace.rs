//! When each request of a trace is due.
//!
//! Timestamps of public traces are whole seconds. What happened within one is spread over it evenly, which takes reading
//! ahead to its end; a busier second is spread in groups that share it as they come. A timestamp with a fraction is taken
//! as it is.

use std::collections::VecDeque;

use super::{reader::TraceReader, request::Request};
use crate::{
    clock::{Nanos, SECOND},
    error::Error,
};

/// Requests of one second that are held to spread them.
const AHEAD_MAX: usize = 1 << 18;

/// Reads a trace with the moment of each request, counted from the first one.
pub struct Paced {
    reader: TraceReader,
    /// How many times faster than it was recorded.
    speed: f64,
    first: Option<Nanos>,
    group: VecDeque<(Nanos, Request)>,
    /// The first request of the next group.
    stash: Option<Request>,
    /// No request is due before an earlier one.
    latest: Nanos,
}

impl Paced {
    /// `speed` is above 0.
    pub fn new(reader: TraceReader, speed: f64) -> Self {
        Paced { reader, speed, first: None, group: VecDeque::new(), stash: None, latest: 0 }
    }

    /// When the next request is due; `None` at the end.
    pub fn next_due(&mut self) -> Result<Option<Nanos>, Error> {
        if self.group.is_empty() {
            self.read_group()?;
        }
        Ok(self.group.front().map(|(due, _)| *due))
    }

    /// Takes the request that [`Paced::next_due`] told of.
    pub fn take(&mut self) -> Option<(Nanos, Request)> {
        self.group.pop_front()
    }

    fn read_group(&mut self) -> Result<(), Error> {
        let Some(head) = self.read()? else { return Ok(()) };
        let moment = |request: &Request| {
            let micros = Nanos::from(request.micros.unwrap_or(0));
            request.second.saturating_mul(SECOND).saturating_add(micros * 1000)
        };
        let (second, fraction) = (head.second, head.micros);
        let at = moment(&head).saturating_sub(*self.first.get_or_insert(moment(&head)));
        let mut group = vec![head];
        while fraction.is_none() && group.len() < AHEAD_MAX {
            match self.read()? {
                Some(next) if next.second == second && next.micros.is_none() => group.push(next),
                next => {
                    self.stash = next;
                    break;
                }
            }
        }
        let count = group.len() as u64;
        for (index, request) in group.into_iter().enumerate() {
            let spread = SECOND * index as u64 / count;
            let due = (at.saturating_add(spread) as f64 / self.speed) as Nanos;
            self.latest = self.latest.max(due);
            self.group.push_back((self.latest, request));
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Request>, Error> {
        match self.stash.take() {
            Some(request) => Ok(Some(request)),
            None => self.reader.next_request(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dues(name: &str, text: &str, speed: f64) -> Vec<Nanos> {
        let path = std::env::temp_dir().join(format!("ringload-pace-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let mut paced = Paced::new(TraceReader::open(&path).unwrap(), speed);
        let mut dues = Vec::new();
        while let Some(due) = paced.next_due().unwrap() {
            assert_eq!(paced.take().unwrap().0, due);
            dues.push(due / 1_000_000);
        }
        std::fs::remove_file(&path).unwrap();
        dues
    }

    #[test]
    fn a_second_is_spread_and_scaled() {
        let line = |at: &str| format!("{at},k,1,1,0,get,0\n");
        let whole: String = ["100", "100", "100", "100", "101", "105", "105", "104"].map(line).concat();
        assert_eq!(dues("whole", &whole, 1.0), [0, 250, 500, 750, 1000, 5000, 5500, 5500]);
        assert_eq!(dues("scaled", &whole, 10.0), [0, 25, 50, 75, 100, 500, 550, 550]);
        let fractions: String = ["7.25", "7.25", "7.5", "9.000001"].map(line).concat();
        assert_eq!(dues("fractions", &fractions, 1.0), [0, 0, 250, 1750]);
        assert!(dues("empty", "", 1.0).is_empty());
    }
}
