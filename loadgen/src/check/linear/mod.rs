//! `ringload check --linearizable`: every connection reads and writes all keys; what was asked and answered is
//! recorded with its times, and afterwards an order is looked for that explains it, key by key.
//!
//! A key is an object of its own, so a history is linearizable if that of each key is (M. Herlihy and J. Wing,
//! "Linearizability: a correctness condition for concurrent objects", 1990). Nothing may be evicted: a few keys
//! with short values are all that there is.

mod agent;
mod history;
mod model;
mod report;
mod search;
mod shrink;

use super::threads::Threads;
use crate::{
    cli::CheckArgs,
    clock::{Nanos, SECOND, nanos},
    error::Error,
    progress::Answered,
    protocol::Protocol,
    workload::KeyRenderer,
};
use agent::{LinearAgent, Seen};
use history::Record;
use model::State;
use report::{Findings, LinearReport};
use search::{Verdict, search};

/// Most operations that are recorded, over all threads: some 600 MB with the searches.
const HISTORY_MAX: u64 = 8 << 20;

/// Keys whose searches end without a result before no more are looked at.
const UNDECIDED_MAX: u64 = 10;

/// Histories that are shown.
const SHOWN_MAX: u64 = 3;

/// How many keys there are if nobody says: so few that requests often meet.
const KEYS: u64 = 100;

/// Most keys.
const KEYS_MAX: u64 = 1 << 20;

/// A checked description of the load, shared by all threads.
#[derive(Debug)]
pub struct Plan {
    protocol: Protocol,
    keys: u64,
    renderer: KeyRenderer,
    pipeline: usize,
    connections: u64,
    duration: Nanos,
    /// Requests of one connection.
    requests: Option<u64>,
    /// Operations that one thread records.
    history_max: usize,
    seed: u64,
}

/// Runs the check; gives whether an order explains everything.
pub fn check(args: &CheckArgs) -> Result<bool, Error> {
    let seed = args.common.seed.unwrap_or_else(crate::random_seed);
    let (threads, connections) = (Threads::new(args)?, u64::from(args.connections));
    let keys = args.keys.unwrap_or(KEYS);
    if keys > KEYS_MAX {
        return Err(Error::Usage(format!("with --linearizable there are at most {KEYS_MAX} keys")));
    }
    if args.requests.is_some_and(|requests| requests > HISTORY_MAX) {
        return Err(Error::Usage(format!("with --linearizable --requests is at most {HISTORY_MAX}")));
    }
    let (renderer, prefix) = super::fresh_keys(keys, args.key_size.0)?;
    let plan = Plan {
        protocol: args.protocol,
        keys,
        renderer,
        pipeline: args.pipeline as usize,
        connections,
        duration: nanos(args.duration),
        requests: args.requests.map(|total| total.div_ceil(connections)),
        history_max: HISTORY_MAX as usize / threads.count(),
        seed,
    };
    eprintln!("ringload: checking {} over {connections} connections, seed {seed}", args.common.server);

    let answered = Answered::default();
    let begin = |share| LinearAgent::new(&plan, share, &answered);
    let (ended, clock) = threads.drive(0, &answered, begin, LinearAgent::finish)?;
    let (mut history, mut seen, mut findings) = (Vec::new(), Vec::new(), Findings::default());
    for (records, uniques, found) in ended {
        history.extend(records);
        seen.extend(uniques);
        findings.merge(found);
    }
    let elapsed = clock.now();
    judge(&mut history, &prefix, &mut findings);
    judge_uniques(&mut seen, &prefix, &mut findings);
    let report = LinearReport {
        server: args.common.server.to_string(),
        protocol: args.protocol.name(),
        seed,
        keys,
        connections: args.connections,
        elapsed_s: elapsed as f64 / SECOND as f64,
        searched_s: (clock.now() - elapsed) as f64 / SECOND as f64,
        wrong: findings.wrong(),
        findings,
    };
    print!("{report}");
    if let Some(path) = &args.common.json {
        crate::write_json(path, &report)?;
    }
    Ok(report.passed())
}

/// Looks for an order of every key's history.
fn judge(history: &mut [Record], prefix: &str, findings: &mut Findings) {
    history.sort_unstable_by_key(|record| (record.key, record.invoked, record.responded));
    findings.operations = history.len() as u64;
    for of_key in history.chunk_by(|a, b| a.key == b.key) {
        findings.keys_used += 1;
        findings.overlapping += overlapping(of_key);
        if findings.undecided >= UNDECIDED_MAX {
            findings.undecided += 1;
            continue;
        }
        match search(of_key, State::Absent) {
            Verdict::Linearizable => {}
            Verdict::Undecided => findings.undecided += 1,
            Verdict::Violated(at) => {
                findings.not_linearizable += 1;
                if findings.not_linearizable <= SHOWN_MAX {
                    let name = format!("key {} ({prefix}...)", of_key[0].key);
                    let part = shrink::shrink(of_key, at);
                    findings.histories.push(report::in_words(&name, &part, of_key.len()));
                }
            }
        }
    }
}

/// How many requests were under way at the same time as another one.
fn overlapping(history: &[Record]) -> u64 {
    let (mut count, mut open_until, mut counted) = (0, None, true);
    for record in history {
        if open_until.is_some_and(|until| record.invoked <= until) {
            count += 1 + u64::from(!counted);
            counted = true;
        } else {
            counted = false;
        }
        open_until = open_until.max(Some(record.responded));
    }
    count
}

/// A cas number stands for one value of its key, and a value, which nobody stores twice, has one.
fn judge_uniques(seen: &mut [Seen], prefix: &str, findings: &mut Findings) {
    let mut judge = |seen: &[Seen], same: fn(&Seen, &Seen) -> bool| {
        for pair in seen.windows(2) {
            if pair[0].key == pair[1].key && pair[0] != pair[1] && same(&pair[0], &pair[1]) {
                findings.wrong_uniques += 1;
                let [Seen { key, number, unique }, other] = [pair[0], pair[1]];
                let (other, its) = (other.number, other.unique);
                findings
                    .faults
                    .describe(|| format!("key {key} ({prefix}...): {number} has cas {unique}, {other} has {its}"));
            }
        }
    };
    seen.sort_unstable();
    judge(seen, |a, b| a.number == b.number);
    seen.sort_unstable_by_key(|seen| (seen.key, seen.unique, seen.number));
    judge(seen, |a, b| a.unique == b.unique);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cas_number_that_stands_for_two_values_is_found() {
        let wrong = |list: &[(u64, u64)]| {
            let mut seen: Vec<Seen> =
                list.iter().map(|(number, unique)| Seen { key: 1, number: *number, unique: *unique }).collect();
            let mut findings = Findings::default();
            judge_uniques(&mut seen, "c", &mut findings);
            findings.wrong_uniques
        };
        assert_eq!(wrong(&[(1, 10), (2, 11), (1, 10), (3, 9)]), 0);
        assert_eq!(wrong(&[(1, 10), (2, 10)]), 1);
        assert_eq!(wrong(&[(1, 10), (2, 12), (1, 11)]), 1);
    }

    #[test]
    fn requests_that_overlap_are_counted() {
        let record = |invoked, responded| Record {
            invoked,
            responded,
            connection: 0,
            key: 0,
            action: history::Action::Delete,
            outcome: history::Outcome::Absent,
        };
        assert_eq!(overlapping(&[record(0, 5), record(6, 9), record(10, 11)]), 0);
        assert_eq!(overlapping(&[record(0, 5), record(1, 2), record(3, 4), record(6, 7)]), 3);
    }
}
