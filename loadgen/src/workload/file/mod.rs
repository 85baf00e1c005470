//! Workload files: TOML that says what is asked for.
//!
//! ```toml
//! [[keyspace]]
//! name = "session"
//! keys = 100_000
//! key-size = "20-40"
//! value-size = { shape = "lognormal", median = 300, sigma = 1.1, max = "16k" }
//! distribution = "zipf:0.99"
//! ttl = [{ weight = 9, amount = "10m-1h" }, { weight = 1, amount = 0 }]
//! miss-then-set = true
//! mix = { get = 90, set = 8, touch = 2 }
//! ```
//!
//! A file that is wrong is refused with the line and the reason; nothing in it is ignored.

mod amount;
mod space;

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::{
    error::Error,
    workload::{Space, Workload},
};
use space::RawSpace;

/// Largest workload file in bytes.
const FILE_LEN_MAX: u64 = 1 << 20;

/// Most key spaces of one workload.
pub const SPACES_MAX: usize = 256;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawFile {
    keyspace: Vec<Spanned<RawSpace>>,
}

/// Reads the workload file at `path`; `suits` may refuse a key space in words.
pub fn read(path: &Path, suits: impl Fn(&Space) -> Result<(), String>) -> Result<Workload, Error> {
    let failed = |source| Error::WorkloadFile { path: path.into(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > FILE_LEN_MAX {
        return Err(failed(std::io::Error::other(format!("a workload file has at most {FILE_LEN_MAX} bytes"))));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let refused = |(line, reason)| Error::WorkloadLine { path: path.into(), line, reason };
    parse(text(&bytes).map_err(refused)?, suits).map_err(refused)
}

/// The file's bytes as text, or the line and the reason why they are none.
fn text(bytes: &[u8]) -> Result<&str, (usize, String)> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        (line, "bytes that are no UTF-8".into())
    })
}

/// The workload that `text` describes, or the line (from 1) and the reason why it describes none.
pub fn parse(text: &str, suits: impl Fn(&Space) -> Result<(), String>) -> Result<Workload, (usize, String)> {
    let line_of = |at: usize| text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1;
    let raw: RawFile = toml::from_str(text).map_err(|error: toml::de::Error| {
        (line_of(error.span().map_or(0, |span| span.start)), error.message().replace('\n', ", "))
    })?;
    if raw.keyspace.is_empty() || raw.keyspace.len() > SPACES_MAX {
        return Err((1, format!("a workload has 1 to {SPACES_MAX} key spaces")));
    }
    let mut weighted: Vec<(f64, Space)> = Vec::new();
    for raw in raw.keyspace {
        let line = line_of(raw.span().start);
        let (weight, space) = raw.into_inner().checked().map_err(|reason| (line, reason))?;
        let name = space.prefix.strip_suffix(b":").unwrap_or_default().escape_ascii().to_string();
        if weighted.iter().any(|(_, other)| other.prefix == space.prefix) {
            return Err((line, format!("the name `{name}` is taken by an earlier key space")));
        }
        suits(&space).map_err(|reason| (line, format!("key space `{name}`: {reason}")))?;
        weighted.push((weight, space));
    }
    Workload::new(weighted).map_err(|reason| (1, format!("key spaces: {reason}")))
}

#[cfg(test)]
mod tests;
