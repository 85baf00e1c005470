//! Every outcome of every check, on a host that has it. The table is held to the data: an outcome without a case fails.

use super::texts::Texts;
use super::{Scope, Severity, check, human};
use crate::facts::{Channels, Container, Host, Limit, Probe, Quota, Rings, SwapArea, Tree};
use crate::{CpuSet, Steering};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is done to a host that is fine, and the outcome that this has.
type Case = (&'static str, &'static str, fn(&mut Host, &mut Scope));

fn set(list: &str) -> CpuSet {
    list.parse().unwrap()
}

fn limit(bytes: u64) -> Option<Limit> {
    Some(Limit { soft: Some(bytes.min(1024)), hard: Some(bytes) })
}

/// Two nodes of four cores each.
fn two_nodes(host: &mut Host) {
    host.cpus.nodes = BTreeMap::from([(0, set("0-3,8-11")), (1, set("4-7,12-15"))]);
}

fn interrupts_on(host: &mut Host, cpus: impl Fn(usize) -> CpuSet) {
    for (at, interrupt) in host.network.nics[0].interrupts.iter_mut().enumerate() {
        interrupt.affinity = cpus(at);
        interrupt.effective = None;
    }
}

fn one_queue(host: &mut Host) {
    host.network.nics[0].rx.truncate(1);
    host.network.nics[0].tx.truncate(1);
    host.network.nics[0].interrupts.truncate(1);
}

fn ring(host: &mut Host, rx: u32) {
    if let Rings::Known(sizes) = &mut host.network.nics[0].rings {
        sizes.rx = rx;
    }
}

/// Leaves the card `now` queues that receive, of `max`.
fn few_queues(host: &mut Host, now: u32, max: u32) {
    let nic = &mut host.network.nics[0];
    nic.rx.truncate(now as usize);
    let Channels::Known(counts) = &mut nic.channels else { panic!("it was recorded") };
    (counts.combined, counts.combined_max) = (now, max);
}

