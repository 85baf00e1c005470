//! A connection to a cache that is a map: the slow, obvious counterpart of the server.

use std::collections::HashMap;

use crate::command::{
    Arithmetic, ArithmeticMode, CasCheck, Delete, Exptime, Hit, ItemInfo, MetaGet, Number, Op, Payload, Reply, Request,
    Store, StoreMode, Value,
};
use crate::protocol::memcache::{Admin, Encoded, Form, KeyRoom, Parser, Resume, Step, encode, errors};

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
    stale: bool,
    binary_key: bool,
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
            Step::RefusedPacket { .. } => unreachable!("the text protocol has no packets"),
            Step::Admin { admin, form: _, consumed } => {
                self.admin(admin);
                Some(consumed)
            }
            Step::Upload { head, consumed } => {
                let end = consumed + head.value_len as usize;
                let terminator = input.get(end..end + 2)?;
                let mut room = KeyRoom::new();
                if terminator == b"\r\n" {
                    let request = head.request(Payload::Inline(&input[consumed..end]));
                    let key = if head.binary_key { room.decode(head.key) } else { head.key };
                    self.request(Request { key, ..request }, head.form);
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
            Step::EncodedKey { request, form, consumed, swallow } => {
                let mut room = KeyRoom::new();
                self.request(Request { key: room.decode(request.key), ..request }, form);
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
            Admin::CacheMemlimit { noreply, .. } | Admin::SlabsAutomove { noreply, .. } => {
                if noreply {
                    b""
                } else {
                    errors::OK
                }
            }
            Admin::SlabsReassign { .. } | Admin::Crawler(_) | Admin::Watch(_) => errors::OK,
            Admin::Dump(..) => b"OK\r\nEND\r\n",
            Admin::Shutdown { .. } => errors::SHUTDOWN_DISABLED,
            Admin::MetaNoop => errors::META_NOOP,
            Admin::Quit => {
                self.closed = true;
                b""
            }
        };
        self.output.extend_from_slice(line);
    }

    fn request(&mut self, request: Request<'_>, form: Form<'_>) {
        self.cas += 1;
        let cas = self.cas;
        let item = self.items.get_mut(request.key);
        let mut shown = Item::default();
        let reply = match (request.op, item) {
            (Op::Get | Op::Gets | Op::GetAndTouch(_), None) => Reply::Miss,
            (Op::Get | Op::Gets, Some(item)) => read(item, &mut shown, false, false),
            (Op::GetAndTouch(touch), Some(item)) => {
                item.ttl_seconds = ttl(touch.exptime);
                read(item, &mut shown, false, false)
            }
            (Op::MetaGet(get), None) => match get.vivify {
                None => Reply::Miss,
                Some(exptime) => {
                    let item = Item {
                        ttl_seconds: ttl(exptime),
                        cas: get.new_cas.unwrap_or(cas),
                        binary_key: get.binary_key,
                        ..Item::default()
                    };
                    let item = self.items.entry(request.key.to_vec()).insert_entry(item).into_mut();
                    told(read(item, &mut shown, true, get.no_bump), get.ttl_before_touch.then_some(None))
                }
            },
            (Op::MetaGet(get), Some(item)) => meta_read(get, item, &mut shown),
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
            (Op::Debug, None) => Reply::Miss,
            (Op::Debug, Some(item)) => Reply::Debug(ItemInfo {
                ttl_seconds: item.ttl_seconds,
                idle_seconds: 0,
                cas: item.cas,
                fetched: item.fetched,
                class: 1,
                size_bytes: (request.key.len() + item.value.len()) as u64,
                binary_key: item.binary_key,
            }),
            (Op::Delete(delete), Some(item)) if differs(delete.cas, item) => Reply::Exists,
            (Op::Delete(delete), Some(item)) => {
                if !remove(delete, item, cas) {
                    self.items.remove(request.key);
                }
                Reply::Deleted
            }
            (Op::Arithmetic(arithmetic), None) => match arithmetic.initial {
                None => Reply::NotFound,
                Some(initial) => {
                    let item = Item {
                        value: initial.value.to_string().into_bytes(),
                        ttl_seconds: ttl(initial.exptime),
                        cas: arithmetic.new_cas.unwrap_or(cas),
                        binary_key: arithmetic.binary_key,
                        ..Item::default()
                    };
                    let reply = number(&item, initial.value, true, arithmetic.ttl_before_touch.then_some(None));
                    self.items.insert(request.key.to_vec(), item);
                    reply
                }
            },
            (Op::Arithmetic(arithmetic), Some(item)) => count(arithmetic, item, cas),
            (_, None) => Reply::NotFound,
            (Op::Touch(touch), Some(item)) => {
                item.ttl_seconds = ttl(touch.exptime);
                Reply::Touched { cas: item.cas, flags: item.flags }
            }
        };
        let reply = if tells_cas(request.op) { reply } else { without_cas(reply) };
        assert_eq!(encode(form, request.key, &reply, &mut self.output), Encoded::Done);
    }
}

/// Whether an answer is to tell the CAS number.
fn tells_cas(op: Op<'_>) -> bool {
    match op {
        Op::Gets | Op::Debug => true,
        Op::GetAndTouch(touch) | Op::Touch(touch) => touch.with_cas,
        Op::MetaGet(get) => get.with_cas,
        Op::Store(store) => store.with_cas,
        Op::Arithmetic(arithmetic) => arithmetic.with_cas,
        Op::Get | Op::RefusedStore(_) | Op::Delete(_) => false,
    }
}

