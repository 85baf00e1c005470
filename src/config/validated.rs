//! The frozen configuration: every field typed, in bounds, and agreeing with the others and with the machine.

use super::extended::Extended;
use super::flags::{Compress, Eviction, Flags, Numa, Options, Protocols, Steering};
use super::size::{self, Unit, human};
use super::{ConfigError, Host, Notice, User, address, cores, defaults, file, memory, numa, privileges};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Most connections that `-c` may ask for.
pub const CONN_LIMIT_MAX: usize = 1 << 24;
/// Most commands of one connection that `-R` may allow in one turn.
pub const REQUESTS_PER_TURN_MAX: usize = 1 << 20;
/// The smallest bound on an item's size, in bytes, as memcached's.
pub const ITEM_SIZE_MIN_BYTES: usize = 1 << 10;
/// The largest bound on an item's size, in bytes, as memcached's.
pub const ITEM_SIZE_MAX_BYTES: usize = 1 << 30;
/// The longest that a shard may look for work before it sleeps, in microseconds.
pub const SPIN_US_MAX: u32 = 100_000;
/// The longest value in bytes for which `--compress-min` can say that it is compressed: longer ones never are.
pub const COMPRESS_MIN_MAX_BYTES: usize = 256 << 10;
/// The least memory that a shard works with, in bytes. A smaller limit starts fewer shards.
pub const SHARD_MEMORY_MIN_BYTES: u64 = 8 << 20;
/// The most memory that a shard can address, in bytes: locations are 32 bits wide and count 8-byte units.
pub const SHARD_MEMORY_MAX_BYTES: u64 = 8 << 32;

/// The configuration that holds while the server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// TCP addresses that every shard listens on; empty if TCP is off. Port 0 lets the kernel choose: the first
    /// shard's listener then decides the port for all.
    pub listen: Vec<SocketAddr>,
    /// Path of a unix socket to listen on beside TCP. Never `None` when `listen` is empty, unless sockets are inherited.
    pub unix_socket: Option<PathBuf>,
    /// Listening sockets that a service manager has handed over; if there are any, they are the only ones, and
    /// `listen` and `unix_socket` are empty.
    pub inherited_sockets: usize,
    /// Permissions of the unix socket, at most `0o777`.
    pub unix_mask: u32,
    /// Memory of all shards together, in bytes; between [`SHARD_MEMORY_MIN_BYTES`] and
    /// [`SHARD_MEMORY_MAX_BYTES`] for each.
    pub memory_limit_bytes: u64,
    /// The core of each shard: at least one, no duplicates, all allowed to the process.
    pub shards: Vec<usize>,
    /// Connections that may be open at once, over all shards: 1 to [`CONN_LIMIT_MAX`].
    pub conn_limit: usize,
    /// Largest item in bytes: [`ITEM_SIZE_MIN_BYTES`] to [`ITEM_SIZE_MAX_BYTES`], at most half of a shard's memory.
    pub item_size_max_bytes: usize,
    /// How values are compressed.
    pub compress: Compress,
    /// The shortest value in bytes that is: 1 to [`COMPRESS_MIN_MAX_BYTES`].
    pub compress_min_bytes: usize,
    /// Connections that the kernel may hold before they are accepted, per listener; at least 1.
    pub listen_backlog: i32,
    /// Whether items are evicted when memory is full; if not, a store is answered with an error.
    pub evictions: bool,
    /// Which items leave first, if any do.
    pub eviction: Eviction,
    /// Whether clients may use `flush_all`.
    pub flush_all_enabled: bool,
    /// Whether clients may use `shutdown`.
    pub enable_shutdown: bool,
    /// Whether clients may use `watch`.
    pub watch_enabled: bool,
    /// Whether clients may list keys: `stats cachedump`, `lru_crawler metadump` and `mgdump`.
    pub dumping_enabled: bool,
    /// What ends the prefix of a key in `stats detail`; ASCII.
    pub detail_delimiter: u8,
    /// Whether `stats detail` counts from the start.
    pub detail_from_start: bool,
    /// Whether `stats sizes` counts from the start.
    pub track_sizes: bool,
    /// Which protocols a connection may speak.
    pub protocols: Protocols,
    /// Commands of one connection that are executed in one turn: 1 to [`REQUESTS_PER_TURN_MAX`].
    pub requests_per_turn: usize,
    /// Seconds without a command after which a connection is closed; 0 is never.
    pub idle_timeout_seconds: u32,
    /// Whether the crawler runs by itself; the commands switch it.
    pub crawler_enabled: bool,
    /// Microseconds that the crawler pauses between items: up to
    /// [`CRAWLER_SLEEP_US_MAX`](super::CRAWLER_SLEEP_US_MAX).
    pub crawler_sleep_us: u32,
    /// Items that the crawler looks at per shard and run; 0 is all.
    pub crawler_tocrawl: u32,
    /// Whether pages move to a slab class that needs one by themselves.
    pub slab_automove: bool,
    /// Buffer of each watcher in bytes: 1 KiB to [`WATCHER_LOGBUF_MAX_BYTES`](super::WATCHER_LOGBUF_MAX_BYTES).
    pub watcher_logbuf_bytes: usize,
    /// Whether the start fails where the kernel gives no large pages. They are asked for in any case.
    pub large_pages_required: bool,
    /// Whether memory is kept from being swapped out.
    pub lock_memory: bool,
    /// Whether the limit on core files is raised as far as it may be.
    pub core_files: bool,
    /// How new connections are spread over the shards.
    pub steering: Steering,
    /// Which NUMA nodes' memory shards use.
    pub numa: Numa,
    /// Whether that was asked for; if not, a sandbox may forbid it.
    pub numa_is_asked: bool,
    /// Those nodes, for each shard; none where it is left to the kernel.
    pub nodes: Vec<Vec<u32>>,
    /// Shard i listens on this port plus i, too, at every address.
    pub per_shard_ports: Option<u16>,
    /// The core of the threads that carry no shard; none of the shards'.
    pub control_core: Option<usize>,
    /// How long a shard without work looks for some before it sleeps, in microseconds: 0 to [`SPIN_US_MAX`].
    pub spin_us: u32,
    /// How long the kernel polls the network card for a shard before it sleeps, in microseconds: 0, for not at all, to
    /// [`SPIN_US_MAX`].
    pub busy_poll_us: u32,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// File that holds the process's number while it runs.
    pub pidfile: Option<PathBuf>,
    /// User to become after start-up; `None` to stay.
    pub user: Option<User>,
}

