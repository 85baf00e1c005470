//! Executing what is asked more seldom than plain reads and writes, counted as memcached counts it.

use super::execute::{Shard, compared, new_cas};
use crate::clock::{Deadline, Exptime, Now};
use crate::command::{
    Arithmetic, ArithmeticMode, Delete, Hit, ItemInfo, MetaGet, Number, Op, Reply, Request, StoreMode, Touch,
};
use crate::storage::{self, ArithmeticArgs, DeleteArgs, DeleteOutcome, Found};

impl Shard {
    #[inline(never)]
    pub(super) fn execute_rare(&mut self, request: &Request<'_>, now: Now) -> Reply<'_> {
        let Request { hash, key, op } = *request;
        match op {
            Op::Get => self.get(hash, key, false, now),
            Op::Gets => self.gets(hash, key, now),
            Op::Store(store) => self.set(hash, key, &store, now),
            Op::GetAndTouch(touch) => match self.touched(hash, key, touch, now) {
                Ok((found, cas)) => self.hit(found, cas, now),
                Err(Reply::NotFound) => Reply::Miss,
                Err(reply) => reply,
            },
            Op::Touch(touch) => match self.touched(hash, key, touch, now) {
                Ok((found, cas)) => Reply::Touched { cas, flags: self.store.found_view(found).flags },
                Err(reply) => reply,
            },
            Op::MetaGet(get) => self.meta_get(hash, key, get, now),
            Op::RefusedStore(mode) => {
                self.counters.store_too_large += 1;
                if mode == StoreMode::Set {
                    self.store.remove_any(hash, key);
                }
                Reply::TooLarge
            }
            Op::Delete(delete) => self.delete(hash, key, delete, now),
            Op::Arithmetic(arithmetic) => self.arithmetic(hash, key, arithmetic, now),
            Op::Debug => self.debug(hash, key, now),
        }
    }

    /// Sets the exptime of an item and marks it as read. The error is the reply where that fails.
    fn touched(&mut self, hash: u64, key: &[u8], touch: Touch, now: Now) -> Result<(Found, u64), Reply<'static>> {
        match self.store.find_to_touch(hash, key, now.deadline(touch.exptime), now.seconds) {
            Ok(Some(found)) => {
                self.store.count_touch_hit(found);
                self.store.bump(found, now.seconds);
                Ok(self.observed(hash, found, touch.with_cas, now))
            }
            Ok(None) => {
                self.counters.touch_misses += 1;
                Err(Reply::NotFound)
            }
            Err(error) => Err(self.not_stored(error)),
        }
    }

