//! ringload: a load generator for servers that speak memcached's protocols.
//!
//! Goals: to saturate one server core from one core; latencies free of coordinated omission; hit ratios of real
//! traces; and proof that every value which comes back is the one that was stored. It shares no code with the
//! server that it judges. Not a goal: to be a client library.
//!
//! All of it is the program's; its reader of traces and its distributions also serve `benches/hit_ratio`.

mod ask;
mod bottleneck;
mod check;
mod cli;
mod clock;
mod collector;
mod cores;
mod driver;
pub mod error;
mod hdr_log;
mod host;
mod interval;
mod limits;
mod measurement;
mod operation;
mod page;
mod progress;
mod protocol;
mod record;
mod recorder;
mod replay;
mod routing;
mod run;
mod saturate;
mod target;
mod threads;
mod timeline;
mod tls;
pub mod trace;
mod units;
pub mod workload;

use std::{hash::BuildHasher, path::Path, process::ExitCode};

use clap::Parser;
use serde::Serialize;

use cli::{Cli, Command};
use error::Error;

/// The program `ringload`.
pub fn main() -> ExitCode {
    limits::raise_open_files();
    let outcome = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Saturate(args) => saturate::saturate(&args),
        Command::Report(args) => page::report(&args),
        Command::Replay(args) => replay::replay(&args),
        Command::Record(args) => record::record(&args),
        Command::Check(args) => check::check(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ringload: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A seed nobody chose.
fn random_seed() -> u64 {
    // Every RandomState has fresh keys from the operating system.
    std::collections::hash_map::RandomState::new().hash_one(0u8)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let failed = |source| Error::Output { path: path.into(), source };
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    std::fs::write(path, text).map_err(failed)
}
