//! What is done once a second.

use std::os::fd::AsFd;

use super::worker::Worker;

impl Worker {
    /// Housekeeping, if a second has passed since the last time. Returns whether one had.
    pub fn tick(&mut self) -> bool {
        let is_due = std::mem::take(&mut self.tick_is_due);
        if is_due {
            self.keep_house();
        }
        is_due
    }

    fn keep_house(&mut self) {
        self.dispatch.now = self.clock.now();
        self.dispatch.see_watchers();
        self.has_housekeeping = self.dispatch.router.maintain(self.dispatch.now);
        self.dispatch.router.exchange_dictionaries();
        self.close_idle();
        self.tell_watchers();
        self.trim();
        self.account_at_tick();
        if self.stopping.is_none() {
            for index in std::mem::take(&mut self.resting_listeners) {
                self.ring.accept(index, self.listeners[index as usize].as_fd());
            }
        }
    }

    /// Gives back the memory that was not needed since the last tick.
    fn trim(&mut self) {
        self.ring.trim();
        self.upload_piece = Vec::new();
        self.dispatch.connections.trim();
        self.dispatch.pool.trim();
        self.dispatch.router.trim();
    }
}
