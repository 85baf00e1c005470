//! The classic commands in every form that memcached takes.

use crate::command::{
    Arithmetic, ArithmeticMode, CasCheck, Delete, Exptime, KEY_LEN_MAX, Op, Request, StoreMode, Touch,
};
use crate::protocol::memcache::admin::Admin;
use crate::protocol::memcache::admin_text::{self, admin};
use crate::protocol::memcache::errors;
use crate::protocol::memcache::form::{Form, FormTag};
use crate::protocol::memcache::line::{Line, split_first, trim_end};
use crate::protocol::memcache::number;
use crate::protocol::memcache::parser::{CommandLine, Parser, Resume};
use crate::protocol::memcache::scan::{KeyList, Keys, check_keys};
use crate::protocol::memcache::step::{Need, Step, UploadHead};
use crate::protocol::memcache::store;

/// A line that is no command is malformed rather than unknown if it is shorter than this, its line end included.
const LINE_BYTES_MIN: usize = 4;

type Hash<'h> = &'h dyn Fn(&[u8]) -> u64;

impl Parser {
    /// The command `verb`.
    pub(super) fn text<'a>(&self, verb: &[u8], line: CommandLine<'a>, resume: &mut Resume, hash: Hash<'_>) -> Step<'a> {
        match verb {
            b"get" => read(line, resume, hash, None, false),
            b"gets" => read(line, resume, hash, None, true),
            b"gat" => read_and_touch(line, resume, hash, false),
            b"gats" => read_and_touch(line, resume, hash, true),
            b"set" => self.store(StoreMode::Set, false, line, hash),
            b"add" => self.store(StoreMode::Add, false, line, hash),
            b"replace" => self.store(StoreMode::Replace, false, line, hash),
            b"append" => self.store(StoreMode::Append, false, line, hash),
            b"prepend" => self.store(StoreMode::Prepend, false, line, hash),
            b"cas" => self.store(StoreMode::Set, true, line, hash),
            b"delete" => delete(line, hash),
            b"incr" => arithmetic(ArithmeticMode::Increment, line, hash),
            b"decr" => arithmetic(ArithmeticMode::Decrement, line, hash),
            b"touch" => touch(line, hash),
            b"flush_all" => flush_all(line),
            b"version" => admin(Admin::Version, line),
            b"verbosity" => verbosity(line),
            b"stats" => admin(Admin::Stats { args: trim_end(line.args) }, line),
            b"quit" => admin(Admin::Quit, line),
            b"cache_memlimit" => admin_text::cache_memlimit(line),
            b"slabs" => admin_text::slabs(line),
            b"lru" => admin_text::lru(line),
            b"lru_crawler" => admin_text::lru_crawler(line),
            b"watch" => admin_text::watch(line),
            b"shutdown" => admin_text::shutdown(line),
            b"refresh_certs" => Step::refused(errors::NO_TLS, line.len),
            _ if line.len < LINE_BYTES_MIN => Step::refused(errors::BAD_COMMAND_LINE, line.len),
            _ => Step::refused(errors::ERROR, line.len),
        }
    }

    /// `<verb> <key> <flags> <exptime> <bytes> [noreply]`, with `<cas unique>` behind the bytes for `cas`.
    fn store<'a>(&self, mode: StoreMode, with_cas: bool, line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
        let args = Line::new(line.args);
        // As memcached 1.6.45, and of the other commands, too: words behind those that are known are not looked at.
        if args.count() < 4 {
            return Step::refused(errors::BAD_COMMAND_LINE, line.len);
        }
        let noreply = args.noreply();
        let value_len = store::value_len(args.token(3));
        match store_head(&args, mode, with_cas) {
            Some(head) if head.key.len() <= KEY_LEN_MAX => {
                let form = Form::text(FormTag::Store { noreply });
                self.value(line, UploadHead { hash: hash(head.key), form, ..head })
            }
            _ => store::refuse(line, store::bad_line(noreply), value_len),
        }
    }
}

/// The arguments of a store, if all are numbers that should be.
fn store_head<'a>(args: &Line<'a>, mode: StoreMode, with_cas: bool) -> Option<UploadHead<'a>> {
    let cas = if with_cas { CasCheck::Equals(number::unsigned(args.token(4)).ok()?) } else { CasCheck::Any };
    Some(UploadHead {
        key: args.token(0),
        mode,
        flags: number::unsigned_32(args.token(1)).ok()?,
        exptime: Exptime(number::signed(args.token(2)).ok()?),
        value_len: store::value_len(args.token(3)).ok()?,
        cas,
        ..UploadHead::empty(Form::text(FormTag::Store { noreply: false }))
    })
}

