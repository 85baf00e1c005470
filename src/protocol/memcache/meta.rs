//! The meta commands.

use crate::command::{CasCheck, Delete, Exptime, KEY_LEN_MAX, MetaGet, Op, Request, StoreMode};
use crate::protocol::memcache::admin::{Admin, AdminForm};
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
            b'g' => get(line, hash),
            b's' => self.meta_store(line, hash),
            b'd' => delete(line, hash),
            b'n' => Step::Admin { admin: Admin::MetaNoop, form: AdminForm::Text, consumed: line.len },
            _ => Step::refused(errors::ERROR, line.len),
        }
    }

    /// `ms <key> <datalen> <flags>*`.
    fn meta_store<'a>(&self, line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
        let (key, rest) = split_first(line.args);
        if key.is_empty() {
            return Step::refused(errors::ERROR, line.len);
        }
        let (len, meta) = split_first(rest);
        let value_len = store::value_len(len);
        let head = match value_len {
            Ok(value_len) => meta_store_head(key, value_len, meta),
            Err(_) => Err(errors::BAD_COMMAND_LINE),
        };
        match head {
            Ok(head) => self.value(line, UploadHead { hash: hash(key), ..head }),
            Err(reply) => store::refuse(line, reply, value_len),
        }
    }
}

/// The arguments of an `ms`. The error is the line to answer.
fn meta_store_head<'a>(key: &'a [u8], value_len: u64, meta: &'a [u8]) -> Result<UploadHead<'a>, &'static [u8]> {
    if key.len() > KEY_LEN_MAX {
        return Err(errors::BAD_COMMAND_LINE);
    }
    if too_many_tokens(3, meta) {
        return Err(errors::FLAGS_TOO_LONG);
    }
    let flags = MetaFlags::parse(meta)?;
    let mode = match flags.mode {
        None | Some(b'S' | b's') => StoreMode::Set,
        Some(b'E' | b'e') => StoreMode::Add,
        Some(b'A' | b'a') => StoreMode::Append,
        Some(b'P' | b'p') => StoreMode::Prepend,
        Some(b'R' | b'r') => StoreMode::Replace,
        Some(_) => return Err(errors::BAD_STORE_MODE),
    };
    if flags.opaque_too_long {
        return Err(errors::OPAQUE_TOO_LONG);
    }
    // The wire's bound on lengths keeps the cast's value.
    let tag = FormTag::MetaStore { quiet: flags.quiet };
    Ok(UploadHead {
        key,
        mode,
        flags: flags.client_flags,
        exptime: flags.exptime.unwrap_or(Exptime(0)),
        // To a key that must be absent there is nothing to compare.
        cas: if mode == StoreMode::Add { CasCheck::Any } else { flags.cas },
        autovivify: flags.vivify.filter(|_| matches!(mode, StoreMode::Append | StoreMode::Prepend)),
        value_len,
        ..UploadHead::empty(Form { tag, meta })
    })
}

/// `mg <key> <flags>*`.
fn get<'a>(line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
    one_key(line, hash, errors::GET_FLAGS_TOO_LONG, None, get_op)
}

/// What an `mg` asks for. The error is the line to answer.
#[inline]
pub(super) fn get_op(flags: &MetaFlags) -> Result<(Op<'static>, FormTag), &'static [u8]> {
    // A conditional fetch in memcached as of 2025: to ignore it would be to answer another question.
    if flags.cas != CasCheck::Any {
        return Err(errors::INVALID_FLAG);
    }
    let get = MetaGet { touch: flags.exptime, vivify: flags.vivify, no_bump: flags.no_bump, ..MetaGet::default() };
    Ok((Op::MetaGet(get), FormTag::MetaGet { quiet: flags.quiet, value: flags.value }))
}

/// `md <key> <flags>*`.
fn delete<'a>(line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
    one_key(line, hash, errors::FLAGS_TOO_LONG, Some(errors::INVALID_OR_DUPLICATE_FLAG), |flags| {
        Ok((Op::Delete(Delete { cas: flags.cas, ..Delete::default() }), FormTag::MetaDelete { quiet: flags.quiet }))
    })
}

/// `m? <key> <flags>*`. Faults in the flags are told as `any_fault`, or each by its own name.
fn one_key<'a>(
    line: CommandLine<'a>,
    hash: Hash<'_>,
    too_many: &'static [u8],
    any_fault: Option<&'static [u8]>,
    build: impl Fn(&MetaFlags) -> Result<(Op<'static>, FormTag), &'static [u8]>,
) -> Step<'a> {
    let (key, meta) = split_first(line.args);
    if key.is_empty() {
        return Step::refused(errors::ERROR, line.len);
    }
    if key.len() > KEY_LEN_MAX {
        return Step::refused(errors::BAD_COMMAND_LINE, line.len);
    }
    if too_many_tokens(2, meta) {
        return Step::refused(too_many, line.len);
    }
    match MetaFlags::parse(meta) {
        Err(fault) => Step::refused(any_fault.unwrap_or(fault), line.len),
        Ok(flags) if flags.opaque_too_long => Step::refused(errors::OPAQUE_TOO_LONG, line.len),
        Ok(flags) => match build(&flags) {
            Ok((op, tag)) => Step::request(Request { hash: hash(key), key, op }, Form { tag, meta }, line.len),
            Err(fault) => Step::refused(fault, line.len),
        },
    }
}

/// Whether a line has more tokens than a meta command can, with `before` in front of its flags.
#[inline]
pub(super) fn too_many_tokens(before: usize, meta: &[u8]) -> bool {
    // A token takes two bytes with its space, so that a short line need not be counted out.
    before + meta.len().div_ceil(2) > META_TOKENS_MAX && before + tokens(meta).count() > META_TOKENS_MAX
}
