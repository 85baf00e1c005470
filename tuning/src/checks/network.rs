//! What the kernel sets for all sockets.

use super::cpus::advised;
use super::{Outcome, Scope};
use crate::facts::Host;

/// The server's default of `-b`.
const BACKLOG: u64 = 1024;

pub(super) fn check(host: &Host, scope: &Scope, found: &mut Vec<Outcome>) {
    let network = &host.network;
    found.push(at_least("somaxconn", network.somaxconn));
    found.push(at_least("syn-backlog", network.syn_backlog));
    let [read, poll] = [network.busy_read_us, network.busy_poll_us].map(|us| us.unwrap_or(0));
    let outcome = if read == 0 && poll == 0 { "ok" } else { "on" };
    found.push(Outcome::new("busy-poll", outcome).with("read", read).with("poll", poll));
    let outcome = if network.irqbalance { "runs" } else { "ok" };
    found.push(Outcome::new("irqbalance", outcome).with("cores", advised(host, scope)));
}

fn at_least(check: &'static str, value: Option<u64>) -> Outcome {
    match value {
        None => Outcome::new(check, "unknown"),
        Some(value) => Outcome::new(check, if value < BACKLOG { "low" } else { "ok" }).with("value", value),
    }
}
