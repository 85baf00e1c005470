//! The sizes of a network card's rings, in the words of `ethtool -g`.

use super::Tree;
use super::ethtool::{self, blocks, number};

/// Sizes in descriptors, one for a packet or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingSizes {
    /// Of a receive ring.
    pub rx: u32,
    /// The largest that the card takes.
    pub rx_max: u32,
    /// Of a send ring.
    pub tx: u32,
    /// The largest that the card takes.
    pub tx_max: u32,
}

/// What is known of a card's rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rings {
    /// Their sizes.
    Known(RingSizes),
    /// `ethtool` is not installed, or nothing of it was recorded.
    NoEthtool,
    /// The driver does not tell.
    Untold,
}

pub(super) fn read(tree: &Tree, nic: &str) -> Rings {
    match ethtool::ask(tree, 'g', nic) {
        None => Rings::NoEthtool,
        Some(text) => parse(&text).map_or(Rings::Untold, Rings::Known),
    }
}

/// Of each block the lines `RX:` and `TX:`.
fn parse(text: &str) -> Option<RingSizes> {
    let (most, now) = blocks(text)?;
    Some(RingSizes {
        rx: number(now, "RX:")?,
        rx_max: number(most, "RX:")?,
        tx: number(now, "TX:")?,
        tx_max: number(most, "TX:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ethtool_is_understood() {
        let text = "Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t8192\nRX Mini:\tn/a\nTX:\t\t4096\n\
            Current hardware settings:\nRX:\t\t1024\nRX Mini:\tn/a\nTX:\t\t512\nRX Buf Len:\tn/a\n";
        assert_eq!(parse(text), Some(RingSizes { rx: 1024, rx_max: 8192, tx: 512, tx_max: 4096 }));
        assert_eq!(parse(&text.replace("1024", "n/a")), None);
        assert_eq!(parse("netlink error: Operation not supported\n"), None);
    }
}
