//! Black-box testing: starts the server under test, talks to it in literal bytes, and bounds every wait.
//!
//! Nothing here may use the `ringcached` library: what is judged is the program, as its clients see it.
//! With `RINGCACHED_TEST_ADDR` (`host:port` or `unix:PATH`) the tests are aimed at that server instead, which is how
//! they are themselves checked against a real memcached.

// Every test binary compiles this module and uses its own part of it.
#![allow(dead_code, unused_imports)]

mod case;
mod connection;
mod packet;
mod pattern;
mod process;
mod server;

pub use case::{Case, Suite, case, run_suite};
pub use connection::{Address, Connection, REPLY_WAIT};
pub use packet::{Answer, HEADER_LEN, Packet, Want, packet, refusal, want};
pub use process::{Process, resident_bytes, resident_bytes_max};
pub use server::{Server, Shape, cpus, each_server, each_started, external, free_port, fresh_path};

use std::time::{Duration, Instant};

/// How often a polled condition is looked at.
pub const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Polls `ready` until it yields something or `limit` has passed.
pub fn poll_for<T>(limit: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = ready() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Bytes as a failure message shows them: escaped, and cut after `SHOWN_BYTES_MAX`.
pub fn shown(bytes: &[u8]) -> String {
    const SHOWN_BYTES_MAX: usize = 300;
    if bytes.len() <= SHOWN_BYTES_MAX {
        format!("\"{}\"", bytes.escape_ascii())
    } else {
        format!("\"{}\"… ({} bytes)", bytes[..SHOWN_BYTES_MAX].escape_ascii(), bytes.len())
    }
}

/// A small deterministic generator (splitmix64), so that a printed seed reproduces a run.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// A generator whose whole sequence is given by `seed`.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A number from 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Bytes of a value that can be recognised: they depend on `tag` and on their place, and include CR, LF and NUL.
pub fn patterned(tag: u64, len: usize) -> Vec<u8> {
    let mut random = Random::new(tag);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
