//! The bounds of what a client can make a connection buffer.

use crate::command::INLINE_VALUE_MAX;

/// Longest command line in bytes without its newline, as in memcached. Only reads of many keys may be longer.
pub const LINE_LEN_MAX: usize = 2048;

/// Longest line in bytes, without its newline, of a `get`, `gets`, `gat` or `gats`.
pub const MULTIGET_LINE_LEN_MAX: usize = 1 << 20;

/// Most bytes that a request other than a long multi-key read needs in one piece: line, newline, value, CRLF.
pub const REQUEST_LEN_MAX: usize = LINE_LEN_MAX + 1 + INLINE_VALUE_MAX + 2;

/// Longest value in bytes that a store command can announce (memcached reads an `int` and adds the CRLF).
pub const VALUE_LEN_WIRE_MAX: u64 = i32::MAX as u64 - 2;

/// Longest opaque token in bytes, its letter `O` included.
pub const OPAQUE_TOKEN_LEN_MAX: usize = 32;

/// Most tokens of a meta command line: the command, its key, a length and flags.
pub const META_TOKENS_MAX: usize = 20;
