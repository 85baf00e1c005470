//! The sizes of a network card's rings, in the words of `ethtool -g`: asking the kernel directly takes a system call
//! that no file stands for.

use super::Tree;
use std::io;
use std::process::Command;

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

const MISSING: &str = "ethtool is not installed";

pub(super) fn read(tree: &Tree, nic: &str) -> Rings {
    let text = tree.told(&format!("ethtool-g-{nic}"), || {
        Some(match Command::new("ethtool").args(["-g", nic]).output() {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => MISSING.to_owned(),
            Err(error) => error.to_string(),
        })
    });
    match text {
        None => Rings::NoEthtool,
        Some(text) if text == MISSING => Rings::NoEthtool,
        Some(text) => parse(&text).map_or(Rings::Untold, Rings::Known),
    }
}

/// Two blocks of lines, what may be set and what is; of each the lines `RX:` and `TX:`.
fn parse(text: &str) -> Option<RingSizes> {
    let (most, now) = text.split_once("Current hardware settings:")?;
    let size =
        |block: &str, name: &str| block.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().parse().ok());
    Some(RingSizes {
        rx: size(now, "RX:")?,
        rx_max: size(most, "RX:")?,
        tx: size(now, "TX:")?,
        tx_max: size(most, "TX:")?,
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
