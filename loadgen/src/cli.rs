//! The command line: raw options, validated by the commands that use them.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{
    error::Error,
    page::RUNS_MAX,
    protocol::Protocol,
    target::{Endpoint, Target},
    tls::Trust,
    units::{Bytes, Share, SizeRange},
    workload::{Arrivals, Distribution, Rate, RateCourse},
};

/// Most requests in flight on one connection.
const PIPELINE_MAX: u32 = 65_536;

/// Most connections of one process.
const CONNECTIONS_MAX: u32 = 100_000;

/// Most keys of one multiget.
const MULTIGET_MAX: u16 = 10_000;

/// A load generator for servers that speak memcached's protocols.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Drive a synthetic load and report throughput and latency.
    ///
    /// Example: ringload run --server 127.0.0.1:11211 --load --connections 16 --pipeline 64 --cores 0
    ///
    /// Example: ringload run --server 127.0.0.1:11211 --rate 10k,20k,50k..100k --duration 2s --report steps.html
    ///
    /// Example: ringload run --server 127.0.0.1:11211 --protocol meta --workload loadgen/workloads/social.toml
    ///
    /// Example: ringload run --server 127.0.0.1:11211 --shard-aware --load --pipeline 16 --multiget 10
    ///
    /// Example: ringload run --server 127.0.0.1:6379 --protocol resp --workload loadgen/workloads/sessions.toml
    ///
    /// Example: ringload run --server 127.0.0.1:6380 --protocol resp --tls --tls-ca ca.pem --value-size 100-4k
    Run(RunArgs),
    /// Find the highest rate at which the server holds a latency goal.
    ///
    /// Probes with an open loop: the rate doubles until the goal is missed twice, then the interval is halved; what is
    /// found must hold again. If the generator was the limit, not the server, there is no result.
    /// Exit code 1 without a confirmed result.
    ///
    /// Example: ringload saturate --server 127.0.0.1:11211 --load --keys 10000 --p99-us 1000 --pipeline 16
    Saturate(SaturateArgs),
    /// Write a page that compares results: HTML that needs no network.
    ///
    /// Example: ringload report before.json after.json -o comparison.html
    Report(ReportArgs),
    /// Replay a cache trace and report the hit ratio.
    ///
    /// The trace has Twitter's columns, or is an oracleGeneral binary of libCacheSim, told by that word in its name.
    /// Every get that misses is followed by a set of that key in the size that the trace gives.
    ///
    /// Example: ringload replay --server 127.0.0.1:11211 --trace cluster52.csv.zst --limit 1000000
    ///
    /// Example: ringload replay --server 127.0.0.1:11211 --protocol meta --trace cluster52.csv.zst --limit 1000000
    ///
    /// Example: ringload replay --server 127.0.0.1:6379 --protocol resp --trace cluster52.csv.zst --limit 1000000
    ///
    /// Example: ringload replay --server 127.0.0.1:11211 --trace w81.oracleGeneral.bin.zst --speed 100x
    ///
    /// Example: ringload replay --server 127.0.0.1:11211 --trace recorded.csv.zst --speed 10x --no-fill
    ///
    /// Example: ringload replay --server 127.0.0.1:11211 --trace recorded.csv.zst --interval 100ms --report replay.html
    Replay(ReplayArgs),
    /// Record what a server is asked, by its `watch` stream, as a trace that `replay` replays.
    ///
    /// Keys are replaced by a keyed hash whose secret nobody learns: the same key has the same name within one
    /// recording and no other. The server loses lines that are not read in time; how many is told.
    ///
    /// Example: ringload record --server 127.0.0.1:11211 --output recorded.csv.zst --sample 1/100 --duration 3s
    Record(RecordArgs),
    /// Drive a mixed load whose every value is verified; exit code 1 if any reply is wrong.
    ///
    /// Example: ringload check --server 127.0.0.1:11211 --keys 10000 --duration 3s
    ///
    /// Example: ringload check --server 127.0.0.1:11211 --protocol binary --keys 10000 --duration 3s
    ///
    /// Example: ringload check --server 127.0.0.1:6379 --protocol resp --keys 10000 --duration 3s
    ///
    /// Example: ringload check --server 127.0.0.1:11211 --linearizable --requests 100000
    ///
    /// Example: ringload check --server 127.0.0.1:11211 --protocol meta --linearizable --requests 100000
    ///
    /// Example: ringload check --server 127.0.0.1:6379 --protocol resp --linearizable --requests 100000
    Check(CheckArgs),
}

