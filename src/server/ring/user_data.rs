//! What an operation's completion says of it: its role, and the connection, listener or timer that it is of.
//!
//! ```text
//!   63        35 34      3 2  0
//!   [    0      |  index  | kind ]
//! ```

/// The bits of the role.
const KIND_BITS: u32 = 3;

// The roles.
pub(super) const KIND_RECEIVE: u64 = 0;
pub(super) const KIND_SEND: u64 = 1;
pub(super) const KIND_ACCEPT: u64 = 2;
pub(super) const KIND_CANCEL_RECEIVE: u64 = 3;
pub(super) const KIND_CANCEL_SEND: u64 = 4;
pub(super) const KIND_CANCEL_ACCEPT: u64 = 5;
pub(super) const KIND_EVENT: u64 = 6;
pub(super) const KIND_TIMER: u64 = 7;

/// The user data of an operation.
pub(super) const fn user_data(kind: u64, index: u32) -> u64 {
    (index as u64) << KIND_BITS | kind
}

/// Its role and index.
pub(super) const fn split(user_data: u64) -> (u64, u32) {
    (user_data & ((1 << KIND_BITS) - 1), (user_data >> KIND_BITS) as u32)
}
