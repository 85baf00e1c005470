//! Commands that concern the whole server, not one key.

use crate::command::Exptime;

/// In which words a command to the whole server wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminForm {
    /// Lines of text.
    Text,
    /// Packets of the binary protocol.
    Binary {
        /// The request's.
        opcode: u8,
        /// The request's, to be sent back.
        opaque: u32,
    },
}

/// A command that no shard can answer alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin<'a> {
    /// Make everything stored so far invisible, now or later. Answer `OK`.
    FlushAll {
        /// When. Zero or negative is now.
        delay: Exptime,
        /// Answer nothing.
        noreply: bool,
    },
    /// Answer `VERSION` and the version.
    Version,
    /// Set the log level. Answer `OK`.
    Verbosity {
        /// As given; above memcached's highest it means the highest.
        level: u32,
        /// Answer nothing.
        noreply: bool,
    },
    /// Answer statistics.
    Stats {
        /// What stands behind `stats`, without spaces around it; empty for the general statistics.
        args: &'a [u8],
    },
    /// Meta no-op: answer `MN`, once everything before it is answered.
    MetaNoop,
    /// Answer what is before it, then close.
    Quit,
}
