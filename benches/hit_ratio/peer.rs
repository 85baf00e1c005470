//! memcached under the same requests, at the same resident size.
//!
//! Its `-m` counts less than it takes, and it takes whole pages of 1 MiB. So it is run at several `-m` until two of
//! them enclose the size asked for; the miss ratio is interpolated between these. Its resident size is counted from
//! what it has before the first request, since the store alone is no process either. It runs on its own clock,
//! hence not for traces whose items expire.

use crate::{
    replay::Counts,
    trace::{Action, Event, Trace},
};
use std::{
    collections::{BTreeMap, HashSet},
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The least size at which it is asked: each of its classes has a page of 1 MiB whatever `-m` says, and there are some
/// 25 in use for items of up to 14 KB.
pub const RESIDENT_BYTES_MIN: u64 = 24 * MIB;

/// How long it may take to start.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Requests sent before their answers are read.
const BATCH_REQUESTS: usize = 100;

/// Bytes of a batch of writes, more or less.
const BATCH_BYTES: usize = 256 << 10;

/// Runs in search of a size.
const RUNS_MAX: usize = 6;

/// The smallest `-m` that it accepts: twice its largest item.
const MEGABYTES_MIN: u64 = 2;

const MIB: u64 = 1 << 20;

/// Where memcached is, if it is installed.
pub fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("memcached")).find(|file| file.is_file())
}

/// Its version, as it tells it.
pub fn version(program: &Path) -> io::Result<String> {
    let told = Command::new(program).arg("-V").output()?.stdout;
    Ok(String::from_utf8_lossy(&told).trim().to_owned())
}

/// Misses of all gets and of those of the second half, at a resident size; `None` if it cannot do with so little.
pub fn miss_ratios(program: &Path, trace: &Trace, resident_bytes: u64) -> io::Result<Option<[f64; 2]>> {
    let mut runs: BTreeMap<u64, (u64, Counts)> = BTreeMap::new();
    let mut megabytes = (resident_bytes / MIB).max(MEGABYTES_MIN);
    for _ in 0..RUNS_MAX {
        let run = run(program, trace, megabytes)?;
        eprintln!("  memcached -m {megabytes}: {:.1} MiB, {:.4}", run.0 as f64 / MIB as f64, run.1.miss_ratio());
        runs.insert(megabytes, run);
        let below = runs.iter().rfind(|(_, (bytes, _))| *bytes <= resident_bytes);
        let above = runs.iter().find(|(_, (bytes, _))| *bytes > resident_bytes);
        match (below, above) {
            (Some((low, from)), Some((high, to))) if high - low <= 2 => {
                return Ok(Some(between(*from, *to, resident_bytes)));
            }
            (Some((low, _)), Some((high, (bytes, _)))) => {
                let guess = high - (bytes - resident_bytes).div_ceil(MIB);
                megabytes = guess.clamp(low + 1, high - 1);
            }
            (None, Some((&MEGABYTES_MIN, _))) => return Ok(None),
            (None, Some((lowest, (bytes, _)))) => {
                megabytes = lowest.saturating_sub((bytes - resident_bytes).div_ceil(MIB)).max(MEGABYTES_MIN);
            }
            (Some((highest, (bytes, counts))), None) => {
                megabytes = highest + (resident_bytes - bytes).div_ceil(MIB).max(1);
                if megabytes > resident_bytes / MIB * 2 {
                    // All its items are there, and it is still smaller.
                    return Ok(Some([counts.miss_ratio(), counts.miss_ratio_late()]));
                }
            }
            (None, None) => unreachable!("a run has just been added"),
        }
    }
    let below = runs.values().rfind(|(bytes, _)| *bytes <= resident_bytes);
    let above = runs.values().find(|(bytes, _)| *bytes > resident_bytes);
    Ok(below.zip(above).map(|(from, to)| between(*from, *to, resident_bytes)))
}

/// Both miss ratios at a size between those of two runs.
fn between(from: (u64, Counts), to: (u64, Counts), bytes: u64) -> [f64; 2] {
    let share = (bytes - from.0) as f64 / (to.0 - from.0) as f64;
    let mix = |low: f64, high: f64| low + share * (high - low);
    [mix(from.1.miss_ratio(), to.1.miss_ratio()), mix(from.1.miss_ratio_late(), to.1.miss_ratio_late())]
}

