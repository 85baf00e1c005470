//! `ringload record`: a server's `watch` stream as a trace.
//!
//! The server tells a look at the item before it tells each write of it. Such a look is no request: it is left out when a
//! write of the same key follows directly. What else only looks at an item (incr, touch, a delete of nothing) is told as a
//! get, and recorded as one.

mod line;
mod writer;

use std::{
    fmt,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{ask::Asking, cli::RecordArgs, error::Error};
use line::{Event, Line, parse};
use writer::{Names, Output};

/// The streams that tell of items.
const WATCH: &[u8] = b"watch fetchers mutations deletions\r\n";

/// The same for an older memcached (1.6.18 is one), which knows no stream of deletes and refuses the whole.
const WATCH_WITHOUT_DELETES: &[u8] = b"watch fetchers mutations\r\n";

/// How long the server may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was recorded.
#[derive(Debug, Default, Serialize)]
struct RecordReport {
    server: String,
    output: String,
    sample: String,
    elapsed_s: f64,
    /// Requests that the server told.
    seen: u64,
    /// Of these, requests written to the trace.
    recorded: u64,
    /// Lines that the server lost because they were not read in time.
    lost: u64,
    /// Lines that were none of a watcher's.
    malformed: u64,
    /// Gets, sets and so on that were recorded.
    gets: u64,
    writes: u64,
    deletes: u64,
    /// Whether the server told of deletes.
    deletes_told: bool,
}

impl fmt::Display for RecordReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "requests    {} seen in {:.3} s, sample {}", self.seen, self.elapsed_s, self.sample)?;
        writeln!(
            f,
            "recorded    {} in {}: {} gets, {} writes, {} deletes",
            self.recorded, self.output, self.gets, self.writes, self.deletes
        )?;
        if !self.deletes_told {
            writeln!(f, "note: this server's stream does not tell of deletes: the trace has none")?;
        }
        if self.lost > 0 {
            writeln!(f, "note: the server lost {} lines: give it a larger -o watcher_logbuf_size", self.lost)?;
        }
        if self.malformed > 0 {
            writeln!(f, "note: {} lines were none of a watcher's", self.malformed)?;
        }
        Ok(())
    }
}

/// Keeps a look at an item until it is known whether a write of it follows.
struct Recorder {
    names: Names,
    output: Output,
    held: Option<Event>,
    first: Option<u64>,
    report: RecordReport,
    left: u64,
}

impl Recorder {
    fn take(&mut self, line: &[u8]) -> std::io::Result<()> {
        match parse(line) {
            None => self.report.malformed += 1,
            Some(Line::Other) => {}
            Some(Line::Skipped(lines)) => {
                self.report.lost += lines;
                self.release()?;
            }
            Some(Line::Request(event)) if event.verb == "get" => {
                self.release()?;
                self.held = Some(event);
            }
            Some(Line::Request(event)) => {
                if self.held.as_ref().is_some_and(|held| held.key == event.key) {
                    self.held = None;
                }
                self.release()?;
                self.write(&event)?;
            }
        }
        Ok(())
    }

    fn release(&mut self) -> std::io::Result<()> {
        self.held.take().map_or(Ok(()), |event| self.write(&event))
    }

    fn write(&mut self, event: &Event) -> std::io::Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        self.report.seen += 1;
        let first = *self.first.get_or_insert(event.micros);
        let Some(name) = self.names.name(&event.key) else { return Ok(()) };
        self.left -= 1;
        self.report.recorded += 1;
        match event.verb {
            "get" => self.report.gets += 1,
            "delete" => self.report.deletes += 1,
            _ => self.report.writes += 1,
        }
        self.output.write(event, &name, event.micros.saturating_sub(first))
    }
}

/// Begins to watch; gives whether deletes are told, too.
fn watch(asking: &mut Asking) -> Result<bool, Error> {
    let mut refused = String::new();
    for (command, deletes_told) in [(WATCH, true), (WATCH_WITHOUT_DELETES, false)] {
        asking.send(command, PATIENCE)?;
        match asking.line(Instant::now() + PATIENCE)? {
            Some(b"OK") => return Ok(deletes_told),
            Some(refusal) => refused = String::from_utf8_lossy(refusal).into_owned(),
            None => return Err(Error::Usage("the server does not answer `watch`".into())),
        }
    }
    Err(Error::Usage(format!("the server refuses to be watched: {refused}")))
}

/// Records; gives whether anything but nonsense came.
pub fn record(args: &RecordArgs) -> Result<bool, Error> {
    let failed = |source| Error::Output { path: args.output.clone(), source };
    let names = Names::new(args.sample)
        .ok_or_else(|| Error::Usage("the operating system gives no random bytes for the secret".into()))?;
    let mut asking = Asking::connect(&args.common.endpoint()?)?;
    let deletes_told = watch(&mut asking)?;
    eprintln!("ringload: recording {}", args.common.server);
    let start = Instant::now();
    let mut recorder = Recorder {
        names,
        output: Output::create(&args.output).map_err(failed)?,
        held: None,
        first: None,
        report: RecordReport {
            server: args.common.server.to_string(),
            output: args.output.display().to_string(),
            sample: args.sample.to_string(),
            deletes_told,
            ..RecordReport::default()
        },
        left: args.requests.unwrap_or(u64::MAX),
    };
    let until = start + args.duration;
    let mut ended = Ok(());
    // A stream that never pauses has to end, too.
    while recorder.left > 0 && Instant::now() < until {
        match asking.line(until) {
            Ok(Some(line)) => recorder.take(line).map_err(failed)?,
            Ok(None) => break,
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    recorder.release().map_err(failed)?;
    let Recorder { output, mut report, .. } = recorder;
    // What came until the server went is kept.
    output.finish().map_err(failed)?;
    report.elapsed_s = start.elapsed().as_secs_f64();
    print!("{report}");
    if let Some(path) = &args.common.json {
        crate::write_json(path, &report)?;
    }
    ended.map(|()| report.malformed == 0)
}
