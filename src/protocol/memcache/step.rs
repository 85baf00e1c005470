//! What one look at the input yields.

use crate::command::{CasCheck, Exptime, Op, Payload, Request, Store, StoreMode, Touch};
use crate::protocol::memcache::admin::{Admin, AdminForm};
use crate::protocol::memcache::binary::Refusal;
use crate::protocol::memcache::form::{Form, FormTag};

/// The outcome of [`Parser::next`](super::Parser::next). `consumed` bytes of the input are done with.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// An operation on one key.
    Request {
        /// What to do.
        request: Request<'a>,
        /// How to answer.
        form: Form<'a>,
        /// Bytes taken, a value and its CRLF included.
        consumed: usize,
        /// Further bytes to discard unseen: the payload of an [`Op::RefusedStore`], else 0.
        swallow: u64,
    },
    /// An operation on one key that came in base64 (meta flag `b`).
    EncodedKey {
        /// What to do; its key is still in base64, to be decoded with [`KeyRoom`](super::KeyRoom). Its hash is the
        /// decoded key's.
        request: Request<'a>,
        /// How to answer.
        form: Form<'a>,
        /// Bytes taken.
        consumed: usize,
        /// Further bytes to discard unseen.
        swallow: u64,
    },
    /// A command to the whole server.
    Admin {
        /// What to do.
        admin: Admin<'a>,
        /// How to answer.
        form: AdminForm,
        /// Bytes taken.
        consumed: usize,
    },
    /// A store of a LARGE value. The value, and in the text protocol its CRLF, come behind the line or head.
    Upload {
        /// The line.
        head: UploadHead<'a>,
        /// Bytes taken: the line alone.
        consumed: usize,
    },
    /// A command that is not carried out.
    Refused {
        /// The answer, a whole line; empty where the command wants no reply.
        reply: &'static [u8],
        /// Bytes taken.
        consumed: usize,
        /// Further bytes to discard unseen.
        swallow: u64,
        /// Close once the answer is sent: what follows cannot be told apart.
        close: bool,
    },
    /// A packet of the binary protocol that is not carried out.
    RefusedPacket {
        /// The answer.
        refusal: Refusal,
        /// Bytes taken.
        consumed: usize,
        /// Further bytes to discard unseen.
        swallow: u64,
        /// Close once the answer is sent: what follows cannot be told apart.
        close: bool,
    },
    /// There is no whole command yet. Nothing is taken.
    Incomplete {
        /// What is missing.
        need: Need,
    },
}

/// A `get` of one key, or of one among several.
#[derive(Clone, Copy, Debug)]
pub struct Get<'a> {
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: &'a [u8],
    /// The last key of its command.
    pub last: bool,
    /// Bytes taken.
    pub consumed: usize,
}

/// A `set` and its value.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: &'a [u8],
    /// Opaque client flags.
    pub flags: u32,
    /// The new item's exptime.
    pub exptime: u32,
    /// The value, at most [`INLINE_VALUE_MAX`](crate::command::INLINE_VALUE_MAX) bytes.
    pub value: &'a [u8],
    /// Answer nothing.
    pub noreply: bool,
    /// Bytes taken.
    pub consumed: usize,
}

impl<'a> Set<'a> {
    /// What to do.
    #[inline(always)]
    pub fn request(&self) -> Request<'a> {
        let store = Store::set(Exptime(i64::from(self.exptime)), Payload::Inline(self.value));
        Request { hash: self.hash, key: self.key, op: Op::Store(Store { flags: self.flags, ..store }) }
    }

    /// As a step.
    #[inline]
    pub(super) fn step(&self) -> Step<'a> {
        Step::request(self.request(), self.form(), self.consumed)
    }

    /// How to answer.
    #[inline(always)]
    pub fn form(&self) -> Form<'static> {
        Form::text(FormTag::Store { noreply: self.noreply })
    }
}

impl<'a> Get<'a> {
    #[inline(always)]
    pub(super) fn read(self, touch: Option<Exptime>, with_cas: bool) -> Read<'a> {
        let Get { hash, key, last, consumed } = self;
        Read { hash, key, touch, tag: FormTag::Get { with_cas, last }, consumed }
    }
}

/// The read of one key: what nearly all traffic is made of, apart from [`Step`] so that it is passed in registers.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// The key's hash.
    pub hash: u64,
    /// The key.
    pub key: &'a [u8],
    /// Set the exptime too (`gat`).
    pub touch: Option<Exptime>,
    /// How to answer; the form has no meta flags.
    pub tag: FormTag,
    /// Bytes taken.
    pub consumed: usize,
}