impl Config {
    /// The configuration of a command line: reads the file that it names, fills in the defaults, and checks all
    /// of it against the machine. Whether the host can run it at all is [`check_host`](super::check_host)'s part.
    pub fn load(flags: Flags, host: &Host) -> Result<(Config, Vec<Notice>), ConfigError> {
        let options = match &flags.config {
            Some(path) => flags.options.over(file::read(path)?),
            None => flags.options,
        };
        Config::resolve(options, host)
    }

    /// Validates `options` and fills in the defaults.
    pub fn resolve(options: Options, host: &Host) -> Result<(Config, Vec<Notice>), ConfigError> {
        let mut notices = Vec::new();
        if options.udp_port.unwrap_or(0) != 0 {
            return Err(ConfigError::Udp);
        }
        let inherited = host.inherited_sockets > 0;
        if inherited && let Some(flag) = listens(&options) {
            return Err(ConfigError::Activated { flag });
        }
        let listen = if inherited { Vec::new() } else { listen(&options, &mut notices)? };
        if !inherited && listen.is_empty() && options.unix_socket.is_none() {
            return Err(ConfigError::NoListener);
        }
        let for_shards = cores::besides(options.control_core, &host.allowed_cores)?;
        if let (Some(core), Some(list)) = (options.control_core, options.cores.as_deref())
            && cores::parse(list)?.contains(&core)
        {
            return Err(ConfigError::ControlCoreTaken { core });
        }
        let mut shards = cores::choose(options.cores.as_deref(), options.threads, &for_shards)?;
        let asked = options.memory_limit.as_deref();
        let asked = asked.map(|text| size::parse("-m/--memory-limit", text, Unit::MiB)).transpose()?;
        let (memory_limit_bytes, count) = memory::plan(asked, shards.len(), host.memory.as_ref(), &mut notices)?;
        shards.truncate(count);
        let (numa, nodes) =
            numa::plan(options.numa, &shards, memory_limit_bytes / count as u64, &host.nodes, &mut notices)?;
        let per_shard_ports = per_shard_ports(options.per_shard_ports, count, &listen)?;
        let item_size_max_bytes = item_size(options.max_item_size.as_deref(), memory_limit_bytes / count as u64)?;
        let compress = options.compress.unwrap_or(defaults::COMPRESS);
        let compress_min_bytes = compress_min(options.compress_min.as_deref(), compress, &mut notices)?;
        let listen_backlog = options.listen_backlog.unwrap_or(defaults::LISTEN_BACKLOG);
        within("-b/--listen-backlog", listen_backlog, 1, i32::MAX)?;
        if let Some(somaxconn) = host.somaxconn.filter(|somaxconn| *somaxconn < listen_backlog) {
            notices.push(Notice::BacklogCut { asked: listen_backlog, somaxconn });
        }
        let extended = Extended::parse(options.extended.as_deref().unwrap_or_default())?;
        let delimiter = options.delimiter.as_deref().map(delimiter).transpose()?;
        let requests_per_turn = options.max_reqs_per_event.unwrap_or(defaults::REQUESTS_PER_TURN);
        within("-R/--max-reqs-per-event", requests_per_turn, 1, REQUESTS_PER_TURN_MAX)?;
        Ok((
            Config {
                listen,
                unix_socket: options.unix_socket,
                inherited_sockets: host.inherited_sockets,
                unix_mask: options.unix_mask.as_deref().map_or(Ok(defaults::UNIX_MASK), unix_mask)?,
                memory_limit_bytes,
                shards,
                conn_limit: within(
                    "-c/--conn-limit",
                    options.conn_limit.unwrap_or(defaults::CONN_LIMIT),
                    1,
                    CONN_LIMIT_MAX,
                )?,
                item_size_max_bytes,
                compress,
                compress_min_bytes,
                listen_backlog,
                evictions: !options.disable_evictions.unwrap_or(false),
                eviction: options.eviction.unwrap_or(defaults::EVICTION),
                flush_all_enabled: !options.disable_flush_all.unwrap_or(false),
                enable_shutdown: options.enable_shutdown.unwrap_or(false),
                watch_enabled: !options.disable_watch.unwrap_or(false),
                dumping_enabled: !options.disable_dumping.unwrap_or(false),
                detail_delimiter: delimiter.unwrap_or(defaults::DETAIL_DELIMITER),
                detail_from_start: delimiter.is_some(),
                track_sizes: extended.track_sizes,
                protocols: options.protocol.unwrap_or(defaults::PROTOCOLS),
                requests_per_turn,
                idle_timeout_seconds: extended.idle_timeout_seconds,
                crawler_enabled: extended.crawler_enabled,
                crawler_sleep_us: extended.crawler_sleep_us,
                crawler_tocrawl: extended.crawler_tocrawl,
                slab_automove: extended.slab_automove,
                watcher_logbuf_bytes: extended.watcher_logbuf_bytes,
                large_pages_required: options.enable_largepages.unwrap_or(false),
                lock_memory: options.lock_memory.unwrap_or(false),
                core_files: options.enable_coredumps.unwrap_or(false),
                steering: options.steering.unwrap_or(defaults::STEERING),
                numa,
                numa_is_asked: options.numa.is_some(),
                nodes,
                per_shard_ports,
                control_core: options.control_core,
                spin_us: within("--spin-us", options.spin_us.unwrap_or(defaults::SPIN_US), 0, SPIN_US_MAX)?,
                busy_poll_us: within(
                    "--busy-poll-us",
                    options.busy_poll_us.unwrap_or(defaults::BUSY_POLL_US),
                    0,
                    SPIN_US_MAX,
                )?,
                verbosity: options.verbose,
                pidfile: options.pidfile,
                user: user(options.user.as_deref(), host, &mut notices)?,
            },
            notices,
        ))
    }

