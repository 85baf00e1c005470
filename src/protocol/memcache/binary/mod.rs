//! memcached's binary protocol: packets of a fixed head and a body whose length the head tells.
//!
//! It yields the same steps and takes the same replies as the text protocol; only the bytes differ. The reference is
//! what memcached 1.6 does, which refuses more than its specification asks for. We differ on purpose in these points:
//!
//! - A command that is not known is skipped to its end. memcached skips its extras and its key twice.
//! - `touch`, `gat` and `stat` with a value behind the key are refused, as every other command that takes none.
//!   memcached carries them out and runs the value as commands.
//! - A value of 2 GiB and more is refused and skipped as any that is too large. memcached runs it as commands.
//! - Where a packet closes the connection, the replies to those before it are sent. memcached drops them.
//! - A head that refuses its packet is enough to do so; memcached waits for extras and key.

mod admin;
mod encode;
mod header;
mod opcode;
mod parse;
mod refusal;
mod status;
#[cfg(test)]
mod tests;

pub(super) use admin::encode_admin;
pub(super) use encode::encode;
pub use refusal::Refusal;
pub use status::Status;
