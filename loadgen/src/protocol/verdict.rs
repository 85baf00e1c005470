//! What a reply says about a request that is not a read.

use super::{Protocol, Reply};
use crate::operation::Operation;

/// How a request that changes something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was done.
    Done,
    /// Nothing was stored: there is an item (add), or another one (cas).
    NotStored,
    /// There is no item.
    NotFound,
}

/// Reads the answer to `operation`, which is no read; `None` where the protocol does not allow this answer to it.
/// An error line is not for this function.
#[inline]
pub fn verdict(protocol: Protocol, operation: Operation, reply: &Reply<'_>) -> Option<Verdict> {
    use Operation::{Add, Cas, Decr, Delete, Incr, Set, Touch};
    use Protocol::{Binary, Meta, Resp, Text};
    Some(match (operation, reply, protocol) {
        (Set | Add | Cas, Reply::Stored, _) | (Incr | Decr | Delete | Touch, Reply::Stored, Meta) => Verdict::Done,
        (Incr | Decr, Reply::Number(_), Text | Binary) | (Incr | Decr, Reply::Integer(_), Resp) => Verdict::Done,
        (Delete, Reply::Deleted, Text | Binary) | (Touch, Reply::Touched, Text | Binary) => Verdict::Done,
        (Delete | Touch, Reply::Integer(1), Resp) => Verdict::Done,
        (Delete | Touch, Reply::Integer(0), Resp) => Verdict::NotFound,
        (Add, Reply::NotStored, Text | Meta | Binary) | (Add, Reply::Miss, Resp) => Verdict::NotStored,
        (Cas, Reply::Exists, Text | Meta | Binary) => Verdict::NotStored,
        (Cas | Incr | Decr | Delete | Touch, Reply::NotFound, Text | Meta | Binary) => Verdict::NotFound,
        (Touch, Reply::Miss, Meta) => Verdict::NotFound,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_answers_and_no_others() {
        let all = [
            Reply::Stored,
            Reply::NotStored,
            Reply::Exists,
            Reply::NotFound,
            Reply::Deleted,
            Reply::Touched,
            Reply::Number(5),
            Reply::Integer(0),
            Reply::Integer(1),
            Reply::Integer(-3),
            Reply::Miss,
            Reply::End,
            Reply::Noop,
            Reply::Array(1),
        ];
        let allowed = |protocol, operation| -> Vec<(Reply<'static>, Verdict)> {
            all.into_iter().filter_map(|reply| verdict(protocol, operation, &reply).map(|v| (reply, v))).collect()
        };
        let done = Verdict::Done;
        assert_eq!(allowed(Protocol::Text, Operation::Set), [(Reply::Stored, done)]);
        assert_eq!(
            allowed(Protocol::Binary, Operation::Add),
            [(Reply::Stored, done), (Reply::NotStored, Verdict::NotStored)]
        );
        assert_eq!(
            allowed(Protocol::Text, Operation::Cas),
            [(Reply::Stored, done), (Reply::Exists, Verdict::NotStored), (Reply::NotFound, Verdict::NotFound)]
        );
        assert_eq!(
            allowed(Protocol::Text, Operation::Delete),
            [(Reply::NotFound, Verdict::NotFound), (Reply::Deleted, done)]
        );
        assert_eq!(
            allowed(Protocol::Meta, Operation::Touch),
            [(Reply::Stored, done), (Reply::NotFound, Verdict::NotFound), (Reply::Miss, Verdict::NotFound)]
        );
        assert_eq!(
            allowed(Protocol::Resp, Operation::Delete),
            [(Reply::Integer(0), Verdict::NotFound), (Reply::Integer(1), done)]
        );
        assert_eq!(allowed(Protocol::Resp, Operation::Add), [(Reply::Stored, done), (Reply::Miss, Verdict::NotStored)]);
        assert_eq!(allowed(Protocol::Resp, Operation::Incr).len(), 3);
        for protocol in [Protocol::Text, Protocol::Meta, Protocol::Binary, Protocol::Resp] {
            for read in [Operation::Get, Operation::Multiget, Operation::Gat] {
                assert_eq!(allowed(protocol, read), []);
            }
        }
    }
}
