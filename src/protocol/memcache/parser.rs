//! From bytes to steps: finds the line, sends it to its command, keeps the limits.

use crate::protocol::memcache::errors;
use crate::protocol::memcache::fast;
use crate::protocol::memcache::limits::{LINE_LEN_MAX, MULTIGET_LINE_LEN_MAX, VALUE_LEN_WIRE_MAX};
use crate::protocol::memcache::line::split_first;
use crate::protocol::memcache::scan::Keys;
use crate::protocol::memcache::step::{Get, Need, Read, Set, Step};

/// Reads commands off a connection's input. Holds settings only: one serves every connection.
#[derive(Clone, Copy, Debug)]
pub struct Parser {
    /// Longest value in bytes that may be stored.
    pub(super) value_len_max: u64,
}

/// Where the next byte of a connection stands. Kept by the connection from call to call; starts as the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// At the start of a command.
    #[default]
    Command,
    /// At the start of a command of which this many bytes are known to hold no newline.
    Line {
        /// Bytes from the start of the input.
        scanned: usize,
    },
    /// Before a key of a read of several keys. Its line was seen whole, and the connection still holds it.
    Keys(Keys),
}

/// A command line cut out of the input.
#[derive(Clone, Copy)]
pub(super) struct CommandLine<'a> {
    /// What is behind the command's name, without line end and without spaces in front.
    pub(super) args: &'a [u8],
    /// Where in the input `args` begins.
    pub(super) args_start: usize,
    /// All input, and where in it the next line, or the command's value, begins.
    pub(super) input: &'a [u8],
    pub(super) len: usize,
}

impl Parser {
    /// A parser that refuses values of more than `value_len_max` bytes. What the wire cannot announce
    /// ([`VALUE_LEN_WIRE_MAX`]) bounds it.
    pub const fn new(value_len_max: u64) -> Parser {
        Parser { value_len_max: if value_len_max < VALUE_LEN_WIRE_MAX { value_len_max } else { VALUE_LEN_WIRE_MAX } }
    }

    /// Looks at `input`, everything the connection holds that is not yet consumed, and yields the first command in it.
    ///
    /// The caller drops `consumed` bytes and calls again, until the answer is incomplete or the input empty. On
    /// [`Step::Incomplete`] nothing is consumed: the same bytes come again with more behind them. `hash` gives
    /// each key's [`Request::hash`](crate::command::Request::hash).
    #[inline]
    pub fn next<'a>(&self, input: &'a [u8], resume: &mut Resume, hash: impl Fn(&[u8]) -> u64) -> Step<'a> {
        match self.next_read(input, resume, &hash) {
            Some(read) => read.step(),
            None => self.next_other(input, resume, hash),
        }
    }

    /// The first half of [`next`](Self::next): the command, or the next key of one, if it is a read in the plainest
    /// form. Where it is not, nothing has changed, and [`next_other`](Self::next_other) is to be asked.
    #[inline(always)]
    pub fn next_read<'a>(&self, input: &'a [u8], resume: &mut Resume, hash: impl Fn(&[u8]) -> u64) -> Option<Read<'a>> {
        match *resume {
            Resume::Command if verb(input) == fast::GET => fast::get(input, hash),
            Resume::Keys(keys) => {
                let (read, last) = keys.next(input, 0, hash)?;
                if last {
                    *resume = Resume::Command;
                }
                Some(read)
            }
            Resume::Command | Resume::Line { .. } => None,
        }
    }

    /// What [`next_read`](Self::next_read) gives, if it is a read of the plainest kind: a `get`, without exptime and CAS
    /// number. Else nothing has changed.
    #[inline(always)]
    pub fn next_get<'a>(&self, input: &'a [u8], resume: &mut Resume, hash: impl Fn(&[u8]) -> u64) -> Option<Get<'a>> {
        match *resume {
            Resume::Command if verb(input) == fast::GET => fast::plain_get(input, hash),
            Resume::Keys(keys @ Keys { touch: None, with_cas: false }) => {
                let (get, last) = keys.next_key(input, 0, hash)?;
                if last {
                    *resume = Resume::Command;
                }
                Some(get)
            }
            _ => None,
        }
    }

    /// The next command if it is a `set` in the plainest form that is here as a whole. Else nothing has changed.
    #[inline(always)]
    pub fn next_set<'a>(&self, input: &'a [u8], resume: &mut Resume, hash: impl Fn(&[u8]) -> u64) -> Option<Set<'a>> {
        match *resume {
            Resume::Command if verb(input) == fast::SET => fast::set(input, self.value_len_max, hash),
            _ => None,
        }
    }

    /// The second half of [`next`](Self::next).
    #[inline]
    pub fn next_other<'a>(&self, input: &'a [u8], resume: &mut Resume, hash: impl Fn(&[u8]) -> u64) -> Step<'a> {
        let scanned = match *resume {
            Resume::Command => {
                let step = match verb(input) {
                    fast::SET => self.next_set(input, resume, &hash).map(|set| set.step()),
                    verb if verb & fast::META_VERB_MASK == fast::META_GET => fast::meta_get(input, &hash),
                    _ => None,
                };
                if let Some(step) = step {
                    return step;
                }
                0
            }
            Resume::Line { scanned } => scanned,
            // The line was seen whole, so the caller has not kept it.
            Resume::Keys(_) => return Step::Incomplete { need: Need::Newline },
        };
        self.any_command(input, scanned, resume, &hash)
    }

    /// The general path: any command in any form.
    #[cold]
    #[inline(never)]
    pub(super) fn any_command<'a>(
        &self,
        input: &'a [u8],
        scanned: usize,
        resume: &mut Resume,
        hash: &dyn Fn(&[u8]) -> u64,
    ) -> Step<'a> {
        let scanned = scanned.min(input.len());
        let newline = memchr::memchr(b'\n', &input[scanned..]).map(|at| scanned + at);
        let line_len = newline.unwrap_or(input.len());
        if line_len > LINE_LEN_MAX {
            let len_max = line_len_max(input);
            if line_len > len_max {
                *resume = Resume::Command;
                return Step::Refused { reply: errors::LINE_TOO_LONG, consumed: len_max + 1, swallow: 0, close: true };
            }
        }
        let Some(newline) = newline else {
            *resume = Resume::Line { scanned: input.len() };
            return Step::Incomplete { need: Need::Newline };
        };
        *resume = Resume::Command;
        // A CR alone on its line is not a line end but a command of one character, as in memcached.
        let end = if newline > 1 && input[newline - 1] == b'\r' { newline - 1 } else { newline };
        let (verb, args) = split_first(&input[..end]);
        let line = CommandLine { args, args_start: end - args.len(), input, len: newline + 1 };
        match verb {
            [b'm', kind] => self.meta(*kind, line, hash),
            _ => self.text(verb, line, resume, hash),
        }
    }
}

/// The first four bytes as a number; 0 if there are not so many.
#[inline(always)]
fn verb(input: &[u8]) -> u32 {
    input.first_chunk().map_or(0, |verb| u32::from_le_bytes(*verb))
}

/// The bound for a line that is longer than [`LINE_LEN_MAX`].
fn line_len_max(line: &[u8]) -> usize {
    match split_first(&line[..LINE_LEN_MAX]).0 {
        b"get" | b"gets" | b"gat" | b"gats" => MULTIGET_LINE_LEN_MAX,
        _ => LINE_LEN_MAX,
    }
}
