//! The raw flags, as typed. Nothing is checked here beyond its form, and no default is filled in: `None` means
//! "not given". The configuration file has the same settings under the same names, so [`Options`] serves both.

use super::{defaults, extended, file, refused, size};
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;

const NETWORK: &str = "Network";
const MEMORY: &str = "Memory and items";
const COMMANDS: &str = "Commands";
const CORES: &str = "Cores";
const PROCESS: &str = "Process";
const CONFIGURATION: &str = "Configuration";

/// The command line.
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "ringcached",
    version,
    about = "A thread-per-core cache server that speaks memcached's protocols",
    after_help = after_help(),
    disable_help_flag = true,
    disable_version_flag = true
)]
pub struct Flags {
    #[command(flatten)]
    pub(super) options: Options,

    #[arg(long, value_name = "FILE", help_heading = CONFIGURATION)]
    #[arg(help = "Read settings from a TOML file: the long flags' names as keys")]
    pub(super) config: Option<PathBuf>,

    /// Print the effective configuration as TOML that --config reads back, and exit.
    #[arg(long, help_heading = CONFIGURATION)]
    #[arg(help = "Print the effective configuration as TOML that --config reads back, and exit")]
    pub print_config: bool,

    /// Print the licence and exit.
    #[arg(short = 'i', long, help_heading = CONFIGURATION, help = "Print the licence and exit")]
    pub license: bool,

    #[arg(short, long, action = clap::ArgAction::Help, help_heading = CONFIGURATION, help = "Print this help and exit")]
    help: Option<bool>,

    #[arg(short = 'V', long, action = clap::ArgAction::Version, help_heading = CONFIGURATION)]
    #[arg(help = "Print the version and exit")]
    version: Option<bool>,
}

