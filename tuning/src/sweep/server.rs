//! A server that a sweep starts on loopback, and its CPU time.

use super::child::{Child, POLL};
use super::interrupt::Interrupt;
use crate::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
const READY_WAIT: Duration = Duration::from_secs(20);

/// How long one answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// How long `--print-config` may take.
const CHECK_WAIT: Duration = Duration::from_secs(20);

/// How often a start is tried again when somebody took the port in between.
const START_TRIES: usize = 5;

const NAME: &str = "ringcached";

/// A running server; it ends with this.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Asks the program whether it takes `flags`, without serving.
    pub fn check(program: &Path, flags: &[String], interrupt: &Interrupt) -> Result<(), Error> {
        let mut command = Command::new(program);
        command.args(flags).arg("--print-config");
        Child::start(NAME, program, &mut command)?.finish(CHECK_WAIT, interrupt)
    }

    /// Starts it on a free port, and returns when it answers.
    pub fn start(program: &Path, flags: &[String], interrupt: &Interrupt) -> Result<Server, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::try_start(program, flags, interrupt) {
                // Somebody was faster: there are other ports.
                Err(Error::Program { said, .. }) if said.contains("in use") && tries < START_TRIES => {}
                outcome => return outcome,
            }
        }
    }

    fn try_start(program: &Path, flags: &[String], interrupt: &Interrupt) -> Result<Server, Error> {
        let address = free_address().map_err(|source| Error::Start { program: program.to_owned(), source })?;
        let mut command = Command::new(program);
        command.args(["--listen", &address.ip().to_string(), "--port", &address.port().to_string()]).args(flags);
        let mut server = Server { child: Child::start(NAME, program, &mut command)?, address };
        let deadline = Instant::now() + READY_WAIT;
        while !answers(address) {
            if interrupt.came() {
                return Err(Error::Interrupted);
            }
            if server.child.has_ended() {
                return Err(server.child.failed("it ended before it served"));
            }
            if Instant::now() >= deadline {
                return Err(server.child.failed(&format!("it does not answer within {READY_WAIT:?}")));
            }
            std::thread::sleep(POLL);
        }
        // With the port taken, somebody else may have answered: ours must still run.
        if server.child.has_ended() {
            return Err(server.child.failed("it ended before it served"));
        }
        Ok(server)
    }

    /// CPU time of all its threads so far, in nanoseconds.
    pub fn cpu_ns(&self) -> Result<u64, Error> {
        let path = format!("/proc/{}/task", self.child.id());
        let threads = fs::read_dir(&path).map_err(|source| Error::read(&path, source))?;
        // Threads come and go; one that is gone is not counted.
        let time = |entry: fs::DirEntry| -> Option<u64> {
            fs::read_to_string(entry.path().join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
        };
        Ok(threads.flatten().filter_map(time).sum())
    }

    /// Ends it in an orderly way.
    pub fn stop(mut self) {
        self.child.end();
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_WAIT)?;
        stream.set_read_timeout(Some(ANSWER_WAIT))?;
        stream.write_all(b"version\r\n")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line)
    };
    ask().is_ok_and(|line| line.starts_with("VERSION "))
}
