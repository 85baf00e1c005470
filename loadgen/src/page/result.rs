//! What the page shows of a result, read from its JSON.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// Largest result that is read, in bytes.
const FILE_MAX: u64 = 256 << 20;

/// One result.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    /// What the page calls it: the file's name.
    #[serde(skip)]
    pub name: String,
    /// What `saturate` found, in words.
    #[serde(skip)]
    pub verdict: Option<String>,
    pub server: String,
    pub protocol: String,
    pub connections: u64,
    pub pipeline: u64,
    pub rates: Option<String>,
    pub elapsed_s: f64,
    pub requests: u64,
    pub requests_per_s: f64,
    pub errors: u64,
    pub unanswered: u64,
    pub unsent: u64,
    pub latency: Latency,
    pub generator_busy: f64,
    pub send_lag_p99_us: f64,
    pub generator_was_bottleneck: bool,
    pub generator_complaint: Option<String>,
    pub command_line: String,
    pub ended: String,
    pub version: String,
    pub host: Host,
    pub stages: Vec<Stage>,
    pub curve: Vec<CurvePoint>,
    pub series: Vec<Row>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Latency {
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p99_9_us: f64,
    pub max_us: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Host {
    pub name: String,
    pub kernel: String,
    pub cpu: String,
    pub cpus: u64,
}

/// A stage of a run, or a probe of `saturate`.
#[derive(Clone, Debug, Deserialize)]
pub struct Stage {
    pub rate_from: Option<f64>,
    pub rate_to: Option<f64>,
    pub seconds: f64,
    pub requests_per_s: f64,
    pub errors: u64,
    pub latency: Latency,
    pub generator_busy: f64,
    pub generator_was_bottleneck: bool,
    /// Of a probe: whether it held the goal.
    pub held: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct CurvePoint {
    pub quantile: f64,
    pub latency_us: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Row {
    pub at_s: f64,
    pub seconds: f64,
    pub requests_per_s: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

impl Run {
    /// Reads a file that `--json` wrote.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Input { path: path.into(), source };
        if std::fs::metadata(path).map_err(failed)?.len() > FILE_MAX {
            return Err(Error::NotAResult { path: path.into(), reason: "it is too large".into() });
        }
        let text = std::fs::read(path).map_err(failed)?;
        let value = serde_json::from_slice(&text).map_err(|error| not_a_result(path, &error))?;
        Run::new(path, value)
    }

    /// Takes a result of this process, to be shown in the page `path`.
    pub fn of(path: &Path, result: &impl Serialize) -> Result<Self, Error> {
        Run::new(path, serde_json::to_value(result).map_err(|error| not_a_result(path, &error))?)
    }

    fn new(path: &Path, mut value: Value) -> Result<Self, Error> {
        let refused = |reason: &str| Error::NotAResult { path: path.into(), reason: reason.into() };
        let mut saturation = None;
        if value.get("probes").is_some() {
            let verdict = value["verdict"].as_str().unwrap_or_default().to_owned();
            saturation = Some((verdict, value["probes"].take()));
            value = value["best"].take();
            if value.is_null() {
                return Err(refused("no rate held, so there is nothing to show"));
            }
        }
        let read = |error| not_a_result(path, &error);
        let mut run: Run = serde_json::from_value(value).map_err(read)?;
        if let Some((verdict, probes)) = saturation {
            run.verdict = Some(verdict);
            run.stages = serde_json::from_value(probes).map_err(read)?;
        }
        run.name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(run)
    }
}

fn not_a_result(path: &Path, error: &serde_json::Error) -> Error {
    Error::NotAResult { path: path.into(), reason: error.to_string() }
}
