//! What the requests of a replay are for, and how their replies are judged.

use crate::{
    operation::Operation,
    protocol::{Protocol, Reply, Store, Verdict, store_verdict, verdict},
    trace::Operation as TraceOperation,
};

/// What a request on the wire is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A get; a miss is followed by `Fill`.
    Read,
    /// The gets that a cas needs; a hit is followed by the cas, with its number.
    ReadForCas,
    /// A set after a miss.
    Fill,
    /// A storage command of the trace.
    Store(Store),
    /// incr, decr or delete.
    Change(Operation),
}

impl Step {
    /// How a request of the trace begins.
    pub fn of(operation: TraceOperation) -> Step {
        match operation {
            TraceOperation::Get | TraceOperation::Gets => Step::Read,
            TraceOperation::Cas => Step::ReadForCas,
            TraceOperation::Set => Step::Store(Store::Set),
            TraceOperation::Add => Step::Store(Store::Add),
            TraceOperation::Replace => Step::Store(Store::Replace),
            TraceOperation::Append => Step::Store(Store::Append),
            TraceOperation::Prepend => Step::Store(Store::Prepend),
            TraceOperation::Delete => Step::Change(Operation::Delete),
            TraceOperation::Incr => Step::Change(Operation::Incr),
            TraceOperation::Decr => Step::Change(Operation::Decr),
        }
    }

    pub fn reads(self) -> bool {
        matches!(self, Step::Read | Step::ReadForCas)
    }

    /// Whether it can be asked for in `protocol`.
    pub fn suits(self, protocol: Protocol) -> bool {
        match self {
            Step::ReadForCas => protocol.lacks(Operation::Cas).is_none(),
            Step::Store(store) => protocol.lacks_store(store).is_none(),
            Step::Read | Step::Fill | Step::Change(_) => true,
        }
    }

    /// What the reply says of a request that is no read; `None` if the protocol does not allow it.
    pub fn verdict(self, protocol: Protocol, reply: &Reply<'_>) -> Option<Verdict> {
        match self {
            Step::Fill => store_verdict(protocol, Store::Set, reply),
            Step::Store(store) => store_verdict(protocol, store, reply),
            Step::Change(operation) => verdict(protocol, operation, reply),
            Step::Read | Step::ReadForCas => None,
        }
    }
}