/// Who does not ask for the CAS number does not learn it, so that an answer which needs it is seen to be wrong.
fn without_cas(reply: Reply<'_>) -> Reply<'_> {
    match reply {
        Reply::Hit(hit) => Reply::Hit(Hit { cas: 0, ..hit }),
        Reply::Stored { value_len, .. } => Reply::Stored { cas: 0, value_len },
        Reply::Touched { flags, .. } => Reply::Touched { cas: 0, flags },
        Reply::Number(number) => Reply::Number(Number { cas: 0, ..number }),
        reply => reply,
    }
}

fn differs(check: CasCheck, item: &Item) -> bool {
    matches!(check, CasCheck::Equals(wanted) if wanted != item.cas)
}

/// Whether the item stays, stale or without its value.
fn remove(delete: Delete, item: &mut Item, cas: u64) -> bool {
    if delete.clear_value {
        *item = Item { cas: item.cas, ttl_seconds: item.ttl_seconds, ..Item::default() };
    }
    if delete.invalidate {
        (item.stale, item.token_sent, item.cas) = (true, false, delete.new_cas.unwrap_or(cas));
        item.ttl_seconds = delete.touch.map_or(item.ttl_seconds, ttl);
    }
    delete.clear_value || delete.invalidate
}

fn count(arithmetic: Arithmetic, item: &mut Item, cas: u64) -> Reply<'static> {
    if arithmetic.cas != CasCheck::Equals(0) && differs(arithmetic.cas, item) {
        return Reply::Exists;
    }
    let Some(old) = std::str::from_utf8(&item.value).ok().and_then(|text| text.parse::<u64>().ok()) else {
        return Reply::NonNumeric;
    };
    let value = match arithmetic.mode {
        ArithmeticMode::Increment => old.wrapping_add(arithmetic.delta),
        ArithmeticMode::Decrement => old.saturating_sub(arithmetic.delta),
    };
    item.value = value.to_string().into_bytes();
    item.cas = arithmetic.new_cas.unwrap_or(cas);
    let before = item.ttl_seconds;
    item.ttl_seconds = arithmetic.touch.map_or(before, ttl);
    number(item, value, false, arithmetic.ttl_before_touch.then_some(before))
}

/// `ttl_before` is the time left to tell in place of the item's.
fn number(item: &Item, value: u64, created: bool, ttl_before: Option<Option<u32>>) -> Reply<'static> {
    let Item { cas, ttl_seconds, .. } = *item;
    let ttl_seconds = ttl_before.unwrap_or(ttl_seconds);
    Reply::Number(Number { value, cas, ttl_seconds, created })
}

fn meta_read<'i>(get: MetaGet, item: &mut Item, shown: &'i mut Item) -> Reply<'i> {
    let before = item.ttl_seconds;
    item.ttl_seconds = get.touch.map_or(before, ttl);
    let judged = if get.recache_before_touch { before } else { item.ttl_seconds };
    let wins = |below: i32| judged.is_some_and(|left| i64::from(left) < i64::from(below));
    let won = !item.token_sent && (item.stale || get.recache_below_seconds.is_some_and(wins));
    told(read(item, shown, won, get.no_bump), get.ttl_before_touch.then_some(before))
}

/// The answer with another time left, if there is one to tell.
fn told(reply: Reply<'_>, ttl_seconds: Option<Option<u32>>) -> Reply<'_> {
    match (reply, ttl_seconds) {
        (Reply::Hit(hit), Some(ttl_seconds)) => Reply::Hit(Hit { ttl_seconds, ..hit }),
        (reply, _) => reply,
    }
}

fn ttl(exptime: Exptime) -> Option<u32> {
    (exptime.0 != 0).then(|| u32::try_from(exptime.0).unwrap_or(0))
}

/// The read's answer, which borrows from `shown`, a copy of the item as it was.
fn read<'i>(item: &mut Item, shown: &'i mut Item, won: bool, no_bump: bool) -> Reply<'i> {
    *shown = item.clone();
    item.fetched |= !no_bump;
    item.token_sent |= won;
    Reply::Hit(Hit {
        flags: shown.flags,
        cas: shown.cas,
        ttl_seconds: shown.ttl_seconds,
        fetched: shown.fetched,
        idle_seconds: 7,
        won,
        token_sent: shown.token_sent,
        stale: shown.stale,
        binary_key: shown.binary_key,
        value: Value::Inline(&shown.value),
    })
}

fn write(store: Store<'_>, old: Option<&Item>, cas: u64) -> (Reply<'static>, Option<Item>) {
    let Payload::Inline(value) = store.value else { unreachable!("the model uploads nothing") };
    let mut stale = false;
    let combines = matches!(store.mode, StoreMode::Append | StoreMode::Prepend);
    if let CasCheck::Equals(wanted) = store.cas
        && !(combines && wanted == 0)
    {
        match old {
            None if combines => {}
            None => return (Reply::NotFound, None),
            Some(old) if store.invalidate && !combines && wanted != 0 && wanted < old.cas => stale = true,
            Some(old) if old.cas != wanted => return (Reply::Exists, None),
            Some(_) => {}
        }
    }
    let cas = store.new_cas.unwrap_or(cas);
    let new = Item {
        flags: store.flags,
        value: value.to_vec(),
        cas,
        ttl_seconds: ttl(store.exptime),
        stale,
        token_sent: stale && old.is_some_and(|old| old.token_sent),
        binary_key: store.binary_key,
        ..Item::default()
    };
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
