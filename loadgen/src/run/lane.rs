//! One connection: what it has asked, and which replies belong to which request.
//!
//! What plain gets and sets never need is kept out of line: their path runs once per request.

use std::collections::VecDeque;

use super::{composer::Composer, step::Step};
use crate::{
    clock::Nanos,
    protocol::{Protocol, Reply, Value, Verdict, verdict},
};

/// A request that is sent and not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it was meant to be sent.
    pub intended: Nanos,
    /// Keys that it reads.
    pub keys: u16,
    pub step: Step,
    /// Whether its keys are remembered, because its answer may ask for more.
    pub tracked: bool,
    /// Whether it was sent after the warm-up.
    pub measured: bool,
}

/// A key that a tracked request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Number of the key space.
    pub space: u16,
    /// Number of the key.
    pub key: u64,
}

/// What an answer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// The set after a miss.
    Fill(Asked),
    /// The cas after its read, with the number.
    Cas(Asked, u64),
}

/// Replies that come in great numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Each the hit of a get of one key.
    Hits,
    /// Each the success of a set.
    Stored,
    /// Values of one multiget.
    Values,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A read: all its values have come.
    Read,
    /// Another request.
    Write(Verdict),
    /// An error.
    Error,
}

/// A connection's side of the conversation.
#[derive(Debug, Default)]
pub struct Lane {
    /// What is to be answered, and how many alike in a row. Those requests are bounded by `--pipeline`.
    pending: VecDeque<(Pending, usize)>,
    /// How many requests that is.
    unanswered: usize,
    /// Arrivals assigned and not sent; with those unanswered bounded by `--pipeline`.
    pub due: VecDeque<Nanos>,
    /// What answers asked for. Bounded by the keys of `--pipeline` requests.
    pub follow_ups: VecDeque<FollowUp>,
    /// Keys of the tracked requests, in order. Bounded by the keys of `--pipeline` requests.
    pub asked: VecDeque<Asked>,
    /// Bytes of a value and its tail that are still to come and of no interest.
    pub skip: usize,
    /// Values seen of the read that is being answered.
    pub values: u64,
    /// Replies still to come of a RESP array.
    elements: usize,
    /// Keys of the tracked read that are decided.
    decided: usize,
    /// The cas number of the last value.
    unique: u64,
    /// An error has come in the group that is being answered.
    failed: bool,
}

impl Lane {
    /// Notes that so many requests are sent that are all this one.
    #[inline]
    pub fn sent(&mut self, pending: Pending, count: usize) {
        self.unanswered += count;
        match self.pending.back_mut() {
            Some((last, alike)) if *last == pending => *alike += count,
            _ => self.pending.push_back((pending, count)),
        }
    }

    /// Requests that are sent and not answered.
    #[inline]
    pub fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// What the next replies will mostly be, and at most how many of them.
    #[inline]
    pub fn expected(&self) -> Option<(Expected, usize)> {
        let (head, alike) = self.pending.front().filter(|(head, _)| !head.tracked)?;
        match head.step {
            Step::Get if self.values == 0 => Some((Expected::Hits, *alike)),
            Step::Set if self.values == 0 => Some((Expected::Stored, *alike)),
            Step::Multiget => Some((Expected::Values, usize::from(head.keys).saturating_sub(self.values as usize))),
            _ => None,
        }
    }

    /// Takes so many requests of the same kind as answered; there must be as many.
    #[inline]
    pub fn settle_alike(&mut self, count: usize) -> Option<Pending> {
        let (head, alike) = self.pending.front_mut()?;
        let settled = *head;
        self.unanswered -= count;
        *alike -= count;
        if *alike == 0 {
            self.pending.pop_front();
        }
        Some(settled)
    }

