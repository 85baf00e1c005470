//! Plans of small and odd machines; those of the recorded ones are snapshots.

use super::*;
use crate::facts::{Channels, Tree};
use std::path::Path;

/// The recorded 8-core host.
fn host() -> Host {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/single-socket-8");
    Host::read(&Tree::open(&root, None).unwrap())
}

/// The same with one thread on each core.
fn without_threads() -> Host {
    let mut host = host();
    host.cpus.online = (0..8).collect();
    host.cpus.cores = (0..8).map(|cpu| CpuSet::from_iter([cpu])).collect();
    host
}

fn cpus(plan: &Plan) -> String {
    plan.interrupts.iter().map(|placed| placed.cpu).collect::<CpuSet>().to_string()
}

#[test]
fn without_second_threads_interrupts_have_cores_of_their_own() {
    let plan = plan(&without_threads(), &Wish::Count(4), None, Interrupts::Auto).unwrap();
    assert_eq!(
        (plan.shards.to_string(), cpus(&plan), plan.rest.to_string()),
        ("1-4".into(), "5-6".into(), "0,7".into())
    );
    assert_eq!((plan.mode, plan.steering), (Interrupts::Apart, Steering::Hash));
}

#[test]
fn with_no_core_left_interrupts_go_to_the_shards_and_steering_follows() {
    let host = without_threads();
    let all = plan(&host, &Wish::Count(7), None, Interrupts::Auto).unwrap();
    assert_eq!((cpus(&all), all.mode), ("1-7".into(), Interrupts::Shards));
    assert_eq!(all.steering, Steering::Hash, "8 queues are not the same number for each of 7");
    let list = plan(&host, &Wish::List("0-7".parse().unwrap()), None, Interrupts::Auto).unwrap();
    assert_eq!((cpus(&list), list.steering), ("0-7".into(), Steering::IncomingCpu));
    assert!(list.rest.is_empty() && !list.flags().contains("--control-core"), "{}", list.flags());
}

#[test]
fn on_a_machine_of_two_cores_the_other_takes_the_interrupts() {
    let mut host = without_threads();
    host.cpus.online = (0..2).collect();
    host.cpus.cores.truncate(2);
    let plan = plan(&host, &Wish::Count(1), None, Interrupts::Auto).unwrap();
    assert_eq!((plan.shards.to_string(), cpus(&plan), plan.rest.to_string()), ("1".into(), "0".into(), "0".into()));
    assert_eq!(plan.flags(), "--cores 1 --steering hash --numa off --control-core 0");
}

#[test]
fn one_core_is_for_all() {
    let mut host = without_threads();
    host.cpus.online = (0..1).collect();
    host.cpus.cores.truncate(1);
    let plan = plan(&host, &Wish::Count(1), None, Interrupts::Auto).unwrap();
    assert_eq!((plan.shards.to_string(), cpus(&plan)), ("0".into(), "0".into()));
}

#[test]
fn several_cards_are_to_be_told_apart() {
    let mut host = host();
    let other = crate::facts::Nic { name: "eth1".to_owned(), ..host.network.nics[0].clone() };
    host.network.nics.push(other);
    let error = plan(&host, &Wish::Count(1), None, Interrupts::Auto).unwrap_err().to_string();
    assert!(error.contains("eth0, eth1"), "{error}");
    plan(&host, &Wish::Count(1), Some("eth1"), Interrupts::Auto).unwrap();
    host.network.nics.clear();
    let plan = plan(&host, &Wish::Count(1), None, Interrupts::Auto).unwrap();
    assert!(plan.interrupts.is_empty() && plan.sends.is_empty());
}

/// What a plan says of 8 queues on the CPUs of 3 shards.
#[test]
fn a_card_is_given_no_number_of_queues_that_it_cannot_have() {
    let said = |change: &dyn Fn(&mut Channels)| {
        let mut host = host();
        change(&mut host.network.nics[0].channels);
        let plan = plan(&host, &Wish::Count(3), None, Interrupts::Auto).unwrap();
        plan.warnings.iter().find(|warning| warning.starts_with("8 queues on 3 CPUs")).expect("a warning").clone()
    };
    let with = "ethtool -L eth0 combined 6 (undo: ethtool -L eth0 combined 8)";
    assert!(said(&|_| {}).ends_with(with));
    assert!(said(&|channels| *channels = Channels::NoEthtool).ends_with(with), "as any card can have fewer");
    // No card has more than it can; one that tells so is believed.
    let at_most = |max| {
        said(&|channels| {
            let Channels::Known(counts) = channels else { panic!("it was recorded") };
            counts.combined_max = max;
        })
    };
    assert!(at_most(5).ends_with("ethtool -L eth0 combined 3 (undo: ethtool -L eth0 combined 8)"), "{}", at_most(5));
    let untold = said(&|channels| *channels = Channels::Untold);
    assert!(at_most(2).ends_with("others 2. The card cannot have 3, which would be even"), "{}", at_most(2));
    assert!(untold.ends_with("others 2. Its driver offers no other number"), "{untold}");
}

#[test]
fn wishes_are_numbers_or_lists() {
    assert_eq!("4".parse(), Ok(Wish::Count(4)));
    assert_eq!("4,".parse(), Ok(Wish::List(CpuSet::from_iter([4]))));
    assert_eq!("1-2,5".parse(), Ok(Wish::List("1-2,5".parse().unwrap())));
    for bad in ["", "x", "+4", "-1", "1,,2"] {
        assert!(bad.parse::<Wish>().is_err(), "{bad}");
    }
}
