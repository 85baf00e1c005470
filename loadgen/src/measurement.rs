//! What every measured result tells beside its counts: how hard the generator worked, where it ran, and the course of
//! the measurement. The page reads these fields of any result.

use std::fmt;

use serde::Serialize;

use crate::{
    bottleneck::Strain,
    collector::{SERIES_MAX, SeriesRow, StageRow, Totals},
    host::Origin,
    recorder::CurvePoint,
};

/// The measurement behind a result.
#[derive(Debug, Serialize)]
pub struct Measurement {
    #[serde(flatten)]
    pub strain: Strain,
    generator_was_bottleneck: bool,
    /// Why it was.
    pub generator_complaint: Option<String>,
    #[serde(flatten)]
    origin: Origin,
    pub stages: Vec<StageRow>,
    curve: Vec<CurvePoint>,
    series: Vec<SeriesRow>,
    /// Intervals that the series had no room for.
    series_left_out: u64,
}

impl Measurement {
    /// Of this process, which has just ended it.
    pub fn of(totals: Totals) -> Self {
        // One stage that was too much is enough: the whole is then no measure of the server.
        let stages = totals.stages.iter().filter_map(|stage| stage.strain.complaint(stage.latency.p99_us));
        let p99_us = totals.recorder.percentiles().p99_us;
        let complaint = totals.strain.complaint(p99_us).into_iter().chain(stages).next();
        Measurement {
            strain: totals.strain,
            generator_was_bottleneck: complaint.is_some(),
            generator_complaint: complaint,
            origin: Origin::of_this_process(),
            curve: totals.recorder.curve(),
            stages: totals.stages,
            series: totals.series,
            series_left_out: totals.series_left_out,
        }
    }

    /// Notes, if it must be, that the series ends before the measurement did.
    pub fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.series_left_out > 0 {
            writeln!(f, "note: the series ends after {SERIES_MAX} intervals, {} too early", self.series_left_out)?;
            writeln!(f, "      Give it a longer --interval")?;
        }
        Ok(())
    }
}