/// The settings that the command line and the file share; `None` where not given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Options {
    /// TCP port for addresses without their own: 0 turns TCP off, -1 lets the kernel choose.
    #[arg(short, long, value_name = "PORT", allow_negative_numbers = true, help_heading = NETWORK)]
    #[arg(value_parser = clap::value_parser!(i32).range(-1..=65535))]
    #[arg(help = format!("TCP port; 0 turns TCP off, -1 lets the kernel choose [default: {}]", defaults::PORT))]
    pub port: Option<i32>,

    /// Addresses to listen on.
    #[arg(short, long, value_name = "ADDR[:PORT]", help_heading = NETWORK)]
    #[arg(help = format!(
        "Address to listen on: addr, addr:port, [v6]:port or * for every IPv4 one; repeatable, or separated by commas \
         [default: {}]", defaults::LISTEN))]
    #[serde(deserialize_with = "file::one_or_more_texts")]
    pub listen: Option<Vec<String>>,

    /// Path of a unix socket to listen on beside TCP.
    #[arg(short = 's', long, value_name = "PATH", help_heading = NETWORK)]
    #[arg(help = "Unix socket to listen on, beside TCP (-p 0 for it alone) [default: none]")]
    pub unix_socket: Option<PathBuf>,

    /// Permissions of the unix socket, in octal.
    #[arg(short = 'a', long, value_name = "MASK", help_heading = NETWORK)]
    #[arg(help = format!("Permissions of the unix socket, in octal [default: {:o}]", defaults::UNIX_MASK))]
    pub unix_mask: Option<String>,

    /// UDP port. Only 0, which is off, is accepted.
    #[arg(short = 'U', long, value_name = "PORT", help_heading = NETWORK)]
    #[arg(help = "UDP port; only 0, off, is accepted [default: 0]")]
    pub udp_port: Option<u16>,

    /// Connections that may be open at once.
    #[arg(short, long, value_name = "NUM", help_heading = NETWORK)]
    #[arg(help = format!("Connections that may be open at once [default: {}]", defaults::CONN_LIMIT))]
    pub conn_limit: Option<usize>,

    /// Connections that the kernel holds until they are accepted.
    #[arg(short = 'b', long, value_name = "NUM", help_heading = NETWORK)]
    #[arg(help = format!("Connections that the kernel holds until they are accepted [default: {}]", defaults::LISTEN_BACKLOG))]
    pub listen_backlog: Option<i32>,

    /// Protocols that a connection may speak.
    #[arg(short = 'B', long, value_enum, value_name = "NAME", help_heading = NETWORK)]
    #[arg(help = format!("Protocols that a connection may speak [default: {}]", defaults::PROTOCOLS.name()))]
    pub protocol: Option<Protocols>,

    /// Commands of one connection that are executed in one turn.
    #[arg(short = 'R', long, value_name = "NUM", help_heading = NETWORK)]
    #[arg(help = format!(
        "Commands of one connection that are executed before others have their turn [default: {}]",
        defaults::REQUESTS_PER_TURN))]
    pub max_reqs_per_event: Option<usize>,

    /// Memory of all shards together: MiB, or with a suffix.
    #[arg(short, long, value_name = "SIZE", help_heading = MEMORY)]
    #[arg(help = format!(
        "Memory of all shards together: MiB, or with a suffix as in 512m or 4g [default: {} MiB per shard]",
        defaults::SHARD_MEMORY_BYTES >> 20))]
    #[serde(deserialize_with = "file::text_or_number")]
    pub memory_limit: Option<String>,

    /// Largest item: bytes, or with a suffix.
    #[arg(short = 'I', long, value_name = "SIZE", help_heading = MEMORY)]
    #[arg(help = format!(
        "Largest item: bytes, or with a suffix; 1k to 1g [default: {}]", size::format(defaults::ITEM_SIZE_MAX_BYTES as u64)))]
    #[serde(deserialize_with = "file::text_or_number")]
    pub max_item_size: Option<String>,

    /// Answer with an error when memory is full instead of evicting.
    #[arg(short = 'M', long, help_heading = MEMORY, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", hide_possible_values = true)]
    #[arg(help = "Answer with an error when memory is full instead of evicting [default: false]")]
    pub disable_evictions: Option<bool>,

    /// Who leaves when memory is full.
    #[arg(long, value_enum, value_name = "POLICY", help_heading = MEMORY)]
    #[arg(help = format!("Which items leave first when memory is full [default: {}]", defaults::EVICTION.name()))]
    pub eviction: Option<Eviction>,

    /// Refuse to start where the kernel gives no large pages.
    #[arg(short = 'L', long, help_heading = MEMORY, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", hide_possible_values = true)]
    #[arg(
        help = "Refuse to start where the kernel gives no large pages, which are asked for in any case [default: false]"
    )]
    pub enable_largepages: Option<bool>,

    /// Keep memory from being swapped out.
    #[arg(short = 'k', long, help_heading = MEMORY, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", hide_possible_values = true)]
    #[arg(help = "Keep memory from being swapped out; needs an unlimited RLIMIT_MEMLOCK [default: false]")]
    pub lock_memory: Option<bool>,

    /// How values are compressed.
    #[arg(long, value_enum, value_name = "HOW", help_heading = MEMORY)]
    #[arg(help = format!(
        "Compress values: lz4, zstd, or zstd:dict, by a dictionary trained from what comes in [default: {}]",
        defaults::COMPRESS.name()))]
    pub compress: Option<Compress>,

    /// Shortest value that is compressed: bytes, or with a suffix.
    #[arg(long, value_name = "SIZE", help_heading = MEMORY)]
    #[arg(help = format!(
        "Shortest value that is compressed: bytes, or with a suffix [default: {} with lz4, {} with zstd, {} with zstd:dict]",
        Compress::Lz4.min_bytes(), Compress::Zstd.min_bytes(), Compress::ZstdDict.min_bytes()))]
    #[serde(deserialize_with = "file::text_or_number")]
    pub compress_min: Option<String>,

    /// Allow the shutdown command.
    #[arg(short = 'A', long, help_heading = COMMANDS, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", hide_possible_values = true)]
    #[arg(help = "Allow the shutdown command [default: false]")]
    pub enable_shutdown: Option<bool>,

    /// Refuse the watch command.
    #[arg(short = 'W', long, help_heading = COMMANDS, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", hide_possible_values = true)]
    #[arg(help = "Refuse the watch command [default: false]")]
    pub disable_watch: Option<bool>,

    /// Refuse the commands that list keys.
    #[arg(short = 'X', long, help_heading = COMMANDS, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", hide_possible_values = true)]
    #[arg(
        help = "Refuse the commands that list keys: stats cachedump, stats detail, lru_crawler metadump and mgdump [default: false]"
    )]
    pub disable_dumping: Option<bool>,

    /// What ends the prefix of a key in `stats detail`; given, that is on from the start.
    #[arg(short = 'D', long, value_name = "CHAR", help_heading = COMMANDS)]
    #[arg(help = format!(
        "What ends the prefix of a key in stats detail, which it turns on from the start [default: {}, off]",
        char::from(defaults::DETAIL_DELIMITER)))]
    pub delimiter: Option<String>,

    /// Refuse the flush_all command.
    #[arg(short = 'F', long, help_heading = COMMANDS, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", hide_possible_values = true)]
    #[arg(help = "Refuse the flush_all command [default: false]")]
    pub disable_flush_all: Option<bool>,

    /// Number of shards, one on each of the first allowed cores.
    #[arg(short, long, value_name = "NUM", help_heading = CORES)]
    #[arg(help = "Shards, one on each of the first NUM allowed cores [default: every allowed core]")]
    pub threads: Option<usize>,

    /// The cores that carry a shard.
    #[arg(long, value_name = "LIST", help_heading = CORES)]
    #[arg(help = "Cores that carry a shard each, such as 0-3,6 [default: every allowed core]")]
    pub cores: Option<String>,

    /// How new connections are spread over the shards.
    #[arg(long, value_enum, value_name = "MODE", help_heading = CORES)]
    #[arg(help = format!("How new connections are spread over the shards [default: {}]", defaults::STEERING.name()))]
    pub steering: Option<Steering>,

    /// Where shards' memory comes from on machines with several NUMA nodes.
    #[arg(long, value_enum, value_name = "MODE", help_heading = CORES)]
    #[arg(help = "Which NUMA nodes' memory shards use [default: local where there are several nodes, else off]")]
    pub numa: Option<Numa>,

    /// A port for each shard alone, from this one on.
    #[arg(long, value_name = "PORT", help_heading = CORES)]
    #[arg(
        help = "Have shard i listen on PORT+i, too, for clients that send each key to its owner; stats routing tells how [default: none]"
    )]
    pub per_shard_ports: Option<u16>,

    /// The core for everything but shards.
    #[arg(long, value_name = "CORE", help_heading = CORES)]
    #[arg(help = "The core for the threads that carry no shard; it gets none [default: any allowed core]")]
    pub control_core: Option<usize>,

    /// How long a shard looks for work before it sleeps, in microseconds.
    #[arg(long, value_name = "MICROSECONDS", help_heading = CORES)]
    #[arg(help = format!(
        "How long a shard without work looks for some before it sleeps: more for latency, 0 for an idle core [default: {}]",
        defaults::SPIN_US))]
    pub spin_us: Option<u32>,

    /// How long a sleeping shard polls the network card, in microseconds.
    #[arg(long, value_name = "MICROSECONDS", help_heading = CORES)]
    #[arg(help = format!(
        "How long the kernel polls the network card's queues for a shard before it sleeps; takes Linux 6.9 [default: {}, off]",
        defaults::BUSY_POLL_US))]
    pub busy_poll_us: Option<u32>,

    /// How often `-v` was given; 0 where not.
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = PROCESS)]
    #[arg(help = "Log more; repeatable [default: warnings and start-up]")]
    #[serde(skip_serializing_if = "is_zero")]
    pub verbose: u8,

    /// File to hold the process's number.
    #[arg(short = 'P', long, value_name = "FILE", help_heading = PROCESS)]
    #[arg(help = "File that holds the process's number while it runs [default: none]")]
    pub pidfile: Option<PathBuf>,

    /// Allow core files as large as may be.
    #[arg(short = 'r', long, help_heading = PROCESS, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", hide_possible_values = true)]
    #[arg(help = "Raise the limit on core files as far as it may be [default: false]")]
    pub enable_coredumps: Option<bool>,

    /// User to become after start-up.
    #[arg(short, long, value_name = "NAME", help_heading = PROCESS)]
    #[arg(help = "User to become, when started as root [default: stay]")]
    pub user: Option<String>,

    /// memcached's extended options.
    #[arg(short = 'o', long, value_name = "NAME[=VALUE]", help_heading = PROCESS)]
    #[arg(help = "Extended options, listed below; repeatable, or separated by commas")]
    #[serde(deserialize_with = "file::one_or_more_texts")]
    pub extended: Option<Vec<String>>,
}

