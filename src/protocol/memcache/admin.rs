//! Commands that concern the whole server, not one key.

use crate::command::{Exptime, StatsAnswer};
use crate::protocol::memcache::binary;
use crate::protocol::memcache::encode_stats::stats_text;
use crate::protocol::memcache::errors;

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

/// The answer to a command that both protocols have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminReply<'a> {
    /// Carried out.
    Done,
    /// Everything before it is answered.
    Noop,
    /// The connection is about to close.
    Closing,
    /// The version, without words around it.
    Version(&'a [u8]),
    /// Statistics.
    Stats(&'a StatsAnswer),
    /// `flush_all` is switched off.
    FlushNotAllowed,
}

impl AdminReply<'_> {
    /// Appends the answer to `out`.
    pub fn encode(&self, form: AdminForm, out: &mut Vec<u8>) {
        match form {
            AdminForm::Text => self.encode_text(out),
            AdminForm::Binary { opcode, opaque } => binary::encode_admin(opcode, opaque, self, out),
        }
    }

    fn encode_text(&self, out: &mut Vec<u8>) {
        let line = match self {
            AdminReply::Done => errors::OK,
            AdminReply::Noop => errors::META_NOOP,
            AdminReply::Closing => b"",
            AdminReply::Version(version) => {
                out.extend_from_slice(b"VERSION ");
                out.extend_from_slice(version);
                b"\r\n"
            }
            AdminReply::Stats(answer) => return stats_text(answer, out),
            AdminReply::FlushNotAllowed => errors::FLUSH_NOT_ALLOWED,
        };
        out.extend_from_slice(line);
    }
}
