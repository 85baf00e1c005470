//! A program that was started: what it says is kept, and it does not outlive its owner.

use super::interrupt::Interrupt;
use crate::Error;
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often a condition is looked at that somebody else makes true.
pub const POLL: Duration = Duration::from_millis(5);

/// What is kept of what a program says, in bytes.
const SAID_BYTES_MAX: usize = 4096;

/// How long a program may take to end when it is told to.
const END_WAIT: Duration = Duration::from_secs(5);

/// A running program.
pub struct Child {
    process: std::process::Child,
    name: &'static str,
    flags: String,
    said: Arc<Mutex<Vec<u8>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Child {
    /// Starts `command`, which is the program `program`, called `name`.
    pub fn start(name: &'static str, program: &Path, command: &mut Command) -> Result<Child, Error> {
        let flags: Vec<_> = command.get_args().map(|flag| flag.to_string_lossy().into_owned()).collect();
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut process = started.map_err(|source| Error::Start { program: program.to_owned(), source })?;
        let said = Arc::new(Mutex::new(Vec::new()));
        // Somebody has to read it, or a program that says much would stop.
        let reader = process.stderr.take().map(|mut stderr| {
            let said = said.clone();
            std::thread::spawn(move || {
                let mut buffer = [0; 1024];
                while let Ok(count @ 1..) = stderr.read(&mut buffer) {
                    let mut said = said.lock().unwrap_or_else(|error| error.into_inner());
                    let room = SAID_BYTES_MAX - said.len();
                    said.extend_from_slice(&buffer[..count.min(room)]);
                }
            })
        });
        Ok(Child { process, name, flags: flags.join(" "), said, reader })
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Waits for its end, which must be a good one and come within `limit`; ends it on an interrupt.
    pub fn finish(mut self, limit: Duration, interrupt: &Interrupt) -> Result<(), Error> {
        match self.wait(limit, || interrupt.came()) {
            None if interrupt.came() => Err(Error::Interrupted),
            None => Err(self.failed(&format!("it did not end within {limit:?}"))),
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.failed(&format!("it ended with {status}"))),
        }
    }

    /// Tells it to end, and ends it if it does not.
    pub fn end(&mut self) {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        if let Some(id) = id.filter(|_| !self.has_ended()) {
            let _ = kill_process(id, Signal::TERM);
        }
        if self.wait(END_WAIT, || false).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    /// The error that it did not do its work: in its own words, or by what was `seen`.
    pub fn failed(&mut self, seen: &str) -> Error {
        self.end();
        if let Some(reader) = self.reader.take() {
            // It has ended, so its pipe has, too.
            let _ = reader.join();
        }
        let said = self.said.lock().unwrap_or_else(|error| error.into_inner());
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        let said = if said.is_empty() { seen.to_owned() } else { format!("{seen}: {said}") };
        Error::Program { program: self.name, flags: self.flags.clone(), said }
    }

    /// Waits for its end, but no longer than `limit`, nor when `stop` says so.
    fn wait(&mut self, limit: Duration, stop: impl Fn() -> bool) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline && !stop() => std::thread::sleep(POLL),
                _ => return None,
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}
