//! From flags to running shards, and back to an orderly end.
//!
//! ```text
//!   flags -> config -> host checks -> listeners -> pidfile, user -> one pinned executor per core -> signal -> end
//! ```
//!
//! Everything that can be refused is refused before the first executor starts, in words.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing::{error, info, warn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

mod listeners;
mod notify;
mod populator;
mod trainer;

use self::listeners::Listeners;
use self::notify::{State, notify};
use crate::admin::AdminControl;
use crate::clock::Clock;
use crate::command::StatsAnswer;
use crate::config::{
    COMPRESS_MIN_MAX_BYTES, Compress, Config, ConfigError, Eviction, Flags, Host, Node, Numa, PidFile, Steering,
    check_host, drop_privileges, settle,
};
use crate::protocol::memcache::Parser;
use crate::router::{Doorbell, KeyHasher, Mesh, Order, Report, Router, mesh};
use crate::server::{Control, Rules, Shared, Spread, Ticket, Worker, WorkerParts, executor, mempolicy, ring};
use crate::shard::{Change, PopulatorPort, Shard, TrainerPort};
use crate::storage::{COMPRESSED_LEN_MAX, Compression, EvictionPolicy, StoreConfig};

/// glommio's preemption timer: longer than a process lives. If it fires before the executor has begun to run its
/// tasks (the thread was kept off its core that long), glommio 0.9 goes to sleep with tasks that could run, until
/// something else wakes it. Workers yield by themselves, so nothing needs the timer.
const PREEMPT_TIMER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// What `-i` prints.
const LICENSE: &str = include_str!("../LICENSE");
/// Memory that each executor sets aside for file I/O of its own, in bytes; it only reads an event descriptor.
const EXECUTOR_IO_MEMORY_BYTES: usize = 128 << 10;

const _: () = assert!(COMPRESS_MIN_MAX_BYTES == COMPRESSED_LEN_MAX, "the flag reaches as far as the store compresses");

/// Why the server did not start, or ended.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// The configuration or the host is not fit.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Connections cannot be steered as asked.
    #[error("connections cannot be steered by `{steering}`: {cause}; use `--steering hash`")]
    Steering {
        /// The mode asked for.
        steering: String,
        /// What the kernel says.
        cause: io::Error,
    },
    /// A socket that was handed over is of no use.
    #[error("socket {number} that the service manager handed over cannot be used: {cause}")]
    Inherited {
        /// Its number, from 0 on.
        number: usize,
        /// What is wrong with it.
        cause: io::Error,
    },
    /// What was handed over is not TCP and no unix stream socket.
    #[error(
        "socket {number} that the service manager handed over is neither a TCP nor a unix stream socket; use \
         ListenStream= in the socket unit, without ListenDatagram= and the like"
    )]
    InheritedKind {
        /// Its number, from 0 on.
        number: usize,
    },
    /// A thread or its descriptors could not be had.
    #[error("the executor of core {core} did not start: {cause}")]
    Executor {
        /// The core.
        core: usize,
        /// Why.
        cause: String,
    },
    /// Descriptors or signals could not be set up.
    #[error("{what}: {cause}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel says.
        cause: io::Error,
    },
    /// A shard ended by itself.
    #[error("a shard failed; the log says why")]
    ShardFailed,
}

/// Runs the server as the flags say, until a signal ends it. Returns the process's exit code.
pub fn main(flags: Flags) -> ExitCode {
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringcached: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: Flags) -> Result<(), LaunchError> {
    if flags.license {
        print!("{LICENSE}");
        return Ok(());
    }
    let print_config = flags.print_config;
    let host = Host::observe()?;
    let (mut config, notices) = Config::load(flags, &host)?;
    if print_config {
        print!("{}", config.to_toml());
        return Ok(());
    }
    let set_verbosity = start_log(u32::from(config.verbosity));
    notices.iter().for_each(|notice| warn!("{notice}"));
    check_host(&config)?;
    let listeners = listeners::open(&config)?;
    // For `stats settings`.
    config.listen = listeners.addresses();
    let unix_file = listeners.unix_file.clone();
    let pidfile = config.pidfile.as_deref().map(PidFile::write).transpose()?;
    if let Some(user) = &config.user {
        drop_privileges(user)?;
    }
    settle(&config)?;
    let outcome = serve(config, &host.nodes, listeners, set_verbosity);
    unix_file.into_iter().for_each(|path| {
        let _ = std::fs::remove_file(path);
    });
    pidfile.into_iter().for_each(PidFile::remove);
    outcome
}

/// Logs to standard error, at a level that can be changed. Returns what changes it.
fn start_log(verbosity: u32) -> Box<dyn Fn(u32) + Send + Sync> {
    let (filter, handle) = reload::Layer::new(level(verbosity));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false).with_ansi(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
    Box::new(move |verbosity| {
        // Fails only when the subscriber is gone, at the end of the process.
        let _ = handle.reload(level(verbosity));
    })
}