/// Plays the trace to a new memcached. Gives by how many bytes it grew, and the counts.
fn run(program: &Path, trace: &Trace, megabytes: u64) -> io::Result<(u64, Counts)> {
    let server = Server::start(program, megabytes)?;
    let before = server.resident_bytes()?;
    let counts = Player::new(server.connect()?).play(trace)?;
    Ok((server.resident_bytes()?.saturating_sub(before), counts))
}

struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(program: &Path, megabytes: u64) -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(program);
        command.args(["-l", "127.0.0.1", "-U", "0", "-t", "1", "-p", &port.to_string(), "-m", &megabytes.to_string()]);
        if nix::unistd::geteuid().is_root() {
            command.args(["-u", "root"]);
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Server { process, port };
        let deadline = Instant::now() + READY_TIMEOUT;
        while server.connect().is_err() {
            if let Some(status) = server.process.try_wait()? {
                return Err(io::Error::other(format!("memcached ended: {status}")));
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("memcached does not accept connections"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(stream)
    }

    fn resident_bytes(&self) -> io::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
        kib.map(|kib| kib << 10).ok_or_else(|| io::Error::other("no resident size in /proc"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; there is nothing else to do about it here.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Sends batches: the sets that the last batch's misses ask for, then requests of the trace. No key comes twice in
/// a batch, so that the counts are those of the trace played one request at a time.
struct Player {
    replies: BufReader<TcpStream>,
    stream: TcpStream,
    output: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
    line: Vec<u8>,
}

impl Player {
    fn new(stream: TcpStream) -> Self {
        let replies = BufReader::with_capacity(64 << 10, stream.try_clone().expect("a descriptor"));
        let value = vec![b'v'; crate::trace::ITEM_BYTES_MAX as usize];
        Player { replies, stream, output: Vec::new(), key: Vec::new(), value, line: Vec::new() }
    }

    fn play(mut self, trace: &Trace) -> io::Result<Counts> {
        let mut counts = Counts::default();
        let (mut keys, mut gets) = (HashSet::new(), Vec::new());
        let mut missed: Vec<Event> = Vec::new();
        let mut at = 0;
        while at < trace.events.len() {
            keys.clear();
            gets.clear();
            for event in missed.drain(..) {
                self.write_set(&event);
            }
            while let Some(event) = trace.events.get(at)
                && keys.len() < BATCH_REQUESTS
                && self.output.len() < BATCH_BYTES
                && keys.insert(event.key)
            {
                match event.action {
                    Action::Get => {
                        self.write_line("get ", event, "\r\n");
                        gets.push(at);
                    }
                    Action::Set => self.write_set(event),
                    Action::Delete => self.write_line("delete ", event, " noreply\r\n"),
                }
                at += 1;
            }
            self.stream.write_all(&self.output)?;
            self.output.clear();
            for &number in &gets {
                let hit = self.read_reply()?;
                counts.got(number, trace.events.len(), hit);
                let event = trace.events[number];
                if !hit && event.fits() {
                    missed.push(event);
                }
            }
        }
        // What comes after these is not of the trace, but their answers say that all before has been done.
        self.stream.write_all(b"get end\r\n")?;
        self.read_reply()?;
        Ok(counts)
    }

    fn write_line(&mut self, command: &str, event: &Event, rest: &str) {
        event.write_key(&mut self.key);
        self.output.extend_from_slice(command.as_bytes());
        self.output.extend_from_slice(&self.key);
        self.output.extend_from_slice(rest.as_bytes());
    }

    fn write_set(&mut self, event: &Event) {
        self.write_line("set ", event, &format!(" 0 0 {} noreply\r\n", event.value_len));
        self.output.extend_from_slice(&self.value[..event.value_len as usize]);
        self.output.extend_from_slice(b"\r\n");
    }

    /// Whether a get found something.
    fn read_reply(&mut self) -> io::Result<bool> {
        self.read_line()?;
        if self.line == b"END\r\n" {
            return Ok(false);
        }
        let unexpected = || io::Error::other(format!("memcached answers {:?}", self.line.escape_ascii().to_string()));
        if !self.line.starts_with(b"VALUE ") {
            return Err(unexpected());
        }
        let len = self.line.trim_ascii_end().rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        let len = std::str::from_utf8(len).ok().and_then(|len| len.parse::<u64>().ok()).ok_or_else(unexpected)?;
        io::copy(&mut self.replies.by_ref().take(len + 2), &mut io::sink())?;
        self.read_line()?;
        Ok(true)
    }

    fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        match self.replies.read_until(b'\n', &mut self.line)? {
            0 => Err(io::Error::other("memcached closed the connection")),
            _ => Ok(()),
        }
    }
}
