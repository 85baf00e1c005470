//! Which plots a page has: latency by percentile, throughput and latency over time, latency by rate.

use super::{
    plot::{Line, Plot},
    result::{Row, Run, Stage},
    scale::{Scale, Unit},
};

/// Points of one line over time; a longer series is shown in groups.
const POINTS_MAX: usize = 600;

/// The plots of `runs`, in the order of the page.
pub fn plots(runs: &[Run]) -> Vec<Plot> {
    let mut plots = vec![by_percentile(runs)];
    if runs.iter().any(|run| run.stages.len() > 1) {
        plots.push(by_rate(runs));
    }
    plots.push(throughput(runs));
    plots.push(over_time(runs));
    plots
}

fn by_percentile(runs: &[Run]) -> Plot {
    let lines = runs.iter().enumerate().map(|(at, run)| Line {
        run: at,
        thin: false,
        name: run.name.clone(),
        points: run
            .curve
            .iter()
            .map(|point| {
                let share = Unit::Quantile.text(point.quantile);
                let hint = format!("{share} within {}", Unit::Micros.text(point.latency_us));
                (point.quantile, Some(point.latency_us), hint)
            })
            .collect(),
    });
    let requests = runs.iter().map(|run| run.requests).max().unwrap_or(0);
    Plot {
        title: "Latency by percentile".into(),
        description: "The share of the requests that were answered within a time. Lower is better.".into(),
        x: Scale::nines(requests),
        x_name: "share of the requests",
        y: Scale::log(Unit::Micros, runs.iter().flat_map(|run| &run.curve).map(|point| point.latency_us)),
        marks: Vec::new(),
        lines: lines.collect(),
    }
}

fn by_rate(runs: &[Run]) -> Plot {
    let mut lines = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        let mut stages: Vec<&Stage> = run.stages.iter().collect();
        stages.sort_by(|a, b| a.requests_per_s.total_cmp(&b.requests_per_s));
        for (thin, name, figure) in FIGURES {
            let points = stages.iter().map(|stage| {
                let value = figure(stage.latency.p50_us, stage.latency.p99_us);
                let rate = Unit::Rate.text(stage.requests_per_s);
                (stage.requests_per_s, Some(value), format!("{} at {rate}/s", Unit::Micros.text(value)))
            });
            lines.push(Line { run: at, thin, name: format!("{} {name}", run.name), points: points.collect() });
        }
    }
    let stages = || runs.iter().flat_map(|run| &run.stages);
    Plot {
        title: "Latency by rate".into(),
        description: "Every stage or probe by the rate that the server answered. Solid: p99, broken: p50.".into(),
        x: Scale::linear(Unit::Rate, stages().map(|stage| stage.requests_per_s).fold(0.0, f64::max)),
        x_name: "requests answered per second",
        y: Scale::log(Unit::Micros, stages().flat_map(|stage| [stage.latency.p50_us, stage.latency.p99_us])),
        marks: Vec::new(),
        lines,
    }
}

