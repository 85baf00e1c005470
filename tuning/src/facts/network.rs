//! The network: what the kernel sets for all sockets, and the physical cards with their queues and interrupts.

use super::tree::split_number;
use super::{Channels, Rings, Tree, channels, rings};
use crate::CpuSet;
use std::collections::BTreeMap;

/// Most cards that are looked at.
const NICS_MAX: usize = 64;

/// What stands in the name of a queue's interrupt, whatever the driver: `eth0-TxRx-3`, `mlx5_comp3@pci:0000:98:00.0`,
/// `virtio0-input.0`, `eth0-ntfy-block.3`. Others (`mlx5_async0@…`, `eth0`) are the card's own.
const QUEUE_WORDS: [&str; 8] = ["rx", "tx", "comp", "input", "output", "ntfy", "queue", "fp-"];

/// An interrupt of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// Its number, as in `/proc/irq`.
    pub number: u32,
    /// Its name in `/proc/interrupts`.
    pub name: String,
    /// The queue's number, where it is a queue's.
    pub queue: Option<u64>,
    /// CPUs that may take it.
    pub affinity: CpuSet,
    /// CPUs that do, where the kernel tells.
    pub effective: Option<CpuSet>,
}

impl Interrupt {
    /// The CPUs that take it, as well as the host tells.
    pub fn cpus(&self) -> &CpuSet {
        // A move takes effect with the next interrupt; where there is one CPU to move to, it is known already.
        let told = self.effective.as_ref().filter(|cpus| !cpus.is_empty() && self.affinity.count() != 1);
        told.unwrap_or(&self.affinity)
    }
}

/// A receive queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RxQueue {
    /// Such as `rx-0`.
    pub name: String,
    /// CPUs that packets are handed on to by software (RPS); none where it is off.
    pub rps: CpuSet,
}

/// A send queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxQueue {
    /// Such as `tx-0`.
    pub name: String,
    /// CPUs that send by it (XPS); `None` where the kernel does not choose by CPU.
    pub xps: Option<CpuSet>,
}

/// A physical network card that is up.
#[derive(Clone, Debug)]
pub struct Nic {
    /// Such as `eth0`.
    pub name: String,
    /// Its driver.
    pub driver: Option<String>,
    /// The NUMA node that it is attached to.
    pub node: Option<usize>,
    /// By number.
    pub rx: Vec<RxQueue>,
    /// By number.
    pub tx: Vec<TxQueue>,
    /// By number.
    pub interrupts: Vec<Interrupt>,
    /// How many queues it has and can have.
    pub channels: Channels,
    /// The sizes of its rings.
    pub rings: Rings,
}

impl Nic {
    /// The interrupts of its queues.
    pub fn queue_interrupts(&self) -> impl Iterator<Item = &Interrupt> {
        self.interrupts.iter().filter(|interrupt| interrupt.queue.is_some())
    }
}

/// The network.
#[derive(Clone, Debug)]
pub struct Network {
    /// `net.core.somaxconn`: the bound on a listener's backlog.
    pub somaxconn: Option<u64>,
    /// `net.ipv4.tcp_max_syn_backlog`.
    pub syn_backlog: Option<u64>,
    /// `net.core.busy_read`, in microseconds.
    pub busy_read_us: Option<u64>,
    /// `net.core.busy_poll`, in microseconds.
    pub busy_poll_us: Option<u64>,
    /// Whether irqbalance runs, which moves interrupts every ten seconds.
    pub irqbalance: bool,
    /// The cards, by name.
    pub nics: Vec<Nic>,
}

impl Network {
    pub(super) fn read(tree: &Tree) -> Network {
        let named = interrupt_names(&tree.text("proc/interrupts").unwrap_or_default());
        let nics = tree.list("sys/class/net").into_iter().filter_map(|name| nic(tree, name, &named));
        Network {
            somaxconn: tree.value("proc/sys/net/core/somaxconn"),
            syn_backlog: tree.value("proc/sys/net/ipv4/tcp_max_syn_backlog"),
            busy_read_us: tree.value("proc/sys/net/core/busy_read"),
            busy_poll_us: tree.value("proc/sys/net/core/busy_poll"),
            irqbalance: irqbalance(tree),
            nics: nics.take(NICS_MAX).collect(),
        }
    }
}

