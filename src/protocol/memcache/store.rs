//! Stores behind their line: the value is there, awaited, streamed or refused.

use crate::command::{CasCheck, Exptime, INLINE_VALUE_MAX, Payload, StoreMode};
use crate::protocol::memcache::errors;
use crate::protocol::memcache::form::Form;
use crate::protocol::memcache::limits::VALUE_LEN_WIRE_MAX;
use crate::protocol::memcache::number::{self, NumberError};
use crate::protocol::memcache::parser::{CommandLine, Parser};
use crate::protocol::memcache::step::{Need, Step, UploadHead};

/// The CRLF behind a value.
const TERMINATOR: &[u8] = b"\r\n";

impl UploadHead<'_> {
    /// A plain set of nothing, to be filled in.
    pub(super) fn empty(form: Form<'_>) -> UploadHead<'_> {
        UploadHead {
            hash: 0,
            key: &[],
            mode: StoreMode::Set,
            flags: 0,
            exptime: Exptime(0),
            cas: CasCheck::Any,
            autovivify: None,
            new_cas: None,
            with_cas: false,
            invalidate: false,
            binary_key: false,
            value_len: 0,
            form,
        }
    }
}

impl Parser {
    /// Goes on from a good line to its value.
    pub(super) fn value<'a>(&self, line: CommandLine<'a>, head: UploadHead<'a>) -> Step<'a> {
        if head.value_len > self.value_len_max {
            let swallow = head.value_len + TERMINATOR.len() as u64;
            return head.step(head.refused(), line.len, swallow);
        }
        if head.value_len > INLINE_VALUE_MAX as u64 {
            return Step::Upload { head, consumed: line.len };
        }
        let end = line.len + head.value_len as usize;
        let total = end + TERMINATOR.len();
        match line.input.get(end..total) {
            None => Step::Incomplete { need: Need::Bytes(total) },
            // As memcached does, the terminator's two bytes are taken for good whatever they are.
            Some(bytes) if bytes != TERMINATOR => Step::refused(head.form.tag.bad_data_chunk(), total),
            Some(_) => head.step(head.request(Payload::Inline(&line.input[line.len..end])), total, 0),
        }
    }
}

/// The length a store announces.
pub(super) fn value_len(token: &[u8]) -> Result<u64, NumberError> {
    match number::unsigned(token) {
        Ok(len) if len > VALUE_LEN_WIRE_MAX => Err(NumberError::TooLarge),
        other => other,
    }
}

/// Refuses a store for its line, and sees to it that its payload is not run as commands.
pub(super) fn refuse<'a>(line: CommandLine<'a>, reply: &'static [u8], value_len: Result<u64, NumberError>) -> Step<'a> {
    let (swallow, close) = match value_len {
        Ok(len) => (len + TERMINATOR.len() as u64, false),
        Err(NumberError::TooLarge) => (0, true),
        // No length, so no payload that could be told from commands. memcached goes on behind the line.
        Err(NumberError::Malformed | NumberError::Negative) => (0, false),
    };
    Step::Refused { reply, consumed: line.len, swallow, close }
}

/// The line's complaint, which a client without interest in replies is not told.
pub(super) fn bad_line(noreply: bool) -> &'static [u8] {
    if noreply { b"" } else { errors::BAD_COMMAND_LINE }
}
