//! Axes: where a value lies on them, and which values get a tick.

use crate::workload::Rate;

/// How values become places on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Evenly.
    Linear,
    /// By their logarithm.
    Log,
    /// Quantiles by the logarithm of what is left of the requests: 0.9, 0.99 and 0.999 are equally far apart.
    Nines,
}

/// What the numbers are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    /// Seconds of a run.
    Seconds,
    /// Microseconds of a latency.
    Micros,
    /// Requests per second.
    Rate,
    /// A share of the requests.
    Quantile,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Scale {
    kind: Kind,
    unit: Unit,
    min: f64,
    max: f64,
}

impl Scale {
    /// From 0 to a round number that is no less than `largest`.
    pub fn linear(unit: Unit, largest: f64) -> Self {
        let step = round_step(largest.max(1e-9) / 5.0);
        Scale { kind: Kind::Linear, unit, min: 0.0, max: (largest.max(1e-9) / step).ceil() * step }
    }

    /// From 0 to `largest` and no further.
    pub fn linear_exact(unit: Unit, largest: f64) -> Self {
        Scale { kind: Kind::Linear, unit, min: 0.0, max: largest.max(1e-9) }
    }

    /// Around the positive ones of `values`, with a round number (1, 2 or 5 times a power of ten) at both ends.
    pub fn log(unit: Unit, values: impl Iterator<Item = f64>) -> Self {
        let (min, max) = values
            .filter(|value| *value > 0.0 && value.is_finite())
            .fold((f64::MAX, f64::MIN), |(min, max), value| (min.min(value), max.max(value)));
        let (min, max) = if min > max { (1.0, 10.0) } else { (min, max) };
        let (min, max) = (round_below(min), round_above(max));
        Scale { kind: Kind::Log, unit, min, max: if min < max { max } else { min * 10.0 } }
    }

    /// Quantiles of `requests` requests: up to the slowest of them.
    pub fn nines(requests: u64) -> Self {
        let rest = 1.0 / (requests.max(10) as f64);
        Scale { kind: Kind::Nines, unit: Unit::Quantile, min: 0.0, max: 1.0 - rest }
    }

    /// The place of a value, 0 to 1; none for what the axis cannot show.
    pub fn place(&self, value: f64) -> Option<f64> {
        let (at, from, to) = (self.flat(value)?, self.flat(self.min)?, self.flat(self.max)?);
        Some(((at - from) / (to - from)).clamp(0.0, 1.0))
    }

    /// Values with a tick, and their names.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let values: Vec<f64> = match self.kind {
            Kind::Linear => {
                let step = round_step(self.max / 5.0);
                (0..=20).map(|n| f64::from(n) * step).take_while(|value| *value <= self.max * (1.0 + 1e-9)).collect()
            }
            Kind::Log => {
                let decades = (self.max / self.min).log10();
                let factors: &[f64] = if decades <= 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let first = self.min.log10().floor() as i32;
                (first..first + 20)
                    .flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)))
                    .filter(|value| *value >= self.min * 0.999 && *value <= self.max * 1.001)
                    .collect()
            }
            Kind::Nines => {
                let nines = (1..=9).map(|n| 1.0 - 10f64.powi(-n));
                [0.0, 0.5].into_iter().chain(nines).filter(|value| *value <= self.max).collect()
            }
        };
        values.into_iter().map(|value| (value, self.unit.text(value))).collect()
    }

    fn flat(&self, value: f64) -> Option<f64> {
        let flat = match self.kind {
            Kind::Linear => value,
            Kind::Log if value > 0.0 => value.log10(),
            Kind::Log => return None,
            Kind::Nines => -(1.0 - value.min(self.max)).log10(),
        };
        flat.is_finite().then_some(flat)
    }
}

impl Unit {
    /// A value as people read it.
    pub fn text(self, value: f64) -> String {
        match self {
            Unit::Seconds if value >= 600.0 => format!("{} min", short(value / 60.0)),
            Unit::Seconds => format!("{} s", short(value)),
            Unit::Micros if value >= 1e6 => format!("{} s", short(value / 1e6)),
            Unit::Micros if value >= 1e3 => format!("{} ms", short(value / 1e3)),
            Unit::Micros => format!("{} µs", short(value)),
            Unit::Rate if value == 0.0 => "0".into(),
            Unit::Rate => Rate(value).to_string(),
            Unit::Quantile => format!("{} %", short(value * 100.0)),
        }
    }
}

/// Three significant digits at least, and no zeros at the end.
fn short(value: f64) -> String {
    let places = match value.abs() {
        v if (99.9..100.0).contains(&v) => 7,
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The smallest of 1, 2 or 5 times a power of ten that is no less than `value`.
fn round_step(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= value * 0.999_999)
        .unwrap_or(power)
}

fn round_above(value: f64) -> f64 {
    round_step(value)
}

fn round_below(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [5.0, 2.0].into_iter().map(|factor| factor * power).find(|step| *step <= value * 1.000_001).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|tick| tick.1).collect()
    }

    #[test]
    fn ticks_are_round_and_lie_on_the_axis() {
        assert_eq!(names(&Scale::linear(Unit::Rate, 47_123.0)), ["0", "10k", "20k", "30k", "40k", "50k"]);
        assert_eq!(names(&Scale::linear_exact(Unit::Seconds, 10.3)), ["0 s", "5 s", "10 s"]);
        assert_eq!(names(&Scale::log(Unit::Micros, [30.0, 700.0].into_iter()))[..3], ["20 µs", "50 µs", "100 µs"]);
        assert_eq!(names(&Scale::log(Unit::Micros, [1.0, 90e6].into_iter())).last().unwrap(), "100 s");
        assert_eq!(names(&Scale::nines(20_000)), ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
        for scale in [
            Scale::linear(Unit::Rate, 0.0),
            Scale::linear_exact(Unit::Seconds, 0.0),
            Scale::log(Unit::Micros, std::iter::empty()),
            Scale::log(Unit::Micros, std::iter::once(100.0)),
            Scale::nines(0),
            Scale::linear(Unit::Rate, 123e6),
        ] {
            let ticks = scale.ticks();
            assert!(ticks.len() >= 2 && ticks.len() <= 20, "{scale:?}: {ticks:?}");
            assert!(ticks.iter().all(|tick| scale.place(tick.0).is_some()), "{scale:?}");
        }
    }

    #[test]
    fn every_place_is_on_the_axis() {
        let log = Scale::log(Unit::Micros, [10.0, 1000.0].into_iter());
        assert_eq!([1.0, 10.0, 100.0, 1000.0, 1e9].map(|value| log.place(value)), [0.0, 0.0, 0.5, 1.0, 1.0].map(Some));
        assert_eq!(log.place(0.0), None);
        let nines = Scale::nines(10_000);
        let places = [0.0, 0.9, 0.99, 0.9999, 1.0].map(|value| nines.place(value).unwrap());
        for (place, expected) in places.iter().zip([0.0, 0.25, 0.5, 1.0, 1.0]) {
            assert!((place - expected).abs() < 1e-9, "{places:?}");
        }
        assert_eq!(Scale::linear(Unit::Rate, 5.0).place(f64::NAN), None);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(Unit::Micros.text(1234.0), "1.23 ms");
        assert_eq!(Unit::Micros.text(99.0), "99 µs");
        assert_eq!(Unit::Quantile.text(0.99999), "99.999 %");
        assert_eq!(Unit::Seconds.text(900.0), "15 min");
        assert_eq!(Unit::Rate.text(1_500_000.0), "1.5m");
    }
}
