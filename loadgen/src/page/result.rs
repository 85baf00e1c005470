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
    /// What `saturate` found, or the hit ratio of a replay, in words.
    #[serde(skip)]
    pub verdict: Option<String>,
    pub server: String,
    pub protocol: String,
    pub connections: u64,
    pub pipeline: u64,
    pub rates: Option<String>,
    /// How many times faster than it was recorded a trace was replayed.
    pub speed: Option<f64>,
    pub elapsed_s: f64,
    /// Requests answered; in a replay, also those that the trace does not hold.
    pub requests: u64,
    pub requests_per_s: f64,
    pub errors: u64,
    /// A replay knows neither this nor the next: it ends when all is sent and answered.
    #[serde(default)]
    pub unanswered: u64,
    #[serde(default)]
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

/// What a replay tells beside what a run does.
#[derive(Debug, Deserialize)]
struct Replay {
    trace: String,
    requests: u64,
    hit_ratio: f64,
    hits: u64,
    gets: u64,
    answered: u64,
    answered_per_s: f64,
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

    /// Whether its stages are probes of `saturate`.
    pub fn has_probes(&self) -> bool {
        self.stages.iter().any(|stage| stage.held.is_some())
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
        let replay = value.get("trace").is_some().then(|| Replay::deserialize(&value)).transpose().map_err(read)?;
        let mut run: Run = serde_json::from_value(value).map_err(read)?;
        if let Some(replay) = replay {
            run.verdict = Some(replay.verdict());
            // The series counts all that was answered, and so does the table above it.
            (run.requests, run.requests_per_s) = (replay.answered, replay.answered_per_s);
        }
        if let Some((verdict, probes)) = saturation {
            run.verdict = Some(verdict);
            run.stages = serde_json::from_value(probes).map_err(read)?;
        }
        run.name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(run)
    }
}

impl Replay {
    fn verdict(&self) -> String {
        let Replay { trace, requests, hit_ratio, hits, gets, answered, .. } = self;
        format!(
            "{requests} requests of {trace}: hit ratio {hit_ratio:.4} ({hits} of {gets} gets); with the sets after misses \
             and the cas after their reads, {answered} were answered"
        )
    }
}

fn not_a_result(path: &Path, error: &serde_json::Error) -> Error {
    Error::NotAResult { path: path.into(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_replay_is_shown_by_what_was_answered() {
        let latency = json!({"p50_us": 1.0, "p90_us": 1.0, "p99_us": 1.0, "p99_9_us": 1.0, "max_us": 1.0});
        let mut value = json!({
            "server": "s", "protocol": "text", "connections": 8, "pipeline": 16, "speed": 10.0, "elapsed_s": 2.0,
            "requests": 100, "requests_per_s": 50.0, "errors": 0, "latency": latency, "generator_busy": 0.1,
            "send_lag_p99_us": 1.0, "generator_was_bottleneck": false, "command_line": "", "ended": "", "version": "",
            "host": {"name": "", "kernel": "", "cpu": "", "cpus": 1}, "stages": [], "curve": [], "series": [],
            "trace": "t.csv", "hit_ratio": 0.75, "hits": 60, "gets": 80, "answered": 120, "answered_per_s": 60.0,
        });
        let run = Run::new(Path::new("r.json"), value.clone()).unwrap();
        assert_eq!((run.requests, run.requests_per_s, run.unanswered, run.speed), (120, 60.0, 0, Some(10.0)));
        assert!(run.verdict.unwrap().starts_with("100 requests of t.csv: hit ratio 0.7500 (60 of 80 gets)"));
        // A replay of an older version told no course.
        value.as_object_mut().unwrap().remove("answered");
        let refusal = Run::new(Path::new("r.json"), value).unwrap_err().to_string();
        assert!(refusal.contains("`ringload replay` wrote") && refusal.contains("answered"), "{refusal}");
    }
}
