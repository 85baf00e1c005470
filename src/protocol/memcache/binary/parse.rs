//! From packets to steps.

use crate::command::{
    Arithmetic, ArithmeticMode, CasCheck, Delete, Exptime, INLINE_VALUE_MAX, Initial, KEY_LEN_MAX, Op, Payload,
    Request, StoreMode, Touch,
};
use crate::protocol::memcache::admin::{Admin, AdminForm};
use crate::protocol::memcache::binary::header::{HEADER_LEN, REQUEST_MAGIC, RequestHeader};
use crate::protocol::memcache::binary::opcode::{GET, GETK, GETKQ, GETQ, Opcode, Verb};
use crate::protocol::memcache::binary::refusal::Refusal;
use crate::protocol::memcache::binary::status::Status;
use crate::protocol::memcache::form::{Form, FormTag};
use crate::protocol::memcache::limits::REQUEST_LEN_MAX;
use crate::protocol::memcache::parser::Parser;
use crate::protocol::memcache::step::{Need, Read, Step, UploadHead};

/// The exptime of a counter that is not to be created.
const NOT_CREATED: u32 = u32::MAX;

/// Longest extras of a command that is not refused for them: two numbers of 64 bits and one of 32.
const EXTRAS_LEN_MAX: usize = 20;

// What is buffered of a packet is within the bound that the text protocol has.
const _: () = assert!(HEADER_LEN + EXTRAS_LEN_MAX + KEY_LEN_MAX + INLINE_VALUE_MAX <= REQUEST_LEN_MAX);

impl Parser {
    /// As [`next`](Self::next), for a connection that speaks the binary protocol. Between two packets there is
    /// nothing to remember.
    #[inline]
    pub fn next_binary<'a>(&self, input: &'a [u8], hash: impl Fn(&[u8]) -> u64) -> Step<'a> {
        match self.next_binary_read(input, &hash) {
            Some(read) => read.step(),
            None => self.next_binary_other(input, hash),
        }
    }

    /// The first half of [`next_binary`](Self::next_binary): the packet, if it is a whole and good read. Where it is
    /// not, [`next_binary_other`](Self::next_binary_other) is to be asked.
    #[inline(always)]
    pub fn next_binary_read<'a>(&self, input: &'a [u8], hash: impl Fn(&[u8]) -> u64) -> Option<Read<'a>> {
        let head: &[u8; HEADER_LEN] = input.first_chunk()?;
        if head[0] != REQUEST_MAGIC || !matches!(head[1], GET | GETQ | GETK | GETKQ) {
            return None;
        }
        let header = RequestHeader::read(head);
        let RequestHeader { opcode, opaque, key_len, .. } = header;
        if header.extras_len != 0 || header.body_len != key_len || !(1..=KEY_LEN_MAX).contains(&key_len) {
            return None;
        }
        let consumed = HEADER_LEN + key_len;
        let key = input.get(HEADER_LEN..consumed)?;
        Some(Read { hash: hash(key), key, touch: None, tag: FormTag::Binary { opcode, opaque }, consumed })
    }

    /// The second half of [`next_binary`](Self::next_binary).
    #[inline]
    pub fn next_binary_other<'a>(&self, input: &'a [u8], hash: impl Fn(&[u8]) -> u64) -> Step<'a> {
        if input.first().is_some_and(|magic| *magic != REQUEST_MAGIC) {
            return Step::Refused { reply: b"", consumed: 1, swallow: 0, close: true };
        }
        let Some(head) = input.first_chunk() else {
            return Step::Incomplete { need: Need::Bytes(HEADER_LEN) };
        };
        let header = RequestHeader::read(head);
        let opcode = match checked(&header) {
            Ok(opcode) => opcode,
            Err(fault) => return fault.step(&header),
        };
        let head_len = header.head_len();
        let Some((extras, key)) =
            input.get(HEADER_LEN..head_len).and_then(|rest| rest.split_at_checked(header.extras_len))
        else {
            return Step::Incomplete { need: Need::Bytes(head_len) };
        };
        let extras = Extras(extras);
        // Unless it is left unsaid, every store's success is told with the item's number.
        let with_cas = !opcode.quiet;
        match opcode.verb {
            Verb::Set => self.packet_value(StoreMode::Set, with_cas, &header, (extras, key), input, &hash),
            Verb::Add => self.packet_value(StoreMode::Add, with_cas, &header, (extras, key), input, &hash),
            Verb::Replace => self.packet_value(StoreMode::Replace, with_cas, &header, (extras, key), input, &hash),
            Verb::Append => self.packet_value(StoreMode::Append, with_cas, &header, (extras, key), input, &hash),
            Verb::Prepend => self.packet_value(StoreMode::Prepend, with_cas, &header, (extras, key), input, &hash),
            _ => rare(opcode, &header, extras, key, &hash),
        }
    }

    /// A store: its value is at hand, awaited, streamed or refused.
    #[inline]
    fn packet_value<'a>(
        &self,
        mode: StoreMode,
        with_cas: bool,
        header: &RequestHeader,
        (extras, key): (Extras<'_>, &'a [u8]),
        input: &'a [u8],
        hash: impl Fn(&[u8]) -> u64,
    ) -> Step<'a> {
        let adds = matches!(mode, StoreMode::Append | StoreMode::Prepend);
        let cas = compared(header.cas);
        let form = form(header);
        let (head_len, value_len) = (header.head_len(), header.value_len() as u64);
        if value_len > self.value_len_max {
            if adds {
                return Step::RefusedPacket {
                    refusal: refusal(header, Status::TooLarge),
                    consumed: head_len,
                    swallow: value_len,
                    close: false,
                };
            }
            let request = Request { hash: hash(key), key, op: Op::RefusedStore(mode) };
            return Step::Request { request, form, consumed: head_len, swallow: value_len };
        }
        let (flags, exptime) = if adds { (0, 0) } else { (extras.u32_at(0), extras.u32_at(4)) };
        let head = UploadHead {
            key,
            flags,
            exptime: Exptime(i64::from(exptime)),
            // With a CAS number all three compare it and store what is there, as `cas` of the text protocol.
            mode: if adds || cas == CasCheck::Any { mode } else { StoreMode::Set },
            cas,
            with_cas,
            value_len,
            ..UploadHead::empty(form)
        };
        if value_len > INLINE_VALUE_MAX as u64 {
            return Step::Upload { head: UploadHead { hash: hash(key), ..head }, consumed: head_len };
        }
        let total = head_len + value_len as usize;
        let Some(value) = input.get(head_len..total) else {
            return Step::Incomplete { need: Need::Bytes(total) };
        };
        let head = UploadHead { hash: hash(key), ..head };
        Step::request(head.request(Payload::Inline(value)), form, total)
    }
}

