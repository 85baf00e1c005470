//! Bytes in, requests out; replies in, bytes out.
//!
//! This layer knows the wire and nothing else: no socket, no store, no clock, no counter, no runtime. It owns no
//! buffer and allocates nothing: a request borrows from the bytes it was read from, a reply is appended to the
//! caller's output. What a connection must remember between two calls is a small `Copy` value ([`memcache::Resume`]).

pub mod detect;
pub mod memcache;
