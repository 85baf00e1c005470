//! How the memory limit and the cores become shards.

use super::host::Memory;
use super::size::human;
use super::validated::{SHARD_MEMORY_MAX_BYTES, SHARD_MEMORY_MIN_BYTES};
use super::{ConfigError, Notice, defaults};

/// The total limit in bytes and how many of `cores` carry a shard, for a limit `asked` for or the default.
pub(super) fn plan(
    asked: Option<u64>,
    cores: usize,
    machine: Option<&Memory>,
    notices: &mut Vec<Notice>,
) -> Result<(u64, usize), ConfigError> {
    let limit = match asked {
        Some(limit) => limit,
        None => default_limit(cores, machine, notices),
    };
    if limit < SHARD_MEMORY_MIN_BYTES {
        return Err(ConfigError::MemoryTooSmall {
            given: human(limit),
            needed: human(SHARD_MEMORY_MIN_BYTES),
            needed_mib: SHARD_MEMORY_MIN_BYTES >> 20,
        });
    }
    if let Some(machine) = machine.filter(|machine| limit > machine.bytes) {
        return Err(ConfigError::MemoryOverMachine {
            given: human(limit),
            available: human(machine.bytes),
            source_of_limit: machine.source.clone(),
        });
    }
    let shards = cores.min(usize::try_from(limit / SHARD_MEMORY_MIN_BYTES).unwrap_or(usize::MAX));
    if shards < cores {
        notices.push(Notice::FewerShards {
            cores,
            shards,
            memory_limit_bytes: limit,
            shard_min_bytes: SHARD_MEMORY_MIN_BYTES,
        });
    }
    let per_shard = limit / shards as u64;
    if per_shard > SHARD_MEMORY_MAX_BYTES {
        return Err(ConfigError::MemoryOverShard {
            given: human(limit),
            shards,
            per_shard: human(per_shard),
            max: human(SHARD_MEMORY_MAX_BYTES),
            total_max: human(SHARD_MEMORY_MAX_BYTES * shards as u64),
        });
    }
    Ok((limit, shards))
}

/// The default per shard, but at most half of what there is: a small container must start without flags.
fn default_limit(cores: usize, machine: Option<&Memory>, notices: &mut Vec<Notice>) -> u64 {
    let wanted = defaults::SHARD_MEMORY_BYTES * cores as u64;
    match machine {
        Some(machine) if wanted > machine.bytes / 2 => {
            // Whole MiB, so that the figure reads well.
            let limit = (machine.bytes / 2) & !((1 << 20) - 1);
            notices.push(Notice::DefaultMemoryLowered { memory_limit_bytes: limit, machine_bytes: machine.bytes });
            limit
        }
        _ => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    fn run(asked: Option<u64>, cores: usize, machine: u64) -> Result<(u64, usize, Vec<Notice>), ConfigError> {
        let mut notices = Vec::new();
        let memory = Memory { bytes: machine, source: "a test".to_owned() };
        plan(asked, cores, Some(&memory), &mut notices).map(|(limit, shards)| (limit, shards, notices))
    }

    #[test]
    fn the_default_is_64_mib_per_shard() {
        assert_eq!(run(None, 3, 8 * GIB).unwrap(), (192 * MIB, 3, vec![]));
    }

    #[test]
    fn a_small_machine_lowers_the_default_only() {
        let (limit, shards, notices) = run(None, 16, 200 * MIB).unwrap();
        assert_eq!((limit, shards, notices.len()), (100 * MIB, 12, 2));
        assert!(matches!(run(Some(201 * MIB), 1, 200 * MIB), Err(ConfigError::MemoryOverMachine { .. })));
        assert_eq!(run(Some(200 * MIB), 1, 200 * MIB).unwrap().0, 200 * MIB);
    }

    #[test]
    fn a_small_limit_starts_fewer_shards_and_says_so() {
        let (limit, shards, notices) = run(Some(31 * MIB), 8, 8 * GIB).unwrap();
        assert_eq!((limit, shards), (31 * MIB, 3));
        assert!(notices[0].to_string().contains("3 of 8"), "{}", notices[0]);
        assert_eq!(run(Some(64 * MIB), 8, 8 * GIB).unwrap().2, vec![]);
        assert!(matches!(run(Some(8 * MIB - 1), 1, 8 * GIB), Err(ConfigError::MemoryTooSmall { .. })));
    }

    #[test]
    fn a_shard_addresses_32_gib() {
        assert_eq!(run(Some(64 * GIB), 2, 512 * GIB).unwrap().1, 2);
        let error = run(Some(65 * GIB), 2, 512 * GIB).unwrap_err();
        assert!(matches!(error, ConfigError::MemoryOverShard { shards: 2, .. }));
        assert!(error.to_string().contains("at most 64 GiB"), "{error}");
    }

    #[test]
    fn absurd_figures_do_not_overflow() {
        let mut notices = Vec::new();
        assert!(plan(Some(u64::MAX), 1023, None, &mut notices).is_err());
    }
}