    /// Takes one reply: how the request at the head of the queue ended, nothing yet, or why the reply cannot be.
    #[inline]
    pub fn take(&mut self, composer: &mut Composer<'_>, reply: Reply<'_>) -> Result<Option<End>, &'static str> {
        let protocol = composer.protocol();
        match reply {
            Reply::Value(value) => self.take_value(composer, &value),
            Reply::End => Ok(Some(End::Read)),
            Reply::Stored => self.take_verdict(protocol, &reply),
            reply => self.take_other(protocol, reply),
        }
    }

    #[inline]
    fn take_value(&mut self, composer: &mut Composer<'_>, value: &Value<'_>) -> Result<Option<End>, &'static str> {
        let protocol = composer.protocol();
        self.skip = value.len + protocol.value_tail();
        self.values += 1;
        let Some((head, _)) = self.pending.front() else { return Err("a value that nothing asked for") };
        let group = head.step == Step::Multiget;
        if head.tracked {
            self.unique = value.cas.unwrap_or(0);
            if group {
                self.decide(composer, value)?;
            }
        }
        if group {
            return self.take_element(protocol);
        }
        Ok(protocol.value_answers().then_some(End::Read))
    }

    /// Counts one reply of a group; the last of an array ends it.
    fn take_element(&mut self, protocol: Protocol) -> Result<Option<End>, &'static str> {
        if protocol.names_keys() {
            return Ok(None);
        }
        self.elements = self.elements.checked_sub(1).ok_or("a value outside of its array")?;
        Ok((self.elements == 0).then_some(End::Read))
    }

    #[inline]
    fn take_verdict(&mut self, protocol: Protocol, reply: &Reply<'_>) -> Result<Option<End>, &'static str> {
        let Some((head, _)) = self.pending.front() else { return Err("a reply that nothing asked for") };
        match verdict(protocol, head.step.operation(), reply) {
            Some(verdict) => Ok(Some(End::Write(verdict))),
            None => Err("a reply to a request of another kind"),
        }
    }

    #[inline(never)]
    fn take_other(&mut self, protocol: Protocol, reply: Reply<'_>) -> Result<Option<End>, &'static str> {
        let Some((head, _)) = self.pending.front() else { return Err("a reply that nothing asked for") };
        let group = head.step == Step::Multiget;
        match reply {
            Reply::Miss if group && !protocol.names_keys() => {
                if head.tracked {
                    self.miss();
                }
                self.take_element(protocol)
            }
            Reply::Miss if head.step.reads() && !group => Ok(Some(End::Read)),
            Reply::Noop if group => Ok(Some(if self.failed { End::Error } else { End::Read })),
            Reply::Array(count) if group && self.elements == 0 && count == head.keys as usize => {
                self.elements = count;
                Ok(None)
            }
            Reply::Refused(_) if self.elements > 0 => Err("an error within an array"),
            // Only the noop ends such a group.
            Reply::Refused(_) if group && matches!(protocol, Protocol::Meta | Protocol::Binary) => {
                self.failed = true;
                Ok(None)
            }
            Reply::Refused(_) => Ok(Some(End::Error)),
            reply => self.take_verdict(protocol, &reply),
        }
    }

    /// Finds the key that a value of a tracked group belongs to; those passed over are missed.
    #[inline(never)]
    fn decide(&mut self, composer: &mut Composer<'_>, value: &Value<'_>) -> Result<(), &'static str> {
        let keys = self.pending.front().map_or(0, |(head, _)| head.keys as usize);
        if composer.protocol().names_keys() {
            loop {
                match self.asked.get(self.decided).filter(|_| self.decided < keys) {
                    None => return Err("a value of a key that was not asked for"),
                    Some(asked) if composer.key(*asked) == value.key => break,
                    Some(_) => self.miss(),
                }
            }
        }
        self.decided += 1;
        Ok(())
    }

    /// Notes that the next key of the tracked group is missed.
    fn miss(&mut self) {
        if let Some(asked) = self.asked.get(self.decided) {
            self.follow_ups.push_back(FollowUp::Fill(*asked));
        }
        self.decided += 1;
    }

    /// Takes the request at the head of the queue, which ended so, and the values that it read; or why that
    /// cannot be. What its answer asks for is queued, fills where `fills` says so of the key space.
    #[inline]
    pub fn settle(&mut self, end: End, fills: impl Fn(Asked) -> bool) -> Result<(Pending, u64), &'static str> {
        let values = std::mem::take(&mut self.values);
        let Some(head) = self.settle_alike(1) else { return Err("a reply that nothing asked for") };
        let fits = match end {
            End::Read => head.step.reads() && values <= u64::from(head.keys),
            End::Write(_) => !head.step.reads() && values == 0,
            End::Error => true,
        };
        if !fits {
            return Err("a reply to a request of another kind");
        }
        self.failed = false;
        if head.tracked {
            self.settle_tracked(&head, end, values, fills);
        }
        Ok((head, values))
    }

    #[inline(never)]
    fn settle_tracked(&mut self, head: &Pending, end: End, values: u64, fills: impl Fn(Asked) -> bool) {
        let keys = head.keys as usize;
        match (head.step, self.asked.front().copied()) {
            _ if end == End::Error => {}
            (Step::Multiget, _) => (self.decided..keys).for_each(|_| self.miss()),
            (Step::Gets, Some(asked)) if values > 0 => self.follow_ups.push_back(FollowUp::Cas(asked, self.unique)),
            (_, Some(asked)) if values == 0 && fills(asked) => self.follow_ups.push_back(FollowUp::Fill(asked)),
            _ => {}
        }
        self.asked.drain(..keys.min(self.asked.len()));
        self.decided = 0;
    }

    /// Requests that it has taken on: on the wire, assigned, or asked for by answers.
    #[inline]
    pub fn load(&self) -> usize {
        self.unanswered + self.due.len() + self.follow_ups.len()
    }
}