const CASES: &[Case] = &[
    ("kernel", "ok", |_, _| {}),
    ("kernel", "old", |host, _| host.kernel.version = (6, 0)),
    ("kernel", "unknown", |host, _| host.kernel.release.clear()),
    ("io-uring-switch", "ok", |host, _| host.kernel.io_uring_disabled = Some(0)),
    ("io-uring-switch", "absent", |host, _| host.kernel.io_uring_disabled = None),
    ("io-uring-switch", "member", |host, _| host.kernel.io_uring_disabled = Some(1)),
    ("io-uring-switch", "group", |host, _| {
        host.kernel.io_uring_disabled = Some(1);
        host.kernel.io_uring_group = Some(994);
        host.process.is_admin = false;
    }),
    ("io-uring-switch", "off", |host, _| host.kernel.io_uring_disabled = Some(2)),
    ("io-uring", "ok", |host, _| host.process.seccomp = 2),
    ("io-uring", "filtered", |host, _| {
        host.process.seccomp = 2;
        host.kernel.io_uring = Probe::Refused("Operation not permitted (os error 1)".to_owned());
    }),
    ("io-uring", "refused", |host, _| host.kernel.io_uring = Probe::Refused("Cannot allocate memory".to_owned())),
    ("io-uring", "untried", |host, _| {
        host.process.seccomp = 2;
        host.kernel.io_uring = Probe::Unknown;
    }),
    ("io-uring", "unknown", |host, _| host.kernel.io_uring = Probe::Unknown),
    ("memlock", "ok", |host, _| host.process.memlock = limit(8 << 20)),
    ("memlock", "low", |host, _| host.process.memlock = limit(64 << 10)),
    ("memlock", "unknown", |host, _| host.process.memlock = None),
    ("open-files", "ok", |_, _| {}),
    ("open-files", "few", |host, _| host.process.open_files = limit(4096)),
    ("open-files", "too-few", |host, _| host.process.open_files = limit(1024)),
    ("open-files", "unknown", |host, _| host.process.open_files = None),
    ("cores", "ok", |_, _| {}),
    ("cores", "first", |_, scope| scope.cores = set("0-3")),
    ("cores", "absent", |_, scope| scope.cores = set("5-17")),
    ("cores", "outside", |host, _| host.container.cpus = Some(set("0-3"))),
    ("smt", "none", |host, _| host.cpus.cores = (0..8).map(|cpu| CpuSet::from_iter([cpu])).collect()),
    ("smt", "apart", |_, _| {}),
    ("smt", "shared", |_, scope| scope.cores = set("1-15")),
    ("isolated", "none", |_, _| {}),
    ("isolated", "used", |host, _| host.cpus.isolated = set("1-7")),
    ("isolated", "unused", |host, _| host.cpus.isolated = set("4-7")),
    ("governor", "ok", |_, _| {}),
    ("governor", "none", |host, _| host.cpus.governors.clear()),
    ("governor", "dynamic", |host, _| drop(host.cpus.governors.insert(3, "schedutil".to_owned()))),
    ("governor", "lowest", |host, _| {
        host.cpus.scaling_driver = Some("acpi-cpufreq".to_owned());
        host.cpus.governors.insert(3, "powersave".to_owned());
    }),
    ("idle", "ok", |_, _| {}),
    ("idle", "none", |host, _| host.cpus.deepest_idle.clear()),
    ("idle", "deep", |host, _| host.cpus.deepest_idle.values_mut().for_each(|state| state.latency_us = 133)),
    ("numa", "one", |_, _| {}),
    ("numa", "local", |host, scope| {
        two_nodes(host);
        scope.cores = set("1-3");
    }),
    ("numa", "away", |host, scope| {
        two_nodes(host);
        scope.cores = set("4-7");
    }),
    ("numa", "spread", |host, _| two_nodes(host)),
    ("numa-balancing", "ok", |host, _| host.kernel.numa_balancing = Some(1)),
    ("numa-balancing", "on", |host, _| {
        two_nodes(host);
        host.kernel.numa_balancing = Some(1);
    }),
    ("zone-reclaim", "ok", |_, _| {}),
    ("zone-reclaim", "on", |host, _| host.kernel.zone_reclaim = Some(1)),
    ("large-pages", "ok", |_, _| {}),
    ("large-pages", "always", |host, _| host.memory.large_pages = Some("always".to_owned())),
    ("large-pages", "never", |host, _| host.memory.large_pages = Some("never".to_owned())),
    ("large-pages", "absent", |host, _| host.memory.large_pages = None),
    ("large-pages-defrag", "ok", |_, _| {}),
    ("large-pages-defrag", "always", |host, _| host.memory.defrag = Some("always".to_owned())),
    ("large-pages-defrag", "never", |host, _| host.memory.defrag = Some("never".to_owned())),
    ("swap", "none", |_, _| {}),
    ("swap", "on", |host, _| swap_on(host)),
    ("swap", "kept-out", |host, _| {
        swap_on(host);
        host.container.swap_max = Some(0);
    }),
    ("overcommit", "ok", |_, _| {}),
    ("overcommit", "strict", |host, _| host.kernel.overcommit = Some(2)),
    ("clock", "ok", |_, _| {}),
    ("clock", "slow", |host, _| host.kernel.clock_source = Some("hpet".to_owned())),
    ("quota", "none", |_, _| {}),
    ("quota", "ample", |host, _| quota(&mut host.container, 800_000)),
    ("quota", "short", |host, _| quota(&mut host.container, 250_000)),
    ("memory-limit", "none", |_, _| {}),
    ("memory-limit", "limited", |host, _| host.container.memory_max = Some((5 << 30, "/x/memory.max".to_owned()))),
    ("memory-limit", "high", |host, _| {
        host.container.memory_max = Some((5 << 30, "/x/memory.max".to_owned()));
        host.container.memory_high = Some((4 << 30, "/x/memory.high".to_owned()));
    }),
    ("somaxconn", "ok", |_, _| {}),
    ("somaxconn", "low", |host, _| host.network.somaxconn = Some(128)),
    ("somaxconn", "unknown", |host, _| host.network.somaxconn = None),
    ("syn-backlog", "ok", |_, _| {}),
    ("syn-backlog", "low", |host, _| host.network.syn_backlog = Some(512)),
    ("syn-backlog", "unknown", |host, _| host.network.syn_backlog = None),
    ("busy-poll", "ok", |_, _| {}),
    ("busy-poll", "on", |host, _| host.network.busy_read_us = Some(50)),
    ("nic", "none", |host, _| host.network.nics.clear()),
    ("irqbalance", "ok", |_, _| {}),
    ("irqbalance", "runs", |host, _| host.network.irqbalance = true),
    ("irq-affinity", "ok", |_, _| {}),
    ("irq-affinity", "on-shards", |host, _| interrupts_on(host, |at| CpuSet::from_iter([at]))),
    ("irq-affinity", "one-core", |host, _| interrupts_on(host, |_| set("0"))),
    ("irq-affinity", "untold", |host, _| host.network.nics[0].interrupts.clear()),
    ("irq-affinity", "matched", |host, scope| {
        scope.steering = Steering::IncomingCpu;
        interrupts_on(host, |at| CpuSet::from_iter([at % 7 + 1]));
    }),
    ("irq-affinity", "off-shards", |_, scope| scope.steering = Steering::Cpu),
    ("queues", "ok", |_, _| {}),
    ("queues", "enough", |_, scope| scope.cores = set("0-15")),
    ("queues", "few", |host, _| {
        few_queues(host, 4, 4);
        host.network.nics[0].channels = Channels::NoEthtool;
    }),
    ("queues", "below-max", |host, _| few_queues(host, 4, 16)),
    ("queues", "at-max", |host, _| few_queues(host, 4, 4)),
    ("queues", "at-max", |host, _| {
        few_queues(host, 4, 4);
        host.network.nics[0].channels = Channels::Untold;
    }),
    ("queues", "at-max-steered", |host, scope| {
        few_queues(host, 4, 4);
        scope.steering = Steering::IncomingCpu;
    }),
    ("rps", "ok", |_, _| {}),
    ("rps", "on", |host, _| host.network.nics[0].rx[2].rps = set("4-7")),
    ("rps", "on", |host, _| {
        few_queues(host, 4, 16);
        host.network.nics[0].rx[2].rps = set("8-15");
    }),
    ("rps", "few-queues", |host, _| {
        few_queues(host, 4, 4);
        host.network.nics[0].rx[2].rps = set("8-15");
    }),
    ("rps", "single", |host, _| one_queue(host)),
    ("rps", "spread", |host, _| {
        one_queue(host);
        host.network.nics[0].rx[0].rps = set("8-15");
    }),
    ("xps", "ok", |_, _| {}),
    ("xps", "single", |host, _| one_queue(host)),
    ("xps", "unset", |host, _| host.network.nics[0].tx[2].xps = Some(CpuSet::default())),
    ("rings", "ok", |_, _| {}),
    ("rings", "small", |host, _| ring(host, 256)),
    ("rings", "no-ethtool", |host, _| host.network.nics[0].rings = Rings::NoEthtool),
    ("rings", "untold", |host, _| host.network.nics[0].rings = Rings::Untold),
];

