//! ringtune: looks at a host and says what to change for ringcached, why, and how to undo it; chooses cores; tries out
//! flags of the server.
//!
//! Goals: findings that an operator can act upon and take back; hosts that were recorded are judged like the running
//! one; nothing is changed without its old value being kept. Not a goal: to change a host by itself.
//!
//! Layers, none of which knows those after it: [`facts`] reads, [`checks`] and [`plan`] judge and are pure, `change` and
//! `apply` write, `sweep` measures, `report` prints.

pub mod checks;
pub mod facts;
pub mod plan;

mod apply;
mod change;
mod cli;
mod cpu_set;
mod error;
mod report;
mod steering;
mod sweep;

pub use cpu_set::CpuSet;
pub use error::Error;
pub use steering::Steering;

use apply::{Done, Restored};
use checks::{Finding, Scope, Severity};
use clap::Parser;
use cli::{ApplyArgs, CheckArgs, Cli, Command, HostArgs, PlanArgs, RecordArgs, SweepArgs, UndoArgs, WishArgs};
use facts::{Host, Tree};
use plan::Plan;
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The command could not do its work.
const EXIT_UNKNOWN: u8 = 3;

/// The load of a sweep where none is given.
const LOAD_DEFAULT: [&str; 4] = ["--connections", "50", "--keys", "100000"];

/// Flags of ringload that a sweep sets by itself.
const LOAD_OWN: [&str; 6] = ["--server", "--duration", "--warmup", "--json", "--seed", "--load"];

/// The program `ringtune`.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { EXIT_UNKNOWN.into() } else { ExitCode::SUCCESS };
        }
    };
    let outcome = match cli.command {
        Command::Check(args) => check(&args),
        Command::Plan(args) => plan(&args),
        Command::Apply(args) => apply(&args),
        Command::Undo(args) => undo(&args),
        Command::Record(args) => record(&args),
        Command::Sweep(args) => sweep(&args),
    };
    outcome.map_or_else(
        |error| {
            eprintln!("ringtune: {error}");
            EXIT_UNKNOWN.into()
        },
        ExitCode::from,
    )
}

/// What `check --json` prints.
#[derive(Serialize)]
struct CheckReport {
    kernel: String,
    cores: CpuSet,
    worst: Severity,
    findings: Vec<Finding>,
}

fn check(args: &CheckArgs) -> Result<u8, Error> {
    let host = Host::read(&Tree::open(&args.host.root, args.pid)?);
    if let Some(name) = &args.nic
        && !host.network.nics.iter().any(|nic| nic.name == *name)
    {
        return Err(Error::Usage(format!("there is no network card {name} that is physical and up")));
    }
    let own = if host.process.pinned.is_empty() { &host.process.allowed } else { &host.process.pinned };
    let cores = args.cores.clone().unwrap_or_else(|| own.and(&host.cpus.online));
    if cores.is_empty() {
        return Err(Error::Usage("the host does not tell which cores may be used; name them by --cores".to_owned()));
    }
    let scope = Scope { cores, nic: args.nic.clone(), steering: args.steering };
    let findings = checks::check(&host, &scope);
    let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok);
    if args.json {
        print_json(&CheckReport { kernel: host.kernel.release, cores: scope.cores, worst, findings })?;
    } else {
        print(&report::head(&host, &scope))?;
        print(&report::findings(&findings))?;
    }
    Ok(worst.exit_code())
}

/// What `plan --json` prints.
#[derive(Serialize)]
struct PlanReport<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    flags: String,
    drop_in: String,
    changes: Vec<change::Change>,
}

fn plan(args: &PlanArgs) -> Result<u8, Error> {
    let (_, plan) = planned(&args.host, &args.wish)?;
    let changes = change::changes(&plan, false);
    if args.json {
        print_json(&PlanReport { flags: plan.flags(), drop_in: plan.drop_in(), changes, plan: &plan })?;
    } else {
        print(&report::plan(&plan, &changes))?;
    }
    Ok(0)
}

fn planned(host: &HostArgs, wish: &WishArgs) -> Result<(Host, Plan), Error> {
    let host = Host::read(&Tree::open(&host.root, None)?);
    let plan = plan::plan(&host, &wish.cores, wish.nic.as_deref(), wish.interrupts)?;
    Ok((host, plan))
}

fn apply(args: &ApplyArgs) -> Result<u8, Error> {
    let (host, plan) = planned(&args.host, &args.wish)?;
    let root = args.host.root.as_path();
    if host.network.irqbalance && !plan.interrupts.is_empty() && !args.despite_irqbalance && !args.dry_run {
        return Err(Error::Usage(
            "irqbalance runs and would move the interrupts again within ten seconds: systemctl disable --now irqbalance \
             (undo: systemctl enable --now irqbalance), or give --despite-irqbalance"
                .to_owned(),
        ));
    }
    let changes = apply::prepare(root, change::changes(&plan, args.interrupts_only))?;
    let mut text: String = changes.iter().map(say_change).collect();
    if changes.is_empty() {
        text.push_str("everything is so already\n");
    } else if args.dry_run {
        text.push_str(&format!("dry run: none of these {} changes was made\n", changes.len()));
    } else {
        apply::apply(root, &changes, &args.undo_file)?;
        text.push_str(&format!("{} changes made; to undo: {}\n", changes.len(), undo_command(args)));
        text.push_str(&after_unit(&changes));
    }
    print(&text)?;
    Ok(0)
}

