//! What can be asked of one key.

use crate::clock::Exptime;

/// One operation on one key. A multi-key command becomes one `Request` per key.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The key's hash under the process's seeds; shard, directory, bucket and tag are cut from it.
    pub hash: u64,
    /// 1 to [`KEY_LEN_MAX`](super::KEY_LEN_MAX) bytes.
    pub key: &'a [u8],
    /// What to do.
    pub op: Op<'a>,
}

/// The operation of a [`Request`].
#[derive(Clone, Copy, Debug)]
pub enum Op<'a> {
    /// Read. Answers `Hit` or `Miss`.
    Get,
    /// Read, and tell the CAS number. Answers as `Get`.
    Gets,
    /// Read and set the exptime. Answers `Hit`, `Miss` or `OutOfMemory`.
    GetAndTouch(Touch),
    /// Meta read. Answers `Hit`, `Miss` or `OutOfMemory`.
    MetaGet(MetaGet),
    /// Write. Answers `Stored`, `NotStored`, `Exists`, `NotFound`, `TooLarge` or `OutOfMemory`.
    Store(Store<'a>),
    /// A write that its protocol refused because of the value's size. With `Set` the old item goes too, so that no
    /// stale value survives; `ms` says `Set` in every mode, as memcached drops it in every mode. Answers `TooLarge`.
    RefusedStore(StoreMode),
    /// Removal. Answers `Deleted`, `NotFound` or `Exists`, and where the item is kept perhaps `OutOfMemory`.
    Delete(Delete),
    /// Increment or decrement. Answers `Number`, `NotFound`, `Exists`, `NonNumeric` or `OutOfMemory`.
    Arithmetic(Arithmetic),
    /// Set the exptime. Answers `Touched`, `NotFound` or `OutOfMemory`.
    Touch(Touch),
    /// What is known of an item, its CAS number included (meta `me`). Answers `Debug` or `Miss`.
    Debug,
}

/// A new exptime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The exptime to set.
    pub exptime: Exptime,
    /// Tell the CAS number.
    pub with_cas: bool,
}

impl Touch {
    /// Where nobody asks for the CAS number.
    pub const fn to(exptime: Exptime) -> Touch {
        Touch { exptime, with_cas: false }
    }
}

/// How a meta read differs from a plain one.
#[derive(Clone, Copy, Debug, Default)]
pub struct MetaGet {
    /// Set the exptime too (flag `T`).
    pub touch: Option<Exptime>,
    /// On a miss, create an empty item with this exptime and win it (flag `N`). `touch` does not apply to it: where
    /// `T` stands behind `N`, this is the exptime of `T`.
    pub vivify: Option<Exptime>,
    /// Tell the time left as it was before `touch` and `vivify` (flag `t` stands before `T` or `N`).
    pub ttl_before_touch: bool,
    /// Win an item with less than so many seconds left, if nobody has (flag `R`).
    pub recache_below_seconds: Option<i32>,
    /// That is judged by the time left before `touch` (flag `R` stands before `T`).
    pub recache_before_touch: bool,
    /// The CAS number of an item that is created (flag `E`).
    pub new_cas: Option<u64>,
    /// Tell the CAS number (flag `c`), or compare it (flag `C`).
    pub with_cas: bool,
    /// Leave the eviction state and the fetched mark as they are.
    pub no_bump: bool,
    /// The key was sent in base64: an item that is created remembers it (flag `b`).
    pub binary_key: bool,
}

/// A write of a value.
#[derive(Clone, Copy, Debug)]
pub struct Store<'a> {
    /// Which condition on the old item, and which combination with it.
    pub mode: StoreMode,
    /// Opaque client flags.
    pub flags: u32,
    /// Ignored by append and prepend, which keep the item's own.
    pub exptime: Exptime,
    /// The value.
    pub value: Payload<'a>,
    /// Compare against the old item's CAS first.
    pub cas: CasCheck,
    /// For append and prepend to a missing key: create the item, with this exptime (meta flag `N`).
    pub autovivify: Option<Exptime>,
    /// The item's CAS number (meta flag `E`); the store's next where absent.
    pub new_cas: Option<u64>,
    /// Tell the CAS number.
    pub with_cas: bool,
    /// Where the compared CAS number is below the item's, store all the same, as stale (meta flag `I`).
    pub invalidate: bool,
    /// The key was sent in base64, which the item remembers (meta flag `b`).
    pub binary_key: bool,
}