/// What all commands share.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The server: HOST:PORT or unix:PATH.
    #[arg(long, default_value = "127.0.0.1:11211", value_name = "ADDRESS")]
    pub server: Target,
    /// Speak TLS. The server's certificate must name the host of --server and be trusted by this system.
    #[arg(long)]
    pub tls: bool,
    /// Trust the certificates of this PEM file instead.
    #[arg(long, requires = "tls", conflicts_with = "tls_insecure", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Trust any certificate.
    #[arg(long, requires = "tls")]
    pub tls_insecure: bool,
    /// The cores to run on, one generator thread each (a list such as 0-3,6); default: one thread, not pinned.
    #[arg(long, value_parser = crate::cores::parse, value_name = "LIST")]
    pub cores: Option<crate::cores::CoreList>,
    /// Seed of all random choices; default: drawn. It is printed.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write the results to FILE as JSON too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Common {
    /// The server, and how to speak to it; refused in words if the certificates cannot be read.
    pub fn endpoint(&self) -> Result<Endpoint, Error> {
        let trust = match &self.tls_ca {
            _ if !self.tls => None,
            _ if self.tls_insecure => Some(Trust::Anybody),
            None => Some(Trust::System),
            Some(path) => Some(Trust::File(path)),
        };
        Endpoint::new(self.server.clone(), trust)
    }

    /// The core of each generator thread; one thread without a core where none are named.
    pub fn pins(&self) -> Vec<Option<usize>> {
        self.cores.as_ref().map_or_else(|| vec![None], |list| list.0.iter().map(|core| Some(*core)).collect())
    }
}

/// The load itself, without its pace: what `run` and `saturate` share.
#[derive(Clone, Debug, Args)]
pub struct LoadArgs {
    #[command(flatten)]
    pub common: Common,
    /// The protocol.
    #[arg(long, value_enum, default_value_t = Protocol::Text)]
    pub protocol: Protocol,
    /// What to ask for, from a TOML file: key spaces, sizes, operations. It replaces the options --multiget,
    /// --get-ratio, --keys, --key-size, --value-size and --distribution, which cannot be given too.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["multiget", "get_ratio", "keys", "key_size", "value_size",
        "distribution"])]
    pub workload: Option<PathBuf>,
    /// Connections, over all cores.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(CONNECTIONS_MAX)))]
    pub connections: u32,
    /// Requests in flight on a connection. In a closed loop the next batch is sent when the last reply is in.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(PIPELINE_MAX)))]
    pub pipeline: u32,
    /// Keys of one get.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(MULTIGET_MAX)))]
    pub multiget: u16,
    /// The share of gets among the requests, 0 to 1; the others are sets.
    #[arg(long, default_value_t = 0.9, value_parser = ratio)]
    pub get_ratio: f64,
    /// How many keys there are.
    #[arg(long, default_value_t = 1_000_000)]
    pub keys: u64,
    /// Bytes of a key.
    #[arg(long, default_value = "24", value_name = "BYTES")]
    pub key_size: Bytes,
    /// Bytes of a value: a size or a range such as 16-1k. A key keeps its size.
    #[arg(long, default_value = "32", value_name = "BYTES")]
    pub value_size: SizeRange,
    /// The keys' popularity: uniform, or zipf:S with exponent S.
    #[arg(long, default_value = "uniform")]
    pub distribution: Distribution,
    /// First store every key once, so that gets hit.
    #[arg(long)]
    pub load: bool,
    /// Send each key to the shard that owns it, as `stats routing` of a ringcached with --per-shard-ports tells: the
    /// connections go to the shards' ports in turn, and a multiget becomes one for each shard that owns some of its keys.
    #[arg(long, conflicts_with = "workload")]
    pub shard_aware: bool,
}

