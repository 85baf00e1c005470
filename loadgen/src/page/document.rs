//! The page's HTML: the table of figures, the plots, the stages, and where the figures come from.
//!
//! It may load nothing: a content security policy says so to the browser.

use std::fmt::{self, Write};

use super::{
    plots::plots,
    result::{Run, Stage},
    scale::Unit,
};
use crate::workload::Rate;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn page(runs: &[Run]) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut out, runs);
    out
}

/// Text as HTML, in content and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn write_page(out: &mut String, runs: &[Run]) -> fmt::Result {
    let names: Vec<String> = runs.iter().map(|run| escape(&run.name)).collect();
    let title = names.join(", ");
    writeln!(
        out,
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>ringload: {title}</title>
<style>
{STYLE}</style>
</head>
<body>
<h1>ringload</h1>"#
    )?;
    match runs {
        [run] => writeln!(out, r#"<p class="soft">{} against {}</p>"#, title, escape(&run.server))?,
        _ => writeln!(out, r#"<p class="soft">{} results; percentages compare with the first</p>"#, runs.len())?,
    }
    for run in runs {
        if let Some(verdict) = &run.verdict {
            let name = if runs.len() > 1 { format!("{}: ", escape(&run.name)) } else { String::new() };
            writeln!(out, "<p>{name}{}</p>", escape(verdict))?;
        }
    }
    write_figures(out, runs)?;
    for plot in plots(runs) {
        writeln!(out, "<section>\n<h2>{}</h2>\n<p class=\"soft\">{}</p>", plot.title, plot.description)?;
        if runs.len() > 1 {
            writeln!(out, r#"<div class="legend">"#)?;
            for (at, name) in names.iter().enumerate() {
                writeln!(out, r#"<span>{}{name}</span>"#, swatch(at))?;
            }
            writeln!(out, "</div>")?;
        }
        writeln!(out, "{}</section>", plot.svg())?;
    }
    for run in runs.iter().filter(|run| run.stages.len() > 1) {
        write_stages(out, run, runs.len() > 1)?;
    }
    writeln!(out, "<section>\n<h2>Where the figures come from</h2>")?;
    for (at, run) in runs.iter().enumerate() {
        write_origin(out, at, run)?;
    }
    writeln!(out, "</section>\n</body>\n</html>")
}

fn swatch(run: usize) -> String {
    format!(r#"<span class="swatch run{run}"></span>"#)
}

fn write_figures(out: &mut String, runs: &[Run]) -> fmt::Result {
    writeln!(
        out,
        "<section>\n<table>\n<thead><tr><th scope=\"col\">result</th><th scope=\"col\">requests/s</th>\
         <th scope=\"col\">p50</th><th scope=\"col\">p90</th><th scope=\"col\">p99</th><th scope=\"col\">p99.9</th>\
         <th scope=\"col\">max</th><th scope=\"col\">errors</th><th scope=\"col\">generator</th></tr></thead>\n<tbody>"
    )?;
    for (at, run) in runs.iter().enumerate() {
        let first = (at > 0).then(|| &runs[0]);
        writeln!(out, r#"<tr><th scope="row">{}{}</th>"#, swatch(at), escape(&run.name))?;
        let change =
            |now: f64, figure: fn(&Run) -> f64| first.map_or(String::new(), |first| percent(now, figure(first)));
        writeln!(out, "<td>{}{}</td>", Rate(run.requests_per_s), change(run.requests_per_s, |run| run.requests_per_s))?;
        let figures: [fn(&Run) -> f64; 5] = [
            |run| run.latency.p50_us,
            |run| run.latency.p90_us,
            |run| run.latency.p99_us,
            |run| run.latency.p99_9_us,
            |run| run.latency.max_us,
        ];
        for figure in figures {
            writeln!(out, "<td>{}{}</td>", Unit::Micros.text(figure(run)), change(figure(run), figure))?;
        }
        let busy = format!("{:.0} %", run.generator_busy * 100.0);
        let busy = if run.generator_was_bottleneck { format!(r#"<span class="warn">{busy}</span>"#) } else { busy };
        writeln!(out, "<td>{}</td><td>{busy}</td></tr>", run.errors)?;
    }
    writeln!(out, "</tbody>\n</table>")?;
    for run in runs {
        for warning in warnings(run) {
            writeln!(out, r#"<p class="warn">{}: {warning}</p>"#, escape(&run.name))?;
        }
    }
    writeln!(out, "</section>")
}

/// The change against the first result.
fn percent(now: f64, first: f64) -> String {
    if first <= 0.0 {
        return String::new();
    }
    format!("<small>{:+.1} %</small>", (now / first - 1.0) * 100.0)
}

fn warnings(run: &Run) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(reason) = &run.generator_complaint {
        let reason = escape(reason);
        warnings.push(format!("the generator was the bottleneck ({reason}), so these figures are not the server's."));
    }
    if run.unsent > 0 {
        warnings.push(format!("{} arrivals could not be sent in time: the rate was not reached.", run.unsent));
    }
    if run.unanswered > 0 {
        warnings.push(format!("{} requests had no answer.", run.unanswered));
    }
    warnings
}

fn write_stages(out: &mut String, run: &Run, named: bool) -> fmt::Result {
    let probes = run.has_probes();
    let what = if probes { "Probes" } else { "Stages" };
    let name = if named { format!(" of {}", escape(&run.name)) } else { String::new() };
    writeln!(out, "<section>\n<h2>{what}{name}</h2>\n<table>\n<thead><tr><th scope=\"col\">asked for/s</th>")?;
    for column in ["answered/s", "p50", "p90", "p99", "p99.9", "max", "errors", "generator"] {
        writeln!(out, r#"<th scope="col">{column}</th>"#)?;
    }
    writeln!(out, "{}</tr></thead>\n<tbody>", if probes { r#"<th scope="col">goal</th>"# } else { "" })?;
    for stage in &run.stages {
        write_stage(out, stage)?;
    }
    writeln!(out, "</tbody>\n</table>\n</section>")
}

fn write_stage(out: &mut String, stage: &Stage) -> fmt::Result {
    writeln!(out, r#"<tr><th scope="row">{}</th><td>{}</td>"#, stage.offered(), Rate(stage.requests_per_s))?;
    let latency = &stage.latency;
    for value in [latency.p50_us, latency.p90_us, latency.p99_us, latency.p99_9_us, latency.max_us] {
        writeln!(out, "<td>{}</td>", Unit::Micros.text(value))?;
    }
    let class = if stage.generator_was_bottleneck { r#" class="warn""# } else { "" };
    writeln!(out, "<td>{}</td><td{class}>{:.0} %</td>", stage.errors, stage.generator_busy * 100.0)?;
    match stage.held {
        Some(true) => writeln!(out, "<td>held</td></tr>"),
        Some(false) => writeln!(out, "<td>missed</td></tr>"),
        None => writeln!(out, "</tr>"),
    }
}

fn write_origin(out: &mut String, at: usize, run: &Run) -> fmt::Result {
    let host = &run.host;
    let cpu = if host.cpu.is_empty() { String::new() } else { format!(", {}", escape(&host.cpu)) };
    let rates = match (&run.rates, run.speed) {
        (Some(rates), _) => format!("open loop of {}/s", escape(rates)),
        (None, Some(speed)) => format!("at {speed}x the trace's speed"),
        (None, None) => "closed loop".into(),
    };
    writeln!(
        out,
        r#"<div class="origin">
<p>{}<b>{}</b>: {} requests in {} to {}, {}, {} connections with {} in flight, {rates}</p>
<code>{}</code>
<p class="soft">ended {}; generator {} on {} ({}, {} CPUs{cpu}); 99 of 100 requests were sent at most {} late</p>
</div>"#,
        swatch(at),
        escape(&run.name),
        run.requests,
        Unit::Seconds.text(run.elapsed_s),
        escape(&run.server),
        escape(&run.protocol),
        run.connections,
        run.pipeline,
        escape(&run.command_line),
        escape(&run.ended),
        escape(&run.version),
        escape(&host.name),
        escape(&host.kernel),
        host.cpus,
        Unit::Micros.text(run.send_lag_p99_us),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_cannot_become_markup() {
        assert_eq!(escape(r#"<b a="1">&'</b>"#), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;&lt;/b&gt;");
    }

    #[test]
    fn changes_are_signed() {
        assert_eq!(percent(110.0, 100.0), "<small>+10.0 %</small>");
        assert_eq!(percent(50.0, 100.0), "<small>-50.0 %</small>");
        assert_eq!(percent(50.0, 0.0), "");
    }
}