// Serde's signature for `skip_serializing_if`.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(verbose: &u8) -> bool {
    *verbose == 0
}

/// Which of memcached's protocols a connection may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocols {
    /// Each; a connection's first byte tells which it speaks.
    Auto,
    /// Text and meta.
    Ascii,
    /// Binary.
    Binary,
}

impl Protocols {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Protocols::Auto => "auto",
            Protocols::Ascii => "ascii",
            Protocols::Binary => "binary",
        }
    }
}

/// How values are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compress {
    /// Not at all.
    Off,
    /// By LZ4.
    Lz4,
    /// By Zstandard.
    Zstd,
    /// By Zstandard, with a dictionary trained from the values that come in.
    #[value(name = "zstd:dict")]
    #[serde(rename = "zstd:dict")]
    ZstdDict,
}

impl Compress {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Compress::Off => "off",
            Compress::Lz4 => "lz4",
            Compress::Zstd => "zstd",
            Compress::ZstdDict => "zstd:dict",
        }
    }

    /// The shortest value in bytes for which it pays, as a rule.
    pub const fn min_bytes(self) -> usize {
        match self {
            Compress::Off | Compress::Lz4 => 1024,
            Compress::Zstd => 512,
            Compress::ZstdDict => 128,
        }
    }
}

/// Which items leave first when memory is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Eviction {
    /// Whichever of the other two would miss less, tried out on a sample of the keys, for items of each size that there
    /// are many of; slow to notice what holds only for minutes.
    Duel,
    /// What is not read while a tenth of its slab class is replaced: items asked for once leave early and a scan spares
    /// the rest, but what is first read again later than that has to be stored twice before it stays.
    #[value(name = "s3fifo")]
    S3Fifo,
    /// What is not read for a full round over its slab class: kind to late and to moving reuse, but a scan pushes out
    /// what is read seldom.
    Clock,
}

