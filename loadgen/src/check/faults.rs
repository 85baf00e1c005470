//! What was wrong, in words.

use serde::Serialize;

/// Faults told in words; the others are only counted.
const FAULTS_SHOWN: usize = 10;

/// The first faults.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<String>);

impl Faults {
    /// Keeps a description, if few are kept yet.
    pub fn describe(&mut self, fault: impl FnOnce() -> String) {
        if self.0.len() < FAULTS_SHOWN {
            self.0.push(fault());
        }
    }

    /// Adds another thread's.
    pub fn merge(&mut self, other: Faults) {
        self.0.extend(other.0);
        self.0.truncate(FAULTS_SHOWN);
    }

    /// All that are kept.
    pub fn iter(&self) -> impl Iterator<Item = &String> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_kept() {
        let mut faults = Faults::default();
        (0..20).for_each(|number| faults.describe(|| format!("{number}")));
        faults.merge(faults.clone());
        assert_eq!(
            faults.iter().map(String::as_str).collect::<Vec<_>>(),
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
        );
    }
}
