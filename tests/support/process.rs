//! A child process that cannot outlive its test and whose words are kept for the failure message.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::poll_for;

/// How long a process may take to end by itself after SIGTERM before it is killed.
const END_WAIT: Duration = Duration::from_secs(5);

/// Most of a process's standard error that is kept.
const KEPT_OUTPUT_MAX: usize = 1 << 20;

/// A running program with its standard error captured.
pub struct Process {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
    listener: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `program`. Its standard output is discarded.
    pub fn start(program: &mut Command) -> std::io::Result<Process> {
        Process::start_on(program, Stdio::null(), Stdio::null())
    }

    /// Starts `program` with these as its standard input and output.
    pub fn start_on(program: &mut Command, input: Stdio, output: Stdio) -> std::io::Result<Process> {
        let mut child = program.stdin(input).stdout(output).stderr(Stdio::piped()).spawn()?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let listener = child.stderr.take().map(|mut stderr| {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                let mut chunk = [0; 4096];
                // Read to the end even past the bound, so that a talkative process never blocks.
                while let Ok(n @ 1..) = stderr.read(&mut chunk) {
                    let mut said = said.lock().unwrap_or_else(|e| e.into_inner());
                    let room = KEPT_OUTPUT_MAX.saturating_sub(said.len());
                    said.extend_from_slice(&chunk[..n.min(room)]);
                }
            })
        });
        Ok(Process { child, said, listener })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard error so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap_or_else(|e| e.into_inner())).into_owned()
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end; `None` if it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let status = poll_for(limit, || self.ended())?;
        if let Some(listener) = self.listener.take() {
            // The pipe ended with the process, so this is immediate.
            let _ = listener.join();
        }
        Some(status)
    }

    /// Sends a signal by name (`TERM`, `INT`).
    pub fn signal(&mut self, name: &str) {
        if self.ended().is_some() {
            return;
        }
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(status.is_ok_and(|s| s.success()), "cannot send SIG{name} to {}", self.id());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        let _ = Command::new("kill").arg("-TERM").arg(self.id().to_string()).status();
        if poll_for(END_WAIT, || self.ended()).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Resident memory of a process in bytes (`VmRSS`); `None` if it is gone or not ours to see.
pub fn resident_bytes(id: u32) -> Option<u64> {
    status_bytes(id, "VmRSS:")
}

/// The most that it ever was (`VmHWM`).
pub fn resident_bytes_max(id: u32) -> Option<u64> {
    status_bytes(id, "VmHWM:")
}

fn status_bytes(id: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}