fn swap_on(host: &mut Host) {
    host.memory.swaps.push(SwapArea { name: "/dev/dm-1".to_owned(), size_kib: 8 << 20, used_kib: 0 });
}

fn quota(container: &mut Container, quota_us: u64) {
    container.quota = Some(Quota { quota_us, period_us: 100_000, source: "/x/cpu.max".to_owned() });
}

/// A host with nothing to be said about, and its shards.
fn fine() -> (Host, Scope) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/single-socket-8");
    let scope = Scope { cores: set("1-7"), nic: None, steering: Steering::Hash };
    (Host::read(&Tree::open(&root, None).unwrap()), scope)
}

#[test]
fn every_outcome_is_found_and_has_its_words() {
    let (fine_host, fine_scope) = fine();
    for (name, outcome, change) in CASES {
        let (mut host, mut scope) = (fine_host.clone(), fine_scope.clone());
        change(&mut host, &mut scope);
        let findings = check(&host, &scope);
        let finding = findings.iter().find(|finding| finding.check == *name).expect(name);
        assert_eq!(finding.outcome, *outcome, "{name}: {}", finding.seen);
        let words =
            [&[finding.title.clone(), finding.seen.clone(), finding.why.clone()], &*finding.change, &*finding.undo];
        for text in words.concat() {
            assert!(!text.contains(['{', '}']), "{name}, {outcome}: a value is missing: {text}");
            assert!(!text.is_empty(), "{name}, {outcome}");
        }
        let is_complete = finding.severity == Severity::Ok || (!finding.change.is_empty() && !finding.undo.is_empty());
        assert!(is_complete || outcome == &"unknown", "{name}, {outcome}: says not what to do, or not how to undo it");
    }
    let cases: BTreeSet<(&str, &str)> = CASES.iter().map(|(name, outcome, _)| (*name, *outcome)).collect();
    let data: BTreeSet<(&str, &str)> = Texts::embedded().outcomes().collect();
    assert_eq!(cases, data, "cases on the left, data on the right");
}

