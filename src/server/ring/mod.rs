//! A shard's io_uring: multishot accept, provided buffers, one receive and one send in flight per connection.
//!
//! The ring owns every piece of memory that the kernel may still touch: the provided buffers, and each send's
//! buffers until its completion comes back, also those that the store has lent. What it hands out is either owned by the caller or borrowed from
//! the ring, so no caller can free memory under an operation in flight. It knows nothing of protocols.
//!
//! Setup: `SINGLE_ISSUER | DEFER_TASKRUN | TASKRUN_FLAG | SUBMIT_ALL`. Completions are posted only inside
//! [`Ring::kick`] and [`Ring::wait`], which submit what was queued and run the kernel's deferred work in one system
//! call; waiting also sleeps until there is a completion. Newer kernels run a few dozen pieces of deferred work at a
//! time; [`Ring::has_deferred_work`] tells whether some is left.
//!
//! A send is queued without `MSG_DONTWAIT` and with `MSG_WAITALL`: where the socket takes all of it, which is
//! the rule, it completes within the submitting call; where it does not, the kernel goes on by itself as the
//! peer reads, and completes once all is sent or the connection fails. A reader that never reads therefore
//! costs one send's memory and no work.

mod buffers;
mod completions;
mod direct;
mod eventfd;
mod operations;
mod outgoing;
mod queues;
#[cfg(test)]
mod testing;
mod timer;
mod user_data;

pub use buffers::BufferId;
pub use completions::Completion;
pub use eventfd::eventfd;
pub use outgoing::{Outgoing, PARTS_MAX, Part, Parts};
pub use queues::Ring;
pub use timer::Timer;
