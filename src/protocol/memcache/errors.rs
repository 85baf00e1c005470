//! Every fixed line of the protocol, whole with its CRLF. Clients match them to the letter.

/// Not a command, or a command with a wrong number of arguments.
pub const ERROR: &[u8] = b"ERROR\r\n";
/// An argument of a command is malformed, or a key too long.
pub const BAD_COMMAND_LINE: &[u8] = b"CLIENT_ERROR bad command line format\r\n";
/// The same, from `delete`.
pub const BAD_DELETE: &[u8] = b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n";
/// A value is not followed by CRLF at the announced place.
pub const BAD_DATA_CHUNK: &[u8] = b"CLIENT_ERROR bad data chunk\r\n";
/// An exptime is not a number.
pub const INVALID_EXPTIME: &[u8] = b"CLIENT_ERROR invalid exptime argument\r\n";
/// The amount of an `incr` or `decr` is not a number of 64 bits.
pub const INVALID_DELTA: &[u8] = b"CLIENT_ERROR invalid numeric delta argument\r\n";
/// The stored value is not a number.
pub const NON_NUMERIC: &[u8] = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
/// A line without end. The connection is closed.
pub const LINE_TOO_LONG: &[u8] = b"CLIENT_ERROR line too long\r\n";
/// `flush_all` is not allowed.
pub const FLUSH_NOT_ALLOWED: &[u8] = b"CLIENT_ERROR flush_all not allowed\r\n";
/// `shutdown` is not allowed.
pub const SHUTDOWN_DISABLED: &[u8] = b"ERROR: shutdown not enabled\r\n";

/// A meta flag is unknown.
pub const INVALID_FLAG: &[u8] = b"CLIENT_ERROR invalid flag\r\n";
/// A meta flag stands twice, or is not a letter.
pub const DUPLICATE_FLAG: &[u8] = b"CLIENT_ERROR duplicate flag\r\n";
/// `ma` names no more than this for any fault of its key and flags.
pub const INVALID_OR_DUPLICATE_FLAG: &[u8] = b"CLIENT_ERROR invalid or duplicate flag\r\n";
/// The number behind a meta flag is malformed.
pub const BAD_TOKEN: &[u8] = b"CLIENT_ERROR bad token in command line format\r\n";
/// The number behind `J` is malformed.
pub const BAD_INITIAL: &[u8] = b"CLIENT_ERROR invalid numeric initial value\r\n";
/// The number behind `D` is malformed.
pub const BAD_DELTA_FLAG: &[u8] = b"CLIENT_ERROR invalid numeric delta value\r\n";
/// With `b`, the key is not base64.
pub const BAD_KEY_ENCODING: &[u8] = b"CLIENT_ERROR error decoding key\r\n";
/// The opaque is too long.
pub const OPAQUE_TOO_LONG: &[u8] = b"CLIENT_ERROR opaque token too long\r\n";
/// `ms` does not know this mode.
pub const BAD_STORE_MODE: &[u8] = b"CLIENT_ERROR invalid mode for ms M token\r\n";
/// `ma` does not know this mode.
pub const BAD_ARITHMETIC_MODE: &[u8] = b"CLIENT_ERROR invalid mode for ma M token\r\n";
/// Too many flags.
pub const FLAGS_TOO_LONG: &[u8] = b"CLIENT_ERROR options flags are too long\r\n";

/// The value is over the maximum item size.
pub const TOO_LARGE: &[u8] = b"SERVER_ERROR object too large for cache\r\n";
/// No memory could be freed for the item.
pub const OUT_OF_MEMORY: &[u8] = b"SERVER_ERROR out of memory storing object\r\n";
/// The same, from commands that do not bring the value: `incr`, `decr`, `ma`, `md`.
pub const OUT_OF_MEMORY_ARITHMETIC: &[u8] = b"SERVER_ERROR out of memory\r\n";
/// An answer that does not belong to the command: our own fault.
pub const UNEXPECTED_REPLY: &[u8] = b"SERVER_ERROR unexpected reply\r\n";

/// The end of a read's answer.
pub const END: &[u8] = b"END\r\n";
/// An administrative command is done.
pub const OK: &[u8] = b"OK\r\n";
/// Statistics are reset.
pub const RESET: &[u8] = b"RESET\r\n";
/// The answer to `me` of an absent key.
pub const META_MISS: &[u8] = b"EN\r\n";
/// The answer to `mn`.
pub const META_NOOP: &[u8] = b"MN\r\n";

/// A write is stored.
pub const STORED: &[u8] = b"STORED\r\n";
/// A write's condition did not hold.
pub const NOT_STORED: &[u8] = b"NOT_STORED\r\n";
/// The CAS numbers differ.
pub const EXISTS: &[u8] = b"EXISTS\r\n";
/// The key is absent.
pub const NOT_FOUND: &[u8] = b"NOT_FOUND\r\n";
/// The item is removed.
pub const DELETED: &[u8] = b"DELETED\r\n";
/// The exptime is set.
pub const TOUCHED: &[u8] = b"TOUCHED\r\n";
