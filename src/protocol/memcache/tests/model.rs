//! A connection to a cache that is a map: the slow, obvious counterpart of the server.

use std::collections::HashMap;

use crate::command::{
    ArithmeticMode, CasCheck, Exptime, Hit, Number, Op, Payload, Reply, Request, Store, StoreMode, Value,
};
use crate::protocol::memcache::{Admin, Encoded, Parser, Resume, Step, encode, errors};

/// Values of more than this are refused, as by memcached's default.
const VALUE_LEN_MAX: u64 = 1 << 20;

#[derive(Clone, Default)]
struct Item {
    flags: u32,
    value: Vec<u8>,
    cas: u64,
    ttl_seconds: Option<u32>,
    fetched: bool,
    token_sent: bool,
}

/// One connection and the cache behind it.
pub(super) struct Connection {
    parser: Parser,
    resume: Resume,
    input: Vec<u8>,
    output: Vec<u8>,
    swallow: u64,
    closed: bool,
    items: HashMap<Vec<u8>, Item>,
    cas: u64,
}

impl Connection {
    pub(super) fn new() -> Connection {
        Connection {
            parser: Parser::new(VALUE_LEN_MAX),
            resume: Resume::Command,
            input: Vec::new(),
            output: Vec::new(),
            swallow: 0,
            closed: false,
            items: HashMap::new(),
            cas: 0,
        }
    }

    /// Everything answered so far; `<closed>` at the end if the connection was closed.
    pub(super) fn output(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned() + if self.closed { "<closed>" } else { "" }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while !self.closed && !self.input.is_empty() {
            let dropped = self.swallow.min(self.input.len() as u64);
            self.swallow -= dropped;
            self.input.drain(..dropped as usize);
            let input = std::mem::take(&mut self.input);
            let consumed = self.turn(&input);
            self.input = input;
            match consumed {
                Some(consumed) => self.input.drain(..consumed),
                None => return,
            };
        }
    }

    /// Does one step; `None` if there is none to do.
    fn turn(&mut self, input: &[u8]) -> Option<usize> {
        match self.parser.next(input, &mut self.resume, |_| 0) {
            Step::Incomplete { .. } => None,
            Step::Refused { reply, consumed, swallow, close } => {
                self.output.extend_from_slice(reply);
                self.swallow = swallow;
                self.closed = close;
                Some(consumed)
            }
            Step::Admin { admin, form: _, consumed } => {
                self.admin(admin);
                Some(consumed)
            }
            Step::Upload { head, consumed } => {
                let end = consumed + head.value_len as usize;
                let terminator = input.get(end..end + 2)?;
                if terminator == b"\r\n" {
                    self.request(head.request(Payload::Inline(&input[consumed..end])), head.form);
                } else {
                    self.output.extend_from_slice(head.form.tag.bad_data_chunk());
                }
                Some(end + 2)
            }
            Step::Request { request, form, consumed, swallow } => {
                self.request(request, form);
                self.swallow = swallow;
                Some(consumed)
            }
        }
    }

    fn admin(&mut self, admin: Admin<'_>) {
        let line: &[u8] = match admin {
            Admin::FlushAll { noreply, .. } => {
                self.items.clear();
                if noreply { b"" } else { errors::OK }
            }
            Admin::Verbosity { noreply: true, .. } => b"",
            Admin::Verbosity { .. } => errors::OK,
            Admin::Version => b"VERSION 1.6.18\r\n",
            Admin::Stats { args: b"reset" } => errors::RESET,
            Admin::Stats { args: b"" } => errors::END,
            Admin::Stats { .. } => errors::ERROR,
            Admin::MetaNoop => errors::META_NOOP,
            Admin::Quit => {
                self.closed = true;
                b""
            }
        };
        self.output.extend_from_slice(line);
    }

