//! Which cores the generator runs on.

use crate::error::Error;

/// Highest core number that is accepted.
const CORE_MAX: usize = 4095;

/// Core numbers in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreList(pub Vec<usize>);

/// Reads a list such as `0-3,6`.
pub fn parse(text: &str) -> Result<CoreList, String> {
    let mut cores = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |t: &str| t.parse::<usize>().ok().filter(|n| *n <= CORE_MAX);
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => cores.extend(first..=last),
            _ => return Err(format!("`{part}` is not a core or a range of cores")),
        }
    }
    for (at, core) in cores.iter().enumerate() {
        if cores[..at].contains(core) {
            return Err(format!("core {core} is named twice"));
        }
    }
    Ok(CoreList(cores))
}

/// Pins the calling thread.
pub fn pin(core: usize) -> Result<(), Error> {
    let allowed = core_affinity::get_core_ids().unwrap_or_default();
    match allowed.iter().find(|id| id.id == core) {
        Some(id) if core_affinity::set_for_current(*id) => Ok(()),
        _ => {
            let allowed: Vec<String> = allowed.iter().map(|id| id.id.to_string()).collect();
            Err(Error::Usage(format!("core {core} cannot be used; this process may use {}", allowed.join(","))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges() {
        assert_eq!(parse("0-3,6"), Ok(CoreList(vec![0, 1, 2, 3, 6])));
        assert_eq!(parse("2"), Ok(CoreList(vec![2])));
        for bad in ["", "a", "3-1", "1,1", "0-", "99999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