#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub load: LoadArgs,
    /// Open loop: requests per second in all, sent on schedule whether or not replies come; latency counts from
    /// the intended moment. Several rates (10k,20k,50k) follow each other, each for --duration; 10k..100k rises
    /// (or falls) evenly over --duration. Default: closed loop.
    #[arg(long, value_name = "RATES")]
    pub rate: Option<RateCourse>,
    /// How the open loop's arrivals are spaced.
    #[arg(long, value_enum, default_value_t = Arrivals::Even, requires = "rate")]
    pub arrivals: Arrivals,
    /// Load for this long before measuring, in an open loop at its first rate.
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub warmup: Duration,
    /// Measure for this long; in an open loop of several rates, each of them for this long.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration, conflicts_with = "requests")]
    pub duration: Duration,
    /// Measure this many requests instead.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    #[command(flatten)]
    pub course: CourseArgs,
}

/// What is told of the course of a measurement, beside its result.
#[derive(Clone, Debug, Args)]
pub struct CourseArgs {
    /// The time that one row of the series and of --hdr-log covers, 10 ms at least. Default: a hundredth of the
    /// whole, between 100 ms and 1 s; 1 s where no time ends it.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub interval: Option<Duration>,
    /// Write the latencies of every interval to FILE, a log for HdrHistogram's tools (nanoseconds, compressed).
    #[arg(long, value_name = "FILE")]
    pub hdr_log: Option<PathBuf>,
    /// Write a page with tables and plots to FILE: HTML that needs no network.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct SaturateArgs {
    #[command(flatten)]
    pub load: LoadArgs,
    /// The goal: 99 of 100 requests are answered within this many microseconds of their intended moment.
    #[arg(long, value_name = "MICROSECONDS", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub p99_us: u64,
    /// The rate of the first probe, requests per second.
    #[arg(long, default_value = "10k", value_name = "RATE")]
    pub from: Rate,
    /// No probe is faster than this.
    #[arg(long, default_value = "50m", value_name = "RATE")]
    pub to: Rate,
    /// The search ends when the rate that holds and the one that does not are this close, in percent.
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT", value_parser = percent)]
    pub precision: f64,
    /// How often the result must hold again before it is one.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub confirm: u32,
    /// How arrivals are spaced.
    #[arg(long, value_enum, default_value_t = Arrivals::Even)]
    pub arrivals: Arrivals,
    /// Each probe loads for this long before it measures.
    #[arg(long, default_value = "500ms", value_parser = humantime::parse_duration)]
    pub warmup: Duration,
    /// Each probe measures for this long.
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// No probe starts after this time: the result is then what was known by then.
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    pub time_max: Duration,
    /// Write a page with tables and plots to FILE: HTML that needs no network.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// Results that `run`, `saturate` or `replay` wrote by --json; the page compares them in this order.
    #[arg(required = true, num_args = 1..=RUNS_MAX, value_name = "FILE.json")]
    pub results: Vec<PathBuf>,
    /// The page to write.
    #[arg(long, short, value_name = "FILE.html")]
    pub output: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    pub common: Common,
    /// The protocol. RESP has neither cas nor prepend: such requests of a trace are left out and counted.
    #[arg(long, value_enum, default_value_t = Protocol::Text)]
    pub protocol: Protocol,
    /// The trace: timestamp,key,key_size,value_size,client,operation,ttl per line, or an oracleGeneral binary; plain,
    /// .zst or .xz.
    #[arg(long, value_name = "FILE")]
    pub trace: PathBuf,
    /// Send requests when the trace says so, this many times faster than it was recorded (1x, 10x, 0.5x); latency
    /// counts from that moment. Default: as fast as the server answers.
    #[arg(long, value_parser = speed, value_name = "FACTOR")]
    pub speed: Option<f64>,
    /// Leave misses as they are: the trace holds the sets that followed them, as a recorded one does.
    #[arg(long)]
    pub no_fill: bool,
    /// Stop after this many requests of the trace.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Connections. A key always uses the same one, so that its requests keep their order.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub connections: u32,
    /// Requests in flight on a connection.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub pipeline: u32,
    /// Values above this size are cut to it.
    #[arg(long, default_value = "1000k", value_name = "BYTES")]
    pub value_size_max: Bytes,
    #[command(flatten)]
    pub course: CourseArgs,
}