    fn request(&mut self, request: Request<'_>, form: crate::protocol::memcache::Form<'_>) {
        self.cas += 1;
        let cas = self.cas;
        let item = self.items.get_mut(request.key);
        let mut shown = Item::default();
        let reply = match (request.op, item) {
            (Op::Get | Op::GetAndTouch(_), None) => Reply::Miss,
            (Op::Get, Some(item)) => read(item, &mut shown, false),
            (Op::GetAndTouch(exptime), Some(item)) => {
                item.ttl_seconds = ttl(exptime);
                read(item, &mut shown, false)
            }
            (Op::MetaGet(get), None) => match get.vivify {
                None => Reply::Miss,
                Some(exptime) => {
                    let item = Item { ttl_seconds: ttl(exptime), cas, ..Item::default() };
                    let item = self.items.entry(request.key.to_vec()).insert_entry(item).into_mut();
                    let reply = read(item, &mut shown, true);
                    item.token_sent = true;
                    reply
                }
            },
            (Op::MetaGet(get), Some(item)) => {
                if let Some(exptime) = get.touch {
                    item.ttl_seconds = ttl(exptime);
                }
                read(item, &mut shown, false)
            }
            (Op::Store(store), item) => {
                let (reply, new) = write(store, item.as_deref(), cas);
                if let Some(new) = new {
                    self.items.insert(request.key.to_vec(), new);
                }
                reply
            }
            (Op::RefusedStore(mode), _) => {
                if mode == StoreMode::Set {
                    self.items.remove(request.key);
                }
                Reply::TooLarge
            }
            (_, None) => Reply::NotFound,
            (Op::Delete(delete), Some(item)) => match delete.cas {
                CasCheck::Equals(wanted) if wanted != item.cas => Reply::Exists,
                _ => {
                    self.items.remove(request.key);
                    Reply::Deleted
                }
            },
            (Op::Arithmetic(arithmetic), Some(item)) => {
                match std::str::from_utf8(&item.value).ok().and_then(|text| text.parse::<u64>().ok()) {
                    None => Reply::NonNumeric,
                    Some(number) => {
                        let number = match arithmetic.mode {
                            ArithmeticMode::Increment => number.wrapping_add(arithmetic.delta),
                            ArithmeticMode::Decrement => number.saturating_sub(arithmetic.delta),
                        };
                        item.value = number.to_string().into_bytes();
                        Reply::Number(Number {
                            value: number,
                            cas: item.cas,
                            ttl_seconds: None,
                            created: false,
                            binary_key: false,
                        })
                    }
                }
            }
            (Op::Debug, Some(_)) => unreachable!("no command of this model asks for it"),
            (Op::Touch(exptime), Some(item)) => {
                item.ttl_seconds = ttl(exptime);
                Reply::Touched { cas: item.cas, flags: item.flags }
            }
        };
        assert_eq!(encode(form, request.key, &reply, &mut self.output), Encoded::Done);
    }
}

fn ttl(exptime: Exptime) -> Option<u32> {
    (exptime.0 != 0).then(|| u32::try_from(exptime.0).unwrap_or(0))
}

/// The read's answer, which borrows from `shown`, a copy of the item as it was.
fn read<'i>(item: &mut Item, shown: &'i mut Item, won: bool) -> Reply<'i> {
    *shown = item.clone();
    item.fetched = true;
    Reply::Hit(Hit {
        flags: shown.flags,
        ttl_seconds: shown.ttl_seconds,
        fetched: shown.fetched,
        won,
        token_sent: shown.token_sent,
        ..Hit::of(shown.cas, Value::Inline(&shown.value))
    })
}

fn write(store: Store<'_>, old: Option<&Item>, cas: u64) -> (Reply<'static>, Option<Item>) {
    let Payload::Inline(value) = store.value else { unreachable!("the model uploads nothing") };
    if let CasCheck::Equals(wanted) = store.cas {
        match old {
            None if matches!(store.mode, StoreMode::Append | StoreMode::Prepend) => {}
            None => return (Reply::NotFound, None),
            Some(old) if old.cas != wanted => return (Reply::Exists, None),
            Some(_) => {}
        }
    }
    let new =
        Item { flags: store.flags, value: value.to_vec(), cas, ttl_seconds: ttl(store.exptime), ..Item::default() };
    let new = match (store.mode, old) {
        (StoreMode::Set, _) | (StoreMode::Add, None) | (StoreMode::Replace, Some(_)) => new,
        (StoreMode::Append, Some(old)) => Item { value: [&old.value, value].concat(), cas, ..old.clone() },
        (StoreMode::Prepend, Some(old)) => Item { value: [value, &old.value].concat(), cas, ..old.clone() },
        (StoreMode::Append | StoreMode::Prepend, None) if store.autovivify.is_some() => {
            Item { ttl_seconds: store.autovivify.and_then(ttl), ..new }
        }
        _ => return (Reply::NotStored, None),
    };
    (Reply::Stored { cas, value_len: new.value.len() as u64 }, Some(new))
}