    fn meta_get(&mut self, hash: u64, key: &[u8], get: MetaGet, now: Now) -> Reply<'_> {
        let found = match get.touch {
            Some(exptime) => match self.store.find_to_touch(hash, key, now.deadline(exptime), now.seconds) {
                Ok(found) => found,
                Err(error) => return self.not_stored(error),
            },
            // Not even to the samplers is this one a read.
            None if get.no_bump => self.store.find_to_peek(hash, key, now.seconds),
            None => self.store.find_to_read(hash, key, now.seconds),
        };
        let (found, created) = match (found, get.vivify) {
            (Some(found), _) => (found, false),
            (None, None) => {
                // Even with a touch: memcached sees to the exptime only of what it has found.
                self.counters.get_misses += 1;
                return Reply::Miss;
            }
            (None, Some(exptime)) => {
                let deadline = now.deadline(exptime);
                let new_cas = new_cas(get.new_cas, get.with_cas);
                match self.store.vivify(hash, key, deadline, new_cas, get.binary_key, now.seconds) {
                    Ok(found) => (found, true),
                    Err(error) => {
                        self.counters.get_misses += 1;
                        return self.not_stored(error);
                    }
                }
            }
        };
        match get.touch {
            Some(_) => self.store.count_touch_hit(found),
            None => self.store.count_get_hit(found),
        }
        if !get.no_bump && (created || get.touch.is_some()) {
            self.store.bump(found, now.seconds);
        }
        let view = self.store.found_view(found);
        let won = created || (!view.is_won && (view.is_stale || is_to_be_recached(&get, view.deadline, found, now)));
        if won {
            self.store.mark_won(found);
        }
        let (found, cas) = self.observed(hash, found, get.with_cas, now);
        match self.hit(found, cas, now) {
            Reply::Hit(hit) => {
                let ttl_seconds = match get.ttl_before_touch {
                    true => found.deadline_before().remaining(now.seconds),
                    false => hit.ttl_seconds,
                };
                Reply::Hit(Hit { ttl_seconds, won, token_sent: hit.token_sent && !created, ..hit })
            }
            reply => reply,
        }
    }

    fn delete(&mut self, hash: u64, key: &[u8], delete: Delete, now: Now) -> Reply<'_> {
        let args = DeleteArgs {
            cas: compared(delete.cas),
            invalidate: delete.invalidate,
            clear_value: delete.clear_value,
            deadline: delete.touch.map(|exptime| now.deadline(exptime)),
            new_cas: delete.new_cas,
        };
        match self.store.delete(hash, key, args, now.seconds) {
            Ok(DeleteOutcome::Deleted) => Reply::Deleted,
            Ok(DeleteOutcome::NotFound) => {
                self.counters.delete_misses += 1;
                Reply::NotFound
            }
            Ok(DeleteOutcome::Exists) => {
                self.counters.delete_misses += u64::from(delete.is_meta);
                Reply::Exists
            }
            Err(error) => self.not_stored(error),
        }
    }

    fn arithmetic(&mut self, hash: u64, key: &[u8], arithmetic: Arithmetic, now: Now) -> Reply<'_> {
        let increment = arithmetic.mode == ArithmeticMode::Increment;
        let args = ArithmeticArgs {
            increment,
            delta: arithmetic.delta,
            cas: compared(arithmetic.cas),
            new_cas: new_cas(arithmetic.new_cas, arithmetic.with_cas),
            deadline: arithmetic.touch.map(|exptime| now.deadline(exptime)),
            initial: arithmetic.initial.map(|initial| (initial.value, now.deadline(initial.exptime))),
            binary_key: arithmetic.binary_key,
        };
        match self.store.arithmetic(hash, key, args, now.seconds) {
            storage::Arithmetic::Number { value, cas, deadline, deadline_before, created } => {
                let deadline = if arithmetic.ttl_before_touch { deadline_before } else { deadline };
                Reply::Number(Number { value, cas, ttl_seconds: deadline.remaining(now.seconds), created })
            }
            storage::Arithmetic::NotFound => {
                let counters = &mut self.counters;
                *(if increment { &mut counters.incr_misses } else { &mut counters.decr_misses }) += 1;
                Reply::NotFound
            }
            storage::Arithmetic::Exists => Reply::Exists,
            storage::Arithmetic::NonNumeric => Reply::NonNumeric,
            storage::Arithmetic::OutOfMemory => {
                self.counters.store_no_memory += 1;
                Reply::OutOfMemory
            }
        }
    }

    fn debug(&mut self, hash: u64, key: &[u8], now: Now) -> Reply<'_> {
        self.counters.cmd_meta += 1;
        let Some(found) = self.store.find_to_peek(hash, key, now.seconds) else { return Reply::Miss };
        let (found, cas) = self.observed(hash, found, true, now);
        let (view, details) = (self.store.found_view(found), self.store.found_details(found));
        Reply::Debug(ItemInfo {
            ttl_seconds: view.deadline.remaining(now.seconds),
            idle_seconds: now.seconds.0.saturating_sub(view.accessed.0),
            cas,
            fetched: view.was_fetched,
            class: details.class,
            size_bytes: details.size_bytes,
            binary_key: view.binary_key,
        })
    }
}

/// Whether so little time is left that the reader is to fill the item anew (meta `R`).
fn is_to_be_recached(get: &MetaGet, deadline: Deadline, found: Found, now: Now) -> bool {
    let Some(seconds) = get.recache_below_seconds else { return false };
    let deadline = if get.recache_before_touch { found.deadline_before() } else { deadline };
    let limit = now.deadline(Exptime(i64::from(seconds)));
    deadline != Deadline::NEVER && deadline.raw() < limit.raw()
}