#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    #[command(flatten)]
    pub common: Common,
    /// The trace to write; a name that ends in .zst is compressed.
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Record the keys whose hash falls into this share: all requests of such a key, and none of others.
    #[arg(long, default_value = "1/1", value_name = "N/M")]
    pub sample: Share,
    /// Record for this long.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// End earlier when this many requests are recorded.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub common: Common,
    /// The protocol. RESP has no cas, and nothing is appended over it, for its APPEND makes items.
    #[arg(long, value_enum, default_value_t = Protocol::Text)]
    pub protocol: Protocol,
    /// Check instead that the answers are linearizable: all connections read and write all keys by get, gets, set, add,
    /// cas, incr and delete, and afterwards an order is looked for in which each request, between the moment it was
    /// sent and its answer, could have been done as it was answered. The server must not evict meanwhile.
    #[arg(long, conflicts_with = "value_size")]
    pub linearizable: bool,
    /// Connections, over all cores. Each is the only writer of its share of the keys; all read all.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub connections: u32,
    /// Requests in flight on a connection.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub pipeline: u32,
    /// How many keys there are; default: 10000, and 100 with --linearizable, so that requests meet.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub keys: Option<u64>,
    /// Bytes of a key.
    #[arg(long, default_value = "24", value_name = "BYTES")]
    pub key_size: Bytes,
    /// Bytes of the largest value; most are far smaller.
    #[arg(long, default_value = "200k", value_name = "BYTES")]
    pub value_size: Bytes,
    /// Check for this long.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration, conflicts_with = "requests")]
    pub duration: Duration,
    /// Check this many requests instead.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
}

fn ratio(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|r| (0.0..=1.0).contains(r)).ok_or_else(|| "must lie between 0 and 1".into())
}

fn speed(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('x').unwrap_or(text).parse().ok();
    number.filter(|factor| (1e-3..=1e6).contains(factor)).ok_or_else(|| "must lie between 0.001x and 1000000x".into())
}

fn percent(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|p| (0.1..=50.0).contains(p)).ok_or_else(|| "must lie between 0.1 and 50".into())
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
            "ringload run --connections 0",
            "ringload run --get-ratio 1.1",
            "ringload run --get-ratio NaN",
            "ringload run --rate 0",
            "ringload run --rate 10k,,20k",
            "ringload run --arrivals poisson",
            "ringload saturate",
            "ringload saturate --p99-us 0",
            "ringload saturate --p99-us 100 --precision 0",
            "ringload report -o x.html",
            "ringload report a.json",
            "ringload run --duration 1s --requests 5",
            "ringload run --value-size 9-3",
            "ringload run --server nowhere",
            "ringload run --tls-insecure",
            "ringload run --tls-ca x",
            "ringload run --tls --tls-insecure --tls-ca x",
            "ringload run --workload x --keys 5",
            "ringload run --workload x --get-ratio 0.5",
            "ringload run --protocol http",
            "ringload replay",
            "ringload replay --trace x --speed 0x",
            "ringload replay --trace x --speed fast",
            "ringload replay --trace x --interval soon",
            "ringload record",
            "ringload record -o x --sample 2/1",
            "ringload run --shard-aware --workload x",
            "ringload check --linearizable --value-size 5",
            "ringload check --keys 0",
        ] {
            assert!(refused(line), "{line}");
        }
        assert!(!refused("ringload run --server unix:/tmp/x --rate 1000 --arrivals poisson --distribution zipf:0.9"));
    }
}