impl Eviction {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Eviction::Duel => "duel",
            Eviction::S3Fifo => "s3fifo",
            Eviction::Clock => "clock",
        }
    }
}

/// How the kernel picks the shard of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Steering {
    /// By a hash of its addresses and ports: even, blind to where packets arrive.
    Hash,
    /// By the CPU that handles its packets: the work stays on one core, as even as the network card's queues.
    Cpu,
    /// By each listener's preferred CPU: as `cpu`, and falls back to the hash where no listener claims the CPU.
    IncomingCpu,
}

impl Steering {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Steering::Hash => "hash",
            Steering::Cpu => "cpu",
            Steering::IncomingCpu => "incoming-cpu",
        }
    }
}

/// Which NUMA nodes' memory shards use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Numa {
    /// That of the node of the shard's core, and no other.
    Local,
    /// That of all nodes in turn, page by page: as slow for one shard as for another.
    Interleave,
    /// What the kernel gives: as a rule that of the node whose core touches it first.
    Off,
}

impl Numa {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Numa::Local => "local",
            Numa::Interleave => "interleave",
            Numa::Off => "off",
        }
    }
}

/// The definition of the command line, as help, man page and completions show it: what is refused is not in it.
pub fn command() -> Command {
    Flags::command()
}

fn after_help() -> String {
    let rule = "Flags win over the file of --config, which wins over the defaults. Sizes take the suffixes k, m, g, t.";
    format!("{}\n{rule}", extended::help())
}

impl Flags {
    /// Reads the process's command line. Prints and exits for `-h`, `-V` and for what is malformed.
    pub fn from_command_line() -> Self {
        Self::try_from_args(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Reads `args`, the program's name first. The error prints itself: it is also how `-h` and `-V` come back.
    pub fn try_from_args<I, T>(args: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let mut command = refused::add_to(command());
        let matches = command.try_get_matches_from_mut(args)?;
        refused::find_in(&mut command, &matches)?;
        Flags::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

#[cfg(test)]
#[path = "flags_tests.rs"]
mod tests;
