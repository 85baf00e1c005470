//! Amounts that vary: sizes, exptimes, keys of a multiget.
//!
//! An amount is a function of 64 random bits, so that a key's size can follow from the key alone (its bits are a
//! hash) and an exptime be drawn anew for every write.

use crate::workload::rng::scramble;

/// How an amount is distributed.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// Always the same.
    Constant(u64),
    /// All from the first to the second alike.
    Range(u64, u64),
    /// Bell-shaped, cut off at `min` and `max`: what lies beyond becomes the bound.
    Normal { mean: f64, deviation: f64, min: u64, max: u64 },
    /// Its logarithm is bell-shaped: many small, few large. Half are below `median`; `sigma` is the logarithm's
    /// standard deviation. Cut off as above.
    Lognormal { median: f64, sigma: f64, min: u64, max: u64 },
    /// One of several, each up to the bound of random bits that stands before it; the last bound is 2^64 - 1.
    Weighted(Vec<(u64, Amount)>),
}

impl Amount {
    /// A list of amounts, each as frequent as its weight says; refused in words if the weights cannot be.
    pub fn weighted(list: Vec<(f64, Amount)>) -> Result<Amount, String> {
        let bounds = bounds(list.iter().map(|(weight, _)| *weight))?;
        Ok(Amount::Weighted(bounds.into_iter().zip(list).map(|(bound, (_, amount))| (bound, amount)).collect()))
    }

    /// The amount that these random bits give.
    #[inline]
    pub fn at(&self, bits: u64) -> u64 {
        match self {
            Amount::Constant(amount) => *amount,
            Amount::Range(min, max) => min + ((u128::from(bits) * (u128::from(max - min) + 1)) >> 64) as u64,
            Amount::Normal { mean, deviation, min, max } => {
                ((mean + deviation * bell(bits)).round() as u64).clamp(*min, *max)
            }
            Amount::Lognormal { median, sigma, min, max } => {
                ((median * (sigma * bell(bits)).exp()).round() as u64).clamp(*min, *max)
            }
            Amount::Weighted(list) => match list.iter().find(|(bound, _)| bits <= *bound) {
                // Fresh bits: which of the list it is has used up these.
                Some((_, amount)) => amount.at(scramble(bits)),
                None => 0,
            },
        }
    }

    /// The smallest amount that can come.
    pub fn min(&self) -> u64 {
        match self {
            Amount::Constant(amount) => *amount,
            Amount::Range(min, _) | Amount::Normal { min, .. } | Amount::Lognormal { min, .. } => *min,
            Amount::Weighted(list) => list.iter().map(|(_, amount)| amount.min()).min().unwrap_or(0),
        }
    }

    /// The largest amount that can come.
    pub fn max(&self) -> u64 {
        match self {
            Amount::Constant(amount) => *amount,
            Amount::Range(_, max) | Amount::Normal { max, .. } | Amount::Lognormal { max, .. } => *max,
            Amount::Weighted(list) => list.iter().map(|(_, amount)| amount.max()).max().unwrap_or(0),
        }
    }
}

/// Bounds of 64 random bits up to which each of several choices is taken, in proportion to the weights; the last
/// choice that has a weight ends at 2^64 - 1. Refused in words: weights below 0 or not finite, or all 0.
pub fn bounds(weights: impl Iterator<Item = f64>) -> Result<Vec<u64>, String> {
    let weights: Vec<f64> = weights.collect();
    if let Some(wrong) = weights.iter().find(|weight| !weight.is_finite() || **weight < 0.0) {
        return Err(format!("a weight of {wrong}; weights are 0 or more"));
    }
    let total: f64 = weights.iter().sum();
    if !(total > 0.0 && total.is_finite()) {
        return Err("the weights' sum is not above 0".into());
    }
    let last = weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0);
    let mut sum = 0.0;
    let bounds = weights.iter().enumerate().map(|(at, weight)| {
        sum += weight;
        if at >= last { u64::MAX } else { (sum / total * u64::MAX as f64) as u64 }
    });
    Ok(bounds.collect())
}

/// A number of the standard normal distribution (G. E. P. Box, M. E. Muller, "A note on the generation of random
/// normal deviates", Annals of Mathematical Statistics 29(2), 1958).
fn bell(bits: u64) -> f64 {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    // In (0, 1], whose logarithm is finite.
    let radius = ((bits >> 11) + 1) as f64 * UNIT;
    let angle = (scramble(bits) >> 11) as f64 * UNIT;
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Rng;

    fn draws(amount: &Amount) -> Vec<f64> {
        let mut rng = Rng::new(4, 0);
        (0..200_000).map(|_| amount.at(rng.next_u64()) as f64).collect()
    }

    fn mean(of: &[f64]) -> f64 {
        of.iter().sum::<f64>() / of.len() as f64
    }

    #[test]
    fn shapes_have_their_mean_spread_and_median() {
        let normal = draws(&Amount::Normal { mean: 1000.0, deviation: 100.0, min: 0, max: 10_000 });
        let spread = (normal.iter().map(|x| (x - 1000.0).powi(2)).sum::<f64>() / normal.len() as f64).sqrt();
        assert!((mean(&normal) - 1000.0).abs() < 2.0 && (spread - 100.0).abs() < 2.0, "{} {spread}", mean(&normal));
        let mut skewed = draws(&Amount::Lognormal { median: 300.0, sigma: 1.0, min: 1, max: 1 << 20 });
        skewed.sort_by(f64::total_cmp);
        // A lognormal's mean is median * exp(sigma^2 / 2).
        assert!((skewed[100_000] - 300.0).abs() < 5.0, "{}", skewed[100_000]);
        assert!((mean(&skewed) / 494.6 - 1.0).abs() < 0.03, "{}", mean(&skewed));
        assert!((mean(&draws(&Amount::Range(10, 20))) - 15.0).abs() < 0.1);
    }

    #[test]
    fn amounts_stay_within_their_bounds_and_reach_them() {
        for amount in [
            Amount::Constant(7),
            Amount::Range(3, 5),
            Amount::Range(0, u64::MAX),
            Amount::Normal { mean: 10.0, deviation: 10.0, min: 5, max: 15 },
            Amount::Lognormal { median: 10.0, sigma: 3.0, min: 5, max: 15 },
            Amount::weighted(vec![(1.0, Amount::Constant(2)), (0.0, Amount::Constant(99)), (3.0, Amount::Range(4, 6))])
                .unwrap(),
        ] {
            let mut rng = Rng::new(5, 0);
            let drawn: Vec<u64> = (0..10_000).map(|_| amount.at(rng.next_u64())).collect();
            assert!(drawn.iter().all(|x| (amount.min()..=amount.max()).contains(x)), "{amount:?}");
            if amount.max() < 20 {
                assert_eq!(drawn.iter().min(), Some(&amount.min()), "{amount:?}");
            }
            assert_eq!(amount.at(123), amount.at(123));
        }
    }

    #[test]
    fn weights_are_kept_and_checked() {
        let amount = Amount::weighted(vec![(3.0, Amount::Constant(0)), (1.0, Amount::Constant(1))]).unwrap();
        assert!((mean(&draws(&amount)) - 0.25).abs() < 0.01);
        assert_eq!(bounds([0.0, 2.0, 0.0].into_iter()), Ok(vec![0, u64::MAX, u64::MAX]));
        for bad in [vec![], vec![0.0], vec![1.0, -1.0], vec![f64::NAN], vec![f64::INFINITY], vec![f64::MAX, f64::MAX]] {
            assert!(bounds(bad.iter().copied()).is_err(), "{bad:?}");
        }
    }
}