impl<'a> Read<'a> {
    /// What to do.
    #[inline(always)]
    pub fn request(&self) -> Request<'a> {
        // A packet's answer always tells the number.
        let with_cas = !matches!(self.tag, FormTag::Get { with_cas: false, .. });
        let op = match self.touch {
            None if with_cas => Op::Gets,
            None => Op::Get,
            Some(exptime) => Op::GetAndTouch(Touch { exptime, with_cas }),
        };
        Request { hash: self.hash, key: self.key, op }
    }

    /// How to answer.
    #[inline(always)]
    pub fn form(&self) -> Form<'a> {
        Form::text(self.tag)
    }

    /// As a step.
    #[inline(always)]
    pub(super) fn step(&self) -> Step<'a> {
        Step::request(self.request(), self.form(), self.consumed)
    }
}

/// What an incomplete command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A newline. At most [`LINE_LEN_MAX`](super::LINE_LEN_MAX) bytes are waited for, or
    /// [`MULTIGET_LINE_LEN_MAX`](super::MULTIGET_LINE_LEN_MAX) for a read of many keys.
    Newline,
    /// This many bytes in all from the start of the input; at most [`REQUEST_LEN_MAX`](super::REQUEST_LEN_MAX).
    Bytes(usize),
}

/// The line of a store, before its value.
#[derive(Clone, Copy, Debug)]
pub struct UploadHead<'a> {
    /// The key's hash.
    pub hash: u64,
    /// The key; still in base64 if `binary_key` says so, to be decoded with [`KeyRoom`](super::KeyRoom).
    pub key: &'a [u8],
    /// Which condition on the old item, and which combination with it.
    pub mode: StoreMode,
    /// Opaque client flags.
    pub flags: u32,
    /// The new item's exptime.
    pub exptime: Exptime,
    /// Comparison with the old item's CAS number.
    pub cas: CasCheck,
    /// For append and prepend to a missing key: create the item, with this exptime.
    pub autovivify: Option<Exptime>,
    /// The item's CAS number; the store's next where absent.
    pub new_cas: Option<u64>,
    /// The answer tells the item's CAS number.
    pub with_cas: bool,
    /// Where the compared CAS number is below the item's, store as stale.
    pub invalidate: bool,
    /// The key was sent in base64.
    pub binary_key: bool,
    /// Length of the value in bytes, without its CRLF; at most the parser's `value_len_max`.
    pub value_len: u64,
    /// How to answer.
    pub form: Form<'a>,
}

impl<'a> UploadHead<'a> {
    /// The write, with a value that need not live as long as the line.
    #[inline]
    pub fn store<'b>(&self, value: Payload<'b>) -> Store<'b> {
        Store {
            mode: self.mode,
            flags: self.flags,
            exptime: self.exptime,
            value,
            cas: self.cas,
            autovivify: self.autovivify,
            new_cas: self.new_cas,
            with_cas: self.with_cas,
            invalidate: self.invalidate,
            binary_key: self.binary_key,
        }
    }

    /// The request, once the value is there.
    #[inline]
    pub fn request(&self, value: Payload<'a>) -> Request<'a> {
        Request { hash: self.hash, key: self.key, op: Op::Store(self.store(value)) }
    }

    /// The step of one of its requests.
    #[inline]
    pub(super) fn step(&self, request: Request<'a>, consumed: usize, swallow: u64) -> Step<'a> {
        let form = self.form;
        if self.binary_key {
            return Step::EncodedKey { request, form, consumed, swallow };
        }
        Step::Request { request, form, consumed, swallow }
    }

    /// The request in place of a value that is too long.
    pub(super) fn refused(&self) -> Request<'a> {
        // As in memcached, `set` and `ms` in every mode leave no old value behind, and `cas` does.
        let mode = match self.form.tag {
            FormTag::MetaStore { .. } => StoreMode::Set,
            _ if self.cas != CasCheck::Any => StoreMode::Replace,
            _ => self.mode,
        };
        Request { hash: self.hash, key: self.key, op: Op::RefusedStore(mode) }
    }
}

impl<'a> Step<'a> {
    /// A request without payload behind it.
    #[inline]
    pub(super) fn request(request: Request<'a>, form: Form<'a>, consumed: usize) -> Step<'a> {
        Step::Request { request, form, consumed, swallow: 0 }
    }

    /// A refusal that leaves the stream in step.
    pub(super) fn refused(reply: &'static [u8], consumed: usize) -> Step<'a> {
        Step::Refused { reply, consumed, swallow: 0, close: false }
    }

    /// A refusal that a client without interest in replies is not told.
    pub(super) fn refused_unless(noreply: bool, reply: &'static [u8], consumed: usize) -> Step<'a> {
        Step::refused(if noreply { b"" } else { reply }, consumed)
    }
}
