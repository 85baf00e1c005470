//! The meta commands.

use crate::command::{
    Arithmetic, ArithmeticMode, CasCheck, Delete, Exptime, Initial, KEY_LEN_MAX, MetaGet, Op, Request, StoreMode,
};
use crate::protocol::memcache::admin::{Admin, AdminForm};
use crate::protocol::memcache::base64::{self, KeyRoom};
use crate::protocol::memcache::errors;
use crate::protocol::memcache::form::{Form, FormTag};
use crate::protocol::memcache::limits::META_TOKENS_MAX;
use crate::protocol::memcache::line::{split_first, tokens};
use crate::protocol::memcache::meta_flags::MetaFlags;
use crate::protocol::memcache::parser::{CommandLine, Parser};
use crate::protocol::memcache::step::{Step, UploadHead};
use crate::protocol::memcache::store;

type Hash<'h> = &'h dyn Fn(&[u8]) -> u64;

impl Parser {
    /// The command `m<kind>`.
    pub(super) fn meta<'a>(&self, kind: u8, line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
        match kind {
            b'g' => one_key(line, hash, 2, get_op),
            b's' => self.meta_store(line, hash),
            b'd' => one_key(line, hash, 2, delete_op),
            b'a' => arithmetic(line, hash),
            b'n' => Step::Admin { admin: Admin::MetaNoop, form: AdminForm::Text, consumed: line.len },
            b'e' => debug(line, hash),
            _ => Step::refused(errors::ERROR, line.len),
        }
    }

    /// `ms <key> <datalen> <flags>*`.
    fn meta_store<'a>(&self, line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
        let (key, rest) = split_first(line.args);
        if key.is_empty() {
            return Step::refused(errors::BAD_COMMAND_LINE, line.len);
        }
        let (len, meta) = split_first(rest);
        let value_len = store::value_len(len);
        let head = match value_len {
            Ok(value_len) => meta_store_head(key, value_len, meta),
            Err(_) => Err(errors::BAD_COMMAND_LINE),
        };
        match head {
            Ok(head) => self.value(line, UploadHead { hash: hash_of(key, head.binary_key, hash), ..head }),
            Err(reply) => store::refuse(line, reply, value_len),
        }
    }
}

/// The arguments of an `ms`. The error is the line to answer.
fn meta_store_head<'a>(key: &'a [u8], value_len: u64, meta: &'a [u8]) -> Result<UploadHead<'a>, &'static [u8]> {
    let mut flags = MetaFlags::default();
    read_flags(&mut flags, key, meta, 3)?;
    let mode = match flags.rare.mode {
        None | Some(b'S') => StoreMode::Set,
        Some(b'E') => StoreMode::Add,
        Some(b'A') => StoreMode::Append,
        Some(b'P') => StoreMode::Prepend,
        Some(b'R') => StoreMode::Replace,
        Some(_) => return Err(errors::BAD_STORE_MODE),
    };
    if flags.plain.opaque_too_long {
        return Err(errors::OPAQUE_TOO_LONG);
    }
    // The wire's bound on lengths keeps the cast's value.
    let tag = FormTag::MetaStore { quiet: flags.plain.quiet, value_len: value_len as u32 };
    Ok(UploadHead {
        key,
        mode,
        flags: flags.rare.client_flags,
        exptime: flags.plain.exptime.unwrap_or(Exptime(0)),
        // To a key that must be absent there is nothing to compare.
        cas: if mode == StoreMode::Add { CasCheck::Any } else { flags.rare.cas },
        autovivify: flags.rare.vivify.filter(|_| matches!(mode, StoreMode::Append | StoreMode::Prepend)),
        // Here a 0 asks for the next number, as no `E` does.
        new_cas: flags.rare.new_cas.filter(|cas| *cas != 0),
        with_cas: flags.plain.with_cas && !flags.plain.quiet,
        invalidate: flags.rare.invalidate,
        binary_key: flags.rare.binary_key,
        value_len,
        ..UploadHead::empty(Form { tag, meta })
    })
}

