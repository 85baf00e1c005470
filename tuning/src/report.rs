//! Findings and plans for people. What is printed is decided elsewhere; here is how.

use crate::change::Change;
use crate::checks::{Finding, Scope, Severity};
use crate::facts::Host;
use crate::plan::{Interrupts, Plan};
use std::fmt::Write;

/// Columns that lines are broken at, where they have spaces.
const WIDTH: usize = 110;

/// What a finding's second and further lines begin with.
const INDENT: &str = "          ";

/// The host in a few words, and what was looked at.
pub fn head(host: &Host, scope: &Scope) -> String {
    let cpus = &host.cpus;
    let mut text = format!(
        "Linux {}; {} cores, {} threads, {} NUMA {}\n",
        host.kernel.release,
        cpus.cores.len(),
        cpus.online.count(),
        cpus.nodes.len(),
        if cpus.nodes.len() == 1 { "node" } else { "nodes" },
    );
    for nic in host.network.nics.iter().filter(|nic| scope.nic.as_ref().is_none_or(|name| *name == nic.name)) {
        let node = nic.node.map_or(String::new(), |node| format!(", on node {node}"));
        let driver = nic.driver.as_deref().unwrap_or("driver unknown");
        let _ = writeln!(text, "{}: {driver}, queues that receive: {}{node}", nic.name, nic.rx.len());
    }
    let _ = writeln!(text, "shards on CPUs {}; limits are those of {}\n", scope.cores, host.process.name);
    text
}

/// Findings, the worst first, and those without anything to do last, in one line each; then a sum.
pub fn findings(findings: &[Finding]) -> String {
    let mut text = String::new();
    for severity in [Severity::Critical, Severity::Warning, Severity::Note, Severity::Ok] {
        for finding in findings.iter().filter(|finding| finding.severity == severity) {
            one(&mut text, finding);
        }
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let _ = writeln!(
        text,
        "\n{} checks; critical: {}, warnings: {}, notes: {}",
        findings.len(),
        count(Severity::Critical),
        count(Severity::Warning),
        count(Severity::Note)
    );
    text
}

fn one(text: &mut String, finding: &Finding) {
    let head = format!("{:<9} {}: {}", finding.severity.name(), finding.title, finding.seen);
    wrap(text, "", &head);
    if finding.severity == Severity::Ok {
        return;
    }
    wrap(text, &format!("{INDENT}why:    "), &finding.why);
    for command in &finding.change {
        wrap(text, &format!("{INDENT}change: "), command);
    }
    for command in &finding.undo {
        wrap(text, &format!("{INDENT}undo:   "), command);
    }
}

/// Writes `words` after `head`, broken at spaces, further lines below the words.
fn wrap(text: &mut String, head: &str, words: &str) {
    let indent = " ".repeat(if head.is_empty() { INDENT.len() } else { head.chars().count() });
    let mut line = head.to_owned();
    let mut fresh = true;
    for word in words.split(' ') {
        if !fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            line.clone_from(&indent);
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    let _ = writeln!(text, "{line}");
}

/// A plan: who runs where and why, the server's flags, the commands, the drop-in.
pub fn plan(plan: &Plan, changes: &[Change]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "shards      CPUs {}", plan.shards);
    if let Some(nic) = &plan.nic {
        let cpus: crate::CpuSet = plan.interrupts.iter().map(|placed| placed.cpu).collect();
        let place = match plan.mode {
            Interrupts::Siblings => "second threads of the shards' cores",
            Interrupts::Shards => "the shards' own cores",
            Interrupts::Apart | Interrupts::Auto => "cores without shards",
        };
        match plan.interrupts.len() {
            0 => {
                let _ = writeln!(text, "interrupts  the host does not tell which are {nic}'s: none is placed");
            }
            count => {
                let _ = writeln!(text, "interrupts  {count} of {nic} on CPUs {cpus}: {place}");
            }
        }
    }
    let _ = writeln!(
        text,
        "the rest    CPUs {}",
        if plan.rest.is_empty() { "none".to_owned() } else { plan.rest.to_string() }
    );
    for reason in &plan.reasons {
        wrap(&mut text, "because     ", reason);
    }
    for warning in &plan.warnings {
        wrap(&mut text, "careful     ", warning);
    }
    let _ = writeln!(text, "\nFlags of ringcached:\n\n    {}", plan.flags());
    let commands: Vec<&Change> = changes.iter().filter(|change| change.path != crate::change::DROP_IN).collect();
    if !commands.is_empty() {
        let _ = writeln!(text, "\nInterrupts and send queues (`ringtune apply` does this and keeps the old values):\n");
        for change in commands {
            let _ = writeln!(text, "    echo {} > {}", change.new.trim_end(), change.path);
        }
    }
    let _ = writeln!(text, "\nDrop-in for systemd, {}:\n", crate::change::DROP_IN);
    for line in plan.drop_in().lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}
