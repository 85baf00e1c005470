//! Which key is asked for: uniform, or Zipf with key 0 the most popular.
//!
//! Zipf numbers are drawn by rejection-inversion (W. Hörmann, G. Derflinger, "Rejection-inversion to generate
//! variates from monotone discrete distributions", ACM TOMACS 6(3), 1996): the sum of the first k weights is
//! enclosed between integrals of x^-s, a uniform number is mapped back through the integral's inverse, rounded
//! to the nearest k, and kept unless it fell into the small gap between the curve and the step. Constant time
//! and memory for any number of keys and any exponent above 0.

use std::{fmt, str::FromStr};

use crate::workload::rng::Rng;

/// The shape of the keys' popularity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// All alike.
    Uniform,
    /// The k-th key's weight is k^-s.
    Zipf(f64),
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is neither `uniform` nor `zipf:S` with 0 < S <= 10");
        match text.split_once(':') {
            None if text == "uniform" => Ok(Distribution::Uniform),
            Some(("zipf", exponent)) => match exponent.parse::<f64>() {
                Ok(s) if s > 0.0 && s <= 10.0 => Ok(Distribution::Zipf(s)),
                _ => Err(refused()),
            },
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distribution::Uniform => f.write_str("uniform"),
            Distribution::Zipf(s) => write!(f, "zipf:{s}"),
        }
    }
}

/// Draws key numbers in `0..keys`.
#[derive(Clone, Debug)]
pub enum KeyPicker {
    /// All alike.
    Uniform(u64),
    /// Popularity falls with the number.
    Zipf(Zipf),
}

impl KeyPicker {
    /// A picker over `0..keys`; `keys` is at least 1.
    pub fn new(distribution: Distribution, keys: u64) -> Self {
        match distribution {
            Distribution::Uniform => KeyPicker::Uniform(keys),
            Distribution::Zipf(exponent) => KeyPicker::Zipf(Zipf::new(keys, exponent)),
        }
    }

    /// The next key number.
    #[inline]
    pub fn pick(&self, rng: &mut Rng) -> u64 {
        match self {
            KeyPicker::Uniform(keys) => rng.below(*keys),
            KeyPicker::Zipf(zipf) => zipf.pick(rng),
        }
    }
}

/// The state of the rejection-inversion sampler.
#[derive(Clone, Debug)]
pub struct Zipf {
    keys: f64,
    exponent: f64,
    /// H(1.5) - 1: where the inversion's range begins.
    low: f64,
    /// H(keys + 0.5): where it ends.
    high: f64,
    /// A rounding this small needs no further test.
    accept_below: f64,
}

impl Zipf {
    fn new(keys: u64, exponent: f64) -> Self {
        let keys = keys as f64;
        Zipf {
            keys,
            exponent,
            low: integral(1.5, exponent) - 1.0,
            high: integral(keys + 0.5, exponent),
            accept_below: 2.0 - inverse(integral(2.5, exponent) - weight(2.0, exponent), exponent),
        }
    }

    #[inline]
    fn pick(&self, rng: &mut Rng) -> u64 {
        loop {
            let u = self.high + rng.unit() * (self.low - self.high);
            let x = inverse(u, self.exponent);
            let k = (x + 0.5).floor().clamp(1.0, self.keys);
            if k - x <= self.accept_below || u >= integral(k + 0.5, self.exponent) - weight(k, self.exponent) {
                return k as u64 - 1;
            }
        }
    }
}

/// The weight of rank x.
fn weight(x: f64, s: f64) -> f64 {
    (-s * x.ln()).exp()
}

/// H(x): the integral of the weight, (x^(1-s) - 1) / (1 - s), and ln x in the limit s = 1.
fn integral(x: f64, s: f64) -> f64 {
    let log = x.ln();
    let t = (1.0 - s) * log;
    if t.abs() < 1e-8 { log * (1.0 + t / 2.0) } else { t.exp_m1() / (1.0 - s) }
}

/// The inverse of [`integral`].
fn inverse(y: f64, s: f64) -> f64 {
    let t = ((1.0 - s) * y).max(-1.0);
    if t.abs() < 1e-8 { (y * (1.0 - t / 2.0)).exp() } else { (t.ln_1p() / (1.0 - s)).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        assert_eq!("uniform".parse(), Ok(Distribution::Uniform));
        assert_eq!("zipf:0.99".parse(), Ok(Distribution::Zipf(0.99)));
        for bad in ["", "zipf", "zipf:", "zipf:0", "zipf:-1", "zipf:NaN", "zipf:inf", "uniform:1"] {
            assert!(bad.parse::<Distribution>().is_err(), "{bad}");
        }
    }

    /// Against the exact weights, computed the slow way.
    #[test]
    fn zipf_frequencies_match_the_weights() {
        const KEYS: usize = 100;
        const DRAWS: usize = 400_000;
        for s in [0.5, 0.9, 1.0, 1.2, 2.0] {
            let picker = KeyPicker::new(Distribution::Zipf(s), KEYS as u64);
            let mut rng = Rng::new(11, 0);
            let mut seen = [0f64; KEYS];
            for _ in 0..DRAWS {
                seen[picker.pick(&mut rng) as usize] += 1.0;
            }
            let total: f64 = (1..=KEYS).map(|k| (k as f64).powf(-s)).sum();
            for rank in [0, 1, 2, 5, 20, 99] {
                let expected = ((rank + 1) as f64).powf(-s) / total * DRAWS as f64;
                let tolerance = 5.0 * expected.sqrt() + 1.0;
                assert!((seen[rank] - expected).abs() < tolerance, "s {s} rank {rank}: {} / {expected}", seen[rank]);
            }
        }
    }

    #[test]
    fn draws_stay_in_range() {
        let mut rng = Rng::new(5, 0);
        for keys in [1, 2, 1_000_000] {
            for distribution in [Distribution::Uniform, Distribution::Zipf(0.99), Distribution::Zipf(10.0)] {
                let picker = KeyPicker::new(distribution, keys);
                assert!((0..10_000).all(|_| picker.pick(&mut rng) < keys), "{distribution} {keys}");
            }
        }
    }
}