/// One of p50 and p99: whether its line is thin, its name, and which of the two it takes.
type Figure = (bool, &'static str, fn(f64, f64) -> f64);

/// The two figures of a run over time or rate.
const FIGURES: [Figure; 2] = [(true, "p50", |p50, _| p50), (false, "p99", |_, p99| p99)];

fn throughput(runs: &[Run]) -> Plot {
    let series: Vec<Vec<Row>> = runs.iter().map(|run| grouped(&run.series)).collect();
    let lines = runs.iter().zip(&series).enumerate().map(|(at, (run, rows))| Line {
        run: at,
        thin: false,
        name: run.name.clone(),
        points: rows
            .iter()
            .map(|row| {
                let hint = format!("{}/s at {}", Unit::Rate.text(row.requests_per_s), Unit::Seconds.text(row.at_s));
                (row.at_s - row.seconds / 2.0, Some(row.requests_per_s), hint)
            })
            .collect(),
    });
    Plot {
        title: "Throughput over time".into(),
        description: "Requests answered per second.".into(),
        x: time(runs),
        x_name: "time",
        y: Scale::linear(Unit::Rate, series.iter().flatten().map(|row| row.requests_per_s).fold(0.0, f64::max)),
        marks: stage_marks(runs),
        lines: lines.collect(),
    }
}

fn over_time(runs: &[Run]) -> Plot {
    let series: Vec<Vec<Row>> = runs.iter().map(|run| grouped(&run.series)).collect();
    let mut lines = Vec::new();
    for (at, (run, rows)) in runs.iter().zip(&series).enumerate() {
        for (thin, name, figure) in FIGURES {
            let points = rows.iter().map(|row| {
                let value = figure(row.p50_us, row.p99_us);
                let hint = format!("{} at {}", Unit::Micros.text(value), Unit::Seconds.text(row.at_s));
                // An interval without answers has no latency.
                (row.at_s - row.seconds / 2.0, Some(value).filter(|value| *value > 0.0), hint)
            });
            lines.push(Line { run: at, thin, name: format!("{} {name}", run.name), points: points.collect() });
        }
    }
    Plot {
        title: "Latency over time".into(),
        description: "Percentiles of every interval. Solid: p99, broken: p50.".into(),
        x: time(runs),
        x_name: "time",
        y: Scale::log(Unit::Micros, series.iter().flatten().flat_map(|row| [row.p50_us, row.p99_us])),
        marks: stage_marks(runs),
        lines,
    }
}

fn time(runs: &[Run]) -> Scale {
    Scale::linear_exact(Unit::Seconds, runs.iter().flat_map(|run| &run.series).map(|row| row.at_s).fold(0.0, f64::max))
}

/// Where the stages of a run that is shown alone begin; probes were runs of their own.
fn stage_marks(runs: &[Run]) -> Vec<(f64, String)> {
    let [run] = runs else { return Vec::new() };
    if run.has_probes() || run.stages.len() < 2 {
        return Vec::new();
    }
    let mut begin = 0.0;
    let mut marks = Vec::new();
    for stage in &run.stages {
        marks.push((begin, stage.offered()));
        begin += stage.seconds;
    }
    marks
}

impl Stage {
    /// The rate that was asked for, as it is typed.
    pub fn offered(&self) -> String {
        match (self.rate_from, self.rate_to) {
            (Some(from), Some(to)) => crate::workload::Stage { from, to }.to_string(),
            _ => String::new(),
        }
    }
}

/// Long series in groups: means weighted by time, and the worst p99.
fn grouped(rows: &[Row]) -> Vec<Row> {
    rows.chunks(rows.len().div_ceil(POINTS_MAX).max(1))
        .map(|group| {
            let seconds: f64 = group.iter().map(|row| row.seconds).sum();
            let mean = |figure: fn(&Row) -> f64| {
                group.iter().map(|row| figure(row) * row.seconds).sum::<f64>() / seconds.max(1e-9)
            };
            Row {
                at_s: group.last().map_or(0.0, |row| row.at_s),
                seconds,
                requests_per_s: mean(|row| row.requests_per_s),
                p50_us: mean(|row| row.p50_us),
                p99_us: group.iter().map(|row| row.p99_us).fold(0.0, f64::max),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_is_grouped_and_its_worst_kept() {
        let row = |at: usize| Row {
            at_s: (at + 1) as f64,
            seconds: 1.0,
            requests_per_s: 100.0,
            p50_us: 10.0,
            p99_us: if at == 777 { 5000.0 } else { 50.0 },
        };
        let rows: Vec<Row> = (0..86_400).map(row).collect();
        let shown = grouped(&rows);
        assert!(shown.len() <= POINTS_MAX);
        assert!((shown.iter().map(|row| row.seconds).sum::<f64>() - 86_400.0).abs() < 1e-6);
        assert_eq!(shown.iter().filter(|row| row.p99_us == 5000.0).count(), 1);
        assert!(shown.iter().all(|row| (row.requests_per_s - 100.0).abs() < 1e-9));
        assert_eq!(grouped(&rows[..600]).len(), 600);
        assert!(grouped(&[]).is_empty());
    }
}
