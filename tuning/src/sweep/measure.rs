//! One measurement: a server under ringload. The first run of ringload stores the keys and warms up; what the second one
//! measures is what the server's CPU time is counted over.

use super::child::Child;
use super::interrupt::Interrupt;
use super::server::Server;
use super::{Setup, grid};
use crate::Error;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What ringload may take beyond the time it was given: connecting, storing the keys, waiting for the last replies.
const GRACE: Duration = Duration::from_secs(60);

/// What one run came to.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sample {
    /// Requests per second.
    pub requests_per_s: f64,
    /// The server's CPU time per request, user and system, in microseconds.
    pub cpu_us_per_request: f64,
    /// Median latency in microseconds.
    pub p50_us: f64,
    /// 99th percentile of latency in microseconds.
    pub p99_us: f64,
    /// The busiest generator thread's share of its core.
    pub generator_busy: f64,
    /// Error replies and requests without any.
    pub errors: u64,
}

/// What is read of ringload's results.
#[derive(Deserialize)]
struct Report {
    requests: u64,
    requests_per_s: f64,
    latency: Latency,
    #[serde(default)]
    generator_busy: f64,
    #[serde(default)]
    errors: u64,
    #[serde(default)]
    unanswered: u64,
}

#[derive(Deserialize)]
struct Latency {
    p50_us: f64,
    p99_us: f64,
}

/// Measures the server with the flags of `point`.
pub fn measure(setup: &Setup, point: &grid::Point, interrupt: &Interrupt) -> Result<Sample, Error> {
    let server = Server::start(&setup.server, &grid::arguments(point), interrupt)?;
    load(setup, &server, setup.warmup, &["--load"], interrupt)?;
    let before = server.cpu_ns()?;
    let report = load(setup, &server, setup.duration, &[], interrupt)?;
    let cpu_ns = server.cpu_ns()?.saturating_sub(before);
    server.stop();
    if report.requests == 0 {
        let said = "no request was answered: nothing was measured".to_owned();
        return Err(Error::Program { program: "ringload", flags: setup.load.join(" "), said });
    }
    Ok(Sample {
        requests_per_s: report.requests_per_s,
        cpu_us_per_request: cpu_ns as f64 / 1000.0 / report.requests as f64,
        p50_us: report.latency.p50_us,
        p99_us: report.latency.p99_us,
        generator_busy: report.generator_busy,
        errors: report.errors + report.unanswered,
    })
}

/// Runs ringload for `time`.
fn load(
    setup: &Setup,
    server: &Server,
    time: Duration,
    extra: &[&str],
    interrupt: &Interrupt,
) -> Result<Report, Error> {
    let results = setup.directory.join("ringload.json");
    let mut command = Command::new(&setup.ringload);
    command.args(["run", "--server", &server.address.to_string(), "--seed", &setup.seed.to_string()]);
    command.args(["--warmup", "0s", "--duration", &humantime::format_duration(time).to_string().replace(' ', "")]);
    command.arg("--json").arg(&results).args(extra).args(&setup.load);
    Child::start("ringload", &setup.ringload, &mut command)?.finish(time + GRACE, interrupt)?;
    read(&results)
}

fn read(path: &Path) -> Result<Report, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::read(path, source))?;
    serde_json::from_str(&text).map_err(|error| Error::read(path, error.into()))
}