    /// Memory of each shard, in bytes.
    pub fn shard_memory_bytes(&self) -> u64 {
        self.memory_limit_bytes / self.shards.len() as u64
    }
}

/// The first setting that says where or how to listen, which a service manager has already done.
fn listens(options: &Options) -> Option<&'static str> {
    let given = [
        ("-p/--port", options.port.is_some()),
        ("-l/--listen", options.listen.is_some()),
        ("-s/--unix-socket", options.unix_socket.is_some()),
        ("-a/--unix-mask", options.unix_mask.is_some()),
        ("-b/--listen-backlog", options.listen_backlog.is_some()),
        ("--per-shard-ports", options.per_shard_ports.is_some()),
        ("--steering", options.steering.is_some_and(|steering| steering != Steering::Hash)),
    ];
    given.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
}

/// The ports of single shards, all of which must be ports and none of them listened on anyway.
fn per_shard_ports(first: Option<u16>, shards: usize, listen: &[SocketAddr]) -> Result<Option<u16>, ConfigError> {
    const OPTION: &str = "--per-shard-ports";
    let Some(first) = first else { return Ok(None) };
    let max = (u16::MAX as usize + 1).saturating_sub(shards);
    within(OPTION, usize::from(first), 1, max)?;
    if listen.is_empty() {
        return Err(ConfigError::PerShardPortsWithoutTcp);
    }
    let last = first + (shards - 1) as u16;
    match listen.iter().find(|address| (first..=last).contains(&address.port())) {
        Some(address) => Err(ConfigError::PerShardPortsTaken { first, last, address: *address }),
        None => Ok(Some(first)),
    }
}

