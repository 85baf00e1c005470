//! What one request does: the vocabulary that workloads and protocols share.

/// An operation of a workload, by the name that it has in a workload file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reads one key.
    Get,
    /// Reads several keys by one request.
    Multiget,
    /// Stores a value.
    Set,
    /// Stores a value unless there is one.
    Add,
    /// Reads a key with its cas number, then stores a value if nobody else has meanwhile: two requests.
    Cas,
    /// Adds 1 to a number.
    Incr,
    /// Takes 1 from a number.
    Decr,
    /// Removes a key.
    Delete,
    /// Changes the exptime.
    Touch,
    /// Reads one key and changes its exptime.
    Gat,
}

impl Operation {
    /// All of them, in the order of their declaration.
    pub const ALL: [Operation; 10] = [
        Operation::Get,
        Operation::Multiget,
        Operation::Set,
        Operation::Add,
        Operation::Cas,
        Operation::Incr,
        Operation::Decr,
        Operation::Delete,
        Operation::Touch,
        Operation::Gat,
    ];

    /// The name in workload files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Get => "get",
            Operation::Multiget => "multiget",
            Operation::Set => "set",
            Operation::Add => "add",
            Operation::Cas => "cas",
            Operation::Incr => "incr",
            Operation::Decr => "decr",
            Operation::Delete => "delete",
            Operation::Touch => "touch",
            Operation::Gat => "gat",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_in_order_and_named_once() {
        for (at, operation) in Operation::ALL.iter().enumerate() {
            assert_eq!(*operation as usize, at);
            assert!(Operation::ALL[..at].iter().all(|earlier| earlier.name() != operation.name()));
        }
    }
}