fn level(verbosity: u32) -> LevelFilter {
    match verbosity {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// Starts an executor per shard, waits for a signal, and stops them.
fn serve(
    config: Config,
    nodes: &[Node],
    listeners: Listeners,
    set_verbosity: Box<dyn Fn(u32) + Send + Sync>,
) -> Result<(), LaunchError> {
    let system = |what| move |cause: io::Error| LaunchError::System { what, cause };
    // Blocked in every thread, as they inherit it; taken by `wait` below.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block().map_err(|e| system("blocking signals")(e.into()))?;

    if let Some(core) = config.control_core {
        // The threads that this one starts stay with it, but for the executors, which pin themselves.
        if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
            return Err(system("--control-core: pinning to it")(io::Error::last_os_error()));
        }
    }
    let config = Arc::new(config);
    let clock = Clock::start();
    let shared = Arc::new(Shared {
        connection_limit: config.conn_limit,
        spread: Spread::new(config.shards.len()),
        ..Shared::default()
    });
    let hasher = KeyHasher::default();
    let control: Arc<dyn Control> = Arc::new(AdminControl::new(config.clone(), clock, hasher.clone(), set_verbosity));
    let failed = Arc::new(AtomicBool::new(false));
    let bells = (0..config.shards.len())
        .map(|_| ring::eventfd().map(|event| Arc::new(Doorbell::new(event))))
        .collect::<io::Result<Vec<_>>>()
        .map_err(system("making an event descriptor"))?;
    let (started, starts) = mpsc::channel();
    shared.memory.begin();
    let mut trainers = match config.compress {
        Compress::ZstdDict => trainer::start(config.shards.len()).map_err(system("starting the trainer's thread"))?,
        _ => Vec::new(),
    };
    let populators = populator::start(&config.shards, nodes).map_err(system("starting the populator's thread"))?;
    let mut executors = Vec::new();
    let Listeners { by_shard: listeners, own_listeners, .. } = listeners;
    for (((core, mesh), listeners), populator) in config.shards.iter().zip(mesh(&bells)).zip(listeners).zip(populators)
    {
        let start = ShardStart {
            core: *core,
            config: config.clone(),
            clock,
            control: control.clone(),
            hasher: hasher.clone(),
            shared: shared.clone(),
            mesh,
            listeners,
            own_listeners,
            trainer: trainers.pop(),
            populator,
        };
        executors.push(spawn(start, started.clone(), failed.clone())?);
    }
    drop(started);
    let refused = starts.iter().take(config.shards.len()).find_map(Result::err);
    if refused.is_none() {
        let memory = config.memory_limit_bytes >> 20;
        info!("serving from {} shard(s) on core(s) {:?} with {memory} MiB", config.shards.len(), config.shards);
        notify(State::Ready);
        let signal = signals.wait().map_err(|e| system("waiting for signals")(e.into()))?;
        info!("{signal}: stopping");
    }
    notify(State::Stopping);
    shared.stopping.store(true, Ordering::SeqCst);
    bells.iter().for_each(|bell| bell.ring_unconditionally());
    for executor in executors {
        if let Err(cause) = executor.join() {
            error!("an executor ended with {cause}");
            failed.store(true, Ordering::SeqCst);
        }
    }
    match refused {
        Some(refused) => Err(refused),
        None if failed.load(Ordering::SeqCst) => Err(LaunchError::ShardFailed),
        None => Ok(()),
    }
}

/// What an executor needs to start its shard.
struct ShardStart {
    core: usize,
    config: Arc<Config>,
    clock: Clock,
    control: Arc<dyn Control>,
    hasher: KeyHasher,
    shared: Arc<Shared>,
    mesh: Mesh<Ticket>,
    listeners: Vec<OwnedFd>,
    own_listeners: usize,
    trainer: Option<TrainerPort>,
    populator: PopulatorPort,
}

fn spawn(
    start: ShardStart,
    started: mpsc::Sender<Result<(), LaunchError>>,
    failed: Arc<AtomicBool>,
) -> Result<ExecutorJoinHandle<()>, LaunchError> {
    let (core, spin_us) = (start.core, start.config.spin_us);
    LocalExecutorBuilder::new(Placement::Fixed(core))
        .name("shard")
        .preempt_timer(PREEMPT_TIMER)
        .io_memory(EXECUTOR_IO_MEMORY_BYTES)
        .spawn(move || async move {
            let _end = EndOfShard(failed.clone());
            // Made here, on its core, so that its memory is that core's.
            let worker = match worker(start) {
                Ok(worker) => worker,
                Err(cause) => {
                    let _ = started.send(Err(LaunchError::Executor { core, cause }));
                    return;
                }
            };
            let _ = started.send(Ok(()));
            drop(started);
            if let Err(cause) = executor::run(worker, spin_us).await {
                error!("the shard of core {core} failed: {cause}");
                failed.store(true, Ordering::SeqCst);
            }
        })
        .map_err(|cause| LaunchError::Executor { core, cause: cause.to_string() })
}

/// Dropped when a shard ends, in order, by an error or by a panic. The others cannot serve its keys and would wait for
/// its answers for ever: they end, too.
struct EndOfShard(Arc<AtomicBool>);

impl Drop for EndOfShard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
        if self.0.load(Ordering::SeqCst) {
            // In order, by the same way as from outside.
            let _ = kill(Pid::this(), Signal::SIGTERM);
        }
    }
}