/// The card `name`, if it is a physical one and not down. What has no device is made of software.
fn nic(tree: &Tree, name: String, named: &BTreeMap<u32, String>) -> Option<Nic> {
    let base = format!("sys/class/net/{name}");
    let uevent = tree.text(&format!("{base}/device/uevent"))?;
    if tree.word(&format!("{base}/operstate")).as_deref() == Some("down") {
        return None;
    }
    let queues = tree.list(&format!("{base}/queues"));
    let of = |kind: &str| queues.iter().filter(|queue| queue.starts_with(kind)).cloned().collect::<Vec<_>>();
    let mask = |queue: &str, file: &str| CpuSet::from_mask(&tree.text(&format!("{base}/queues/{queue}/{file}"))?);
    let rx = |queue: String| RxQueue { rps: mask(&queue, "rps_cpus").unwrap_or_default(), name: queue };
    let tx = |queue: String| TxQueue { xps: mask(&queue, "xps_cpus"), name: queue };
    let numbers = ["device", "device/.."].into_iter().map(|device| tree.list(&format!("{base}/{device}/msi_irqs")));
    let mut numbers: Vec<u32> = numbers.flatten().filter_map(|number| number.parse().ok()).collect();
    if numbers.is_empty() {
        // Not a PCI device: by the card's name.
        numbers.extend(named.iter().filter(|(_, irq)| is_named_after(irq, &name)).map(|(number, _)| *number));
    }
    let node: Option<i64> =
        ["device", "device/.."].into_iter().find_map(|device| tree.value(&format!("{base}/{device}/numa_node")));
    Some(Nic {
        driver: uevent.lines().find_map(|line| line.strip_prefix("DRIVER=")).map(str::to_owned),
        // -1 where the firmware does not tell.
        node: node.and_then(|node| node.try_into().ok()),
        rx: of("rx-").into_iter().map(rx).collect(),
        tx: of("tx-").into_iter().map(tx).collect(),
        interrupts: numbers.into_iter().filter_map(|number| interrupt(tree, number, named.get(&number)?)).collect(),
        channels: channels::read(tree, &name),
        rings: rings::read(tree, &name),
        name,
    })
}

fn is_named_after(interrupt: &str, nic: &str) -> bool {
    interrupt.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == nic)
}

fn interrupt(tree: &Tree, number: u32, name: &str) -> Option<Interrupt> {
    Some(Interrupt {
        number,
        name: name.to_owned(),
        queue: queue_number(name),
        affinity: tree.value(&format!("proc/irq/{number}/smp_affinity_list"))?,
        effective: tree.value(&format!("proc/irq/{number}/effective_affinity_list")),
    })
}

/// The number at the end of a queue's interrupt, before what some drivers put after an `@`.
fn queue_number(name: &str) -> Option<u64> {
    let name = name.split('@').next()?.to_ascii_lowercase();
    if !QUEUE_WORDS.iter().any(|word| name.contains(word)) {
        return None;
    }
    Some(split_number(&name).1.unwrap_or(0))
}

/// The names of numbered interrupts: the last word of each line, after the counts of all CPUs and the controller.
fn interrupt_names(text: &str) -> BTreeMap<u32, String> {
    let named = |line: &str| {
        let (number, rest) = line.split_once(':')?;
        Some((number.trim().parse().ok()?, rest.split_whitespace().last()?.to_owned()))
    };
    text.lines().filter_map(named).collect()
}

/// irqbalance keeps a socket that is named after its process; one that died may have left it.
fn irqbalance(tree: &Tree) -> bool {
    tree.list("run/irqbalance").iter().any(|name| {
        let pid = name.strip_prefix("irqbalance").and_then(|rest| rest.strip_suffix(".sock"));
        let command = pid.and_then(|pid| tree.word(&format!("proc/{pid}/comm")));
        command.as_deref() == Some("irqbalance")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_told_from_the_cards_own_interrupts() {
        for (name, queue) in [
            ("eth0-TxRx-12", Some(12)),
            ("mlx5_comp31@pci:0000:98:00.0", Some(31)),
            ("mlx5_async0@pci:0000:98:00.0", None),
            ("virtio3-input.0", Some(0)),
            ("virtio3-rx", Some(0)),
            ("virtio3-config", None),
            ("i40e-eth0-TxRx-3", Some(3)),
            ("eth0-ntfy-block.7", Some(7)),
            ("eth0", None),
            ("ena-mgmnt@pci:0000:00:05.0", None),
        ] {
            assert_eq!(queue_number(name), queue, "{name}");
        }
    }

    #[test]
    fn names_are_the_last_word() {
        let text = "           CPU0       CPU1\n 38:   12  0  PCI-MSIX-0000:00:03.0   1-edge      eth0-TxRx-0\n\
            NMI:    0    0   Non-maskable interrupts\n";
        assert_eq!(interrupt_names(text), BTreeMap::from([(38, "eth0-TxRx-0".to_owned())]));
    }

    #[test]
    fn a_name_is_matched_whole() {
        assert!(is_named_after("eth1-TxRx-0", "eth1"));
        assert!(!is_named_after("eth10-TxRx-0", "eth1"));
    }
}
