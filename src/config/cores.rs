//! Which cores carry a shard: the list grammar (`0-3,6`), and the choice among the allowed ones.

use super::ConfigError;

/// Highest core number that a list may name: what the kernel's fixed-size affinity mask can hold.
const CORE_NUMBER_MAX: usize = 1023;

/// Reads a list such as `0-3,6`, in the order written.
///
/// # Errors
/// What is no such list, a core named twice, and numbers above 1023.
pub fn parse(text: &str) -> Result<Vec<usize>, ConfigError> {
    let refuse = |reason| ConfigError::CoreList { text: text.to_owned(), reason };
    let number = |digits: &str| {
        let digits = digits.trim();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse("write numbers and ranges, such as 0-3,6"));
        }
        digits.parse().ok().filter(|n| *n <= CORE_NUMBER_MAX).ok_or_else(|| refuse("core numbers end at 1023"))
    };
    let mut cores = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if first > last {
            return Err(refuse("a range runs from the lower to the higher number"));
        }
        for core in first..=last {
            if cores.contains(&core) {
                return Err(ConfigError::CoreTwice { core, text: text.to_owned() });
            }
            cores.push(core);
        }
    }
    Ok(cores)
}

/// `cores` as a list that [`parse`] reads back, runs written as ranges.
pub(super) fn format(cores: &[usize]) -> String {
    let mut parts = Vec::new();
    let mut rest = cores;
    while let Some(&first) = rest.first() {
        let run = rest.iter().zip(first..).take_while(|(core, expected)| *core == expected).count();
        match run {
            1 => parts.push(first.to_string()),
            _ => parts.push(format!("{first}-{}", first + run - 1)),
        }
        rest = &rest[run..];
    }
    parts.join(",")
}

/// The cores that carry a shard: those of `list`, or the first `threads` allowed ones, or all allowed ones.
pub(super) fn choose(list: Option<&str>, threads: Option<usize>, allowed: &[usize]) -> Result<Vec<usize>, ConfigError> {
    match (list, threads) {
        (Some(_), Some(_)) => Err(ConfigError::ThreadsAndCores),
        (Some(list), None) => {
            let cores = parse(list)?;
            match cores.iter().find(|core| !allowed.contains(core)) {
                Some(&core) => Err(ConfigError::CoreNotAllowed { core, allowed: format(allowed) }),
                None => Ok(cores),
            }
        }
        (None, Some(0)) => Err(ConfigError::NoThreads),
        (None, Some(threads)) if threads > allowed.len() => {
            Err(ConfigError::TooManyThreads { threads, available: allowed.len(), allowed: format(allowed) })
        }
        (None, Some(threads)) => Ok(allowed[..threads].to_vec()),
        (None, None) => Ok(allowed.to_vec()),
    }
}

/// The allowed cores but the one for what carries no shard.
pub(super) fn besides(control: Option<usize>, allowed: &[usize]) -> Result<Vec<usize>, ConfigError> {
    let Some(control) = control else { return Ok(allowed.to_vec()) };
    if !allowed.contains(&control) {
        return Err(ConfigError::ControlCoreNotAllowed { core: control, allowed: format(allowed) });
    }
    match allowed.iter().copied().filter(|core| *core != control).collect::<Vec<_>>() {
        none if none.is_empty() => Err(ConfigError::ControlCoreOnly { core: control }),
        cores => Ok(cores),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_keep_their_order() {
        assert_eq!(parse("0-3,6").unwrap(), [0, 1, 2, 3, 6]);
        assert_eq!(parse("7, 2-2 ,0").unwrap(), [7, 2, 0]);
    }

    #[test]
    fn malformed_lists_are_refused() {
        for bad in ["", ",", "1,", "a", "3-1", "1-", "-1", "1--2", "0-99999999999999999999", "1024", "+1"] {
            assert!(matches!(parse(bad), Err(ConfigError::CoreList { .. })), "{bad:?}");
        }
        assert!(matches!(parse("0-3,2"), Err(ConfigError::CoreTwice { core: 2, .. })));
    }

    #[test]
    fn format_reads_back() {
        for cores in [vec![0], vec![0, 1, 2, 3, 6], vec![5, 3, 4, 9, 8]] {
            assert_eq!(parse(&format(&cores)).unwrap(), cores);
        }
        assert_eq!(format(&[0, 1, 2, 3, 6]), "0-3,6");
    }

    #[test]
    fn the_control_core_carries_no_shard() {
        let allowed = [2, 3, 8];
        assert_eq!(besides(None, &allowed).unwrap(), allowed);
        assert_eq!(besides(Some(3), &allowed).unwrap(), [2, 8]);
        assert!(matches!(besides(Some(4), &allowed), Err(ConfigError::ControlCoreNotAllowed { core: 4, .. })));
        assert!(matches!(besides(Some(4), &[4]), Err(ConfigError::ControlCoreOnly { core: 4 })));
    }

    #[test]
    fn cores_come_from_the_allowed_ones() {
        let allowed = [2, 3, 8];
        assert_eq!(choose(None, None, &allowed).unwrap(), allowed);
        assert_eq!(choose(None, Some(2), &allowed).unwrap(), [2, 3]);
        assert_eq!(choose(Some("8,2"), None, &allowed).unwrap(), [8, 2]);
        assert!(matches!(choose(Some("2,4"), None, &allowed), Err(ConfigError::CoreNotAllowed { core: 4, .. })));
        assert!(matches!(choose(None, Some(4), &allowed), Err(ConfigError::TooManyThreads { available: 3, .. })));
        assert!(matches!(choose(None, Some(0), &allowed), Err(ConfigError::NoThreads)));
        assert!(matches!(choose(Some("2"), Some(1), &allowed), Err(ConfigError::ThreadsAndCores)));
    }
}