/// What an `mg` asks for. The error is the line to answer.
#[inline(always)]
pub(super) fn get_op(flags: &MetaFlags) -> Result<(Op<'static>, FormTag), &'static [u8]> {
    let conditional = flags.rare.cas != CasCheck::Any;
    let get = MetaGet {
        touch: flags.plain.exptime,
        vivify: flags.created_exptime(),
        ttl_before_touch: flags.plain.ttl_before_touch,
        recache_below_seconds: flags.rare.recache,
        recache_before_touch: flags.plain.recache_before_touch,
        new_cas: flags.rare.new_cas,
        with_cas: flags.plain.with_cas || conditional,
        no_bump: flags.plain.no_bump,
        binary_key: flags.rare.binary_key,
    };
    Ok((Op::MetaGet(get), FormTag::MetaGet { quiet: flags.plain.quiet, value: flags.plain.value, conditional }))
}

/// What an `md` asks for.
fn delete_op(flags: &MetaFlags) -> Result<(Op<'static>, FormTag), &'static [u8]> {
    let delete = Delete {
        cas: flags.rare.cas,
        invalidate: flags.rare.invalidate,
        touch: flags.plain.exptime,
        clear_value: flags.rare.clear_value,
        new_cas: flags.rare.new_cas,
        is_meta: true,
    };
    Ok((Op::Delete(delete), FormTag::MetaDelete { quiet: flags.plain.quiet }))
}

/// `ma <key> <flags>*`.
fn arithmetic<'a>(line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
    let (key, meta) = split_first(line.args);
    // One line for every fault of key and flags.
    if !key.is_empty() && read_flags(&mut MetaFlags::default(), key, meta, 2).is_err() {
        return Step::refused(errors::INVALID_OR_DUPLICATE_FLAG, line.len);
    }
    one_key(line, hash, 2, arithmetic_op)
}

/// What an `ma` asks for. The error is the line to answer.
fn arithmetic_op(flags: &MetaFlags) -> Result<(Op<'static>, FormTag), &'static [u8]> {
    let mode = match flags.rare.mode {
        None | Some(b'I' | b'+') => ArithmeticMode::Increment,
        Some(b'D' | b'-') => ArithmeticMode::Decrement,
        Some(_) => return Err(errors::BAD_ARITHMETIC_MODE),
    };
    let arithmetic = Arithmetic {
        mode,
        delta: flags.rare.delta.unwrap_or(1),
        cas: flags.rare.cas,
        new_cas: flags.rare.new_cas,
        with_cas: flags.plain.with_cas && !flags.plain.quiet,
        touch: flags.plain.exptime,
        ttl_before_touch: flags.plain.ttl_before_touch,
        initial: flags.created_exptime().map(|exptime| Initial { value: flags.rare.initial, exptime }),
        binary_key: flags.rare.binary_key,
    };
    Ok((Op::Arithmetic(arithmetic), FormTag::MetaArithmetic { quiet: flags.plain.quiet, value: flags.plain.value }))
}

/// `me <key> [b]`. What else stands on the line is not looked at.
fn debug<'a>(line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
    let (key, rest) = split_first(line.args);
    let binary_key = split_first(rest).0 == b"b";
    if key.is_empty() || key.len() > KEY_LEN_MAX || (binary_key && !base64::is_key(key)) {
        return Step::refused(errors::BAD_COMMAND_LINE, line.len);
    }
    request(line, key, binary_key, hash, Op::Debug, Form::text(FormTag::MetaDebug))
}

/// `m? <key> <flags>*`, with `before` tokens in front of the flags.
fn one_key<'a>(
    line: CommandLine<'a>,
    hash: Hash<'_>,
    before: usize,
    build: impl Fn(&MetaFlags) -> Result<(Op<'static>, FormTag), &'static [u8]>,
) -> Step<'a> {
    let (key, meta) = split_first(line.args);
    if key.is_empty() {
        return Step::refused(errors::BAD_COMMAND_LINE, line.len);
    }
    let mut flags = MetaFlags::default();
    match read_flags(&mut flags, key, meta, before).and_then(|()| build(&flags)) {
        Ok(_) if flags.plain.opaque_too_long => Step::refused(errors::OPAQUE_TOO_LONG, line.len),
        Ok((op, tag)) => request(line, key, flags.rare.binary_key, hash, op, Form { tag, meta }),
        Err(fault) => Step::refused(fault, line.len),
    }
}

/// Checks the key's length and the number of tokens, of which `before` stand in front of the flags, and reads the flags.
fn read_flags(flags: &mut MetaFlags, key: &[u8], meta: &[u8], before: usize) -> Result<(), &'static [u8]> {
    if key.len() > KEY_LEN_MAX {
        return Err(errors::BAD_COMMAND_LINE);
    }
    if too_many_tokens(before, meta) {
        return Err(errors::FLAGS_TOO_LONG);
    }
    flags.read(meta, key)
}

/// The step of a command without a value.
fn request<'a>(
    line: CommandLine<'a>,
    key: &'a [u8],
    binary_key: bool,
    hash: Hash<'_>,
    op: Op<'static>,
    form: Form<'a>,
) -> Step<'a> {
    let request = Request { hash: hash_of(key, binary_key, hash), key, op };
    if binary_key {
        Step::EncodedKey { request, form, consumed: line.len, swallow: 0 }
    } else {
        Step::request(request, form, line.len)
    }
}

/// The hash of the key that a token is or spells.
fn hash_of(token: &[u8], binary_key: bool, hash: Hash<'_>) -> u64 {
    if binary_key { hash(KeyRoom::new().decode(token)) } else { hash(token) }
}

/// Whether a line has more tokens than a meta command can, with `before` in front of its flags.
#[inline]
pub(super) fn too_many_tokens(before: usize, meta: &[u8]) -> bool {
    // A token takes two bytes with its space, so that a short line need not be counted out.
    before + meta.len().div_ceil(2) > META_TOKENS_MAX && before + tokens(meta).count() > META_TOKENS_MAX
}