/// Settings of a shard that may be changed while it runs.
fn set_up(shard: &mut Shard, config: &Config, clock: Clock) {
    let mut changes = vec![
        Change::CrawlerSleepUs(config.crawler_sleep_us),
        Change::CrawlerLimit(config.crawler_tocrawl),
        Change::Automove(config.slab_automove),
    ];
    if !config.crawler_enabled {
        changes.push(Change::CrawlerEnabled(false));
    }
    for change in changes {
        let done = shard.change(change, clock.now());
        debug_assert_eq!(done, Ok(()));
    }
}

/// Before the shard makes anything, so that all of it comes from where it is to.
fn bind_memory(start: &ShardStart) -> Result<(), String> {
    let (config, shard) = (&start.config, start.mesh.own());
    let nodes = config.nodes.get(shard).map(Vec::as_slice).unwrap_or_default();
    if nodes.is_empty() {
        return Ok(());
    }
    let Err(cause) = mempolicy::bind(nodes, config.numa == Numa::Interleave) else { return Ok(()) };
    let refusal = format!(
        "--numa {}: memory cannot be bound to node(s) {nodes:?} ({cause}); a container may need CAP_SYS_NICE for it; use \
         --numa off",
        config.numa.name()
    );
    if config.numa_is_asked {
        return Err(refusal);
    }
    warn!("{refusal}");
    Ok(())
}

fn worker(start: ShardStart) -> Result<Worker, String> {
    bind_memory(&start)?;
    let ShardStart {
        config, clock, control, hasher, shared, mesh, listeners, own_listeners, trainer, populator, ..
    } = start;
    let ring = ring::Ring::new(mesh.bell().event()).map_err(|cause| format!("io_uring: {cause}"))?;
    if config.busy_poll_us > 0 {
        ring.busy_poll(config.busy_poll_us).map_err(|cause| {
            format!("--busy-poll-us: this kernel does not poll network cards for io_uring ({cause}), as Linux does from 6.9 on; leave the flag away, or try --spin-us")
        })?;
    }
    let store = StoreConfig {
        item_size_max_bytes: config.item_size_max_bytes,
        evictions: config.evictions,
        eviction: match config.eviction {
            Eviction::Duel => EvictionPolicy::Duel,
            Eviction::S3Fifo => EvictionPolicy::S3Fifo,
            Eviction::Clock => EvictionPolicy::Clock,
        },
        huge_pages: true,
        compression: compression(config.compress),
        compress_min_bytes: config.compress_min_bytes,
        first_cas: StoreConfig::first_cas_of(clock.started_unix_ms(), mesh.own()),
        cas_step: mesh.shards() as u64,
        ..StoreConfig::new(config.shard_memory_bytes() as usize)
    };
    let mut shard = Shard::new(store, &hasher).map_err(|cause| cause.to_string())?;
    set_up(&mut shard, &config, clock);
    trainer.into_iter().for_each(|trainer| shard.train_at(trainer));
    shard.populate_at(populator);
    if config.detail_from_start {
        shard.count_prefixes(Some(config.detail_delimiter));
    }
    let parser = Parser::new(config.item_size_max_bytes as u64);
    let router = Router::new(shard, mesh);
    let rules = Rules {
        requests_per_turn: config.requests_per_turn,
        idle_timeout_seconds: config.idle_timeout_seconds,
        protocols: config.protocols,
        dumping_enabled: config.dumping_enabled,
        watch_enabled: config.watch_enabled,
        shutdown_enabled: config.enable_shutdown,
        // Other ways of steering know best.
        balances_connections: config.steering == Steering::Hash,
        watcher_buffer_bytes: config.watcher_logbuf_bytes,
    };
    Ok(Worker::new(WorkerParts {
        ring,
        router,
        parser,
        hasher,
        control,
        clock,
        listeners,
        own_listeners,
        shared,
        rules,
    }))
}

fn compression(compress: Compress) -> Compression {
    match compress {
        Compress::Off => Compression::Off,
        Compress::Lz4 => Compression::Lz4,
        Compress::Zstd => Compression::Zstd,
        Compress::ZstdDict => Compression::ZstdDictionary,
    }
}

impl Control for AdminControl {
    fn version(&self) -> &[u8] {
        AdminControl::version(self)
    }

    fn stats_order(&self, args: &[u8]) -> Result<Order, StatsAnswer> {
        AdminControl::stats_order(self, args)
    }

    fn stats(&self, args: &[u8], reports: Vec<(usize, Report)>) -> StatsAnswer {
        AdminControl::stats(self, args, reports)
    }

    fn set_verbosity(&self, level: u32) {
        AdminControl::set_verbosity(self, level);
    }

    fn flush_all_enabled(&self) -> bool {
        AdminControl::flush_all_enabled(self)
    }

    fn shut_down(&self) {
        // In order, by the same way as from outside.
        let _ = kill(Pid::this(), Signal::SIGTERM);
    }
}
