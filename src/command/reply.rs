//! What the cache can answer.

/// The answer to one [`Request`](super::Request).
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    /// A read found the item.
    Hit(Hit<'a>),
    /// A read found nothing.
    Miss,
    /// The value is stored.
    Stored {
        /// The item's new CAS number; without meaning where the request did not ask for it.
        cas: u64,
        /// Length of the stored value in bytes, what was there before an append or prepend included.
        value_len: u64,
    },
    /// The write's condition on the key's presence did not hold.
    NotStored,
    /// The item carries another CAS number than the one compared.
    Exists,
    /// The key is absent.
    NotFound,
    /// The item is removed.
    Deleted,
    /// The exptime is set.
    Touched {
        /// The item's CAS number; without meaning where the request did not ask for it.
        cas: u64,
        /// Its client flags.
        flags: u32,
    },
    /// The number after an increment or decrement.
    Number(Number),
    /// What is known of an item.
    Debug(ItemInfo),
    /// The stored value is not a decimal number of at most 20 digits.
    NonNumeric,
    /// The item would exceed the maximum item size.
    TooLarge,
    /// No memory could be freed for the item.
    OutOfMemory,
}

/// A found item.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    /// Opaque client flags.
    pub flags: u32,
    /// The item's CAS number; without meaning where the request did not ask for it.
    pub cas: u64,
    /// Seconds until it expires; `None` if it does not.
    pub ttl_seconds: Option<u32>,
    /// Whether it had been read before.
    pub fetched: bool,
    /// Seconds since it was last accessed, as far as the store keeps count (meta `l`).
    pub idle_seconds: u32,
    /// Whether this read is the one that is to fill it or fill it anew (meta `W`).
    pub won: bool,
    /// Whether an earlier read has won it and it was not written since (meta `Z`).
    pub token_sent: bool,
    /// Whether it was invalidated and not written since (meta `X`).
    pub stale: bool,
    /// Whether its key was sent in base64 when it was stored (meta `b`).
    pub binary_key: bool,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Hit<'a> {
    /// An item without client flags and exptime, just stored.
    pub const fn of(cas: u64, value: Value<'a>) -> Hit<'a> {
        Hit {
            flags: 0,
            cas,
            ttl_seconds: None,
            fetched: false,
            idle_seconds: 0,
            won: false,
            token_sent: false,
            stale: false,
            binary_key: false,
            value,
        }
    }
}

/// An item after an increment or decrement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The number.
    pub value: u64,
    /// The item's CAS number; without meaning where the request did not ask for it.
    pub cas: u64,
    /// Seconds until it expires; `None` if it does not.
    pub ttl_seconds: Option<u32>,
    /// Whether the command created the item.
    pub created: bool,
}

/// What meta `me` tells of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemInfo {
    /// Seconds until it expires; `None` if it does not.
    pub ttl_seconds: Option<u32>,
    /// Seconds since it was last accessed, as far as the store keeps count.
    pub idle_seconds: u32,
    /// The item's CAS number.
    pub cas: u64,
    /// Whether it had been read before.
    pub fetched: bool,
    /// Its slab class.
    pub class: u16,
    /// Header, key and value in bytes.
    pub size_bytes: u64,
    /// Whether its key was sent in base64 when it was stored.
    pub binary_key: bool,
}

/// A value on its way out.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// The bytes.
    Inline(&'a [u8]),
    /// A LARGE value, pinned in its owner's store for the reader to fetch piece by piece.
    Pinned {
        /// Length in bytes.
        len: u64,
        /// The pin's number in the owner's store. Whoever receives it must unpin it.
        pin: u32,
    },
}

impl Value<'_> {
    /// Length in bytes.
    pub const fn len(&self) -> u64 {
        match self {
            Value::Inline(bytes) => bytes.len() as u64,
            Value::Pinned { len, .. } => *len,
        }
    }

    /// Whether the value is empty.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
