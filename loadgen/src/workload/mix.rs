//! The share of reads among the requests.

use crate::workload::rng::Rng;

/// Decides between read and write.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    get_below: u64,
    always: bool,
}

impl Mix {
    /// `get_ratio` of the requests read; it is taken into `0.0..=1.0`.
    pub fn new(get_ratio: f64) -> Self {
        Mix { get_below: (get_ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64, always: get_ratio >= 1.0 }
    }

    /// Whether all requests read, or none; `None` if some do.
    #[inline]
    pub fn all_get(&self) -> Option<bool> {
        if self.always { Some(true) } else { (self.get_below == 0).then_some(false) }
    }

    /// Whether the next request reads.
    #[inline]
    pub fn is_get(&self, rng: &mut Rng) -> bool {
        self.always || (self.get_below != 0 && rng.next_u64() < self.get_below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_kept() {
        let mut rng = Rng::new(3, 0);
        for ratio in [0.0, 0.1, 0.9, 1.0] {
            let gets = (0..100_000).filter(|_| Mix::new(ratio).is_get(&mut rng)).count();
            assert!((gets as f64 / 100_000.0 - ratio).abs() < 0.01, "{ratio}: {gets}");
        }
    }
}