/// `get <key>*`: looks over all keys, then yields the first.
fn read<'a>(
    line: CommandLine<'a>,
    resume: &mut Resume,
    hash: Hash<'_>,
    touch: Option<Exptime>,
    with_cas: bool,
) -> Step<'a> {
    match check_keys(line.args) {
        KeyList::TooLong | KeyList::Empty => Step::refused(errors::BAD_COMMAND_LINE, line.len),
        KeyList::Good => {
            let keys = Keys { touch, with_cas };
            let Some((read, last)) = keys.next(line.input, line.args_start, hash) else {
                return Step::Incomplete { need: Need::Newline };
            };
            if !last {
                *resume = Resume::Keys(keys);
            }
            read.step()
        }
    }
}

/// `gat <exptime> <key>*`.
fn read_and_touch<'a>(line: CommandLine<'a>, resume: &mut Resume, hash: Hash<'_>, with_cas: bool) -> Step<'a> {
    let (exptime, keys) = split_first(line.args);
    if keys.is_empty() {
        return Step::refused(errors::BAD_COMMAND_LINE, line.len);
    }
    match number::signed(exptime) {
        Ok(exptime) => {
            let args_start = line.args_start + line.args.len() - keys.len();
            let line = CommandLine { args: keys, args_start, ..line };
            read(line, resume, hash, Some(Exptime(exptime)), with_cas)
        }
        Err(_) => Step::refused(errors::INVALID_EXPTIME, line.len),
    }
}

/// `delete <key> [0] [noreply]`; the zero is left over from a delay that memcached once had.
fn delete<'a>(line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
    let args = Line::new(line.args);
    if args.count() == 0 {
        return Step::refused(errors::BAD_COMMAND_LINE, line.len);
    }
    let noreply = args.count() > 1 && args.noreply();
    let legacy_zero = args.token(1) == b"0";
    let good = match args.count() {
        1 => true,
        2 => legacy_zero || noreply,
        3 => legacy_zero && noreply,
        _ => false,
    };
    let key = args.token(0);
    if !good {
        return Step::refused_unless(noreply, errors::BAD_DELETE, line.len);
    }
    if key.len() > KEY_LEN_MAX {
        return Step::refused_unless(noreply, errors::BAD_COMMAND_LINE, line.len);
    }
    let op = Op::Delete(Delete::default());
    Step::request(Request { hash: hash(key), key, op }, Form::text(FormTag::Delete { noreply }), line.len)
}

/// `incr <key> <delta> [noreply]`.
fn arithmetic<'a>(mode: ArithmeticMode, line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
    key_and_number(line, hash, errors::INVALID_DELTA, |token, noreply| {
        let delta = number::unsigned(token).ok()?;
        Some((Op::Arithmetic(Arithmetic::by(mode, delta)), FormTag::Arithmetic { noreply }))
    })
}

/// `touch <key> <exptime> [noreply]`.
fn touch<'a>(line: CommandLine<'a>, hash: Hash<'_>) -> Step<'a> {
    key_and_number(line, hash, errors::INVALID_EXPTIME, |token, noreply| {
        Some((Op::Touch(Touch::to(Exptime(number::signed(token).ok()?))), FormTag::Touch { noreply }))
    })
}

/// `<verb> <key> <number> [noreply]`. `build` answers `None` where the number is none, which is told as `complaint`.
fn key_and_number<'a>(
    line: CommandLine<'a>,
    hash: Hash<'_>,
    complaint: &'static [u8],
    build: impl Fn(&[u8], /* noreply */ bool) -> Option<(Op<'static>, FormTag)>,
) -> Step<'a> {
    let args = Line::new(line.args);
    if args.count() < 2 {
        return Step::refused(errors::BAD_COMMAND_LINE, line.len);
    }
    let noreply = args.noreply();
    let key = args.token(0);
    if key.len() > KEY_LEN_MAX {
        return Step::refused_unless(noreply, errors::BAD_COMMAND_LINE, line.len);
    }
    match build(args.token(1), noreply) {
        Some((op, tag)) => Step::request(Request { hash: hash(key), key, op }, Form::text(tag), line.len),
        None => Step::refused_unless(noreply, complaint, line.len),
    }
}

/// `flush_all [delay] [noreply]`.
fn flush_all(line: CommandLine<'_>) -> Step<'_> {
    let args = Line::new(line.args);
    let noreply = args.noreply();
    let delay = if args.count() == usize::from(noreply) { Ok(0) } else { number::signed(args.token(0)) };
    match delay {
        Ok(delay) => admin(Admin::FlushAll { delay: Exptime(delay), noreply }, line),
        Err(_) => Step::refused_unless(noreply, errors::INVALID_EXPTIME, line.len),
    }
}

/// `verbosity <level> [noreply]`.
fn verbosity(line: CommandLine<'_>) -> Step<'_> {
    let args = Line::new(line.args);
    let noreply = args.noreply();
    match number::unsigned_32(args.token(0)) {
        Ok(level) => admin(Admin::Verbosity { level, noreply }, line),
        Err(_) => Step::refused_unless(noreply, errors::BAD_COMMAND_LINE, line.len),
    }
}
