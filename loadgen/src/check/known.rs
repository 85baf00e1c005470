//! What the only writer of a key knows of it, and whether a reply agrees.
//!
//! Its connection answers in order, so when a reply is in, all earlier writes are decided. Eviction may remove
//! the item at any time; nothing may change it or bring it back.

/// The writer's knowledge of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// No item, and none can appear.
    #[default]
    Absent,
    /// This item, unless it was evicted.
    Present {
        /// The last write's number.
        version: u32,
        /// Bytes of the value.
        len: usize,
    },
    /// A write was refused half-way: the item is either this writer's last one or gone.
    Unknown,
}

/// A write or a look, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Set {
        version: u32,
        len: usize,
    },
    Add {
        version: u32,
        len: usize,
    },
    Append {
        version: u32,
        len: usize,
    },
    /// Compares with the number of the item that a read found in the state `seen`.
    Cas {
        version: u32,
        len: usize,
        seen: Known,
    },
    Delete {
        version: u32,
    },
    Touch,
}

/// How the server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `STORED`, `DELETED` or `TOUCHED`.
    Done,
    /// `NOT_STORED`.
    NotStored,
    /// `EXISTS`.
    Exists,
    /// `NOT_FOUND`.
    NotFound,
    /// An error line.
    Refused,
}

impl Known {
    /// The knowledge after the answer, or `None` if the answer is wrong.
    pub fn after(self, act: Act, answer: Answer) -> Option<Known> {
        use Act::{Add, Append, Cas, Delete, Set, Touch};
        if answer == Answer::Refused {
            return Some(Known::Unknown);
        }
        let present = |version, len| Some(Known::Present { version, len });
        match (act, answer) {
            (Set { version, len }, Answer::Done) => present(version, len),
            (Add { version, len }, Answer::Done) => present(version, len),
            (Add { .. }, Answer::NotStored) => (self != Known::Absent).then_some(self),
            (Append { version, len }, Answer::Done) => match self {
                Known::Absent => None,
                Known::Present { len: before, .. } => present(version, before + len),
                Known::Unknown => Some(Known::Unknown),
            },
            (Append { .. }, Answer::NotStored) => Some(Known::Absent),
            (Cas { version, len, seen }, Answer::Done) => {
                (self == seen || self == Known::Unknown).then_some(Known::Present { version, len })
            }
            (Cas { seen, .. }, Answer::Exists) => match self {
                Known::Absent => None,
                // Nothing was written in between, so the number is still the item's.
                Known::Present { .. } if self == seen => None,
                _ => Some(self),
            },
            (Cas { .. }, Answer::NotFound) => Some(Known::Absent),
            (Delete { .. }, Answer::Done) | (Touch, Answer::Done) if self == Known::Absent => None,
            (Delete { .. }, Answer::Done | Answer::NotFound) | (Touch, Answer::NotFound) => Some(Known::Absent),
            (Touch, Answer::Done) => Some(self),
            _ => None,
        }
    }

    /// Whether the writer's own read may find a value of `len` bytes whose last record is `version`.
    pub fn allows(self, found: Option<u32>, found_len: usize) -> bool {
        match self {
            Known::Absent => false,
            Known::Present { version, len } => len == found_len && found.is_none_or(|found| found == version),
            Known::Unknown => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: Known = Known::Present { version: 3, len: 40 };

    #[test]
    fn right_answers_are_followed() {
        let set = Act::Set { version: 3, len: 40 };
        assert_eq!(Known::Absent.after(set, Answer::Done), Some(ITEM));
        assert_eq!(ITEM.after(Act::Add { version: 4, len: 9 }, Answer::NotStored), Some(ITEM));
        let appended = Known::Present { version: 4, len: 64 };
        assert_eq!(ITEM.after(Act::Append { version: 4, len: 24 }, Answer::Done), Some(appended));
        assert_eq!(ITEM.after(Act::Append { version: 4, len: 24 }, Answer::NotStored), Some(Known::Absent));
        let cas = Act::Cas { version: 5, len: 30, seen: ITEM };
        assert_eq!(ITEM.after(cas, Answer::Done), Some(Known::Present { version: 5, len: 30 }));
        assert_eq!(appended.after(cas, Answer::Exists), Some(appended));
        assert_eq!(ITEM.after(Act::Delete { version: 6 }, Answer::NotFound), Some(Known::Absent));
        assert_eq!(ITEM.after(Act::Touch, Answer::Done), Some(ITEM));
        assert_eq!(ITEM.after(set, Answer::Refused), Some(Known::Unknown));
        assert!(ITEM.allows(Some(3), 40) && ITEM.allows(None, 40) && Known::Unknown.allows(Some(1), 1));
    }

    #[test]
    fn wrong_answers_are_found() {
        let cas = Act::Cas { version: 5, len: 30, seen: ITEM };
        for (known, act, answer) in [
            (Known::Absent, Act::Add { version: 1, len: 1 }, Answer::NotStored),
            (Known::Absent, Act::Append { version: 1, len: 1 }, Answer::Done),
            (Known::Absent, Act::Delete { version: 1 }, Answer::Done),
            (Known::Absent, Act::Touch, Answer::Done),
            (Known::Absent, cas, Answer::Done),
            (Known::Absent, cas, Answer::Exists),
            (ITEM, cas, Answer::Exists),
            (Known::Present { version: 4, len: 40 }, cas, Answer::Done),
            (ITEM, Act::Set { version: 4, len: 1 }, Answer::NotStored),
            (ITEM, Act::Touch, Answer::Exists),
        ] {
            assert_eq!(known.after(act, answer), None, "{known:?} {act:?} {answer:?}");
        }
        assert!(!Known::Absent.allows(Some(3), 40));
        assert!(!ITEM.allows(Some(2), 40) && !ITEM.allows(Some(3), 41));
    }
}