/// Why a head refuses its packet.
enum Fault {
    /// The wrong shape: its sender is not to be trusted with what follows.
    Misshapen(Status),
    /// A command that is not served, whose body is skipped.
    Unknown,
}

impl Fault {
    #[cold]
    fn step(self, header: &RequestHeader) -> Step<'static> {
        let (status, swallow, close) = match self {
            Fault::Misshapen(status) => (status, 0, true),
            Fault::Unknown => (Status::UnknownCommand, header.body_len as u64, false),
        };
        Step::RefusedPacket { refusal: refusal(header, status), consumed: HEADER_LEN, swallow, close }
    }
}

/// What the head asks for.
#[inline]
fn checked(header: &RequestHeader) -> Result<Opcode, Fault> {
    if header.extras_len + header.key_len > header.body_len {
        return Err(Fault::Misshapen(Status::UnknownCommand));
    }
    if header.key_len > KEY_LEN_MAX {
        return Err(Fault::Misshapen(Status::InvalidArguments));
    }
    let opcode = match Opcode::decode(header.opcode) {
        Some(opcode) if opcode.verb.takes(header) => opcode,
        Some(_) => return Err(Fault::Misshapen(Status::InvalidArguments)),
        None => return Err(Fault::Unknown),
    };
    match opcode.verb {
        // As memcached without `-S`, which knows the commands well enough to check their shape.
        Verb::SaslList | Verb::Sasl => Err(Fault::Unknown),
        _ => Ok(opcode),
    }
}

/// Everything but stores.
fn rare<'a>(
    opcode: Opcode,
    header: &RequestHeader,
    extras: Extras<'_>,
    key: &'a [u8],
    hash: &dyn Fn(&[u8]) -> u64,
) -> Step<'a> {
    let exptime_at = |at| Exptime(i64::from(extras.u32_at(at)));
    // Every answer that is no error carries the number.
    let touch = || Touch { exptime: exptime_at(0), with_cas: true };
    let arithmetic = |mode| {
        let initial = Initial { value: extras.u64_at(8), exptime: exptime_at(16) };
        Op::Arithmetic(Arithmetic {
            cas: compared(header.cas),
            with_cas: !opcode.quiet,
            initial: (extras.u32_at(16) != NOT_CREATED).then_some(initial),
            ..Arithmetic::by(mode, extras.u64_at(0))
        })
    };
    let op = match opcode.verb {
        Verb::Get => Op::Gets,
        Verb::GetAndTouch => Op::GetAndTouch(touch()),
        Verb::Touch => Op::Touch(touch()),
        Verb::Delete => Op::Delete(Delete { cas: compared(header.cas), ..Delete::default() }),
        Verb::Increment => arithmetic(ArithmeticMode::Increment),
        Verb::Decrement => arithmetic(ArithmeticMode::Decrement),
        Verb::Quit => return admin(Admin::Quit, header),
        Verb::Noop => return admin(Admin::MetaNoop, header),
        Verb::Version => return admin(Admin::Version, header),
        Verb::Stat => return admin(Admin::Stats { args: key }, header),
        Verb::Flush => {
            let delay = if header.extras_len > 0 { exptime_at(0) } else { Exptime(0) };
            return admin(Admin::FlushAll { delay, noreply: opcode.quiet }, header);
        }
        Verb::Set | Verb::Add | Verb::Replace | Verb::Append | Verb::Prepend | Verb::SaslList | Verb::Sasl => {
            return Fault::Unknown.step(header);
        }
    };
    Step::request(Request { hash: hash(key), key, op }, form(header), header.head_len())
}

fn admin<'a>(admin: Admin<'a>, header: &RequestHeader) -> Step<'a> {
    let form = AdminForm::Binary { opcode: header.opcode, opaque: header.opaque };
    Step::Admin { admin, form, consumed: header.head_len() }
}

#[inline]
fn form(header: &RequestHeader) -> Form<'static> {
    Form::text(FormTag::Binary { opcode: header.opcode, opaque: header.opaque })
}

#[inline]
fn compared(cas: u64) -> CasCheck {
    if cas == 0 { CasCheck::Any } else { CasCheck::Equals(cas) }
}

fn refusal(header: &RequestHeader, status: Status) -> Refusal {
    Refusal { opcode: header.opcode, opaque: header.opaque, status }
}

/// The numbers before the key. Their length was checked with the packet's shape.
#[derive(Clone, Copy)]
struct Extras<'a>(&'a [u8]);

impl Extras<'_> {
    #[inline]
    fn u32_at(self, at: usize) -> u32 {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }

    #[inline]
    fn u64_at(self, at: usize) -> u64 {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}
