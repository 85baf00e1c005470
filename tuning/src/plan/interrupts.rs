//! Where a card's interrupts go, who sends by which queue, and which steering suits that.

use super::{Interrupts, Placed, Sends};
use crate::facts::{Channels, Host, Interrupt, Nic};
use crate::{CpuSet, Error, Steering};

/// Cores that take interrupts where they have cores of their own: one for so many shards. A rule of thumb; `sweep` tells.
const SHARDS_PER_INTERRUPT_CORE: usize = 3;

/// The CPUs that take interrupts, in the order in which queues are dealt to them.
pub(super) fn takers(
    host: &Host,
    nic: Option<&Nic>,
    shards: &CpuSet,
    mode: Interrupts,
    reasons: &mut Vec<String>,
) -> Result<(Interrupts, Vec<usize>), Error> {
    let Some(nic) = nic else {
        reasons.push("no physical network card is up: there are no interrupts to place".to_owned());
        return Ok((mode, Vec::new()));
    };
    let cpus = &host.cpus;
    // A queue's packets lie in memory of the card's node.
    let is_home = |cpu: &usize| nic.node.is_none_or(|home| cpus.node(*cpu) == home);
    let siblings: Vec<usize> = shards.iter().filter_map(|cpu| cpus.siblings(cpu).without(shards).first()).collect();
    let local: Vec<usize> = siblings.iter().copied().filter(is_home).collect();
    let beside: CpuSet = shards.iter().flat_map(|cpu| cpus.siblings(cpu).iter().collect::<Vec<_>>()).collect();
    let first = cpus.siblings(0);
    let mut spare: Vec<usize> = cpus
        .cores
        .iter()
        .filter(|core| core.and(&beside).is_empty() && **core != first)
        .filter_map(CpuSet::first)
        .filter(is_home)
        .collect();
    spare.truncate(shards.count().div_ceil(SHARDS_PER_INTERRUPT_CORE));
    let apart = |spare, reasons: &mut Vec<String>| {
        let name = &nic.name;
        reasons
            .push(format!("interrupts of {name} go to cores of their own, one for {SHARDS_PER_INTERRUPT_CORE} shards"));
        Ok((Interrupts::Apart, spare))
    };
    let rest_is_free = first.and(shards).is_empty();
    let to_rest = |reasons: &mut Vec<String>| {
        reasons.push(format!("interrupts of {} go to the core that is left to the rest", nic.name));
        Ok((Interrupts::Apart, first.iter().collect()))
    };
    let refuse = |words: &str| Err(Error::Usage(format!("--interrupts {words}")));
    match mode {
        Interrupts::Auto if local.is_empty() && !spare.is_empty() => apart(spare, reasons),
        Interrupts::Auto | Interrupts::Siblings if !siblings.is_empty() => {
            reasons.push(format!("interrupts of {} go to the second threads of the shards' cores", nic.name));
            Ok((Interrupts::Siblings, if local.is_empty() { siblings } else { local }))
        }
        Interrupts::Siblings => refuse("siblings: no shard's core has a second thread that is free"),
        Interrupts::Auto | Interrupts::Apart if !spare.is_empty() => apart(spare, reasons),
        // One core can take what a few shards are sent.
        Interrupts::Auto if rest_is_free && shards.count() <= SHARDS_PER_INTERRUPT_CORE => to_rest(reasons),
        Interrupts::Apart if rest_is_free => to_rest(reasons),
        Interrupts::Apart => refuse("apart: all cores of the card's node carry shards"),
        Interrupts::Auto | Interrupts::Shards => {
            reasons.push(format!("interrupts of {} go to the shards' own cores", nic.name));
            Ok((Interrupts::Shards, shards.iter().collect()))
        }
    }
}

/// Deals the queues to `takers` in turn, so that a queue's send and receive interrupts meet.
pub(super) fn place(nic: Option<&Nic>, takers: &[usize]) -> Vec<Placed> {
    if takers.is_empty() {
        return Vec::new();
    }
    let mut queues: Vec<_> = nic.into_iter().flat_map(Nic::queue_interrupts).collect();
    queues.sort_by_key(|interrupt| (interrupt.queue, interrupt.number));
    let cpu = |queue: Option<u64>| takers[queue.unwrap_or(0) as usize % takers.len()];
    let placed = |interrupt: &&Interrupt| Placed {
        irq: interrupt.number,
        name: interrupt.name.clone(),
        cpu: cpu(interrupt.queue),
    };
    queues.iter().map(placed).collect()
}

/// Says so if some CPUs take more queues than others, and what number of queues would be even, if the card can have it.
pub(super) fn uneven(nic: &Nic, takers: usize) -> Option<String> {
    let queues = nic.rx.len();
    if takers == 0 || queues <= takers || queues.is_multiple_of(takers) {
        return None;
    }
    let seen = format!(
        "{queues} queues on {takers} CPUs: some take {} of them, others {}.",
        queues.div_ceil(takers),
        queues / takers
    );
    let even = |max: usize| max - max % takers;
    let (new, now) = match &nic.channels {
        Channels::Known(counts) => match even(queues.min(counts.receiving_max())) {
            0 => return Some(format!("{seen} The card cannot have {takers}, which would be even")),
            even => (counts.words_for(even), counts.words_now()),
        },
        Channels::Untold => return Some(format!("{seen} Its driver offers no other number")),
        Channels::NoEthtool => (format!("combined {}", even(queues)), format!("combined {queues}")),
    };
    let name = &nic.name;
    Some(format!(
        "{seen} To have it even, before anything else: ethtool -L {name} {new} (undo: ethtool -L {name} {now})"
    ))
}

/// Steering for interrupts on shards' cores: by them where they reach every shard equally, else by the hash.
pub(super) fn follow(nic: Option<&Nic>, shards: &CpuSet, reasons: &mut Vec<String>) -> Steering {
    let queues = nic.map_or(0, |nic| nic.rx.len());
    if queues >= shards.count() && queues.is_multiple_of(shards.count()) {
        reasons.push(format!("--steering incoming-cpu: {queues} queues are the same number for each shard"));
        return Steering::IncomingCpu;
    }
    reasons.push(format!("--steering hash: {queues} queues cannot be dealt evenly to {} shards", shards.count()));
    Steering::Hash
}

/// Each send queue's share of the shards and of the rest. A card with one queue has nothing to share, and one that does
/// not show who sends by which cannot be set.
pub(super) fn sends(nic: &Nic, shards: &CpuSet, rest: &CpuSet) -> Vec<Sends> {
    if nic.tx.len() < 2 || nic.tx.iter().any(|queue| queue.xps.is_none()) {
        return Vec::new();
    }
    let share = |of: &CpuSet, at: usize| of.iter().skip(at).step_by(nic.tx.len()).collect::<Vec<_>>();
    let cpus = |at| share(shards, at).into_iter().chain(share(rest, at)).collect();
    nic.tx.iter().enumerate().map(|(at, queue)| Sends { queue: queue.name.clone(), cpus: cpus(at) }).collect()
}
