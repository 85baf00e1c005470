//! A plot as SVG: axes with ticks, and lines whose every point lies between them.

use std::fmt::Write;

use super::{document::escape, scale::Scale};

/// The drawing's size and the room around the axes, in its own units.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;

/// Up to so many points, a line shows each as a dot.
const DOTS_MAX: usize = 40;

/// Up to so many points, each tells its figures when pointed at.
const HINTS_MAX: usize = 160;

/// A line of a plot.
pub struct Line {
    /// The run's number, which is its colour.
    pub run: usize,
    /// Thin and broken: the less important figure of a run.
    pub thin: bool,
    /// What hints say before the figures.
    pub name: String,
    /// x, y and what a hint says; without y the line is interrupted.
    pub points: Vec<(f64, Option<f64>, String)>,
}

/// A plot.
pub struct Plot {
    /// Its heading.
    pub title: String,
    /// What is to be seen, for those who cannot see it.
    pub description: String,
    pub x: Scale,
    pub x_name: &'static str,
    pub y: Scale,
    /// Upright lines with a name: where a stage begins.
    pub marks: Vec<(f64, String)>,
    pub lines: Vec<Line>,
}

impl Plot {
    /// The drawing.
    pub fn svg(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.draw(&mut out);
        out
    }

    fn draw(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
            escape(&format!("{}. {}", self.title, self.description))
        )?;
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        writeln!(
            out,
            r#"<rect class="area" x="{LEFT}" y="{TOP}" width="{}" height="{}"/>"#,
            right - LEFT,
            bottom - TOP
        )?;
        let mut last = f64::MIN;
        for (value, name) in self.x.ticks() {
            let Some(x) = self.across(value) else { continue };
            writeln!(out, r#"<line class="grid" x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{bottom}"/>"#)?;
            // A name needs room; the line alone does not.
            if x - last > 55.0 {
                let anchor = if x > right - 20.0 { "end" } else { "middle" };
                writeln!(out, r#"<text x="{x:.1}" y="{:.1}" text-anchor="{anchor}">{name}</text>"#, bottom + 22.0)?;
                last = x;
            }
        }
        writeln!(
            out,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle" class="name">{}</text>"#,
            (LEFT + right) / 2.0,
            bottom + 40.0,
            self.x_name
        )?;
        for (value, name) in self.y.ticks() {
            let Some(y) = self.up(value) else { continue };
            writeln!(out, r#"<line class="grid" x1="{LEFT}" y1="{y:.1}" x2="{right}" y2="{y:.1}"/>"#)?;
            writeln!(out, r#"<text x="{}" y="{:.1}" text-anchor="end">{name}</text>"#, LEFT - 8.0, y + 4.0)?;
        }
        for (value, name) in &self.marks {
            let Some(x) = self.across(*value) else { continue };
            writeln!(out, r#"<line class="mark" x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{bottom}"/>"#)?;
            writeln!(out, r#"<text class="mark" x="{:.1}" y="{:.1}">{}</text>"#, x + 4.0, TOP + 12.0, escape(name))?;
        }
        for line in &self.lines {
            self.draw_line(out, line)?;
        }
        writeln!(out, "</svg>")
    }

    fn draw_line(&self, out: &mut String, line: &Line) -> std::fmt::Result {
        let class = format!("run{}{}", line.run, if line.thin { " thin" } else { "" });
        let places: Vec<_> =
            line.points.iter().map(|(x, y, hint)| (self.across(*x).zip(y.and_then(|y| self.up(y))), hint)).collect();
        write!(out, r#"<path class="line {class}" d=""#)?;
        let mut pen_down = false;
        for (place, _) in &places {
            if let Some((x, y)) = place {
                write!(out, "{}{x:.1} {y:.1}", if pen_down { "L" } else { "M" })?;
            }
            pen_down = place.is_some();
        }
        writeln!(out, r#""/>"#)?;
        if places.len() > HINTS_MAX {
            return Ok(());
        }
        let kind = if places.len() <= DOTS_MAX { "dot" } else { "hint" };
        for (place, hint) in &places {
            let Some((x, y)) = place else { continue };
            let radius = if kind == "dot" { 3.0 } else { 6.0 };
            let text = escape(&format!("{}: {hint}", line.name));
            writeln!(
                out,
                r#"<circle class="{kind} {class}" cx="{x:.1}" cy="{y:.1}" r="{radius}"><title>{text}</title></circle>"#
            )?;
        }
        Ok(())
    }

    fn across(&self, value: f64) -> Option<f64> {
        self.x.place(value).map(|place| LEFT + place * (WIDTH - LEFT - RIGHT))
    }

    fn up(&self, value: f64) -> Option<f64> {
        self.y.place(value).map(|place| HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::scale::Unit;

    #[test]
    fn a_gap_interrupts_the_line() {
        let point = |x, y| (x, y, String::from("<here>"));
        let plot = Plot {
            title: "T".into(),
            description: "a & b".into(),
            x: Scale::linear_exact(Unit::Seconds, 10.0),
            x_name: "time",
            y: Scale::linear(Unit::Rate, 100.0),
            marks: vec![],
            lines: vec![Line {
                run: 0,
                thin: false,
                name: "n".into(),
                points: vec![point(0.0, Some(0.0)), point(5.0, None), point(5.0, Some(50.0)), point(10.0, Some(100.0))],
            }],
        };
        let svg = plot.svg();
        assert!(svg.contains(r#"d="M70.0 294.0M527.0 154.0L984.0 14.0""#), "{svg}");
        assert!(svg.contains("<title>n: &lt;here&gt;</title>") && svg.contains("a &amp; b"), "{svg}");
    }
}
