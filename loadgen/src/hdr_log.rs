//! The interval log of HdrHistogram (`.hlog`, histograms in V2, deflated, in base 64), which its plotters, its log
//! analyser and the libraries of a dozen languages read. Values are nanoseconds; the column of maxima is in
//! milliseconds, as in the logs of the Java tools.
//!
//! <https://github.com/HdrHistogram/HdrHistogram/blob/master/src/main/java/org/HdrHistogram/HistogramLogWriter.java>

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, IntervalLogWriterError},
};

use crate::{collector::Closed, error::Error};

/// Nanoseconds in a millisecond.
const MAX_DIVISOR: f64 = 1e6;

/// The names of the columns; readers skip this line.
const LEGEND: &str = "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"";

/// Measures with a log at `path`, if there is one: what `measure` is handed wants to be shown every interval. An interval
/// that cannot be written ends the log and not the measurement, and is told afterwards.
pub fn logged<T>(
    path: Option<&Path>,
    measure: impl FnOnce(&mut dyn FnMut(&Closed)) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut file = path.map(HdrLogFile::create).transpose()?;
    let mut log = file.as_mut().map(HdrLogFile::begin).transpose()?;
    let mut written = Ok(());
    let measured = measure(&mut |closed| {
        if let (Some(log), Ok(())) = (&mut log, &written) {
            written = log.write(closed);
        }
    })?;
    written.map(|()| measured)
}

/// An open file for a log.
struct HdrLogFile {
    path: PathBuf,
    file: File,
    serializer: V2DeflateSerializer,
}

/// A log whose head is written.
struct HdrLog<'a> {
    path: &'a Path,
    writer: IntervalLogWriter<'a, 'a, File, V2DeflateSerializer>,
}

impl HdrLogFile {
    /// Creates the file; one that exists is overwritten.
    fn create(path: &Path) -> Result<Self, Error> {
        let file = File::create(path).map_err(|source| Error::Output { path: path.into(), source })?;
        Ok(HdrLogFile { path: path.into(), file, serializer: V2DeflateSerializer::new() })
    }

    /// Writes the head; times count from now.
    fn begin(&mut self) -> Result<HdrLog<'_>, Error> {
        let path = &self.path;
        let failed = |source| Error::Output { path: path.clone(), source };
        writeln!(self.file, "#[Histogram log format version 1.3]\n{LEGEND}").map_err(failed)?;
        let now = SystemTime::now();
        let writer = IntervalLogWriterBuilder::new()
            .add_comment("[Latencies in nanoseconds, written by ringload]")
            .with_start_time(now)
            .with_base_time(now)
            .with_max_value_divisor(MAX_DIVISOR)
            .begin_log_with(&mut self.file, &mut self.serializer)
            .map_err(failed)?;
        Ok(HdrLog { path, writer })
    }
}

impl HdrLog<'_> {
    /// Adds an interval.
    fn write(&mut self, closed: &Closed) -> Result<(), Error> {
        let length = Duration::from_secs_f64(closed.row.seconds);
        let start = Duration::from_secs_f64((closed.row.at_s - closed.row.seconds).max(0.0));
        self.writer.write_histogram(closed.recorder.latency(), start, length, None).map_err(|error| {
            let source = match error {
                IntervalLogWriterError::IoError(source) => source,
                other => io::Error::other(other),
            };
            Error::Output { path: self.path.into(), source }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{collector::SeriesRow, recorder::Recorder};
    use hdrhistogram::{
        Histogram,
        serialization::{
            Deserializer,
            interval_log::{IntervalLogIterator, LogEntry},
        },
    };

    #[test]
    fn the_log_reads_back() {
        let path = std::env::temp_dir().join(format!("ringload-hdr-{}.hlog", std::process::id()));
        let mut file = HdrLogFile::create(&path).unwrap();
        let mut log = file.begin().unwrap();
        for interval in 1..=3u64 {
            let mut recorder = Recorder::default();
            (0..1000 * interval).for_each(|n| recorder.record(n * 500));
            recorder.settle();
            let row = SeriesRow { at_s: interval as f64 * 0.25, seconds: 0.25, ..SeriesRow::default() };
            log.write(&Closed { row: &row, recorder: &recorder }).unwrap();
        }
        let text = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let (mut starts, mut base, mut counts) = (0, 0, Vec::new());
        for entry in IntervalLogIterator::new(&text) {
            match entry.unwrap() {
                LogEntry::StartTime(_) => starts += 1,
                LogEntry::BaseTime(_) => base += 1,
                LogEntry::Interval(interval) => {
                    let encoded = base64::Engine::decode(
                        &base64::engine::general_purpose::STANDARD,
                        interval.encoded_histogram(),
                    );
                    let read: Histogram<u64> =
                        Deserializer::new().deserialize(&mut encoded.unwrap().as_slice()).unwrap();
                    assert!((interval.max() - read.max() as f64 / 1e6).abs() < 0.001);
                    assert_eq!(interval.start_timestamp().as_millis(), 250 * counts.len() as u128);
                    assert_eq!(interval.duration().as_millis(), 250);
                    counts.push((read.len(), read.max() / 1_000_000));
                }
            }
        }
        assert_eq!((starts, base), (1, 1));
        assert_eq!(counts, [(1000, 0), (2000, 0), (3000, 1)]);
    }
}