fn listen(options: &Options, notices: &mut Vec<Notice>) -> Result<Vec<SocketAddr>, ConfigError> {
    let mut addresses = Vec::new();
    match &options.listen {
        None => addresses.extend(address::parse_list(defaults::LISTEN)?),
        Some(lists) => {
            for list in lists {
                addresses.extend(address::parse_list(list)?);
            }
        }
    }
    let port = match options.port {
        None => defaults::PORT,
        Some(-1) => 0,
        Some(0) => return tcp_off(options, &addresses, notices),
        Some(port) => u16::try_from(port).map_err(|_| bounds("-p/--port", port, -1, 65535))?,
    };
    if options.port.is_some() && !addresses.is_empty() && addresses.iter().all(|address| address.port.is_some()) {
        notices.push(Notice::PortUnused { port });
    }
    let mut listen = Vec::new();
    for address in &addresses {
        for found in address::resolve(address, port)? {
            // Two listeners on ports of the kernel's choice do not meet.
            if found.port() != 0 && listen.contains(&found) {
                return Err(ConfigError::AddressTwice { address: found.to_string() });
            }
            listen.push(found);
        }
    }
    Ok(listen)
}

fn tcp_off(
    options: &Options,
    addresses: &[address::Address],
    notices: &mut Vec<Notice>,
) -> Result<Vec<SocketAddr>, ConfigError> {
    if let Some(address) = addresses.iter().find(|address| address.port.is_some()) {
        let named = address::resolve(address, 0)?;
        let address = named.first().map(ToString::to_string).unwrap_or_default();
        return Err(ConfigError::TcpOffButListening { address });
    }
    if options.listen.as_ref().is_some_and(|listen| !listen.is_empty()) {
        notices.push(Notice::ListenUnused);
    }
    Ok(Vec::new())
}

fn item_size(asked: Option<&str>, shard_memory_bytes: u64) -> Result<usize, ConfigError> {
    const OPTION: &str = "-I/--max-item-size";
    let bytes = match asked {
        Some(text) => size::parse(OPTION, text, Unit::Bytes)?,
        None => defaults::ITEM_SIZE_MAX_BYTES as u64,
    };
    if !(ITEM_SIZE_MIN_BYTES as u64..=ITEM_SIZE_MAX_BYTES as u64).contains(&bytes) {
        let [value, min, max] = [bytes, ITEM_SIZE_MIN_BYTES as u64, ITEM_SIZE_MAX_BYTES as u64].map(human);
        return Err(ConfigError::OutOfBounds { option: OPTION, value, min, max });
    }
    if bytes > shard_memory_bytes / 2 {
        let [given, per_shard, half] = [bytes, shard_memory_bytes, shard_memory_bytes / 2].map(human);
        return Err(ConfigError::ItemOverShard { given, per_shard, half });
    }
    // In bounds, so it fits.
    Ok(bytes as usize)
}

fn compress_min(asked: Option<&str>, compress: Compress, notices: &mut Vec<Notice>) -> Result<usize, ConfigError> {
    const OPTION: &str = "--compress-min";
    let Some(text) = asked else { return Ok(compress.min_bytes()) };
    let bytes = size::parse(OPTION, text, Unit::Bytes)?;
    if !(1..=COMPRESS_MIN_MAX_BYTES as u64).contains(&bytes) {
        let [value, min, max] = [bytes, 1, COMPRESS_MIN_MAX_BYTES as u64].map(human);
        return Err(ConfigError::OutOfBounds { option: OPTION, value, min, max });
    }
    if compress == Compress::Off {
        notices.push(Notice::CompressMinUnused);
        return Ok(compress.min_bytes());
    }
    // In bounds, so it fits.
    Ok(bytes as usize)
}

fn unix_mask(text: &str) -> Result<u32, ConfigError> {
    let octal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mask = if octal { u32::from_str_radix(text, 8).ok() } else { None };
    mask.filter(|mask| *mask <= 0o777).ok_or_else(|| ConfigError::UnixMask { text: text.to_owned() })
}

/// One ASCII character: a byte of a longer one would split keys within it.
fn delimiter(text: &str) -> Result<u8, ConfigError> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(ConfigError::Delimiter { text: text.to_owned() }),
    }
}

fn user(name: Option<&str>, host: &Host, notices: &mut Vec<Notice>) -> Result<Option<User>, ConfigError> {
    match (name, host.is_root) {
        (None, true) => notices.push(Notice::RunsAsRoot),
        (None, false) => {}
        (Some(name), true) => return privileges::find(name).map(Some),
        (Some(name), false) => {
            // A name that does not exist is a mistake in any case.
            privileges::find(name)?;
            notices.push(Notice::UserUnused { name: name.to_owned() });
        }
    }
    Ok(None)
}

fn within<T: PartialOrd + ToString>(option: &'static str, value: T, min: T, max: T) -> Result<T, ConfigError> {
    if value < min || value > max { Err(bounds(option, value, min, max)) } else { Ok(value) }
}

fn bounds<T: ToString>(option: &'static str, value: T, min: T, max: T) -> ConfigError {
    ConfigError::OutOfBounds { option, value: value.to_string(), min: min.to_string(), max: max.to_string() }
}

#[cfg(test)]
#[path = "validated_tests.rs"]
mod tests;
