//! What a reply says about a request that is not a read.

use super::{Protocol, Reply, Store};
use crate::operation::Operation;

/// How a request that changes something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was done.
    Done,
    /// Nothing was stored: there is an item (add), or another one (cas), or none (replace, append, prepend).
    NotStored,
    /// There is no item.
    NotFound,
}

/// Reads the answer to a storage command; `None` where the protocol does not allow this answer to it.
#[inline]
pub fn store_verdict(protocol: Protocol, store: Store, reply: &Reply<'_>) -> Option<Verdict> {
    use Protocol::Resp;
    Some(match (store, reply) {
        // RESP's APPEND tells the new length.
        (Store::Append, Reply::Integer(1..)) if protocol == Resp => Verdict::Done,
        (Store::Append, _) if protocol == Resp => return None,
        (_, Reply::Stored) => Verdict::Done,
        (Store::Cas(_), Reply::Exists) if protocol != Resp => Verdict::NotStored,
        (Store::Cas(_), Reply::NotFound) if protocol != Resp => Verdict::NotFound,
        (Store::Set | Store::Cas(_), _) => return None,
        (_, Reply::NotStored) if protocol != Resp => Verdict::NotStored,
        (Store::Add | Store::Replace, Reply::Miss) if protocol == Resp => Verdict::NotStored,
        _ => return None,
    })
}

/// Reads the answer to `operation`, which is no read; `None` where the protocol does not allow this answer to it.
/// An error line is not for this function.
#[inline]
pub fn verdict(protocol: Protocol, operation: Operation, reply: &Reply<'_>) -> Option<Verdict> {
    use Operation::{Add, Cas, Decr, Delete, Incr, Set, Touch};
    use Protocol::{Binary, Meta, Resp, Text};
    let store = match operation {
        Set => Some(Store::Set),
        Add => Some(Store::Add),
        Cas => Some(Store::Cas(0)),
        _ => None,
    };
    if let Some(store) = store {
        return store_verdict(protocol, store, reply);
    }
    Some(match (operation, reply, protocol) {
        (Incr | Decr | Delete | Touch, Reply::Stored, Meta) => Verdict::Done,
        (Incr | Decr, Reply::Number(_), Text | Binary) | (Incr | Decr, Reply::Integer(_), Resp) => Verdict::Done,
        (Delete, Reply::Deleted, Text | Binary) | (Touch, Reply::Touched, Text | Binary) => Verdict::Done,
        (Delete | Touch, Reply::Integer(1), Resp) => Verdict::Done,
        (Delete | Touch, Reply::Integer(0), Resp) => Verdict::NotFound,
        (Incr | Decr | Delete | Touch, Reply::NotFound, Text | Meta | Binary) => Verdict::NotFound,
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
        let stored = |protocol, store| -> Vec<(Reply<'static>, Verdict)> {
            all.into_iter().filter_map(|reply| store_verdict(protocol, store, &reply).map(|v| (reply, v))).collect()
        };
        for protocol in [Protocol::Text, Protocol::Meta, Protocol::Binary] {
            for store in [Store::Replace, Store::Append, Store::Prepend] {
                let expected = [(Reply::Stored, done), (Reply::NotStored, Verdict::NotStored)];
                assert_eq!(stored(protocol, store), expected);
            }
        }
        assert_eq!(stored(Protocol::Resp, Store::Append), [(Reply::Integer(1), done)]);
        let replaced = [(Reply::Stored, done), (Reply::Miss, Verdict::NotStored)];
        assert_eq!(stored(Protocol::Resp, Store::Replace), replaced);
        for protocol in [Protocol::Text, Protocol::Meta, Protocol::Binary, Protocol::Resp] {
            for read in [Operation::Get, Operation::Multiget, Operation::Gat] {
                assert_eq!(allowed(protocol, read), []);
            }
        }
    }
}
