//! The command line.

use crate::plan::{Interrupts, Wish};
use crate::sweep::Axis;
use crate::{CpuSet, Steering};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Most rounds of a sweep.
const ROUNDS_MAX: i64 = 100;

/// Longest name that the kernel gives a network card.
const NIC_NAME_MAX: usize = 15;

/// Looks at a host and says what to change for ringcached, why, and how to undo it.
///
/// Exit codes are those of monitoring plugins: 0 fine, 1 warnings, 2 critical, 3 the command could not do its work.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what of this host helps or hurts: each with the command that changes it and the one that undoes that.
    ///
    /// Example: ringtune check --cores 1-3
    Check(CheckArgs),
    /// Choose cores for shards, for interrupts and for the rest; print flags, commands and a systemd drop-in.
    ///
    /// Example: ringtune plan --cores 4 --nic eth0
    Plan(PlanArgs),
    /// Carry a plan out: interrupts, send queues and the drop-in. The old values go to an undo file first.
    ///
    /// Example: ringtune apply --cores 4 --nic eth0 --dry-run
    Apply(ApplyArgs),
    /// Put back what `apply` changed.
    ///
    /// Example: ringtune undo ringtune-undo.json
    Undo(UndoArgs),
    /// Copy what the other commands read of this host into a directory, for --root and for bug reports.
    ///
    /// These are sizes, names of cards, numbers of CPUs and limits: no addresses, no processes' arguments.
    ///
    /// Example: ringtune record my-host
    Record(RecordArgs),
    /// Run ringload against ringcached with every combination of some flags; print which is best.
    ///
    /// Values are separated by commas, or by semicolons where they have commas: --grid 'cores=0;0,1'.
    /// What follows -- are flags of `ringload run`, the load.
    /// A combination that fails is shown with the reason, the others are measured; the exit code is 1 then, and after
    /// an interrupt (SIGINT), which prints what is finished.
    ///
    /// Example: ringtune sweep --grid steering=hash,cpu --duration 1s -- --connections 16 --pipeline 16
    Sweep(SweepArgs),
}

/// Which host.
#[derive(Clone, Debug, Args)]
pub struct HostArgs {
    /// Read the host whose file tree is below PREFIX, as `record` writes it.
    #[arg(long, value_name = "PREFIX", default_value = "/", env = "RINGTUNE_ROOT")]
    pub root: PathBuf,
}

/// `check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub host: HostArgs,
    /// Look at this process's limits, and at the cores that its threads are pinned to; default: ringtune's own.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,
    /// The cores that carry a shard, such as 1-3,6; default: those of --pid, else every allowed one.
    #[arg(long, value_name = "LIST")]
    pub cores: Option<CpuSet>,
    /// Look at this network card only; default: all that are physical and up.
    #[arg(long, value_name = "NAME", value_parser = nic_name)]
    pub nic: Option<String>,
    /// How the server steers connections: where interrupts should be depends on it.
    #[arg(long, value_enum, default_value = "hash", value_name = "MODE")]
    pub steering: Steering,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What a plan depends on beside the host.
#[derive(Clone, Debug, Args)]
pub struct WishArgs {
    /// How many shards, or the cores that carry them: 4, or 1-3,6. A list of one core ends in a comma: `5,`.
    #[arg(long, value_name = "NUM|LIST")]
    pub cores: Wish,
    /// The network card that clients come by; default: the only one.
    #[arg(long, value_name = "NAME", value_parser = nic_name)]
    pub nic: Option<String>,
    /// Where the card's interrupts go.
    #[arg(long, value_enum, default_value = "auto", value_name = "WHERE")]
    pub interrupts: Interrupts,
}

/// `plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub host: HostArgs,
    #[command(flatten)]
    pub wish: WishArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `apply`.
#[derive(Clone, Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub host: HostArgs,
    #[command(flatten)]
    pub wish: WishArgs,
    /// Where the old values go; must not be there yet.
    #[arg(long, value_name = "FILE", default_value = "ringtune-undo.json")]
    pub undo_file: PathBuf,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Leave systemd alone: interrupts and send queues only.
    #[arg(long)]
    pub interrupts_only: bool,
    /// Go on although irqbalance runs and will move the interrupts again.
    #[arg(long)]
    pub despite_irqbalance: bool,
}

/// `undo`.
#[derive(Clone, Debug, Args)]
pub struct UndoArgs {
    #[command(flatten)]
    pub host: HostArgs,
    /// What `apply` wrote.
    pub file: PathBuf,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Put back what somebody changed after `apply`, too.
    #[arg(long)]
    pub force: bool,
}

/// `record`.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    #[command(flatten)]
    pub host: HostArgs,
    /// Record the limits and cores of this process instead of ringtune's own.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,
    /// A new directory.
    pub directory: PathBuf,
}

/// `sweep`.
#[derive(Clone, Debug, Args)]
pub struct SweepArgs {
    /// A flag of ringcached and its values, NAME=VALUE,VALUE; repeatable: all combinations are tried.
    #[arg(long, value_name = "NAME=VALUES")]
    pub grid: Vec<Axis>,
    /// Measure each combination for this long.
    #[arg(long, default_value = "5s", value_parser = span)]
    pub duration: Duration,
    /// Load each for this long before.
    #[arg(long, default_value = "1s", value_parser = span)]
    pub warmup: Duration,
    /// Measure each combination so often, in turn; medians count.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=ROUNDS_MAX))]
    pub rounds: u32,
    /// Refuse a sweep that would take longer than this.
    #[arg(long, default_value = "15m", value_parser = span)]
    pub time_limit: Duration,
    /// The server's program; default: ringcached beside ringtune.
    #[arg(long, value_name = "FILE")]
    pub server: Option<PathBuf>,
    /// The load generator's program; default: ringload beside ringtune.
    #[arg(long, value_name = "FILE")]
    pub ringload: Option<PathBuf>,
    /// Seed of the load's random choices.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Flags of `ringload run`; default: --connections 50 --keys 100000.
    #[arg(last = true, value_name = "RINGLOAD FLAGS")]
    pub load: Vec<String>,
}

/// A name that can be one of the kernel's directories and nothing else.
fn nic_name(text: &str) -> Result<String, String> {
    let plain = !matches!(text, "" | "." | "..") && !text.contains(|c: char| c == '/' || c.is_whitespace());
    if plain && text.len() <= NIC_NAME_MAX {
        Ok(text.to_owned())
    } else {
        Err("this is no name of a network card".to_owned())
    }
}

/// A time of more than nothing.
fn span(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time < Duration::from_millis(100) { Err("give 100ms or more".to_owned()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_options_are_refused() {
        let refused = |line: &str| Cli::try_parse_from(line.split(' ')).is_err();
        for line in [
            "ringtune",
            "ringtune check --cores 3-1",
            "ringtune check --pid 0",
            "ringtune check --nic ../../etc",
            "ringtune check --steering sideways",
            "ringtune plan",
            "ringtune plan --cores x",
            "ringtune plan --cores -1",
            "ringtune plan --cores 4 --nic averyveryverylongname",
            "ringtune undo",
            "ringtune record",
            "ringtune sweep --grid cores",
            "ringtune sweep --duration 0s",
            "ringtune sweep --rounds 0",
            "ringtune sweep stray",
        ] {
            assert!(refused(line), "{line}");
        }
        assert!(!refused("ringtune plan --cores 1-3,6 --interrupts apart"));
        assert!(!refused("ringtune sweep --grid cores=0;0,1 --grid t=1,2 -- --connections 1"));
    }
}
