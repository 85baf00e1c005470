//! How fast an open loop asks: one rate, several in turn, or rates that rise and fall evenly.

use std::{fmt, str::FromStr};

/// Fastest rate, in requests per second.
const RATE_MAX: f64 = 1e9;

/// Slowest rate, in requests per second; a ramp may also begin or end at 0.
const RATE_MIN: f64 = 0.001;

/// Most stages of one course.
const STAGES_MAX: usize = 1000;

/// Requests per second, typed as `500`, `20k`, `1.5m` (powers of 1000).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(pub f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        number(text).filter(|rate| (RATE_MIN..=RATE_MAX).contains(rate)).map(Rate).ok_or_else(|| refusal(text))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, suffix) = match self.0 {
            rate if rate >= 1e6 => (rate / 1e6, "m"),
            rate if rate >= 1e3 => (rate / 1e3, "k"),
            rate => (rate, ""),
        };
        // Four significant digits.
        let places = if value >= 100.0 { 1 } else { 2 };
        let digits = format!("{value:.places$}");
        write!(f, "{}{suffix}", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// One stage of a course: from one rate evenly to another one, in requests per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// At its beginning.
    pub from: f64,
    /// At its end.
    pub to: f64,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to { Rate(self.from).fmt(f) } else { write!(f, "{}..{}", Rate(self.from), Rate(self.to)) }
    }
}

/// The stages of an open loop, all equally long: `50k`, `10k,20k,50k`, `10k..100k`, `0..50k,50k`.
#[derive(Clone, Debug, PartialEq)]
pub struct RateCourse(Vec<Stage>);

impl RateCourse {
    /// One rate for all the time.
    pub fn constant(rate: Rate) -> Self {
        RateCourse(vec![Stage { from: rate.0, to: rate.0 }])
    }

    /// The stages, at least one.
    pub fn stages(&self) -> &[Stage] {
        &self.0
    }

    /// The same course at a `parts`-th of the rates.
    pub fn divided(&self, parts: usize) -> Self {
        let part = parts as f64;
        RateCourse(self.0.iter().map(|stage| Stage { from: stage.from / part, to: stage.to / part }).collect())
    }
}

impl FromStr for RateCourse {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let stages = text.split(',').map(stage).collect::<Result<Vec<_>, _>>()?;
        if stages.len() > STAGES_MAX {
            return Err(format!("at most {STAGES_MAX} rates can follow each other"));
        }
        Ok(RateCourse(stages))
    }
}

impl fmt::Display for RateCourse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, stage) in self.0.iter().enumerate() {
            write!(f, "{}{stage}", if at > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

fn stage(text: &str) -> Result<Stage, String> {
    let Some((from, to)) = text.split_once("..") else {
        let rate: Rate = text.parse()?;
        return Ok(Stage { from: rate.0, to: rate.0 });
    };
    let end = |text: &str| if number(text) == Some(0.0) { Ok(0.0) } else { text.parse().map(|rate: Rate| rate.0) };
    let (from, to) = (end(from)?, end(to)?);
    if from == 0.0 && to == 0.0 {
        return Err(format!("`{text}`: one end of a ramp lies above 0"));
    }
    Ok(Stage { from, to })
}

fn number(text: &str) -> Option<f64> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1e3),
        b'm' | b'M' => (&text[..text.len() - 1], 1e6),
        _ => (text, 1.0),
    };
    // Nothing else that a parser of numbers takes: signs, exponents, infinity.
    let plain =
        digits.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    digits.parse::<f64>().ok().filter(|_| plain).map(|number| number * factor)
}

fn refusal(text: &str) -> String {
    format!("`{text}` is not a rate such as 500, 20k or 1.5m, between {RATE_MIN} and 1000m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_steps_and_ramps() {
        let course = |text: &str| text.parse::<RateCourse>();
        let pairs = |text: &str| course(text).unwrap().0.iter().map(|s| (s.from, s.to)).collect::<Vec<_>>();
        assert_eq!(pairs("50000"), [(5e4, 5e4)]);
        assert_eq!(pairs("10k,20K,1.5m"), [(1e4, 1e4), (2e4, 2e4), (1.5e6, 1.5e6)]);
        assert_eq!(pairs("10k..100k"), [(1e4, 1e5)]);
        assert_eq!(pairs("0..5k,5k,5k..0"), [(0.0, 5e3), (5e3, 5e3), (5e3, 0.0)]);
        for bad in ["", ",", "10k,", "0", "-5", "1e5", "inf", "NaN", "k", "0..0", "1..", "1...2", "2000m", "é"] {
            assert!(course(bad).is_err(), "{bad}");
        }
        assert!(course(&["1"; STAGES_MAX + 1].join(",")).is_err());
        assert_eq!(course("10k..20k").unwrap().divided(2), course("5k..10k").unwrap());
    }

    #[test]
    fn rates_are_shown_as_they_are_typed() {
        for text in ["1", "0.5", "999", "10k", "12.5k", "1.5m", "10k,20k,50k", "0..100k,100k"] {
            assert_eq!(text.parse::<RateCourse>().unwrap().to_string(), text);
        }
        assert_eq!(Rate(123_456.7).to_string(), "123.5k");
    }
}
