//! What a host is, read from its file tree. Facts know nothing of what is good or bad; a file that is not there is a
//! fact as well (`None`), never an error: kernels, containers and virtual machines differ in what they show.

mod channels;
mod container;
mod cpus;
mod ethtool;
mod kernel;
mod memory;
mod network;
mod process;
mod rings;
mod tree;

pub use channels::{ChannelCounts, Channels};
pub use container::{Container, Quota};
pub use cpus::{Cpus, IdleState};
pub use kernel::{Kernel, Probe};
pub use memory::{Memory, SwapArea};
pub use network::{Interrupt, Network, Nic, RxQueue, TxQueue};
pub use process::{Limit, Process};
pub use rings::{RingSizes, Rings};
pub use tree::Tree;

/// A host and a process on it.
#[derive(Clone, Debug)]
pub struct Host {
    /// The kernel and its switches.
    pub kernel: Kernel,
    /// The process that was looked at: `ringtune` itself, or a running server.
    pub process: Process,
    /// CPUs and how they are set.
    pub cpus: Cpus,
    /// Memory and how the kernel manages it.
    pub memory: Memory,
    /// What the process's control group allows it.
    pub container: Container,
    /// Sockets and network cards.
    pub network: Network,
}

impl Host {
    /// Reads the host whose files are `tree`.
    pub fn read(tree: &Tree) -> Host {
        Host {
            kernel: Kernel::read(tree),
            process: Process::read(tree),
            cpus: Cpus::read(tree),
            memory: Memory::read(tree),
            container: Container::read(tree),
            network: Network::read(tree),
        }
    }
}

/// The word that the kernel marks by brackets among the possible ones: `always [madvise] never`.
fn chosen(text: &str) -> Option<String> {
    text.split_whitespace().find_map(|word| Some(word.strip_prefix('[')?.strip_suffix(']')?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn the_chosen_word_is_in_brackets() {
        assert_eq!(chosen("always [madvise] never\n").as_deref(), Some("madvise"));
        assert_eq!(chosen("always madvise never"), None);
    }
}
