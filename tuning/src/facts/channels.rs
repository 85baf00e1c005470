//! How many queues a network card has and can have, in the words of `ethtool -l`. A channel is an interrupt with its
//! queues: one that only receives, one that only sends, or one for both, which is called combined.

use super::Tree;
use super::ethtool::{self, blocks, number};

/// Numbers of channels; 0 for a kind that the card has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelCounts {
    /// For both directions.
    pub combined: u32,
    /// The most of them that it can have.
    pub combined_max: u32,
    /// That only receive.
    pub rx: u32,
    /// The most of them that it can have.
    pub rx_max: u32,
    /// That only send.
    pub tx: u32,
    /// The most of them that it can have.
    pub tx_max: u32,
}

/// What is known of a card's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Their numbers.
    Known(ChannelCounts),
    /// `ethtool` is not installed, or nothing of it was recorded.
    NoEthtool,
    /// The driver does not tell, and so takes no other number either.
    Untold,
}

impl ChannelCounts {
    /// The most queues that can receive, with channels of the kind that is in use.
    pub fn receiving_max(&self) -> usize {
        (if self.is_combined() { self.combined_max } else { self.rx_max }) as usize
    }

    /// What `ethtool -L` is given to have `count` queues that receive, and as many that send.
    pub fn words_for(&self, count: usize) -> String {
        match (self.is_combined(), self.rx) {
            (true, 0) => format!("combined {count}"),
            (true, _) => format!("combined {count} rx 0 tx 0"),
            (false, _) if self.tx_max == 0 => format!("rx {count}"),
            (false, _) => format!("rx {count} tx {}", count.min(self.tx_max as usize)),
        }
    }

    /// What `ethtool -L` is given to have what there is.
    pub fn words_now(&self) -> String {
        match (self.combined, self.rx, self.tx) {
            (combined, 0, _) => format!("combined {combined}"),
            (0, rx, 0) => format!("rx {rx}"),
            (0, rx, tx) => format!("rx {rx} tx {tx}"),
            (combined, rx, tx) => format!("combined {combined} rx {rx} tx {tx}"),
        }
    }

    /// Some cards can have either kind; then what they have says which it is to be.
    fn is_combined(&self) -> bool {
        self.combined_max > 0 && (self.combined > 0 || self.rx == 0)
    }
}

pub(super) fn read(tree: &Tree, nic: &str) -> Channels {
    match ethtool::ask(tree, 'l', nic) {
        None => Channels::NoEthtool,
        Some(text) => parse(&text).map_or(Channels::Untold, Channels::Known),
    }
}

/// Of each block the lines `RX:`, `TX:` and `Combined:`, with `n/a` or 0 for a kind that the card has not.
fn parse(text: &str) -> Option<ChannelCounts> {
    let (most, now) = blocks(text)?;
    let count = |block, name| number(block, name).unwrap_or(0);
    let counts = ChannelCounts {
        combined: count(now, "Combined:"),
        combined_max: count(most, "Combined:"),
        rx: count(now, "RX:"),
        rx_max: count(most, "RX:"),
        tx: count(now, "TX:"),
        tx_max: count(most, "TX:"),
    };
    (counts.receiving_max() > 0).then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(most: [&str; 3], now: [&str; 3]) -> String {
        let block =
            |[rx, tx, combined]: [&str; 3]| format!("RX:\t\t{rx}\nTX:\t\t{tx}\nOther:\t\t1\nCombined:\t{combined}\n");
        let (most, now) = (block(most), block(now));
        format!("Channel parameters for eth0:\nPre-set maximums:\n{most}Current hardware settings:\n{now}")
    }

    /// The most, the words for six, the words for what there is.
    #[test]
    fn ethtool_is_understood() {
        for (most, now, receiving_max, six, words) in [
            (["n/a", "n/a", "16"], ["n/a", "n/a", "8"], 16, "combined 6", "combined 8"),
            (["0", "0", "4"], ["0", "0", "4"], 4, "combined 6", "combined 4"),
            (["8", "4", "n/a"], ["4", "4", "n/a"], 8, "rx 6 tx 4", "rx 4 tx 4"),
            (["8", "n/a", "n/a"], ["1", "n/a", "n/a"], 8, "rx 6", "rx 1"),
            // Either kind, and both at once.
            (["37", "37", "74"], ["0", "0", "16"], 74, "combined 6", "combined 16"),
            (["37", "37", "74"], ["8", "8", "0"], 37, "rx 6 tx 6", "rx 8 tx 8"),
            (["64", "64", "64"], ["2", "1", "4"], 64, "combined 6 rx 0 tx 0", "combined 4 rx 2 tx 1"),
        ] {
            let counts = parse(&text(most, now)).unwrap();
            assert_eq!(counts.receiving_max(), receiving_max, "{counts:?}");
            assert_eq!((counts.words_for(6).as_str(), counts.words_now().as_str()), (six, words), "{counts:?}");
        }
    }

    #[test]
    fn a_driver_that_tells_nothing_is_known_by_it() {
        assert_eq!(parse(&text(["n/a"; 3], ["n/a"; 3])), None);
        assert_eq!(parse(&text(["0", "8", "0"], ["0", "1", "0"])), None, "none that receives");
        assert_eq!(parse("netlink error: Operation not supported\n"), None);
        assert_eq!(parse(""), None);
    }
}
