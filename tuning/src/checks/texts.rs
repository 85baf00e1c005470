//! The words of the findings, from `data/checks.toml`.

use super::{Finding, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const DATA: &str = include_str!("../../data/checks.toml");

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing; some would change it.
    Note,
    /// It costs throughput or latency.
    Warning,
    /// The server does not start, or must not be run so.
    Critical,
}

impl Severity {
    /// The word in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Ok => "OK",
            Severity::Note => "NOTE",
            Severity::Warning => "WARNING",
            Severity::Critical => "CRITICAL",
        }
    }

    /// The exit code of a check whose worst finding this is, as monitoring plugins have it.
    pub const fn exit_code(self) -> u8 {
        match self {
            Severity::Ok | Severity::Note => 0,
            Severity::Warning => 1,
            Severity::Critical => 2,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckText {
    title: String,
    why: String,
    outcomes: BTreeMap<String, OutcomeText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeText {
    severity: Severity,
    seen: String,
    why: Option<String>,
    #[serde(default)]
    change: Vec<String>,
    #[serde(default)]
    undo: Vec<String>,
}

/// The words of all checks.
pub(super) struct Texts(BTreeMap<String, CheckText>);

impl Texts {
    /// Those that are compiled in.
    pub(super) fn embedded() -> &'static Texts {
        static TEXTS: LazyLock<Texts> =
            LazyLock::new(|| Texts(toml::from_str(DATA).expect("the compiled-in data is checked by a test")));
        &TEXTS
    }

    /// Each check with each of its outcomes.
    #[cfg(test)]
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (&str, &str)> {
        let of = |(check, text): (&'static str, &'static CheckText)| {
            text.outcomes.keys().map(move |name| (check, name.as_str()))
        };
        Texts::embedded().0.iter().map(|(check, text)| (check.as_str(), text)).flat_map(of)
    }

    /// `outcome` in words.
    pub(super) fn finding(&self, outcome: &Outcome) -> Finding {
        // That every outcome has its words is held by a test of all of them.
        let check = &self.0[outcome.check];
        let text = &check.outcomes[outcome.outcome];
        let fill = |template: &String| fill(template, &outcome.values);
        Finding {
            check: outcome.check.to_owned(),
            outcome: outcome.outcome.to_owned(),
            severity: text.severity,
            title: fill(&check.title),
            seen: fill(&text.seen),
            why: fill(text.why.as_ref().unwrap_or(&check.why)),
            change: text.change.iter().map(fill).collect(),
            undo: text.undo.iter().map(fill).collect(),
        }
    }
}

/// Puts the values in place of their names in braces.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}