#[test]
fn a_host_that_was_set_up_well_has_no_warning() {
    let (host, scope) = fine();
    let findings = check(&host, &scope);
    let worst = findings.iter().max_by_key(|finding| finding.severity).unwrap();
    assert_eq!(worst.severity, Severity::Note, "{worst:?}");
}

/// One finding said to use the physical cores of both nodes, the next one those of the card's, and irqbalance was to be
/// kept off every CPU there is.
#[test]
fn findings_can_be_followed_together() {
    let (mut host, mut scope) = fine();
    two_nodes(&mut host);
    host.network.irqbalance = true;
    scope.cores = set("0-15");
    let findings = check(&host, &scope);
    let change = |name: &str| &findings.iter().find(|finding| finding.check == name).expect(name).change;
    for name in ["cores", "smt"] {
        assert_eq!(change(name)[..], ["ringcached --cores 1-3"]);
    }
    assert!(change("numa")[0].starts_with("ringcached --cores 1-3,"), "{:?}", change("numa"));
    assert!(change("isolated")[0].contains("isolcpus=managed_irq,domain,1-3 "), "{:?}", change("isolated"));
    assert!(change("irqbalance")[1].contains("IRQBALANCE_BANNED_CPULIST=1-3 "), "{:?}", change("irqbalance"));
}

/// For cores that are not there, systemd was to allow them, and `apply` to take them, which it refuses.
#[test]
fn what_is_not_there_is_not_advised() {
    let (mut host, mut scope) = fine();
    interrupts_on(&mut host, |at| CpuSet::from_iter([at]));
    scope.cores = set("5-17");
    let findings = check(&host, &scope);
    let change = |name: &str| &findings.iter().find(|finding| finding.check == name).expect(name).change[0];
    assert_eq!(change("cores"), "ringcached --cores 5-15");
    assert!(change("irq-affinity").starts_with("ringtune apply --cores 5-15 "), "{}", change("irq-affinity"));
    scope.cores = set("16");
    let findings = check(&host, &scope);
    assert_eq!(
        findings.iter().find(|finding| finding.check == "cores").expect("cores").change,
        ["ringcached --cores 0-15"]
    );
}

/// For seven shards a card that can have four queues was to be given seven, "or as many as it can".
#[test]
fn no_more_queues_are_advised_than_the_card_can_have() {
    let change = |now, max, steering| {
        let (mut host, mut scope) = fine();
        few_queues(&mut host, now, max);
        scope.steering = steering;
        let findings = check(&host, &scope);
        let finding = findings.into_iter().find(|finding| finding.check == "queues").unwrap();
        (finding.change[0].clone(), finding.undo[0].clone())
    };
    for (max, advised) in [(4, 4), (6, 6), (7, 7), (16, 7)] {
        let (change, undo) = change(2, max, Steering::Hash);
        assert!(change.starts_with(&format!("ethtool -L eth0 combined {advised} ")), "{max}: {change}");
        assert_eq!(undo, "ethtool -L eth0 combined 2");
    }
    assert!(change(4, 4, Steering::Hash).0.starts_with("nothing at the card; "));
    assert_eq!(change(4, 4, Steering::Cpu).0, "ringcached --steering hash");
}

#[test]
fn a_host_that_tells_nothing_is_looked_at_without_a_panic() {
    let empty = tempfile::tempdir().unwrap();
    std::fs::create_dir(empty.path().join("proc")).unwrap();
    let host = Host::read(&Tree::open(empty.path(), None).unwrap());
    for cores in ["", "0", "0-3"] {
        for steering in [Steering::Hash, Steering::Cpu] {
            check(&host, &Scope { cores: set(cores), nic: None, steering });
        }
    }
}

#[test]
fn bytes_are_written_for_people() {
    for (bytes, text) in [(0, "0 bytes"), (64 << 10, "64 KiB"), (8 << 20, "8 MiB"), (1_610_612_736, "1.5 GiB")] {
        assert_eq!(human(bytes), text);
    }
}
