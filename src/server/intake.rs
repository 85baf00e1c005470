//! Input that is not commands: the rest of a refused value, and LARGE values on their way into the store.

use std::ops::ControlFlow;

use super::connection::Intake;
use super::ticket::{Ticket, WorkerRouter};
use crate::clock::Now;
use crate::command::{INLINE_VALUE_MAX, Op, Payload, Request, Store, UploadId};
use crate::protocol::memcache::{FormTag, KeyRoom, UploadHead};
use crate::router::{Errand, Full, PIECE_MAX};

/// Bytes that end a value.
const TERMINATOR: &[u8; 2] = b"\r\n";

/// A LARGE value that is being received into its owner's store.
pub(super) struct Upload {
    id: UploadId,
    owner: usize,
    hash: u64,
    key: Box<[u8]>,
    store: Store<'static>,
    form: FormTag,
    meta: Box<[u8]>,
    value_len: u64,
    received: u64,
    /// The owner was told to expect it.
    begun: bool,
    /// Bytes of the terminator seen, all where there is none, and whether they were the right ones.
    terminator_len: usize,
    terminated: bool,
}

/// Where an upload stands when its input is used up.
pub(super) enum Progress {
    /// More bytes must come.
    Incomplete,
    /// All is there: the request may be executed.
    Complete,
    /// All is there, but the value does not end in CRLF.
    Unterminated,
}

impl Upload {
    /// Begins to receive what `head` announces.
    pub(super) fn new(head: &UploadHead<'_>, id: UploadId, owner: usize) -> Self {
        let store = head.store(Payload::Upload(id));
        let (form, meta) = head.form.parts();
        let mut room = KeyRoom::new();
        let key = if head.binary_key { room.decode(head.key) } else { head.key };
        Upload {
            id,
            owner,
            hash: head.hash,
            key: key.into(),
            store,
            form,
            meta: meta.into(),
            value_len: head.value_len,
            received: 0,
            begun: false,
            terminator_len: if form.has_terminator() { 0 } else { TERMINATOR.len() },
            terminated: true,
        }
    }

    /// The request to execute once it is complete.
    pub(super) fn request(&self) -> Request<'_> {
        Request { hash: self.hash, key: &self.key, op: Op::Store(self.store) }
    }

    pub(super) fn form(&self) -> FormTag {
        self.form
    }

    pub(super) fn meta(&self) -> &[u8] {
        &self.meta
    }

    pub(super) fn owner(&self) -> usize {
        self.owner
    }

    /// What tells the owner to forget it, if it was told to expect it.
    pub(super) fn abort(&self) -> Option<Errand<'static>> {
        self.begun.then_some(Errand::UploadAbort(self.id))
    }

    /// Passes on what `bytes` holds of it. Returns how many bytes were taken and where it stands.
    ///
    /// # Errors
    /// [`Full`] when too much is under way to the owner; the bytes returned as taken are not to be given again.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        router: &mut WorkerRouter,
        now: Now,
    ) -> (usize, Result<Progress, Full>) {
        if !self.begun {
            if let Err(full) = self.send(router, &Errand::UploadBegin(self.id, self.value_len), now) {
                return (0, Err(full));
            }
            self.begun = true;
        }
        let mut taken = 0;
        while self.received < self.value_len {
            let left = usize::try_from(self.value_len - self.received).unwrap_or(usize::MAX);
            let piece = &bytes[taken..];
            let piece = &piece[..piece.len().min(left).min(PIECE_MAX)];
            if piece.is_empty() {
                return (taken, Ok(Progress::Incomplete));
            }
            if let Err(full) = self.send(router, &Errand::UploadWrite(self.id, piece), now) {
                return (taken, Err(full));
            }
            self.received += piece.len() as u64;
            taken += piece.len();
        }
        while self.terminator_len < TERMINATOR.len() {
            let Some(&byte) = bytes.get(taken) else {
                return (taken, Ok(Progress::Incomplete));
            };
            self.terminated &= byte == TERMINATOR[self.terminator_len];
            self.terminator_len += 1;
            taken += 1;
        }
        (taken, Ok(if self.terminated { Progress::Complete } else { Progress::Unterminated }))
    }

    /// Where its next bytes may be put: in the store, or into `piece` for another shard. Empty if they must be passed to
    /// [`take`](Self::take). Says whether these are the last ones.
    pub(super) fn room<'r>(
        &self,
        router: &'r mut WorkerRouter,
        piece: &'r mut Vec<u8>,
        now: Now,
    ) -> (&'r mut [u8], bool) {
        if !self.begun {
            return (&mut [], false);
        }
        let left = self.value_len - self.received;
        let room = if self.owner == router.own() {
            router.upload_room(self.id, now)
        } else {
            // As long as the longest value of a plain request, which is what a batch has room for beyond its bound.
            piece.resize(INLINE_VALUE_MAX, 0);
            &mut piece[..INLINE_VALUE_MAX.min(usize::try_from(left).unwrap_or(INLINE_VALUE_MAX))]
        };
        let is_last = room.len() as u64 == left;
        (room, is_last)
    }

    /// So many bytes were put there. Returns how many were taken: less, where another shard cannot be sent more yet.
    pub(super) fn advance(&mut self, len: usize, router: &mut WorkerRouter, piece: &[u8], now: Now) -> usize {
        if self.owner != router.own() {
            return self.take(&piece[..len], router, now).0;
        }
        router.upload_advance(self.id, len);
        self.received += len as u64;
        len
    }

    /// Whether nothing of it is to come.
    pub(super) fn is_complete(&self) -> bool {
        self.received == self.value_len && self.terminator_len == TERMINATOR.len()
    }

    fn send(&self, router: &mut WorkerRouter, errand: &Errand<'_>, now: Now) -> Result<(), Full> {
        if self.owner != router.own() {
            return router.forward(self.owner, Ticket::Nothing, errand);
        }
        match *errand {
            Errand::UploadBegin(id, len) => router.upload_begin(id, len),
            Errand::UploadWrite(id, bytes) => router.upload_write(id, bytes, now),
            _ => unreachable!("an upload begins and goes on"),
        }
        Ok(())
    }
}

/// What an intake that is not commands makes of `bytes`: how many it took, and whether to go on with commands
/// (`Continue(None)`), to finish an upload (`Continue(Some)`), or to stop until more comes (`Break(None)`) or
/// until the mesh has room (`Break(Some)`).
pub(super) fn take(
    intake: &mut Intake,
    bytes: &[u8],
    router: &mut WorkerRouter,
    now: Now,
) -> (usize, ControlFlow<Option<Full>, Option<Progress>>) {
    match intake {
        Intake::Commands => (0, ControlFlow::Continue(None)),
        Intake::Discard(left) => {
            let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= taken as u64;
            if *left > 0 {
                return (taken, ControlFlow::Break(None));
            }
            *intake = Intake::Commands;
            (taken, ControlFlow::Continue(None))
        }
        Intake::Upload(upload) => match upload.take(bytes, router, now) {
            (taken, Ok(Progress::Incomplete)) => (taken, ControlFlow::Break(None)),
            (taken, Ok(progress)) => (taken, ControlFlow::Continue(Some(progress))),
            (taken, Err(full)) => (taken, ControlFlow::Break(Some(full))),
        },
    }
}