fn undo_command(args: &ApplyArgs) -> String {
    let root = args.host.root.as_path();
    let root = if root == Path::new("/") { String::new() } else { format!(" --root {}", root.display()) };
    format!("ringtune undo{root} {}", args.undo_file.display())
}

/// What is left to do when the unit's drop-in came or went.
fn after_unit(changes: &[Done]) -> String {
    if !changes.iter().any(|change| change.path == change::DROP_IN) {
        return String::new();
    }
    "for the drop-in to count: systemctl daemon-reload && systemctl restart ringcached\n".to_owned()
}

fn say_change(change: &Done) -> String {
    match &change.old {
        Some(old) if change.path != change::DROP_IN => {
            format!("{}: {} -> {}\n", change.path, old.trim_end(), change.new.trim_end())
        }
        Some(_) => format!("{}: written anew\n", change.path),
        None => format!("{}: new\n", change.path),
    }
}

fn undo(args: &UndoArgs) -> Result<u8, Error> {
    let root = args.host.root.as_path();
    Tree::open(root, None)?;
    let changes = apply::load(&args.file)?;
    let (mut text, mut left) = (String::new(), 0);
    for change in changes.iter().rev() {
        let judged = apply::judge(root, change, args.force)?;
        text.push_str(&match (judged, &change.old) {
            (Restored::Already, _) => format!("{}: is so already\n", change.path),
            (Restored::Changed, _) => {
                left += 1;
                format!("{}: changed by somebody since; left as it is (--force puts it back)\n", change.path)
            }
            (Restored::Yes, Some(old)) if change.path != change::DROP_IN => {
                format!("{}: {}\n", change.path, old.trim_end())
            }
            (Restored::Yes, Some(_)) => format!("{}: as it was\n", change.path),
            (Restored::Yes, None) => format!("{}: removed\n", change.path),
        });
        if judged == Restored::Yes && !args.dry_run {
            apply::restore(root, change)?;
        }
    }
    if args.dry_run {
        text.push_str("dry run: nothing was changed\n");
    } else {
        text.push_str(&after_unit(&changes));
    }
    print(&text)?;
    Ok(u8::from(left > 0))
}

fn record(args: &RecordArgs) -> Result<u8, Error> {
    let tree = Tree::open(&args.host.root, args.pid)?;
    Host::read(&tree);
    let files = tree.save(&args.directory)?;
    let directory = args.directory.display();
    print(&format!("{files} files in {directory}; ringtune check --root {directory} reads them\n"))?;
    Ok(0)
}

fn sweep(args: &SweepArgs) -> Result<u8, Error> {
    let own = |flag: &&String| LOAD_OWN.iter().any(|own| flag.as_str() == *own || flag.starts_with(&format!("{own}=")));
    if let Some(flag) = args.load.iter().find(own) {
        return Err(Error::Usage(format!("{flag} of ringload is set by the sweep; leave it away")));
    }
    let points = sweep::points(&args.grid)?;
    let directory = std::env::temp_dir().join(format!("ringtune-sweep-{}", std::process::id()));
    let load = if args.load.is_empty() { LOAD_DEFAULT.map(str::to_owned).into() } else { args.load.clone() };
    let setup = sweep::Setup {
        server: program(args.server.as_ref(), "ringcached", "--server")?,
        ringload: program(args.ringload.as_ref(), "ringload", "--ringload")?,
        load,
        warmup: args.warmup,
        duration: args.duration,
        rounds: args.rounds,
        seed: args.seed,
        directory: directory.clone(),
    };
    let estimate = setup.estimate(points.len());
    if estimate > args.time_limit {
        let [estimate, limit] = [estimate, args.time_limit].map(|time| humantime::format_duration(time).to_string());
        return Err(Error::Usage(format!(
            "{} combinations would take about {estimate}, more than --time-limit {limit}: give fewer values, a shorter \
             --duration or a longer limit",
            points.len()
        )));
    }
    std::fs::create_dir(&directory).map_err(|source| Error::write(&directory, source))?;
    let outcome = sweep::sweep(&setup, points, |words| eprintln!("{words}"));
    let _ = std::fs::remove_dir_all(&directory);
    let outcome = outcome?;
    if args.json {
        print_json(&outcome)?;
    } else {
        print(&outcome.table())?;
    }
    Ok(u8::from(!outcome.is_complete()))
}

/// The program that was named, or the one beside this one.
fn program(named: Option<&PathBuf>, name: &str, flag: &str) -> Result<PathBuf, Error> {
    if let Some(path) = named {
        return Ok(path.clone());
    }
    let own = std::env::current_exe().map_err(|source| Error::read("/proc/self/exe", source))?;
    let beside = own.with_file_name(name);
    if beside.is_file() {
        return Ok(beside);
    }
    Err(Error::Usage(format!("there is no {name} beside ringtune ({}); name it by {flag}", beside.display())))
}

/// Writes to standard output. That somebody closed it (`| head`) is no failure.
fn print(text: &str) -> Result<(), Error> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::write("the standard output", error)),
        _ => Ok(()),
    }
}

fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| Error::write("JSON", error.into()))?;
    text.push('\n');
    print(&text)
}