impl<'a> Store<'a> {
    /// The plainest write: in any case, without client flags.
    pub const fn set(exptime: Exptime, value: Payload<'a>) -> Store<'a> {
        Store {
            mode: StoreMode::Set,
            flags: 0,
            exptime,
            value,
            cas: CasCheck::Any,
            autovivify: None,
            new_cas: None,
            with_cas: false,
            invalidate: false,
            binary_key: false,
        }
    }
}

/// A comparison with the stored item's CAS number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CasCheck {
    /// No comparison.
    #[default]
    Any,
    /// The item must exist (else `NotFound`; `NotStored` for append and prepend) and carry this number (else
    /// `Exists`). No item carries 0, but append, prepend and arithmetic compare nothing with it; an add never compares.
    Equals(u64),
}

/// The condition and effect of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// Store in any case.
    Set,
    /// Store only if the key is absent.
    Add,
    /// Store only if the key is present.
    Replace,
    /// Add behind the present value.
    Append,
    /// Add before the present value.
    Prepend,
}

/// Where a value's bytes are.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// At hand, at most [`INLINE_VALUE_MAX`](super::INLINE_VALUE_MAX) bytes.
    Inline(&'a [u8]),
    /// In the owner's store already, received under this name.
    Upload(UploadId),
}

/// Names a LARGE value while it is being received: a shard and one of its connections, which receives one value at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadId {
    /// The shard whose connection receives.
    pub home: u16,
    /// The connection's number in that shard.
    pub connection: u32,
}

/// A removal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delete {
    /// Compare first.
    pub cas: CasCheck,
    /// Keep the item and mark it stale: no CAS number that was told so far is its (meta flag `I`).
    pub invalidate: bool,
    /// Set the exptime of an item that is kept (meta flag `T`).
    pub touch: Option<Exptime>,
    /// Drop the value and the client flags and keep the item (meta flag `x`).
    pub clear_value: bool,
    /// The CAS number of an item that is kept (meta flag `E`). Where absent the store's next, or its own if only its
    /// value is dropped.
    pub new_cas: Option<u64>,
    /// Asked by `md`. It changes what is counted and observed, not what is done.
    pub is_meta: bool,
}

/// An increment or decrement of a decimal number.
#[derive(Clone, Copy, Debug)]
pub struct Arithmetic {
    /// Up or down.
    pub mode: ArithmeticMode,
    /// By how much. Increments wrap at 2^64, decrements stop at 0.
    pub delta: u64,
    /// Compare first.
    pub cas: CasCheck,
    /// The item's CAS number afterwards (meta flag `E`); the store's next where absent.
    pub new_cas: Option<u64>,
    /// Tell the CAS number.
    pub with_cas: bool,
    /// Set the exptime too (meta flag `T`), of an item that exists.
    pub touch: Option<Exptime>,
    /// Tell the time left as it was before `touch` and `initial` (flag `t` stands before `T` or `N`).
    pub ttl_before_touch: bool,
    /// On a miss, create the item with this number (meta flags `N` and `J`, and the binary protocol).
    pub initial: Option<Initial>,
    /// The key was sent in base64: an item that is created remembers it (meta flag `b`).
    pub binary_key: bool,
}

impl Arithmetic {
    /// The classic form: to an item that exists, and nothing else of it changes.
    pub const fn by(mode: ArithmeticMode, delta: u64) -> Arithmetic {
        Arithmetic {
            mode,
            delta,
            cas: CasCheck::Any,
            new_cas: None,
            with_cas: false,
            touch: None,
            ttl_before_touch: false,
            initial: None,
            binary_key: false,
        }
    }
}

/// The item that an [`Arithmetic`] on a missing key creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initial {
    /// Its number, which is the answer.
    pub value: u64,
    /// Its exptime; where meta `T` stands behind `N`, that of `T`.
    pub exptime: Exptime,
}

/// The direction of an [`Arithmetic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArithmeticMode {
    /// Add, wrapping at 2^64.
    Increment,
    /// Subtract, stopping at 0.
    Decrement,
}
