//! Ctrl-C during a sweep. The signal is held back and looked for instead, so that what is finished is still printed and
//! no server stays behind.

use crate::Error;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::cell::Cell;

/// Whether SIGINT came since this was made.
pub struct Interrupt {
    signals: SignalFd,
    came: Cell<bool>,
}

impl Interrupt {
    /// Holds SIGINT back for this thread and for all that it starts from now on, programs among them: these end when
    /// they are told to.
    pub fn watch() -> Result<Interrupt, Error> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGINT);
        let held = mask.thread_block().and_then(|()| SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK));
        let signals = held.map_err(|error| Error::Signals(error.into()))?;
        Ok(Interrupt { signals, came: Cell::new(false) })
    }

    /// Whether it came.
    pub fn came(&self) -> bool {
        if matches!(self.signals.read_signal(), Ok(Some(_))) {
            self.came.set(true);
        }
        self.came.get()
    }
}
